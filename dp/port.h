/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_PORT_H
#define FL_DP_PORT_H

/* Ethernet devices: any ethdev, with the offloads it has and software for the rest. */
#include "dplane.h"

/*
 * Opens, configures and starts port idx of the configuration; workers' pools must exist. On
 * failure false, and one sentence in err that names the key.
 */
bool port_open(struct dplane *dp, uint16_t idx, char *err, size_t errlen);
void port_close(struct port *port);

/*
 * The part of port_open() that is about the device of p, which has its configuration, index and
 * MTU and no more. On failure p->id may be an ethdev that is half open.
 */
bool port_device_open(struct dplane *dp, const struct config *c, struct port *p, char *err,
		      size_t errlen);

struct rte_eth_conf;
/* Its driver and what it takes off us, in words: of what it offers what was asked for. */
void port_describe(struct port *p, const char *driver, const struct rte_eth_conf *conf);
/*
 * The functions that its driver chose, of a bond its first member's, which depend on what was asked
 * of it; few tell.
 */
void port_bursts(struct port *p);
/*
 * Rewrites the entry of the port in the region, and port.link, which workers read. conflicts: what
 * announce_conflicts() says of it. The service thread only.
 */
void port_publish(const struct dplane *dp, struct port *port, uint64_t conflicts);

#endif
