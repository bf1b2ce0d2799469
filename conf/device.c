/* SPDX-License-Identifier: BSD-3-Clause */
#include "device.h"

#include <stdio.h>
#include <string.h>

/* Buses of DPDK 22.11 and 24.11. */
static const char *const buses[] = { "auxiliary", "cdx",      "dpaa_bus", "fslmc", "ifpga",
				     "pci",	  "platform", "uacce",	  "vdev",  "vmbus" };

/* The bus that text names in front, or NULL; *rest: what stands behind it. */
static const char *bus_read(const char *text, const char **rest)
{
	for (size_t i = 0; i < sizeof(buses) / sizeof(buses[0]); i++) {
		size_t len = strlen(buses[i]);

		if (strncmp(text, buses[i], len) == 0 && text[len] == ':') {
			*rest = text + len + 1;
			return buses[i];
		}
	}
	*rest = text;
	return NULL;
}

/* Hexadecimal digits and a colon, as every PCI address begins and no virtual device does. */
static bool pci_begins(const char *s)
{
	size_t n = strspn(s, "0123456789abcdefABCDEF");

	return n > 0 && s[n] == ':';
}

/* Begins as drivers of virtual devices are called; others are named with their bus, vdev:NAME. */
static bool virtual_begins(const char *s)
{
	static const char *const drivers[] = { "net_", "eth_", "virtio_user" };

	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (strncmp(s, drivers[i], strlen(drivers[i])) == 0)
			return true;
	return false;
}

/* An address of len bytes: domain, which may be missing, bus, device and function. */
static bool pci_read(const char *s, size_t len, char *to, size_t tolen)
{
	unsigned int domain, bus, dev, fn;
	char copy[32], end;

	if (len >= sizeof(copy) || strspn(s, "0123456789abcdefABCDEF:.") < len)
		return false;
	memcpy(copy, s, len);
	copy[len] = '\0';
	if (sscanf(copy, "%x:%x:%x.%o%c", &domain, &bus, &dev, &fn, &end) != 4) {
		domain = 0;
		if (sscanf(copy, "%x:%x.%o%c", &bus, &dev, &fn, &end) != 3)
			return false;
	}
	if (bus > 0xff || dev > 0x1f || fn > 7)
		return false;
	snprintf(to, tolen, "%04x:%02x:%02x.%o", domain, bus, dev, fn);
	return true;
}

bool device_read(const char *text, struct device *d, char *err, size_t errlen)
{
	const char *rest, *bus = bus_read(text, &rest);
	size_t len = strcspn(rest, ",");
	char pci[48];
	int n, m;

	if (len == 0) {
		snprintf(err, errlen, "'%s' names no device", text);
		return false;
	}
	if (!bus && !pci_begins(rest) && !virtual_begins(rest)) {
		snprintf(err, errlen,
			 "'%.64s' is no device: write net_af_xdp0,iface=eth0 or a PCI address such "
			 "as 0000:01:00.0",
			 text);
		return false;
	}
	if (!bus)
		bus = pci_begins(rest) ? "pci" : "vdev";
	if (strcmp(bus, "pci") == 0) {
		if (!pci_read(rest, len, pci, sizeof(pci))) {
			snprintf(err, errlen,
				 "'%.*s' is no PCI address: bus:device.function, as in 01:00.0",
				 (int)len, rest);
			return false;
		}
		n = snprintf(d->name, sizeof(d->name), "pci:%s", pci);
	} else {
		n = snprintf(d->name, sizeof(d->name), "%s:%.*s", bus, (int)len, rest);
	}
	m = snprintf(d->devargs, sizeof(d->devargs), "%s%s", d->name, rest + len);
	if (n < 0 || (size_t)n >= sizeof(d->name) || m < 0 || (size_t)m >= sizeof(d->devargs)) {
		snprintf(err, errlen, "'%.32s...' is too long for a device", text);
		return false;
	}
	d->virtual = strcmp(bus, "vdev") == 0;
	return true;
}

const char *device_pci(const struct device *d)
{
	static const char bus[] = "pci:";

	return strncmp(d->name, bus, sizeof(bus) - 1) == 0 ? d->name + sizeof(bus) - 1 : NULL;
}
