/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets to a port as fast as sendmmsg() takes them: flood allocate|garbage|syn COUNT ADDRESS
 * PORT. Allocate requests bear no credentials; garbage is random bytes, some of which begin like
 * STUN or ChannelData; both come from many source ports. SYNs (IPv4) come from addresses all over
 * 198.18.0.0/15 (RFC 2544) that answer nothing. Prints how many were sent.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netdb.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stddef.h>
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

struct syn {
	struct iphdr ip;
	struct tcphdr tcp;
	uint8_t options[20]; /* as Linux sends them */
} __attribute__((packed));

static uint16_t sum_of(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i < n; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* A whole IPv4 packet; the kernel fills in length, number and checksum of its header. */
static size_t syn_make(uint8_t *p, const struct sockaddr_in *to)
{
	static const uint8_t options[] = { 2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0,
					   0, 1, 0, 0,	  0, 0, 1, 3,  3, 7 };
	struct syn s = { .ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP } };
	uint64_t r = rnd();

	s.ip.saddr = htonl(0xc6120000 | (uint32_t)(r & 0x1ffff));
	s.ip.daddr = to->sin_addr.s_addr;
	s.tcp.source = htons((uint16_t)(1024 + (r >> 17) % 60000));
	s.tcp.dest = to->sin_port;
	s.tcp.seq = htonl((uint32_t)(r >> 32));
	s.tcp.syn = 1;
	s.tcp.doff = 10;
	s.tcp.window = htons(64240);
	memcpy(s.options, options, sizeof(options));
	s.tcp.check = htons((uint16_t)~sum_of((uint8_t *)&s + offsetof(struct iphdr, saddr),
					      sizeof(s) - offsetof(struct iphdr, saddr),
					      IPPROTO_TCP + sizeof(s) - sizeof(s.ip)));
	memcpy(p, &s, sizeof(s));
	return sizeof(s);
}

static int raw_socket(const struct addrinfo *to)
{
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);

	if (fd < 0 || to->ai_family != AF_INET || connect(fd, to->ai_addr, to->ai_addrlen))
		err(1, "raw socket");
	return fd;
}

static int connected(const struct addrinfo *to)
{
	int fd = socket(to->ai_family, SOCK_DGRAM, 0), least = 1;

	if (fd < 0 || connect(fd, to->ai_addr, to->ai_addrlen))
		err(1, "socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)); /* nobody reads */
	return fd;
}

static size_t make(char what, uint8_t *p, const struct addrinfo *to)
{
	if (what == 's')
		return syn_make(p, (const struct sockaddr_in *)to->ai_addr);
	return what == 'g' ? garbage_make(p) : allocate_make(p);
}

/* One batch through one socket. Returns how many were sent. */
static unsigned long send_batch(int fd, char what, const struct addrinfo *to, unsigned int n)
{
	static uint8_t data[BATCH][DATAGRAM_MAX + 8];
	struct mmsghdr m[BATCH] = { 0 };
	struct iovec iov[BATCH];
	int sent;

	for (unsigned int i = 0; i < n; i++) {
		iov[i].iov_base = data[i];
		iov[i].iov_len = make(what, data[i], to);
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
	unsigned int sockets;
	int fd[SOCKETS];

	if (argc != 5 || getaddrinfo(argv[3], argv[4], &hints, &to))
		errx(2, "usage: flood allocate|garbage|syn COUNT ADDRESS PORT");
	setrlimit(RLIMIT_NOFILE, &files);
	sockets = argv[1][0] == 's' ? 1 : SOCKETS;
	for (unsigned int i = 0; i < sockets; i++)
		fd[i] = argv[1][0] == 's' ? raw_socket(to) : connected(to);
	count = strtoul(argv[2], NULL, 10);
	for (unsigned int i = 0; sent < count; i++) {
		unsigned long left = count - sent;

		sent += send_batch(fd[i % sockets], argv[1][0], to,
				   left < BATCH ? (unsigned int)left : BATCH);
	}
	printf("%lu\n", sent);
	return 0;
}
