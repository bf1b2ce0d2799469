/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_STEER_H
#define FL_DP_STEER_H

/* How packets reach their worker by a device's means; what it cannot, workers hand over. */
#include "dplane.h"

/*
 * Has the device of an opened port bring relayed ports to their workers. Those of a relay that is
 * one worker's: by an exact rule on the address. Those that are dealt out, by the first of these
 * that it can: rules, where it takes a mask on the port and the number of workers is a power of
 * two; for IPv4 a key and a table of RSS (steer_key()), if no client comes by it. c has relays,
 * listeners and addresses. p->steered says which, p->rule_why and p->rule_not why not.
 */
void steer_device(const struct dplane *dp, const struct config *c, struct port *p);

/*
 * Whether a reload may put c in force: a device whose RSS key was made for relays gets no listener,
 * since workers know the key. Else false, and a sentence in err.
 */
bool steer_fits(const struct dplane *dp, const struct config *c, char *err, size_t errlen);

/*
 * Rules for the snapshot in force on a device that is open; none is touched if its relays are the
 * same. While it has none packets come by RSS, and are handed over. The key stays: who opens
 * connections has it in use. A device that is out has its rules when it is back. By the service
 * thread, which logs what is there then.
 */
void steer_reload(struct dplane *dp, struct port *p);

/* What the rules of a port's device are for. */
const struct config *steer_conf(const struct dplane *dp, const struct port *p);

/*
 * The key that has one bit for each family. RSS' hash is then 32 bits of its input as they stand
 * there: behind the addresses and the source port of an IPv4 packet the destination port's, of
 * which the bits that relay_port_worker() asks for come last, the lowest first. The table of
 * reta_size (RELAY_DEAL at least, a power of two) has the worker for each. In an IPv6 packet the
 * upper seven bits of the source's twelfth byte stand where IPv4 has these, and are added: who has
 * 0 there comes by the owner's queue. No key can leave them out: doc/arch/dataplane.md.
 */
void steer_key(struct rss *r, uint16_t reta_size, uint16_t n_workers);

/*
 * The device of now, opened again, has the key and table that workers know of the port, or takes
 * them; else false. Drivers may draw another key at each start.
 */
bool steer_keep(const struct rss *known, struct port *now);

/* Writes p->steering, as fairlead ports shows it. */
void steer_describe(const struct dplane *dp, struct port *p);

#endif
