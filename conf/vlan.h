/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CONF_VLAN_H
#define FL_CONF_VLAN_H

/*
 * Ports that share a device, each with a VLAN of its own. The device is opened with the first of
 * them, and stays open; the others come and go by a reload, and keep their places (kept.h).
 */
#include "config.h"

/* Whether two ports have one place: with another tag, or MTU, a port is another one. */
static inline bool port_same(const struct config_port *a, const struct config_port *b)
{
	return strcmp(a->name, b->name) == 0 && a->vlan == b->vlan && a->mtu == b->mtu;
}

/* Whether a port is there; i is any number. */
static inline bool port_is_there(const struct config *c, uint16_t i)
{
	return i < c->n_port && !c->port[i].gone;
}

/* i is any number. */
static inline const char *port_name(const struct config *c, uint16_t i)
{
	return i < c->n_port ? c->port[i].name : "?";
}

/* Whether both name one device, however it is written. */
bool ports_are_of_one_device(const struct config_port *a, const struct config_port *b);

/* For schema_key.waits, of entries of ports; "": they are the same. */
const char *port_entry_waits(const struct config *runs, const void *from, const void *to);

/* Whether the device of a port that is to be in what runs was opened for TCP. */
bool port_is_ready_for_tcp(const struct config *runs, const struct config_port *p);

/* Sets config_port.shares by places: in what runs the first of a device was always there first. */
void ports_share(struct config *c);

/*
 * Ports of c have the places that they have in `runs`, which were taken by others before or are
 * behind them. False, and one sentence in err: one comes back to another device.
 */
bool ports_stay(const struct config *runs, const struct config *c, char *err, size_t errlen);

#endif
