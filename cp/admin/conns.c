/* SPDX-License-Identifier: BSD-3-Clause */
#include "conns.h"

#include "../../lib/tls_name.h"
#include "rpc.h"

#include <string.h>

struct ctl_conn conn_name(const struct config *conf, uint32_t idx, uint32_t gen)
{
	const uint32_t first = conf->tcp.connections; /* association */

	return (struct ctl_conn){ idx < first ? idx : (idx - first) | CTL_CONN_DTLS, gen };
}

static json_t *addr_json(const struct sock_addr *a)
{
	char buf[ADDR_STR_MAX];

	return json_string(sock_addr_format(a, buf, sizeof(buf)));
}

/* null until the handshake is over. */
static json_t *conn_tls_json(const struct dplink *l, const struct config *conf,
			     const struct ctl_conn_info *c)
{
	const uint16_t domain = dplink_domain(l, c->tls_domain);
	const char *suite = tls_suite_name(c->tls_suite);

	if (c->tls_version == 0)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:b}", "version", tls_version_name(c->tls_version),
			 "suite", suite ? suite : "?", "domain",
			 domain < conf->n_domain ? conf->domain[domain].name : "?", "resumed",
			 c->tls_resumed != 0);
}

/* The copy's numbers are shown, so they may be any; those that choose a name are checked. */
static json_t *conn_json(const struct dplink *l, const struct config *conf, uint32_t worker,
			 uint32_t idx, const struct ctl_conn_info *c)
{
	return json_pack(
	    "{s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o,"
	    " s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
	    "worker", integer(worker), "queue", integer(worker), "index", integer(idx), "local",
	    addr_json(&c->local), "remote", addr_json(&c->remote), "state",
	    c->state < TCP_STATES ? tcp_state_name[c->state] : "?", "role", conn_role_name(c->role),
	    "rtt_us", integer(c->srtt_us), "mss", integer(c->mss), "cwnd", integer(c->cwnd),
	    "send_window", integer(c->snd_wnd), "receive_window", integer(c->rcv_wnd), "unacked",
	    integer(c->unacked), "send_queue", integer(c->send_queue), "receive_queue",
	    integer(c->recv_queue), "retransmits", integer(c->retransmits), "session",
	    c->session == UINT32_MAX ? json_null() : integer(c->session), "age_s",
	    integer(c->age_s), "silent_s", integer(c->silent_s), "rx_bytes", integer(c->rx_bytes),
	    "tx_bytes", integer(c->tx_bytes), "rx_packets", integer(c->rx_packets), "tx_packets",
	    integer(c->tx_packets), "rx_bytes_per_s", integer(c->rx.bytes_per_s), "tx_bytes_per_s",
	    integer(c->tx.bytes_per_s), "rx_packets_per_s", integer(c->rx.packets_per_s),
	    "tx_packets_per_s", integer(c->tx.packets_per_s), "tls", conn_tls_json(l, conf, c));
}

bool conns_walk(const struct dplink *l, uint32_t worker, uint32_t scan, uint32_t *place,
		conns_each *each, void *arg)
{
	uint32_t first = 0, n; /* place of the worker's first entry, and how many it has */

	for (uint32_t w = 0; w < dplink_n_workers(l); w++, first += n) {
		dplink_conns(l, w, &n);
		if (worker != CONNS_ALL && worker != w)
			continue;
		for (uint32_t i = *place > first ? *place - first : 0; i < n; i++) {
			struct ctl_conn_info c;

			*place = first + i;
			if (scan-- == 0 || (conn_read(l, w, i, &c) && !each(arg, w, i, &c)))
				return false;
		}
	}
	return true;
}

/* Whether there was room in the index for all that come from there. */
static bool index_has_all(const struct dplink *l, const struct sock_addr *remote)
{
	for (uint32_t w = 0; w < dplink_n_workers(l); w++)
		if (atomic_load_explicit(&dplink_by_addr(l, w, remote)->spilled,
					 memory_order_acquire))
			return false;
	return true;
}

static bool index_walk(const struct dplink *l, const struct sock_addr *remote, conns_each *each,
		       void *arg)
{
	struct ctl_conn_info c;

	for (uint32_t w = 0; w < dplink_n_workers(l); w++) {
		const struct ctl_conn_bucket *b = dplink_by_addr(l, w, remote);

		for (int i = 0; i < CTL_BUCKET; i++) {
			const uint32_t place =
			    atomic_load_explicit(&b->place[i], memory_order_acquire);

			if (place != 0 && conn_read(l, w, place - 1, &c) &&
			    sock_addr_eq(&c.remote, remote) && !each(arg, w, place - 1, &c))
				return false;
		}
	}
	return true;
}

bool conns_find(const struct dplink *l, const struct filter *f, uint32_t scan, uint32_t *place,
		conns_each *each, void *arg)
{
	const struct sock_addr remote = { f->remote.net.ip, be16_make(f->remote.port) };

	if (*place == 0 && f->remote.given && f->remote.net.len == 128 && f->remote.port != 0 &&
	    index_has_all(l, &remote))
		return index_walk(l, &remote, each, arg);
	return conns_walk(l, f->worker, scan, place, each, arg);
}

struct page {
	const struct dplink *link;
	const struct config *conf;
	const struct filter *filter;
	uint32_t limit;
	json_t *list;
};

static bool page_add(void *arg, uint32_t worker, uint32_t idx, const struct ctl_conn_info *c)
{
	const struct page *p = arg;

	if (json_array_size(p->list) == p->limit)
		return false;
	if (filter_has_conn(p->filter, worker, c))
		json_array_append_new(p->list, conn_json(p->link, p->conf, worker, idx, c));
	return true;
}

json_t *conns_json(const struct dplink *l, const struct config *conf, const struct filter *f,
		   uint32_t limit, uint32_t scan, uint32_t *place, bool *end)
{
	struct page p = { l, conf, f, limit, json_array() };

	*end = conns_find(l, f, scan, place, page_add, &p);
	return p.list;
}

uint64_t conns_max(const struct dplink *l)
{
	uint64_t sum = 0;

	for (uint32_t w = 0; w < dplink_n_workers(l); w++) {
		uint32_t n;

		dplink_conns(l, w, &n);
		sum += n;
	}
	return sum;
}
