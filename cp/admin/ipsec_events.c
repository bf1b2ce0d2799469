/* SPDX-License-Identifier: BSD-3-Clause */
#include "ipsec_events.h"

#include "../ipsec/phones.h"
#include "waiters.h"

static const char *const news_name[PHONE_NEWS] = {
	[PHONE_NEWS_USED] = "used",	[PHONE_NEWS_MOVED] = "moved", [PHONE_NEWS_SPENT] = "spent",
	[PHONE_NEWS_ENDING] = "ending", [PHONE_NEWS_ENDED] = "ended",
};

static const char *const end_name[PHONE_ENDS] = {
	[PHONE_END_LIFETIME] = "lifetime", [PHONE_END_DELETED] = "deleted",
	[PHONE_END_LIMIT] = "limit",	   [PHONE_END_REFUSED] = "refused",
	[PHONE_END_LOST] = "lost",
};

static json_t *event_json(const struct phone_event *e)
{
	char remote[ADDR_STR_MAX];

	if (be16_get(e->remote.port))
		sock_addr_format(&e->remote, remote, sizeof(remote));
	else
		ip_format(&e->remote.ip, remote, sizeof(remote));
	return json_pack("{s:o, s:o, s:s, s:o, s:s, s:o, s:s, s:o}", "seq", integer(e->seq),
			 "time_ms", integer(e->wall_ms), "phone", e->name, "user",
			 rpc_text(e->user), "what", news_name[e->what], "why",
			 e->what == PHONE_NEWS_ENDED ? json_string(end_name[e->end]) : json_null(),
			 "remote", remote, "lifetime_s", integer(e->left_s));
}

static uint64_t event_next(const struct server *s, uint64_t after, json_t **out)
{
	const struct phone_event *e = phones_event_get(s->phones, after + 1);

	if (!e)
		return 0;
	*out = event_json(e);
	return e->seq;
}

static uint64_t event_last(const struct server *s)
{
	return phones_event_last(s->phones);
}

static void event_listen(const struct server *s, void (*changed)(void *arg), void *arg)
{
	phones_events_listen(s->phones, changed, arg);
}

static const struct waiters_of events = { "events", event_last, event_next, event_listen };

bool ipsec_events_open(struct server *s, struct event_base *base)
{
	if (s->phones)
		s->phone_waiters = waiters_create(base, &events, s);
	return !s->phones || s->phone_waiters;
}

void ipsec_events_close(struct server *s)
{
	waiters_free(s->phone_waiters);
	s->phone_waiters = NULL;
}

void rpc_ipsec_events(void *ctx, const json_t *params, struct rpc_later *l)
{
	const struct server *s = ctx;
	struct rpc_error err;

	if (s->phones) {
		waiters_ask(s->phone_waiters, &events, params, l);
		return;
	}
	rpc_fail(&err, RPC_BAD_PARAMS, "there is no IPsec: ipsec.addresses is empty");
	rpc_reply(l, NULL, &err);
}
