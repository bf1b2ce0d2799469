/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_PERF_LOAD_H
#define FL_PERF_LOAD_H

/*
 * What the parts of tls_load share: options, a clock, an event loop, connections, and figures.
 * One thread, kernel sockets. What must not fail ends the program with a sentence.
 */
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

enum { LOAD_CHUNK = 65536, LOAD_PATIENCE_S = 10, LOAD_WARM_MS = 300 };

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

enum load_transport { LOAD_TLS, LOAD_TCP, LOAD_UDP };

struct load_options {
	enum load_transport transport;
	int version; /* TLS1_2_VERSION, TLS1_3_VERSION */
	bool resume;
	const char *key;	     /* certificate asked for: "rsa", "ecdsa"; NULL: any */
	const char *alpn;	     /* one protocol name, or NULL */
	const char *name;	     /* SNI, or NULL */
	const char *user, *password; /* TURN */
	const char *netns;	     /* of the far end's socket; NULL: ours */
	const char *cpu_of;	     /* processes whose time counts; NULL: none */
	const char *certificate;     /* file, its key in it as well; NULL: none */
	const char *before;	     /* command for the shell; NULL: none */
	uint16_t step;		     /* between the ports of connections */
	uint32_t window;	     /* messages under way in one direction of one leg */
	struct sockaddr_storage to;
	socklen_t to_len;
};
extern struct load_options opt;
extern uint64_t load_errors;

/* ---- clock and figures ---- */

uint64_t load_now(void); /* monotonic, nanoseconds */
void load_die(const char *what) __attribute__((noreturn));
/*
 * Seconds of CPU that the processes of opt.cpu_of have had (PIDs, by commas; 0 without), and of
 * these in user mode, which the kernel knows less exactly.
 */
struct load_cpu {
	double s, user_s;
};
struct load_cpu load_cpu(void);
struct load_cpu load_cpu_since(struct load_cpu begin);
/* Members of a JSON object: what c was, and how many of n units it did a second; nothing for 0. */
void load_cpu_print(struct load_cpu c, const char *unit, double n);
void load_sample(double us);
/* The figures of a JSON object: "us_p50" and so on; nothing without samples. */
void load_samples_print(void);

/* ---- event loop ---- */

/* Edge-triggered, both directions: on() reads and writes all it can. */
struct watch {
	void (*on)(struct watch *w, uint32_t events);
	int fd;
};
void watch_add(struct watch *w);
/* Calls those that have something, or returns after so many nanoseconds. */
void load_poll(uint64_t timeout);

/* ---- connections ---- */

enum direction { UP, DOWN, ECHO }; /* from the client, to it, and both */
bool direction_parse(const char *name, enum direction *d);

struct conn {
	struct watch w; /* first: watch.on gets this connection */
	SSL *ssl;	/* NULL: not TLS */
};

/* "IP", "PORT" into an address; ends the program if it is none. */
socklen_t address_parse(struct sockaddr_storage *a, const char *ip, const char *port);
/* Runs opt.before, if there is one; ends the program if it fails. */
void load_before(void);
/* A non-blocking socket on its way to opt.to. */
int conn_dial(void);
/* For TLS clients, by opt. */
SSL_CTX *client_context(void);
SSL *client_new(SSL_CTX *ctx, int fd);
/* Connects by opt.transport and does the handshake, blocking; false: load_errors has it. */
bool conn_open(struct conn *c, SSL_CTX *ctx);
/* From here on conn_send() and conn_recv() do not block. */
void conn_unblock(struct conn *c);
/* Bytes, 0: not now, -1: the end. */
ssize_t conn_send(struct conn *c, const void *p, size_t n);
ssize_t conn_recv(struct conn *c, void *p, size_t n);
void conn_close(struct conn *c);

/* ---- loads; arguments after their name, false if they are wrong ---- */

bool load_handshake(int argc, char **argv);
bool load_storm(int argc, char **argv);
bool load_bare(int argc, char **argv);
bool load_stream(int argc, char **argv);
bool load_idle(int argc, char **argv);
bool load_turn(int argc, char **argv);
/* TURN over an open, blocking connection: an allocation. False: load_errors has it. */
bool turn_allocate(struct conn *c);

#endif
