/* SPDX-License-Identifier: BSD-3-Clause */
#include "term.h"

#include "ctl_abi.h"

#include <string.h>

_Static_assert(TERM_OF_UDP == 1 << TERM_UDP && TERM_OF_STREAM == (1 << TERM_TCP | 1 << TERM_TLS) &&
		   TERM_OF_TLS == 1 << TERM_TLS && TERM_NONE == 0,
	       "bits are those of enum ctl_transport");

const struct term_field term_fields[TERM_FIELDS] = {
#define TERM_FIELD(name, of, kind, help) { #name, TERM_OF_##of, TERM_KIND_##kind },
#include "term.def"
#undef TERM_FIELD
};

enum term_field_id term_field_find(const char *name)
{
	unsigned int i = 0;

	while (i < TERM_FIELDS && strcmp(term_fields[i].name, name) != 0)
		i++;
	return (enum term_field_id)i;
}
