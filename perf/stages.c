/* SPDX-License-Identifier: BSD-3-Clause */
#include "stages.h"

#include <stdlib.h>

struct stages stages_read(const struct worker *w)
{
	struct stages s;
	int i;

	for (i = 0; i < STAGE_MAX; i++)
		s.cycles[i] = w->counters->stage[i].cycles;
	return s;
}

static int cycles_cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void stages_print(const struct stages *look, size_t n, uint32_t packets, FILE *out)
{
	uint64_t *cycles = calloc(n, sizeof(*cycles));
	const char *comma = "";
	size_t i;
	int s;

	fputc('{', out);
	for (s = 0; cycles && s < STAGE_MAX; s++) {
		for (i = 0; i < n; i++)
			cycles[i] = look[i + 1].cycles[s] - look[i].cycles[s];
		qsort(cycles, n, sizeof(*cycles), cycles_cmp);
		if (cycles[n / 2] == 0)
			continue;
		fprintf(out, "%s\"%s\": %.1f", comma, stage_desc[s].name,
			(double)cycles[n / 2] / packets);
		comma = ", ";
	}
	fputc('}', out);
	free(cycles);
}
