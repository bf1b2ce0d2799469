/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_CAPTURE_FILE_H
#define FL_CP_ADMIN_CAPTURE_FILE_H

/*
 * The pcapng file of a capture (capture.h): an interface for each port and for what was dropped, a
 * block for each frame, and how many are missing at its end. It goes to a buffer, and no further.
 */
#include "../../lib/ctl_abi.h"
#include "../../lib/pcapng.h"

#include <stdbool.h>

struct evbuffer;
struct server;

enum {
	CAPTURE_EXPRESSION_MAX = 512,
	CAPTURE_BLOCK_MAX = PCAPNG_BLOCK_MAX + CTL_TRACE_BYTES,
};

/* The first three are the caller's to set. */
struct capture_file {
	uint32_t snaplen;
	bool plaintext;
	char expression[CAPTURE_EXPRESSION_MAX];
	const struct server *server;
	struct evbuffer *out;
	uint64_t bytes;			  /* written */
	uint64_t real_ns;		  /* CLOCK_REALTIME less CLOCK_MONOTONIC when it began */
	uint64_t lost_before;		  /* by workers, of all that there was */
	uint64_t seen[CTL_PORTS_MAX + 2]; /* frames of each interface */
	uint16_t n_interface, drops;	  /* and which is for drops */
	uint16_t of_port[CTL_PORTS_MAX];  /* 1 and the interface of each; 0: it has none yet */
};

/* From now on what workers lose is missing in it: before they look at anything. */
void capture_file_open(struct capture_file *f, const struct server *s);
void capture_file_begin(struct capture_file *f, struct evbuffer *out);
void capture_file_add(struct capture_file *f, uint32_t worker, const struct ctl_trace *r);
/* The last blocks, whose comment the log has as well. */
void capture_file_end(struct capture_file *f, const char *why);

#endif
