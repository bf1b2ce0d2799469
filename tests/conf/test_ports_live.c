/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ports at a reload (conf/vlan.h, conf/kept.h): a further VLAN of a device that has one is added,
 * removed and given another tag live, and all of its keys say so; it keeps its place while others
 * come and go, whatever the order of the file, and has it again when it comes back. Devices, the
 * first port of each, and what a device was not opened for wait for a restart with their reason,
 * and what else is in the file is taken. Two of one tag, more than there are places, and a name
 * that was another device's are refused. Both processes agree on ports whatever places they have.
 */
#include "tests/world/unit.h"
#include "conf/kept.h"
#include "conf/schema.h"
#include "conf/vlan.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ERR_MAX = 512, CHANGES_MAX = 64 };

#define ACCESS "  - {name: access, device: net_null0, addresses: [10.1.0.1/24]}\n"
#define CORE "  - {name: core, device: net_null1, addresses: [10.2.0.1/24]}\n"
#define VLAN(name, tag, net, more) \
	"  - {name: " name ", device: net_null0, vlan: " tag ", addresses: [" net "]" more "}\n"
#define OFFICE VLAN("office", "6", "10.6.0.1/24", "")
#define LAB VLAN("lab", "7", "10.7.0.1/24", ", routes: [{to: 10.77.0.0/16, via: 10.7.0.2}]")

static char path[] = "/tmp/fairlead-test-XXXXXX";
static char err[ERR_MAX];
static struct config *runs;
static struct config_waits held;

static struct config *load(const char *ports)
{
	FILE *f = fopen(path, "w");
	struct config *c;

	assert_non_null(f);
	fprintf(f,
		"dataplane: {workers: [0], main-cpu: 1}\nports:\n%slisteners:\n"
		"  - {address: 10.1.0.1}\nrelays:\n  - {address: 10.1.0.1}\n"
		"turn: {realm: example.org}\n",
		ports);
	assert_int_equal(fclose(f), 0);
	c = config_load(path, err, sizeof(err));
	if (!c)
		fail_msg("%s", err);
	return c;
}

static int setup(void **state)
{
	int fd;

	(void)state;
	strcpy(path + sizeof(path) - 7, "XXXXXX");
	fd = mkstemp(path);
	assert_return_code(fd, 0);
	close(fd);
	runs = load(ACCESS CORE OFFICE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	config_free(runs);
	return unlink(path);
}

/* What ran is no more. */
static void reload(const char *ports)
{
	struct config *fresh = load(ports), *c = config_merge(runs, fresh, &held, err, sizeof(err));

	if (!c)
		fail_msg("%s", err);
	config_free(fresh);
	config_free(runs);
	runs = c;
}

static void refused(const char *ports, const char *why)
{
	struct config *fresh = load(ports), *c = config_merge(runs, fresh, &held, err, sizeof(err));

	assert_null(c);
	if (!strstr(err, why))
		fail_msg("not '%s': %s", why, err);
	config_free(fresh);
}

/* "name:vlan" of those that are there, by place; "-" of one that is gone. */
static void expect_ports(const char *want)
{
	char text[512] = "";
	int n = 0;

	for (uint16_t i = 0; i < runs->n_port; i++) {
		const struct config_port *p = &runs->port[i];

		if (port_is_there(runs, i))
			n += snprintf(text + n, sizeof(text) - (size_t)n, "%s%s:%u", n ? " " : "",
				      p->name, p->vlan);
		else
			n += snprintf(text + n, sizeof(text) - (size_t)n, "%s-", n ? " " : "");
		if (p->gone)
			assert_int_equal(p->n_addr + p->n_route, 0);
	}
	assert_string_equal(text, want);
}

struct seen {
	unsigned live, waits;
	char why[256], first[64];
};

static void note(void *arg, const struct config_change *c)
{
	struct seen *s = arg;

	if (c->applied == APPLIED_BOTH) {
		assert_null(c->why);
		s->live++;
		return;
	}
	assert_int_equal(c->applied, APPLIED_DP);
	assert_non_null(c->why);
	if (!s->waits++) {
		snprintf(s->why, sizeof(s->why), "%s", c->why);
		snprintf(s->first, sizeof(s->first), "%s", c->key);
	}
}

/* What a diff with a file says, of which nothing is taken. */
static struct seen compare(const char *ports)
{
	struct config *fresh = load(ports);
	struct seen s = { 0 };

	config_compare(runs, fresh, NULL, note, &s);
	config_free(fresh);
	return s;
}

static void all_live(const char *ports)
{
	const struct seen s = compare(ports);

	assert_int_equal(s.waits, 0);
	assert_true(s.live > 0);
}

static void nothing_differs(const char *ports)
{
	const struct seen s = compare(ports);

	assert_int_equal(s.waits + s.live, 0);
}

static void comes_goes_and_changes(void **state)
{
	(void)state;
	expect_ports("access:0 core:0 office:6");
	all_live(ACCESS CORE OFFICE LAB);
	reload(ACCESS CORE OFFICE LAB);
	expect_ports("access:0 core:0 office:6 lab:7");
	assert_int_equal(runs->port[3].shares, 1);
	assert_int_equal(runs->port[3].n_route, 1);
	nothing_differs(LAB ACCESS OFFICE CORE);
	all_live(ACCESS CORE LAB);
	reload(ACCESS CORE LAB);
	expect_ports("access:0 core:0 - lab:7");
	all_live(ACCESS CORE OFFICE LAB);
	all_live(ACCESS CORE VLAN("lab", "8", "10.7.0.1/24", ""));
	reload(ACCESS CORE VLAN("lab", "8", "10.7.0.1/24", ""));
	expect_ports("access:0 core:0 - - lab:8");
	nothing_differs(ACCESS CORE VLAN("lab", "8", "10.7.0.1/24", ""));
	/* Back at the places they had, in another order of the file. */
	reload(LAB OFFICE CORE ACCESS);
	expect_ports("access:0 core:0 office:6 lab:7 -");
	assert_int_equal(runs->port[0].shares, 0);
	assert_int_equal(runs->port[3].shares, 1);
	/* Another name for the same tag, and another MTU, is another port. */
	reload(ACCESS CORE VLAN("attic", "7", "10.7.0.1/24", ""));
	expect_ports("access:0 core:0 - - - attic:7");
	reload(ACCESS CORE VLAN("attic", "7", "10.7.0.1/24", ", mtu: 1400"));
	expect_ports("access:0 core:0 - - - - attic:7");
	assert_int_equal(runs->port[6].mtu, 1400);
}

/* What else is in the file is taken, and the port is told with why. */
static void waits(const char *ports, const char *why, const char *want)
{
	const struct seen s = compare(ports);

	assert_true(s.waits > 0);
	if (!strstr(s.why, why))
		fail_msg("not '%s': %s", why, s.why);
	reload(ports);
	expect_ports(want);
}

static void waits_for_a_restart(void **state)
{
	static const char as_ever[] = "access:0 core:0 office:6";

	(void)state;
	waits(ACCESS CORE OFFICE
	      "  - {name: x, device: net_null1, vlan: 7, addresses: [10.7.0.1/24]}\n",
	      "the device was opened for frames without a tag", as_ever);
	waits(ACCESS CORE OFFICE
	      "  - {name: x, device: net_null2, vlan: 7, addresses: [10.7.0.1/24]}\n",
	      "each device has its queues and tables", as_ever);
	waits(ACCESS CORE OFFICE VLAN("x", "7", "10.7.0.1/24", ", mtu: 1501"),
	      "the device was opened for packets that are no longer", as_ever);
	waits(ACCESS OFFICE, "the first port of its device", as_ever);
	/* The first of a device has its tag, and its name, until the end. */
	waits("  - {name: access, device: net_null0, vlan: 9, addresses: [10.1.0.1/24]}\n" CORE
		  OFFICE,
	      "a device is set up once", as_ever);
	waits("  - {name: other, device: net_null0, addresses: [10.1.0.1/24]}\n" CORE OFFICE,
	      "a device is set up once", as_ever);
	/* With one that need not wait. */
	waits(ACCESS CORE LAB
	      "  - {name: x, device: net_null2, vlan: 7, addresses: [10.9.0.1/24]}\n",
	      "each device has its queues and tables", "access:0 core:0 - lab:7");
}

static void is_refused(void **state)
{
	char many[4096] = ACCESS CORE OFFICE;
	int n = (int)strlen(many);

	(void)state;
	for (int i = 0; i < CTL_PORTS_MAX - 3; i++)
		n += snprintf(many + n, sizeof(many) - (size_t)n,
			      "  - {name: v%d, device: net_null0, vlan: %d, addresses: "
			      "[10.20.%d.1/24]}\n",
			      i, 20 + i, i);
	reload(many);
	assert_int_equal(runs->n_port, CTL_PORTS_MAX);
	refused(ACCESS CORE OFFICE LAB,
		"ports[3]: there were 16 others already: it is added by a restart of both");
	reload(ACCESS CORE OFFICE);
	expect_ports("access:0 core:0 office:6 - - - - - - - - - - - - -");
	/* Back, as it was. */
	reload(ACCESS CORE OFFICE VLAN("v4", "24", "10.20.4.1/24", ""));
	assert_true(port_is_there(runs, 7));
}

static void keeps_its_device(void **state)
{
#define X "  - {name: x, device: net_null1, vlan: 5, addresses: [10.9.0.1/24]}\n"
	(void)state;
	config_free(runs);
	runs = load(ACCESS CORE OFFICE X);
	reload(ACCESS CORE X);
	refused(ACCESS CORE X
		"  - {name: office, device: net_null1, vlan: 6, addresses: [10.6.0.1/24]}\n",
		"office with vlan 6 was a port of net_null0, and keeps its device");
	reload(ACCESS CORE X
	       "  - {name: office2, device: net_null1, vlan: 6, addresses: [10.6.0.1/24]}\n");
	expect_ports("access:0 core:0 - x:5 office2:6");
	assert_int_equal(runs->port[4].shares, 2);
}

static void both_agree(void **state)
{
	struct config *fresh;

	(void)state;
	reload(ACCESS CORE OFFICE LAB);
	reload(ACCESS CORE LAB);
	fresh = load(LAB CORE ACCESS);
	assert_int_equal(config_digest(runs), config_digest(fresh));
	config_free(fresh);
	/* Others come and go while both run, so that they may differ for a while. */
	fresh = load(ACCESS CORE OFFICE);
	assert_int_equal(config_digest(runs), config_digest(fresh));
	assert_true(config_both_differ(runs, fresh));
	config_free(fresh);
	fresh = load("  - {name: access, device: net_null3, addresses: [10.1.0.1/24]}\n" CORE);
	assert_int_not_equal(config_digest(runs), config_digest(fresh));
	config_free(fresh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(comes_goes_and_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(waits_for_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(keeps_its_device, setup, teardown),
		cmocka_unit_test_setup_teardown(both_agree, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
