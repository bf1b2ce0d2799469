/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_LEG_WORLD_H
#define FL_TESTS_LEG_WORLD_H

/*
 * A TURN client over TCP upon a fake of the stack (fake_tcp.h): no segment is sent here. Messages
 * are put together in lw.stream and go in by lw_feed(); what comes back is in lw.f->out. Functions
 * check what they see.
 */
#include "control.h"
#include "fake_tcp.h"
#include "unit.h"
#include "dp/turn/leg.h"

/* TCP4, TCP6 and TLS4 are the listeners beside those of world_config(). */
enum { LW_CHANNEL = 0x4001, TCP4 = 2, TCP6, TLS4, LW_STREAM_MAX = 1 << 17 };

struct leg_world {
	struct sock_addr client, local, peer, peer6, relayed;
	struct fake_conn *f; /* the client's */
	struct frame frame;
	uint8_t data[LW_STREAM_MAX];   /* a pattern: the payload of every message */
	uint8_t stream[LW_STREAM_MAX]; /* what goes in next, len bytes of it */
	uint8_t msg[LW_STREAM_MAX];
	uint32_t len;
};
extern struct leg_world lw;

/* A worker and the client's connection; at most `rate` Binding and other requests a second come
 * from a prefix. */
int lw_start(uint32_t rate);
int lw_setup(void **state); /* the same at any rate */
int lw_teardown(void **state);

/* ---- the control process ---- */

struct ctl_leg lw_leg(const struct fake_conn *c);
/* A session of the client upon c; false if it is refused. */
bool lw_session(const struct fake_conn *c, uint32_t slot, uint32_t flags);
/* The client has session 0, with a channel to peer and one to peer6. */
void lw_serve(void);
/* CMD_SEND of method and class; returns whether it was carried out. */
bool lw_reply(uint16_t method, enum stun_class cls, uint16_t flags);
/* Requests over UDP until the event ring has no room for more of them. */
void lw_fill_ring(void);

/* ---- messages into the stream ---- */

void lw_add(const void *p, size_t n);
void lw_add_channel(uint16_t number, uint32_t n);
void lw_add_send(const struct sock_addr *to, uint32_t n, bool df);
/* With an attribute of `extra` bytes unless 0. Returns its length. */
uint32_t lw_add_stun(uint16_t method, enum stun_class cls, size_t extra);
/* All of it, in segments of 1,460 bytes; runs. */
void lw_feed(void);

/* ---- what comes of it ---- */

/* The next frame to the core is n bytes to a peer. */
void lw_to_peer(const struct sock_addr *to, uint32_t n);
/* A peer's datagram; runs. */
void lw_from_peer(const struct sock_addr *from, uint32_t n, enum frame_csum csum);
/* ChannelData of n bytes is next in the stream to the client. */
void lw_to_client(uint16_t number, uint32_t n);
/* Runs that much later. */
void lw_after_ms(uint64_t ms);
/* The connection was ended, for this reason. */
void lw_ended(enum tcp_end why);

#endif
