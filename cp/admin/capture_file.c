/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture_file.h"

#include "../../conf/vlan.h"
#include "../../lib/pcapng.h"
#include "../log.h"
#include "../server.h"

#include <event2/buffer.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static void block_add(struct capture_file *f, const uint8_t *block, size_t len)
{
	evbuffer_add(f->out, block, len);
	f->bytes += len;
}

static uint16_t interface_add(struct capture_file *f, const char *name, const char *what)
{
	uint8_t b[CAPTURE_BLOCK_MAX];

	block_add(f, b, pcapng_interface(b, name, what, f->expression, f->snaplen));
	return f->n_interface++;
}

/* A reload may have brought the port since the capture began. */
static uint16_t port_interface(struct capture_file *f, uint16_t port)
{
	const struct config *conf = f->server->conf;

	if (!f->of_port[port])
		f->of_port[port] = interface_add(f, conf->port[port].name, NULL) + 1;
	return f->of_port[port] - 1;
}

/* An interface for each port, and one for frames that went nowhere, wherever they were then. */
void capture_file_begin(struct capture_file *f, struct evbuffer *out)
{
	const struct config *conf = f->server->conf;
	uint8_t b[CAPTURE_BLOCK_MAX];

	f->out = out;
	f->real_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
	block_add(f, b, pcapng_section(b, "Fairlead " FAIRLEAD_VERSION, NULL));
	for (uint16_t i = 0; i < conf->n_port; i++)
		if (port_is_there(conf, i))
			port_interface(f, i);
	f->drops = interface_add(f, "fairlead", "packets that Fairlead dropped");
	if (f->plaintext) /* and one more, with plaintext alone */
		interface_add(f, "plaintext", "what is inside of TLS, headers made up");
}

/* False: it is of no interface; the dataplane is broken, or has the port before we do. */
static bool frame_interface(struct capture_file *f, const struct ctl_trace *r, uint32_t *interface)
{
	if (r->event == TRACE_DROPPED)
		*interface = f->drops;
	else if (f->plaintext && (r->event == TRACE_OPENED || r->event == TRACE_SEALED))
		*interface = f->drops + 1u;
	else if (r->event != TRACE_OPENED && r->event != TRACE_SEALED &&
		 r->port < f->server->conf->n_port)
		*interface = port_interface(f, r->port);
	else
		return false;
	return true;
}

static enum pcapng_way frame_way(const struct ctl_trace *r)
{
	switch (r->event) {
	case TRACE_SENT:
	case TRACE_SEALED:
		return PCAPNG_OUT;
	case TRACE_RECEIVED:
	case TRACE_OPENED:
		return PCAPNG_IN;
	default:
		return PCAPNG_UNKNOWN;
	}
}

/* False: it needs none. */
static bool frame_comment(const struct ctl_trace *r, uint32_t worker, char *text, size_t len)
{
	if (r->event == TRACE_DROPPED)
		snprintf(text, len, "dropped by worker %u: %s (%s)", worker,
			 drop_desc[r->reason].name, drop_desc[r->reason].help);
	else if (r->event == TRACE_OPENED || r->event == TRACE_SEALED)
		snprintf(text, len,
			 "plaintext that worker %u %s; Ethernet, IP and TCP headers are made up",
			 worker, r->event == TRACE_OPENED ? "opened" : "sealed");
	else
		return false;
	return true;
}

void capture_file_add(struct capture_file *f, uint32_t worker, const struct ctl_trace *r)
{
	char comment[PCAPNG_TEXT_MAX];
	struct pcapng_packet p = {
		.ns = f->real_ns + r->us * 1000,
		.len = r->len,
		.n_bytes = r->n_bytes,
		.bytes = r->bytes,
		.way = frame_way(r),
		.comment = frame_comment(r, worker, comment, sizeof(comment)) ? comment : NULL,
	};
	uint8_t b[CAPTURE_BLOCK_MAX];

	if (!frame_interface(f, r, &p.interface))
		return;
	f->seen[p.interface]++;
	block_add(f, b, pcapng_packet(b, &p));
}

static uint64_t lost_total(const struct capture_file *f)
{
	const struct dplink *l = f->server->link;
	uint64_t sum = 0;

	for (uint32_t w = 0; w < dplink_n_workers(l); w++) {
		const struct ctl_counters *n = dplink_counters(l, w);

		if (n)
			sum += atomic_load_explicit(&n->cnt[CNT_TRACE_LOST], memory_order_relaxed);
	}
	return sum;
}

void capture_file_open(struct capture_file *f, const struct server *s)
{
	f->server = s;
	f->lost_before = lost_total(f);
}

static uint64_t frames_seen(const struct capture_file *f)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < f->n_interface; i++)
		sum += f->seen[i];
	return sum;
}

void capture_file_end(struct capture_file *f, const char *why)
{
	const uint64_t all = lost_total(f), now = clock_ns(CLOCK_REALTIME);
	const uint64_t lost = all > f->lost_before ? all - f->lost_before : 0;
	char comment[PCAPNG_TEXT_MAX];
	uint8_t b[CAPTURE_BLOCK_MAX];

	snprintf(comment, sizeof(comment),
		 "%" PRIu64 " frames; %" PRIu64
		 " found no room and are missing; the capture ended: %s",
		 frames_seen(f), lost, why);
	for (uint32_t i = 0; i < f->n_interface; i++) {
		const bool last = i + 1 == f->n_interface;
		const struct pcapng_stats s = {
			.interface = i,
			.ns = now,
			.start_ns = now,
			.packets = f->seen[i],
			.lost = last ? lost : 0,
			.comment = last ? comment : NULL,
		};

		block_add(f, b, pcapng_stats(b, &s));
	}
	log_line("capture: %s", comment);
}
