/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_SEC_AGREE_H
#define FL_LIB_SEC_AGREE_H

/*
 * The value of Security-Client, Security-Server and Security-Verify headers: mechanisms with
 * parameters, by commas (RFC 3329 2.2, TS 33.203 Annex H). Nothing in it is to be believed yet.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SEC_LIST_MAX = 2048, /* bytes of a value */
	SEC_MECHANISMS = 24, /* of a list */
	SEC_PARAMS = 16,     /* of a mechanism */
};

/* Quoted values keep their quotes. A parameter without a value has "". */
struct sec_param {
	const char *name, *value;
};

struct sec_mechanism {
	const char *name;
	uint32_t n;
	struct sec_param param[SEC_PARAMS];
};

/* Names and values point into text, so a copy of the struct is none. */
struct sec_list {
	uint32_t n;
	struct sec_mechanism mechanism[SEC_MECHANISMS];
	char text[SEC_LIST_MAX + 1];
};

/*
 * len bytes: "ipsec-3gpp; alg=...; spi-c=..., tls", several headers of one name joined by commas.
 * False if it is anything else, longer than the bounds above, or has a parameter twice in one
 * mechanism.
 */
bool sec_list_parse(const char *value, size_t len, struct sec_list *out);

/* The value of the parameter of that name, in any case; NULL: there is none. */
const char *sec_param(const struct sec_mechanism *m, const char *name);

/*
 * Whether both have the same mechanisms in the same order with the same parameters, these in any
 * order (RFC 3329 2.3.1); tokens in any case (RFC 3261 7.3.1). Those of media security are passed
 * over (TS 24.229 7.2A.7).
 */
bool sec_list_same(const struct sec_list *a, const struct sec_list *b);

#endif
