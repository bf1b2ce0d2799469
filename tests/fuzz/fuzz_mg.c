/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages of a controller of H.248 to a whole gateway, whose dataplane answers. They are parted by
 * the byte 0x1e; 0x01 stands for the number of a context that there is, 0x02 and 0x03 for the names
 * of its terminations. All that comes back can be read, and nothing is left.
 */
#include "tests/world/mg_world.h"
#include "must.h"

#include <unistd.h>

enum { PART = 0x1e, CONTEXT = 0x01, SIDE = 0x02, REST_MS = 3600 * 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mg_world w;

static struct context *any_context(void)
{
	uint32_t cursor = 0, look = UINT32_MAX;

	return gate_next(w.e.s.gateway, &cursor, &look);
}

/* What a byte stands for. */
static const char *spelt(char c, char text[MG_NAME_MAX])
{
	const struct context *x = any_context();

	text[0] = c;
	text[1] = '\0';
	if (x && c == CONTEXT)
		snprintf(text, MG_NAME_MAX, "%u", mg_context_number(x));
	else if (x && (c == SIDE || c == SIDE + 1))
		mg_term_name(w.mg, x, (uint32_t)(c - SIDE), text);
	return text;
}

static void hear(void)
{
	static struct h248_message m;

	for (int i = 0; i < 2; i++) {
		while (mg_hear(&w, i, &m))
			must(m.n > 1);
	}
}

static void say(const char *p, size_t len)
{
	const struct source_addr from = { .addr = w.mg->controller[0] };
	static char text[H248_MESSAGE_MAX];
	size_t n = 0;

	for (size_t i = 0; i < len && n + MG_NAME_MAX < sizeof(text); i++) {
		char piece[MG_NAME_MAX];

		if (p[i] >= CONTEXT && p[i] <= SIDE + 1) {
			spelt(p[i], piece);
			memcpy(text + n, piece, strlen(piece));
			n += strlen(piece);
		} else {
			text[n++] = p[i];
		}
	}
	mg_take(w.mg, &from, text, n);
	mg_turn(&w);
	must(!w.mg->runs);
	hear();
}

/* Another controller may be in charge now. */
static void begin_again(void)
{
	struct context *c;
	char err[256];

	while ((c = any_context()))
		gate_delete(w.e.s.gateway, c, NULL, NULL);
	mg_turn(&w);
	env_advance(&w.e, REST_MS);
	mg_stop(w.mg);
	hear();
	unlink(mg_world_file(&w)); /* each input begins with nothing */
	must(mg_start(&w.e.s, w.e.s.gateway, w.base, &w.mg, err, sizeof(err)));
	mg_register(&w, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool open;

	if (!open) {
		mg_world_open(&w, false);
		mg_register(&w, 0);
		open = true;
	}
	while (size) {
		const uint8_t *part = memchr(data, PART, size);
		size_t n = part ? (size_t)(part - data) : size;

		say((const char *)data, n);
		mg_pass(&w, 10000);
		hear();
		data += n + (part != NULL);
		size -= n + (part != NULL);
	}
	begin_again();
	return 0;
}
