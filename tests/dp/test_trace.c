/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happens to packets, told to who asks (dp/trace.h): which packets a filter has, by client,
 * peer, session and reason; what a record says; a ring that is full, whose reader breaks it, or
 * goes; and that what is relayed is the same bytes while somebody looks.
 */
#include "tests/world/unit.h"
#include "tests/world/control.h"

#include "dp/trace.h"

enum { CHANNEL = 0x4001, SLOT = 5, ID = 77 };

static struct sock_addr listener, peer, stranger, client, other, relayed;
static const struct ctl_trace *rec; /* by next() */

static int setup(void **state)
{
	(void)state;
	world_config();
	world_start();
	world_neighbours();
	listener = at("10.1.0.1", 3478);
	peer = at("10.2.0.2", 4000);
	stranger = at("10.2.0.3", 4000);
	client = at("10.1.0.2", 5000);
	other = at("10.1.0.2", 5001);
	relayed = at("10.2.0.1", RELAY_PORT);
	assert_true(session_add(0, SLOT, 1, &client, 0, RELAY_PORT, 0, 0));
	assert_true(chan_add(0, SLOT, &peer, CHANNEL, WORLD_START_S + 300));
	world_mark();
	return 0;
}

static struct cmd_trace filter(void)
{
	return (
	    struct cmd_trace){ .id = ID,
			       .until = WORLD_START_S + CTL_TRACE_LEASE_S,
			       .filter = { .session = CTL_TRACE_ANY, .reason = CTL_TRACE_ANY } };
}

static void trace(struct cmd_trace c)
{
	assert_true(world_cmd(0, CMD_TRACE, &c, sizeof(c)));
}

static bool next(void)
{
	rec = world_trace(0);
	return rec;
}

static void expect(enum ctl_trace_event e, const struct sock_addr *src, const struct sock_addr *dst)
{
	assert_true(next());
	assert_int_equal(rec->event, e);
	assert_int_equal(rec->id, ID);
	assert_memory_equal(&rec->src, src, sizeof(*src));
	assert_memory_equal(&rec->dst, dst, sizeof(*dst));
}

static void from_client(void)
{
	struct frame f;
	uint8_t msg[64];
	size_t n = chandata(msg, CHANNEL, "hello", 5);

	frame_udp(&f, ACCESS, &client, &listener, msg, n, NULL);
	world_feed(ACCESS, &f);
}

static void from_core(const struct sock_addr *src)
{
	struct frame f;

	frame_udp(&f, CORE, src, &relayed, "hello", 5, NULL);
	world_feed(CORE, &f);
}

static void nobody_looks(void **state)
{
	(void)state;
	from_client();
	from_core(&peer);
	assert_null(world.w->trace);
	assert_false(next());
}

/* A client's packet to its peer, and the peer's to the client: both sides, by the client's address.
 */
static void by_client(void **state)
{
	struct cmd_trace c = filter();

	(void)state;
	c.filter.client = client;
	trace(c);
	from_client();
	expect(TRACE_RECEIVED, &client, &listener);
	assert_int_equal(rec->session, SLOT);
	assert_int_equal(rec->proto, 17);
	assert_int_equal(rec->n_bytes, 0);
	expect(TRACE_RELAYED, &client, &listener);
	expect(TRACE_SENT, &relayed, &peer);
	assert_int_equal(rec->session, SLOT);
	assert_int_equal(rec->len, 14 + 20 + 8 + 5);
	from_core(&peer);
	expect(TRACE_RECEIVED, &peer, &relayed);
	expect(TRACE_RELAYED, &peer, &relayed);
	expect(TRACE_SENT, &listener, &client);
	assert_false(next());
	c = filter();
	c.id = ID + 1;
	c.filter.client = other;
	trace(c);
	from_client();
	from_core(&peer);
	assert_false(next());
}

/* Any port of an address; by peer what becomes of its packet is seen to the end. */
static void by_peer_without_port(void **state)
{
	struct cmd_trace c = filter();

	(void)state;
	c.filter.peer = peer;
	c.filter.peer.port = be16_make(0);
	trace(c);
	from_core(&peer);
	expect(TRACE_RECEIVED, &peer, &relayed);
	expect(TRACE_RELAYED, &peer, &relayed);
	expect(TRACE_SENT, &listener, &client);
	from_core(&stranger);
	assert_false(next());
}

static void by_session(void **state)
{
	struct cmd_trace c = filter();

	(void)state;
	c.filter.session = SLOT;
	trace(c);
	from_core(&peer);
	assert_true(next() && next() && next());
	assert_false(next());
	c.id = ID + 1;
	c.filter.session = SLOT + 1;
	trace(c);
	from_core(&peer);
	assert_false(next());
}

static void by_drop(void **state)
{
	struct cmd_trace c = filter();

	(void)state;
	c.filter.drops = true;
	trace(c);
	from_core(&peer);
	from_core(&stranger);
	expect(TRACE_DROPPED, &stranger, &relayed);
	assert_int_equal(rec->reason, DROP_NO_PERMISSION);
	assert_int_equal(rec->session, SLOT);
	assert_false(next());
	c.id = ID + 1;
	c.filter.reason = DROP_NO_CHANNEL;
	trace(c);
	from_core(&stranger);
	assert_false(next());
	c.id = ID + 2;
	c.filter.reason = DROP_MAX;
	assert_false(world_cmd(0, CMD_TRACE, &c, sizeof(c)));
}

static void bytes_on_demand(void **state)
{
	struct cmd_trace c = filter();

	(void)state;
	c.filter.bytes = 64;
	trace(c);
	from_client();
	assert_true(next());
	assert_int_equal(rec->n_bytes, 20 + 8 + 4 + 5);
	assert_int_equal(rec->bytes[0], 0x45);
	assert_memory_equal(rec->bytes + 32, "hello", 5);
}

/* By a session's relayed address: its client's side, too. */
static void by_relayed(void **state)
{
	struct cmd_trace c = filter();

	(void)state;
	c.filter.relayed = relayed;
	trace(c);
	from_client();
	expect(TRACE_RECEIVED, &client, &listener);
	expect(TRACE_RELAYED, &client, &listener);
	expect(TRACE_SENT, &relayed, &peer);
	from_core(&stranger);
	expect(TRACE_RECEIVED, &stranger, &relayed);
	expect(TRACE_DROPPED, &stranger, &relayed);
	assert_false(next());
	c.id = ID + 1;
	c.filter.relayed.port = be16_make(RELAY_PORT + 2);
	trace(c);
	from_client();
	from_core(&peer);
	assert_false(next());
}

/* A capture: frames from the Ethernet header on as they came and as they went, and nothing else. */
static void frames(void **state)
{
	struct cmd_trace c = filter();
	struct frame in;
	const struct frame *out;
	uint8_t msg[64];

	(void)state;
	c.filter.frames = 1;
	c.filter.bytes = CTL_TRACE_BYTES;
	trace(c);
	frame_udp(&in, ACCESS, &client, &listener, msg, chandata(msg, CHANNEL, "hello", 5), NULL);
	world_feed(ACCESS, &in);
	out = world_out(CORE);
	assert_non_null(out);
	expect(TRACE_RECEIVED, &client, &listener);
	assert_int_equal(rec->port, ACCESS);
	assert_int_equal(rec->len, in.len);
	assert_int_equal(rec->n_bytes, in.len);
	assert_memory_equal(rec->bytes, in.b, in.len);
	expect(TRACE_SENT, &relayed, &peer);
	assert_int_equal(rec->port, CORE);
	assert_int_equal(rec->n_bytes, out->len);
	assert_memory_equal(rec->bytes, out->b, out->len);
	assert_false(next());
	c.id = ID + 1;
	c.filter.bytes = 20;
	trace(c);
	world_feed(ACCESS, &in);
	assert_true(next());
	assert_int_equal(rec->n_bytes, 20);
	assert_int_equal(rec->len, in.len);
	assert_true(next());
	c.id = ID + 2;
	c.filter.bytes = CTL_TRACE_BYTES + 1;
	assert_false(world_cmd(0, CMD_TRACE, &c, sizeof(c)));
}

/* What is dropped has lost its Ethernet header, perhaps: zeros are there then, and the type. */
static void dropped_frames(void **state)
{
	static const uint8_t zeros[12];
	struct cmd_trace c = filter();

	(void)state;
	c.filter.frames = c.filter.drops = 1;
	c.filter.bytes = CTL_TRACE_BYTES;
	trace(c);
	from_core(&stranger);
	expect(TRACE_DROPPED, &stranger, &relayed);
	assert_int_equal(rec->reason, DROP_NO_PERMISSION);
	assert_int_equal(rec->n_bytes, rec->len);
	assert_int_equal(rec->len, 14 + 20 + 8 + 5);
	assert_memory_equal(rec->bytes + rec->len - 5, "hello", 5);
	if (memcmp(rec->bytes, zeros, sizeof(zeros)) == 0)
		assert_memory_equal(rec->bytes + 12, "\x08\0\x45", 3);
}

/*
 * A message that came inside of a stream and is dropped may look like a packet of others: none of
 * its bytes is told, whatever it has at its start.
 */
static void no_plain_text(void **state)
{
	static const uint8_t inner[28] = { 0x45, 0, 0, 28,  [8] = 64, 17, [12] = 192,
					   168,	 0, 1, 192, 168,      0,  2 };
	struct cmd_trace c = filter();
	struct rte_mbuf *m;
	char *b;

	(void)state;
	c.filter.frames = 1;
	c.filter.bytes = CTL_TRACE_BYTES;
	trace(c);
	m = pkt_make(world.w);
	b = rte_pktmbuf_append(m, sizeof(inner));
	memcpy(b, inner, sizeof(inner));
	pkt_drop(world.w, m, DROP_NO_CHANNEL);
	assert_true(next());
	assert_int_equal(rec->event, TRACE_DROPPED);
	assert_int_equal(rec->n_bytes, 0);
	m = pkt_make(world.w);
	memcpy(rte_pktmbuf_append(m, 6), "secret", 6);
	pkt_drop(world.w, m, DROP_NO_CHANNEL);
	assert_true(next());
	assert_int_equal(rec->n_bytes, 0);
	assert_int_equal(rec->len, 6);
}

/* "udp dst port 3478" judges each frame as it is, beside what the filter says of sessions. */
static void by_program(void **state)
{
	static const struct bpf_step port_3478[] = {
		{ 0x28, 0, 0, 12 }, { 0x15, 0, 4, 0x0800 }, { 0x30, 0, 0, 23 },
		{ 0x15, 0, 2, 17 }, { 0x28, 0, 0, 36 },	    { 0x15, 1, 0, 3478 },
		{ 0x06, 0, 0, 0 },  { 0x06, 0, 0, 65535 },
	};
	struct cmd_trace c = filter();

	(void)state;
	c.filter.frames = 1;
	c.filter.bytes = CTL_TRACE_BYTES;
	c.filter.n_steps = 8;
	memcpy(c.step, port_3478, sizeof(port_3478));
	trace(c);
	from_client();
	from_core(&peer);
	from_core(&stranger);
	expect(TRACE_RECEIVED, &client, &listener);
	assert_false(next());
	c.id = ID + 1;
	c.step[7].code = 0x20; /* no return */
	assert_false(world_cmd(0, CMD_TRACE, &c, sizeof(c)));
	c.filter.n_steps = CTL_TRACE_STEPS + 1;
	assert_false(world_cmd(0, CMD_TRACE, &c, sizeof(c)));
}

/* It goes on without waiting, counts what found no room, and says so with what does. */
static void full_ring(void **state)
{
	struct cmd_trace c = filter();
	uint32_t n = 0;

	(void)state;
	c.filter.drops = true;
	trace(c);
	for (int i = 0; i < CTL_TRACE_SLOTS + 10; i++)
		from_core(&stranger);
	world_drops(DROP_NO_PERMISSION, CTL_TRACE_SLOTS + 10);
	for (; next(); n++)
		assert_int_equal(rec->lost, 0);
	assert_int_equal(n, CTL_TRACE_SLOTS);
	from_core(&stranger);
	assert_true(next());
	assert_int_equal(rec->lost, 10);
}

/* Who reads no more: it ends by itself, and what nobody took is no hindrance to the next. */
static void reader_goes(void **state)
{
	struct cmd_trace c = filter();

	(void)state;
	trace(c);
	c.until = UINT32_MAX; /* renewed, never for longer than a lease */
	trace(c);
	assert_non_null(world.w->trace);
	world_clock_ms((WORLD_START_S + CTL_TRACE_LEASE_S - 1) * UINT64_C(1000));
	world_run();
	assert_non_null(world.w->trace);
	world_clock_ms((WORLD_START_S + CTL_TRACE_LEASE_S + 1) * UINT64_C(1000));
	world_run();
	assert_null(world.w->trace);
}

static void ended_by_command(void **state)
{
	struct cmd_trace c = filter();

	(void)state;
	trace(c);
	c.id = 0;
	trace(c);
	from_core(&peer);
	assert_null(world.w->trace);
	assert_false(next());
}

/* A cursor that cannot be ends the trace, and the control process is detached. */
static void broken_ring(void **state)
{
	(void)state;
	trace(filter());
	for (int i = 0; i < CTL_TRACE_SLOTS; i++)
		from_core(&stranger);
	atomic_store(&world.trace[0].shm->tail, 0x80000000u);
	from_core(&stranger);
	assert_null(world.w->trace);
	assert_true(atomic_load(&world.w->boundary.rings_broken));
}

/* The general way does what the short one does: the same bytes go out. */
static void same_bytes(void **state)
{
	const struct frame *f;
	struct frame plain;

	(void)state;
	from_client();
	f = world_out(CORE);
	assert_non_null(f);
	plain = *f;
	trace(filter());
	from_client();
	f = world_out(CORE);
	assert_non_null(f);
	assert_int_equal(f->len, plain.len);
	assert_memory_equal(f->b, plain.b, 14 + 4);
	assert_memory_equal(f->b + 14 + 12, plain.b + 14 + 12, plain.len - 26u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody_looks, setup, world_teardown),
		cmocka_unit_test_setup_teardown(by_client, setup, world_teardown),
		cmocka_unit_test_setup_teardown(by_peer_without_port, setup, world_teardown),
		cmocka_unit_test_setup_teardown(by_session, setup, world_teardown),
		cmocka_unit_test_setup_teardown(by_drop, setup, world_teardown),
		cmocka_unit_test_setup_teardown(bytes_on_demand, setup, world_teardown),
		cmocka_unit_test_setup_teardown(by_relayed, setup, world_teardown),
		cmocka_unit_test_setup_teardown(frames, setup, world_teardown),
		cmocka_unit_test_setup_teardown(dropped_frames, setup, world_teardown),
		cmocka_unit_test_setup_teardown(no_plain_text, setup, world_teardown),
		cmocka_unit_test_setup_teardown(by_program, setup, world_teardown),
		cmocka_unit_test_setup_teardown(full_ring, setup, world_teardown),
		cmocka_unit_test_setup_teardown(reader_goes, setup, world_teardown),
		cmocka_unit_test_setup_teardown(ended_by_command, setup, world_teardown),
		cmocka_unit_test_setup_teardown(broken_ring, setup, world_teardown),
		cmocka_unit_test_setup_teardown(same_bytes, setup, world_teardown),
	};

	world_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
