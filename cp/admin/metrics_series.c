/* SPDX-License-Identifier: BSD-3-Clause */
/* How many series cp/admin/metrics.c will make. */
#include "metrics.h"

#include "stat_list.h"

unsigned metrics_series(const struct config *c)
{
	const unsigned batches = CTL_BATCHES + 2; /* and their sum and count */
	const unsigned counters = CNT_MAX - (CNT_TCP_TIME_WAIT - CNT_TCP_CLOSED + 1);
	const unsigned tcp = TCP_STATES + TCP_END_MAX;
	const unsigned worker =
	    counters + DROP_MAX + tcp + 3 * STAGE_MAX + 2 * batches + HISTOGRAM_CLASSES + 2 + 3;
	const unsigned port = 8, port_worker = 5, certificate = 3;
	const struct config_gateway *g = &c->gateway;
	const unsigned own_certs = (c->management.port > 0) +
				   (c->control.metrics_port && c->control.metrics_certificate[0]);
	const bool ng = g->contexts && (g->ng_port || g->ng_websocket_port);
	const bool mg = g->contexts && g->n_h248_controller;
	/* The build, the clock's rate, the service thread; the processes. */
	const unsigned once = 3 + 14;
	const unsigned times = (4 + CTL_HANDSHAKES) * (HISTOGRAM_CLASSES + 2);
	const unsigned quality = QUALITIES * (QUALITY_CLASSES + 2);
	const unsigned responses = SERVER_METHODS * (1 + STUN_ERRORS);

	return once + times + quality + responses + stat_count(g->contexts > 0, ng, mg) +
	       4u * c->n_relay + 6u * c->n_listener + c->dataplane.n_workers * worker +
	       c->n_port * (port + port_worker * c->dataplane.n_workers) +
	       c->n_certificate * certificate + own_certs;
}
