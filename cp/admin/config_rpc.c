/* SPDX-License-Identifier: BSD-3-Clause */
#include "config_rpc.h"

#include "../log.h"
#include "../tls/agent.h"
#include "param.h"

#include <stdlib.h>
#include <string.h>

/* As members of JSON: for programs, which do not want a sentence. */
static const char *applied_name(enum config_applied how)
{
	static const char *const name[] = {
		[APPLIED_UNSAID] = "?",	     [APPLIED_LIVE] = "live",	  [APPLIED_BOTH] = "live",
		[APPLIED_CP] = "restart-cp", [APPLIED_DP] = "restart-dp",
	};

	return name[how];
}

static json_t *value_json(const char *text)
{
	return text ? rpc_text(text) : json_null();
}

static void put_key(void *arg, const struct config_change *c)
{
	json_array_append_new(arg, json_pack("{s:s, s:o, s:s, s:s}", "key", c->key, "value",
					     value_json(c->from), "applied",
					     applied_name(c->applied), "lost", c->lost));
}

/* Changes, and the file that they are in. */
struct changes {
	const struct config *fresh;
	json_t *list;
};

/* What needs a restart says why, and where the file has it. */
static void put_change(void *arg, const struct config_change *c)
{
	const struct changes *to = arg;

	json_array_append_new(
	    to->list, json_pack("{s:s, s:o, s:o, s:s, s:s, s:o*, s:o*}", "key", c->key, "from",
				value_json(c->from), "to", value_json(c->to), "applied",
				applied_name(c->applied), "lost", c->lost, "why",
				c->why ? rpc_text(c->why) : NULL, "at",
				c->line ? rpc_text(config_where(to->fresh, c->line).text) : NULL));
}

/* Paths of the files of conf.d that the values come from. */
static json_t *parts_json(const struct config *c)
{
	json_t *parts = json_array();
	char path[CONFIG_WHERE_MAX];

	for (unsigned i = 0; i < c->n_part; i++) {
		config_part_path(c, i, path, sizeof(path));
		json_array_append_new(parts, rpc_text(path));
	}
	return parts;
}

json_t *rpc_config_show(void *ctx, const json_t *params, struct rpc_error *err)
{
	const struct server *s = ctx;
	json_t *keys;

	if (!param_only(params, "", err))
		return NULL;
	keys = json_array();
	config_each(s->conf, put_key, keys);
	return json_pack("{s:o, s:o, s:o}", "file", rpc_text(s->conf->file), "parts",
			 parts_json(s->conf), "keys", keys);
}

/* The answer to a file, of which fresh is NULL if it has mistakes; why it would change nothing
 * although it has none, or NULL. */
static json_t *answer_json(const struct server *s, const struct config *fresh,
			   const struct config_errors *errors, const struct config_waits *waits,
			   const char *refused)
{
	json_t *mistakes = json_array();
	struct changes c = { fresh, json_array() };

	for (unsigned i = 0; !fresh && i < errors->n && i < CONFIG_ERRORS_MAX; i++)
		json_array_append_new(mistakes, rpc_text(errors->error[i].text));
	if (fresh)
		config_compare(s->conf, fresh, waits, put_change, &c);
	return json_pack("{s:o, s:o, s:b, s:o, s:o}", "file", rpc_text(s->conf->file), "mistakes",
			 mistakes, "more",
			 !fresh && (errors->unchecked || errors->n > CONFIG_ERRORS_MAX), "changes",
			 c.list, "refused", value_json(refused));
}

/* All that a reload would do before the dataplane is asked, and back. */
static json_t *diff_tried(struct server *s, const struct config *fresh)
{
	char why[RELOAD_WHY_MAX];
	const bool ok = reload_prepare(s, fresh, why, sizeof(why));

	reload_abandon(s);
	return answer_json(s, fresh, NULL, &s->reload.waits, ok ? NULL : why);
}

/* Parts are busy with another one. */
static json_t *diff_meanwhile(const struct server *s, const struct config *fresh)
{
	char why[RELOAD_WHY_MAX];
	struct config_waits waits = { 0 };
	struct config *next = config_merge(s->conf, fresh, &waits, why, sizeof(why));
	json_t *o = answer_json(s, fresh, NULL, &waits, next ? NULL : why);

	config_free(next);
	return o;
}

json_t *rpc_config_diff(void *ctx, const json_t *params, struct rpc_error *err)
{
	static struct config_errors errors;
	struct server *s = ctx;
	struct config *fresh;
	json_t *o;

	if (!param_only(params, "", err))
		return NULL;
	fresh = reload_read(s, &errors);
	if (!fresh)
		return answer_json(s, NULL, &errors, NULL, NULL);
	o = s->reload.under_way ? diff_meanwhile(s, fresh) : diff_tried(s, fresh);
	config_free(fresh);
	return o;
}

/* ---- reload ---- */

/* Who asked for it, and what he will hear. */
struct asked {
	struct rpc_later *l;
	json_t *answer;
};

static void answer_send(struct asked *a)
{
	struct rpc_error err = { RPC_INTERNAL, "out of memory" };

	rpc_reply(a->l, a->answer, &err);
	free(a);
}

static void certificates_put(struct asked *a, bool ok, const char *text)
{
	json_object_set_new(
	    a->answer, "certificates",
	    json_pack("{s:b, s:o}", "read", ok, "error", ok ? json_null() : rpc_text(text)));
}

static void certificates_done(void *ctx, bool ok, const char *text)
{
	struct asked *a = ctx;
	struct server *s = rpc_later_ctx(a->l);

	s->reload.under_way = false;
	tls_agent_log(ok, text);
	certificates_put(a, ok, text);
	answer_send(a);
}

/* What the file has is in force; its certificates follow, unless they were read with it. */
static void applied(void *ctx, bool ok, const char *why)
{
	struct rpc_error err = { 0 };
	struct asked *a = ctx;
	struct server *s = rpc_later_ctx(a->l);

	if (!ok) {
		json_decref(a->answer);
		rpc_fail(&err, RPC_INTERNAL, "nothing has changed: %s", why);
		rpc_reply(a->l, NULL, &err);
		free(a);
		return;
	}
	log_line("reload: %s is in force, as far as that needs no restart", s->conf->file);
	if (!s->tls || !config_has_tls(s->conf)) {
		answer_send(a);
	} else if (s->reload.by_both) {
		certificates_put(a, true, "");
		answer_send(a);
	} else {
		s->reload.under_way = true;
		tls_agent_reload(s->tls, certificates_done, a);
	}
}

/* Whoever asked is told, also if he has gone meanwhile: what he asked for is done. */
static void file_apply(void *ctx)
{
	static struct config_errors errors;
	struct rpc_error err = { RPC_INTERNAL, "out of memory" };
	struct rpc_later *l = ctx;
	struct server *s = rpc_later_ctx(l);
	struct config *fresh = reload_read(s, &errors);
	struct asked *a = malloc(sizeof(*a));
	char why[RELOAD_WHY_MAX] = "";
	bool ok = a && fresh && reload_prepare(s, fresh, why, sizeof(why));

	if (!a) {
		rpc_reply(l, NULL, &err);
	} else {
		*a = (struct asked){ l, answer_json(s, fresh, &errors, &s->reload.waits, NULL) };
		json_object_set_new(a->answer, "certificates", json_null());
		if (ok) {
			reload_apply(s, applied, a);
		} else if (fresh) {
			reload_abandon(s);
			applied(a, false, why);
		} else {
			answer_send(a);
		}
	}
	config_free(fresh);
}

void rpc_reload(void *ctx, const json_t *params, struct rpc_later *l)
{
	struct rpc_error err = { 0 };
	struct server *s = ctx;

	if (!param_only(params, "", &err)) {
		rpc_reply(l, NULL, &err);
	} else if (!reload_wait(s, file_apply, l)) {
		rpc_fail(&err, RPC_BUSY,
			 "one reload is under way and %u wait: the last of them reads the file as "
			 "it is then, so nothing need be asked again",
			 RELOAD_WAITING_MAX);
		rpc_reply(l, NULL, &err);
	}
}
