/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is wrong is told in words, and counted: no dataplane, a worker that makes no turn, a port
 * without a device or a link, a certificate that has ended, is near its end, or was not read again.
 * A new dataplane is not blamed for the last one's workers, nor for a nap.
 */
#include "cp/admin/health.h"
#include "tests/world/cp_env.h"

#include <stdio.h>

enum { DAY = 86400 };

static struct ctl_port_info *port(struct env *e, uint32_t i)
{
	return (struct ctl_port_info *)(e->dp.base + e->dp.region->port_info) + i;
}

static struct ctl_cert_info *cert(struct env *e)
{
	return (struct ctl_cert_info *)(e->dp.base + e->dp.region->cert_info);
}

#define SERVICE_HUNG (UINT64_C(1) << 63) /* no worker of these tests has that number */

/* A worker turns, except those in the mask; and so does the service thread. */
static void second(struct env *e, uint64_t hung)
{
	for (uint32_t w = 0; w < e->conf.dataplane.n_workers; w++) {
		struct ctl_counters *c =
		    (struct ctl_counters *)(e->dp.base + e->dp.region->worker[w].counters);

		if (!(hung >> w & 1))
			atomic_fetch_add(&c->stage[STAGE_IDLE].cycles, 1000);
	}
	if (!(hung & SERVICE_HUNG))
		atomic_fetch_add(&e->dp.region->service_turns, 1);
	env_advance(e, 1000);
	env_poll(e);
}

/* All is well: links are up, a certificate has a month left. */
static int health_setup(void **state)
{
	struct env *e;

	if (env_setup(state))
		return -1;
	e = *state;
	snprintf(e->conf.certificate[0].chain, sizeof(e->conf.certificate[0].chain), "a.pem");
	e->conf.n_certificate = 1;
	e->conf.listener[1].transport = TRANSPORT_TLS;
	env_start(e, 256);
	for (uint32_t i = 0; i < e->conf.n_port; i++) {
		port(e, i)->link_up = 1;
		snprintf(port(e, i)->name, sizeof(port(e, i)->name), "p%u", i);
	}
	cert(e)->loaded = 1;
	cert(e)->not_after = e->s.wall + 30 * DAY + 5;
	return 0;
}

/* The sentences, each with its severity, lines of one text; and the metric's two numbers. */
static void expect(struct env *e, const char *want, uint64_t errors, uint64_t warnings)
{
	const struct health_count n = health_count(&e->s);
	json_t *list = health_json(&e->s), *p;
	char got[2048] = "";
	size_t i, used = 0;

	json_array_foreach(list, i, p) used +=
	    (size_t)snprintf(got + used, sizeof(got) - used, "%s: %s\n",
			     json_string_value(json_object_get(p, "severity")),
			     json_string_value(json_object_get(p, "what")));
	assert_string_equal(got, want);
	assert_int_equal(n.errors, errors);
	assert_int_equal(n.warnings, warnings);
	json_decref(list);
}

static void test_good(void **state)
{
	struct env *e = *state;

	expect(e, "", 0, 0);
	for (int i = 0; i < 10; i++)
		second(e, 0);
	expect(e, "", 0, 0);
}

static void test_worker(void **state)
{
	struct env *e = *state;

	second(e, 0);
	for (int i = 1; i < HEARTBEAT_STILL_S; i++)
		second(e, 1u << 1);
	expect(e, "", 0, 0);
	second(e, 1u << 1);
	expect(e, "error: worker 1 has made no turn for 3 s\n", 1, 0);
	second(e, 0);
	expect(e, "", 0, 0);
}

static void test_service(void **state)
{
	struct env *e = *state;

	second(e, 0);
	for (int i = 1; i < HEARTBEAT_SERVICE_STILL_S; i++)
		second(e, SERVICE_HUNG);
	expect(e, "", 0, 0);
	second(e, SERVICE_HUNG | 1u << 1);
	expect(e,
	       "error: the service thread of fairlead-dp has made no turn for 10 s: ports, "
	       "certificates and reloads are not looked after; its log says what it did last\n",
	       1, 0);
	second(e, 0);
	expect(e, "", 0, 0);
	for (int i = 0; i < HEARTBEAT_SERVICE_STILL_S; i++)
		second(e, SERVICE_HUNG);
	dplink_detach(e->s.link);
	second(e, SERVICE_HUNG); /* of one that is not there nothing is said */
	expect(e, "error: no dataplane is attached: nothing is relayed\n", 1, 0);
}

/* Those of our own ports, which the dataplane knows nothing of. */
static void test_own_certificates(void **state)
{
	struct env *e = *state;
	struct cert_life *own = e->s.own_cert;

	snprintf(e->conf.management.certificate, sizeof(e->conf.management.certificate), "m.pem");
	snprintf(e->conf.control.metrics_certificate, sizeof(e->conf.control.metrics_certificate),
		 "x.pem");
	own[OWN_CERT_MANAGEMENT] = (struct cert_life){ 0, e->s.wall + 30 * DAY + 5 };
	expect(e, "", 0, 0);
	own[OWN_CERT_MANAGEMENT].not_after = e->s.wall + 3 * DAY + 5;
	own[OWN_CERT_METRICS] = (struct cert_life){ 0, e->s.wall - 1 };
	expect(e, "error: certificate x.pem has ended\nwarn: certificate m.pem ends in 3 days\n", 1,
	       1);
	own[OWN_CERT_METRICS] = (struct cert_life){ e->s.wall + 9, e->s.wall + 30 * DAY };
	own[OWN_CERT_MANAGEMENT] = (struct cert_life){ 0 };
	expect(e, "error: certificate x.pem is not valid yet\n", 1, 0);
}

/* Looks come more often than once a second; only seconds count. */
static void test_worker_often(void **state)
{
	struct env *e = *state;

	second(e, 0);
	for (int i = 0; i < 20; i++) {
		env_advance(e, 100);
		env_poll(e);
	}
	expect(e, "", 0, 0);
}

static void test_new_dataplane(void **state)
{
	struct env *e = *state;

	for (int i = 0; i < 5; i++)
		second(e, ~0u);
	assert_true(health_count(&e->s).errors >= 1);
	e->dp.region->generation++;
	env_poll(e);
	expect(e, "", 0, 0);
}

static void test_none(void **state)
{
	struct env *e = *state;

	dplink_detach(e->s.link);
	expect(e, "error: no dataplane is attached: nothing is relayed\n", 1, 0);
}

static void test_port(void **state)
{
	struct env *e = *state;

	port(e, 0)->link_up = 0;
	expect(
	    e,
	    "error: port p0: the link is down: look at its cable, and at the port of the switch\n",
	    1, 0);
	port(e, 0)->out = 1; /* why, rather than what follows */
	expect(e,
	       "error: port p0: its device is away, or being opened anew: if it stays so, "
	       "fairlead-dp's log says what it waits for\n",
	       1, 0);
	port(e, 0)->shares = 2; /* a VLAN, whose device's port says so */
	expect(e, "", 0, 0);
}

static void test_certificate(void **state)
{
	struct env *e = *state;
	struct ctl_cert_info *c = cert(e);

	c->not_after = e->s.wall + HEALTH_CERT_DAYS * DAY;
	expect(e, "", 0, 0);
	c->not_after--;
	expect(e, "warn: certificate a.pem ends in 13 days\n", 0, 1);
	snprintf(c->error, sizeof(c->error), "no such file");
	port(e, 0)->link_up = 0;
	expect(
	    e,
	    "error: port p0: the link is down: look at its cable, and at the port of the switch\n"
	    "warn: certificate a.pem ends in 13 days\n"
	    "warn: certificate a.pem could not be read again, an older one is in force: no such "
	    "file\n",
	    1, 2);
	port(e, 0)->link_up = 1;
	c->error[0] = '\0';
	c->not_after = e->s.wall;
	expect(e, "warn: certificate a.pem ends in 0 days\n", 0, 1);
	c->not_after--;
	expect(e, "error: certificate a.pem has ended\n", 1, 0);
	c->not_after = e->s.wall + 30 * DAY;
	c->not_before = e->s.wall + 1;
	expect(e, "error: certificate a.pem is not valid yet\n", 1, 0);
	c->loaded = 0;
	expect(e, "error: certificate a.pem is not loaded\n", 1, 0);
}

/* One that nobody uses is not loaded, and nothing is wrong with that. */
static void test_certificate_unused(void **state)
{
	struct env *e = *state;

	cert(e)->loaded = 0;
	expect(e, "error: certificate a.pem is not loaded\n", 1, 0);
	e->conf.listener[1].transport = TRANSPORT_TCP;
	expect(e, "", 0, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, health_setup, env_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_good),
		T(test_worker),
		T(test_service),
		T(test_worker_often),
		T(test_new_dataplane),
		T(test_none),
		T(test_port),
		T(test_certificate),
		T(test_certificate_unused),
		T(test_own_certificates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
