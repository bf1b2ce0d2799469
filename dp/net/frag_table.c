/* SPDX-License-Identifier: BSD-3-Clause */
#include "frag_table.h"
#include "../snapshot.h"
#include "net.h"
#include "../../lib/rank.h"
#include "../../lib/siphash.h"
#include "../../lib/bug.h"

#include <rte_malloc.h>
#include <sys/random.h>

enum {
	TICK_BUDGET = 1024, /* fragments, or records without any, that time out in one tick */
};

enum measure { DATAGRAMS, BUFFERS, MEASURES };

LIST_HEAD(source_row, frag_source);
TAILQ_HEAD(datagrams, datagram);
LIST_HEAD(datagram_row, datagram);

/* A prefix with datagrams in reassembly. */
struct frag_source {
	uint64_t prefix;
	LIST_ENTRY(frag_source) same_hash; /* or of free records */
	struct datagrams datagrams;	   /* oldest first */
	struct rank_holder holds[MEASURES];
};

struct fragments {
	struct siphash_key key; /* nobody chooses what shares a row */
	uint32_t mask;		/* rows of either - 1 */
	uint32_t held;		/* fragments */
	struct rank rank[MEASURES];
	struct datagrams busy, free; /* busy: oldest first */
	struct source_row free_sources;
	struct datagram_row *row;
	struct source_row *source_row;
	struct datagram *datagram;
	struct frag_source *source; /* as many: each has a datagram */
};

/* ---- memory ---- */

static bool rank_create(struct fragments *f, enum measure what, uint32_t all)
{
	struct row *level = rte_malloc("fragments", sizeof(level[0]) * (all + 1), 64);

	if (level)
		rank_init(&f->rank[what], level, all, &f->source[0].holds[what],
			  sizeof(f->source[0]));
	return level != NULL;
}

static bool records_create(struct fragments *f, uint32_t n)
{
	uint32_t rows = rte_align32pow2(n), i;

	f->mask = rows - 1;
	f->row = rte_zmalloc("fragments", sizeof(f->row[0]) * rows, 64);
	f->source_row = rte_zmalloc("fragments", sizeof(f->source_row[0]) * rows, 64);
	f->datagram = rte_zmalloc("fragments", sizeof(f->datagram[0]) * n, 64);
	f->source = rte_zmalloc("fragments", sizeof(f->source[0]) * n, 64);
	if (!f->row || !f->source_row || !f->datagram || !f->source)
		return false;
	for (i = 0; i < n; i++) {
		TAILQ_INIT(&f->source[i].datagrams);
		LIST_INSERT_HEAD(&f->free_sources, &f->source[i], same_hash);
		TAILQ_INSERT_TAIL(&f->free, &f->datagram[i], by_age);
	}
	return true;
}

bool frag_create(struct worker *w, char *err, size_t errlen)
{
	uint32_t n = w->dp->conf->dataplane.fragments;
	struct fragments *f = rte_zmalloc("fragments", sizeof(*f), 64);

	w->net->frag = f;
	if (f) {
		TAILQ_INIT(&f->busy);
		TAILQ_INIT(&f->free);
	}
	if (f && records_create(f, n) && rank_create(f, DATAGRAMS, n) &&
	    rank_create(f, BUFFERS, n * CONFIG_FRAGMENTS_EACH) &&
	    getrandom(&f->key, sizeof(f->key), 0) == sizeof(f->key))
		return true;
	frag_destroy(w);
	snprintf(err, errlen, "%s: dataplane.fragments: no memory for %u packets in reassembly",
		 w->dp->conf->file, n);
	return false;
}

void frag_destroy(struct worker *w)
{
	struct fragments *f = w->net->frag;
	struct datagram *d;

	if (!f)
		return;
	TAILQ_FOREACH(d, &f->busy, by_age)
	{
		rte_pktmbuf_free_bulk(d->piece, d->n);
	}
	rte_free(f->rank[DATAGRAMS].level);
	rte_free(f->rank[BUFFERS].level);
	rte_free(f->source);
	rte_free(f->datagram);
	rte_free(f->source_row);
	rte_free(f->row);
	rte_free(f);
	w->net->frag = NULL;
}

uint32_t frag_held(const struct worker *w)
{
	return w->net->frag->held;
}

/* ---- who holds what ---- */

/* Source s holds n more, or less. */
static void charge(struct fragments *f, const struct frag_source *s, enum measure what, int32_t n)
{
	rank_charge(&f->rank[what], (uint32_t)(s - f->source), n);
}

void frag_table_charge(struct worker *w, struct datagram *d, uint32_t n)
{
	d->charged += n;
	w->net->frag->held++;
	charge(w->net->frag, d->source, BUFFERS, (int32_t)n);
}

void frag_table_end(struct worker *w, struct datagram *d)
{
	struct frag_source *s = d->source;
	struct fragments *f = w->net->frag;

	WARN_ON(f->held < d->n);
	f->held -= d->n;
	charge(f, s, DATAGRAMS, -1);
	charge(f, s, BUFFERS, -(int32_t)d->charged);
	TAILQ_REMOVE(&s->datagrams, d, of_source);
	if (TAILQ_EMPTY(&s->datagrams)) {
		LIST_REMOVE(s, same_hash);
		LIST_INSERT_HEAD(&f->free_sources, s, same_hash);
	}
	LIST_REMOVE(d, same_hash);
	TAILQ_REMOVE(&f->busy, d, by_age);
	TAILQ_INSERT_HEAD(&f->free, d, by_age);
}

static void pieces_drop(struct worker *w, struct datagram *d, enum drop why)
{
	WARN_ON(w->net->frag->held < d->n);
	drop_n(w, why, d->n);
	rte_pktmbuf_free_bulk(d->piece, d->n);
	w->net->frag->held -= d->n;
	d->n = 0;
}

/* It goes on being charged, so that each record in the table counts for a buffer at least. */
void frag_table_break(struct worker *w, struct datagram *d)
{
	pieces_drop(w, d, DROP_FRAG_BAD);
	d->broken = true;
}

static void datagram_drop(struct worker *w, struct datagram *d, enum drop why)
{
	pieces_drop(w, d, why);
	frag_table_end(w, d);
}

static bool datagram_expired(const struct worker *w, const struct datagram *d)
{
	return w->now_ms - d->began_ms > snapshot_conf(w->dp)->dataplane.fragment_timeout_ms;
}

/* The oldest goes if its time is over, else that of the source that holds most. */
static void room_make(struct worker *w, enum measure what, uint32_t n)
{
	struct fragments *f = w->net->frag;
	struct rank *r = &f->rank[what];
	struct datagram *d;

	while (unlikely(r->left < n)) {
		d = TAILQ_FIRST(&f->busy);
		if (datagram_expired(w, d))
			datagram_drop(w, d, DROP_FRAG_TIMEOUT);
		else
			datagram_drop(w, TAILQ_FIRST(&f->source[rank_most(r)].datagrams),
				      DROP_FRAG_FULL);
	}
}

void frag_table_room(struct worker *w, uint32_t n)
{
	room_make(w, BUFFERS, n);
}

void frag_tick(struct worker *w)
{
	struct datagram *d;
	uint32_t n = 0;

	while (n < TICK_BUDGET && (d = TAILQ_FIRST(&w->net->frag->busy)) &&
	       datagram_expired(w, d)) {
		n += RTE_MAX(d->n, 1u);
		datagram_drop(w, d, DROP_FRAG_TIMEOUT);
	}
}

/* ---- look-up ---- */

/* /24 of IPv4, /56 of IPv6, told apart by the last byte. */
static uint64_t source_prefix(const struct ip_addr *a)
{
	uint8_t b[8] = { [7] = ip_is_v4(a) };
	uint64_t prefix;

	memcpy(b, ip_is_v4(a) ? a->b + 12 : a->b, ip_is_v4(a) ? 3 : 7);
	memcpy(&prefix, b, sizeof(prefix));
	return prefix;
}

static struct frag_source *source_get(struct fragments *f, const struct ip_addr *a)
{
	uint64_t prefix = source_prefix(a);
	struct source_row *row =
	    &f->source_row[siphash(&f->key, &prefix, sizeof(prefix)) & f->mask];
	struct frag_source *s;

	LIST_FOREACH(s, row, same_hash)
	{
		if (s->prefix == prefix)
			return s;
	}
	s = LIST_FIRST(&f->free_sources);
	LIST_REMOVE(s, same_hash);
	LIST_INSERT_HEAD(row, s, same_hash);
	s->prefix = prefix;
	return s;
}

static struct datagram *datagram_begin(struct worker *w, const struct frag_key *k,
				       struct datagram_row *row)
{
	struct fragments *f = w->net->frag;
	struct datagram *d;

	room_make(w, DATAGRAMS, 1);
	d = TAILQ_FIRST(&f->free);
	TAILQ_REMOVE(&f->free, d, by_age);
	d->key = *k;
	d->source = source_get(f, &k->src);
	d->began_ms = w->now_ms;
	d->charged = d->bytes = d->n = 0;
	d->last = d->broken = false;
	LIST_INSERT_HEAD(row, d, same_hash);
	TAILQ_INSERT_TAIL(&f->busy, d, by_age);
	TAILQ_INSERT_TAIL(&d->source->datagrams, d, of_source);
	charge(f, d->source, DATAGRAMS, 1);
	return d;
}

struct datagram *frag_table_get(struct worker *w, const struct frag_key *k)
{
	struct fragments *f = w->net->frag;
	struct datagram_row *row = &f->row[siphash(&f->key, k, sizeof(*k)) & f->mask];
	struct datagram *d;

	LIST_FOREACH(d, row, same_hash)
	{
		if (memcmp(&d->key, k, sizeof(*k)) == 0)
			break;
	}
	if (d && unlikely(datagram_expired(w, d))) {
		datagram_drop(w, d, DROP_FRAG_TIMEOUT);
		d = NULL;
	}
	return d ? d : datagram_begin(w, k, row);
}
