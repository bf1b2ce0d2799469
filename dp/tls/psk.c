/* SPDX-License-Identifier: BSD-3-Clause */
#include "psk.h"

#include "crypto.h"
#include "tickets.h"

/* Tickets of TLS 1.3 come as identities, too; ours begin with the name of their key. */
static bool is_ticket(const struct tickets *t, const uint8_t *identity, size_t len)
{
	const size_t name = sizeof(((struct ctl_ticket_key *)0)->name);
	struct ctl_ticket_keys k;
	bool is;

	if (!t || len < name || !tickets_get(t, &k))
		return false;
	is = !memcmp(identity, k.current.name, name) || !memcmp(identity, k.previous.name, name) ||
	     !memcmp(identity, k.next.name, name);
	OPENSSL_cleanse(&k, sizeof(k));
	return is;
}

/*
 * The key is in the handshake then, for the caller to wipe. The job may be paused in here, and
 * below no variable's address is taken: sanitizers do not know of its stack.
 */
static bool lookup(struct handshake *s, const void *identity, size_t len)
{
	if (!len || len > HANDSHAKE_IDENTITY_MAX || s->ssl->lookups >= PSK_LOOKUPS_MAX ||
	    is_ticket(s->ssl->crypto->dp->tickets, identity, len))
		return false;
	s->ssl->lookups++;
	memcpy(s->identity, identity, len);
	s->identity_len = (uint32_t)len;
	return handshake_lookup(s) && s->psk_len <= HANDSHAKE_PSK_MAX;
}

static void wipe(struct handshake *s)
{
	OPENSSL_cleanse(s->psk, sizeof(s->psk));
	s->psk_len = 0;
}

static bool is_sha256(const SSL_CIPHER *c)
{
	const EVP_MD *md = SSL_CIPHER_get_handshake_digest(c);

	return md && EVP_MD_is_a(md, "SHA256");
}

/* TLS 1.3. Returns 0 for an error; an identity that is unknown is none. */
static int on_find_session(SSL *ssl, const uint8_t *identity, size_t len, SSL_SESSION **session)
{
	struct handshake *s = SSL_get_app_data(ssl);
	const SSL_CIPHER *c = SSL_get_pending_cipher(ssl);
	SSL_SESSION *x;

	*session = NULL;
	if (!c || !is_sha256(c) || !lookup(s, identity, len))
		return 1;
	x = SSL_SESSION_new();
	if (x && SSL_SESSION_set1_master_key(x, s->psk, s->psk_len) &&
	    SSL_SESSION_set_cipher(x, c) && SSL_SESSION_set_protocol_version(x, TLS1_3_VERSION)) {
		s->result.psk = true;
		*session = x;
	} else {
		SSL_SESSION_free(x);
	}
	wipe(s);
	return *session != NULL;
}

/* TLS 1.2. Returns the key's length; 0: unknown_psk_identity. */
static unsigned int on_server_psk(SSL *ssl, const char *identity, uint8_t *psk, unsigned int max)
{
	struct handshake *s = SSL_get_app_data(ssl);
	unsigned int len;

	/* OpenSSL asks here, too, for what on_find_session() did not know. */
	if (SSL_version(ssl) >= TLS1_3_VERSION || !lookup(s, identity, strlen(identity)))
		return 0;
	len = s->psk_len <= max ? s->psk_len : 0;
	memcpy(psk, s->psk, len);
	s->result.psk = len > 0;
	wipe(s);
	return len;
}

bool psk_ctx_init(SSL_CTX *ctx)
{
	SSL_CTX_set_psk_server_callback(ctx, on_server_psk);
	SSL_CTX_set_psk_find_session_callback(ctx, on_find_session);
	return true;
}
