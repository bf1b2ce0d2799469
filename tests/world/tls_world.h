/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_TLS_WORLD_H
#define FL_TESTS_TLS_WORLD_H

/*
 * TLS on real workers, seen by an OpenSSL client whose bytes travel in TCP segments: hosts of
 * tcp_host.h carry what a tls_peer gives and takes. The owner above the layer belongs to
 * the tests: it keeps what it reads, and says what it is told to say. Certificates are made when a
 * test begins. Each test ends with connections, TLS state, handshakes and buffers as they were
 * before: tls_world_stop() checks.
 */
#include "unit.h"
#include "control.h"
#include "tcp_host.h"
#include "tls_peer.h"
#include "dp/tls/layer.h"
#include "dp/tls/tickets.h"

enum {
	TLS_LISTENER = 2,
	TLS_PORT = 5349,
	OWNER_MAX = 1 << 20,
	RECORDS_MAX = 4096,
};

/* What the owner above the layer was told. */
struct owner {
	struct tcp_conn *c; /* NULL when it has closed */
	struct worker *w;   /* its worker */
	unsigned int opened, closed, fins, arrived;
	enum tcp_end why;
	const char *passes;	  /* protocol whose clients' TLS it takes as it comes; NULL: none */
	struct tls_expect expect; /* of the next handshakes */
	struct tls_info info;	  /* at established() */
	bool hold;		  /* reads nothing */
	bool echo;		  /* sends what it reads */
	bool close_on_fin;
	uint32_t n;
	uint8_t got[OWNER_MAX];
};
extern struct owner owner;
/* Nobody vouches for connections that are opened, until the test does. */
extern bool owner_strange;

/* A record as it was seen on the wire, from us to the client. */
struct wire_record {
	uint8_t type;
	uint32_t len; /* header included */
};

struct client {
	struct tls_peer tls;
	struct host *host;
	uint16_t cut;  /* bytes a segment; 0: as many as fit */
	bool hold_out; /* what goes stays in tls.out */
	uint32_t n_record;
	struct wire_record record[RECORDS_MAX];
	uint32_t part_len; /* of the record under way */
	uint8_t part[5];
	uint8_t secret[TLS_SECRET_MAX]; /* CLIENT_TRAFFIC_SECRET_0 */
	uint32_t part_left;
};
extern struct client client;

/* Those of the next tls_world_start(), if keys were set. */
extern struct tickets tls_tickets;

/* tls_world_config(): one domain with ECDSA and RSA certificates; change world.conf after it. */
void tls_world_config(void);
void tls_world_start(void);
void tls_world_stop(void);
int tls_setup(void **state);
int tls_teardown(void **state);

/* A client of one version, 0: any, and its TCP connection; no byte of TLS has gone. */
void client_new(int version);
/*
 * The other way round: an OpenSSL server, and a connection from us to it, whose owner is the same.
 * client.tls is the server's then.
 */
void server_open(int version);
/* Another connection of the same context. */
void client_again(void);
/* Carries bytes both ways until all is quiet; goes on with the handshake if it is not over. */
void client_run(void);
/* client_new(), the handshake, and owner.opened. */
void client_open(int version);
void client_write(const void *p, int n);
/* Reads n bytes that must be there. */
void client_read(void *p, int n);
/* What the client's SSL has to send, as it is, to be altered and sent by client_raw(). */
size_t client_take(uint8_t *p, size_t max);
void client_raw(const uint8_t *p, size_t n);
void client_free(void);
/*
 * Seals bytes as the client's record number seq after a TLS 1.3 handshake, with keys from its key
 * log, and sends it: what no client of OpenSSL's would send.
 */
void client_forge(uint64_t seq, enum tls_type type, const void *p, uint32_t n);
/* The alert that the client got: description, or -1. */
int client_alert(void);

/* The owner says n bytes. */
void owner_say(const void *p, uint32_t n);
/* The connection is over for this reason. */
void owner_gone(enum tcp_end why);

#define tls_test(f) cmocka_unit_test_setup_teardown(f, tls_setup, tls_teardown)

#endif
