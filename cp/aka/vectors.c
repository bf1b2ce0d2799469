/* SPDX-License-Identifier: BSD-3-Clause */
#include "vectors.h"

#include "../clock.h"
#include "../log.h"
#include "../radius_server.h"
#include "vector_packet.h"

#include <event2/event.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	IDS = 256, /* an identifier has 8 bits, so each socket of a server has so many requests */
	SOCKETS = VECTORS_MAX / IDS,
	BURST = 64,	 /* answers that are read before others have their turn */
	DEAD_MS = 30000, /* a server that did not answer is asked again so late */
};

struct vectors;

/* A question under way. Its number says by which socket it goes, and its identifier. */
struct question {
	struct vectors *of;
	struct event *timer; /* made once */
	vector_done *done;   /* NULL: nobody's */
	vector_gone *gone;
	void *arg;
	uint32_t next;	/* of those that are nobody's */
	uint8_t server; /* that is asked now */
	uint8_t asked;	/* a bit for each that was */
	uint8_t sent;	/* times, to this one */
	bool resync;
	uint16_t len;
	char user[VECTOR_USER_MAX + 1];
	uint8_t rand[AKA_RAND], auts[AKA_AUTS];
	uint8_t packet[VECTOR_REQUEST_MAX];
};

struct socket {
	struct vectors *of;
	struct event *heard;
	uint8_t server, number;
	int fd;
};

struct vectors {
	struct vector_source source; /* first: ours is found by it */
	struct event_base *base;
	struct config_aka conf;
	char nas[CONFIG_USER_MAX];
	char secret[CONFIG_RADIUS_MAX][RADIUS_SECRET_MAX + 1];
	uint64_t dead_until_ms[CONFIG_RADIUS_MAX]; /* CLOCK_MONOTONIC */
	struct log_bucket unsigned_lines;
	bool retired;	       /* goes with its last question */
	struct event *end;     /* its own, then */
	struct vectors *older; /* of those that were retired */
	struct socket socket[CONFIG_RADIUS_MAX][SOCKETS];
	/* Nobody's, the one that has been so longest first: a late answer meets no new question. */
	uint32_t first, last;
	struct question question[VECTORS_MAX];
};

static struct vectors *retired; /* the newest */

static void on_retired(evutil_socket_t fd, short what, void *arg);
static void retired_end(struct vectors *v);

static struct vectors *vectors_of(struct vector_source *s)
{
	return (struct vectors *)s;
}

static struct vector_way way_to(const struct vectors *v, unsigned server)
{
	return (struct vector_way){ v->secret[server], v->nas, v->conf.vendor,
				    &v->conf.attributes };
}

static uint32_t number_of(const struct question *q)
{
	return (uint32_t)(q - q->of->question);
}

/* ---- who is nobody's ---- */

static void question_free(struct question *q)
{
	struct vectors *v = q->of;
	const uint32_t n = number_of(q);

	evtimer_del(q->timer);
	q->done = NULL;
	OPENSSL_cleanse(q->packet, sizeof(q->packet));
	q->next = VECTORS_MAX;
	if (v->first == VECTORS_MAX)
		v->first = n;
	else
		v->question[v->last].next = n;
	v->last = n;
	v->source.waiting--;
}

static void question_end(struct question *q, enum vector_result r, const struct aka_vector *vector);

/* Who asks and goes, again and again, takes no place from others. */
static void gone_end(struct vectors *v)
{
	for (uint32_t i = 0; i < VECTORS_MAX; i++)
		if (v->question[i].done && v->question[i].gone(v->question[i].arg))
			question_end(&v->question[i], VECTOR_RESULT_SILENT, NULL);
}

static struct question *question_new(struct vectors *v)
{
	struct question *q;

	if (v->first == VECTORS_MAX)
		gone_end(v);
	if (v->first == VECTORS_MAX)
		return NULL;
	q = &v->question[v->first];
	v->first = q->next;
	v->source.waiting++;
	return q;
}

static void question_end(struct question *q, enum vector_result r, const struct aka_vector *vector)
{
	struct vectors *v = q->of;
	vector_done *done = q->done;
	void *arg = q->arg;

	question_free(q); /* first: done may ask again */
	done(arg, r, vector);
	if (v->retired && !v->source.waiting)
		retired_end(v);
}

/* ---- answers ---- */

static void answer_take(const struct socket *s, const uint8_t *packet, size_t len)
{
	static const enum vector_result result[] = {
		[VECTOR_GIVEN] = VECTOR_RESULT_GIVEN,
		[VECTOR_REJECTED] = VECTOR_RESULT_REJECTED,
		[VECTOR_INVALID] = VECTOR_RESULT_INVALID,
	};
	struct vectors *v = s->of;
	const struct vector_way way = way_to(v, s->server);
	struct question *q = &v->question[s->number * IDS + packet[1]];
	struct aka_vector vector = { .xres_len = 0 };
	enum vector_answer a;
	char text[ADDR_STR_MAX];

	if (!q->done || q->server != s->server)
		return;
	a = vector_answer(packet, len, q->packet, &way, &vector);
	if (a == VECTOR_UNSIGNED)
		log_bucket_line(
		    &v->unsigned_lines,
		    "aka.servers: an answer of %s has no Message-Authenticator, and is not "
		    "taken",
		    ip_format(&v->conf.server[s->server].addr, text, sizeof(text)));
	if (a == VECTOR_OTHER || a == VECTOR_UNSIGNED)
		return;
	v->dead_until_ms[s->server] = 0;
	question_end(q, result[a], a == VECTOR_GIVEN ? &vector : NULL);
	OPENSSL_cleanse(&vector, sizeof(vector));
}

static void on_heard(evutil_socket_t fd, short what, void *arg)
{
	const struct socket *s = arg;
	uint8_t packet[RADIUS_PACKET_MAX];

	(void)what;
	for (int i = 0; i < BURST; i++) {
		const ssize_t n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);

		if (n < 0)
			return; /* or an ICMP error: the timer knows */
		if (n >= RADIUS_HEAD)
			answer_take(s, packet, (size_t)n);
	}
}

/* ---- asking ---- */

static void socket_leave(struct socket *s)
{
	if (s->heard)
		event_free(s->heard);
	if (s->fd >= 0)
		close(s->fd);
	s->heard = NULL;
	s->fd = -1;
}

/* One that has not been asked, if there is one that is not known to be silent that one. */
static bool server_choose(struct question *q)
{
	const struct vectors *v = q->of;
	const uint64_t now = clock_ms(CLOCK_MONOTONIC);
	int found = -1;

	for (int i = v->conf.n_server - 1; i >= 0; i--)
		if (!(q->asked & 1u << i) &&
		    (found < 0 || v->dead_until_ms[i] <= now || v->dead_until_ms[found] > now))
			found = i;
	if (found < 0)
		return false;
	q->server = (uint8_t)found;
	q->asked |= (uint8_t)(1u << found);
	q->sent = 0;
	return true;
}

static bool question_write(struct question *q)
{
	const struct vector_way way = way_to(q->of, q->server);
	const struct vector_question w = { q->user, q->resync ? q->rand : NULL,
					   q->resync ? q->auts : NULL };

	q->len = (uint16_t)vector_request(q->packet, (uint8_t)(number_of(q) % IDS), &way, &w);
	return q->len > 0;
}

/* Made when it is needed, for there may be no route yet when we start. */
static bool socket_ready(struct socket *s)
{
	const struct vectors *v = s->of;

	if (s->fd >= 0)
		return true;
	s->fd = radius_server_connect(&v->conf.server[s->server]);
	if (s->fd < 0)
		return false;
	s->heard = event_new(v->base, s->fd, EV_READ | EV_PERSIST, on_heard, s);
	if (s->heard && event_add(s->heard, NULL) == 0)
		return true;
	socket_leave(s);
	return false;
}

/* A packet that cannot be sent is one that was lost. */
static void question_send(struct question *q)
{
	struct vectors *v = q->of;
	struct socket *s = &v->socket[q->server][number_of(q) / IDS];
	struct timeval later = { v->conf.timeout_ms / 1000, v->conf.timeout_ms % 1000 * 1000 };

	q->sent++;
	if (socket_ready(s))
		(void)!send(s->fd, q->packet, q->len, MSG_NOSIGNAL);
	evtimer_add(q->timer, &later);
}

static void server_silent(struct vectors *v, unsigned server)
{
	const uint64_t now = clock_ms(CLOCK_MONOTONIC);
	char text[ADDR_STR_MAX];

	if (v->dead_until_ms[server] <= now)
		log_line("aka.servers: %s does not answer",
			 ip_format(&v->conf.server[server].addr, text, sizeof(text)));
	v->dead_until_ms[server] = now + DEAD_MS;
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct question *q = arg;

	(void)fd;
	(void)what;
	if (q->sent >= q->of->conf.tries) {
		server_silent(q->of, q->server);
		if (!server_choose(q) || !question_write(q)) {
			question_end(q, VECTOR_RESULT_SILENT, NULL);
			return;
		}
	}
	question_send(q);
}

static void vectors_ask(struct vector_source *self, const struct vector_question *w,
			vector_done *done, vector_gone *gone, void *arg)
{
	struct question *q = question_new(vectors_of(self));

	if (!q) {
		done(arg, VECTOR_RESULT_FULL, NULL);
		return;
	}
	q->done = done;
	q->gone = gone;
	q->arg = arg;
	q->asked = 0;
	q->resync = w->auts != NULL;
	snprintf(q->user, sizeof(q->user), "%s", w->user);
	if (q->resync) {
		memcpy(q->rand, w->rand, sizeof(q->rand));
		memcpy(q->auts, w->auts, sizeof(q->auts));
	}
	if (server_choose(q) && question_write(q))
		question_send(q);
	else
		question_end(q, VECTOR_RESULT_SILENT, NULL);
}

/* ---- opening and closing ---- */

static bool questions_make(struct vectors *v)
{
	for (uint32_t i = 0; i < VECTORS_MAX; i++) {
		struct question *q = &v->question[i];

		q->of = v;
		q->next = i + 1;
		q->timer = evtimer_new(v->base, on_timeout, q);
		if (!q->timer)
			return false;
	}
	v->last = VECTORS_MAX - 1;
	v->end = evtimer_new(v->base, on_retired, v);
	return v->end != NULL;
}

static void vectors_free(struct vectors *v)
{
	if (v->end)
		event_free(v->end);
	for (uint32_t i = 0; i < VECTORS_MAX; i++)
		if (v->question[i].timer)
			event_free(v->question[i].timer);
	for (unsigned i = 0; i < CONFIG_RADIUS_MAX; i++)
		for (unsigned k = 0; k < SOCKETS; k++)
			socket_leave(&v->socket[i][k]);
	OPENSSL_cleanse(v, sizeof(*v));
	free(v);
}

struct vector_source *vectors_open(struct event_base *base, const struct config_aka *c, char *err,
				   size_t errlen)
{
	struct vectors *v;
	bool ok;

	*err = 0;
	if (!c->n_server)
		return NULL;
	snprintf(err, errlen, "aka: not enough memory");
	v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	v->base = base;
	v->conf = *c;
	v->source.ask = vectors_ask;
	radius_server_nas(c->nas_identifier, v->nas);
	for (unsigned i = 0; i < CONFIG_RADIUS_MAX; i++)
		for (unsigned k = 0; k < SOCKETS; k++)
			v->socket[i][k] = (struct socket){
				.of = v, .server = (uint8_t)i, .number = (uint8_t)k, .fd = -1
			};
	ok = questions_make(v);
	for (unsigned i = 0; ok && i < c->n_server; i++)
		ok = radius_server_secret(&c->server[i], "aka.servers", v->secret[i], err, errlen);
	if (ok)
		return &v->source;
	vectors_free(v);
	return NULL;
}

bool vectors_same(const struct vector_source *a, const struct vector_source *b)
{
	const struct vectors *x = (const struct vectors *)a, *y = (const struct vectors *)b;

	if (!a || !b)
		return a == b;
	return memcmp(&x->conf, &y->conf, sizeof(x->conf)) == 0 &&
	       memcmp(x->nas, y->nas, sizeof(x->nas)) == 0 &&
	       memcmp(x->secret, y->secret, sizeof(x->secret)) == 0;
}

static void on_retired(evutil_socket_t fd, short what, void *arg)
{
	struct vectors *v = arg, **at = &retired;

	(void)fd;
	(void)what;
	while (*at != v)
		at = &(*at)->older;
	*at = v->older;
	vectors_free(v);
}

/* Never from inside of what the event loop has called for one of its questions. */
static void retired_end(struct vectors *v)
{
	static const struct timeval now;

	evtimer_add(v->end, &now);
}

void vectors_retire(struct vector_source *s)
{
	struct vectors *v = s ? vectors_of(s) : NULL;

	if (!v)
		return;
	v->retired = true;
	v->older = retired;
	retired = v;
	if (!v->source.waiting)
		retired_end(v);
}

void vectors_close(struct vector_source *s)
{
	struct vectors *v = s ? vectors_of(s) : NULL;

	if (!v)
		return;
	for (uint32_t i = 0; i < VECTORS_MAX; i++)
		if (v->question[i].done)
			question_end(&v->question[i], VECTOR_RESULT_SILENT, NULL);
	vectors_free(v);
}

void vectors_close_retired(void)
{
	while (retired) {
		struct vectors *v = retired;

		retired = v->older;
		v->retired = false;
		vectors_close(&v->source);
	}
}
