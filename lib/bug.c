/* SPDX-License-Identifier: BSD-3-Clause */
#include "bug.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Made by the linker of the section; there is none where no place is linked. */
extern struct bug_site __start_fl_bugs[] __attribute__((weak));
extern struct bug_site __stop_fl_bugs[] __attribute__((weak));

void (*bug_tell)(const struct ctl_bug *b);

static struct ctl_bug bug_describe(const struct bug_site *s)
{
	struct ctl_bug b = { .warn = s->warn,
			     .count = atomic_load_explicit(&s->count, memory_order_relaxed) };
	const char *file = s->file;

	while (strncmp(file, "../", 3) == 0) /* as the build directory has it */
		file += 3;
	snprintf(b.where, sizeof(b.where), "%s:%u", file, s->line);
	snprintf(b.expr, sizeof(b.expr), "%s", s->expr);
	return b;
}

void bug_hit(struct bug_site *s)
{
	const uint32_t before = atomic_fetch_add_explicit(&s->count, 1, memory_order_relaxed);
	struct ctl_bug b;

#ifndef NDEBUG
	if (!s->warn) {
		b = bug_describe(s);
		fprintf(stderr, "%s: BUG: %s\n", b.where, b.expr);
		abort();
	}
#endif
	if (before == 0 && bug_tell) {
		b = bug_describe(s);
		bug_tell(&b);
	}
}

uint64_t bug_total(void)
{
	uint64_t sum = 0;

	for (const struct bug_site *s = __start_fl_bugs; s < __stop_fl_bugs; s++)
		sum += atomic_load_explicit(&s->count, memory_order_relaxed);
	return sum;
}

void bug_publish(struct ctl_bugs *out, void (*tell)(const struct ctl_bug *b))
{
	const uint32_t seq = atomic_load_explicit(&out->seq, memory_order_relaxed) | 1;
	const uint64_t total = bug_total();

	if (total == out->total)
		return;
	atomic_store_explicit(&out->seq, seq, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	out->total = total;
	out->n = 0;
	for (struct bug_site *s = __start_fl_bugs; s < __stop_fl_bugs; s++) {
		const struct ctl_bug b = bug_describe(s);

		if (b.count == 0)
			continue;
		if (out->n < CTL_BUGS_MAX)
			out->site[out->n++] = b;
		if (tell && !s->told) {
			tell(&b);
			s->told = true;
		}
	}
	atomic_store_explicit(&out->seq, seq + 1, memory_order_release);
}
