/* SPDX-License-Identifier: BSD-3-Clause */
#include "dispatch.h"
#include "demux.h"
#include "snapshot.h"
#include "tls/tls.h"
#include "turn/leg.h"

const struct relayed_ops *const dispatch_ops[RELAYED_KINDS] = {
	[RELAYED_TURN] = &session_relayed,
	[RELAYED_TERM] = &context_relayed,
};

bool dispatch_relayed(struct worker *w, struct pkt *p)
{
	const enum relayed_kind kind = relayed_kind(p->slot);

	if (unlikely(kind == RELAYED_NONE))
		return false;
	dispatch_ops[kind]->input(w, p);
	return true;
}

static const struct tcp_app *relayed_accept(struct worker *w, struct tcp_request *r)
{
	const uint32_t entry =
	    relayed_entry(w, dplane_local(w->dp, &r->local.ip), be16_get(r->local.port));
	const enum relayed_kind kind = relayed_kind(entry);

	return kind == RELAYED_NONE ? NULL : dispatch_ops[kind]->accept(w, r, entry);
}

const struct tcp_app *dispatch_accept(struct worker *w, struct tcp_request *r)
{
	const uint16_t i = dplane_tcp_listener(w->dp, &r->local.ip, be16_get(r->local.port));
	const struct config_listener *l;

	if (i == LOCAL_NONE)
		return relayed_accept(w, r);
	l = listener_at_place(snapshot_conf(w->dp), i);
	if (unlikely(!l)) /* gone since it was found */
		return NULL;
	r->stranger = true;
	if (l->transport == TRANSPORT_TLS) {
		r->layer = &tls_server_layer;
		r->layer_arg = l->domain_index;
	} else if (!l->has_service) {
		leg_init(r->data, i);
		return &leg_app;
	}
	demux_init(r->data, i);
	return &demux_app;
}
