/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ConnectionBind (RFC 6062 5.4): the connection it comes on, which may be of any worker, is joined
 * with the peer's connection that CONNECTION-ID names.
 */
#include "turn.h"

void connection_close(struct server *s, uint32_t worker, struct ctl_conn conn)
{
	struct cmd_conn_close c = { .conn = conn };

	dplink_cmd(s->link, worker, CMD_CONN_CLOSE, &c, sizeof(c));
}

static void wait_fire(struct timer *tm, void *ctx)
{
	struct pending_conn *e = (struct pending_conn *)tm; /* its first member */
	struct server *s = ctx;

	s->stats.binds_late++;
	connection_close(s, e->worker, e->conn);
	pending_del(s->pending, e);
}

void connection_wait(struct server *s, struct pending_conn *e, struct ctl_conn conn)
{
	pending_wait(e, conn);
	e->timer.fire = wait_fire;
	wheel_start(&s->wheel, &e->timer, server_tick(s, s->conf->tcp.bind_timeout));
}

/* The peer's connection that CONNECTION-ID names, and its allocation; NULL if there is none. */
static struct pending_conn *bind_find(struct server *s, const struct request *r,
				      const struct table_alloc **a)
{
	struct pending_conn *e = NULL;
	uint32_t id;

	if (leg_is_stream(r->leg) && stun_get_u32(&r->m->connection_id, &id))
		e = pending_find(s->pending, id);
	if (!e || e->state != PENDING_WAITING)
		return NULL;
	*a = table_find_sid(s->table, e->worker, e->sid);
	return *a ? e : NULL;
}

const struct table_alloc *connection_bind_alloc(struct server *s, const struct request *r)
{
	const struct table_alloc *a;

	return bind_find(s, r, &a) ? a : NULL;
}

/* The peer's connection the request is about. 0 or an error code. */
static int bind_admit(struct server *s, const struct request *r, struct pending_conn **found,
		      const struct table_alloc **a)
{
	*found = bind_find(s, r, a);
	if (!*found)
		return 400;
	/* 4.3: the credentials are those of the control connection. */
	return memcmp((*a)->user_id, r->user_id, TABLE_USER_ID) == 0 ? 0 : 441;
}

void connection_bind_handle(struct server *s, struct request *r)
{
	struct pending_conn *e = NULL;
	const struct table_alloc *a = NULL;
	int code = bind_admit(s, r, &e, &a);
	struct cmd_join c = { .client = { r->leg->conn, r->leg->conn_gen } };

	if (code) {
		reply_error(s, r, code);
		return;
	}
	c.peer = e->conn;
	c.peer_worker = e->worker;
	c.sid = e->sid;
	pending_del(s->pending, e);
	reply_begin(r);
	r->reply.flags = SEND_HOLD;
	reply_success(s, r);
	dplink_cmd(s->link, r->worker, CMD_JOIN, &c, sizeof(c));
}
