/* SPDX-License-Identifier: BSD-3-Clause */
/* Over 600 lines, since it is one list: a function for each family that stat.def has not. */
#include "metrics.h"

#include "stat_list.h"
#include "stats.h"
#include "../session_rate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	METRIC_NAME_MAX = 96,
	BOUND_MAX = 32,
	LABEL_MAX = 2 * CTL_NAME_MAX, /* every byte escaped */
	LABEL_LONG = 2 * CONFIG_STR_MAX,
	WORKER_LINE_MAX = 256,
};

/* Where metrics go, and how. */
struct exposition {
	struct evbuffer *to;
	enum metrics_format format;
};

/*
 * A help has no quote and no backslash, which the formats would have escaped each in its way.
 * OpenMetrics has a family's name without what its type says already.
 */
static void describe(struct exposition *out, const char *space, const char *name, const char *type,
		     const char *help)
{
	int len = (int)strlen(name);

	if (out->format == METRICS_OPENMETRICS && strcmp(type, "counter") == 0)
		len -= (int)strlen("_total");
	else if (out->format == METRICS_OPENMETRICS && strcmp(type, "info") == 0)
		len -= (int)strlen("_info");
	else if (out->format == METRICS_TEXT && strcmp(type, "info") == 0)
		type = "gauge";
	else if (out->format == METRICS_TEXT && strcmp(type, "unknown") == 0)
		type = "untyped";
	evbuffer_add_printf(out->to, "# HELP %s%.*s %s\n# TYPE %s%.*s %s\n", space, len, name, help,
			    space, len, name, type);
}

/* Starts a family; name is without "fairlead_", the type as OpenMetrics has it. */
static void family(struct exposition *out, const char *name, const char *type, const char *help)
{
	describe(out, "fairlead_", name, type, help);
}

/* ---- lines of workers ---- */

/* What fits of text at *at, which moves on; a place for a NUL is left. */
static void put_text(char **at, const char *end, const char *text)
{
	while (*text && *at < end - 1)
		*(*at)++ = *text++;
}

static void put_number(char **at, const char *end, uint64_t n)
{
	char digits[24], *d = digits + sizeof(digits) - 1;

	*d = '\0';
	do {
		*--d = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	put_text(at, end, d);
}

/*
 * fairlead_NAME{worker="W",MORE} VALUE; more is NULL where the worker is all. By hand, for there
 * are tens of thousands of these lines where there are 64 workers, and everybody waits while they
 * are made.
 */
static void worker_line(struct exposition *out, const char *name, uint32_t worker, const char *more,
			uint64_t value)
{
	char line[WORKER_LINE_MAX], *at = line;
	const char *const end = line + sizeof(line);

	put_text(&at, end, "fairlead_");
	put_text(&at, end, name);
	put_text(&at, end, "{worker=\"");
	put_number(&at, end, worker);
	put_text(&at, end, more ? "\"," : "\"");
	put_text(&at, end, more ? more : "");
	put_text(&at, end, "} ");
	put_number(&at, end, value);
	put_text(&at, end, "\n");
	evbuffer_add(out->to, line, (size_t)(at - line));
}

/* The bound of a histogram's class: OpenMetrics has all numbers of it with a point. */
static const char *bound(const struct exposition *out, double le, char text[BOUND_MAX])
{
	snprintf(text, BOUND_MAX, "%g", le);
	if (out->format == METRICS_OPENMETRICS && !strpbrk(text, ".e"))
		strcat(text, ".0");
	return text;
}

/* ---- the control process ---- */

struct list {
	struct exposition *out;
	const struct stat_line *family; /* that is open */
};

static void write_value(void *ctx, const struct stat_line *l, const char *name, uint64_t value)
{
	const struct stat_line *f = l->family;
	struct list *list = ctx;

	if (!*l->metric)
		return;
	if (list->family != f)
		family(list->out, f->metric, f->kind == STAT_GAUGE ? "gauge" : "counter", f->help);
	list->family = f;
	evbuffer_add_printf(list->out->to, "fairlead_%s", f->metric);
	if (name)
		evbuffer_add_printf(list->out->to, "{%s=\"%s\"}", f->label, name);
	evbuffer_add_printf(list->out->to, " %" PRIu64 "\n", value);
}

static void write_build(struct exposition *out, const struct server *s)
{
	struct list list = { .out = out };

	family(out, "build_info", "info", "always 1; the version is its label");
	evbuffer_add_printf(out->to, "fairlead_build_info{version=\"%s\"} 1\n", FAIRLEAD_VERSION);
	stat_each(s, write_value, &list);
}

/* What the kernel has of both processes, as metrics have it. */
enum { PROCESS_CP, PROCESS_DP, PROCESSES };

struct process_row {
	const char *name, *type, *help;
	double value[PROCESSES];
};

/* What was a second ago at most of fairlead-dp; false: none is attached. */
static bool process_read(const struct server *s, double start_s[PROCESSES],
			 struct process_use use[PROCESSES])
{
	const struct region *r = dplink_region(s->link);
	const double boot_s = (double)s->wall_ms / 1000 - (double)s->now_ms / 1000;

	process_use(&use[PROCESS_CP]);
	start_s[PROCESS_CP] = (double)(s->wall_ms - (s->now_ms - s->start_ms)) / 1000;
	start_s[PROCESS_DP] = r ? boot_s + (double)r->start_time : 0;
	use[PROCESS_DP] = stats_process(s->link);
	return r != NULL;
}

/* By the names that all of Prometheus' clients have for it. */
static void write_process(struct exposition *out, const struct server *s)
{
	static const char *const process[PROCESSES] = { "fairlead-cp", "fairlead-dp" };
	struct process_use u[PROCESSES];
	double start_s[PROCESSES];
	const int n = process_read(s, start_s, u) ? PROCESSES : PROCESS_DP;
#define BOTH(member)                                                       \
	{                                                                  \
		(double)u[PROCESS_CP].member, (double)u[PROCESS_DP].member \
	}
	const struct process_row row[] = {
		{ "process_cpu_seconds_total", "counter", "user and system time of a process",
		  BOTH(cpu_s) },
		{ "process_resident_memory_bytes", "gauge",
		  "resident memory of a process, without huge pages", BOTH(resident_bytes) },
		{ "process_virtual_memory_bytes", "gauge",
		  "address space of a process, shared memory included", BOTH(virtual_bytes) },
		{ "process_open_fds", "gauge", "open file descriptors of a process", BOTH(fds) },
		{ "process_max_fds", "gauge", "file descriptors it may have; 0: any number",
		  BOTH(fds_max) },
		{ "process_threads", "gauge", "threads of a process", BOTH(threads) },
		{ "process_start_time_seconds",
		  "gauge",
		  "when a process started, since 1970",
		  { start_s[PROCESS_CP], start_s[PROCESS_DP] } },
	};
#undef BOTH

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		describe(out, "", row[i].name, row[i].type, row[i].help);
		for (int p = 0; p < n; p++)
			evbuffer_add_printf(out->to, "%s{process=\"%s\"} %.15g\n", row[i].name,
					    process[p], row[i].value[p]);
	}
}

/* Each class with all below it, in seconds. label: NULL, or what these are of. */
static void write_classes(struct exposition *out, const char *name, const char *label,
			  const char *value, const struct histogram *h)
{
	char le[BOUND_MAX], inner[LABEL_MAX] = "", outer[LABEL_MAX] = "";
	uint64_t n = 0;

	if (label) {
		snprintf(inner, sizeof(inner), "%s=\"%s\",", label, value);
		snprintf(outer, sizeof(outer), "{%s=\"%s\"}", label, value);
	}
	for (int i = 0; i < HISTOGRAM_CLASSES - 1; i++) {
		n += h->n[i];
		evbuffer_add_printf(out->to, "fairlead_%s_bucket{%sle=\"%s\"} %" PRIu64 "\n", name,
				    inner, bound(out, histogram_le_us[i] / 1e6, le), n);
	}
	n += h->n[HISTOGRAM_CLASSES - 1];
	evbuffer_add_printf(out->to,
			    "fairlead_%s_bucket{%sle=\"+Inf\"} %" PRIu64 "\n"
			    "fairlead_%s_sum%s %.6f\nfairlead_%s_count%s %" PRIu64 "\n",
			    name, inner, n, name, outer, (double)h->sum_us / 1e6, name, outer, n);
}

static void write_histogram(struct exposition *out, const char *name, const char *help,
			    const struct histogram *h)
{
	family(out, name, "histogram", help);
	write_classes(out, name, NULL, NULL, h);
}

static void write_times(struct exposition *out, const struct server_times *t)
{
	write_histogram(out, "ring_wait_seconds",
			"of requests, from their reception until the control process took them up",
			&t->ring_wait);
	write_histogram(out, "request_duration_seconds",
			"of requests, from their reception until their reply was on its way",
			&t->request);
	write_histogram(out, "loop_turn_seconds",
			"turns of the control process's loop, while nothing else is answered",
			&t->turn);
	write_histogram(out, "loop_lag_seconds", "how late a timer of that loop fires", &t->lag);
}

/* Every code from the beginning, or the first of a kind would be no increase. */
static void write_responses(struct exposition *out, const struct server *s)
{
	family(out, "responses_total", "counter",
	       "replies by method and STUN error code; code 200 stands for success");
	for (int m = 0; m < SERVER_METHODS; m++) {
		evbuffer_add_printf(
		    out->to, "fairlead_responses_total{method=\"%s\",code=\"200\"} %" PRIu64 "\n",
		    server_method_name[m], s->stats.success[m]);
		for (int e = 0; e < STUN_ERRORS; e++)
			evbuffer_add_printf(
			    out->to,
			    "fairlead_responses_total{method=\"%s\",code=\"%s\"} %" PRIu64 "\n",
			    server_method_name[m], stun_error_name[e], s->errors[m][e]);
	}
}

static const char *family_name(const struct ip_addr *a)
{
	return ip_is_v4(a) ? "ipv4" : "ipv6";
}

static void write_listener(struct exposition *out, const struct config_listener *l,
			   const char *metric, uint64_t value)
{
	char addr[ADDR_STR_MAX];

	evbuffer_add_printf(
	    out->to, "fairlead_%s{listener=\"%s\",transport=\"%s\",family=\"%s\"} %" PRIu64 "\n",
	    metric, sock_addr_format(&l->addr, addr, sizeof(addr)),
	    config_transport_name[l->transport], family_name(&l->addr.ip), value);
}

/* Payload that clients of a listener relayed, as session_rate.h has it. */
static void write_relayed(struct exposition *out, const struct server *s)
{
	static const struct {
		const char *metric, *help;
		size_t field;
	} row[] = {
		{ "listener_relay_to_peer_packets_total",
		  "packets of clients of a listener that were relayed to peers",
		  offsetof(struct session_sum, packets[CTL_TO_PEER]) },
		{ "listener_relay_to_peer_bytes_total",
		  "payload of clients of a listener that was relayed to peers",
		  offsetof(struct session_sum, bytes[CTL_TO_PEER]) },
		{ "listener_relay_to_client_packets_total",
		  "packets of peers that were relayed to clients of a listener",
		  offsetof(struct session_sum, packets[CTL_TO_CLIENT]) },
		{ "listener_relay_to_client_bytes_total",
		  "payload of peers that was relayed to clients of a listener",
		  offsetof(struct session_sum, bytes[CTL_TO_CLIENT]) },
	};
	const struct config *c = s->conf;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		family(out, row[i].metric, "counter", row[i].help);
		for (uint16_t l = 0; l < c->n_listener; l++)
			write_listener(
			    out, &c->listener[l], row[i].metric,
			    stats_at(session_rates_sum(s->rates, listener_place_of(c, l)),
				     row[i].field));
	}
}

static void write_listeners(struct exposition *out, const struct server *s)
{
	const struct config *c = s->conf;

	family(out, "listener_allocations", "gauge", "allocations of clients of a listener");
	for (uint16_t i = 0; i < c->n_listener; i++)
		write_listener(out, &c->listener[i], "listener_allocations",
			       table_listener_allocs(s->table, listener_place_of(c, i)));
	family(out, "listener_requests_total", "counter", "requests that came by a listener");
	for (uint16_t i = 0; i < c->n_listener; i++)
		write_listener(out, &c->listener[i], "listener_requests_total",
			       s->listener_requests[listener_place_of(c, i)]);
	write_relayed(out, s);
}

/* What runs out first, of each address. */
static void write_relays(struct exposition *out, const struct server *s)
{
	char ip[ADDR_STR_MAX];

	family(
	    out, "relay_ports", "gauge",
	    "relayed ports of an address: taken, in quarantine after their last owner, and free");
	for (uint16_t i = 0; i < s->conf->n_relay; i++) {
		const uint32_t resting = ports_quarantined(s->ports, i);
		const char *of = family_name(&s->conf->relay[i].addr);

		if (s->conf->relay[i].gone)
			continue;
		ip_format(&s->conf->relay[i].addr, ip, sizeof(ip));
		evbuffer_add_printf(
		    out->to,
		    "fairlead_relay_ports{address=\"%s\",family=\"%s\",state=\"taken\"} %u\n"
		    "fairlead_relay_ports{address=\"%s\",family=\"%s\",state=\"quarantine\"} %u\n"
		    "fairlead_relay_ports{address=\"%s\",family=\"%s\",state=\"free\"} %u\n",
		    ip, of, ports_used(s->ports, i) - resting, ip, of, resting, ip, of,
		    ports_unused(s->ports, i));
	}
	family(out, "relay_ports_limit", "gauge", "of these there are");
	for (uint16_t i = 0; i < s->conf->n_relay; i++) {
		const struct config_relay *r = &s->conf->relay[i];

		if (!r->gone)
			evbuffer_add_printf(
			    out->to,
			    "fairlead_relay_ports_limit{address=\"%s\",family=\"%s\"} %u\n",
			    ip_format(&r->addr, ip, sizeof(ip)), family_name(&r->addr),
			    r->port_max - r->port_min + 1u);
	}
}

/* ---- workers ---- */

/* Where a counter's name does not tell its unit, as a metric's must. */
static const char *const metric_of[CNT_MAX] = {
	[CNT_RX] = "rx_packets",
	[CNT_MADE] = "made_packets",
	[CNT_TX] = "tx_packets",
	[CNT_CONSUMED] = "consumed_packets",
	[CNT_RELAY_TO_PEER] = "relay_to_peer_packets",
	[CNT_RELAY_TO_CLIENT] = "relay_to_client_packets",
	[CNT_RELAY_LOOPED] = "relay_looped_packets",
	[CNT_HANDOVER_OUT] = "handover_out_packets",
	[CNT_HANDOVER_IN] = "handover_in_packets",
	[CNT_HELD] = "held_packets",
	[CNT_TCP_RX] = "tcp_rx_segments",
	[CNT_TCP_TX] = "tcp_tx_segments",
	[CNT_TLS_BYTES_IN] = "tls_in_bytes",
	[CNT_TLS_BYTES_OUT] = "tls_out_bytes",
	[CNT_TLS_CONNS] = "tls_connections",
};

static void write_counters(struct exposition *out, const struct stats_counters *c, uint32_t n)
{
	for (int i = 0; i < CNT_MAX; i++) {
		const enum counter k = (enum counter)i;
		const bool gauge = stats_is_gauge(k);
		char name[METRIC_NAME_MAX];

		if (i >= CNT_TCP_CLOSED && i <= CNT_TCP_TIME_WAIT)
			continue; /* write_tcp() */
		snprintf(name, sizeof(name), "%s%s%s",
			 stats_is_tcp(k) || stats_is_tls(k) ? "" : "worker_",
			 metric_of[i] ? metric_of[i] : counter_desc[i].name, gauge ? "" : "_total");
		family(out, name, gauge ? "gauge" : "counter", stats_help(k));
		for (uint32_t w = 0; w < n; w++)
			worker_line(out, name, w, NULL, c[w].cnt[i]);
	}
}

static void write_drops(struct exposition *out, const struct stats_counters *c, uint32_t n)
{
	family(out, "worker_dropped_total", "counter",
	       "packets dropped by reason; fairlead drops --all explains each");
	for (int i = 0; i < DROP_MAX; i++) {
		char labels[LABEL_MAX];

		snprintf(labels, sizeof(labels), "reason=\"%s\",severity=\"%s\"", drop_desc[i].name,
			 stats_severity(drop_desc[i].severity));
		for (uint32_t w = 0; w < n; w++)
			worker_line(out, "worker_dropped_total", w, labels, c[w].drop[i]);
	}
}

/* States and ends of connections: what sums up stands under one name. */
static void write_tcp(struct exposition *out, const struct stats_counters *c, uint32_t n)
{
	char label[LABEL_MAX];

	family(out, "tcp_connections", "gauge",
	       "TCP connections by state; those in time_wait are entries of a table of their own");
	for (int s = 0; s < TCP_STATES; s++) {
		snprintf(label, sizeof(label), "state=\"%s\"", tcp_state_name[s]);
		for (uint32_t w = 0; w < n; w++)
			worker_line(out, "tcp_connections", w, label,
				    stats_tcp_state(&c[w], (enum tcp_state)s));
	}
	family(out, "tcp_ends_total", "counter",
	       "TCP connections by what ended them; fairlead tcp --all explains each");
	for (int i = 0; i < TCP_END_MAX; i++) {
		snprintf(label, sizeof(label), "reason=\"%s\"", tcp_end_desc[i].name);
		for (uint32_t w = 0; w < n; w++)
			worker_line(out, "tcp_ends_total", w, label, c[w].end[i]);
	}
}

/* Cumulative, as histograms are; sum is that of all sizes. */
static void write_batches(struct exposition *out, const char *name, uint32_t worker,
			  const uint64_t *by_size, uint64_t sum)
{
	char le[BOUND_MAX];
	uint64_t n = 0;

	for (uint32_t i = 0; i < CTL_BATCHES - 1; i++) {
		n += by_size[i];
		evbuffer_add_printf(out->to,
				    "fairlead_%s_bucket{worker=\"%u\",le=\"%s\"} %" PRIu64 "\n",
				    name, worker, bound(out, (1u << i) - 1, le), n);
	}
	n += by_size[CTL_BATCHES - 1];
	evbuffer_add_printf(out->to,
			    "fairlead_%s_bucket{worker=\"%u\",le=\"+Inf\"} %" PRIu64 "\n"
			    "fairlead_%s_sum{worker=\"%u\"} %" PRIu64 "\n"
			    "fairlead_%s_count{worker=\"%u\"} %" PRIu64 "\n",
			    name, worker, n, name, worker, sum, name, worker, n);
}

static void write_stage(struct exposition *out, const char *metric, uint32_t worker, enum stage s,
			uint64_t value)
{
	char label[LABEL_MAX], *at = label;
	const char *const end = label + sizeof(label);

	put_text(&at, end, "stage=\"");
	put_text(&at, end, stage_desc[s].name);
	put_text(&at, end, "\"");
	*at = '\0';
	worker_line(out, metric, worker, label, value);
}

/* Where the cycles of workers go. */
static void write_stages(struct exposition *out, const struct stats_counters *c, uint32_t n)
{
	static const struct {
		const char *metric, *help;
		size_t field;
	} row[] = {
		{ "worker_stage_cycles_total",
		  "cycles by stage of the loop; all stages together are all cycles that passed",
		  offsetof(struct stats_stage, cycles) },
		{ "worker_stage_calls_total", "times a stage found something to do",
		  offsetof(struct stats_stage, calls) },
		{ "worker_stage_items_total",
		  "packets, segments or others a stage dealt with; fairlead(1) says what",
		  offsetof(struct stats_stage, items) },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		family(out, row[i].metric, "counter", row[i].help);
		for (uint32_t w = 0; w < n; w++)
			for (int s = 0; s < STAGE_MAX; s++)
				write_stage(out, row[i].metric, w, (enum stage)s,
					    stats_at(&c[w].stage[s], row[i].field));
	}
	family(out, "worker_rx_burst_packets", "histogram",
	       "packets a port gave at once; none is a look for nothing");
	for (uint32_t w = 0; w < n; w++)
		write_batches(out, "worker_rx_burst_packets", w, c[w].rx_burst,
			      c[w].stage[STAGE_RX].items);
	family(out, "worker_tx_batch_packets", "histogram", "packets given to a port at once");
	for (uint32_t w = 0; w < n; w++)
		write_batches(out, "worker_tx_batch_packets", w, c[w].tx_batch,
			      c[w].stage[STAGE_TX].items);
}

/* Of all workers together: a flow is of one, and which is of no interest. */
static void write_quality(struct exposition *out, const struct stats_counters *c, uint32_t n)
{
	for (int q = 0; q < QUALITIES; q++) {
		const struct quality_desc *d = &quality_desc[q];
		uint64_t count = 0, sum = 0;
		char le[BOUND_MAX];

		family(out, d->name, "histogram", d->help);
		for (uint32_t i = 0; i < QUALITY_CLASSES; i++) {
			for (uint32_t w = 0; w < n; w++)
				count += c[w].quality[q][i];
			evbuffer_add_printf(
			    out->to, "fairlead_%s_bucket{le=\"%s\"} %" PRIu64 "\n", d->name,
			    i < QUALITY_CLASSES - 1 ? bound(out, d->le[i] * d->unit, le) : "+Inf",
			    count);
		}
		for (uint32_t w = 0; w < n; w++)
			sum += c[w].quality_sum[q];
		evbuffer_add_printf(out->to,
				    "fairlead_%s_sum %.15g\nfairlead_%s_count %" PRIu64 "\n",
				    d->name, (double)sum * d->unit, d->name, count);
	}
}

static void histogram_add_to(struct histogram *sum, const struct histogram *h)
{
	for (int i = 0; i < HISTOGRAM_CLASSES; i++)
		sum->n[i] += h->n[i];
	sum->sum_us += h->sum_us;
}

/* Turns by worker, of which one may be slow; handshakes of all together. */
static void write_took(struct exposition *out, const struct stats_counters *c, uint32_t n)
{
	struct histogram sum[CTL_HANDSHAKES] = { 0 };
	char worker[BOUND_MAX];

	family(out, "worker_turn_seconds", "histogram",
	       "turns that found something to do: no packet of the worker waits for longer");
	for (uint32_t w = 0; w < n; w++) {
		snprintf(worker, sizeof(worker), "%u", w);
		write_classes(out, "worker_turn_seconds", "worker", worker, &c[w].turn);
		for (int h = 0; h < CTL_HANDSHAKES; h++)
			histogram_add_to(&sum[h], &c[w].handshake[h]);
	}
	family(
	    out, "handshake_duration_seconds", "histogram",
	    "handshakes that came to keys, from the connection or ClientHello, waiting included");
	for (int h = 0; h < CTL_HANDSHAKES; h++)
		write_classes(out, "handshake_duration_seconds", "layer", stats_handshake[h],
			      &sum[h]);
}

static void write_idle(struct exposition *out, const struct stats_counters *c, uint32_t n,
		       uint64_t hz)
{
	family(out, "tsc_hertz", "gauge", "cycles a second, as stages have them");
	evbuffer_add_printf(out->to, "fairlead_tsc_hertz %" PRIu64 "\n", hz);
	family(out, "worker_idle_seconds_total", "counter",
	       "time without work: its rate is the share of time a worker idles");
	for (uint32_t w = 0; hz && w < n; w++)
		evbuffer_add_printf(out->to,
				    "fairlead_worker_idle_seconds_total{worker=\"%u\"} %.6f\n", w,
				    (double)c[w].stage[STAGE_IDLE].cycles / (double)hz);
}

static void write_heartbeat(struct exposition *out, const struct server *s)
{
	family(out, "worker_still_seconds", "gauge",
	       "how long a worker has made no turn; a nap is 10 ms at most");
	for (uint32_t w = 0; w < dplink_n_workers(s->link); w++)
		evbuffer_add_printf(out->to, "fairlead_worker_still_seconds{worker=\"%u\"} %u\n", w,
				    heartbeat_still(&s->heartbeat, w));
	family(out, "service_still_seconds", "gauge",
	       "how long the service thread of fairlead-dp, which looks after ports and "
	       "certificates, has made no turn");
	if (dplink_attached(s->link))
		evbuffer_add_printf(out->to, "fairlead_service_still_seconds %u\n",
				    heartbeat_service_still(&s->heartbeat));
}

static void write_workers(struct exposition *out, const struct dplink *l)
{
	const struct region *r = dplink_region(l);
	const uint32_t n = dplink_n_workers(l);
	struct stats_counters c[CTL_WORKERS_MAX];

	for (uint32_t w = 0; w < n; w++)
		stats_worker(l, w, &c[w]);
	write_counters(out, c, n);
	write_drops(out, c, n);
	write_tcp(out, c, n);
	write_stages(out, c, n);
	write_quality(out, c, n);
	write_took(out, c, n);
	write_idle(out, c, n, r ? r->tsc_hz : 0);
	family(out, "worker_unaccounted", "gauge",
	       "packets received or made less those sent, consumed, dropped or held; 0 at rest");
	for (uint32_t w = 0; w < n; w++)
		evbuffer_add_printf(out->to,
				    "fairlead_worker_unaccounted{worker=\"%u\"} %" PRId64 "\n", w,
				    stats_account(&c[w]).difference);
}

/* ---- ports ---- */

/* A label's value: other than printable ASCII becomes '?', quote and backslash are escaped. */
static const char *label(const char *s, char *buf, size_t len)
{
	size_t n = 0;

	for (; *s && n + 2 < len; s++) {
		if (*s == '"' || *s == '\\')
			buf[n++] = '\\';
		buf[n++] = *s >= ' ' && *s <= '~' ? *s : '?';
	}
	buf[n] = '\0';
	return buf;
}

static void write_port_traffic(struct exposition *out, const struct dplink *l, uint32_t port,
			       const char *name, size_t field, const char *metric)
{
	for (uint32_t w = 0; w < dplink_n_workers(l); w++) {
		struct stats_port p;

		stats_port(l, w, port, &p);
		evbuffer_add_printf(out->to, "fairlead_%s{port=\"%s\",worker=\"%u\"} %" PRIu64 "\n",
				    metric, name, w, stats_at(&p, field));
	}
}

/* Ports that are there. */
struct shown {
	uint32_t n;
	uint32_t at[CTL_PORTS_MAX]; /* places of the dataplane's */
	char name[CTL_PORTS_MAX][LABEL_MAX];
	struct ctl_port_info info[CTL_PORTS_MAX];
};

static void write_traffic(struct exposition *out, const struct dplink *l, const struct shown *s)
{
	static const struct {
		const char *metric, *help;
		size_t field;
	} row[] = {
		{ "port_rx_packets_total", "packets received",
		  offsetof(struct stats_port, rx_packets) },
		{ "port_rx_bytes_total", "bytes received", offsetof(struct stats_port, rx_bytes) },
		{ "port_tx_packets_total", "packets sent",
		  offsetof(struct stats_port, tx_packets) },
		{ "port_tx_bytes_total", "bytes sent", offsetof(struct stats_port, tx_bytes) },
		{ "port_tx_full_total", "packets the port did not take",
		  offsetof(struct stats_port, tx_full) },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		family(out, row[i].metric, "counter", row[i].help);
		for (uint32_t p = 0; p < s->n; p++)
			write_port_traffic(out, l, s->at[p], s->name[p], row[i].field,
					   row[i].metric);
	}
}

/* What drivers count. Which of it are gauges they do not tell. */
static void write_xstats(struct exposition *out, const struct dplink *l, const struct shown *s)
{
	char stat[2 * CTL_XSTAT_NAME];
	struct ctl_xstats x;

	family(out, "port_driver", "unknown", "what the port's driver counts, by its own names");
	for (uint32_t p = 0; p < s->n; p++) {
		stats_xstats(l, s->at[p], &x);
		for (uint32_t i = 0; i < x.n; i++)
			evbuffer_add_printf(
			    out->to, "fairlead_port_driver{port=\"%s\",stat=\"%s\"} %" PRIu64 "\n",
			    s->name[p], label(x.stat[i].name, stat, sizeof(stat)), x.stat[i].value);
	}
}

static void ports_see(const struct dplink *l, struct shown *s)
{
	s->n = 0;
	for (uint32_t p = 0; p < dplink_n_ports(l); p++) {
		struct ctl_port_info *info = &s->info[s->n];

		if (!stats_port_info(l, p, info))
			snprintf(info->name, sizeof(info->name), "%u", p);
		if (info->gone)
			continue;
		label(info->name, s->name[s->n], LABEL_MAX);
		s->at[s->n++] = p;
	}
}

static void write_ports(struct exposition *out, const struct dplink *l)
{
	struct shown s;
	static const struct {
		const char *metric, *help;
		size_t field;
	} row[] = {
		{ "port_rx_missed_total", "packets the device lost for want of descriptors",
		  offsetof(struct ctl_port_info, rx_missed) },
		{ "port_rx_nombuf_total", "packets lost for want of buffers",
		  offsetof(struct ctl_port_info, rx_nombuf) },
		{ "port_rx_errors_total", "packets received in error",
		  offsetof(struct ctl_port_info, rx_errors) },
		{ "port_tx_errors_total", "packets the device failed to send",
		  offsetof(struct ctl_port_info, tx_errors) },
		{ "port_address_conflicts_total",
		  "claims of others on the link for addresses of the port",
		  offsetof(struct ctl_port_info, conflicts) },
		{ "port_outages_total",
		  "times that the device was taken away, or had to be opened anew",
		  offsetof(struct ctl_port_info, outages) },
	};

	ports_see(l, &s);
	family(out, "port_link_up", "gauge", "1 while the link is up");
	for (uint32_t p = 0; p < s.n; p++)
		evbuffer_add_printf(out->to, "fairlead_port_link_up{port=\"%s\"} %u\n", s.name[p],
				    s.info[p].link_up != 0);
	family(out, "port_out", "gauge", "1 while the device is away, or being opened anew");
	for (uint32_t p = 0; p < s.n; p++)
		evbuffer_add_printf(out->to, "fairlead_port_out{port=\"%s\"} %u\n", s.name[p],
				    s.info[p].out != 0);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		family(out, row[i].metric, "counter", row[i].help);
		for (uint32_t p = 0; p < s.n; p++)
			evbuffer_add_printf(out->to, "fairlead_%s{port=\"%s\"} %" PRIu64 "\n",
					    row[i].metric, s.name[p],
					    stats_at(&s.info[p], row[i].field));
	}
	write_traffic(out, l, &s);
	write_xstats(out, l, &s);
}

/* ---- TLS ---- */

/* One family of the certificates in force. */
static void write_certs(struct exposition *out, const struct server *s, const char *name,
			const char *help, uint64_t (*value)(const struct ctl_cert_info *c))
{
	char domain[LABEL_MAX], chain[LABEL_LONG];

	family(out, name, "gauge", help);
	for (uint32_t i = 0; i < s->conf->n_certificate; i++) {
		const struct config_certificate *conf = &s->conf->certificate[i];
		struct ctl_cert_info c;

		if (stats_cert(s->link, i, &c))
			evbuffer_add_printf(
			    out->to, "fairlead_%s{domain=\"%s\",certificate=\"%s\"} %" PRIu64 "\n",
			    name, label(conf->domain, domain, sizeof(domain)),
			    label(conf->chain, chain, sizeof(chain)), value(&c));
	}
}

static uint64_t cert_not_after(const struct ctl_cert_info *c)
{
	return c->not_after;
}

static uint64_t cert_loaded(const struct ctl_cert_info *c)
{
	return c->loaded;
}

static uint64_t cert_failed(const struct ctl_cert_info *c)
{
	return c->error[0] != '\0';
}

/* The certificates of this process's own sockets. */
static void write_own_certs(struct exposition *out, const struct server *s)
{
	static const char *const port[OWN_CERTS] = { [OWN_CERT_MANAGEMENT] = "management",
						     [OWN_CERT_METRICS] = "metrics",
						     [OWN_CERT_H248] = "h248" };

	family(out, "own_certificate_not_after_timestamp_seconds", "gauge",
	       "when the certificate of the management or metrics port, or towards controllers of "
	       "H.248, ends, since 1970");
	for (uint32_t i = 0; i < OWN_CERTS; i++)
		if (s->own_cert[i].not_after)
			evbuffer_add_printf(out->to,
					    "fairlead_own_certificate_not_after_timestamp_seconds"
					    "{port=\"%s\"} %" PRIu64 "\n",
					    port[i], s->own_cert[i].not_after);
}

static void write_tls(struct exposition *out, const struct server *s)
{
	write_certs(out, s, "tls_certificate_not_after_timestamp_seconds",
		    "when the certificate in force ends, since 1970", cert_not_after);
	write_certs(out, s, "tls_certificate_loaded_timestamp_seconds",
		    "when the certificate in force was read, since 1970", cert_loaded);
	write_certs(out, s, "tls_certificate_reload_failed",
		    "1 while the last reload left an older one in force", cert_failed);
	write_own_certs(out, s);
}

static void write_all(struct exposition *out, const struct server *s)
{
	write_process(out, s);
	write_build(out, s);
	write_times(out, &s->times);
	write_responses(out, s);
	write_listeners(out, s);
	write_relays(out, s);
	write_heartbeat(out, s);
	write_workers(out, s->link);
	write_ports(out, s->link);
	write_tls(out, s);
}

void metrics_write(struct evbuffer *out, const struct server *s, enum metrics_format format)
{
	write_all(&(struct exposition){ out, format }, s);
	if (format == METRICS_OPENMETRICS)
		evbuffer_add_printf(out, "# EOF\n");
}
