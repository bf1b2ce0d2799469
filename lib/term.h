/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_TERM_H
#define FL_LIB_TERM_H

/* The members of a termination: by name (term.def), and whether their values can be. */
#include "ctl_abi.h"

enum term_kind { TERM_KIND_WORD, TERM_KIND_NUMBER, TERM_KIND_FLAG, TERM_KIND_LIST };

/* Bits 1 << enum ctl_transport; ANY: before a transport is known, too. */
enum term_transports {
	TERM_OF_UDP = 1 << TERM_UDP,
	TERM_OF_TLS = 1 << TERM_TLS,
	TERM_OF_CERTIFIED = TERM_OF_UDP | TERM_OF_TLS,
	TERM_OF_STREAM = 1 << TERM_TCP | TERM_OF_TLS,
	TERM_OF_ANY = 1 << TERM_NONE | TERM_OF_UDP | TERM_OF_STREAM,
};

enum term_field_id {
#define TERM_FIELD(name, of, kind, help) TERM_FIELD_##name,
#include "term.def"
#undef TERM_FIELD
	TERM_FIELDS
};

struct term_field {
	const char *name;
	uint8_t of;   /* enum term_transports */
	uint8_t kind; /* enum term_kind */
};

extern const struct term_field term_fields[TERM_FIELDS];

/* TERM_FIELDS: there is none of that name. */
enum term_field_id term_field_find(const char *name);

enum { TERM_DSCP_MAX = 63 };

/*
 * What a controller says of a termination: why it cannot be, or NULL. Not looked at is what the
 * control process makes (local, latched, ufrag, pwd, TERM_RELEARN of either kind), nor what hangs
 * on the configuration.
 */
const char *term_wrong(const struct ctl_term *t);
/* What is of DTLS goes: its role, and who its remote is. */
void term_dtls_clear(struct ctl_term *t);
/* Whether an address, if it is given, is of the local one's family. */
bool term_addr_fits(const struct sock_addr *a, bool v6);
/*
 * Whether a termination, as the control process keeps it and tells it, can be: term_wrong(), and
 * what was not looked at there. v6: of the local address. There is a transport.
 */
bool term_valid(const struct ctl_term *t, bool v6);

#endif
