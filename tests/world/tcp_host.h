/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_TCP_HOST_H
#define FL_TESTS_TCP_HOST_H

/*
 * Machines around the workers of worker.h that speak just enough TCP to be at the other end of
 * many connections at once: nothing is lost on the way, so nothing is sent twice, and every
 * segment must be the next. Streams are patterns by seed, which the far end checks.
 */
#include "segment.h"
#include "worker.h"

enum { HOSTS_MAX = 1024, HOST_MSS = 1000, HOST_WND = 60000 };

/* One end of a connection, ours the other. */
struct host {
	/* us.port 0: whichever the first SYN comes from. */
	struct sock_addr addr, us;
	uint16_t port;	 /* ACCESS or CORE */
	uint16_t worker; /* whose queue its segments come in by */
	uint8_t seed;	 /* of what it sends */
	uint8_t expect;	 /* seed of what it gets */
	bool silent;	 /* answers nothing */
	bool refuse;	 /* RST to a SYN */
	bool stop;	 /* takes no more data than it said it would: its window closes */
	bool fin;	 /* FIN behind to_send */
	bool any;	 /* what it gets is not checked: see last */
	/* Told of what it gets, instead of the check. */
	void (*got)(struct host *h, const uint8_t *p, uint32_t n);
	void *arg;
	uint64_t to_send;
	const uint8_t *source; /* what it sends, by offset in its stream, instead of the pattern */
	/* What became of it. */
	uint64_t sent, acked, received;
	uint8_t last[256]; /* the last bytes received, for any */
	uint32_t last_len;
	bool open, fin_sent, fin_acked, fin_rcvd, rst;
	uint32_t syns; /* of ours, seen */
	uint32_t iss, irs;
	uint64_t wnd;  /* what we offered, stream offset of its right edge */
	uint64_t edge; /* what it offered, of the other */
	bool ack_due;
	uint8_t tos;	 /* of the last packet */
	uint8_t syn_tos; /* of the last with our SYN */
};

/* Forgets all hosts. */
void hosts_reset(void);
/* A host that waits for our SYN; the addresses name the connection. */
struct host *host_new(uint16_t port, const struct sock_addr *addr, const struct sock_addr *us,
		      uint8_t seed, uint8_t expect);
/* Its SYN; runs. */
void host_connect(struct host *h);
/* The same, but nobody has had a turn yet. */
void host_connect_put(struct host *h);
/* A machine of the access network that has connected to us; what it gets is for the test to check.
 */
struct host *host_client(const struct sock_addr *addr, const struct sock_addr *us);
void host_rst(struct host *h);
/* The same, but nobody has had a turn yet. */
void host_rst_put(struct host *h);
/* Its FIN; runs. */
void host_fin(struct host *h);
/* The same, but nobody has had a turn yet. */
void host_fin_put(struct host *h);
/* It takes data again; runs. */
void host_go(struct host *h);
/* Sends bytes of its own instead of the pattern, a segment of HOST_MSS at a time; runs. */
void host_say(struct host *h, const void *bytes, uint16_t len);
/* One segment of it, and nobody has had a turn yet. */
void host_say_put(struct host *h, const void *bytes, uint16_t len);
/* Workers and hosts until all is quiet. */
void hosts_run(void);
/* For who has a loop of his own: a frame that went out, true if it was TCP; and what hosts have to
 * send, true if that is anything. */
bool hosts_take(uint16_t port, const struct frame *f);
bool hosts_push(void);
/* The same as hosts_run() while time passes, in steps of 1 ms. */
void hosts_pass_ms(uint32_t ms);
uint8_t host_pattern(uint8_t seed, uint64_t at);

#endif
