/* SPDX-License-Identifier: BSD-3-Clause */
#include "outage.h"
#include "bond.h"
#include "conf/device.h"
#include "pci.h"
#include "snapshot.h"
#include "steer.h"
#include "vlan.h"
#include "worker.h"

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_log.h>
#include <string.h>

/* ---- what devices say ---- */

void outage_wish(struct outage *o, uint16_t id, bool gone)
{
	for (uint16_t i = 0; i < o->dp->n_ports; i++) {
		const struct port *p = &o->dp->port[i];
		uint32_t bits = p->id == id;

		if (p->conf->shares)
			continue;
		for (uint16_t k = 0; k < p->n_members; k++)
			if (p->member[k] == id)
				bits = UINT32_C(1) << k;
		atomic_fetch_or(gone ? &o->port[i].gone : &o->port[i].reset, bits);
	}
}

static int on_event(uint16_t id, enum rte_eth_event_type event, void *outage, void *ret)
{
	(void)ret;
	outage_wish(outage, id, event == RTE_ETH_EVENT_INTR_RMV);
	return 0;
}

/* VFIO holds a device that is unplugged until it is closed, and tells it by its bus. */
static void on_bus(const char *device, enum rte_dev_event_type event, void *outage)
{
	uint16_t id;

	if (event == RTE_DEV_EVENT_REMOVE && rte_eth_dev_get_port_by_name(device, &id) == 0)
		outage_wish(outage, id, true);
}

void outage_watch(struct outage *o, struct dplane *dp)
{
	*o = (struct outage){ .dp = dp, .reopen.dp = dp };
	rte_eth_dev_callback_register(RTE_ETH_ALL, RTE_ETH_EVENT_INTR_RMV, on_event, o);
	rte_eth_dev_callback_register(RTE_ETH_ALL, RTE_ETH_EVENT_INTR_RESET, on_event, o);
	rte_dev_event_callback_register(NULL, on_bus, o);
}

/* ---- devices that send or hear nothing ---- */

/* By a port and the other VLANs of its device. */
static uint64_t packets_given(const struct dplane *dp, uint16_t port)
{
	uint64_t n = 0;

	for (uint16_t k = 0; k < dp->n_ports; k++) {
		if (!port_is_on(dp, k, &dp->port[port]))
			continue;
		for (uint16_t i = 0; i < dp->n_workers; i++) {
			const struct ctl_port_counters *c = &dp->worker[i]->port_counters[k];

			n += atomic_load_explicit(&c->tx_packets, memory_order_relaxed) +
			     atomic_load_explicit(&c->tx_full, memory_order_relaxed);
		}
	}
	return n;
}

/*
 * Whether a device that sends nothing is to be opened anew. A virtual one waits for its peer; who
 * has no capabilities any more cannot open each; and a driver that mends its device wants to be
 * alone.
 */
static bool may_reopen(const struct port *p)
{
	char err[DEVICE_ARGS_MAX];
	struct device d;
	const char *pci;

	if (p->n_members || p->heals || !device_read(p->conf->device, &d, err, sizeof(err)))
		return false;
	pci = device_pci(&d);
	return pci && pci_opens_freely("", pci);
}

/*
 * Seconds in which the device sent nothing although there was something to send: one that was reset
 * behind its driver's back takes nothing, and tells nobody. Of a driver that counts nothing there
 * is nothing to be learnt.
 */
static bool sends_nothing(struct outage_port *x, const struct port *p, bool was_given)
{
	if (!p->counts || p->sent != x->sent || p->sent == 0 || port_is_down(p))
		x->stalled_s = 0;
	else if (was_given)
		x->stalled_s++;
	x->sent = p->sent;
	return x->stalled_s >= OUTAGE_STALL_S;
}

/*
 * virtio's driver counts as sent what is in its ring, and tells nothing of it, so where little is
 * sent that such a device takes nothing shows late. But nobody answers either, not even the
 * neighbours who are asked. It did receive since it was opened: so this opens it once, and again
 * only if that helped.
 */
static bool hears_nothing(struct outage_port *x, const struct port *p, bool was_given)
{
	const uint16_t limit = x->flapped ? OUTAGE_STALL_S : OUTAGE_DEAF_S;

	if (!p->counts || p->heard != x->heard || p->heard == 0) {
		x->deaf_s = 0;
		x->flapped = false;
	} else if (port_is_down(p)) {
		x->deaf_s = 0;
		x->flapped = true;
	} else if (was_given) {
		x->deaf_s++;
	}
	x->heard = p->heard;
	return x->deaf_s >= limit && strcmp(p->driver, "net_virtio") == 0;
}

static void stall_look(struct outage *o, const struct port *p, uint64_t now_ms)
{
	struct outage_port *x = &o->port[p->idx];
	const uint64_t given = packets_given(o->dp, p->idx);
	const bool mute = sends_nothing(x, p, given != x->given);
	const bool deaf = hears_nothing(x, p, given != x->given);

	x->given = given;
	if (!(mute || deaf) || now_ms < x->calm_ms || !may_reopen(p))
		return;
	if (mute)
		RTE_LOG(ERR, USER1,
			"port %s (%s): has sent nothing for %u s of what it was given\n",
			p->conf->name, p->conf->device, x->stalled_s);
	else
		RTE_LOG(ERR, USER1,
			"port %s (%s): has received nothing in %u s%s, though it was given packets "
			"to send\n",
			p->conf->name, p->conf->device, x->deaf_s,
			x->flapped ? " since its link came up" : "");
	x->stalled_s = x->deaf_s = 0;
	x->calm_ms = now_ms + OUTAGE_PAUSE_MS;
	outage_wish(o, p->id, false);
}

/* ---- ports without their device ---- */

/* To port p, and those that are other VLANs of its device. */
static void links_set(struct dplane *dp, const struct port *p, enum port_link link)
{
	for (uint16_t i = 0; i < dp->n_ports; i++) {
		struct port *x = &dp->port[i];

		/* A VLAN that is gone sends no more by a device that is out, either. */
		if (port_is_on(dp, i, p))
			atomic_store(&x->link,
				     port_is_gone(x) && link != LINK_OUT ? LINK_DOWN : link);
	}
}

static uint64_t beat_of(const struct dplane *dp, uint16_t worker)
{
	return atomic_load(&dp->worker[worker]->clock.beat);
}

static void port_leave(struct outage *o, struct port *p, uint32_t gone, uint32_t reset)
{
	struct outage_port *x = &o->port[p->idx];

	RTE_LOG(ERR, USER1, "port %s (%s): %s\n", p->conf->name, p->conf->device,
		p->n_members ? gone ? "a member was taken away, and leaves the bond"
				    : "a member wants a reset, and leaves the bond"
		: gone ? "the device was taken away: the port is out; it is used again when the "
			 "device is there and bound to its driver, as by fairlead-setup(8)"
		       : "the device is opened anew");
	p->outages++;
	x->leave = gone | reset;
	x->step = OUTAGE_LEAVE;
	x->wait_ms = gone ? OUTAGE_RETRY_MS : OUTAGE_RESET_MS;
	x->told = false;
	links_set(o->dp, p, LINK_OUT);
	for (uint16_t i = 0; i < o->dp->n_workers; i++)
		x->beat[i] = beat_of(o->dp, i);
}

/* A beat is the beginning of a turn, and the first may have begun before the port was out. */
static bool workers_have_left(const struct outage *o, const struct outage_port *x)
{
	for (uint16_t i = 0; i < o->dp->n_workers; i++)
		if (beat_of(o->dp, i) - x->beat[i] < 2)
			return false;
	return true;
}

/* What leaves a bond is gone from here on, but the bond waits until it is closed. */
static bool port_shut(struct outage *o, struct port *p)
{
	struct outage_port *x = &o->port[p->idx];
	uint16_t id[CONFIG_MEMBERS_MAX], n = 0;

	if (reopen_is_busy(&o->reopen))
		return false;
	if (!p->n_members)
		id[n++] = p->id;
	for (uint16_t k = 0; k < p->n_members; k++) {
		if (!(x->leave & UINT32_C(1) << k) || p->member[k] == RTE_MAX_ETHPORTS)
			continue;
		id[n++] = p->member[k];
		bond_leave(p, p->member[k]);
		p->member[k] = RTE_MAX_ETHPORTS;
		RTE_LOG(ERR, USER1,
			"port %s: members[%u] (%s) is out of the bond until fairlead-dp is "
			"restarted\n",
			p->conf->name, k, p->conf->member[k]);
	}
	return reopen_close(&o->reopen, p, id, n);
}

static void port_closed(struct outage *o, struct port *p, uint64_t now_ms)
{
	struct outage_port *x = &o->port[p->idx];

	x->step = p->n_members ? OUTAGE_NONE : OUTAGE_AWAY;
	x->next_ms = now_ms + x->wait_ms;
	if (p->n_members)
		links_set(o->dp, p, LINK_UNKNOWN); /* the members that are left have theirs */
}

/* ---- and back ---- */

static bool port_return(struct outage *o, struct port *p)
{
	struct outage_port *x = &o->port[p->idx];

	if (reopen_is_busy(&o->reopen))
		return false;
	/* What was said of the device that was closed is of no interest any more. */
	atomic_store(&x->gone, 0);
	atomic_store(&x->reset, 0);
	return reopen_open(&o->reopen, p);
}

static void port_opened(struct outage *o, struct port *p, uint64_t now_ms)
{
	struct outage_port *x = &o->port[p->idx];

	if (!o->reopen.ok) {
		if (!x->told)
			RTE_LOG(ERR, USER1, "port %s (%s): is out until it can be opened: %s\n",
				p->conf->name, p->conf->device, o->reopen.why);
		x->told = true;
		x->step = OUTAGE_AWAY;
		x->next_ms = now_ms + OUTAGE_RETRY_MS;
		return;
	}
	for (uint16_t i = 0; i < o->dp->n_ports; i++)
		if (port_is_on(o->dp, i, p))
			o->dp->port[i].id = o->reopen.now.id;
	vlan_register(snapshot_conf(o->dp), p); /* others than when it was begun */
	RTE_LOG(NOTICE, USER1, "port %s (%s): works again\n", p->conf->name, p->conf->device);
	x->step = OUTAGE_NONE;
	links_set(o->dp, p, LINK_DOWN);
	steer_reload(o->dp, p); /* a reload may have passed it by */
}

static void port_look(struct outage *o, struct port *p, uint64_t now_ms)
{
	struct outage_port *x = &o->port[p->idx];
	uint32_t gone, reset;

	switch (x->step) {
	case OUTAGE_NONE:
		gone = atomic_exchange(&x->gone, 0);
		reset = atomic_exchange(&x->reset, 0);
		if (gone | reset)
			port_leave(o, p, gone, reset);
		break;
	case OUTAGE_LEAVE:
		if (workers_have_left(o, x) && port_shut(o, p))
			x->step = OUTAGE_CLOSES;
		break;
	case OUTAGE_CLOSES:
		if (reopen_take(&o->reopen, p))
			port_closed(o, p, now_ms);
		break;
	case OUTAGE_AWAY:
		if (now_ms >= x->next_ms && port_return(o, p))
			x->step = OUTAGE_OPENS;
		break;
	case OUTAGE_OPENS:
		if (reopen_take(&o->reopen, p))
			port_opened(o, p, now_ms);
		break;
	}
}

void outage_turn(struct outage *o, uint64_t now_ms)
{
	bool second = now_ms / 1000 != o->second;

	o->second = now_ms / 1000;
	for (uint16_t i = 0; o->dp && i < o->dp->n_ports; i++) {
		struct port *p = &o->dp->port[i];

		if (p->conf->shares)
			continue;
		if (second && o->port[i].step == OUTAGE_NONE)
			stall_look(o, p, now_ms);
		port_look(o, p, now_ms);
	}
}

bool outage_end(struct outage *o, uint32_t ms)
{
	return reopen_end(&o->reopen, ms);
}
