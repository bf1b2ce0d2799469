/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_STREAM_CLIENT_H
#define FL_TESTS_STREAM_CLIENT_H

/*
 * Who speaks STUN and ChannelData over TCP (RFC 8656 3.1, 12.5): puts messages into its stream, any
 * part of which may be held back, and cuts what comes into messages. What is lost is sent again.
 */
#include "tests/world/tcp_host.h"

enum { STREAM_SAYS = 1 << 20, STREAM_HEARS = 4096 };

struct stream_client {
	struct host *h; /* NULL: it has not connected yet */
	struct sock_addr addr;
	/* A whole message has come. */
	void (*heard)(struct stream_client *c, const uint8_t *p, size_t len);
	bool left;     /* it has ended the connection by RST, and hears no more */
	bool junk;     /* its stream is not one of messages any more */
	uint32_t says; /* bytes that are to go; h->to_send: those that may */
	uint32_t hears;
	uint8_t say[STREAM_SAYS], hear[STREAM_HEARS];
};

/* Its SYN to `to`, from addr; nobody has had a turn yet. */
void stream_connect(struct stream_client *c, const struct sock_addr *addr,
		    const struct sock_addr *to, uint16_t worker);
/* Whether its connection is there, or may come to be. */
bool stream_lives(const struct stream_client *c);
/* Bytes behind all others, of which `held` go when stream_free() says so. False: no room. */
bool stream_say(struct stream_client *c, const void *bytes, uint32_t len, uint32_t held);
void stream_free(struct stream_client *c);
/* Bytes are held back, or nothing is read. */
bool stream_slow(const struct stream_client *c);
/* It reads no more, or again. */
void stream_stop(struct stream_client *c, bool stop);
/* FIN behind all that is to go; RST at once. */
void stream_fin(struct stream_client *c);
void stream_rst(struct stream_client *c);
/* What was not acknowledged by now was lost; true if there is some. */
bool stream_again(struct stream_client *c);

#endif
