/* SPDX-License-Identifier: BSD-3-Clause */
/* fairlead-dp: start, run, stop. */
#include "bus.h"
#include "handover.h"
#include "iface.h"
#include "numa.h"
#include "pages.h"
#include "port.h"
#include "privilege.h"
#include "region.h"
#include "service.h"
#include "snapshot.h"
#include "shortfall.h"
#include "socket.h"
#include "worker.h"
#include "conf/device.h"
#include "conf/eal.h"
#include "conf/layout.h"
#include "lib/memory.h"
#include "lib/process.h"
#include "tls/accel.h"
#include "tls/handshake.h"
#include "tls/tickets.h"

#include <getopt.h>
#include <openssl/crypto.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	EAL_ARGS = 24 + BUS_ARGS_MAX + 2 * CONFIG_EAL_MAX,
	ERR_MAX = 512,
	LCORES_LEN = 16 * (1 + CTL_WORKERS_MAX + CONFIG_CRYPTO_MAX)
};
enum { NODE_BYTES = 32 << 20 };

static struct dplane dplane;
static struct tickets tickets;

static void on_signal(int sig)
{
	atomic_store(sig == SIGHUP ? &dplane.reload : &dplane.stop, true);
}

/* Ticket keys are for those who serve TLS. */
static void tickets_place(struct dplane *dp)
{
	if (config_has_tls(dp->conf))
		dp->tickets = &tickets;
}

static void usage(FILE *out)
{
	fputs("usage: fairlead-dp [--config FILE]\n"
	      "The dataplane of Fairlead: moves packets, on the CPUs and ports of the "
	      "configuration.\n\n"
	      "  --config FILE  configuration (default: $FAIRLEAD_CONFIG, or "
	      "/etc/fairlead/fairlead.yaml)\n"
	      "  --version      print the version\n"
	      "  --help         this text; keys and defaults: fairlead-cp --config-help\n",
	      out);
}

/* Ordinary pages would be taken until the kernel kills something. */
static bool hugepages_decide(const struct config *c, bool *huge, char *err)
{
	const struct pages left = pages_left("");
	const uint32_t mb = c->dataplane.memory_mb;
	struct region shared = { 0 };
	uint64_t wanted;

	*huge = c->dataplane.hugepages != HUGEPAGES_NO && left.huge_mb >= mb;
	if (c->dataplane.hugepages == HUGEPAGES_YES && !*huge) {
		snprintf(
		    err, ERR_MAX,
		    "%s: dataplane.hugepages: %ju MB of huge pages are free and memory-mb wants "
		    "%u; reserve more (sysctl vm.nr_hugepages=N) or set hugepages: auto",
		    c->file, (uintmax_t)left.huge_mb, mb);
		return false;
	}
	layout_make(c, &shared);
	wanted = (*huge ? 0 : mb) + (shared.size >> 20);
	if (left.all_mb < wanted) {
		snprintf(err, ERR_MAX,
			 "%s: dataplane.memory-mb: %ju MB of ordinary pages are wanted, %ju MB of "
			 "them to share (ring-slots, tcp.connections), and the machine has %ju MB "
			 "left: fairlead-cp --check-config tells what they are for",
			 c->file, (uintmax_t)wanted, (uintmax_t)shared.size >> 20,
			 (uintmax_t)left.all_mb);
		return false;
	}
	fprintf(stderr, "fairlead-dp: memory: %u MB in %s pages\n", mb,
		*huge ? "huge" : "ordinary");
	return true;
}

/*
 * Whether this thread may run there. With isolcpus, or where a manager keeps its services off CPUs,
 * a process begins without them and has them if it asks.
 */
static bool cpu_is_ours(uint16_t cpu)
{
	cpu_set_t had, one;
	bool ok;

	if (sched_getaffinity(0, sizeof(had), &had) < 0 || CPU_ISSET(cpu, &had))
		return true;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	ok = sched_setaffinity(0, sizeof(one), &one) == 0;
	sched_setaffinity(0, sizeof(had), &had);
	return ok;
}

/* DPDK answers a CPU that is not there with a page of its own options. */
static bool cpu_check(const struct config *c, const char *key, uint16_t cpu, char *err)
{
	if (cpu_is_ours(cpu))
		return true;
	snprintf(err, ERR_MAX, "%s: %s: there is no CPU %u here, or we may not run on it", c->file,
		 key, cpu);
	return false;
}

static bool cpus_check(const struct config *c, char *err)
{
	bool ok = cpu_check(c, "dataplane.main-cpu", c->dataplane.main_cpu, err);
	uint16_t i;

	for (i = 0; ok && i < c->dataplane.n_workers; i++)
		ok = cpu_check(c, "dataplane.workers", c->dataplane.workers[i], err);
	for (i = 0; ok && i < c->tls.n_crypto_cpus; i++)
		ok = cpu_check(c, "tls.crypto-cpus", c->tls.crypto_cpus[i], err);
	return ok;
}

/*
 * What another fairlead-dp has is left alone: nothing of it may be opened, not even to see that it
 * is busy.
 */
static bool places_claim(const struct config *c, char *err)
{
	return process_files(err, ERR_MAX) && socket_is_free(c, err, ERR_MAX) &&
	       iface_claim_all(c, err, ERR_MAX);
}

static void lcores_write(const struct config *c, char *out)
{
	int n = snprintf(out, LCORES_LEN, "--lcores=0@%u", c->dataplane.main_cpu);
	uint16_t i;

	for (i = 0; i < c->dataplane.n_workers; i++)
		n += snprintf(out + n, LCORES_LEN - (size_t)n, ",%u@%u", lcore_worker(i),
			      c->dataplane.workers[i]);
	for (i = 0; i < c->tls.n_crypto_cpus; i++)
		n += snprintf(out + n, LCORES_LEN - (size_t)n, ",%u@%u", lcore_crypto(c, i),
			      c->tls.crypto_cpus[i]);
}

static int heap_is_full(int node, size_t limit, size_t len)
{
	(void)node;
	(void)limit;
	(void)len;
	return -1;
}

/*
 * What -m took is all there is (R73): EAL would take more huge pages while there are some. It
 * spread them over the NUMA nodes of our CPUs; a driver whose device is on another has NODE_BYTES
 * there. Ordinary pages never grow.
 */
static bool heap_close(const struct config *c, char *err)
{
	struct rte_malloc_socket_stats heap = { 0 };
	unsigned i;

	for (i = 0; i < rte_socket_count(); i++) {
		int node = rte_socket_id_by_idx(i);
		int r = rte_malloc_get_socket_stats(node, &heap);
		size_t more = heap.heap_totalsz_bytes ? 0 : NODE_BYTES;

		if (r < 0 ||
		    rte_mem_alloc_validator_register("memory-mb", heap_is_full, node, more) < 0) {
			snprintf(err, ERR_MAX, "%s: dataplane.memory-mb: cannot be kept: %s",
				 c->file, rte_strerror(rte_errno));
			return false;
		}
	}
	return true;
}

/* Physical addresses of ordinary pages change, or are not told. */
static bool pages_check(const struct config *c, const struct bus_args *b, bool huge, char *err)
{
	if (huge || !b->physical)
		return true;
	snprintf(
	    err, ERR_MAX,
	    "%s: dataplane.hugepages: port %.64s is behind no IOMMU and needs %u MB of free huge "
	    "pages (sysctl vm.nr_hugepages=N)%s",
	    c->file, b->physical, c->dataplane.memory_mb,
	    b->pci ? ", or vfio-pci with an IOMMU" : "");
	return false;
}

/* What the configuration passes on; EAL takes the last of two that contradict each other. */
static int eal_further(const struct config_dataplane *d, char **argv, int argc)
{
	static char level[CONFIG_EAL_MAX + EAL_LOG_USUAL][CONFIG_EAL_LEN + 16];
	static char arg[CONFIG_EAL_MAX][CONFIG_EAL_LEN]; /* EAL keeps them, and may write */

	for (uint16_t i = 0; i < EAL_LOG_USUAL + d->n_log_level; i++) {
		snprintf(level[i], sizeof(level[i]), "--log-level=%s",
			 i < EAL_LOG_USUAL ? eal_log_usual[i] : d->log_level[i - EAL_LOG_USUAL]);
		argv[argc++] = level[i];
	}
	for (uint16_t i = 0; i < d->n_eal; i++) {
		snprintf(arg[i], sizeof(arg[i]), "%s", d->eal[i]);
		argv[argc++] = arg[i];
	}
	return argc;
}

static bool eal_start(const struct config *c, char *err)
{
	char lcores[LCORES_LEN], mem[16], prefix[32], *argv[EAL_ARGS];
	static struct bus_args bus; /* EAL keeps them */
	bool huge;
	int argc = 0;
	bool ok;

	if (!places_claim(c, err) || !cpus_check(c, err) || !hugepages_decide(c, &huge, err))
		return false;
	lcores_write(c, lcores);
	bus_look(&bus, "", c);
	if (!pages_check(c, &bus, huge, err))
		return false;
	snprintf(mem, sizeof(mem), "%u", c->dataplane.memory_mb);
	snprintf(prefix, sizeof(prefix), "--file-prefix=fl%d", (int)getpid());
	argv[argc++] = (char *)"fairlead-dp";
	argv[argc++] = lcores;
	argv[argc++] = (char *)"-m";
	argv[argc++] = mem;
	argv[argc++] = prefix;
	argv[argc++] = (char *)"--no-shconf"; /* leaves no files behind, however it ends */
	argv[argc++] = (char *)"--no-telemetry";
	/* Huge pages need no mount and leave no file behind; ordinary ones allow no --in-memory. */
	argv[argc++] = huge ? (char *)"--in-memory" : (char *)"--no-huge";
	if (huge) /* one file to share: a vhost-user back end takes no more than eight */
		argv[argc++] = (char *)"--single-file-segments";
	for (uint16_t i = 0; i < bus.n; i++)
		argv[argc++] = bus.text[i];
	argc = eal_further(&c->dataplane, argv, argc);
	argv[argc] = NULL;
	rte_openlog_stream(stderr); /* else syslog has it as well, and a journal twice */
	ok = rte_eal_init(argc, argv) >= 0;
	fflush(stdout); /* EAL's page of options, which our sentence comes behind */
	/* Empty, and nobody would remove it after a SIGKILL. */
	rmdir(rte_eal_get_runtime_dir());
	if (ok)
		return !huge || heap_close(c, err);
	snprintf(err, ERR_MAX,
		 "%s: dataplane: DPDK does not start (CPUs, memory-mb,%s or privileges?): %s",
		 c->file, c->dataplane.n_eal ? " eal," : "", rte_strerror(rte_errno));
	return false;
}

struct making {
	struct dplane *dp;
	uint16_t worker;
	char *err;
};

/* On the worker's own CPU, whose NUMA node the memory is of then. */
static int worker_make(void *arg)
{
	const struct making *m = arg;

	m->dp->worker[m->worker] = worker_create(m->dp, m->worker, m->err, ERR_MAX);
	return m->dp->worker[m->worker] && handover_create(m->dp, m->worker, m->err, ERR_MAX) ? 0
											      : -1;
}

static bool workers_create(struct dplane *dp, char *err)
{
	struct making m = { .dp = dp, .err = err };
	bool ok = true;

	dp->tsc_per_us = (double)rte_get_tsc_hz() / 1e6;
	dp->us_per_tsc = (uint64_t)(4294967296.0 / dp->tsc_per_us);
	for (; ok && m.worker < dp->n_workers; m.worker++) {
		const unsigned lcore = lcore_worker(m.worker);

		dp->node[m.worker] = (int)rte_lcore_to_socket_id(lcore);
		ok = numa_run(lcore, worker_make, &m) == 0;
	}
	return ok;
}

static bool ports_open(struct dplane *dp, char *err)
{
	uint16_t i;

	for (i = 0; i < dp->conf->n_port; i++) {
		if (!port_open(dp, i, err, ERR_MAX))
			return false;
		if (dp->port[i].conf->shares)
			fprintf(stderr, "fairlead-dp: port %s: VLAN %u of %s's device\n",
				dp->port[i].conf->name, dp->port[i].vlan,
				dp->conf->port[dp->port[i].conf->shares - 1].name);
		else
			fprintf(stderr, "fairlead-dp: port %s: %s, %u queues, %s\n",
				dp->port[i].conf->name, dp->port[i].driver, dp->port[i].rx_queues,
				dp->port[i].steering);
		shortfall_tell(dp, &dp->port[i], stderr);
	}
	/* Workers learn how many ports there are only now. */
	for (i = 0; i < dp->n_workers; i++)
		dp->worker[i]->n_ports = dp->n_ports;
	return true;
}

static bool cryptos_open(struct dplane *dp, char *err)
{
	if (!cryptos_create(dp, err, ERR_MAX))
		return false;
	numa_warn(dp, stderr);
	return true;
}

/* With all that others still use. */
static _Noreturn void process_leave(void)
{
	OPENSSL_cleanse(&tickets, sizeof(tickets));
	_exit(0);
}

/*
 * What an accelerator has not given back it may still write to, and whoever unloads it may wait for
 * ever: all that is left goes with the process.
 */
static void accel_leave(const struct accel *a)
{
	if (!accel_jobs(a))
		return;
	fprintf(stderr,
		"fairlead-dp: %s: %u of its jobs have not come back, and end with the process\n",
		accel_name(a), accel_jobs(a));
	process_leave();
}

static void dplane_close(struct dplane *dp, struct service *s, int region_fd)
{
	uint16_t i;

	service_close(s);
	if (!outage_end(&s->outage, OUTAGE_END_MS)) {
		fputs("fairlead-dp: a driver is still opening or closing its device, and ends with "
		      "the process\n",
		      stderr);
		process_leave();
	}
	for (i = 0; i < dp->n_ports; i++)
		port_close(&dp->port[i]);
	accel_leave(dp->accel);
	for (i = 0; i < dp->n_workers; i++)
		worker_free(dp->worker[i]);
	cryptos_free(dp);
	snapshot_close(dp);
	region_destroy(dp, region_fd);
	OPENSSL_cleanse(&tickets, sizeof(tickets));
	rte_eal_cleanup();
}

static void dplane_run(struct dplane *dp, struct service *s)
{
	uint16_t i;

	/* From here, on main-cpu, and no sooner: it would keep the capabilities it starts with. */
	if (!memory_purger_start())
		fputs("fairlead-dp: jemalloc starts no thread of its own (too many threads?): "
		      "workers give memory back themselves\n",
		      stderr);
	for (i = 0; i < dp->n_workers; i++)
		rte_eal_remote_launch(worker_run, dp->worker[i], lcore_worker(i));
	for (i = 0; dp->conf->tls.n_crypto_cpus && i < dp->n_cryptos; i++)
		rte_eal_remote_launch(crypto_run, dp->crypto[i], lcore_crypto(dp->conf, i));
	fprintf(stderr, "fairlead-dp: ready, %u worker%s, control socket %s\n", dp->n_workers,
		dp->n_workers == 1 ? "" : "s", dp->conf->dataplane.socket);
	service_run(s);
	rte_eal_mp_wait_lcore();
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
						 { "version", no_argument, NULL, 'v' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	const char *path = getenv("FAIRLEAD_CONFIG");
	struct sigaction sa = { .sa_handler = on_signal };
	struct service service = { .dp = &dplane, .client_fd = -1, .listen_fd = -1 };
	struct dplane *dp = &dplane;
	char err[ERR_MAX] = "";
	struct config *c;
	int region_fd = -1, opt;
	bool ok;

	while ((opt = getopt_long(argc, argv, "c:vh", options, NULL)) != -1) {
		if (opt == 'c')
			path = optarg;
		else if (opt == 'v')
			return printf("fairlead-dp " FAIRLEAD_VERSION ", %s\n",
				      memory_allocator()) < 0;
		else
			return usage(opt == 'h' ? stdout : stderr), opt == 'h' ? 0 : 2;
	}
	if (optind < argc)
		return usage(stderr), 2;
	privilege_start();
	c = config_load(path ? path : "/etc/fairlead/fairlead.yaml", err, sizeof(err));
	if (!c || !dplane_init(dp, c, err, sizeof(err)) || !eal_start(c, err)) {
		fprintf(stderr, "fairlead-dp: %s\n", err);
		return c ? 1 : EX_CONFIG;
	}
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL); /* certificates and keys are read again */
	signal(SIGPIPE, SIG_IGN);
	tickets_place(dp);
	dp->wake_cp = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	region_fd = region_create(dp, err, sizeof(err));
	ok = region_fd >= 0 && workers_create(dp, err) && ports_open(dp, err) &&
	     cryptos_open(dp, err) && service_open(&service, dp, region_fd, err, sizeof(err)) &&
	     privilege_drop(c, err, sizeof(err));
	if (ok)
		dplane_run(dp, &service);
	else
		fprintf(stderr, "fairlead-dp: %s\n", err);
	dplane_close(dp, &service, region_fd);
	config_free(c);
	return ok ? 0 : 1;
}
