/* SPDX-License-Identifier: BSD-3-Clause */
#include "ng_world.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TURNS = 50 };

static struct sockaddr_in loopback(uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sa;
}

static uint16_t bound(int fd, uint16_t port)
{
	struct sockaddr_in sa = loopback(port);
	socklen_t len = sizeof(sa);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	return ntohs(sa.sin_port);
}

uint16_t ng_free_port(int type)
{
	int fd = socket(AF_INET, type, 0);
	uint16_t port = bound(fd, 0);

	close(fd);
	return port;
}

static void configure(struct config *c)
{
	env_config_gateway(c);
	c->gateway.srtp = 16;
	c->realm[1].domain_index = 0;
	c->n_certificate = 1;
	c->certificate[0].domain_index = 0;
	c->gateway.ng_addr = addr("127.0.0.1", 0).ip;
	c->gateway.ng_port = ng_free_port(SOCK_DGRAM);
	c->gateway.ng_websocket_port = ng_free_port(SOCK_STREAM);
	c->gateway.ng_allow[0].ip = c->gateway.ng_addr;
	c->gateway.ng_allow[0].len = 104; /* 127.0.0.0/8 */
	c->gateway.n_ng_allow = 1;
}

void ng_world_open(struct ng_world *w)
{
	struct ctl_cert_info *cert;
	struct sockaddr_in sa;
	char err[256];

	memset(w, 0, sizeof(*w));
	env_open(&w->e);
	configure(&w->e.conf);
	env_start(&w->e, 256);
	cert = region_at(w->e.dp.base, w->e.dp.size, w->e.dp.region->cert_info, sizeof(*cert), 64);
	assert_non_null(cert);
	cert->loaded = 1;
	memset(cert->sha256, 0xab, sizeof(cert->sha256));
	w->base = event_base_new();
	assert_non_null(w->base);
	if (!ng_start(&w->e.s, w->e.s.gateway, w->base, &w->ng, err, sizeof(err)))
		fail_msg("%s", err);
	w->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	sa = loopback(w->e.conf.gateway.ng_port);
	assert_int_equal(connect(w->fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
}

void ng_world_close(struct ng_world *w)
{
	ng_stop(w->ng);
	event_base_free(w->base);
	close(w->fd);
	env_stop(&w->e);
	env_close(&w->e);
}

void ng_world_restart(struct ng_world *w)
{
	char err[256];

	ng_stop(w->ng);
	env_stop(&w->e);
	env_start(&w->e, 256);
	ng_turn(w);
	if (!ng_start(&w->e.s, w->e.s.gateway, w->base, &w->ng, err, sizeof(err)))
		fail_msg("%s", err);
}

void ng_world_dataplane(struct ng_world *w, uint64_t generation)
{
	char err[256];

	dplink_detach(w->e.s.link);
	fake_dp_close(&w->e.dp);
	fake_dp_open(&w->e.dp, &w->e.conf, 256);
	w->e.dp.region->generation = generation;
	if (!fake_dp_attach(&w->e.dp, &w->e.s, err, sizeof(err)))
		fail_msg("%s", err);
	ng_turn(w);
}

int ng_world_setup(void **state)
{
	static struct ng_world w;

	ng_world_open(&w);
	*state = &w;
	return 0;
}

int ng_world_teardown(void **state)
{
	ng_world_close(*state);
	return 0;
}

/* What the dataplane does with a command. */
static void obey(struct ng_world *w, uint32_t worker, const union ctl_cmd *c)
{
	struct evt_context_stats e = { .hdr = { EVT_CONTEXT_STATS, sizeof(e), c->hdr.seq } };

	if (c->hdr.type == CMD_SRTP_SET) {
		w->srtp[c->srtp_set.side] = c->srtp_set;
		w->n_srtp++;
	}
	if (w->mute || (c->hdr.type != CMD_CONTEXT_AUDIT && c->hdr.type != CMD_CONTEXT_DEL))
		return;
	e.cid = c->context_del.cid;
	memcpy(e.term, w->stats, sizeof(e.term));
	fake_dp_event(&w->e.dp, worker, &e, sizeof(e));
}

void ng_turn(struct ng_world *w)
{
	union ctl_cmd c;

	event_base_loop(w->base, EVLOOP_NONBLOCK);
	env_poll(&w->e);
	for (uint32_t i = 0; i < w->e.conf.dataplane.n_workers; i++) {
		while (fake_dp_take(&w->e.dp, i, &c))
			obey(w, i, &c);
	}
	env_poll(&w->e);
}

bool ng_say(struct ng_world *w, const void *p, size_t len)
{
	ssize_t n = -1;

	assert_int_equal(send(w->fd, p, len, 0), len);
	/* What is sent over the loopback is there when send() returns. */
	ng_turn(w);
	n = recv(w->fd, w->in, sizeof(w->in) - 1, 0);
	w->in_len = n > 0 ? (size_t)n : 0;
	w->in[w->in_len] = 0;
	return n > 0;
}

bool ng_say_text(struct ng_world *w, const char *text)
{
	return ng_say(w, text, strlen(text));
}

static json_t *ask(struct ng_world *w, json_t *command)
{
	static char out[NG_MESSAGE_MAX];
	struct wr wr = wr_init(out, sizeof(out));
	char cookie[32];
	const char *why;
	json_t *v;
	bool json;
	int n = snprintf(cookie, sizeof(cookie), "%u_x ", ++w->cookie);

	wr_bytes(&wr, cookie, (size_t)n);
	assert_true(ng_encode(command, false, &wr));
	json_decref(command);
	if (!ng_say(w, out, wr_len(&wr)))
		fail_msg("no answer");
	assert_memory_equal(w->in, cookie, (size_t)n);
	v = ng_decode(w->in + n, w->in_len - (size_t)n, &json, &why);
	assert_non_null(v);
	assert_false(json);
	return v;
}

json_t *ng_ask_json(struct ng_world *w, const char *fmt, ...)
{
	char text[4096];
	json_t *command;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	command = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	if (!command)
		fail_msg("no JSON: %s", text);
	return ask(w, command);
}

static json_t *sdp_command(struct ng_world *w, const char *command, const char *from,
			   const char *to, const char *more, const char *sdp)
{
	static char crlf[NG_MESSAGE_MAX];
	char text[4096], *p = crlf;
	json_t *v;

	snprintf(text, sizeof(text),
		 "{\"command\":\"%s\",\"call-id\":\"c\",\"from-tag\":\"%s\"%s%s%s%s%s}", command,
		 from, to ? ",\"to-tag\":\"" : "", to ? to : "", to ? "\"" : "", *more ? "," : "",
		 more);
	v = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	if (!v)
		fail_msg("no JSON: %s", text);
	for (; *sdp; sdp++) {
		if (*sdp == '\n')
			*p++ = '\r';
		*p++ = *sdp;
	}
	*p = 0;
	json_object_set_new(v, "sdp", json_string(crlf));
	return ask(w, v);
}

void ng_sdp(struct ng_world *w, const char *command, const char *from, const char *to,
	    const char *more, const char *sdp)
{
	json_t *v = sdp_command(w, command, from, to, more, sdp);
	const char *s = json_string_value(json_object_get(v, "sdp"));
	char *p = w->sdp;

	if (!s)
		fail_msg("%s", w->in);
	assert_string_equal(json_string_value(json_object_get(v, "result")), "ok");
	for (; *s; s++) {
		if (*s != '\r')
			*p++ = *s;
	}
	*p = 0;
	json_decref(v);
}

void ng_sdp_refused(struct ng_world *w, const char *command, const char *more, const char *sdp,
		    const char *why)
{
	json_t *v = sdp_command(w, command, "a", NULL, more, sdp);
	const char *reason = json_string_value(json_object_get(v, "error-reason"));

	if (!reason || !strstr(reason, why))
		fail_msg("not refused so: %s", w->in);
	assert_string_equal(json_string_value(json_object_get(v, "result")), "error");
	json_decref(v);
}

void ng_has(const struct ng_world *w, const char *line)
{
	const char *at = w->sdp;
	size_t n = strlen(line);

	while ((at = strstr(at, line))) {
		if ((at == w->sdp || at[-1] == '\n') && at[n] == '\n')
			return;
		at++;
	}
	fail_msg("no line \"%s\" in\n%s", line, w->sdp);
}

void ng_lacks(const struct ng_world *w, const char *part)
{
	if (strstr(w->sdp, part))
		fail_msg("\"%s\" is in\n%s", part, w->sdp);
}

uint32_t ng_contexts(const struct ng_world *w)
{
	return gate_stats(w->e.s.gateway)->contexts;
}

struct context *ng_context(const struct ng_world *w, uint16_t media)
{
	struct context *c = gate_call_next(w->e.s.gateway, "c", NULL);

	while (c && c->media != media)
		c = gate_call_next(w->e.s.gateway, "c", c);
	assert_non_null(c);
	return c;
}
