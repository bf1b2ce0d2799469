/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A controller of H.248 over TCP, once it is in charge (cp/h248/mg_stream.c): packets of any
 * length, cut anywhere, and what is none. An input is a list of records: kind (one byte: STEP_RAW
 * as it is, else in a packet), length (one byte), bytes. A parser of packets beside it knows how
 * many messages must be taken, and when the connection must end; all that comes back are packets
 * that can be read.
 */
#include "tests/world/mg_world.h"
#include "must.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { STEP_RAW = 0, RECORDS_MAX = 64, RECORD_MAX = 255, PATIENCE_S = 5, REST_MS = 3600 * 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mg_world w;
static int listener, fd;

/* What was sent, and what must have come of it. */
static struct {
	uint8_t byte[RECORDS_MAX * (TPKT_HEAD + RECORD_MAX)];
	size_t len, at;
	uint64_t messages; /* that are whole */
	bool bad;	   /* and then something that is no packet */
} sent;

/* What came back. */
static struct {
	uint8_t byte[1 << 20];
	size_t len;
} heard;

static struct h248_message message;

static void judge_sent(void)
{
	while (!sent.bad && sent.len - sent.at >= TPKT_HEAD) {
		const uint8_t *p = sent.byte + sent.at;
		const size_t len = (size_t)p[2] << 8 | p[3];

		sent.bad = p[0] != 3 || len <= TPKT_HEAD;
		if (sent.bad || sent.len - sent.at < len)
			return;
		sent.at += len;
		sent.messages++;
	}
}

/* Takes what there is; the first message that is whole is in `message`. False: there is none. */
static bool hear(void)
{
	static char text[TPKT_MAX];
	struct tpkt_head h;
	ssize_t n;
	size_t len;

	while ((n = recv(fd, heard.byte + heard.len, sizeof(heard.byte) - heard.len,
			 MSG_DONTWAIT)) > 0)
		heard.len += (size_t)n;
	if (heard.len < sizeof(h))
		return false;
	memcpy(&h, heard.byte, sizeof(h));
	len = tpkt_len(&h);
	must(len);
	if (heard.len < sizeof(h) + len)
		return false;
	memcpy(text, heard.byte + sizeof(h), len);
	heard.len -= sizeof(h) + len;
	memmove(heard.byte, heard.byte + sizeof(h) + len, heard.len);
	must(h248_parse(&message, text, len));
	return true;
}

static void turn(void)
{
	mg_turn(&w);
	while (hear())
		;
}

/* The kernel has its own time to carry bytes over. */
static void await_taken(uint64_t received, uint64_t number)
{
	const time_t end = time(NULL) + PATIENCE_S;
	int under_way = 1;

	while (under_way) {
		must(!ioctl(fd, SIOCOUTQ, &under_way) && time(NULL) < end);
		turn();
	}
	turn(); /* bytes are read in one, and looked at in the next */
	while (mg_stats(w.mg)->received != received + sent.messages ||
	       (sent.bad && mg_stream_number(w.mg) == number)) {
		must(time(NULL) < end);
		turn();
	}
	must(sent.bad == (mg_stream_number(w.mg) != number));
	must(sent.bad == (mg_state(w.mg) != MG_SERVED));
}

static void put(const void *p, size_t len)
{
	must(send(fd, p, len, MSG_NOSIGNAL) == (ssize_t)len);
}

static void put_packet(const void *p, size_t len)
{
	const struct tpkt_head h = tpkt_make(len);

	put(&h, sizeof(h));
	put(p, len);
}

/* ---- a connection ---- */

static void open_world(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	struct config_h248_controller *c;
	socklen_t len = sizeof(sa);

	signal(SIGPIPE, SIG_IGN); /* as the process does */
	mg_world_prepare(&w, false);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(!bind(listener, (struct sockaddr *)&sa, sizeof(sa)) && !listen(listener, 1));
	must(!getsockname(listener, (struct sockaddr *)&sa, &len));
	c = &w.e.conf.gateway.h248_controller[0];
	c->transport = CONTROLLER_TCP;
	c->port = ntohs(sa.sin_port);
	w.e.conf.gateway.n_h248_controller = 1;
}

/* The gateway connects and registers. */
static void begin(void)
{
	const struct linger at_once = { 1, 0 }; /* RST, so that no port stays in TIME-WAIT */
	const time_t end = time(NULL) + PATIENCE_S;
	char text[256];

	must(mg_start(&w.e.s, w.e.s.gateway, w.base, &w.mg, text, sizeof(text)));
	while ((fd = accept(listener, NULL, NULL)) < 0)
		must(time(NULL) < end);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	heard.len = 0;
	while (!hear()) {
		must(time(NULL) < end);
		mg_turn(&w);
	}
	snprintf(text, sizeof(text),
		 "MEGACO/3 [127.0.0.1] P=%.*s{C=-{SC=ROOT{SV{V=3,20261122T09300012}}}}",
		 H248_TEXT(h248_child(&message, &message.item[0])->value));
	put_packet(text, strlen(text));
	while (mg_state(w.mg) != MG_SERVED) {
		must(time(NULL) < end);
		mg_turn(&w);
	}
}

static void end(void)
{
	uint32_t cursor = 0, look = UINT32_MAX;
	struct context *c;

	close(fd);
	while ((c = gate_next(w.e.s.gateway, &cursor, &look)))
		gate_delete(w.e.s.gateway, c, NULL, NULL);
	mg_turn(&w);
	must(!w.mg->runs);
	env_advance(&w.e, REST_MS);
	mg_stop(w.mg);
	unlink(mg_world_file(&w)); /* each input begins with nothing */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool open;
	uint64_t received, number;

	if (!open) {
		open_world();
		open = true;
	}
	begin();
	memset(&sent, 0, sizeof(sent));
	received = mg_stats(w.mg)->received;
	number = mg_stream_number(w.mg);
	for (int i = 0; i < RECORDS_MAX && size >= 2 && !sent.bad; i++) {
		const size_t len = data[1] < size - 2 ? data[1] : size - 2;
		const struct tpkt_head h = tpkt_make(len);
		const size_t from = sent.len;

		if (data[0] != STEP_RAW) {
			memcpy(sent.byte + sent.len, &h, sizeof(h));
			sent.len += sizeof(h);
		}
		memcpy(sent.byte + sent.len, data + 2, len);
		sent.len += len;
		judge_sent();
		put(sent.byte + from, sent.len - from);
		await_taken(received, number);
		data += 2 + len;
		size -= 2 + len;
	}
	end();
	return 0;
}
