/* SPDX-License-Identifier: BSD-3-Clause */
#include "shortfall.h"

/* A worker without a queue reaches the device by another's, and is reached by it. */
static unsigned queues_tell(const struct dplane *dp, const struct port *p, FILE *out)
{
	if (p->rx_queues >= dp->n_workers && p->tx_queues >= dp->n_workers)
		return 0;
	fprintf(out,
		"fairlead-dp: port %s: %u queues to receive by and as many to send by were asked "
		"for, one a worker; its device has %u and %u: packets of workers without one are "
		"handed over, at the cost of two workers: give the device more queues, or "
		"dataplane.workers fewer\n",
		p->conf->name, dp->n_workers, p->rx_queues, p->tx_queues);
	return 1;
}

static unsigned descriptors_tell(const struct dplane *dp, const struct port *p, const char *key,
				 uint16_t asked, uint16_t has, FILE *out)
{
	if (has == asked)
		return 0;
	fprintf(out,
		"fairlead-dp: %s: ports[%u].%s (%s): %u descriptors a queue were asked for; its "
		"device takes no such number: it is %u%s: set it to what the device takes, or use "
		"another device\n",
		dp->conf->file, p->idx, key, p->conf->name, asked, has,
		has < asked ? ", and bursts that are longer are lost"
			    : ", and so many packet buffers more are taken of dataplane.mbufs");
	return 1;
}

static unsigned offloads_tell(const struct port *p, FILE *out)
{
	if (!p->plain)
		return 0;
	fprintf(out,
		"fairlead-dp: port %s: its driver refuses the offloads that it offers: checksums, "
		"segmentation and the choice of a worker are done in software; another version of "
		"driver or firmware may take them\n",
		p->conf->name);
	return 1;
}

static unsigned multicast_tell(const struct port *p, FILE *out)
{
	if (!p->no_multicast)
		return 0;
	fprintf(out,
		"fairlead-dp: port %s: its device takes neither all multicast nor everything: "
		"IPv6 neighbours do not find it; of a VF, let its PF trust it (ip link set PF vf N "
		"trust on)\n",
		p->conf->name);
	return 1;
}

static unsigned vlan_tell(const struct port *p, FILE *out)
{
	if (!p->vlan_refused)
		return 0;
	fprintf(out,
		"fairlead-dp: port %s: its device refuses to let VLAN %u in, whose frames may be "
		"lost; of a VF, let its PF trust it (ip link set PF vf N trust on)\n",
		p->conf->name, p->vlan_refused);
	return 1;
}

/* Why is also in p->steering; here is what to do. A driver that knows no rules has nothing to tell.
 */
static unsigned rules_tell(const struct port *p, FILE *out)
{
	const struct steered *s = &p->steered;
	const bool dealt = s->by_port < s->dealt;

	if (!p->rule_why[0] || (!dealt && s->by_address == s->owned))
		return 0;
	fprintf(out,
		"fairlead-dp: port %s: its device refuses rules that bring relayed ports to their "
		"workers (%s): what comes to another one is handed over, at the cost of both: %s\n",
		p->conf->name, p->rule_why,
		dealt ? "with a relay address for each worker (relays[].worker) one rule without a "
			"mask does for each"
		      : "have fewer of relays[] with a worker, or without, so that the RSS key "
			"steers IPv4");
	return 1;
}

static unsigned links_tell(const struct dplane *dp, const struct port *p, FILE *out)
{
	const bool lacp = p->conf->bond == BOND_LACP;
	unsigned n = 0;

	for (uint16_t k = 0; k < p->n_members; k++) {
		if (!(p->untold & UINT32_C(1) << k))
			continue;
		fprintf(out,
			"fairlead-dp: %s: ports[%u].members[%u] (%s, %s): its driver does not tell "
			"when its link is lost: %s%s\n",
			dp->conf->file, p->idx, k, p->conf->name, p->conf->member[k],
			lacp ? "what the bond sends by it is lost until its partner's LACP frames "
			       "have been missed"
			     : "the bond goes on to send by it and takes no other member",
			/* Of those on a bus: e1000e, see bond.c. */
			strncmp(p->conf->member[k], "net_", 4) != 0
			    ? "; with eal: [\"--vfio-intr=legacy\"] it does"
			    : "");
		n++;
	}
	return n;
}

unsigned shortfall_tell(const struct dplane *dp, const struct port *p, FILE *out)
{
	const struct config_device d = config_device(dp->conf, p->idx);

	if (p->conf->shares)
		return 0; /* all is the first's */
	return queues_tell(dp, p, out) +
	       descriptors_tell(dp, p, "rx-desc", d.rx_desc, p->rx_desc, out) +
	       descriptors_tell(dp, p, "tx-desc", d.tx_desc, p->tx_desc, out) +
	       offloads_tell(p, out) + multicast_tell(p, out) + vlan_tell(p, out) +
	       rules_tell(p, out) + links_tell(dp, p, out);
}
