/* SPDX-License-Identifier: BSD-3-Clause */
#include "sources.h"

#include "share.h"
#include "../lib/meter.h"

#include <stdlib.h>
#include <sys/queue.h>

enum { BUCKETS = 4096 };

LIST_HEAD(pendings, source_command);

TAILQ_HEAD(kept, source_command); /* oldest first */

struct source {
	struct ip_addr ip;
	bool used;
	uint32_t pending, n_kept;
	size_t bytes; /* of what is kept */
	struct kept kept;
	uint64_t heard_ms; /* when it sent its last command */
	struct meter_wide meter, urgent;
};

struct source_command {
	LIST_ENTRY(source_command) bucket;
	TAILQ_ENTRY(source_command) age; /* of answers that are kept: of its source's, and of all */
	TAILQ_ENTRY(source_command) all;
	struct source *source;
	struct source_addr from;
	void *answer; /* NULL: under way */
	size_t len;
	uint64_t until_ms;
	uint8_t cookie_len;
	uint8_t cookie[SOURCE_COOKIE_MAX];
};

struct sources {
	struct siphash_key key;
	struct meter_rate rate;
	uint32_t kept_ms, n_kept, n_pending;
	size_t bytes;
	struct kept kept;
	struct pendings bucket[BUCKETS];
	struct source source[SOURCES_MAX];
};

void sources_rate(struct sources *t, uint32_t rate)
{
	t->rate = meter_rate_make(rate, 0, 1000);
}

struct sources *sources_open(uint32_t rate, uint32_t kept_ms, const struct siphash_key *key)
{
	struct sources *t = calloc(1, sizeof(*t));

	if (t) {
		sources_rate(t, rate);
		t->key = *key;
		t->kept_ms = kept_ms;
		TAILQ_INIT(&t->kept);
	}
	return t;
}

static void forget(struct sources *t, struct source_command *p)
{
	LIST_REMOVE(p, bucket);
	if (p->answer) {
		TAILQ_REMOVE(&t->kept, p, all);
		TAILQ_REMOVE(&p->source->kept, p, age);
		p->source->n_kept--;
		p->source->bytes -= p->len;
		t->n_kept--;
		t->bytes -= p->len;
	} else {
		t->n_pending--;
		p->source->pending--;
	}
	/* There may be keys of SRTP in it. */
	if (p->answer)
		explicit_bzero(p->answer, p->len);
	free(p->answer);
	free(p);
}

void sources_close(struct sources *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < BUCKETS; i++) {
		while (LIST_FIRST(&t->bucket[i]))
			forget(t, LIST_FIRST(&t->bucket[i]));
	}
	free(t);
}

/* What a source's answers were is not asked for when its place is another's. */
static void source_forget(struct sources *t, struct source *s)
{
	while (TAILQ_FIRST(&s->kept))
		forget(t, TAILQ_FIRST(&s->kept));
}

/* The one of that address; else a free place, or that of who was silent longest. */
static struct source *source_find(struct sources *t, const struct ip_addr *ip)
{
	struct source *s, *place = NULL;

	for (s = t->source; s < t->source + SOURCES_MAX; s++) {
		if (s->used && ip_eq(&s->ip, ip))
			return s;
		if (s->pending)
			continue;
		if (!place || (place->used && (!s->used || s->heard_ms < place->heard_ms)))
			place = s;
	}
	if (!place)
		return NULL;
	if (place->used)
		source_forget(t, place);
	*place = (struct source){ .ip = *ip, .used = true };
	TAILQ_INIT(&place->kept);
	return place;
}

static struct pendings *bucket_of(struct sources *t, const struct source *s, const void *cookie,
				  size_t len)
{
	return &t->bucket[(siphash(&t->key, cookie, len) + (uint64_t)(s - t->source)) % BUCKETS];
}

static struct source_command *find(const struct pendings *b, const struct source *s,
				   const void *cookie, size_t len)
{
	struct source_command *p;

	LIST_FOREACH(p, b, bucket)
	{
		if (p->source == s && p->cookie_len == len && memcmp(p->cookie, cookie, len) == 0)
			return p;
	}
	return NULL;
}

/* What a source's answers take of both bounds. */
static size_t source_takes(const struct source *s)
{
	return (size_t)s->n_kept * (SOURCES_KEPT_BYTES_MAX / SOURCES_KEPT_MAX) + s->bytes;
}

static struct source *source_largest(struct sources *t)
{
	struct source *most = t->source;

	for (struct source *s = t->source; s < t->source + SOURCES_MAX; s++) {
		if (source_takes(s) > source_takes(most))
			most = s;
	}
	return most;
}

/* What is over goes; of what is too much, the oldest of who has most. */
static void expire(struct sources *t, uint64_t now_ms)
{
	struct source_command *p;

	while ((p = TAILQ_FIRST(&t->kept)) && now_ms >= p->until_ms)
		forget(t, p);
	while (t->n_kept > SOURCES_KEPT_MAX || t->bytes > SOURCES_KEPT_BYTES_MAX)
		forget(t, TAILQ_FIRST(&source_largest(t)->kept));
}

/* How many have commands under way. Looked for once there are many of these. */
static uint32_t pending_sources(const struct sources *t)
{
	uint32_t n = 0;

	if (t->n_pending < SOURCES_PENDING_MAX / 2)
		return 1;
	for (const struct source *s = t->source; s < t->source + SOURCES_MAX; s++)
		n += s->pending > 0;
	return n;
}

static bool has_rate(struct sources *t, struct source *s, uint64_t now_ms, bool urgent)
{
	return meter_wide_take(&s->meter, &t->rate, now_ms * 1000, 0) ||
	       (urgent && meter_wide_take(&s->urgent, &t->rate, now_ms * 1000, 0));
}

static enum source_verdict take(struct sources *t, const struct source_addr *from,
				const void *cookie, size_t cookie_len, uint64_t now_ms, bool urgent,
				struct source_command **p, const void **answer, size_t *len)
{
	struct source *s;
	struct pendings *b;

	expire(t, now_ms);
	s = cookie_len <= SOURCE_COOKIE_MAX ? source_find(t, &from->addr.ip) : NULL;
	if (!s)
		return SOURCE_FULL;
	s->heard_ms = now_ms;
	if (!has_rate(t, s, now_ms, urgent))
		return SOURCE_RATE;
	b = bucket_of(t, s, cookie, cookie_len);
	*p = find(b, s, cookie, cookie_len);
	if (*p) {
		(*p)->from = *from;
		*answer = (*p)->answer;
		*len = (*p)->len;
		return *answer ? SOURCE_AGAIN : SOURCE_UNDER_WAY;
	}
	if (!share_admits(SOURCES_PENDING_MAX, t->n_pending, s->pending, pending_sources(t)) ||
	    !(*p = calloc(1, sizeof(**p))))
		return SOURCE_FULL;
	(*p)->source = s;
	(*p)->from = *from;
	(*p)->cookie_len = (uint8_t)cookie_len;
	memcpy((*p)->cookie, cookie, cookie_len);
	LIST_INSERT_HEAD(b, *p, bucket);
	t->n_pending++;
	s->pending++;
	return SOURCE_NEW;
}

enum source_verdict sources_take(struct sources *t, const struct source_addr *from,
				 const void *cookie, size_t cookie_len, uint64_t now_ms,
				 struct source_command **p, const void **answer, size_t *len)
{
	return take(t, from, cookie, cookie_len, now_ms, false, p, answer, len);
}

enum source_verdict sources_take_urgent(struct sources *t, const struct source_addr *from,
					const void *cookie, size_t cookie_len, uint64_t now_ms,
					struct source_command **p, const void **answer, size_t *len)
{
	return take(t, from, cookie, cookie_len, now_ms, true, p, answer, len);
}

uint32_t sources_kept(const struct sources *t)
{
	return t->n_kept;
}

const struct source_addr *source_command_from(const struct source_command *p)
{
	return &p->from;
}

const void *source_command_cookie(const struct source_command *p, size_t *len)
{
	*len = p->cookie_len;
	return p->cookie;
}

/* Without memory for it p is gone. */
static void keep(struct sources *t, struct source_command *p, const void *answer, size_t len,
		 uint64_t until_ms, uint64_t now_ms)
{
	void *copy = len ? malloc(len) : NULL;

	if (!copy) {
		forget(t, p);
		return;
	}
	memcpy(copy, answer, len);
	t->n_pending--;
	p->source->pending--;
	p->answer = copy;
	p->len = len;
	p->until_ms = until_ms;
	TAILQ_INSERT_TAIL(&t->kept, p, all);
	TAILQ_INSERT_TAIL(&p->source->kept, p, age);
	p->source->n_kept++;
	p->source->bytes += len;
	t->n_kept++;
	t->bytes += len;
	expire(t, now_ms);
}

void sources_answered(struct sources *t, struct source_command *p, const void *answer, size_t len,
		      uint64_t now_ms)
{
	keep(t, p, answer, len, now_ms + t->kept_ms, now_ms);
}

void sources_keep(struct sources *t, const struct sock_addr *from, const void *cookie,
		  size_t cookie_len, const void *answer, size_t len, uint64_t until_ms,
		  uint64_t now_ms)
{
	struct source *s = cookie_len <= SOURCE_COOKIE_MAX ? source_find(t, &from->ip) : NULL;
	struct source_command *p = s ? calloc(1, sizeof(*p)) : NULL;
	struct source_command *old;

	if (!p)
		return;
	old = find(bucket_of(t, s, cookie, cookie_len), s, cookie, cookie_len);
	if (old)
		forget(t, old);
	p->source = s;
	p->from.addr = *from;
	p->cookie_len = (uint8_t)cookie_len;
	memcpy(p->cookie, cookie, cookie_len);
	LIST_INSERT_HEAD(bucket_of(t, s, cookie, cookie_len), p, bucket);
	t->n_pending++;
	s->pending++;
	keep(t, p, answer, len, until_ms < now_ms + t->kept_ms ? until_ms : now_ms + t->kept_ms,
	     now_ms);
}
