/* SPDX-License-Identifier: BSD-3-Clause */
#include "history_json.h"

#include "rpc.h"

static json_t *known(uint32_t n)
{
	return n == HISTORY_NONE ? json_null() : integer(n);
}

json_t *history_json(const struct history *h)
{
	static const char *const name[] = { "time",	"packets", "drops",	"sessions",
					    "contexts", "load",	   "latency_us" };
	enum { LISTS = sizeof(name) / sizeof(name[0]) };
	json_t *o = json_object(), *list[LISTS];

	json_object_set_new(o, "every_s", integer(HISTORY_EVERY_S));
	json_object_set_new(o, "points", integer(HISTORY_POINTS));
	for (int i = 0; i < LISTS; i++) {
		list[i] = json_array();
		json_object_set_new(o, name[i], list[i]);
	}
	for (uint32_t i = 0; i < h->n; i++) {
		const struct history_point *p = history_at(h, i);
		const uint32_t rest[] = { p->packets,  p->drops, p->sessions,
					  p->contexts, p->load,	 p->latency_us };

		json_array_append_new(list[0], integer(p->wall));
		for (int k = 1; k < LISTS; k++)
			json_array_append_new(list[k], known(rest[k - 1]));
	}
	return o;
}
