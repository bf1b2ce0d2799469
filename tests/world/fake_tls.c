/* SPDX-License-Identifier: BSD-3-Clause */
/* Where TCP is the tests' own there is no TLS on it, no demultiplexer, and no stream. */
#include "dp/gateway/context.h"
#include "dp/demux.h"
#include "dp/tls/tls.h"

bool tls_create(struct worker *w, char *err, size_t errlen)
{
	(void)w;
	(void)err;
	(void)errlen;
	return true;
}

void tls_destroy(struct worker *w)
{
	(void)w;
}

uint32_t tls_input(struct worker *w)
{
	(void)w;
	return 0;
}

void tls_tick(struct worker *w)
{
	(void)w;
}

bool tls_psk(struct worker *w, const struct cmd_psk *c)
{
	(void)w;
	(void)c;
	return false;
}

const struct tls_info *tls_info(const struct tcp_conn *c)
{
	(void)c;
	return NULL;
}

const struct tcp_layer_ops tls_server_layer, tls_client_layer;

const struct tcp_app demux_app = { .name = "demux", .role = CONN_CLIENT };

void demux_init(void *data, uint16_t listener)
{
	memcpy(data, &listener, sizeof(listener));
}

bool stream_create(struct worker *w, char *err, size_t errlen)
{
	(void)w;
	(void)err;
	(void)errlen;
	return true;
}

void stream_destroy(struct worker *w)
{
	(void)w;
}

bool stream_can(const struct worker *w, uint32_t slot)
{
	(void)w;
	(void)slot;
	return false;
}

void stream_set(struct worker *w, uint32_t slot, const struct ctl_term term[SIDES])
{
	(void)w;
	(void)slot;
	(void)term;
}

void stream_subtract(struct worker *w, uint32_t slot, uint32_t side)
{
	(void)w;
	(void)slot;
	(void)side;
}

bool stream_move(struct worker *w, uint32_t slot, uint32_t side, uint32_t to, uint32_t to_side)
{
	(void)w;
	(void)slot;
	(void)side;
	(void)to;
	(void)to_side;
	return false;
}

void stream_terms(const struct worker *w, uint32_t slot, struct ctl_term term[SIDES])
{
	(void)w;
	(void)slot;
	(void)term;
}

void stream_stats(struct worker *w, uint32_t slot, struct ctl_term_stats stats[SIDES])
{
	(void)w;
	(void)slot;
	(void)stats;
}

void stream_tick(struct worker *w, uint32_t slot)
{
	(void)w;
	(void)slot;
}

const struct tcp_app *stream_accept(struct worker *w, struct tcp_request *r, uint32_t entry)
{
	(void)w;
	(void)r;
	(void)entry;
	return NULL;
}
