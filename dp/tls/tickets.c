/* SPDX-License-Identifier: BSD-3-Clause */
#include "tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <rte_pause.h>

enum { TICKET_WORDS = sizeof(struct ctl_ticket_keys) / 8 };

_Static_assert(sizeof(struct ctl_ticket_keys) % 8 == 0, "struct tickets holds it by words");

/* What readers see; seq is what they find then: 0, no keys. */
static void words_write(struct tickets *t, const uint64_t words[TICKET_WORDS], uint32_t seq)
{
	uint32_t odd = atomic_load_explicit(&t->seq, memory_order_relaxed) | 1;

	atomic_store_explicit(&t->seq, odd, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	for (uint32_t i = 0; i < TICKET_WORDS; i++)
		atomic_store_explicit(&t->words[i], words[i], memory_order_relaxed);
	atomic_store_explicit(&t->seq, seq, memory_order_release);
}

/* Whether t has k's current key for its current one. */
static bool key_is_current(const struct tickets *t, const struct ctl_ticket_keys *k)
{
	struct ctl_ticket_keys had;
	bool is = tickets_get(t, &had) &&
		  CRYPTO_memcmp(&had.current, &k->current, sizeof(had.current)) == 0;

	OPENSSL_cleanse(&had, sizeof(had));
	return is;
}

void tickets_set(struct tickets *t, const struct ctl_ticket_keys *k, uint64_t now_ms)
{
	uint32_t seq = atomic_load_explicit(&t->seq, memory_order_relaxed) + 2;
	uint64_t words[TICKET_WORDS];

	if (!key_is_current(t, k)) { /* told again, it is no younger */
		t->since_ms = now_ms;
		atomic_store_explicit(&t->stale, false, memory_order_relaxed);
	}
	memcpy(words, k, sizeof(words));
	words_write(t, words, seq ? seq : 2); /* never 0, which says that there are none */
	OPENSSL_cleanse(words, sizeof(words));
}

void tickets_age(struct tickets *t, uint32_t lifetime_s, uint64_t now_ms)
{
	static const uint64_t none[TICKET_WORDS];
	const uint64_t lifetime = (uint64_t)lifetime_s * 1000;
	uint64_t age = now_ms - t->since_ms;

	if (atomic_load_explicit(&t->seq, memory_order_relaxed) == 0 ||
	    age < lifetime + TICKETS_LATE_MS)
		return;
	atomic_store_explicit(&t->stale, true, memory_order_relaxed);
	if (age >= 2 * lifetime + TICKETS_LATE_MS)
		words_write(t, none, 0);
}

bool tickets_get(const struct tickets *t, struct ctl_ticket_keys *k)
{
	uint64_t words[TICKET_WORDS];
	uint32_t seq;

	for (;;) {
		seq = atomic_load_explicit(&t->seq, memory_order_acquire);
		if (seq == 0)
			return false;
		for (uint32_t i = 0; i < TICKET_WORDS; i++)
			words[i] = atomic_load_explicit(&t->words[i], memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
		if (seq % 2 == 0 && atomic_load_explicit(&t->seq, memory_order_relaxed) == seq)
			break;
		rte_pause(); /* the writer has some thirty words to go */
	}
	memcpy(k, words, sizeof(*k));
	OPENSSL_cleanse(words, sizeof(words));
	return true;
}

/* ---- OpenSSL's side ---- */

static int tickets_index = -1; /* of a context's struct tickets */

static void tickets_index_make(void)
{
	tickets_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

static bool ticket_init(const struct ctl_ticket_key *k, const uint8_t *iv, EVP_CIPHER_CTX *cipher,
			EVP_MAC_CTX *mac, bool seal)
{
	char sha256[] = "SHA256";
	OSSL_PARAM p[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)k->hmac,
						  sizeof(k->hmac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, p) == 1 &&
	       EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->aes, iv, seal) == 1;
}

/* As SSL_CTX_set_tlsext_ticket_key_evp_cb(3) wants it: 0 no key, 1 done, 2 done, but renew. */
static int ticket_seal(const struct ctl_ticket_keys *k, uint8_t *name, uint8_t *iv,
		       EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	memcpy(name, k->current.name, sizeof(k->current.name));
	if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
		return -1;
	return ticket_init(&k->current, iv, cipher, mac, true) ? 1 : -1;
}

/* Names stand in clear in every ticket: there is nothing to learn from how they compare. */
static int ticket_open(const struct ctl_ticket_keys *k, bool renew, const uint8_t *name,
		       const uint8_t *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	const struct ctl_ticket_key *all[] = { &k->current, &k->previous, &k->next };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (memcmp(name, all[i]->name, sizeof(all[i]->name)) != 0)
			continue;
		if (!ticket_init(all[i], iv, cipher, mac, false))
			return -1;
		return renew && all[i] != &k->current ? 2 : 1;
	}
	return 0;
}

static int ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
		      EVP_MAC_CTX *mac, int seal)
{
	const struct tickets *t = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), tickets_index);
	struct ctl_ticket_keys k;
	int r;

	/* In TLS 1.3, where an empty ticket is none, it is not asked for: handshake_ticket(). */
	if (!t || (seal && SSL_version(ssl) < TLS1_3_VERSION && !tickets_given(t)) ||
	    !tickets_get(t, &k))
		return 0;
	r = seal ? ticket_seal(&k, name, iv, cipher, mac)
		 : ticket_open(&k, tickets_given(t), name, iv, cipher, mac);
	OPENSSL_cleanse(&k, sizeof(k));
	return r;
}

bool tickets_use(struct tickets *t, SSL_CTX *ctx)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, tickets_index_make);
	return tickets_index >= 0 && SSL_CTX_set_ex_data(ctx, tickets_index, t) == 1 &&
	       SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_key) == 1;
}
