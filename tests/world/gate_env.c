/* SPDX-License-Identifier: BSD-3-Clause */
#include "gate_env.h"

const struct gate_plan plan_default = { .call = "call", .inactivity = UINT32_MAX };

int gate_setup(void **state)
{
	static struct env e;

	env_open(&e);
	env_config_gateway(&e.conf);
	env_start(&e, 256);
	*state = &e;
	return 0;
}

struct term_spec spec_udp(uint16_t realm)
{
	return (struct term_spec){ .term = { .transport = TERM_UDP,
					     .flags = TERM_IN | TERM_OUT | TERM_RTP,
					     .dscp = CTL_DSCP_KEEP,
					     .remote = { addr("203.0.113.9", 4000) } },
				   .realm = realm };
}

struct term_spec spec_tcp(uint16_t realm)
{
	return (struct term_spec){ .term = { .transport = TERM_TCP,
					     .flags = TERM_IN | TERM_OUT | TERM_LATCH,
					     .dscp = CTL_DSCP_KEEP },
				   .realm = realm };
}

struct term_spec spec_tls(uint16_t realm)
{
	struct term_spec w = spec_tcp(realm);

	w.term.transport = TERM_TLS;
	w.term.domain = CONFIG_DOMAINS_MAX;
	return w;
}

struct context *gate_added(struct env *e, const struct term_spec *a, const struct term_spec *b)
{
	struct gate_fail f = { 0 };
	struct context *c = gate_add(e->s.gateway, &plan_default, a, b, &f);

	if (!c)
		fail_msg("%s", f.text);
	return c;
}

struct context *gate_added_udp(struct env *e)
{
	struct term_spec a = spec_udp(0), b = spec_udp(1);

	return gate_added(e, &a, &b);
}

struct context *gate_added_stream(struct env *e)
{
	struct term_spec a = spec_tls(0), b = spec_tcp(1);

	a.begin = b.begin = true;
	a.notify = b.notify = 1 << TERM_UP | 1 << TERM_UNJUDGED | 1 << TERM_ENDED;
	return gate_added(e, &a, &b);
}

void gate_set_ok(struct env *e, struct context *c, uint32_t side, const struct term_spec *w)
{
	struct gate_fail f = { 0 };

	if (!gate_set(e->s.gateway, c, side, w, &f))
		fail_msg("%s", f.text);
}

bool gate_taken(struct env *e, const struct context *c, struct cmd_context_set *set)
{
	union ctl_cmd cmd;

	while (env_take(e, c->worker, CMD_CONTEXT_SET, &cmd)) {
		if (cmd.context_set.cid.slot == c->cid.slot) {
			*set = cmd.context_set;
			return true;
		}
	}
	return false;
}

void gate_term_event(struct env *e, const struct context *c, uint32_t side, struct evt_term ev)
{
	ev.side = (uint8_t)side;
	ev.attempt = c->term[side].term.attempt;
	fake_dp_term(&e->dp, c->worker, c->cid, &ev);
	env_poll(e);
}

void gate_drain(struct env *e)
{
	union ctl_cmd cmd;

	for (uint32_t w = 0; w < e->conf.dataplane.n_workers; w++) {
		while (fake_dp_take(&e->dp, w, &cmd))
			;
	}
}

void gate_pass(struct env *e, uint32_t seconds)
{
	while (seconds-- > 0) {
		env_advance(e, 1000);
		gate_drain(e);
	}
}

const struct gate_event *gate_last_event(struct env *e)
{
	return gate_event(e->s.gateway, gate_events_last(e->s.gateway));
}

struct evt_term term_up(void)
{
	return (struct evt_term){ .what = TERM_UP,
				  .tls_version = 0x0304,
				  .tls_suite = 0x1301,
				  .remote = addr("203.0.113.5", 5555),
				  .sha256 = { 0xab } };
}

struct evt_term term_ended(enum tcp_end why)
{
	return (struct evt_term){ .what = TERM_ENDED, .why = (uint16_t)why };
}

struct context *gate_connected(struct env *e)
{
	struct context *c = gate_added_stream(e);

	gate_term_event(e, c, 0, term_up());
	gate_term_event(e, c, 1, term_up());
	gate_drain(e);
	return c;
}

struct context *gate_latching(struct env *e)
{
	struct term_spec a = spec_udp(0), b = spec_udp(1);

	a.term.flags |= TERM_LATCH;
	a.notify = 1 << TERM_LATCHED;
	return gate_added(e, &a, &b);
}

struct evt_term term_latched(const char *ip, uint16_t port, uint8_t rtcp)
{
	return (struct evt_term){ .what = TERM_LATCHED, .rtcp = rtcp, .remote = addr(ip, port) };
}

struct evt_term term_inactive(void)
{
	return (struct evt_term){ .what = TERM_INACTIVE };
}

void gate_restart(struct env *e)
{
	char err[256] = "";

	gate_close(e->s.gateway);
	server_close(&e->s);
	assert_true(server_open(&e->s, &e->conf, NULL, e->now_ms, e->wall_ms, err, sizeof(err)));
	e->s.gateway = gate_open(&e->s, err, sizeof(err));
	assert_non_null(e->s.gateway);
	ports_resume(e->s.ports, server_now(&e->s));
	if (!fake_dp_attach(&e->dp, &e->s, err, sizeof(err)))
		fail_msg("%s", err);
}
