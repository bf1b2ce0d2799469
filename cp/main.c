/* SPDX-License-Identifier: BSD-3-Clause */
/* fairlead-cp: the control process. */
#include "adopt.h"
#include "admin/context_events.h"
#include "admin/ipsec_events.h"
#include "admin/describe.h"
#include "admin/manage.h"
#include "admin/metrics.h"
#include "admin/needs.h"
#include "admin/records_rpc.h"
#include "admin/rpc.h"
#include "admin/trace.h"
#include "auth/psk_store.h"
#include "cost.h"
#include "cpus.h"
#include "context/gateway.h"
#include "ipsec/phones.h"
#include "context/gateway_link.h"
#include "h248/mg.h"
#include "ng/ng.h"
#include "log.h"
#include "loop.h"
#include "parts.h"
#include "record/hep.h"
#include "aka/vectors.h"
#include "record/radius.h"
#include "record/records.h"
#include "tls/agent.h"
#include "turn/turn.h"
#include "../lib/notify.h"
#include "../lib/bug.h"
#include "../lib/memory.h"
#include "../lib/process.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static const char usage[] =
    "Usage: fairlead-cp --config FILE\n"
    "\n"
    "Control process of the Fairlead relay: authenticates clients and decides about\n"
    "allocations. Attaches to fairlead-dp, which runs with the same FILE.\n"
    "\n"
    "  --config FILE        run with this configuration\n"
    "  --check-config FILE  check it and exit: 0, or 1 and all that is wrong\n"
    "  --config-help        every key with its range, default and unit\n"
    "  --config-applied     every key, how a change of it is applied, and what is lost\n"
    "  --rpc-help           every method of the control socket\n"
    "  --help, --version\n";

enum option_id {
	OPT_CONFIG = 256,
	OPT_CHECK,
	OPT_CONFIG_HELP,
	OPT_APPLIED,
	OPT_RPC_HELP,
	OPT_HELP,
	OPT_VERSION
};

static const struct option options[] = {
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "check-config", required_argument, NULL, OPT_CHECK },
	{ "config-help", no_argument, NULL, OPT_CONFIG_HELP },
	{ "rpc-help", no_argument, NULL, OPT_RPC_HELP },
	{ "config-applied", no_argument, NULL, OPT_APPLIED },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static int fail(const char *err)
{
	fprintf(stderr, "fairlead-cp: %s\n", err);
	return 1;
}

/* What a key of the configuration asks for cannot be had. */
static int fail_at(const struct config *c, const char *key, const char *err)
{
	fprintf(stderr, "fairlead-cp: %s: %s: %s\n", c->file, key, err);
	return 1;
}

/* Whoever can read a secret can make himself a user. */
static void warn_secrets(const struct config *c)
{
	if (config_shows_secrets(c))
		log_line("%s: others may read auth.rest-secrets: give the file the mode 0640, or "
			 "0600",
			 c->file);
}

static int check_config(const char *file)
{
	static struct config_errors errors;
	struct config *c = config_load_all(file, &errors);

	for (unsigned i = 0; i < errors.n && i < CONFIG_ERRORS_MAX; i++)
		fail(errors.error[i].text);
	if (errors.n > CONFIG_ERRORS_MAX)
		fail("and more: the rest is told when these are mended");
	else if (errors.unchecked)
		fail("more may be found when these are mended");
	if (!c)
		return 1;
	warn_secrets(c);
	printf("%s is correct\n", file);
	needs_tell(c, stdout);
	cost_tell(c, stdout);
	config_free(c);
	return 0;
}

/* Tells what an earlier process left. */
static void report_table(const struct server *s)
{
	const struct table_stats *st = table_stats(s->table);

	if (st->carried)
		log_line("the state file %s is made anew: %s", s->conf->control.state, st->carried);
	if (st->fresh)
		log_line("the state file %s starts empty: %s", s->conf->control.state, st->fresh);
	else
		log_line("%" PRIu64 " allocations taken over (%u moved), %u expired, %u damaged "
			 "records skipped",
			 st->kept, st->moved, st->expired, st->damaged);
}

static void report_ports(const struct server *s)
{
	if (ports_fresh(s->ports))
		log_line("the state file %s.ports starts empty: %s", s->conf->control.state,
			 ports_fresh(s->ports));
}

static void report_contexts(const struct server *s)
{
	const struct gate_stats *st = gate_stats(s->gateway);

	if (st->carried)
		log_line("the state file %s is made anew: %s", s->conf->control.contexts,
			 st->carried);
	if (st->fresh)
		log_line("the state file %s starts empty: %s", s->conf->control.contexts,
			 st->fresh);
	else
		log_line("%" PRIu64 " contexts taken over, %" PRIu64 " damaged records skipped",
			 st->kept, st->damaged);
}

/* Timers of less than a millisecond: a full command ring is looked at again so soon. */
static struct event_base *base_create(void)
{
	struct event_config *c = event_config_new();
	struct event_base *base = NULL;

	if (c && event_config_set_flag(c, EVENT_BASE_FLAG_PRECISE_TIMER) == 0)
		base = event_base_new_with_config(c);
	if (c)
		event_config_free(c);
	return base;
}

static void report_bug(const struct ctl_bug *b)
{
	log_line("%s at %s: %s", b->warn ? "WARN" : "BUG", b->where, b->expr);
}

static bool prepare_hep(void *arg, const struct config *c, char *err, size_t errlen)
{
	return hep_prepare(arg, c, err, errlen);
}

static void finish_hep(void *arg, bool apply)
{
	hep_finish(arg, apply);
}

static bool vectors_start(struct server *s, struct event_base *base, char *err, size_t errlen)
{
	s->vectors = vectors_open(base, &s->conf->aka, err, errlen);
	return s->vectors || !*err;
}

/* The server and its sockets are up: runs until a signal. */
static int run_loop(struct server *s)
{
	struct event_base *base = base_create();
	struct parts parts = { .s = s, .base = base };
	char err[2 * CONFIG_STR_MAX];
	struct rpc *rpc = NULL;
	struct loop *loop = NULL;
	bool served = false;
	int rc = 1;

	snprintf(err, sizeof(err), "out of memory for the event loop");
	if (base && context_events_open(s, base) && ipsec_events_open(s, base) &&
	    records_rpc_open(s, base) && trace_open(s, base))
		rpc = rpc_start(s, base, err, sizeof(err));
	if (rpc && metrics_start(s, base, &parts.metrics, err, sizeof(err)) &&
	    manage_start(s, base, &parts.manage, err, sizeof(err)))
		served = ng_start(s, s->gateway, base, &s->ng, err, sizeof(err)) &&
			 mg_start(s, s->gateway, base, &s->mg, err, sizeof(err)) &&
			 vectors_start(s, base, err, sizeof(err));
	if (served) {
		s->own_cert[OWN_CERT_H248] = mg_certificate(s->mg);
		parts_add(&parts);
		loop = loop_create(base, s);
	}
	if (loop) {
		report_ports(s);
		report_table(s);
		if (s->gateway)
			report_contexts(s);
		event_base_dispatch(base);
		rc = loop_starts_again(loop) ? EX_TEMPFAIL : 0;
	} else if (base && !rpc) {
		fail_at(s->conf, "control.socket", err);
	} else {
		fail_at(s->conf, "control, management, gateway or aka", err);
	}
	if (loop)
		loop_free(loop);
	mg_stop(s->mg);
	s->mg = NULL;
	ng_stop(s->ng);
	s->ng = NULL;
	parts_remove(&parts);
	vectors_close(s->vectors);
	s->vectors = NULL;
	metrics_stop(parts.metrics);
	manage_stop(parts.manage);
	rpc_stop(rpc);
	context_events_close(s);
	ipsec_events_close(s);
	records_rpc_close(s);
	trace_close(s);
	if (base)
		event_base_free(base);
	return rc;
}

/* What a server needs beside its table. On failure one sentence is told. */
struct stores {
	struct auth *auth;
	struct tls_agent *tls;
	struct psk_store *psk; /* NULL: no domain takes pre-shared keys */
	struct records *records;
	struct radius *radius; /* NULL: no server is to hear of them */
	struct hep *hep;
};

static void stores_close(struct stores *st)
{
	records_close(st->records);
	radius_close(st->radius);
	hep_close(st->hep);
	psk_close(st->psk);
	tls_agent_close(st->tls);
	auth_close(st->auth);
}

/* Who accounting is told to, once there is anybody. */
struct radius_part {
	struct server *s;
	struct stores *st;
	struct radius *first; /* made ready */
};

static bool prepare_radius(void *arg, const struct config *c, char *err, size_t errlen)
{
	struct radius_part *p = arg;

	if (p->st->radius)
		return radius_prepare(p->st->radius, &c->radius, err, errlen);
	if (!c->radius.n_server)
		return true;
	p->first = radius_open(&c->radius, err, errlen);
	return p->first != NULL;
}

static void finish_radius(void *arg, bool apply)
{
	struct radius_part *p = arg;

	if (p->st->radius) {
		radius_finish(p->st->radius, apply);
	} else if (p->first && apply) {
		p->st->radius = p->first;
		p->s->radius = radius_counts(p->first);
		records_also(p->st->records, radius_take, p->first);
	} else {
		radius_close(p->first);
	}
	p->first = NULL;
}

static bool records_begin_all(struct stores *st, const struct config *c, char *err, size_t errlen)
{
	st->records = records_open(&c->records, err, errlen);
	st->hep = st->records ? hep_open(c, err, errlen) : NULL;
	if (!st->hep)
		return false;
	records_also(st->records, hep_take, st->hep);
	if (!c->radius.n_server)
		return true;
	st->radius = radius_open(&c->radius, err, errlen);
	if (st->radius)
		records_also(st->records, radius_take, st->radius);
	return st->radius != NULL;
}

static bool stores_open(struct stores *st, const struct config *c)
{
	char err[2 * CONFIG_STR_MAX];

	*st = (struct stores){ .auth = auth_open(c, err, sizeof(err)) };
	if (!st->auth) {
		fail_at(c, "auth", err);
		return false;
	}
	st->tls = tls_agent_open(c, err, sizeof(err));
	if (!st->tls) {
		fail(err);
		return false;
	}
	if (psk_is_wanted(c) && !(st->psk = psk_open(c->auth.users_db, 0, err, sizeof(err)))) {
		fail_at(c, "auth.users-db", err);
		return false;
	}
	if (!records_begin_all(st, c, err, sizeof(err))) {
		fail(err);
		return false;
	}
	return true;
}

/* The server is open: takes up contexts, if there are to be any, and runs. */
static int run_server(struct server *s)
{
	char err[2 * CONFIG_STR_MAX];
	int rc;

	if (s->conf->gateway.contexts) {
		s->gateway = gate_open(s, err, sizeof(err));
		if (!s->gateway)
			return fail_at(s->conf, "control.contexts", err);
	}
	if (s->conf->ipsec.n_addr && !(s->phones = phones_new(s))) {
		gate_close(s->gateway);
		return fail_at(s->conf, "ipsec.phones", "not enough memory");
	}
	if (!adopt_due(s)) /* else when the dataplane has told what it has */
		ports_resume(s->ports, server_now(s));
	rc = run_loop(s);
	phones_free(s->phones);
	s->phones = NULL;
	gate_close(s->gateway);
	s->gateway = NULL;
	return rc;
}

static int run(const char *file)
{
	char err[2 * CONFIG_STR_MAX];
	struct config *c = config_load(file, err, sizeof(err));
	struct stores st;
	struct server s;
	struct radius_part radius = { .s = &s, .st = &st };
	int rc = 1;

	if (!c)
		return fail(err), EX_CONFIG;
	process_guard();
	if (!process_files(err, sizeof(err))) {
		config_free(c);
		return fail(err);
	}
	warn_secrets(c);
	signal(SIGPIPE, SIG_IGN);
	bug_tell = report_bug;
	cpus_leave(c); /* before threads are made, which inherit it */
	if (!memory_purger_start())
		log_line("jemalloc starts no thread of its own (too many threads?): the event loop "
			 "gives memory back itself");
	if (stores_open(&st, c)) {
		if (server_open(&s, c, st.auth, loop_now_ms(), loop_wall_ms(), err, sizeof(err))) {
			s.tls = st.tls;
			s.psk = st.psk;
			s.records = st.records;
			s.radius = radius_counts(st.radius);
			s.hep = hep_counts(st.hep);
			reload_add(&s, (struct reload_part){ prepare_hep, finish_hep, st.hep });
			reload_add(&s,
				   (struct reload_part){ prepare_radius, finish_radius, &radius });
			s.reload.conf = c;
			c->turn.allocations_places = table_places(s.table);
			rc = run_server(&s);
			st.psk = s.psk; /* a reload may have opened it */
			server_close(&s);
		} else {
			fail_at(c, "control.state", err);
		}
	}
	stores_close(&st);
	config_free(c);
	return rc;
}

/*
 * As another process with the same number, of the program that stands there now. Should it not go,
 * whoever watches over us starts us again.
 */
static int begin_again(char **argv)
{
	static const char replaced[] = " (deleted)"; /* as by an upgrade */
	const ssize_t tail = sizeof(replaced) - 1;
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > tail && memcmp(self + n - tail, replaced, sizeof(replaced) - 1) == 0)
		n -= tail;
	self[n > 0 ? n : 0] = '\0';
	cpus_return();
	notify("WATCHDOG=1\n"); /* to open all takes its time */
	execv(self, argv);
	log_line("cannot start again: %s: %s", self, strerror(errno));
	return EX_TEMPFAIL;
}

int main(int argc, char **argv)
{
	const char *config = NULL;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case OPT_CONFIG:
			config = optarg;
			break;
		case OPT_CHECK:
			return check_config(optarg);
		case OPT_CONFIG_HELP:
			config_help(stdout);
			return 0;
		case OPT_RPC_HELP:
			rpc_describe_print(stdout);
			return 0;
		case OPT_APPLIED:
			config_applied_list(stdout);
			return 0;
		case OPT_HELP:
			fputs(usage, stdout);
			return 0;
		case OPT_VERSION:
			printf("fairlead-cp " FAIRLEAD_VERSION ", %s, boundary %u\n",
			       memory_allocator(), CTL_ABI_VERSION);
			return 0;
		default:
			return fail("see fairlead-cp --help");
		}
	}
	if (!config || optind != argc)
		return fail("no configuration; see fairlead-cp --help");
	rc = run(config);
	return rc == EX_TEMPFAIL ? begin_again(argv) : rc;
}
