/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture.h"

#include "../log.h"
#include "capture_file.h"
#include "param.h"
#include "trace_int.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	TICK_MS = 10,
	RENEW_TICKS = 100,
	FRAMES_A_TICK = 1024, /* so 100,000 a second: the bound of the rate */
	WAITING_MAX =
	    4 << 20,	    /* bytes that the reader has not taken; frames stay in the rings then */
	STALL_TICKS = 500,  /* its reader takes nothing of what waits for him */
	STOP_TICKS = 100,   /* until workers have heard that it is over; one that hangs has not */
	FLUSH_TICKS = 1000, /* until the reader has the rest, or gets none of it */
	DURATION_DEFAULT = 60,
	DURATION_MAX = 600,
	SIZE_DEFAULT = 100000000,
	SIZE_MIN = 65536,
	ASKED_MAX = 256,
};

enum phase {
	WAITS,	 /* for its connection */
	RUNS,	 /* frames are taken and written */
	STOPS,	 /* workers are told to look no more; what they had seen is written */
	FLUSHES, /* all is written, the reader has yet to take it; another may look meanwhile */
};

struct capture {
	struct trace_admin *trace;
	struct event *tick;
	struct rpc_later *later; /* in WAITS */
	struct bufferevent *bev; /* then */
	enum phase phase;
	const char *why; /* it ended */
	uint32_t ticks;	 /* of this phase */
	uint32_t size, duration_s;
	uint32_t stalled;		   /* ticks since the reader took something */
	uint64_t taken;			   /* by the reader */
	uint32_t stop_at[CTL_WORKERS_MAX]; /* commands given to each, that one included */
	struct capture_file file;
	char asked[ASKED_MAX]; /* parameters but for the program, for the log */
};

static void flushes_leave(struct trace_admin *t, const struct capture *c)
{
	int n = 0;

	for (int i = 0; i < TRACE_FLUSHES; i++)
		if (t->flushes[i] && t->flushes[i] != c)
			t->flushes[n++] = t->flushes[i];
	while (n < TRACE_FLUSHES)
		t->flushes[n++] = NULL;
}

static void capture_free(struct capture *c)
{
	if (c->trace->capture == c)
		c->trace->capture = NULL;
	flushes_leave(c->trace, c);
	if (c->bev)
		bufferevent_free(c->bev);
	if (c->tick)
		event_free(c->tick);
	free(c);
}

/* ---- phases ---- */

static void phase_set(struct capture *c, enum phase p)
{
	c->phase = p;
	c->ticks = 0;
}

/* Workers look at nothing any more; what stands in their rings is still told. */
static void capture_stop(struct capture *c, const char *why)
{
	const struct dplink *l = c->trace->server->link;

	if (c->phase != RUNS)
		return;
	c->why = why;
	trace_tell(c->trace, 0);
	for (uint32_t w = 0; w < dplink_n_workers(l); w++)
		c->stop_at[w] = dplink_progress((struct dplink *)(uintptr_t)l, w).given;
	phase_set(c, STOPS);
}

/* Who still reads the file of one before has had the time for it. */
static void capture_flush(struct capture *c)
{
	struct trace_admin *t = c->trace;

	capture_file_end(&c->file, c->why);
	t->cmd.id = 0;
	t->capture = NULL;
	if (t->flushes[TRACE_FLUSHES - 1]) {
		log_line(
		    "capture: the file of an earlier one is cut: too many wait for their readers");
		capture_free(t->flushes[0]);
	}
	for (int i = 0; i < TRACE_FLUSHES; i++) {
		if (!t->flushes[i]) {
			t->flushes[i] = c;
			break;
		}
	}
	phase_set(c, FLUSHES);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct capture *c = arg;

	/* It may still read what is there; one that has gone is told by an error, or by its stall.
	 */
	if ((what & BEV_EVENT_EOF) && (what & BEV_EVENT_READING)) {
		bufferevent_disable(bev, EV_READ);
		if (c->phase == RUNS)
			capture_stop(c, "its reader wants no more");
		return;
	}
	if (c->phase == RUNS || c->phase == STOPS) {
		trace_tell(c->trace, 0);
		c->trace->cmd.id = 0;
		log_line("capture: its reader has gone");
	}
	capture_free(c);
}

/* What it sends is of no use, and must not pile up. */
static void on_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);

	(void)arg;
	evbuffer_drain(in, evbuffer_get_length(in));
}

static void capture_log(const struct capture *c)
{
	struct ucred who = { 0 };
	socklen_t n = sizeof(who);

	getsockopt(bufferevent_getfd(c->bev), SOL_SOCKET, SO_PEERCRED, &who, &n);
	log_line("capture: begun by user %u (process %d)%s: %s", (unsigned int)who.uid,
		 (int)who.pid, c->file.plaintext ? ", with plaintext of TLS" : "", c->asked);
}

/* Its connection carries the file from here on. */
static void capture_run(struct capture *c)
{
	struct trace_admin *t = c->trace;
	struct rpc_error err = { RPC_INTERNAL, "out of memory" };
	struct rpc_later *l = c->later;

	c->later = NULL;
	capture_file_open(&c->file, t->server);
	if (rpc_later_gone(l) || !dplink_attached(t->server->link) || !trace_start(t, &err)) {
		if (!dplink_attached(t->server->link))
			rpc_fail(&err, RPC_AWAY, "no dataplane is attached");
		rpc_reply(l, NULL, &err);
		capture_free(c);
		return;
	}
	c->bev = rpc_take(l, json_pack("{s:o}", "id", integer(t->id)));
	if (!c->bev) {
		trace_tell(t, 0);
		t->cmd.id = 0;
		capture_free(c);
		return;
	}
	bufferevent_setcb(c->bev, on_read, NULL, on_event, c);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	phase_set(c, RUNS);
	capture_log(c);
	capture_file_begin(&c->file, bufferevent_get_output(c->bev));
}

/* Whether there may be more in the rings. */
static bool frames_take(struct capture *c)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	struct trace_admin *t = c->trace;
	struct ctl_trace r;
	uint32_t worker;

	for (int i = 0; i < FRAMES_A_TICK; i++) {
		if (c->phase == RUNS && t->left == 0)
			capture_stop(c, "count");
		else if (c->phase == RUNS && c->file.bytes + CAPTURE_BLOCK_MAX > c->size)
			capture_stop(c, "size");
		if (t->left == 0 || c->file.bytes + CAPTURE_BLOCK_MAX > c->size)
			return false;
		if (evbuffer_get_length(out) >= WAITING_MAX)
			return true;
		if (!trace_take(t, &worker, &r))
			return false;
		capture_file_add(&c->file, worker, &r);
		t->left--;
	}
	return true;
}

/* Whether each worker has taken the command to stop. */
static bool workers_stopped(const struct capture *c)
{
	struct dplink *l = c->trace->server->link;

	for (uint32_t w = 0; w < dplink_n_workers(l); w++)
		if ((int32_t)(dplink_progress(l, w).taken - c->stop_at[w]) < 0)
			return false;
	return true;
}

static void capture_running(struct capture *c)
{
	const struct dplink *l = c->trace->server->link;

	frames_take(c);
	if (c->phase != RUNS)
		return;
	if (c->stalled >= STALL_TICKS)
		capture_stop(c, "its reader takes nothing");
	else if (!dplink_attached(l) || dplink_stats(l)->attaches != c->trace->attaches)
		capture_stop(c, "the dataplane has gone");
	else if (c->ticks >= c->duration_s * (1000 / TICK_MS))
		capture_stop(c, "duration");
	else if (c->ticks % RENEW_TICKS == 0)
		trace_tell(c->trace, c->trace->cmd.id);
}

static void capture_stopping(struct capture *c)
{
	const bool stopped = workers_stopped(c) || c->ticks >= STOP_TICKS;

	/* A reader that takes nothing does not keep the end from being told. */
	if ((frames_take(c) && c->stalled < STALL_TICKS && c->ticks < FLUSH_TICKS) || !stopped)
		return;
	capture_flush(c);
}

static void stall_measure(struct capture *c)
{
	const size_t waits = evbuffer_get_length(bufferevent_get_output(c->bev));
	const uint64_t taken = c->file.bytes - waits;

	c->stalled = waits && taken == c->taken ? c->stalled + 1 : 0;
	c->taken = taken;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct capture *c = arg;

	(void)fd;
	(void)what;
	c->ticks++;
	if (c->bev)
		stall_measure(c);
	switch (c->phase) {
	case WAITS:
		capture_run(c);
		break;
	case RUNS:
		capture_running(c);
		break;
	case STOPS:
		capture_stopping(c);
		break;
	case FLUSHES:
		if (evbuffer_get_length(bufferevent_get_output(c->bev)) == 0 ||
		    c->ticks >= FLUSH_TICKS)
			capture_free(c);
		break;
	}
}

void capture_close(struct capture *c)
{
	const struct rpc_error err = { RPC_AWAY, "the control process ends" };

	if (c->later)
		rpc_reply(c->later, NULL, &err);
	capture_free(c);
}

void capture_release(struct capture *c, const char *why)
{
	const struct rpc_error err = { RPC_BUSY, "who may administer has ended it" };

	if (c->phase == WAITS) {
		rpc_reply(c->later, NULL, &err);
		capture_free(c);
		return;
	}
	trace_tell(c->trace, 0);
	c->why = why;
	capture_flush(c);
}

/* ---- the method ---- */

/* One step of a program: [code, jt, jf, k]. */
static bool step_parse(const json_t *v, struct bpf_step *s)
{
	static const json_int_t max[4] = { UINT16_MAX, UINT8_MAX, UINT8_MAX, UINT32_MAX };
	json_int_t n[4];

	for (size_t i = 0; i < 4; i++) {
		const json_t *e = json_array_get(v, i);

		n[i] = json_integer_value(e);
		if (!json_is_integer(e) || n[i] < 0 || n[i] > max[i])
			return false;
	}
	*s = (struct bpf_step){ (uint16_t)n[0], (uint8_t)n[1], (uint8_t)n[2], (uint32_t)n[3] };
	return json_array_size(v) == 4;
}

static bool program_parse(struct cmd_trace *c, const json_t *params, struct rpc_error *err)
{
	const json_t *list = param(params, "program");
	const size_t n = json_array_size(list);

	if (!list)
		return true;
	if (!json_is_array(list) || n > CTL_TRACE_STEPS) {
		rpc_fail(err, RPC_BAD_PARAMS,
			 "\"program\" must be at most %u steps: make the expression simpler",
			 CTL_TRACE_STEPS);
		return false;
	}
	for (size_t i = 0; i < n; i++)
		if (!step_parse(json_array_get(list, i), &c->step[i])) {
			rpc_fail(err, RPC_BAD_PARAMS,
				 "step %zu of \"program\" is not [code, jt, jf, k]", i);
			return false;
		}
	if (n && !bpf_valid(c->step, (uint32_t)n)) {
		rpc_fail(err, RPC_BAD_PARAMS, "\"program\" cannot be run");
		return false;
	}
	c->filter.n_steps = (uint16_t)n;
	return true;
}

static bool capture_parse(struct capture *c, const json_t *params, struct rpc_error *err)
{
	struct trace_admin *t = c->trace;

	c->size = SIZE_DEFAULT;
	c->duration_s = DURATION_DEFAULT;
	c->file.snaplen = CTL_TRACE_BYTES;
	if (!param_only(params,
			TRACE_FILTER "size? snaplen? duration_s? expression? program? whose?",
			err) ||
	    !trace_filter(t, params, err) ||
	    !param_uint(params, "size", SIZE_MIN, UINT32_MAX, &c->size, err) ||
	    !param_uint(params, "duration_s", 1, DURATION_MAX, &c->duration_s, err) ||
	    !param_uint(params, "snaplen", 1, CTL_TRACE_BYTES, &c->file.snaplen, err) ||
	    !param_copy(params, "expression", c->file.expression, sizeof(c->file.expression),
			err) ||
	    !program_parse(&t->cmd, params, err))
		return false;
	t->cmd.filter.frames = 1;
	t->cmd.filter.plaintext = c->file.plaintext;
	t->cmd.filter.bytes = (uint16_t)c->file.snaplen;
	return true;
}

/* In ASCII without control characters, cut when it is too long. */
static void asked_keep(struct capture *c, const json_t *params)
{
	json_t *some = params ? json_copy((json_t *)(uintptr_t)params) : json_object();
	char *text;

	json_object_del(some, "program");
	text = json_dumps(some, JSON_ENSURE_ASCII | JSON_SORT_KEYS);
	snprintf(c->asked, sizeof(c->asked), "%s", text ? text : "");
	free(text);
	json_decref(some);
}

static void begin(void *ctx, const json_t *params, struct rpc_later *l, bool plaintext)
{
	const struct timeval tv = { 0, TICK_MS * 1000 };
	struct rpc_error err = { RPC_INTERNAL, "out of memory" };
	struct trace_admin *t = trace_hold(ctx, l, &err);
	struct capture *c = t ? calloc(1, sizeof(*c)) : NULL;

	if (!c) {
		rpc_reply(l, NULL, &err);
		return;
	}
	c->trace = t;
	c->file.plaintext = plaintext;
	t->capture = c;
	c->tick = event_new(t->base, -1, EV_PERSIST, on_tick, c);
	if (!capture_parse(c, params, &err) || !c->tick || event_add(c->tick, &tv)) {
		capture_free(c);
		rpc_reply(l, NULL, &err);
		return;
	}
	asked_keep(c, params);
	c->later = l; /* its connection is taken in a turn of its own */
}

void capture_begin(void *ctx, const json_t *params, struct rpc_later *l)
{
	begin(ctx, params, l, false);
}

void capture_plaintext(void *ctx, const json_t *params, struct rpc_later *l)
{
	begin(ctx, params, l, true);
}
