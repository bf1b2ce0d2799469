/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_TONE_H
#define FL_CLI_TONE_H

/* Colour by severity: on a terminal only, and what it says is always in the text as well. */
#include <stdbool.h>

enum tone { TONE_PLAIN, TONE_GOOD, TONE_WARN, TONE_BAD };

/* Whether there is to be colour, by whether it goes to a terminal, NO_COLOR and TERM (or NULL). */
bool tone_wanted(bool terminal, const char *no_color, const char *term);
/* It is off until it is switched on. */
void tone_switch(bool on);

/* Of "error", "warn", and so on; plain of what is no severity. */
enum tone tone_of(const char *severity);

/* What a terminal is told before such a text and after it; "" where it is off or plain. */
const char *tone_begin(enum tone t);
const char *tone_end(enum tone t);

#endif
