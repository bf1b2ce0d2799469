/* SPDX-License-Identifier: BSD-3-Clause */
#include "schema.h"

#include <stdarg.h>
#include <stdlib.h>

/* Where values come from, and mistakes, which name the place. */

uint64_t config_section_bit(const char *key)
{
	const size_t len = strcspn(key, ".[");

	for (unsigned i = 0; schema_top[i].name; i++)
		if (strlen(schema_top[i].name) == len && strncmp(schema_top[i].name, key, len) == 0)
			return UINT64_C(1) << i;
	return UINT64_MAX;
}

bool config_section_wrong(const struct config_reader *r, const char *section)
{
	return r->wrong & config_section_bit(section);
}

/* A mistake takes its place among the others, which stand in the order of the file. */
static void error_add(struct config_reader *r, unsigned line, const char *key, const char *text)
{
	struct config_errors *e = r->errors;
	struct config_error *at;

	if (e->n++ >= CONFIG_ERRORS_MAX)
		return;
	at = &e->error[e->n - 1];
	for (; at > e->error && at[-1].line > line; at--)
		at[0] = at[-1];
	at->line = line;
	snprintf(at->text, sizeof(at->text), "%s: %s%s%s", config_where(r->c, line).text, key,
		 *key ? ": " : "", text);
}

bool config_fail(struct config_reader *r, unsigned line, const char *key, const char *what, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, what);
	vsnprintf(text, sizeof(text), what, ap);
	va_end(ap);
	r->wrong |= config_section_bit(r->guess ? r->guess : key);
	error_add(r, line, key, text);
	return false;
}

static const struct config_place *place_find(const struct config_reader *r, const void *field)
{
	static const struct config_place nowhere = { .line = 1 };

	for (size_t i = 0; i < r->n_place; i++) {
		if (r->place[i].at == field)
			return &r->place[i];
	}
	return &nowhere;
}

bool config_fail_at(struct config_reader *r, const void *field, const char *what, ...)
{
	const struct config_place *p = place_find(r, field);
	char text[256];
	va_list ap;

	va_start(ap, what);
	vsnprintf(text, sizeof(text), what, ap);
	va_end(ap);
	error_add(r, p->line, p->key, text);
	return false;
}

unsigned config_line(const struct config_reader *r, const void *field)
{
	return place_find(r, field)->line;
}

const char *config_place(struct config_reader *r, const void *field)
{
	return config_in_line(r, config_line(r, field));
}

const char *config_in_line(struct config_reader *r, unsigned line)
{
	const unsigned file = line_file(line);

	snprintf(r->in_line, sizeof(r->in_line),
		 file ? "line %u of " CONFIG_PARTS_DIR "/%s" : "line %u", line_number(line),
		 file ? r->c->part[file - 1] : "");
	return r->in_line;
}

bool config_place_add(struct config_reader *r, const void *field, unsigned line)
{
	struct config_place *p;

	if (r->n_place == r->cap_place) {
		size_t cap = r->cap_place ? 2 * r->cap_place : 128;

		p = realloc(r->place, cap * sizeof(*p));
		if (p == NULL)
			return config_fail(r, line, r->key, "out of memory");
		r->place = p;
		r->cap_place = cap;
	}
	p = &r->place[r->n_place++];
	p->at = field;
	p->line = line;
	memcpy(p->key, r->key, sizeof(p->key));
	return true;
}
