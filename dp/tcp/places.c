/* SPDX-License-Identifier: BSD-3-Clause */
#include "places.h"

#include <rte_malloc.h>

enum {
	SETTLED_MS = 10000, /* who is silent for so long is not about to prove itself */
	STRANGER_PART = 8,
};

static struct row_links of_source(const struct places *p)
{
	return (struct row_links){ &p->place[0].of_source, sizeof(p->place[0]) };
}

static struct row_links of_all(const struct places *p)
{
	return (struct row_links){ &p->place[0].of_all, sizeof(p->place[0]) };
}

/* ---- memory ---- */

static bool table_create(struct worker *w, struct places *p, uint32_t n)
{
	struct row *level = rte_malloc("places", sizeof(level[0]) * ((size_t)n + 1), 64);
	uint32_t conns = w->dp->conf->tcp.connections, rows = rte_align32pow2(n), i;

	p->place = rte_zmalloc("places", sizeof(p->place[0]) * (size_t)conns, 64);
	p->row = rte_malloc("places", sizeof(p->row[0]) * (size_t)rows, 64);
	p->source = rte_zmalloc("places", sizeof(p->source[0]) * (size_t)n, 64);
	p->rank.level = level;
	if (!level || !p->place || !p->row || !p->source)
		return false;
	memcpy(&p->key, w->dp->hash_key, sizeof(p->key));
	memset(p->row, 0xff, sizeof(p->row[0]) * (size_t)rows);
	p->mask = rows - 1;
	for (i = 0; i < n; i++)
		p->source[i].same_hash = i + 1 < n ? i + 1 : SLOT_NONE;
	p->free = 0;
	rank_init(&p->rank, level, n, &p->source[0].holds, sizeof(p->source[0]));
	return true;
}

bool places_create(struct worker *w)
{
	const struct config *c = w->dp->conf;
	struct places *p = w->tcp->places;
	uint32_t i;

	for (i = 0; i < TCP_TABLES; i++) {
		p[i].free = SLOT_NONE;
		p[i].strangers = ROW_EMPTY;
	}
	return table_create(w, &p[TCP_TABLE_CONNS], c->tcp.connections) &&
	       (!config_has_tls(c) || table_create(w, &p[TCP_TABLE_LAYERS], c->tls.connections));
}

void places_destroy(struct worker *w)
{
	struct places *p;

	for (p = w->tcp->places; p < w->tcp->places + TCP_TABLES; p++) {
		rte_free(p->rank.level);
		rte_free(p->source);
		rte_free(p->place);
		rte_free(p->row);
	}
}

/* ---- sources ---- */

static uint32_t *row_of(struct places *p, uint64_t prefix)
{
	return &p->row[siphash(&p->key, &prefix, sizeof(prefix)) & p->mask];
}

/* NULL: the row is empty. */
static struct tcp_conn *row_first(const struct tcp *t, const struct row *r)
{
	return r->first != ROW_END ? &t->conn[r->first] : NULL;
}

static uint64_t source_prefix(const struct tcp *t, const struct tcp_source *s)
{
	const struct tcp_conn *c = row_first(t, &s->conns[PLACE_STRANGER]);

	c = c ? c : row_first(t, &s->conns[PLACE_GUEST]);
	return ip_source(&c->remote_ip);
}

/* Index of the record of a prefix, a new one if need be; SLOT_NONE: there are no more. */
static uint32_t source_get(const struct tcp *t, struct places *p, uint64_t prefix)
{
	uint32_t *row = row_of(p, prefix), i;
	struct tcp_source *s;

	for (i = *row; i != SLOT_NONE; i = p->source[i].same_hash)
		if (source_prefix(t, &p->source[i]) == prefix)
			return i;
	i = p->free;
	if (i == SLOT_NONE)
		return SLOT_NONE;
	s = &p->source[i];
	p->free = s->same_hash;
	s->same_hash = *row;
	s->strangers = s->buffers = 0;
	s->conns[PLACE_STRANGER] = s->conns[PLACE_GUEST] = ROW_EMPTY;
	*row = i;
	return i;
}

static void source_end(struct places *p, uint32_t i, uint64_t prefix)
{
	uint32_t *link = row_of(p, prefix);

	while (*link != i)
		link = &p->source[*link].same_hash;
	*link = p->source[i].same_hash;
	p->source[i].same_hash = p->free;
	p->free = i;
}

/* ---- places ---- */

static struct row *row_in_source(const struct places *p, const struct tcp_conn *c, uint32_t i)
{
	struct tcp_source *s = &p->source[p->place[i].source - 1];

	return &s->conns[c->standing == TCP_STRANGER ? PLACE_STRANGER : PLACE_GUEST];
}

static void rows_enter(struct places *p, const struct tcp_conn *c, uint32_t i)
{
	row_append(row_in_source(p, c, i), of_source(p), i);
	if (c->standing == TCP_STRANGER)
		row_append(&p->strangers, of_all(p), i);
}

static void rows_leave(struct places *p, const struct tcp_conn *c, uint32_t i)
{
	row_remove(row_in_source(p, c, i), of_source(p), i);
	if (c->standing == TCP_STRANGER)
		row_remove(&p->strangers, of_all(p), i);
}

/* Where there is no record left nobody is charged: layers may come from another worker. */
static void place_put(struct worker *w, struct places *p, const struct tcp_conn *c)
{
	uint32_t i = conn_idx(w, c), s;

	if (!p->rank.left || p->place[i].source)
		return;
	s = source_get(w->tcp, p, ip_source(&c->remote_ip));
	if (s == SLOT_NONE)
		return;
	p->place[i].source = s + 1;
	p->source[s].strangers += c->standing == TCP_STRANGER;
	rank_charge(&p->rank, s, 1);
	rows_enter(p, c, i);
}

static void place_del(struct worker *w, struct places *p, const struct tcp_conn *c)
{
	uint32_t i = conn_idx(w, c), s;

	if (!p->place || !p->place[i].source)
		return;
	rows_leave(p, c, i);
	s = p->place[i].source - 1;
	p->place[i].source = 0;
	p->source[s].strangers -= c->standing == TCP_STRANGER;
	rank_charge(&p->rank, s, -1);
	if (!rank_held(&p->rank, s))
		source_end(p, s, ip_source(&c->remote_ip));
}

bool places_has(const struct worker *w, const struct tcp_conn *c)
{
	return w->tcp->places[TCP_TABLE_CONNS].place[conn_idx(w, c)].source != 0;
}

/* What the source of a guest holds is its account. */
static uint32_t *account(const struct worker *w, const struct tcp_conn *c)
{
	const struct places *p = &w->tcp->places[TCP_TABLE_CONNS];
	uint32_t s = p->place[conn_idx(w, c)].source;

	return s && c->standing == TCP_GUEST ? &p->source[s - 1].buffers : NULL;
}

void places_put(struct worker *w, struct tcp_conn *c)
{
	place_put(w, &w->tcp->places[TCP_TABLE_CONNS], c);
	if (c->standing == TCP_GUEST && !c->share)
		tcp_share(w, c, account(w, c));
	if (c->flags & CONN_LAYER)
		place_put(w, &w->tcp->places[TCP_TABLE_LAYERS], c);
}

void places_del(struct worker *w, struct tcp_conn *c)
{
	if (c->share && c->share == account(w, c))
		tcp_share(w, c, NULL);
	place_del(w, &w->tcp->places[TCP_TABLE_CONNS], c);
	place_del(w, &w->tcp->places[TCP_TABLE_LAYERS], c);
}

static void place_turned(struct worker *w, struct places *p, const struct tcp_conn *c)
{
	uint32_t i = conn_idx(w, c);

	if (!p->place || !p->place[i].source)
		return;
	rows_leave(p, c, i);
	rows_enter(p, c, i);
}

void places_turned(struct worker *w, const struct tcp_conn *c)
{
	place_turned(w, &w->tcp->places[TCP_TABLE_CONNS], c);
	if (c->standing != TCP_STRANGER)
		place_turned(w, &w->tcp->places[TCP_TABLE_LAYERS], c);
}

/* ---- who gives way ---- */

/* Of a source that has some. */
static struct tcp_conn *source_victim(const struct tcp *t, const struct tcp_source *s)
{
	uint32_t part = RTE_MAX(s->holds.held / STRANGER_PART, 1u);
	bool strange = s->strangers > part || s->strangers == s->holds.held;

	return row_first(t, &s->conns[strange ? PLACE_STRANGER : PLACE_GUEST]);
}

struct tcp_conn *places_victim(const struct worker *w, enum tcp_table table)
{
	const struct places *p = &w->tcp->places[table];
	struct tcp_conn *c = row_first(w->tcp, &p->strangers);

	if (c && clock_since_ms(w, c->row_ms) >= SETTLED_MS)
		return c;
	return p->rank.top > 1 ? source_victim(w->tcp, &p->source[rank_most(&p->rank)]) : c;
}
