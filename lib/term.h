/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_TERM_H
#define FL_LIB_TERM_H

/* The members of a termination (term.def), by name. */
#include <stdint.h>

enum term_kind { TERM_KIND_WORD, TERM_KIND_NUMBER, TERM_KIND_FLAG, TERM_KIND_LIST };

/* Bits 1 << enum ctl_transport; ANY: before a transport is known, too. */
enum term_transports {
	TERM_OF_UDP = 1 << 1,
	TERM_OF_TLS = 1 << 3,
	TERM_OF_STREAM = 1 << 2 | TERM_OF_TLS,
	TERM_OF_ANY = 1 << 0 | TERM_OF_UDP | TERM_OF_STREAM,
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

#endif
