/* SPDX-License-Identifier: BSD-3-Clause */
/* The allocation table: reservations of EVEN-PORT with R (RFC 8656 7.2, step 8). */
#include "table_priv.h"

#include "rand.h"

/* A token is the record's index and as many random bits as are left: 40, for half a minute. */
enum { TOKEN_INDEX_LEN = 3 };
_Static_assert(TABLE_RESVS_MAX <= 1 << 8 * TOKEN_INDEX_LEN, "an index fits its part of the token");

struct table_resv *table_resv_add(struct table *t, struct ctl_relay relay,
				  const uint8_t user_id[TABLE_USER_ID], uint32_t expiry)
{
	uint32_t i = t->resv_free;
	struct table_resv *r = &t->resv[i];

	if (i == SLOT_NONE || t->stats.resvs >= t->stats.resvs_max)
		return NULL;
	t->resv_free = t->resv_entry[i].next;
	memcpy(r->token, &i, TOKEN_INDEX_LEN);
	rand_bytes(r->token + TOKEN_INDEX_LEN, TABLE_TOKEN_LEN - TOKEN_INDEX_LEN);
	r->relay = relay;
	r->expiry = expiry;
	memcpy(r->user_id, user_id, TABLE_USER_ID);
	state_publish(&r->state);
	t->resv_entry[i].timer = (struct timer){ 0 };
	t->resv_entry[i].user = table_user_get(t, user_id);
	t->stats.resvs++;
	return r;
}

struct table_resv *table_resv_find(struct table *t, const uint8_t token[TABLE_TOKEN_LEN])
{
	uint32_t i = 0;

	memcpy(&i, token, TOKEN_INDEX_LEN);
	if (i >= t->resvs || !state_live(&t->resv[i].state) ||
	    memcmp(t->resv[i].token, token, TABLE_TOKEN_LEN) != 0)
		return NULL;
	return &t->resv[i];
}

void table_resv_del(struct table *t, struct table_resv *r)
{
	uint32_t i = (uint32_t)(r - t->resv);

	state_withdraw(&r->state);
	table_user_put(t, t->resv_entry[i].user);
	t->resv_entry[i].next = t->resv_free;
	t->resv_free = i;
	t->stats.resvs--;
}

struct table_resv *table_resv_next(struct table *t, uint32_t *cursor)
{
	while (*cursor < t->resvs) {
		struct table_resv *r = &t->resv[(*cursor)++];

		if (state_live(&r->state))
			return r;
	}
	return NULL;
}

struct timer *table_resv_timer(struct table *t, const struct table_resv *r)
{
	return &t->resv_entry[r - t->resv].timer;
}

struct table_resv *table_timer_resv(struct table *t, const struct timer *tm)
{
	const struct table_resv_entry *e = (const struct table_resv_entry *)tm;

	return &t->resv[e - t->resv_entry];
}
