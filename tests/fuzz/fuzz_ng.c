/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whole commands of ng to a whole gateway, whose dataplane answers. Commands are parted by the byte
 * 0x1e. Every one that has a cookie is answered, once, and nothing is left when the calls have been
 * deleted.
 */
#include "tests/world/ng_world.h"
#include "must.h"

enum { PART = 0x1e, REST_MS = 3600 * 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* From the loopback's discard port: nobody listens. */
static void say(struct ng_world *w, const void *p, size_t len)
{
	static char text[NG_MESSAGE_MAX];
	struct source_addr from = { .addr = addr("127.0.0.1", 9) };
	int n = snprintf(text, sizeof(text), "%u ", ++w->cookie);

	if (len > sizeof(text) - (size_t)n)
		len = sizeof(text) - (size_t)n;
	memcpy(text + n, p, len);
	ng_take(w->ng, &from, text, (size_t)n + len);
	ng_turn(w);
	must(!w->ng->asks);
}

static void delete_call(struct ng_world *w, const char *call)
{
	static char out[CONTEXT_CALL_MAX + 64];
	json_t *v = json_object();
	struct wr wr = wr_init(out, sizeof(out));

	json_object_set_new(v, "command", json_string("delete"));
	json_object_set_new(v, "call-id", ng_string(call, strlen(call)));
	must(ng_encode(v, false, &wr));
	json_decref(v);
	say(w, out, wr_len(&wr));
}

static void delete_all(struct ng_world *w)
{
	const struct context *c;
	uint32_t cursor = 0, look = UINT32_MAX;

	while ((c = gate_next(w->e.s.gateway, &cursor, &look))) {
		char call[CONTEXT_CALL_MAX];

		memcpy(call, c->call, sizeof(call));
		delete_call(w, call);
		must(!gate_call_next(w->e.s.gateway, call, NULL));
		cursor = 0;
	}
	must(!ng_contexts(w));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ng_world w;
	static bool open;

	if (!open) {
		ng_world_open(&w);
		w.e.conf.gateway.ng_allow[0].len = 0;
		open = true;
	}
	while (size) {
		const uint8_t *part = memchr(data, PART, size);
		size_t n = part ? (size_t)(part - data) : size;

		say(&w, data, n);
		data += n + (part != NULL);
		size -= n + (part != NULL);
	}
	delete_all(&w);
	/* Answers are forgotten, ports have rested. */
	env_advance(&w.e, REST_MS);
	return 0;
}
