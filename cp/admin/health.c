/* SPDX-License-Identifier: BSD-3-Clause */
#include "health.h"

#include "rpc.h"
#include "stats.h"
#include "../cert_info.h"
#include "../record/records.h"
#include "../../lib/bug.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { WHAT_MAX = 1024 };

struct health {
	json_t *error, *warn;
};

static void add(json_t *list, const char *severity, const char *about, const char *fmt, va_list ap)
{
	char what[WHAT_MAX];

	vsnprintf(what, sizeof(what), fmt, ap);
	json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "severity", severity, "about",
					      about, "what", rpc_text(what)));
}

static void __attribute__((format(printf, 3, 4)))
error(struct health *h, const char *about, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(h->error, "error", about, fmt, ap);
	va_end(ap);
}

static void __attribute__((format(printf, 3, 4)))
warn(struct health *h, const char *about, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(h->warn, "warn", about, fmt, ap);
	va_end(ap);
}

static void workers(struct health *h, const struct server *s)
{
	for (uint32_t w = 0; w < dplink_n_workers(s->link); w++) {
		const uint32_t still = heartbeat_still(&s->heartbeat, w);

		if (still >= HEARTBEAT_STILL_S)
			error(h, "worker", "worker %u has made no turn for %u s", w, still);
	}
	if (heartbeat_service_still(&s->heartbeat) >= HEARTBEAT_SERVICE_STILL_S)
		error(h, "service thread",
		      "the service thread of fairlead-dp has made no turn for %u s: ports, "
		      "certificates and reloads are not looked after; its log says what it did "
		      "last",
		      heartbeat_service_still(&s->heartbeat));
	if (dplink_replaying(s->link))
		warn(h, "dataplane", "sessions are being replayed to the dataplane");
}

static void ports(struct health *h, const struct server *s)
{
	for (uint32_t p = 0; p < dplink_n_ports(s->link); p++) {
		struct ctl_port_info info;

		if (!stats_port_info(s->link, p, &info) || info.shares || info.gone)
			continue;
		if (info.out)
			error(h, "port",
			      "port %s: its device is away, or being opened anew: if it "
			      "stays so, fairlead-dp's log says what it waits for",
			      info.name);
		else if (!info.link_up)
			error(h, "port",
			      "port %s: the link is down: look at its cable, and at the port of "
			      "the switch",
			      info.name);
	}
}

static void cert_time(struct health *h, const struct server *s, const char *file,
		      uint64_t not_before, uint64_t not_after)
{
	const int64_t days = cert_days_left(not_after, s->wall);

	if (days < 0)
		error(h, "certificate end", "certificate %s has ended", file);
	else if (s->wall < not_before)
		error(h, "certificate", "certificate %s is not valid yet", file);
	else if (days < HEALTH_CERT_DAYS)
		warn(h, "certificate end", "certificate %s ends in %" PRId64 " days", file, days);
}

static void own_certificates(struct health *h, const struct server *s)
{
	const char *const file[OWN_CERTS] = {
		[OWN_CERT_MANAGEMENT] = s->conf->management.certificate,
		[OWN_CERT_METRICS] = s->conf->control.metrics_certificate,
		[OWN_CERT_H248] = s->conf->gateway.h248_certificate,
	};

	for (uint32_t i = 0; i < OWN_CERTS; i++) {
		const struct cert_life *c = &s->own_cert[i];

		if (c->not_after)
			cert_time(h, s, file[i], c->not_before, c->not_after);
	}
}

static void certificate(struct health *h, const struct server *s, uint32_t i)
{
	const char *file = s->conf->certificate[i].chain;
	struct ctl_cert_info c;

	if (!stats_cert(s->link, i, &c)) {
		error(h, "certificate", "certificate %s is not loaded%s%s", file,
		      *c.error ? ": " : "", c.error);
		return;
	}
	cert_time(h, s, file, c.not_before, c.not_after);
	if (*c.error)
		warn(h, "certificate",
		     "certificate %s could not be read again, an older one is in force: %s", file,
		     c.error);
}

static void look(struct health *h, const struct server *s)
{
	uint64_t bugs = bug_total() + stats_bugs_total(s->link);

	if (!dplink_attached(s->link))
		error(h, "dataplane", "no dataplane is attached: nothing is relayed");
	workers(h, s);
	ports(h, s);
	/* Without a user of TLS the dataplane loads none. */
	for (uint32_t i = 0;
	     dplink_attached(s->link) && config_has_tls(s->conf) && i < s->conf->n_certificate; i++)
		certificate(h, s, i);
	own_certificates(h, s);
	if (s->drain.on)
		warn(h, "drain", "the node is being drained: no new allocations and contexts");
	if (s->auth_problem && *s->auth_problem)
		warn(h, "secrets", "%s; the secrets that were read before stay in force",
		     s->auth_problem);
	if (records_stats(s->records).error)
		warn(h, "records", "records are lost: %s: %s", s->conf->records.file,
		     strerror(records_stats(s->records).error));
	if (bugs)
		warn(h, "bug",
		     "the impossible happened %" PRIu64 " times; fairlead status names the places",
		     bugs);
}

json_t *health_json(const struct server *s)
{
	struct health h = { json_array(), json_array() };

	look(&h, s);
	json_array_extend(h.error, h.warn);
	json_decref(h.warn);
	return h.error;
}

struct health_count health_count(const struct server *s)
{
	struct health h = { json_array(), json_array() };
	struct health_count n;

	look(&h, s);
	n = (struct health_count){ json_array_size(h.error), json_array_size(h.warn) };
	json_decref(h.error);
	json_decref(h.warn);
	return n;
}
