/* SPDX-License-Identifier: BSD-3-Clause */
/* Handshakes: with a server, with nobody who means it (storm), and between two SSL objects. */
#include "load.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { OPEN_MAX = 60000, HELLO_MAX = 4096 };

static const char *version_name(void)
{
	return opt.version == TLS1_2_VERSION ? "1.2" : "1.3";
}

static const char *key_name(void)
{
	return opt.key ? opt.key : "any";
}

/* The newest session a server gave us. */
static SSL_SESSION *session;
static uint64_t tickets;

static int on_session(SSL *ssl, SSL_SESSION *s)
{
	(void)ssl;
	SSL_SESSION_free(session);
	session = s;
	tickets++;
	return 1;
}

/* A copy: OpenSSL marks a TLS 1.3 session as used. */
static void session_use(SSL *ssl, SSL_SESSION *resume)
{
	SSL_SESSION *copy = resume ? SSL_SESSION_dup(resume) : NULL;

	if (resume && (!copy || !SSL_set_session(ssl, copy)))
		load_die("session");
	SSL_SESSION_free(copy);
}

static SSL_CTX *resuming_context(void)
{
	SSL_CTX *ctx = client_context();

	SSL_CTX_set_session_cache_mode(ctx,
				       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	return ctx;
}

/* ---- handshakes ---- */

struct handshaking {
	struct conn c;
	uint64_t since;
	bool open;
};

static struct handshaking *slot;
static uint32_t n_open;
static uint64_t n_done, n_resumed;

static void handshaking_end(struct handshaking *s, bool good)
{
	n_done += good;
	load_errors += !good;
	n_resumed += good && SSL_session_reused(s->c.ssl);
	if (good)
		load_sample((double)(load_now() - s->since) / 1e3);
	conn_close(&s->c);
	s->open = false;
	n_open--;
}

/*
 * TLS 1.3: the client is done before the server is; the server's ticket, or its end, shows that
 * it is, too.
 */
static void shaking_on(struct watch *w, uint32_t events)
{
	struct handshaking *s = (struct handshaking *)w;
	uint64_t before = tickets;
	char byte;
	int n, e;

	(void)events;
	ERR_clear_error();
	n = SSL_do_handshake(s->c.ssl);
	if (n != 1) {
		e = SSL_get_error(s->c.ssl, n);
		if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
			handshaking_end(s, false);
		return;
	}
	if (opt.version == TLS1_2_VERSION) {
		handshaking_end(s, true);
		return;
	}
	n = SSL_read(s->c.ssl, &byte, 1);
	e = SSL_get_error(s->c.ssl, n);
	if (tickets != before || n > 0 || e == SSL_ERROR_ZERO_RETURN)
		handshaking_end(s, true);
	else if (e != SSL_ERROR_WANT_READ)
		handshaking_end(s, false);
}

static void handshaking_begin(struct handshaking *s, SSL_CTX *ctx, SSL_SESSION *resume)
{
	s->c.w = (struct watch){ .on = shaking_on, .fd = conn_dial() };
	s->c.ssl = client_new(ctx, s->c.w.fd);
	session_use(s->c.ssl, resume);
	s->since = load_now();
	s->open = true;
	n_open++;
	watch_add(&s->c.w);
}

/* Those that stand still. */
static void handshaking_sweep(uint32_t n)
{
	uint64_t now = load_now();

	for (uint32_t i = 0; i < n; i++)
		if (slot[i].open && now - slot[i].since > LOAD_PATIENCE_S * NS_PER_S)
			handshaking_end(&slot[i], false);
}

/* One session to resume again and again. */
static SSL_SESSION *session_get(SSL_CTX *ctx)
{
	SSL_SESSION *s;

	handshaking_begin(&slot[0], ctx, NULL);
	while (n_open) {
		load_poll(100 * NS_PER_MS);
		handshaking_sweep(1);
	}
	if (!session)
		load_die("the server gave no session");
	s = session;
	session = NULL;
	n_done = n_resumed = 0;
	return s;
}

bool load_handshake(int argc, char **argv)
{
	uint64_t begin, end, count, begun = 0, took;
	SSL_SESSION *resume = NULL;
	uint32_t n, i;
	SSL_CTX *ctx;
	struct load_cpu cpu;

	if (argc < 4 || argc > 5)
		return false;
	n = (uint32_t)atoi(argv[2]);
	count = argc == 5 ? (uint64_t)atoll(argv[4]) : UINT64_MAX;
	opt.to_len = address_parse(&opt.to, argv[0], argv[1]);
	slot = calloc(n, sizeof(*slot));
	if (!n || !slot)
		return false;
	ctx = resuming_context();
	load_before();
	if (opt.resume)
		resume = session_get(ctx);
	begin = load_now();
	end = begin + (uint64_t)(atof(argv[3]) * 1e9);
	cpu = load_cpu();
	do {
		for (i = 0; i < n && load_now() < end && begun < count; i++)
			if (!slot[i].open) {
				handshaking_begin(&slot[i], ctx, resume);
				begun++;
			}
		load_poll(100 * NS_PER_MS);
		handshaking_sweep(n);
	} while (n_open || (load_now() < end && begun < count));
	took = load_now() - begin;
	cpu = load_cpu_since(cpu);
	printf("{\"load\": \"handshake\", \"tls\": \"%s\", \"key\": \"%s\", \"resume\": %s, "
	       "\"at_once\": %u, \"handshakes\": %ju, \"resumed\": %ju, \"handshakes_per_s\": %.0f",
	       version_name(), key_name(), opt.resume ? "true" : "false", n, (uintmax_t)n_done,
	       (uintmax_t)n_resumed, (double)n_done * 1e9 / (double)took);
	load_cpu_print(cpu, "handshakes", (double)n_done);
	load_samples_print();
	printf(", \"errors\": %ju}\n", (uintmax_t)load_errors);
	return true;
}

/* ---- storm ---- */

struct gust {
	struct watch w;
	struct gust *next; /* free */
	bool sent;
};

static struct gust *gusts_free;
static uint8_t hello[HELLO_MAX];
static size_t hello_len;
static uint64_t n_answered, n_refused;

/* A ClientHello costs its server a signature; to us it costs a copy. */
static void hello_make(void)
{
	SSL_CTX *ctx = client_context();
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	SSL *ssl = client_new(ctx, -1);
	int n;

	if (!in || !out)
		load_die("OpenSSL");
	SSL_set_bio(ssl, in, out);
	SSL_do_handshake(ssl);
	n = BIO_read(out, hello, sizeof(hello));
	if (n <= 0)
		load_die("ClientHello");
	hello_len = (size_t)n;
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

static void gust_end(struct gust *g)
{
	struct linger none = { .l_onoff = 1 };

	setsockopt(g->w.fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(g->w.fd);
	g->next = gusts_free;
	gusts_free = g;
	n_open--;
}

static void gust_on(struct watch *w, uint32_t events)
{
	struct gust *g = (struct gust *)w;
	uint8_t byte;
	ssize_t n;

	if (!g->sent && events & EPOLLOUT && !(events & EPOLLERR))
		g->sent = write(w->fd, hello, hello_len) == (ssize_t)hello_len;
	n = read(w->fd, &byte, 1);
	if (n < 0 && errno == EAGAIN)
		return;
	/* A handshake record, or an alert, a reset, an end. */
	if (n == 1 && byte == 22)
		n_answered++;
	else
		n_refused++;
	gust_end(g);
}

static bool gust_begin(void)
{
	struct gust *g = gusts_free;

	if (!g)
		return false;
	gusts_free = g->next;
	*g = (struct gust){ .w = { .on = gust_on, .fd = conn_dial() } };
	n_open++;
	watch_add(&g->w);
	return true;
}

bool load_storm(int argc, char **argv)
{
	uint64_t begin, end, now, begun = 0, skipped = 0;
	struct gust *all;
	double rate;

	if (argc != 4)
		return false;
	opt.to_len = address_parse(&opt.to, argv[0], argv[1]);
	rate = atof(argv[2]);
	all = calloc(OPEN_MAX, sizeof(*all));
	if (!all)
		load_die("storm");
	for (uint32_t i = 0; i < OPEN_MAX; i++) {
		all[i].next = gusts_free;
		gusts_free = &all[i];
	}
	hello_make();
	begin = load_now();
	end = begin + (uint64_t)(atof(argv[3]) * 1e9);
	while ((now = load_now()) < end) {
		while ((double)(begun + skipped) < (double)(now - begin) * rate / 1e9) {
			if (gust_begin())
				begun++;
			else
				skipped++;
		}
		load_poll(NS_PER_MS);
	}
	printf("{\"load\": \"storm\", \"tls\": \"%s\", \"begun\": %ju, \"answered\": %ju, "
	       "\"refused\": %ju, \"waiting\": %u, \"not_begun\": %ju, \"errors\": 0}\n",
	       version_name(), (uintmax_t)begun, (uintmax_t)n_answered, (uintmax_t)n_refused,
	       n_open, (uintmax_t)skipped);
	return true;
}

/* ---- bare ---- */

/* CPU time, nanoseconds: others may be at work on this CPU. */
static uint64_t cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static SSL_CTX *server_context(const char *chain, const char *key)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx || SSL_CTX_use_certificate_chain_file(ctx, chain) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		load_die(chain);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 1); /* as ours */
	return ctx;
}

/* One handshake by memory. Returns the nanoseconds that the server took. */
static uint64_t bare_once(SSL_CTX *sctx, SSL_CTX *cctx, SSL_SESSION *resume)
{
	BIO *to_server = BIO_new(BIO_s_mem()), *to_client = BIO_new(BIO_s_mem());
	SSL *client = client_new(cctx, -1), *server;
	uint64_t t = cpu_now(), took;
	bool done = false;
	char byte;

	server = SSL_new(sctx);
	if (!server || !to_server || !to_client)
		load_die("OpenSSL");
	SSL_set_accept_state(server);
	BIO_up_ref(to_server);
	BIO_up_ref(to_client);
	SSL_set_bio(server, to_server, to_client);
	SSL_set_bio(client, to_client, to_server);
	session_use(client, resume);
	took = cpu_now() - t;
	for (int turn = 0; turn < 8 && !done; turn++) {
		SSL_do_handshake(client);
		t = cpu_now();
		done = SSL_do_handshake(server) == 1;
		took += cpu_now() - t;
	}
	/* TLS 1.2's last message, TLS 1.3's tickets. */
	done = done && SSL_do_handshake(client) == 1;
	SSL_read(client, &byte, 1);
	ERR_clear_error();
	n_done += done;
	load_errors += !done;
	n_resumed += done && SSL_session_reused(server);
	SSL_shutdown(client);
	SSL_free(client);
	t = cpu_now();
	SSL_free(server);
	return took + cpu_now() - t;
}

bool load_bare(int argc, char **argv)
{
	SSL_SESSION *resume = NULL;
	SSL_CTX *sctx, *cctx;
	uint64_t took = 0, end;

	if (argc != 3)
		return false;
	sctx = server_context(argv[0], argv[1]);
	cctx = resuming_context();
	bare_once(sctx, cctx, NULL);
	if (opt.resume) {
		if (!session)
			load_die("no session");
		resume = session;
		session = NULL;
	}
	n_done = n_resumed = 0;
	end = load_now() + (uint64_t)(atof(argv[2]) * 1e9);
	while (load_now() < end)
		took += bare_once(sctx, cctx, resume);
	printf("{\"load\": \"handshake\", \"tls\": \"%s\", \"key\": \"%s\", \"resume\": %s, "
	       "\"handshakes\": %ju, \"resumed\": %ju, "
	       "\"handshakes_per_cpu_s\": %.0f, \"errors\": %ju}\n",
	       version_name(), key_name(), opt.resume ? "true" : "false", (uintmax_t)n_done,
	       (uintmax_t)n_resumed, (double)n_done * 1e9 / (double)took, (uintmax_t)load_errors);
	return true;
}
