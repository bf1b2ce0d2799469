/* SPDX-License-Identifier: BSD-3-Clause */
/* A line in, a line out: JSON-RPC 2.0 without any I/O. */
#include "param.h"
#include "rpc.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *rpc_fail(struct rpc_error *err, enum rpc_code code, const char *fmt, ...)
{
	va_list ap;

	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return NULL;
}

json_t *rpc_text(const char *s)
{
	json_t *text = json_string(s);
	char *plain = text ? NULL : strdup(s);

	if (!plain)
		return text;
	for (char *p = plain; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	text = json_string(plain);
	free(plain);
	return text;
}

/* Takes over id and body. */
static char *reply_dump(json_t *id, const char *key, json_t *body)
{
	json_t *reply = json_pack("{s:s, s:o, s:o}", "jsonrpc", "2.0", "id", id, key, body);
	char *line = reply ? json_dumps(reply, JSON_COMPACT) : NULL;

	json_decref(reply);
	return line;
}

/* Takes over id. */
static char *error_dump(json_t *id, int code, const char *text)
{
	return reply_dump(id, "error",
			  json_pack("{s:i, s:o}", "code", code, "message", rpc_text(text)));
}

char *rpc_error_line(enum rpc_code code, const char *text)
{
	return error_dump(json_null(), code, text);
}

static const struct rpc_method *method_find(const struct rpc_method *methods, size_t n,
					    const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	return NULL;
}

/* What is wrong with the request's frame (JSON-RPC 2.0, section 4), or NULL. */
static const char *request_fault(const json_t *req)
{
	const json_t *version = json_object_get(req, "jsonrpc");
	const json_t *id = json_object_get(req, "id");

	if (json_is_array(req))
		return "batches are not served; send one request a line";
	if (!json_is_object(req))
		return "a request is a JSON object";
	if (!json_is_string(version) || strcmp(json_string_value(version), "2.0") != 0)
		return "\"jsonrpc\" must be \"2.0\"";
	if (!json_is_string(json_object_get(req, "method")))
		return "\"method\" must be a string";
	if (id && !json_is_string(id) && !json_is_number(id) && !json_is_null(id))
		return "\"id\" must be a string, a number or null";
	return NULL;
}

/* ---- who may, and who did ---- */

enum {
	AUDIT_ASKED_MAX = 384,
	AUDIT_MAX = AUDIT_ASKED_MAX + 16 + sizeof(((struct rpc_error *)0)->text)
};

/* Members that must not be written down; "program" of a capture is what "expression" says. */
static bool is_unwritten(const char *key)
{
	static const char *const names[] = { "password", "key",	      "ck",	   "ik",
					     "program",	 "crypto_in", "crypto_out" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], key) == 0)
			return true;
	return false;
}

/* The same without them, at whatever depth; a new reference. */
static json_t *written(const json_t *v)
{
	json_t *copy, *in;
	const char *key;
	size_t i;

	if (json_is_object(v)) {
		copy = json_object();
		json_object_foreach((json_t *)(uintptr_t)v, key, in) if (!is_unwritten(key))
		    json_object_set_new(copy, key, written(in));
		return copy;
	}
	if (!json_is_array(v))
		return json_incref((json_t *)(uintptr_t)v);
	copy = json_array();
	json_array_foreach(v, i, in) json_array_append_new(copy, written(in));
	return copy;
}

/* All of these are wiped, whether a method looked at them or refused before. */
static void unwritten_wipe(json_t *v, bool secret)
{
	const char *key;
	json_t *in;
	size_t i;

	if (json_is_string(v) && secret)
		explicit_bzero((char *)(uintptr_t)json_string_value(v), json_string_length(v));
	json_object_foreach(v, key, in) unwritten_wipe(in, secret || is_unwritten(key));
	json_array_foreach(v, i, in) unwritten_wipe(in, secret);
}

static void request_free(json_t *req)
{
	unwritten_wipe(req, false);
	json_decref(req);
}

/* What is asked for, but for what must not be written down. ASCII, without control characters. */
static void audit_asked(const struct rpc_method *m, const json_t *params, char *text, size_t len)
{
	json_t *shown = json_is_object(params) ? written(params) : NULL;
	char *dump;

	dump = json_object_size(shown) ? json_dumps(shown, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	snprintf(text, len, "%s%s%s", m->name, dump ? " " : "", dump ? dump : "");
	free(dump);
	json_decref(shown);
}

/* fault NULL: it was done. */
static void audit_tell(const struct rpc_caller *who, enum rpc_audited as, const char *asked,
		       const char *fault)
{
	char what[AUDIT_MAX];

	snprintf(what, sizeof(what), "%s: %s%s", asked, fault ? "failed: " : "done",
		 fault ? fault : "");
	who->audit(who, as, !fault, what);
}

static bool audits(const struct rpc_caller *who, const struct rpc_method *m)
{
	return m && m->audited && who && who->audit;
}

/*
 * A dry run changes nothing. What is killed takes as many calls as there is of it: those that go on
 * from the first, and find nothing to end, are told at the rate that controllers' calls have.
 */
static enum rpc_audited audited_as(const struct rpc_method *m, const json_t *params,
				   const json_t *result)
{
	if (!m->params || !strstr(m->params, PARAM_KILL))
		return m->audited;
	if (json_is_true(json_object_get(params, "dry_run")))
		return RPC_UNAUDITED;
	return json_integer_value(json_object_get(params, "cursor")) > 0 &&
		       json_integer_value(json_object_get(result, "killed")) == 0
		   ? RPC_AUDITED_CALL
		   : m->audited;
}

/* What nobody has described takes the most. */
static bool is_allowed(const struct rpc_caller *who, const struct rpc_method *m,
		       struct rpc_error *err)
{
	const enum config_may takes = m->help ? m->may : CONFIG_MAY_ADMINISTER;

	if (!who || (!who->nobody && who->may >= takes))
		return true;
	if (who->certificate[0])
		rpc_fail(err, RPC_DENIED, "this takes a certificate that may %s (management.roles)",
			 config_may_name[takes]);
	else
		rpc_fail(err, RPC_DENIED, "this takes a user who may %s (control.roles)",
			 config_may_name[takes]);
	return false;
}

/* The method a request asks for, or NULL and *err. */
static const struct rpc_method *request_method(const struct rpc_method *methods, size_t n,
					       const json_t *req, struct rpc_error *err)
{
	const char *name = json_string_value(json_object_get(req, "method"));
	const json_t *params = json_object_get(req, "params");
	const struct rpc_method *m = method_find(methods, n, name);

	if (!m)
		rpc_fail(err, RPC_NO_METHOD, "no method of that name");
	else if (params && !json_is_object(params))
		rpc_fail(err, RPC_BAD_PARAMS, "\"params\" must be an object");
	else
		return m;
	return NULL;
}

/* Takes over id, which is NULL for a notification, and result. NULL if no reply is due. */
static char *outcome_dump(json_t *id, json_t *result, const struct rpc_error *err)
{
	if (id)
		return result ? reply_dump(id, "result", result)
			      : error_dump(id, err->code, err->text);
	json_decref(result);
	return NULL;
}

const char *rpc_caller_text(const struct rpc_caller *who, char text[RPC_CALLER_TEXT])
{
	if (who->certificate[0])
		snprintf(text, RPC_CALLER_TEXT, "certificate \"%s\" at %s", who->certificate,
			 who->address);
	else if (who->process)
		snprintf(text, RPC_CALLER_TEXT, "user %u (process %d)", who->user, who->process);
	else if (who->local)
		snprintf(text, RPC_CALLER_TEXT, "user %u", who->user);
	else
		snprintf(text, RPC_CALLER_TEXT, "another controller");
	return text;
}

uint32_t rpc_caller_holder(const struct rpc_caller *who)
{
	uint32_t h = 0x811c9dc5;

	if (!who->certificate[0] && !who->local)
		return 0;
	for (const char *p = who->certificate; *p; p++)
		h = (h ^ (uint8_t)*p) * 0x01000193;
	h = (h ^ (h >> 16) ^ who->user) * 0x9e3779b1;
	return h ? h : 1;
}

/* ---- replies that come later ---- */

struct rpc_later {
	json_t *id; /* NULL: a notification */
	void *ctx;
	void (*done)(void *arg, char *line);
	struct bufferevent *(*take)(void *arg, char *line);
	void *arg;
	struct rpc_caller who; /* zero: not identified */
	enum rpc_audited audited;
	char *asked;   /* NULL: it is not audited */
	bool waiting;  /* the method has returned without a reply */
	bool answered; /* before it returned */
	char *line;
};

void *rpc_later_ctx(const struct rpc_later *l)
{
	return l->ctx;
}

void rpc_later_wait(struct rpc_later *l, void (*done)(void *arg, char *line), void *arg)
{
	l->done = done;
	l->arg = arg;
}

const struct rpc_caller *rpc_later_who(const struct rpc_later *l)
{
	return &l->who;
}

bool rpc_later_gone(const struct rpc_later *l)
{
	return l->waiting && !l->done;
}

void rpc_reply(struct rpc_later *l, json_t *result, const struct rpc_error *err)
{
	if (l->asked)
		audit_tell(&l->who, l->audited, l->asked, result ? NULL : err->text);
	free(l->asked);
	l->line = outcome_dump(l->id, result, err);
	l->answered = true;
	if (!l->waiting)
		return;
	if (l->done)
		l->done(l->arg, l->line);
	else
		free(l->line);
	free(l);
}

void rpc_later_takeable(struct rpc_later *l, struct bufferevent *(*take)(void *arg, char *line))
{
	l->take = take;
}

struct bufferevent *rpc_take(struct rpc_later *l, json_t *result)
{
	const struct rpc_error err = { RPC_INTERNAL,
				       "this needs a connection of the control socket" };
	struct bufferevent *bev = NULL;

	if (l->done && l->take && l->id) {
		if (l->asked)
			audit_tell(&l->who, l->audited, l->asked, NULL);
		free(l->asked);
		bev = l->take(l->arg, outcome_dump(l->id, result, &err));
		free(l);
	} else {
		json_decref(result);
		rpc_reply(l, NULL, &err);
	}
	return bev;
}

/* Takes over id. The reply if it is there at once. */
static char *method_later(const struct rpc_method *m, void *ctx, const json_t *params, json_t *id,
			  const struct rpc_caller *who, struct rpc_later **later)
{
	struct rpc_later *l = calloc(1, sizeof(*l));
	char asked[AUDIT_ASKED_MAX], *line;

	if (!l) {
		json_decref(id);
		return NULL;
	}
	l->id = id;
	l->ctx = ctx;
	if (who)
		l->who = *who;
	if (audits(who, m)) {
		audit_asked(m, params, asked, sizeof(asked));
		l->audited = m->audited;
		l->asked = strdup(asked);
	}
	m->later(ctx, params, l);
	if (!l->answered) {
		l->waiting = true;
		*later = l;
		return NULL;
	}
	line = l->line;
	free(l);
	return line;
}

/* Runs a method that answers at once; its result, or NULL and *err. */
static json_t *method_call(const struct rpc_method *m, void *ctx, const json_t *params,
			   const struct rpc_caller *who, struct rpc_error *err)
{
	char asked[AUDIT_ASKED_MAX];
	enum rpc_audited as;
	json_t *result;

	if (!audits(who, m))
		return m->call(ctx, params, err);
	audit_asked(m, params, asked, sizeof(asked)); /* a method may wipe what it is given */
	result = m->call(ctx, params, err);
	as = audited_as(m, params, result);
	if (as != RPC_UNAUDITED)
		audit_tell(who, as, asked, result ? NULL : err->text);
	return result;
}

/* What was not even tried, for want of a role or a method that can be waited for, is told too. */
static const struct rpc_method *method_judge(const struct rpc_method *m, const json_t *params,
					     const struct rpc_caller *who, bool wait,
					     struct rpc_error *err)
{
	char asked[AUDIT_ASKED_MAX];

	if (m && is_allowed(who, m, err)) {
		if (!m->later || wait)
			return m;
		rpc_fail(err, RPC_INTERNAL, "this method answers later, and nobody would wait");
	}
	if (audits(who, m)) {
		audit_asked(m, params, asked, sizeof(asked));
		audit_tell(who, m->audited, asked, err->text);
	}
	return NULL;
}

char *rpc_answer(const struct rpc_method *methods, size_t n, void *ctx, const char *line,
		 size_t len, struct rpc_later **later)
{
	return rpc_answer_to(NULL, methods, n, ctx, line, len, later);
}

char *rpc_answer_to(const struct rpc_caller *who, const struct rpc_method *methods, size_t n,
		    void *ctx, const char *line, size_t len, struct rpc_later **later)
{
	struct rpc_error err = { RPC_INTERNAL, "out of memory" };
	json_t *req = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	json_t *id, *params, *result = NULL;
	const struct rpc_method *m;
	const char *fault;
	char *reply;

	if (!req)
		return rpc_error_line(RPC_PARSE, "not JSON");
	fault = request_fault(req);
	if (fault) {
		request_free(req);
		return rpc_error_line(RPC_INVALID_REQUEST, fault);
	}
	id = json_incref(json_object_get(req, "id"));
	params = json_object_get(req, "params");
	m = method_judge(request_method(methods, n, req, &err), params, who, later != NULL, &err);
	if (m && m->later) {
		reply = method_later(m, ctx, params, id, who, later);
	} else {
		if (m)
			result = method_call(m, ctx, params, who, &err);
		reply = outcome_dump(id, result, &err);
	}
	request_free(req);
	return reply;
}
