/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_RECORD_SYSLOG_H
#define FL_CP_RECORD_SYSLOG_H

/*
 * The system's log, a socket of datagrams, that lines of records go to as daemon.info. Only the
 * thread that writes calls this. One that takes nothing, or is slow, is waited for a second of
 * each minute in all; beyond that what it has no room for is lost, so that it never keeps records
 * from their file for longer. What is lost is counted.
 */
#include <stddef.h>
#include <stdint.h>

#define RECORD_SYSLOG_PATH "/dev/log"

struct record_syslog {
	const char *path;	    /* the caller's, which outlives it */
	int fd;			    /* -1: not connected */
	uint64_t window, waited_ms; /* which minute, and how much of it */
	uint64_t lost;		    /* since the start */
};

/* A line without its end. */
void record_syslog_send(struct record_syslog *l, const char *line, size_t len);
void record_syslog_close(struct record_syslog *l);

#endif
