/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests of controllers: a line of JSON-RPC, or a termination as the command line has it, against
 * a gateway that takes everything. Whatever is asked for keeps to its bounds, and every answer is a
 * line of JSON (R27).
 */
#include "cli/term_text.h"
#include "cp/admin/context_rpc.h"
#include "cp/admin/term_json.h"
#include "cp/dplink.h"
#include "tests/world/fake_gateway.h"
#include "must.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct rpc_method methods[] = {
	{ "contexts", .call = rpc_contexts },
	{ "context.add", .call = rpc_context_add },
	{ "context.modify", .call = rpc_context_modify },
	{ "context.subtract", .call = rpc_context_subtract },
	{ "context.move", .call = rpc_context_move },
	{ "context.delete", .later = rpc_context_delete },
	{ "context.show", .later = rpc_context_show },
};

static struct gateway gateway;
static struct config conf = { .n_realm = 2, .n_domain = 1 };
static struct server server = { .conf = &conf, .gateway = &gateway, .now_ms = 1000000 };

static void check_spec(const struct term_spec *w)
{
	const struct ctl_term *t = &w->term;

	if (t->transport == TERM_NONE)
		return; /* nobody asked */
	must(t->transport <= TERM_TLS && w->realm < conf.n_realm);
	must(t->n_fingerprint <= CTL_FINGERPRINTS_MAX);
	must(t->dscp == CTL_DSCP_KEEP || t->dscp < 64);
	must(t->domain == CONFIG_DOMAINS_MAX || t->domain < conf.n_domain);
	must(w->notify < 1 << TERM_EVENTS);
	must(memchr(t->host, '\0', sizeof(t->host)) && memchr(w->tag, '\0', sizeof(w->tag)));
	for (uint32_t i = 0; i < t->n_fingerprint; i++)
		must(fp_len(t->fingerprint[i].hash) > 0);
}

static void line_came(void *arg, char *line)
{
	json_t *j = json_loads(line, 0, NULL);

	(void)arg;
	must(!line || j);
	json_decref(j);
	free(line);
}

static void ask(const char *line, size_t len)
{
	static const struct ctl_term_stats stats[2];
	struct rpc_later *later = NULL;
	char *answer;

	if (!server.link) /* to no dataplane */
		must((server.link = dplink_create(&conf, &server)) != NULL);
	gateway.done = NULL;
	answer =
	    rpc_answer(methods, sizeof(methods) / sizeof(methods[0]), &server, line, len, &later);
	if (later)
		rpc_later_wait(later, line_came, NULL);
	if (gateway.done)
		gateway.done(gateway.arg, NULL, stats);
	if (answer)
		line_came(NULL, answer);
}

static void check_text(const uint8_t *data, size_t size)
{
	char *s = malloc(size + 1), err[256] = "";
	struct term_spec w = { 0 };
	struct term_keys k = { 0 };
	static const char *const none[] = { NULL };
	struct rpc_error e;
	json_t *o;

	memcpy(s, data, size);
	s[size] = '\0';
	o = term_text(s, err, sizeof(err));
	must(o || *err);
	if (o && term_json_read(&conf, o, none, true, "", &w, &k, &e))
		check_spec(&w);
	json_decref(o);
	free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&gateway, 0, sizeof(gateway));
	strcpy(conf.realm[0].name, "access");
	strcpy(conf.realm[1].name, "core");
	strcpy(conf.domain[0].name, "default");
	check_text(data, size);
	/* A request a line, each about what those before it made. */
	for (size_t at = 0; at < size;) {
		const uint8_t *end = memchr(data + at, '\n', size - at);
		const size_t n = end ? (size_t)(end - data) - at : size - at;

		ask((const char *)data + at, n);
		check_spec(&gateway.spec[0]);
		check_spec(&gateway.spec[1]);
		at += n + 1;
		if (gateway.c[FAKE_CONTEXTS - 2].id)
			break;
	}
	return 0;
}
