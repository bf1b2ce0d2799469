/* SPDX-License-Identifier: BSD-3-Clause */
#include "cost.h"

#include "context/context_table.h"
#include "table.h"

#include <stdlib.h>
#include <unistd.h>

enum { KEY_MAX = 64, COST_PATH = CONFIG_STR_MAX + 16 };

static void path_of(const struct config *c, const char *end, char path[COST_PATH])
{
	snprintf(path, COST_PATH, "%s.dataplane%s", c->control.state, end);
}

void cost_record(const struct config *c)
{
	char path[COST_PATH], made[COST_PATH];
	char *text = config_agreed(c);
	FILE *f;
	bool ok;

	path_of(c, "", path);
	path_of(c, ".new", made);
	f = text ? fopen(made, "we") : NULL;
	ok = f && fputs(text, f) >= 0;
	if (f && fclose(f) == 0 && ok)
		rename(made, path);
	free(text);
}

/* ---- what the dataplane would have to be started again for ---- */

/* The key of a line "key: value"; the line is what is told of where there is no colon. */
static void key_of(const char *line, char key[KEY_MAX])
{
	snprintf(key, KEY_MAX, "%.*s", (int)strcspn(line, ":\n"), line);
}

/* Whether text has that line. */
static bool has_line(const char *text, const char *line)
{
	size_t n = strcspn(line, "\n") + 1;

	for (; *text; text += strcspn(text, "\n") + 1) {
		if (strncmp(text, line, n) == 0)
			return true;
		if (!text[strcspn(text, "\n")])
			break;
	}
	return false;
}

/* Adds the keys of lines of a that b has not to the list of those named already. */
static void keys_add(const char *a, const char *b, char *list, size_t size)
{
	char key[KEY_MAX], in[KEY_MAX + 4];

	for (; *a; a += strcspn(a, "\n") + 1) {
		size_t n = strlen(list);

		key_of(a, key);
		snprintf(in, sizeof(in), " %s,", key);
		if (!has_line(b, a) && !strstr(list, in))
			snprintf(list + n, size - n, "%s", in);
		if (!a[strcspn(a, "\n")])
			break;
	}
}

static char *file_read(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;
	ssize_t n = -1;

	if (f) {
		n = getdelim(&text, &size, '\0', f);
		fclose(f);
	}
	if (n > 0)
		return text;
	free(text);
	return NULL;
}

/* What was agreed on last; NULL: nothing. */
static char *record_read(const struct config *c)
{
	char path[COST_PATH];

	path_of(c, "", path);
	return file_read(path);
}

static void keys_list(const struct config *c, const char *was, char *list, size_t size)
{
	char *now = config_agreed(c);

	list[0] = '\0';
	if (now && was) {
		keys_add(now, was, list, size);
		keys_add(was, now, list, size);
	}
	if (list[0])
		list[strlen(list) - 1] = '\0'; /* the last comma */
	free(now);
}

static void dataplane_tell(const struct config *c, FILE *out)
{
	char *was = record_read(c), list[1024];

	keys_list(c, was, list, sizeof(list));
	if (list[0])
		fprintf(out,
			"fairlead-dp has to be started again for%s: connections over TCP and TLS "
			"end, what goes over UDP stands still meanwhile\n",
			list);
	free(was);
}

bool cost_keys(const struct config *c, uint64_t agreed, char *list, size_t size)
{
	char *was = record_read(c);
	const bool known = was && config_agreed_digest(was) == agreed;

	keys_list(c, known ? was : NULL, list, size);
	free(was);
	return list[0] != '\0';
}

/* ---- what becomes of the state files ---- */

static void look_tell(const char *key, const char *what, enum statefile_look look, FILE *out)
{
	if (look == STATEFILE_CARRIED)
		fprintf(out, "%s: %s are carried over into a new file\n", key, what);
	if (look == STATEFILE_FOREIGN)
		fprintf(out, "%s: %s cannot be read, and are taken over from fairlead-dp\n", key,
			what);
}

void cost_tell(const struct config *c, FILE *out)
{
	dataplane_tell(c, out);
	look_tell("control.state", "allocations", table_look(c), out);
	if (c->gateway.contexts)
		look_tell("control.contexts", "contexts", context_look(c), out);
}
