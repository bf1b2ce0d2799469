/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_PORTS_H
#define FL_CP_PORTS_H

/*
 * Relayed ports. Each relay address has its range of ports shared out among the workers, or is
 * one worker's (config_relay_worker()). Within a share a port is drawn at random, in O(1) also when
 * nearly all are taken (RFC 8656 21.4 and RFC 6056: an attacker must not guess the next). A port
 * that was given back is in quarantine before it is drawn again, so that late packets of its last
 * owner's peers do not reach the next one; the quarantine is cut short when nothing else is free.
 *
 * The quarantine outlives the process (R70). A state file beside that of allocations has a word for
 * each port: when its quarantine ends, or that it is taken. At start a port that the file has as
 * taken and that no record claims goes into quarantine, too: its record went, or was never
 * completed, as the process died; or was over since, damaged or of another configuration. So it
 * does not matter whether a record or the word of its port is written first.
 */
#include "../conf/config.h"
#include "rand.h"

enum { PORTS_QUARANTINE_S = 30 };

enum ports_want {
	PORTS_ANY,
	PORTS_EVEN, /* EVEN-PORT */
	PORTS_PAIR, /* EVEN-PORT with R: the even port is returned, both are taken */
};

/* Who may have pairs that are kept for urgent calls. */
enum ports_rank {
	PORTS_ORDINARY,
	PORTS_URGENT, /* all but the last sixteenth */
	PORTS_LAST,   /* all of them: who has less than an equal part of urgent calls (R27) */
};

/* Who has a port; also of one that is reserved. */
enum ports_owner {
	PORTS_NOBODY, /* free, in quarantine, or no port of the relay's range */
	PORTS_TURN,   /* an allocation's */
	PORTS_TERM,   /* a termination's of a context */
};

struct ports;

/*
 * One table for all relays of c, which must outlive it, and the state file: c->control.state with
 * ".ports" behind it. boot_id as of table_open(). On failure NULL and one sentence in err. r must
 * outlive it.
 */
struct ports *ports_open(const struct config *c, struct rand *r, const char *boot_id, char *err,
			 size_t errlen);
/* Bytes of the process' own that it takes. */
uint64_t ports_memory_size(const struct config *c);
/* Lets go of the file. */
void ports_close(struct ports *p);

/*
 * A reload: makes what relays that are new in c, or have other ports, want; false, and one sentence
 * in err: there is no room. Then, once p's own configuration is that one, or stays: takes it up, or
 * throws it away. What is taken of ports that stay is taken.
 */
bool ports_prepare(struct ports *p, const struct config *c, char *err, size_t errlen);
void ports_finish(struct ports *p, bool apply, uint32_t now);

/*
 * All records of an earlier process have claimed their ports: what else it had, or had in
 * quarantine, is in quarantine now. Call once, before anything is drawn. ports_resume_worker(): the
 * same of one worker's share; again it is nothing.
 */
void ports_resume(struct ports *p, uint32_t now);
void ports_resume_worker(struct ports *p, uint32_t worker, uint32_t now);

/* Draws a port of worker's share on a relay for TURN. 0 if there is none. now: seconds. */
uint16_t ports_take(struct ports *p, uint32_t relay, uint32_t worker, enum ports_want want,
		    uint32_t now);

/*
 * Draws a port of worker's share on one of TURN's relays of a family, which are used alike.
 * CTL_RELAY_NONE if none has any.
 */
struct ctl_relay ports_take_family(struct ports *p, bool v6, uint32_t worker, enum ports_want want,
				   uint32_t now);

/*
 * Draws a port of worker's share on a relay of an address realm, for a termination. realm: its
 * index in the configuration. PORTS_ORDINARY, as TURN's clients are, gets none of the last
 * gateway.urgent-ports pairs of a share of such a relay, but halves of pairs whose other half is
 * in use.
 */
struct ctl_relay ports_take_realm(struct ports *p, uint32_t realm, bool v6, uint32_t worker,
				  enum ports_want want, enum ports_rank rank, uint32_t now);
/* Whether a worker's share of a realm has pairs left that are for higher ranks alone. */
bool ports_withheld(const struct ports *p, uint32_t realm, bool v6, uint32_t worker,
		    enum ports_rank rank);
/* Whether a port that is free is of these. */
bool ports_is_withheld(const struct ports *p, uint32_t relay, uint16_t port, enum ports_rank rank);

/* Marks a port as taken (a record of an earlier process has it). False if it cannot be. */
bool ports_claim(struct ports *p, uint32_t relay, uint16_t port, enum ports_owner owner);
/* Whether it can be; one whose quarantine is over at now (seconds) can. */
bool ports_is_free(struct ports *p, uint32_t relay, uint16_t port, uint32_t now);

/* Who has it now. relay: index in the configuration. */
enum ports_owner ports_owner(const struct ports *p, uint32_t relay, uint16_t port);

/* Gives a taken port back. */
void ports_give(struct ports *p, uint32_t relay, uint16_t port, uint32_t now);

/* Why its file was started afresh, or NULL: no port of an earlier process is in quarantine. */
const char *ports_fresh(const struct ports *p);
/* Ports of a relay that are taken or in quarantine now. */
uint32_t ports_used(const struct ports *p, uint32_t relay);
/* Of these, in quarantine, as far as it was looked at: one that is over counts until then. */
uint32_t ports_quarantined(const struct ports *p, uint32_t relay);
/* Ports of a relay's range that are neither. */
uint32_t ports_unused(const struct ports *p, uint32_t relay);

#endif
