/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_H248_MG_PRIV_H
#define FL_CP_H248_MG_PRIV_H

/* What the files of the media gateway share. */
#include "mg.h"
#include "../../lib/h248.h"
#include "../../lib/sdp.h"
#include "../datagram.h"
#include "../ng/ng_source.h"
#include "../rand.h"
#include "../server.h"

enum {
	MG_TRANSACTIONS_MAX = 10, /* requests of a message that are taken (TS 29.334 5.10) */
	MG_COUNTED_MAX = 16,	  /* contexts whose counters a transaction may ask for */
	MG_REQUESTS_MAX = 4096,	  /* of ours that no controller has answered yet */
	MG_VERSION_MIN = 1,
	MG_MID_MAX = CONFIG_STR_MAX + 16,
	MG_NAME_MAX = 65, /* of a termination, NUL included */
	MG_REQUEST_BYTES_MAX = 1024,
	MG_REPLY_ROOM = 2048, /* bytes: what the longest reply to a command takes */
	MG_PRIORITY_MAX = 15,
};

/* Error codes (H.248.8) that are sent. */
enum mg_code {
	MG_BAD_MESSAGE = 400,
	MG_BAD_TRANSACTION = 403,
	MG_BAD_VERSION = 406,
	MG_BAD_IDENTIFIER = 410,
	MG_NO_CONTEXT = 411,
	MG_TOO_MANY = 413,
	MG_BAD_ACTION = 421,
	MG_UNREADABLE_ACTION = 422,
	MG_NO_TERMINATION = 430,
	MG_NONE_MATCHES = 431,
	MG_CONTEXT_FULL = 434,
	MG_MISSING_REMOTE = 441,
	MG_BAD_COMMAND = 442,
	MG_UNKNOWN_DESCRIPTOR = 444,
	MG_NO_PROPERTY = 445,
	MG_VALUE = 449,
	MG_NO_EVENT = 451,
	MG_NO_SIGNAL = 452,
	MG_BAD_SDP = 474,
	MG_NOT_IMPLEMENTED = 501,
	MG_UNAVAILABLE = 503,
	MG_NOT_YOURS = 504,
	MG_NOT_REGISTERED = 505,
	MG_NO_RESOURCES = 510,
	MG_MEDIA = 515,
	MG_MODE = 517,
	MG_TOO_LONG = 533,
};

/* A request of ours, sent again until it is answered (H.248.1 D.1). */
struct mg_request {
	struct mg_request *next;
	uint32_t id;
	uint32_t tries;
	/* CLOCK_MONOTONIC: sent first, the same or a Pending, and to be sent next. */
	uint64_t first_ms, begun_ms, again_ms;
	bool registers; /* it is the ServiceChange that makes an association, and passes with it */
	bool held;	/* until there is one */
	bool passes;	/* with this association; others are for the next controller as well */
	uint32_t len;
	char text[]; /* the whole message */
};

/* The association with a controller. */
struct mg_assoc {
	enum mg_state state;
	uint16_t controller; /* place in the configuration, of who serves us or is asked */
	unsigned version;    /* agreed; before, of what is sent */
	bool lost;	     /* the association with `served` broke off */
	uint16_t served;     /* who served us last, and 1; 0: nobody yet */
	bool handed;	     /* and that one wants us to go to */
	uint16_t handed_to;
	uint16_t hops;	   /* since one was in charge */
	uint32_t last_id;  /* of our transactions */
	uint64_t next_ms;  /* MG_WAITING: when another round begins */
	uint64_t heard_ms; /* the controller's last message */
	uint32_t n_request;
	struct mg_request *request, **last;
	/* Events on ROOT (H.248.14): silence of the controller in milliseconds, 0: not watched. */
	uint32_t root_request, silence_ms;
	bool told_silence; /* and it has been told of the one that goes on */
};

struct mg_run;

struct mg {
	const struct server *s;
	struct gateway *g;
	struct event_base *base;
	struct event *timer;
	struct datagram *udp;
	struct ng_sources *sources;
	struct rand rand;
	struct mg_assoc assoc;
	struct mg_run *runs; /* wait for counters */
	uint64_t told;	     /* events of the gateway that were looked at */
	uint32_t looked;     /* cursor over all contexts, for those that hang */
	struct sock_addr controller[CONFIG_H248_CONTROLLERS_MAX];
	uint16_t n_controller;
	struct mg_stats stats;
	char mid[MG_MID_MAX];
	struct h248_message in, run; /* the message that came, and one that has waited */
	const char *text;	     /* of the one that came */
	size_t len;
	struct sdp sdp;
	/* A reply, what its action in hand has of it, and a request, which may be made meanwhile.
	 */
	char out[H248_MESSAGE_MAX], part[H248_MESSAGE_MAX], request[MG_REQUEST_BYTES_MAX];
};

/* ---- mg.c ---- */

/* A message of whoever. */
void mg_take(struct mg *m, const struct sock_addr *from, const char *p, size_t len);
void mg_send(struct mg *m, const struct sock_addr *to, const char *p, size_t len);
/* Begins a message of ours into p. */
void mg_begin(const struct mg *m, struct h248_out *o, char *p, size_t len);

/* ---- mg_assoc.c ---- */

/* Registers with the first controller. */
void mg_assoc_start(struct mg *m);
void mg_assoc_free(struct mg *m);
/* A timer went off: what is due is done. */
void mg_assoc_tick(struct mg *m);
/* The controller, place in the configuration, sent something. */
void mg_assoc_heard(struct mg *m);
/* A reply, or Pending, to a request of ours. */
void mg_assoc_reply(struct mg *m, const struct h248_item *reply);
void mg_assoc_pending(struct mg *m, const struct h248_item *pending);
/* The controller hands us over, soon, to the one named. False: the configuration has no other of
 * that name. */
bool mg_assoc_hand_over(struct mg *m, struct h248_text to);
/*
 * Sends a request whose message stands in o, begun by mg_request_begin(), or keeps it until a
 * controller is in charge. passes: it is of this association alone.
 */
uint32_t mg_request_begin(struct mg *m, struct h248_out *o);
void mg_request_send(struct mg *m, struct h248_out *o, uint32_t id, bool passes);
/* "20261122T09300012", of this moment. */
const char *mg_time(uint64_t wall_ms, char text[24]);

/* ---- mg_run.c: transactions ---- */

/* Runs a transaction of the message in m->in, and answers it now or later. */
void mg_run(struct mg *m, struct ng_pending *pending, const struct h248_item *transaction);
void mg_runs_free(struct mg *m);

/* Of a context (H.248.1 6.1.1). */
struct mg_attributes {
	uint8_t priority; /* 0 to MG_PRIORITY_MAX */
	bool emergency, ieps;
};

static inline bool mg_is_urgent(struct mg_attributes a)
{
	return a.emergency || a.ieps || a.priority;
}

/* A transaction in hand. */
struct mg_work {
	struct mg *m;
	const struct h248_message *in;
	struct h248_out o;		 /* what the action in hand replies */
	struct context *c;		 /* the action's; NULL: none yet, or the null context */
	bool choose;			 /* the action is to make one */
	bool null;			 /* it is of the null context */
	uint32_t number;		 /* of the context, also of one that is gone; 0: none */
	size_t replied;			 /* bytes of the reply before this action's */
	struct mg_attributes attributes; /* of the context, as the action says or it has them */
	const struct mg_counted *counted;
	uint32_t n_counted;
	bool told;     /* what went wrong is in the reply */
	unsigned code; /* 0, or what went wrong */
	char text[CTL_TEXT_MAX];
};

/* Counters that were asked for before the transaction is run. */
struct mg_counted {
	uint64_t id; /* of the context */
	bool there;
	struct ctl_term_stats stats[2];
};

/* What went wrong; false. */
__attribute__((format(printf, 3, 4))) bool mg_fail(struct mg_work *k, unsigned code,
						   const char *fmt, ...);
bool mg_fail_gate(struct mg_work *k, const struct gate_fail *f);

/* ---- mg_command.c ---- */

/* Carries out a command and writes its reply into k->o; false: it failed, and k->code says why. */
bool mg_command(struct mg_work *k, const struct h248_item *command);

/* ---- mg_term.c: terminations ---- */

/* What a controller keeps with a termination: in struct context_term's keep. */
struct mg_keep {
	uint32_t request; /* id of its Events descriptor */
	uint32_t events;  /* bits 1 << enum mg_event */
	uint32_t hang_s;  /* hangterm/thb: seconds; 0: not watched */
	uint32_t heard;	  /* seconds: the controller said something about it, or was told */
	uint8_t mode;	  /* enum h248_token */
	uint8_t stream;	  /* its number as the controller has it */
	uint8_t latched;  /* ipnapt/latch is on */
	uint8_t rtp, mux, no_rtcp, any_port; /* as Local and LocalControl have it */
	uint8_t pad[1];
	uint32_t since;			 /* seconds: it was added */
	struct mg_attributes attributes; /* of the context: each of its terminations has them */
};
_Static_assert(sizeof(struct mg_keep) <= CONTEXT_KEEP_MAX, "it fits");

enum mg_event { MG_EVENT_CAUSE, MG_EVENT_HANG, MG_EVENT_STOP, MG_EVENTS };

/* Contexts of controllers that speak H.248 have it in their note. */
#define MG_NOTE UINT64_C(0x4832343800000000)
static inline bool mg_is_ours(const struct context *c)
{
	return c->note == MG_NOTE;
}

/* What a command wants of a termination. */
struct mg_want {
	struct term_spec spec;
	struct mg_keep keep;
	bool told;		/* its local address was to be chosen: it is in the reply */
	struct sock_addr local; /* that it has; all zeros: it is to be added */
};

/* A context as its number on the wire, and back; NULL: there is none. */
uint32_t mg_context_number(const struct context *c);
struct context *mg_context_find(struct mg *m, uint32_t number);
/* "ip/access/4711", which it keeps wherever it is moved to. */
const char *mg_term_name(const struct mg *m, const struct context *c, uint32_t side,
			 char name[MG_NAME_MAX]);
struct mg_keep mg_keep_get(const struct context *c, uint32_t side);
/* The controller has just said something about it, or was told. */
void mg_term_heard(struct mg *m, struct context *c, uint32_t side);
/*
 * Reads what a command has of descriptors onto what *w is. fresh: it is to be added, of the realm
 * named in its termination's name, if any is.
 */
bool mg_term_read(struct mg_work *k, const struct h248_item *command, bool fresh,
		  struct mg_want *w);
/* Writes "Media{Stream{Local}}" of a termination. */
void mg_term_put_local(struct mg_work *k, const struct context *c, uint32_t side);

/* ---- mg_sdp.c ---- */

/* What stands in Local or Remote. */
struct mg_sdp {
	bool empty;
	bool choose_addr, choose_port; /* "$" */
	bool v6, rtp, rtcp, mux;       /* rtcp: it has an address of its own */
	struct sock_addr addr[2];      /* where given */
	char media[CONTEXT_NOTE_MAX];  /* "audio RTP/AVP -": the m-line without its port */
};

bool mg_sdp_read(struct mg_work *k, struct h248_text octets, struct mg_sdp *s);

/* ---- mg_audit.c ---- */

/* Replies to AuditValue and AuditCapability. */
bool mg_audit(struct mg_work *k, const struct h248_item *command);
/* Statistics of a termination, if they are known. */
void mg_put_statistics(struct mg_work *k, const struct context *c, uint32_t side);
/* Whether a command asks for them. */
bool mg_asks_statistics(const struct h248_message *in, const struct h248_item *command);

/* ---- mg_event.c ---- */

/* Looks at what has happened, and tells the controller. */
void mg_events(struct mg *m);
void mg_context_ended(void *arg, const struct context *c, enum context_end end);

#endif
