/* SPDX-License-Identifier: BSD-3-Clause */
#include "reopen.h"
#include "conf/device.h"
#include "pci.h"
#include "port.h"
#include "steer.h"

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <time.h>

static void device_close(uint16_t id)
{
	struct rte_eth_dev_info info = { 0 };
	bool known;

	if (!rte_eth_dev_is_valid_port(id))
		return;
	known = rte_eth_dev_info_get(id, &info) == 0;
	rte_eth_dev_stop(id);
	rte_eth_dev_close(id);
	if (known && info.device)
		rte_dev_remove(info.device);
}

/* The key is looked at apart (steer_keep()): reloads leave it as it is. */
static bool rules_same(const struct steered *a, const struct steered *b)
{
	return a->dealt == b->dealt && a->by_port == b->by_port && a->owned == b->owned &&
	       a->by_address == b->by_address;
}

/* What workers have read of a port, perhaps for a packet that they still keep, must stay true. */
static bool is_as_before(const struct port *p, const struct port *now)
{
	return strcmp(p->driver, now->driver) == 0 && strcmp(p->offloads, now->offloads) == 0 &&
	       rte_is_same_ether_addr(&p->mac, &now->mac) && p->rx_queues == now->rx_queues &&
	       p->tx_queues == now->tx_queues && p->chain_max == now->chain_max &&
	       rules_same(&p->steered, &now->steered);
}

static bool device_open(struct reopen *r)
{
	const struct port *p = r->port;
	struct device d;
	const char *pci;

	r->now = (struct port){ .idx = p->idx, .conf = p->conf, .mtu = p->mtu };
	if (!device_read(p->conf->device, &d, r->why, sizeof(r->why)))
		return false;
	/* Or EAL would have something to say at each try. */
	pci = device_pci(&d);
	if (pci && pci_obstacle("", pci, r->why, sizeof(r->why)))
		return false;
	if (!port_device_open(r->dp, steer_conf(r->dp, p), &r->now, r->why, sizeof(r->why))) {
		device_close(r->now.id);
		return false;
	}
	if (is_as_before(p, &r->now) && steer_keep(&p->rss, &r->now))
		return true;
	device_close(r->now.id);
	snprintf(r->why, sizeof(r->why),
		 "is another device now (MAC address, driver, offloads, queues, rules or RSS key): "
		 "restart fairlead-dp to use it");
	return false;
}

static void *worked(void *reopen)
{
	struct reopen *r = reopen;

	for (uint16_t i = 0; i < r->n; i++)
		device_close(r->id[i]);
	if (r->task == REOPEN_OPEN)
		r->ok = device_open(r);
	atomic_store_explicit(&r->done, true, memory_order_release);
	return NULL;
}

/* The thread has this one's CPU, and the capabilities that are left. Without one it is done here.
 */
static void begin(struct reopen *r, const struct port *p, enum reopen_task task)
{
	r->port = p;
	r->ok = false;
	r->why[0] = '\0';
	r->task = task;
	atomic_store(&r->done, false);
	r->threaded = pthread_create(&r->thread, NULL, worked, r) == 0;
	if (!r->threaded)
		worked(r);
}

bool reopen_close(struct reopen *r, const struct port *p, const uint16_t *id, uint16_t n)
{
	if (reopen_is_busy(r))
		return false;
	memcpy(r->id, id, n * sizeof(*id));
	r->n = n;
	begin(r, p, REOPEN_CLOSE);
	return true;
}

bool reopen_open(struct reopen *r, const struct port *p)
{
	if (reopen_is_busy(r))
		return false;
	r->n = 0;
	begin(r, p, REOPEN_OPEN);
	return true;
}

bool reopen_take(struct reopen *r, const struct port *p)
{
	if (!reopen_is_busy(r) || r->port != p ||
	    !atomic_load_explicit(&r->done, memory_order_acquire))
		return false;
	if (r->threaded)
		pthread_join(r->thread, NULL);
	r->task = REOPEN_NOTHING;
	return true;
}

bool reopen_end(struct reopen *r, uint32_t ms)
{
	struct timespec end;

	if (!reopen_is_busy(r))
		return true;
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += ms / 1000;
	end.tv_nsec += ms % 1000 * 1000000L;
	if (end.tv_nsec >= 1000000000L) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000L;
	}
	if (r->threaded && pthread_timedjoin_np(r->thread, NULL, &end) != 0)
		return false;
	if (r->task == REOPEN_OPEN && r->ok) /* nobody knows of it yet, who would close it */
		device_close(r->now.id);
	r->task = REOPEN_NOTHING;
	return true;
}
