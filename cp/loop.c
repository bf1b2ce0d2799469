/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop.h"

#include "alike.h"
#include "clock.h"
#include "dpsock.h"
#include "log.h"
#include "tls/agent.h"
#include "../lib/notify.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum {
	BLOCKED_US = 100,   /* until a full command ring is looked at again */
	PATIENCE_MS = 1000, /* until the service manager is asked for more of it */
};

struct loop {
	struct event_base *base;
	struct server *server;
	struct dpsock *sock;
	struct event *wake;  /* eventfd of the attached dataplane, or NULL */
	struct event *again; /* work is left over */
	struct event *tick;
	struct event *watchdog; /* NULL: the service manager does not watch */
	struct event *term, *interrupt, *hangup;
	bool hung_up; /* a reload by SIGHUP waits its turn */
	/* The dataplane has another file: what is to be done waits its turn, too. */
	bool differs;
	uint64_t agreed, live; /* its digests, see alike.h */
	bool starts_again;     /* fairlead-cp is to begin anew with the file */
	uint64_t tick_us;      /* when the timer of the wheel is due; 0: not yet known */
	uint64_t stop_ms;      /* it drains, and stops then; 0: it does not */
	uint64_t patience_ms;  /* when the service manager is to be asked for more of it */
};

uint64_t loop_now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

static uint64_t now_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

uint64_t loop_wall_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

static void stop(struct loop *l, const char *why)
{
	l->starts_again = false;
	log_line("stopping %s; allocations stay in %s", why, l->server->conf->control.state);
	notify("STOPPING=1\n");
	event_base_loopbreak(l->base);
}

/* The service manager would end us after its own time, whatever control.term-drain is. */
static void patience_ask(struct loop *l)
{
	if (l->server->now_ms < l->patience_ms)
		return;
	l->patience_ms = l->server->now_ms + PATIENCE_MS;
	notify("EXTEND_TIMEOUT_USEC=10000000\n");
}

/* control.term-drain: not for longer than anything is left. */
static void stop_drained(struct loop *l)
{
	patience_ask(l);
	if (drain_left(l->server) == 0)
		stop(l, "drained");
	else if (l->server->now_ms >= l->stop_ms)
		stop(l, "with some left: control.term-drain is over");
}

/*
 * One turn. What is left over is done in a later turn of the loop, so that the control socket is
 * served in between.
 */
static void loop_turn(struct loop *l)
{
	static const struct timeval at_once = { 0 }, soon = { 0, BLOCKED_US };
	const uint64_t begin_us = now_us();
	struct server *s = l->server;
	enum dplink_work work;
	char text[AUTH_LINE_MAX];
	const char *why;

	server_clock(s, begin_us / 1000, loop_wall_ms());
	if (l->stop_ms)
		stop_drained(l);
	if (s->tls)
		tls_agent_turn(s->tls, s->wall);
	if (auth_turn(s->auth, server_now(s), text, sizeof(text)))
		log_line("%s", text);
	s->auth_problem = auth_problem(s->auth);
	reload_turn(s);
	work = server_poll(s);
	histogram_add(&s->times.turn, now_us() - begin_us);
	if (dplink_fault(s->link, &why)) {
		dpsock_drop(l->sock, why);
		return;
	}
	if (work == DPLINK_IDLE && !dplink_sleep(s->link))
		work = DPLINK_MORE;
	if (work == DPLINK_MORE)
		event_add(l->again, &at_once);
	else if (work == DPLINK_BLOCKED)
		event_add(l->again, &soon);
}

static void on_again(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	loop_turn(ctx);
}

/* How late it fires is how long anything else may have had to wait. */
static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct loop *l = ctx;
	const uint64_t now = now_us();

	(void)fd;
	(void)what;
	if (l->tick_us)
		histogram_add(&l->server->times.lag, now > l->tick_us ? now - l->tick_us : 0);
	/* As libevent has it: from when it was due, but never in the past. */
	l->tick_us += SERVER_TICK_MS * 1000;
	if (l->tick_us < now)
		l->tick_us = now + SERVER_TICK_MS * 1000;
	loop_turn(l);
}

static void on_wake(evutil_socket_t fd, short what, void *ctx)
{
	struct loop *l = ctx;

	(void)fd;
	(void)what;
	dplink_awake(l->server->link);
	loop_turn(l);
}

/* This loop turns. */
static void on_watchdog(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
	notify("WATCHDOG=1\n");
}

/* False: out of memory. */
static bool watchdog_start(struct loop *l)
{
	uint64_t us = notify_watchdog_us() / 4; /* three may come late */
	struct timeval every = { (time_t)(us / 1000000), (suseconds_t)(us % 1000000) };

	if (!us)
		return true;
	notify("WATCHDOG=1\n");
	l->watchdog = event_new(l->base, -1, EV_PERSIST, on_watchdog, l);
	return l->watchdog && event_add(l->watchdog, &every) == 0;
}

/* The first SIGTERM may ask for patience. The next control process knows nothing of this draining.
 */
static void on_signal(evutil_socket_t sig, short what, void *ctx)
{
	struct loop *l = ctx;
	const uint32_t patience = l->server->conf->control.term_drain;

	(void)what;
	if (sig == SIGTERM && patience && !l->stop_ms && drain_left(l->server)) {
		l->server->drain.on = true;
		l->stop_ms = loop_now_ms() + patience * UINT64_C(1000);
		log_line("draining on signal %d for %u s at most", (int)sig, patience);
		notify("STATUS=draining, then stopping\n");
		return;
	}
	stop(l, sig == SIGTERM ? "on SIGTERM" : "on SIGINT");
}

static void certificates_read(void *ctx, bool ok, const char *text)
{
	struct loop *l = ctx;

	l->server->reload.under_way = false;
	tls_agent_log(ok, text);
}

/* The file is in force; its certificates follow, unless they were read with it. */
static void signal_taken(void *ctx, bool ok, const char *why)
{
	struct loop *l = ctx;
	struct server *s = l->server;

	(void)why;
	if (!ok || s->reload.by_both || !s->tls || !config_has_tls(s->conf))
		return;
	s->reload.under_way = true;
	tls_agent_reload(s->tls, certificates_read, l);
}

static void hangup_begin(void *ctx)
{
	struct loop *l = ctx;

	l->hung_up = false;
	reload_by_signal(l->server, signal_taken, l);
}

/*
 * The dataplane was started with the file as it is now, and we were not: what it has we take,
 * rather than that its clients and we know different listeners until somebody reloads.
 */
static void differ_begin(void *ctx)
{
	struct loop *l = ctx;
	char text[ALIKE_TEXT];

	l->differs = false;
	if (l->stop_ms)
		return;
	switch (alike_judge(l->server, l->agreed, l->live, text)) {
	case ALIKE_RELOAD:
		log_line("fairlead-dp was started with the file as it is now: it is read again");
		reload_by_signal(l->server, signal_taken, l);
		break;
	case ALIKE_START:
		log_line("fairlead-dp was started with the file as it is now, and so must "
			 "fairlead-cp be for %s: it starts again",
			 text);
		l->starts_again = true;
		event_base_loopbreak(l->base);
		break;
	case ALIKE_WAIT:
		if (text[0] && dpsock_attached(l->sock))
			log_line("%s", text);
		break;
	}
}

static void on_differ(void *ctx, uint64_t agreed, uint64_t live)
{
	struct loop *l = ctx;

	l->agreed = agreed;
	l->live = live;
	if (l->differs || l->stop_ms)
		return;
	l->differs = true;
	if (reload_wait(l->server, differ_begin, l))
		return;
	l->differs = false;
	log_line("fairlead-dp may have been started with another file, and too many reloads wait "
		 "to look: reload once more");
}

bool loop_starts_again(const struct loop *l)
{
	return l->starts_again;
}

/* One that waits will find what the file has then, and so does for all that come meanwhile. */
static void on_hangup(evutil_socket_t sig, short what, void *ctx)
{
	struct loop *l = ctx;

	(void)sig;
	(void)what;
	if (l->hung_up)
		return;
	l->hung_up = true;
	if (!reload_wait(l->server, hangup_begin, l)) {
		l->hung_up = false;
		log_line(
		    "reload: too many wait already, of whom the last one reads the file later");
	} else if (l->hung_up) {
		log_line("reload: one is under way: the file is read again when it is over");
	}
}

/* The link was attached or detached: another eventfd to wait for, or none. */
static void on_change(void *ctx)
{
	static const struct timeval at_once = { 0 };
	struct loop *l = ctx;
	int fd = dplink_wake_fd(l->server->link);

	if (l->server->tls)
		tls_agent_sock(l->server->tls, l->sock);
	if (l->wake)
		event_free(l->wake);
	l->wake = NULL;
	if (fd < 0) {
		notify("STATUS=not attached to fairlead-dp: nobody gets an allocation\n");
		return;
	}
	notify("READY=1\nSTATUS=attached to fairlead-dp\n");
	l->wake = event_new(l->base, fd, EV_READ | EV_PERSIST, on_wake, l);
	if (!l->wake || event_add(l->wake, NULL))
		log_line("out of memory for the event loop");
	event_add(l->again, &at_once);
}

struct loop *loop_create(struct event_base *base, struct server *s)
{
	static const struct timeval tick = { 0, SERVER_TICK_MS * 1000 };
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->base = base;
	l->server = s;
	s->clock_us = now_us;
	l->again = evtimer_new(base, on_again, l);
	l->tick = event_new(base, -1, EV_PERSIST, on_tick, l);
	l->term = evsignal_new(base, SIGTERM, on_signal, l);
	l->interrupt = evsignal_new(base, SIGINT, on_signal, l);
	l->hangup = evsignal_new(base, SIGHUP, on_hangup, l);
	if (!l->again || !l->tick || !l->term || !l->interrupt || !l->hangup ||
	    event_add(l->tick, &tick) || event_add(l->term, NULL) ||
	    event_add(l->interrupt, NULL) || event_add(l->hangup, NULL) || !watchdog_start(l)) {
		loop_free(l);
		return NULL;
	}
	l->sock = dpsock_create(base, s, on_change, l);
	if (!l->sock) {
		loop_free(l);
		return NULL;
	}
	dpsock_on_differ(l->sock, on_differ);
	s->reload.sock = l->sock;
	s->reload.attached = dpsock_attached;
	s->reload.ask = dpsock_ask;
	return l;
}

void loop_free(struct loop *l)
{
	struct event *events[] = { l->wake, l->again,	  l->tick,  l->watchdog,
				   l->term, l->interrupt, l->hangup };

	dpsock_free(l->sock);
	l->server->reload.sock = NULL;
	if (l->server->tls)
		tls_agent_sock(l->server->tls, NULL);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (events[i])
			event_free(events[i]);
	}
	free(l);
}
