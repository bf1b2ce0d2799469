/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_RECORD_H
#define FL_CP_RECORD_H

/*
 * What is told of who had what: a record each time an allocation, a connection of one or a context
 * begins, goes on or ends. Filled in by the event loop (tell.c), made a line of JSON by the thread
 * that writes (record_line.c), and read by whoever searches the lines.
 */
#include "../../lib/ctl_abi.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	RECORD_USER_MAX = 112, /* bytes of a name, NUL included */
	RECORD_CALL_MAX = 256,
	RECORD_TAG_MAX = 128,
	RECORD_NODE_MAX = 65,
	RECORD_LINE_MAX = 8192, /* bytes of a line: all text as \uXXXX fits */
};

enum record_type { RECORD_ALLOCATION, RECORD_CONNECTION, RECORD_CONTEXT, RECORD_TYPES };

enum record_event {
	RECORD_START,
	RECORD_UPDATE,	/* as it is now: again and again, and when its addresses or owner change */
	RECORD_ADOPTED, /* found in the dataplane after the state file was lost: as it is now */
	RECORD_END,
	RECORD_EVENTS
};

extern const char *const record_type_name[RECORD_TYPES];
extern const char *const record_event_name[RECORD_EVENTS];

struct record_use {
	uint64_t packets, bytes;
};

/* Of an allocation and of its connections. A port of 0: there is no such address. */
struct record_alloc {
	char user[RECORD_USER_MAX]; /* "": nobody knows yet */
	struct sock_addr client, listener, relayed[2];
	/* Of a connection: its other end, the allocation, and the service whose back end that is.
	 */
	struct sock_addr peer;
	uint64_t allocation;	    /* 0: of none, or nobody knows it any more */
	bool of_allocation;	    /* of one, known or not */
	char service[CTL_NAME_MAX]; /* "": of none */
	const char *transport, *relay_transport;
	bool counted; /* what was relayed is known */
	struct record_use to_peer, to_client;
};

struct record_term {
	const char *transport; /* NULL: there is no termination */
	struct sock_addr local, remote;
	struct sock_addr rtcp; /* local, where it has an address of its own */
	char tag[RECORD_TAG_MAX];
	struct record_use received; /* from its remote, RTCP as well; if context.counted */
	struct ctl_quality quality; /* of RTP; likewise */
};

struct record_context {
	char call[RECORD_CALL_MAX];
	uint16_t media;
	bool counted;
	struct record_term term[2];
};

/* Names that it points to are constants. */
struct record {
	uint64_t seq;	     /* from 1, without gaps: the bus' */
	uint64_t wall_ms;    /* CLOCK_REALTIME */
	uint64_t started_ms; /* likewise: of what it is about */
	uint32_t duration_s;
	uint64_t id; /* the same in all records of one allocation, connection or context */
	enum record_type type;
	enum record_event event;
	const char *reason; /* of an end */
	union {
		struct record_alloc alloc; /* RECORD_ALLOCATION, RECORD_CONNECTION */
		struct record_context context;
	};
};

/* A line with its newline and a NUL, of RECORD_LINE_MAX at most. Returns its length without NUL. */
size_t record_line(const struct record *r, const char *node, char line[RECORD_LINE_MAX]);
/* The line that says how many records are missing before it. */
size_t record_line_lost(uint64_t lost, uint64_t wall_ms, const char *node,
			char line[RECORD_LINE_MAX]);

#endif
