/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TURN allocations whose messages go to a peer in this process, and back: one clock, so latency is
 * that of one way (up, down) or of both (echo). Without a rate each leg has opt.window messages
 * under way, so that what is measured is how fast they are relayed, not how many are dropped.
 */
#include "load.h"

#include "lib/be.h"
#include "lib/stun.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	BATCH = 64,
	MESSAGE_MAX = 1472,
	STUN_MAX = 1500,
	CHANNEL = 0x4000,
	CHANNEL_HDR = 4,
	OUT_MAX = 1 << 17,
	SOCKET_BUFFER = 8 << 20,
	LOST_MS = 50,	/* nothing came for so long: what is under way is taken for lost */
	DRAIN_MS = 300, /* what is under way at the end */
};

/* What is relayed begins with this. */
struct stamp {
	uint64_t at; /* load_now() when it was handed to the socket */
	uint32_t leg;
	uint32_t direction;
};

struct leg {
	struct conn c;
	struct sockaddr_storage relayed;
	socklen_t relayed_len;
	uint32_t under_way;
	uint64_t last; /* arrival */
	uint32_t in_len, out_len, out_done;
	uint8_t in[LOAD_CHUNK], out[OUT_MAX];
};

static struct leg *leg;
static uint32_t n_leg, bytes = 1200;
static enum direction direction;
static struct watch peer;
static struct sockaddr_storage peer_addr;
static uint64_t n_sent, n_arrived;
static bool measuring;

/* ---- STUN, blocking ---- */

struct credentials {
	char realm[256];
	uint8_t nonce[STUN_NONCE_MAX];
	uint16_t nonce_len;
	uint8_t key[16];
};

static void tid_make(uint8_t tid[STUN_TID_LEN])
{
	static uint64_t n;
	uint64_t t = load_now();

	n++;
	memcpy(tid, &t, sizeof(t));
	memcpy(tid + 8, &n, 4);
}

/* A realm from the server, a key for it (RFC 8489 9.2.2). */
static void credentials_set(struct credentials *cr, const struct stun_msg *m)
{
	char text[512];
	int n;

	if (m->realm.len >= sizeof(cr->realm) || m->nonce.len > sizeof(cr->nonce))
		load_die("realm or nonce");
	memcpy(cr->realm, m->realm.val, m->realm.len);
	cr->realm[m->realm.len] = 0;
	memcpy(cr->nonce, m->nonce.val, m->nonce.len);
	cr->nonce_len = m->nonce.len;
	n = snprintf(text, sizeof(text), "%s:%s:%s", opt.user, cr->realm, opt.password);
	if (n < 0 || (size_t)n >= sizeof(text) ||
	    !EVP_Digest(text, (size_t)n, cr->key, NULL, EVP_md5(), NULL))
		load_die("key");
}

static size_t request_end(struct stun_builder *b, uint8_t *buf, const struct credentials *cr)
{
	uint8_t *value;
	size_t covered;

	if (cr->nonce_len) {
		stun_put(b, STUN_ATTR_USERNAME, opt.user, strlen(opt.user));
		stun_put(b, STUN_ATTR_REALM, cr->realm, strlen(cr->realm));
		stun_put(b, STUN_ATTR_NONCE, cr->nonce, cr->nonce_len);
		value = stun_put_integrity(b, STUN_ATTR_MESSAGE_INTEGRITY, &covered);
		if (value)
			HMAC(EVP_sha1(), cr->key, sizeof(cr->key), buf, covered, value, NULL);
	}
	return stun_end(b);
}

static bool stream_read(struct conn *c, uint8_t *p, size_t n)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = conn_recv(c, p + got, n - got);

		if (r <= 0)
			return false;
		got += (size_t)r;
	}
	return true;
}

/* One message there and one back. */
static bool request(struct conn *c, const uint8_t *req, size_t n, uint8_t *buf, struct stun_msg *m)
{
	size_t len;

	if (!n || conn_send(c, req, n) != (ssize_t)n)
		return false;
	if (opt.transport == LOAD_UDP) {
		ssize_t got = conn_recv(c, buf, STUN_MAX);

		return got > 0 && stun_parse(m, buf, (size_t)got) == STUN_OK;
	}
	if (!stream_read(c, buf, STUN_HDR_LEN))
		return false;
	len = be16_read(buf + 2);
	return len + STUN_HDR_LEN <= STUN_MAX && stream_read(c, buf + STUN_HDR_LEN, len) &&
	       stun_parse(m, buf, len + STUN_HDR_LEN) == STUN_OK;
}

static bool allocate(struct conn *c, struct credentials *cr, struct sock_addr *relayed)
{
	static const uint8_t udp[4] = { 17 };
	uint8_t req[STUN_MAX], buf[STUN_MAX], tid[STUN_TID_LEN];
	struct stun_builder b;
	struct stun_msg m;

	memset(cr, 0, sizeof(*cr));
	for (int turn = 0; turn < 2; turn++) {
		tid_make(tid);
		stun_begin(&b, req, sizeof(req), stun_type(STUN_ALLOCATE, STUN_REQUEST), tid);
		stun_put(&b, STUN_ATTR_REQUESTED_TRANSPORT, udp, sizeof(udp));
		if (!request(c, req, request_end(&b, req, cr), buf, &m))
			break;
		if (m.cls == STUN_SUCCESS)
			return stun_get_xor_addr(&m, &m.xor_relayed, relayed) != 0;
		if (stun_get_error(&m.error_code) != 401 || !m.realm.val || !m.nonce.val) {
			fprintf(stderr, "tls_load: Allocate: error %d\n",
				stun_get_error(&m.error_code));
			break;
		}
		credentials_set(cr, &m);
	}
	load_errors++;
	return false;
}

bool turn_allocate(struct conn *c)
{
	struct credentials cr;
	struct sock_addr relayed;

	return allocate(c, &cr, &relayed);
}

static bool channel_bind(struct conn *c, const struct credentials *cr, const struct sock_addr *to)
{
	uint8_t req[STUN_MAX], buf[STUN_MAX], tid[STUN_TID_LEN];
	struct stun_builder b;
	struct stun_msg m;

	tid_make(tid);
	stun_begin(&b, req, sizeof(req), stun_type(STUN_CHANNEL_BIND, STUN_REQUEST), tid);
	stun_put_u32(&b, STUN_ATTR_CHANNEL_NUMBER, (uint32_t)CHANNEL << 16);
	stun_put_xor_addr(&b, STUN_ATTR_XOR_PEER_ADDRESS, to);
	return request(c, req, request_end(&b, req, cr), buf, &m) && m.cls == STUN_SUCCESS;
}

/* ---- messages ---- */

static void arrival(const uint8_t *p, uint32_t len)
{
	struct stamp s;
	struct leg *l;

	if (len != bytes)
		return;
	memcpy(&s, p, sizeof(s));
	if (s.leg >= n_leg || s.direction != direction)
		return;
	l = &leg[s.leg];
	l->last = load_now();
	if (l->under_way)
		l->under_way--;
	n_arrived++;
	if (measuring)
		load_sample((double)(l->last - s.at) / 1e3);
}

static void message_make(uint8_t *p, struct leg *l)
{
	struct stamp s = { .at = load_now(), .leg = (uint32_t)(l - leg), .direction = direction };

	memcpy(p, &s, sizeof(s));
	memset(p + sizeof(s), 0x5a, bytes - sizeof(s));
	if (!l->under_way++)
		l->last = s.at;
	n_sent++;
}

static void leg_flush(struct leg *l)
{
	ssize_t n;

	while (l->out_done < l->out_len) {
		n = conn_send(&l->c, l->out + l->out_done, l->out_len - l->out_done);
		if (n < 0)
			load_die("a leg has ended");
		if (n == 0)
			return;
		l->out_done += (uint32_t)n;
	}
	l->out_done = l->out_len = 0;
}

/* So many messages to the relay, or as many as there is room for. Datagrams go one by one. */
static void leg_send(struct leg *l, uint32_t n)
{
	bool stream = opt.transport != LOAD_UDP;
	uint32_t size = CHANNEL_HDR + (stream ? (bytes + 3) & ~3u : bytes);

	for (; n && l->out_len + size <= OUT_MAX; n--) {
		uint8_t *p = l->out + l->out_len;

		p[0] = CHANNEL >> 8;
		p[1] = CHANNEL & 0xff;
		p[2] = (uint8_t)(bytes >> 8);
		p[3] = (uint8_t)bytes;
		memset(p + size - 4, 0, 4);
		message_make(p + CHANNEL_HDR, l);
		l->out_len += size;
		if (!stream)
			leg_flush(l);
	}
	leg_flush(l);
}

/* Whole ChannelData in what came; what is no ChannelData is passed over. */
static void leg_frames(struct leg *l)
{
	uint32_t at = 0;

	while (l->in_len - at >= STUN_HDR_LEN) {
		const uint8_t *p = l->in + at;
		uint32_t len = be16_read(p + 2);
		bool channel = (p[0] & 0xc0) == 0x40;
		uint32_t size = channel ? CHANNEL_HDR + ((len + 3) & ~3u) : STUN_HDR_LEN + len;

		if (size > sizeof(l->in))
			load_die("framing");
		if (l->in_len - at < size)
			break;
		if (channel)
			arrival(p + CHANNEL_HDR, len);
		at += size;
	}
	l->in_len -= at;
	memmove(l->in, l->in + at, l->in_len);
}

static void leg_on(struct watch *w, uint32_t events)
{
	struct leg *l = (struct leg *)w;
	ssize_t n;

	(void)events;
	while ((n = conn_recv(&l->c, l->in + l->in_len, sizeof(l->in) - l->in_len)) > 0) {
		if (opt.transport == LOAD_UDP) {
			if (n > CHANNEL_HDR && (l->in[0] & 0xc0) == 0x40)
				arrival(l->in + CHANNEL_HDR, be16_read(l->in + 2));
			continue;
		}
		l->in_len += (uint32_t)n;
		leg_frames(l);
	}
	if (n < 0)
		load_die("a leg has ended");
	leg_flush(l);
}

/* ---- peer ---- */

/* Vectors of one batch. */
struct batch {
	struct mmsghdr msg[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_storage from[BATCH];
	uint8_t bytes[BATCH][MESSAGE_MAX + 1];
};
static struct batch batch;

static void peer_on(struct watch *w, uint32_t events)
{
	int n;

	(void)events;
	do {
		for (uint32_t i = 0; i < BATCH; i++) {
			batch.iov[i] = (struct iovec){ batch.bytes[i], sizeof(batch.bytes[i]) };
			batch.msg[i].msg_hdr =
			    (struct msghdr){ .msg_name = &batch.from[i],
					     .msg_namelen = sizeof(batch.from[i]),
					     .msg_iov = &batch.iov[i],
					     .msg_iovlen = 1 };
		}
		n = recvmmsg(w->fd, batch.msg, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++) {
			batch.iov[i].iov_len = batch.msg[i].msg_len;
			if (direction == UP)
				arrival(batch.bytes[i], batch.msg[i].msg_len);
		}
		if (direction == ECHO && n > 0)
			sendmmsg(w->fd, batch.msg, (unsigned int)n, MSG_DONTWAIT);
	} while (n == BATCH);
}

/* So many messages from the peer to this leg. */
static void peer_send(struct leg *l, uint32_t n)
{
	int sent = 1;

	while (n && sent > 0) {
		uint32_t k = n < BATCH ? n : BATCH;

		for (uint32_t i = 0; i < k; i++) {
			message_make(batch.bytes[i], l);
			batch.iov[i] = (struct iovec){ batch.bytes[i], bytes };
			batch.msg[i].msg_hdr = (struct msghdr){ .msg_name = &l->relayed,
								.msg_namelen = l->relayed_len,
								.msg_iov = &batch.iov[i],
								.msg_iovlen = 1 };
		}
		sent = sendmmsg(peer.fd, batch.msg, k, MSG_DONTWAIT);
		n -= k;
	}
}

/* Enters a namespace; returns the one it was in. */
static int netns_enter(const char *name)
{
	char path[256];
	int was = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), fd;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (was < 0 || fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		load_die(name);
	close(fd);
	return was;
}

static void peer_open(const char *ip, const char *port)
{
	socklen_t len = address_parse(&peer_addr, ip, port);
	int was = opt.netns ? netns_enter(opt.netns) : -1, size = SOCKET_BUFFER;

	peer = (struct watch){ .on = peer_on,
			       .fd = socket(peer_addr.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0) };
	if (was >= 0 && setns(was, CLONE_NEWNET) < 0)
		load_die("namespace");
	if (peer.fd < 0 || bind(peer.fd, (struct sockaddr *)&peer_addr, len) < 0)
		load_die("peer");
	setsockopt(peer.fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(peer.fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	watch_add(&peer);
}

/* ---- the run ---- */

static socklen_t kernel_addr(const struct sock_addr *a, struct sockaddr_storage *out)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;

	if (ip_is_v4(&a->ip)) {
		v4->sin_family = AF_INET;
		memcpy(&v4->sin_addr, a->ip.b + 12, 4);
		memcpy(&v4->sin_port, a->port.b, 2);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	memcpy(&v6->sin6_addr, a->ip.b, 16);
	memcpy(&v6->sin6_port, a->port.b, 2);
	return sizeof(*v6);
}

static void legs_open(const char *peer_ip, const char *peer_port)
{
	SSL_CTX *ctx = opt.transport == LOAD_TLS ? client_context() : NULL;
	struct credentials cr;
	struct sock_addr relayed, to;
	int size = SOCKET_BUFFER;

	if (!ip_parse(peer_ip, &to.ip))
		load_die("peer");
	to.port = be16_make((uint16_t)atoi(peer_port));
	leg = calloc(n_leg, sizeof(*leg));
	if (!leg)
		load_die("legs");
	for (uint32_t i = 0; i < n_leg; i++) {
		struct leg *l = &leg[i];

		if (!conn_open(&l->c, ctx) || !allocate(&l->c, &cr, &relayed) ||
		    !channel_bind(&l->c, &cr, &to))
			load_die("an allocation");
		l->relayed_len = kernel_addr(&relayed, &l->relayed);
		if (opt.transport == LOAD_UDP)
			setsockopt(l->c.w.fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
		l->c.w.on = leg_on;
		conn_unblock(&l->c);
		watch_add(&l->c.w);
	}
}

static void leg_push(struct leg *l, uint32_t n)
{
	if (direction == DOWN)
		peer_send(l, n);
	else
		leg_send(l, n);
}

/* As many as the window has room for. */
static void push_window(uint64_t now)
{
	for (uint32_t i = 0; i < n_leg; i++) {
		struct leg *l = &leg[i];

		if (l->under_way && now > l->last + LOST_MS * NS_PER_MS)
			l->under_way = 0;
		/* Half a window at a time: one message a record shows nobody's best. */
		if (l->under_way <= opt.window / 2 && !l->out_len)
			leg_push(l, opt.window - l->under_way);
	}
	load_poll(NS_PER_MS);
}

/* What is due by now, of all legs in turn. Returns when the next is due. */
static void push_rate(uint64_t begin, double rate)
{
	static uint64_t n;
	uint64_t now, due;

	for (;;) {
		due = begin + (uint64_t)((double)n * 1e9 / rate);
		now = load_now();
		if (now < due)
			break;
		leg_push(&leg[n++ % n_leg], 1);
	}
	load_poll(due - now);
}

static void run_until(uint64_t end, double rate)
{
	static uint64_t begin;
	uint64_t now;

	begin = begin ? begin : load_now();
	while ((now = load_now()) < end) {
		if (rate > 0)
			push_rate(begin, rate);
		else
			push_window(now);
	}
}

bool load_turn(int argc, char **argv)
{
	static const char *const transports[] = { "tls", "tcp", "udp" };
	uint64_t begin, arrived, end;
	struct load_cpu cpu;
	double took, rate = argc > 8 ? atof(argv[8]) : 0;

	if (argc < 7 || argc > 9 || !direction_parse(argv[6], &direction) || !opt.user ||
	    !opt.password)
		return false;
	n_leg = (uint32_t)atoi(argv[4]);
	bytes = argc > 7 ? (uint32_t)atoi(argv[7]) : bytes;
	if (!n_leg || bytes < sizeof(struct stamp) || bytes > MESSAGE_MAX)
		return false;
	opt.to_len = address_parse(&opt.to, argv[0], argv[1]);
	peer_open(argv[2], argv[3]);
	legs_open(argv[2], argv[3]);
	run_until(load_now() + LOAD_WARM_MS * NS_PER_MS, rate);
	measuring = true;
	begin = load_now();
	cpu = load_cpu();
	arrived = n_arrived;
	run_until(begin + (uint64_t)(atof(argv[5]) * 1e9), rate);
	took = (double)(load_now() - begin) / 1e9;
	cpu = load_cpu_since(cpu);
	arrived = n_arrived - arrived;
	end = load_now() + DRAIN_MS * NS_PER_MS;
	for (uint64_t now; (now = load_now()) < end;)
		load_poll(end - now);
	printf("{\"load\": \"turn\", \"transport\": \"%s\", \"direction\": \"%s\", \"legs\": %u, "
	       "\"bytes\": %u, \"rate\": %.0f, \"seconds\": %.2f, \"messages_per_s\": %.0f, "
	       "\"mbit_per_s\": %.1f, \"sent\": %ju, \"lost\": %ju",
	       transports[opt.transport], argv[6], n_leg, bytes, rate, took, (double)arrived / took,
	       (double)arrived * bytes * 8 / 1e6 / took, (uintmax_t)n_sent,
	       (uintmax_t)(n_sent - n_arrived));
	load_cpu_print(cpu, "messages", (double)arrived);
	load_samples_print();
	printf(", \"errors\": %ju}\n", (uintmax_t)load_errors);
	return true;
}
