/* SPDX-License-Identifier: BSD-3-Clause */
#include "parts.h"

#include "admin/manage.h"
#include "admin/metrics.h"
#include "admin/rpc.h"
#include "aka/vectors.h"
#include "auth/psk_store.h"
#include "context/gateway_link.h"
#include "h248/mg.h"
#include "ng/ng.h"
#include "record/records.h"
#include "server.h"
#include "tls/agent.h"
#include "turn/turn.h"

static bool prepare_auth(void *arg, const struct config *c, char *err, size_t errlen)
{
	const struct server *s = arg;

	return auth_prepare(s->auth, c, err, errlen);
}

static void finish_auth(void *arg, bool apply)
{
	struct server *s = arg;

	auth_finish(s->auth, apply);
	s->challenge_len = request_challenge_len(s);
}

static bool prepare_records(void *arg, const struct config *c, char *err, size_t errlen)
{
	return records_prepare(arg, &c->records, err, errlen);
}

static void finish_records(void *arg, bool apply)
{
	records_finish(arg, apply);
}

/*
 * Once a domain takes pre-shared keys, there is a store of them; it stays if none does any more,
 * and goes with the users to another file.
 */
static bool prepare_psk(void *arg, const struct config *c, char *err, size_t errlen)
{
	struct parts *p = arg;
	const struct psk_store *now = p->s->psk;

	if (now ? psk_is_at(now, c->auth.users_db) : !psk_is_wanted(c))
		return true;
	p->psk = psk_reopen(c->auth.users_db, err, errlen);
	return p->psk != NULL;
}

static void finish_psk(void *arg, bool apply)
{
	struct parts *p = arg;

	if (p->psk && apply) {
		psk_close(p->s->psk);
		p->s->psk = p->psk;
	} else {
		psk_close(p->psk);
	}
	p->psk = NULL;
}

static bool prepare_metrics(void *arg, const struct config *c, char *err, size_t errlen)
{
	return metrics_prepare(arg, c, err, errlen);
}

static void finish_metrics(void *arg, bool apply)
{
	metrics_finish(arg, apply);
}

static bool prepare_manage(void *arg, const struct config *c, char *err, size_t errlen)
{
	return manage_prepare(arg, c, err, errlen);
}

static void finish_manage(void *arg, bool apply)
{
	manage_finish(arg, apply);
}

static bool prepare_h248(void *arg, const struct config *c, char *err, size_t errlen)
{
	const struct parts *p = arg;

	return mg_prepare(p->s, p->base, c, err, errlen);
}

static void finish_h248(void *arg, bool apply)
{
	const struct parts *p = arg;

	mg_finish(p->s, apply);
}

static bool prepare_ng(void *arg, const struct config *c, char *err, size_t errlen)
{
	return ng_prepare(arg, c, err, errlen);
}

static void finish_ng(void *arg, bool apply)
{
	ng_finish(arg, apply);
}

/* Before anything is kept that the files do not know. */
static void finish_files(void *arg, bool apply)
{
	struct server *s = arg;

	if (apply) {
		table_world_add(s->table);
		table_limit_set(s->table);
	}
	if (apply && s->gateway)
		gate_world_add(s->gateway);
}

static void finish_removed(void *arg, bool apply)
{
	removed_finish(arg, apply);
}

static bool prepare_ports(void *arg, const struct config *c, char *err, size_t errlen)
{
	const struct server *s = arg;

	return ports_prepare(s->ports, c, err, errlen);
}

static void finish_ports(void *arg, bool apply)
{
	struct server *s = arg;

	ports_finish(s->ports, apply, server_now(s));
}

static bool prepare_gateway(void *arg, const struct config *c, char *err, size_t errlen)
{
	return gate_prepare(arg, c, err, errlen);
}

static void finish_gateway(void *arg, bool apply)
{
	gate_finish(arg, apply);
}

static bool prepare_tickets(void *arg, const struct config *c, char *err, size_t errlen)
{
	return tls_agent_prepare(arg, c, err, errlen);
}

static void finish_tickets(void *arg, bool apply)
{
	tls_agent_finish(arg, apply);
}

static bool prepare_vectors(void *arg, const struct config *c, char *err, size_t errlen)
{
	struct parts *p = arg;

	p->vectors = vectors_open(p->base, &c->aka, err, errlen);
	return p->vectors || !*err;
}

/* As it is where nothing is another: what is known of servers that are silent stays known. */
static void finish_vectors(void *arg, bool apply)
{
	struct parts *p = arg;

	if (apply && !vectors_same(p->s->vectors, p->vectors)) {
		vectors_retire(p->s->vectors);
		p->s->vectors = p->vectors;
	} else {
		vectors_close(p->vectors);
	}
	p->vectors = NULL;
}

void parts_add(struct parts *p)
{
	struct server *s = p->s;

	reload_add(s, (struct reload_part){ prepare_auth, finish_auth, s });
	reload_add(s, (struct reload_part){ prepare_psk, finish_psk, p });
	reload_add(s, (struct reload_part){ prepare_records, finish_records, s->records });
	reload_add(s, (struct reload_part){ prepare_metrics, finish_metrics, p->metrics });
	reload_add(s, (struct reload_part){ prepare_manage, finish_manage, p->manage });
	reload_add(s, (struct reload_part){ prepare_ng, finish_ng, s->ng });
	reload_add(s, (struct reload_part){ rpc_roles_prepare, rpc_roles_finish, NULL });
	reload_add(s, (struct reload_part){ NULL, finish_removed, s });
	reload_add(s, (struct reload_part){ prepare_ports, finish_ports, s });
	reload_add(s, (struct reload_part){ NULL, finish_files, s });
	reload_add(s, (struct reload_part){ prepare_h248, finish_h248, p });
	reload_add(s, (struct reload_part){ prepare_tickets, finish_tickets, s->tls });
	if (s->gateway)
		reload_add(s, (struct reload_part){ prepare_gateway, finish_gateway, s->gateway });
	reload_add(s, (struct reload_part){ prepare_vectors, finish_vectors, p });
}

void parts_remove(struct parts *p)
{
	p->s->reload.n_parts = 0;
	psk_close(p->psk);
	p->psk = NULL;
	vectors_close(p->vectors);
	p->vectors = NULL;
	vectors_close_retired();
}
