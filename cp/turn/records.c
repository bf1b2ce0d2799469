/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether a worker has room for the permissions and channels a request wants (RFC 8656 10.2, 12.2):
 * who is answered with success has what was asked for. The worker's pool is counted as the worker
 * counts it, which is by its own counter, with what was promised by commands that it has not
 * carried out yet. What is not there (any more) and will be sent anew, to another dataplane, counts
 * as well.
 */
#include "turn.h"
#include "../../lib/seq.h"

/* Promises made by commands up to number `until`. */
static struct records_promise *promises(struct server *s, uint32_t worker)
{
	const uint32_t taken = dplink_progress(s->link, worker).taken;
	struct records_promise *p = s->promise[worker];

	for (int i = 0; i < 2 && seq_ge(taken, p[0].until); i++) {
		p[0] = p[1];
		p[1].n = 0;
	}
	return p;
}

void records_promise(struct server *s, uint32_t worker, uint32_t n)
{
	struct records_promise *p = promises(s, worker);
	struct records_promise *open = p[0].n ? &p[1] : &p[0];

	/* While the first ones wait, all that follow are together: as one they are carried out. */
	open->n += n;
	open->until = dplink_progress(s->link, worker).given;
}

/* Records of a worker's pool that are taken, or will be. Promises first: what is kept is counted.
 */
static uint64_t records_taken(struct server *s, uint32_t worker)
{
	const struct records_promise *p = promises(s, worker);
	const struct ctl_counters *c = dplink_counters(s->link, worker);
	const uint64_t known = table_records(s->table, worker);
	uint64_t held = c ? atomic_load_explicit(&c->cnt[CNT_PEERS], memory_order_relaxed) : 0;

	held += (uint64_t)p[0].n + p[1].n;
	return held > known ? held : known;
}

/*
 * What one user may have of all pools when they are short: as large a part as of the allocations,
 * but all that one allocation may have. Who has no limit of allocations has none here.
 */
static uint64_t user_share(const struct server *s, const struct request *r)
{
	const struct config_turn *t = &s->conf->turn;
	const uint64_t all = (uint64_t)s->conf->dataplane.peers * s->conf->dataplane.n_workers;
	const uint64_t most = r->auth.quota ? r->auth.quota : t->allocations_per_user;
	const uint64_t one = (uint64_t)t->permissions_per_allocation + t->channels_per_allocation;
	uint64_t share;

	if (!most)
		return UINT64_MAX;
	share = all * most / t->allocations_max;
	return share > one ? share : one;
}

bool records_fit(struct server *s, const struct request *r, uint32_t n)
{
	const uint64_t max = s->conf->dataplane.peers;
	uint64_t after;

	if (n == 0)
		return true;
	after = records_taken(s, r->alloc->worker) + n;
	if (after > max)
		return false;
	return after <= max / 2 || table_user_records(s->table, r->alloc) + n <= user_share(s, r);
}
