/* SPDX-License-Identifier: BSD-3-Clause */
#include "term_keys.h"

#include "../../lib/sdes.h"

#include <string.h>

bool term_keys_parse(json_t *v, struct ctl_srtp_key *k)
{
	char *s = (char *)(uintptr_t)json_string_value(v);
	const size_t len = json_string_length(v);
	struct sdes_crypto c = { 0 };
	bool good;

	*k = (struct ctl_srtp_key){ 0 };
	good = s && sdes_parse((struct sdp_text){ s, (uint32_t)len }, &c) == SDES_OK &&
	       c.keys == 1 && !c.clear_rtp && !c.clear_rtcp;
	if (good) {
		*k = (struct ctl_srtp_key){ .set = 1,
					    .suite = c.suite,
					    .mki = c.key[0].mki,
					    .mki_len = c.key[0].mki_len,
					    .lifetime = c.key[0].lifetime };
		memcpy(k->master, c.key[0].master, SRTP_MASTER_MAX);
	}
	explicit_bzero(&c, sizeof(c));
	if (s)
		explicit_bzero(s, len);
	return good;
}

bool term_keys_good(const struct term_spec *w, const struct term_keys *k, const char *where,
		    struct rpc_error *err)
{
	const struct ctl_srtp_key *in = &k->srtp.in, *out = &k->srtp.out;
	const bool sdes = (w->term.flags & (TERM_SRTP | TERM_DTLS)) == TERM_SRTP;

	if (!sdes && ((k->in && in->set) || (k->out && out->set)))
		rpc_fail(err, RPC_BAD_PARAMS, "\"%scrypto_%s\" needs \"srtp\": \"sdes\"", where,
			 k->in && in->set ? "in" : "out");
	else if (in->set && out->set && memcmp(in->master, out->master, sizeof(in->master)) == 0)
		rpc_fail(err, RPC_BAD_PARAMS, "\"%scrypto_in\" and \"%scrypto_out\" are one key",
			 where, where);
	else
		return true;
	return false;
}

bool term_keys_set(const struct server *s, struct context *c, uint32_t side,
		   const struct term_keys *k, struct rpc_error *err)
{
	if ((c->term[side].term.flags & (TERM_SRTP | TERM_DTLS)) != TERM_SRTP || !(k->in || k->out))
		return true;
	if (gate_srtp_set(s->gateway, c, side, &k->srtp))
		return true;
	rpc_fail(err, RPC_INTERNAL, "there is no memory for keys");
	return false;
}
