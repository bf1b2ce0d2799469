/* SPDX-License-Identifier: BSD-3-Clause */
#include "vlan.h"
#include "device.h"

static const char device_once[] = "a device is set up once, before packets are taken from it";

bool ports_are_of_one_device(const struct config_port *a, const struct config_port *b)
{
	char err[DEVICE_ARGS_MAX];
	struct device x, y;

	return strcmp(a->device, b->device) == 0 ||
	       (device_read(a->device, &x, err, sizeof(err)) &&
		device_read(b->device, &y, err, sizeof(err)) && strcmp(x.name, y.name) == 0);
}

/* The port that a device was opened with; NULL: it is not open. */
static const struct config_port *device_port(const struct config *runs, const struct config_port *p)
{
	for (uint16_t i = 0; i < runs->n_port; i++) {
		const struct config_port *q = &runs->port[i];

		if (!q->shares && !q->gone && ports_are_of_one_device(p, q))
			return q;
	}
	return NULL;
}

/* Why a port of that device cannot be added to what runs; NULL: it can. */
static const char *addition_waits(const struct config *runs, const struct config_port *p)
{
	const struct config_port *first = device_port(runs, p);
	struct config_device d;

	if (!first)
		return "each device has its queues and tables in every worker, which are laid out "
		       "once";
	d = config_device(runs, (uint16_t)(first - runs->port));
	if (p->vlan == first->vlan)
		return device_once;
	if (p->vlan && !d.tagged)
		return "the device was opened for frames without a tag: it may drop those that "
		       "have one, and is told otherwise when it is opened";
	if (p->mtu > d.mtu)
		return "the device was opened for packets that are no longer than the mtu of the "
		       "ports it had";
	return NULL;
}

const char *port_entry_waits(const struct config *runs, const void *from, const void *to)
{
	const struct config_port *a = from, *b = to;

	if (a && b && port_same(a, b) && ports_are_of_one_device(a, b))
		return "";
	if (a && !a->shares)
		return b ? device_once
			 : "it is the first port of its device, which is closed when fairlead-dp "
			   "ends";
	if (a && b && port_same(a, b))
		return "a port keeps its device as long as it has its name, vlan and mtu";
	return b ? addition_waits(runs, b) : NULL;
}

bool port_is_ready_for_tcp(const struct config *runs, const struct config_port *p)
{
	const struct config_port *first = device_port(runs, p);

	return first && config_device(runs, (uint16_t)(first - runs->port)).tcp;
}

void ports_share(struct config *c)
{
	for (uint16_t i = 0; i < c->n_port; i++) {
		struct config_port *p = &c->port[i];

		p->shares = 0;
		for (uint16_t k = 0; k < i && !p->shares; k++)
			if (!c->port[k].shares && ports_are_of_one_device(p, &c->port[k]))
				p->shares = (uint16_t)(k + 1);
	}
}

bool ports_stay(const struct config *runs, const struct config *c, char *err, size_t errlen)
{
	for (uint16_t i = 0; i < runs->n_port; i++) {
		const struct config_port *was = &runs->port[i], *is = &c->port[i];

		if (is->gone && !was->gone && !was->shares) {
			snprintf(err, errlen,
				 "ports: with those that wait for a restart there are more than %u",
				 CTL_PORTS_MAX);
			return false;
		}
		if (is->gone || ports_are_of_one_device(was, is))
			continue;
		snprintf(err, errlen,
			 "ports: %s with vlan %u was a port of %s, and keeps its device until "
			 "fairlead-dp ends: give it another name",
			 is->name, is->vlan, was->device);
		return false;
	}
	return true;
}
