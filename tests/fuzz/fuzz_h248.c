/* SPDX-License-Identifier: BSD-3-Clause */
/* H.248: items are a tree within their bounds, and their texts stand in the message. */
#include "../../lib/h248.h"
#include "must.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct h248_text t, const char *p, size_t size)
{
	must(!t.at || (t.at >= p && t.at + t.len <= p + size));
	must(t.at || t.len == 0);
}

/* Each item is met once; what is broken is at the end. Returns how many there are. */
static unsigned walk(const struct h248_message *m, const struct h248_item *i, unsigned depth,
		     const char *p, size_t size)
{
	unsigned n = 1;

	must(depth <= H248_DEPTH_MAX + 1);
	inside(i->name, p, size);
	inside(i->value, p, size);
	inside(i->stamp, p, size);
	must(i->token < H248_TOKENS && (i->body || !i->child || i == &m->item[0]));
	if (i->kind == H248_ONE_OF || i->kind == H248_ALL_OF || i->kind == H248_RANGE) {
		struct h248_text left = i->value, v;

		while (h248_list_next(&left, &v)) {
			inside(v, p, size);
			must(left.len < i->value.len);
		}
	}
	if (i->kind == H248_OCTETS) {
		char *text = malloc(i->value.len + 1);

		must(text && h248_unescape(i->value, text) <= i->value.len);
		free(text);
	}
	for (const struct h248_item *c = h248_child(m, i); c; c = h248_next(m, c)) {
		must(!c->broken || (i->broken && !c->next));
		n += walk(m, c, depth + 1, p, size);
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct h248_message m;
	const char *p = (const char *)data;
	bool good = h248_parse(&m, p, size);

	must(good == !m.item[0].broken && good == !m.wrong_line && good == !m.wrong);
	must(!good || (m.version && m.mid.len && m.n > 1));
	must(m.n <= H248_ITEMS_MAX && walk(&m, &m.item[0], 0, p, size) == m.n);
	inside(m.mid, p, size);
	return 0;
}
