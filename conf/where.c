/* SPDX-License-Identifier: BSD-3-Clause */
#include "schema.h"

#include <stdlib.h>

/* Names of the files of a configuration, and of lines in them. */

void config_parts_dir(const struct config *c, char *text, size_t len)
{
	const char *slash = strrchr(c->file, '/');

	snprintf(text, len, "%.*s" CONFIG_PARTS_DIR, slash ? (int)(slash + 1 - c->file) : 0,
		 c->file);
}

void config_part_path(const struct config *c, unsigned part, char *text, size_t len)
{
	char dir[CONFIG_STR_MAX + sizeof(CONFIG_PARTS_DIR)];

	config_parts_dir(c, dir, sizeof(dir));
	snprintf(text, len, "%s/%s", dir, part < c->n_part ? c->part[part] : "?");
}

struct config_where config_where(const struct config *c, uint32_t line)
{
	struct config_where w;
	size_t len;

	if (line_file(line))
		config_part_path(c, line_file(line) - 1, w.text, sizeof(w.text));
	else
		snprintf(w.text, sizeof(w.text), "%s", c->file);
	len = strlen(w.text);
	if (line_number(line))
		snprintf(w.text + len, sizeof(w.text) - len, ":%u", line_number(line));
	return w;
}

struct config_lines {
	size_t n;
	struct config_place *place;
};

struct config_lines *config_lines_take(struct config_reader *r)
{
	struct config_lines *l = malloc(sizeof(*l));

	if (l)
		*l = (struct config_lines){ r->n_place, r->place };
	else
		free(r->place);
	r->place = NULL;
	r->n_place = r->cap_place = 0;
	return l;
}

void config_lines_free(struct config_lines *l)
{
	if (l)
		free(l->place);
	free(l);
}

/* Of the first key that is `key` as far as len, and then ends or goes on as one of next does. */
static unsigned line_of(const struct config_lines *l, const char *key, size_t len, const char *next)
{
	for (size_t i = 0; l && i < l->n; i++) {
		const char *at = l->place[i].key;

		if (strncmp(at, key, len) == 0 && (at[len] == '\0' || strchr(next, at[len])))
			return l->place[i].line;
	}
	return 0;
}

unsigned config_lines_find(const struct config_lines *l, const char *key)
{
	const char *dot = strrchr(key, '.');
	const unsigned line = line_of(l, key, strlen(key), "[");

	return line || !dot ? line : line_of(l, key, (size_t)(dot - key), ".");
}
