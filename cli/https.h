/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_HTTPS_H
#define FL_CLI_HTTPS_H

/* The control process's management port, by libcurl: a request and its answer at a time. */
#include <stddef.h>

/* Where it is, and who we are: files in PEM. ca NULL: what the machine trusts. */
struct https_at {
	const char *url; /* https://HOST:PORT; NULL: it is not asked for */
	const char *cert, *key, *ca;
};

struct https;

/* Nothing is connected yet. On failure NULL, and one sentence in err. */
struct https *https_open(const struct https_at *at, char *err, size_t errlen);
/* How long an answer is waited for from now on. */
void https_patience(struct https *h, long seconds);
/* NULL is fine. */
void https_close(struct https *h);

/* The answer to a body of JSON, to be freed. On failure NULL, and one sentence in err. */
char *https_ask(struct https *h, const char *body, char *err, size_t errlen);

#endif
