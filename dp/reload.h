/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_RELOAD_H
#define FL_DP_RELOAD_H

/* Live keys of the file are put in force while packets go on. By the service thread only. */
#include "dplane.h"
#include "tls/watch.h"

/*
 * Reads the file again. digest is of the live keys that the control process read there
 * (config_both_digest()): what it would have us do is the file's word, not its own. watch is of the
 * files of certificates. On failure false, one sentence in err, and nothing has changed.
 */
bool reload_file(struct dplane *dp, struct tls_watch *watch, uint64_t digest, char *err,
		 size_t errlen);

/* What DPDK logs: as it was at the start, then what a configuration says. */
void reload_log_levels(const struct config *c);

#endif
