/* SPDX-License-Identifier: BSD-3-Clause */
#include "tone.h"

#include <stddef.h>
#include <string.h>

static bool switched_on;

bool tone_wanted(bool terminal, const char *no_color, const char *term)
{
	/* Who sets NO_COLOR to nothing has taken it back (no-color.org). */
	if (!terminal || (no_color && *no_color))
		return false;
	return term && *term && strcmp(term, "dumb") != 0;
}

void tone_switch(bool on)
{
	switched_on = on;
}

enum tone tone_of(const char *severity)
{
	static const struct {
		const char *severity;
		enum tone tone;
	} tones[] = {
		{ "error", TONE_BAD }, { "bug", TONE_BAD },	 { "critical", TONE_BAD },
		{ "warn", TONE_WARN }, { "warning", TONE_WARN },
	};

	for (size_t i = 0; i < sizeof(tones) / sizeof(tones[0]); i++) {
		if (strcmp(severity, tones[i].severity) == 0)
			return tones[i].tone;
	}
	return TONE_PLAIN;
}

const char *tone_begin(enum tone t)
{
	static const char *const begin[] = { "", "\033[32m", "\033[33m", "\033[31m" };

	return switched_on ? begin[t] : "";
}

const char *tone_end(enum tone t)
{
	return switched_on && t != TONE_PLAIN ? "\033[0m" : "";
}
