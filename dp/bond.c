/* SPDX-License-Identifier: BSD-3-Clause */
#include "bond.h"
#include "conf/device.h"
#include "pci.h"

#include <rte_eth_bond.h>
#include <rte_eth_bond_8023ad.h>
#include <rte_ethdev.h>
#include <rte_version.h>
#include <stdio.h>

/* DPDK 23.11 has other names. */
#if RTE_VERSION < RTE_VERSION_NUM(23, 11, 0, 0)
#define rte_eth_bond_member_add rte_eth_bond_slave_add
#define rte_eth_bond_member_remove rte_eth_bond_slave_remove
#define rte_eth_bond_active_members_get rte_eth_bond_active_slaves_get
#define rte_eth_bond_8023ad_member_info rte_eth_bond_8023ad_slave_info
#endif

enum { LINK_CHECK_MS = 10 }; /* of members that do not tell by an interrupt */

/*
 * What comes to the bond's address must pass each member's filter. For LACP, where all of them need
 * it, the driver only lets all multicast in. Else it gives the active one that address, and all
 * that the bond hears; where a member can have no other address, that is everything.
 */
static void members_hear(const uint16_t *id_of, uint16_t n, uint16_t bond, bool lacp)
{
	struct rte_ether_addr mac;

	if (rte_eth_macaddr_get(bond, &mac) < 0)
		return;
	for (uint16_t i = 0; i < n; i++) {
		struct rte_ether_addr own;
		const bool other =
		    rte_eth_macaddr_get(id_of[i], &own) == 0 && !rte_is_same_ether_addr(&own, &mac);

		if (rte_eth_dev_default_mac_addr_set(id_of[i], &mac) < 0)
			rte_eth_promiscuous_enable(lacp ? id_of[i] : bond);
		else if (!lacp && other) /* the driver's turn, when it is active */
			rte_eth_dev_default_mac_addr_set(id_of[i], &own);
	}
}

bool bond_make(const struct config_port *c, const uint16_t *id_of, uint16_t n, uint16_t *id,
	       uint16_t *member, int *why)
{
	const bool lacp = c->bond == BOND_LACP;
	int node = rte_eth_dev_socket_id(id_of[0]), r;

	*member = n;
	r = rte_eth_bond_create(c->device, lacp ? BONDING_MODE_8023AD : BONDING_MODE_ACTIVE_BACKUP,
				(uint8_t)(node < 0 ? 0 : node));
	*why = r;
	if (r < 0)
		return false;
	*id = (uint16_t)r;
	for (*member = 0; *member < n; ++*member) {
		*why = rte_eth_bond_member_add(*id, id_of[*member]);
		if (*why < 0)
			return false;
	}
	members_hear(id_of, n, *id, lacp);
	/* Sessions of one client must not share a member because they share its address. */
	*why = lacp ? rte_eth_bond_xmit_policy_set(*id, BALANCE_XMIT_POLICY_LAYER34)
		    : rte_eth_bond_link_monitoring_set(*id, LINK_CHECK_MS);
	return *why >= 0;
}

void bond_leave(const struct port *p, uint16_t id)
{
	rte_eth_bond_member_remove(p->id, id);
}

/*
 * Whether a member's driver tells that its link is lost. Those of the kernel's sockets have none.
 * An e1000e (82574) waits for an interrupt that does not come by MSI-X, which VFIO takes first.
 */
static bool link_is_told(const struct config_port *c, uint16_t k, uint16_t id)
{
	static const char *const never[] = { "net_af_packet", "net_af_xdp", "net_null" };
	char why[DEVICE_ARGS_MAX];
	struct rte_eth_dev_info info;
	const char *pci;
	struct device d;

	if (rte_eth_dev_info_get(id, &info) < 0)
		return true;
	for (size_t i = 0; i < RTE_DIM(never); i++)
		if (strcmp(info.driver_name, never[i]) == 0)
			return false;
	if (strcmp(info.driver_name, "net_e1000_em") != 0 ||
	    !device_read(c->member[k], &d, why, sizeof(why)))
		return true;
	pci = device_pci(&d);
	return !pci || !pci_has_msi("", pci);
}

void bond_links(struct port *p)
{
	p->untold = 0;
	for (uint16_t k = 0; k < p->n_members; k++)
		if (!link_is_told(p->conf, k, p->member[k]))
			p->untold |= UINT32_C(1) << k;
}

/* Whether a member carries traffic: with LACP only once its partner agrees. */
static bool member_is_active(const struct port *p, uint16_t id)
{
	uint16_t active[CONFIG_MEMBERS_MAX];
	int n = rte_eth_bond_active_members_get(p->id, active, CONFIG_MEMBERS_MAX);

	if (p->conf->bond == BOND_ACTIVE_BACKUP)
		return n > 0 && rte_eth_bond_primary_get(p->id) == id;
	for (int i = 0; i < n; i++)
		if (active[i] == id)
			return true;
	return false;
}

void bond_look(struct port *p)
{
	uint16_t now = 0;

	if (p->conf->bond != BOND_ACTIVE_BACKUP)
		return;
	for (uint16_t i = 0; i < p->n_members; i++)
		if (p->member[i] != RTE_MAX_ETHPORTS && member_is_active(p, p->member[i]))
			now = (uint16_t)(p->member[i] + 1);
	if (!now || now == p->carrier)
		return;
	if (p->carrier)
		atomic_fetch_add_explicit(&p->takeovers, 1, memory_order_relaxed);
	p->carrier = now;
}

/* Whether another speed than the first's keeps a member out: LACP joins links that are alike. */
static bool speed_differs(const struct port *p, uint16_t id)
{
	struct rte_eth_link link = { 0 }, first = { 0 };

	return rte_eth_link_get_nowait(id, &link) == 0 &&
	       rte_eth_link_get_nowait(p->member[0], &first) == 0 && first.link_status &&
	       (link.link_speed != first.link_speed || link.link_duplex != first.link_duplex);
}

/* What a member does, as text; "" where its driver does not tell. */
static const char *member_state(const struct port *p, uint16_t id)
{
	struct rte_eth_bond_8023ad_member_info lacp = { 0 };

	if (id == RTE_MAX_ETHPORTS)
		return ", out";
	if (!member_is_active(p, id))
		return ", idle";
	if (p->conf->bond == BOND_ACTIVE_BACKUP)
		return ", active";
	if (rte_eth_bond_8023ad_member_info(p->id, id, &lacp) != 0)
		return "";
	if (lacp.actor_state & STATE_DISTRIBUTING)
		return ", active";
	return speed_differs(p, id) ? ", waits for LACP: its speed is not the first's"
				    : ", waits for LACP";
}

static const char *member_link(const struct port *p, uint16_t k)
{
	struct rte_eth_link link = { 0 };

	if (p->member[k] == RTE_MAX_ETHPORTS || rte_eth_link_get_nowait(p->member[k], &link) != 0 ||
	    !link.link_status)
		return "down";
	return p->untold & UINT32_C(1) << k ? "link not told" : "up";
}

void bond_describe(const struct port *p, char *text, size_t len)
{
	size_t at = 0;

	text[0] = '\0';
	for (uint16_t i = 0; i < p->n_members && at < len; i++) {
		const uint16_t id = p->member[i];
		at += (size_t)snprintf(text + at, len - at, "%s%.*s %s%s", i ? "; " : "",
				       (int)strcspn(p->conf->member[i], ","), p->conf->member[i],
				       member_link(p, i), member_state(p, id));
	}
}
