/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_EXPRESSION_H
#define FL_CLI_EXPRESSION_H

/*
 * Expressions as tcpdump's, compiled by libpcap here, in the process of who asks: it looks up
 * names, which takes its time, and what it has to do with hostile or wrong text is nobody else's
 * trouble.
 */
#include <jansson.h>
#include <stdbool.h>

/*
 * The program for Ethernet frames, a list of [code, jt, jf, k] (lib/bpf.h). NULL, and libpcap's
 * sentence in err, if the expression is wrong.
 */
json_t *expression_compile(const char *text, char *err, size_t errlen);

#endif
