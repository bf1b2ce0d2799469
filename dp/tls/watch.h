/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_WATCH_H
#define FL_DP_TLS_WATCH_H

/*
 * Whether files of certificates, keys and CAs have changed. By looking once a second, not by
 * inotify, which watches inodes: where a link on the way to a file is made anew, as ACME clients
 * do, it hears nothing. The service thread's.
 */
#include "../../conf/config.h"

struct tls_watch {
	uint64_t taken; /* what the files were like when they were read; 0: not yet looked at */
	uint64_t seen;	/* at the last look */
};

/* The files as they are now are those that were read. */
void tls_watch_taken(struct tls_watch *t, const struct config *c);

/*
 * Call once a second. True once after a change, when nothing has changed any more since the last
 * call, for a chain and its key are written one after the other, and when no file is missing.
 */
bool tls_watch_changed(struct tls_watch *t, const struct config *c);

#endif
