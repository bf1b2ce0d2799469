/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What outlives this process: beside the file of contexts another one (".h248") has who is in
 * charge and what was agreed, requests that no controller has answered, and the answers that
 * transactions got, so that none is run again that was run before. What contexts and terminations
 * are to a controller stands in their own records (struct mg_keep).
 *
 * Answers are written one behind the other over the oldest, in chunks; one that is not whole is
 * none, since its sum is wrong. The transaction in hand is noted before it is run.
 */
#include "mg_file.h"

#include "../log.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	FILE_VERSION = 1,
	CHUNK = 128,
	CHUNKS = 1 << 16,
	ANSWER_MAX = 2048, /* bytes; of a longer one is known that there was one */
	POOL_CHUNKS = 0,
	POOL_REQUESTS = 1,
};
#define FILE_MAGIC UINT64_C(0x384b325348244c46)

_Static_assert(sizeof(struct kept_answer) < CHUNK, "it begins in one");

/* ---- the file ---- */

uint64_t mg_file_sum(const struct mg_file *f, const void *p, size_t bytes)
{
	const uint64_t sum =
	    siphash(&f->head->key, (const uint8_t *)p + sizeof(uint64_t), bytes - sizeof(uint64_t));

	return sum + (sum == 0);
}

void mg_file_put(const struct mg_file *f, void *to, const void *now, size_t bytes)
{
	uint64_t *sum = to;

	*sum = 0;
	atomic_signal_fence(memory_order_seq_cst);
	memcpy((uint8_t *)to + sizeof(*sum), (const uint8_t *)now + sizeof(*sum),
	       bytes - sizeof(*sum));
	atomic_signal_fence(memory_order_seq_cst);
	*sum = mg_file_sum(f, now, bytes);
}

static struct statefile_form form_of(const struct config *c, char *path, size_t len)
{
	snprintf(path, len, "%s.h248", c->control.contexts);
	return (struct statefile_form){
		.path = path,
		.magic = FILE_MAGIC,
		.version = FILE_VERSION,
		.head_bytes = sizeof(struct file_head),
		.records = { [POOL_CHUNKS] = CHUNKS, [POOL_REQUESTS] = MG_REQUESTS_MAX },
		.record_bytes = { [POOL_CHUNKS] = CHUNK,
				  [POOL_REQUESTS] = sizeof(struct kept_request) },
		.conf = c,
	};
}

uint64_t mg_file_size(const struct config *c)
{
	char path[CONFIG_STR_MAX + 16];
	const struct statefile_form form = form_of(c, path, sizeof(path));

	return statefile_size(&form);
}

static uint32_t file_needs(const struct statefile_view *from, int pool)
{
	return from->records[pool];
}

/* Nothing in it is of relays or realms: it is the same in another world. */
static uint32_t file_carry(const struct statefile_form *form, const struct statefile_view *from,
			   struct statefile *to)
{
	const size_t own = offsetof(struct file_head, key);

	statefile_own(from, (uint8_t *)to->map + own, (uint32_t)(sizeof(struct file_head) - own));
	for (int pool = POOL_CHUNKS; pool <= POOL_REQUESTS; pool++) {
		uint8_t *at = statefile_pool(to, form, pool);

		for (uint32_t i = 0; i < from->records[pool] && i < to->records[pool]; i++)
			statefile_copy(from, pool, i, at + (size_t)i * form->record_bytes[pool],
				       form->record_bytes[pool]);
	}
	return 0;
}

/* ---- answers ---- */

static struct kept_answer *answer_at(const struct mg_file *f, uint32_t chunk)
{
	return (struct kept_answer *)(f->chunk + (size_t)chunk * CHUNK);
}

static uint32_t answer_chunks(const struct kept_answer *a)
{
	return (uint32_t)((sizeof(*a) + a->len + CHUNK - 1) / CHUNK);
}

/* Whether one begins there, and is whole. */
static bool answer_whole(const struct mg_file *f, uint32_t chunk)
{
	const struct kept_answer *a = answer_at(f, chunk);

	return a->sum && a->len <= ANSWER_MAX && chunk + answer_chunks(a) <= CHUNKS &&
	       a->sum == mg_file_sum(f, a, sizeof(*a) + a->len);
}

/* It was run, and what came of it is not known any more: that much is said, and no more is done. */
static size_t answer_unknown(struct mg *m, uint64_t id)
{
	struct h248_out o;

	mg_begin(m, &o, m->out, sizeof(m->out));
	h248_put(&o, H248_REPLY, "%u", (unsigned)id);
	h248_open(&o);
	h248_put_error(&o, MG_INTERNAL,
		       "It was run before the gateway began anew, and its reply is lost: audit");
	h248_close(&o);
	return wr_len(&o.w);
}

static void answer_take(struct mg *m, const struct kept_answer *a)
{
	const void *text = a + 1;
	size_t len = a->len;

	if (!len) {
		len = answer_unknown(m, a->cookie[1]);
		text = m->out;
	}
	sources_keep(m->sources, &a->from, a->cookie, sizeof(a->cookie), text, len, a->until_ms,
		     m->s->now_ms);
}

/* The one in hand has this answer, over the oldest that there are. */
static void answer_put(struct mg_file *f, const char *text)
{
	struct kept_answer a = f->head->running, *to;

	if (f->next + answer_chunks(&a) > CHUNKS)
		f->next = 0;
	to = answer_at(f, f->next);
	a.sum = 0;
	memcpy(to, &a, sizeof(a));
	memcpy(to + 1, text, a.len);
	atomic_signal_fence(memory_order_seq_cst); /* who is killed here leaves none */
	to->sum = mg_file_sum(f, to, sizeof(a) + a.len);
	f->next += answer_chunks(&a);
}

struct place {
	uint64_t seq;
	uint32_t at;
};

static int by_age(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* False: there is no memory for it. */
static bool answers_load(struct mg *m)
{
	struct mg_file *f = m->file;
	struct place *place = malloc(CHUNKS * sizeof(*place));
	uint32_t n = 0;

	if (!place)
		return false;
	for (uint32_t i = 0; i < CHUNKS;) {
		const bool whole = answer_whole(f, i);

		if (whole)
			place[n++] = (struct place){ answer_at(f, i)->seq, i };
		i += whole ? answer_chunks(answer_at(f, i)) : 1;
	}
	qsort(place, n, sizeof(*place), by_age);
	for (uint32_t i = 0; i < n; i++)
		answer_take(m, answer_at(f, place[i].at));
	if (n) {
		f->seq = place[n - 1].seq;
		f->next = place[n - 1].at + answer_chunks(answer_at(f, place[n - 1].at));
	}
	free(place);
	if (atomic_load_explicit(&f->head->in_hand, memory_order_acquire) &&
	    f->head->running.seq > f->seq) {
		f->head->running.len = 0;
		f->seq = f->head->running.seq;
		answer_take(m, &f->head->running);
		answer_put(f, "");
	}
	atomic_store_explicit(&f->head->in_hand, 0, memory_order_release);
	return true;
}

static struct kept_answer answer_make(struct mg *m, const struct source_command *p)
{
	struct kept_answer a = { .until_ms = m->s->now_ms + MG_KEPT_MS,
				 .from = source_command_from(p)->addr };
	size_t len;
	const void *cookie = source_command_cookie(p, &len);

	memcpy(a.cookie, cookie, len < sizeof(a.cookie) ? len : sizeof(a.cookie));
	return a;
}

void mg_file_begin(struct mg *m, const struct source_command *p)
{
	struct mg_file *f = m->file;

	f->head->running = answer_make(m, p);
	f->head->running.seq = ++f->seq;
	atomic_store_explicit(&f->head->in_hand, 1, memory_order_release);
}

void mg_file_answer(struct mg *m, const char *text, size_t len)
{
	struct mg_file *f = m->file;

	f->head->running.len = len <= ANSWER_MAX ? (uint32_t)len : 0;
	answer_put(f, text);
	atomic_store_explicit(&f->head->in_hand, 0, memory_order_release);
}

/* ---- requests ---- */

uint16_t mg_file_request(struct mg *m, const struct mg_request *r)
{
	struct mg_file *f = m->file;
	struct kept_request *to;
	uint16_t at;

	if (!f || r->registers || !f->n_free)
		return MG_NOT_KEPT;
	at = f->free[--f->n_free];
	to = &f->request[at];
	to->seq = ++f->seq;
	to->id = r->id;
	to->passes = r->passes;
	to->len = r->len;
	memset(to->text, 0, sizeof(to->text));
	memcpy(to->text, r->text, r->len);
	atomic_signal_fence(memory_order_seq_cst);
	to->sum = mg_file_sum(f, to, sizeof(*to));
	return at;
}

void mg_file_request_done(struct mg *m, uint16_t at)
{
	struct mg_file *f = m->file;

	if (!f || at == MG_NOT_KEPT)
		return;
	f->request[at].sum = 0;
	f->free[f->n_free++] = at;
}

static void requests_load(struct mg *m)
{
	struct mg_file *f = m->file;
	static struct place place[MG_REQUESTS_MAX];
	uint32_t n = 0;

	for (uint32_t i = MG_REQUESTS_MAX; i-- > 0;) {
		const struct kept_request *r = &f->request[i];

		if (r->sum && r->len <= sizeof(r->text) &&
		    r->sum == mg_file_sum(f, r, sizeof(*r))) {
			place[n++] = (struct place){ r->seq, i };
			f->seq = r->seq > f->seq ? r->seq : f->seq;
		} else {
			f->request[i].sum = 0;
			f->free[f->n_free++] = (uint16_t)i;
		}
	}
	qsort(place, n, sizeof(*place), by_age);
	for (uint32_t i = 0; i < n; i++) {
		const struct kept_request *r = &f->request[place[i].at];

		if (!mg_request_restore(m, r->id, r->passes, r->text, r->len,
					(uint16_t)place[i].at))
			mg_file_request_done(m, (uint16_t)place[i].at);
	}
}

/* ---- controllers ---- */

/* Of a controller by the way that it is reached, who knows us by this name and profile; never 0. */
static uint64_t number_of(const struct mg *m, uint16_t place)
{
	const struct config_h248_controller *c = &m->conf[place];
	char text[2 * CONFIG_STR_MAX + MG_MID_MAX + ADDR_STR_MAX + 32], a[ADDR_STR_MAX];
	uint64_t n;

	snprintf(text, sizeof(text), "%s %u %s %s %s",
		 sock_addr_format(&m->controller[place], a, sizeof(a)), (unsigned)c->transport,
		 c->name, m->mid, m->s->conf->gateway.h248_profile);
	n = siphash(&m->file->head->key, text, strlen(text));
	return n + (n == 0);
}

/* Its place, and 1; 0: it is in the list no more, or is told another name. */
static uint16_t place_of(const struct mg *m, uint64_t number)
{
	for (uint16_t i = 0; number && i < m->n_controller; i++) {
		if (number_of(m, i) == number)
			return (uint16_t)(i + 1);
	}
	return 0;
}

bool mg_file_is_there(const struct config *c)
{
	char path[CONFIG_STR_MAX + 16];
	const struct statefile_form form = form_of(c, path, sizeof(path));
	const enum statefile_look look = statefile_look(&form);

	return look == STATEFILE_STAYS || look == STATEFILE_CARRIED;
}

/* ---- the association ---- */

void mg_file_number(struct mg *m)
{
	if (m->file)
		atomic_store_explicit(&m->file->head->last_id, m->assoc.last_id,
				      memory_order_relaxed);
}

static void root_save(const struct mg_file *f, const struct mg_assoc *a)
{
	struct kept_root now = { 0 };

	if (f->head->root.sum && memcmp(f->head->root.value, a->root, sizeof(a->root)) == 0)
		return;
	memcpy(now.value, a->root, sizeof(now.value));
	mg_file_put(f, &f->head->root, &now, sizeof(now));
}

static void root_load(const struct mg_file *f, struct mg_assoc *a)
{
	const struct kept_root *k = &f->head->root;

	if (k->sum && k->sum == mg_file_sum(f, k, sizeof(*k)))
		memcpy(a->root, k->value, sizeof(a->root));
}

void mg_file_save(struct mg *m)
{
	const struct mg_assoc *a = &m->assoc;
	struct mg_file *f = m->file;
	struct kept_assoc now;

	if (!f)
		return;
	f->begun |= m->n_controller > 0;
	if (!f->begun)
		return;
	root_save(f, a);
	memset(&now, 0, sizeof(now));
	now.seq = f->saved.seq;
	if (m->n_controller && a->state == MG_SERVED)
		now.controller = number_of(m, a->controller);
	if (m->n_controller && a->served)
		now.served = number_of(m, (uint16_t)(a->served - 1));
	now.version = a->version;
	now.root_request = a->root_request;
	now.silence_ms = a->silence_ms;
	now.told_drain_ms = a->told_drain_ms;
	now.lost = a->lost;
	now.overload = a->overload;
	now.told_silence = a->told_silence;
	now.told_drain = a->told_drain;
	atomic_store_explicit(&f->head->alive_ms, m->s->now_ms, memory_order_relaxed);
	if (memcmp(&now, &f->saved, sizeof(now)) == 0)
		return;
	now.seq++;
	f->saved = now;
	if (now.controller)
		mg_file_name_save(m, &now);
	mg_file_put(f, &f->head->assoc[now.seq % 2], &now, sizeof(now));
}

/* The newer one that is whole; NULL: there is none. */
static const struct kept_assoc *assoc_find(const struct mg_file *f)
{
	const struct kept_assoc *found = NULL;

	for (int i = 0; i < 2; i++) {
		const struct kept_assoc *a = &f->head->assoc[i];

		if (a->sum && a->sum == mg_file_sum(f, a, sizeof(*a)) &&
		    (!found || a->seq > found->seq))
			found = a;
	}
	return found;
}

bool mg_file_load(struct mg *m)
{
	const struct kept_assoc *k = assoc_find(m->file);
	const uint64_t alive = atomic_load_explicit(&m->file->head->alive_ms, memory_order_relaxed);
	struct mg_assoc *a = &m->assoc;
	uint16_t in_charge;

	if (!k)
		return false;
	in_charge = place_of(m, k->controller);
	a->served = place_of(m, k->served);
	a->lost = k->lost;
	if (k->controller && !in_charge)
		mg_file_name_leave(m, k);
	if (!in_charge)
		return false;
	a->controller = (uint16_t)(in_charge - 1);
	/* A connection is gone, and who heard nothing for that long takes us for lost. */
	if (mg_by_stream(m) || m->s->now_ms - alive >= MG_LOST_MS) {
		a->lost = true;
		return false;
	}
	a->state = MG_SERVED;
	a->version = k->version;
	a->heard_ms = m->s->now_ms;
	a->root_request = k->root_request;
	a->silence_ms = k->silence_ms;
	a->overload = k->overload;
	a->told_silence = k->told_silence;
	a->told_drain = k->told_drain;
	a->told_drain_ms = k->told_drain_ms;
	root_load(m->file, a);
	return true;
}

/* ---- life ---- */

bool mg_file_open(struct mg *m, char *err, size_t errlen)
{
	char path[CONFIG_STR_MAX + 16];
	const struct statefile_form form = form_of(m->s->conf, path, sizeof(path));
	static const struct statefile_carry carry = { file_needs, file_carry };
	struct mg_file *f = calloc(1, sizeof(*f));
	const struct kept_assoc *k;

	if (!f || !statefile_open(&f->file, &form, &carry, err, errlen)) {
		if (f)
			statefile_close(&f->file);
		else
			snprintf(err, errlen, "out of memory for H.248");
		free(f);
		return false;
	}
	m->file = f;
	f->head = f->file.map;
	f->chunk = statefile_pool(&f->file, &form, POOL_CHUNKS);
	f->request = statefile_pool(&f->file, &form, POOL_REQUESTS);
	if (f->file.fresh) {
		rand_bytes(&f->head->key, sizeof(f->head->key));
		atomic_store(&f->head->last_id, m->assoc.last_id);
		statefile_ready(&f->file, &form);
		log_line("the state file %s starts empty: %s", path, f->file.fresh);
	}
	k = assoc_find(f);
	if (k) {
		f->saved = *k;
		f->saved.sum = 0;
		m->assoc.version = k->version;
	}
	m->cookie_key = f->head->key;
	m->assoc.last_id = atomic_load(&f->head->last_id);
	if (!f->file.fresh && !answers_load(m)) {
		snprintf(err, errlen, "out of memory for H.248");
		return false;
	}
	requests_load(m);
	mg_file_leave_load(m);
	return true;
}

void mg_file_close(struct mg *m)
{
	if (!m->file)
		return;
	statefile_close(&m->file->file);
	free(m->file);
	m->file = NULL;
}
