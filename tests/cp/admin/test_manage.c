/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The management port: certificates of our CA, whose names say what each may do; the methods of the
 * control socket, refused with a sentence to who may not; what is no request; answers that come
 * later, also to who has gone meanwhile; who takes his time keeps nobody out; a reload that comes
 * by the port itself is answered, and then its connection is over.
 */
#include "cp/admin/manage.h"
#include "cp/admin/manage_cert.h"
#include "cp/admin/records_rpc.h"
#include "cp/record/records.h"
#include "tests/world/cp_env.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static struct env *env;
static struct event_base *base;
static struct manage *m;
static char text[1 << 16];

/* ---- certificates ---- */

static const char *file(const char *name, const char *ending)
{
	static char path[4][CONFIG_STR_MAX];
	static int which;

	which = (which + 1) % 4;
	snprintf(path[which], sizeof(path[which]), "%s/%s%s", env->dir, name, ending);
	return path[which];
}

static EVP_PKEY *ca_key;
static X509 *ca;

static X509 *cert_make(const char *cn, const char *san, EVP_PKEY *key, X509 *issuer,
		       EVP_PKEY *issuer_key)
{
	static long serial;
	X509 *x = X509_new();
	X509V3_CTX v3;

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	if (cn) {
		X509_NAME *name = X509_NAME_new();

		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1,
					   -1, 0);
		X509_set_subject_name(x, name);
		X509_NAME_free(name);
	}
	X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x));
	X509V3_set_ctx(&v3, issuer ? issuer : x, x, NULL, NULL, 0);
	if (!issuer || san) {
		X509_EXTENSION *e = X509V3_EXT_conf_nid(
		    NULL, &v3, issuer ? NID_subject_alt_name : NID_basic_constraints,
		    issuer ? san : "critical,CA:TRUE");

		assert_non_null(e);
		X509_add_ext(x, e, -1);
		X509_EXTENSION_free(e);
	}
	assert_true(X509_sign(x, issuer_key, EVP_sha256()) > 0);
	return x;
}

static void pem_write(const char *name, X509 *x, EVP_PKEY *key)
{
	FILE *f = fopen(file(name, ".pem"), "w");

	assert_int_equal(PEM_write_X509(f, x), 1);
	fclose(f);
	f = fopen(file(name, ".key"), "w");
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
}

static void cert_write(const char *name, const char *cn, const char *san)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = cert_make(cn, san, key, ca, ca_key);

	pem_write(name, x, key);
	X509_free(x);
	EVP_PKEY_free(key);
}

/* ---- the port ---- */

static const char *const made[] = { "ca", "server", "viewer", "chief", "stranger" };

static void grant(const char *name, enum config_may may)
{
	struct config_management *c = &env->conf.management;

	snprintf(c->grant[c->n_grant].name, sizeof(c->grant[0].name), "%s", name);
	c->grant[c->n_grant++].may = may;
}

static int setup(void **state)
{
	struct config_management *c;
	struct config_records records = { .queue = 64 };
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char err[2 * CONFIG_STR_MAX];

	env_setup_started(state);
	env = *state;
	base = event_base_new();
	ca_key = EVP_EC_gen("P-256");
	ca = cert_make("CA", NULL, ca_key, NULL, ca_key);
	pem_write("ca", ca, ca_key);
	cert_write("server", "relay.test", NULL);
	cert_write("viewer", "viewer", NULL);
	cert_write("chief", "somebody", "email:chief@example.test,DNS:x.test");
	cert_write("stranger", "who", NULL);
	c = &env->conf.management;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	assert_true(ip_parse("127.0.0.1", &c->addr));
	c->port = ntohs(a.sin_port);
	snprintf(c->certificate, sizeof(c->certificate), "%s", file("server", ".pem"));
	snprintf(c->key, sizeof(c->key), "%s", file("server", ".key"));
	snprintf(c->ca, sizeof(c->ca), "%s", file("ca", ".pem"));
	grant("viewer", CONFIG_MAY_LOOK);
	grant("chief@example.test", CONFIG_MAY_ADMINISTER);
	grant("somebody", CONFIG_MAY_LOOK);
	env->s.records = records_open(&records, err, sizeof(err));
	assert_true(records_rpc_open(&env->s, base));
	if (!manage_start(&env->s, base, &m, err, sizeof(err)))
		fail_msg("%s", err);
	return 0;
}

static int teardown(void **state)
{
	manage_stop(m);
	records_rpc_close(&env->s);
	records_close(env->s.records);
	env->s.records = NULL;
	event_base_free(base);
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		unlink(file(made[i], ".pem"));
		unlink(file(made[i], ".key"));
	}
	X509_free(ca);
	EVP_PKEY_free(ca_key);
	return env_teardown(state);
}

/* ---- a client ---- */

struct client {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
};

static void turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static int connected(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(env->conf.management.port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* With the certificate of that name; NULL: without one. False: it is not let in. */
static bool client_open(struct client *c, const char *name)
{
	char byte;
	int n;

	c->ctx = SSL_CTX_new(TLS_client_method());
	if (name) {
		SSL_CTX_use_certificate_chain_file(c->ctx, file(name, ".pem"));
		SSL_CTX_use_PrivateKey_file(c->ctx, file(name, ".key"), SSL_FILETYPE_PEM);
	}
	c->ssl = SSL_new(c->ctx);
	c->fd = connected();
	SSL_set_fd(c->ssl, c->fd);
	while ((n = SSL_connect(c->ssl)) != 1 && SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ)
		turn();
	if (n != 1)
		return false;
	/* In TLS 1.3 the server's verdict comes after our end of the handshake. */
	for (int i = 0; i < 50; i++) {
		turn();
		n = SSL_peek(c->ssl, &byte, 1);
		if (n <= 0 && SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ)
			return false;
	}
	return true;
}

static void client_close(struct client *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	close(c->fd);
	turn();
	turn();
}

static void client_send(struct client *c, const char *head, const char *body)
{
	char request[4096];

	snprintf(request, sizeof(request),
		 "%s HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n%s", head, strlen(body),
		 body);
	assert_int_equal(SSL_write(c->ssl, request, (int)strlen(request)), strlen(request));
}

/* The status of the next answer, whole in text; 0: the connection has ended. */
static int client_read(struct client *c)
{
	int code = 0;
	size_t len = 0, more;
	char *body;

	for (;;) {
		int n = SSL_read(c->ssl, text + len, (int)(sizeof(text) - 1 - len));

		if (n > 0)
			len += (size_t)n;
		else if (SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ)
			return 0;
		text[len] = '\0';
		turn();
		body = strstr(text, "\r\n\r\n");
		if (!body)
			continue;
		sscanf(text, "HTTP/1.1 %d ", &code);
		more = 0;
		if (strstr(text, "Content-Length: "))
			sscanf(strstr(text, "Content-Length: "), "Content-Length: %zu", &more);
		if (strlen(body + 4) >= more)
			return code;
	}
}

#define RPC "POST /rpc"
#define JSON RPC " HTTP/1.1\r\nContent-Type: application/json\r\nX:"

static int ask(struct client *c, const char *method, const char *params)
{
	char body[1024];

	snprintf(body, sizeof(body),
		 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}", method, params);
	client_send(c, JSON, body);
	return client_read(c);
}

#define HAS(what)                                            \
	do {                                                 \
		if (!strstr(text, what))                     \
			fail_msg("no %s in %s", what, text); \
	} while (0)

/* ---- tests ---- */

static void names_and_roles(void **state)
{
	static const struct {
		const char *cn, *san;
		bool nobody;
		enum config_may may;
	} t[] = {
		{ "viewer", NULL, false, CONFIG_MAY_LOOK },
		{ "Viewer", NULL, true, CONFIG_MAY_LOOK },
		{ "viewer2", "DNS:other.test", true, CONFIG_MAY_LOOK },
		{ NULL, "DNS:viewer", false, CONFIG_MAY_LOOK },
		{ NULL, "IP:10.0.0.1", true, CONFIG_MAY_LOOK },
		{ "viewer", "DNS:a,email:chief@example.test", false, CONFIG_MAY_ADMINISTER },
		{ "x", "URI:chief@example.test", false, CONFIG_MAY_ADMINISTER },
		{ "chief@example.test", "DNS:viewer", false, CONFIG_MAY_ADMINISTER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		X509 *x = cert_make(t[i].cn, t[i].san, ca_key, ca, ca_key);
		struct rpc_caller who = { .may = CONFIG_MAY_ADMINISTER };

		manage_cert_judge(&env->conf.management, x, &who);
		assert_int_equal(who.nobody, t[i].nobody);
		assert_int_equal(who.may, t[i].may);
		assert_true(who.certificate[0]);
		X509_free(x);
	}
}

static void each_may_what_his_role_says(void **state)
{
	struct client c;

	(void)state;
	assert_true(client_open(&c, "viewer"));
	assert_int_equal(ask(&c, "status", "{}"), 200);
	HAS("\"result\":{");
	HAS("Content-Type: application/json\r\n");
	assert_int_equal(ask(&c, "drain", "{}"), 200); /* by the same connection */
	HAS("{\"code\":-32001,\"message\":\"this takes a certificate that may operate "
	    "(management.roles)\"}");
	assert_false(env->s.drain.on);
	client_close(&c);
	assert_true(client_open(&c, "chief"));
	assert_int_equal(ask(&c, "undrain", "{}"), 200);
	HAS("\"result\":");
	assert_int_equal(ask(&c, "capture", "{}"), 200);
	HAS("\"error\":");
	client_close(&c);
	assert_true(client_open(&c, "stranger"));
	assert_int_equal(ask(&c, "status", "{}"), 200);
	HAS("certificate that may look");
	/* The role is looked up when he asks. */
	grant("who", CONFIG_MAY_LOOK);
	assert_int_equal(ask(&c, "status", "{}"), 200);
	HAS("\"result\":{");
	client_close(&c);
}

static void nobody_without_our_certificate(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *other = cert_make("CA", NULL, key, NULL, key);
	X509 *x = cert_make("viewer", NULL, key, other, key);
	struct client c;

	(void)state;
	assert_false(client_open(&c, NULL));
	client_close(&c);
	assert_int_equal(env->s.stats.manage_refused, 1);
	pem_write("stranger", x, key); /* of a CA of the same name */
	assert_false(client_open(&c, "stranger"));
	client_close(&c);
	assert_int_equal(env->s.stats.manage_refused, 2);
	X509_free(x);
	x = cert_make("viewer", NULL, key, ca, ca_key);
	X509_gmtime_adj(X509_getm_notAfter(x), -60);
	X509_sign(x, ca_key, EVP_sha256());
	pem_write("stranger", x, key); /* it is over */
	assert_false(client_open(&c, "stranger"));
	client_close(&c);
	assert_int_equal(env->s.stats.manage_refused, 3);
	X509_free(x);
	X509_free(other);
	EVP_PKEY_free(key);
}

/* One that a revocation list of our CA names. */
static void who_is_revoked(void **state)
{
	X509_CRL *crl = X509_CRL_new();
	X509_REVOKED *r = X509_REVOKED_new();
	ASN1_TIME *now = X509_gmtime_adj(NULL, -60), *next = X509_gmtime_adj(NULL, 3600);
	FILE *f = fopen(file("viewer", ".pem"), "r");
	X509 *x = PEM_read_X509(f, NULL, NULL, NULL);
	char err[2 * CONFIG_STR_MAX];
	struct client c;

	(void)state;
	fclose(f);
	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca));
	X509_CRL_set1_lastUpdate(crl, now);
	X509_CRL_set1_nextUpdate(crl, next);
	X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(x));
	X509_REVOKED_set_revocationDate(r, now);
	X509_CRL_add0_revoked(crl, r);
	assert_true(X509_CRL_sign(crl, ca_key, EVP_sha256()) > 0);
	assert_true(client_open(&c, "viewer"));
	f = fopen(file("ca", ".pem"), "a");
	assert_int_equal(PEM_write_X509_CRL(f, crl), 1);
	fclose(f);
	assert_true(manage_prepare(m, &env->conf, err, sizeof(err)));
	manage_finish(m, true);
	for (int i = 0; i < 5; i++)
		turn();
	client_send(&c, JSON, "{}"); /* the connection that was there has ended */
	assert_int_equal(client_read(&c), 0);
	client_close(&c);
	assert_false(client_open(&c, "viewer"));
	client_close(&c);
	assert_true(client_open(&c, "chief"));
	client_close(&c);
	X509_CRL_free(crl);
	ASN1_TIME_free(now);
	ASN1_TIME_free(next);
	X509_free(x);
}

static void requests_that_are_none(void **state)
{
	static const struct {
		const char *head, *body;
		int status;
	} t[] = {
		{ "GET /rpc", "", 405 },
		{ "POST /", "{}", 404 },
		{ "POST /rpc?x", "{}", 404 },
		{ RPC, "{}", 415 }, /* as a page in a browser would */
		{ RPC " HTTP/1.1\r\nContent-Type: text/plain\r\nX:", "{}", 415 },
		{ RPC " HTTP/1.1\r\nContent-Type: application/jsonx\r\nX:", "{}", 415 },
		{ RPC " HTTP/1.1\r\nContent-Type: application/json; charset=utf-8\r\nX:", "{}",
		  200 },
		{ JSON, "", 200 },
		{ JSON, "[]", 200 },
		{ JSON, "{\"jsonrpc\":\"2.0\",\"method\":\"status\"}", 204 }, /* a notification */
	};
	struct client c;

	(void)state;
	assert_true(client_open(&c, "viewer"));
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		client_send(&c, t[i].head, t[i].body);
		if (client_read(&c) != t[i].status)
			fail_msg("%s %s: %s", t[i].head, t[i].body, text);
	}
	client_close(&c);
	assert_true(client_open(&c, "viewer"));
	client_send(&c, JSON "\r\nContent-Length: 65537\r\nY:", "");
	assert_int_equal(client_read(&c), 413);
	client_close(&c);
}

static void record_make(void)
{
	records_begin(env->s.records, RECORD_CONTEXT, RECORD_START);
	records_commit(env->s.records);
}

/* Who waits is answered when it happens; who has gone is not, nor who waits when the port closes.
 */
static void answers_that_come_later(void **state)
{
	static const char wait[] = "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"records\","
				   "\"params\":{\"wait_ms\":30000}}";
	struct client c, gone;

	(void)state;
	assert_true(client_open(&c, "viewer"));
	assert_true(client_open(&gone, "viewer"));
	client_send(&c, JSON, wait);
	client_send(&gone, JSON, wait);
	for (int i = 0; i < 20; i++)
		turn();
	client_close(&gone);
	record_make();
	assert_int_equal(client_read(&c), 200);
	HAS("\"id\":7");
	HAS("\"last\":1");
	assert_int_equal(ask(&c, "status", "{}"), 200);
	client_send(&c, JSON,
		    "{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"records\","
		    "\"params\":{\"after\":1,\"wait_ms\":30000}}");
	for (int i = 0; i < 20; i++)
		turn();
	manage_stop(m);
	m = NULL;
	record_make();
	for (int i = 0; i < 5; i++)
		turn();
	client_close(&c);
}

/* The longest there of who has most makes room: here the slow ones are all of one source. */
static void slow_clients_keep_nobody_out(void **state)
{
	int fd[4 * MANAGE_CONNECTIONS];
	const int n = sizeof(fd) / sizeof(fd[0]);
	char byte;
	struct client c;

	(void)state;
	for (int i = 0; i < n; i++) {
		fd[i] = connected();
		assert_int_equal(send(fd[i], "\x16\x03\x01", 3, 0), 3);
		for (int j = 0; j < 4; j++)
			turn();
	}
	assert_true(client_open(&c, "viewer"));
	assert_int_equal(ask(&c, "status", "{}"), 200);
	client_close(&c);
	assert_int_equal(recv(fd[0], &byte, 1, 0), 0);
	assert_true(recv(fd[n - 1], &byte, 1, 0) < 0 && errno == EAGAIN);
	for (int i = 0; i < n; i++)
		close(fd[i]);
}

/* What is wrong changes nothing; what is right is in force, and the port may move. */
static void a_reload(void **state)
{
	const struct cert_life *life = &env->s.own_cert[OWN_CERT_MANAGEMENT];
	struct config *next = malloc(sizeof(*next));
	char err[2 * CONFIG_STR_MAX];
	struct client c;

	(void)state;
	assert_int_equal(life->not_after - life->not_before, 7200);
	memcpy(next, &env->conf, sizeof(*next));
	snprintf(next->management.ca, sizeof(next->management.ca), "%s", file("server", ".key"));
	assert_false(manage_prepare(m, next, err, sizeof(err)));
	assert_non_null(strstr(err, "management.ca: "));
	memcpy(next, &env->conf, sizeof(*next));
	assert_true(ip_parse("127.0.0.2", &next->management.addr));
	assert_true(manage_prepare(m, next, err, sizeof(err)));
	manage_finish(m, false); /* another part could not be had */
	assert_true(client_open(&c, "viewer"));
	client_close(&c);
	assert_true(manage_prepare(m, next, err, sizeof(err)));
	manage_finish(m, true);
	memcpy(&env->conf, next, sizeof(*next));
	next->management.port = 0;
	assert_true(manage_prepare(m, next, err, sizeof(err)));
	assert_int_equal(life->not_after - life->not_before, 7200);
	manage_finish(m, true);
	assert_int_equal(life->not_after, 0);
	free(next);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(names_and_roles),
		TEST(each_may_what_his_role_says),
		TEST(nobody_without_our_certificate),
		TEST(who_is_revoked),
		TEST(requests_that_are_none),
		TEST(answers_that_come_later),
		TEST(slow_clients_keep_nobody_out),
		TEST(a_reload),
	};

	signal(SIGPIPE, SIG_IGN); /* as the control process does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
