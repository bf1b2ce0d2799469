/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TURN_FORWARD_H
#define FL_DP_TURN_FORWARD_H

/* TURN's datagrams and messages: what each is for, and what answers it. */
#include "session.h"
#include "../relay/emit.h"
#include "../../lib/stun.h"

enum {
	FORWARD_PREFIX_MAX = 64,	/* header of the largest Data indication */
	FORWARD_INDICATION_MAX = 65496, /* data bytes that fit one with every attribute of ours */
};

/* Where a client's message goes: what the look-up found. */
struct forward_to {
	struct sock_addr peer;
	uint32_t off;	    /* of the payload in the message */
	uint16_t len;	    /* of the payload */
	bool dont_fragment; /* the client asked for DF (RFC 8656 14.9) */
	uint32_t *nh;	    /* cached next hop */
};

/* From a client: p->slot is a session's; the message starts with ChannelData or Send. */
void forward_channel_data(struct worker *w, struct pkt *p);
void forward_send(struct worker *w, struct pkt *p);
/* From a peer to a relayed port whose session is p->slot. */
void forward_peer(struct worker *w, struct pkt *p);
/* Passes a report about what that port sent to the client (RFC 8656 11.5, 11.6). Takes p->m. */
void forward_icmp(struct worker *w, struct pkt *p, const struct icmp_report *r);

/*
 * Finds where a message from a client's connection goes to: len bytes at msg are one ChannelData
 * message, of which only the header is read, or one Send indication, of the session in slot.
 * DROP_NONE when it may pass.
 */
enum drop forward_find(struct worker *w, uint32_t slot, const uint8_t *msg, uint32_t len,
		       struct forward_to *to);
/* Sends the payload m holds as a datagram of our own making. Takes m. */
void forward_stream(struct worker *w, uint32_t slot, struct rte_mbuf *m,
		    const struct forward_to *to);

/* What a Send indication says (RFC 8656 11.1); data_off counts from the start of the message. */
struct send_ind {
	struct sock_addr peer;
	uint32_t data_off;
	uint16_t data_len;
	bool have_peer, have_data, dont_fragment;
};

/* Walks a Send indication whose header was checked. *ind is zeroed. DROP_NONE when it is good. */
enum drop send_parse(const uint8_t *msg, uint32_t len, struct send_ind *ind);
/*
 * Writes a Data indication (11.4) of len data bytes up to these; returns how many were written,
 * FORWARD_PREFIX_MAX at most.
 */
uint8_t data_prefix(uint8_t *h, const struct sock_addr *peer, uint16_t len, bool fingerprint);

/* A request, and where it came from. */
struct request {
	const uint8_t *msg; /* NULL if it is too long for anybody to read */
	uint32_t len;
	struct sock_addr client;
	struct ip_addr local; /* address it came to */
	uint16_t listener;
	uint32_t slot;	      /* of the client's session, or SLOT_NONE */
	struct ctl_conn conn; /* gen 0: UDP */
};

/*
 * Writes the answer to a Binding request (RFC 8489 6.3.1, R10), BINDING_REPLY_MAX bytes at most.
 * DROP_NONE, or why there is none.
 */
enum { BINDING_REPLY_MAX = 512 };
enum drop binding_reply(const struct worker *w, const struct request *r, uint8_t *reply,
			size_t *len);
/* Answers a datagram. Takes p->m. */
void binding_answer(struct worker *w, struct pkt *p);

/* DROP_NONE, or why a request cannot be the control process's: it does not parse, or is no method.
 */
enum drop punt_check(const struct request *r);
/*
 * Hands up a request of who is where he says, and comes by datagrams: DROP_NONE, or why not. His
 * rate is the caller's to judge.
 */
enum drop punt_proven(struct worker *w, const struct request *r);
/* Hands a datagram's request to the control process, or drops it. Takes p->m. */
void punt(struct worker *w, struct pkt *p);
/*
 * A request of a stream, which punt_check() let pass, is copied to the queue's end. False when
 * there is no buffer. leg_punted() is told when it has left the queue.
 */
bool punt_put(struct worker *w, const struct request *r);
/* Once a turn: hands on what the event ring has room for. Returns how many. */
uint32_t punt_queue(struct worker *w);
void punt_queue_clear(struct worker *w);
/* The drop reason of a message that does not parse. */
enum drop punt_why(enum stun_err err);

/* The request in a datagram; where it is chained, of cap bytes at most, copied. */
static inline struct request pkt_request(const struct pkt *p, uint8_t *copy, size_t cap)
{
	struct request r = { .len = pkt_payload_len(p),
			     .client = { p->src, p->sport },
			     .local = p->dst,
			     .listener = p->index,
			     .slot = p->slot };
	uint32_t off = (uint32_t)p->l2_len + p->l3_len + UDP_HDR;

	if (likely(r.len <= cap))
		r.msg = rte_pktmbuf_read(p->m, off, r.len, copy);
	return r;
}

#endif
