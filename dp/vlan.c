/* SPDX-License-Identifier: BSD-3-Clause */
#include "vlan.h"

#include <rte_ethdev.h>

uint64_t vlan_offload(const struct config_device *d, uint64_t offered)
{
	return d->tagged ? offered & RTE_ETH_RX_OFFLOAD_VLAN_FILTER : 0;
}

void vlan_register(const struct dplane *dp, struct port *p)
{
	const int has = rte_eth_dev_get_vlan_offload(p->id);

	p->vlan_refused = 0;
	if (has < 0 || !(has & RTE_ETH_VLAN_FILTER_OFFLOAD))
		return;
	for (uint16_t i = 0; i < dp->conf->n_port; i++) {
		const struct config_port *c = &dp->conf->port[i];

		if (c->vlan && (i == p->idx || c->shares == p->idx + 1) &&
		    rte_eth_dev_vlan_filter(p->id, c->vlan, 1) < 0)
			p->vlan_refused = c->vlan;
	}
}
