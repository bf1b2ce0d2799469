/* SPDX-License-Identifier: BSD-3-Clause */
/* External keys that the control process looks up: what goes there, and what comes back. */
#include "layer.h"
#include "../boundary.h"

static void psk_answer(struct worker *w, struct tls *t, const uint8_t *key, uint32_t len)
{
	struct handshake *s = t->handshake;

	memcpy(s->psk, key, len);
	s->psk_len = len;
	s->op = HANDSHAKE_PSK;
	s->in_len = 0;
	tls_set_state(w, t, TLS_HANDSHAKING);
	handshake_send(w, s);
}

/*
 * A connection asks for one identity at a time and goes on when the answer is there, so that no
 * more than tls.handshakes are asked for. That is the bound: a rate of a source prefix would be
 * used up by neighbours, and by who forges datagrams in its name (R4).
 */
bool tls_psk_ask(struct worker *w, struct tcp_conn *c, const struct handshake *s)
{
	struct evt_psk *e = evt_request(w);

	if (!e)
		return false;
	*e = (struct evt_psk){ .hdr = { EVT_PSK, sizeof(*e), 0 },
			       .conn = tcp_name(w, c),
			       .domain = s->domain,
			       .identity_len = (uint16_t)s->identity_len };
	memcpy(e->identity, s->identity, s->identity_len);
	evt_publish(w);
	tls_set_state(w, tls_of(c), TLS_LOOKUP);
	return true;
}

bool tls_psk(struct worker *w, const struct cmd_psk *cmd)
{
	struct tcp_conn *c = w->tls ? tcp_find(w, cmd->conn) : NULL;
	struct tls *t = c && tcp_layer(c) ? tls_of(c) : NULL;

	if (!t || t->state != TLS_LOOKUP || cmd->len > HANDSHAKE_PSK_MAX)
		return false;
	psk_answer(w, t, cmd->key, cmd->len);
	return true;
}
