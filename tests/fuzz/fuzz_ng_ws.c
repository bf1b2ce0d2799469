/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A WebSocket of a controller after its opening handshake (cp/ng/ng_ws.c): frames of any kind,
 * masked or not, cut anywhere. An input is a list of records: kind (one byte: STEP_RAW, else the
 * first byte of a frame, whose mask and length are put right), length (one byte), bytes. Nothing of
 * a connection is left when it has gone.
 */
#include "tests/world/ng_world.h"
#include "must.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { STEP_RAW = 0x7f, RECORDS_MAX = 64, TURNS = 4, PATIENCE_S = 5, REST_MS = 3600 * 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ng_world w;

static void turn(int fd)
{
	static char in[1 << 16];

	for (int i = 0; i < TURNS; i++) {
		ng_turn(&w);
		while (recv(fd, in, sizeof(in), MSG_DONTWAIT) > 0)
			;
	}
}

/* The kernel has its own time to carry a connection's beginning and end over. */
static void await(uint32_t websockets)
{
	time_t end = time(NULL) + PATIENCE_S;

	while (ng_stats(w.ng)->websockets != websockets) {
		must(time(NULL) < end);
		ng_turn(&w);
	}
}

static int dial(void)
{
	static const char hello[] = "GET /ng HTTP/1.1\r\nHost: gw\r\nUpgrade: websocket\r\n"
				    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
				    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
				    "Sec-WebSocket-Protocol: ng.rtpengine.com\r\n\r\n";
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(w.e.conf.gateway.ng_websocket_port) };
	struct linger at_once = { 1, 0 }; /* RST, so that no port stays in TIME-WAIT */
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(fd >= 0 && !connect(fd, (struct sockaddr *)&sa, sizeof(sa)));
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	must(send(fd, hello, sizeof(hello) - 1, 0) == sizeof(hello) - 1);
	await(1);
	turn(fd);
	return fd;
}

static void step(int fd, uint8_t kind, const uint8_t *p, size_t len)
{
	static const uint8_t mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
	uint8_t out[8 + 255];
	size_t n = 0;

	if (kind == STEP_RAW) {
		send(fd, p, len, MSG_NOSIGNAL);
	} else {
		out[n++] = kind;
		out[n++] = (uint8_t)(0x80 | (len < 126 ? len : 126));
		if (len >= 126) {
			out[n++] = 0;
			out[n++] = (uint8_t)len;
		}
		memcpy(out + n, mask, sizeof(mask));
		n += sizeof(mask);
		for (size_t i = 0; i < len; i++)
			out[n++] = p[i] ^ mask[i % 4];
		send(fd, out, n, MSG_NOSIGNAL);
	}
	turn(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd, i;

	if (!w.ng) {
		signal(SIGPIPE, SIG_IGN); /* as the process does */
		ng_world_open(&w);
		w.e.conf.gateway.ng_rate = 0;
	}
	fd = dial();
	for (i = 0; i < RECORDS_MAX && size >= 2; i++) {
		uint8_t kind = data[0];
		size_t len = data[1] < size - 2 ? data[1] : size - 2;

		step(fd, kind, data + 2, len);
		data += 2 + len;
		size -= 2 + len;
	}
	close(fd);
	await(0);
	env_advance(&w.e, REST_MS); /* answers are forgotten; calls end */
	ng_turn(&w);
	must(!w.ng->asks);
	return 0;
}
