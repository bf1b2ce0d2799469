/* SPDX-License-Identifier: BSD-3-Clause */
#include "device.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Buses of DPDK 22.11 and 24.11. */
static const char *const buses[] = { "auxiliary", "cdx",      "dpaa_bus", "fslmc", "ifpga",
				     "pci",	  "platform", "uacce",	  "vdev",  "vmbus" };

static const char tap[] = "tap:"; /* in front of an interface that we serve */

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

/* A UUID of len bytes, as /sys/bus/vmbus/devices has it. */
static bool uuid_read(const char *s, size_t len, char *to)
{
	enum { UUID_LEN = 36 };

	if (len != UUID_LEN)
		return false;
	for (size_t i = 0; i < len; i++) {
		const bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-' : !isxdigit((unsigned char)s[i]))
			return false;
		to[i] = (char)tolower((unsigned char)s[i]);
	}
	to[len] = '\0';
	return true;
}

/* The name on its bus as DPDK has it; false, with a sentence in err, if it is none. */
static bool name_read(const char *bus, const char *s, size_t len, char to[DEVICE_NAME_MAX],
		      char *err, size_t errlen)
{
	const char *wanted = NULL;

	if (strcmp(bus, "pci") == 0)
		wanted = pci_read(s, len, to, DEVICE_NAME_MAX)
			     ? NULL
			     : "PCI address: bus:device.function, as in 01:00.0";
	else if (strcmp(bus, "vmbus") == 0)
		wanted = uuid_read(s, len, to)
			     ? NULL
			     : "UUID of a device on the vmbus (ls /sys/bus/vmbus/devices)";
	else
		snprintf(to, DEVICE_NAME_MAX, "%.*s", (int)len, s);
	if (wanted)
		snprintf(err, errlen, "'%.*s' is no %s", (int)len, s, wanted);
	return !wanted;
}

/* Takes vf=ADDRESS out of the arguments; false, with a sentence in err, if that is no address. */
static bool vf_take(struct device *d, char *err, size_t errlen)
{
	static const char key[] = ",vf=";
	char *at = strstr(d->devargs, key), *value, *end;
	char name[DEVICE_VF_MAX - 4];

	if (!at)
		return true;
	value = at + sizeof(key) - 1;
	end = value + strcspn(value, ",");
	if (!pci_read(value, (size_t)(end - value), name, sizeof(name))) {
		snprintf(err, errlen, "vf: '%.*s' is no PCI address, as in 0001:00:02.0",
			 (int)(end - value), value);
		return false;
	}
	snprintf(d->vf, sizeof(d->vf), "pci:%s", name);
	memmove(at, end, strlen(end) + 1);
	return true;
}

/* "tap:NAME", a name that the kernel takes and without arguments. */
static bool tap_read(const char *text, struct device *d, char *err, size_t errlen)
{
	enum { NAME_MAX_LEN = 15 };
	const char *name = text + sizeof(tap) - 1;
	const size_t len = strlen(name);

	if (len == 0 || len > NAME_MAX_LEN || name[strcspn(name, "/:, \t%")] ||
	    strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		snprintf(err, errlen,
			 "'%.64s' names no interface: write tap: and a name of 15 characters at "
			 "most, without arguments, as in tap:fl0",
			 text);
		return false;
	}
	*d = (struct device){ .virtual = true };
	snprintf(d->name, sizeof(d->name), "%s", text);
	snprintf(d->devargs, sizeof(d->devargs), "vdev:net_null_%s,no-rx=1", name);
	return true;
}

bool device_read(const char *text, struct device *d, char *err, size_t errlen)
{
	const char *rest, *bus = bus_read(text, &rest);
	size_t len = strcspn(rest, ",");
	char name[DEVICE_NAME_MAX];
	int n, m;

	if (strncmp(text, tap, sizeof(tap) - 1) == 0)
		return tap_read(text, d, err, errlen);
	if (len == 0) {
		snprintf(err, errlen, "'%s' names no device", text);
		return false;
	}
	if (!bus && !pci_begins(rest) && !virtual_begins(rest)) {
		snprintf(err, errlen,
			 "'%.64s' is no device: write net_af_xdp0,iface=eth0, tap:fl0 or a PCI "
			 "address such as 0000:01:00.0",
			 text);
		return false;
	}
	if (!bus)
		bus = pci_begins(rest) ? "pci" : "vdev";
	if (!name_read(bus, rest, len, name, err, errlen))
		return false;
	n = snprintf(d->name, sizeof(d->name), "%s:%s", bus, name);
	m = snprintf(d->devargs, sizeof(d->devargs), "%s%s", d->name, rest + len);
	if (n < 0 || (size_t)n >= sizeof(d->name) || m < 0 || (size_t)m >= sizeof(d->devargs)) {
		snprintf(err, errlen, "'%.32s...' is too long for a device", text);
		return false;
	}
	d->virtual = strcmp(bus, "vdev") == 0;
	d->vf[0] = '\0';
	return strcmp(bus, "vmbus") != 0 || vf_take(d, err, errlen);
}

static const char *name_on(const struct device *d, const char *bus)
{
	size_t len = strlen(bus);

	return strncmp(d->name, bus, len) == 0 && d->name[len] == ':' ? d->name + len + 1 : NULL;
}

const char *device_pci(const struct device *d)
{
	return name_on(d, "pci");
}

const char *device_vmbus(const struct device *d)
{
	return name_on(d, "vmbus");
}

const char *device_auxiliary(const struct device *d)
{
	return name_on(d, "auxiliary");
}

const char *device_tap(const struct device *d)
{
	return name_on(d, "tap");
}
