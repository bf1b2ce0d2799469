/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_dp.h"
#include "unit.h"

#include "lib/conn_index.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

/* Hands out the region from its start. */
static uint64_t place(uint64_t *used, uint64_t n)
{
	uint64_t at = (*used + 63) & ~UINT64_C(63);

	*used = at + n;
	return at;
}

void fake_dp_open(struct fake_dp *f, const struct config *c, uint32_t slots)
{
	struct region r = { .magic = CTL_ABI_MAGIC,
			    .abi_version = CTL_ABI_VERSION,
			    .n_workers = c->dataplane.n_workers,
			    .n_ports = c->n_port,
			    .n_certs = CONFIG_CERTIFICATES_MAX };
	uint64_t used = sizeof(r);

	for (uint16_t i = 0; i < c->n_listener; i++)
		r.listener[i] = (struct ctl_listener){ c->listener[i].addr,
						       (uint16_t)c->listener[i].transport };
	r.n_listener = c->n_listener;
	for (uint16_t i = 0; i < c->n_relay; i++)
		r.relay[i] = (struct ctl_relay_place){ c->relay[i].addr, c->relay[i].owner };
	r.n_relay = c->n_relay;
	for (uint16_t i = 0; i < c->n_domain; i++)
		memcpy(r.domain[i].name, c->domain[i].name, CTL_NAME_MAX);
	r.n_domain = c->n_domain;
	for (uint16_t i = 0; i < c->n_port; i++) {
		memcpy(r.port[i].name, c->port[i].name, CTL_NAME_MAX);
		r.port[i].vlan = c->port[i].vlan;
		r.port[i].mtu = c->port[i].mtu;
	}
	r.port_info = place(&used, CTL_PORTS_MAX * sizeof(struct ctl_port_info));
	r.xstats = place(&used, CTL_PORTS_MAX * sizeof(struct ctl_xstats));
	r.cert_info = place(&used, CONFIG_CERTIFICATES_MAX * sizeof(struct ctl_cert_info));
	for (uint32_t i = 0; i < r.n_workers; i++) {
		struct ctl_worker *w = &r.worker[i];

		w->cmd_ring = place(&used, ring_bytes(slots));
		w->evt_ring = place(&used, ring_bytes(slots));
		w->trace = place(&used, ring_bytes(CTL_TRACE_SLOTS));
		w->counters = place(&used, sizeof(struct ctl_counters));
		w->ports = place(&used, CTL_PORTS_MAX * sizeof(struct ctl_port_counters));
		w->conns_max = c->tcp.connections + config_associations(c);
		w->conns = place(&used, w->conns_max * sizeof(struct ctl_conn_info));
		w->by_addr =
		    place(&used, conn_buckets(w->conns_max) * sizeof(struct ctl_conn_bucket));
		w->use = place(&used, c->dataplane.sessions * sizeof(struct ctl_use));
		w->gate_use = place(&used, c->gateway.contexts * sizeof(struct ctl_context_use));
		w->cmd_slots = w->evt_slots = slots;
		w->sessions_max = c->dataplane.sessions;
		w->peers_max = c->dataplane.peers;
		w->contexts_max = c->gateway.contexts;
	}
	memset(r.dtls_sha256, 0xcd, sizeof(r.dtls_sha256));
	r.size = f->size = (used + 4095) & ~UINT64_C(4095);
	f->memfd = memfd_create("fake-dp", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	f->wake_cp = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_int_equal(ftruncate(f->memfd, (off_t)f->size), 0);
	assert_int_equal(fcntl(f->memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	f->base = mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_SHARED, f->memfd, 0);
	assert_ptr_not_equal(f->base, MAP_FAILED);
	memcpy(f->base, &r, sizeof(r));
	f->region = (struct region *)f->base;
	for (uint32_t i = 0; i < r.n_workers; i++) {
		assert_true(ring_attach_reader(
		    &f->cmd[i], (struct ring_shm *)(f->base + r.worker[i].cmd_ring), slots));
		assert_true(ring_attach_writer(
		    &f->evt[i], (struct ring_shm *)(f->base + r.worker[i].evt_ring), slots));
	}
}

void fake_dp_close(struct fake_dp *f)
{
	munmap(f->base, f->size);
	close(f->memfd);
	close(f->wake_cp);
}

bool fake_dp_attach(struct fake_dp *f, struct server *s, char *err, size_t errlen)
{
	return server_attach(s, dup(f->memfd), f->size, dup(f->wake_cp), err, errlen);
}

void fake_dp_event(struct fake_dp *f, uint32_t worker, const void *msg, size_t len)
{
	assert_true(ring_room(&f->evt[worker], 1) >= 1);
	memcpy(ring_slot(&f->evt[worker], 0), msg, len);
	ring_publish(&f->evt[worker], 1);
}

void fake_dp_punt(struct fake_dp *f, uint32_t worker, const struct sock_addr *client,
		  const void *stun, size_t len, uint64_t rx_us)
{
	fake_dp_punt_leg(f, worker, &(struct ctl_leg){ .client = *client }, stun, len, rx_us);
}

void fake_dp_punt_leg(struct fake_dp *f, uint32_t worker, const struct ctl_leg *leg,
		      const void *stun, size_t len, uint64_t rx_us)
{
	struct evt_punt p = { .leg = *leg, .rx_us = rx_us };

	p.hdr.type = EVT_PUNT;
	p.hdr.len = (uint16_t)(offsetof(struct evt_punt, payload) + len);
	p.payload_len = (uint16_t)len;
	memcpy(p.payload, stun, len);
	fake_dp_event(f, worker, &p, p.hdr.len);
}

void fake_dp_result(struct fake_dp *f, uint32_t worker, uint16_t type, uint32_t seq,
		    struct ctl_sid sid)
{
	uint16_t len = type == EVT_SYNCED ? sizeof(struct ctl_hdr) : sizeof(struct evt_result);
	struct evt_result e = { .hdr = { type, len, seq }, .sid = sid };

	fake_dp_event(f, worker, &e, len);
}

void fake_dp_peer_refused(struct fake_dp *f, uint32_t worker, struct ctl_sid sid,
			  const struct sock_addr *peer, uint16_t channel)
{
	struct evt_result e = { .hdr = { EVT_PEER_REFUSED, sizeof(e), 0 },
				.sid = sid,
				.peer = *peer,
				.channel = channel };

	fake_dp_event(f, worker, &e, sizeof(e));
}

void fake_dp_peer_conn(struct fake_dp *f, uint32_t worker, uint16_t type, uint32_t seq,
		       const struct evt_peer_conn *e)
{
	struct evt_peer_conn copy = *e;

	copy.hdr = (struct ctl_hdr){ type, sizeof(copy), seq };
	fake_dp_event(f, worker, &copy, sizeof(copy));
}

void fake_dp_conn_shown(struct fake_dp *f, uint32_t worker, uint32_t idx)
{
	const struct ctl_worker *w = &f->region->worker[worker];
	const struct conn_index x = {
		.key = f->region->conn_key,
		.bucket = (struct ctl_conn_bucket *)(f->base + w->by_addr),
		.row = (struct ctl_conn_info *)(f->base + w->conns),
		.rows = w->conns_max,
	};

	conn_index_put(&x, idx);
}

void fake_dp_conn_gone(struct fake_dp *f, uint32_t worker, struct ctl_sid sid, struct ctl_conn conn,
		       enum ctl_conn_role role)
{
	struct evt_conn_gone e = { .hdr = { EVT_CONN_GONE, sizeof(e), 0 },
				   .sid = sid,
				   .conn = conn,
				   .role = (uint16_t)role,
				   .why = TCP_END_RESET };

	fake_dp_event(f, worker, &e, sizeof(e));
}

void fake_dp_term(struct fake_dp *f, uint32_t worker, struct ctl_cid cid, const struct evt_term *e)
{
	struct evt_term copy = *e;

	copy.hdr = (struct ctl_hdr){ EVT_TERM, sizeof(copy), 0 };
	copy.cid = cid;
	fake_dp_event(f, worker, &copy, sizeof(copy));
}

void fake_dp_stats(struct fake_dp *f, uint32_t worker, const struct cmd_context *of,
		   const struct ctl_term_stats stats[2])
{
	struct evt_context_stats e = { .hdr = { EVT_CONTEXT_STATS, sizeof(e), of->hdr.seq },
				       .cid = of->cid };

	memcpy(e.term, stats, sizeof(e.term));
	fake_dp_event(f, worker, &e, sizeof(e));
}

void fake_dp_context_refused(struct fake_dp *f, uint32_t worker, struct ctl_cid cid,
			     enum ctl_refusal why)
{
	struct evt_context_refused e = { .hdr = { EVT_CONTEXT_REFUSED, sizeof(e), 0 },
					 .cid = cid,
					 .why = why };

	fake_dp_event(f, worker, &e, sizeof(e));
}

bool fake_dp_take(struct fake_dp *f, uint32_t worker, union ctl_cmd *c)
{
	int n = ring_count(&f->cmd[worker], 1);

	assert_true(n >= 0);
	if (n == 0)
		return false;
	memcpy(c, ring_peek(&f->cmd[worker], 0), sizeof(*c));
	ring_release(&f->cmd[worker], 1);
	return true;
}
