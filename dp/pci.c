/* SPDX-License-Identifier: BSD-3-Clause */
#include "pci.h"
#include "sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PCI_DEVICES "/sys/bus/pci/devices"
#define VFIO "vfio-pci"

/* The last part of the path that a link of a device leads to; false if there is no such link. */
static bool link_name(const char *root, const char *device, const char *link, char *name,
		      size_t len)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s" PCI_DEVICES "/%s/%s", root, device, link);
	return sysfs_link(path, name, len);
}

/* A driver that leaves a device to programs, or shares it with them. */
struct lender {
	const char *name;
	bool physical; /* the device sees memory by physical addresses, whatever IOMMU there is */
};

/* NULL: the driver lends nothing. */
static const struct lender *lender_of(const char *driver)
{
	static const struct lender lenders[] = {
		{ .name = VFIO },
		{ .name = "uio_pci_generic", .physical = true },
		{ .name = "igb_uio", .physical = true },
		{ .name = "mlx4_core" },
		{ .name = "mlx5_core" },
		{ .name = "mana" },
	};

	for (size_t i = 0; i < sizeof(lenders) / sizeof(lenders[0]); i++)
		if (strcmp(driver, lenders[i].name) == 0)
			return &lenders[i];
	return NULL;
}

/* Bridges belong to the kernel and disturb nobody. */
static bool is_bridge(const char *root, const char *device)
{
	char path[PATH_MAX], class[16] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s" PCI_DEVICES "/%s/class", root, device);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(class, sizeof(class), f))
		class[0] = '\0';
	fclose(f);
	return strncmp(class, "0x06", 4) == 0;
}

/* A device of the same IOMMU group that the kernel uses: VFIO lends all of a group, or none. */
static bool group_obstacle(const char *root, const char *device, const char *group, char *why,
			   size_t len)
{
	char path[PATH_MAX], driver[64];
	const struct dirent *e;
	bool found = false;
	DIR *d;

	snprintf(path, sizeof(path), "%s" PCI_DEVICES "/%s/iommu_group/devices", root, device);
	d = opendir(path);
	while (d && !found && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' ||
		    !link_name(root, e->d_name, "driver", driver, sizeof(driver)))
			continue;
		if (lender_of(driver) || is_bridge(root, e->d_name))
			continue;
		snprintf(
		    why, len,
		    "shares IOMMU group %s with %s, which the kernel uses (driver %s): bind that "
		    "to vfio-pci as well",
		    group, e->d_name, driver);
		found = true;
	}
	if (d)
		closedir(d);
	return found;
}

static bool vfio_obstacle(const char *root, const char *device, char *why, size_t len)
{
	static const char *const prefix[] = { "", "noiommu-" }; /* as VFIO names a group */
	char group[16], path[PATH_MAX];
	int fd, error = ENOENT;

	if (!link_name(root, device, "iommu_group", group, sizeof(group))) {
		snprintf(why, len,
			 "is behind no IOMMU: switch it on (firmware, and intel_iommu=on or "
			 "amd_iommu=on), let vfio do without "
			 "(/sys/module/vfio/parameters/enable_unsafe_noiommu_mode), or bind it to "
			 "igb_uio or uio_pci_generic");
		return true;
	}
	if (group_obstacle(root, device, group, why, len))
		return true;
	for (size_t i = 0; error == ENOENT && i < sizeof(prefix) / sizeof(prefix[0]); i++) {
		snprintf(path, sizeof(path), "%s/dev/vfio/%s%s", root, prefix[i], group);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0) {
			close(fd);
			return false;
		}
		error = errno;
	}
	if (error == EBUSY)
		snprintf(why, len, "is used by another process (fuser -v /dev/vfio/%s)", group);
	else
		snprintf(
		    why, len,
		    "cannot be had: /dev/vfio/%s: %s (a container is given it: --device /dev/vfio; "
		    "who runs fairlead-dp must be allowed to open it)",
		    group, strerror(error));
	return true;
}

bool pci_obstacle(const char *root, const char *device, char *why, size_t len)
{
	char path[PATH_MAX], driver[64];

	snprintf(path, sizeof(path), "%s" PCI_DEVICES "/%s", root, device);
	if (access(path, F_OK) != 0) {
		snprintf(why, len, "is not on the PCI bus (lspci shows what is)");
		return true;
	}
	if (!link_name(root, device, "driver", driver, sizeof(driver))) {
		snprintf(why, len,
			 "has no driver: bind it to vfio-pci (fairlead-setup(8), or driverctl "
			 "set-override %s vfio-pci)",
			 device);
		return true;
	}
	if (!lender_of(driver)) {
		snprintf(why, len,
			 "is the kernel's (driver %s): bind it to vfio-pci (fairlead-setup(8), or "
			 "driverctl set-override %s vfio-pci)",
			 driver, device);
		return true;
	}
	/* Without an IOMMU VFIO's groups are named otherwise, and its driver says what is wrong. */
	return !strcmp(driver, VFIO) && vfio_obstacle(root, device, why, len);
}

/* Whether VFIO has the device without an IOMMU. */
static bool vfio_is_unsafe(const char *root, const char *device)
{
	char group[16], path[PATH_MAX];

	if (!link_name(root, device, "iommu_group", group, sizeof(group)))
		return false;
	snprintf(path, sizeof(path), "%s/dev/vfio/noiommu-%s", root, group);
	return access(path, F_OK) == 0;
}

bool pci_needs_physical(const char *root, const char *device)
{
	char driver[64];
	const struct lender *lender;

	if (!link_name(root, device, "driver", driver, sizeof(driver)))
		return false;
	lender = lender_of(driver);
	return (lender && lender->physical) ||
	       (strcmp(driver, VFIO) == 0 && vfio_is_unsafe(root, device));
}

bool pci_opens_freely(const char *root, const char *device)
{
	char driver[64];

	return link_name(root, device, "driver", driver, sizeof(driver)) &&
	       strcmp(driver, VFIO) == 0 && !vfio_is_unsafe(root, device);
}

bool pci_has_msi(const char *root, const char *device)
{
	char path[PATH_MAX];
	const struct dirent *e;
	bool any = false;
	DIR *dir;

	snprintf(path, sizeof(path), "%s" PCI_DEVICES "/%s/msi_irqs", root, device);
	dir = opendir(path);
	/* The folder stays when who had some has given them back. */
	while (dir && !any && (e = readdir(dir)))
		any = e->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return any;
}
