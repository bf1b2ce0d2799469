/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_PAGES_H
#define FL_DP_PAGES_H

/* What memory the machine has left, as the kernel tells it in /proc and /sys. */
#include <stdint.h>

struct pages {
	uint64_t huge_mb; /* in huge pages of all sizes */
	uint64_t all_mb;  /* in ordinary ones; UINT64_MAX: not told */
};

/* root is "" but for tests, whose /proc and /sys are below it. */
struct pages pages_left(const char *root);

#endif
