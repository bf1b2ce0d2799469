/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_IPSEC_PHONES_H
#define FL_CP_IPSEC_PHONES_H

/*
 * Phones with IPsec associations (TS 33.203 7), as controllers made them; the dataplane has what
 * they are protected by, and goes on by itself. There is no file: a control process that has
 * restarted is told by the dataplane what there is, and knows no keys. So a dataplane that restarts
 * after it has none either, and these phones register anew.
 */
#include "../dplink.h"

struct server;

enum {
	PHONE_USER_MAX = 128,
	PHONE_NAME_MAX = 40,
	PHONE_EVENTS = 4096, /* kept for controllers that fetch them; the oldest goes */
	PHONE_ENDING_S = 30, /* before their end associations are said to be near it */
};

/* id.gen 0: a place that is free. s.user is of `user`, and known longer. */
struct phone {
	struct ctl_ipsec s;
	uint32_t worker, next;
	uint32_t made; /* seconds */
	bool keyed;    /* the keys are known */
	bool used;     /* it has sent something */
	bool spent;    /* nothing more can be sent to it */
	bool ending;   /* that its end is near was told */
	uint8_t key[16], mac[20], salt[CTL_IPSEC_SALT];
	char user[PHONE_USER_MAX]; /* as its controller calls it; "": not known */
};

struct phones;

/* For conf's ipsec.phones of each worker. NULL: no memory. */
struct phones *phones_new(struct server *s);
void phones_free(struct phones *t);

enum phone_fault {
	PHONE_OK,
	PHONE_FULL,
	PHONE_CLASH, /* another phone has that port at that address */
	PHONE_AWAY,  /* no dataplane, or it is still telling what it has */
};

/*
 * Takes up what p says of itself, all but its worker, id and our SPIs, which are chosen here, and
 * tells the dataplane. One of the same user, if he was named, at the same address and ports stands
 * beside it: what is sent goes by the older one's associations until the newer one's were used.
 */
enum phone_fault phones_add(struct phones *t, const struct phone *p, struct phone **out);

/* It lives until then (seconds of CLOCK_MONOTONIC). */
void phones_extend(struct phones *t, struct phone *p, uint32_t expiry);

enum phone_end {
	PHONE_END_LIFETIME,
	PHONE_END_DELETED, /* the dataplane was given CMD_IPSEC_DEL */
	PHONE_END_LIMIT,   /* the dataplane has no room for it */
	PHONE_END_REFUSED, /* it could not be obeyed */
	PHONE_END_LOST,	   /* the dataplane has restarted, and we know no keys */
	PHONE_ENDS
};

void phones_forget(struct phones *t, struct phone *p, enum phone_end why);

/* "W-S-G". */
void phones_name(const struct phone *p, char name[PHONE_NAME_MAX]);
struct phone *phones_find(struct phones *t, const char *name);
/* The next that is there, from *at on; NULL at the end. */
struct phone *phones_walk(struct phones *t, uint32_t *at);
uint32_t phones_count(const struct phones *t);

/* ---- events for controllers ---- */

enum phone_news {
	PHONE_NEWS_USED,  /* the first packet with a right tag has come */
	PHONE_NEWS_MOVED, /* a NAT gave it another address or port, to which ours go now */
	PHONE_NEWS_SPENT, /* its numbers are at their end: nothing more is sent */
	PHONE_NEWS_ENDING,
	PHONE_NEWS_ENDED,
	PHONE_NEWS
};

struct phone_event {
	uint64_t seq;	  /* from 1, without gaps */
	uint64_t wall_ms; /* CLOCK_REALTIME */
	uint32_t left_s;  /* of its lifetime */
	uint8_t what;	  /* enum phone_news */
	uint8_t end;	  /* enum phone_end, with PHONE_NEWS_ENDED */
	struct sock_addr remote;
	char name[PHONE_NAME_MAX];
	char user[PHONE_USER_MAX];
};

/* The one with seq or the oldest kept after it; NULL: there is none yet. */
const struct phone_event *phones_event_get(const struct phones *t, uint64_t seq);
/* Of the newest; 0: there was none. */
uint64_t phones_event_last(const struct phones *t);
/* Calls changed after each; one listener. */
void phones_events_listen(struct phones *t, void (*changed)(void *arg), void *arg);

/* ---- the link's part ---- */

/* Whether the dataplane is to tell what it has. */
bool phones_partial(const struct phones *t);
void phones_whole(struct phones *t);
/* False: nobody is concerned. */
bool phones_event(struct phones *t, uint32_t worker, const struct evt_ipsec *e);
enum dplink_work phones_replay(struct phones *t, uint32_t worker, struct dplink_cursor *cur);

/* Once a second: those that are over go, as the dataplane's do. */
void phones_turn(struct phones *t);

#endif
