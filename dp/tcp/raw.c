/* SPDX-License-Identifier: BSD-3-Clause */
#include "conn.h"
#include "../net/ip.h"
#include "../rate.h"

#include <rte_random.h>

bool tcp_challenge_allow(struct worker *w)
{
	struct tcp *t = w->tcp;

	if (w->now_ms - t->challenge_ms >= 1000) {
		t->challenge_ms = w->now_ms;
		/* All connections share it: of a number that is known, what is left would tell
		 * who guesses at one connection by way of another whether he was right. */
		t->challenge_left =
		    TCP_CHALLENGE_PER_S / 2 + (uint32_t)rte_rand_max(TCP_CHALLENGE_PER_S);
	}
	if (t->challenge_left == 0)
		return false;
	t->challenge_left--;
	count(w, CNT_TCP_CHALLENGE);
	return true;
}

bool conn_challenge_allow(struct worker *w, struct tcp_conn *c)
{
	return meter_take(&c->challenge, &w->tcp->challenge_rate, w->now_us, 0) &&
	       tcp_challenge_allow(w);
}

void tcp_send_raw(struct worker *w, const struct tcp_raw_seg *s)
{
	uint16_t len = (uint16_t)(TCP_HDR + tcp_opts_len(&s->o)), csum;
	uint8_t l3_len = ip_hdr_len(&s->dst.ip), *p;
	struct rte_mbuf *m = pkt_make(w);
	struct tcp_hdr h = { .sport = s->src.port,
			     .dport = s->dst.port,
			     .seq = be32_make(s->seq),
			     .ack = be32_make(s->ack),
			     .off = (uint8_t)(len / 4 << 4),
			     .flags = s->flags,
			     .wnd = be16_make(s->wnd) };
	struct ip_out ip = { .src = &s->src.ip,
			     .dst = &s->dst.ip,
			     .len = len,
			     .proto = IP_PROTO_TCP,
			     .tos = s->tos,
			     .ttl = IP_TTL_OWN,
			     .df = true };

	if (!m)
		return;
	p = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(l3_len + len));
	p += ip_write(w, p, &ip);
	memcpy(p, &h, sizeof(h));
	tcp_opts_write(p + TCP_HDR, &s->o);
	csum = csum_field(
	    csum_bytes(csum_pseudo(0, &s->src.ip, &s->dst.ip, IP_PROTO_TCP, len), p, len));
	memcpy(p + offsetof(struct tcp_hdr, csum), &csum, 2);
	count(w, CNT_TCP_TX);
	if (s->flags & TCP_RST)
		count(w, CNT_TCP_RST_TX);
	ip_route_send(w, m, &s->src.ip, &s->dst.ip);
}

bool tcp_send_reset(struct worker *w, const struct pkt *p, const struct tcp_seg *s, uint8_t tos)
{
	struct tcp_raw_seg r = { .src = { p->dst, p->dport },
				 .dst = { p->src, p->sport },
				 .flags = TCP_RST,
				 .tos = tos };

	if (s->flags & TCP_RST)
		return true;
	if (!icmp_rate_allow(w, &p->src))
		return false;
	if (s->flags & TCP_ACK) {
		r.seq = s->ack;
	} else {
		r.flags |= TCP_ACK;
		r.ack = s->seq + tcp_seg_seqs(s);
	}
	tcp_send_raw(w, &r);
	return true;
}
