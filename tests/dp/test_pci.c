/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why a PCI device cannot be opened (dp/pci.h), from a /sys and a /dev that are made here: a
 * sentence each, with what is to be done about it. R73.
 */
#include "tests/world/unit.h"
#include "dp/pci.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NIC "0000:01:00.0"
#define OTHER "0000:01:00.1"

static char root[] = "/tmp/test_pci.XXXXXX";

static const char *below(const char *path)
{
	static char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	return full;
}

/* Makes a directory and those above it. */
static void make_dir(const char *path)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s", below(path));
	for (char *p = full + sizeof(root); *p; p++)
		if (*p == '/') {
			*p = '\0';
			assert_true(mkdir(full, 0700) == 0 || errno == EEXIST);
			*p = '/';
		}
	assert_true(mkdir(full, 0700) == 0 || errno == EEXIST);
}

static void make_file(const char *path, const char *text)
{
	int fd = open(below(path), O_CREAT | O_WRONLY, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* A device with a driver, or none, of a class, in IOMMU group 7 if there is one. */
static void make_device(const char *name, const char *driver, const char *class, int group)
{
	char path[PATH_MAX], to[PATH_MAX];

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s", name);
	make_dir(path);
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/class", name);
	make_file(path, class);
	if (driver) {
		snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/driver", name);
		snprintf(to, sizeof(to), "../../../../bus/pci/drivers/%s", driver);
		assert_int_equal(symlink(to, below(path)), 0);
	}
	if (group) {
		make_dir("sys/kernel/iommu_groups/7/devices");
		snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/iommu_group", name);
		assert_int_equal(symlink("../../../../kernel/iommu_groups/7", below(path)), 0);
		snprintf(path, sizeof(path), "sys/kernel/iommu_groups/7/devices/%s", name);
		make_file(path, "");
	}
}

static int setup(void **state)
{
	(void)state;
	strcpy(root + sizeof(root) - 7, "XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[sizeof(root) + 16];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

static void expect(const char *sentence)
{
	char why[256] = "";

	assert_true(pci_obstacle(root, NIC, why, sizeof(why)));
	assert_string_equal(why, sentence);
}

static void expect_free(void)
{
	char why[256] = "";

	if (pci_obstacle(root, NIC, why, sizeof(why)))
		fail_msg("%s", why);
}

static void one_that_is_not_there(void **state)
{
	(void)state;
	expect("is not on the PCI bus (lspci shows what is)");
}

static void one_without_a_driver(void **state)
{
	(void)state;
	make_device(NIC, NULL, "0x020000\n", 1);
	expect(
	    "has no driver: bind it to vfio-pci (fairlead-setup(8), or driverctl set-override " NIC
	    " vfio-pci)");
}

static void one_of_the_kernel(void **state)
{
	(void)state;
	make_device(NIC, "ice", "0x020000\n", 1);
	expect("is the kernel's (driver ice): bind it to vfio-pci (fairlead-setup(8), or driverctl "
	       "set-override " NIC " vfio-pci)");
}

static void one_without_an_iommu(void **state)
{
	(void)state;
	make_device(NIC, "vfio-pci", "0x020000\n", 0);
	expect("is behind no IOMMU: switch it on (firmware, and intel_iommu=on or amd_iommu=on), "
	       "let vfio do without (/sys/module/vfio/parameters/enable_unsafe_noiommu_mode), or "
	       "bind it to "
	       "igb_uio or uio_pci_generic");
}

static void one_whose_group_the_kernel_uses(void **state)
{
	(void)state;
	make_device(NIC, "vfio-pci", "0x020000\n", 1);
	make_device(OTHER, "ice", "0x020000\n", 1);
	expect("shares IOMMU group 7 with " OTHER
	       ", which the kernel uses (driver ice): bind that to "
	       "vfio-pci as well");
}

/* Bridges of a group are the kernel's without harm, and so is what has no driver. */
static void one_that_can_be_had(void **state)
{
	(void)state;
	make_device(NIC, "vfio-pci", "0x020000\n", 1);
	make_device(OTHER, NULL, "0x020000\n", 1);
	make_device("0000:00:01.0", "pcieport", "0x060400\n", 1);
	make_dir("dev/vfio");
	make_file("dev/vfio/7", "");
	expect_free();
	assert_false(pci_needs_physical(root, NIC));
	assert_true(pci_opens_freely(root, NIC));
	assert_false(pci_opens_freely(root, "0000:00:1e.0"));
	assert_false(pci_has_msi(root, NIC));
	make_dir("sys/bus/pci/devices/" NIC "/msi_irqs");
	assert_false(pci_has_msi(root, NIC));
	make_file("sys/bus/pci/devices/" NIC "/msi_irqs/40", "msix\n");
	assert_true(pci_has_msi(root, NIC));
}

static void one_without_protection_that_can_be_had(void **state)
{
	(void)state;
	make_device(NIC, "vfio-pci", "0x020000\n", 1);
	make_dir("dev/vfio");
	make_file("dev/vfio/noiommu-7", "");
	expect_free();
	assert_true(pci_needs_physical(root, NIC));
	assert_false(pci_opens_freely(root, NIC));
}

static void one_whose_group_has_no_file(void **state)
{
	(void)state;
	make_device(NIC, "vfio-pci", "0x020000\n", 1);
	expect("cannot be had: /dev/vfio/7: No such file or directory (a container is given it: "
	       "--device /dev/vfio; who runs fairlead-dp must be allowed to open it)");
}

static void one_of_uio(void **state)
{
	(void)state;
	make_device(NIC, "uio_pci_generic", "0x020000\n", 0);
	expect_free();
	assert_true(pci_needs_physical(root, NIC));
	assert_false(pci_opens_freely(root, NIC));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(one_that_is_not_there),
		T(one_without_a_driver),
		T(one_of_the_kernel),
		T(one_without_an_iommu),
		T(one_whose_group_the_kernel_uses),
		T(one_that_can_be_had),
		T(one_without_protection_that_can_be_had),
		T(one_whose_group_has_no_file),
		T(one_of_uio),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
