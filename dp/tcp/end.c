/* SPDX-License-Identifier: BSD-3-Clause */
/* How a connection ends: first it is dead, then its owner is told, then its slot is free. */
#include "ledger.h"
#include "recovery.h"
#include "../conn_row.h"
#include "../../lib/bug.h"

void conn_end(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	if (c->flags & CONN_DEAD)
		return;
	ledger_leave(w, c);
	c->flags |= CONN_DEAD;
	/* What the owner closed for is the reason, however the rest went. */
	if (!(c->flags & CONN_CLOSED_APP) || why == TCP_END_MOVED)
		c->why = (uint8_t)why;
	tcp_set_state(w, c, TCP_CLOSED);
	conn_dirty(w, c);
}

void conn_free(struct worker *w, struct tcp_conn *c)
{
	struct tcp *t = w->tcp;

	WARN_ON(t->conns == 0 || c->row != 0);
	tcp_set_state(w, c, TCP_CLOSED);
	count_down(w, CNT_TCP_CLOSED);
	wheel_stop(&t->wheel, &c->timer);
	/* It may be TIME-WAIT's already, or say where c moved to. */
	conn_entry_del(w, c, conn_idx(w, c) << 2 | ENTRY_CONN);
	recovery_clear(w, c);
	layer_free(w, c, c->why);
	queue_clear(w, &c->snd, DROP_TCP_CLOSED);
	queue_clear(w, &c->rcv, DROP_TCP_CLOSED);
	queue_clear(w, &c->ooo, DROP_TCP_CLOSED);
	conn_row_clear(&t->info[conn_idx(w, c)]);
	c->gen++;
	c->dirty_next = t->conn_free;
	t->conn_free = conn_idx(w, c);
	t->conns--;
}
