/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_CERT_INFO_H
#define FL_CP_CERT_INFO_H

#include "../lib/ctl_abi.h"

/* A writer needs a microsecond; one that died in the middle never ends. */
enum { CERT_INFO_TRIES = 1000 };

/*
 * Copies what the dataplane says of a certificate (NULL: nothing), strings terminated. False if
 * none is in force, and with zeroes if it could not be read whole.
 */
static inline bool cert_info_copy(const struct ctl_cert_info *c, struct ctl_cert_info *out)
{
	for (int i = 0; c && i < CERT_INFO_TRIES; i++) {
		uint32_t seq = atomic_load_explicit(&c->seq, memory_order_acquire);

		if (seq & 1)
			continue;
		memcpy(out, c, sizeof(*out));
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&c->seq, memory_order_relaxed) != seq)
			continue;
		out->type[sizeof(out->type) - 1] = '\0';
		out->subject[sizeof(out->subject) - 1] = '\0';
		out->names[sizeof(out->names) - 1] = '\0';
		out->error[sizeof(out->error) - 1] = '\0';
		return out->loaded != 0;
	}
	memset(out, 0, sizeof(*out));
	return false;
}

/* Days until its end, rounded down, negative once it is over; both in seconds since 1970. */
static inline int64_t cert_days_left(uint64_t not_after, uint64_t wall)
{
	const int64_t left = (int64_t)(not_after - wall);

	return left >= 0 ? left / 86400 : -((-left + 86399) / 86400);
}

#endif
