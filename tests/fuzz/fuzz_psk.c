/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Text that becomes a pre-shared key (cp/auth/psk_store.h): identity, NUL, key in hexadecimal. What
 * is taken keeps to the limits and is the text given; what is not leaves nothing of the key behind.
 */
#include "cp/auth/psk_store.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_taken(const struct psk *p, const char *identity, const char *hex)
{
	char two[3];

	if (strcmp(p->identity, identity) != 0 || !psk_identity_valid(identity) ||
	    p->key_len < PSK_KEY_MIN || p->key_len > CTL_PSK_MAX || strlen(hex) != 2u * p->key_len)
		abort();
	for (unsigned i = 0; i < p->key_len; i++) {
		snprintf(two, sizeof(two), "%02x", p->key[i]);
		if (strncasecmp(two, hex + 2 * i, 2) != 0)
			abort();
	}
}

static void check_refused(const struct psk *p, const char *why)
{
	static const struct psk none;

	if (*why == '\0' || memcmp(p, &none, sizeof(none)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 2), why[256] = "";
	const char *hex;
	struct psk p;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = text[size + 1] = '\0';
	hex = text + strlen(text) + 1;
	if (psk_parse(&p, text, hex, why, sizeof(why)))
		check_taken(&p, text, hex);
	else
		check_refused(&p, why);
	free(text);
	return 0;
}
