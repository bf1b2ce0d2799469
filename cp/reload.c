/* SPDX-License-Identifier: BSD-3-Clause */
#include "reload.h"

#include "../lib/bug.h"
#include "log.h"
#include "server.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TOLD_MAX = LOG_BURST - 5 }; /* lines of the log that are let through */

void reload_add(struct server *s, struct reload_part part)
{
	if (!BUG_ON(s->reload.n_parts == RELOAD_PARTS))
		s->reload.part[s->reload.n_parts++] = part;
}

static struct config *refuse(struct config_errors *e, const char *file, const char *why)
{
	e->n = 1;
	e->unchecked = false;
	e->error[0].line = 0;
	snprintf(e->error[0].text, sizeof(e->error[0].text), "%s: %s", file, why);
	return NULL;
}

/* Everybody waits meanwhile, so that there must be an end to the file. */
struct config *reload_read(const struct server *s, struct config_errors *errors)
{
	const char *file = s->conf->file;
	struct stat st;

	if (stat(file, &st) == 0 && !S_ISREG(st.st_mode))
		return refuse(errors, file, "is no ordinary file, and cannot be read again");
	if (stat(file, &st) == 0 && st.st_size > RELOAD_FILE_MAX)
		return refuse(errors, file, "is larger than 1 MiB: it can be read at a start only");
	return config_load_all(file, errors);
}

static bool prepare_all(struct reload *r, const struct config *c, unsigned *n, char *err,
			size_t errlen)
{
	for (*n = 0; *n < r->n_parts; (*n)++) {
		const struct reload_part *p = &r->part[*n];

		if (p->prepare && !p->prepare(p->arg, c, err, errlen))
			return false;
	}
	return true;
}

bool reload_apply(struct server *s, const struct config *fresh, char *err, size_t errlen)
{
	struct reload *r = &s->reload;
	struct config *c;
	unsigned n;
	bool ok;

	snprintf(err, errlen, "the configuration cannot be changed: out of memory");
	c = r->conf ? malloc(sizeof(*c)) : NULL;
	if (!c)
		return false;
	memcpy(c, r->conf, sizeof(*c));
	config_take_live(c, fresh);
	ok = prepare_all(r, c, &n, err, errlen);
	if (ok)
		config_take_live(r->conf, c);
	while (n-- > 0)
		if (r->part[n].finish)
			r->part[n].finish(r->part[n].arg, ok);
	config_free(c);
	return ok;
}

/* ---- by a signal ---- */

static void tell(void *arg, const struct config_change *c)
{
	unsigned *told = arg;

	if ((*told)++ >= TOLD_MAX)
		return;
	if (c->applied == APPLIED_LIVE)
		log_line("reload: %s is %s now (was %s)", c->key, c->to ? c->to : "gone",
			 c->from ? c->from : "not there");
	else
		log_line("reload: %s stays %s: another value wants a %s (lost: %s)", c->key,
			 c->from ? c->from : "absent", config_applied_text(c->applied), c->lost);
}

static void tell_mistakes(const struct config_errors *e)
{
	log_line("reload: nothing has changed: mistakes found: %u%s", e->n,
		 e->unchecked ? ", and more may be found when these are mended" : "");
	for (unsigned i = 0; i < e->n && i < CONFIG_ERRORS_MAX; i++)
		log_line("reload: %s", e->error[i].text);
}

bool reload_by_signal(struct server *s)
{
	static struct config_errors errors;
	struct config *fresh, *was;
	char err[2 * CONFIG_STR_MAX];
	unsigned told = 0;
	bool ok;

	fresh = reload_read(s, &errors);
	if (!fresh) {
		tell_mistakes(&errors);
		return false;
	}
	was = malloc(sizeof(*was));
	if (was)
		memcpy(was, s->conf, sizeof(*was));
	ok = reload_apply(s, fresh, err, sizeof(err));
	if (!ok)
		log_line("reload: nothing has changed: %s", err);
	else if (was)
		config_compare(was, fresh, tell, &told);
	if (told > TOLD_MAX)
		log_line("reload: and %u more: fairlead config diff tells them", told - TOLD_MAX);
	else if (ok && !told)
		log_line("reload: nothing differs from what runs");
	config_free(was);
	config_free(fresh);
	return ok;
}
