/* SPDX-License-Identifier: BSD-3-Clause */
#include "tap.h"
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <rte_malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	TCP_CSUM = 16,	/* offset of the checksum in a header of TCP */
	TXQ_LEN = 8192, /* frames of the kernel's that may wait for us */
};

struct tap {
	struct tap_queue *q[CTL_WORKERS_MAX];
	const struct rte_eth_rxtx_callback *rx[CTL_WORKERS_MAX], *tx[CTL_WORKERS_MAX];
	uint16_t n;
};

const char *tap_name(const struct config_port *c, struct device *d)
{
	char err[DEVICE_ARGS_MAX];

	return device_read(c->device, d, err, sizeof(err)) ? device_tap(d) : NULL;
}

/* ---- a queue ---- */

void tap_queue_init(struct tap_queue *q, int fd, struct rte_mempool *pool)
{
	*q = (struct tap_queue){ .fd = fd, .pool = pool, .empty = TAP_BUFFERS };
}

void tap_queue_free(struct tap_queue *q)
{
	for (uint16_t i = q->empty; i < TAP_BUFFERS; i++)
		rte_pktmbuf_free(q->m[i]);
	q->empty = TAP_BUFFERS;
	if (q->fd >= 0)
		close(q->fd);
	q->fd = -1;
}

/* Room for the longest frame there is. What does not fit in a shorter one would be cut off. */
static bool queue_fill(struct tap_queue *q)
{
	if (likely(q->empty == 0))
		return true;
	if (unlikely(rte_pktmbuf_alloc_bulk(q->pool, q->m, q->empty) != 0)) {
		stat_add(&q->short_of, 1);
		return false;
	}
	for (uint16_t i = 0; i < q->empty; i++)
		q->to[1 + i] = (struct iovec){ rte_pktmbuf_mtod(q->m[i], void *),
					       rte_pktmbuf_tailroom(q->m[i]) };
	q->empty = 0;
	return true;
}

/* The first buffers, which hold len bytes, as one frame. */
static struct rte_mbuf *queue_frame(struct tap_queue *q, uint32_t len)
{
	struct rte_mbuf *first = q->m[0], *last = NULL;

	first->pkt_len = len;
	while (len) {
		struct rte_mbuf *m = q->m[q->empty];

		m->data_len = (uint16_t)RTE_MIN(len, q->to[1 + q->empty].iov_len);
		len -= m->data_len;
		if (last)
			last->next = m;
		last = m;
		q->empty++;
	}
	first->nb_segs = (uint8_t)q->empty;
	return first;
}

/* What the header says of the frame behind it (virtio 1.2, 5.1.6.4). */
static void frame_told(struct rte_mbuf *m, const struct virtio_net_hdr_v1 *h)
{
	const uint8_t gso = h->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;

	/* It has not left its machine, so nobody has computed its checksum. */
	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
	else if (h->flags & VIRTIO_NET_HDR_F_DATA_VALID)
		m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	if ((gso == VIRTIO_NET_HDR_GSO_TCPV4 || gso == VIRTIO_NET_HDR_GSO_TCPV6) && h->gso_size) {
		m->ol_flags |= RTE_MBUF_F_RX_LRO;
		m->tso_segsz = h->gso_size;
	}
}

uint16_t tap_read(struct tap_queue *q, uint16_t port, struct rte_mbuf **m, uint16_t max)
{
	struct virtio_net_hdr_v1 h;
	uint32_t bytes = 0;
	uint16_t n = 0;

	q->to[0] = (struct iovec){ &h, sizeof(h) };
	q->left = true;
	while (n < max && bytes < TAP_BURST_BYTES && queue_fill(q)) {
		const ssize_t got = readv(q->fd, q->to, 1 + TAP_BUFFERS);

		if (got < 0) { /* none waits, or the interface is gone */
			q->left = false;
			break;
		}
		bytes += (uint32_t)got;
		if (unlikely(got <= (ssize_t)sizeof(h))) {
			stat_add(&q->bad_in, 1);
			continue;
		}
		m[n] = queue_frame(q, (uint32_t)got - (uint32_t)sizeof(h));
		m[n]->port = port;
		frame_told(m[n++], &h);
	}
	return n;
}

/*
 * The sum of the pseudo-header as the kernel wants it of a segment that it may cut, with all of its
 * length; devices that cut want none in it.
 */
static struct be16 sum_with_length(const struct rte_mbuf *m, struct be16 sum)
{
	uint32_t s = be16_get(sum) + (m->pkt_len - m->l2_len - m->l3_len);

	s = (s & 0xffff) + (s >> 16);
	return be16_make((uint16_t)((s & 0xffff) + (s >> 16)));
}

/* What is left to the kernel of a frame, as the header says it. */
static struct virtio_net_hdr_v1 frame_asks(struct rte_mbuf *m)
{
	struct virtio_net_hdr_v1 h = { .num_buffers = 1 };

	if (!(m->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM))
		return h;
	h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	h.csum_start = (uint16_t)(m->l2_len + m->l3_len);
	h.csum_offset = TCP_CSUM;
	if (!(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG))
		return h;
	h.gso_type =
	    m->ol_flags & RTE_MBUF_F_TX_IPV4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
	h.gso_size = m->tso_segsz;
	h.hdr_len = (uint16_t)(m->l2_len + m->l3_len + m->l4_len);
	return h;
}

/* One frame, with what is asked for it. False, and why in errno: it was not taken. */
static bool frame_write(struct tap_queue *q, struct rte_mbuf *m)
{
	struct virtio_net_hdr_v1 h = frame_asks(m);
	struct iovec from[1 + TAP_SEND_MAX] = { { &h, sizeof(h) } };
	struct be16 *sum = NULL, was;
	int n = 1;

	if (h.gso_type) {
		sum = rte_pktmbuf_mtod_offset(m, struct be16 *, h.csum_start + h.csum_offset);
		was = *sum;
		*sum = sum_with_length(m, was);
	}
	for (const struct rte_mbuf *s = m; s && n <= TAP_SEND_MAX; s = s->next)
		from[n++] = (struct iovec){ rte_pktmbuf_mtod(s, void *), rte_pktmbuf_data_len(s) };
	if (likely(writev(q->fd, from, n) >= 0))
		return true;
	if (sum) /* it may be given once more */
		*sum = was;
	return false;
}

uint16_t tap_write(struct tap_queue *q, struct rte_mbuf **m, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n; i++) {
		if (likely(frame_write(q, m[i])))
			continue;
		if (errno == EAGAIN)
			break;
		stat_add(&q->bad_out, 1);
	}
	return i;
}

/* ---- bursts of the ethdev ---- */

static uint16_t rx_burst_of(uint16_t port, uint16_t queue, struct rte_mbuf **m, uint16_t n,
			    uint16_t max, void *q)
{
	(void)queue;
	return (uint16_t)(n + tap_read(q, port, m + n, (uint16_t)(max - n)));
}

/* Those that are done with go on to the ethdev, which frees them. */
static uint16_t tx_burst_of(uint16_t port, uint16_t queue, struct rte_mbuf **m, uint16_t n, void *q)
{
	(void)port;
	(void)queue;
	return tap_write(q, m, n);
}

/* ---- the interface ---- */

static bool open_fail(const char *name, int error, char *why, size_t len)
{
	if (error == EPERM || error == EACCES)
		snprintf(why, len,
			 "CAP_NET_ADMIN is missing, without which the kernel gives no TAP "
			 "interface");
	else if (error == EBUSY)
		snprintf(why, len,
			 "interface %.15s is another process' (ip -d link shows what it is); stop "
			 "it first, or give another name",
			 name);
	else if (error == EINVAL)
		snprintf(why, len,
			 "interface %.15s is there and is no TAP of several queues: give another "
			 "name, or make it so: ip tuntap add %.15s mode tap multi_queue",
			 name, name);
	else
		snprintf(why, len, "the kernel gives no TAP interface %.15s: %s", name,
			 strerror(error));
	return false;
}

/* The descriptor of one more queue; negative: the errno of what is in the way. */
static int queue_open(const char *name)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE };
	int size = sizeof(struct virtio_net_hdr_v1), e;
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &r) == 0 && ioctl(fd, TUNSETVNETHDRSZ, &size) == 0 &&
	    ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN) == 0)
		return fd;
	e = errno;
	close(fd);
	return -e;
}

/* MTU and length of the queue, and the way up; the kernel's MAC address is in mac then. */
static bool interface_set(const char *name, uint16_t mtu, struct rte_ether_addr *mac)
{
	struct ifreq r = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok;

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	ok = fd >= 0 && ioctl(fd, SIOCGIFHWADDR, &r) == 0;
	if (ok)
		memcpy(mac->addr_bytes, r.ifr_hwaddr.sa_data, RTE_ETHER_ADDR_LEN);
	r.ifr_mtu = mtu;
	ok = ok && ioctl(fd, SIOCSIFMTU, &r) == 0;
	r.ifr_qlen = TXQ_LEN;
	ok = ok && ioctl(fd, SIOCSIFTXQLEN, &r) == 0 && ioctl(fd, SIOCGIFFLAGS, &r) == 0;
	r.ifr_flags |= IFF_UP;
	ok = ok && ioctl(fd, SIOCSIFFLAGS, &r) == 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

static bool queue_add(struct dplane *dp, struct port *p, int fd)
{
	struct tap *t = p->tap;
	const uint16_t i = t->n;
	struct tap_queue *q =
	    rte_zmalloc_socket("tap", sizeof(*q), RTE_CACHE_LINE_SIZE, dp->node[i]);

	if (!q) {
		close(fd);
		return false;
	}
	tap_queue_init(q, fd, dp->worker[i]->pool);
	t->q[i] = q;
	t->n++;
	t->rx[i] = rte_eth_add_rx_callback(p->id, i, rx_burst_of, q);
	t->tx[i] = rte_eth_add_tx_callback(p->id, i, tx_burst_of, q);
	return t->rx[i] && t->tx[i];
}

/* The kernel's with another last bit: the same again where the interface stays. */
static bool mac_set(struct port *p, struct rte_ether_addr mac)
{
	mac.addr_bytes[RTE_ETHER_ADDR_LEN - 1] ^= 1;
	return rte_eth_dev_default_mac_addr_set(p->id, &mac) == 0;
}

bool tap_open(struct dplane *dp, struct port *p, const char *name, char *why, size_t len)
{
	struct rte_ether_addr mac;

	p->tap = rte_zmalloc("tap", sizeof(*p->tap), 0);
	if (!p->tap) {
		snprintf(why, len, "dataplane.memory-mb has no room for it");
		return false;
	}
	for (uint16_t i = 0; i < p->rx_queues; i++) {
		const int fd = queue_open(name);

		if (fd < 0)
			return open_fail(name, -fd, why, len);
		if (!queue_add(dp, p, fd)) {
			snprintf(why, len, "dataplane.memory-mb has no room for its queues");
			return false;
		}
	}
	p->tx_ring = 0; /* it takes what it is given at once */
	if (interface_set(name, p->mtu, &mac) && mac_set(p, mac))
		return true;
	snprintf(why, len, "interface %.15s takes no MTU of %u: %s", name, p->mtu, strerror(errno));
	return false;
}

void tap_close(struct port *p)
{
	struct tap *t = p->tap;

	if (!t)
		return;
	for (uint16_t i = 0; i < t->n; i++) {
		if (t->rx[i])
			rte_eth_remove_rx_callback(p->id, i, t->rx[i]);
		if (t->tx[i])
			rte_eth_remove_tx_callback(p->id, i, t->tx[i]);
		tap_queue_free(t->q[i]);
		rte_free(t->q[i]);
	}
	rte_free(t);
	p->tap = NULL;
}

void tap_offers(struct port *p)
{
	p->rx_csum_l4 = p->tx_csum_tcp = p->tx_tso = p->multi_seg = true; /* by the header */
	p->chain_max = p->chain_cut = TAP_SEND_MAX;
	/* The kernel remembers by which queue a flow was sent. */
	p->flow_sticky = true;
	p->fast_free = false;
}

bool tap_left(const struct port *p, uint16_t queue)
{
	return p->tap->q[queue]->left;
}

void tap_stats(const struct port *p, struct rte_eth_stats *st)
{
	for (uint16_t i = 0; i < p->tap->n; i++) {
		const struct tap_queue *q = p->tap->q[i];

		st->rx_nombuf += atomic_load_explicit(&q->short_of, memory_order_relaxed);
		st->ierrors += atomic_load_explicit(&q->bad_in, memory_order_relaxed);
		st->oerrors += atomic_load_explicit(&q->bad_out, memory_order_relaxed);
	}
}

bool tap_is_up(const struct port *p)
{
	/* Its name may be another network namespace's by now; a descriptor takes frames while it is
	   up. */
	struct pollfd f = { .fd = p->tap->q[0]->fd, .events = POLLOUT };

	return poll(&f, 1, 0) == 1 && (f.revents & (POLLOUT | POLLERR)) == POLLOUT;
}
