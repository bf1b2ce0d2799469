/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_TERM_JSON_H
#define FL_CP_ADMIN_TERM_JSON_H

/*
 * The fields of a termination (lib/term.def) as JSON: what a controller wants, and what it is told
 * they are. fairlead-cp(8) has them.
 */
#include "../context/gateway.h"
#include "rpc.h"
#include "term_keys.h"

/* Words for values. A list ends with a NULL word; its first is the default. */
struct term_word {
	const char *word;
	uint16_t value;
};

extern const struct term_word term_transports[]; /* enum ctl_transport */
extern const struct term_word term_events[];	 /* bits 1 << enum ctl_term_event */
/* Of enum ctl_term_flags. */
extern const struct term_word term_latch[], term_tcp_role[], term_tls_role[], term_gate[];
extern const struct term_word term_srtp_words[];

/* The word of a value, or "?". */
const char *term_word(const struct term_word *list, uint16_t value);

/*
 * The members of o into *w and *keys, which are wiped in o, where null is the default: all of them
 * for a termination that is new, else what o has. Members named in `but`, which ends with NULL, are
 * passed over. False if a member is unknown, wrong, or of no use with the transport: *err names it
 * after `where`, which is "terminations[0]." or "".
 */
bool term_json_read(const struct config *conf, const json_t *o, const char *const *but, bool fresh,
		    const char *where, struct term_spec *w, struct term_keys *keys,
		    struct rpc_error *err);

/* The fields of *w that its transport has, into o. There is a transport. */
void term_json_write(const struct config *conf, const struct term_spec *w, json_t *o);

/* ---- values; new references ---- */

/* null: port 0, there is none. */
json_t *addr_json(const struct sock_addr *a);
json_t *fingerprint_json(const struct fingerprint *fp);
json_t *fingerprints_json(const struct fingerprint *fp, uint32_t n);

#endif
