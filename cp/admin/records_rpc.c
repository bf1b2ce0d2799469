/* SPDX-License-Identifier: BSD-3-Clause */
#include "records_rpc.h"

#include "../record/records.h"
#include "waiters.h"

/* As the file has it, with its number. */
static uint64_t record_next(const struct server *s, uint64_t after, json_t **out)
{
	const struct record *r = records_get(s->records, after + 1);
	char line[RECORD_LINE_MAX];

	if (!r)
		return 0;
	*out = json_loadb(line, records_line(s->records, r, line), 0, NULL);
	json_object_set_new(*out, "seq", integer(r->seq));
	return r->seq;
}

static uint64_t record_last(const struct server *s)
{
	return records_last(s->records);
}

static void record_listen(const struct server *s, void (*changed)(void *arg), void *arg)
{
	records_listen(s->records, changed, arg);
}

static const struct waiters_of records = { "records", record_last, record_next, record_listen };

bool records_rpc_open(struct server *s, struct event_base *base)
{
	if (s->records)
		s->record_waiters = waiters_create(base, &records, s);
	return !s->records || s->record_waiters;
}

void records_rpc_close(struct server *s)
{
	waiters_free(s->record_waiters);
	s->record_waiters = NULL;
}

void rpc_records(void *ctx, const json_t *params, struct rpc_later *l)
{
	const struct server *s = ctx;
	struct rpc_error err;

	if (s->records) {
		waiters_ask(s->record_waiters, &records, params, l);
		return;
	}
	rpc_fail(&err, RPC_INTERNAL, "no records are made");
	rpc_reply(l, NULL, &err);
}
