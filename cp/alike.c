/* SPDX-License-Identifier: BSD-3-Clause */
#include "alike.h"

#include "cost.h"
#include "reload.h"

#include <stdio.h>
#include <string.h>

/* Adds a key to a list, if it is not too long. */
static void key_add(char text[ALIKE_TEXT], const char *key)
{
	const size_t used = strlen(text);

	snprintf(text + used, ALIKE_TEXT - used, "%s%s", used ? ", " : "", key);
}

static void note_start(void *arg, const struct config_change *c)
{
	if (c->applied == APPLIED_DP)
		key_add(arg, c->key);
}

/* Keys of a file that the dataplane was started with, and that we cannot take without a start. */
static void starts_list(const struct server *s, const struct config *fresh, char text[ALIKE_TEXT])
{
	static struct config_waits waits;
	char why[ALIKE_TEXT];
	struct config *next;

	waits.n = 0;
	next = config_merge(s->conf, fresh, &waits, why, sizeof(why));
	text[0] = '\0';
	config_compare(s->conf, fresh, &waits, note_start, text);
	/* What a reload cannot put together, a start can. */
	if (!text[0] && (!next || config_digest(next) != config_digest(fresh)))
		snprintf(text, ALIKE_TEXT, "%s", next ? "what both agree on" : why);
	config_free(next);
}

/* There is only one loop, and a file is read at a time. */
static struct config *file_read(const struct server *s)
{
	static struct config_errors errors;

	return reload_read(s, &errors);
}

enum alike alike_judge(const struct server *s, uint64_t agreed, uint64_t live,
		       char text[ALIKE_TEXT])
{
	struct config *fresh = file_read(s);
	enum alike how = ALIKE_WAIT;

	text[0] = '\0';
	if (!fresh) {
		snprintf(text, ALIKE_TEXT, "%s: the file cannot be read now", s->conf->file);
	} else if (config_digest(fresh) == agreed && config_both_digest(fresh) == live) {
		starts_list(s, fresh, text);
		how = text[0] ? ALIKE_START : ALIKE_RELOAD;
	} else if (config_digest(s->conf) == agreed) {
		snprintf(text, ALIKE_TEXT,
			 "%s: fairlead-dp has other values of live keys than fairlead-cp, and the "
			 "file has others still, or fairlead-dp cannot take them, as its log says: "
			 "'fairlead reload' brings the file to both",
			 s->conf->file);
	}
	config_free(fresh);
	return how;
}

void alike_tell(const struct server *s, uint64_t agreed, char text[ALIKE_TEXT])
{
	struct config *fresh;
	char keys[ALIKE_TEXT / 2];

	if (cost_keys(s->conf, agreed, keys, sizeof(keys))) {
		snprintf(
		    text, ALIKE_TEXT,
		    "it runs another configuration:%s differs: restart fairlead-dp, which then "
		    "has the file as fairlead-cp has it",
		    keys);
		return;
	}
	fresh = file_read(s);
	if (fresh && config_digest(fresh) == agreed)
		snprintf(text, ALIKE_TEXT,
			 "it runs another configuration, which is the file as it is now: "
			 "fairlead-cp reads it again");
	else
		snprintf(text, ALIKE_TEXT,
			 "it runs another configuration; restart both with the same file");
	config_free(fresh);
}
