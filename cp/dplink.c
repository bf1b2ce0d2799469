/* SPDX-License-Identifier: BSD-3-Clause */
#include "dplink_int.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DPLINK_SLOTS_MAX = 1 << 20 };

struct dplink *dplink_create(const struct config *c, struct server *s)
{
	struct dplink *l = aligned_alloc(64, (sizeof(*l) + 63) & ~(size_t)63);

	if (!l)
		return NULL;
	memset(l, 0, sizeof(*l));
	l->conf = c;
	l->server = s;
	l->wake_cp = -1;
	return l;
}

void dplink_free(struct dplink *l)
{
	if (!l)
		return;
	dplink_detach(l);
	free(l);
}

/* The dataplane did what cannot be: nothing more is taken from it or given to it. */
void dplink_fail(struct dplink *l, const char *what)
{
	if (!l->fault)
		l->stats.faults++;
	l->fault = what;
}

/* ---- attach ---- */

static bool ring_slots_valid(uint32_t n)
{
	return n >= 2 && n <= DPLINK_SLOTS_MAX && (n & (n - 1)) == 0;
}

/* Checks the private copy of a worker's part and keeps what came of it. */
static const char *worker_attach(struct dplink *l, struct worker_link *w,
				 const struct ctl_worker *c)
{
	void *cmd, *evt, *trace;

	if (!ring_slots_valid(c->cmd_slots) || !ring_slots_valid(c->evt_slots))
		return "impossible ring size";
	cmd = region_at(l->base, l->size, c->cmd_ring, ring_bytes(c->cmd_slots), 64);
	evt = region_at(l->base, l->size, c->evt_ring, ring_bytes(c->evt_slots), 64);
	trace = region_at(l->base, l->size, c->trace, ring_bytes(CTL_TRACE_SLOTS), 64);
	w->counters = region_at(l->base, l->size, c->counters, sizeof(struct ctl_counters), 64);
	w->ports = region_at(l->base, l->size, c->ports,
			     CTL_PORTS_MAX * sizeof(struct ctl_port_counters), 64);
	w->conns = region_at(l->base, l->size, c->conns,
			     (uint64_t)c->conns_max * sizeof(struct ctl_conn_info), 64);
	w->conns_max = c->conns_max;
	w->use = region_at(l->base, l->size, c->use,
			   (uint64_t)c->sessions_max * sizeof(struct ctl_use), 64);
	w->gate_use = region_at(l->base, l->size, c->gate_use,
				(uint64_t)c->contexts_max * sizeof(struct ctl_context_use),
				alignof(struct ctl_context_use));
	if (!cmd || !evt || !trace || !w->counters || !w->ports || !w->conns || !w->use ||
	    !w->gate_use)
		return "an offset leads out of it";
	if (c->sessions_max < l->conf->dataplane.sessions)
		return "fewer sessions than configured";
	if (c->contexts_max < l->conf->gateway.contexts)
		return "fewer contexts than configured";
	if (c->conns_max != l->conf->tcp.connections + config_associations(l->conf))
		return "another number of connections than configured";
	w->by_addr = (struct conn_index){
		.key = l->conn_key,
		.bucket =
		    region_at(l->base, l->size, c->by_addr,
			      (uint64_t)conn_buckets(c->conns_max) * sizeof(struct ctl_conn_bucket),
			      alignof(struct ctl_conn_bucket)),
		.row = w->conns,
		.rows = c->conns_max,
	};
	if (!w->by_addr.bucket)
		return "an offset leads out of it";
	if (!ring_attach_writer(&w->cmd, cmd, c->cmd_slots) ||
	    !ring_attach_reader(&w->evt, evt, c->evt_slots) ||
	    !ring_attach_reader(&w->trace, trace, CTL_TRACE_SLOTS))
		return "impossible ring cursors";
	w->sync = SYNC_BEGIN;
	return NULL;
}

/* Checks the region through a private copy of its header. NULL if all is well. */
static const char *region_attach(struct dplink *l)
{
	struct region r;

	memcpy(&r, l->base, sizeof(r));
	if (r.magic != CTL_ABI_MAGIC || r.abi_version != CTL_ABI_VERSION)
		return "not a region of this version";
	if (r.size != l->size)
		return "its size is not what was announced";
	if (r.n_workers == 0 || r.n_workers != l->conf->dataplane.n_workers)
		return "another number of workers than configured";
	if (r.n_ports > CTL_PORTS_MAX)
		return "too many ports";
	l->generation = r.generation;
	l->conn_key = r.conn_key;
	l->n_workers = r.n_workers;
	l->port_info = region_at(l->base, l->size, r.port_info,
				 CTL_PORTS_MAX * sizeof(struct ctl_port_info), 8);
	l->xstats =
	    region_at(l->base, l->size, r.xstats, CTL_PORTS_MAX * sizeof(struct ctl_xstats), 8);
	l->cert_info = region_at(l->base, l->size, r.cert_info,
				 (uint64_t)r.n_certs * sizeof(struct ctl_cert_info), 64);
	if (!l->port_info || !l->xstats || !l->cert_info)
		return "an offset leads out of it";
	if (r.n_certs != CONFIG_CERTIFICATES_MAX)
		return "another number of certificates than there may be";
	for (uint32_t i = 0; i < r.n_workers; i++) {
		const char *why = worker_attach(l, &l->worker[i], &r.worker[i]);

		if (why)
			return why;
	}
	return NULL;
}

/*
 * Whether the memory behind memfd is what was announced, and stays so: one that shrinks would have
 * us killed by SIGBUS. NULL if all is well.
 */
static const char *memfd_wrong(int memfd, uint64_t size)
{
	const int seals = fcntl(memfd, F_GET_SEALS);
	struct stat st;

	if (fstat(memfd, &st) || size < sizeof(struct region) || (uint64_t)st.st_size < size)
		return "its size is not what was announced";
	return seals >= 0 && seals & F_SEAL_SHRINK ? NULL : "its size may change";
}

bool dplink_attach(struct dplink *l, int memfd, uint64_t size, int wake_cp, char *err,
		   size_t errlen)
{
	const char *why = memfd_wrong(memfd, size);

	dplink_detach(l);
	l->wake_cp = wake_cp;
	l->size = size;
	l->fault = NULL;
	memset(l->worker, 0, sizeof(l->worker));
	dplink_places_forget(l);
	if (!why) {
		l->base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
		if (l->base == MAP_FAILED) {
			l->base = NULL;
			why = "it cannot be mapped";
		}
	}
	close(memfd);
	if (!why)
		why = region_attach(l);
	if (why) {
		snprintf(err, errlen, "the dataplane's shared region is wrong: %s", why);
		dplink_detach(l);
		return false;
	}
	fcntl(wake_cp, F_SETFL, O_NONBLOCK);
	l->stats.attaches++;
	return true;
}

void dplink_audit(struct dplink *l)
{
	for (uint32_t i = 0; i < l->n_workers; i++)
		l->worker[i].sync = SYNC_AUDIT;
}

void dplink_detach(struct dplink *l)
{
	if (l->wake_cp >= 0)
		close(l->wake_cp);
	l->wake_cp = -1;
	for (uint32_t i = 0; i < l->n_workers; i++)
		backlog_clear(&l->worker[i].backlog);
	if (l->base) {
		munmap(l->base, l->size);
		l->base = NULL;
		l->stats.detaches++;
	}
	l->fault = NULL;
	l->n_workers = 0;
}

/* ---- commands ---- */

bool dplink_usable(const struct dplink *l)
{
	return l->base && !l->fault;
}

uint32_t dplink_room(struct dplink *l, uint32_t worker)
{
	int n;

	if (!dplink_usable(l) || worker >= l->n_workers)
		return 0;
	n = ring_room(&l->worker[worker].cmd, l->worker[worker].cmd.size);
	if (n == RING_ERR) {
		dplink_fail(l, "impossible cursor of a command ring");
		return 0;
	}
	return (uint32_t)n;
}

struct dplink_progress dplink_progress(struct dplink *l, uint32_t worker)
{
	const struct ring *r = &l->worker[worker].cmd;
	uint32_t room = dplink_room(l, worker);

	if (!dplink_usable(l) || worker >= l->n_workers)
		return (struct dplink_progress){ 0 };
	return (struct dplink_progress){ r->own, r->own - (r->size - room) };
}

uint32_t dplink_replay_room(struct dplink *l, uint32_t worker)
{
	uint32_t room = dplink_room(l, worker), half;

	if (room == 0)
		return 0;
	half = l->worker[worker].cmd.size / 2;
	return room > half ? room - half : 0;
}

/*
 * Something was lost. A replay under way may have passed it, but is carried out: if each loss began
 * it anew, it might never end.
 */
void dplink_sync_want(struct worker_link *w)
{
	if (w->sync == SYNC_DONE)
		w->sync = SYNC_BEGIN;
	else if (w->sync > SYNC_BEGIN)
		w->again = true;
}

bool dplink_cmd(struct dplink *l, uint32_t worker, uint16_t type, void *cmd, uint16_t len)
{
	struct ctl_hdr hdr = { .type = type, .len = len, .seq = ++l->seq };
	struct worker_link *w = &l->worker[worker];

	if (!dplink_usable(l) || worker >= l->n_workers)
		return false;
	if (dplink_room(l, worker) == 0) {
		if (type == CMD_SEND || type == CMD_PSK || type == CMD_CONTEXT_AUDIT ||
		    type == CMD_IPSEC_AUDIT || type == CMD_TRACE) {
			l->stats.replies_full++;
		} else {
			l->stats.commands_full++;
			dplink_sync_want(w);
		}
		return false;
	}
	memcpy(cmd, &hdr, sizeof(hdr));
	memcpy(ring_slot(&w->cmd, 0), cmd, len);
	dplink_cmd_places(l, type, cmd, ring_slot(&w->cmd, 0));
	ring_publish(&w->cmd, 1);
	l->stats.commands++;
	return true;
}

bool dplink_fault(const struct dplink *l, const char **why)
{
	*why = l->fault;
	return l->fault != NULL;
}

/* ---- traces ---- */

bool dplink_trace(struct dplink *l, uint32_t worker, struct ctl_trace *out)
{
	struct ring *r = &l->worker[worker].trace;
	int n;

	if (!dplink_usable(l) || worker >= l->n_workers)
		return false;
	n = ring_count(r, 1);
	if (n == RING_ERR)
		dplink_fail(l, "impossible cursor of a trace ring");
	if (n <= 0)
		return false;
	memcpy(out, ring_peek(r, 0), sizeof(*out));
	ring_release(r, 1);
	if (out->event < TRACE_EVENTS && out->reason < DROP_MAX &&
	    out->n_bytes <= CTL_TRACE_BYTES && dplink_trace_place(l, out))
		return true;
	dplink_fail(l, "a trace that cannot be");
	return false;
}

/* ---- sleep ---- */

bool dplink_sleep(struct dplink *l)
{
	bool quiet = true;

	for (uint32_t i = 0; i < l->n_workers; i++)
		ring_sleep(&l->worker[i].evt);
	for (uint32_t i = 0; i < l->n_workers; i++)
		quiet &= ring_count(&l->worker[i].evt, 1) == 0;
	if (!quiet) {
		for (uint32_t i = 0; i < l->n_workers; i++)
			ring_awake(&l->worker[i].evt);
	}
	return quiet;
}

int dplink_wake_fd(const struct dplink *l)
{
	return l->wake_cp;
}

void dplink_awake(struct dplink *l)
{
	uint64_t n;

	/* Only the fact counts; nothing to read is fine too. */
	if (l->wake_cp >= 0 && read(l->wake_cp, &n, sizeof(n)) < 0)
		n = 0;
	for (uint32_t i = 0; i < l->n_workers; i++)
		ring_awake(&l->worker[i].evt);
}

/* ---- what others may look at ---- */

const struct dplink_stats *dplink_stats(const struct dplink *l)
{
	return &l->stats;
}

uint64_t dplink_generation(const struct dplink *l)
{
	return l->generation;
}

bool dplink_attached(const struct dplink *l)
{
	return l->base != NULL;
}

bool dplink_replaying(const struct dplink *l)
{
	for (uint32_t i = 0; i < l->n_workers; i++) {
		if (l->worker[i].sync != SYNC_DONE)
			return true;
	}
	return false;
}

bool dplink_told(const struct dplink *l, uint32_t worker)
{
	return worker < l->n_workers && !dplink_audits(&l->worker[worker]);
}

const struct region *dplink_region(const struct dplink *l)
{
	return l->base;
}

uint32_t dplink_n_workers(const struct dplink *l)
{
	return l->n_workers;
}

const struct ctl_counters *dplink_counters(const struct dplink *l, uint32_t worker)
{
	return worker < l->n_workers ? l->worker[worker].counters : NULL;
}

const struct ctl_port_counters *dplink_port_counters(const struct dplink *l, uint32_t worker,
						     uint32_t port)
{
	return worker < l->n_workers && port < dplink_n_ports(l) ? &l->worker[worker].ports[port]
								 : NULL;
}

const struct ctl_port_info *dplink_port_info(const struct dplink *l, uint32_t port)
{
	return port < dplink_n_ports(l) ? &l->port_info[port] : NULL;
}

const struct ctl_xstats *dplink_xstats(const struct dplink *l, uint32_t port)
{
	return port < dplink_n_ports(l) ? &l->xstats[port] : NULL;
}

const struct ctl_cert_info *dplink_cert_info(const struct dplink *l, uint32_t cert)
{
	return l->base && cert < l->conf->n_certificate ? &l->cert_info[cert] : NULL;
}

const struct ctl_conn_bucket *dplink_by_addr(const struct dplink *l, uint32_t worker,
					     const struct sock_addr *remote)
{
	return worker < l->n_workers ? conn_bucket(&l->worker[worker].by_addr, remote) : NULL;
}

const struct ctl_conn_info *dplink_conns(const struct dplink *l, uint32_t worker, uint32_t *n)
{
	*n = worker < l->n_workers ? l->worker[worker].conns_max : 0;
	return worker < l->n_workers ? l->worker[worker].conns : NULL;
}

bool dplink_use(const struct dplink *l, uint32_t worker, struct ctl_sid sid, uint32_t now_s,
		struct session_use *out)
{
	const uint32_t mask = (1u << CTL_USE_SECOND) - 1;
	uint64_t n[CTL_WAYS], bytes[CTL_WAYS];
	uint32_t gen = 0;

	*out = (struct session_use){ .silent_s = { UINT32_MAX, UINT32_MAX } };
	if (worker >= l->n_workers || sid.slot >= l->conf->dataplane.sessions)
		return false;
	for (int way = 0; way < CTL_WAYS; way++) {
		const struct ctl_use *u = &l->worker[worker].use[sid.slot];

		n[way] = atomic_load_explicit(&u->packets[way], memory_order_relaxed);
		bytes[way] = atomic_load_explicit(&u->bytes[way], memory_order_relaxed);
		gen |= (uint32_t)(bytes[way] & ((1u << CTL_USE_GEN) - 1)) << CTL_USE_GEN * way;
	}
	for (int way = 0; gen == sid.gen && way < CTL_WAYS; way++) {
		out->packets[way] = n[way] >> CTL_USE_SECOND;
		out->bytes[way] = bytes[way] >> CTL_USE_GEN;
		if (out->bytes[way] || out->packets[way])
			out->silent_s[way] = (now_s - (uint32_t)n[way]) & mask;
	}
	return true;
}

static void side_use(const struct ctl_context_use *u, int side, uint32_t now_s,
		     struct context_use *out)
{
	const struct ctl_side_use *of = &u->side[side];
	const uint32_t heard_s = atomic_load_explicit(&u->heard_s[side], memory_order_relaxed);

	out->packets[side] = atomic_load_explicit(&of->packets, memory_order_relaxed);
	out->bytes[side] = atomic_load_explicit(&of->bytes, memory_order_relaxed);
	out->packets_per_s[side] = atomic_load_explicit(&of->packets_per_s, memory_order_relaxed);
	out->bytes_per_s[side] = atomic_load_explicit(&of->bytes_per_s, memory_order_relaxed);
	if (heard_s) /* the worker's clock may be a little further */
		out->silent_s[side] = now_s > heard_s ? now_s - heard_s : 0;
}

bool dplink_context_use(const struct dplink *l, uint32_t worker, struct ctl_cid cid, uint32_t now_s,
			struct context_use *out)
{
	static const struct context_use none = { .silent_s = { UINT32_MAX, UINT32_MAX } };
	const struct ctl_context_use *u;

	*out = none;
	if (worker >= l->n_workers || cid.slot >= l->conf->gateway.contexts || !cid.gen)
		return false;
	u = &l->worker[worker].gate_use[cid.slot];
	if (atomic_load_explicit(&u->gen, memory_order_acquire) != cid.gen)
		return false;
	for (int side = 0; side < 2; side++)
		side_use(u, side, now_s, out);
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&u->gen, memory_order_relaxed) == cid.gen)
		return true;
	*out = none; /* another took the slot meanwhile */
	return false;
}
