/* SPDX-License-Identifier: BSD-3-Clause */
#include "reload.h"

#include "../conf/listener.h"
#include "../lib/bug.h"
#include "log.h"
#include "server.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	TOLD_MAX = LOG_BURST - 5, /* lines of the log that are let through */
	DATAPLANE_MS = 8000,	  /* to answer; less than fairlead(1) waits */
};

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

static bool prepare_all(struct reload *r, char *err, size_t errlen)
{
	for (r->prepared = 0; r->prepared < r->n_parts; r->prepared++) {
		const struct reload_part *p = &r->part[r->prepared];

		if (p->prepare && !p->prepare(p->arg, r->next, err, errlen))
			return false;
	}
	return true;
}

/*
 * Clients of a new listener may come before the dataplane's answer. If it is that it cannot, there
 * are none.
 */
static void listeners_expect(struct reload *r)
{
	for (uint16_t i = 0; i < listener_places(r->next); i++)
		r->conf->place[i] =
		    listener_place(listener_is_there(r->conf, i) ? r->conf : r->next, i);
	r->conf->n_place = listener_places(r->next);
}

/* Whoever made something ready takes it up, or throws it away. */
static void finish_all(struct reload *r, bool ok)
{
	if (ok) {
		memcpy(r->conf, r->next, sizeof(*r->conf));
		r->taken = r->digest;
	} else if (r->conf) {
		memcpy(r->conf->place, r->place, sizeof(r->place));
		r->conf->n_place = r->n_place;
	}
	while (r->prepared > 0) {
		const struct reload_part *p = &r->part[--r->prepared];

		if (p->finish)
			p->finish(p->arg, ok);
	}
	config_free(r->next);
	r->next = NULL;
	r->under_way = false;
}

static void reload_end(struct reload *r, bool ok, const char *why)
{
	finish_all(r, ok);
	r->done(r->ctx, ok, why);
}

static void dataplane_answers(void *ctx, bool ok, const char *text)
{
	struct reload *r = ctx;

	r->by_both = ok;
	r->unsure = !ok;
	reload_end(r, ok, text);
}

/* One that comes later, and has the old values, takes the new ones with our hello. */
static void reload_go(struct reload *r)
{
	struct msg_config m = { .hdr.type = MSG_CONFIG };

	if (!r->sock || !r->attached(r->sock) ||
	    (!r->unsure && !config_both_differ(r->conf, r->next))) {
		reload_end(r, true, "");
		return;
	}
	m.digest = r->digest;
	listeners_expect(r);
	if (!r->ask(r->sock, &m, sizeof(m), DATAPLANE_MS, dataplane_answers, r))
		reload_end(r, false, "too many requests wait for the dataplane");
}

bool reload_prepare(struct server *s, const struct config *fresh, char *why, size_t len)
{
	struct reload *r = &s->reload;

	snprintf(why, len, "the configuration cannot be changed");
	r->by_both = false;
	/* Of the file, not of what will run: it may have entries that wait for a restart. */
	r->digest = config_both_digest(fresh);
	r->prepared = 0;
	r->waits.n = 0;
	if (r->conf) {
		memcpy(r->place, r->conf->place, sizeof(r->place));
		r->n_place = r->conf->n_place;
	}
	r->under_way = true;
	r->next = r->conf ? config_merge(r->conf, fresh, &r->waits, why, len) : NULL;
	return r->next && prepare_all(r, why, len);
}

void reload_apply(struct server *s, reload_done *done, void *ctx)
{
	s->reload.done = done;
	s->reload.ctx = ctx;
	reload_go(&s->reload);
}

bool reload_wait(struct server *s, void (*begin)(void *ctx), void *ctx)
{
	struct reload *r = &s->reload;

	if (!r->under_way && r->n_waiting == 0)
		begin(ctx);
	else if (r->n_waiting < RELOAD_WAITING_MAX)
		r->next_one[r->n_waiting++] = (struct reload_next){ begin, ctx };
	else
		return false;
	return true;
}

/* The file is read when its turn has come, so it is that which stands there then. */
void reload_turn(struct server *s)
{
	struct reload *r = &s->reload;
	struct reload_next next;

	if (r->under_way || r->n_waiting == 0)
		return;
	next = r->next_one[0];
	memmove(r->next_one, r->next_one + 1, --r->n_waiting * sizeof(next));
	next.begin(next.ctx);
}

void reload_abandon(struct server *s)
{
	finish_all(&s->reload, false);
}

uint64_t reload_digest(const struct server *s)
{
	return s->reload.taken ? s->reload.taken : config_both_digest(s->conf);
}

/* ---- by a signal ---- */

/* What is told, of which file. */
struct telling {
	const struct config *fresh;
	unsigned told;
};

static void tell(void *arg, const struct config_change *c)
{
	struct telling *t = arg;

	if (t->told++ >= TOLD_MAX)
		return;
	if (c->applied == APPLIED_LIVE || c->applied == APPLIED_BOTH)
		log_line("reload: %s is %s now (was %s)", c->key, c->to ? c->to : "gone",
			 c->from ? c->from : "not there");
	else
		log_line("reload: %s: %s stays %s: another value wants a %s (lost: %s)%s%s",
			 config_where(t->fresh, c->line).text, c->key, c->from ? c->from : "absent",
			 config_applied_text(c->applied), c->lost, c->why ? ": " : "",
			 c->why ? c->why : "");
}

static void tell_mistakes(const struct config_errors *e)
{
	log_line("reload: nothing has changed: mistakes found: %u%s", e->n,
		 e->unchecked ? ", and more may be found when these are mended" : "");
	for (unsigned i = 0; i < e->n && i < CONFIG_ERRORS_MAX; i++)
		log_line("reload: %s", e->error[i].text);
}

/* A reload by signal: what ran, to compare with once it is over. */
struct signalled {
	struct config *was, *fresh;
	const struct config_waits *waits;
	reload_done *done;
	void *ctx;
};

static void tell_changes(const struct signalled *g)
{
	struct telling t = { .fresh = g->fresh };

	config_compare(g->was, g->fresh, g->waits, tell, &t);
	if (t.told > TOLD_MAX)
		log_line("reload: and %u more: fairlead config diff tells them", t.told - TOLD_MAX);
	else if (!t.told)
		log_line("reload: nothing differs from what runs");
}

static void signal_done(void *ctx, bool ok, const char *why)
{
	struct signalled *g = ctx;
	const struct signalled s = *g;

	if (ok)
		tell_changes(g);
	else
		log_line("reload: nothing has changed: %s", why);
	config_free(g->was);
	config_free(g->fresh);
	free(g);
	s.done(s.ctx, ok, why);
}

void reload_by_signal(struct server *s, reload_done *done, void *ctx)
{
	static struct config_errors errors;
	struct config *fresh = reload_read(s, &errors);
	struct config *was = malloc(sizeof(*was));
	struct signalled *g = malloc(sizeof(*g));
	char why[RELOAD_WHY_MAX];

	if (fresh && was && g) {
		memcpy(was, s->conf, sizeof(*was));
		*g = (struct signalled){ was, fresh, &s->reload.waits, done, ctx };
		if (reload_prepare(s, fresh, why, sizeof(why))) {
			reload_apply(s, signal_done, g);
		} else {
			reload_abandon(s);
			signal_done(g, false, why);
		}
		return;
	}
	if (fresh)
		log_line("reload: nothing has changed: out of memory");
	else
		tell_mistakes(&errors);
	config_free(fresh);
	free(was);
	free(g);
	done(ctx, false, "");
}
