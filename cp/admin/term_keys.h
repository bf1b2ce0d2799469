/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_TERM_KEYS_H
#define FL_CP_ADMIN_TERM_KEYS_H

/*
 * Keys of SRTP that a controller gives with a termination (crypto_in, crypto_out of lib/term.def).
 * They are beside its specification, for they are in no record, and are never told.
 */
#include "../context/gateway.h"
#include "../server.h"
#include "rpc.h"

struct term_keys {
	bool in, out; /* they are given: a key, or that there is none any more */
	struct gate_srtp srtp;
};

/*
 * One key of a suite that is served, by which all is enciphered, as a=crypto has it (RFC 4568). The
 * text is wiped. False if it is none, and *k is zeros.
 */
bool term_keys_parse(json_t *v, struct ctl_srtp_key *k);

/* Whether a termination may have those that are given; where: "terminations[0]." or "". */
bool term_keys_good(const struct term_spec *w, const struct term_keys *k, const char *where,
		    struct rpc_error *err);

/* Gives them to a termination that is there, if it has SRTP by keys and some are given. */
bool term_keys_set(const struct server *s, struct context *c, uint32_t side,
		   const struct term_keys *k, struct rpc_error *err);

#endif
