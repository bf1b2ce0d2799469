/* SPDX-License-Identifier: BSD-3-Clause */
#include "agent.h"

#include "../log.h"
#include "ticket_keys.h"

#include <openssl/crypto.h>
#include <stdlib.h>

enum { KEYS_MS = 5000, RELOAD_MS = 8000 }; /* to answer; less than fairlead(1) waits */

struct tls_agent {
	const struct config *conf;
	struct dpsock *sock;
	bool active;	/* something speaks TLS */
	bool has_keys;	/* the dataplane, those of epoch */
	bool asking;	/* keys of epoch are on their way */
	bool again;	/* they are of a secret that is not in force any more */
	uint64_t epoch; /* of the keys sent last */
	uint64_t tried; /* second of that: no more than one try a second */
	uint8_t prk[TICKET_PRK];
	bool prepared; /* next: of another secret, perhaps */
	uint8_t next[TICKET_PRK];
};

struct tls_agent *tls_agent_open(const struct config *c, char *err, size_t errlen)
{
	struct tls_agent *a = calloc(1, sizeof(*a));

	if (!a) {
		snprintf(err, errlen, "out of memory for TLS");
		return NULL;
	}
	a->conf = c;
	a->active = config_has_tls(c);
	a->tried = UINT64_MAX;
	if (a->active && !ticket_secret_load(c, a->prk, err, errlen)) {
		tls_agent_close(a);
		return NULL;
	}
	return a;
}

void tls_agent_close(struct tls_agent *a)
{
	if (a)
		OPENSSL_cleanse(a, sizeof(*a));
	free(a);
}

bool tls_agent_prepare(struct tls_agent *a, const struct config *c, char *err, size_t errlen)
{
	a->prepared = false;
	/* The file beside control.state is ours alone. */
	if (!a->active || (!c->tls.ticket_secret[0] && !a->conf->tls.ticket_secret[0]))
		return true;
	a->prepared = ticket_secret_load(c, a->next, err, errlen);
	return a->prepared;
}

void tls_agent_finish(struct tls_agent *a, bool apply)
{
	if (a->prepared && apply && CRYPTO_memcmp(a->next, a->prk, sizeof(a->prk)) != 0) {
		memcpy(a->prk, a->next, sizeof(a->prk));
		a->has_keys = false;
		a->again = a->asking;
		a->tried = UINT64_MAX;
	}
	a->prepared = false;
	OPENSSL_cleanse(a->next, sizeof(a->next));
}

void tls_agent_sock(struct tls_agent *a, struct dpsock *sock)
{
	a->sock = sock;
	a->has_keys = false;
	a->tried = UINT64_MAX;
}

static void keys_answer(void *ctx, bool ok, const char *text)
{
	struct tls_agent *a = ctx;

	a->asking = false;
	a->has_keys = ok && !a->again;
	a->again = false;
	if (!ok)
		log_line("the dataplane has no new keys for session tickets: %s", text);
}

void tls_agent_turn(struct tls_agent *a, uint64_t wall)
{
	uint64_t epoch = ticket_epoch(wall, a->conf->tls.ticket_lifetime);
	struct msg_ticket_keys m = { .hdr.type = MSG_TICKET_KEYS };

	if (!a->active || !a->sock || a->asking || a->tried == wall ||
	    (a->has_keys && a->epoch == epoch))
		return;
	a->tried = wall;
	a->epoch = epoch;
	if (ticket_keys_derive(a->prk, epoch, &m.keys))
		a->asking = dpsock_ask(a->sock, &m, sizeof(m), KEYS_MS, keys_answer, a);
	else
		log_line("OpenSSL cannot derive keys for session tickets");
	OPENSSL_cleanse(&m, sizeof(m));
}

void tls_agent_reload(struct tls_agent *a, dpsock_answer *done, void *ctx)
{
	struct msg_hdr m = { .type = MSG_TLS_RELOAD };

	if (!a->active)
		done(ctx, false, "neither a listener nor a realm has TLS");
	else if (!a->sock || !dpsock_ask(a->sock, &m, sizeof(m), RELOAD_MS, done, ctx))
		done(ctx, false, "no dataplane is attached, or too many requests wait for it");
}

void tls_agent_log(bool ok, const char *text)
{
	if (ok)
		log_line("certificates and keys were read again");
	else
		log_line("certificates and keys stay as they were: %s", text);
}
