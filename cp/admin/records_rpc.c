/* SPDX-License-Identifier: BSD-3-Clause */
#include "records_rpc.h"

#include "../record/records.h"
#include "waiters.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* Each as the file has it, with its number; after a number of an earlier process: all. */
static json_t *records_page(const void *ctx, uint64_t after, uint32_t limit)
{
	const struct server *s = ctx;
	const struct record *r;
	json_t *list = json_array();
	char line[RECORD_LINE_MAX], instance[32];
	uint64_t lost = 0;

	if (after > records_last(s->records))
		after = 0;
	while (json_array_size(list) < limit && (r = records_get(s->records, after + 1))) {
		json_t *o = json_loadb(line, records_line(s->records, r, line), 0, NULL);

		lost += r->seq - after - 1;
		after = r->seq;
		json_object_set_new(o, "seq", integer(r->seq));
		json_array_append_new(list, o);
	}
	snprintf(instance, sizeof(instance), "%x-%" PRIx64, (unsigned int)getpid(), s->start_ms);
	return json_pack("{s:o, s:I, s:I, s:s}", "records", list, "last", (json_int_t)after, "lost",
			 (json_int_t)lost, "instance", instance);
}

static uint64_t last(const void *ctx)
{
	return records_last(((const struct server *)ctx)->records);
}

static const struct waiters_of records = { last, records_page };

bool records_rpc_open(struct server *s, struct event_base *base)
{
	if (!s->records)
		return true;
	s->record_waiters = waiters_create(base, &records, s);
	if (s->record_waiters)
		records_listen(s->records, waiters_changed, s->record_waiters);
	return s->record_waiters != NULL;
}

void records_rpc_close(struct server *s)
{
	if (!s->record_waiters)
		return;
	records_listen(s->records, NULL, NULL);
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
