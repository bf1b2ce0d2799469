/* SPDX-License-Identifier: BSD-3-Clause */
/* What status, workers, ports, drops and accounting print. */
#include "show.h"

#include "drain.h"
#include "field.h"
#include "grid.h"
#include "units.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

enum {
	ACCOUNT_COLS = 3, /* side by side: the largest numbers there are fit the page */
	TEXT_MAX = 512,
};

bool show_attached(const json_t *result, FILE *out)
{
	if (json_is_true(json_object_get(result, "attached")))
		return true;
	fputs("The dataplane is not attached: nothing to show.\n", out);
	return false;
}

/* ---- status ---- */

/* "12 of 1,000" */
static const char *of(const json_t *o, const char *key, const char *max, char *buf, size_t len)
{
	char n[UNIT_STR_MAX], m[UNIT_STR_MAX];

	snprintf(buf, len, "%s of %s", unit_exact(get_int(o, key), n, sizeof(n)),
		 unit_exact(get_int(o, max), m, sizeof(m)));
	return buf;
}

/* "allocate 24, refresh 3": the members of o that are not 0, or "none". */
static const char *members(const json_t *o, char *buf, size_t len)
{
	char n[UNIT_STR_MAX];
	const char *key;
	json_t *value;
	size_t used = 0;

	snprintf(buf, len, "none");
	json_object_foreach((json_t *)o, key, value)
	{
		if (!json_integer_value(value) || used >= len)
			continue;
		used += (size_t)snprintf(buf + used, len - used, "%s%s %s", used ? ", " : "", key,
					 unit_exact(json_integer_value(value), n, sizeof(n)));
	}
	return buf;
}

static void status_dataplane(const json_t *dp, char *buf, size_t len)
{
	char up[UNIT_STR_MAX];

	if (!json_is_true(json_object_get(dp, "attached"))) {
		snprintf(buf, len, "not attached");
		return;
	}
	snprintf(buf, len, "attached: process %lld, up %s, %lld worker%s, ABI %lld, generation %s",
		 (long long)get_int(dp, "pid"),
		 unit_seconds(get_int(dp, "uptime_s"), up, sizeof(up)),
		 (long long)get_int(dp, "workers"), get_int(dp, "workers") == 1 ? "" : "s",
		 (long long)get_int(dp, "abi"), get_str(dp, "generation"));
}

static void status_allocations(const json_t *a, struct grid *g)
{
	char buf[2 * UNIT_STR_MAX];

	grid_row(g, "allocations", of(a, "count", "max", buf, sizeof(buf)));
	grid_row(g, "permissions", of(a, "permissions", "permissions_max", buf, sizeof(buf)));
	grid_row(g, "channels", of(a, "channels", "channels_max", buf, sizeof(buf)));
	grid_row(g, "reservations", of(a, "reservations", "reservations_max", buf, sizeof(buf)));
}

static void status_gateway(const json_t *gateway, struct grid *g)
{
	char buf[TEXT_MAX];

	if (!json_is_object(gateway))
		return;
	grid_row(g, "contexts", of(gateway, "contexts", "contexts_max", buf, sizeof(buf)));
	grid_row(g, "contexts in state",
		 members(json_object_get(gateway, "states"), buf, sizeof(buf)));
	grid_row(g, "contexts ended", members(json_object_get(gateway, "ended"), buf, sizeof(buf)));
	grid_row(g, "contexts refused",
		 members(json_object_get(gateway, "refused"), buf, sizeof(buf)));
	if (json_is_object(json_object_get(gateway, "ng")))
		grid_row(g, "ng commands",
			 members(json_object_get(gateway, "ng"), buf, sizeof(buf)));
	if (json_is_object(json_object_get(gateway, "h248"))) {
		grid_row(g, "h248 controller", get_str(gateway, "h248_controller"));
		grid_row(g, "h248 commands",
			 members(json_object_get(gateway, "h248"), buf, sizeof(buf)));
	}
}

/* Of a process whose allocator tells; the rest is DPDK's, and dataplane.memory-mb says how much. */
static void status_memory(const json_t *memory, struct grid *g)
{
	static const char *const part[] = { "allocated", "active", "resident", "retained" };
	char buf[TEXT_MAX], n[UNIT_STR_MAX];
	const char *process;
	json_t *m;

	json_object_foreach((json_t *)memory, process, m)
	{
		size_t used = (size_t)snprintf(buf, sizeof(buf), "%s:", process);

		if (!get_int(m, "allocated"))
			continue;
		for (size_t i = 0; i < N_OF(part) && used < sizeof(buf); i++)
			used += (size_t)snprintf(
			    buf + used, sizeof(buf) - used, "%s %s %s", i ? "," : "",
			    unit_bytes(get_int(m, part[i]), n, sizeof(n)), part[i]);
		grid_row(g, "memory", buf);
	}
}

/* What is wrong, before anything else. */
static void status_problems(const json_t *problems, struct grid *g)
{
	const json_t *p;
	size_t i;

	json_array_foreach(problems, i, p)
	{
		grid_row(g, get_str(p, "severity"), get_str(p, "what"));
		grid_tone(g, 0, tone_of(get_str(p, "severity")));
	}
	if (problems && !json_array_size(problems)) {
		grid_row(g, "problems", "none");
		grid_tone(g, 1, TONE_GOOD);
	}
}

static void status_drain(const json_t *drain, struct grid *g)
{
	char buf[TEXT_MAX];

	if (json_is_true(json_object_get(drain, "on")))
		grid_row(g, "draining", drain_text(drain, buf, sizeof(buf)));
}

/* Places where a process met what cannot be; at best there are none, and nothing is shown. */
static void status_bugs(const json_t *bugs, struct grid *g)
{
	char buf[TEXT_MAX];
	const json_t *b;
	size_t i;

	json_array_foreach(bugs, i, b)
	{
		snprintf(buf, sizeof(buf), "%s at %s: %s, %lld times", get_str(b, "process"),
			 get_str(b, "where"), get_str(b, "condition"),
			 (long long)get_int(b, "count"));
		grid_row(g, get_str(b, "grade"), buf);
		grid_tone(g, 0, tone_of(get_str(b, "grade")));
	}
}

void show_status(const json_t *result, FILE *out)
{
	static const struct grid_col cols[] = { { "", 0, 0 }, { "", 0, 0 } };
	const json_t *users = json_object_get(result, "users");
	struct grid *g = grid_new(cols, N_OF(cols));
	char buf[TEXT_MAX], n[UNIT_STR_MAX];

	snprintf(buf, sizeof(buf), "%s, process %lld, up %s", get_str(result, "version"),
		 (long long)get_int(result, "pid"),
		 unit_seconds(get_int(result, "uptime_s"), n, sizeof(n)));
	grid_row(g, "fairlead", buf);
	status_problems(json_object_get(result, "problems"), g);
	status_drain(json_object_get(result, "drain"), g);
	grid_row(g, "configuration", get_str(result, "config"));
	status_dataplane(json_object_get(result, "dataplane"), buf, sizeof(buf));
	grid_row(g, "dataplane", buf);
	grid_row(g, "connections",
		 of(json_object_get(result, "dataplane"), "connections", "connections_max", buf,
		    sizeof(buf)));
	status_allocations(json_object_get(result, "allocations"), g);
	status_gateway(json_object_get(result, "gateway"), g);
	snprintf(buf, sizeof(buf), "%s with allocations",
		 unit_exact(get_int(users, "active"), n, sizeof(n)));
	if (get_int(users, "allocations_max"))
		snprintf(buf + strlen(buf), sizeof(buf) - strlen(buf), ", each may have %s",
			 unit_exact(get_int(users, "allocations_max"), n, sizeof(n)));
	grid_row(g, "users", buf);
	grid_row(g, "to peers",
		 members(json_object_get(result, "peer_connections"), buf, sizeof(buf)));
	grid_row(g, "requests", members(json_object_get(result, "requests"), buf, sizeof(buf)));
	grid_row(g, "replies", members(json_object_get(result, "replies"), buf, sizeof(buf)));
	grid_row(g, "peers denied", unit_exact(get_int(result, "peers_denied"), n, sizeof(n)));
	grid_row(g, "lost", members(json_object_get(result, "lost"), buf, sizeof(buf)));
	status_memory(json_object_get(result, "memory"), g);
	status_bugs(json_object_get(result, "bugs"), g);
	grid_print(g, 0, out);
}

/* ---- workers ---- */

/* A worker now, and as it was some time before (0: sums since its start). */
struct worker_pair {
	const json_t *now, *before;
	double seconds;
};

static int64_t counter(const json_t *worker, const char *name)
{
	const json_t *v = json_object_get(worker, name);

	return json_integer_value(v ? v
				    : json_object_get(json_object_get(worker, "counters"), name));
}

static const char *counted(const struct worker_pair *w, const char *name, char *buf, size_t len)
{
	int64_t n = counter(w->now, name), was = counter(w->before, name);

	if (w->seconds <= 0)
		return unit_count(n, buf, len);
	/* A dataplane that was started again counts from 0. */
	return unit_rate((double)(n >= was ? n - was : n) / w->seconds, buf, len);
}

/* Share of loop turns that found nothing to do. */
static const char *idle_share(const struct worker_pair *w, char *buf, size_t len)
{
	int64_t loops = counter(w->now, "loops") - counter(w->before, "loops");
	int64_t idle = counter(w->now, "loops_idle") - counter(w->before, "loops_idle");

	if (loops <= 0 || idle < 0 || idle > loops)
		snprintf(buf, len, "-");
	else
		snprintf(buf, len, "%.0f%%", 100.0 * (double)idle / (double)loops);
	return buf;
}

static void workers_traffic(const struct worker_pair *w, size_t n, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "WORKER", 1, 0 },	{ "CPU", 1, 0 },     { "SESSIONS", 1, 0 },
		{ "RX", 1, 0 },		{ "TX", 1, 0 },	     { "TO PEERS", 1, 0 },
		{ "TO CLIENTS", 1, 0 }, { "DROPPED", 1, 0 }, { "IDLE", 1, 0 },
	};
	static const char *const name[] = { "rx", "tx", "relay_to_peer", "relay_to_client",
					    "dropped" };
	struct grid *g = grid_new(cols, N_OF(cols));

	for (size_t i = 0; i < n; i++) {
		char text[N_OF(cols)][UNIT_STR_MAX];
		const char *cell[N_OF(cols)];

		snprintf(text[0], UNIT_STR_MAX, "%lld", (long long)get_int(w[i].now, "worker"));
		snprintf(text[1], UNIT_STR_MAX, "%lld", (long long)get_int(w[i].now, "cpu"));
		unit_count(counter(w[i].now, "sessions"), text[2], UNIT_STR_MAX);
		for (size_t c = 0; c < 5; c++)
			counted(&w[i], name[c], text[3 + c], UNIT_STR_MAX);
		idle_share(&w[i], text[8], UNIT_STR_MAX);
		for (size_t c = 0; c < N_OF(cols); c++)
			cell[c] = text[c];
		grid_cells(g, cell);
	}
	grid_print(g, 0, out);
}

static void workers_inside(const struct worker_pair *w, size_t n, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "WORKER", 1, 0 },	{ "PUNTED", 1, 0 },	{ "REPLIES", 1, 0 },
		{ "COMMANDS", 1, 0 },	{ "HANDED OUT", 1, 0 }, { "HANDED IN", 1, 0 },
		{ "MBUFS FREE", 1, 0 }, { "HELD", 1, 0 },
	};
	static const char *const name[] = { "punt", "reply", "cmd", "handover_out", "handover_in" };
	struct grid *g = grid_new(cols, N_OF(cols));

	for (size_t i = 0; i < n; i++) {
		char text[N_OF(cols)][UNIT_STR_MAX];
		const char *cell[N_OF(cols)];

		snprintf(text[0], UNIT_STR_MAX, "%lld", (long long)get_int(w[i].now, "worker"));
		for (size_t c = 0; c < 5; c++)
			counted(&w[i], name[c], text[1 + c], UNIT_STR_MAX);
		unit_count(counter(w[i].now, "mbufs_free"), text[6], UNIT_STR_MAX);
		unit_count(counter(w[i].now, "held"), text[7], UNIT_STR_MAX);
		for (size_t c = 0; c < N_OF(cols); c++)
			cell[c] = text[c];
		grid_cells(g, cell);
	}
	grid_print(g, 0, out);
}

void show_workers(const json_t *result, const json_t *before, FILE *out)
{
	const json_t *list = json_object_get(result, "workers");
	const size_t n = json_array_size(list);
	struct worker_pair *w;

	if (!show_attached(result, out))
		return;
	w = calloc(n + 1, sizeof(*w));
	if (!w)
		err(1, NULL);
	for (size_t i = 0; i < n; i++) {
		w[i].now = json_array_get(list, i);
		w[i].before = json_array_get(json_object_get(before, "workers"), i);
		if (w[i].before)
			w[i].seconds =
			    (double)(get_int(result, "time_us") - get_int(before, "time_us")) / 1e6;
	}
	workers_traffic(w, n, out);
	fputc('\n', out);
	workers_inside(w, n, out);
	free(w);
}

/* ---- ports ---- */

static const char *port_link(const json_t *info)
{
	if (json_is_true(json_object_get(info, "out")))
		return "out";
	return json_is_true(json_object_get(info, "link_up")) ? "up" : "down";
}

static void ports_traffic(const json_t *list, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "PORT", 0, 16 }, { "LINK", 0, 0 },	 { "SPEED", 1, 0 },
		{ "RX", 1, 0 },	   { "RX BYTES", 1, 0 }, { "MISSED", 1, 0 },
		{ "TX", 1, 0 },	   { "TX BYTES", 1, 0 }, { "NOT TAKEN", 1, 0 },
	};
	struct grid *g = grid_new(cols, N_OF(cols));
	size_t i;
	json_t *p;

	json_array_foreach(list, i, p)
	{
		const json_t *info = json_object_get(p, "info");
		const json_t *t = json_object_get(json_object_get(p, "traffic"), "total");
		char speed[UNIT_STR_MAX], rx[UNIT_STR_MAX], rxb[UNIT_STR_MAX], missed[UNIT_STR_MAX];
		char tx[UNIT_STR_MAX], txb[UNIT_STR_MAX], full[UNIT_STR_MAX];

		grid_row(g, get_str(info, "name"), port_link(info),
			 unit_speed(get_int(info, "speed_mbps"), speed, sizeof(speed)),
			 unit_count(get_int(t, "rx_packets"), rx, sizeof(rx)),
			 unit_bytes(get_int(t, "rx_bytes"), rxb, sizeof(rxb)),
			 unit_count(get_int(info, "rx_missed"), missed, sizeof(missed)),
			 unit_count(get_int(t, "tx_packets"), tx, sizeof(tx)),
			 unit_bytes(get_int(t, "tx_bytes"), txb, sizeof(txb)),
			 unit_count(get_int(t, "tx_full"), full, sizeof(full)));
		grid_tone(g, 1, strcmp(port_link(info), "up") == 0 ? TONE_GOOD : TONE_BAD);
	}
	grid_print(g, 0, out);
}

/* What a port's driver counts and is not zero; nothing if nobody asked for it. */
static void port_xstats(const json_t *port, FILE *out)
{
	static const struct grid_col cols[] = { { "", 0, 0 }, { "", 1, 0 } };
	const json_t *list = json_object_get(port, "xstats");
	json_int_t more = get_int(port, "xstats_total") - (json_int_t)json_array_size(list);
	struct grid *g = grid_new(cols, N_OF(cols));
	char value[24];
	size_t i;
	json_t *x;

	json_array_foreach(list, i, x)
	{
		snprintf(value, sizeof(value), "%lld", (long long)get_int(x, "value"));
		if (get_int(x, "value"))
			grid_row(g, get_str(x, "name"), value);
	}
	grid_print(g, 2, out);
	if (list && more > 0)
		fprintf(out, "  and %lld that are not looked at\n", (long long)more);
}

/* The name of the port at a place; places of ports that are gone are not in the list. */
static const char *port_at(const json_t *list, json_int_t place)
{
	size_t i;
	json_t *p;

	json_array_foreach(list, i, p)
	{
		if (get_int(p, "port") == place)
			return get_str(json_object_get(p, "info"), "name");
	}
	return "?";
}

/* "VLAN 100", and whose device it is where another port has it. */
static const char *port_vlan(const json_t *list, const json_t *info, char *buf, size_t len)
{
	const json_t *of = json_object_get(info, "device_of");
	int n = snprintf(buf, len, "untagged");

	if (get_int(info, "vlan"))
		n = snprintf(buf, len, "VLAN %lld", (long long)get_int(info, "vlan"));
	if (json_is_integer(of))
		snprintf(buf + n, len - (size_t)n, " on the device of %s",
			 port_at(list, json_integer_value(of)));
	return buf;
}

static void port_detail(const json_t *list, const json_t *port, FILE *out)
{
	const json_t *info = json_object_get(port, "info");
	static const struct grid_col cols[] = { { "", 0, 0 }, { "", 0, 0 } };
	struct grid *g = grid_new(cols, N_OF(cols));
	char buf[TEXT_MAX], vlan[TEXT_MAX / 2];

	snprintf(buf, sizeof(buf), "%s, %s, MTU %lld, %s", get_str(info, "driver"),
		 get_str(info, "mac"), (long long)get_int(info, "mtu"),
		 port_vlan(list, info, vlan, sizeof(vlan)));
	grid_row(g, "device", buf);
	snprintf(buf, sizeof(buf), "%lld rx of %lld descriptors, %lld tx of %lld",
		 (long long)get_int(info, "rx_queues"), (long long)get_int(info, "rx_desc"),
		 (long long)get_int(info, "tx_queues"), (long long)get_int(info, "tx_desc"));
	grid_row(g, "queues", buf);
	if (json_string_length(json_object_get(info, "members")))
		grid_row(g, "members", get_str(info, "members"));
	grid_row(g, "steering", get_str(info, "steering"));
	grid_row(g, "offloads", get_str(info, "offloads"));
	grid_row(g, "bursts", get_str(info, "bursts"));
	snprintf(buf, sizeof(buf), "%lld received, %lld sent, %lld for want of buffers",
		 (long long)get_int(info, "rx_errors"), (long long)get_int(info, "tx_errors"),
		 (long long)get_int(info, "rx_nombuf"));
	grid_row(g, "errors", buf);
	snprintf(buf, sizeof(buf), "%lld of others, for addresses of this port",
		 (long long)get_int(info, "address_conflicts"));
	if (get_int(info, "address_conflicts"))
		grid_row(g, "claims", buf);
	snprintf(buf, sizeof(buf), "%lld of the device: taken away, or opened anew",
		 (long long)get_int(info, "outages"));
	if (get_int(info, "outages"))
		grid_row(g, "outages", buf);
	fprintf(out, "\n%s\n", get_str(info, "name"));
	grid_print(g, 2, out);
	port_xstats(port, out);
}

void show_ports(const json_t *result, FILE *out)
{
	const json_t *list = json_object_get(result, "ports");
	size_t i;
	json_t *p;

	if (!show_attached(result, out))
		return;
	ports_traffic(list, out);
	json_array_foreach(list, i, p) port_detail(list, p, out);
}

/* ---- drops ---- */

struct drop_row {
	const json_t *drop;
	int64_t total;
	size_t at; /* place in the result, which settles ties */
};

static int busiest_first(const void *pa, const void *pb)
{
	const struct drop_row *a = pa, *b = pb;

	if (a->total != b->total)
		return a->total < b->total ? 1 : -1;
	return a->at < b->at ? -1 : 1;
}

void show_drops(const json_t *result, bool all, FILE *out)
{
	static const struct grid_col cols[] = {
		{ "PACKETS", 1, 0 }, { "SEVERITY", 0, 0 }, { "REASON", 0, 20 }, { "MEANING", 0, 0 }
	};
	const json_t *list = json_object_get(result, "drops");
	const size_t n = json_array_size(list);
	struct drop_row *row = calloc(n + 1, sizeof(*row));
	struct grid *g = grid_new(cols, N_OF(cols));
	char count[UNIT_STR_MAX];

	if (!row)
		err(1, NULL);
	for (size_t i = 0; i < n; i++) {
		row[i].drop = json_array_get(list, i);
		row[i].total = get_int(row[i].drop, "total");
		row[i].at = i;
	}
	qsort(row, n, sizeof(*row), busiest_first);
	for (size_t i = 0; i < n && (all || row[i].total); i++) {
		grid_row(g, unit_exact(row[i].total, count, sizeof(count)),
			 get_str(row[i].drop, "severity"), get_str(row[i].drop, "name"),
			 get_str(row[i].drop, "help"));
		grid_tone(g, 1, tone_of(get_str(row[i].drop, "severity")));
	}
	if (show_attached(result, out)) {
		grid_row(g, unit_exact(get_int(result, "total"), count, sizeof(count)), "",
			 "in all", "");
		grid_print(g, 0, out);
	} else {
		grid_free(g);
	}
	free(row);
}

/* ---- accounting ---- */

/* Total is column 0, worker w column w + 1. */
static const json_t *account_of(const json_t *result, size_t col)
{
	return col == 0 ? json_object_get(result, "total")
			: json_array_get(json_object_get(result, "workers"), col - 1);
}

static void accounting_block(const json_t *result, size_t first, size_t n, FILE *out)
{
	static const char *const line[][2] = {
		{ "rx", "received" },
		{ "made", "+ made here" },
		{ "handover_in", "+ from other workers" },
		{ "tx", "- sent" },
		{ "consumed", "- consumed" },
		{ "dropped", "- dropped" },
		{ "handover_out", "- to other workers" },
		{ "held", "- held" },
		{ "difference", "= difference" },
	};
	struct grid_col cols[ACCOUNT_COLS + 1] = { { "", 0, 0 } };
	char title[ACCOUNT_COLS][UNIT_STR_MAX];
	struct grid *g;

	for (size_t i = 0; i < n; i++) {
		snprintf(title[i], sizeof(title[i]), first + i ? "WORKER %zu" : "TOTAL",
			 first + i - 1);
		cols[i + 1] = (struct grid_col){ title[i], 1, 0 };
	}
	g = grid_new(cols, n + 1);
	for (size_t l = 0; l < N_OF(line); l++) {
		char text[ACCOUNT_COLS][UNIT_STR_MAX];
		const char *cell[ACCOUNT_COLS + 1] = { line[l][1] };

		for (size_t i = 0; i < n; i++)
			cell[i + 1] = unit_exact(get_int(account_of(result, first + i), line[l][0]),
						 text[i], sizeof(text[i]));
		grid_cells(g, cell);
	}
	grid_print(g, 0, out);
}

void show_accounting(const json_t *result, FILE *out)
{
	const size_t n = json_array_size(json_object_get(result, "workers")) + 1;

	if (!show_attached(result, out))
		return;
	for (size_t first = 0; first < n; first += ACCOUNT_COLS) {
		if (first)
			fputc('\n', out);
		accounting_block(result, first, n - first < ACCOUNT_COLS ? n - first : ACCOUNT_COLS,
				 out);
	}
	if (get_int(json_object_get(result, "total"), "difference"))
		fputs("\nCounters are read while traffic goes on; a difference that stays at rest "
		      "is an error.\n",
		      out);
}
