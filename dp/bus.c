/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Left alone, EAL opens each device that it finds on a bus. A bus of which it is told to allow one
 * opens no other; so one is named that is not there, and ports open theirs one by one, with their
 * arguments. Hyper-V's bus alone knows no way to open a device later: there EAL is named ours.
 */
#include "bus.h"
#include "pci.h"
#include "conf/device.h"

#include <stdio.h>

static void arg_add(struct bus_args *b, const char *option, const char *value)
{
	snprintf(b->text[b->n++], BUS_ARG_LEN, "%s%s", option, value);
}

struct looking {
	struct bus_args *args;
	const char *root;
	bool any, auxiliary;
};

static void physical_set(struct looking *l, const char *port, bool pci)
{
	if (l->args->physical)
		return;
	l->args->physical = port;
	l->args->pci = pci;
}

static void device_add(struct looking *l, const char *text, const char *port)
{
	char err[DEVICE_ARGS_MAX];
	const char *pci;
	struct device d;

	if (!device_read(text, &d, err, sizeof(err)) || d.virtual)
		return;
	l->any = true;
	pci = device_pci(&d);
	if (pci && pci_needs_physical(l->root, pci))
		physical_set(l, port, true);
	l->auxiliary |= device_auxiliary(&d) != NULL;
	if (device_vmbus(&d)) { /* the host is told where packets are in the guest's memory */
		physical_set(l, port, false);
		arg_add(l->args, "--allow=", d.devargs);
		if (d.vf[0]) /* opened with all, it is found by its MAC address */
			arg_add(l->args, "--allow=", d.vf);
	}
}

void bus_look(struct bus_args *b, const char *root, const struct config *c)
{
	struct looking l = { .args = b, .root = root };

	b->n = 0;
	b->physical = NULL;
	for (const struct config_port *p = c->port; p < c->port + c->n_port; p++) {
		if (p->shares)
			continue;
		device_add(&l, p->device, p->name);
		for (uint16_t i = 0; i < p->n_member; i++)
			device_add(&l, p->member[i], p->name);
	}
	/* Virtual addresses where nothing needs others, see mbufs_create(). EAL itself would ask
	   the devices, of which it knows none yet. */
	arg_add(b, "--iova-mode=", b->physical ? "pa" : "va");
	arg_add(b, l.any ? "--allow=0000:00:00.0" : "--no-pci", "");
	if (l.auxiliary)
		arg_add(b, "--allow=auxiliary:", "");
}
