/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may read the metrics port, and in which format: OpenMetrics for who would rather have it
 * (RFC 9110 12.5.1); a name and a password (RFC 7617), of which a source has ten tries; files that
 * others may read, or that are no password, are refused; TLS with the certificate that is in force
 * when a connection begins, and a reload that reads all of it again or changes nothing.
 */
#include "cp/admin/basic_auth.h"
#include "cp/admin/http.h"
#include "cp/admin/metrics.h"
#include "cp/tls_socket.h"
#include "cp/admin/tries.h"
#include "tests/world/cp_env.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static struct env *env;
static struct event_base *base;
static struct metrics *m;
static char text[1 << 20];

static int setup(void **state)
{
	env_setup_started(state);
	env = *state;
	base = event_base_new();
	return 0;
}

static const char *file(const char *name)
{
	static char path[2][CONFIG_STR_MAX];
	static int which;

	which = !which;
	snprintf(path[which], sizeof(path[which]), "%s/%s", env->dir, name);
	return path[which];
}

static int teardown(void **state)
{
	static const char *const made[] = { "password", "one.pem", "one.key", "two.pem",
					    "two.key" };

	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		unlink(file(made[i]));
	metrics_stop(m);
	m = NULL;
	event_base_free(base);
	return env_teardown(state);
}

/* ---- formats ---- */

static void the_format_is_the_readers(void **state)
{
	static const struct {
		const char *accept;
		enum metrics_format format;
	} t[] = {
		{ "", METRICS_TEXT },
		{ "*/*", METRICS_TEXT },
		{ "text/html, application/xhtml+xml, */*;q=0.8", METRICS_TEXT },
		{ "text/plain;version=0.0.4", METRICS_TEXT },
		{ "application/openmetrics-text", METRICS_OPENMETRICS },
		{ "Application/OpenMetrics-Text; version=1.0.0; charset=utf-8",
		  METRICS_OPENMETRICS },
		{ "application/openmetrics-text;version=0.0.1", METRICS_TEXT },
		{ "application/openmetrics-text;version=1.0.01", METRICS_TEXT },
		{ "application/openmetrics-text-2", METRICS_TEXT },
		{ "application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
		  "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		  METRICS_OPENMETRICS },
		{ "text/plain, application/openmetrics-text;q=0.5", METRICS_TEXT },
		{ "text/plain;q=0.2, application/openmetrics-text;q=0.5", METRICS_OPENMETRICS },
		{ "application/openmetrics-text;q=0", METRICS_TEXT },
		{ "application/openmetrics-text;q=x", METRICS_TEXT },
		{ ",,;q=1;,", METRICS_TEXT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (metrics_format_of(t[i].accept) != t[i].format)
			fail_msg("\"%s\" gets the other format", t[i].accept);
}

/* The next of a text's lines, without its end; NULL: there is none. */
static char *line_next(char **at)
{
	char *line = strsep(at, "\n");

	return line && *line ? line : NULL;
}

/* No family's name ends as its samples do, no bound is without a point, and it ends as it must. */
static void openmetrics_has_its_own_names(void **state)
{
	struct evbuffer *out = evbuffer_new();
	char name[128], type[32], last[64] = "", *line, *at = text;
	size_t n;

	(void)state;
	metrics_write(out, &env->s, METRICS_OPENMETRICS);
	n = evbuffer_get_length(out);
	assert_true(n < sizeof(text));
	evbuffer_remove(out, text, n);
	text[n] = '\0';
	evbuffer_free(out);
	while ((line = line_next(&at))) {
		const char *le = strstr(line, "le=\"");

		snprintf(last, sizeof(last), "%s", line);
		if (le && le[4] != '+' && !memchr(le, '.', strcspn(le + 4, "\"") + 4) &&
		    !memchr(le, 'e', strcspn(le + 4, "\"")))
			fail_msg("%s", line);
		assert_null(strstr(line, "untyped"));
		if (sscanf(line, "# TYPE %127s %31s", name, type) != 2)
			continue;
		n = strlen(name);
		if (strcmp(type, "counter") == 0 && n > 6)
			assert_string_not_equal(name + n - 6, "_total");
	}
	assert_string_equal(last, "# EOF");
	assert_null(at); /* no empty line, nothing after it */
}

/* ---- passwords ---- */

static void file_write(const char *name, const char *what, mode_t mode)
{
	int fd = open(file(name), O_WRONLY | O_CREAT | O_TRUNC, mode);

	assert_int_equal(write(fd, what, strlen(what)), strlen(what));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void files_that_are_no_password(void **state)
{
	static const struct {
		const char *text, *why;
		mode_t mode;
	} t[] = {
		{ "long enough\n", "can be read by others: its mode must be 0600", 0644 },
		{ "long enough\n", "can be read by others: its mode must be 0600", 0640 },
		{ "", "has 0 bytes", 0600 },
		{ "short\n", "has a password of less than 8 bytes", 0600 },
		{ "long enough\nand more\n", "has no password of 1 to 255 bytes on its only line",
		  0600 },
		{ "long\tenough\n", "holds a control character", 0600 },
	};
	struct basic_auth a;
	char err[512];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		file_write("password", t[i].text, t[i].mode);
		assert_false(basic_auth_load(&a, "metrics", file("password"), err, sizeof(err)));
		if (!strstr(err, t[i].why))
			fail_msg("%s, not %s", err, t[i].why);
	}
	unlink(file("password"));
	assert_false(basic_auth_load(&a, "metrics", file("password"), err, sizeof(err)));
	assert_true(basic_auth_load(&a, "metrics", "", err, sizeof(err)));
	assert_int_equal(basic_auth_judge(&a, ""), BASIC_AUTH_RIGHT);
}

static void passwords(void **state)
{
	static const struct {
		const char *header;
		enum basic_auth_verdict verdict;
	} t[] = {
		{ "", BASIC_AUTH_ABSENT },
		{ "Basic bWV0cmljczpsb25nIGVub3VnaA==", BASIC_AUTH_RIGHT },
		{ "basic   bWV0cmljczpsb25nIGVub3VnaA==", BASIC_AUTH_RIGHT },
		{ "Basic bWV0cmljczpsb25nIGVub3VnaA=", BASIC_AUTH_WRONG },
		{ "Basic bWV0cmljczpsb25nIGVub3VnaHM=", BASIC_AUTH_WRONG }, /* one more */
		{ "Basic bWV0cmljczpsb25nIGVub3Vn", BASIC_AUTH_WRONG },	    /* one less */
		{ "Basic TWV0cmljczpsb25nIGVub3VnaA==", BASIC_AUTH_WRONG }, /* Metrics */
		{ "Basic ====", BASIC_AUTH_WRONG },
		{ "Basic ", BASIC_AUTH_WRONG },
		{ "Bearer bWV0cmljczpsb25nIGVub3VnaA==", BASIC_AUTH_WRONG },
		{ "Basic !!!!", BASIC_AUTH_WRONG },
	};
	static char longest[HTTP_HEADER_MAX];
	struct basic_auth a;
	char err[512];

	(void)state;
	file_write("password", "long enough\n", 0600);
	if (!basic_auth_load(&a, "metrics", file("password"), err, sizeof(err)))
		fail_msg("%s", err);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (basic_auth_judge(&a, t[i].header) != t[i].verdict)
			fail_msg("%s", t[i].header);
	memset(longest, 'A', sizeof(longest) - 1);
	memcpy(longest, "Basic ", 6);
	assert_int_equal(basic_auth_judge(&a, longest), BASIC_AUTH_WRONG);
}

static void tries_of_one_source_and_of_all(void **state)
{
	static struct tries t;
	struct ip_addr a, b;
	int n = 0;

	(void)state;
	tries_init(&t, 1, 10);
	assert_true(ip_parse("2001:db8::1", &a));
	assert_true(ip_parse("2001:db8::ffff", &b)); /* the same /64 */
	for (int i = 0; i < 10; i++)
		assert_true(tries_take(&t, i & 1 ? &a : &b, 1000000));
	assert_true(tries_over(&t, &a, 1000000));
	assert_false(tries_take(&t, &b, 1000000));
	assert_true(tries_take(&t, &b, 2000000));
	for (uint32_t i = 0; i < 1000; i++) {
		struct be32 v4 = be32_make(0x0a000000 + i);

		a = ip_from_v4(v4);
		n += tries_take(&t, &a, 10000000);
	}
	assert_int_equal(n, 100); /* ten times the burst of one */
}

/* ---- the port ---- */

static const char right[] = "Authorization: Basic bWV0cmljczpsb25nIGVub3VnaA==\r\n";
static const char wrong[] = "Authorization: Basic bWV0cmljczpsb25nIGVub3VnaHM=\r\n";

/* A key and a certificate of its own for it, valid from now. */
static void certificate_make(const char *name)
{
	char key[64], chain[64];
	EVP_PKEY *k = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_NAME *cn = X509_NAME_new();
	FILE *f;

	snprintf(key, sizeof(key), "%s.key", name);
	snprintf(chain, sizeof(chain), "%s.pem", name);
	X509_set_version(x, X509_VERSION_3);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, k);
	X509_NAME_add_entry_by_txt(cn, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_subject_name(x, cn);
	X509_NAME_free(cn);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	assert_true(X509_sign(x, k, EVP_sha256()) > 0);
	file_write(key, "", 0600);
	f = fopen(file(key), "w");
	assert_int_equal(PEM_write_PrivateKey(f, k, NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
	f = fopen(file(chain), "w");
	assert_int_equal(PEM_write_X509(f, x), 1);
	fclose(f);
	EVP_PKEY_free(k);
	X509_free(x);
}

static void begin(void)
{
	struct config_control *c = &env->conf.control;
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char err[2 * CONFIG_STR_MAX] = "";

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	assert_true(ip_parse("127.0.0.1", &c->metrics_addr));
	c->metrics_port = ntohs(a.sin_port);
	strcpy(c->metrics_user, "metrics");
	if (!metrics_start(&env->s, base, &m, err, sizeof(err)))
		fail_msg("%s", err);
}

static int connected(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(env->conf.control.metrics_port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* The status of the answer to a GET with these headers, and all of it in text; 0: there is none. */
static int get(const char *path, const char *headers)
{
	char request[1024];
	int fd = connected(), code = 0;
	size_t len = 0;
	ssize_t n;

	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: h\r\n%s\r\n", path, headers);
	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	while ((n = recv(fd, text + len, sizeof(text) - 1 - len, MSG_DONTWAIT)) != 0) {
		if (n > 0)
			len += (size_t)n;
		else if (errno != EAGAIN)
			break;
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	text[len] = '\0';
	close(fd);
	sscanf(text, "HTTP/1.1 %d ", &code);
	return code;
}

/* Whose certificate is shown, "" if there is no handshake; and what is answered over TLS, to text.
 */
static void get_tls(const char *headers, char cn[64])
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	int fd = connected(), n = 0, len = 0;
	char request[512];
	X509 *x;

	SSL_CTX_set_options(ctx, 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	SSL_set_fd(ssl, fd);
	*cn = '\0';
	text[0] = '\0';
	while ((n = SSL_connect(ssl)) != 1 && SSL_get_error(ssl, n) == SSL_ERROR_WANT_READ)
		event_base_loop(base, EVLOOP_NONBLOCK);
	if (n == 1) {
		x = SSL_get1_peer_certificate(ssl);
		snprintf(cn, 64, "%s",
			 (const char *)ASN1_STRING_get0_data(X509_NAME_ENTRY_get_data(
			     X509_NAME_get_entry(X509_get_subject_name(x), 0))));
		X509_free(x);
		snprintf(request, sizeof(request), "GET /metrics HTTP/1.1\r\n%s\r\n", headers);
		assert_int_equal(SSL_write(ssl, request, (int)strlen(request)), strlen(request));
		while ((n = SSL_read(ssl, text + len, (int)sizeof(text) - 1 - len)) > 0 ||
		       SSL_get_error(ssl, n) == SSL_ERROR_WANT_READ) {
			len += n > 0 ? n : 0;
			event_base_loop(base, EVLOOP_NONBLOCK);
		}
		/* It was told that nothing follows. */
		assert_int_equal(SSL_get_error(ssl, n), SSL_ERROR_ZERO_RETURN);
		text[len] = '\0';
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);
}

static void a_password_is_asked_for(void **state)
{
	static const char *const paths[] = { "/", "/metrics", "/status", "/healthz", "/none" };
	struct config_control *c = &env->conf.control;

	(void)state;
	file_write("password", "long enough\n", 0600);
	snprintf(c->metrics_password, sizeof(c->metrics_password), "%s", file("password"));
	begin();
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		assert_int_equal(get(paths[i], ""), 401);
		assert_non_null(strstr(text, "\r\nWWW-Authenticate: Basic realm=\"fairlead\""));
		assert_non_null(strstr(text, "\r\nContent-Length: 0\r\n"));
	}
	assert_int_equal(env->s.stats.metrics_auth_wrong, 0);
	assert_int_equal(get("/metrics", right), 200);
	assert_int_equal(get("/none", right), 404);
	for (unsigned i = 1; i <= 10; i++) {
		assert_int_equal(get("/metrics", wrong), 401);
		assert_int_equal(env->s.stats.metrics_auth_wrong, i);
	}
	assert_int_equal(get("/metrics", wrong), 429);
	assert_int_equal(get("/metrics", right), 429); /* it is not even looked at */
	assert_int_equal(env->s.stats.metrics_auth_wrong, 10);
	assert_int_equal(get("/metrics", ""), 401);
}

static void the_answer_is_what_was_accepted(void **state)
{
	(void)state;
	begin();
	assert_int_equal(get("/metrics", "ACCEPT:application/openmetrics-text \r\n"), 200);
	assert_non_null(strstr(text, "\r\nContent-Type: application/openmetrics-text; "
				     "version=1.0.0; charset=utf-8\r\n"));
	assert_non_null(strstr(text, "\n# EOF\n"));
	assert_int_equal(get("/metrics", "X-Accept: application/openmetrics-text\r\n"), 200);
	assert_non_null(strstr(text, "\r\nContent-Type: text/plain; version=0.0.4"));
	assert_null(strstr(text, "# EOF"));
}

static void tls_and_what_a_reload_makes_of_it(void **state)
{
	const struct cert_life *life = &env->s.own_cert[OWN_CERT_METRICS];
	struct config_control *c = &env->conf.control;
	struct config *next = malloc(sizeof(*next));
	char cn[64], err[2 * CONFIG_STR_MAX];

	(void)state;
	certificate_make("one");
	snprintf(c->metrics_certificate, sizeof(c->metrics_certificate), "%s", file("one.pem"));
	snprintf(c->metrics_key, sizeof(c->metrics_key), "%s", file("one.key"));
	begin();
	get_tls("", cn);
	assert_string_equal(cn, "one");
	assert_int_equal(life->not_after - life->not_before, 3660);
	assert_non_null(strstr(
	    text, "\nfairlead_own_certificate_not_after_timestamp_seconds{port=\"metrics\"} "));
	assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(text, "\nfairlead_allocations "));
	assert_int_equal(get("/metrics", ""), 0); /* plain text is no handshake */

	memcpy(next, &env->conf, sizeof(*next));
	certificate_make("two");
	snprintf(next->control.metrics_certificate, sizeof(next->control.metrics_certificate), "%s",
		 file("two.pem"));
	assert_false(metrics_prepare(m, next, err, sizeof(err))); /* not its key */
	assert_non_null(strstr(err, "control.metrics-certificate: "));
	assert_non_null(strstr(err, "one.key: "));
	get_tls("", cn);
	assert_string_equal(cn, "one");
	snprintf(next->control.metrics_key, sizeof(next->control.metrics_key), "%s",
		 file("two.key"));
	chmod(file("two.key"), 0644);
	assert_false(metrics_prepare(m, next, err, sizeof(err)));
	assert_non_null(strstr(err, "others may read the key"));
	chmod(file("two.key"), 0600);
	assert_true(metrics_prepare(m, next, err, sizeof(err)));
	metrics_finish(m, false); /* another part cannot be had */
	get_tls("", cn);
	assert_string_equal(cn, "one");
	file_write("password", "long enough\n", 0600);
	snprintf(next->control.metrics_password, sizeof(next->control.metrics_password), "%s",
		 file("password"));
	assert_true(metrics_prepare(m, next, err, sizeof(err)));
	metrics_finish(m, true);
	get_tls("", cn);
	assert_string_equal(cn, "two");
	assert_non_null(strstr(text, "HTTP/1.1 401 Unauthorized\r\n"));
	get_tls(right, cn);
	assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\n"));
	free(next);
}

/* More handshakes than one source may begin are not begun. */
static void handshakes_are_bounded(void **state)
{
	struct config_control *c = &env->conf.control;
	int n = 0;
	char cn[64];

	(void)state;
	certificate_make("one");
	snprintf(c->metrics_certificate, sizeof(c->metrics_certificate), "%s", file("one.pem"));
	snprintf(c->metrics_key, sizeof(c->metrics_key), "%s", file("one.key"));
	begin();
	for (int i = 0; i < 50 * HTTP_HANDSHAKES; i++) {
		get_tls("", cn);
		if (!*cn)
			return;
		n++;
	}
	fail_msg("%d handshakes", n);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_format_is_the_readers),
		TEST(openmetrics_has_its_own_names),
		TEST(files_that_are_no_password),
		TEST(passwords),
		cmocka_unit_test(tries_of_one_source_and_of_all),
		TEST(a_password_is_asked_for),
		TEST(the_answer_is_what_was_accepted),
		TEST(tls_and_what_a_reload_makes_of_it),
		TEST(handshakes_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
