/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The context table: carrying records over into a file of another size, version or world. Each
 * keeps its place, and the names of relays, realms and domains in it become those of today.
 */
#include "context_priv.h"

enum { OWN_AT = offsetof(struct context_header, sum_key) };

/* Lengths of what is in a record grow on their own: the file says them as of pools without any. */
enum { POOL_CONTEXT, LENGTH_TERM, LENGTH_CTL_TERM, LENGTH_HEAD };

static bool lengths_valid(const struct statefile_view *v)
{
	const uint32_t *n = v->record_bytes;

	return n[LENGTH_CTL_TERM] <= n[LENGTH_TERM] && n[LENGTH_HEAD] <= n[POOL_CONTEXT] &&
	       (uint64_t)n[LENGTH_HEAD] + 2 * (uint64_t)n[LENGTH_TERM] <= n[POOL_CONTEXT];
}

/* What an earlier process was about to make of record i, or the record. */
static const uint8_t *record_of(const struct statefile_view *v, uint32_t i)
{
	const uint32_t bytes = v->record_bytes[POOL_CONTEXT];
	struct context_header h;
	const uint8_t *redo = v->map + v->own_at + (offsetof(struct context_header, redo) - OWN_AT);

	statefile_own(v, (uint8_t *)&h + OWN_AT, offsetof(struct context_header, redo) - OWN_AT);
	for (uint32_t n = 0; n < atomic_load(&h.redoing) && n < 2; n++) {
		const uint8_t *to = redo + (size_t)n * bytes;
		uint64_t sum;

		memcpy(&sum, to + offsetof(struct context, sum), sizeof(sum));
		if (h.redo_index[n] == i &&
		    sum == siphash(&h.sum_key, to + offsetof(struct context, id),
				   bytes - offsetof(struct context, id)))
			return to;
	}
	return statefile_record(v, POOL_CONTEXT, i);
}

static bool live(const uint8_t *record)
{
	uint32_t state;

	memcpy(&state, record, sizeof(state));
	return state == TABLE_LIVE;
}

static uint32_t context_needs(const struct statefile_view *v, int pool)
{
	uint32_t n = lengths_valid(v) ? v->records[pool] : 0;

	while (n && !live(record_of(v, n - 1)))
		n--;
	return n;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void term_copy(const struct statefile_view *v, const uint8_t *from, struct context_term *to)
{
	const size_t bytes = v->record_bytes[LENGTH_TERM], ctl = v->record_bytes[LENGTH_CTL_TERM];
	const size_t rest = offsetof(struct context_term, term) + sizeof(to->term);

	memcpy(&to->term, from, least(ctl, sizeof(to->term)));
	memcpy((uint8_t *)to + rest, from + ctl, least(bytes - ctl, sizeof(*to) - rest));
}

/* An index of that time becomes today's; `none` stays. False if what it was of is no more. */
static bool index_carry(const uint16_t *map, uint16_t max, uint16_t none, uint16_t *index)
{
	if (*index == none)
		return true;
	if (*index >= max || map[*index] == STATEFILE_GONE)
		return false;
	*index = map[*index];
	return true;
}

static bool term_carry(const struct statefile_view *v, const uint8_t *from, struct context_term *to)
{
	term_copy(v, from, to);
	if (to->term.transport == TERM_NONE)
		return true;
	return index_carry(v->relay, CTL_RELAYS_MAX, CTL_RELAY_NONE, &to->term.local.relay) &&
	       index_carry(v->realm, CONFIG_REALMS_MAX, CONFIG_REALMS_MAX, &to->realm) &&
	       (to->term.transport != TERM_TLS ||
		index_carry(v->domain, CONFIG_DOMAINS_MAX, CONFIG_DOMAINS_MAX, &to->term.domain));
}

static bool record_carry(const struct statefile_view *v, const struct siphash_key *key, uint32_t i,
			 struct context *to)
{
	const size_t from = offsetof(struct context, id);
	const uint8_t *old = record_of(v, i);
	const uint32_t bytes = v->record_bytes[POOL_CONTEXT], term = v->record_bytes[LENGTH_TERM];
	const uint32_t head = v->record_bytes[LENGTH_HEAD];
	uint64_t sum;

	memcpy(&sum, old + offsetof(struct context, sum), sizeof(sum));
	if (sum != siphash(key, old + from, bytes - from))
		return false;
	memcpy(to, old, least(head, offsetof(struct context, term)));
	if (!term_carry(v, old + head, &to->term[0]) ||
	    !term_carry(v, old + head + term, &to->term[1]))
		return false;
	to->sum = siphash(key, (const uint8_t *)to + from, sizeof(*to) - from);
	return true;
}

static uint32_t context_carry(const struct statefile_form *form, const struct statefile_view *v,
			      struct statefile *f)
{
	struct context_header *h = f->map;
	struct context *to = statefile_pool(f, form, POOL_CONTEXT);
	uint32_t lost = 0, n = context_needs(v, POOL_CONTEXT);

	if (!lengths_valid(v))
		return 1;
	statefile_own(v, (uint8_t *)h + OWN_AT, offsetof(struct context_header, redoing) - OWN_AT);
	for (uint32_t i = 0; i < n; i++) {
		if (!live(record_of(v, i)) || record_carry(v, &h->sum_key, i, &to[i]))
			continue;
		memset(&to[i], 0, sizeof(to[i]));
		lost++;
	}
	return lost;
}

const struct statefile_carry context_file_carry = { context_needs, context_carry };
