/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program for tests: one worker of the dataplane on a real port, without a control process, whose
 * TCP connections belong to whoever speaks to a Unix socket (SOCK_STREAM). Conformance tools of
 * others can drive the stack by it.
 *
 *     tcp-agent --config FILE --socket PATH
 *
 * FILE is a configuration as fairlead-dp reads it; its ports, addresses and limits are taken, and
 * its listeners for TURN are not. Prints "tcp-agent: ready" when it serves. A request is a line of
 * words, an answer a line of JSON: an object with the member "error" where something went wrong.
 * Requests of one client are answered one after the other; a client may have many connections, and
 * there may be many clients, so what shall go on at the same time (send and receive of one
 * connection) is asked by two. What is not asked for with receive stays in the stack, and the
 * window closes, as in a kernel socket. A client that goes leaves its connections as they are.
 *
 *     > listen 7                    < {"listening":true}
 *     > accept 7                    < {"id":1,"local":"10.9.0.1","local_port":7,"remote":...}
 *     > receive 1 5 hex             < {"bytes":5,"sha256":"...","hex":"68656c6c6f","fin":false}
 *     > send 1 1000000 42           < {"bytes":1000000,"sha256":"..."}
 *     > close 1                     < {"ok":true}
 *     > wait 1                      < {"ended":"done"}
 *     > info 1                      < {"id":1,...,"ended":"done"}
 *
 * verbs_help() prints all verbs, lib/tcp_end.def has all ends. The pattern that send N SEED makes
 * is splitmix64 from SEED on, little-endian; see pattern() in verbs.c.
 */
#include "agent.h"
#include "../../../dp/port.h"
#include "../../../dp/region.h"
#include "../../../dp/stage.h"

#include <getopt.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { HUGE_AT = 7, ERR_MAX = 512, POLL_TURNS = 8, SPARE_CONNS = 4096 };

static struct dplane dplane;

static void on_signal(int sig)
{
	(void)sig;
	atomic_store(&dplane.stop, true);
}

static void usage(FILE *out)
{
	fputs("usage: tcp-agent --config FILE --socket PATH\n"
	      "One worker's TCP stack on the first port of a configuration of fairlead-dp, driven "
	      "by\n"
	      "lines on a Unix socket, for tests.\n\n"
	      "  --config FILE  the configuration\n"
	      "  --socket PATH  where requests come\n"
	      "  --help         this text\n\n"
	      "Verbs:\n",
	      out);
	verbs_help(out);
}

static bool eal_start(const struct config *c, char *err)
{
	char cpu[32], mem[16], prefix[32];
	char *argv[] = { (char *)"tcp-agent",
			 cpu,
			 (char *)"-m",
			 mem,
			 prefix,
			 (char *)"--no-pci",
			 (char *)"--no-shconf",
			 (char *)"--no-huge",
			 (char *)"--single-file-segments",
			 (char *)"--iova-mode=va", /* see mbufs_create() */
			 (char *)"--no-telemetry",
			 (char *)"--log-level=*:warning",
			 NULL };

	/* vhost and virtio-user share memory by descriptor, which ordinary pages have none of. */
	if (c->dataplane.hugepages == HUGEPAGES_YES)
		argv[HUGE_AT] = (char *)"--in-memory";
	snprintf(cpu, sizeof(cpu), "--lcores=0@%u", c->dataplane.workers[0]);
	snprintf(mem, sizeof(mem), "%u", c->dataplane.memory_mb);
	snprintf(prefix, sizeof(prefix), "--file-prefix=fltcp%d", (int)getpid());
	if (rte_eal_init(RTE_DIM(argv) - 1, argv) >= 0) {
		rmdir(rte_eal_get_runtime_dir());
		return true;
	}
	snprintf(err, ERR_MAX, "DPDK does not start");
	return false;
}

/* As fairlead-dp starts, with one worker and no service thread. */
static bool start(const struct config *c, int *region_fd, char *err)
{
	struct dplane *dp = &dplane;
	uint16_t i;

	if (c->dataplane.n_workers != 1) {
		snprintf(err, ERR_MAX, "%s: dataplane.workers: the agent runs one", c->file);
		return false;
	}
	if (!dplane_init(dp, c, err, ERR_MAX) || !eal_start(c, err))
		return false;
	dp->wake_cp = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	*region_fd = region_create(dp, err, ERR_MAX);
	if (*region_fd < 0)
		return false;
	dp->tsc_per_us = (double)rte_get_tsc_hz() / 1e6;
	dp->us_per_tsc = (uint64_t)(4294967296.0 / dp->tsc_per_us);
	agent.w = dp->worker[0] = worker_create(dp, 0, err, ERR_MAX);
	if (!agent.w)
		return false;
	for (i = 0; i < c->n_port; i++)
		if (!port_open(dp, i, err, ERR_MAX))
			return false;
	agent.w->n_ports = dp->n_ports;
	agent.w->tcp->accept = conns_accept;
	agent.conns_max = c->tcp.connections + SPARE_CONNS;
	agent.conn = calloc(agent.conns_max, sizeof(*agent.conn));
	return agent.conn != NULL;
}

/* Turns of the worker; the socket between them, and a nap on it when nothing happens. */
static void run(const struct config *c)
{
	uint32_t nap_us = 0, idle = 0, turn = 0;

	prctl(PR_SET_TIMERSLACK, 1000UL);
	while (!atomic_load_explicit(&dplane.stop, memory_order_relaxed)) {
		stage_start(agent.w);
		if (worker_turn(agent.w) | clients_step()) {
			idle = nap_us = 0;
			if (++turn % POLL_TURNS == 0)
				clients_poll(0);
			continue;
		}
		if (++idle > POLL_TURNS)
			nap_us = RTE_MIN(nap_us ? nap_us * 2 : 1, c->dataplane.idle_max_us);
		clients_poll(nap_us);
	}
}

static void finish(const char *socket, int region_fd)
{
	uint16_t i;
	uint32_t n;

	clients_close(socket);
	for (i = 0; i < dplane.n_ports; i++)
		port_close(&dplane.port[i]);
	worker_free(agent.w);
	region_destroy(&dplane, region_fd);
	for (n = 0; agent.conn && n < agent.conns_max; n++)
		free(agent.conn[n].rest);
	free(agent.conn);
	rte_eal_cleanup();
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
						 { "socket", required_argument, NULL, 's' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct sigaction sa = { .sa_handler = on_signal };
	const char *config = NULL, *socket = NULL;
	char err[ERR_MAX] = "out of memory";
	struct config *c;
	int opt, region_fd = -1;
	bool ok;

	agent.listen_fd = -1;
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == 'c')
			config = optarg;
		else if (opt == 's')
			socket = optarg;
		else
			return usage(opt == 'h' ? stdout : stderr), opt == 'h' ? 0 : 2;
	}
	if (optind < argc || !config || !socket)
		return usage(stderr), 2;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	c = config_load(config, err, sizeof(err));
	ok = c && start(c, &region_fd, err) && clients_open(socket, err, sizeof(err));
	if (ok) {
		puts("tcp-agent: ready");
		fflush(stdout);
		run(c);
	} else {
		fprintf(stderr, "tcp-agent: %s\n", err);
	}
	finish(socket, region_fd);
	config_free(c);
	return ok ? 0 : 1;
}
