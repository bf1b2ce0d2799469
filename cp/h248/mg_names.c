/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The names of mg_names.def, and what gateway.h248-names puts in their place: a file of lines, each
 * the name here and the one on the wire. "#" begins a comment.
 */
#include "mg_priv.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const ours[MG_NAMES] = {
#define N(symbol, name) name,
#include "mg_names.def"
#undef N
};

void mg_names_init(struct mg_names *names)
{
	for (uint32_t i = 0; i < MG_NAMES; i++)
		snprintf(names->name[i], sizeof(names->name[i]), "%s", ours[i]);
}

/* A name of H.248, one with the package's before a slash, or a package and its version. */
static bool is_name(const char *s)
{
	if (!isalpha((unsigned char)*s) || strlen(s) >= MG_NAME_MAX)
		return false;
	for (; *s; s++) {
		if (!isalnum((unsigned char)*s) && !strchr("_/-", *s))
			return false;
	}
	return true;
}

/* One line; NULL, or why not. *here: the first word, or NULL if there is none. */
static const char *read_line(struct mg_names *names, char *line, const char **here)
{
	static const char space[] = " \t\r\n";
	char *at, *wire;
	uint32_t i = 0;

	line[strcspn(line, "#")] = '\0';
	*here = strtok_r(line, space, &at);
	if (!*here)
		return NULL;
	while (i < MG_NAMES && strcasecmp(*here, ours[i]) != 0)
		i++;
	wire = strtok_r(NULL, space, &at);
	if (i == MG_NAMES)
		return "is no name that is served";
	if (!wire)
		return "has no second name";
	if (!is_name(wire))
		return "is followed by what is no name";
	snprintf(names->name[i], sizeof(names->name[i]), "%s", wire);
	return NULL;
}

static bool read_file(struct mg_names *names, FILE *f, const char *path, char *err, size_t errlen)
{
	const char *here, *why = NULL;
	char *line = NULL;
	size_t size = 0;
	unsigned n = 0;

	while (!why && getline(&line, &size, f) >= 0) {
		n++;
		why = read_line(names, line, &here);
		if (why)
			snprintf(err, errlen, "gateway.h248-names: %s, line %u: %.64s %s", path, n,
				 here, why);
	}
	free(line);
	if (!why && ferror(f)) {
		why = strerror(errno);
		snprintf(err, errlen, "gateway.h248-names: %s: %s", path, why);
	}
	return !why;
}

bool mg_names_load(struct mg_names *names, const char *path, char *err, size_t errlen)
{
	bool good;
	FILE *f;

	mg_names_init(names);
	if (!path[0])
		return true;
	f = fopen(path, "re");
	if (!f) {
		snprintf(err, errlen, "gateway.h248-names: %s: %s", path, strerror(errno));
		return false;
	}
	good = read_file(names, f, path, err, errlen);
	fclose(f);
	return good;
}

const char *mg_name(const struct mg *m, enum mg_name name)
{
	return m->names.name[name];
}

bool mg_is(const struct mg *m, struct h248_text t, enum mg_name name)
{
	return h248_is(t, m->names.name[name]);
}
