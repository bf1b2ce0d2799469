/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_CONTEXT_GATEWAY_H
#define FL_CP_CONTEXT_GATEWAY_H

/*
 * What controllers may do with contexts, shaped like H.248 (R32): add, modify, move, subtract,
 * audit; and what they are told. JSON-RPC and ng are mappings onto this file. Each change is made
 * in the record first, then in the dataplane.
 */
#include "context.h"

struct server;
struct gateway;

/*
 * What a controller wants of a termination. To change one: term_spec() gives what it is, change
 * fields, gate_set(). In term the fields local, latched, attempt, ufrag and pwd, and the flags
 * TERM_RELEARN of either kind, are the gateway's and are not looked at. domain is
 * CONFIG_DOMAINS_MAX for the one of the realm. inactivity 0 of UDP is the context's. Addresses that
 * are not given are all zeros.
 */
struct term_spec {
	struct ctl_term term;
	uint16_t realm; /* index in the configuration */
	bool v6;	/* of the local address */
	uint16_t port;	/* local, host order; with TERM_RTP even; 0: any of the realm's */
	uint8_t notify; /* see struct context_term */
	/*
	 * TCP and TLS: listen or connect now; again if it was begun before (R58). UDP with
	 * TERM_LATCH: learn the remote address anew; who was learnt is sent to until somebody is.
	 */
	bool begin;
	bool restart; /* ICE: new ufrag and pwd (RFC 8445 9) */
	bool pair;    /* a new local address: an even port and the one above, for it may be RTP */
	bool urgent;  /* of an urgent call: gateway.urgent-ports are for these; not kept */
	char tag[CONTEXT_TAG_MAX];
	/* Anything the controller wants to find again in it. */
	uint8_t note[CONTEXT_NOTE_MAX], keep[CONTEXT_KEEP_MAX];
};

/* What a controller wants of a context beside its terminations. */
struct gate_plan {
	char call[CONTEXT_CALL_MAX];
	uint16_t media;
	uint32_t flags;	     /* enum ctl_context_flags */
	uint32_t lifetime;   /* seconds; 0: gateway.lifetime */
	uint32_t inactivity; /* seconds; UINT32_MAX: gateway.inactivity */
	uint64_t note;	     /* anything the controller wants to find again in the context */
	uint32_t owner;	     /* gate_owner() of who adds it; 0: none that is counted */
	uint32_t branch;     /* whatever tells branches of a call apart; of who adds it, too */
	/* An emergency or priority call: gateway.urgent-contexts are for these (R27). */
	bool urgent;
	struct context *near; /* its terminations may be moved between the two; NULL: any worker */
};

enum gate_error {
	GATE_OK,
	GATE_BAD,    /* the request contradicts itself, or names what there is not */
	GATE_DENIED, /* a remote address that policy refuses */
	GATE_FULL,   /* no context, no port, or a worker's ring is full */
	GATE_BUSY,   /* no dataplane is attached: contexts are not added or moved meanwhile; or the
			node is   drained: none are added but urgent ones, and to calls that
			there are */
	GATE_ERRORS
};

/* Why something was refused: one sentence that names the field or address at fault. */
struct gate_fail {
	enum gate_error error;
	char text[CTL_TEXT_MAX];
	bool withheld; /* an urgent call would have been served */
};

/* Takes up the contexts of the file. On failure NULL and one sentence in err. */
struct gateway *gate_open(struct server *s, char *err, size_t errlen);
void gate_close(struct gateway *g);

/* ---- contexts ---- */

/*
 * A number for a controller, by whatever tells it from others. None of them gets all contexts:
 * where few are left, those who have less than an equal share get them (R27).
 */
uint32_t gate_owner(const struct gateway *g, const void *name, size_t len);
/* Adds a context with one termination or two (spec[1] NULL). NULL, and why in *f, if refused. */
struct context *gate_add(struct gateway *g, const struct gate_plan *plan, const struct term_spec *a,
			 const struct term_spec *b, struct gate_fail *f);
/* What a termination is now; all zeros, transport TERM_NONE, if there is none. */
void term_spec(const struct gateway *g, const struct context *c, uint32_t side,
	       struct term_spec *w);
/* Adds or changes a termination. Its local address stays unless realm, family or port change. */
bool gate_set(struct gateway *g, struct context *c, uint32_t side, const struct term_spec *w,
	      struct gate_fail *f);
/* Changes term_spec.keep alone, of which the dataplane knows nothing. */
void gate_keep(struct gateway *g, struct context *c, uint32_t side,
	       const uint8_t keep[CONTEXT_KEEP_MAX]);
/* Whether it would, as far as that does not hang on ports that are left. Nothing is changed. */
bool gate_check(struct gateway *g, const struct context *c, uint32_t side,
		const struct term_spec *w, struct gate_fail *f);
/* Whether its local address would stay. */
bool gate_stays(const struct gateway *g, const struct context *c, uint32_t side,
		const struct term_spec *w);
/* What the plan of a context is now, with the lifetime that is left. */
void gate_plan(const struct gateway *g, const struct context *c, struct gate_plan *plan);
/* Changes flags, lifetime (from now), inactivity and note. */
void gate_plan_set(struct gateway *g, struct context *c, const struct gate_plan *plan);
/* Takes a termination away. Without any, a context lasts for gateway.answer-timeout. */
bool gate_subtract(struct gateway *g, struct context *c, uint32_t side, struct gate_fail *f);
/* Takes it to a side of another context, of the same worker, where there is none. */
bool gate_move(struct gateway *g, struct context *c, uint32_t side, struct context *to,
	       uint32_t to_side, struct gate_fail *f);

/*
 * Counters as they are now; stats NULL: the dataplane is away, or did not answer in time. Called
 * once, now or later. c is valid during the call only, and NULL if it went meanwhile.
 */
typedef void gate_stats_fn(void *arg, const struct context *c,
			   const struct ctl_term_stats stats[2]);
void gate_audit(struct gateway *g, struct context *c, gate_stats_fn *done, void *arg);
/* Its record as it is now, with counters where somebody is told of quality (gateway.hep). */
void gate_report(struct gateway *g, const struct context *c);
/* Deletes it; done, which may be NULL, gets its last counters. c is gone when this returns. */
void gate_delete(struct gateway *g, struct context *c, gate_stats_fn *done, void *arg);
/* The same in so many seconds, or when an earlier order said, unless it is spared before. */
void gate_delete_later(struct gateway *g, struct context *c, uint32_t seconds);
void gate_spare(struct gateway *g, struct context *c);
/* done is not called any more: for owners of arg that go. */
void gate_forget(struct gateway *g, void *arg);

/* By its id. */
struct context *gate_find(struct gateway *g, uint64_t id);
/* Who has a slot of a worker; NULL: nobody, or there is none. */
struct context *gate_at(struct gateway *g, uint32_t worker, uint32_t slot);
/* First (NULL) and next of a call, by rising media. */
struct context *gate_call_next(struct gateway *g, const char *call, const struct context *c);
/*
 * All: *cursor starts at 0. At most *look records are looked at, of contexts or none; what is left
 * of that afterwards is in it. NULL with *look 0: there may be more, from *cursor on, in another
 * turn; NULL with some left: that was all. Deleting the current one is fine.
 */
struct context *gate_next(struct gateway *g, uint32_t *cursor, uint32_t *look);
/*
 * Ends at most n of those left, their controllers are told: the node is drained. *cursor starts at
 * 0; false once it is through.
 */
bool gate_end_some(struct gateway *g, uint32_t *cursor, uint32_t n);
/*
 * The same of those that the configuration has no relay, realm or TLS domain for any more, of so
 * many that are looked at.
 */
bool gate_end_removed(struct gateway *g, uint32_t *cursor, uint32_t look, uint32_t n);
/* An operator ends it; its controller is told. c is gone when this returns. */
void gate_kill(struct gateway *g, struct context *c);
enum { GATE_LOOK = 16384 }; /* records a request may look at: other work waits meanwhile */

/* Whether a realm has addresses of ours of that family. */
bool gate_has_family(const struct gateway *g, uint32_t realm, bool v6);
/* The local address of a termination; rtcp: of RTCP. False if it has none. */
bool gate_local(const struct gateway *g, const struct context *c, uint32_t side, bool rtcp,
		struct sock_addr *a);
/*
 * Fingerprints of our certificates in a termination's TLS domain, FP_SHA256 each (R49): as many as
 * fit into max. 0 while no dataplane is attached.
 */
uint32_t gate_fingerprints(const struct gateway *g, const struct context *c, uint32_t side,
			   struct fingerprint *fp, uint32_t max);
/* Of the certificate that every termination with TERM_DTLS shows. False: none, as above. */
bool gate_dtls_fingerprint(const struct gateway *g, struct fingerprint *fp);

/*
 * ---- secrets of terminations: in this process' memory only, and wiped when they go. They go with
 * the termination; keys also with its flag TERM_SRTP. After a restart none is known, and the
 * dataplane goes on with the keys that it has ----
 */

/* The keys of a termination with TERM_SRTP (struct cmd_srtp_set). */
struct gate_srtp {
	struct ctl_srtp_key in, out; /* by which the remote sends, and we do; not the same */
	uint8_t flags;		     /* enum ctl_srtp_flags */
};

/*
 * Gives it these. `out` is the one that it has, or one that was never set before: indexes would
 * begin anew, and key stream be used twice. False: there is no memory, and nothing has changed.
 */
bool gate_srtp_set(struct gateway *g, struct context *c, uint32_t side,
		   const struct gate_srtp *keys);
/* Takes the memory for keys of its terminations, so that giving them some does not fail. */
bool gate_srtp_reserve(struct gateway *g, struct context *c);
/* Those that it has; NULL: none that are known. */
const struct gate_srtp *gate_srtp(const struct gateway *g, const struct context *c, uint32_t side);
/* Terminations that are SRTP; g may be NULL. */
uint32_t gate_srtp_count(const struct gateway *g);
/* Anything secret that the controller wants to find again with a termination. False: no memory. */
bool gate_secret_set(struct gateway *g, struct context *c, uint32_t side, const void *p,
		     size_t len);
/* NULL: there is none. */
const void *gate_secret(const struct gateway *g, const struct context *c, uint32_t side,
			size_t *len);

/* ---- events for controllers ---- */

struct gate_event {
	uint64_t seq;	  /* from 1, without gaps */
	uint64_t wall_ms; /* CLOCK_REALTIME */
	uint64_t context;
	char call[CONTEXT_CALL_MAX];
	bool ended;	   /* the context has, and so: */
	uint8_t end;	   /* enum context_end */
	uint8_t side;	   /* else: a termination */
	uint8_t what;	   /* enum ctl_term_event */
	uint8_t transport; /* enum ctl_transport */
	uint16_t why;	   /* as in struct evt_term */
	uint8_t rtcp;
	uint16_t tls_version, tls_suite;
	struct sock_addr remote;
	uint8_t sha256[32];
};

/* The one with seq or the oldest kept after it; NULL: there is none yet. */
const struct gate_event *gate_event(const struct gateway *g, uint64_t seq);
/*
 * Makes room for another number of them ready (gateway.events), and moves the newest there when
 * gate_finish() says so. False, and a sentence in err: there is no memory.
 */
bool gate_prepare(struct gateway *g, const struct config *c, char *err, size_t errlen);
void gate_finish(struct gateway *g, bool apply);
/* Of the newest; 0: there was none. */
uint64_t gate_events_last(const struct gateway *g);
/* Calls changed after each; one listener. */
void gate_events_listen(struct gateway *g, void (*changed)(void *arg), void *arg);

/*
 * Calls ended as each context ends, while it is still there; two listeners, told apart by arg. They
 * change no context.
 */
void gate_ends_listen(struct gateway *g,
		      void (*ended)(void *arg, const struct context *c, enum context_end end),
		      void *arg);
void gate_ends_forget(struct gateway *g, const void *arg);

/*
 * A word for how a connection ended, as controllers are told: of TLS close-notify where TCP has
 * fin; else the names of tcp_end.def.
 */
const char *gate_why(uint8_t transport, uint16_t why);

/* Where a context stands. */
enum gate_phase {
	GATE_WAITING, /* for its controller: a termination, a remote address, the order to begin */
	GATE_CONNECTING, /* TCP and TLS: listens, connects or has its handshake under way */
	GATE_UNJUDGED,	 /* waits for a fingerprint (R51) */
	GATE_UP,	 /* what comes may pass */
	GATE_ENDING,	 /* a connection ended, and the other is there yet: held, or let finish */
	GATE_ENDED,	 /* kept for its controller */
	GATE_PHASES
};
extern const char *const gate_phase_name[GATE_PHASES];
enum gate_phase gate_phase(const struct context *c);

struct gate_stats {
#define GATE(member, ...) uint64_t member;
#define GATE_BY(member, size, ...) uint64_t member[size];
#include "../stat.def"
	const char *fresh;   /* why the state file was started afresh, or NULL */
	const char *carried; /* why its records were carried over into a new one, or NULL */
};
const struct gate_stats *gate_stats(const struct gateway *g);

#endif
