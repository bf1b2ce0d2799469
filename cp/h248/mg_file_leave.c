/* SPDX-License-Identifier: BSD-3-Clause */
/* Who is in charge no more and may not know it, over a restart: of this list, or of the one before.
 */
#include "mg_file.h"

void mg_file_name_save(struct mg *m, const struct kept_assoc *a)
{
	struct kept_name now;

	memset(&now, 0, sizeof(now));
	now.controller = a->controller;
	now.at = m->controller[m->assoc.controller];
	now.udp = !mg_by_stream(m);
	memcpy(now.mid, m->mid, strnlen(m->mid, sizeof(now.mid) - 1));
	mg_file_put(m->file, &m->file->head->name[a->seq % 2], &now, sizeof(now));
}

void mg_file_name_leave(struct mg *m, const struct kept_assoc *a)
{
	struct kept_name *k = &m->file->head->name[a->seq % 2];
	const struct kept_name was = *k;

	if (!was.sum || was.sum != mg_file_sum(m->file, &was, sizeof(was)) || !was.udp ||
	    was.controller != a->controller || !memchr(was.mid, '\0', sizeof(was.mid)))
		return;
	for (uint16_t i = 0; i < m->n_controller; i++) {
		if (sock_addr_eq(&m->controller[i], &was.at) && strcmp(m->mid, was.mid) == 0 &&
		    m->conf[i].transport == CONTROLLER_UDP)
			return; /* it is offered another profile */
	}
	mg_leave_begin(m, &was.at, was.mid);
	k->sum = 0; /* that stands for itself now */
}

void mg_file_leave(struct mg *m)
{
	struct kept_leave *to = m->file ? &m->file->head->leave : NULL, now;
	const struct mg_leave *l = &m->leave;

	if (!to)
		return;
	to->sum = 0;
	if (!be16_get(l->to.port))
		return;
	memset(&now, 0, sizeof(now));
	now.begun_ms = l->begun_ms;
	now.to = l->to;
	now.id = l->id;
	now.len = l->len;
	memcpy(now.text, l->text, l->len);
	mg_file_put(m->file, to, &now, sizeof(now));
}

void mg_file_leave_load(struct mg *m)
{
	const struct kept_leave *k = &m->file->head->leave;

	if (!k->sum || k->len > sizeof(k->text) || k->sum != mg_file_sum(m->file, k, sizeof(*k)))
		return;
	m->leave = (struct mg_leave){
		.to = k->to, .id = k->id, .begun_ms = k->begun_ms, .again_ms = m->s->now_ms
	};
	m->leave.len = k->len;
	memcpy(m->leave.text, k->text, k->len);
}
