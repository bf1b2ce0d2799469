/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger.h"
#include "accounts.h"
#include "places.h"
#include "../../lib/bug.h"

#include <rte_malloc.h>

enum {
	SLOTS_KEPT = 32,     /* of tcp.connections: for handshakes that SYN cookies prove */
	SLOTS_KEPT_DIV = 16, /* of few fewer */
	TURNED_SHIFT = 10,   /* a second, nearly, of milliseconds */
};

bool ledger_create(struct worker *w)
{
	uint32_t buffers = w->dp->conf->tcp.buffers;
	struct ledger *l = &w->tcp->ledger;
	size_t i;

	for (i = 0; i < RTE_DIM(l->row); i++)
		l->row[i] = ROW_EMPTY;
	l->early[EARLY_CRUMBS] = l->early[EARLY_WHOLE] = ROW_EMPTY;
	/* Half of three quarters: who holds all of that may hold as much again. */
	l->calm = buffers / 8 * 3;
	l->in_early =
	    rte_malloc("ledger", sizeof(l->in_early[0]) * (size_t)w->dp->conf->tcp.connections, 64);
	return l->in_early != NULL;
}

void ledger_destroy(struct worker *w)
{
	rte_free(w->tcp->ledger.in_early);
}

/* ---- rows ---- */

static uint32_t class_of(uint32_t n)
{
	return n ? RTE_MIN(32u - (uint32_t)__builtin_clz(n), LEDGER_CLASSES - 1u) : 0;
}

/* The row c belongs to, and one; 0: none. */
static uint8_t row_of(const struct tcp_conn *c, uint32_t n)
{
	bool stranger = c->standing == TCP_STRANGER;

	if (c->flags & CONN_DEAD || !conn_established(c) || (!n && !stranger))
		return 0;
	return (uint8_t)(class_of(n) + (stranger ? 0 : LEDGER_CLASSES) + 1);
}

static struct row_links in_rows(struct tcp *t)
{
	return (struct row_links){ &t->conn[0].in_row, sizeof(t->conn[0]) };
}

static void row_leave(struct tcp *t, struct tcp_conn *c)
{
	if (BUG_ON(c->row == 0 || c->row > RTE_DIM(t->ledger.row)))
		return;
	row_remove(&t->ledger.row[c->row - 1], in_rows(t), (uint32_t)(c - t->conn));
	c->row = 0;
}

static void row_enter(struct tcp *t, struct tcp_conn *c, uint8_t row)
{
	c->row = row;
	row_append(&t->ledger.row[row - 1], in_rows(t), (uint32_t)(c - t->conn));
}

void ledger_last(struct tcp *t, struct tcp_conn *c)
{
	uint8_t row = c->row;

	row_leave(t, c);
	row_enter(t, c, row);
}

static struct row_links in_early(struct tcp *t)
{
	return (struct row_links){ t->ledger.in_early, sizeof(t->ledger.in_early[0]) };
}

/* To the row of those that hold something out of order, or from it. */
static void early_set(struct tcp *t, struct tcp_conn *c, enum early_kind kind)
{
	if (c->early != EARLY_NONE)
		row_remove(&t->ledger.early[c->early], in_early(t), (uint32_t)(c - t->conn));
	c->early = (uint8_t)kind;
	if (kind != EARLY_NONE)
		row_append(&t->ledger.early[kind], in_early(t), (uint32_t)(c - t->conn));
}

static enum early_kind early_of(const struct tcp_conn *c)
{
	if (!c->ooo.n || c->flags & CONN_DEAD)
		return EARLY_NONE;
	return ledger_crumbs(c, 1) ? EARLY_CRUMBS : EARLY_WHOLE;
}

/* Bytes that wait in either direction. */
static uint32_t waiting(const struct tcp_conn *c)
{
	uint32_t n = c->snd.bytes + c->rcv.bytes + c->ooo.bytes;

	return c->flags & CONN_LAYER ? n + c->layer->in.bytes + c->layer->out.bytes : n;
}

/* Bytes that went through c so far: acknowledged by the other side, or taken by the owner. */
static uint32_t moved(const struct tcp_conn *c)
{
	return c->snd_una + c->rcv_nxt - conn_unread(c);
}

/* Neither does it stand anywhere, nor is it charged for its place. */
static bool unlisted(const struct worker *w, const struct tcp_conn *c)
{
	return c->row == 0 && (c->standing == TCP_VOUCHED || !places_has(w, c));
}

/* A guest may have much to do: once in a second is enough to tell it from those that are silent. */
static bool turned_lately(const struct worker *w, const struct tcp_conn *c)
{
	return c->standing == TCP_GUEST &&
	       (uint32_t)w->now_ms >> TURNED_SHIFT == c->row_ms >> TURNED_SHIFT;
}

/*
 * Who has moved as much as it held when that was last noted makes progress, and goes to the end of
 * its row, and of its source's places; a row that is merely another does not make it younger.
 */
void ledger_book(struct worker *w, struct tcp_conn *c, uint32_t n)
{
	struct tcp *t = w->tcp;
	uint8_t row;
	bool turned = unlisted(w, c) || seq_ge(moved(c), c->turned), lately;

	n = RTE_MIN(n, (uint32_t)UINT16_MAX);
	row = row_of(c, n);
	if (c->standing == TCP_STRANGER)
		t->ledger.strangers += n - c->booked;
	if (c->share)
		*c->share += n - c->booked;
	accounts_charge(t, c, n - c->booked);
	c->booked = (uint16_t)n;
	if (row != c->row || turned) {
		if (c->row)
			row_leave(t, c);
		if (row)
			row_enter(t, c, row);
	}
	if (unlikely(c->early != early_of(c)))
		early_set(t, c, early_of(c));
	lately = turned_lately(w, c);
	if (turned && (row || c->standing != TCP_VOUCHED)) {
		c->turned = moved(c) + RTE_MAX(waiting(c), 1u);
		c->row_ms = (uint32_t)w->now_ms;
	}
	if (likely(c->standing == TCP_VOUCHED) || c->flags & CONN_DEAD || !conn_established(c))
		return;
	places_put(w, c);
	accounts_put(w, c);
	if (turned && !lately)
		places_turned(w, c);
}

void ledger_leave(struct worker *w, struct tcp_conn *c)
{
	WARN_ON(c->share && *c->share < c->booked);
	if (c->standing == TCP_STRANGER)
		w->tcp->ledger.strangers -= c->booked;
	if (c->standing != TCP_VOUCHED)
		places_del(w, c);
	if (c->share)
		*c->share -= c->booked;
	c->share = NULL;
	accounts_del(w, c);
	c->booked = 0;
	if (c->row)
		row_leave(w->tcp, c);
	early_set(w->tcp, c, EARLY_NONE);
}

/* ---- what one may hold ---- */

uint32_t ledger_strangers_max(const struct worker *w)
{
	return w->dp->conf->tcp.buffers / 2;
}

static uint32_t mine(const struct tcp_conn *c)
{
	uint32_t n = ledger_sum(c);

	return c->share ? RTE_MAX(*c->share, n) : n;
}

static uint32_t limit(const struct worker *w, const struct tcp_conn *c)
{
	uint32_t buffers = w->dp->conf->tcp.buffers, held = w->tcp->held;
	uint32_t mark = buffers - buffers / 4, small = ledger_small(w, c);

	if (c->standing == TCP_STRANGER || held >= mark)
		return small;
	return RTE_MAX(mark - held, small);
}

/* Its account has more than its share, and the last quarter is for those that have little. */
static bool overdrawn(const struct worker *w, const struct tcp_conn *c)
{
	uint32_t buffers = w->dp->conf->tcp.buffers;

	return w->tcp->held >= buffers - buffers / 4 && accounts_over(w, c);
}

uint32_t ledger_least(const struct worker *w, const struct tcp_conn *c)
{
	if (likely(!overdrawn(w, c)))
		return ledger_small(w, c);
	return ledger_tight(w) ? 0 : LEDGER_LEAST;
}

/* Of a source's guests each may hold a little by itself, whatever they hold together. */
static bool little(const struct worker *w, const struct tcp_conn *c, uint32_t n)
{
	return c->standing == TCP_GUEST && ledger_sum(c) + n <= ledger_small(w, c);
}

bool ledger_judge(const struct worker *w, const struct tcp_conn *c, uint32_t n, uint32_t quarters)
{
	if (w->tcp->held + n > w->dp->conf->tcp.buffers ||
	    (c->standing == TCP_STRANGER && w->tcp->ledger.strangers >= ledger_strangers_max(w)))
		return false;
	if (overdrawn(w, c))
		return ledger_sum(c) + n <= ledger_least(w, c);
	return mine(c) + n <= limit(w, c) * quarters / 4 || little(w, c, n);
}

uint32_t ledger_window(const struct worker *w, const struct tcp_conn *c)
{
	uint32_t may, has;

	if (likely(w->tcp->held <= w->tcp->ledger.calm) || c->standing == TCP_STRANGER)
		return UINT32_MAX;
	may = limit(w, c);
	has = mine(c);
	if (overdrawn(w, c)) {
		may = ledger_least(w, c);
		has = ledger_sum(c);
	} else if (may <= has && c->standing == TCP_GUEST) {
		may = ledger_small(w, c);
		has = ledger_sum(c);
	}
	return may > has ? (may - has) * QUEUE_FILL : 0;
}

bool ledger_short(const struct worker *w)
{
	uint32_t buffers = w->dp->conf->tcp.buffers;

	return w->tcp->held > buffers - buffers / 8;
}

uint32_t ledger_slots_kept(const struct worker *w)
{
	uint32_t n = w->dp->conf->tcp.connections / SLOTS_KEPT_DIV;

	return RTE_MIN(n, (uint32_t)SLOTS_KEPT);
}

bool ledger_crowded(const struct worker *w)
{
	return w->tcp->conns + ledger_slots_kept(w) >= w->dp->conf->tcp.connections;
}

/* ---- what an owner says ---- */

static void standing_set(struct worker *w, struct tcp_conn *c, enum tcp_standing s)
{
	uint32_t booked = c->booked;

	if (c->flags & CONN_DEAD || c->standing == s)
		return;
	places_del(w, c);
	accounts_del(w, c);
	w->tcp->ledger.strangers -= c->standing == TCP_STRANGER ? booked : 0;
	w->tcp->ledger.strangers += s == TCP_STRANGER ? booked : 0;
	c->standing = (uint8_t)s;
	ledger_book(w, c, booked);
	conn_dirty(w, c); /* its window may be another */
}

void tcp_trust(struct worker *w, struct tcp_conn *c, bool trusted)
{
	standing_set(w, c, trusted ? TCP_VOUCHED : TCP_STRANGER);
}

void tcp_guest(struct worker *w, struct tcp_conn *c)
{
	standing_set(w, c, TCP_GUEST);
}

bool tcp_hold(struct worker *w, struct tcp_conn *c, uint32_t n)
{
	if (!c && w->tcp->held + n > w->dp->conf->tcp.buffers)
		return false;
	if (c && (!ledger_allows(w, c, n) || c->kept + n > UINT16_MAX))
		return false;
	w->tcp->held += n;
	if (!c)
		return true;
	c->kept = (uint16_t)(c->kept + n);
	ledger_settle(w, c);
	return true;
}

void tcp_unhold(struct worker *w, struct tcp_conn *c, uint32_t n)
{
	WARN_ON(w->tcp->held < n);
	w->tcp->held -= n;
	if (!c)
		return;
	WARN_ON(c->kept < n);
	c->kept = (uint16_t)(c->kept - n);
	if (!(c->flags & CONN_DEAD))
		ledger_settle(w, c);
}

void tcp_share(struct worker *w, struct tcp_conn *c, uint32_t *sum)
{
	(void)w;
	if (c->share)
		*c->share -= c->booked;
	c->share = c->flags & CONN_DEAD ? NULL : sum;
	if (c->share)
		*c->share += c->booked;
}
