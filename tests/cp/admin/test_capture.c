/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `capture` of the control socket (cp/admin/capture.h), over a connection of its own, against a
 * fake dataplane. Pins: what workers are asked; that the answer is followed by a pcapng file whose
 * frames are as they were told, a drop's reason its comment; each way in which it ends, told in the
 * file; a reader that reads nothing leaves frames in the rings and nothing else waits; what was
 * lost is told; how many frames of a tick are taken; one at a time, traces included; wrong
 * parameters.
 */
#include "tests/world/cp_env.h"

#include "cp/admin/rpc.h"
#include "cp/admin/trace.h"
#include "lib/pcapng.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static struct env env;
static struct event_base *base;
static struct ring ring[2];
static struct rpc *rpc;
static char path[80];
static int fd;
static uint32_t id;

static uint8_t *file; /* what came behind the answer */
static size_t file_len;

static int connect_to(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const int s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(sa.sun_path, path);
	assert_int_equal(connect(s, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return s;
}

static int setup(void **state)
{
	static const struct rpc_limits limits = { 4, 65536, 262144, 60000 };
	char err[256];

	(void)state;
	env_open(&env);
	env.conf.n_port = 2;
	strcpy(env.conf.port[0].name, "access");
	strcpy(env.conf.port[1].name, "core");
	env_start(&env, 64);
	for (uint32_t w = 0; w < 2; w++)
		assert_true(ring_attach_writer(
		    &ring[w], (struct ring_shm *)(env.dp.base + env.dp.region->worker[w].trace),
		    CTL_TRACE_SLOTS));
	base = event_base_new();
	assert_true(trace_open(&env.s, base));
	snprintf(path, sizeof(path), "%s/control", env.dir);
	rpc = rpc_open(base, path, &limits, rpc_methods, RPC_METHODS, &env.s, err, sizeof(err));
	assert_non_null(rpc);
	fd = connect_to();
	file = NULL;
	file_len = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(fd);
	rpc_stop(rpc);
	trace_close(&env.s);
	event_base_free(base);
	free(file);
	env_stop(&env);
	env_close(&env);
	return 0;
}

/* The worker's side: takes its commands. The last that was about a trace; false: none was. */
static bool told(uint32_t w, struct cmd_trace *out)
{
	bool any = false;
	union ctl_cmd c;

	while (fake_dp_take(&env.dp, w, &c)) {
		if (c.hdr.type != CMD_TRACE)
			continue;
		any = true;
		*out = c.trace;
	}
	return any;
}

/* What has come on a connection; false at its end. */
static bool take(int s)
{
	ssize_t n;

	for (;;) {
		file = realloc(file, file_len + 65536);
		assert_non_null(file);
		n = recv(s, file + file_len, 65536, 0);
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		file_len += (size_t)n;
	}
}

/* A turn of the control process, ten milliseconds at most. */
static void turn(void)
{
	event_base_loop(base, EVLOOP_ONCE);
}

/* The line that answers a request on s. */
static json_t *call(int s, const char *method, const char *params)
{
	char line[4096];
	uint8_t *end = NULL;
	json_t *reply;
	size_t n;

	snprintf(line, sizeof(line),
		 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}\n", method,
		 params);
	assert_int_equal(send(s, line, strlen(line), 0), strlen(line));
	file_len = 0;
	for (int i = 0; !end && i < 200; i++) {
		turn();
		take(s);
		end = memchr(file, '\n', file_len);
	}
	assert_non_null(end);
	n = (size_t)(end - file);
	reply = json_loadb((char *)file, n, 0, NULL);
	file_len -= n + 1;
	memmove(file, end + 1, file_len);
	return reply;
}

static int refused(const char *method, const char *params)
{
	const int s = connect_to();
	json_t *reply = call(s, method, params);
	const int code =
	    (int)json_integer_value(json_object_get(json_object_get(reply, "error"), "code"));

	json_decref(reply);
	close(s);
	return code;
}

static void begin_as(const char *method, const char *params)
{
	json_t *reply = call(fd, method, params);

	id = (uint32_t)json_integer_value(json_object_get(json_object_get(reply, "result"), "id"));
	if (!id)
		fail_msg("%s", json_dumps(reply, 0));
	json_decref(reply);
}

static void begin(const char *params)
{
	begin_as("capture", params);
}

static bool put(uint32_t w, uint64_t us, enum ctl_trace_event e, uint16_t n)
{
	struct ctl_trace r = { .us = us,
			       .id = id,
			       .session = 3,
			       .len = 1500,
			       .event = (uint16_t)e,
			       .reason = e == TRACE_DROPPED ? DROP_NO_PERMISSION : 0,
			       .port = 1,
			       .n_bytes = n };

	if (ring_room(&ring[w], 1) <= 0)
		return false;
	memset(r.bytes, 0xab, n);
	memcpy(ring_slot(&ring[w], 0), &r, sizeof(r));
	ring_publish(&ring[w], 1);
	return true;
}

/* ---- the file ---- */

struct told {
	uint32_t interfaces, frames, stats;
	uint64_t lost;
	char end[PCAPNG_TEXT_MAX + 1];
};

static uint32_t u32(size_t at)
{
	uint32_t v;

	assert_true(at + 4 <= file_len);
	memcpy(&v, file + at, sizeof(v));
	return v;
}

static void block_read(struct told *t, size_t at, uint32_t len)
{
	const char *text;
	size_t n;

	t->interfaces += u32(at) == PCAPNG_INTERFACE;
	t->frames += u32(at) == PCAPNG_PACKET;
	if (u32(at) != PCAPNG_STATS)
		return;
	t->stats++;
	text = pcapng_comment(file + at, len, 12, &n);
	if (text)
		memcpy(t->end, text, n);
}

/* Whole blocks, and nothing else. */
static struct told file_read(void)
{
	struct told t = { 0 };
	uint32_t len;

	for (size_t at = 0; at < file_len; at += len) {
		len = u32(at + 4);
		assert_true(len >= 12 && at + len <= file_len);
		assert_int_equal(u32(at + len - 4), len);
		block_read(&t, at, len);
	}
	return t;
}

/* Until the connection ends. */
static struct told rest(void)
{
	struct cmd_trace c;
	bool more = true;

	for (int i = 0; more && i < 500; i++) {
		turn();
		told(0, &c);
		told(1, &c);
		more = take(fd);
	}
	assert_false(more);
	return file_read();
}

/* ---- tests ---- */

static void frames_and_comment(void **state)
{
	struct cmd_trace c;
	struct told t;
	uint8_t *why;

	(void)state;
	begin("{\"client\":\"198.51.100.7:5000\",\"relayed\":\"192.0.2.1\",\"snaplen\":100,"
	      "\"count\":3,"
	      "\"expression\":\"udp\",\"program\":[[40,0,0,12],[6,0,0,9]]}");
	assert_true(told(0, &c) && told(1, &c));
	assert_int_equal(c.id, id);
	assert_int_equal(c.filter.frames, 1);
	assert_int_equal(c.filter.bytes, 100);
	assert_int_equal(c.filter.n_steps, 2);
	assert_int_equal(c.step[0].k, 12);
	assert_int_equal(c.step[1].k, 9);
	assert_int_equal(be16_get(c.filter.client.port), 5000);
	assert_true(addr_given(&c.filter.relayed));
	put(0, 20, TRACE_SENT, 60);
	put(1, 10, TRACE_RECEIVED, 61);
	put(0, 30, TRACE_DROPPED, 0);
	put(0, 40, TRACE_SENT, 60); /* one more than was asked for */
	t = rest();
	assert_int_equal(t.interfaces, 3);
	assert_int_equal(t.frames, 3);
	assert_int_equal(t.stats, 3);
	assert_string_equal(t.end,
			    "3 frames; 0 found no room and are missing; the capture ended: count");
	why = memmem(file, file_len, "dropped by worker 0: no_permission (", 36);
	assert_non_null(why);
	assert_null(memmem(why + 1, file_len - (size_t)(why + 1 - file), "dropped by worker", 17));
	assert_non_null(memmem(file, file_len, "\x00udp", 4));
}

/* It is asked for by a method of its own, and stands at an interface of its own, with a comment. */
static void plaintext(void **state)
{
	struct cmd_trace c;
	struct told t;

	(void)state;
	begin_as("capture.plaintext", "{\"count\":2}");
	assert_true(told(0, &c) && told(1, &c));
	assert_int_equal(c.filter.frames, 1);
	assert_int_equal(c.filter.plaintext, 1);
	put(0, 10, TRACE_OPENED, 60);
	put(0, 20, TRACE_SEALED, 60);
	t = rest();
	assert_int_equal(t.interfaces, 4);
	assert_int_equal(t.frames, 2);
	assert_int_equal(t.stats, 4);
	assert_non_null(memmem(file, file_len, "worker 0 opened; Ethernet", 25));
	assert_non_null(memmem(file, file_len, "worker 0 sealed; Ethernet", 25));
}

/* Nobody has asked for it: what a dataplane tells all the same is not written. */
static void plaintext_unasked(void **state)
{
	struct cmd_trace c;

	(void)state;
	begin("{\"count\":2}");
	assert_true(told(0, &c));
	assert_int_equal(c.filter.plaintext, 0);
	put(0, 10, TRACE_OPENED, 60);
	put(0, 20, TRACE_SENT, 60);
	assert_int_equal(rest().frames, 1);
}

static void ends_by_size(void **state)
{
	struct told t;

	(void)state;
	begin("{\"size\":65536}");
	for (int i = 0; i < 100; i++)
		put(0, 1, TRACE_SENT, CTL_TRACE_BYTES);
	t = rest();
	assert_true(file_len <= 65536 + 3 * PCAPNG_BLOCK_MAX);
	assert_true(t.frames > 20 && t.frames < 40);
	assert_non_null(strstr(t.end, "ended: size"));
}

/* The reader has enough: it hears the end, with what was under way. */
static void ends_by_reader(void **state)
{
	struct told t;

	(void)state;
	begin("{}");
	put(0, 1, TRACE_SENT, 60);
	shutdown(fd, SHUT_WR);
	t = rest();
	assert_int_equal(t.frames, 1);
	assert_non_null(strstr(t.end, "its reader wants no more"));
	assert_int_not_equal(refused("trace.next", "{\"id\":1}"), 0);
	fd = connect_to();
	begin("{}"); /* another may begin */
}

static void ends_by_time(void **state)
{
	(void)state;
	begin("{\"duration_s\":1}");
	assert_non_null(strstr(rest().end, "ended: duration"));
}

static void ends_with_dataplane(void **state)
{
	(void)state;
	begin("{}");
	dplink_detach(env.s.link);
	assert_non_null(strstr(rest().end, "the dataplane has gone"));
	close(fd);
	fd = connect_to();
	assert_int_equal(refused("capture", "{}"), RPC_AWAY);
}

static void reader_goes(void **state)
{
	struct cmd_trace c = { .id = 1 };
	const time_t until = time(NULL) + 10;

	(void)state;
	begin("{}");
	assert_true(told(0, &c));
	close(fd);
	fd = connect_to();
	for (int i = 0; i < 100 && c.id; i++) {
		turn();
		put(0, 1, TRACE_SENT, 60);
		told(0, &c);
	}
	assert_int_equal(c.id, 0);
	while (refused("capture", "{\"what\":1}") == RPC_BUSY) {
		assert_true(time(NULL) < until);
		told(0, &c);
		told(1, &c);
	}
	begin("{}");
}

/* It reads nothing: frames stay in the rings once a bounded number waits; others are served. */
static void reader_stops(void **state)
{
	struct ctl_counters *n =
	    (struct ctl_counters *)(env.dp.base + env.dp.region->worker[1].counters);
	uint32_t written = 0, full = 0;
	struct cmd_trace c;
	struct told t;
	int s;

	(void)state;
	atomic_store(&n->cnt[CNT_TRACE_LOST], 5); /* of an earlier one */
	begin("{}");
	while (full < 100) {
		if (put(0, written, TRACE_SENT, CTL_TRACE_BYTES)) {
			written++;
			full = 0;
		} else {
			full++;
			turn();
			told(0, &c);
			told(1, &c);
		}
		assert_true(written < 20000); /* 40 MB */
	}
	atomic_store(&n->cnt[CNT_TRACE_LOST], 12);
	s = connect_to();
	json_decref(call(s, "drops", "{}"));
	close(s);
	file_len = 0;
	shutdown(fd, SHUT_WR);
	t = rest();
	assert_int_equal(t.frames, written);
	assert_non_null(strstr(t.end, "; 7 found no room and are missing;"));
}

/* So many frames of a worker's as its ring has room for. */
static uint32_t refill(uint32_t w)
{
	uint32_t n = 0;

	while (put(w, 1, TRACE_SENT, 60))
		n++;
	return n;
}

/*
 * However many frames wait, no more than FRAMES a tick are taken, of which there is one in a turn:
 * the bound of the rate. Of each worker one more may have been looked at.
 */
static void frames_of_a_tick(void **state)
{
	enum { FRAMES = 1024, TURNS = 30 };
	uint32_t most = 0;
	struct cmd_trace c;

	(void)state;
	begin("{}");
	refill(0);
	refill(1);
	for (int i = 0; i < TURNS; i++) {
		uint32_t taken;

		turn();
		taken = refill(0) + refill(1);
		assert_true(taken <= FRAMES + 2);
		if (taken > most)
			most = taken;
		told(0, &c);
		told(1, &c);
		take(fd);
	}
	assert_true(most >= FRAMES);
}

static void one_at_a_time(void **state)
{
	(void)state;
	begin("{}");
	assert_int_equal(refused("capture", "{}"), RPC_BUSY);
	assert_int_equal(refused("trace", "{}"), RPC_BUSY);
}

/* As much as waits for a reader who takes nothing. */
static void fill(void)
{
	struct cmd_trace c;

	for (int full = 0; full < 100;) {
		if (put(0, 1, TRACE_SENT, CTL_TRACE_BYTES)) {
			full = 0;
			continue;
		}
		full++;
		turn();
		told(0, &c);
		told(1, &c);
	}
}

/* Who stops reading keeps others out for seconds, not until his capture is over. */
static void reader_stalls(void **state)
{
	const time_t until = time(NULL) + 30;
	struct cmd_trace c;

	(void)state;
	begin("{\"duration_s\":600}");
	fill();
	while (refused("capture", "{\"what\":1}") == RPC_BUSY) {
		assert_true(time(NULL) < until);
		told(0, &c);
		told(1, &c);
		turn();
	}
	file_len = 0;
	assert_non_null(strstr(rest().end, "its reader takes nothing"));
}

/* Who may administer takes it over: another begins at once, while the first's file is yet to be
 * read, which ends with the reason. */
static void is_taken_over(void **state)
{
	const int first = fd;
	struct cmd_trace c;
	json_t *r;

	(void)state;
	begin("{\"duration_s\":600}");
	fill();
	fd = connect_to();
	r = call(fd, "trace.release", "{}");
	assert_non_null(
	    json_string_value(json_object_get(json_object_get(r, "result"), "held_by")));
	json_decref(r);
	assert_true(told(0, &c));
	assert_int_equal(c.id, 0);
	begin("{}");
	shutdown(first, SHUT_WR); /* he wants no more, and reads what there is */
	for (int i = 0; i < 10; i++)
		turn();
	close(fd);
	fd = first;
	file_len = 0;
	assert_non_null(strstr(rest().end, "who may administer has ended it"));
}

static void wrong_parameters(void **state)
{
	static const char *const wrong[] = {
		"{\"what\":1}",
		"{\"client\":\"x\"}",
		"{\"relayed\":7}",
		"{\"reason\":\"x\"}",
		"{\"snaplen\":0}",
		"{\"snaplen\":9000}",
		"{\"size\":1}",
		"{\"duration_s\":601}",
		"{\"count\":0}",
		"{\"program\":7}",
		"{\"program\":[[6,0,0]]}",
		"{\"program\":[[6,0,0,-1]]}",
		"{\"program\":[[65536,0,0,1]]}",
		"{\"program\":[[40,0,0,12]]}",
		"{\"program\":[[5,0,0,9],[6,0,0,1]]}",
		"{\"bytes\":true}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(refused("capture", wrong[i]), RPC_BAD_PARAMS);
	begin("{}");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_and_comment),  TEST(plaintext),	   TEST(plaintext_unasked),
		TEST(ends_by_size),	   TEST(ends_by_reader),   TEST(ends_by_time),
		TEST(ends_with_dataplane), TEST(reader_goes),	   TEST(reader_stops),
		TEST(one_at_a_time),	   TEST(reader_stalls),	   TEST(is_taken_over),
		TEST(wrong_parameters),	   TEST(frames_of_a_tick),
	};

	signal(SIGPIPE, SIG_IGN); /* as in main() */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
