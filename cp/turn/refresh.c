/* SPDX-License-Identifier: BSD-3-Clause */
/* Refresh (RFC 8656 8.2). */
#include "turn.h"

#include "../session.h"

/* Families the request is about: all of the allocation, or the one named. 0 or an error code. */
static int refresh_families(const struct request *r, uint32_t *families)
{
	unsigned int wanted;

	*families = atomic_load(&r->alloc->families);
	if (!r->m->requested_family.val)
		return 0;
	if (!family_get(&r->m->requested_family, &wanted))
		return 400;
	if (!(*families & wanted))
		return 443;
	*families = wanted;
	return 0;
}

static void refresh_delete(struct server *s, struct request *r, uint32_t families)
{
	if (families == atomic_load(&r->alloc->families)) {
		session_del(s, r->alloc, SESSION_END_RELEASED);
		r->alloc = NULL;
	} else {
		session_del_family(s, r->alloc, families);
	}
}

void refresh_handle(struct server *s, struct request *r)
{
	uint32_t families, lifetime, asked;
	int code = refresh_families(r, &families);

	if (!code && !lifetime_grant(s, &r->m->lifetime, &lifetime))
		code = 400;
	if (code) {
		reply_error(s, r, code);
		return;
	}
	if (stun_get_u32(&r->m->lifetime, &asked) && asked == 0) {
		lifetime = 0;
		refresh_delete(s, r, families);
	} else {
		session_refresh(s, r->alloc, families, lifetime);
	}
	reply_begin(r);
	stun_put_u32(&r->b, STUN_ATTR_LIFETIME, lifetime);
	reply_success(s, r);
}
