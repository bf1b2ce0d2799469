/* SPDX-License-Identifier: BSD-3-Clause */
/* Crypto threads: their rings, their domains, their loop; and each worker's handshakes. */
#include "crypto.h"
#include "../numa.h"
#include "../worker.h"
#include "domain.h"
#include "accel.h"
#include "file.h"
#include "srtp_ctx.h"
#include "../../lib/memory.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <rte_pause.h>
#include <sys/prctl.h>
#include <time.h>

enum { HANDSHAKE_STRIDE = RTE_ALIGN_CEIL(sizeof(struct handshake), RTE_CACHE_LINE_SIZE) };

/* A worker's handshakes. */
struct handshake_pool {
	struct handshake *free;
	uint32_t left[2]; /* that TLS, and DTLS, may take */
	uint32_t n;
	uint16_t crypto; /* of the next one */
	uint16_t next;	 /* of from: which is looked at first */
	uint16_t n_from;
	struct rte_ring *from[CONFIG_CRYPTO_MAX];
	uint8_t *memory;
};

static struct handshake *pool_at(const struct handshake_pool *p, uint32_t i)
{
	return (struct handshake *)(p->memory + (size_t)i * HANDSHAKE_STRIDE);
}

/* A worker's: what TLS may have, and DTLS. */
static uint32_t handshakes_of(const struct config *c)
{
	return (config_has_tls(c) ? c->tls.handshakes : 0) +
	       (config_associations(c) ? c->tls.dtls_handshakes : 0);
}

/* ---- domains ---- */

static void domains_drop(struct crypto_domains *d)
{
	if (!d)
		return;
	domains_free(d->set);
	snapshot_drop(d->of);
	free(d);
}

static struct crypto_domains *domains_make(const struct crypto *th, struct snapshot *of,
					   struct tls_files *files, uint16_t *at_fault, char *err,
					   size_t errlen)
{
	struct crypto_domains *d = calloc(1, sizeof(*d));

	if (d)
		d->set = domains_create(th->dp, of, th->libctx, files, at_fault, err, errlen);
	else
		snprintf(err, errlen, "out of memory");
	if (d && d->set) {
		d->of = snapshot_hold(of);
		d->conf = of ? of->conf : th->dp->conf;
		return d;
	}
	free(d);
	return NULL;
}

void crypto_domains_put(struct crypto *th, struct crypto_domains *d)
{
	if (--d->users == 0 && d != th->domains)
		domains_drop(d);
}

void crypto_domains_take(struct crypto *th)
{
	struct crypto_domains *old = th->domains;

	if (likely(!atomic_load_explicit(&th->fresh, memory_order_relaxed)))
		return;
	th->domains = atomic_exchange_explicit(&th->fresh, NULL, memory_order_acq_rel);
	if (old->users == 0)
		domains_drop(old);
}

bool cryptos_reload(struct dplane *dp, struct snapshot *of, char *err, size_t errlen)
{
	struct crypto_domains *d[CTL_WORKERS_MAX], *passed_over;
	uint16_t i, n, at_fault = CONFIG_CERTIFICATES_MAX;
	struct tls_files *files = files_create();

	if (!files)
		snprintf(err, errlen, "out of memory");
	for (n = 0; files && n < dp->n_cryptos; n++) {
		d[n] = domains_make(dp->crypto[n], of, files, &at_fault, err, errlen);
		if (!d[n])
			break;
	}
	files_free(files);
	if (n < dp->n_cryptos) {
		if (of == snapshot_now(dp)) /* places of others are not published yet */
			domains_publish_error(dp, at_fault, err);
		while (n--)
			domains_drop(d[n]);
		return false;
	}
	if (n)
		domains_publish(dp, d[0]->set);
	for (i = 0; i < n; i++) {
		passed_over =
		    atomic_exchange_explicit(&dp->crypto[i]->fresh, d[i], memory_order_acq_rel);
		domains_drop(passed_over);
	}
	return true;
}

/* ---- life ---- */

/*
 * Whole pages: where they are ordinary ones, a page that another's thread had first would be of its
 * node.
 */
static void *pages_take(const char *name, size_t len)
{
	return rte_zmalloc(name, RTE_ALIGN_CEIL(len, (size_t)RTE_PGSIZE_4K), RTE_PGSIZE_4K);
}

/* Room for all of a worker's handshakes in each ring. */
static bool crypto_rings(struct crypto *th, uint16_t worker, uint32_t n)
{
	char name[RTE_RING_NAMESIZE];
	const unsigned flags = RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ;

	snprintf(name, sizeof(name), "handshake%u.%u", worker, th->id);
	th->in[worker] = rte_ring_create(name, n, SOCKET_ID_ANY, flags);
	snprintf(name, sizeof(name), "shook%u.%u", worker, th->id);
	th->out[worker] = rte_ring_create(name, n, SOCKET_ID_ANY, flags);
	th->from[th->n_from++] = th->in[worker];
	return th->in[worker] && th->out[worker];
}

static void crypto_free(struct crypto *th)
{
	uint16_t i;

	if (!th || th->n_parked) /* what an accelerator still works on is nobody's to free */
		return;
	domains_drop(th->domains);
	domains_drop(atomic_load_explicit(&th->fresh, memory_order_acquire));
	for (i = 0; i < CTL_WORKERS_MAX; i++) {
		rte_ring_free(th->in[i]);
		rte_ring_free(th->out[i]);
	}
	EVP_KDF_CTX_free(th->prf);
	BIO_meth_free(th->bio);
	BIO_meth_free(th->bio_dtls);
	SSL_CTX_free(th->srtp[0]);
	SSL_CTX_free(th->srtp[1]);
	OSSL_LIB_CTX_free(th->libctx);
	rte_free(th);
}

static bool crypto_openssl(struct crypto *th)
{
	EVP_KDF *kdf;

	th->libctx = OSSL_LIB_CTX_new();
	th->bio = handshake_bio_method();
	th->bio_dtls = handshake_bio_dtls();
	kdf = th->libctx ? EVP_KDF_fetch(th->libctx, OSSL_KDF_NAME_TLS1_PRF, NULL) : NULL;
	th->prf = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	EVP_KDF_free(kdf);
	return th->bio && th->bio_dtls && th->prf;
}

static struct crypto *crypto_create(struct dplane *dp, uint16_t id, struct tls_files *files,
				    const struct srtp_cert *cert, char *err, size_t errlen)
{
	struct crypto *th = pages_take("crypto", sizeof(*th));
	bool own = dp->conf->tls.n_crypto_cpus == 0, ok = th;
	uint16_t i, at_fault;

	if (th) {
		th->dp = dp;
		th->id = id;
		TAILQ_INIT(&th->parked);
	}
	for (i = 0; ok && i < dp->n_workers; i++)
		ok = (own && i != id) || crypto_rings(th, i, handshakes_of(dp->conf));
	if (!ok)
		snprintf(err, errlen,
			 "%s: dataplane.memory-mb: too small for %u handshakes a worker",
			 dp->conf->file, dp->conf->tls.handshakes);
	if (ok && !(crypto_openssl(th) && srtp_ctx_make(th, cert))) {
		ok = false;
		snprintf(err, errlen, "OpenSSL does not start: %s",
			 ERR_reason_error_string(ERR_peek_last_error()));
	}
	if (ok && (th->domains = domains_make(th, NULL, files, &at_fault, err, errlen)))
		return th;
	crypto_free(th);
	return NULL;
}

static struct handshake_pool *pool_create(const struct dplane *dp, uint16_t worker)
{
	struct handshake_pool *p = pages_take("handshakes", sizeof(*p));
	uint32_t i, n = handshakes_of(dp->conf);

	if (p)
		p->memory = pages_take("handshakes", (size_t)n * HANDSHAKE_STRIDE);
	if (!p || !p->memory) {
		rte_free(p);
		return NULL;
	}
	p->n = n;
	p->left[0] = config_has_tls(dp->conf) ? dp->conf->tls.handshakes : 0;
	p->left[1] = n - p->left[0];
	p->crypto = worker % dp->n_cryptos; /* workers do not all begin with the same */
	for (i = 0; i < dp->n_cryptos; i++)
		if (dp->crypto[i]->out[worker])
			p->from[p->n_from++] = dp->crypto[i]->out[worker];
	for (i = 0; i < n; i++) {
		struct handshake *s = pool_at(p, i);

		s->next = p->free;
		p->free = s;
	}
	return p;
}

/* Handshakes do without an accelerator that cannot be had; the operator is told. */
static void cryptos_accel(struct dplane *dp)
{
	char err[512] = "";

	dp->accel = accel_load(dp->conf, err, sizeof(err));
	if (dp->accel)
		fprintf(stderr, "fairlead-dp: %s: signs\n", accel_name(dp->accel));
	else if (*err)
		fprintf(stderr, "fairlead-dp: %s; handshakes are done in software\n", err);
}

/* What is made by the thread that it is for: memory is of the node of its CPU then. */
struct making {
	struct dplane *dp;
	uint16_t i;
	struct tls_files *files;
	const struct srtp_cert *cert;
	char *err;
	size_t errlen;
};

static int crypto_make(void *arg)
{
	const struct making *m = arg;

	memory_arena_own(); /* where there is none, crypto_run() or worker_run() says so */
	m->dp->crypto[m->i] = crypto_create(m->dp, m->i, m->files, m->cert, m->err, m->errlen);
	return m->dp->crypto[m->i] ? 0 : -1;
}

static int pool_make(void *arg)
{
	const struct making *m = arg;

	m->dp->handshakes[m->i] = pool_create(m->dp, m->i);
	if (m->dp->handshakes[m->i])
		return 0;
	snprintf(m->err, m->errlen,
		 "%s: dataplane.memory-mb: too small for %u handshakes a worker (tls.handshakes)",
		 m->dp->conf->file, m->dp->conf->tls.handshakes);
	return -1;
}

bool cryptos_create(struct dplane *dp, char *err, size_t errlen)
{
	const struct config *c = dp->conf;
	uint16_t n = c->tls.n_crypto_cpus ? c->tls.n_crypto_cpus : dp->n_workers;
	struct srtp_cert cert = { .key = NULL };
	struct making m = { .dp = dp, .cert = &cert, .err = err, .errlen = errlen };
	struct tls_files *files;

	if (!config_has_tls(c) && !config_has_dtls_srtp(c))
		return true;
	cryptos_accel(dp);
	files = files_create();
	if (!files)
		snprintf(err, errlen, "out of memory");
	if (config_has_dtls_srtp(c) && !srtp_cert_make(&cert, dp->region->dtls_sha256)) {
		snprintf(err, errlen, "OpenSSL makes no certificate: %s",
			 ERR_reason_error_string(ERR_peek_last_error()));
		files_free(files);
		return false;
	}
	for (m.files = files; files && m.i < n; m.i++, dp->n_cryptos++) {
		const unsigned lcore =
		    c->tls.n_crypto_cpus ? lcore_crypto(c, m.i) : lcore_worker(m.i);

		if (numa_run(lcore, crypto_make, &m) < 0)
			break;
	}
	srtp_cert_free(&cert);
	files_free(files);
	if (dp->n_cryptos < n)
		return false;
	for (m.i = 0; m.i < dp->n_workers; m.i++)
		if (numa_run(lcore_worker(m.i), pool_make, &m) < 0)
			return false;
	domains_publish(dp, dp->crypto[0]->domains->set);
	return true;
}

/*
 * With the handshakes that are under way anywhere. One that an accelerator works on stays: it may
 * still write. One that waits for a key goes; nobody else knows of it, and its fibre, whose thread
 * has ended, is not continued any more.
 */
static void pool_free(struct handshake_pool *p)
{
	uint32_t i;

	if (!p)
		return;
	for (i = 0; i < p->n; i++) {
		struct handshake *s = pool_at(p, i);

		if (s->ssl && !s->ssl->parked)
			handshake_clear(s);
		OPENSSL_cleanse(&s->result, sizeof(s->result));
	}
	rte_free(p->memory);
	rte_free(p);
}

void cryptos_free(struct dplane *dp)
{
	uint16_t i;

	for (i = 0; i < dp->n_workers; i++) {
		pool_free(dp->handshakes[i]);
		dp->handshakes[i] = NULL;
	}
	for (i = 0; i < dp->n_cryptos; i++) {
		crypto_free(dp->crypto[i]);
		dp->crypto[i] = NULL;
	}
	dp->n_cryptos = 0;
	accel_free(dp->accel);
	dp->accel = NULL;
}

/* ---- the crypto thread's side ---- */

void crypto_park(struct crypto *th, struct handshake_ssl *x)
{
	x->parked = true;
	if (!x->parked_tsc) {
		x->parked_tsc = rte_rdtsc();
		x->stalled = false;
		x->handshake->waits++;
	}
	TAILQ_INSERT_TAIL(&th->parked, x, link);
	th->n_parked++;
}

static void crypto_unpark(struct crypto *th, struct handshake_ssl *x)
{
	x->parked = false;
	TAILQ_REMOVE(&th->parked, x, link);
	th->n_parked--;
}

static void crypto_back(struct crypto *th, struct handshake *s)
{
	rte_ring_sp_enqueue(th->out[s->worker], s);
}

/* Goes on with parked ones that are ready, budget of them at most. */
static uint32_t crypto_ready(struct crypto *th, uint32_t budget)
{
	struct handshake_ssl *x, *next;
	uint32_t n = 0;

	if (likely(!atomic_load_explicit(&th->woken, memory_order_relaxed)))
		return 0;
	atomic_exchange_explicit(&th->woken, false, memory_order_acquire);
	for (x = TAILQ_FIRST(&th->parked); x && n < budget; x = next) {
		struct handshake *s = x->handshake;

		next = TAILQ_NEXT(x, link);
		if (!atomic_load_explicit(&x->ready, memory_order_acquire))
			continue;
		crypto_unpark(th, x);
		n++;
		if (handshake_go(th, s))
			crypto_back(th, s);
	}
	if (x) /* there may be more */
		atomic_store_explicit(&th->woken, true, memory_order_relaxed);
	return n;
}

/* Jobs that take too long. */
static void crypto_watch(struct crypto *th)
{
	const uint64_t limit =
	    (uint64_t)(th->dp->tsc_per_us * 1000) * th->dp->conf->tls.engine_timeout_ms;
	struct handshake_ssl *x = TAILQ_FIRST(&th->parked);

	if (x->stalled || rte_rdtsc() - x->parked_tsc < limit)
		return;
	x->stalled = true;
	accel_stalled(th->dp->accel);
}

/* What workers sent, one of each in turn. */
static uint32_t crypto_input(struct crypto *th, uint32_t budget)
{
	uint32_t n = 0;
	uint16_t idle;

	for (idle = 0; idle < th->n_from && n < budget;) {
		struct rte_ring *from = th->from[th->next];
		void *s;

		th->next = th->next + 1 < th->n_from ? th->next + 1 : 0;
		if (rte_ring_sc_dequeue(from, &s) < 0) {
			idle++;
			continue;
		}
		idle = 0;
		n++;
		if (handshake_step(th, s))
			crypto_back(th, s);
	}
	return n;
}

uint32_t crypto_turn(struct crypto *th, uint32_t budget)
{
	struct accel *a = th->dp->accel;
	uint32_t n;

	if (unlikely(!th->started)) {
		th->started = true;
		accel_thread_init(a, handshakes_of(th->dp->conf) * th->dp->n_workers);
	}
	crypto_domains_take(th);
	if (!budget)
		budget = UINT32_MAX;
	n = crypto_ready(th, budget);
	n += crypto_input(th, budget - n);
	accel_poll(a, th->n_parked, n > 0);
	if (th->n_parked)
		crypto_watch(th);
	return n;
}

/* As worker_idle(). */
static void crypto_idle(struct crypto *th)
{
	const struct config_dataplane *c = &th->domains->conf->dataplane;
	struct timespec nap = { 0 };

	if (c->idle == IDLE_POLL || ++th->idle_turns < IDLE_TURNS) {
		rte_pause();
		return;
	}
	th->nap_us = RTE_MIN(th->nap_us ? th->nap_us * 2 : NAP_FIRST_US, c->idle_max_us);
	nap.tv_nsec = (long)th->nap_us * 1000;
	nanosleep(&nap, NULL);
}

/* Jobs under way come back before the thread that they run in ends, if they come at all. */
static void crypto_finish(struct crypto *th)
{
	const uint64_t until = rte_rdtsc() + (uint64_t)(th->dp->tsc_per_us * 1000) *
						 th->dp->conf->tls.engine_timeout_ms;

	while (th->n_parked && rte_rdtsc() < until) {
		accel_poll(th->dp->accel, th->n_parked, false);
		crypto_ready(th, UINT32_MAX);
		rte_pause();
	}
	accel_thread_end(th->dp->accel);
}

int crypto_run(void *arg)
{
	struct crypto *th = arg;

	prctl(PR_SET_TIMERSLACK, 1000UL); /* as worker_run() */
	if (!memory_arena_own())
		RTE_LOG(WARNING, USER1, "a crypto thread has no arena of its own (memory?)\n");
	while (!atomic_load_explicit(&th->dp->stop, memory_order_relaxed)) {
		if (likely(crypto_turn(th, 0)))
			th->idle_turns = th->nap_us = 0;
		else
			crypto_idle(th);
	}
	crypto_finish(th);
	return 0;
}

/* ---- the worker's side ---- */

static struct handshake *pool_take(struct worker *w, bool dtls)
{
	struct handshake_pool *p = w->dp->handshakes[w->id];
	struct handshake *s;

	if (!p || !p->left[dtls])
		return NULL;
	s = p->free;
	p->left[dtls]--;
	p->free = s->next;
	memset(s, 0, offsetof(struct handshake, in));
	s->worker = w->id;
	s->dtls = dtls;
	s->crypto = p->crypto;
	s->alert = ALERT_NONE;
	if (w->dp->conf->tls.n_crypto_cpus)
		p->crypto = p->crypto + 1 < w->dp->n_cryptos ? p->crypto + 1 : 0;
	return s;
}

struct handshake *handshake_get(struct worker *w)
{
	return pool_take(w, false);
}

struct handshake *handshake_get_dtls(struct worker *w)
{
	return pool_take(w, true);
}

void handshake_put(struct worker *w, struct handshake *s)
{
	struct handshake_pool *p = w->dp->handshakes[w->id];

	OPENSSL_cleanse(&s->result, sizeof(s->result));
	s->next = p->free;
	p->free = s;
	p->left[s->dtls]++;
}

void handshake_send(struct worker *w, struct handshake *s)
{
	rte_ring_sp_enqueue(w->dp->crypto[s->crypto]->in[w->id], s);
}

struct handshake *handshake_recv(struct worker *w)
{
	struct handshake_pool *p = w->dp->handshakes[w->id];
	uint16_t i;

	for (i = 0; i < p->n_from; i++) {
		void *s;

		if (rte_ring_sc_dequeue(p->from[p->next], &s) == 0)
			return s;
		p->next = p->next + 1 < p->n_from ? p->next + 1 : 0;
	}
	return NULL;
}
