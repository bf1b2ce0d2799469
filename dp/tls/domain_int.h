/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_DOMAIN_INT_H
#define FL_DP_TLS_DOMAIN_INT_H

/* What domain.c, domain_ctx.c and domain_pick.c share. */
#include "cert.h"
#include "domain.h"
#include "../snapshot.h"

/* A context with the certificates in it, as bits of their indices: of each kind one at most. */
struct server {
	uint64_t certs;
	SSL_CTX *ctx;
};
_Static_assert(CONFIG_CERTIFICATES_MAX <= 64, "a mask holds all certificates");

/* A name that certificates of the domain are for. */
struct host {
	const char *name; /* of a struct cert */
	uint32_t server;  /* which has them */
};

struct domain {
	struct domain_set *set;
	const struct config_domain *conf;
	uint16_t idx;
	struct server *server; /* the first serves whoever names no host of ours */
	uint32_t n_server;
	struct host *host; /* sorted */
	uint32_t n_host;
	SSL_CTX *client;
	SSL_CTX *dtls[2]; /* server, client; NULL: there is no DTLS here */
	uint8_t *alpn; /* as RFC 7301 3.1 puts protocol names; most wanted first */
	uint32_t alpn_len;
};

/* Immutable but for refs: the owner has one, and each SSL, on whichever thread that ends. */
struct domain_set {
	_Atomic uint32_t refs;
	const struct dplane *dp;
	struct snapshot *of; /* that conf is in; NULL: it is that of the start */
	const struct config *conf;
	OSSL_LIB_CTX *libctx;
	struct cert cert[CONFIG_CERTIFICATES_MAX];
	struct domain domain[CONFIG_DOMAINS_MAX];
};

extern int domain_index; /* of an SSL's struct domain */

/* ---- domain_ctx.c ---- */

struct domain_build {
	struct domain *d;
	STACK_OF(X509) * ca; /* client-ca; NULL: any certificate is taken */
	char *err;
	size_t errlen;
};

enum domain_ctx_kind { CTX_CLIENT = 1 << 0, CTX_DTLS = 1 << 1 };

/* A context of the domain with these certificates. NULL: one sentence in err. */
SSL_CTX *domain_ctx(const struct domain_build *b, uint64_t certs, unsigned int kind);
/* What OpenSSL has just said becomes the sentence. Returns false. */
bool domain_fail(const struct domain_build *b, const char *what);

/* ---- domain_pick.c ---- */

/* The wildcard that stands for name; false: none does. */
bool host_wildcard(const char *name, char *out, size_t len);
int host_order(const void *a, const void *b);
/* Fills d->alpn. False: out of memory. */
bool alpn_build(struct domain *d);
/* SSL_CTX_set_tlsext_servername_callback(3), SSL_CTX_set_alpn_select_cb(3) */
int domain_on_name(SSL *ssl, int *alert, void *arg);
/* Whether a session of a ticket may go on here. */
SSL_TICKET_RETURN domain_on_ticket(SSL *ssl, SSL_SESSION *s, const unsigned char *key, size_t len,
				   SSL_TICKET_STATUS status, void *arg);
int domain_on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		   const unsigned char *in, unsigned in_len, void *arg);

#endif
