/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What EAL is told of buses (dp/bus.h): that it opens no device by itself, but those of Hyper-V's
 * bus, which nobody can open later; and whether devices see memory by physical addresses.
 */
#include "tests/world/unit.h"
#include "dp/bus.h"

#include <stdio.h>
#include <string.h>

#define UUID "635a7ae3-091e-4410-ae59-667c4f8c04ee"
#define UUID2 "635a7ae3-091e-4410-ae59-667c4f8c04ef"

static struct config conf;

static void ports(const char *first, const char *second)
{
	conf = (struct config){ .n_port = 2 };
	snprintf(conf.port[0].device, sizeof(conf.port[0].device), "%s", first);
	snprintf(conf.port[0].name, sizeof(conf.port[0].name), "access");
	snprintf(conf.port[1].device, sizeof(conf.port[1].device), "%s", second);
	snprintf(conf.port[1].name, sizeof(conf.port[1].name), "core");
}

/* The arguments, and the port that needs physical addresses; there is no /sys. */
static void expect(const char *arguments, const char *physical)
{
	char all[1024] = "";
	struct bus_args b;

	bus_look(&b, "/nowhere", &conf);
	for (uint16_t i = 0; i < b.n; i++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? " " : "",
			 b.text[i]);
	assert_string_equal(all, arguments);
	if (physical)
		assert_string_equal(b.physical, physical);
	else
		assert_null(b.physical);
	assert_false(b.physical && b.pci);
}

static void none_where_all_is_virtual(void **state)
{
	(void)state;
	ports("net_null0", "net_af_xdp0,iface=core");
	expect("--iova-mode=va --no-pci", NULL);
}

static void pci_is_opened_port_by_port(void **state)
{
	(void)state;
	ports("net_null0", "01:00.0,a=1");
	expect("--iova-mode=va --allow=0000:00:00.0", NULL);
}

static void auxiliary_is_opened_port_by_port(void **state)
{
	(void)state;
	ports("auxiliary:mlx5_core.sf.2,dv_flow_en=2", "auxiliary:mlx5_core.sf.3");
	expect("--iova-mode=va --allow=0000:00:00.0 --allow=auxiliary:", NULL);
}

static void vmbus_is_opened_at_start(void **state)
{
	(void)state;
	ports("net_null0", "vmbus:" UUID ",latency=20");
	expect("--allow=vmbus:" UUID ",latency=20 --iova-mode=pa --allow=0000:00:00.0", "core");
	ports("vmbus:" UUID, "vmbus:" UUID2);
	expect("--allow=vmbus:" UUID " --allow=vmbus:" UUID2 " --iova-mode=pa --allow=0000:00:00.0",
	       "access");
}

/* The VF beside one is opened for its driver, without being a port. */
static void vmbus_with_its_vf(void **state)
{
	(void)state;
	ports("net_null0", "vmbus:" UUID ",vf=0001:00:02.0,latency=20");
	expect("--allow=vmbus:" UUID ",latency=20 --allow=pci:0001:00:02.0 --iova-mode=pa "
	       "--allow=0000:00:00.0",
	       "core");
}

/* Another VLAN of a device names it once more; a bond has devices of its own. */
static void each_device_is_named_once(void **state)
{
	(void)state;
	ports("vmbus:" UUID, "vmbus:" UUID);
	conf.port[1].shares = 1;
	expect("--allow=vmbus:" UUID " --iova-mode=pa --allow=0000:00:00.0", "access");
	ports("net_null0", "net_bonding0");
	conf.port[1].n_member = 2;
	snprintf(conf.port[1].member[0], sizeof(conf.port[1].member[0]), "01:00.0");
	snprintf(conf.port[1].member[1], sizeof(conf.port[1].member[1]), "vmbus:" UUID2);
	expect("--allow=vmbus:" UUID2 " --iova-mode=pa --allow=0000:00:00.0", "core");
}

/* As many as a configuration may have, with the longest of arguments. */
static void there_is_room_for_all(void **state)
{
	struct bus_args b;
	char device[CONFIG_STR_MAX];

	(void)state;
	memset(device, 'a', sizeof(device) - 1);
	device[sizeof(device) - 1] = '\0';
	memcpy(device, "vmbus:" UUID ",vf=01:0.0,", strlen("vmbus:" UUID ",vf=01:0.0,"));
	conf = (struct config){ .n_port = CTL_PORTS_MAX };
	for (uint16_t i = 0; i < CTL_PORTS_MAX; i++) {
		struct config_port *p = &conf.port[i];

		p->n_member = CONFIG_MEMBERS_MAX;
		snprintf(p->device, sizeof(p->device), "%s", device);
		for (uint16_t k = 0; k < CONFIG_MEMBERS_MAX; k++)
			snprintf(p->member[k], sizeof(p->member[k]), "%s", device);
	}
	snprintf(conf.port[0].member[0], sizeof(conf.port[0].member[0]),
		 "auxiliary:mlx5_core.sf.2");
	bus_look(&b, "/nowhere", &conf);
	assert_int_equal(b.n, BUS_ARGS_MAX - 2);
	assert_int_equal(strlen(b.text[0]),
			 strlen("--allow=") + strlen(device) - strlen(",vf=01:0.0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_where_all_is_virtual),
		cmocka_unit_test(pci_is_opened_port_by_port),
		cmocka_unit_test(auxiliary_is_opened_port_by_port),
		cmocka_unit_test(vmbus_is_opened_at_start),
		cmocka_unit_test(vmbus_with_its_vf),
		cmocka_unit_test(each_device_is_named_once),
		cmocka_unit_test(there_is_room_for_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
