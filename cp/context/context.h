/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_CONTEXT_CONTEXT_H
#define FL_CP_CONTEXT_CONTEXT_H

/*
 * The context table. Like the allocations' its records live in a mapped file of their own
 * (control.contexts), so that a control process that was killed finds them again (R70); indexes
 * and timers are private and rebuilt at start. A record is changed as a whole: what it shall be is
 * written beside it first, so that a change that was interrupted is made again or never was
 * (context_commit()).
 */
#include "../../conf/config.h"
#include "../../lib/wheel.h"

enum {
	CONTEXT_CALL_MAX = 256, /* bytes of a controller's name of a call, NUL included */
	CONTEXT_TAG_MAX = 128,	/* and of who a termination belongs to */
	CONTEXT_ID_MAX = 17,	/* of an identifier as text, NUL included */
	CONTEXT_NOTE_MAX = 64,	/* of what a controller keeps with a termination */
	CONTEXT_KEEP_MAX = 64,	/* and of what it keeps for as long as that is there */
};

enum term_state {
	TERM_STATE_NONE,     /* no termination */
	TERM_STATE_IDLE,     /* TCP and TLS: not begun */
	TERM_STATE_OPENING,  /* listens, connects, has its handshake under way */
	TERM_STATE_UNJUDGED, /* waits for a fingerprint (R51) */
	TERM_STATE_UP,	     /* TCP and TLS: bytes pass. UDP: from the start */
	TERM_STATE_ENDED,
};

/* Why a context, or one of its terminations, ended. */
enum context_end {
	CONTEXT_END_NONE,
	CONTEXT_END_REQUEST,	/* subtracted or deleted */
	CONTEXT_END_ANSWER,	/* gateway.answer-timeout */
	CONTEXT_END_CONNECT,	/* gateway.connect-timeout */
	CONTEXT_END_LIFETIME,	/* gateway.lifetime */
	CONTEXT_END_INACTIVE,	/* nothing came for too long */
	CONTEXT_END_CONNECTION, /* a connection ended: the termination's `why` says how */
	CONTEXT_END_REFUSED,	/* by the dataplane */
	CONTEXT_END_DATAPLANE,	/* a connection, or SRTP, and the dataplane started anew */
	CONTEXT_END_DRAIN,	/* the node was drained, and the deadline is over */
	CONTEXT_END_KILLED,	/* by an operator */
	CONTEXT_END_RELAY,  /* the one of its port was taken out of the configuration, or its realm
			     */
	CONTEXT_END_DOMAIN, /* so was the TLS domain of a termination */
	CONTEXT_ENDS
};
extern const char *const context_end_name[CONTEXT_ENDS];

/* A termination, in the file. */
struct context_term {
	struct ctl_term term; /* as the dataplane is told */
	uint16_t realm;	      /* index in the configuration */
	uint8_t notify;	      /* events told, bit 1 << enum ctl_term_event */
	uint8_t state;	      /* enum term_state */
	uint8_t attempts;     /* last one given; goes on when another termination comes here */
	uint8_t silent;	      /* it said TERM_INACTIVE, and is not known to have come back */
	uint16_t why;	      /* enum tcp_end, once ended */
	uint16_t tls_version, tls_suite;
	uint32_t since;			/* seconds: of the state */
	struct sock_addr peer;		/* of the connection */
	uint8_t sha256[32];		/* of the remote's certificate */
	char tag[CONTEXT_TAG_MAX];	/* the controller's name of whose it is; "": none */
	uint8_t note[CONTEXT_NOTE_MAX]; /* the controller's own */
	uint8_t pair;	/* 1: it has the port above as well, though it is no RTP now */
	uint8_t pad[3]; /* 0 */
	uint8_t keep[CONTEXT_KEEP_MAX]; /* the controller's own, too */
};

/* A context, in the file. */
struct context {
	_Atomic uint32_t state; /* TABLE_FREE, TABLE_LIVE (table.h) */
	/* Not in the sum: a fairlead-cp that knows nothing of them takes the record as it is. */
	uint8_t kept;	/* 1: it takes room that is kept for urgent calls, or its terminations do */
	uint8_t urgent; /* 1: its controller has said that it is an urgent call */
	uint8_t pad[2]; /* 0 */
	uint64_t sum;	/* keyed hash of all that follows */
	uint64_t id;	/* random, never 0; what controllers call it, in hexadecimal */
	struct ctl_cid cid;
	uint32_t worker;
	uint32_t created, expiry; /* seconds */
	uint32_t since; /* seconds: it waits for its controller, or does not any more, or ended */
	uint32_t inactivity;	     /* seconds of silence of both that end it; 0: none */
	uint32_t flags;		     /* enum ctl_context_flags */
	uint64_t note;		     /* the controller's own */
	uint16_t media;		     /* place of its m-line in the call's SDP, from 0 */
	uint8_t end;		     /* enum context_end: not NONE while it is kept after its end */
	uint8_t stream;		     /* 1: of TCP and TLS, 0: of UDP; stays */
	char call[CONTEXT_CALL_MAX]; /* the controller's name; "": none */
	uint32_t owner;		     /* the controller: context_owner(); 0: none that is counted */
	uint32_t branch;	     /* the controller's number of a branch of the call; stays */
	uint32_t delete_at;	     /* seconds: its controller deleted it, as of then; 0: not */
	struct context_term term[2];
};

#endif
