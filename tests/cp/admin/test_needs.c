/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a configuration takes (--check-config): pages for all of the memory, ports of both families,
 * and a warning only where allocations cannot all have one.
 */
#include "tests/world/unit.h"
#include "cp/admin/needs.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char *told(const struct config *c)
{
	static char said[4096];
	FILE *f = fmemopen(said, sizeof(said), "w");

	memset(said, 0, sizeof(said));
	needs_tell(c, f);
	fclose(f);
	return said;
}

static struct config *config_make(void)
{
	struct config *c = calloc(1, sizeof(*c));
	struct ip_addr v6;

	assert_non_null(c);
	assert_true(ip_parse("2001:db8::1", &v6));
	c->dataplane.n_workers = 2;
	c->dataplane.memory_mb = 513;
	c->dataplane.mbufs = 1000;
	c->tcp.connections = 300;
	c->n_port = 1;
	c->n_relay = 3;
	c->relay[0] = (struct config_relay){ .turn = true, .port_min = 50000, .port_max = 50099 };
	c->relay[0].addr = ip_from_v4(be32_make(0x0a000001));
	c->relay[1] = c->relay[0];
	c->relay[1].addr = v6;
	c->relay[1].port_max = 50009;
	c->relay[2] = c->relay[0];
	c->relay[2].turn = false; /* for contexts alone */
	c->turn.allocations_max = 110;
	return c;
}

static void sums(void **state)
{
	struct config *c = config_make();
	const char *said = told(c);

	(void)state;
	assert_non_null(strstr(said, "513 MiB, which are 257 huge pages of 2 MiB, for\n"));
	assert_non_null(strstr(said, "5 MiB  packet buffers (dataplane.mbufs)\n"));
	assert_non_null(
	    strstr(said, "MiB  rings, counters, lists of connections (dataplane.ring-slots)\n"));
	assert_non_null(strstr(said, "1 MiB  allocations (control.state)\n"));
	assert_non_null(strstr(said, "\nand each process' own: "));
	assert_null(strstr(said, "contexts"));
	assert_non_null(strstr(said, "2000 packet buffers on 2 workers"));
	assert_non_null(strstr(said, "100 relayed ports of IPv4 and 10 of IPv6 for "
				     "turn.allocations-max, 110\n"));
	assert_non_null(strstr(said, "ports: 1 of 16 places; no device has a VLAN"));
	assert_non_null(strstr(said, "tcp.connections: 600 on all workers\n"));
	c->n_listener = 1;
	c->listener[0].transport = TRANSPORT_TLS;
	c->tls.connections = 200;
	assert_non_null(
	    strstr(told(c), "tcp.connections: 600 on all workers, of which 400 may be TLS "));
	c->tls.connections = 5000;
	assert_non_null(
	    strstr(told(c), "tcp.connections: 600 on all workers, of which 600 may be TLS "));
	c->n_listener = 0;
	c->n_port = 2;
	c->port[1] = (struct config_port){ .vlan = 7, .shares = 1 };
	assert_non_null(
	    strstr(told(c), "ports: 2 of 16 places; reloads may add 14 VLANs to 1 device\n"));
	c->gateway.contexts = 1;
	assert_non_null(strstr(told(c), "1 MiB  contexts (control.contexts)\n"));
	c->dataplane.hugepages = HUGEPAGES_NO;
	assert_null(strstr(told(c), "huge"));
	free(c);
}

/* MiB of fairlead-cp's own tables. */
static unsigned own_tables(const struct config *c)
{
	const char *line = strstr(told(c), " take more, and\n");

	assert_non_null(line);
	assert_non_null(strstr(line, " MiB  allocations, in fairlead-cp (turn.allocations-max"));
	return (unsigned)strtoul(line + strlen(" take more, and\n"), NULL, 10);
}

/* What an allocation takes, with its permission and channel, 64 MiB for 262,144 of them; and a
 * relay of all ports. */
static void own_tables_grow_with_allocations(void **state)
{
	struct config *c = config_make();
	const unsigned small = own_tables(c);
	unsigned large;

	(void)state;
	assert_in_range(small, 1, 2);
	c->turn.allocations_max = 1 << 18;
	large = own_tables(c);
	assert_in_range(large, small + 32, small + 64);
	for (; c->n_relay < 20; c->n_relay++)
		c->relay[c->n_relay] = (struct config_relay){ .port_min = 1024, .port_max = 65535 };
	assert_in_range(own_tables(c), large + 17 * 470 / 1024, large + 17);
	free(c);
}

/* Files of a domain that is served; that they are there is all that is looked at. */
static void missing_files_are_told(void **state)
{
	struct config *c = config_make();

	(void)state;
	c->n_certificate = 1;
	snprintf(c->certificate[0].chain, sizeof(c->certificate[0].chain), "/nonexistent/chain");
	snprintf(c->certificate[0].key, sizeof(c->certificate[0].key), "/");
	assert_null(strstr(told(c), "warning"));
	c->n_listener = 1;
	c->listener[0].transport = TRANSPORT_TLS;
	assert_non_null(strstr(
	    told(c), "warning: certificates[0].chain: /nonexistent/chain is not there yet\n"));
	assert_null(strstr(told(c), "certificates[0].key"));
	free(c);
}

static void less_memory_is_warned_of(void **state)
{
	struct config *c = config_make();

	(void)state;
	assert_null(strstr(told(c), "warning"));
	c->dataplane.mbufs = 120000;
	assert_non_null(strstr(told(c), "warning: dataplane.memory-mb: these are 5"));
	free(c);
}

static void series(void **state)
{
	struct config *c = config_make();

	(void)state;
	assert_null(strstr(told(c), "series"));
	c->control.metrics_port = 9641;
	assert_non_null(strstr(told(c), "/metrics has "));
	free(c);
}

static void fewer_ports_are_warned_of(void **state)
{
	struct config *c = config_make();

	(void)state;
	assert_null(strstr(told(c), "warning"));
	c->turn.allocations_max = 111;
	assert_non_null(strstr(told(c), "warning: turn.allocations-max: beyond 110 allocations no "
					"port is left"));
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums),
		cmocka_unit_test(own_tables_grow_with_allocations),
		cmocka_unit_test(missing_files_are_told),
		cmocka_unit_test(less_memory_is_warned_of),
		cmocka_unit_test(series),
		cmocka_unit_test(fewer_ports_are_warned_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
