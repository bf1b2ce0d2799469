/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_STREAM_CHECK_H
#define FL_TESTS_STREAM_CHECK_H

struct worker;

/*
 * What must hold of a worker's streams between two turns, whatever was commanded and sent: the pool
 * is whole, each stream is its context's, and sides and connections belong to each other. NULL, or
 * what does not.
 */
const char *stream_fault(struct worker *w);

#endif
