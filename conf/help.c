/* SPDX-License-Identifier: BSD-3-Clause */
#include "schema.h"

#include <inttypes.h>

/*
 * The schema as a file: comments that say all about a key, then the key with its default.
 * doc/document.py makes the sample and fairlead.yaml(5) of it.
 */

static void put_range(FILE *out, const struct schema_key *k)
{
	switch (k->type) {
	case SCHEMA_UINT:
	case SCHEMA_PORT:
		fprintf(out, "%" PRIu64 "..%" PRIu64, k->min, k->max);
		break;
	case SCHEMA_BOOL:
		fprintf(out, "true or false");
		break;
	case SCHEMA_ENUM:
		for (unsigned i = 0; k->names[i]; i++)
			fprintf(out, "%s%s", i ? " | " : "", k->names[i]);
		break;
	case SCHEMA_STRING:
	case SCHEMA_SECRET:
		fprintf(out, "%" PRIu64 "..%" PRIu64 " bytes of text", k->min, k->max);
		break;
	case SCHEMA_ADDR:
	case SCHEMA_GATEWAY:
		fprintf(out, "IPv4 or IPv6 address");
		break;
	case SCHEMA_PREFIX:
	case SCHEMA_OWN_ADDR:
		fprintf(out, "address/length");
		break;
	case SCHEMA_MAP:
		fprintf(out, "maps");
		break;
	}
	if (k->unit)
		fprintf(out, " %s", k->unit);
	if (k->pow2)
		fprintf(out, ", a power of two");
}

static void put_key(FILE *out, const struct schema_key *k, int indent, bool first);

static void put_keys(FILE *out, const struct schema_key *keys, int indent, bool list)
{
	for (const struct schema_key *k = keys; k->name; k++)
		put_key(out, k, indent, list && k == keys);
}

static void put_comment(FILE *out, const struct schema_key *k, int indent)
{
	fprintf(out, "%*s# %s\n", indent, "", k->help);
	if (k->type == SCHEMA_MAP && k->items_max == 0)
		return;
	fprintf(out, "%*s# [", indent, "");
	if (k->items_max)
		fprintf(out, "list of %u to %u: ", k->items_min, k->items_max);
	put_range(out, k);
	if (k->def)
		fprintf(out, "; default %s", *k->def ? k->def : "\"\"");
	else
		fprintf(out, "; must be given");
	fprintf(out, "]\n");
}

/* first: the first key of a list's entry, which carries the dash. */
static void put_key(FILE *out, const struct schema_key *k, int indent, bool first)
{
	/* Small maps inside of others are told by their help. */
	bool whole = k->type == SCHEMA_MAP && (k->def == NULL || indent == 0);

	put_comment(out, k, indent);
	fprintf(out, "%*s%s%s:", first ? indent - 2 : indent, "", first ? "- " : "", k->name);
	if (k->def && !whole)
		fprintf(out, " %s", *k->def ? k->def : "\"\"");
	fprintf(out, "\n");
	if (whole)
		put_keys(out, k->keys, indent + (k->items_max ? 4 : 2), k->items_max > 0);
}

void config_help(FILE *out)
{
	for (const struct schema_key *k = schema_top; k->name; k++) {
		fprintf(out, "%s", k == schema_top ? "" : "\n");
		put_key(out, k, 0, false);
	}
}
