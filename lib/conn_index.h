/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_CONN_INDEX_H
#define FL_LIB_CONN_INDEX_H

/*
 * The index of a worker's connections by their remote address: buckets of a few places, found by a
 * keyed hash, so that nobody who chooses his ports fills one. The dataplane writes, the control
 * process reads; neither counts on what the other may have left there.
 */
#include "ctl_abi.h"

struct conn_index {
	struct siphash_key key;
	struct ctl_conn_bucket *bucket;	 /* [conn_buckets(rows)] */
	const struct ctl_conn_info *row; /* [rows] */
	uint32_t rows;
};

/* As many as there may be connections, and a power of two, so that buckets are half empty. */
uint32_t conn_buckets(uint32_t rows);

/* That of an address. */
struct ctl_conn_bucket *conn_bucket(const struct conn_index *x, const struct sock_addr *remote);

/*
 * Puts row idx, whose address is in it, into the index. A place is taken from a row that has ended,
 * or is another address' by now. By the worker only.
 */
void conn_index_put(const struct conn_index *x, uint32_t idx);

#endif
