/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TURN_LEG_H
#define FL_DP_TURN_LEG_H

/*
 * A TURN client over TCP: cuts the byte stream into messages (RFC 8656 3.1, 12.5: STUN, and
 * ChannelData padded to four bytes) and puts each through the relay's code; queues what goes to
 * the client. The leg's state is the connection's owner's bytes.
 */
#include "media_queue.h"
#include "session.h"
#include "../dtls/dtls.h"
#include "../tcp/tcp.h"

/* Owner's bytes of a client's connection. Times are low halves of now_ms. */
struct leg {
	uint32_t slot; /* of its session, or SLOT_NONE */
	uint32_t gen;  /* of that session */
	uint16_t listener;
	uint16_t flags; /* enum leg_flags */
	uint32_t need;	/* bytes of the message under way, padding included; 0: not known yet */
	struct media_queue media; /* datagrams for a slow client */
	uint32_t frame_ms;	  /* when the message under way began */
	uint32_t request_ms;	  /* last request, or end of the session */
	uint32_t timer_ms;	  /* when the timer fires, with LEG_TIMER */
	struct meter asked;	  /* its requests, Binding included */
	uint16_t answers;	  /* that the control process owes */
};
_Static_assert(sizeof(struct leg) <= TCP_APP_DATA, "owner's bytes");

enum leg_flags {
	LEG_BINDING = 1 << 0, /* a ConnectionBind was punted: nothing is read until the answer */
	LEG_HELD = 1 << 1,    /* it succeeded: nothing is read until CMD_JOIN */
	LEG_PARTIAL = 1 << 2, /* a message is under way */
	LEG_SERVED = 1 << 3,  /* it had a session, now or once */
	LEG_TIMER = 1 << 4,
	LEG_CLOSING = 1 << 5, /* closed from here */
	LEG_WAITING = 1 << 6, /* what comes next has to wait: nothing is read until leg_resume() */
	LEG_NO_ROOM = 1 << 7, /* with LEG_WAITING: for room for an answer */
	LEG_QUEUED = 1 << 8,  /* a request of it is in the worker's queue (punt_put()) */
};

extern const struct tcp_app leg_app;
extern const struct dtls_app leg_dtls_app; /* clients over DTLS: leg_dtls.c */

/* Owner's bytes of a new connection to the listener at a place. */
void leg_init(void *data, uint16_t listener);

/* What became of a message. */
enum leg_verdict { MSG_TAKEN, MSG_DROPPED, MSG_WAITS };

/*
 * CMD_SEND to a connection: one whole STUN message. Dropped if that is gone; it waits while there
 * are no buffers, but never for want of room, since no more is asked than there is room to answer.
 */
enum leg_verdict leg_reply(struct worker *w, const struct cmd_send *c);
/* Its request has left the queue. False if the connection has gone, so that nobody waits. */
bool leg_punted(struct worker *w, struct ctl_conn name);

/*
 * What is named is a connection, or an association of DTLS.
 *
 * Whether it is there, and a client's that speaks STUN.
 */
bool leg_can(struct worker *w, struct ctl_conn name);
/*
 * Session sid is that of the client on connection `name`, which leg_can(), from now on; another
 * that it had is deleted.
 */
void leg_session_set(struct worker *w, struct ctl_conn name, const struct ctl_sid *sid);
/* Its user, or its source, is charged for what the client's connection holds. */
void leg_session_charge(struct worker *w, uint32_t slot);
/* The session is being deleted; the connection goes on without. */
void leg_session_del(struct worker *w, uint32_t slot);

/*
 * A message for the client, whole and padded to four bytes: ChannelData, or a Data indication.
 * Waits while the connection cannot take it, bounded in bytes, in number and in age
 * (tcp.media-queue, tcp.media-age-ms); the oldest is dropped. Takes m; returns whether it was sent
 * or waits.
 */
bool leg_media(struct worker *w, struct session *s, struct rte_mbuf *m);

#endif
