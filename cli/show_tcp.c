/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables of TCP: the live connections, and what the stacks count. */
#include "field.h"
#include "grid.h"
#include "show.h"
#include "talkers.h"
#include "units.h"

/* ---- connections ---- */

static void connections_who(const json_t *list, FILE *out)
{
	static const struct grid_col cols[] = { { "WORKER", 1, 0 },
						{ "LOCAL", 0, 21 },
						{ "REMOTE", 0, 21 },
						{ "STATE", 0, 12 },
						{ "ROLE", 0, 6 } };
	struct grid *g = grid_new(cols, N_OF(cols));
	char worker[UNIT_STR_MAX];
	size_t i;
	json_t *c;

	json_array_foreach(list, i, c) grid_row(
	    g, unit_exact(get_int(c, "worker"), worker, sizeof(worker)), get_str(c, "local"),
	    get_str(c, "remote"), get_str(c, "state"), get_str(c, "role"));
	grid_print(g, 0, out);
}

/* What came and went so far; and, of those by which something does, what does now. */
static void connections_traffic(const json_t *list, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "REMOTE", 0, 21 }, { "AGE", 1, 0 },	{ "RX", 1, 0 },	  { "BYTES", 1, 0 },
		{ "TX", 1, 0 },	     { "BYTES", 1, 0 }, { "LAST", 1, 0 },
	};
	struct grid *g = grid_new(cols, N_OF(cols));
	char text[N_OF(cols)][UNIT_STR_MAX];
	size_t i;
	json_t *c;

	json_array_foreach(list, i, c) grid_row(
	    g, get_str(c, "remote"), unit_clock(get_int(c, "age_s"), text[1], UNIT_STR_MAX),
	    unit_short(get_int(c, "rx_packets"), text[2], UNIT_STR_MAX),
	    unit_bytes(get_int(c, "rx_bytes"), text[3], UNIT_STR_MAX),
	    unit_short(get_int(c, "tx_packets"), text[4], UNIT_STR_MAX),
	    unit_bytes(get_int(c, "tx_bytes"), text[5], UNIT_STR_MAX),
	    unit_clock(get_int(c, "silent_s"), text[6], UNIT_STR_MAX));
	fputc('\n', out);
	grid_print(g, 0, out);
}

static void connections_rates(const json_t *list, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "REMOTE", 0, 21 }, { "NOW RX", 1, 0 }, { "BYTES", 1, 0 },
		{ "NOW TX", 1, 0 },  { "BYTES", 1, 0 },
	};
	struct grid *g = grid_new(cols, N_OF(cols));
	char text[4][UNIT_STR_MAX];
	size_t i;
	json_t *c;

	json_array_foreach(list, i, c)
	{
		if (!get_int(c, "rx_bytes_per_s") && !get_int(c, "tx_bytes_per_s"))
			continue;
		grid_row(g, get_str(c, "remote"),
			 unit_rate((double)get_int(c, "rx_packets_per_s"), text[0], UNIT_STR_MAX),
			 talkers_bytes(json_object_get(c, "rx_bytes_per_s"), text[1]),
			 unit_rate((double)get_int(c, "tx_packets_per_s"), text[2], UNIT_STR_MAX),
			 talkers_bytes(json_object_get(c, "tx_bytes_per_s"), text[3]));
	}
	grid_print_below(g, out);
}

/* Those with TLS, if there are any. */
static void connections_tls(const json_t *list, FILE *out)
{
	static const struct grid_col cols[] = { { "REMOTE", 0, 21 },
						{ "VERSION", 0, 0 },
						{ "SUITE", 0, 32 },
						{ "DOMAIN", 0, 20 },
						{ "HANDSHAKE", 0, 0 } };
	struct grid *g = grid_new(cols, N_OF(cols));
	size_t i;
	json_t *c;

	json_array_foreach(list, i, c)
	{
		const json_t *t = json_object_get(c, "tls");

		if (!json_is_object(t))
			continue;
		grid_row(g, get_str(c, "remote"), get_str(t, "version"), get_str(t, "suite"),
			 get_str(t, "domain"),
			 json_is_true(json_object_get(t, "resumed")) ? "resumed" : "full");
	}
	grid_print_below(g, out);
}

static void connections_how(const json_t *list, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "REMOTE", 0, 21 }, { "RTT", 1, 7 },	      { "CWND", 1, 7 },
		{ "MSS", 1, 5 },     { "SEND WINDOW", 1, 7 }, { "RECV WINDOW", 1, 7 },
		{ "UNACKED", 1, 7 }, { "SEND QUEUE", 1, 7 },  { "RECV QUEUE", 1, 7 },
		{ "RESENT", 1, 7 },
	};
	static const char *const bytes[] = { "send_window", "receive_window", "unacked",
					     "send_queue", "receive_queue" };
	struct grid *g = grid_new(cols, N_OF(cols));
	size_t i;
	json_t *c;

	json_array_foreach(list, i, c)
	{
		char text[N_OF(cols)][UNIT_STR_MAX];
		const char *cell[N_OF(cols)] = { get_str(c, "remote") };

		cell[1] = unit_micros(get_int(c, "rtt_us"), text[1], UNIT_STR_MAX);
		cell[2] = unit_bytes(get_int(c, "cwnd"), text[2], UNIT_STR_MAX);
		snprintf(text[3], UNIT_STR_MAX, "%lld", (long long)get_int(c, "mss"));
		cell[3] = text[3];
		for (size_t b = 0; b < N_OF(bytes); b++)
			cell[4 + b] = unit_bytes(get_int(c, bytes[b]), text[4 + b], UNIT_STR_MAX);
		cell[9] = unit_short(get_int(c, "retransmits"), text[9], UNIT_STR_MAX);
		grid_cells(g, cell);
	}
	fputc('\n', out);
	grid_print(g, 0, out);
}

void show_connections(const json_t *result, FILE *out)
{
	const json_t *list = json_object_get(result, "connections");

	if (!show_attached(result, out))
		return;
	if (json_array_size(list) == 0) {
		fputs("No connections.\n", out);
	} else {
		connections_who(list, out);
		connections_traffic(list, out);
		connections_rates(list, out);
		connections_how(list, out);
		connections_tls(list, out);
	}
	if (!json_is_null(json_object_get(result, "cursor")))
		fputs("\nThere may be more: see --limit.\n", out);
}

/* ---- tcp ---- */

void show_counts(const json_t *list, const char *title, bool all, FILE *out)
{
	struct grid_col cols[] = { { "TOTAL", 1, 0 }, { title, 0, 20 }, { "MEANING", 0, 0 } };
	struct grid *g = grid_new(cols, N_OF(cols));
	char count[UNIT_STR_MAX];
	size_t i;
	json_t *row;

	json_array_foreach(list, i, row)
	{
		if (!all && get_int(row, "total") == 0)
			continue;
		grid_row(g, unit_exact(get_int(row, "total"), count, sizeof(count)),
			 get_str(row, "name"), get_str(row, "help"));
	}
	grid_print_below(g, out);
}

void show_tcp(const json_t *result, bool all, FILE *out)
{
	char n[UNIT_STR_MAX], max[UNIT_STR_MAX], held[UNIT_STR_MAX];

	if (!show_attached(result, out))
		return;
	fprintf(out, "%s of %s connections, which hold %s packet buffers\n",
		unit_exact(get_int(result, "connections"), n, sizeof(n)),
		unit_exact(get_int(result, "connections_max"), max, sizeof(max)),
		unit_exact(get_int(result, "buffers"), held, sizeof(held)));
	show_counts(json_object_get(result, "states"), "STATE", all, out);
	show_counts(json_object_get(result, "ends"), "ENDED BY", all, out);
	show_counts(json_object_get(result, "events"), "EVENT", all, out);
}
