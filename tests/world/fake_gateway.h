/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_FAKE_GATEWAY_H
#define FL_TESTS_FAKE_GATEWAY_H

/* A gateway that keeps what it is told and does nothing else. */
#include "cp/context/gateway.h"
#include "cp/h248/mg.h"
#include "cp/ng/ng.h"

enum { FAKE_CONTEXTS = 400, FAKE_EVENTS = 8, FAKE_SPARSE = 100 };

struct gateway {
	struct context c[FAKE_CONTEXTS]; /* id 0: free */
	struct gate_plan plan;		 /* of the last that was added or changed */
	struct term_spec spec[2];	 /* likewise */
	struct gate_srtp srtp[2];	 /* likewise */
	bool keyed[2];			 /* srtp is known */
	uint32_t n_keyed;		 /* how often keys were set */
	bool no_keys;			 /* there is no memory for them */
	struct gate_fail fail; /* if its error is not GATE_OK: what comes next is refused so */
	struct gate_stats stats;
	/* An audit or deletion that was asked for. */
	gate_stats_fn *done;
	void *arg;
	/* News last - FAKE_EVENTS + 1 to last are kept. */
	struct gate_event events[FAKE_EVENTS];
	uint64_t last;
	void (*changed)(void *arg);
	void *changed_arg;
};

struct ng {
	struct ng_stats stats;
};

struct mg {
	struct mg_stats stats;
	enum mg_state state;
	struct sock_addr controller;
};

/* Tells an event, whose seq is set here. */
void fake_gateway_event(struct gateway *g, struct gate_event n);

#endif
