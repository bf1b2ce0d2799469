/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_HEP_H
#define FL_CP_HEP_H

/*
 * Records of contexts to the servers of gateway.hep, as HEP3 by UDP: one datagram for each side
 * that heard something, when a context ends and each records.update-minutes. Of the event loop,
 * which never waits: what the system does not take at once is counted and gone.
 */
#include "../../conf/config.h"
#include "record.h"

struct hep;

struct hep_counts {
	uint64_t sent;	 /* datagrams */
	uint64_t unsent; /* the system did not take them */
};

/* NULL, and one sentence in err, if a password cannot be read or there is no memory. */
struct hep *hep_open(const struct config *c, char *err, size_t errlen);
void hep_close(struct hep *h);

/* Other servers; in force when hep_finish() says so. False and one sentence in err. */
bool hep_prepare(struct hep *h, const struct config *c, char *err, size_t errlen);
void hep_finish(struct hep *h, bool apply);

/* For records_also(); arg: struct hep. */
void hep_take(void *arg, const struct record *r);

const struct hep_counts *hep_counts(const struct hep *h);

#endif
