/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_AKA_VECTOR_SOURCE_H
#define FL_CP_AKA_VECTOR_SOURCE_H

/*
 * Where vectors of AKA come from when who wants a challenge has none: a home network is asked, and
 * the answer comes later. This is all that is known of one; cp/aka/vectors.h is by RADIUS.
 */
#include "aka.h"

enum {
	VECTORS_MAX = 1024,    /* questions under way */
	VECTOR_USER_MAX = 253, /* bytes */
};

enum vector_result {
	VECTOR_RESULT_GIVEN,
	VECTOR_RESULT_REJECTED, /* the home network knows no such user, or not this AUTS */
	VECTOR_RESULT_INVALID,	/* what it gave is not a whole vector */
	VECTOR_RESULT_SILENT,	/* no server answered */
	VECTOR_RESULT_FULL,	/* VECTORS_MAX are under way */
	VECTOR_RESULTS
};
extern const char *const vector_result_name[VECTOR_RESULTS];

/* What a home network is asked. */
struct vector_question {
	const char *user; /* 1 to VECTOR_USER_MAX bytes */
	/* For resynchronisation (TS 33.102 6.3.5), both; else NULL. */
	const uint8_t *rand, *auts;
};

/* v is the source's, which wipes it when done returns; NULL unless it was given. */
typedef void vector_done(void *arg, enum vector_result r, const struct aka_vector *v);

typedef bool vector_gone(void *arg);

struct vector_source {
	/*
	 * Calls done once, perhaps at once. What q points to is copied. Where there is no room,
	 * gone is asked of each that is under way: nobody waits for it any more.
	 */
	void (*ask)(struct vector_source *self, const struct vector_question *q, vector_done *done,
		    vector_gone *gone, void *arg);
	uint32_t waiting; /* questions under way */
};

#endif
