/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Authorization headers of Digest (RFC 3261 25.1): values lie in what was copied, have no control
 * characters, and, written again in quotes, are read as the same.
 */
#include "../../lib/digest_auth.h"
#include "must.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* name="value", with what would end it escaped. */
static size_t quoted(char *out, const char *name, const char *value)
{
	char *p = out;

	p = stpcpy(stpcpy(p, name), "=\"");
	for (; *value; value++) {
		must((unsigned char)*value >= ' ' && *value != 0x7f);
		if (*value == '"' || *value == '\\')
			*p++ = '\\';
		*p++ = *value;
	}
	*p++ = '"';
	return (size_t)(p - out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const name[DIGEST_PARAMS] = {
		"username",  "realm",  "nonce", "uri", "response",
		"algorithm", "cnonce", "qop",	"nc",  "auts",
	};
	static char text[3 * DIGEST_AUTH_MAX];
	static struct digest_auth a, b;
	char *exact = malloc(size ? size : 1);
	size_t n = 0;

	memcpy(exact, data, size);
	if (digest_auth_parse(exact, size, &a)) {
		n = (size_t)(stpcpy(text, "Digest x=1") - text);
		for (int p = 0; p < DIGEST_PARAMS; p++) {
			if (!a.value[p])
				continue;
			must(a.value[p] > a.text && a.value[p] < a.text + sizeof(a.text));
			text[n++] = ',';
			n += quoted(text + n, name[p], a.value[p]);
		}
		if (n <= DIGEST_AUTH_MAX) {
			must(digest_auth_parse(text, n, &b));
			for (int p = 0; p < DIGEST_PARAMS; p++)
				must(!a.value[p] == !b.value[p] &&
				     (!a.value[p] || strcmp(a.value[p], b.value[p]) == 0));
		}
	}
	free(exact);
	return 0;
}
