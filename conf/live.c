/* SPDX-License-Identifier: BSD-3-Clause */
#include "kept.h"
#include "listener.h"
#include "schema.h"

#include "../lib/siphash.h"

#include <inttypes.h>
#include <stdlib.h>

/* What runs after a reload: live keys of the file beside the others, which stay as they run. */

static void note_port(void *arg, const struct config_change *c)
{
	struct config_change *first = arg;

	if (!first->key && c->applied == APPLIED_DP && strncmp(c->key, "ports[", 6) == 0) {
		first->key = strdup(c->key); /* c's is the walk's own */
		first->line = c->line;
	}
}

/* What is at the addresses of a port that is not there yet fits nothing: names the port. */
static void port_waits(const struct config *runs, const struct config *fresh, char *err,
		       size_t errlen)
{
	const size_t used = strlen(err);
	struct config_change first = { 0 };

	config_compare(runs, fresh, NULL, note_port, &first);
	if (first.key)
		snprintf(err + used, errlen - used,
			 "; besides, %s: %s waits for a restart of fairlead-dp",
			 config_where(fresh, first.line).text, first.key);
	free((char *)first.key);
}

/* All of it is judged as if it were a file. Lines are not known, and those in c stay. */
static bool fits_together(struct config *c, char *err, size_t errlen)
{
	struct config_errors *errors = calloc(1, sizeof(*errors));
	struct config *judged = malloc(sizeof(*judged));
	struct config_reader r = { .c = judged, .errors = errors };
	bool ok = errors && judged;

	snprintf(err, errlen, "out of memory");
	if (ok) {
		memcpy(judged, c, sizeof(*judged));
		config_check(&r);
		ok = errors->n == 0;
		memcpy(c->listener, judged->listener, sizeof(c->listener));
		if (!ok) /* behind "FILE:1: " */
			snprintf(err, errlen,
				 "what is applied live does not fit what stays as it is until a "
				 "restart: %s",
				 errors->error[0].text + strlen(c->file) + strlen(":1: "));
	}
	config_free(judged);
	free(errors);
	return ok;
}

struct config *config_merge(const struct config *runs, const struct config *fresh,
			    struct config_waits *waits, char *err, size_t errlen)
{
	struct config *c;

	c = malloc(sizeof(*c));
	if (!c) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	memcpy(c, runs, sizeof(*c));
	config_take_live(c, fresh);
	config_hold(runs, fresh, c, waits);
	memcpy(c->part, fresh->part, sizeof(c->part));
	c->n_part = fresh->n_part;
	c->tls.ticket_secret_line = fresh->tls.ticket_secret_line;
	/* Judged as it is in the file, before its entries are where they stay. */
	if (listener_places_keep(runs, c, err, errlen)) {
		if (!fits_together(c, err, errlen))
			port_waits(runs, fresh, err, errlen);
		else if (config_places_keep(runs, c, err, errlen))
			return c;
	}
	config_free(c);
	return NULL;
}

static void note_both(void *arg, const struct config_change *c)
{
	bool *differ = arg;

	*differ |= c->applied == APPLIED_BOTH;
}

bool config_both_differ(const struct config *a, const struct config *b)
{
	bool differ = false;

	config_compare(a, b, NULL, note_both, &differ);
	return differ;
}

static void put_both(void *arg, const struct config_change *c)
{
	if (c->applied == APPLIED_BOTH)
		fprintf(arg, "%s %s\n", c->key, c->from);
}

/* Of equal keys: its key is fixed, it finds two different files and no more. */
uint64_t config_both_digest(const struct config *c)
{
	static const struct siphash_key key = { { UINT64_C(0x6c7261696c656164),
						  UINT64_C(0x636f6e6669670002) } };
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	uint64_t digest = 0;

	if (!f)
		return 0;
	config_each(c, put_both, f);
	if (fclose(f) == 0)
		digest = siphash(&key, text, len);
	free(text);
	return digest;
}

const struct config_service *config_service_by_id(const struct config *c, uint16_t id)
{
	for (unsigned i = 0; i < c->n_service; i++) {
		if (c->service[i].id == id)
			return &c->service[i];
	}
	return NULL;
}
