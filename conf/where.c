/* SPDX-License-Identifier: BSD-3-Clause */
#include "schema.h"

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
