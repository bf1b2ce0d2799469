/* SPDX-License-Identifier: BSD-3-Clause */
#include "term_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { WORD, NUMBER, FLAG, LIST };

static const struct field {
	const char *name;
	enum kind kind;
} fields[] = {
	{ "transport", WORD }, { "realm", WORD },	 { "family", NUMBER },
	{ "port", NUMBER },    { "remote", WORD },	 { "rtcp_remote", WORD },
	{ "latch", WORD },     { "gate", WORD },	 { "rtp", FLAG },
	{ "rtcp_mux", FLAG },  { "ice", FLAG },		 { "ice_restart", FLAG },
	{ "tcp_role", WORD },  { "tls_role", WORD },	 { "tls_domain", WORD },
	{ "host", WORD },      { "begin", FLAG },	 { "fingerprints", LIST },
	{ "dscp", NUMBER },    { "rate", NUMBER },	 { "burst", NUMBER },
	{ "notify", LIST },    { "inactivity", NUMBER }, { "tag", WORD },
};

static const struct field *field_find(const char *name)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	return NULL;
}

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
static json_t *value(enum kind kind, char *s)
{
	if (!s && kind != FLAG)
		return NULL;
	if (kind == LIST)
		return list(s);
	if (s && *s == '\0')
		return json_null();
	if (kind == FLAG)
		return flag(s);
	return kind == NUMBER ? number(s) : json_string(s);
}

static int add(json_t *o, char *part, char *err, size_t errlen)
{
	static const char *const wants[] = { "text", "a whole number", "yes or no",
					     "words with + between" };
	char *s = strchr(part, '=');
	const struct field *f;
	json_t *v;

	if (s)
		*s++ = '\0';
	f = field_find(part);
	if (!f) {
		snprintf(err, errlen, "terminations have no field \"%s\"", part);
		return -1;
	}
	if (json_object_get(o, part)) {
		snprintf(err, errlen, "\"%s\" is there twice", part);
		return -1;
	}
	v = value(f->kind, s);
	if (!v) {
		snprintf(err, errlen, "\"%s\" wants %s: %s=...", part, wants[f->kind], part);
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
