/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ALIKE_H
#define FL_CP_ALIKE_H

/*
 * What to do where the dataplane runs with another file than we do. Whoever of the two was started
 * last has the file as it stood then; if that is how it stands now, the other one can have it as
 * well.
 */
#include "server.h"

enum alike {
	ALIKE_WAIT,   /* the file is neither's, or the dataplane's is the older one */
	ALIKE_RELOAD, /* it has the file as it is now, and a reload makes it ours */
	ALIKE_START,  /* the same, but some of it takes a start of fairlead-cp */
};

enum { ALIKE_TEXT = 512 };

/*
 * Reads the file. agreed is config_digest() of what the dataplane runs with, live
 * config_both_digest() of the file it took last. text tells with ALIKE_START the keys, and "" or
 * why with ALIKE_WAIT.
 */
enum alike alike_judge(const struct server *s, uint64_t agreed, uint64_t live,
		       char text[ALIKE_TEXT]);

/* Why the dataplane and we do not fit together: a sentence, with the keys if they are known. */
void alike_tell(const struct server *s, uint64_t agreed, char text[ALIKE_TEXT]);

#endif
