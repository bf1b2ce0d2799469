/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_RECORD_FILE_H
#define FL_CP_RECORD_FILE_H

/*
 * The file that lines of records go to, and those before it: FILE, FILE.1, FILE.2 and so on, the
 * higher the older. Only the thread that writes calls this; it may wait for the disk.
 *
 * A batch of lines is in the file as a whole or not at all. What cannot be written is counted, and
 * the first batch that can be has a line before it that says how many are missing. The file is
 * synced once a second, and when it is closed; a file that was taken away or replaced is opened
 * anew within a second.
 */
#include "record.h"

struct record_file {
	const char *path; /* the caller's, which outlives it */
	const char *node;
	uint64_t max;	     /* bytes of one file */
	uint32_t files;	     /* of them, the newest included */
	int fd;		     /* -1: not open */
	uint64_t dev, inode; /* of what is open */
	uint64_t size;
	bool dirty;	    /* not synced */
	uint64_t looked_ms; /* when it was synced, opened and looked for last */
	uint64_t untold;    /* lost, and not said in the file yet */
	/* Since the start. */
	uint64_t written, lost, rotated;
	int error; /* errno of what failed last; 0: nothing has since */
};

/* Opens it. False, with error set, if it cannot be: it is tried again. */
bool record_file_open(struct record_file *f, const char *path, uint64_t max, uint32_t files,
		      const char *node);
/* Adds whole lines, n of them. */
void record_file_write(struct record_file *f, const char *lines, size_t len, uint32_t n,
		       uint64_t wall_ms);
/* That many never came here. */
void record_file_lost(struct record_file *f, uint64_t n);
/* Once a second: syncs, opens anew what is another file now, says what was lost. */
void record_file_turn(struct record_file *f, uint64_t now_ms, uint64_t wall_ms);
void record_file_close(struct record_file *f);

#endif
