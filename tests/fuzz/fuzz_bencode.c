/* SPDX-License-Identifier: BSD-3-Clause */
/* Bencode: texts stay inside, opens and closes match, and what was read is written again alike. */
#include "../../lib/bencode.h"
#include "must.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_item(struct wr *w, enum bencode_type t, const struct bencode_item *it)
{
	if (t == BENCODE_INT)
		bencode_int(w, it->number);
	else if (t == BENCODE_STRING)
		bencode_string(w, it->at, it->len);
	else if (t == BENCODE_LIST)
		bencode_list(w);
	else if (t == BENCODE_DICT)
		bencode_dict(w);
	else
		bencode_close(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bencode b = bencode_init(data, size);
	uint8_t *out = malloc(size + 1);
	struct wr w = wr_init(out, size);
	struct bencode_item it;
	enum bencode_type t;
	uint32_t depth = 0;

	must(out != NULL);
	while ((t = bencode_next(&b, &it)) != BENCODE_BAD && t != BENCODE_END) {
		depth += t == BENCODE_LIST || t == BENCODE_DICT;
		must(t != BENCODE_CLOSE || depth--);
		must(depth <= BENCODE_DEPTH_MAX);
		must(t != BENCODE_STRING || (it.at >= data && it.at + it.len <= data + size));
		write_item(&w, t, &it);
	}
	/* There is one way to write each value. */
	if (t == BENCODE_END)
		must(!depth && !w.failed && wr_len(&w) == size && memcmp(out, data, size) == 0);
	must(bencode_next(&b, &it) == t);
	free(out);
	return 0;
}
