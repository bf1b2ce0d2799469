/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_H248_MG_PRIV_H
#define FL_CP_H248_MG_PRIV_H

/* What the files of the media gateway share. */
#include "mg.h"
#include "../../lib/h248.h"
#include "../../lib/meter.h"
#include "../../lib/sdp.h"
#include "../datagram.h"
#include "../sources.h"
#include "../rand.h"
#include "../server.h"
#include "../../lib/tpkt.h"

#include <openssl/ssl.h>

enum {
	MG_TRANSACTIONS_MAX = 10, /* requests of a message that are taken (TS 29.334 5.10) */
	MG_COUNTED_MAX = 16,	  /* contexts whose counters a transaction may ask for */
	MG_REQUESTS_MAX = 4096,	  /* of ours that no controller has answered yet */
	MG_VERSION_MIN = 1,
	MG_MID_MAX = CONFIG_STR_MAX + 16,
	MG_NAME_MAX = 65, /* of a termination, NUL included */
	MG_REQUEST_BYTES_MAX = 1024,
	MG_REPLY_ROOM = 8192, /* bytes: the longest reply to a command, two terminations audited */
	MG_PRIORITY_MAX = 15,
	MG_IDLE_MAX = 100,  /* messages a second of who does not serve us */
	MG_WALK_MS = 10,    /* between two looks at every context */
	MG_KEPT_MS = 30000, /* LONG-TIMER (D.1.5): a reply is kept */
	MG_NOT_KEPT = 0xffff,
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
	MG_ALREADY_THERE = 433,
	MG_CONTEXT_FULL = 434,
	MG_NO_PACKAGE = 440,
	MG_MISSING_REMOTE = 441,
	MG_BAD_COMMAND = 442,
	MG_UNKNOWN_DESCRIPTOR = 444,
	MG_NO_PROPERTY = 445,
	MG_TWICE = 448,
	MG_VALUE = 449,
	MG_NO_EVENT = 451,
	MG_NO_SIGNAL = 452,
	MG_NO_STATISTIC = 453,
	MG_BAD_SDP = 474,
	MG_INTERNAL = 500,
	MG_NOT_IMPLEMENTED = 501,
	MG_UNAVAILABLE = 503,
	MG_NOT_YOURS = 504,
	MG_NOT_REGISTERED = 505,
	MG_PENDINGS = 506,
	MG_NO_RESOURCES = 510,
	MG_MEDIA = 515,
	MG_MODE = 517,
	MG_TOPOLOGY = 522,
	MG_TOO_LONG = 533,
	MG_READ_ONLY = 534,
};

/* ---- mg_names.c ---- */

enum mg_name {
#define N(symbol, name) MG_NAME_##symbol,
#include "mg_names.def"
#undef N
	MG_NAMES
};

/* Each as it is on the wire. */
struct mg_names {
	char name[MG_NAMES][MG_NAME_MAX];
};

/* A request of ours, sent again until it is answered (H.248.1 D.1). */
struct mg_request {
	struct mg_request *next;
	uint32_t id;
	uint32_t tries, pendings; /* of the controller */
	/* CLOCK_MONOTONIC: sent first, the same or a Pending, and to be sent next. */
	uint64_t first_ms, begun_ms, again_ms;
	bool registers;	 /* it is the ServiceChange that makes an association, and passes with it */
	bool held, sent; /* until there is one; on this association */
	bool passes;	 /* with this association; others are for the next controller as well */
	uint16_t kept;	 /* place in the file, or MG_NOT_KEPT */
	uint32_t len;
	char text[]; /* the whole message */
};

/* Properties of ROOT that a controller sets (mg_root.c). */
enum mg_root {
	MG_ROOT_MG_TIME,     /* milliseconds until we send Pending */
	MG_ROOT_MGC_TIME,    /* until a request of ours is sent again, at least */
	MG_ROOT_MG_PENDING,  /* until we send another Pending */
	MG_ROOT_MGC_PENDING, /* after the controller's until the request is sent again */
	MG_ROOT_MGC_LIMIT,   /* Pendings of the controller for a request: then it is lost */
	MG_ROOT_MG_LIMIT,    /* ours for one: then it is not run */
	MG_ROOT_VALUES
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
	uint32_t root[MG_ROOT_VALUES];
	bool overload;	 /* it wants to be told of that (H.248.11) */
	bool told_drain; /* of a drain, and when that ends */
	uint64_t told_drain_ms;
};

struct mg_run;

/* What is told to a controller that serves us no more, until it has answered (mg_reload.c). */
struct mg_leave {
	struct sock_addr to; /* all zeros: nobody is told anything */
	uint32_t id;
	uint32_t tries;
	uint64_t begun_ms, again_ms; /* CLOCK_MONOTONIC */
	uint32_t len;
	char text[MG_REQUEST_BYTES_MAX];
};

struct mg {
	const struct server *s;
	struct gateway *g;
	struct event_base *base;
	struct event *timer;
	struct datagram *udp;	   /* NULL while there are no controllers */
	struct sock_addr bound;	   /* where it is */
	struct datagram *next_udp; /* made ready by a reload */
	bool next_profile;	   /* that changes with it */
	SSL_CTX *tls, *next_tls;   /* NULL: no controller is reached by it */
	struct mg_names names, next_names;
	struct mg_stream *stream; /* NULL: there is none */
	uint64_t last_stream;	  /* its number */
	struct mg_leave leave;
	struct sources *sources;
	/* Messages of controllers that serve us not: of the one that is asked, of all others. */
	struct meter_rate idle_rate;
	struct meter_wide idle[2];
	struct siphash_key cookie_key; /* the same after a restart */
	struct mg_file *file;
	struct rand rand;
	struct mg_assoc assoc;
	struct mg_run *runs; /* wait for counters */
	uint64_t walk_ms;    /* from when on another action may be of every context */
	uint64_t told;	     /* events of the gateway that were looked at */
	/* Transactions of the second that goes on, and of the one before. */
	uint64_t second_ms;
	uint32_t this_second, last_second;
	uint32_t looked; /* cursor over all contexts, for those that hang */
	struct sock_addr controller[CONFIG_H248_CONTROLLERS_MAX];
	struct config_h248_controller conf[CONFIG_H248_CONTROLLERS_MAX]; /* the same */
	uint16_t n_controller; /* 0: at rest, until a reload names some */
	struct mg_stats stats;
	uint64_t dropped; /* by the kernel, at sockets that are closed */
	char mid[MG_MID_MAX];
	struct h248_message in, run; /* the message that came, and one that has waited */
	const char *text;	     /* of the one that came */
	size_t len;
	struct sdp sdp;
	/* A reply, what its action in hand has of it, and a request, which may be made meanwhile.
	 */
	char packet[TPKT_MAX]; /* of the stream */
	char out[H248_MESSAGE_MAX], part[H248_MESSAGE_MAX], request[MG_REQUEST_BYTES_MAX];
};

/* ---- mg.c ---- */

/* A message of whoever. */
void mg_take(struct mg *m, const struct source_addr *from, const char *p, size_t len);
/* An answer; what a connection is for that is gone is lost, as on the way. */
void mg_send(struct mg *m, const struct source_addr *to, const char *p, size_t len);
/* To who is in charge, or is asked. */
void mg_send_controller(struct mg *m, const char *p, size_t len);
/* Whether that one is reached by a connection, so that nothing is lost while it stands. */
bool mg_by_stream(const struct mg *m);
/* Begins a message of ours into p. */
void mg_begin(const struct mg *m, struct h248_out *o, char *p, size_t len);

/* A gateway at rest. NULL, and one sentence. */
struct mg *mg_create(const struct server *s, struct gateway *g, struct event_base *base, char *err,
		     size_t errlen);
/* NULL, and one sentence in err. Nobody is heard before it is enabled. */
struct datagram *mg_udp_open(struct mg *m, const struct config_gateway *c, char *err,
			     size_t errlen);
/* It hears the controllers that are reached by it, and who is told that it is none any more. */
void mg_udp_hear(struct mg *m);
void mg_udp_close(struct mg *m);
/* Takes up the name, controllers and timer of the configuration in force. */
void mg_take_conf(struct mg *m);
/* The name that others know us by. */
void mg_mid(const struct config_gateway *c, char mid[MG_MID_MAX]);

/* As mg_names.def has them. */
void mg_names_init(struct mg_names *names);
/* With what the file, if there is one, puts in their place. False, and one sentence in err. */
bool mg_names_load(struct mg_names *names, const char *path, char *err, size_t errlen);
const char *mg_name(const struct mg *m, enum mg_name name);
/* Without regard to case. */
bool mg_is(const struct mg *m, struct h248_text t, enum mg_name name);

/* ---- mg_request.c: requests of ours ---- */

enum { MG_AGAIN_MAX_MS = 4000 /* D.1.3 */ };

/* "20261122T09300012", of this moment. */
const char *mg_time(uint64_t wall_ms, char text[24]);
/* Milliseconds until a request that was sent again tries times is sent once more. */
uint64_t mg_again_after(struct mg *m, uint32_t tries);
/*
 * Sends a request whose message stands in o, begun by mg_request_begin(), or keeps it until a
 * controller is in charge. passes: it is of this association alone. False: it is lost, and counted.
 */
uint32_t mg_request_begin(struct mg *m, struct h248_out *o);
bool mg_request_send(struct mg *m, struct h248_out *o, uint32_t id, bool passes);
/* The same of one that is whole; registers: it is the ServiceChange that makes an association. */
bool mg_request_put(struct mg *m, struct h248_out *o, uint32_t id, bool registers, bool passes);
/* One of an earlier process, in the order of those. False: it cannot be. */
bool mg_request_restore(struct mg *m, uint32_t id, bool passes, const char *text, uint32_t len,
			uint16_t kept);
/* The one that a reply is to; NULL: there is none. */
struct mg_request **mg_request_find(struct mg *m, struct h248_text id_text);
void mg_request_del(struct mg *m, struct mg_request **at);
/* The association is over: what is of terminations is for whoever is in charge next. */
void mg_requests_hold(struct mg *m);
/* Somebody is in charge: what was held goes. */
void mg_requests_go(struct mg *m);
/* Nobody is left to be told. */
void mg_requests_drop(struct mg *m);

/* ---- mg_file.c: what outlives this process ---- */

/* Takes up answers and requests of an earlier one. On failure false, and one sentence. */
bool mg_file_open(struct mg *m, char *err, size_t errlen);
void mg_file_close(struct mg *m);
/* Takes up the association. False: none goes on; what is to be told of it is in m->assoc. */
bool mg_file_load(struct mg *m);
/* The association as it is now. */
void mg_file_save(struct mg *m);
/* A number of a request of ours is used, and by no process again. */
void mg_file_number(struct mg *m);
/* A transaction is run; it has been answered. */
void mg_file_begin(struct mg *m, const struct source_command *p);
void mg_file_answer(struct mg *m, const char *text, size_t len);
/* Where a request of ours is kept until it is done. */
uint16_t mg_file_request(struct mg *m, const struct mg_request *r);
void mg_file_request_done(struct mg *m, uint16_t at);
/* What m->leave is now. */
void mg_file_leave(struct mg *m);
/* Whether an earlier process has left one. */
bool mg_file_is_there(const struct config *c);

/* ---- mg_load.c: overload (H.248.11) ---- */

enum { MG_RATE_MAX = 20000 /* transactions a second of a controller */ };

/* A transaction has come. */
void mg_load_count(struct mg *m);
/* The controller adds a termination: it is told if that is nearly more than can be had. */
void mg_load_added(struct mg *m);

/* ---- mg_reload.c ---- */

/*
 * Whoever is there, by UDP, is told that it serves us no more, in the name that it knows, until it
 * has answered.
 */
void mg_leave_begin(struct mg *m, const struct sock_addr *to, const char *mid);
/* Whether it is one that is told that it serves us no more, and has not answered. */
bool mg_leaving(const struct mg *m, const struct source_addr *from);
void mg_leave_reply(struct mg *m, const struct source_addr *from, const struct h248_item *reply);
/* Tells it again, if that is due; a gateway that has told all, and has no controllers, rests. */
void mg_leave_tick(struct mg *m);

/* ---- mg_stream.c: the connection with who is in charge, or is asked, if he has one ---- */

/* Whether TLS is needed, and what it needs; on failure NULL, and one sentence. */
bool mg_wants_tls(const struct config_gateway *c);
SSL_CTX *mg_stream_load(const struct config_gateway *c, char *err, size_t errlen);
/* Begins to connect; one that was there is closed. Without a socket there is none. */
void mg_stream_open(struct mg *m);
/* NULL is fine. It is told to nobody; mg_stream_end() tells the association, soon. */
void mg_stream_close(struct mg *m);
void mg_stream_end(struct mg *m, const char *why);
/* It is no more. */
void mg_stream_gone(struct mg *m, const char *why);
/* What is sent before it stands goes then. sid: by that stream, if it is of SCTP and has it. */
void mg_stream_send(struct mg *m, uint16_t sid, const char *p, size_t len);
/* Not the same for any two; 0: there is none. */
uint64_t mg_stream_number(const struct mg *m);

/* ---- mg_sctp_socket.c: what the kernel has of SCTP ---- */

/* Whether it has what is wanted; false, and one sentence. */
bool mg_sctp_check(const struct config_gateway *c, char *err, size_t errlen);
/* A socket that is connecting. -1 and errno on failure. */
int mg_sctp_connect(const struct ip_addr *from, const struct sock_addr *to);
/* How many streams there are to send by, once it stands. */
uint16_t mg_sctp_streams(int fd);

/* ---- mg_sctp.c: the same by SCTP, for mg_stream.c ---- */

/* Begins to connect; NULL: it cannot be. */
struct mg_sctp *mg_sctp_open(struct mg *m, uint64_t number);
void mg_sctp_close(struct mg_sctp *s);
/* Soon, by mg_stream_gone(). */
void mg_sctp_end(struct mg_sctp *s, const char *why);
/* By that stream, else by the first. False: more is waiting than there is room for. */
bool mg_sctp_send(struct mg_sctp *s, uint16_t sid, const char *p, size_t len);

/* ---- mg_assoc.c ---- */

/* Of nobody yet. */
void mg_assoc_init(struct mg *m);
/* The connection has ended, or could not be made. */
void mg_assoc_broken(struct mg *m, const char *why);

/* Goes on with who was in charge before a restart, or registers. */
void mg_assoc_start(struct mg *m);
/*
 * The list was another; who serves us goes on if the list has it, else another one is asked. anew:
 * it knows us by what is not so any more, and is registered with again.
 */
void mg_assoc_relist(struct mg *m, const struct sock_addr *was, uint16_t n_was, bool anew);
enum { MG_LOST_MS = 25000 }; /* T-MAX (D.1.5): who has not answered then is lost */
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
/* A ServiceChange of all that we have: method and reason stand between these two. */
void mg_service_change_open(struct h248_out *o);
/* A whole one behind mg_request_begin(), but for its end. delay: in seconds; 0: none is said. */
void mg_service_change(struct mg *m, struct h248_out *o, enum h248_token method, const char *reason,
		       uint32_t delay);
/* The gateway stops: said once, if nothing outlives it. */
void mg_assoc_stop(struct mg *m);
void mg_service_change_close(const struct mg *m, struct h248_out *o);

/* ---- mg_run.c: transactions ---- */

/* Runs a transaction of the message in m->in, and answers it now or later. */
void mg_run(struct mg *m, struct source_command *pending, const struct h248_item *transaction);
void mg_runs_free(struct mg *m);
/* One that came again is at work: its controller is told so (Pending), if it waits. */
void mg_run_again(struct mg *m, const struct source_command *pending);
/* Tells controllers of what takes longer than they expect. */
void mg_runs_tick(struct mg *m);
/* Whether an action of a transaction of m->in makes an urgent context, or is of one. */
bool mg_asks_urgent(struct mg *m, const struct h248_item *transaction);

/* Of a context (H.248.1 6.1.1). */
struct mg_attributes {
	uint8_t priority; /* 0 to MG_PRIORITY_MAX */
	bool emergency, ieps;
};

static inline bool mg_is_urgent(struct mg_attributes a)
{
	return a.emergency || a.ieps || a.priority;
}

/* What an action says of two terminations; direction 0: nothing. */
struct mg_topology {
	struct h248_text first, second;
	uint8_t direction; /* enum h248_token */
};

/* A transaction in hand. */
struct mg_work {
	struct mg *m;
	const struct h248_message *in;
	const struct h248_item *action;
	const char *moved; /* name of the termination that was looked for, whose and which */
	uint64_t moved_from;
	uint32_t moved_side;
	struct h248_out o;		 /* what the action in hand replies */
	struct context *c;		 /* the action's; NULL: none yet, or the null context */
	bool choose;			 /* the action is to make one */
	bool null;			 /* it is of the null context */
	bool all;			 /* it is of every context, c for now */
	bool wild;			 /* and a command was W-, so that all reply together */
	uint32_t number;		 /* of the context, also of one that is gone; 0: none */
	size_t replied;			 /* bytes of the reply before this action's */
	struct mg_attributes attributes; /* of the context, as the action says or it has them */
	struct mg_topology topology;	 /* of the termination that the action adds first */
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

/* ---- mg_root.c: what is set of ROOT, and told of it ---- */

void mg_root_init(struct mg_assoc *a);
bool mg_root_modify(struct mg_work *k, const struct h248_item *command);
/* Whether Media of an audit asks for what there is, or k->code says what is not. */
bool mg_root_media_asked(struct mg_work *k, const struct h248_item *media);
void mg_root_put_media(struct mg_work *k, const struct h248_item *media, bool can);

/* ---- mg_command.c ---- */

/* Carries out a command and writes its reply into k->o; false: it failed, and k->code says why. */
bool mg_command(struct mg_work *k, const struct h248_item *command);

/* ---- mg_term.c: terminations ---- */

enum mg_rtp { MG_RTP_NONE, MG_RTP, MG_SRTP, MG_DTLS };

/* What a controller keeps with a termination: in struct context_term's keep. */
struct mg_keep {
	uint32_t request; /* id of its Events descriptor */
	uint32_t events;  /* bits 1 << enum mg_event */
	uint32_t hang_s;  /* hangterm/thb: seconds; 0: not watched */
	uint32_t heard;	  /* seconds: the controller said something about it, or was told */
	uint8_t mode;	  /* enum h248_token */
	uint8_t stream;	  /* its number as the controller has it */
	uint8_t latched;  /* ipnapt/latch is on */
	/* As Local and LocalControl have it; rtp: enum mg_rtp. */
	uint8_t rtp, mux, no_rtcp, any_port;
	uint8_t begun;			 /* TCP and TLS: it has been told to listen or connect */
	uint32_t since;			 /* seconds: it was added */
	struct mg_attributes attributes; /* of the context: each of its terminations has them */
	uint8_t shut; /* what comes to the other one does not leave by it (Topology) */
	uint8_t ice;  /* Local has a=ice-ufrag and a=ice-pwd */
};
_Static_assert(sizeof(struct mg_keep) <= CONTEXT_KEEP_MAX, "it fits");

enum mg_event {
	MG_EVENT_CAUSE,
	MG_EVENT_HANG,
	MG_EVENT_STOP,
	MG_EVENT_UP,
	MG_EVENT_ADDRESS,
	MG_EVENTS
};

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
	bool keyed_in, keyed_out; /* a=crypto came in Remote, in Local: */
	struct gate_srtp srtp;	  /* else what is known of it; to be wiped */
	uint8_t remote_by;	  /* enum ctl_transport of Remote; 0: it says nothing of it */
	bool remote_dtls;	  /* and whether it is of DTLS */
	bool told;		  /* its local address was to be chosen: it is in the reply */
	struct sock_addr local;	  /* that it has; all zeros: it is to be added */
};

struct mg_keep mg_keep_get(const struct context *c, uint32_t side);
/* The controller has just said something about it, or was told. */
void mg_term_heard(struct mg *m, struct context *c, uint32_t side);
/*
 * Reads what a command has of descriptors onto what *w is. fresh: it is to be added, of the realm
 * named in its termination's name, if any is.
 */
bool mg_term_read(struct mg_work *k, const struct h248_item *command, bool fresh,
		  struct mg_want *w);
/* What hangs on more than one descriptor, or on the topology. */
void mg_term_settle(struct mg_want *w);
/* Gives a termination that was set the keys that came with the command. False: it failed. */
bool mg_term_keys(struct mg_work *k, struct context *c, uint32_t side, const struct mg_want *w);
/* Before that: so that it does not. */
bool mg_term_keys_ready(struct mg_work *k, struct context *c, const struct mg_want *w);

/* ---- mg_told.c: what is told of a termination ---- */

/* Writes "Media{Stream{Local}}" of it. */
void mg_term_put_local(struct mg_work *k, const struct context *c, uint32_t side);
/*
 * Writes Media, Events, Signals: all of it, or what `asked` has in it. can: what there could be,
 * and not what there is.
 */
void mg_put_media(struct mg_work *k, uint32_t side, const struct h248_item *asked, bool can);
void mg_put_events(struct mg_work *k, uint32_t side, const struct h248_item *asked, bool can);
void mg_put_signals(struct mg_work *k, uint32_t side, const struct h248_item *asked, bool can);
/* Whether Media of an audit asks for what is served, or k->code says what is not. */
bool mg_media_asked(struct mg_work *k, const struct h248_item *media);
/* Whether a descriptor of an audit asks for all, or for this by name. */
bool mg_asked(const struct mg_work *k, const struct h248_item *descriptor, enum mg_name name);

/* ---- mg_topology.c ---- */

/* What an action says of it; false: it is wrong. */
bool mg_topology(struct mg_work *k, const struct h248_item *topology);
/*
 * A termination is about to join k->c, NULL: one that is made; *shut is what it is to be. added:
 * by Add, so that it may be the action's "$". False: that cannot be.
 */
bool mg_topology_join(struct mg_work *k, bool added, bool *shut);
/* Writes that of k->c, if it has two. */
void mg_topology_put(struct mg_work *k);

/* ---- mg_identity.c ---- */

/* A context as its number on the wire, and back; NULL: there is none. */
uint32_t mg_context_number(const struct context *c);
struct context *mg_context_find(struct mg *m, uint32_t number);
/* Whose termination is called so, and which; NULL: nobody's. Walks the table. */
struct context *mg_term_find(struct mg *m, struct h248_text name, uint32_t *side);
/* "ip/access/4711", which it keeps wherever it is moved to. */
const char *mg_term_name(const struct mg *m, const struct context *c, uint32_t side,
			 char name[MG_NAME_MAX]);
/* Whether a name is meant by one that may have a "*" in it (H.248.1 7.2, Annex B). */
bool mg_term_matches(struct h248_text pattern, const char *name);
/* The realm of that name, or of what is made of it in names of terminations. */
bool mg_realm_find(const struct config *c, struct h248_text name, uint16_t *realm);

/* ---- mg_sdp.c ---- */

/* What stands in Local or Remote. */
struct mg_sdp {
	bool empty;
	bool choose_addr, choose_port; /* "$" */
	bool v6, rtcp, mux;	       /* rtcp: it has an address of its own */
	uint8_t rtp;		       /* enum mg_rtp */
	struct ctl_srtp_key key;       /* of a=crypto; to be wiped */
	uint8_t transport;	       /* enum ctl_transport */
	bool role, active;	       /* a=setup is there, and which (RFC 4145) */
	uint8_t n_fingerprint;
	struct fingerprint fingerprint[CTL_FINGERPRINTS_MAX];
	uint32_t tls_id;
	bool ice, choose_ice;	      /* a=ice-ufrag and a=ice-pwd are there; with "$" */
	bool half_ice;		      /* one of them is missing, or has no "$" as the other has */
	struct sdp_text ice_text[2];  /* what they say; until another is read */
	struct sock_addr addr[2];     /* where given */
	char media[CONTEXT_NOTE_MAX]; /* "audio RTP/AVP -": the m-line without its port */
};

bool mg_sdp_read(struct mg_work *k, struct h248_text octets, struct mg_sdp *s);

/* ---- mg_audit.c ---- */

/* Replies to AuditValue and AuditCapability. */
bool mg_audit(struct mg_work *k, const struct h248_item *command);
/* Statistics of a termination of k->c, if they are known. */
void mg_put_statistics(struct mg_work *k, uint32_t side);
/* Whether a command asks for them. */
bool mg_asks_statistics(const struct h248_message *in, const struct h248_item *command);

/* ---- mg_event.c ---- */

/* Looks at what has happened, and tells the controller. */
void mg_events(struct mg *m);
/* Of ROOT. */
void mg_notify_root(struct mg *m, enum mg_name event);
void mg_context_ended(void *arg, const struct context *c, enum context_end end);

#endif
