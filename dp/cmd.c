/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands of the control process. Each is copied out of shared memory once and then checked; one
 * that cannot be obeyed is counted and, where the control process must know, answered.
 */
#include "cmd.h"
#include "audit.h"
#include "boundary.h"
#include "dispatch.h"
#include "gateway/context.h"
#include "ipsec/ipsec.h"
#include "net/ip.h"
#include "net/neigh.h"
#include "net/ping.h"
#include "tls/tls.h"
#include "turn/leg.h"
#include "turn/peer_conn.h"
#include "turn/forward.h"
#include "../lib/probe.h"
#include "trace.h"

/* Answers a command; about says of what, the header is made here. */
static void evt_result(struct worker *w, enum ctl_evt_type type, const struct ctl_hdr *hdr,
		       const struct evt_result *about)
{
	struct evt_result *e = evt_answer(w);

	if (!e)
		return;
	*e = *about;
	e->hdr = (struct ctl_hdr){ type, sizeof(*e), hdr->seq };
	evt_publish(w);
}

/*
 * *waits: there is no buffer. Over a stream nobody asks again, so the reply stays where it is, and
 * all behind it: buffers come back, since whatever holds them does so for a limited time.
 */
static bool cmd_send(struct worker *w, const struct cmd_send *c, bool *waits)
{
	const struct sock_addr *src;
	struct rte_mbuf *m;
	char *p;

	if (!dplane_has_listener(w->dp, c->leg.listener) || c->payload_len == 0 ||
	    c->payload_len > CTL_PAYLOAD_MAX ||
	    c->hdr.len != offsetof(struct cmd_send, payload) + c->payload_len)
		return false;
	if (c->leg.conn_gen) {
		enum leg_verdict v = leg_reply(w, c);

		*waits = v == MSG_WAITS;
		if (v != MSG_TAKEN)
			return false;
		count(w, CNT_REPLY);
		return true;
	}
	if (c->leg.conn != 0 || c->flags != 0)
		return false;
	src = &w->dp->listener[c->leg.listener];
	if (be16_get(c->leg.client.port) == 0 || ip_is_v4(&src->ip) != ip_is_v4(&c->leg.client.ip))
		return false;
	m = pkt_make(w);
	if (!m)
		return false;
	p = rte_pktmbuf_append(m, c->payload_len);
	if (!p) {
		pkt_drop(w, m, DROP_REPLY_BAD);
		return false;
	}
	memcpy(p, c->payload, c->payload_len);
	count(w, CNT_REPLY);
	udp_send(w, m, src, &c->leg.client, 0);
	return true;
}

static bool peer_refused(struct worker *w, const struct ctl_hdr *hdr,
			 const struct evt_result *about)
{
	evt_result(w, EVT_PEER_REFUSED, hdr, about);
	return false;
}

/* Entry of a port if that is of another kind than `to`, else SLOT_NONE. */
static uint32_t other_entry(const struct worker *w, struct ctl_relay r, enum relayed_kind to)
{
	uint32_t entry = *relayed_slot(w, r.relay, be16_get(r.port));

	return relayed_kind(entry) == to ? SLOT_NONE : entry;
}

/*
 * Ports go to an owner of this kind, which can have them: one of another kind that a replay has not
 * named gives way, if all do. The kinds do not know each other; of its own each sees to that
 * itself.
 */
static void ports_pass(struct worker *w, const struct ctl_relay *port, uint32_t n,
		       enum relayed_kind to)
{
	uint32_t entry, i;

	for (i = 0; i < n; i++) {
		entry = other_entry(w, port[i], to);
		if (entry != SLOT_NONE && !dispatch_ops[relayed_kind(entry)]->yields(w, entry))
			return;
	}
	for (i = 0; i < n; i++) {
		entry = other_entry(w, port[i], to);
		if (unlikely(entry != SLOT_NONE))
			dispatch_ops[relayed_kind(entry)]->give_way(w, entry);
	}
}

/* Nobody gives way to what is refused then, so whether it can be is asked first. */
static bool cmd_session_set(struct worker *w, const struct cmd_session_set *c)
{
	struct ctl_relay port[2];
	uint32_t n = 0;

	if (!session_can(w, c))
		return session_set(w, c);
	for (int f = RELAY_V4; f <= RELAY_V6; f++)
		if (c->relay[f].relay != CTL_RELAY_NONE)
			port[n++] = c->relay[f];
	ports_pass(w, port, n, RELAYED_TURN);
	return session_set(w, c);
}

static bool cmd_context_set(struct worker *w, const struct cmd_context_set *c)
{
	struct ctl_relay port[COMPONENTS];
	uint32_t side, i, n = 0;

	if (!context_can(w, c))
		return context_set(w, c); /* which tells why not */
	for (side = 0; side < SIDES; side++)
		for (i = 0; i < term_ports(&c->term[side]); i++) {
			port[n] = c->term[side].local;
			port[n].port = be16_make((uint16_t)(be16_get(port[n].port) + i));
			n++;
		}
	ports_pass(w, port, n, RELAYED_TERM);
	return context_set(w, c);
}

static bool cmd_neighbours(struct worker *w, const struct cmd_neighbours *c)
{
	struct evt_neighbours *e = evt_answer(w);
	uint32_t next = c->from, n;

	if (!e || c->max > CTL_NEIGHBOURS)
		return false;
	n = neigh_list(w, &next, c->max, c->gateways, e->neighbour);
	e->hdr = (struct ctl_hdr){ EVT_NEIGHBOURS, sizeof(*e), c->hdr.seq };
	e->next = next;
	e->n = n;
	evt_publish(w);
	return true;
}

/*
 * False if it could not be obeyed; *waits: not yet. Over 60 lines, since it is one table: a command
 * has a case.
 */
static bool cmd_execute(struct worker *w, const union ctl_cmd *c, bool *waits)
{
	switch ((enum ctl_cmd_type)c->hdr.type) {
	case CMD_NONE:
		break;
	case CMD_SESSION_SET:
		if (cmd_session_set(w, &c->session_set))
			return true;
		evt_result(w, EVT_SESSION_REFUSED, &c->hdr,
			   &(struct evt_result){ .sid = c->session_set.sid });
		return false;
	case CMD_SESSION_DEL:
		return session_del(w, &c->session_del.sid);
	case CMD_PERM_SET:
		return session_perm_set(w, &c->perm_set) ||
		       peer_refused(w, &c->hdr,
				    &(struct evt_result){ .sid = c->perm_set.sid,
							  .peer.ip = c->perm_set.peer });
	case CMD_CHAN_SET:
		return session_chan_set(w, &c->chan_set) ||
		       peer_refused(w, &c->hdr,
				    &(struct evt_result){ .sid = c->chan_set.sid,
							  .peer = c->chan_set.peer,
							  .channel = c->chan_set.channel });
	case CMD_SEND:
		return cmd_send(w, &c->send, waits);
	case CMD_CONNECT:
		return peer_conn_connect(w, &c->connect);
	case CMD_JOIN:
		return peer_conn_join(w, &c->join);
	case CMD_CONN_CLOSE:
		return peer_conn_close(w, &c->conn_close);
	case CMD_PSK:
		return tls_psk(w, &c->psk);
	case CMD_CONTEXT_SET:
		return cmd_context_set(w, &c->context_set);
	case CMD_CONTEXT_DEL:
		return context_del(w, &c->context_del);
	case CMD_CONTEXT_AUDIT:
		return context_audit(w, &c->context_audit);
	case CMD_CONTEXT_MOVE:
		return context_move(w, &c->context_move);
	case CMD_SRTP_SET:
		return context_srtp(w, &c->srtp_set);
	case CMD_TRACE:
		return trace_set(w, &c->trace);
	case CMD_NEIGHBOURS:
		return cmd_neighbours(w, &c->neighbours);
	case CMD_PING:
		return ping_begin(w, &c->ping);
	case CMD_IPSEC_SET:
		return ipsec_set(w, &c->ipsec_set);
	case CMD_IPSEC_DEL:
		return ipsec_del(w, &c->ipsec_del);
	case CMD_IPSEC_AUDIT:
		return ipsec_audit(w, &c->ipsec_audit);
	case CMD_AUDIT:
		audit_begin(w, c->hdr.seq);
		return true;
	case CMD_SYNC_BEGIN:
		audit_end(w);
		session_sync_begin(w);
		context_sync_begin(w);
		ipsec_sync_begin(w);
		return true;
	case CMD_SYNC_END:
		session_sync_end(w);
		context_sync_end(w);
		ipsec_sync_end(w);
		evt_bare(w, evt_answer(w), EVT_SYNCED, c->hdr.seq);
		return true;
	}
	return false;
}

/* Copies one message; false if its header is invalid. */
static bool cmd_copy(union ctl_cmd *c, const uint8_t *shared)
{
	memcpy(&c->hdr, shared, sizeof(c->hdr));
	if (!ctl_cmd_len_valid(&c->hdr))
		return false;
	memcpy(c->bytes + sizeof(c->hdr), shared + sizeof(c->hdr), c->hdr.len - sizeof(c->hdr));
	return true;
}

enum taken { CMD_TAKEN, CMD_INVALID, CMD_WAITS };

/* Obeys one command, unless its header is invalid, or it has to wait. */
static enum taken cmd_take(struct worker *w, const uint8_t *shared)
{
	bool waits = false, done;
	union ctl_cmd c;

	if (unlikely(!cmd_copy(&c, shared))) {
		count(w, CNT_CMD_BAD);
		return CMD_INVALID;
	}
	done = cmd_execute(w, &c, &waits);
	if (unlikely(waits))
		return CMD_WAITS;
	PROBE3(command, w->id, c.hdr.type, done);
	count(w, done ? CNT_CMD : CNT_CMD_BAD);
	if (unlikely(c.hdr.type == CMD_PSK || c.hdr.type == CMD_SRTP_SET ||
		     c.hdr.type == CMD_IPSEC_SET)) {
		explicit_bzero((void *)(uintptr_t)shared, c.hdr.len);
		explicit_bzero(&c, sizeof(c));
	}
	return CMD_TAKEN;
}

uint32_t cmd_input(struct worker *w, uint32_t budget)
{
	enum taken t = CMD_TAKEN;
	uint32_t i;
	int n;

	if (unlikely(!w->boundary.rings_ok)) {
		if (boundary_reset(w)) {
			audit_end(w);
			trace_reset(w);
		}
		return 0;
	}
	n = ring_count(&w->boundary.cmd, budget);
	if (unlikely(n == RING_ERR))
		boundary_broken(w);
	for (i = 0; (int)i < n && i < budget && evt_answer(w); i++) {
		t = cmd_take(w, ring_peek(&w->boundary.cmd, i));
		if (unlikely(t != CMD_TAKEN))
			break;
	}
	if (unlikely(t == CMD_INVALID))
		boundary_broken(w);
	if (i)
		ring_release(&w->boundary.cmd, i);
	return i;
}
