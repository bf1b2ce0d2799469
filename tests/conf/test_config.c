/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration file (conf/): what is left out takes its default, and whatever is wrong, the
 * message is one sentence with file, line and key. Memory is bounded by these limits (R73), so none
 * may be read wrongly.
 */
#include "tests/world/unit.h"
#include "conf/config.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define UUID "635a7ae3-091e-4410-ae59-667c4f8c04ee"

static const char base[] = "dataplane:\n"				  /* 1 */
			   "  workers: [2, 3]\n"			  /* 2 */
			   "ports:\n"					  /* 3 */
			   "  - name: access\n"				  /* 4 */
			   "    device: net_null0\n"			  /* 5 */
			   "    mtu: 1500\n"				  /* 6 */
			   "    addresses: [10.1.0.1/24, fd00:1::1/64]\n" /* 7 */
			   "    gateways: [10.1.0.9]\n"			  /* 8 */
			   "    routes:\n"				  /* 9 */
			   "      - {to: 192.0.2.0/24, via: 10.1.0.8}\n"  /* 10 */
			   "  - name: core\n"				  /* 11 */
			   "    device: net_null1\n"			  /* 12 */
			   "    addresses: [10.2.0.1/24]\n"		  /* 13 */
			   "listeners:\n"				  /* 14 */
			   "  - address: 10.1.0.1\n"			  /* 15 */
			   "  - address: fd00:1::1\n"			  /* 16 */
			   "    port: 3479\n"				  /* 17 */
			   "relays:\n"					  /* 18 */
			   "  - address: 10.2.0.1\n"			  /* 19 */
			   "    port-min: 50000\n"			  /* 20 */
			   "turn:\n"					  /* 21 */
			   "  realm: example.org\n"			  /* 22 */
			   "auth:\n"					  /* 23 */
			   "  rest-secrets: [one, two]\n";		  /* 24 */

/* A file with this text in it. */
static const char *write_file(const char *text)
{
	static char path[64];
	FILE *f;
	int fd;

	snprintf(path, sizeof(path), "/tmp/fairlead-test-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	f = fdopen(fd, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

/* from with the first occurrence of find replaced. */
static const char *edit_of(const char *from, const char *find, const char *replace)
{
	static char text[8192];
	const char *at = strstr(from, find);

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - from), from, replace,
		 at + strlen(find));
	return text;
}

static const char *edit(const char *find, const char *replace)
{
	return edit_of(base, find, replace);
}

static struct config *load(const char *text, char *err, size_t errlen)
{
	const char *path = write_file(text);
	struct config *c = config_load(path, err, errlen);

	unlink(path);
	return c;
}

static const struct {
	const char *find, *replace, *expect;
} wrong[] = {
	/* shape of the file */
	{ "turn:", "turn: [", ":23: this is not YAML: did not find expected ',' or ']'" },
	{ "turn:\n", "---\nturn:\n", ":1: turn.realm: is missing" },
	{ "auth:\n", "turn:\n", ":23: turn: is given already, in line 21" },
	{ "    mtu: 1500\n", "    mtu: 1500\n    mtu: 1500\n",
	  ":7: ports[0].mtu: is given already, in line 6" },
	{ "mtu", "mut", ":6: ports[0].mut: no such key: did you mean mtu?" },
	{ "auth:", "oauth:", ":23: oauth: no such key: did you mean auth?" },
	{ "to: 192.0.2.0/24", "fro: 192.0.2.0/24", ":10: ports[0].routes[0].fro: no such key" },
	{ "  realm: example.org\n", "", ":21: turn: must be a map of keys" },
	{ "realm: example.org", "software: x", ":22: turn.realm: is missing" },
	{ "    device: net_null1\n", "", ":11: ports[1].device: is missing" },
	{ "[10.2.0.1/24]", "[]",
	  ":13: ports[1].addresses: has 0 entries, and 1 to 64 are possible" },
	{ "[one, two]", "[a, b, c, d, e, f, g, h, i]",
	  ":24: auth.rest-secrets: has 9 entries, and 0 to 8 are possible" },
	{ "[2, 3]", "2", ":2: dataplane.workers: must be a list" },
	{ "example.org", "[a]", ":22: turn.realm: must be a single value" },

	/* single values */
	{ "1500", "90", ":6: ports[0].mtu: 90 is out of range 576..9600" },
	{ "1500", "18446744073709553116",
	  ":6: ports[0].mtu: 18446744073709553116 is out of range 576..9600" },
	{ "1500", "-1", ":6: ports[0].mtu: -1 must be a whole number" },
	{ "1500", "1500x", ":6: ports[0].mtu: 1500x must be a whole number" },
	{ "1500", "\"1500\"", ":6: ports[0].mtu: must be a number, not a string" },
	{ "1500", "", ":6: ports[0].mtu: must be a whole number" },
	{ "3479", "0", ":17: listeners[1].port: 0 is out of range 1..65535" },
	{ "10.2.0.1/24", "10.2.0/24",
	  ":13: ports[1].addresses[0]: 10.2.0/24 is not an IPv4 or IPv6 address with a "
	  "length, such as 10.1.0.1/24" },
	{ "10.1.0.9", "10.1.0.256",
	  ":8: ports[0].gateways[0]: 10.1.0.256 is not an IPv4 or IPv6 address" },
	{ "workers:", "idle: nap\n  workers:",
	  ":2: dataplane.idle: nap must be one of sleep, poll" },
	{ "workers:", "ring-slots: 1000\n  workers:",
	  ":2: dataplane.ring-slots: 1000 must be a power of two" },
	{ "rest-secrets:", "md5: yes\n  rest-secrets:",
	  ":24: auth.md5: yes must be true or false" },
	{ "name: core", "name: a-name-that-is-longer-than-31-bytes",
	  ":11: ports[1].name: a-name-that-is-longer-than-31-bytes must be 1 to 31 bytes long" },
	{ "example.org", "\"a\\nb\"", ":22: turn.realm: holds a control character" },
	{ "one", "\"\\e\"", ":24: auth.rest-secrets[0]: holds a control character" },

	{ "workers:", "eal: [--vfio-intr=msix, --iova-mode=pa]\n  workers:", NULL },
	{ "workers:", "eal: [--vfio-intr=msix, --vdev=net_null2]\n  workers:",
	  ":2: dataplane.eal[1]: --vdev is not passed on: devices are ports[].device, opened one "
	  "by "
	  "one" },
	{ "workers:", "log-levels: ['pmd.net.ice:loud']\n  workers:",
	  ":2: dataplane.log-levels[0]: 'pmd.net.ice:loud' is no COMPONENT:LEVEL such as "
	  "pmd.net.ice:debug; levels are emergency, alert, critical, error, warning, notice, info "
	  "and debug" },

	/* values that contradict each other */
	{ "[2, 3]", "[2, 2]", ":2: dataplane.workers[1]: CPU 2 has a worker already, in line 2" },
	{ "workers:", "main-cpu: 3\n  workers:", NULL },
	{ "workers:", "main-cpu: 3\n  idle: poll\n  workers:",
	  ":2: dataplane.main-cpu: CPU 3 has a worker that polls, in line 4" },
	{ "name: core", "name: access",
	  ":11: ports[1].name: access is the port in line 4 already" },
	{ "net_null1", "net_null0",
	  ":12: ports[1].device: net_null0 is used already, in line 5: ports of one device differ "
	  "by their vlan" },
	{ "net_null1", "vdev:net_null0\n    vlan: 7", NULL },
	{ "net_null1", "'net_null0,size=64'",
	  ":12: ports[1].device: net_null0,size=64 has other arguments in line 5: ports of one "
	  "device give the same" },
	{ "net_null1",
	  "net_bonding0\n    bond: lacp\n    members: ['01:00.0', 'net_null2,size=64']", NULL },
	{ "net_null1", "net_bonding0",
	  ":12: ports[1].device: net_bonding0 is a bond: bond must be active-backup or lacp" },
	{ "net_null1", "net_bonding0\n    bond: lacp",
	  ":13: ports[1].bond: members must name the devices of the bond" },
	{ "net_null1", "'net_bonding0,mode=4'\n    bond: lacp\n    members: [net_null2]",
	  ":12: ports[1].device: net_bonding0,mode=4 is no name of a bond, which is net_bonding "
	  "and "
	  "a number, without arguments: bond and members say the rest" },
	{ "net_null1", "net_null1\n    members: [net_null2]",
	  ":12: ports[1].device: net_null1 is no name of a bond, which is net_bonding and a "
	  "number, "
	  "without arguments: bond and members say the rest" },
	{ "net_null1",
	  "'vmbus:" UUID ",vf=01:00.0'\n    addresses: [10.9.0.1/24]\n  - name: third\n"
	  "    device: '0000:01:00.0'",
	  ":15: ports[2].device: 0000:01:00.0: a VF is its vmbus device's alone, and this one is "
	  "used already, in line 12" },
	{ "net_null1",
	  "'vmbus:" UUID ",vf=01:00.0'\n    addresses: [10.9.0.1/24]\n  - name: third\n"
	  "    device: '0000:01:00.1'",
	  NULL },
	{ "net_null1", "net_bonding0\n    bond: lacp\n    members: ['01:00.0', '0000:01:00.0']",
	  ":14: ports[1].members[1]: 0000:01:00.0 is used already, in line 14" },
	{ "net_null1", "net_bonding0\n    bond: active-backup\n    members: [net_null0]",
	  ":14: ports[1].members[0]: net_null0 is used already, in line 5" },
	{ "net_null1", "net_bonding0\n    bond: active-backup\n    members: [net_bonding1]",
	  ":14: ports[1].members[0]: net_bonding1 is a bond, which cannot be a member of a bond" },
	{ "net_null1", "net_bonding0\n    bond: active-backup\n    members: ['tap:fl0']",
	  ":14: ports[1].members[0]: tap:fl0 is a TAP, which cannot be a member of a bond" },
	{ "net_null1", "'01:00.0,dv_flow_en=2'", NULL },
	{ "net_null1", "'0000:01:00'",
	  ":12: ports[1].device: '0000:01:00' is no PCI address: bus:device.function, as in "
	  "01:00.0" },
	{ "10.2.0.1/24", "10.2.0.1",
	  ":13: ports[1].addresses[0]: 10.2.0.1 is not an IPv4 or IPv6 address with a "
	  "length, such as 10.1.0.1/24" },
	{ "10.2.0.1/24", "10.2.0.1/32", NULL },
	{ "10.2.0.1/24", "10.1.0.1/16",
	  ":13: ports[1].addresses[0]: 10.1.0.1 is used already, in line 7" },
	{ "10.2.0.1/24", "127.0.0.1/8",
	  ":13: ports[1].addresses[0]: 127.0.0.1 is a loopback address" },
	{ "1500", "1279", ":6: ports[0].mtu: 1279 is too small for IPv6, which needs 1280" },
	{ "10.1.0.9", "10.9.0.9",
	  ":8: ports[0].gateways[0]: 10.9.0.9 is no neighbour on port access" },
	{ "10.1.0.9", "10.1.0.1",
	  ":8: ports[0].gateways[0]: 10.1.0.1 is no neighbour on port access" },
	{ "10.1.0.9", "\"fe80::1\"", NULL }, /* on the link of every port */
	{ "via: 10.1.0.8", "via: \"fd00:1::8\"",
	  ":10: ports[0].routes[0].via: fd00:1::8 is of another family than its destination" },
	{ "192.0.2.0/24", "0.0.0.0/0", NULL }, /* a second gateway */
	{ "[10.1.0.9]", "[10.1.0.9, 10.1.0.8, 10.1.0.9]",
	  ":8: ports[0].gateways[2]: port access has that route already, in line 8" },
	{ "address: 10.1.0.1", "address: 10.1.0.2",
	  ":15: listeners[0].address: 10.1.0.2 is the address of no port" },
	{ "fd00:1::1\n    port: 3479", "10.1.0.1",
	  ":16: listeners[1].address: 10.1.0.1:3478 is the listener in line 15 already" },
	{ "port: 3479", "transport: tcp", NULL },
	{ "port: 3479", "transport: tls",
	  ":16: listeners[1].domain: default is the name of no domain in tls-domains" },
	{ "address: 10.2.0.1", "address: 10.2.0.2",
	  ":19: relays[0].address: 10.2.0.2 is the address of no port" },
	{ "port-min: 50000", "port-min: 50000\n    port-max: 49999",
	  ":20: relays[0].port-min: 50000 is more than port-max, 49999" },
	{ "port-min: 50000", "port-min: 65535",
	  ":19: relays[0].port-max: 65535 is too near to port-min for 2 workers: each "
	  "needs a pair of ports (an even one and the next)" },
	/* worker 1 has a half of a pair at either end, which is good for no EVEN-PORT */
	{ "port-min: 50000", "port-min: 50001\n    port-max: 50004",
	  ":21: relays[0].port-max: 50004 is too near to port-min for 2 workers: each "
	  "needs a pair of ports (an even one and the next)" },
	{ "port-min: 50000", "port-min: 50001\n    port-max: 50006", NULL },
	{ "port-min: 50000", "worker: 0\n  - {address: 10.1.0.1, worker: 1}", NULL },
	{ "port-min: 50000", "worker: 0\n  - {address: 10.1.0.1, port-min: 50001, port-max: 50004}",
	  ":21: relays[1].port-max: 50004 is too near to port-min for 2 workers: each "
	  "needs a pair of ports (an even one and the next)" },
	{ "port-min: 50000", "worker: 0\n  - {address: 10.1.0.1, worker: 1, port-min: 65535}",
	  ":21: relays[1].port-max: 65535 is too near to port-min for 1 worker: each "
	  "needs a pair of ports (an even one and the next)" },
	{ "port-min: 50000", "worker: 2",
	  ":20: relays[0].worker: 2 is no worker: there are 2, from 0 on" },
	{ "port-min: 50000", "worker: 1x",
	  ":20: relays[0].worker: 1x is no worker: there are 2, from 0 on" },
	{ "port-min: 50000", "worker: 1\n  - {address: 10.1.0.1, worker: 1}",
	  ":20: relays[0].worker: worker 0 has no IPv4 relay for TURN" },
	{ "port-min: 50000", "worker: 0\n  - {address: \"fd00:1::1\", worker: 1}",
	  ":20: relays[0].worker: worker 1 has no IPv4 relay for TURN" },
	{ "port-min: 50000", "port-min: 50000\n  - {address: 10.2.0.1, port-max: 50000}",
	  ":21: relays[1].address: 10.2.0.1 is the relay in line 19 already" },
	{ "address: 10.2.0.1\n    port-min: 50000", "address: 10.1.0.1\n    port-min: 3000",
	  ":19: relays[0].address: port 3478 of 10.1.0.1 is the listener in line 15" },
	/* two ports of 1024 + 1024 descriptors, 8 * 512 fragments, 8192 of TCP, 2048 packets that
	   wait */
	{ "workers:", "mbufs: 18433\n  workers:", NULL },
	{ "workers:", "mbufs: 18432\n  workers:",
	  ":2: dataplane.mbufs: 18432 are too few, 18433 are needed: for descriptors, 4096 "
	  "fragments "
	  "(8 a packet), 8192 of TCP, and 2048 packets that wait for neighbours" },
	{ "workers:", "fragments: 2303\n  workers:", NULL },
	{ "workers:", "fragments: 2304\n  workers:",
	  ":2: dataplane.mbufs: 32768 are too few, 32769 are needed: for descriptors, 18432 "
	  "fragments "
	  "(8 a packet), 8192 of TCP, and 2048 packets that wait for neighbours" },
	{ "realm:", "permissions-per-allocation: 1025\n  realm:",
	  ":22: turn.permissions-per-allocation: 1025 is out of range 1..1024" },
	{ "realm:", "channels-per-allocation: 1025\n  realm:",
	  ":22: turn.channels-per-allocation: 1025 is out of range 0..1024" },
	{ "realm:", "allocations-max: 32769\n  realm:",
	  ":22: turn.allocations-max: 32769 is more than the 32768 sessions of 2 workers" },
	{ "realm:", "lifetime-default: 3601\n  realm:",
	  ":22: turn.lifetime-default: 3601 is more than lifetime-max, 3600" },
	{ "rest-secrets:", "md5: false\n  sha256: false\n  rest-secrets:",
	  ":25: auth.sha256: md5 and sha256 are both off: nobody could log in" },
	{ "auth:", "control:\n  roles: [{user: bob, group: staff, may: look}]\nauth:",
	  ":24: control.roles[0].may: names a user and a group: give it a user or a group" },
	{ "auth:", "control:\n  roles: [{may: look}]\nauth:",
	  ":24: control.roles[0].may: names nobody: give it a user or a group" },
	{ "auth:", "control:\n  roles: [{user: bob, may: rule}]\nauth:",
	  ":24: control.roles[0].may: rule must be one of look, operate, administer" },
	{ "rest-secrets:", "rest-secret-files: [a, b, c, d, e]\n  rest-secrets:",
	  ":24: auth.rest-secret-files: has 5 entries, and 0 to 4 are possible" },
	{ "[2, 3]\n", "[2, 3]\n  memory-mb: 64\n  sessions: 1000000\n",
	  ":3: dataplane.memory-mb: 64 MiB are too few: tables and packet buffers are 644 MiB, 430 "
	  "of them sessions (dataplane.sessions); 725 would do" },
	/* Nearly so much as the 227 MiB that it takes may be enough. */
	{ "[2, 3]\n", "[2, 3]\n  memory-mb: 220\n", NULL },
	{ "auth:", "control:\n  socket: /run/fairlead/dp.sock\nauth:",
	  ":24: control.socket: /run/fairlead/dp.sock is dataplane.socket, in line 2" },
};

/* expect NULL: it loads. */
static void expect_error(const char *text, const char *expect)
{
	char err[512] = "";
	struct config *c = load(text, err, sizeof(err));

	if (expect == NULL) {
		assert_string_equal(err, "");
		config_free(c);
		return;
	}
	assert_null(c);
	assert_string_equal(strchr(err, ':'), expect);
}

static void test_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		expect_error(edit(wrong[i].find, wrong[i].replace), wrong[i].expect);
}

/* ---- every mistake ---- */

static bool unchecked; /* of what mistakes() loaded last */

/* All that is wrong with a text: file names cut off, joined by line ends. */
static const char *mistakes(const char *text, unsigned *n)
{
	static char all[CONFIG_ERRORS_MAX * 256];
	static struct config_errors errors;
	const char *path = write_file(text);
	size_t len = 0;

	assert_null(config_load_all(path, &errors));
	unlink(path);
	for (unsigned i = 0; i < errors.n && i < CONFIG_ERRORS_MAX; i++)
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s\n",
					strchr(errors.error[i].text, ':'));
	*n = errors.n;
	unchecked = errors.unchecked;
	return all;
}

/* In the order of lines; a key that cannot be read contradicts nothing, the others do. */
static void test_every_mistake(void **state)
{
	unsigned n;

	(void)state;
	assert_string_equal(
	    mistakes("dataplane: {workers: [2, 2], main-cqu: 1}\n"
		     "ports:\n"
		     "  - {name: a, device: net_null0, addresses: [10.1.0.1/24], mtu: 90}\n"
		     "  - {name: a, adresses: [10.2.0.1/24]}\n"
		     "listeners: [{address: 10.9.0.1}]\n"
		     "relays: [{address: 10.2.0.1}, {address: 10.2}]\n"
		     "turn: {relm: example.org, lifetime-max: x, lifetime-max: 60}\n"
		     "auth: {md5: false, sha256: false}\n",
		     &n),
	    ":1: dataplane.main-cqu: no such key: did you mean main-cpu?\n"
	    ":1: dataplane.workers[1]: CPU 2 has a worker already, in line 1\n"
	    ":3: ports[0].mtu: 90 is out of range 576..9600\n"
	    ":4: ports[1].adresses: no such key: did you mean addresses?\n"
	    ":4: ports[1].device: is missing\n"
	    ":4: ports[1].name: a is the port in line 3 already\n"
	    ":6: relays[1].address: 10.2 is not an IPv4 or IPv6 address\n"
	    ":7: turn.relm: no such key: did you mean realm?\n"
	    ":7: turn.lifetime-max: is given already, in line 7\n"
	    ":7: turn.lifetime-max: x must be a whole number\n"
	    ":8: auth.sha256: md5 and sha256 are both off: nobody could log in\n");
	assert_int_equal(n, 11);
	assert_true(unchecked);
	assert_string_equal(
	    mistakes(
		"dataplane: {workers: [2]}\n"
		"ports:\n"
		"  - {name: a, device: net_null0, addresses: [10.1.0.1/24], mtu: 90}\n"
		"  - {name: b, device: net_null0, addresses: [10.2.0.1/24], gateways: [10.3.0.1]}\n"
		"listeners: [{address: 10.9.0.1}]\n"
		"relays: [{address: 10.8.0.1, port-min: 60}]\n"
		"turn: {realm: example.org}\n",
		&n),
	    ":3: ports[0].mtu: 90 is out of range 576..9600\n"
	    ":4: ports[1].device: net_null0 is used already, in line 3: ports of one device differ "
	    "by their vlan\n"
	    ":4: ports[1].gateways[0]: 10.3.0.1 is no neighbour on port b\n"
	    ":5: listeners[0].address: 10.9.0.1 is the address of no port\n"
	    ":6: relays[0].port-min: 60 is out of range 1024..65535\n");
	assert_string_equal(mistakes(edit("[2, 3]\n", "[2, 2, 5, 5]\n  mbufs: 1024\n"), &n),
			    ":2: dataplane.workers[1]: CPU 2 has a worker already, in line 2\n"
			    ":2: dataplane.workers[3]: CPU 5 has a worker already, in line 2\n"
			    ":3: dataplane.mbufs: 1024 are too few, 18433 are needed: for "
			    "descriptors, 4096 fragments (8 a packet), 8192 of TCP, and 2048 "
			    "packets that wait for neighbours\n");
	assert_false(unchecked);
}

/*
 * A word that is wrong hides no size that is: sums count what could be read. Two keys are compared
 * as soon as both are read, whatever is wrong beside them.
 */
static void test_sizes_beside_words(void **state)
{
	unsigned n;

	(void)state;
	assert_string_equal(
	    mistakes(edit("[2, 3]\n", "[2, 3]\n  idel: poll\n  memory-mb: 64\n  mbufs: 16384\n"
				      "  sessions: 1000000\n"),
		     &n),
	    ":3: dataplane.idel: no such key: did you mean idle?\n"
	    ":4: dataplane.memory-mb: 64 MiB are too few: tables and packet buffers are 570 MiB, "
	    "430 of them sessions (dataplane.sessions); 644 would do\n"
	    ":5: dataplane.mbufs: 16384 are too few, 18433 are needed: for descriptors, 4096 "
	    "fragments (8 a packet), 8192 of TCP, and 2048 packets that wait for neighbours\n");
	assert_string_equal(
	    mistakes(edit("[2, 3]\n",
			  "[2, 3]\n  memory-mb: 64\n  sessions: 1000000\n  peers: many\n"
			  "  mbufs: 4096\n  fragments: -1\ntcp:\n  receive-bufer: 1\n"),
		     &n),
	    ":3: dataplane.memory-mb: 64 MiB are too few: tables and packet buffers are at least "
	    "495 MiB, 430 of them sessions (dataplane.sessions); 561 would do for "
	    "these\n"
	    ":5: dataplane.peers: many must be a whole number\n"
	    ":6: dataplane.mbufs: 4096 are too few, at least 14337 are needed: for descriptors, 0 "
	    "fragments (8 a packet), 8192 of TCP, and 2048 packets that wait for neighbours\n"
	    ":7: dataplane.fragments: -1 must be a whole number\n"
	    ":9: tcp.receive-bufer: no such key: did you mean receive-buffer?\n");
	assert_true(unchecked);
	assert_string_equal(
	    mistakes(edit("realm: example.org\n",
			  "realm: example.org\n  sofware: x\n  allocations-max: 32769\n"
			  "  lifetime-default: 3601\n"
			  "tcp: {connections: 16, idle-timeout: x}\n"
			  "realms: [{name: a, domian: b}]\n"
			  "gateway: {contexts: 8, streams: 9, latch-ms: x}\n"),
		     &n),
	    ":23: turn.sofware: no such key: did you mean software?\n"
	    ":24: turn.allocations-max: 32769 is more than the 32768 sessions of 2 workers\n"
	    ":25: turn.lifetime-default: 3601 is more than lifetime-max, 3600\n"
	    ":26: tcp.idle-timeout: x must be a whole number\n"
	    ":27: realms[0].domian: no such key: did you mean domain?\n"
	    ":28: gateway.latch-ms: x must be a whole number\n"
	    ":28: gateway.streams: 9 is more than contexts, 8\n"
	    ":28: gateway.streams: 9 take two connections each, tcp.connections are 16\n");
	mistakes(edit("[2, 3]\n", "[2, 3]\n  peers: many\n"), &n);
	assert_int_equal(n, 1);
	assert_true(unchecked);
}

/* What a device is called is looked at by itself, whatever is wrong beside it or of another port.
 */
static void test_devices_beside_words(void **state)
{
	unsigned n;

	(void)state;
	assert_string_equal(
	    mistakes("dataplane: {workers: [2]}\n"
		     "ports:\n"
		     "  - {name: a, device: net_null0, addresses: [10.1.0.1/24], vlan: 9999}\n"
		     "  - {name: b, device: '02:00', addresses: [10.2.0.1/24]}\n"
		     "  - {name: c, device: '0000:01:00', addresses: [10.3.0.1/24], vlann: 3}\n"
		     "  - {name: d, addresses: [10.4.0.1/24]}\n"
		     "listeners: [{address: 10.1.0.1}]\n"
		     "relays: [{address: 10.2.0.1}]\n"
		     "turn: {realm: example.org}\n",
		     &n),
	    ":3: ports[0].vlan: 9999 is out of range 0..4094\n"
	    ":4: ports[1].device: '02:00' is no PCI address: bus:device.function, as in 01:00.0\n"
	    ":5: ports[2].vlann: no such key: did you mean vlan?\n"
	    ":5: ports[2].device: '0000:01:00' is no PCI address: bus:device.function, as in "
	    "01:00.0\n"
	    ":6: ports[3].device: is missing\n");
	assert_int_equal(n, 5);
}

/* A guess is of the same map, and near: a letter of a short name, more of a long one. */
static void test_guesses(void **state)
{
	static const struct {
		const char *find, *replace, *expect;
	} rows[] = {
		{ "realm: ex", "relm: ex", ":22: turn.relm: no such key: did you mean realm?\n" },
		{ "realm: ex", "RELM: ex",
		  ":22: turn.RELM: no such key\n:22: turn.realm: is missing\n" },
		{ "rest-secrets", "rest_secret",
		  ":24: auth.rest_secret: no such key: did you mean rest-secrets?\n" },
		{ "listeners:", "listener:",
		  ":14: listener: no such key: did you mean listeners?\n" },
		{ "  workers", "  device: x\n  workers", ":2: dataplane.device: no such key\n" },
		{ "  workers", "  a-name-far-too-long-for-any-key-there-is: x\n  workers",
		  ":2: dataplane.a-name-far-too-long-for-any-key-there-is: no such key\n" },
		{ "  workers", "  [a]: x\n  workers", ":2: dataplane.?: no such key\n" },
	};
	unsigned n;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(mistakes(edit(rows[i].find, rows[i].replace), &n),
				    rows[i].expect);
}

/* Controllers of H.248: what TLS needs, and addresses of one family. */
static void test_controllers(void **state)
{
	static const struct {
		const char *gateway, *expect;
	} rows[] = {
		{ "h248-controllers: [{address: 192.0.2.1, transport: tls}]",
		  ":24: gateway.h248-controllers[0].transport: tls wants h248-certificate, "
		  "h248-key and h248-ca\n" },
		{ "h248-controllers: [{address: 192.0.2.1, name: x}]",
		  ":24: gateway.h248-controllers[0].name: is of no use: its transport is not "
		  "tls\n" },
		{ "h248-controllers: [{address: '2001:db8::1'}]",
		  ":24: gateway.h248-controllers[0].address: is not of the family of "
		  "h248-address\n" },
	};
	char text[512], err[512] = "";
	struct config *c;
	unsigned n;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text),
			 "realm: example.org\nrealms: [{name: r}]\ngateway: {contexts: 8, streams: "
			 "8, %s}\n",
			 rows[i].gateway);
		assert_string_equal(mistakes(edit("realm: example.org\n", text), &n),
				    rows[i].expect);
	}
	c = load(
	    edit("realm: example.org\n",
		 "realm: example.org\nrealms: [{name: r}]\ngateway: {contexts: 8, streams: 8, "
		 "h248-certificate: a, h248-key: b, h248-ca: c, h248-controllers: [{address: "
		 "192.0.2.1, transport: tls, name: x}, {address: 192.0.2.2, transport: tcp}]}\n"),
	    err, sizeof(err));
	assert_string_equal(err, "");
	assert_int_equal(c->gateway.h248_controller[0].transport, CONTROLLER_TLS);
	assert_int_equal(c->gateway.h248_controller[1].transport, CONTROLLER_TCP);
	config_free(c);
}

/* A file may be wrong in more places than are told. */
static void test_many_mistakes(void **state)
{
	static char many[64 * 1024];
	const char *all;
	unsigned n, lines = 0;
	size_t len = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		len += (size_t)snprintf(many + len, sizeof(many) - len, "unknown-%u-key: 1\n", i);
	all = mistakes(many, &n);
	assert_true(n > CONFIG_ERRORS_MAX);
	for (; (all = strchr(all, '\n')); all++)
		lines++;
	assert_int_equal(lines, CONFIG_ERRORS_MAX);
}

/* ---- TLS ---- */

static const char tls[] =
    "dataplane: {workers: [2, 3]}\n"					 /* 1 */
    "tls:\n"								 /* 2 */
    "  crypto-cpus: [4]\n"						 /* 3 */
    "tls-domains:\n"							 /* 4 */
    "  - name: default\n"						 /* 5 */
    "  - {name: ims, profile: ts33210, client-certificate: require}\n"	 /* 6 */
    "  - {name: keys, psk: true}\n"					 /* 7 */
    "certificates:\n"							 /* 8 */
    "  - {chain: /c, key: /k}\n"					 /* 9 */
    "  - {domain: ims, chain: /c2, key: /k2}\n"				 /* 10 */
    "services:\n"							 /* 11 */
    "  - name: sip\n"							 /* 12 */
    "    alpn: [sip]\n"							 /* 13 */
    "    hosts: [sip.example.org]\n"					 /* 14 */
    "    sip: true\n"							 /* 15 */
    "    backend: 10.2.0.2\n"						 /* 16 */
    "  - name: web\n"							 /* 17 */
    "    domain: ims\n"							 /* 18 */
    "    hosts: [www.example.org]\n"					 /* 19 */
    "    backend: 10.2.0.2\n"						 /* 20 */
    "    port: 80\n"							 /* 21 */
    "ports:\n"								 /* 22 */
    "  - {name: access, device: net_null0, addresses: [10.1.0.1/24]}\n"	 /* 23 */
    "listeners:\n"							 /* 24 */
    "  - address: 10.1.0.1\n"						 /* 25 */
    "    port: 443\n"							 /* 26 */
    "    transport: tls\n"						 /* 27 */
    "  - {address: 10.1.0.1, port: 444, transport: tls, domain: ims}\n"	 /* 28 */
    "  - {address: 10.1.0.1, port: 445, transport: tls, domain: keys}\n" /* 29 */
    "relays:\n"								 /* 30 */
    "  - address: 10.1.0.1\n"						 /* 31 */
    "turn: {realm: example.org}\n";					 /* 32 */

static const struct {
	const char *find, *replace, *expect;
} wrong_tls[] = {
	{ "[4]", "[2]", ":3: tls.crypto-cpus[0]: CPU 2 has a worker, in line 1" },
	{ "[4]", "[4, 5, 4]", ":3: tls.crypto-cpus[2]: CPU 4 stands twice" },
	{ "name: ims", "name: default",
	  ":6: tls-domains[1].name: default is the domain in line 5 already" },
	{ "psk: true", "psk: true, version-max: tls1.2", NULL },
	{ "psk: true", "psk: true, version-min: tls1.3, version-max: tls1.2",
	  ":7: tls-domains[2].version-min: is newer than version-max" },
	{ "psk: true", "psk: true, version-min: tls1.1",
	  ":7: tls-domains[2].version-min: tls1.1 must be one of tls1.2, tls1.3" },
	{ "psk: true", "psk: true, suites: [TLS_AES_128_GCM_SHA256, PSK-AES128-GCM-SHA256]", NULL },
	{ "psk: true", "psk: true, suites: [TLS_AES_128_GCM_SHA256, AES128-SHA]",
	  ":7: tls-domains[2].suites[1]: AES128-SHA is no suite that is served: AES-GCM or "
	  "ChaCha20-Poly1305, with OpenSSL's name" },
	{ "require", "require, client-ca: /ca", NULL },
	{ "require", "none, client-ca: /ca",
	  ":6: tls-domains[1].client-ca: has no use while client-certificate is none" },
	{ "psk: true", "psk: false", ":7: tls-domains[2].name: keys has no entry in certificates" },
	{ "chain: /c2", "chain: /c3, key: /k3}\n  - {domain: ism, chain: /c2",
	  ":11: certificates[2].domain: ism is the name of no domain in tls-domains" },
	{ "chain: /c,", "", ":9: certificates[0].chain: is missing" },
	{ "    domain: ims\n", "    domain: ism\n",
	  ":18: services[1].domain: ism is the name of no domain in tls-domains" },
	{ "name: web", "name: sip",
	  ":17: services[1].name: sip is the service in line 12 already" },
	{ "    hosts: [www.example.org]\n", "",
	  ":17: services[1].name: web is chosen by nothing: give alpn, hosts or sip, or a "
	  "listener" },
	{ "[sip]", "[sip, stun.turn]", ":13: services[0].alpn[1]: stun.turn chooses TURN" },
	{ "[sip]", "[stun.nat-discovery]",
	  ":13: services[0].alpn[0]: stun.nat-discovery chooses TURN" },
	{ "www.example", "SIP.example",
	  ":19: services[1].hosts[0]: SIP.example.org chooses service sip already, in line 14" },
	{ "hosts: [www.example.org]", "alpn: [h2, sip]",
	  ":19: services[1].alpn[1]: sip chooses service sip already, in line 13" },
	{ "hosts: [www.example.org]", "sip: true",
	  ":19: services[1].sip: SIP chooses service sip already, in line 15" },
	/* Two services may share what chooses them where no connection can reach both. */
	{ "backend: 10.2.0.2\n  - name: web\n    domain: ims\n    hosts: [www.example.org]\n",
	  "domain: default\n    backend: 10.2.0.2\n  - name: web\n    domain: ims\n"
	  "    hosts: [sip.example.org]\n",
	  NULL },
	{ "hosts: [www.example.org]", "alpn: [acme-tls/1]\n    tls: pass", NULL },
	{ "hosts: [www.example.org]", "hosts: [www.example.org]\n    tls: pass",
	  ":20: services[1].tls: pass needs a name in alpn, which chooses it" },
	{ "hosts: [www.example.org]",
	  "alpn: [acme-tls/1]\n    tls: pass\n    sip: false\n    crlf: answer",
	  ":20: services[1].tls: pass goes together with neither hosts, sip nor crlf" },
	{ "    hosts: [sip.example.org]\n", "    hosts: [sip.example.org]\n    tls: pass\n",
	  ":15: services[0].tls: pass goes together with neither hosts, sip nor crlf" },
	{ "www.example.org]\n    backend: 10.2.0.2\n    port: 80\nports:\n  - {name: access, "
	  "device: net_null0, addresses: [10.1.0.1/24]}\n"
	  "listeners:\n  - address: 10.1.0.1\n    port: 443\n    transport: tls\n  - {address: "
	  "10.1.0.1, port: 444, transport: tls, domain: ims}",
	  "www.example.org]\n    backend: 10.2.0.2\n    port: 80\n  - {name: acme, alpn: "
	  "[acme-tls/1], tls: pass, backend: 10.2.0.2}\n"
	  "ports:\n  - {name: access, device: net_null0, addresses: [10.1.0.1/24]}\n"
	  "listeners:\n  - address: 10.1.0.1\n    port: 443\n    transport: tls\n  - {address: "
	  "10.1.0.1, port: 444, transport: tls, domain: ims, service: acme}",
	  ":29: listeners[1].service: acme takes TLS as it comes: all that comes to a listener of "
	  "transport tcp" },
	{ "backend: 10.2.0.2", "backend: 10.1.0.1\n    port: 443",
	  ":16: services[0].backend: 10.1.0.1:443 is the listener in line 26" },
	{ "tls, domain: ims", "tls, domain: ism",
	  ":28: listeners[1].domain: ism is the name of no domain in tls-domains" },
	{ "tls, domain: ims", "tls, domain: ims, service: wbe",
	  ":28: listeners[1].service: wbe is the name of no service in services" },
	{ "tls, domain: ims", "tls, domain: ims, service: web", NULL },
	{ "tls, domain: ims", "tls, domain: default, service: web",
	  ":28: listeners[1].service: web is reached through domain ims alone" },
	{ "tls, domain: ims", "udp, service: web",
	  ":28: listeners[1].service: a listener for UDP or DTLS passes nothing to a service, "
	  "but UDP at ipsec.server-port of ipsec.addresses, with an ipsec.sip-port" },
	{ "tls, domain: ims", "dtls, domain: ims", NULL },
	{ "tls, domain: ims", "dtls, domain: ism",
	  ":28: listeners[1].domain: ism is the name of no domain in tls-domains" },
	{ "tls, domain: ims", "dtls, domain: ims, service: web",
	  ":28: listeners[1].service: a listener for UDP or DTLS passes nothing to a service, "
	  "but UDP at ipsec.server-port of ipsec.addresses, with an ipsec.sip-port" },
	{ "workers: [2, 3]", "workers: [2, 3], main-cpu: 4", NULL },
	{ "workers: [2, 3]", "workers: [2, 3], main-cpu: 4, idle: poll",
	  ":3: tls.crypto-cpus[0]: CPU 4 is main-cpu, in line 1, and polls" },
	{ "[4]\n", "[4]\n  provider: qatprovider\n", NULL },
	{ "[4]\n", "[4]\n  engine: qatengine\n", NULL },
	{ "[4]\n", "[4]\n  provider: qatprovider\n  engine: qatengine\n",
	  ":5: tls.engine: cannot go together with the provider in line 4" },
	{ "[4]\n", "[4]\n  handshakes: 9363\n",
	  ":1: dataplane.memory-mb: 512 MiB are too few: tables and packet buffers are 810 MiB, "
	  "501 of them TLS handshakes (tls.handshakes); 908 would do" },
	{ "tls:\n", "tcp: {receive-buffer: 98304}\ntls:\n", NULL },
	{ "tls:\n", "tcp: {receive-buffer: 98303}\ntls:\n",
	  ":2: tcp.receive-buffer: 98303 is too small for TLS, which needs 98304" },
};

static void test_wrong_tls(void **state)
{
	(void)state;
	expect_error(tls, NULL);
	for (size_t i = 0; i < sizeof(wrong_tls) / sizeof(wrong_tls[0]); i++)
		expect_error(edit_of(tls, wrong_tls[i].find, wrong_tls[i].replace),
			     wrong_tls[i].expect);
}

/* ---- IPsec ---- */

static const char ipsec[] =
    "dataplane: {workers: [2, 3]}\n"					    /* 1 */
    "services:\n"							    /* 2 */
    "  - {name: pcscf, sip: true, backend: 10.2.0.2}\n"			    /* 3 */
    "ports:\n"								    /* 4 */
    "  - {name: access, device: net_null0, addresses: [10.1.0.1/24]}\n"	    /* 5 */
    "ipsec:\n"								    /* 6 */
    "  addresses: [10.1.0.1]\n"						    /* 7 */
    "  sip-port: 10000\n"						    /* 8 */
    "listeners:\n"							    /* 9 */
    "  - {address: 10.1.0.1, port: 5063, transport: udp, service: pcscf}\n" /* 10 */
    "relays:\n"								    /* 11 */
    "  - {address: 10.1.0.1, port-min: 20000}\n"			    /* 12 */
    "turn: {realm: example.org}\n";					    /* 13 */

static const struct {
	const char *find, *replace, *expect;
} wrong_ipsec[] = {
	{ "  sip-port: 10000\n", "",
	  ":9: listeners[0].service: a listener for UDP or DTLS passes nothing to a service, but "
	  "UDP at ipsec.server-port of ipsec.addresses, with an ipsec.sip-port" },
	{ "port: 5063", "port: 5064",
	  ":10: listeners[0].service: a listener for UDP or DTLS passes nothing to a service, but "
	  "UDP at ipsec.server-port of ipsec.addresses, with an ipsec.sip-port" },
	{ "10000", "63488",
	  ":12: relays[0].address: its ports include some of 63488 to 65535, "
	  "which are ipsec.sip-port's" },
	{ "10000", "63489",
	  ":8: ipsec.sip-port: from 63489 on there are no 2048 ports, one a phone and worker, "
	  "between 1024 and 65535" },
	{ "10000", "1023",
	  ":8: ipsec.sip-port: from 1023 on there are no 2048 ports, one a phone and worker, "
	  "between 1024 and 65535" },
	{ "10000", "17953",
	  ":12: relays[0].address: its ports include some of 17953 to 20000, "
	  "which are ipsec.sip-port's" },
	{ "10000", "17952", NULL },
	{ "10000", "5064", NULL },
	{ "10000", "5063",
	  ":7: ipsec.server-port: 5063 is of 5063 to 7110, which are ipsec.sip-port's" },
	{ "10000", "4500",
	  ":7: ipsec.udp-port: 4500 is of 4500 to 6547, which are ipsec.sip-port's" },
};

static void test_wrong_ipsec(void **state)
{
	(void)state;
	expect_error(ipsec, NULL);
	for (size_t i = 0; i < sizeof(wrong_ipsec) / sizeof(wrong_ipsec[0]); i++)
		expect_error(edit_of(ipsec, wrong_ipsec[i].find, wrong_ipsec[i].replace),
			     wrong_ipsec[i].expect);
}

/* A listener may be all that leads to a service, for TCP as well as for TLS. */
static void test_listener_service(void **state)
{
	const char *transport[] = { "tcp", "tls, domain: ims" };
	char err[512] = "", to[64];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char *by_nothing = strdup(edit_of(tls, "    hosts: [www.example.org]\n", ""));
		struct config *c;

		snprintf(to, sizeof(to), "port: 444, transport: %s, service: web", transport[i]);
		c = load(edit_of(by_nothing, "port: 444, transport: tls, domain: ims", to), err,
			 sizeof(err));
		free(by_nothing);
		assert_string_equal(err, "");
		assert_false(c->listener[0].has_service);
		assert_true(c->listener[1].has_service);
		assert_int_equal(c->listener[1].service_index, 1);
		config_free(c);
	}
}

static void test_values_tls(void **state)
{
	char err[512] = "";
	struct config *c =
	    load(edit_of(tls, "[4]\n", "[4]\n  ticket-secret: /s\n"), err, sizeof(err));

	(void)state;
	assert_string_equal(err, "");
	assert_int_equal(c->tls.crypto_cpus[0], 4);
	assert_int_equal(c->tls.handshakes, 256);
	assert_int_equal(c->tls.ticket_lifetime, 7200);
	assert_string_equal(c->tls.ticket_secret, "/s");
	assert_int_equal(c->tls.ticket_secret_line, 4);
	assert_int_equal(c->n_domain, 3);
	assert_int_equal(c->domain[0].version_min, CONFIG_TLS_1_2);
	assert_int_equal(c->domain[0].version_max, CONFIG_TLS_1_3);
	assert_true(c->domain[0].tickets && !c->domain[0].psk);
	assert_int_equal(c->domain[1].profile, PROFILE_TS33210);
	assert_int_equal(c->domain[1].client_cert, CLIENT_CERT_REQUIRE);
	assert_true(c->domain[2].psk);
	assert_int_equal(c->certificate[0].domain_index, 0);
	assert_int_equal(c->certificate[1].domain_index, 1);
	assert_int_equal(c->certificate[1].chain_line, 11);
	assert_int_equal(c->certificate[1].key_line, 11);
	assert_int_equal(c->service[0].domain_index, CONFIG_DOMAINS_MAX);
	assert_int_equal(be16_get(c->service[0].backend.port), 5060);
	assert_int_equal(c->service[1].domain_index, 1);
	assert_int_equal(c->listener[1].domain_index, 1);
	assert_int_equal(c->listener[2].domain_index, 2);
	config_free(c);
}

static void test_values(void **state)
{
	char err[512] = "", text[ADDR_STR_MAX];
	struct config *c = load(base, err, sizeof(err));

	(void)state;
	assert_string_equal(err, "");
	assert_non_null(c);
	assert_int_equal(c->dataplane.n_workers, 2);
	assert_int_equal(c->dataplane.workers[1], 3);
	assert_int_equal(c->n_port, 2);
	assert_string_equal(c->port[0].name, "access");
	assert_string_equal(c->port[1].device, "net_null1");
	assert_int_equal(c->port[0].device_line, 5);
	assert_int_equal(c->port[0].mtu_line, 6);
	assert_int_equal(c->port[0].n_addr, 2);
	assert_string_equal(ip_prefix_format(&c->port[0].addr[1], text, sizeof(text)),
			    "fd00:1::1/64");
	assert_int_equal(c->port[0].n_route, 2);
	assert_string_equal(ip_prefix_format(&c->port[0].route[0].to, text, sizeof(text)),
			    "0.0.0.0/0");
	assert_string_equal(ip_format(&c->port[0].route[0].via, text, sizeof(text)), "10.1.0.9");
	assert_string_equal(ip_prefix_format(&c->port[0].route[1].to, text, sizeof(text)),
			    "192.0.2.0/24");
	assert_int_equal(be16_get(c->listener[0].addr.port), 3478);
	assert_int_equal(be16_get(c->listener[1].addr.port), 3479);
	assert_int_equal(c->relay[0].port_min, 50000);
	assert_int_equal(c->auth.n_rest_secret, 2);
	assert_string_equal(c->auth.rest_secret[1], "two");
	config_free(c);
}

/* Ports that carry UDP alone ask less of their devices. */
static void test_ports_with_tcp(void **state)
{
	static const struct {
		const char *find, *replace;
		bool access, core;
	} rows[] = {
		{ "turn:", "turn:", false, false },
		/* Clients over TCP may want TCP to their peers. */
		{ "    port: 3479\n", "    transport: tcp\n", true, true },
		{ "    port-min: 50000\n",
		  "    turn: false\n    realm: r\nrealms: [{name: r}]\ngateway: {contexts: 8, "
		  "streams: 0}\n",
		  false, false },
		{ "    port-min: 50000\n",
		  "    turn: false\n    realm: r\nrealms: [{name: r}]\n"
		  "gateway: {contexts: 8, streams: 8}\n",
		  false, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char err[512] = "";
		struct config *c = load(edit(rows[i].find, rows[i].replace), err, sizeof(err));

		assert_string_equal(err, "");
		assert_int_equal(config_port_has_tcp(c, &c->port[0]), rows[i].access);
		assert_int_equal(config_port_has_tcp(c, &c->port[1]), rows[i].core);
		config_free(c);
	}
}

/* A device has what the most demanding of its ports wants, and buffers are for it, not for each. */
static void test_ports_of_one_device(void **state)
{
	char err[512] = "";
	struct config *c = load(edit("    device: net_null1\n",
				     "    device: net_null0\n    vlan: 7\n    mtu: 4000\n"
				     "    rx-desc: 512\n    tx-desc: 2048\n"),
				err, sizeof(err));
	struct config_device d;

	(void)state;
	assert_string_equal(err, "");
	assert_int_equal(c->port[0].shares, 0);
	assert_int_equal(c->port[1].shares, 1);
	d = config_device(c, 0);
	assert_int_equal(d.n_ports, 2);
	assert_int_equal(d.rx_desc, 1024);
	assert_int_equal(d.tx_desc, 2048);
	assert_int_equal(d.mtu, 4000);
	assert_int_equal(d.mtu_port, 1);
	assert_true(d.tagged && !d.tcp);
	assert_int_equal(config_mbufs_needed(c, 2), 1024 + 2048 + 4096 + 8192 + 2048 + 1);
	config_free(c);
}

/* RFC 8656 sections 3.2, 9 and 12 for the lifetimes. */
static void test_defaults(void **state)
{
	char err[512] = "";
	struct config *c = load(edit("  workers: [2, 3]\n", "  idle: sleep\n"), err, sizeof(err));

	(void)state;
	assert_string_equal(err, "");
	assert_non_null(c);
	assert_int_equal(c->dataplane.n_workers, 1);
	assert_int_equal(c->dataplane.workers[0], 0);
	assert_int_equal(c->dataplane.main_cpu, 1);
	assert_int_equal(c->dataplane.hugepages, HUGEPAGES_AUTO);
	assert_int_equal(c->port[1].mtu, 1500);
	assert_int_equal(c->listener[0].transport, TRANSPORT_UDP);
	assert_int_equal(c->relay[0].port_max, 65535);
	/* All repetitions of a SYN-ACK (RFC 6298 5.5), so that none is sent in vain. */
	assert_in_range(c->tcp.handshake_ms, 31000, 120000);
	assert_int_equal(c->turn.lifetime_default, 600);
	assert_int_equal(c->turn.permission_lifetime, 300);
	assert_int_equal(c->turn.channel_lifetime, 600);
	assert_string_equal(c->turn.software, "");
	assert_true(c->auth.md5 && c->auth.sha256 && c->peers.relay_to_relay);
	assert_int_equal(c->peers.n_allow, 0);
	assert_string_equal(c->control.socket, "/run/fairlead/control.sock");
	config_free(c);
}

static void test_files(void **state)
{
	char err[512];

	(void)state;
	assert_null(config_load("/nonexistent/x.yaml", err, sizeof(err)));
	assert_string_equal(err,
			    "/nonexistent/x.yaml: cannot be opened: No such file or directory");
	assert_null(config_load("/", err, sizeof(err)));
	assert_string_equal(err, "/: is a directory, not a file");
	assert_null(load("", err, sizeof(err)));
	assert_string_equal(strchr(err, ':'), ":1: the file is empty");
	/* A map that is its own child ends where the schema does. */
	assert_null(load("&a {turn: *a}", err, sizeof(err)));
	assert_string_equal(strchr(err, ':'), ":1: ports: is missing");
}

static void test_second_document(void **state)
{
	char err[512], text[2 * sizeof(base)];

	(void)state;
	snprintf(text, sizeof(text), "%s---\nturn: {realm: other}\n", base);
	assert_null(load(text, err, sizeof(err)));
	assert_string_equal(strchr(err, ':'), ":26: a second document begins here");
}

/* No message shows a secret. */
static void test_secret(void **state)
{
	char err[512], secret[300] = "";

	(void)state;
	memset(secret, 's', sizeof(secret) - 1);
	assert_null(load(edit("one", secret), err, sizeof(err)));
	assert_string_equal(strchr(err, ':'),
			    ":24: auth.rest-secrets[0]: must be 1 to 255 bytes long");
}

static uint64_t digest(const char *text)
{
	char err[512];
	struct config *c = load(text, err, sizeof(err));
	uint64_t d;

	assert_non_null(c);
	d = config_digest(c);
	config_free(c);
	return d;
}

/* The digest moves with what both processes share, and with nothing else. */
static void test_digest(void **state)
{
	uint64_t d = digest(base);

	(void)state;
	assert_true(d == digest(base));
	assert_true(d == digest(edit("example.org", "example.net")));
	assert_true(d == digest(edit("  workers", "  # a comment\n  workers")));
	assert_true(d != digest(edit("[2, 3]", "[3, 2]")));
	assert_true(d != digest(edit("workers:", "sessions: 20000\n  workers:")));
	assert_true(d == digest(edit("10.2.0.1/24", "10.2.0.1/25"))); /* live */
	assert_true(d == digest(edit("3479", "3480")));		      /* live */
	assert_true(d == digest(edit("50000", "50001")));	      /* likewise */
	d = digest(tls);
	assert_true(d == digest(edit_of(tls, "crypto-cpus: [4]", "handshakes: 100")));
	assert_true(d != digest(edit_of(tls, "crypto-cpus: [4]", "ticket-lifetime: 100")));
	assert_true(d == digest(edit_of(tls, "/c2", "/c3")));
	assert_true(d == digest(edit_of(tls, "{chain: /c,",
					"{domain: keys, chain: /c3, key: /k}\n"
					"  - {chain: /c,")));
	assert_true(d == digest(edit_of(tls, "name: web", "name: www")));
}

/* Whoever can read a secret can make himself a user. */
static void test_secrets_others_may_read(void **state)
{
	static const struct {
		mode_t mode;
		bool secrets, shown;
	} t[] = { { 0644, true, true },
		  { 0604, true, true },
		  { 0640, true, false },
		  { 0600, true, false },
		  { 0644, false, false } };

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const char *path = write_file(
		    t[i].secrets ? base : edit_of(base, "rest-secrets: [one, two]", "md5: true"));
		char err[512] = "";
		struct config *c;

		assert_int_equal(chmod(path, t[i].mode), 0);
		c = config_load(path, err, sizeof(err));
		if (!c)
			fail_msg("%s", err);
		assert_int_equal(config_shows_secrets(c), t[i].shown);
		config_free(c);
		unlink(path);
	}
}

/* The scenario scripts outside the tree rely on: 10,000 allocations of one user. */
static void test_sample_loads(void **state)
{
	char err[512] = "";
	struct config *c = config_load(FAIRLEAD_SAMPLE, err, sizeof(err));

	(void)state;
	assert_string_equal(err, "");
	assert_non_null(c);
	assert_string_equal(c->turn.realm, "fairlead.test");
	assert_true(c->turn.allocations_max >= 10000);
	assert_int_equal(c->turn.allocations_per_user, 0);
	assert_true(c->relay[0].port_max - c->relay[0].port_min >= 20000);
	config_free(c);
}

/*
 * Buffers are of whoever received them. Two ports of 1,024 + 1,024 descriptors, 4,096 fragments;
 * each worker that may hold them has 2,048 to send by, 8,192 of TCP and 2,048 that wait; 2,047 are
 * on the way to each other worker.
 */
static void mbufs_of_few_queues(void **state)
{
	struct config c = { .n_port = 2 };
	uint16_t i;

	(void)state;
	for (i = 0; i < 2; i++)
		c.port[i].rx_desc = c.port[i].tx_desc = 1024;
	c.dataplane.fragments = 512;
	c.tcp.buffers = 8192;
	c.dataplane.n_workers = 1;
	assert_int_equal(config_mbufs_needed(&c, 1), 18433);
	c.dataplane.n_workers = 6;
	assert_int_equal(config_mbufs_needed(&c, 6), 18433);
	assert_int_equal(config_mbufs_needed(&c, 1), 2048 + 5 * 2047 + 4096 + 6 * 12288 + 1);
	assert_int_equal(config_mbufs_needed(&c, 3), 2048 + 5 * 2047 + 4096 + 2 * 12288 + 1);
	assert_int_equal(config_mbufs_needed(&c, 4), config_mbufs_needed(&c, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mbufs_of_few_queues),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_every_mistake),
		cmocka_unit_test(test_sizes_beside_words),
		cmocka_unit_test(test_devices_beside_words),
		cmocka_unit_test(test_guesses),
		cmocka_unit_test(test_controllers),
		cmocka_unit_test(test_many_mistakes),
		cmocka_unit_test(test_wrong_tls),
		cmocka_unit_test(test_wrong_ipsec),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_values_tls),
		cmocka_unit_test(test_listener_service),
		cmocka_unit_test(test_ports_with_tcp),
		cmocka_unit_test(test_ports_of_one_device),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_second_document),
		cmocka_unit_test(test_secret),
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_secrets_others_may_read),
		cmocka_unit_test(test_sample_loads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
