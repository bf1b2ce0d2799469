/* SPDX-License-Identifier: BSD-3-Clause */
/* What the control process says a context shall be: whether that can be at all. */
#include "context.h"
#include "../../conf/peers.h"

#include <string.h>

enum {
	UDP_FLAGS = TERM_RTP | TERM_RTCP_MUX | TERM_ICE | TERM_LATCH | TERM_LATCH_ADDR |
		    TERM_RELEARN | TERM_RELEARN_RTCP,
	TCP_FLAGS = TERM_LATCH | TERM_LATCH_ADDR | TERM_CONNECT,
	TLS_FLAGS = TCP_FLAGS | TERM_TLS_CLIENT,
	UFRAG_MIN = 4, /* RFC 8445 5.3 */
	PWD_MIN = 22,
};

uint8_t term_ports(const struct ctl_term *t)
{
	if (t->transport == TERM_NONE)
		return 0;
	return t->flags & TERM_RTP ? 2 : 1;
}

static bool text_ends(const char *s, size_t cap)
{
	return memchr(s, 0, cap) != NULL;
}

static bool local_valid(const struct worker *w, const struct ctl_term *t)
{
	const struct config *c = w->dp->conf;
	uint16_t port = be16_get(t->local.port);

	if (!config_relay_has(c, &t->local) || w->dp->port_owner[port >> 1] != w->id)
		return false;
	/* The pair stays together, see relay_port_worker(). */
	return term_ports(t) == 1 || (port % 2 == 0 && port < c->relay[t->local.relay].port_max);
}

/* Where a port, or with TERM_LATCH_ADDR an address, is given, it is of the local address's family.
 */
static bool remotes_valid(const struct worker *w, const struct ctl_term *t)
{
	const bool v4 = ip_is_v4(&w->dp->conf->relay[t->local.relay].addr);
	int i;

	for (i = 0; i < 2; i++) {
		if ((be16_get(t->remote[i].port) || (i == 0 && t->flags & TERM_LATCH_ADDR)) &&
		    ip_is_v4(&t->remote[i].ip) != v4)
			return false;
		if (be16_get(t->latched[i].port) && ip_is_v4(&t->latched[i].ip) != v4)
			return false;
	}
	return true;
}

static bool flags_valid(const struct ctl_term *t)
{
	static const uint16_t of[] = {
		[TERM_UDP] = UDP_FLAGS, [TERM_TCP] = TCP_FLAGS, [TERM_TLS] = TLS_FLAGS
	};

	if (t->flags & ~(TERM_IN | TERM_OUT | of[t->transport]))
		return false;
	if (!(t->flags & TERM_LATCH) && (t->flags & (TERM_RELEARN | TERM_RELEARN_RTCP) ||
					 (t->flags & TERM_LATCH_ADDR && t->transport != TERM_UDP)))
		return false;
	return (t->flags & (TERM_RTP | TERM_RTCP_MUX)) != TERM_RTCP_MUX;
}

static bool tls_valid(const struct worker *w, const struct ctl_term *t)
{
	int i;

	if (t->domain >= w->dp->conf->n_domain || t->n_fingerprint > CTL_FINGERPRINTS_MAX)
		return false;
	for (i = 0; i < t->n_fingerprint; i++)
		if (!fp_len(t->fingerprint[i].hash))
			return false;
	return true;
}

static bool term_valid(const struct worker *w, const struct ctl_term *t)
{
	if (t->transport == TERM_NONE)
		return true;
	if (t->transport > TERM_TLS || !flags_valid(t) || !local_valid(w, t) ||
	    !remotes_valid(w, t) || (t->dscp > 63 && t->dscp != CTL_DSCP_KEEP) ||
	    (t->rate && !t->burst) || !text_ends(t->ufrag, sizeof(t->ufrag)) ||
	    !text_ends(t->pwd, sizeof(t->pwd)) || !text_ends(t->host, sizeof(t->host)))
		return false;
	if (t->flags & TERM_ICE && (strlen(t->ufrag) < UFRAG_MIN || strlen(t->pwd) < PWD_MIN))
		return false;
	return t->transport == TERM_TLS ? tls_valid(w, t) : t->n_fingerprint == 0;
}

/* Whether one side's ports are the other's. */
static bool ports_overlap(const struct ctl_term *a, const struct ctl_term *b)
{
	uint16_t x = be16_get(a->local.port), y = be16_get(b->local.port);

	return a->local.relay == b->local.relay && x < y + term_ports(b) && y < x + term_ports(a);
}

bool context_valid(const struct worker *w, const struct cmd_context_set *c)
{
	const struct ctl_term *a = &c->term[0], *b = &c->term[1];

	if (c->cid.gen == 0 || c->flags & ~(uint32_t)CONTEXT_HOLD || !term_valid(w, a) ||
	    !term_valid(w, b))
		return false;
	if (a->transport == TERM_NONE || b->transport == TERM_NONE)
		return true;
	return (a->transport == TERM_UDP) == (b->transport == TERM_UDP) && !ports_overlap(a, b);
}

bool gate_denied(const struct worker *w, const struct ip_addr *remote)
{
	const struct config_peers *p = &w->dp->conf->peers;

	return dplane_local(w->dp, remote) ? !p->relay_to_relay
					   : peers_denied_whole(p, remote) != NULL;
}
