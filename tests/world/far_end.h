/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_FAR_END_H
#define FL_TESTS_FAR_END_H

/*
 * The peer of tcp_world.h as a whole TCP would be it, a round trip away, on a path that loses each
 * so many-th segment with data, either way: it keeps what comes out of order and says so (SACK,
 * where `peer` has it), and it has a stream of its own.
 */
#include "tcp_world.h"

enum { FAR_BYTES = 262144 }; /* each way */

struct far_path {
	uint32_t lose;	 /* each such segment */
	uint32_t window; /* bytes the far end takes at a time */
};

/*
 * Moves both streams over the connection of open_passive(), which must be of a pattern, until all
 * is acknowledged. Returns the milliseconds that takes.
 */
uint32_t far_streams(const struct far_path *p);

#endif
