/* SPDX-License-Identifier: BSD-3-Clause */
#include "term_text.h"
#include "../lib/term.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *number(const char *s)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(s, &end, 10);
	return *s >= '0' && *s <= '9' && *end == '\0' && errno == 0 ? json_integer(n) : NULL;
}

/* NULL value: there is no '='. */
static json_t *flag(const char *s)
{
	if (!s || strcmp(s, "yes") == 0 || strcmp(s, "true") == 0)
		return json_true();
	return strcmp(s, "no") == 0 || strcmp(s, "false") == 0 ? json_false() : NULL;
}

static json_t *list(char *s)
{
	json_t *l = json_array();
	char *member;

	while ((member = strsep(&s, "+")))
		if (*member)
			json_array_append_new(l, json_string(member));
	return l;
}

/* NULL: not what the field wants. */
static json_t *value(enum term_kind kind, char *s)
{
	if (!s && kind != TERM_KIND_FLAG)
		return NULL;
	if (kind == TERM_KIND_LIST)
		return list(s);
	if (s && *s == '\0')
		return json_null();
	if (kind == TERM_KIND_FLAG)
		return flag(s);
	return kind == TERM_KIND_NUMBER ? number(s) : json_string(s);
}

static int add(json_t *o, char *part, char *err, size_t errlen)
{
	static const char *const wants[] = { "text", "a whole number", "yes or no",
					     "words with + between" };
	char *s = strchr(part, '=');
	enum term_field_id f;
	enum term_kind kind;
	json_t *v;

	if (s)
		*s++ = '\0';
	f = term_field_find(part);
	if (f == TERM_FIELDS) {
		snprintf(err, errlen, "terminations have no field \"%s\"", part);
		return -1;
	}
	if (json_object_get(o, part)) {
		snprintf(err, errlen, "\"%s\" is there twice", part);
		return -1;
	}
	kind = (enum term_kind)term_fields[f].kind;
	v = value(kind, s);
	if (!v) {
		snprintf(err, errlen, "\"%s\" wants %s: %s=...", part, wants[kind], part);
		return -1;
	}
	return json_object_set_new(o, part, v);
}

json_t *term_text(const char *text, char *err, size_t errlen)
{
	char *copy = strdup(text), *rest = copy, *part;
	json_t *o = json_object();

	snprintf(err, errlen, "out of memory");
	while (o && (part = strsep(&rest, ","))) {
		if (*part && add(o, part, err, errlen) < 0) {
			json_decref(o);
			o = NULL;
		}
	}
	free(copy);
	return o;
}
