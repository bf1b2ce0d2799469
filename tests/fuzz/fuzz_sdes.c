/* SPDX-License-Identifier: BSD-3-Clause */
/* a=crypto: what is taken is written, and that is read as the same; what is not leaves no key. */
#include "../../lib/sdes.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum sdes_verdict parse(const char *p, size_t len, struct sdes_crypto *c)
{
	return sdes_parse((struct sdp_text){ p, (uint32_t)len }, c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sdes_crypto zero;
	char *exact = malloc(size ? size : 1), text[1024];
	struct sdes_crypto c, again;
	struct wr w = wr_init(text, sizeof(text));

	must(exact != NULL);
	memcpy(exact, data, size);
	if (parse(exact, size, &c) != SDES_OK) {
		must(memcmp(&c, &zero, sizeof(c)) == 0);
	} else {
		sdes_put(&w, &c, size & 1);
		must(!w.failed && parse(text, wr_len(&w), &again) == SDES_OK);
		must(memcmp(&c, &again, sizeof(c)) == 0 && sdes_same(&c, &again));
		must(sdes_choose(&c, 1, 1u << c.suite) == 0 && sdes_answered(&c, 1, &again) == 0);
	}
	free(exact);
	return 0;
}
