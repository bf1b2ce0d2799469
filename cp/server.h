/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_SERVER_H
#define FL_CP_SERVER_H

/*
 * The control process as a whole: its parts, its clock and its counters. One thread. A request
 * comes in from dplink, is judged (cp/turn/request.c) and handled by one function of cp/turn a
 * method. Time is passed in with server_clock(); nothing below reads a clock, but to tell how long
 * something took.
 */
#include "aka/challenge.h"
#include "aka/token.h"
#include "aka/vector_source.h"
#include "ipsec/agree.h"
#include "auth/auth.h"
#include "pending.h"
#include "dplink.h"
#include "drain.h"
#include "heartbeat.h"
#include "history.h"
#include "asks.h"
#include "ports.h"
#include "rand.h"
#include "record/tell.h"
#include "reload.h"
#include "removed.h"
#include "table.h"
#include "../lib/histogram.h"

enum {
	SERVER_EVENT_BUDGET = 256, /* events per turn of the loop */
	SERVER_TIMER_BUDGET = 256, /* expiries per turn */
	SERVER_WALK_BUDGET = 4096, /* records looked at per turn */
	SERVER_STUCK_MS = 1000,	   /* a worker takes no command: it is not waited for any more */
	SERVER_TICK_MS = 100,	   /* of the timer wheel */
	/*
	 * Older requests over UDP, which waited while no control process was there, are skipped. A
	 * client listens for 8 s after the last of its transmissions (RFC 8489 6.2.1: Rm * RTO), so
	 * either it has sent this one again, or nobody waits for the answer, and an Allocate would
	 * leave an allocation behind that nobody knows of. Over a stream it sends once and waits
	 * for 39.5 s (6.2.2), and what nobody waits for any more ends with the connection.
	 */
	SERVER_REQUEST_MAX_AGE_S = 10,
};

/* Methods as counted. */
enum server_method {
	SERVER_ALLOCATE,
	SERVER_REFRESH,
	SERVER_CREATE_PERMISSION,
	SERVER_CHANNEL_BIND,
	SERVER_CONNECT,
	SERVER_CONNECTION_BIND,
	SERVER_METHODS,
};
extern const char *const server_method_name[SERVER_METHODS];

struct server_stats {
#define SERVER(member, ...) uint64_t member;
#define SERVER_BY(member, size, ...) uint64_t member[size];
#include "stat.def"
};

/* How long things take. */
struct server_times {
	struct histogram ring_wait; /* of a request, from its reception until it was taken up */
	struct histogram request;   /* from its reception until its reply was on its way */
	struct histogram turn;	    /* of the event loop: of what the dataplane has for it */
	struct histogram lag;	    /* of a timer: how late it fired */
};

/* Records of peers that commands up to number `until` may take: cp/turn/records.c. */
struct records_promise {
	uint32_t until, n;
};

struct adopt_redirect;
struct waiters;
struct records;
struct trace_admin;
struct gateway;
struct session_rates;
struct ng;
struct mg;
struct phones;

/* Certificates of our own ports, which are not the dataplane's. */
enum own_cert { OWN_CERT_MANAGEMENT, OWN_CERT_METRICS, OWN_CERT_H248, OWN_CERTS };

/* Seconds since 1970; 0, 0: there is none. */
struct cert_life {
	uint64_t not_before, not_after;
};

struct server {
	const struct config *conf;
	struct auth *auth;
	const char *auth_problem; /* what is wrong with its files; NULL or "": nothing */
	struct table *table;
	struct ports *ports;
	struct pending *pending;
	struct dplink *link;
	struct session_rates *rates;
	struct adopt_redirect *redirects; /* see adopt.c; n_redirects of them */
	uint64_t n_redirects;
	struct gateway *gateway; /* NULL: gateway.contexts is 0 */
	/* Set once it is open by whoever owns them; NULL: none. */
	struct tls_agent *tls;
	struct psk_store *psk;
	struct waiters *events;
	struct records *records;	    /* see records_open() */
	const struct radius_counts *radius; /* NULL: no accounting */
	const struct hep_counts *hep;	    /* NULL: none are sent */
	struct waiters *record_waiters;
	struct waiters *phone_waiters;
	struct tell tell;
	struct trace_admin *trace;
	struct ng *ng;
	struct mg *mg;		/* NULL: no H.248 */
	struct phones *phones;	/* NULL: no address has IPsec */
	uint16_t challenge_len; /* bytes, by the realm: who asks for less than a third gets none */
	struct rand rand;
	struct wheel wheel;
	struct server_stats stats;
	struct server_times times;
	/* Replies by method and error code, beside stats.error; requests by listener. */
	uint64_t errors[SERVER_METHODS][STUN_ERRORS];
	uint64_t listener_requests[CTL_PLACES_MAX];
	uint64_t (*clock_us)(
	    void); /* CLOCK_MONOTONIC, to measure with; NULL: nothing is measured */
	struct records_promise promise[CTL_WORKERS_MAX][2];
	/* Allocations over streams of an earlier dataplane go, from streams_at on, see there. */
	bool streams_lost;
	uint32_t streams_at;
	uint64_t generation; /* of the dataplane that is attached, or was last */
	/* When a worker's ring was seen full for the first time and since; 0: it is not. */
	uint64_t full_ms[CTL_WORKERS_MAX];
	uint64_t now_ms;  /* CLOCK_MONOTONIC */
	uint64_t wall_ms; /* CLOCK_REALTIME */
	uint64_t wall;	  /* wall_ms in seconds */
	bool clock_told;  /* that the wall clock is not set, and it has not been since */
	uint64_t start_ms;
	struct heartbeat heartbeat; /* of the workers */
	struct history history;
	struct drain drain;
	struct removed removed;
	struct reload reload;
	struct cert_life own_cert[OWN_CERTS];	   /* in force */
	struct asks neighbours, pings, phone_asks; /* who waits for a worker's answer */
	struct challenges *challenges;		   /* of AKA; NULL: nobody has asked for any */
	struct vector_source *vectors;		   /* NULL: no home network is asked */
};

/*
 * Takes up the table's allocations: ports, timers. auth is the caller's and outlives the server.
 * On failure false and one sentence in err; nothing is left behind.
 */
bool server_open(struct server *s, const struct config *c, struct auth *auth, uint64_t now_ms,
		 uint64_t wall_ms, char *err, size_t errlen);
void server_close(struct server *s);

/*
 * Attaches to a dataplane, see dplink_attach(): what was another one's goes, and what has no record
 * is asked for.
 */
bool server_attach(struct server *s, int memfd, uint64_t size, int wake_cp, char *err,
		   size_t errlen);

/* Sets the clock. Call before server_poll(). */
void server_clock(struct server *s, uint64_t now_ms, uint64_t wall_ms);

/* One turn: requests, replay, expiries, each under a budget. */
enum dplink_work server_poll(struct server *s);

/* Now in whole seconds of CLOCK_MONOTONIC; a deadline d is over when now >= d. */
static inline uint32_t server_now(const struct server *s)
{
	return (uint32_t)(s->now_ms / 1000);
}

/* How old what was made then is, in seconds. */
static inline uint32_t server_age(const struct server *s, uint32_t created)
{
	return server_now(s) > created ? server_now(s) - created : 0;
}

/* The deadline of something that lives for `seconds` from now: never too early. */
static inline uint32_t server_deadline(const struct server *s, uint32_t seconds)
{
	return (uint32_t)((s->now_ms + 999) / 1000) + seconds;
}

/* The tick of the wheel at which a deadline is over. */
static inline uint64_t server_tick_of(uint32_t deadline)
{
	return (uint64_t)deadline * (1000 / SERVER_TICK_MS);
}

/* The tick of the wheel at which so many seconds from now are over. */
static inline uint64_t server_tick(const struct server *s, uint32_t seconds)
{
	return (s->now_ms + UINT64_C(1000) * seconds + SERVER_TICK_MS - 1) / SERVER_TICK_MS;
}

#endif
