/* SPDX-License-Identifier: BSD-3-Clause */
/* Fingerprints: text that is taken comes back the same but for case (RFC 8122 5). */
#include "../../lib/fingerprint.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *exact = malloc(size ? size : 1), text[FP_TEXT_MAX];
	struct fingerprint fp;

	memcpy(exact, data, size);
	if (fingerprint_parse(exact, size, &fp)) {
		if (fingerprint_format(&fp, text, sizeof(text)) != size ||
		    strncasecmp(text, exact, size) != 0)
			abort();
	}
	free(exact);
	return 0;
}
