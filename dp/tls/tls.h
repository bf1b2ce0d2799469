/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_TLS_H
#define FL_DP_TLS_TLS_H

/*
 * TLS on a TCP connection: a layer between the connection and its owner (struct tcp_layer). The
 * owner calls what it calls without TLS (tcp.h) and sees plaintext; established() comes after the
 * handshake, the end of the stream is the other side's close_notify, and tcp_shutdown() sends ours.
 * A stream that ends without close_notify ends with TCP_END_TLS_TRUNCATED.
 */
#include "../tcp/tcp.h"
#include "handshake.h"

struct tls_worker;

/* Part of worker_create(), worker_free(). On failure one sentence in err. */
bool tls_create(struct worker *w, char *err, size_t errlen);
void tls_destroy(struct worker *w);

/* Handshakes that came back from crypto threads, and a step of this worker's own. Returns the work
 * done.
 */
uint32_t tls_input(struct worker *w);
/* Gauges, every NEIGH_TICK_MS. */
void tls_tick(struct worker *w);

/* The layer of a connection to a TLS listener: request.layer; layer_arg is the domain's index. */
extern const struct tcp_layer_ops tls_server_layer, tls_client_layer;

/* What the handshake agreed on; NULL without TLS, or before established(). */
struct tls_info {
	uint16_t version, suite;
	uint16_t domain;
	uint16_t service; /* id, by ALPN or SNI, else SERVICE_NONE */
	bool resumed, psk;
	uint8_t cert[CTL_CERT_KEY];  /* that we have shown, as ctl_conn_info has it */
	bool peer_cert;		     /* the other side showed one that was accepted; */
	struct fingerprint_set peer; /* its fingerprints: known before a byte can be read (R50) */
};
const struct tls_info *tls_info(const struct tcp_conn *c);

/*
 * Ends a connection after its handshake: its owner has judged the other side's certificate, and
 * does not want it. A fatal alert bad_certificate goes out (RFC 8122 6.2), then FIN.
 */
void tls_refuse(struct worker *w, struct tcp_conn *c, enum tcp_end why);

/* EVT_PSK's answer. False: nobody waits for it. */
bool tls_psk(struct worker *w, const struct cmd_psk *c);

#endif
