/* SPDX-License-Identifier: BSD-3-Clause */
/* Shakers: their rings, their domains, their loop; and each worker's shakes. */
#include "shaker.h"
#include "../worker.h"
#include "domain.h"
#include "engine.h"
#include "file.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_pause.h>
#include <sys/prctl.h>
#include <time.h>

enum { SHAKE_STRIDE = RTE_ALIGN_CEIL(sizeof(struct shake), RTE_CACHE_LINE_SIZE) };

/* A worker's shakes. */
struct shake_pool {
	struct shake *free;
	uint32_t n;
	uint16_t shaker; /* of the next one */
	uint16_t next;	 /* of from: which is looked at first */
	uint16_t n_from;
	struct rte_ring *from[CONFIG_CRYPTO_MAX];
	uint8_t *memory;
};

static struct shake *pool_at(const struct shake_pool *p, uint32_t i)
{
	return (struct shake *)(p->memory + (size_t)i * SHAKE_STRIDE);
}

/* ---- domains ---- */

static void domains_drop(struct shaker_domains *d)
{
	if (!d)
		return;
	domains_free(d->set);
	free(d);
}

static struct shaker_domains *domains_make(const struct shaker *sh, struct tls_files *files,
					   uint16_t *at_fault, char *err, size_t errlen)
{
	struct shaker_domains *d = calloc(1, sizeof(*d));

	if (d)
		d->set = domains_create(sh->dp, sh->libctx, files, at_fault, err, errlen);
	else
		snprintf(err, errlen, "out of memory");
	if (d && d->set)
		return d;
	free(d);
	return NULL;
}

void shaker_domains_put(struct shaker *sh, struct shaker_domains *d)
{
	if (--d->users == 0 && d != sh->domains)
		domains_drop(d);
}

/* Takes up what a reload left. */
static void shaker_domains_take(struct shaker *sh)
{
	struct shaker_domains *old = sh->domains;

	if (likely(!atomic_load_explicit(&sh->fresh, memory_order_relaxed)))
		return;
	sh->domains = atomic_exchange_explicit(&sh->fresh, NULL, memory_order_acq_rel);
	if (old->users == 0)
		domains_drop(old);
}

bool shakers_reload(struct dplane *dp, char *err, size_t errlen)
{
	struct shaker_domains *d[CTL_WORKERS_MAX], *passed_over;
	uint16_t i, n, at_fault = CONFIG_CERTIFICATES_MAX;
	struct tls_files *files = files_create();

	if (!files)
		snprintf(err, errlen, "out of memory");
	for (n = 0; files && n < dp->n_shakers; n++) {
		d[n] = domains_make(dp->shaker[n], files, &at_fault, err, errlen);
		if (!d[n])
			break;
	}
	files_free(files);
	if (n < dp->n_shakers) {
		domains_publish_error(dp, at_fault, err);
		while (n--)
			domains_drop(d[n]);
		return false;
	}
	if (n)
		domains_publish(dp, d[0]->set);
	for (i = 0; i < n; i++) {
		passed_over =
		    atomic_exchange_explicit(&dp->shaker[i]->fresh, d[i], memory_order_acq_rel);
		domains_drop(passed_over);
	}
	return true;
}

/* ---- life ---- */

/* Room for all of a worker's shakes in each ring. */
static bool shaker_rings(struct shaker *sh, uint16_t worker, uint32_t n)
{
	char name[RTE_RING_NAMESIZE];
	const unsigned flags = RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ;

	snprintf(name, sizeof(name), "shake%u.%u", worker, sh->id);
	sh->in[worker] = rte_ring_create(name, n, SOCKET_ID_ANY, flags);
	snprintf(name, sizeof(name), "shook%u.%u", worker, sh->id);
	sh->out[worker] = rte_ring_create(name, n, SOCKET_ID_ANY, flags);
	sh->from[sh->n_from++] = sh->in[worker];
	return sh->in[worker] && sh->out[worker];
}

static void shaker_free(struct shaker *sh)
{
	uint16_t i;

	if (!sh || sh->n_parked) /* what an engine still works on is nobody's to free */
		return;
	domains_drop(sh->domains);
	domains_drop(atomic_load_explicit(&sh->fresh, memory_order_acquire));
	for (i = 0; i < CTL_WORKERS_MAX; i++) {
		rte_ring_free(sh->in[i]);
		rte_ring_free(sh->out[i]);
	}
	EVP_KDF_CTX_free(sh->prf);
	BIO_meth_free(sh->bio);
	OSSL_LIB_CTX_free(sh->libctx);
	rte_free(sh);
}

static bool shaker_openssl(struct shaker *sh)
{
	EVP_KDF *kdf;

	sh->libctx = OSSL_LIB_CTX_new();
	sh->bio = shake_bio_method();
	kdf = sh->libctx ? EVP_KDF_fetch(sh->libctx, OSSL_KDF_NAME_TLS1_PRF, NULL) : NULL;
	sh->prf = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	EVP_KDF_free(kdf);
	return sh->bio && sh->prf;
}

static struct shaker *shaker_create(struct dplane *dp, uint16_t id, struct tls_files *files,
				    char *err, size_t errlen)
{
	struct shaker *sh = rte_zmalloc("shaker", sizeof(*sh), RTE_CACHE_LINE_SIZE);
	bool own = dp->conf->tls.n_crypto_cpus == 0, ok = sh;
	uint16_t i, at_fault;

	if (sh) {
		sh->dp = dp;
		sh->id = id;
		TAILQ_INIT(&sh->parked);
	}
	for (i = 0; ok && i < dp->n_workers; i++)
		ok = (own && i != id) || shaker_rings(sh, i, dp->conf->tls.handshakes);
	if (!ok)
		snprintf(err, errlen,
			 "%s: dataplane.memory-mb: too small for %u handshakes a worker",
			 dp->conf->file, dp->conf->tls.handshakes);
	if (ok && !shaker_openssl(sh)) {
		ok = false;
		snprintf(err, errlen, "OpenSSL does not start: %s",
			 ERR_reason_error_string(ERR_peek_last_error()));
	}
	if (ok && (sh->domains = domains_make(sh, files, &at_fault, err, errlen)))
		return sh;
	shaker_free(sh);
	return NULL;
}

static struct shake_pool *pool_create(const struct dplane *dp, uint16_t worker)
{
	struct shake_pool *p = rte_zmalloc("shakes", sizeof(*p), RTE_CACHE_LINE_SIZE);
	uint32_t i, n = dp->conf->tls.handshakes;

	if (p)
		p->memory = rte_zmalloc("shakes", (size_t)n * SHAKE_STRIDE, RTE_CACHE_LINE_SIZE);
	if (!p || !p->memory) {
		rte_free(p);
		return NULL;
	}
	p->n = n;
	p->shaker = worker % dp->n_shakers; /* workers do not all begin with the same */
	for (i = 0; i < dp->n_shakers; i++)
		if (dp->shaker[i]->out[worker])
			p->from[p->n_from++] = dp->shaker[i]->out[worker];
	for (i = 0; i < n; i++) {
		struct shake *s = pool_at(p, i);

		s->next = p->free;
		p->free = s;
	}
	return p;
}

/* Handshakes do without an accelerator that cannot be had; the operator is told. */
static void shakers_engine(struct dplane *dp)
{
	char err[512] = "";

	dp->engine = engine_load(dp->conf, err, sizeof(err));
	if (dp->engine)
		fprintf(stderr, "fairlead-dp: engine: %s\n", engine_name(dp->engine));
	else if (*err)
		fprintf(stderr, "fairlead-dp: %s; handshakes are done in software\n", err);
}

bool shakers_create(struct dplane *dp, char *err, size_t errlen)
{
	const struct config *c = dp->conf;
	uint16_t i, n = c->tls.n_crypto_cpus ? c->tls.n_crypto_cpus : dp->n_workers;
	struct tls_files *files;

	if (!config_has_tls(c))
		return true;
	shakers_engine(dp);
	files = files_create();
	if (!files)
		snprintf(err, errlen, "out of memory");
	for (i = 0; files && i < n; i++, dp->n_shakers++) {
		dp->shaker[i] = shaker_create(dp, i, files, err, errlen);
		if (!dp->shaker[i])
			break;
	}
	files_free(files);
	if (dp->n_shakers < n)
		return false;
	for (i = 0; i < dp->n_workers; i++) {
		dp->shakes[i] = pool_create(dp, i);
		if (!dp->shakes[i]) {
			snprintf(err, errlen,
				 "%s: dataplane.memory-mb: too small for %u handshakes a worker "
				 "(tls.handshakes)",
				 c->file, c->tls.handshakes);
			return false;
		}
	}
	domains_publish(dp, dp->shaker[0]->domains->set);
	return true;
}

/*
 * With the handshakes that are under way anywhere. One that an engine works on stays: it may still
 * write. One that waits for a key goes; nobody else knows of it, and its fibre, whose thread has
 * ended, is not continued any more.
 */
static void pool_free(struct shake_pool *p)
{
	uint32_t i;

	if (!p)
		return;
	for (i = 0; i < p->n; i++) {
		struct shake *s = pool_at(p, i);

		if (s->ssl && !s->ssl->parked)
			shake_clear(s);
		OPENSSL_cleanse(&s->result, sizeof(s->result));
	}
	rte_free(p->memory);
	rte_free(p);
}

void shakers_free(struct dplane *dp)
{
	uint16_t i;

	for (i = 0; i < dp->n_workers; i++) {
		pool_free(dp->shakes[i]);
		dp->shakes[i] = NULL;
	}
	for (i = 0; i < dp->n_shakers; i++) {
		shaker_free(dp->shaker[i]);
		dp->shaker[i] = NULL;
	}
	dp->n_shakers = 0;
	engine_free(dp->engine);
	dp->engine = NULL;
}

/* ---- the shaker's side ---- */

void shaker_park(struct shaker *sh, struct shake_ssl *x)
{
	x->parked = true;
	if (!x->parked_tsc) {
		x->parked_tsc = rte_rdtsc();
		x->stalled = false;
		x->shake->waits++;
	}
	TAILQ_INSERT_TAIL(&sh->parked, x, link);
	sh->n_parked++;
}

static void shaker_unpark(struct shaker *sh, struct shake_ssl *x)
{
	x->parked = false;
	TAILQ_REMOVE(&sh->parked, x, link);
	sh->n_parked--;
}

static void shaker_back(struct shaker *sh, struct shake *s)
{
	rte_ring_sp_enqueue(sh->out[s->worker], s);
}

/* Goes on with parked ones that are ready, budget of them at most. */
static uint32_t shaker_ready(struct shaker *sh, uint32_t budget)
{
	struct shake_ssl *x, *next;
	uint32_t n = 0;

	if (likely(!atomic_load_explicit(&sh->woken, memory_order_relaxed)))
		return 0;
	atomic_exchange_explicit(&sh->woken, false, memory_order_acquire);
	for (x = TAILQ_FIRST(&sh->parked); x && n < budget; x = next) {
		struct shake *s = x->shake;

		next = TAILQ_NEXT(x, link);
		if (!atomic_load_explicit(&x->ready, memory_order_acquire))
			continue;
		shaker_unpark(sh, x);
		n++;
		if (shake_go(sh, s))
			shaker_back(sh, s);
	}
	if (x) /* there may be more */
		atomic_store_explicit(&sh->woken, true, memory_order_relaxed);
	return n;
}

/* Jobs that take too long. */
static void shaker_watch(struct shaker *sh)
{
	const uint64_t limit =
	    (uint64_t)(sh->dp->tsc_per_us * 1000) * sh->dp->conf->tls.engine_timeout_ms;
	struct shake_ssl *x = TAILQ_FIRST(&sh->parked);

	if (x->stalled || rte_rdtsc() - x->parked_tsc < limit)
		return;
	x->stalled = true;
	engine_stalled(sh->dp->engine);
}

/* What workers sent, one of each in turn. */
static uint32_t shaker_input(struct shaker *sh, uint32_t budget)
{
	uint32_t n = 0;
	uint16_t idle;

	for (idle = 0; idle < sh->n_from && n < budget;) {
		struct rte_ring *from = sh->from[sh->next];
		void *s;

		sh->next = sh->next + 1 < sh->n_from ? sh->next + 1 : 0;
		if (rte_ring_sc_dequeue(from, &s) < 0) {
			idle++;
			continue;
		}
		idle = 0;
		n++;
		if (shake_step(sh, s))
			shaker_back(sh, s);
	}
	return n;
}

uint32_t shaker_turn(struct shaker *sh, uint32_t budget)
{
	struct engine *e = sh->dp->engine;
	uint32_t n;

	if (unlikely(!sh->started)) {
		sh->started = true;
		engine_thread_init(e, sh->dp->conf->tls.handshakes * sh->dp->n_workers);
	}
	shaker_domains_take(sh);
	if (!budget)
		budget = UINT32_MAX;
	n = shaker_ready(sh, budget);
	n += shaker_input(sh, budget - n);
	if (e)
		engine_poll(e, sh->n_parked, n > 0);
	if (sh->n_parked)
		shaker_watch(sh);
	return n;
}

/* As worker_idle(). */
static void shaker_idle(struct shaker *sh)
{
	const struct config_dataplane *c = &sh->dp->conf->dataplane;
	struct timespec nap = { 0 };

	if (c->idle == IDLE_POLL || ++sh->idle_turns < IDLE_TURNS) {
		rte_pause();
		return;
	}
	sh->nap_us = RTE_MIN(sh->nap_us ? sh->nap_us * 2 : NAP_FIRST_US, c->idle_max_us);
	nap.tv_nsec = (long)sh->nap_us * 1000;
	nanosleep(&nap, NULL);
}

/* Jobs under way come back before the thread that they run in ends, if they come at all. */
static void shaker_finish(struct shaker *sh)
{
	const uint64_t until = rte_rdtsc() + (uint64_t)(sh->dp->tsc_per_us * 1000) *
						 sh->dp->conf->tls.engine_timeout_ms;

	while (sh->n_parked && rte_rdtsc() < until) {
		engine_poll(sh->dp->engine, sh->n_parked, false);
		shaker_ready(sh, UINT32_MAX);
		rte_pause();
	}
	engine_thread_end(sh->dp->engine);
}

int shaker_run(void *arg)
{
	struct shaker *sh = arg;

	prctl(PR_SET_TIMERSLACK, 1000UL); /* as worker_run() */
	while (!atomic_load_explicit(&sh->dp->stop, memory_order_relaxed)) {
		if (likely(shaker_turn(sh, 0)))
			sh->idle_turns = sh->nap_us = 0;
		else
			shaker_idle(sh);
	}
	shaker_finish(sh);
	return 0;
}

/* ---- the worker's side ---- */

struct shake *shake_get(struct worker *w)
{
	struct shake_pool *p = w->dp->shakes[w->id];
	struct shake *s = p->free;

	if (!s)
		return NULL;
	p->free = s->next;
	memset(s, 0, offsetof(struct shake, in));
	s->worker = w->id;
	s->shaker = p->shaker;
	s->alert = ALERT_NONE;
	if (w->dp->conf->tls.n_crypto_cpus)
		p->shaker = p->shaker + 1 < w->dp->n_shakers ? p->shaker + 1 : 0;
	return s;
}

void shake_put(struct worker *w, struct shake *s)
{
	struct shake_pool *p = w->dp->shakes[w->id];

	OPENSSL_cleanse(&s->result, sizeof(s->result));
	s->next = p->free;
	p->free = s;
}

void shake_send(struct worker *w, struct shake *s)
{
	rte_ring_sp_enqueue(w->dp->shaker[s->shaker]->in[w->id], s);
}

struct shake *shake_recv(struct worker *w)
{
	struct shake_pool *p = w->dp->shakes[w->id];
	uint16_t i;

	for (i = 0; i < p->n_from; i++) {
		void *s;

		if (rte_ring_sc_dequeue(p->from[p->next], &s) == 0)
			return s;
		p->next = p->next + 1 < p->n_from ? p->next + 1 : 0;
	}
	return NULL;
}
