/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Datagrams to a port as fast as sendmmsg() takes them, from many source ports:
 * flood allocate|garbage COUNT ADDRESS PORT. Allocate requests bear no credentials; garbage is
 * random bytes, some of which begin like STUN or ChannelData. Prints how many were sent.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SOCKETS = 1000, BATCH = 64, DATAGRAM_MAX = 1400, ALLOCATE_LEN = 28 };

static uint64_t rnd_state = 0x9e3779b97f4a7c15;

/* xorshift64*: the same flood every time. */
static uint64_t rnd(void)
{
	rnd_state ^= rnd_state >> 12;
	rnd_state ^= rnd_state << 25;
	rnd_state ^= rnd_state >> 27;
	return rnd_state * 0x2545f4914f6cdd1d;
}

static void rnd_fill(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		uint64_t v = rnd();

		memcpy(p + i, &v, n - i < 8 ? n - i : 8);
	}
}

/* RFC 8656 7.1: REQUESTED-TRANSPORT and nothing else. */
static size_t allocate_make(uint8_t *p)
{
	static const uint8_t head[] = { 0, 3, 0, 8, 0x21, 0x12, 0xa4, 0x42 };
	static const uint8_t transport[] = { 0, 0x19, 0, 4, 17, 0, 0, 0 };

	memcpy(p, head, sizeof(head));
	rnd_fill(p + 8, 12);
	memcpy(p + 20, transport, sizeof(transport));
	return ALLOCATE_LEN;
}

static size_t garbage_make(uint8_t *p)
{
	static const uint8_t cookie[] = { 0x21, 0x12, 0xa4, 0x42 };
	size_t n = 1 + rnd() % (DATAGRAM_MAX - 1);

	rnd_fill(p, n);
	switch (rnd() % 4) {
	case 0: /* STUN of any method, with random attributes */
		if (n < 20)
			break;
		n &= ~(size_t)3;
		p[0] &= 0x3f;
		p[2] = (uint8_t)((n - 20) >> 8);
		p[3] = (uint8_t)(n - 20);
		memcpy(p + 4, cookie, sizeof(cookie));
		break;
	case 1: /* one of the requests there are */
		n = allocate_make(p);
		p[1] = (uint8_t)(rnd() % 16);
		rnd_fill(p + 20, 8);
		break;
	case 2: /* ChannelData */
		p[0] = (uint8_t)(0x40 | (p[0] & 0x0f));
		break;
	default:
		break;
	}
	return n;
}

static int connected(const struct addrinfo *to)
{
	int fd = socket(to->ai_family, SOCK_DGRAM, 0), least = 1;

	if (fd < 0 || connect(fd, to->ai_addr, to->ai_addrlen))
		err(1, "socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)); /* nobody reads */
	return fd;
}

/* One batch from one source port. Returns how many were sent. */
static unsigned long send_batch(int fd, bool garbage, unsigned int n)
{
	static uint8_t data[BATCH][DATAGRAM_MAX + 8];
	struct mmsghdr m[BATCH] = { 0 };
	struct iovec iov[BATCH];
	int sent;

	for (unsigned int i = 0; i < n; i++) {
		iov[i].iov_base = data[i];
		iov[i].iov_len = garbage ? garbage_make(data[i]) : allocate_make(data[i]);
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	sent = sendmmsg(fd, m, n, 0);
	return sent < 0 ? 0 : (unsigned long)sent; /* an ICMP error of an earlier one, perhaps */
}

int main(int argc, char **argv)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST }, *to;
	const struct rlimit files = { 2 * SOCKETS, 2 * SOCKETS };
	unsigned long count, sent = 0;
	int fd[SOCKETS];

	if (argc != 5 || getaddrinfo(argv[3], argv[4], &hints, &to))
		errx(2, "usage: flood allocate|garbage COUNT ADDRESS PORT");
	setrlimit(RLIMIT_NOFILE, &files);
	for (int i = 0; i < SOCKETS; i++)
		fd[i] = connected(to);
	count = strtoul(argv[2], NULL, 10);
	for (unsigned int i = 0; sent < count; i++) {
		unsigned long left = count - sent;

		sent += send_batch(fd[i % SOCKETS], argv[1][0] == 'g',
				   left < BATCH ? (unsigned int)left : BATCH);
	}
	printf("%lu\n", sent);
	return 0;
}
