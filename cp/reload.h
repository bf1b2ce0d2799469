/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_RELOAD_H
#define FL_CP_RELOAD_H

/*
 * The file is read anew while allocations and contexts go on. All of it is checked, then whoever
 * holds something that was made of keys makes ready what the new ones ask for; if any of them
 * cannot, nothing has changed. Then fairlead-dp is told, if any key is APPLIED_BOTH: it reads the
 * file by itself, and if it cannot take it, nothing has changed either. Once it has, live keys have
 * their new values. Who reads them in struct config when he needs them has nothing to do.
 */
#include "../conf/config.h"

struct server;
struct dpsock;

enum {
	RELOAD_PARTS = 17,
	RELOAD_WAITING_MAX = 16,
	RELOAD_FILE_MAX = 1 << 20,
	RELOAD_WHY_MAX = 2 * CONFIG_STR_MAX
};

struct reload_part {
	/* False, and one sentence in err: c cannot be had, and all is as it was. */
	bool (*prepare)(void *arg, const struct config *c, char *err, size_t errlen);
	/* After it, perhaps turns later: the values are in force, or with false all stays. */
	void (*finish)(void *arg, bool apply);
	void *arg;
};

/* How a reload ended: with false nothing has changed, and why is one sentence. */
typedef void reload_done(void *ctx, bool ok, const char *why);

/* One that waits until the one under way is over. */
struct reload_next {
	void (*begin)(void *ctx);
	void *ctx;
};

struct reload {
	struct config *conf; /* the server's, to be written; NULL: it is another's */
	/* How the dataplane is asked: dpsock_attached(), dpsock_ask(). sock NULL: not at all. */
	struct dpsock *sock;
	bool (*attached)(const struct dpsock *d);
	bool (*ask)(struct dpsock *d, const void *msg, size_t len, uint32_t patience_ms,
		    void (*answer)(void *ctx, bool ok, const char *text), void *ctx);
	bool under_way; /* the dataplane is asked, or reads certificates */
	/* Those that came meanwhile, in order. */
	struct reload_next next_one[RELOAD_WAITING_MAX];
	unsigned n_waiting;
	bool unsure;	/* what the dataplane has: it said no, or did not answer in time */
	uint64_t taken; /* digest of the file whose live keys are in force; 0: of the start */
	struct reload_part part[RELOAD_PARTS];
	unsigned n_parts;
	/* Of the one under way, or the last. */
	struct config *next;	   /* what will be in force */
	struct config_waits waits; /* what of the file will not, although it is live */
	uint64_t digest;	   /* of the file's keys of both processes */
	unsigned prepared;	   /* parts */
	struct listener_place place[CTL_PLACES_MAX]; /* as they were */
	uint16_t n_place;
	bool by_both; /* the dataplane has taken it, certificates among it */
	reload_done *done;
	void *ctx;
};

/* Adds one. finish may be NULL if prepare is. */
void reload_add(struct server *s, struct reload_part part);

/* The file as it is now, checked; NULL: errors has each mistake. Free with config_free(). */
struct config *reload_read(const struct server *s, struct config_errors *errors);

/*
 * What a reload of a checked file would do, while no other one is under way: makes all ready.
 * False, and why: it would change nothing. Either way one of the other two follows before anything
 * else happens; s->reload.waits has what waits for a restart.
 */
bool reload_prepare(struct server *s, const struct config *fresh, char *why, size_t len);
/* Puts it in force. done is called once, perhaps at once; until then under_way is set. */
void reload_apply(struct server *s, reload_done *done, void *ctx);
/*
 * Calls begin now, or once no reload is under way and those that came before have begun: from
 * reload_turn(). False: too many wait.
 */
bool reload_wait(struct server *s, void (*begin)(void *ctx), void *ctx);
/* Begins with the next one. Call now and then. */
void reload_turn(struct server *s);
/* All stays as it is. */
void reload_abandon(struct server *s);

/*
 * All of it, told in the log: on SIGHUP. done hears false also of a file with mistakes. No other
 * reload is under way.
 */
void reload_by_signal(struct server *s, reload_done *done, void *ctx);

/*
 * config_both_digest() of the file that we run with, for the hello: a dataplane that missed a
 * reload takes it then, and so does one that is older than our last start.
 */
uint64_t reload_digest(const struct server *s);

#endif
