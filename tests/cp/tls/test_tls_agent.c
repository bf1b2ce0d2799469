/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the control process sends for TLS (R9, R76): ticket keys at each attach and each change of
 * epoch and at no other time, again when they were not taken; the order to read certificates again,
 * answered once. The clock is passed in; the dataplane is the other end of a socket.
 */
#include "tests/world/cp_env.h"

#include "cp/tls/agent.h"
#include "cp/tls/ticket_keys.h"

#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LIFETIME = 100, START = 1700000000 };

struct world {
	struct env e;
	struct event_base *base;
	struct dpsock *sock;
	struct tls_agent *agent;
	int listener, fd;
	uint32_t changes;
	uint8_t prk[TICKET_PRK];
};

static void on_change(void *ctx)
{
	struct world *w = ctx;

	w->changes++;
	tls_agent_sock(w->agent, w->sock);
}

/* transport: of a listener. domain_index: of a realm's terminations. */
static void open_all(struct world *w, enum config_transport transport, uint16_t domain_index)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char err[512] = "";

	memset(w, 0, sizeof(*w));
	env_open(&w->e);
	w->e.conf.listener[1].transport = transport;
	env_config_gateway(&w->e.conf);
	w->e.conf.realm[0].domain_index = domain_index;
	w->e.conf.tls.ticket_lifetime = LIFETIME;
	env_start(&w->e, 64);
	dplink_detach(w->e.s.link);
	w->base = event_base_new();
	w->agent = tls_agent_open(&w->e.conf, err, sizeof(err));
	assert_string_equal(err, "");
	if (config_has_tls(&w->e.conf))
		assert_true(ticket_secret_load(&w->e.conf, w->prk, err, sizeof(err)));
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", w->e.conf.dataplane.socket);
	w->listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	assert_int_equal(bind(w->listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(w->listener, 4), 0);
	w->fd = -1;
	w->sock = dpsock_create(w->base, &w->e.s, on_change, w);
}

static int setup(void **state)
{
	static struct world w;

	open_all(&w, TRANSPORT_TLS, CONFIG_DOMAINS_MAX);
	*state = &w;
	return 0;
}

static int setup_without(void **state)
{
	static struct world w;

	open_all(&w, TRANSPORT_TCP, CONFIG_DOMAINS_MAX);
	*state = &w;
	return 0;
}

/* TLS is the gateway's alone. */
static int setup_gateway(void **state)
{
	static struct world w;

	open_all(&w, TRANSPORT_TCP, 0);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char path[128];

	dpsock_free(w->sock);
	tls_agent_close(w->agent);
	event_base_free(w->base);
	if (w->fd >= 0)
		close(w->fd);
	close(w->listener);
	unlink(w->e.conf.dataplane.socket);
	snprintf(path, sizeof(path), "%s/ticket.key", w->e.dir);
	unlink(path);
	env_stop(&w->e);
	env_close(&w->e);
	return 0;
}

/* The dataplane's side of an attach. */
static void attach(struct world *w)
{
	struct ctl_welcome msg = { .magic = CTL_ABI_MAGIC,
				   .abi_version = CTL_ABI_VERSION,
				   .verdict = CTL_WELCOME,
				   .region_size = w->e.dp.size,
				   .config_digest = config_digest(&w->e.conf) };
	int fds[2] = { w->e.dp.memfd, w->e.dp.wake_cp };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(fds))];
	} ctl = { .bytes = { 0 } };
	struct iovec iov = { &msg, sizeof(msg) };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = ctl.bytes,
			    .msg_controllen = sizeof(ctl.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	struct ctl_hello hello;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	event_base_loop(w->base, EVLOOP_ONCE); /* its turn to connect */
	if (w->fd >= 0)
		close(w->fd);
	w->fd = accept(w->listener, NULL, NULL);
	assert_int_equal(recv(w->fd, &hello, sizeof(hello), 0), sizeof(hello));
	assert_int_equal(sendmsg(w->fd, &m, 0), sizeof(msg));
	while (!dplink_attached(w->e.s.link))
		event_base_loop(w->base, EVLOOP_ONCE);
}

static bool take(struct world *w, struct msg_ticket_keys *m)
{
	memset(m, 0, sizeof(*m));
	return recv(w->fd, m, sizeof(*m), MSG_DONTWAIT) > 0;
}

static void say(struct world *w, uint32_t seq, bool ok)
{
	struct msg_result r = { .hdr = { MSG_RESULT, seq }, .ok = ok };

	strcpy(r.text, "no");
	assert_int_equal(send(w->fd, &r, sizeof(r), 0), sizeof(r));
	event_base_loop(w->base, EVLOOP_ONCE);
}

/* Keys of the epoch of this second must be there, and are taken. */
static void expect_keys(struct world *w, uint64_t wall)
{
	struct ctl_ticket_keys want;
	struct msg_ticket_keys m;

	tls_agent_turn(w->agent, wall);
	assert_true(take(w, &m));
	assert_int_equal(m.hdr.type, MSG_TICKET_KEYS);
	assert_true(ticket_keys_derive(w->prk, ticket_epoch(wall, LIFETIME), &want));
	assert_memory_equal(&m.keys, &want, sizeof(want));
	say(w, m.hdr.seq, true);
}

static void expect_nothing(struct world *w, uint64_t wall)
{
	struct msg_ticket_keys m;

	tls_agent_turn(w->agent, wall);
	assert_false(take(w, &m));
}

static void keys_at_attach_and_at_each_epoch(void **state)
{
	struct world *w = *state;

	tls_agent_turn(w->agent, START); /* not attached: nothing to be done */
	attach(w);
	expect_keys(w, START);
	expect_nothing(w, START);
	expect_nothing(w, START + LIFETIME - 1);
	expect_keys(w, START + LIFETIME);
	expect_nothing(w, START + LIFETIME + 1);
	expect_keys(w, START); /* a clock that is set back */
	shutdown(w->fd, SHUT_RDWR);
	while (dplink_attached(w->e.s.link))
		event_base_loop(w->base, EVLOOP_ONCE);
	tls_agent_turn(w->agent, START + 1);
	attach(w);
	expect_keys(w, START + 1); /* another dataplane, perhaps */
}

static void keys_that_were_not_taken_come_again(void **state)
{
	struct world *w = *state;
	struct msg_ticket_keys m;

	attach(w);
	tls_agent_turn(w->agent, START);
	assert_true(take(w, &m));
	expect_nothing(w, START + 1); /* not before the answer */
	say(w, m.hdr.seq, false);
	expect_nothing(w, START); /* once a second at most */
	expect_keys(w, START + 1);
	expect_nothing(w, START + 2);
}

struct heard {
	uint32_t calls;
	bool ok;
	char text[256];
};

static void on_done(void *ctx, bool ok, const char *text)
{
	struct heard *h = ctx;

	h->calls++;
	h->ok = ok;
	snprintf(h->text, sizeof(h->text), "%s", text);
}

static void reload_is_passed_on(void **state)
{
	struct world *w = *state;
	struct heard h = { 0 };
	struct msg_ticket_keys m;

	tls_agent_reload(w->agent, on_done, &h);
	assert_int_equal(h.calls, 1);
	assert_false(h.ok);
	assert_string_equal(h.text, "no dataplane is attached, or too many requests wait for it");
	attach(w);
	for (int ok = 0; ok <= 1; ok++) {
		h.calls = 0;
		tls_agent_reload(w->agent, on_done, &h);
		assert_int_equal(h.calls, 0);
		assert_true(take(w, &m));
		assert_int_equal(m.hdr.type, MSG_TLS_RELOAD);
		say(w, m.hdr.seq, ok);
		assert_int_equal(h.calls, 1);
		assert_int_equal(h.ok, ok);
		assert_string_equal(h.text, "no");
	}
}

static void without_tls(void **state)
{
	struct world *w = *state;
	struct heard h = { 0 };
	char path[128];

	snprintf(path, sizeof(path), "%s/ticket.key", w->e.dir);
	assert_int_not_equal(access(path, F_OK), 0); /* no secret is made */
	attach(w);
	expect_nothing(w, START);
	tls_agent_reload(w->agent, on_done, &h);
	assert_false(h.ok);
	assert_string_equal(h.text, "neither a listener nor a realm has TLS");
}

static void a_bad_secret_is_told(void **state)
{
	struct world *w = *state;
	char err[512];

	strcpy(w->e.conf.tls.ticket_secret, "/no/such");
	assert_null(tls_agent_open(&w->e.conf, err, sizeof(err)));
	assert_non_null(strstr(err, "tls.ticket-secret: /no/such cannot be read"));
}

static void secret_write(const char *path, int byte, mode_t mode)
{
	char secret[TICKET_SECRET_MIN];
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	memset(secret, byte, sizeof(secret));
	assert_int_equal(fwrite(secret, sizeof(secret), 1, f), 1);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* Another secret, or another one in the same file: its keys are sent at once, and only then. */
static void a_reload_sends_keys_of_another_secret(void **state)
{
	struct world *w = *state;
	static struct config c;
	struct msg_ticket_keys m;
	char path[128], err[512];

	snprintf(path, sizeof(path), "%s/secret", w->e.dir);
	attach(w);
	expect_keys(w, START);
	assert_true(tls_agent_prepare(w->agent, &w->e.conf, err, sizeof(err)));
	tls_agent_finish(w->agent, true);
	expect_nothing(w, START + 1); /* as it was */
	c = w->e.conf;
	snprintf(c.tls.ticket_secret, sizeof(c.tls.ticket_secret), "%s", path);
	secret_write(path, 1, 0600);
	assert_true(tls_agent_prepare(w->agent, &c, err, sizeof(err)));
	tls_agent_finish(w->agent, false);
	expect_nothing(w, START + 2);
	assert_true(tls_agent_prepare(w->agent, &c, err, sizeof(err)));
	tls_agent_finish(w->agent, true);
	w->e.conf = c;
	assert_true(ticket_secret_load(&c, w->prk, err, sizeof(err)));
	expect_keys(w, START + 2);
	/* While keys are on their way: these are of the secret before, whether taken or not. */
	tls_agent_turn(w->agent, START + LIFETIME);
	assert_true(take(w, &m));
	secret_write(path, 2, 0600);
	assert_true(tls_agent_prepare(w->agent, &c, err, sizeof(err)));
	tls_agent_finish(w->agent, true);
	expect_nothing(w, START + LIFETIME);
	say(w, m.hdr.seq, true);
	assert_true(ticket_secret_load(&c, w->prk, err, sizeof(err)));
	expect_keys(w, START + LIFETIME + 1);
	expect_nothing(w, START + LIFETIME + 2);
	/* What is no secret changes nothing. */
	secret_write(path, 3, 0644);
	assert_false(tls_agent_prepare(w->agent, &c, err, sizeof(err)));
	assert_non_null(strstr(err, path));
	tls_agent_finish(w->agent, true);
	expect_nothing(w, START + LIFETIME + 3);
	unlink(path);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(keys_at_attach_and_at_each_epoch),
		T(keys_that_were_not_taken_come_again),
		T(reload_is_passed_on),
		cmocka_unit_test_setup_teardown(without_tls, setup_without, teardown),
		{ "keys, with TLS in a realm only", keys_at_attach_and_at_each_epoch, setup_gateway,
		  teardown, NULL },
		{ "reload, with TLS in a realm only", reload_is_passed_on, setup_gateway, teardown,
		  NULL },
		T(a_bad_secret_is_told),
		T(a_reload_sends_keys_of_another_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
