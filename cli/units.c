/* SPDX-License-Identifier: BSD-3-Clause */
#include "units.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDE = 1000000000 }; /* ten digits */

/* Three or four significant digits and a prefix: 1.23, 12.3, 123, 1.23 k. */
static const char *si(double v, const char *unit, char *buf, size_t len)
{
	static const char *const prefix[] = { "", "k", "M", "G", "T", "P", "E" };
	size_t i = 0;

	/* 999.5 would be printed as 1000 */
	for (; v >= 999.5 && i < sizeof(prefix) / sizeof(prefix[0]) - 1; i++)
		v /= 1000;
	snprintf(buf, len, "%.*f%s%s%s",
		 i == 0 || v >= 99.95 ? 0
		 : v >= 9.995	      ? 1
				      : 2,
		 v, *prefix[i] || *unit ? " " : "", prefix[i], unit);
	return buf;
}

const char *unit_exact(int64_t n, char *buf, size_t len)
{
	char digits[24];
	int nd = snprintf(digits, sizeof(digits), "%" PRIu64, n < 0 ? -(uint64_t)n : (uint64_t)n);
	size_t o = 0;

	if (n < 0 && o + 1 < len)
		buf[o++] = '-';
	for (int i = 0; i < nd; i++) {
		if (i > 0 && (nd - i) % 3 == 0 && o + 1 < len)
			buf[o++] = ',';
		if (o + 1 < len)
			buf[o++] = digits[i];
	}
	buf[o] = '\0';
	return buf;
}

const char *unit_count(int64_t n, char *buf, size_t len)
{
	return n < WIDE && n > -WIDE ? unit_exact(n, buf, len) : si((double)n, "", buf, len);
}

const char *unit_bytes(int64_t n, char *buf, size_t len)
{
	return si((double)n, "B", buf, len);
}

const char *unit_seconds(int64_t s, char *buf, size_t len)
{
	if (s < 60)
		snprintf(buf, len, "%" PRId64 " s", s);
	else if (s < 3600)
		snprintf(buf, len, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, len, "%" PRId64 " h %" PRId64 " min", s / 3600, s % 3600 / 60);
	else
		snprintf(buf, len, "%" PRId64 " d %" PRId64 " h", s / 86400, s % 86400 / 3600);
	return buf;
}

const char *unit_short(int64_t n, char *buf, size_t len)
{
	return n < 10000 ? unit_exact(n, buf, len) : si((double)n, "", buf, len);
}

const char *unit_clock(int64_t s, char *buf, size_t len)
{
	if (s < 3600)
		snprintf(buf, len, "%" PRId64 ":%02" PRId64, s / 60, s % 60);
	else if (s < 360000)
		snprintf(buf, len, "%" PRId64 ":%02" PRId64 ":%02" PRId64, s / 3600, s % 3600 / 60,
			 s % 60);
	else
		snprintf(buf, len, "%" PRId64 " d %" PRId64 " h", s / 86400, s % 86400 / 3600);
	return buf;
}

const char *unit_micros(int64_t us, char *buf, size_t len)
{
	if (us <= 0)
		snprintf(buf, len, "-");
	else if (us < 1000)
		snprintf(buf, len, "%" PRId64 " us", us);
	else if (us < 999500)
		snprintf(buf, len, "%.*f ms", us < 9995 ? 2 : us < 99950 ? 1 : 0, (double)us / 1e3);
	else
		snprintf(buf, len, "%.2f s", (double)us / 1e6);
	return buf;
}

const char *unit_rate(double per_s, char *buf, size_t len)
{
	if (per_s < 999.5)
		snprintf(buf, len, "%.0f/s", per_s);
	else
		si(per_s, "/s", buf, len);
	return buf;
}

const char *unit_speed(int64_t mbps, char *buf, size_t len)
{
	if (mbps <= 0)
		snprintf(buf, len, "-");
	else if (mbps >= 1000 && mbps % 1000 == 0)
		snprintf(buf, len, "%" PRId64 " Gb/s", mbps / 1000);
	else
		snprintf(buf, len, "%" PRId64 " Mb/s", mbps);
	return buf;
}

/* The unit at *s, which is moved behind it: its seconds; 0: there is none. */
static int64_t seconds_unit(const char **s)
{
	static const struct {
		const char *name;
		int64_t seconds;
	} of[] = { { "min", 60 }, { "m", 60 }, { "s", 1 }, { "h", 3600 }, { "d", 86400 } };

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		const size_t len = strlen(of[i].name);

		if (strncmp(*s, of[i].name, len) == 0) {
			*s += len;
			return of[i].seconds;
		}
	}
	return 0;
}

bool unit_read_seconds(const char *text, int64_t *to)
{
	int64_t before = INT64_MAX, unit;
	const char *s = text;

	*to = 0;
	do {
		int64_t n = 0;
		const char *first = s;

		for (; isdigit((unsigned char)*s) && n <= INT32_MAX; s++)
			n = 10 * n + (*s - '0');
		if (s == first || n > INT32_MAX)
			return false;
		if (*s == '\0' && first == text)
			unit = 1;
		else if (s += *s == ' ', (unit = seconds_unit(&s)) == 0)
			return false;
		if (unit >= before)
			return false; /* "5m 2h" is a slip, not seven of something */
		before = unit;
		*to += n * unit;
		if (*s == ' ' && s[1])
			s++;
	} while (*s);
	return *to <= INT32_MAX;
}

bool unit_read(const char *text, double *to)
{
	static const char prefix[] = "kMGT";
	const char *p;
	char *end;

	/* No sign, hexadecimal number or infinity. */
	if (!isdigit((unsigned char)*text) || strpbrk(text, "xXeE"))
		return false;
	*to = strtod(text, &end);
	end += *end == ' ';
	p = *end ? strchr(prefix, *end == 'K' ? 'k' : *end) : NULL;
	for (long i = p ? p - prefix : -1; i >= 0; i--)
		*to *= 1000;
	end += p != NULL;
	end += *end == 'B';
	return *end == '\0' || strcmp(end, "/s") == 0;
}
