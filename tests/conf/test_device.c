/* SPDX-License-Identifier: BSD-3-Clause */
/* What ports[].device may name, as DPDK is told of it, and which names mean the same device. */
#include "tests/world/unit.h"
#include "conf/device.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define UUID "635a7ae3-091e-4410-ae59-667c4f8c04ee"

static void test_devices(void **state)
{
	static const struct {
		const char *text, *name, *devargs;
	} rows[] = {
		{ "0000:01:00.0", "pci:0000:01:00.0", "pci:0000:01:00.0" },
		{ "01:00.0", "pci:0000:01:00.0", "pci:0000:01:00.0" },
		{ "1:0.7", "pci:0000:01:00.7", "pci:0000:01:00.7" },
		{ "ab:1f.1", "pci:0000:ab:1f.1", "pci:0000:ab:1f.1" },
		{ "10000:E1:00.0", "pci:10000:e1:00.0", "pci:10000:e1:00.0" },
		{ "pci:01:00.0", "pci:0000:01:00.0", "pci:0000:01:00.0" },
		{ "01:00.0,dv_flow_en=2,mprq_en=1", "pci:0000:01:00.0",
		  "pci:0000:01:00.0,dv_flow_en=2,mprq_en=1" },
		{ "auxiliary:mlx5_core.sf.2,dv_flow_en=2", "auxiliary:mlx5_core.sf.2",
		  "auxiliary:mlx5_core.sf.2,dv_flow_en=2" },
		{ "vmbus:635a7ae3-091e-4410-ae59-667c4f8c04ee",
		  "vmbus:635a7ae3-091e-4410-ae59-667c4f8c04ee",
		  "vmbus:635a7ae3-091e-4410-ae59-667c4f8c04ee" },
		{ "vmbus:635A7AE3-091E-4410-AE59-667C4F8C04EE,latency=20",
		  "vmbus:635a7ae3-091e-4410-ae59-667c4f8c04ee",
		  "vmbus:635a7ae3-091e-4410-ae59-667c4f8c04ee,latency=20" },
		{ "net_af_xdp0,iface=access", "vdev:net_af_xdp0", "vdev:net_af_xdp0,iface=access" },
		{ "vdev:net_null0", "vdev:net_null0", "vdev:net_null0" },
		{ "eth_null0", "vdev:eth_null0", "vdev:eth_null0" },
		{ "eth_af_packet0,iface=e", "vdev:eth_af_packet0", "vdev:eth_af_packet0,iface=e" },
		{ "net_bonding0", "vdev:net_bonding0", "vdev:net_bonding0" },
		{ "virtio_user0,path=/p", "vdev:virtio_user0", "vdev:virtio_user0,path=/p" },
		/* Of a driver that DPDK does not have itself. */
		{ "vdev:other0", "vdev:other0", "vdev:other0" },
		/* An interface of ours, and what stands for it. */
		{ "tap:fl0", "tap:fl0", "vdev:net_null_fl0,no-rx=1" },
		{ "tap:a-long-name-of-", "tap:a-long-name-of-",
		  "vdev:net_null_a-long-name-of-,no-rx=1" },
	};
	struct device d;
	char err[128];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(device_read(rows[i].text, &d, err, sizeof(err)));
		assert_string_equal(d.name, rows[i].name);
		assert_string_equal(d.devargs, rows[i].devargs);
		assert_int_equal(d.virtual, strncmp(rows[i].devargs, "vdev:", 5) == 0);
		assert_ptr_equal(device_tap(&d),
				 strncmp(rows[i].name, "tap:", 4) == 0 ? d.name + 4 : NULL);
		assert_ptr_equal(device_pci(&d),
				 strncmp(rows[i].name, "pci:", 4) == 0 ? d.name + 4 : NULL);
		assert_ptr_equal(device_vmbus(&d),
				 strncmp(rows[i].name, "vmbus:", 6) == 0 ? d.name + 6 : NULL);
		assert_ptr_equal(device_auxiliary(&d),
				 strncmp(rows[i].name, "auxiliary:", 10) == 0 ? d.name + 10 : NULL);
	}
}

/* vf= is ours, and of Hyper-V's devices alone. */
static void test_vf(void **state)
{
	static const struct {
		const char *text, *devargs, *vf;
	} rows[] = {
		{ "vmbus:" UUID ",vf=0001:00:02.0", "vmbus:" UUID, "pci:0001:00:02.0" },
		{ "vmbus:" UUID ",vf=1:2.3,latency=20", "vmbus:" UUID ",latency=20",
		  "pci:0000:01:02.3" },
		{ "vmbus:" UUID ",latency=20,vf=AB:00.0", "vmbus:" UUID ",latency=20",
		  "pci:0000:ab:00.0" },
		{ "vmbus:" UUID, "vmbus:" UUID, "" },
		{ "01:00.0,vf=1", "pci:0000:01:00.0,vf=1", "" },
	};
	static const char *const wrong[] = { "", "eth1", "01:00", "01:00.9", "01:00.0:1" };
	struct device d;
	char err[256], text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(device_read(rows[i].text, &d, err, sizeof(err)));
		assert_string_equal(d.devargs, rows[i].devargs);
		assert_string_equal(d.vf, rows[i].vf);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "vmbus:" UUID ",vf=%s,latency=20", wrong[i]);
		assert_false(device_read(text, &d, err, sizeof(err)));
		assert_non_null(strstr(err, "is no PCI address"));
	}
}

static void test_no_devices(void **state)
{
	static const char *const rows[] = {
		"0000:01:00",	/* no function */
		"0000:01:00.8", /* functions are 0 to 7 */
		"0000:01:20.0", /* devices are 0 to 1f */
		"100:00.0",	/* buses are 0 to ff */
		"0000:01:00.0.0", "0000:01:00.0 ",
		"0000:01: 0.0",	  "0000:-1:00.0",
		"0000:0x1:00.0",  "pci:mlx5",
		"01:00.0:a",	  "0000:00000000000000000000001:00.0",
	};
	static const char *const uuids[] = { "vmbus:eth0",
					     "vmbus:635a7ae3-091e-4410-ae59-667c4f8c04e",
					     "vmbus:635a7ae3-091e-4410-ae59-667c4f8c04eg",
					     "vmbus:635a7ae3-091e-4410-ae59f667c4f8c04ee",
					     "vmbus:635a7ae3-091e-4410-ae59-667c4f8c04ee0" };
	static const char *const interfaces[] = { "eth0",     "enp1s0", "face0",
						  "net",      "mlx5_0", "eth0,iface=eth0",
						  "bus:name", "vde:a",	"xnet_null0" };
	struct device d;
	char err[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_false(device_read(rows[i], &d, err, sizeof(err)));
		assert_non_null(strstr(err, "is no PCI address"));
	}
	for (size_t i = 0; i < sizeof(uuids) / sizeof(uuids[0]); i++) {
		assert_false(device_read(uuids[i], &d, err, sizeof(err)));
		assert_non_null(strstr(err, "is no UUID of a device on the vmbus"));
	}
	/* Interfaces of the kernel, one of whose names begins with digits of an address; a bus that
	 * is none. */
	for (size_t i = 0; i < sizeof(interfaces) / sizeof(interfaces[0]); i++) {
		assert_false(device_read(interfaces[i], &d, err, sizeof(err)));
		assert_non_null(
		    strstr(err, "is no device: write net_af_xdp0,iface=eth0, tap:fl0 or a PCI "
				"address such as 0000:01:00.0"));
	}
	assert_false(device_read("", &d, err, sizeof(err)));
	assert_string_equal(err, "'' names no device");
	assert_false(device_read(",iface=access", &d, err, sizeof(err)));
	assert_false(device_read("tap:", &d, err, sizeof(err)));
	assert_false(device_read("tap:fl0,queues=2", &d, err, sizeof(err)));
	assert_false(device_read("tap:..", &d, err, sizeof(err)));
	assert_false(device_read("tap:a/b", &d, err, sizeof(err)));
	assert_false(device_read("tap:sixteen-letters-", &d, err, sizeof(err)));
	assert_false(device_read("vmbus:,a=1", &d, err, sizeof(err)));
}

/* The configuration takes 255 characters. */
static void test_long(void **state)
{
	char text[512], err[128];
	struct device d;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "net_", 4);
	text[255] = '\0';
	assert_false(device_read(text, &d, err, sizeof(err)));
	assert_string_equal(err, "'net_aaaaaaaaaaaaaaaaaaaaaaaaaaaa...' is too long for a device");
	memcpy(text, "01:00.0,", 8);
	assert_true(device_read(text, &d, err, sizeof(err)));
	assert_int_equal(strlen(d.devargs), 255 + strlen("pci:0000:"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_vf),
		cmocka_unit_test(test_no_devices),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
