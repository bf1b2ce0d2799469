/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A prototype, to know what a port with virtio-net headers could carry: two TAP devices, and one
 * thread that gives each what the other sent. With headers the kernel hands over segments of 64 KB
 * whose checksums nobody has computed, and takes such; without, frames of the MTU. The copies of
 * such a port, one in and one out, and its two system calls a segment are what is measured; a TCP
 * stack and its work are not in it.
 *
 *   bench_tap vnet|plain [BURST]
 *
 * Makes tap-a and tap-b, which the caller moves to where their hosts are, and goes on until
 * SIGTERM.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FRAME_MAX = 65536 + 64 };

static volatile sig_atomic_t ended;

static struct {
	uint64_t frames, bytes, refused, waits;
} seen;

static void end(int signo)
{
	(void)signo;
	ended = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "bench_tap: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int tap_open(const char *name, bool vnet)
{
	struct ifreq r = { .ifr_flags = (short)(IFF_TAP | IFF_NO_PI | (vnet ? IFF_VNET_HDR : 0)) };
	int size = sizeof(struct virtio_net_hdr_v1);
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

	if (fd < 0)
		die("/dev/net/tun");
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &r) < 0)
		die(name);
	if (vnet && (ioctl(fd, TUNSETVNETHDRSZ, &size) < 0 ||
		     ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0))
		die("virtio-net headers");
	return fd;
}

/* As many as wait, up to burst; what the other end has no room for is gone, as on a wire. */
static bool carry(int from, int to, int burst, bool vnet)
{
	static uint8_t frame[FRAME_MAX];
	int i;

	for (i = 0; i < burst; i++) {
		ssize_t n = read(from, frame, sizeof(frame));

		if (n <= 0)
			break;
		seen.frames++;
		seen.bytes += (uint64_t)n - (vnet ? sizeof(struct virtio_net_hdr_v1) : 0);
		seen.refused += write(to, frame, (size_t)n) != n;
	}
	return i > 0;
}

int main(int argc, char **argv)
{
	bool vnet = argc > 1 && !strcmp(argv[1], "vnet");
	int burst = argc > 2 ? atoi(argv[2]) : 32;
	struct pollfd taps[2];
	struct rusage use;

	if (argc < 2 || argc > 3 || burst < 1 || (!vnet && strcmp(argv[1], "plain"))) {
		fputs("usage: bench_tap vnet|plain [BURST]\n", stderr);
		return 2;
	}
	taps[0] = (struct pollfd){ .fd = tap_open("tap-a", vnet), .events = POLLIN };
	taps[1] = (struct pollfd){ .fd = tap_open("tap-b", vnet), .events = POLLIN };
	signal(SIGTERM, end);
	signal(SIGINT, end);
	fputs("ready\n", stderr);
	while (!ended) {
		bool any = carry(taps[0].fd, taps[1].fd, burst, vnet);

		any |= carry(taps[1].fd, taps[0].fd, burst, vnet);
		if (!any) {
			seen.waits++;
			poll(taps, 2, 100);
		}
	}
	getrusage(RUSAGE_SELF, &use);
	printf("{\"frames\": %llu, \"bytes\": %llu, \"refused\": %llu, \"waits\": %llu, \"cpu_s\": "
	       "%.3f}\n",
	       (unsigned long long)seen.frames, (unsigned long long)seen.bytes,
	       (unsigned long long)seen.refused, (unsigned long long)seen.waits,
	       (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
		   (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6);
	return 0;
}
