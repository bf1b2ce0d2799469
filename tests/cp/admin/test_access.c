/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may do what at the control socket, and what is written down of it: roles by user and group,
 * the audit line of each method that changes something, refused ones too, and no secret in it,
 * which nobody keeps another's line out of. The methods of users, which are called through it: what
 * is added is in the file, so it survives a restart; nothing waits for a lock.
 */
#include "tests/world/auth_fixture.h"

#include "cp/admin/access.h"
#include "cp/admin/audit.h"
#include "cp/admin/param.h"
#include "cp/admin/users_rpc.h"
#include "cp/server.h"

#include <sqlite3.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define ADMINISTER .may = CONFIG_MAY_ADMINISTER, .audited = RPC_AUDITED
static int killed;

static json_t *kills(void *ctx, const json_t *params, struct rpc_error *err)
{
	(void)ctx;
	(void)params;
	(void)err;
	return json_pack("{s:i}", "killed", killed);
}

static json_t *look(void *ctx, const json_t *params, struct rpc_error *err)
{
	(void)ctx;
	(void)params;
	(void)err;
	return json_true();
}

static const struct rpc_method methods[] = {
	{ "look", "looks", .call = look },
	{ "operate", "operates", .call = look, .may = CONFIG_MAY_OPERATE, .audited = RPC_AUDITED },
	{ "user.list", "lists", .call = rpc_user_list },
	{ "user.add", .call = rpc_user_add, ADMINISTER },
	{ "user.passwd", .call = rpc_user_passwd, ADMINISTER },
	{ "user.del", .call = rpc_user_del, ADMINISTER },
	{ "user.enable", .call = rpc_user_enable, ADMINISTER },
	{ "user.disable", .call = rpc_user_disable, ADMINISTER },
	{ "hidden", .call = look }, /* described by nobody */
	{ "credentials", .call = rpc_credentials, ADMINISTER },
	{ "kill", "kills", PARAM_KILL, .call = kills, .may = CONFIG_MAY_OPERATE,
	  .audited = RPC_AUDITED },
};

static char audited[1024];

static enum rpc_audited audited_as;

static void audit(const struct rpc_caller *who, enum rpc_audited as, bool done, const char *what)
{
	assert_int_equal(done, strlen(what) > 4 && strcmp(what + strlen(what) - 4, "done") == 0);
	audited_as = as;
	snprintf(audited, sizeof(audited), "%u %s", who->user, what);
}

/* The reply to a request of somebody who may do that much; audited is what was written down. */
static char *ask(struct server *s, int may, const char *method, const char *params)
{
	static char reply[16384];
	const struct rpc_caller who = { .user = 7,
					.nobody = may < 0,
					.may = may < 0 ? CONFIG_MAY_LOOK : (enum config_may)may,
					.audit = audit };
	char line[1024], *got;

	snprintf(line, sizeof(line),
		 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}", method, params);
	audited[0] = '\0';
	got = rpc_answer_to(&who, methods, sizeof(methods) / sizeof(methods[0]), s, line,
			    strlen(line), NULL);
	assert_non_null(got);
	snprintf(reply, sizeof(reply), "%s", got);
	free(got);
	return reply;
}

#define HAS(reply, text)                                          \
	do {                                                      \
		const char *reply_ = (reply);                     \
		if (!strstr(reply_, text))                        \
			fail_msg("%s: not in: %s", text, reply_); \
	} while (0)

enum { NOBODY = -1, LOOK = CONFIG_MAY_LOOK, OPERATE, ADMIN };

static void each_role_may_what_the_one_before_may(void **state)
{
	static const char *const method[] = { "look", "operate", "user.del" };

	(void)state;
	for (int may = NOBODY; may <= ADMIN; may++)
		for (int takes = LOOK; takes < ADMIN; takes++) {
			const bool allowed = may >= takes;

			HAS(ask(NULL, may, method[takes], "{}"),
			    allowed ? "\"result\":true" : "\"code\":-32001");
			HAS(ask(NULL, may, method[takes], "{}"),
			    allowed	    ? "result"
			    : takes == LOOK ? "may look (control.roles)"
					    : "may operate (control.roles)");
			assert_string_equal(audited, takes == LOOK ? ""
						     : allowed
							 ? "7 operate: done"
							 : "7 operate: failed: this takes a user "
							   "who may operate (control.roles)");
		}
	HAS(ask(NULL, OPERATE, "hidden", "{}"), "may administer");
	HAS(ask(NULL, ADMIN, "hidden", "{}"), "\"result\":true");
	/* Secrets are left out at whatever depth. */
	HAS(ask(NULL, OPERATE, "operate",
		"{\"a\":[{\"crypto_in\":\"x\",\"b\":1},[2]],\"crypto_out\":\"y\",\"key\":3}"),
	    "result");
	assert_string_equal(audited, "7 operate {\"a\":[{\"b\":1},[2]]}: done");
	HAS(ask(NULL, OPERATE, "user.del", "{\"name\":\"x\"}"), "may administer");
	HAS(audited, "7 user.del {\"name\":\"x\"}: failed: ");
}

static struct server server_of(struct fixture *f)
{
	struct server s = { .conf = &f->c, .wall = 1800000000 };

	s.auth = auth_open(&f->c, f->err, sizeof(f->err));
	if (!s.auth)
		fail_msg("%s", f->err);
	return s;
}

static void users_are_kept(void **state)
{
	struct fixture *f = *state;
	struct server s = server_of(f);

	HAS(ask(&s, ADMIN, "user.add", "{\"name\":\"bob\",\"password\":\"Secr3t\",\"quota\":5}"),
	    "\"result\":{\"name\":\"bob\",\"realm\":\"" REALM "\",\"result\":\"added\"}");
	HAS(audited, "7 user.add {\"name\":\"bob\",\"quota\":5}: done");
	HAS(ask(&s, ADMIN, "user.add", "{\"name\":\"bob\",\"password\":\"other\"}"), "exists");
	HAS(audited, "failed: a user of that name exists");
	HAS(ask(&s, ADMIN, "user.passwd", "{\"name\":\"nobody\",\"password\":\"x\"}"),
	    "\"code\":-32004");
	HAS(ask(&s, ADMIN, "user.passwd", "{\"name\":\"bob\",\"password\":\"N3w\"}"), "changed");
	assert_null(strstr(audited, "N3w"));
	HAS(ask(&s, ADMIN, "user.add", "{\"name\":\"alice\",\"password\":\"x\"}"), "added");
	auth_close(s.auth);

	s = server_of(f); /* another process */
	HAS(ask(&s, LOOK, "user.list", "{}"), "\"name\":\"alice\"");
	HAS(ask(&s, LOOK, "user.list", "{}"), "\"name\":\"bob\"");
	HAS(ask(&s, LOOK, "user.list", "{}"), "\"quota\":5");
	HAS(ask(&s, LOOK, "user.list", "{\"limit\":1}"), "\"cursor\":\"alice\"");
	HAS(ask(&s, LOOK, "user.list", "{\"limit\":1,\"cursor\":\"bob\"}"),
	    "{\"users\":[],\"cursor\":null}");
	HAS(ask(&s, ADMIN, "user.disable", "{\"name\":\"bob\"}"), "\"result\":\"disabled\"");
	HAS(audited, "7 user.disable {\"name\":\"bob\"}: done");
	HAS(ask(&s, LOOK, "user.list", "{}"), "\"disabled\":true");
	HAS(ask(&s, ADMIN, "user.enable", "{\"name\":\"bob\"}"), "\"result\":\"enabled\"");
	assert_null(strstr(ask(&s, LOOK, "user.list", "{}"), "\"disabled\":true"));
	HAS(ask(&s, ADMIN, "user.enable", "{\"name\":\"nobody\"}"), "\"code\":-32004");
	HAS(ask(&s, ADMIN, "user.disable", "{\"name\":\"bob\",\"x\":1}"), "\"code\":-32602");
	HAS(ask(&s, OPERATE, "user.disable", "{\"name\":\"bob\"}"), "may administer");
	HAS(ask(&s, ADMIN, "user.del", "{\"name\":\"bob\"}"), "deleted");
	HAS(ask(&s, ADMIN, "user.del", "{\"name\":\"bob\"}"), "\"code\":-32004");
	assert_null(strstr(ask(&s, LOOK, "user.list", "{}"), "bob"));
	auth_close(s.auth);
}

static void what_is_wrong_is_refused(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{\"name\":\"bob\"}",
		"{\"password\":\"x\"}",
		"{\"name\":\"\",\"password\":\"x\"}",
		"{\"name\":\"a\\nb\",\"password\":\"x\"}",
		"{\"name\":\"bob\",\"password\":\"\"}",
		"{\"name\":\"bob\",\"password\":\"x\",\"quota\":-1}",
		"{\"name\":\"bob\",\"password\":\"x\",\"admin\":true}",
		"{\"name\":[],\"password\":\"x\"}",
	};
	struct fixture *f = *state;
	struct server s = server_of(f);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		HAS(ask(&s, ADMIN, "user.add", bad[i]), "\"code\":-32602");
	assert_null(strchr(audited, '\n'));
	HAS(ask(&s, LOOK, "user.list", "{}"), "\"users\":[]");
	HAS(ask(&s, ADMIN, "credentials", "{}"), "auth.rest-secret-files");
	HAS(ask(&s, ADMIN, "credentials", "{\"lifetime_s\":86401}"), "\"code\":-32602");
	auth_close(s.auth);
}

static void a_lock_is_not_waited_for(void **state)
{
	struct fixture *f = *state;
	struct server s = server_of(f);
	sqlite3 *other;

	assert_int_equal(sqlite3_open(f->c.auth.users_db, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	HAS(ask(&s, ADMIN, "user.add", "{\"name\":\"bob\",\"password\":\"x\"}"), "is locked");
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	HAS(ask(&s, ADMIN, "user.add", "{\"name\":\"bob\",\"password\":\"x\"}"), "added");
	sqlite3_close(other);
	auth_close(s.auth);
}

static void credentials_are_made(void **state)
{
	struct fixture *f = *state;
	struct server s;

	f->c.auth.n_rest_secret = 1;
	snprintf(f->c.auth.rest_secret[0], sizeof(f->c.auth.rest_secret[0]), "north");
	s = server_of(f);
	HAS(ask(&s, ADMIN, "credentials", "{\"name\":\"probe\",\"lifetime_s\":60}"),
	    "{\"username\":\"1800000060:probe\",\"password\":\"");
	HAS(audited, "7 credentials {\"name\":\"probe\",\"lifetime_s\":60}: done");
	HAS(ask(&s, ADMIN, "credentials", "{}"), "1800003600:test");
	s.wall = 5;
	HAS(ask(&s, ADMIN, "credentials", "{}"), "the clock is not set");
	auth_close(s.auth);
}

/* ---- who has which role ---- */

static struct rpc_caller judged(const struct access *a, uint32_t user, uint32_t group,
				const gid_t *groups, size_t n)
{
	struct rpc_caller who = { .user = user, .group = group };

	access_judge(a, groups, n, &who);
	return who;
}

static void roles_by_user_and_group(void **state)
{
	struct config_control c = { .n_role = 3,
				    .role = { { "1001", "", CONFIG_MAY_LOOK },
					      { "", "2001", CONFIG_MAY_OPERATE },
					      { "root", "", CONFIG_MAY_LOOK } } };
	const gid_t groups[] = { 5, 2001 };
	struct access a;
	char err[256];

	(void)state;
	if (!access_open(&a, &c, err, sizeof(err)))
		fail_msg("%s", err);
	a.own = 990;
	assert_true(judged(&a, 1002, 5, groups, 1).nobody);
	assert_int_equal(judged(&a, 1001, 5, groups, 1).may, CONFIG_MAY_LOOK);
	assert_false(judged(&a, 1001, 5, groups, 1).nobody);
	assert_int_equal(judged(&a, 1001, 5, groups, 2).may, CONFIG_MAY_OPERATE);
	assert_int_equal(judged(&a, 1002, 2001, NULL, 0).may, CONFIG_MAY_OPERATE);
	assert_int_equal(judged(&a, 0, 0, NULL, 0).may, CONFIG_MAY_ADMINISTER);
	assert_int_equal(judged(&a, 990, 5, NULL, 0).may, CONFIG_MAY_ADMINISTER);
	assert_true(judged(&a, UINT32_MAX, UINT32_MAX, NULL, 0).nobody);
	a.roles.n = 0; /* none are configured */
	assert_int_equal(judged(&a, 1002, 5, NULL, 0).may, CONFIG_MAY_ADMINISTER);
	snprintf(c.role[1].group, sizeof(c.role[1].group), "no-such-group");
	assert_false(access_open(&a, &c, err, sizeof(err)));
	assert_string_equal(err, "control.roles: this machine has no group no-such-group");
	snprintf(c.role[0].user, sizeof(c.role[0].user), "4294967295");
	assert_false(access_open(&a, &c, err, sizeof(err)));
}

/* The kernel says who is at the other end. */
static void the_kernel_is_asked(void **state)
{
	struct config_control c = { .n_role = 0 };
	struct rpc_caller who;
	struct access a;
	char err[256];
	int pair[2];

	(void)state;
	assert_true(access_open(&a, &c, err, sizeof(err)));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	access_identify(&a, pair[0], &who);
	assert_int_equal(who.user, geteuid());
	assert_int_equal(who.group, getegid());
	assert_int_equal(who.process, getpid());
	assert_non_null(who.audit);
	close(pair[0]);
	close(pair[1]);
}

/* A kill is told, and what goes on from it and ends nothing at a rate; what only looks is not told.
 */
static void a_kill_is_told(void **state)
{
	(void)state;
	ask(NULL, OPERATE, "kill", "{\"all\":true}");
	assert_string_equal(audited, "7 kill {\"all\":true}: done");
	assert_int_equal(audited_as, RPC_AUDITED);
	ask(NULL, OPERATE, "kill", "{\"all\":true,\"cursor\":0}");
	assert_int_equal(audited_as, RPC_AUDITED);
	ask(NULL, OPERATE, "kill", "{\"all\":true,\"cursor\":5}");
	assert_int_equal(audited_as, RPC_AUDITED_CALL);
	HAS(audited, "done");
	killed = 1; /* where it began he says himself */
	ask(NULL, OPERATE, "kill", "{\"all\":true,\"cursor\":5}");
	assert_int_equal(audited_as, RPC_AUDITED);
	killed = 0;
	ask(NULL, OPERATE, "kill", "{\"dry_run\":true}");
	assert_string_equal(audited, "");
	ask(NULL, LOOK, "kill", "{\"dry_run\":true}"); /* but that he tried is */
	HAS(audited, "failed: ");
	ask(NULL, OPERATE, "operate", "{\"dry_run\":true,\"cursor\":5}"); /* no kill at all */
	assert_int_equal(audited_as, RPC_AUDITED);
	HAS(audited, "done");
}

/* ---- the log ---- */

static char logged[1 << 18];
static int log_fd, stderr_was;

static void log_begin(void)
{
	stderr_was = dup(2);
	log_fd = memfd_create("log", 0);
	assert_true(stderr_was >= 0 && log_fd >= 0 && dup2(log_fd, 2) == 2);
}

static void log_end(void)
{
	const ssize_t n = pread(log_fd, logged, sizeof(logged) - 1, 0);

	dup2(stderr_was, 2);
	close(stderr_was);
	close(log_fd);
	assert_true(n >= 0);
	logged[n] = '\0';
}

static uint32_t lines_with(const char *text)
{
	uint32_t n = 0;

	for (const char *p = logged; (p = strstr(p, text)) != NULL; p++)
		n++;
	return n;
}

/* Whoever is refused a thousand times keeps nobody's line out, and costs no thousand lines. */
static void what_was_done_is_always_told(void **state)
{
	const struct rpc_caller look_only = { .local = true, .user = 1001, .process = 1 };
	const struct rpc_caller admin = { .local = true, .user = 1002 };
	const struct rpc_caller ops = { .certificate = "ops", .address = "192.0.2.1" };

	(void)state;
	log_begin();
	for (int i = 0; i < 1000; i++) {
		struct rpc_caller who = look_only;

		who.process += i; /* another process each time is the same user */
		audit_write(&who, RPC_AUDITED, false, "drain: failed: x");
	}
	audit_write(&admin, RPC_AUDITED, true, "user.add {\"name\":\"eve\"}: done");
	audit_write(&ops, RPC_AUDITED, false, "user.add {\"name\":\"bob\"}: failed: y");
	for (int i = 0; i < 200; i++)
		audit_write(&look_only, RPC_AUDITED, true, "undrain: done");
	for (int i = 0; i < 200; i++)
		audit_write(&admin, RPC_AUDITED_CALL, true, "context.add: done");
	log_end();
	assert_in_range(lines_with("drain: failed: x"), LOG_BURST, LOG_BURST + 2 * LOG_RATE);
	HAS(logged, "audit: user 1002 group 0 process 0: user.add {\"name\":\"eve\"}: done");
	HAS(logged, "audit: certificate \"ops\" address 192.0.2.1: user.add {\"name\":\"bob\"}");
	assert_int_equal(lines_with("undrain: done"), 200);
	assert_in_range(lines_with("context.add: done"), LOG_BURST, LOG_BURST + 2 * LOG_RATE);
}

/* Of more callers than have a place, the one that was silent longest begins anew. */
static void callers_are_bounded(void **state)
{
	struct rpc_caller who = { .local = true };

	(void)state;
	log_begin();
	for (int i = 0; i < 1000; i++)
		for (who.user = 5000; who.user < 5000 + AUDIT_CALLERS; who.user++)
			if (i < 60 || who.user == 5000)
				audit_write(&who, RPC_AUDITED, false, "drain: failed");
	who.user = 6000;
	audit_write(&who, RPC_AUDITED, false, "tls.reload: failed");
	log_end();
	assert_in_range(lines_with("user 5000 "), LOG_BURST, LOG_BURST + 2 * LOG_RATE);
	assert_in_range(lines_with("user 5063 "), LOG_BURST, LOG_BURST + 2 * LOG_RATE);
	HAS(logged, "user 6000 group 0 process 0: tls.reload: failed (");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_role_may_what_the_one_before_may),
		FIXTURE_TEST(users_are_kept),
		FIXTURE_TEST(what_is_wrong_is_refused),
		FIXTURE_TEST(a_lock_is_not_waited_for),
		FIXTURE_TEST(credentials_are_made),
		cmocka_unit_test(roles_by_user_and_group),
		cmocka_unit_test(the_kernel_is_asked),
		cmocka_unit_test(a_kill_is_told),
		cmocka_unit_test(what_was_done_is_always_told),
		cmocka_unit_test(callers_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
