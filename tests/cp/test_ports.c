/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Relayed ports: each worker draws from its own share and every port of it, pairs for EVEN-PORT,
 * at random, and a port that was given back rests unless nothing else is left; also where the
 * process was killed meanwhile, at whatever instruction (R70).
 */
#include "tests/world/cp_env.h"
#include "cp/session.h"
#include "tests/world/steps.h"

#include "lib/siphash.h"

#include <stdlib.h>
#include <unistd.h>

static struct config conf;
static struct rand rnd;
static char dir[64];

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/fairlead-test-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

/* Of all that was taken. */
static void file_remove(void)
{
	char path[CONFIG_STR_MAX + 8];

	snprintf(path, sizeof(path), "%s.ports", conf.control.state);
	unlink(path);
}

static int teardown(void **state)
{
	(void)state;
	file_remove();
	return rmdir(dir);
}

static struct ports *open_at(const char *boot)
{
	char err[256] = "";
	struct ports *p = ports_open(&conf, &rnd, boot, err, sizeof(err));

	if (!p)
		fail_msg("%s", err);
	return p;
}

static struct ports *make(uint16_t min, uint16_t max)
{
	env_config(&conf, dir);
	conf.n_relay = 1;
	conf.relay[0].port_min = min;
	conf.relay[0].port_max = max;
	conf.relay[0].turn = true;
	rand_init(&rnd);
	return open_at("boot");
}

/* Another process, at whose start no record has claimed a port yet. */
static struct ports *reopen(struct ports *p)
{
	ports_close(p);
	return open_at("boot");
}

static void every_port_of_the_share_once(void **state)
{
	struct ports *p = make(50001, 50100); /* half a pair at each end */
	static bool seen[65536];
	uint16_t port;

	(void)state;
	memset(seen, 0, sizeof(seen));
	for (uint32_t w = 0; w < 2; w++) {
		while ((port = ports_take(p, 0, w, PORTS_ANY, 0)) != 0) {
			assert_in_range(port, 50001, 50100);
			assert_int_equal(relay_port_worker(port, 2), w);
			assert_false(seen[port]);
			seen[port] = true;
		}
	}
	assert_int_equal(ports_used(p, 0), 100);
	assert_int_equal(ports_unused(p, 0), 0);
	ports_close(p);
}

/* Relays that are one worker's, beside one that is dealt out, of both families. */
static struct ports *make_owned(void)
{
	env_config(&conf, dir);
	conf.n_relay = 5;
	for (uint16_t i = 0; i < conf.n_relay; i++)
		conf.relay[i] = (struct config_relay){ .port_min = 50000,
						       .port_max = 50009,
						       .turn = true,
						       .realm_index = i == 2,
						       .owner = i % 3 };
	for (uint16_t i = 0; i < 3; i++)
		conf.relay[i].addr = ip_from_v4(be32_make(0xc0000201u + i));
	assert_true(ip_parse("2001:db8::1", &conf.relay[3].addr));
	assert_true(ip_parse("2001:db8::2", &conf.relay[4].addr));
	rand_init(&rnd);
	return open_at("boot");
}

static void a_relay_s_worker_has_all_its_ports(void **state)
{
	struct ports *p = make_owned();
	struct ctl_relay r;
	uint32_t n[2][5] = { 0 };

	(void)state;
	assert_int_equal(ports_unused(p, 1), 10);
	assert_int_equal(ports_take(p, 1, 1, PORTS_ANY, 100), 0);
	assert_int_equal(ports_take(p, 2, 0, PORTS_PAIR, 100), 0);
	for (uint32_t w = 0; w < 2; w++) {
		for (int f = 0; f < 2; f++)
			while ((r = ports_take_family(p, f, w, PORTS_ANY, 100)).relay !=
			       CTL_RELAY_NONE) {
				assert_int_equal(
				    config_relay_worker(&conf, r.relay, be16_get(r.port)), w);
				n[w][r.relay]++;
			}
	}
	for (uint16_t i = 0; i < 5; i++)
		assert_int_equal(n[0][i] + n[1][i], 10);
	assert_int_equal(n[0][1], 10);
	assert_int_equal(n[1][2], 10);
	assert_int_equal(n[0][4], 10);
	assert_in_range(n[0][0], 4, 6);
	assert_in_range(n[0][3], 4, 6);
	/* They rest in the share that they are of, also for the next process. */
	for (uint16_t i = 0; i < 10; i++)
		ports_give(p, 2, (uint16_t)(50000 + i), 100);
	p = reopen(p);
	ports_resume_worker(p, 0, 101);
	assert_int_equal(ports_used(p, 2), 0);
	ports_resume_worker(p, 1, 101);
	assert_int_equal(ports_used(p, 2), 10);
	assert_int_equal(ports_unused(p, 2), 0); /* those that rest are not free */
	assert_false(ports_is_free(p, 2, 50004, 100 + PORTS_QUARANTINE_S - 1));
	assert_true(ports_is_free(p, 2, 50004, 100 + PORTS_QUARANTINE_S));
	ports_close(p);
}

static void a_realm_s_ports_are_the_worker_s(void **state)
{
	struct ports *p = make_owned();

	(void)state;
	assert_int_equal(ports_take_realm(p, 1, false, 0, PORTS_PAIR, PORTS_ORDINARY, 100).relay,
			 CTL_RELAY_NONE);
	assert_int_equal(ports_take_realm(p, 1, false, 1, PORTS_PAIR, PORTS_ORDINARY, 100).relay,
			 2);
	ports_close(p);
}

static uint16_t take_pair(struct ports *p, enum ports_rank rank)
{
	return be16_get(ports_take_realm(p, 1, false, 1, PORTS_PAIR, rank, 100).port);
}

/*
 * R27: the last pairs of a realm's relay are for urgent calls, whoever asks, by whatever way. A
 * pair of which half is in use keeps nothing from anybody.
 */
static void the_last_pairs_are_for_urgent_calls(void **state)
{
	struct ports *p = make_owned(); /* relay 2: 5 pairs of worker 1, of realm 1 and of TURN */
	uint16_t port, half;

	(void)state;
	conf.gateway.urgent_ports = 2;
	assert_false(ports_withheld(p, 1, false, 1, PORTS_ORDINARY));
	half = ports_take(p, 2, 1, PORTS_EVEN, 100);
	assert_int_not_equal(half, 0);
	assert_int_not_equal(take_pair(p, PORTS_ORDINARY), 0);
	port = take_pair(p, PORTS_ORDINARY);
	assert_int_not_equal(port, 0);
	assert_int_equal(take_pair(p, PORTS_ORDINARY), 0);
	assert_true(ports_withheld(p, 1, false, 1, PORTS_ORDINARY));
	assert_int_equal(ports_take(p, 2, 1, PORTS_EVEN, 100), 0);
	assert_false(ports_is_withheld(p, 2, half ^ 1, PORTS_ORDINARY));
	assert_int_equal(ports_take(p, 2, 1, PORTS_ANY, 100), half ^ 1);
	assert_int_equal(ports_take(p, 2, 1, PORTS_ANY, 100), 0);
	/* What rests is of the pairs that are left, as well; a half of a pair is not. */
	ports_give(p, 2, half, 100);
	assert_int_equal(ports_take(p, 2, 1, PORTS_ANY, 100), half);
	ports_give(p, 2, port, 100);
	ports_give(p, 2, port | 1, 100);
	assert_false(ports_is_withheld(p, 2, port, PORTS_ORDINARY));
	assert_int_not_equal(take_pair(p, PORTS_ORDINARY), 0);
	assert_int_equal(take_pair(p, PORTS_ORDINARY), 0);
	/* Urgent ones have them, to the last. */
	port = take_pair(p, PORTS_URGENT);
	assert_int_not_equal(port, 0);
	assert_int_not_equal(take_pair(p, PORTS_URGENT), 0);
	assert_int_equal(take_pair(p, PORTS_URGENT), 0);
	assert_false(ports_withheld(p, 1, false, 1, PORTS_ORDINARY));
	/* Once it is told otherwise, nobody is kept from them. */
	ports_give(p, 2, port, 100);
	ports_give(p, 2, port | 1, 100);
	assert_true(ports_is_withheld(p, 2, port, PORTS_ORDINARY));
	assert_int_equal(take_pair(p, PORTS_ORDINARY), 0);
	conf.gateway.urgent_ports = 0;
	assert_int_equal(take_pair(p, PORTS_ORDINARY), port);
	ports_close(p);
}

/* R27: of what is kept for urgent calls the last sixteenth is for who has few of them. */
static void the_last_urgent_pairs_are_for_who_has_few(void **state)
{
	struct ports *p;
	uint32_t n = 0;

	(void)state;
	p = make_owned();
	ports_close(p);
	conf.relay[2].port_max = 50079; /* 40 pairs */
	p = open_at("boot");
	conf.gateway.urgent_ports = 32;
	while (take_pair(p, PORTS_ORDINARY))
		n++;
	assert_int_equal(n, 8);
	while (take_pair(p, PORTS_URGENT))
		n++;
	assert_int_equal(n, 38);
	assert_true(ports_withheld(p, 1, false, 1, PORTS_URGENT));
	assert_false(ports_withheld(p, 1, false, 1, PORTS_LAST));
	while (take_pair(p, PORTS_LAST))
		n++;
	assert_int_equal(n, 40);
	conf.gateway.urgent_ports = 0;
	ports_close(p);
}

/* Nor has anybody half of a pair that is left, whose other half rests. */
static void no_half_of_the_last_pairs(void **state)
{
	struct ports *p = make_owned();
	uint16_t even[3];

	(void)state;
	conf.gateway.urgent_ports = 2;
	for (size_t i = 0; i < 3; i++)
		even[i] = ports_take(p, 2, 1, PORTS_EVEN, 100);
	assert_int_not_equal(even[2], 0);
	assert_true(ports_withheld(p, 1, false, 1, PORTS_ORDINARY));
	/* All three are left again, and so one more may be had: their odd halves are free. */
	for (size_t i = 0; i < 3; i++)
		ports_give(p, 2, even[i], 100);
	for (size_t i = 0; i < 3; i++)
		assert_int_not_equal(ports_take(p, 2, 1, PORTS_EVEN, 100), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_not_equal(ports_take(p, 2, 1, PORTS_ANY, 100), 0);
	assert_int_equal(ports_take(p, 2, 1, PORTS_ANY, 100), 0);
	assert_int_not_equal(take_pair(p, PORTS_URGENT), 0);
	assert_int_not_equal(take_pair(p, PORTS_URGENT), 0);
	ports_close(p);
}

/* Shares are not even where their number is no power of two; all are taken, rest, and are taken
 * again. */
static void every_number_of_workers(void **state)
{
	const uint16_t min = 50001, max = 50601; /* half a pair at each end, once */
	static uint16_t had[1024];

	for (uint16_t n = 1; n <= CTL_WORKERS_MAX; n++) {
		struct ports *p;
		uint32_t now = 100;

		env_config(&conf, dir);
		conf.dataplane.n_workers = n;
		conf.n_relay = 1;
		conf.relay[0] = (struct config_relay){
			.addr = conf.relay[0].addr, .port_min = min, .port_max = max, .turn = true
		};
		rand_init(&rnd);
		p = open_at("boot");
		for (int again = 0; again < 2; again++, now += PORTS_QUARANTINE_S + 1) {
			uint32_t all = 0;

			for (uint32_t w = 0; w < n; w++)
				while ((had[all] = ports_take(p, 0, w, PORTS_ANY, now)) != 0)
					assert_int_equal(relay_port_worker(had[all++], n), w);
			assert_int_equal(all, max - min + 1);
			while (all)
				ports_give(p, 0, had[--all], now);
		}
		ports_close(p);
		file_remove();
	}
	(void)state;
}

static void even_ports_and_pairs(void **state)
{
	struct ports *p = make(50001, 50008); /* worker 0: (50000)50001, 50004, 50005, 50008 */
	uint16_t even;

	(void)state;
	even = ports_take(p, 0, 0, PORTS_PAIR, 0);
	assert_int_equal(even, 50004); /* the only whole pair */
	assert_int_equal(ports_take(p, 0, 0, PORTS_PAIR, 0), 0);
	assert_int_equal(ports_take(p, 0, 0, PORTS_EVEN, 0), 50008);
	assert_int_equal(ports_take(p, 0, 0, PORTS_EVEN, 0), 0);
	assert_int_equal(ports_take(p, 0, 0, PORTS_ANY, 0), 50001);
	assert_int_equal(ports_take(p, 0, 0, PORTS_ANY, 0), 0);
	ports_close(p);
}

static void a_port_rests(void **state)
{
	struct ports *p = make(50000, 50007); /* worker 0: 50000, 50001, 50004, 50005 */
	uint16_t first = ports_take(p, 0, 0, PORTS_ANY, 0);

	(void)state;
	ports_give(p, 0, first, 100);
	ports_give(p, 0, first, 100); /* twice is once */
	for (int i = 0; i < 3; i++)
		assert_int_not_equal(ports_take(p, 0, 0, PORTS_ANY, 100), first);
	/* nothing else is left: the rest is cut short */
	assert_int_equal(ports_take(p, 0, 0, PORTS_ANY, 100), first);
	assert_int_equal(ports_take(p, 0, 0, PORTS_ANY, 100), 0);
	ports_close(p);
}

static void a_rested_port_is_drawn_again(void **state)
{
	struct ports *p = make(50000, 50007);
	uint16_t first = ports_take(p, 0, 0, PORTS_ANY, 0);
	bool again = false;

	(void)state;
	ports_give(p, 0, first, 100);
	for (int i = 0; i < 4; i++)
		again |= ports_take(p, 0, 0, PORTS_ANY, 100 + PORTS_QUARANTINE_S) == first;
	assert_true(again);
	ports_close(p);
}

static void claims_exclude(void **state)
{
	struct ports *p = make(50000, 50003); /* worker 0: 50000, 50001 */

	(void)state;
	assert_true(ports_claim(p, 0, 50001, PORTS_TURN));
	assert_false(ports_claim(p, 0, 50001, PORTS_TURN));
	assert_false(ports_claim(p, 0, 49999, PORTS_TURN));
	assert_false(ports_claim(p, 1, 50000, PORTS_TURN));
	assert_int_equal(ports_take(p, 0, 0, PORTS_ANY, 0), 50000);
	assert_int_equal(ports_take(p, 0, 0, PORTS_ANY, 0), 0);
	ports_close(p);
}

/* Not a test of randomness: a run in order, or a narrow one, would show here. */
static void ports_are_scattered(void **state)
{
	struct ports *p = make(49152, 65535);
	uint16_t last = 0;
	int near = 0, low = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint16_t port = ports_take(p, 0, 0, PORTS_ANY, 0);

		near += port - last < 64 && last - port < 64;
		low += port < 57344;
		last = port;
	}
	assert_in_range(near, 0, 50); /* about 8 expected */
	assert_in_range(low, 350, 650);
	ports_close(p);
}

static void relays_of_a_family_share_the_load(void **state)
{
	struct ports *p;

	(void)state;
	env_config(&conf, dir);
	rand_init(&rnd);
	p = open_at("boot");
	for (int i = 0; i < 400; i++) {
		struct ctl_relay r = ports_take_family(p, false, 0, PORTS_ANY, 0);

		assert_in_range(r.relay, 0, 1);
		assert_int_equal(ports_take_family(p, true, 0, PORTS_ANY, 0).relay, 2);
	}
	assert_in_range(ports_used(p, 0), 100, 300);
	assert_int_equal(ports_used(p, 0) + ports_used(p, 1), 400);
	ports_close(p);
}

/* ---- another process ---- */

/* A port was given back at 100, and at 110 there is another process. */
static struct ports *given_and_reopened(uint16_t *port)
{
	struct ports *p = make(50000, 50007);

	*port = ports_take(p, 0, 0, PORTS_ANY, 0);
	ports_give(p, 0, *port, 100);
	p = reopen(p);
	ports_resume(p, 110);
	return p;
}

static void a_rest_outlives_the_process(void **state)
{
	uint16_t first;
	struct ports *p = given_and_reopened(&first);

	(void)state;
	assert_int_equal(ports_used(p, 0), 1);
	assert_int_equal(ports_quarantined(p, 0), 1);
	assert_false(ports_is_free(p, 0, first, 100 + PORTS_QUARANTINE_S - 1));
	for (int i = 0; i < 3; i++)
		assert_int_not_equal(ports_take(p, 0, 0, PORTS_ANY, 110), first);
	assert_int_equal(ports_quarantined(p, 0), 1);
	assert_int_equal(ports_take(p, 0, 0, PORTS_ANY, 110), first); /* cut short */
	assert_int_equal(ports_used(p, 0), 4);
	assert_int_equal(ports_quarantined(p, 0), 0);
	ports_close(p);
}

static void a_rest_ends_when_it_would_have(void **state)
{
	uint16_t first;
	struct ports *p = given_and_reopened(&first);

	(void)state;
	assert_true(ports_is_free(p, 0, first, 100 + PORTS_QUARANTINE_S));
	p = reopen(p);
	ports_resume(p, 100 + PORTS_QUARANTINE_S); /* over meanwhile */
	assert_int_equal(ports_used(p, 0), 0);
	ports_close(p);
}

/*
 * The file as version 1 wrote it, of the one that is there: its head ends with the numbers of
 * records, and the digest says which relays they are of.
 */
static void write_version_1(uint64_t digest)
{
	enum { WORDS = 65536 * sizeof(uint32_t), HEAD = 128 };
	struct {
		uint64_t magic;
		uint32_t version, ready;
		char boot_id[40];
		uint64_t digest;
		uint32_t records[4];
	} h;
	static uint8_t words[WORDS];
	char path[CONFIG_STR_MAX + 8];
	uint8_t head[HEAD] = { 0 };
	FILE *f;

	snprintf(path, sizeof(path), "%s.ports", conf.control.state);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fread(&h, sizeof(h), 1, f), 1);
	assert_int_equal(fseek(f, -(1 + CONFIG_RELAYS_SPARE) * (long)WORDS, SEEK_END), 0);
	assert_int_equal(fread(words, WORDS, 1, f), 1);
	fclose(f);
	h.version = 1;
	h.records[0] = 1;
	h.digest = digest;
	memcpy(head, &h, sizeof(h));
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(head, HEAD, 1, f), 1);
	assert_int_equal(fwrite(words, WORDS, 1, f), 1);
	fclose(f);
}

/* What was in quarantine two versions back still is; of other relays nobody knows what it was. */
static void version_1_is_carried_over(void **state)
{
	static const struct siphash_key fixed;
	uint64_t digest;
	uint16_t first;

	(void)state;
	for (int other = 0; other <= 1; other++) {
		struct ports *p = make(50000, 50007);

		digest = siphash(&fixed, &conf.relay[0].addr, 16);
		first = ports_take(p, 0, 0, PORTS_ANY, 0);
		ports_give(p, 0, first, 100);
		ports_close(p);
		write_version_1(digest + (uint64_t)other);
		p = open_at("boot");
		assert_true((ports_fresh(p) != NULL) == other);
		ports_resume(p, 110);
		assert_int_equal(ports_used(p, 0), !other);
		assert_int_equal(ports_is_free(p, 0, first, 100 + PORTS_QUARANTINE_S - 1), other);
		assert_true(ports_is_free(p, 0, first, 100 + PORTS_QUARANTINE_S));
		ports_close(p);
	}
}

/* Records have their ports, whatever their marks say, and keep them. */
static void what_records_claim_does_not_rest(void **state)
{
	struct ports *p = make(50000, 50007);
	uint16_t rests, claimed = ports_take(p, 0, 0, PORTS_ANY, 0);

	(void)state;
	rests = ports_take(p, 0, 0, PORTS_ANY, 0);
	ports_give(p, 0, rests, 100);
	ports_give(p, 0, claimed, 100); /* killed before its record went */
	p = reopen(p);
	assert_true(ports_claim(p, 0, claimed, PORTS_TURN));
	ports_resume(p, 110);
	assert_int_equal(ports_used(p, 0), 2);
	assert_true(ports_is_free(p, 0, rests, 130));
	assert_false(ports_is_free(p, 0, claimed, 130));
	assert_int_equal(ports_used(p, 0), 1);
	p = reopen(p); /* it was never marked as resting any more */
	ports_resume(p, 130);
	assert_false(ports_is_free(p, 0, claimed, 130));
	ports_close(p);
}

/* As long as the dataplane is waited for, what was an allocation's may end, rest, and be claimed.
 */
static void what_is_claimed_late_stays_claimed(void **state)
{
	struct ports *p = make(50000, 50007);
	uint16_t a = ports_take(p, 0, 0, PORTS_ANY, 0), b = ports_take(p, 0, 0, PORTS_ANY, 0);
	uint16_t lost = ports_take(p, 0, 0, PORTS_ANY, 0);

	(void)state;
	p = reopen(p);
	assert_true(ports_claim(p, 0, a, PORTS_TURN));
	assert_true(ports_claim(p, 0, b, PORTS_TURN));
	ports_give(p, 0, a, 100);
	ports_give(p, 0, b, 120);
	assert_true(ports_is_free(p, 0, a, 131));
	assert_true(ports_claim(p, 0, a, PORTS_TERM));
	ports_resume(p, 131);
	assert_false(ports_is_free(p, 0, b, 149));
	assert_true(ports_is_free(p, 0, b, 150));
	assert_false(ports_is_free(p, 0, lost, 160));
	assert_true(ports_is_free(p, 0, lost, 161));
	assert_false(ports_is_free(p, 0, a, 1000));
	assert_int_equal(ports_used(p, 0), 1);
	ports_close(p);
}

/* Its record went, or was never completed: its owner's peers may still send. */
static void what_nobody_claims_rests_from_the_start_on(void **state)
{
	struct ports *p = make(50000, 50007);
	uint16_t lost = ports_take(p, 0, 0, PORTS_ANY, 0);

	(void)state;
	p = reopen(p);
	ports_resume(p, 200);
	assert_false(ports_is_free(p, 0, lost, 229));
	p = reopen(p);
	ports_resume(p, 220); /* not from this start on */
	assert_false(ports_is_free(p, 0, lost, 229));
	assert_true(ports_is_free(p, 0, lost, 230));
	ports_close(p);
}

/* Also what a record gave back that could not claim all of its ports. */
static void the_oldest_rest_ends_first(void **state)
{
	static const uint16_t port[] = { 50004, 50001, 50005, 50000 };
	struct ports *p = make(50000, 50007);

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		assert_true(ports_claim(p, 0, port[i], PORTS_TURN));
		if (i < 3)
			ports_give(p, 0, port[i], 100 + i);
	}
	p = reopen(p);
	assert_true(ports_claim(p, 0, port[3], PORTS_TURN));
	ports_give(p, 0, port[3], 110);
	ports_resume(p, 110);
	assert_int_equal(ports_used(p, 0), 4);
	for (uint32_t i = 0; i < 3; i++) {
		assert_false(ports_is_free(p, 0, port[i], 129 + i));
		assert_true(ports_is_free(p, 0, port[i], 130 + i));
		assert_int_equal(ports_used(p, 0), 3 - i);
	}
	assert_false(ports_is_free(p, 0, port[3], 139));
	assert_true(ports_is_free(p, 0, port[3], 140));
	ports_close(p);
}

/* A port that was one once, and is none now, makes no pair: its word in the file is still there. */
static void a_port_of_an_earlier_range_makes_no_pair(void **state)
{
	struct ports *p = make(50000, 50001);
	uint16_t even = ports_take(p, 0, 0, PORTS_PAIR, 0);

	(void)state;
	assert_int_equal(even, 50000);
	ports_give(p, 0, even, 10);
	ports_give(p, 0, even | 1, 10);
	conf.relay[0].port_min = 50001;
	p = reopen(p);
	ports_resume(p, 1000); /* long over */
	assert_int_equal(ports_take(p, 0, 0, PORTS_ANY, 1000), 50001);
	ports_give(p, 0, 50001, 1000);
	assert_int_equal(ports_take(p, 0, 0, PORTS_PAIR, 1001), 0);
	assert_false(ports_is_free(p, 0, 50001, 1001)); /* nobody's quarantine was ended for it */
	ports_close(p);
}

/* What cannot be given costs nobody his quarantine; what can be is waited for by nobody. */
static void pairs_cut_short_what_makes_a_pair(void **state)
{
	struct ports *p = make(50000, 50015);
	uint16_t pair[4], i;

	(void)state;
	for (i = 0; i < 4; i++)
		assert_int_not_equal(pair[i] = ports_take(p, 0, 0, PORTS_PAIR, 0), 0);
	for (i = 0; i < 4; i++)
		ports_give(p, 0, pair[i], 100 + i); /* the upper halves stay taken */
	assert_int_equal(ports_take(p, 0, 0, PORTS_PAIR, 105), 0);
	assert_int_equal(ports_used(p, 0), 8);
	ports_give(p, 0, pair[2] | 1, 105);
	assert_int_equal(ports_take(p, 0, 0, PORTS_PAIR, 105), pair[2]);
	ports_give(p, 0, pair[1] | 1, 106);
	ports_give(p, 0, pair[3] | 1, 107);
	assert_int_equal(ports_take(p, 0, 0, PORTS_EVEN, 108) & 1, 0);
	ports_close(p);
}

/* Odd ones do not make an even one. */
static void odd_ports_stay_when_even_ones_are_wanted(void **state)
{
	struct ports *p = make(50000, 50007); /* worker 0: 50000, 50001, 50004, 50005 */

	(void)state;
	assert_true(ports_claim(p, 0, 50000, PORTS_TURN));
	assert_true(ports_claim(p, 0, 50004, PORTS_TURN));
	for (uint16_t port = 50001; port <= 50005; port += 4) {
		assert_true(ports_claim(p, 0, port, PORTS_TURN));
		ports_give(p, 0, port, 100);
	}
	assert_int_equal(ports_take(p, 0, 0, PORTS_EVEN, 101), 0);
	assert_int_equal(ports_used(p, 0), 4);
	ports_close(p);
}

/* A full share of rests, ended early one by one. */
static void rests_are_cut_short_in_order(void **state)
{
	struct ports *p = make(50000, 50199);
	uint16_t port[100];

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		assert_int_not_equal(port[i] = ports_take(p, 0, 0, PORTS_ANY, 0), 0);
	for (uint32_t i = 0; i < 100; i++)
		ports_give(p, 0, port[i], 100 + i / 10);
	p = reopen(p);
	ports_resume(p, 111);
	for (uint32_t ten = 0; ten < 10; ten++) {
		uint32_t sum = 0, same = 0;

		for (uint32_t i = 10 * ten; i < 10 * ten + 10; i++) {
			sum += port[i];
			same += ports_take(p, 0, 0, PORTS_ANY, 111);
		}
		assert_int_equal(sum, same); /* of one second, in whatever order */
	}
	ports_close(p);
}

static void workers_and_ranges_may_change(void **state)
{
	struct ports *p = make(50000, 50007);

	(void)state;
	assert_true(ports_claim(p, 0, 50002, PORTS_TURN));
	assert_true(ports_claim(p, 0, 50004, PORTS_TURN));
	ports_give(p, 0, 50002, 100); /* of worker 1 */
	ports_give(p, 0, 50004, 100);
	ports_close(p);
	conf.dataplane.n_workers = 1;
	conf.relay[0].port_max = 50003;
	p = open_at("boot");
	ports_resume(p, 110);
	assert_int_equal(ports_used(p, 0), 1);
	assert_false(ports_is_free(p, 0, 50002, 129));
	assert_true(ports_is_free(p, 0, 50002, 130));
	ports_close(p);
}

static void another_world_knows_of_no_rest(void **state)
{
	struct ports *p = make(50000, 50007);

	(void)state;
	assert_true(ports_claim(p, 0, 50000, PORTS_TURN));
	ports_give(p, 0, 50000, 100);
	ports_close(p);
	p = open_at("another boot"); /* its seconds are not those of the file */
	ports_resume(p, 110);
	assert_int_equal(ports_used(p, 0), 0);
	assert_true(ports_claim(p, 0, 50000, PORTS_TURN));
	ports_close(p);
	conf.relay[0].addr = addr("192.0.2.99", 0).ip;
	p = open_at("another boot");
	ports_resume(p, 110);
	assert_int_equal(ports_used(p, 0), 0);
	ports_close(p);
}

/* A relay in another place of the list has its rests; they go with one that is no more. */
static void rests_follow_their_relay(void **state)
{
	struct ports *p;
	uint16_t port;

	(void)state;
	p = given_and_reopened(&port);
	ports_close(p);
	conf.relay[1] = conf.relay[0];
	conf.n_relay = 2;
	assert_true(ip_parse("192.0.2.98", &conf.relay[0].addr));
	p = open_at("boot");
	assert_null(ports_fresh(p));
	ports_resume(p, 112);
	assert_int_equal(ports_used(p, 0), 0);
	assert_int_equal(ports_used(p, 1), 1);
	assert_false(ports_is_free(p, 1, port, 112));
	ports_close(p);
}

static void a_second_process_is_kept_out(void **state)
{
	struct ports *p = make(50000, 50007);
	char err[256] = "";

	(void)state;
	assert_null(ports_open(&conf, &rnd, "boot", err, sizeof(err)));
	assert_non_null(strstr(err, "in use by another fairlead-cp"));
	ports_close(p);
}

/* ---- killed at any instruction ---- */

struct stepped {
	struct env e;
	struct ctl_relay relay; /* that the client of port 1000 had */
	uint32_t had, none, other;
};

/* The client of port 1000 loses its allocation; another gets one. */
static void child(void *arg)
{
	struct env *e = &((struct stepped *)arg)->e;
	struct table_alloc proto, *a;

	env_start(e, 256);
	a = env_alloc(e, 1000);
	steps_begin();
	proto = *a;
	session_del(&e->s, a, SESSION_END_RELEASED);
	proto.leg.client.port = be16_make(1001);
	proto.relay[RELAY_V4] =
	    ports_take_family(e->s.ports, false, proto.worker, PORTS_ANY, server_now(&e->s));
	session_add(&e->s, &proto);
}

static bool has(struct server *s, uint16_t port)
{
	struct ctl_leg leg = { .client = addr("198.51.100.7", port) };

	return table_find(s->table, &leg) != NULL;
}

/* Whoever comes next does not get its port. */
static void judge(void *arg, const char *copy)
{
	struct stepped *st = arg;
	struct config c = st->e.conf;
	uint32_t now = (uint32_t)(st->e.now_ms / 1000);
	char err[256] = "";
	struct server s;

	snprintf(c.control.state, sizeof(c.control.state), "%s", copy);
	if (!server_open(&s, &c, NULL, st->e.now_ms, 0, err, sizeof(err)))
		fail_msg("%s", err);
	ports_resume(s.ports, now);
	assert_false(ports_is_free(s.ports, st->relay.relay, be16_get(st->relay.port), now));
	st->had += has(&s, 1000);
	st->other += has(&s, 1001);
	st->none += !has(&s, 1000) && !has(&s, 1001);
	server_close(&s);
}

static void killed_at_any_instruction(void **state)
{
	static struct stepped st;
	struct sock_addr relayed;

	(void)state;
	env_open(&st.e);
	st.e.conf.n_relay = 1;
	st.e.conf.turn.allocations_max = 4;
	env_start(&st.e, 256);
	ask_allocate(&st.e, 1000, &relayed);
	st.relay = env_alloc(&st.e, 1000)->relay[RELAY_V4];
	env_stop(&st.e);
	steps_run(st.e.conf.control.state, ".ports", child, judge, &st);
	env_close(&st.e);
	/* It was seen at work and to the end. */
	assert_int_not_equal(st.had, 0);
	assert_int_not_equal(st.none, 0);
	assert_int_not_equal(st.other, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_port_of_the_share_once),
		T(every_number_of_workers),
		T(a_relay_s_worker_has_all_its_ports),
		T(a_realm_s_ports_are_the_worker_s),
		T(the_last_pairs_are_for_urgent_calls),
		T(the_last_urgent_pairs_are_for_who_has_few),
		T(no_half_of_the_last_pairs),
		T(even_ports_and_pairs),
		T(a_port_rests),
		T(a_rested_port_is_drawn_again),
		T(claims_exclude),
		T(ports_are_scattered),
		T(relays_of_a_family_share_the_load),
		T(a_rest_outlives_the_process),
		T(a_rest_ends_when_it_would_have),
		T(version_1_is_carried_over),
		T(what_records_claim_does_not_rest),
		T(what_is_claimed_late_stays_claimed),
		T(what_nobody_claims_rests_from_the_start_on),
		T(the_oldest_rest_ends_first),
		T(pairs_cut_short_what_makes_a_pair),
		T(a_port_of_an_earlier_range_makes_no_pair),
		T(odd_ports_stay_when_even_ones_are_wanted),
		T(rests_are_cut_short_in_order),
		T(workers_and_ranges_may_change),
		T(another_world_knows_of_no_rest),
		T(rests_follow_their_relay),
		T(a_second_process_is_kept_out),
		cmocka_unit_test(killed_at_any_instruction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
