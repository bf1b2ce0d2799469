/* SPDX-License-Identifier: BSD-3-Clause */
#include "datagram.h"

#include "socket.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	DATAGRAMS_PER_TURN = 64, /* before TURN has a turn */
	RECEIVE_BUFFER = 1 << 20,
};

struct datagram {
	datagram_fn *received;
	void *arg;
	struct event *event;
	int fd;
	char in[DATAGRAM_MAX + 1];
};

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct datagram *d = arg;

	(void)what;
	for (int i = 0; i < DATAGRAMS_PER_TURN; i++) {
		union socket_addr sa;
		socklen_t len = sizeof(sa);
		ssize_t n = recvfrom(fd, d->in, sizeof(d->in), 0, &sa.any, &len);
		struct sock_addr from;

		if (n < 0)
			return; /* nothing is left, or an ICMP error of what was sent */
		from = socket_addr_get(&sa);
		d->received(d->arg, &from, d->in, (size_t)n);
	}
}

void datagram_send(struct datagram *d, const struct sock_addr *to, const void *p, size_t len)
{
	union socket_addr sa;
	socklen_t n = socket_addr_put(to, &sa);

	(void)!sendto(d->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL, &sa.any, n);
}

struct datagram *datagram_open(struct event_base *base, const struct ip_addr *ip, uint16_t port,
			       datagram_fn *received, void *arg)
{
	struct datagram *d = calloc(1, sizeof(*d));
	int size = RECEIVE_BUFFER, why;

	if (!d)
		return NULL;
	d->received = received;
	d->arg = arg;
	d->fd = socket_open(SOCK_DGRAM, ip, port);
	if (d->fd >= 0)
		d->event = event_new(base, d->fd, EV_READ | EV_PERSIST, readable, d);
	if (!d->event) {
		why = errno;
		datagram_close(d);
		errno = why;
		return NULL;
	}
	setsockopt(d->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return d;
}

/* ---- whom it hears ---- */

enum {
	WORDS_V6 = 4,
	/* Two instructions a word of IPv6, and one that takes the packet. */
	FILTER_MAX = DATAGRAM_HEARD_MAX * (2 * WORDS_V6 + 1) + 1,
	SOURCE_V4 = 12, /* bytes into the header */
	SOURCE_V6 = 8,
};

static uint32_t word_of(const struct ip_addr *ip, int at)
{
	struct be32 w;

	memcpy(w.b, ip->b + at, sizeof(w.b));
	return be32_get(w);
}

/* Takes the packet if its source is that address, and else goes on behind; how long that is. */
static uint32_t filter_add(struct sock_filter *f, const struct ip_addr *ip)
{
	const int words = ip_is_v4(ip) ? 1 : WORDS_V6;
	const uint32_t source = ip_is_v4(ip) ? SOURCE_V4 : SOURCE_V6;
	uint32_t n = 0;

	for (int i = 0; i < words; i++) {
		const uint32_t at = (uint32_t)SKF_NET_OFF + source + 4 * (uint32_t)i;
		const uint8_t past = (uint8_t)(2 * (words - 1 - i) + 1);

		f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at);
		f[n++] = (struct sock_filter)BPF_JUMP(
		    BPF_JMP | BPF_JEQ | BPF_K, word_of(ip, words == 1 ? 12 : 4 * i), 0, past);
	}
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	return n;
}

void datagram_hear(struct datagram *d, const struct ip_addr *from, uint32_t n)
{
	struct sock_filter filter[FILTER_MAX];
	struct sock_fprog prog = { .filter = filter };
	uint32_t len = 0;

	for (uint32_t i = 0; i < n && i < DATAGRAM_HEARD_MAX; i++)
		len += filter_add(filter + len, &from[i]);
	filter[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	prog.len = (unsigned short)len;
	(void)!setsockopt(d->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

uint32_t datagram_dropped(const struct datagram *d)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);

	if (!d || getsockopt(d->fd, SOL_SOCKET, SO_MEMINFO, info, &len) != 0)
		return 0;
	return info[SK_MEMINFO_DROPS];
}

void datagram_enable(struct datagram *d)
{
	event_add(d->event, NULL);
}

void datagram_close(struct datagram *d)
{
	if (!d)
		return;
	if (d->event)
		event_free(d->event);
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}
