/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_DPLINK_INT_H
#define FL_CP_DPLINK_INT_H

/* What dplink_event.c has of dplink.c. */
#include "dplink.h"
#include "backlog.h"
#include "../lib/conn_index.h"

/* The replay of what one worker has, step by step. */
enum sync_step {
	SYNC_DONE,
	SYNC_AUDIT, /* the worker is to tell what it has, */
	SYNC_TELLS, /* tells, */
	SYNC_TOLD,  /* has told; others may not have */
	SYNC_BEGIN,
	SYNC_STATE,
	SYNC_END,
	SYNC_WAIT
};

/* Places of a kind: ours by the dataplane's, and the reverse; PLACE_GONE: not known yet. */
enum { PLACE_GONE = LISTENER_GONE };
_Static_assert(CTL_RELAYS_MAX <= CTL_PLACES_MAX && CTL_DOMAINS_MAX <= CTL_PLACES_MAX &&
		   CTL_PORTS_MAX <= CTL_PLACES_MAX,
	       "room");

struct dplink_places {
	uint16_t ours[CTL_PLACES_MAX], theirs[CTL_PLACES_MAX];
};

/* One worker as we see it: checked pointers and our own cursors. */
struct worker_link {
	struct ring cmd;
	struct ring evt;
	struct ring trace;
	struct ctl_counters *counters;
	struct ctl_port_counters *ports;
	struct ctl_conn_info *conns;
	struct conn_index by_addr; /* of conns */
	struct ctl_use *use;
	struct ctl_context_use *gate_use; /* [contexts_max] */
	uint32_t conns_max;
	enum sync_step sync;
	struct dplink_cursor cursor;
	uint32_t end_seq;	/* of CMD_SYNC_END */
	bool again;		/* another replay behind this one, see dplink_sync_want() */
	struct backlog backlog; /* events taken, and not handed on yet */
};

struct dplink {
	const struct config *conf;
	struct server *server;
	void *base; /* the region; NULL when not attached */
	uint64_t size;
	int wake_cp;
	uint64_t generation;
	struct siphash_key conn_key;
	uint32_t n_workers;
	struct ctl_port_info *port_info;
	struct ctl_xstats *xstats;
	struct ctl_cert_info *cert_info;
	struct dplink_places listener, relay, domain, port;
	uint32_t seq;
	uint32_t turn;	   /* worker that is first in the next poll */
	bool begun;	   /* replays have, since the last poll looked */
	const char *fault; /* what the dataplane did that is impossible */
	struct dplink_stats stats;
	struct worker_link worker[CTL_WORKERS_MAX];
	union ctl_evt event; /* the one in hand, a private copy */
};

/* What a worker has is not known yet: nobody's request is handed on. */
static inline bool dplink_audits(const struct worker_link *w)
{
	return w->sync == SYNC_AUDIT || w->sync == SYNC_TELLS;
}

bool dplink_usable(const struct dplink *l);

/*
 * The two processes number listeners, ports, relays and TLS domains each for itself, and know them
 * by what they are (dplink_place.c). Those of an event become ours, PLACE_GONE where we have none
 * such; of a request or a session *listener is LISTENER_GONE if that is none of ours any more, or
 * not yet. False: it cannot be.
 */
bool dplink_event_places(struct dplink *l, union ctl_evt *e, uint16_t *listener);
/*
 * Those of a command that stands in its slot become the dataplane's, which refuses what it has not.
 * The slot is written only.
 */
void dplink_cmd_places(struct dplink *l, uint16_t type, const void *cmd, void *slot);
/* That of a trace becomes ours, CTL_PORTS_MAX where we have none such. False: it cannot be. */
bool dplink_trace_place(struct dplink *l, struct ctl_trace *t);
/* Another dataplane: nothing is known. */
void dplink_places_forget(struct dplink *l);
/* The dataplane did what cannot be: nothing more is taken from it or given to it. */
void dplink_fail(struct dplink *l, const char *what);
/* Something that was to be told to the worker was lost: it is replayed. */
void dplink_sync_want(struct worker_link *w);

#endif
