/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TURN_LEG_H
#define FL_DP_TURN_LEG_H

/*
 * A TURN client over TCP: cuts the byte stream into messages (RFC 8656 3.1, 12.5: STUN, and
 * ChannelData padded to four bytes) and puts each through the relay's code; queues what goes to
 * the client. The leg's state is the connection's owner's bytes.
 */
#include "session.h"
#include "../tcp/tcp.h"

/* Owner's bytes of a client's connection. */
struct leg {
	uint32_t slot; /* of its session, or SLOT_NONE */
	uint32_t gen;  /* of that session */
	uint16_t listener;
	uint16_t flags; /* enum leg_flags */
	uint32_t need;	/* bytes of the message under way, 0: not known yet */
	/* Datagrams for a slow client, each one whole message; see leg_media(). */
	struct rte_mbuf *media_head, *media_tail;
	uint32_t media_bytes, media_n;
	uint32_t frame_ms;   /* when the message under way began, low half of now_ms */
	uint32_t request_ms; /* last request */
	uint64_t pad;
};
_Static_assert(sizeof(struct leg) <= TCP_APP_DATA, "owner's bytes");

enum leg_flags {
	LEG_BINDING = 1 << 0, /* a ConnectionBind was punted: nothing is read until the answer */
	LEG_HELD = 1 << 1,    /* it succeeded: nothing is read until CMD_JOIN */
	LEG_PARTIAL = 1 << 2, /* a message is under way */
};

extern const struct tcp_app leg_app;

/* The dataplane's accept(): TCP listeners here, relayed addresses of TCP allocations by peer.h. */
const struct tcp_app *leg_accept(struct worker *w, struct tcp_request *r);

/* CMD_SEND to a connection: one whole STUN message. False if it is gone or has no room. */
bool leg_reply(struct worker *w, const struct cmd_send *c);

/*
 * The session in slot is that of the client on connection `name` from now on. False if the
 * connection is gone or no client's.
 */
bool leg_session_set(struct worker *w, struct ctl_conn name, uint32_t slot);
/* The session is being deleted; the connection goes on without. */
void leg_session_del(struct worker *w, uint32_t slot);

/*
 * A datagram for the client: m starts with its ChannelData header or Data indication, padding not
 * there yet. Bounded in bytes and in age (tcp.media-queue, tcp.media-age-ms); the oldest is
 * dropped. Takes m; returns whether it was queued.
 */
bool leg_media(struct worker *w, struct session *s, struct rte_mbuf *m);

#endif
