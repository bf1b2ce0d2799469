/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keys of SRTP, and other secrets of controllers. They are beside the records, which are in a file:
 * a process that has restarted knows none.
 */
#include "gateway_priv.h"

#include <stdlib.h>
#include <string.h>

struct context_keys {
	struct {
		bool known; /* srtp is what the dataplane was told */
		struct gate_srtp srtp;
		void *secret;
		size_t len;
	} side[2];
};

static void wipe_free(void *p, size_t len)
{
	if (!p)
		return;
	explicit_bzero(p, len);
	free(p);
}

static struct context_keys *keys_of(const struct gateway *g, const struct context *c)
{
	return *context_keys(g->table, c);
}

static struct context_keys *keys_make(struct gateway *g, const struct context *c)
{
	struct context_keys **k = context_keys(g->table, c);

	if (!*k)
		*k = calloc(1, sizeof(**k));
	return *k;
}

uint32_t gate_srtp_count(const struct gateway *g)
{
	uint32_t n = 0;

	for (uint32_t w = 0; g && w < g->conf->dataplane.n_workers; w++)
		n += context_srtp(g->table, w, false)->used + context_srtp(g->table, w, true)->used;
	return n;
}

/* ---- keys ---- */

static void side_send(struct gateway *g, const struct context *c, uint32_t side)
{
	const struct gate_srtp *k = &keys_of(g, c)->side[side].srtp;
	struct cmd_srtp_set set = {
		.cid = c->cid, .side = (uint8_t)side, .flags = k->flags, .in = k->in, .out = k->out
	};

	dplink_cmd(g->s->link, c->worker, CMD_SRTP_SET, &set, sizeof(set));
	explicit_bzero(&set, sizeof(set));
}

uint32_t srtp_commands(const struct gateway *g, const struct context *c)
{
	const struct context_keys *k = keys_of(g, c);

	return k ? k->side[0].known + k->side[1].known : 0;
}

void srtp_send(struct gateway *g, const struct context *c)
{
	const struct context_keys *k = keys_of(g, c);

	for (uint32_t side = 0; k && side < 2; side++) {
		if (k->side[side].known)
			side_send(g, c, side);
	}
}

bool gate_srtp_reserve(struct gateway *g, struct context *c)
{
	return keys_make(g, c) != NULL;
}

bool gate_srtp_set(struct gateway *g, struct context *c, uint32_t side,
		   const struct gate_srtp *keys)
{
	struct context_keys *k = keys_make(g, c);

	if (!k)
		return false;
	k->side[side].known = true;
	k->side[side].srtp = *keys;
	side_send(g, c, side);
	return true;
}

const struct gate_srtp *gate_srtp(const struct gateway *g, const struct context *c, uint32_t side)
{
	const struct context_keys *k = keys_of(g, c);

	return k && k->side[side].known ? &k->side[side].srtp : NULL;
}

/* ---- secrets ---- */

bool gate_secret_set(struct gateway *g, struct context *c, uint32_t side, const void *p, size_t len)
{
	void *copy = len ? malloc(len) : NULL;
	struct context_keys *k = len ? keys_make(g, c) : keys_of(g, c);

	if (len && (!copy || !k)) {
		free(copy);
		return false;
	}
	if (!k)
		return true;
	if (len)
		memcpy(copy, p, len);
	wipe_free(k->side[side].secret, k->side[side].len);
	k->side[side].secret = copy;
	k->side[side].len = len;
	return true;
}

const void *gate_secret(const struct gateway *g, const struct context *c, uint32_t side,
			size_t *len)
{
	const struct context_keys *k = keys_of(g, c);

	*len = k ? k->side[side].len : 0;
	return k ? k->side[side].secret : NULL;
}

/* ---- what goes ---- */

static void secret_forget(struct context_keys *k, uint32_t side)
{
	wipe_free(k->side[side].secret, k->side[side].len);
	k->side[side].secret = NULL;
	k->side[side].len = 0;
}

static void side_forget(struct context_keys *k, uint32_t side)
{
	secret_forget(k, side);
	explicit_bzero(&k->side[side], sizeof(k->side[side]));
}

void srtp_forget(struct gateway *g, const struct context *c)
{
	struct context_keys **k = context_keys(g->table, c);

	if (!*k)
		return;
	side_forget(*k, 0);
	side_forget(*k, 1);
	free(*k);
	*k = NULL;
}

/* The dataplane lets keys go in the same cases: ours may never be said to it again. */
void srtp_changed(struct gateway *g, const struct context *c)
{
	struct context_keys *k = keys_of(g, c);

	for (uint32_t side = 0; k && side < 2; side++) {
		if ((c->term[side].term.flags & (TERM_SRTP | TERM_DTLS)) == TERM_SRTP)
			continue;
		/* What was told to it may be with the other side. */
		if (!term_is(&c->term[side])) {
			side_forget(k, side);
			secret_forget(k, !side);
		}
		k->side[side].known = false;
		explicit_bzero(&k->side[side].srtp, sizeof(k->side[side].srtp));
	}
}

void srtp_move(struct gateway *g, const struct context *c, uint32_t side, const struct context *to,
	       uint32_t to_side)
{
	struct context_keys *from = keys_of(g, c), *k = from ? keys_make(g, to) : NULL;

	if (k && from->side[side].known) {
		k->side[to_side].known = true;
		k->side[to_side].srtp = from->side[side].srtp;
	}
}
