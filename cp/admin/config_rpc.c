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
		[APPLIED_UNSAID] = "?",
		[APPLIED_LIVE] = "live",
		[APPLIED_CP] = "restart-cp",
		[APPLIED_DP] = "restart-dp",
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

static void put_change(void *arg, const struct config_change *c)
{
	json_array_append_new(arg, json_pack("{s:s, s:o, s:o, s:s, s:s}", "key", c->key, "from",
					     value_json(c->from), "to", value_json(c->to),
					     "applied", applied_name(c->applied), "lost", c->lost));
}

json_t *rpc_config_show(void *ctx, const json_t *params, struct rpc_error *err)
{
	const struct server *s = ctx;
	json_t *keys;

	if (!param_only(params, "", err))
		return NULL;
	keys = json_array();
	config_each(s->conf, put_key, keys);
	return json_pack("{s:o, s:o}", "file", rpc_text(s->conf->file), "keys", keys);
}

/* The answer to a file, of which fresh is NULL if it has mistakes. */
static json_t *answer_json(const struct server *s, const struct config *fresh,
			   const struct config_errors *errors)
{
	json_t *mistakes = json_array(), *changes = json_array();

	for (unsigned i = 0; !fresh && i < errors->n && i < CONFIG_ERRORS_MAX; i++)
		json_array_append_new(mistakes, rpc_text(errors->error[i].text));
	if (fresh)
		config_compare(s->conf, fresh, put_change, changes);
	return json_pack(
	    "{s:o, s:o, s:b, s:o}", "file", rpc_text(s->conf->file), "mistakes", mistakes, "more",
	    !fresh && (errors->unchecked || errors->n > CONFIG_ERRORS_MAX), "changes", changes);
}

json_t *rpc_config_diff(void *ctx, const json_t *params, struct rpc_error *err)
{
	static struct config_errors errors;
	const struct server *s = ctx;
	struct config *fresh;
	json_t *o;

	if (!param_only(params, "", err))
		return NULL;
	fresh = reload_read(s, &errors);
	o = answer_json(s, fresh, &errors);
	config_free(fresh);
	return o;
}

/* ---- reload ---- */

/* Certificates are being read for it. */
struct asked {
	struct rpc_later *l;
	json_t *answer;
};

static void certificates_done(void *ctx, bool ok, const char *text)
{
	struct asked *a = ctx;
	struct server *s = rpc_later_ctx(a->l);
	struct rpc_error err = { RPC_INTERNAL, "out of memory" };

	s->reload.under_way = false;
	tls_agent_log(ok, text);
	json_object_set_new(
	    a->answer, "certificates",
	    json_pack("{s:b, s:o}", "read", ok, "error", ok ? json_null() : rpc_text(text)));
	rpc_reply(a->l, a->answer, &err);
	free(a);
}

/* What the file has is in force; its certificates follow. Takes answer over. */
static void certificates_read(struct server *s, struct rpc_later *l, json_t *answer)
{
	struct rpc_error err = { RPC_INTERNAL, "out of memory" };
	struct asked *a = NULL;

	json_object_set_new(answer, "certificates", json_null());
	if (s->tls && config_has_tls(s->conf))
		a = malloc(sizeof(*a));
	if (!a) {
		rpc_reply(l, answer, &err);
		return;
	}
	*a = (struct asked){ l, answer };
	s->reload.under_way = true;
	tls_agent_reload(s->tls, certificates_done, a);
}

/* NULL, and *err: it is refused, and nothing has changed. *applied: there was no mistake. */
static json_t *file_apply(struct server *s, bool *applied, struct rpc_error *err)
{
	static struct config_errors errors;
	struct config *fresh = reload_read(s, &errors);
	json_t *answer = answer_json(s, fresh, &errors);
	char why[2 * CONFIG_STR_MAX];

	*applied = fresh != NULL;
	if (fresh && !reload_apply(s, fresh, why, sizeof(why))) {
		json_decref(answer);
		answer = rpc_fail(err, RPC_INTERNAL, "nothing has changed: %s", why);
	}
	config_free(fresh);
	return answer;
}

void rpc_reload(void *ctx, const json_t *params, struct rpc_later *l)
{
	struct rpc_error err = { RPC_INTERNAL, "out of memory" };
	struct server *s = ctx;
	json_t *answer = NULL;
	bool applied = false;

	if (s->reload.under_way)
		rpc_fail(&err, RPC_BUSY, "a reload is under way: ask again when it is over");
	else if (param_only(params, "", &err))
		answer = file_apply(s, &applied, &err);
	if (answer && applied) {
		log_line("reload: %s is in force, as far as that needs no restart", s->conf->file);
		certificates_read(s, l, answer);
		return;
	}
	if (answer)
		json_object_set_new(answer, "certificates", json_null());
	rpc_reply(l, answer, &err);
}
