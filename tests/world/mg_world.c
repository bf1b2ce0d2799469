/* SPDX-License-Identifier: BSD-3-Clause */
#include "mg_world.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct sockaddr_in loopback(int last, uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + (uint32_t)last);
	return sa;
}

static int controller_open(struct config_gateway *c, int n)
{
	struct sockaddr_in sa = loopback(n + 1, 0);
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	char ip[16];

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	snprintf(ip, sizeof(ip), "127.0.0.%d", n + 1);
	c->h248_controller[n].addr = addr(ip, 0).ip;
	c->h248_controller[n].port = ntohs(sa.sin_port);
	return fd;
}

/* A port that nobody has now. */
static uint16_t free_port(void)
{
	struct sockaddr_in sa = loopback(1, 0);
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	close(fd);
	return ntohs(sa.sin_port);
}

static void start(struct mg_world *w)
{
	char err[256];

	if (!mg_start(&w->e.s, w->e.s.gateway, w->base, &w->mg, err, sizeof(err)))
		fail_msg("%s", err);
}

void mg_world_prepare(struct mg_world *w, bool brief)
{
	struct config_gateway *c = &w->e.conf.gateway;

	memset(w, 0, sizeof(*w));
	env_open(&w->e);
	env_config_gateway(&w->e.conf);
	for (int i = 0; i < 2; i++)
		w->fd[i] = controller_open(c, i);
	c->srtp = 16;
	c->n_h248_controller = 2;
	c->h248_addr = addr("127.0.0.1", 0).ip;
	c->h248_port = free_port();
	c->h248_brief = brief;
	snprintf(c->h248_profile, sizeof(c->h248_profile), "threegiq/1");
	w->gateway = loopback(1, c->h248_port);
	env_start(&w->e, 256);
	w->base = event_base_new();
	assert_non_null(w->base);
}

void mg_world_open(struct mg_world *w, bool brief)
{
	mg_world_prepare(w, brief);
	start(w);
}

void mg_world_close(struct mg_world *w)
{
	mg_stop(w->mg);
	event_base_free(w->base);
	close(w->fd[0]);
	close(w->fd[1]);
	env_stop(&w->e);
	env_close(&w->e);
}

static void hear_all(struct mg_world *w)
{
	static struct h248_message m;

	for (int i = 0; i < 2; i++) {
		while (mg_hear(w, i, &m))
			;
	}
}

static void begin_again(struct mg_world *w)
{
	hear_all(w);
	env_stop(&w->e);
	env_start(&w->e, 256);
	mg_turn(w);
	start(w);
}

void mg_world_restart(struct mg_world *w)
{
	mg_stop(w->mg);
	begin_again(w);
}

bool mg_world_reload(struct mg_world *w, const struct config_gateway *to, char *err, size_t errlen)
{
	static struct config next;
	bool good;

	memcpy(&next, &w->e.conf, sizeof(next));
	next.gateway = *to;
	w->e.s.mg = w->mg;
	good = mg_prepare(&w->e.s, w->base, &next, err, errlen);
	if (good)
		w->e.conf.gateway = *to;
	mg_finish(&w->e.s, good);
	return good;
}

const char *mg_world_file(const struct mg_world *w)
{
	static char path[CONFIG_STR_MAX + 8];

	snprintf(path, sizeof(path), "%s.h248", w->e.conf.control.contexts);
	return path;
}

/* Who is killed writes nothing any more. */
void mg_world_crash(struct mg_world *w, uint64_t ms)
{
	FILE *f = fopen(mg_world_file(w), "r+");
	struct stat st;
	uint8_t *p;

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	p = malloc((size_t)st.st_size);
	assert_int_equal(fread(p, 1, (size_t)st.st_size, f), st.st_size);
	hear_all(w);
	mg_stop(w->mg);
	rewind(f);
	assert_int_equal(fwrite(p, 1, (size_t)st.st_size, f), st.st_size);
	fclose(f);
	free(p);
	env_advance(&w->e, ms);
	begin_again(w);
}

int mg_world_setup(void **state)
{
	static struct mg_world w;

	mg_world_open(&w, false);
	mg_register(&w, 0);
	*state = &w;
	return 0;
}

int mg_world_teardown(void **state)
{
	mg_world_close(*state);
	return 0;
}

static void obey(struct mg_world *w, uint32_t worker, const union ctl_cmd *c)
{
	struct evt_context_stats e = { .hdr = { EVT_CONTEXT_STATS, sizeof(e), c->hdr.seq } };

	if (w->watch)
		w->watch(w, c);
	if (w->mute || (c->hdr.type != CMD_CONTEXT_AUDIT && c->hdr.type != CMD_CONTEXT_DEL))
		return;
	e.cid = c->context_del.cid;
	memcpy(e.term, w->stats, sizeof(e.term));
	fake_dp_event(&w->e.dp, worker, &e, sizeof(e));
}

void mg_turn(struct mg_world *w)
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

void mg_pass(struct mg_world *w, uint64_t ms)
{
	env_advance(&w->e, ms);
	mg_assoc_tick(w->mg);
	mg_events(w->mg);
	mg_runs_tick(w->mg);
	mg_leave_tick(w->mg);
	mg_turn(w);
}

void mg_say(struct mg_world *w, int controller, const char *text)
{
	assert_int_equal(sendto(w->fd[controller], text, strlen(text), 0,
				(struct sockaddr *)&w->gateway, sizeof(w->gateway)),
			 strlen(text));
	/* What is sent over the loopback is there when sendto() returns. */
	mg_turn(w);
}

bool mg_hear(struct mg_world *w, int controller, struct h248_message *m)
{
	ssize_t n = recv(w->fd[controller], w->in, sizeof(w->in) - 1, 0);

	w->in[n > 0 ? n : 0] = '\0';
	if (n <= 0)
		return false;
	if (!h248_parse(m, w->in, (size_t)n))
		fail_msg("%s: %s", m->wrong, w->in);
	return true;
}

void mg_register(struct mg_world *w, int controller)
{
	static struct h248_message m;
	const struct h248_item *t;
	char text[256];

	assert_true(mg_hear(w, controller, &m));
	assert_int_equal(m.version, 1);
	t = h248_find(&m, &m.item[0], H248_TRANSACTION);
	assert_non_null(t);
	assert_non_null(h248_find(&m, h248_child(&m, t), H248_SERVICE_CHANGE));
	snprintf(text, sizeof(text),
		 "MEGACO/3 [127.0.0.%d] Reply = %.*s { Context = - { ServiceChange = ROOT { "
		 "Services { Version = 3, 20261122T09300012 } } } }",
		 controller + 1, H248_TEXT(t->value));
	mg_say(w, controller, text);
	assert_int_equal(mg_state(w->mg), MG_SERVED);
}

const char *mg_ask(struct mg_world *w, const char *actions)
{
	static struct h248_message m;
	static char text[H248_MESSAGE_MAX];

	snprintf(text, sizeof(text), "MEGACO/3 [127.0.0.1]\nTransaction = %u { %s }", ++w->id,
		 actions);
	mg_say(w, 0, text);
	if (!mg_hear(w, 0, &m))
		fail_msg("no reply");
	assert_int_equal(m.version, 3);
	snprintf(text, sizeof(text), "Reply = %u {", w->id);
	mg_has(w, text);
	return w->in;
}

const char *mg_askf(struct mg_world *w, const char *fmt, ...)
{
	static char text[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return mg_ask(w, text);
}

void mg_has(const struct mg_world *w, const char *part)
{
	if (!strstr(w->in, part))
		fail_msg("\"%s\" is not in: %s", part, w->in);
}

const char *mg_added(const struct mg_world *w, int n, char name[MG_NAME_MAX])
{
	const char *at = w->in;

	for (int i = 0; i <= n; i++) {
		at = strstr(at, "Add = ");
		assert_non_null(at);
		at += 6;
	}
	assert_int_equal(sscanf(at, "%64[^ ,{]", name), 1);
	return name;
}

uint32_t mg_number(const struct mg_world *w)
{
	const char *at = strstr(w->in, "Context = ");
	unsigned n = 0;

	assert_non_null(at);
	assert_int_equal(sscanf(at, "Context = %u", &n), 1);
	return n;
}
