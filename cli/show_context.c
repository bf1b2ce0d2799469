/* SPDX-License-Identifier: BSD-3-Clause */
/* Contexts of the gateway: one in full, many in a table, and what happens to them. */
#include "field.h"
#include "grid.h"
#include "show.h"
#include "talkers.h"
#include "units.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

enum { TEXT_MAX = 512 };

static bool is_true(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

static bool is_text(const json_t *o, const char *key)
{
	return json_string_length(json_object_get(o, key)) > 0;
}

/* Adds to a line; what does not fit is cut. */
__attribute__((format(printf, 2, 3))) static void more(char line[TEXT_MAX], const char *fmt, ...)
{
	const size_t used = strlen(line);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + used, TEXT_MAX - used, fmt, ap);
	va_end(ap);
}

/* Where a termination's remote is, as far as anybody knows. */
static const char *remote(const json_t *t)
{
	static const char *const key[] = { "latched", "peer", "remote" };

	for (size_t i = 0; i < N_OF(key); i++)
		if (is_text(t, key[i]))
			return get_str(t, key[i]);
	return "-";
}

/* "up", "ended: reset" */
static const char *state(const json_t *t, char buf[TEXT_MAX])
{
	*buf = '\0';
	more(buf, "%s", get_str(t, "state"));
	if (is_text(t, "why"))
		more(buf, ": %s", get_str(t, "why"));
	return buf;
}

/* ---- what came, and comes ---- */

/* "8.6 kB/s, 50 packets/s" */
static const char *rates(const json_t *use, char buf[TEXT_MAX])
{
	char text[UNIT_STR_MAX];
	const int64_t packets = get_int(use, "packets_per_s");

	*buf = '\0';
	if (!json_is_object(use))
		return "-";
	more(buf, "%s", talkers_bytes(json_object_get(use, "bytes_per_s"), text));
	if (packets)
		more(buf, ", %s packets/s", unit_exact(packets, text, sizeof(text)));
	return buf;
}

/* "8.60 kB/s", "silent 0:59": what comes now, or since when nothing does. */
static const char *comes(const json_t *use, char buf[TEXT_MAX])
{
	const json_t *rate = json_object_get(use, "bytes_per_s");
	char text[UNIT_STR_MAX];

	*buf = '\0';
	if (!json_is_object(use))
		more(buf, "-");
	else if (json_number_value(rate) > 0)
		more(buf, "%s", talkers_bytes(rate, text));
	else if (json_is_integer(json_object_get(use, "silent_s")))
		more(buf, "silent %s", unit_clock(get_int(use, "silent_s"), text, sizeof(text)));
	else
		more(buf, "nothing yet");
	return buf;
}

/* ---- many ---- */

static void contexts_row(struct grid *g, const json_t *c)
{
	char age[UNIT_STR_MAX], where[TEXT_MAX], how[TEXT_MAX], now[TEXT_MAX];
	bool first = true;
	const json_t *use;
	json_t *t;
	size_t i;

	unit_clock(get_int(c, "age_s"), age, sizeof(age));
	json_array_foreach(json_object_get(c, "terminations"), i, t)
	{
		if (!json_is_object(t))
			continue;
		*where = '\0';
		more(where, "%c %s %s %s <-> %s", "ab"[i & 1], get_str(t, "transport"),
		     get_str(t, "realm"), get_str(t, "local"), remote(t));
		use = json_object_get(t, "use");
		grid_row(g, first ? get_str(c, "context") : "", first ? get_str(c, "call") : "",
			 first ? age : "", where, comes(use, now), state(t, how));
		first = false;
	}
	if (first)
		grid_row(g, get_str(c, "context"), get_str(c, "call"), age, "none", "", "");
}

void show_contexts(const json_t *result, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "CONTEXT", 0, 16 },	   { "CALL", 0, 12 }, { "AGE", 1, 0 },
		{ "TERMINATIONS", 0, 48 }, { "COMES", 1, 0 }, { "STATE", 0, 0 },
	};
	const json_t *list = json_object_get(result, "contexts");
	struct grid *g;
	size_t i;
	json_t *c;

	if (json_array_size(list) == 0) {
		fputs("No contexts.\n", out);
		return;
	}
	g = grid_new(cols, N_OF(cols));
	json_array_foreach(list, i, c) contexts_row(g, c);
	grid_print(g, 0, out);
	if (json_is_integer(json_object_get(result, "cursor")))
		fputs("There are more.\n", out);
}

/* ---- one ---- */

/* An address and that of RTCP. */
static const char *with_rtcp(const json_t *t, const char *key, const char *rtcp, char buf[TEXT_MAX])
{
	*buf = '\0';
	more(buf, "%s", get_str(t, key));
	if (is_text(t, rtcp))
		more(buf, ", RTCP %s", get_str(t, rtcp));
	return buf;
}

/* "rtp, rtcp_mux, gate in": what is not as it is when nothing is said. */
static const char *traits(const json_t *t, char buf[TEXT_MAX])
{
	static const char *const flag[] = { "rtp", "rtcp_mux", "ice", "silent" };
	static const char *const number[] = { "dscp", "rate", "burst", "inactivity" };

	*buf = '\0';
	for (size_t i = 0; i < N_OF(flag); i++)
		if (is_true(t, flag[i]))
			more(buf, "%s, ", flag[i]);
	if (is_text(t, "srtp") && strcmp(get_str(t, "srtp"), "off") != 0)
		more(buf, "SRTP by %s, ", get_str(t, "srtp"));
	if (is_text(t, "tcp_role"))
		more(buf, "TCP %s, ", get_str(t, "tcp_role"));
	if (is_text(t, "tls_role"))
		more(buf, "TLS %s of %s, ", get_str(t, "tls_role"), get_str(t, "tls_domain"));
	if (is_text(t, "latch"))
		more(buf, "latch %s, ", get_str(t, "latch"));
	more(buf, "gate %s", get_str(t, "gate"));
	for (size_t i = 0; i < N_OF(number); i++) {
		const int64_t n = get_int(t, number[i]);

		if (n || (i == 0 && json_is_integer(json_object_get(t, "dscp"))))
			more(buf, ", %s %lld", number[i], (long long)n);
	}
	return buf;
}

static const char *list(const json_t *t, const char *key, char buf[TEXT_MAX])
{
	json_t *member;
	size_t i;

	*buf = '\0';
	json_array_foreach(json_object_get(t, key), i, member)
	    more(buf, "%s%s", i ? " " : "", json_string_value(member));
	return *buf ? buf : "none";
}

/* A fingerprint a row: their digits stay together, to be copied. */
static void fingerprint_rows(struct grid *g, const char *label, const json_t *fingerprints)
{
	json_t *fp;
	size_t i;

	if (json_array_size(fingerprints) == 0)
		grid_row(g, label, "none");
	json_array_foreach(fingerprints, i, fp) grid_row(g, i ? "" : label, json_string_value(fp));
}

static void tls_rows(struct grid *g, const json_t *t)
{
	const json_t *tls = json_object_get(t, "tls");
	char line[TEXT_MAX] = "";

	if (is_text(t, "host"))
		grid_row(g, "host", get_str(t, "host"));
	if (json_is_object(tls)) {
		more(line, "%s, %s", get_str(tls, "version"), get_str(tls, "suite"));
		grid_row(g, "TLS", line);
	}
	fingerprint_rows(g, "awaited", json_object_get(t, "fingerprints"));
	if (is_text(t, "peer_fingerprint"))
		grid_row(g, "shown", get_str(t, "peer_fingerprint"));
	fingerprint_rows(g, "ours", json_object_get(t, "own_fingerprints"));
}

static const char *counters(const json_t *c, bool stream, char buf[TEXT_MAX])
{
	char n[UNIT_STR_MAX], b[UNIT_STR_MAX];

	*buf = '\0';
	if (!stream)
		more(buf, "%s packets, ", unit_exact(get_int(c, "packets"), n, sizeof(n)));
	more(buf, "%s", unit_bytes(get_int(c, "bytes"), b, sizeof(b)));
	if (get_int(c, "rtcp_packets"))
		more(buf, "; RTCP %s packets, %s",
		     unit_exact(get_int(c, "rtcp_packets"), n, sizeof(n)),
		     unit_bytes(get_int(c, "rtcp_bytes"), b, sizeof(b)));
	if (!stream)
		more(buf, "; %s dropped", unit_exact(get_int(c, "dropped"), n, sizeof(n)));
	if (get_int(c, "ice_checks"))
		more(buf, "; %s ICE checks", unit_exact(get_int(c, "ice_checks"), n, sizeof(n)));
	if (json_is_integer(json_object_get(c, "silent_s")))
		more(buf, "; silent for %s", unit_seconds(get_int(c, "silent_s"), n, sizeof(n)));
	return buf;
}

static double get_real(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

/* Of RTP: what came, what the other side said by RTCP, and how it heard. */
static void quality_rows(struct grid *g, const json_t *q)
{
	const json_t *told = json_object_get(q, "told"), *heard = json_object_get(q, "heard");
	const json_t *mean = json_object_get(heard, "mean");
	char line[TEXT_MAX] = "", a[UNIT_STR_MAX];

	if (get_int(q, "sources")) {
		more(line, "%s, SSRC %lld; %s lost, %lld of them in bursts; ", get_str(q, "codec"),
		     (long long)get_int(q, "ssrc"), unit_exact(get_int(q, "lost"), a, sizeof(a)),
		     (long long)get_int(q, "burst_lost"));
		more(line, "%lld reordered, %lld twice; jitter %.1f ms, %.1f at most",
		     (long long)get_int(q, "reordered"), (long long)get_int(q, "duplicates"),
		     get_real(q, "jitter_ms"), get_real(q, "jitter_max_ms"));
		grid_row(g, "RTP", line);
	}
	*line = '\0';
	if (get_int(told, "reports"))
		more(line, "%lld lost, jitter %.1f ms", (long long)get_int(told, "lost"),
		     get_real(told, "jitter_ms"));
	if (json_is_real(json_object_get(told, "mos_lq")))
		more(line, "%sMOS-LQ %.1f", *line ? ", " : "", get_real(told, "mos_lq"));
	if (json_is_real(json_object_get(told, "mos_cq")))
		more(line, "%sMOS-CQ %.1f", *line ? ", " : "", get_real(told, "mos_cq"));
	if (json_is_real(json_object_get(q, "round_trip_ms")))
		more(line, "%sround trip to it %.1f ms", *line ? "; " : "",
		     get_real(q, "round_trip_ms"));
	if (*line)
		grid_row(g, "tells", line);
	*line = '\0';
	if (!json_is_object(heard))
		return;
	more(line, "MOS %.2f (%.2f to %.2f); loss %.2f %%, jitter %.1f ms", get_real(mean, "mos"),
	     get_real(json_object_get(heard, "lowest"), "mos"),
	     get_real(json_object_get(heard, "highest"), "mos"), get_real(mean, "loss_percent"),
	     get_real(mean, "jitter_ms"));
	if (json_is_real(json_object_get(mean, "round_trip_ms")))
		more(line, ", round trip %.1f ms", get_real(mean, "round_trip_ms"));
	grid_row(g, "hears", line);
}

static void term(const json_t *t, char side, FILE *out)
{
	static const struct grid_col cols[] = { { "", 0, 0 }, { "", 0, TEXT_MAX } };
	const bool udp = strcmp(get_str(t, "transport"), "udp") == 0;
	const json_t *count = json_object_get(t, "counters");
	struct grid *g = grid_new(cols, N_OF(cols));
	char line[TEXT_MAX] = "", how[TEXT_MAX], since[UNIT_STR_MAX];

	more(line, "%s in %s, %s for %s", get_str(t, "transport"), get_str(t, "realm"),
	     state(t, how), unit_seconds(get_int(t, "state_s"), since, sizeof(since)));
	grid_row(g, (char[]){ side, '\0' }, line);
	if (is_text(t, "tag"))
		grid_row(g, "tag", get_str(t, "tag"));
	grid_row(g, "local", with_rtcp(t, "local", "rtcp_local", line));
	grid_row(g, "remote", with_rtcp(t, "remote", "rtcp_remote", line));
	if (is_text(t, "latched") || is_text(t, "rtcp_latched"))
		grid_row(g, "latched", with_rtcp(t, "latched", "rtcp_latched", line));
	if (is_text(t, "peer"))
		grid_row(g, "peer", get_str(t, "peer"));
	grid_row(g, "with", traits(t, line));
	if (is_text(t, "ice_ufrag")) {
		*line = '\0';
		more(line, "%s, password %s", get_str(t, "ice_ufrag"), get_str(t, "ice_pwd"));
		grid_row(g, "ICE", line);
	}
	if (!udp && is_text(t, "tls_role"))
		tls_rows(g, t);
	grid_row(g, "notify", list(t, "notify", line));
	if (json_is_object(count))
		grid_row(g, "came", counters(count, !udp, line));
	if (get_int(json_object_get(t, "use"), "bytes_per_s"))
		grid_row(g, "comes", rates(json_object_get(t, "use"), line));
	if (json_is_object(json_object_get(count, "quality")))
		quality_rows(g, json_object_get(count, "quality"));
	grid_print(g, 0, out);
}

void show_context(const json_t *c, FILE *out)
{
	static const struct grid_col cols[] = { { "", 0, 0 }, { "", 0, 0 } };
	struct grid *g = grid_new(cols, N_OF(cols));
	char line[TEXT_MAX] = "", a[UNIT_STR_MAX], b[UNIT_STR_MAX];
	json_t *t;
	size_t i;

	more(line, "%s, worker %lld, %s old", get_str(c, "context"),
	     (long long)get_int(c, "worker"), unit_seconds(get_int(c, "age_s"), a, sizeof(a)));
	if (is_text(c, "end"))
		more(line, ", ended: %s", get_str(c, "end"));
	more(line, ", %s left", unit_seconds(get_int(c, "expires_s"), a, sizeof(a)));
	if (get_int(c, "inactivity"))
		more(line, ", %s of silence end it",
		     unit_seconds(get_int(c, "inactivity"), b, sizeof(b)));
	if (is_true(c, "hold"))
		more(line, ", hold");
	grid_row(g, "context", line);
	if (is_text(c, "call")) {
		*line = '\0';
		more(line, "%s, media %lld", get_str(c, "call"), (long long)get_int(c, "media"));
		grid_row(g, "call", line);
	}
	grid_print(g, 0, out);
	json_array_foreach(json_object_get(c, "terminations"), i, t)
	{
		if (!json_is_object(t))
			continue;
		fputc('\n', out);
		term(t, "ab"[i & 1], out);
	}
}

void show_moved(const json_t *result, FILE *out)
{
	show_context(json_object_get(result, "from"), out);
	fputc('\n', out);
	show_context(json_object_get(result, "to"), out);
}

/* ---- events ---- */

/* "2027-02-01 12:00:00.123" */
static const char *moment(int64_t ms, char *buf, size_t len)
{
	const time_t when = (time_t)(ms / 1000);
	struct tm tm;
	size_t n;

	if (!gmtime_r(&when, &tm) || !(n = strftime(buf, len, "%Y-%m-%d %H:%M:%S", &tm)))
		n = (size_t)snprintf(buf, len, "?");
	snprintf(buf + n, len - n, ".%03d", (int)(ms % 1000));
	return buf;
}

void show_event(const json_t *e, FILE *out)
{
	const json_t *side = json_object_get(e, "side"), *tls = json_object_get(e, "tls");
	char line[TEXT_MAX] = "", when[64];

	more(line, "%s %s %c %s", moment(get_int(e, "time_ms"), when, sizeof(when)),
	     get_str(e, "context"),
	     json_is_integer(side) ? "ab"[json_integer_value(side) & 1] : '-', get_str(e, "what"));
	if (is_text(e, "why"))
		more(line, " %s", get_str(e, "why"));
	if (is_true(e, "rtcp"))
		more(line, " RTCP");
	if (is_text(e, "remote"))
		more(line, " %s", get_str(e, "remote"));
	if (json_is_object(tls))
		more(line, " %s %s", get_str(tls, "version"), get_str(tls, "suite"));
	if (is_text(e, "call"))
		more(line, " call %s", get_str(e, "call"));
	fprintf(out, "%s\n", grid_plain(line));
}
