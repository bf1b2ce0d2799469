/* SPDX-License-Identifier: BSD-3-Clause */
#include "schema.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

/*
 * Two configurations side by side: which keys differ, how the difference is applied, and what that
 * costs. All of it follows from the schema.
 */

enum { TEXT_MAX = 8192 }; /* of a value: the longest list is half as long */

#define HIDDEN "(secret)"

/* What a key says of itself, or the map it is in says for it. */
struct said {
	enum config_applied applied;
	const char *lost;	/* NULL: as usual */
	const char *why;	/* of what needs a restart */
	const char *entry_lost; /* of what may be live all the same, see schema_key.waits */
};

struct walk {
	config_tell *tell;
	void *arg;
	const struct config *runs;	  /* the first configuration */
	const struct config_lines *lines; /* of the second one */
	bool all;			  /* also keys that do not differ */
	const struct config_waits *waits; /* NULL: nothing does */
	bool apart; /* an entry of a list that one side has not, or another in its place */
	char key[96];
	char text[2][TEXT_MAX]; /* what is compared */
	char shown[2][TEXT_MAX];
};

static const char *const usual[] = {
	[APPLIED_UNSAID] = "",
	[APPLIED_LIVE] = "nothing",
	[APPLIED_BOTH] = "nothing",
	[APPLIED_CP] = "nothing; requests wait meanwhile",
	[APPLIED_DP] = "connections over TCP and TLS, and packets meanwhile",
};

const char *config_applied_text(enum config_applied how)
{
	static const char *const text[] = {
		[APPLIED_UNSAID] = "?",
		[APPLIED_LIVE] = "live",
		[APPLIED_BOTH] = "live",
		[APPLIED_CP] = "restart of fairlead-cp",
		[APPLIED_DP] = "restart of fairlead-dp, then of fairlead-cp",
	};

	return text[how];
}

static bool is_live(enum config_applied how)
{
	return how == APPLIED_LIVE || how == APPLIED_BOTH;
}

static bool is_equal(const struct schema_key *k, const char *from, const char *to)
{
	if (k->type == SCHEMA_STRING)
		return strcmp(from + k->off, to + k->off) == 0;
	return memcmp(from + k->off, to + k->off, k->size) == 0;
}

/*
 * Whether two entries of a list are of the same thing: lists of what has a name begin with it. What
 * has none is known by all that is not live in it.
 */
static bool is_same(const struct schema_key *list, const char *from, const char *to)
{
	const struct schema_key *k = list->keys;

	if (strcmp(k->name, "name") == 0)
		return is_equal(k, from, to);
	for (; k->name; k++) {
		if (!is_live(k->applied) && k->type != SCHEMA_MAP && !k->items_max &&
		    !is_equal(k, from, to))
			return false;
	}
	return true;
}

/* The entries of a list that are there. */
enum { ENTRIES_MAX = 2 * CTL_RELAYS_MAX };

struct entries {
	const char *at[ENTRIES_MAX];
	uint16_t n;
};

static uint16_t count_of(const struct schema_key *k, const char *base)
{
	uint16_t n = 0;

	if (base)
		memcpy(&n, base + k->count_off, sizeof(n));
	return n;
}

static void entries_of(const struct schema_key *k, const char *base, struct entries *e)
{
	memset(e, 0, sizeof(*e));
	for (uint16_t i = 0, n = count_of(k, base); i < n; i++) {
		const char *at = base + k->off + (size_t)i * k->size;

		if (!k->gone_off || !*(const bool *)(at + k->gone_off))
			e->at[e->n++] = at;
	}
}

static bool is_namesake(const struct schema_key *list, const char *a, const char *b)
{
	uint16_t i = 0;

	do {
		if (!is_equal(&list->keys[i], a, b))
			return false;
	} while (++i < list->known_by);
	return true;
}

static const char *entry_take(const struct schema_key *k, struct entries *from, const char *like)
{
	for (uint16_t i = 0; i < from->n; i++) {
		const char *at = from->at[i];

		if (at && (!like || is_namesake(k, at, like))) {
			from->at[i] = NULL;
			return at;
		}
	}
	return NULL;
}

/* Whether an entry of the list whose key is w's waits for a restart, all of it. */
static bool entry_waits(struct walk *w, uint16_t i)
{
	const size_t len = strlen(w->key);
	bool waits;

	snprintf(w->key + len, sizeof(w->key) - len, "[%u]", i);
	waits = config_waits_find(w->waits, w->key) != NULL;
	w->key[len] = '\0';
	return waits;
}

/* One that waits for a restart, as what has no namesake does that may take its place then. */
static const char *waiting_take(const struct schema_key *k, const struct config *runs,
				struct entries *from, const char *to)
{
	for (uint16_t i = 0; k->waits(runs, NULL, to) && i < from->n; i++) {
		const char *at = from->at[i];

		if (at && k->waits(runs, at, NULL)) {
			from->at[i] = NULL;
			return at;
		}
	}
	return NULL;
}

/*
 * Each beside its namesake, where the order means nothing; the rest beside what has none, but for
 * what waits: whatever went, it is not in its place.
 */
static void entries_pair(struct walk *w, const struct schema_key *k, struct entries *from,
			 const struct entries *to)
{
	struct entries paired = { .n = to->n };
	const char *left;

	for (uint16_t i = 0; i < to->n; i++)
		paired.at[i] = entry_take(k, from, to->at[i]);
	for (uint16_t i = 0; i < to->n; i++) {
		if (!paired.at[i] && k->waits)
			paired.at[i] = waiting_take(k, w->runs, from, to->at[i]);
		else if (!paired.at[i] && !entry_waits(w, i))
			paired.at[i] = entry_take(k, from, NULL);
	}
	while (paired.n < ENTRIES_MAX && (left = entry_take(k, from, NULL)) != NULL)
		paired.at[paired.n++] = left;
	*from = paired;
}

static struct said said_of(const struct schema_key *k, struct said above)
{
	const char *why = k->why ? k->why : above.why;

	if (k->applied == APPLIED_UNSAID)
		return (struct said){ above.applied, above.lost, why,
				      k->why ? k->entry_lost : above.entry_lost };
	return (struct said){ k->applied, k->lost, why, k->entry_lost };
}

static const char *lost_of(struct said s)
{
	return s.lost ? s.lost : usual[s.applied];
}

/* ---- values as text ---- */

static void put(char text[TEXT_MAX], const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(char text[TEXT_MAX], const char *fmt, ...)
{
	const size_t used = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + used, TEXT_MAX - used, fmt, ap);
	va_end(ap);
}

/* An argument for DPDK may hold a token that opens a device. */
static void put_string(char text[TEXT_MAX], const char *s, bool hide)
{
	static const char token[] = "--vfio-vf-token=";
	const size_t n = sizeof(token) - 1;

	if (hide && strncmp(s, token, n) == 0)
		put(text, "%s" HIDDEN, token);
	else
		put(text, "%s", s);
}

static void put_item(char text[TEXT_MAX], const struct schema_key *k, const void *field, bool hide)
{
	char addr[ADDR_STR_MAX];
	uint64_t n = 0;

	switch (k->type) {
	case SCHEMA_UINT:
	case SCHEMA_BOOL:
	case SCHEMA_ENUM:
		memcpy(&n, field, k->size); /* little endian, as be.h asserts */
		if (k->type == SCHEMA_UINT)
			put(text, "%" PRIu64, n);
		else
			put(text, "%s",
			    k->type == SCHEMA_ENUM ? k->names[n]
			    : n			   ? "true"
						   : "false");
		break;
	case SCHEMA_PORT:
		put(text, "%u", be16_read(field));
		break;
	case SCHEMA_STRING:
		put_string(text, field, hide);
		break;
	case SCHEMA_SECRET:
		put(text, "%s", hide ? HIDDEN : (const char *)field);
		break;
	case SCHEMA_ADDR:
		put(text, "%s", ip_format(field, addr, sizeof(addr)));
		break;
	case SCHEMA_PREFIX:
	case SCHEMA_OWN_ADDR:
		put(text, "%s", ip_prefix_format(field, addr, sizeof(addr)));
		break;
	case SCHEMA_GATEWAY:
	case SCHEMA_MAP:
		break;
	}
}

/* A whole value; lists in brackets. To compare, a byte that no string has parts their entries. */
static void put_value(char text[TEXT_MAX], const struct schema_key *k, const char *base, bool hide)
{
	const uint16_t n = count_of(k, base);

	text[0] = '\0';
	if (!base)
		return;
	if (k->items_max == 0) {
		put_item(text, k, base + k->off, hide);
		return;
	}
	put(text, "[");
	for (uint16_t i = 0; i < n; i++) {
		put(text, "%s", i == 0 ? "" : hide ? ", " : "\n");
		put_item(text, k, base + k->off + (size_t)i * k->size, hide);
	}
	put(text, "]");
}

/* ---- the walk ---- */

static void tell_key(struct walk *w, const struct schema_key *k, const char *from, const char *to,
		     struct said said)
{
	const char *base[2] = { from, to };
	const struct config_wait *wait;

	for (int i = 0; i < 2; i++) {
		put_value(w->text[i], k, base[i], false);
		put_value(w->shown[i], k, base[i], true);
	}
	if (!w->all && !from == !to && strcmp(w->text[0], w->text[1]) == 0)
		return;
	wait = config_waits_find(w->waits, w->key);
	if (wait && is_live(said.applied))
		said = (struct said){ .applied = wait->applied, .why = wait->why };
	w->tell(w->arg,
		&(struct config_change){ .key = w->key,
					 .from = from ? w->shown[0] : NULL,
					 .to = to ? w->shown[1] : NULL,
					 .applied = said.applied,
					 .lost = lost_of(said),
					 .why = is_live(said.applied) ? NULL : said.why,
					 .line = is_live(said.applied) || !to
						     ? 0
						     : config_lines_find(w->lines, w->key) });
}

static void walk_map(struct walk *w, const struct schema_key *keys, const char *from,
		     const char *to, struct said above);

/*
 * How one entry is applied, of a list of which some are live. What is the same one has keys that
 * speak for themselves, as has one with which something else is wrong.
 */
static struct said entry_said(struct walk *w, const struct schema_key *k, const char *from,
			      const char *to, struct said said)
{
	const char *why = k->waits(w->runs, from, w->all ? NULL : to);

	w->apart = !w->all && why && !(from && to && is_same(k, from, to));
	if (!why)
		return (struct said){ .applied = APPLIED_BOTH, .lost = k->entry_lost };
	if (*why)
		said.why = why;
	return said;
}

/* Entries side by side; where one list is longer, the other has none. */
static void walk_maps(struct walk *w, const struct schema_key *k, const char *from, const char *to,
		      struct said said)
{
	const size_t len = strlen(w->key);
	const bool apart = w->apart;
	struct entries a, b;

	entries_of(k, from, &a);
	entries_of(k, to, &b);
	if ((k->gone_off || k->known_by) && !w->all)
		entries_pair(w, k, &a, &b);
	for (uint16_t i = 0; i < a.n || i < b.n; i++) {
		snprintf(w->key + len, sizeof(w->key) - len, "[%u]", i);
		if (k->waits) {
			walk_map(w, k->keys, a.at[i], b.at[i],
				 entry_said(w, k, a.at[i], b.at[i], said));
			continue;
		}
		w->apart = apart || (!w->all && !is_live(said.applied) &&
				     (a.n != b.n || !is_same(k, a.at[i], b.at[i])));
		walk_map(w, k->keys, a.at[i], b.at[i], said);
	}
	w->apart = apart;
	w->key[len] = '\0';
}

static void walk_map(struct walk *w, const struct schema_key *keys, const char *from,
		     const char *to, struct said above)
{
	const size_t len = strlen(w->key);

	for (const struct schema_key *k = keys; k->name; k++) {
		const struct said said = w->apart ? above : said_of(k, above);

		/* Gateways are among the routes. */
		if (k->type == SCHEMA_GATEWAY)
			continue;
		snprintf(w->key + len, sizeof(w->key) - len, "%s%s", len ? "." : "", k->name);
		if (k->type != SCHEMA_MAP)
			tell_key(w, k, from, to, said);
		else if (k->items_max)
			walk_maps(w, k, from, to, said);
		else
			walk_map(w, k->keys, from ? from + k->off : NULL, to ? to + k->off : NULL,
				 said);
	}
	w->key[len] = '\0';
}

static void walk(const struct config *from, const struct config *to,
		 const struct config_waits *waits, config_tell *tell, void *arg)
{
	struct walk w = { .tell = tell,
			  .arg = arg,
			  .runs = from,
			  .lines = to ? to->lines : NULL,
			  .waits = waits,
			  .all = !to };

	walk_map(&w, schema_top, (const char *)from, (const char *)to, (struct said){ 0 });
	explicit_bzero(&w, sizeof(w));
}

void config_compare(const struct config *from, const struct config *to,
		    const struct config_waits *waits, config_tell *tell, void *arg)
{
	walk(from, to, waits, tell, arg);
}

void config_each(const struct config *c, config_tell *tell, void *arg)
{
	walk(c, NULL, NULL, tell, arg);
}

/* ---- what is taken at a reload ---- */

static void take_map(const struct schema_key *keys, char *base, const char *from,
		     struct said above);

/* A list may be longer than its key alone could make it: gateways are among the routes. */
static void take_key(const struct schema_key *k, char *base, const char *from)
{
	const uint16_t has = k->items_max ? count_of(k, from) : 1;

	if (k->items_max) {
		explicit_bzero(base + k->off, (size_t)k->size * count_of(k, base));
		memcpy(base + k->count_off, from + k->count_off, sizeof(uint16_t));
	}
	memcpy(base + k->off, from + k->off, (size_t)k->size * has);
}

/* Live keys of entries of a list that is not live, where each is still the same. */
static void take_entries(const struct schema_key *k, char *base, const char *from, struct said said)
{
	const uint16_t n = count_of(k, base);

	for (uint16_t i = 0; n == count_of(k, from) && i < n; i++) {
		const size_t at = k->off + (size_t)i * k->size;

		if (is_same(k, base + at, from + at))
			take_map(k->keys, base + at, from + at, said);
	}
}

/* What becomes of an entry at *at; false: it is not there. */
static bool take_place(const struct schema_key *k, const struct config *runs, char *at,
		       const char *was, const char *is, struct said said)
{
	const bool waits = k->waits(runs, was, is) != NULL;
	const char *taken = waits ? was : is;

	if (!taken)
		return false;
	memcpy(at, taken, k->size);
	if (waits && is && is_same(k, was, is))
		take_map(k->keys, at, is, said);
	return true;
}

/* Of a list of which some entries are live: in the file's order, and behind them those that stay.
 */
static void take_places(const struct schema_key *k, char *base, const char *from, struct said said)
{
	struct config *runs = malloc(sizeof(*runs));
	struct walk w = { .runs = runs };
	struct entries a, b;
	uint16_t n = 0;

	if (!runs)
		return; /* as it is: whatever runs does */
	memcpy(runs, base, sizeof(*runs));
	entries_of(k, (const char *)runs, &a);
	entries_of(k, from, &b);
	entries_pair(&w, k, &a, &b);
	explicit_bzero(base + k->off, (size_t)k->size * k->items_max);
	for (uint16_t i = 0; i < a.n && n < k->items_max; i++)
		n += take_place(k, runs, base + k->off + (size_t)n * k->size, a.at[i], b.at[i],
				said);
	memcpy(base + k->count_off, &n, sizeof(n));
	config_free(runs);
}

static void take_map(const struct schema_key *keys, char *base, const char *from, struct said above)
{
	for (const struct schema_key *k = keys; k->name; k++) {
		const struct said said = said_of(k, above);

		if (k->type == SCHEMA_GATEWAY)
			continue; /* they are among the routes */
		if (k->type == SCHEMA_MAP && !k->items_max)
			take_map(k->keys, base + k->off, from + k->off, said);
		else if (is_live(said.applied))
			take_key(k, base, from);
		else if (k->waits)
			take_places(k, base, from, said);
		else if (k->type == SCHEMA_MAP)
			take_entries(k, base, from, said);
	}
}

void config_take_live(struct config *c, const struct config *from)
{
	take_map(schema_top, (char *)c, (const char *)from, (struct said){ 0 });
}

/* ---- the manual's table ---- */

static void list_key(FILE *out, const char *key, struct said s)
{
	const bool some = s.entry_lost && !is_live(s.applied);

	fprintf(out, "%s\t%s%s\t%s%s%s\t%s\n", key, config_applied_text(s.applied),
		some ? "; of a further VLAN of a device: live" : "", lost_of(s),
		some ? "; of a further VLAN: " : "", some ? s.entry_lost : "",
		!is_live(s.applied) && s.why ? s.why : "");
}

static void list_map(FILE *out, const struct schema_key *keys, const char *above, struct said said)
{
	for (const struct schema_key *k = keys; k->name; k++) {
		const struct said own = said_of(k, said);
		char key[96];

		snprintf(key, sizeof(key), "%s%s%s", above, *above ? "." : "", k->name);
		if (k->type == SCHEMA_MAP)
			list_map(out, k->keys, key, own);
		else
			list_key(out, key, own);
	}
}

void config_applied_list(FILE *out)
{
	list_map(out, schema_top, "", (struct said){ 0 });
}
