/* SPDX-License-Identifier: BSD-3-Clause */
#include "iface.h"
#include "socket.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/if.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum { IFACE_ARG_MAX = 64, CLAIM_BACKLOG = 128 };

static bool is_driver(const struct device *d, const char *name)
{
	return strncmp(d->name, "vdev:", 5) == 0 && strncmp(d->name + 5, name, strlen(name)) == 0;
}

/* The interface that the device's arguments name; false: none. */
static bool name_read(const struct device *d, char *name, size_t len)
{
	static const char key[] = ",iface=";
	const char *at = strstr(d->devargs, key);

	if (!at)
		return false;
	at += sizeof(key) - 1;
	snprintf(name, len, "%.*s", (int)strcspn(at, ","), at);
	return name[0] != '\0';
}

static bool is_there(const char *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const size_t n = strlen(name);
	struct ifreq r = { 0 };
	bool there;

	if (n < sizeof(r.ifr_name))
		memcpy(r.ifr_name, name, n);
	there = n < sizeof(r.ifr_name) &&
		(fd < 0 || ioctl(fd, SIOCGIFINDEX, &r) == 0 || errno != ENODEV);
	if (fd >= 0)
		close(fd);
	return there;
}

/* Whether the kernel gives a socket of this family. */
static bool family_obstacle(int family, const char *what, const char *since, char *why, size_t len)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		close(fd);
	else if (errno == EAFNOSUPPORT)
		snprintf(why, len, "the kernel has no %s (%s); another driver does without", what,
			 since);
	else if (errno == EPERM || errno == EACCES)
		snprintf(why, len, "CAP_NET_RAW is missing, without which the kernel gives no %s",
			 what);
	else
		snprintf(why, len, "the kernel gives no %s: %s", what, strerror(errno));
	return fd < 0;
}

bool iface_obstacle(const struct device *d, char *why, size_t len)
{
	const bool xdp = is_driver(d, "net_af_xdp"), packet = is_driver(d, "net_af_packet");
	char name[IFACE_ARG_MAX];

	if (!xdp && !packet)
		return false;
	if (!name_read(d, name, sizeof(name))) {
		snprintf(why, len, "names no interface: write it behind, as in ,iface=eth0");
		return true;
	}
	if (!is_there(name)) {
		snprintf(why, len,
			 "there is no interface %s in this network namespace (ip link shows what "
			 "is)",
			 name);
		return true;
	}
	return xdp ? family_obstacle(AF_XDP, "AF_XDP", "Linux 5.4 with CONFIG_XDP_SOCKETS", why,
				     len)
		   : family_obstacle(AF_PACKET, "AF_PACKET", "CONFIG_PACKET", why, len);
}

/* Bits by capability; all, if the kernel does not tell. */
static uint64_t caps_own(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct now[2] = { 0 };

	if (syscall(SYS_capget, &head, now) < 0)
		return UINT64_MAX;
	return now[0].effective | (uint64_t)now[1].effective << 32;
}

static bool caps_obstacle(uint64_t own, char *why, size_t len)
{
	static const struct {
		const char *name;
		uint64_t any;
	} wants[] = {
		{ "CAP_NET_ADMIN", UINT64_C(1) << CAP_NET_ADMIN },
		{ "CAP_NET_RAW", UINT64_C(1) << CAP_NET_RAW },
		{ "CAP_BPF (before Linux 5.8: CAP_SYS_ADMIN)",
		  UINT64_C(1) << CAP_BPF | UINT64_C(1) << CAP_SYS_ADMIN },
	};

	for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
		if (own & wants[i].any)
			continue;
		snprintf(why, len, "gives no queue: %s is missing, which AF_XDP needs",
			 wants[i].name);
		return true;
	}
	return false;
}

bool iface_queue_obstacle(const struct device *d, uint32_t mb, char *why, size_t len)
{
	const uint64_t own = caps_own();
	struct rlimit r;

	if (iface_obstacle(d, why, len))
		return true;
	if (!is_driver(d, "net_af_xdp"))
		return false;
	if (caps_obstacle(own, why, len))
		return true;
	if (own & UINT64_C(1) << CAP_IPC_LOCK || getrlimit(RLIMIT_MEMLOCK, &r) < 0 ||
	    r.rlim_cur >> 20 >= mb)
		return false;
	snprintf(why, len,
		 "gives no queue: AF_XDP locks packet buffers, %u MB of them, and %ju kB may be "
		 "locked: raise that (ulimit -l, LimitMEMLOCK=), or give CAP_IPC_LOCK",
		 mb, (uintmax_t)r.rlim_cur >> 10);
	return true;
}

/* ---- one fairlead-dp an interface ---- */

/* Sockets of what is claimed, until the process ends. */
static int claimed[CTL_PORTS_MAX * CONFIG_MEMBERS_MAX];
static uint32_t n_claimed;

void iface_claims_drain(void)
{
	int fd;

	for (uint32_t i = 0; i < n_claimed; i++)
		while ((fd = accept4(claimed[i], NULL, NULL, SOCK_CLOEXEC)) >= 0)
			close(fd);
}

/*
 * An abstract socket is of its network namespace, as the name of an interface is, and goes with its
 * process. Anybody may have made one: only root's, or one of our own user, counts.
 */
static bool claim(const char *name, struct socket_peer *by)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "fairlead-dp/%s", name);
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool taken;

	*by = (struct socket_peer){ 0 };
	if (fd < 0)
		return true;
	if (bind(fd, (const struct sockaddr *)&a, len) == 0) {
		(void)!listen(fd, CLAIM_BACKLOG);
		if (n_claimed < sizeof(claimed) / sizeof(claimed[0]))
			claimed[n_claimed++] = fd;
		return true;
	}
	taken = errno == EADDRINUSE && connect(fd, (const struct sockaddr *)&a, len) == 0;
	if (taken)
		*by = socket_peer(fd);
	close(fd);
	return !taken || (by->uid != 0 && by->uid != geteuid());
}

/* Whether two processes could open the device, and each would have half of what comes, or nothing.
 */
static bool is_claimed(const struct device *d, char *name, size_t len)
{
	const char *tap = device_tap(d);

	if (tap)
		snprintf(name, len, "%s", tap);
	return tap || (is_driver(d, "net_af_xdp") && name_read(d, name, len));
}

static bool claim_device(const struct config *c, unsigned port, const char *key, const char *text,
			 char *err, size_t errlen)
{
	char name[IFACE_ARG_MAX], why[DEVICE_ARGS_MAX];
	struct socket_peer by;
	struct device d;

	if (!device_read(text, &d, why, sizeof(why)) || !is_claimed(&d, name, sizeof(name)) ||
	    claim(name, &by) || by.pid == getpid())
		return true;
	snprintf(
	    err, errlen,
	    "%s: ports[%u].%s (%s, %s): is used by another fairlead-dp (pid %d); stop it first, "
	    "or give another interface",
	    c->file, port, key, c->port[port].name, text, (int)by.pid);
	return false;
}

bool iface_claim_all(const struct config *c, char *err, size_t errlen)
{
	char key[24];

	for (unsigned i = 0; i < c->n_port; i++) {
		const struct config_port *p = &c->port[i];

		if (!p->n_member && !claim_device(c, i, "device", p->device, err, errlen))
			return false;
		for (unsigned k = 0; k < p->n_member; k++) {
			snprintf(key, sizeof(key), "members[%u]", k);
			if (!claim_device(c, i, key, p->member[k], err, errlen))
				return false;
		}
	}
	return true;
}
