/* SPDX-License-Identifier: BSD-3-Clause */
#include "stat_list.h"

#include "../h248/mg.h"
#include "../ipsec/phones.h"
#include "../ng/ng.h"
#include "../record/hep.h"
#include "../record/radius.h"
#include "../record/records.h"
#include "context_json.h"
#include "health.h"
#include "stats.h"
#include "../../lib/bug.h"

#include <stdio.h>
#include <string.h>

enum { KEY_MAX = 64 };

static void line_each(const struct stat_line *l, stat_fn *fn, void *ctx)
{
	for (uint32_t i = l->first; l->value && i < l->n; i++)
		if (l->kind == STAT_OF)
			fn(ctx, l, l->metric, l->value[i]);
		else
			fn(ctx, l, l->label ? l->name[i] : NULL, l->value[i]);
}

void stat_each(const struct server *s, stat_fn *fn, void *ctx)
{
	const struct table_stats *table = table_stats(s->table);
	const struct server_stats *server = &s->stats;
	const struct dplink_stats *link = dplink_stats(s->link);
	const struct gate_stats *gate = s->gateway ? gate_stats(s->gateway) : NULL;
	const struct ng_stats *ng = ng_served(s->ng) ? ng_stats(s->ng) : NULL;
	const struct mg_stats *mg = s->mg ? mg_stats(s->mg) : NULL;
	const struct memory_use ours = memory_use(), theirs = stats_memory(s->link);
	const struct health_count problems = health_count(s);
	struct stat_line line[] = {
#define BY(values, size, first, names, label, kind, metric, json, help) \
	{ STAT_##kind, metric, json, help, values, first, size, label, names, NULL },
#define ONE(value, ...) BY(value, 1, 0, NULL, NULL, __VA_ARGS__)
#define AT(part, member) ((part) ? &(part)->member : NULL)
#define TABLE(m, ...) ONE(&table->m, __VA_ARGS__)
#define LINK(m, ...) ONE(&link->m, __VA_ARGS__)
#define SERVER(m, ...) ONE(&server->m, __VA_ARGS__)
#define SERVER_BY(m, ...) BY(server->m, __VA_ARGS__)
#define GATE(m, ...) ONE(AT(gate, m), __VA_ARGS__)
#define GATE_BY(m, ...) BY(AT(gate, m[0]), __VA_ARGS__)
#define NG(m, ...) ONE(AT(ng, m), __VA_ARGS__)
#define NG_BY(m, ...) BY(AT(ng, m[0]), __VA_ARGS__)
#define MG(m, ...) ONE(AT(mg, m), __VA_ARGS__)
#define MG_BY(m, ...) BY(AT(mg, m[0]), __VA_ARGS__)
#define VALUE(value, ...) ONE(&(const uint64_t){ value }, __VA_ARGS__)
#define FAMILY(label, kind, metric, help) BY(NULL, 0, 0, NULL, label, kind, metric, "", help)
#include "../stat.def"
	};
	const struct stat_line *family = NULL;

	for (size_t i = 0; i < sizeof(line) / sizeof(line[0]); i++) {
		if (line[i].kind != STAT_OF)
			family = &line[i];
		line[i].family = family;
		line_each(&line[i], fn, ctx);
	}
}

#undef BY
#undef ONE

unsigned stat_count(bool contexts, bool ng, bool mg)
{
	const struct {
		bool there;
		const char *metric;
		uint32_t n;
	} line[] = {
#define BY(there, size, first, metric) { there, metric, (size) - (first) },
#define ONE(there, metric) { there, metric, 1 },
#define TABLE(member, kind, metric, ...) ONE(true, metric)
#define LINK(member, kind, metric, ...) ONE(true, metric)
#define SERVER(member, kind, metric, ...) ONE(true, metric)
#define SERVER_BY(member, size, first, names, label, kind, metric, ...) \
	BY(true, size, first, metric)
#define GATE(member, kind, metric, ...) ONE(contexts, metric)
#define GATE_BY(member, size, first, names, label, kind, metric, ...) \
	BY(contexts, size, first, metric)
#define NG(member, kind, metric, ...) ONE(ng, metric)
#define NG_BY(member, size, first, names, label, kind, metric, ...) BY(ng, size, first, metric)
#define MG(member, kind, metric, ...) ONE(mg, metric)
#define MG_BY(member, size, first, names, label, kind, metric, ...) BY(mg, size, first, metric)
#define VALUE(value, kind, metric, ...) ONE(true, metric)
#define FAMILY(label, kind, metric, ...) ONE(false, metric)
#include "../stat.def"
	};
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(line) / sizeof(line[0]); i++)
		n += line[i].there && line[i].metric[0] ? line[i].n : 0;
	return n;
}

/* ---- JSON ---- */

struct result {
	const char *method;
	json_t *json;
};

/* Adds to the member at a place such as "status.allocations.made", objects on the way included. */
static void value_json(void *ctx, const struct stat_line *l, const char *name, uint64_t value)
{
	const struct result *r = ctx;
	const size_t len = strlen(r->method);
	const char *at, *dot;
	json_t *o = r->json;
	char key[KEY_MAX];

	if (strncmp(l->json, r->method, len) != 0 || l->json[len] != '.')
		return;
	for (at = l->json + len + 1; (dot = strchr(at, '.')); at = dot + 1) {
		snprintf(key, sizeof(key), "%.*s", (int)(dot - at), at);
		if (!json_object_get(o, key))
			json_object_set_new(o, key, json_object());
		o = json_object_get(o, key);
	}
	if (*at == '*')
		at = name;
	value += (uint64_t)json_integer_value(json_object_get(o, at));
	json_object_set_new(o, at, json_integer((json_int_t)value));
}

void stat_json(const struct server *s, const char *method, json_t *result)
{
	stat_each(s, value_json, &(struct result){ method, result });
}
