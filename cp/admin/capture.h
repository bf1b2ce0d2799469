/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_CAPTURE_H
#define FL_CP_ADMIN_CAPTURE_H

/*
 * Frames as they were received, sent and dropped, for `fairlead capture`: a trace (trace.h) that
 * tells frames, written as a pcapng file to the connection that asked for it. One at a time, of
 * bounded time, size and rate. Whoever reads slowly, or not at all, finds fewer frames in the file,
 * which says how many are missing; workers and controllers notice nothing. Who takes nothing at all
 * for five seconds has had his capture; what is left of its file keeps nobody waiting.
 */
#include "rpc.h"

/*
 * {client, peer, relayed, worker, session, drops, reason, count, size, duration_s, snaplen,
 * expression, program, whose}: the result is the capture's number, and behind it the connection
 * carries the file, until an end that the last blocks tell. whose says, for the log alone, for what
 * context or user the program is. A client ends it by shutting down its side.
 */
void capture_begin(void *ctx, const json_t *params, struct rpc_later *l);
/*
 * The same with what is inside of TLS, never a key of it: packets whose headers are made up, at an
 * interface of their own. A method by itself, so that the audit log names it whatever else is
 * asked.
 */
void capture_plaintext(void *ctx, const json_t *params, struct rpc_later *l);

/* It looks no more, and its file's end says why; another may begin at once. */
struct capture;
void capture_release(struct capture *c, const char *why);

/* At once, whoever reads. Frees it. */
void capture_close(struct capture *c);

#endif
