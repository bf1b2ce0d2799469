/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_NG_WORLD_H
#define FL_TESTS_NG_WORLD_H

/*
 * A controller that speaks ng to a whole server over UDP, and a dataplane that answers audits and
 * deletions. Realm access has 192.0.2.11 and 2001:db8:ffff::1, and a TLS domain with one
 * certificate; core has 192.0.2.12 and the same domain. Remotes are in 203.0.113.0/24.
 */
#include "cp/ng/ng_priv.h"
#include "cp_env.h"

struct ng_world {
	struct env e;
	struct event_base *base;
	struct ng *ng;
	int fd; /* the controller's */
	unsigned int cookie;
	struct ctl_term_stats stats[2]; /* what the dataplane counts, of each context */
	bool mute;			/* it does not answer */
	struct cmd_srtp_set srtp[2];	/* the last that it got, by side */
	uint32_t n_srtp;		/* and how many */
	char in[NG_MESSAGE_MAX];	/* the last answer, NUL-terminated */
	size_t in_len;
	char sdp[8192]; /* of the last offer or answer */
};

/* One of the loopback address that nobody has now; type as for socket(2). */
uint16_t ng_free_port(int type);
void ng_world_open(struct ng_world *w);
void ng_world_close(struct ng_world *w);
int ng_world_setup(void **state);
int ng_world_teardown(void **state);

/* Sends a datagram and lets the server work. False: nothing came back. */
bool ng_say(struct ng_world *w, const void *p, size_t len);
bool ng_say_text(struct ng_world *w, const char *text);
/* Server and dataplane do what there is to do. */
void ng_turn(struct ng_world *w);

/* The control process has gone and come back, with the dataplane it had or another. */
void ng_world_restart(struct ng_world *w);
void ng_world_dataplane(struct ng_world *w, uint64_t generation);

/* A command in JSON (jansson's format), its answer. Free with json_decref(). */
json_t *ng_ask_json(struct ng_world *w, const char *fmt, ...);
/*
 * An offer or answer with more keys in JSON ("\"ICE\":\"force\""; "": none): must succeed. The SDP
 * that came back is in w->sdp. Lines of sdp end with LF here and come back with CRLF turned to it.
 */
void ng_sdp(struct ng_world *w, const char *command, const char *from, const char *to,
	    const char *more, const char *sdp);
/* The same, and it must be refused with a sentence that has `why` in it. */
void ng_sdp_refused(struct ng_world *w, const char *command, const char *more, const char *sdp,
		    const char *why);

/* Whether a line, or part of the SDP, is in the last SDP; both fail the test if it is not so. */
void ng_has(const struct ng_world *w, const char *line);
void ng_lacks(const struct ng_world *w, const char *part);
/* Contexts there are. */
uint32_t ng_contexts(const struct ng_world *w);
/* The context of call "c" and an m-line; must be there. */
struct context *ng_context(const struct ng_world *w, uint16_t media);

#endif
