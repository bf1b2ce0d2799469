/* SPDX-License-Identifier: BSD-3-Clause */
#include "schema.h"

#include <stdarg.h>
#include <stdlib.h>

/* Where values come from, and mistakes, which name the place. */

/* Notes a key without the places in lists; a wrong one as what it is likely to stand for. */
static void unread_add(struct config_reader *r, const char *key)
{
	const char *last = strrchr(key, '.');
	size_t n = 0, len = strlen(key);
	char *to;

	if (r->n_unread++ >= CONFIG_ERRORS_MAX)
		return;
	to = r->unread[r->n_unread - 1];
	if (r->guess)
		len = last ? (size_t)(last + 1 - key) : 0;
	for (size_t i = 0; i < len; i++) {
		if (key[i] == '[')
			i += strcspn(key + i, "]");
		else
			to[n++] = key[i];
	}
	snprintf(to + n, CONFIG_KEY_MAX - n, "%s", r->guess ? r->guess->name : "");
}

/* Whether one is the other, or what it has. */
static bool key_within(const char *a, const char *b)
{
	const size_t len = strlen(a);

	return len == 0 || (strncmp(a, b, len) == 0 && (b[len] == '\0' || b[len] == '.'));
}

bool config_is_read(const struct config_reader *r, const char *key)
{
	if (r->n_unread > CONFIG_ERRORS_MAX)
		return false;
	for (unsigned i = 0; i < r->n_unread; i++) {
		if (key_within(r->unread[i], key) || key_within(key, r->unread[i]))
			return false;
	}
	return true;
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
	unread_add(r, key);
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
