/* SPDX-License-Identifier: BSD-3-Clause */
#include "load.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, SAMPLES_MAX = 1 << 22, TLS_READ_AHEAD = 65536 };

struct load_options opt = { .version = TLS1_3_VERSION, .window = 64 };
uint64_t load_errors;

/* ---- clock and figures ---- */

uint64_t load_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

void load_die(const char *what)
{
	fprintf(stderr, "tls_load: %s: %s\n", what, errno ? strerror(errno) : "failed");
	ERR_print_errors_fp(stderr);
	exit(1);
}

/* What one thread has had so far: /proc/PID/task/THREAD. */
static void cpu_add(struct load_cpu *sum, const char *pid, const char *thread)
{
	unsigned long long ns;
	unsigned long user;
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.16s/task/%.16s/schedstat", pid, thread);
	f = fopen(path, "r");
	if (f && fscanf(f, "%llu", &ns) == 1)
		sum->s += (double)ns / 1e9;
	if (f)
		fclose(f);
	snprintf(path, sizeof(path), "/proc/%.16s/task/%.16s/stat", pid, thread);
	f = fopen(path, "r");
	/* The fourteenth field; the second is the name, in brackets. */
	if (f &&
	    fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu", &user) == 1)
		sum->user_s += (double)user / (double)sysconf(_SC_CLK_TCK);
	if (f)
		fclose(f);
}

struct load_cpu load_cpu(void)
{
	char list[256], path[64], *next = list, *pid;
	struct load_cpu sum = { 0, 0 };
	struct dirent *e;
	DIR *d;

	snprintf(list, sizeof(list), "%s", opt.cpu_of ? opt.cpu_of : "");
	while ((pid = strsep(&next, ","))) {
		snprintf(path, sizeof(path), "/proc/%.16s/task", pid);
		d = *pid ? opendir(path) : NULL;
		while (d && (e = readdir(d)))
			if (e->d_name[0] != '.')
				cpu_add(&sum, pid, e->d_name);
		if (d)
			closedir(d);
	}
	return sum;
}

struct load_cpu load_cpu_since(struct load_cpu begin)
{
	struct load_cpu c = load_cpu();

	c.s -= begin.s;
	c.user_s -= begin.user_s;
	return c;
}

void load_cpu_print(struct load_cpu c, const char *unit, double n)
{
	if (c.s > 0)
		printf(", \"cpu_s\": %.2f, \"user_s\": %.2f, \"%s_per_cpu_s\": %.0f", c.s, c.user_s,
		       unit, n / c.s);
}

static float *sample;
static uint32_t n_sample;

void load_sample(double us)
{
	if (!sample && !(sample = malloc(sizeof(*sample) * SAMPLES_MAX)))
		load_die("samples");
	if (n_sample < SAMPLES_MAX)
		sample[n_sample++] = (float)us;
}

static int float_cmp(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

void load_samples_print(void)
{
	if (!n_sample)
		return;
	qsort(sample, n_sample, sizeof(*sample), float_cmp);
	printf(", \"us_p50\": %.1f, \"us_p99\": %.1f, \"us_p999\": %.1f, \"us_max\": %.1f",
	       sample[n_sample / 2], sample[(uint32_t)(n_sample * 0.99)],
	       sample[(uint32_t)(n_sample * 0.999)], sample[n_sample - 1]);
}

/* ---- event loop ---- */

static int epoll_fd(void)
{
	static int fd = -1;

	if (fd < 0 && (fd = epoll_create1(EPOLL_CLOEXEC)) < 0)
		load_die("epoll");
	return fd;
}

void watch_add(struct watch *w)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = w };

	if (epoll_ctl(epoll_fd(), EPOLL_CTL_ADD, w->fd, &e) < 0)
		load_die("epoll");
}

void load_poll(uint64_t timeout)
{
	struct timespec t = { .tv_sec = (time_t)(timeout / NS_PER_S),
			      .tv_nsec = (long)(timeout % NS_PER_S) };
	struct epoll_event e[EVENTS];
	int n = epoll_pwait2(epoll_fd(), e, EVENTS, &t, NULL);

	for (int i = 0; i < n; i++) {
		struct watch *w = e[i].data.ptr;

		w->on(w, e[i].events);
	}
}

/* ---- connections ---- */

bool direction_parse(const char *name, enum direction *d)
{
	static const char *const names[] = { [UP] = "up", [DOWN] = "down", [ECHO] = "echo" };

	for (unsigned int i = 0; i < 3; i++)
		if (!strcmp(name, names[i])) {
			*d = (enum direction)i;
			return true;
		}
	return false;
}

socklen_t address_parse(struct sockaddr_storage *a, const char *ip, const char *port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)a;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)a;

	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, ip, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)atoi(port));
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, ip, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)atoi(port));
		return sizeof(*v6);
	}
	fprintf(stderr, "tls_load: %s is no address\n", ip);
	exit(2);
}

static int socket_to(int flags)
{
	int type = opt.transport == LOAD_UDP ? SOCK_DGRAM : SOCK_STREAM, one = 1;
	int fd = socket(opt.to.ss_family, type | flags, 0);

	if (fd < 0)
		load_die("socket");
	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/* Connects to opt.to; the next one goes to the next port, which both families have in one place. */
static int connect_next(int fd)
{
	struct sockaddr_in *to = (struct sockaddr_in *)&opt.to;
	int r = connect(fd, (struct sockaddr *)&opt.to, opt.to_len);

	to->sin_port = htons((uint16_t)(ntohs(to->sin_port) + opt.step));
	return r;
}

int conn_dial(void)
{
	int fd = socket_to(SOCK_NONBLOCK);

	if (connect_next(fd) < 0 && errno != EINPROGRESS)
		load_die("connect");
	return fd;
}

void load_before(void)
{
	if (opt.before && system(opt.before) != 0)
		load_die(opt.before);
}

/* One suite, so that all servers do the same work; one kind of certificate, where asked for. */
SSL_CTX *client_context(void)
{
	static const char rsa_suite[] = "ECDHE-RSA-AES128-GCM-SHA256";
	static const char ecdsa_suite[] = "ECDHE-ECDSA-AES128-GCM-SHA256";
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	bool rsa = !opt.key || !strcmp(opt.key, "rsa"), ecdsa = !opt.key || !rsa;
	char suites[128], signatures[128];

	snprintf(suites, sizeof(suites), "%s:%s", rsa ? rsa_suite : ecdsa_suite,
		 ecdsa ? ecdsa_suite : rsa_suite);
	snprintf(signatures, sizeof(signatures), "%s%s%s", ecdsa ? "ECDSA+SHA256" : "",
		 rsa && ecdsa ? ":" : "", rsa ? "rsa_pss_rsae_sha256:RSA+SHA256" : "");
	if (!ctx || !SSL_CTX_set_min_proto_version(ctx, opt.version) ||
	    !SSL_CTX_set_max_proto_version(ctx, opt.version) ||
	    !SSL_CTX_set_cipher_list(ctx, suites) ||
	    !SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") ||
	    !SSL_CTX_set1_sigalgs_list(ctx, signatures))
		load_die("OpenSSL");
	if (opt.certificate &&
	    (SSL_CTX_use_certificate_chain_file(ctx, opt.certificate) != 1 ||
	     SSL_CTX_use_PrivateKey_file(ctx, opt.certificate, SSL_FILETYPE_PEM) != 1))
		load_die("certificate");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_default_read_buffer_len(ctx, TLS_READ_AHEAD);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return ctx;
}

SSL *client_new(SSL_CTX *ctx, int fd)
{
	uint8_t alpn[256];
	size_t n = opt.alpn ? strlen(opt.alpn) : 0;
	SSL *ssl = SSL_new(ctx);

	if (!ssl || (fd >= 0 && !SSL_set_fd(ssl, fd)))
		load_die("OpenSSL");
	if (n && n < sizeof(alpn)) {
		alpn[0] = (uint8_t)n;
		memcpy(alpn + 1, opt.alpn, n);
		SSL_set_alpn_protos(ssl, alpn, (unsigned int)n + 1);
	}
	if (opt.name)
		SSL_set_tlsext_host_name(ssl, opt.name);
	SSL_set_connect_state(ssl);
	return ssl;
}

bool conn_open(struct conn *c, SSL_CTX *ctx)
{
	struct timeval patience = { .tv_sec = LOAD_PATIENCE_S };

	c->w.fd = socket_to(0);
	setsockopt(c->w.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(c->w.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect_next(c->w.fd) < 0) {
		load_errors++;
		return false;
	}
	if (opt.transport != LOAD_TLS)
		return true;
	c->ssl = client_new(ctx, c->w.fd);
	ERR_clear_error();
	if (SSL_do_handshake(c->ssl) == 1)
		return true;
	ERR_print_errors_fp(stderr);
	load_errors++;
	return false;
}

void conn_unblock(struct conn *c)
{
	int on = 1;

	if (ioctl(c->w.fd, FIONBIO, &on) < 0)
		load_die("FIONBIO");
}

static ssize_t tls_result(SSL *ssl, int n)
{
	int e;

	if (n > 0)
		return n;
	e = SSL_get_error(ssl, n);
	return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

ssize_t conn_send(struct conn *c, const void *p, size_t n)
{
	ssize_t sent;

	if (c->ssl) {
		ERR_clear_error();
		return tls_result(c->ssl, SSL_write(c->ssl, p, (int)n));
	}
	sent = send(c->w.fd, p, n, MSG_NOSIGNAL);
	return sent < 0 && errno == EAGAIN ? 0 : sent;
}

ssize_t conn_recv(struct conn *c, void *p, size_t n)
{
	ssize_t got;

	if (c->ssl) {
		ERR_clear_error();
		return tls_result(c->ssl, SSL_read(c->ssl, p, (int)n));
	}
	got = recv(c->w.fd, p, n, 0);
	if (got < 0)
		return errno == EAGAIN ? 0 : -1;
	return got ? got : -1;
}

void conn_close(struct conn *c)
{
	if (c->ssl)
		SSL_shutdown(c->ssl);
	SSL_free(c->ssl);
	c->ssl = NULL;
	close(c->w.fd);
}
