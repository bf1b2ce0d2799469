/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Controllers of H.248 over TCP and TLS (R32; H.248.1 D.2): messages in packets that are cut
 * anywhere; what is no packet, a controller that does not read, one that closes or is not there;
 * who shows which certificate; and that nothing of UDP passes for a controller who has a
 * connection.
 */
#include "tests/world/mg_world.h"
#include "tests/world/make_cert.h"
#include "tests/world/tls_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TURNS = 2000 };

/* The first controller has a connection, the second is reached by UDP. */
struct far {
	struct mg_world w;
	int listener, fd; /* -1: there is none */
	struct tls_peer tls;
	uint8_t in[1 << 18];
	size_t len;
	char text[H248_MESSAGE_MAX + 1]; /* the last message */
};

static struct h248_message m;
static struct far f;

static void begin(void)
{
	char err[256];

	if (!mg_start(&f.w.e.s, f.w.e.s.gateway, f.w.base, &f.w.mg, err, sizeof(err)))
		fail_msg("%s", err);
}

static void prepare(enum config_controller transport)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t len = sizeof(sa);
	struct config_h248_controller *c;

	memset(&f, 0, sizeof(f));
	mg_world_prepare(&f.w, false);
	f.fd = -1;
	f.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(f.listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(f.listener, 4), 0);
	assert_int_equal(getsockname(f.listener, (struct sockaddr *)&sa, &len), 0);
	c = &f.w.e.conf.gateway.h248_controller[0];
	c->transport = transport;
	c->port = ntohs(sa.sin_port);
}

static void end(void)
{
	tls_peer_close(&f.tls);
	SSL_CTX_free(f.tls.ctx);
	if (f.fd >= 0)
		close(f.fd);
	if (f.listener >= 0)
		close(f.listener);
	mg_world_close(&f.w);
}

/* ---- the controller's end ---- */

static void accepted(void)
{
	const int on = 1;

	if (f.fd >= 0)
		close(f.fd);
	f.fd = -1;
	f.len = 0;
	for (int i = 0; i < TURNS && f.fd < 0; i++) {
		mg_turn(&f.w);
		f.fd = accept4(f.listener, NULL, NULL, SOCK_NONBLOCK);
	}
	assert_true(f.fd >= 0);
	/* What is sent over the loopback is there when send() returns. */
	assert_int_equal(setsockopt(f.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
}

/* All that came is in f.in. False: the connection has ended. */
static bool pump(void)
{
	uint8_t bytes[4096];
	ssize_t n;
	bool going;
	size_t out;
	int got;

	mg_turn(&f.w);
	while ((n = recv(f.fd, bytes, sizeof(bytes), 0)) > 0) {
		if (f.tls.ssl) {
			tls_peer_give(&f.tls, bytes, (size_t)n);
			continue;
		}
		assert_true(f.len + (size_t)n <= sizeof(f.in));
		memcpy(f.in + f.len, bytes, (size_t)n);
		f.len += (size_t)n;
	}
	going = n < 0 && errno == EAGAIN;
	if (f.tls.ssl) {
		while ((got = SSL_read(f.tls.ssl, f.in + f.len, (int)(sizeof(f.in) - f.len))) > 0)
			f.len += (size_t)got;
		while ((out = tls_peer_take(&f.tls, bytes, sizeof(bytes))))
			assert_int_equal(send(f.fd, bytes, out, MSG_NOSIGNAL), out);
	}
	return going;
}

static bool ended(void)
{
	for (int i = 0; i < TURNS; i++) {
		if (!pump())
			return true;
	}
	return false;
}

static bool hear(void)
{
	struct tpkt_head h;
	bool going = true;
	size_t len;

	for (int i = 0; i < TURNS; i++) {
		if (f.len >= sizeof(h)) {
			memcpy(&h, f.in, sizeof(h));
			len = tpkt_len(&h);
			assert_int_not_equal(len, 0);
			if (f.len >= sizeof(h) + len) {
				memcpy(f.text, f.in + sizeof(h), len);
				f.text[len] = '\0';
				f.len -= sizeof(h) + len;
				memmove(f.in, f.in + sizeof(h) + len, f.len);
				if (!h248_parse(&m, f.text, len))
					fail_msg("%s: %s", m.wrong, f.text);
				return true;
			}
		}
		if (!going)
			return false;
		going = pump();
	}
	return false;
}

static void put(const void *p, size_t len)
{
	if (f.tls.ssl) {
		assert_int_equal(SSL_write(f.tls.ssl, p, (int)len), len);
		pump();
	} else {
		assert_int_equal(send(f.fd, p, len, MSG_NOSIGNAL), len);
		mg_turn(&f.w);
	}
}

/* Messages, each in its packet, that go in pieces of so many bytes. */
static void say(const char *const *text, size_t n, size_t piece)
{
	static uint8_t bytes[1 << 17];
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		const struct tpkt_head h = tpkt_make(strlen(text[i]));

		memcpy(bytes + len, &h, sizeof(h));
		memcpy(bytes + len + sizeof(h), text[i], strlen(text[i]));
		len += sizeof(h) + strlen(text[i]);
	}
	for (size_t at = 0; at < len; at += piece)
		put(bytes + at, len - at < piece ? len - at : piece);
}

static void has(const char *part)
{
	if (!strstr(f.text, part))
		fail_msg("\"%s\" is not in: %s", part, f.text);
}

/* Answers the ServiceChange, in pieces. */
static void take_charge(size_t piece)
{
	static char text[256];
	const char *const one = text;

	assert_true(hear());
	has("ServiceChange = ROOT");
	snprintf(
	    text, sizeof(text),
	    "MEGACO/3 [127.0.0.1] Reply = %.*s { Context = - { ServiceChange = ROOT { Services "
	    "{ Version = 3 } } } }",
	    H248_TEXT(h248_child(&m, &m.item[0])->value));
	say(&one, 1, piece);
	for (int i = 0; i < TURNS && mg_state(f.w.mg) != MG_SERVED; i++)
		mg_turn(&f.w);
	assert_int_equal(mg_state(f.w.mg), MG_SERVED);
}

static void served(void)
{
	prepare(CONTROLLER_TCP);
	begin();
	accepted();
	take_charge(4096);
}

/* ---- TCP ---- */

/* Wherever packets are cut, and however many come at once. */
static void test_cut(void **state)
{
	static const char *const text[] = {
		"MEGACO/3 [127.0.0.1] T=5{C=-{AV=ROOT{AT{}}}}",
		"MEGACO/3 [127.0.0.1] T=6{C=-{AV=ROOT{AT{PG}}}}",
		"MEGACO/3 [127.0.0.1] T=7{C=-{AV=ROOT{AT{}}}}",
	};
	static const size_t piece[] = { 1, 3, 5, 49, 51, 1000 };

	(void)state;
	for (size_t i = 0; i < N_OF(piece); i++) {
		prepare(CONTROLLER_TCP);
		begin();
		accepted();
		take_charge(piece[i]);
		say(text, N_OF(text), piece[i]);
		assert_true(hear());
		has("Reply = 5 {");
		assert_true(hear());
		has("Reply = 6 {");
		has("g-1");
		assert_true(hear());
		has("Reply = 7 {");
		assert_int_equal(f.len, 0);
		end();
	}
}

/* What is on its way is not sent again; who does not answer for 25 seconds is lost all the same. */
static void test_no_repetition(void **state)
{
	(void)state;
	prepare(CONTROLLER_TCP);
	begin();
	accepted();
	assert_true(hear());
	for (int i = 0; i < 10; i++)
		mg_pass(&f.w, 2000);
	for (int i = 0; i < 10; i++)
		assert_true(pump());
	assert_int_equal(f.len, 0);
	assert_int_equal(mg_stats(f.w.mg)->repeated, 0);
	mg_pass(&f.w, 6000);
	mg_register(&f.w, 1);
	assert_true(ended());
	end();
}

static void test_no_packet(void **state)
{
	static const char *const bad[] = { "MEGACO/3 [127.0.0.1] T=5{C=-{AV=ROOT{AT{}}}}",
					   "\3\0\0\4", "\3\0\0" };

	(void)state;
	for (size_t i = 0; i < N_OF(bad); i++) {
		served();
		put(bad[i], 4);
		assert_true(ended());
		assert_int_equal(mg_stats(f.w.mg)->malformed, 1);
		assert_int_equal(mg_state(f.w.mg), MG_WAITING);
		/* By and by it asks again, and says what has happened. */
		mg_pass(&f.w, 3100);
		accepted();
		take_charge(4096);
		has("Method = Disconnected");
		end();
	}
}

static void test_slow(void **state)
{
	static char text[4096];
	const char *const one = text;
	size_t n = 0;

	(void)state;
	served();
	for (uint32_t id = 1; id < 20000 && mg_state(f.w.mg) == MG_SERVED; id += 8) {
		n = (size_t)snprintf(text, sizeof(text), "MEGACO/3 [127.0.0.1]");
		for (uint32_t i = 0; i < 8; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
					      "T=%u{C=-{AV=ROOT{AT{PG,M}}}}", id + i);
		say(&one, 1, sizeof(text));
		env_advance(&f.w.e, 10);
		if (mg_state(f.w.mg) != MG_SERVED)
			break;
	}
	/* Its bytes are bounded, and so is its time. */
	assert_int_equal(mg_state(f.w.mg), MG_WAITING);
	assert_int_equal(mg_stream_number(f.w.mg), 0);
	end();
}

/* One that is not there costs no time, nor does one that goes. */
static void test_not_there(void **state)
{
	(void)state;
	prepare(CONTROLLER_TCP);
	close(f.listener);
	f.listener = -1;
	begin();
	for (int i = 0; i < TURNS && f.w.mg->assoc.controller == 0; i++)
		mg_turn(&f.w);
	mg_register(&f.w, 1);
	end();
	served();
	close(f.fd);
	close(f.listener);
	f.fd = f.listener = -1;
	for (int i = 0; i < TURNS && mg_state(f.w.mg) == MG_SERVED; i++)
		mg_turn(&f.w);
	assert_int_equal(mg_state(f.w.mg), MG_WAITING);
	mg_pass(&f.w, 3100);
	for (int i = 0; i < TURNS && f.w.mg->assoc.controller == 0; i++)
		mg_turn(&f.w);
	mg_register(&f.w, 1);
	assert_non_null(strstr(f.w.in, "Method = Failover"));
	end();
}

/* A datagram with the address of a controller who has a connection is a stranger's. */
static void test_datagram(void **state)
{
	(void)state;
	served();
	mg_say(&f.w, 0, "MEGACO/3 [127.0.0.1] T=5{C=-{AV=ROOT{AT{}}}}");
	assert_false(mg_hear(&f.w, 0, &m));
	assert_int_equal(mg_stats(f.w.mg)->dropped, 1);
	/* The other one has no connection, and is not in charge. */
	mg_say(&f.w, 1, "MEGACO/3 [127.0.0.2] T=5{C=-{AV=ROOT{AT{}}}}");
	assert_true(mg_hear(&f.w, 1, &m));
	mg_has(&f.w, "Error = 504");
	end();
}

/* ---- a reload ---- */

static bool reload(const struct config_gateway *to, char *err, size_t errlen)
{
	return mg_world_reload(&f.w, to, err, errlen);
}

/* Who is in charge is reached by another way: it is told by the old one, and asked by the new one.
 */
static void test_another_way(void **state)
{
	struct config_gateway to;
	char err[512] = "";

	(void)state;
	served();
	to = f.w.e.conf.gateway;
	assert_true(reload(&to, err, sizeof(err)));
	assert_int_equal(mg_state(f.w.mg), MG_SERVED);
	to.h248_controller[0].transport = CONTROLLER_UDP;
	assert_true(reload(&to, err, sizeof(err)));
	assert_true(hear());
	has("Method = Forced");
	assert_true(ended());
	assert_int_equal(mg_state(f.w.mg), MG_REGISTERING);
	assert_int_equal(mg_stream_number(f.w.mg), 0);
	/* None is left: the connection goes as well. */
	to.h248_controller[0].transport = CONTROLLER_TCP;
	assert_true(reload(&to, err, sizeof(err)));
	accepted();
	take_charge(4096);
	to.n_h248_controller = 0;
	assert_true(reload(&to, err, sizeof(err)));
	assert_true(hear());
	has("Method = Forced");
	assert_true(ended());
	end();
}

/* ---- TLS ---- */

static const char *path(const char *name)
{
	static char text[8][CONFIG_STR_MAX];
	static int which;

	which = (which + 1) % 8;
	snprintf(text[which], sizeof(text[0]), "%s/%s", f.w.e.dir, name);
	return text[which];
}

/* A CA, ours, and the controller's, of these names and signed by that CA or by itself. */
static void prepare_tls(const char *names, bool by_ca)
{
	EVP_PKEY *key = make_key("EC:P-256");
	struct config_gateway *c;
	X509 *ca, *ours, *its;

	prepare(CONTROLLER_TLS);
	ca = make_cert(&(struct cert_spec){ .cn = "CA", .ca = 1 }, key, NULL, NULL);
	ours = make_cert(&(struct cert_spec){ .cn = "mg1" }, key, ca, key);
	its = make_cert(&(struct cert_spec){ .cn = "mgc", .names = names }, key, by_ca ? ca : NULL,
			by_ca ? key : NULL);
	c = &f.w.e.conf.gateway;
	write_certs(path("ca"), &ca, 1);
	write_certs(path("ours"), &ours, 1);
	write_key(path("key"), key, NULL);
	assert_int_equal(chmod(path("key"), 0600), 0);
	snprintf(c->h248_ca, sizeof(c->h248_ca), "%s", path("ca"));
	snprintf(c->h248_certificate, sizeof(c->h248_certificate), "%s", path("ours"));
	snprintf(c->h248_key, sizeof(c->h248_key), "%s", path("key"));
	f.tls.ctx = SSL_CTX_new(TLS_server_method());
	assert_int_equal(SSL_CTX_use_certificate(f.tls.ctx, its), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(f.tls.ctx, key), 1);
	assert_int_equal(SSL_CTX_load_verify_file(f.tls.ctx, path("ca")), 1);
	SSL_CTX_set_verify(f.tls.ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	X509_free(ca);
	X509_free(ours);
	X509_free(its);
	EVP_PKEY_free(key);
}

static void end_tls(void)
{
	unlink(path("ca"));
	unlink(path("ours"));
	unlink(path("key"));
	end();
}

static void test_tls(void **state)
{
	static const char *const text[] = { "MEGACO/3 [127.0.0.1] T=5{C=-{AV=ROOT{AT{}}}}",
					    "MEGACO/3 [127.0.0.1] T=6{C=-{AV=ROOT{AT{}}}}" };

	(void)state;
	for (int named = 0; named < 2; named++) {
		prepare_tls(named ? "DNS:mgc.example" : "IP:127.0.0.1", true);
		if (named)
			snprintf(f.w.e.conf.gateway.h248_controller[0].name, CONFIG_STR_MAX,
				 "mgc.example");
		begin();
		accepted();
		tls_peer_open(&f.tls, false);
		take_charge(7);
		say(text, N_OF(text), 11);
		assert_true(hear());
		has("Reply = 5 {");
		assert_true(hear());
		has("Reply = 6 {");
		end_tls();
	}
}

/* Not of our CA, of another name or address: nothing is said to it. */
static void test_tls_refused(void **state)
{
	static const struct {
		const char *names, *name;
		bool by_ca;
	} row[] = {
		{ "IP:127.0.0.1", "", false },
		{ "IP:127.0.0.9", "", true },
		{ "DNS:mgc.example", "", true },
		{ "DNS:other.example,IP:127.0.0.1", "mgc.example", true },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(row); i++) {
		prepare_tls(row[i].names, row[i].by_ca);
		snprintf(f.w.e.conf.gateway.h248_controller[0].name, CONFIG_STR_MAX, "%s",
			 row[i].name);
		begin();
		accepted();
		tls_peer_open(&f.tls, false);
		assert_true(ended());
		assert_int_equal(f.len, 0);
		mg_register(&f.w, 1);
		end_tls();
	}
}

/* A certificate is read anew, and one that cannot be had changes nothing. */
static void test_tls_reload(void **state)
{
	struct config_gateway to;
	char err[512] = "";
	SSL_CTX *was;

	(void)state;
	prepare_tls("IP:127.0.0.1", true);
	begin();
	accepted();
	tls_peer_open(&f.tls, false);
	take_charge(4096);
	was = f.w.mg->tls;
	to = f.w.e.conf.gateway;
	assert_true(reload(&to, err, sizeof(err)));
	assert_ptr_not_equal(f.w.mg->tls, was);
	assert_true(f.w.e.s.own_cert[OWN_CERT_H248].not_after > 0);
	was = f.w.mg->tls;
	unlink(path("ca"));
	assert_false(reload(&to, err, sizeof(err)));
	assert_non_null(strstr(err, "gateway.h248-ca: "));
	assert_ptr_equal(f.w.mg->tls, was);
	assert_int_equal(mg_state(f.w.mg), MG_SERVED);
	assert_true(pump());
	end_tls();
}

static void test_tls_files(void **state)
{
	char err[512];

	(void)state;
	prepare_tls("IP:127.0.0.1", true);
	unlink(path("ca"));
	assert_false(mg_start(&f.w.e.s, f.w.e.s.gateway, f.w.base, &f.w.mg, err, sizeof(err)));
	assert_non_null(strstr(err, "gateway.h248-ca: "));
	unlink(path("key"));
	assert_false(mg_start(&f.w.e.s, f.w.e.s.gateway, f.w.base, &f.w.mg, err, sizeof(err)));
	assert_non_null(strstr(err, "gateway.h248-certificate: "));
	end_tls();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut),	    cmocka_unit_test(test_no_repetition),
		cmocka_unit_test(test_no_packet),   cmocka_unit_test(test_slow),
		cmocka_unit_test(test_not_there),   cmocka_unit_test(test_datagram),
		cmocka_unit_test(test_tls),	    cmocka_unit_test(test_tls_refused),
		cmocka_unit_test(test_tls_files),   cmocka_unit_test(test_tls_reload),
		cmocka_unit_test(test_another_way),
	};

	signal(SIGPIPE, SIG_IGN); /* as the process does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
