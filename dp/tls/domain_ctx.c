/* SPDX-License-Identifier: BSD-3-Clause */
/* OpenSSL contexts of a TLS domain. */
#include "domain_int.h"
#include "profile.h"
#include "psk.h"
#include "crypto.h"
#include "tickets.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* ---- the other side's certificate ---- */

/* By the CAs of the domain, where it has some, and by what the connection's owner expects. */
static int on_verify(X509_STORE_CTX *s, void *arg)
{
	const struct domain *d = arg;
	const SSL *ssl = X509_STORE_CTX_get_ex_data(s, SSL_get_ex_data_X509_STORE_CTX_idx());
	const struct handshake *handshake = SSL_get_app_data(ssl);

	return expect_verify(handshake ? &handshake->expect : NULL, d->conf->client_ca[0], s);
}

/* ask: the names of the CAs go into the CertificateRequest. */
static bool ca_use(SSL_CTX *ctx, STACK_OF(X509) * ca, bool ask)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);

	for (int i = 0; i < sk_X509_num(ca); i++) {
		X509 *x = sk_X509_value(ca, i);

		if (X509_STORE_add_cert(store, x) != 1 ||
		    (ask && SSL_CTX_add_client_CA(ctx, x) != 1))
			return false;
	}
	/* What the file has is trusted, be it a root or below one. */
	return X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1;
}

static bool verify_use(SSL_CTX *ctx, struct domain *d, STACK_OF(X509) * ca, bool client)
{
	static const int modes[] = {
		[CLIENT_CERT_NONE] = SSL_VERIFY_NONE,
		[CLIENT_CERT_ASK] = SSL_VERIFY_PEER,
		[CLIENT_CERT_REQUIRE] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
	};

	SSL_CTX_set_verify(ctx, client ? SSL_VERIFY_PEER : modes[d->conf->client_cert], NULL);
	SSL_CTX_set_cert_verify_callback(ctx, on_verify, d);
	return !ca || ca_use(ctx, ca, !client);
}

/* ---- contexts ---- */

bool domain_fail(const struct domain_build *b, const char *what)
{
	const char *why = ERR_reason_error_string(ERR_peek_last_error());

	snprintf(b->err, b->errlen, "%s: tls-domains[%u] (%s): %s: %s", b->d->set->conf->file,
		 b->d->idx, b->d->conf->name, what, why ? why : "out of memory");
	ERR_clear_error();
	return false;
}

/* EdDSA has no place in that profile: nobody who keeps to it could ever be shown such a one. */
static bool cert_fits(const struct config_domain *d, const struct cert *c)
{
	int kind = cert_kind(c);

	return d->profile != PROFILE_TS33210 ||
	       (kind != EVP_PKEY_ED25519 && kind != EVP_PKEY_ED448);
}

static bool certs_use(const struct domain_build *b, SSL_CTX *ctx, uint64_t certs)
{
	const struct config *conf = b->d->set->conf;

	for (uint16_t i = 0; i < conf->n_certificate; i++) {
		const struct cert *c = &b->d->set->cert[i];
		bool fits = cert_fits(b->d->conf, c);

		if ((certs >> i & 1) == 0 ||
		    (fits && SSL_CTX_use_cert_and_key(ctx, c->leaf, c->key, c->above, 1) == 1))
			continue;
		snprintf(b->err, b->errlen, "%s: certificates[%u].chain: %s: is refused: %s",
			 config_where(conf, c->conf->chain_line).text, i, c->conf->chain,
			 fits ? ERR_reason_error_string(ERR_peek_last_error())
			      : "profile ts33210 has no EdDSA");
		ERR_clear_error();
		return false;
	}
	return true;
}

/* By tickets only: handshake_ctx_init() has turned the cache off, and gives those of TLS 1.3
 * itself. */
static bool resumption_use(SSL_CTX *ctx, const struct domain *d)
{
	const struct dplane *dp = d->set->dp;

	SSL_CTX_set_timeout(ctx, dp->conf->tls.ticket_lifetime);
	if (d->conf->tickets && dp->tickets)
		return SSL_CTX_set_session_ticket_cb(ctx, NULL, domain_on_ticket, NULL) == 1 &&
		       tickets_use(dp->tickets, ctx);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	return true;
}

/*
 * What a session may go on in: this domain, and while it judges client certificates as it did when
 * the session began (policy and CAs), since nobody looks at them again.
 */
static bool session_context_use(SSL_CTX *ctx, const struct domain_build *b)
{
	const struct config_domain *conf = b->d->conf;
	EVP_MD *sha256 = EVP_MD_fetch(b->d->set->libctx, "SHA256", NULL);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t policy = conf->client_cert, der[EVP_MAX_MD_SIZE], id[SSL_MAX_SID_CTX_LENGTH];
	bool ok = sha256 && md && EVP_MD_get_size(sha256) == sizeof(id) &&
		  EVP_DigestInit_ex(md, sha256, NULL) == 1 &&
		  EVP_DigestUpdate(md, conf->name, strlen(conf->name) + 1) == 1 &&
		  EVP_DigestUpdate(md, &policy, sizeof(policy)) == 1;

	for (int i = 0; ok && i < sk_X509_num(b->ca); i++)
		ok = X509_digest(sk_X509_value(b->ca, i), sha256, der, NULL) == 1 &&
		     EVP_DigestUpdate(md, der, sizeof(id)) == 1;
	ok = ok && EVP_DigestFinal_ex(md, id, NULL) == 1 &&
	     SSL_CTX_set_session_id_context(ctx, id, sizeof(id)) == 1;
	EVP_MD_CTX_free(md);
	EVP_MD_free(sha256);
	return ok;
}

static bool server_use(SSL_CTX *ctx, const struct domain_build *b)
{
	const struct domain *d = b->d;

	SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_tlsext_servername_callback(ctx, domain_on_name);
	SSL_CTX_set_alpn_select_cb(ctx, domain_on_alpn, NULL);
	return session_context_use(ctx, b) && resumption_use(ctx, d) &&
	       (!d->conf->psk || psk_ctx_init(ctx));
}

SSL_CTX *domain_ctx(const struct domain_build *b, uint64_t certs, unsigned int kind)
{
	const bool client = kind & CTX_CLIENT;
	const SSL_METHOD *methods[] = { TLS_server_method(), TLS_client_method(),
					DTLS_server_method(), DTLS_client_method() };
	struct domain *d = b->d;
	SSL_CTX *ctx = SSL_CTX_new_ex(d->set->libctx, NULL, methods[kind]);

	if (!ctx) {
		domain_fail(b, "OpenSSL makes no context");
		return NULL;
	}
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	if (!profile_apply(ctx, d->set->conf, d->idx, kind & CTX_DTLS, b->err, b->errlen) ||
	    !certs_use(b, ctx, certs)) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	if (client)
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET); /* we keep no sessions of others */
	if (kind & CTX_DTLS)
		SSL_CTX_set_cookie_verify_cb(ctx, dtls_on_cookie);
	if (!verify_use(ctx, d, b->ca, client) || !handshake_ctx_init(ctx) ||
	    (!client && !server_use(ctx, b))) {
		domain_fail(b, "OpenSSL refuses it");
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}
