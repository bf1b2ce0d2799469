/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_TERM_TEXT_H
#define FL_CLI_TERM_TEXT_H

/*
 * A termination as one word of a command line: FIELD=VALUE, with commas between. The members of a
 * list have '+' between; a field without '=' is true; without a value it goes back to its default.
 */
#include <jansson.h>
#include <stddef.h>

/* As the methods of contexts want it. On failure NULL, and in err one sentence that names it. */
json_t *term_text(const char *text, char *err, size_t errlen);

#endif
