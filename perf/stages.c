/* SPDX-License-Identifier: BSD-3-Clause */
#include "stages.h"

struct stages stages_read(const struct worker *w)
{
	struct stages s;
	int i;

	for (i = 0; i < STAGE_MAX; i++)
		s.cycles[i] = w->counters->stage[i].cycles;
	return s;
}

void stages_print(const struct worker *w, const struct stages *before, uint64_t packets, FILE *out)
{
	const struct stages now = stages_read(w);
	const char *comma = "";
	int i;

	fputc('{', out);
	for (i = 0; i < STAGE_MAX; i++) {
		uint64_t cycles = now.cycles[i] - before->cycles[i];

		if (cycles == 0)
			continue;
		fprintf(out, "%s\"%s\": %.1f", comma, stage_desc[i].name,
			(double)cycles / (double)packets);
		comma = ", ";
	}
	fputc('}', out);
}
