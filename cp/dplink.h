/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_DPLINK_H
#define FL_CP_DPLINK_H

/*
 * The control process's end of the boundary (lib/ctl_abi.h): the mapped region, its rings, and the
 * replay after an attach. Nothing in the region is believed: geometry is copied and checked once
 * at attach, an event is copied once and then checked, and a value that cannot be right ends the
 * attachment. dpsock.c does the socket.
 */
#include "../conf/config.h"

struct dplink;
struct server;

enum {
	/*
	 * Free slots that one event may need: 64 permissions and a reply. Less than the half of a
	 * ring that a replay leaves (dataplane.ring-slots is 256 at least).
	 */
	DPLINK_RESERVE = 80,
	DPLINK_REPLAY_SCAN = 4096, /* session slots looked at before others get their turn */
};

enum dplink_work {
	DPLINK_IDLE,	/* nothing to do until the eventfd speaks */
	DPLINK_MORE,	/* budget used up, call again */
	DPLINK_BLOCKED, /* work is left, but a command ring is full: call again in a moment */
};

/* How far the replay of what a worker has has come. Zero at its start. */
struct dplink_cursor {
	enum { DPLINK_SESSIONS, DPLINK_CONTEXTS, DPLINK_PHONES } of; /* one after the other */
	uint32_t slot;						     /* of these */
	uint32_t sent;	/* of that session's commands, */
	uint32_t total; /* of which there were so many when it was begun */
};

struct dplink_stats {
#define LINK(member, ...) uint64_t member;
#include "stat.def"
};

/* The server is whom dispatch.h hands events to. */
struct dplink *dplink_create(const struct config *c, struct server *s);
void dplink_free(struct dplink *l);

/*
 * Maps the region behind memfd and starts the replay. Takes both descriptors over in any case.
 * False, and one sentence in err, when the region is not what it should be.
 */
bool dplink_attach(struct dplink *l, int memfd, uint64_t size, int wake_cp, char *err,
		   size_t errlen);
void dplink_detach(struct dplink *l);

/*
 * Behind an attach: each worker tells what it has, and the replays begin once all have. Until then
 * no request of a worker that has not is handed on.
 */
void dplink_audit(struct dplink *l);

/* Of the dataplane that is attached, or was last: another one after each of its starts. */
uint64_t dplink_generation(const struct dplink *l);

/* ---- the loop's part ---- */

/* Takes events round the workers, at most budget in all, and replays. */
enum dplink_work dplink_poll(struct dplink *l, uint32_t budget);

/*
 * Announces that we will wait for the eventfd. False if an event came in meanwhile: poll first.
 */
bool dplink_sleep(struct dplink *l);

/* The eventfd to wait for, -1 when not attached. Reading it is dplink_awake(). */
int dplink_wake_fd(const struct dplink *l);
void dplink_awake(struct dplink *l);

/*
 * True if the dataplane did something that cannot be; *why says what. The link is dead then: the
 * owner detaches, closes the socket and tries again later.
 */
bool dplink_fault(const struct dplink *l, const char **why);

/* ---- commands ---- */

/*
 * Gives a command to a worker: fills hdr, whose seq an answer repeats. A state command that finds
 * the ring full is not lost: all the worker has is replayed once there is room. False then, and
 * when not attached.
 */
bool dplink_cmd(struct dplink *l, uint32_t worker, uint16_t type, void *cmd, uint16_t len);

/*
 * How many commands were given to a worker and how many of these it has carried out, each counted
 * from any number on and round. Of what it has carried out its counters tell. 0 when not attached.
 */
struct dplink_progress {
	uint32_t given, taken;
};
struct dplink_progress dplink_progress(struct dplink *l, uint32_t worker);

/* Slots free for commands to worker; 0 when not attached. */
uint32_t dplink_room(struct dplink *l, uint32_t worker);

/* Slots free for the commands of a replay, which leaves half of the ring to new requests. */
uint32_t dplink_replay_room(struct dplink *l, uint32_t worker);

/* Whether the worker is not asked what it has, or has told all. False when not attached. */
bool dplink_told(const struct dplink *l, uint32_t worker);

/* Takes the next record of a worker's trace ring. False if there is none. */
bool dplink_trace(struct dplink *l, uint32_t worker, struct ctl_trace *out);

/* ---- what others may look at ---- */

const struct dplink_stats *dplink_stats(const struct dplink *l);
bool dplink_attached(const struct dplink *l);
bool dplink_replaying(const struct dplink *l);

/* The region, read only, NULL when not attached. Its numbers must not be trusted as sizes. */
const struct region *dplink_region(const struct dplink *l);
uint32_t dplink_n_workers(const struct dplink *l); /* 0 when not attached */
/* Our place of a TLS domain, by the dataplane's; CONFIG_DOMAINS_MAX or more: we have none such. */
uint16_t dplink_domain(const struct dplink *l, uint16_t theirs);
/* Places that the dataplane has told; ports that are gone are among them (ctl_port_info). */
uint32_t dplink_n_ports(const struct dplink *l);
/* The dataplane's place of a port of ours; dplink_n_ports() or more: it has none such. */
uint32_t dplink_port(struct dplink *l, uint16_t ours);

/* Checked pointers into the region; NULL when not attached or out of range. */
const struct ctl_counters *dplink_counters(const struct dplink *l, uint32_t worker);
const struct ctl_port_counters *dplink_port_counters(const struct dplink *l, uint32_t worker,
						     uint32_t port);
const struct ctl_port_info *dplink_port_info(const struct dplink *l, uint32_t port);
const struct ctl_xstats *dplink_xstats(const struct dplink *l, uint32_t port);
const struct ctl_cert_info *dplink_cert_info(const struct dplink *l, uint32_t cert);

/* A worker's table of TCP connections, and how many entries it has; NULL and 0 likewise. */
const struct ctl_conn_info *dplink_conns(const struct dplink *l, uint32_t worker, uint32_t *n);

/* Where of them those from an address may be; NULL likewise. */
const struct ctl_conn_bucket *dplink_by_addr(const struct dplink *l, uint32_t worker,
					     const struct sock_addr *remote);

/* What a session relayed, by enum ctl_way. */
struct session_use {
	uint64_t packets[CTL_WAYS], bytes[CTL_WAYS]; /* of payload; a stream's come in no packets */
	uint32_t silent_s[CTL_WAYS]; /* since the last; UINT32_MAX: there was none */
};

/* As it is, or was when the session ended. False when not attached; then, and where the dataplane
 * has not begun the session yet, nothing was relayed. */
bool dplink_use(const struct dplink *l, uint32_t worker, struct ctl_sid sid, uint32_t now_s,
		struct session_use *out);

/* What came from the remotes of a context's terminations, by side, up to a second ago. */
struct context_use {
	uint64_t packets[2], bytes[2]; /* RTCP included; a stream's come in no packets */
	uint32_t packets_per_s[2], bytes_per_s[2];
	uint32_t silent_s[2]; /* since something came; UINT32_MAX: nothing did */
};

/* False when not attached, or where the worker has no such context: then nothing came. */
bool dplink_context_use(const struct dplink *l, uint32_t worker, struct ctl_cid cid, uint32_t now_s,
			struct context_use *out);

#endif
