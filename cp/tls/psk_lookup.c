/* SPDX-License-Identifier: BSD-3-Clause */
#include "psk_lookup.h"

#include "../../conf/kept.h"
#include "../auth/psk_store.h"
#include "../log.h"

#include <openssl/crypto.h>

/* The key of an identity; none unless its domain takes pre-shared keys. */
static void key_find(struct server *s, const struct evt_psk *e, struct psk *p)
{
	if (!s->psk || !domain_is_there(s->conf, e->domain) || !s->conf->domain[e->domain].psk)
		return;
	if (psk_find(s->psk, e->identity, e->identity_len, p) == USER_ERROR) {
		s->stats.psk_errors++;
		log_line("a pre-shared key cannot be looked up: %s", psk_error(s->psk));
		p->key_len = 0;
	}
}

void psk_handle(struct server *s, uint32_t worker, const struct evt_psk *e)
{
	struct cmd_psk c = { .conn = e->conn };
	struct psk p = { .key_len = 0 };

	key_find(s, e, &p);
	s->stats.psk_found += p.key_len != 0;
	s->stats.psk_unknown += p.key_len == 0;
	c.len = p.key_len;
	memcpy(c.key, p.key, p.key_len);
	dplink_cmd(s->link, worker, CMD_PSK, &c, sizeof(c));
	OPENSSL_cleanse(&c, sizeof(c));
	OPENSSL_cleanse(&p, sizeof(p));
}
