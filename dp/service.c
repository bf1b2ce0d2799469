/* SPDX-License-Identifier: BSD-3-Clause */
#include "service.h"
#include "iface.h"
#include "port.h"
#include "reload.h"
#include "snapshot.h"
#include "socket.h"
#include "worker.h"
#include "xstats.h"
#include "net/announce.h"
#include "tls/accel.h"
#include "tls/handshake.h"
#include "tls/tickets.h"
#include "../lib/bug.h"
#include "../lib/memory.h"
#include "../lib/notify.h"
#include "../lib/process_use.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <rte_log.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	SERVICE_POLL_MS = 100,
	SERVICE_HELLO_MS =
	    1000, /* a client that is silent for longer holds the place for nothing */
	SERVICE_STALL_MS = 60000,
};

bool service_open(struct service *s, struct dplane *dp, int region_fd, char *err, size_t errlen)
{
	*s = (struct service){ .dp = dp, .region_fd = region_fd, .client_fd = -1 };
	s->live_digest = config_both_digest(dp->conf);
	s->listen_fd = socket_open(dp->conf, err, errlen);
	return s->listen_fd >= 0;
}

/* What "systemctl status" shows. */
static void service_status(const struct service *s)
{
	notify("STATUS=%u worker%s, %u port%s, fairlead-cp %s\n", s->dp->n_workers,
	       s->dp->n_workers == 1 ? "" : "s", s->dp->n_ports, s->dp->n_ports == 1 ? "" : "s",
	       s->attached ? "attached" : "not attached");
}

/* Who came to the socket, and is no control process of ours. */
static void service_stranger(struct service *s, const char *why)
{
	const struct socket_peer p = socket_peer(s->client_fd);

	if (s->stranger_told == s->second) /* a line a second, however often they come */
		return;
	s->stranger_told = s->second;
	RTE_LOG(WARNING, USER1,
		"pid %d (user %u) is no fairlead-cp, and came to %s: %s: stop it, or give it "
		"another socket than dataplane.socket\n",
		(int)p.pid, p.uid, s->dp->conf->dataplane.socket, why);
}

static void service_detach(struct service *s, const char *why)
{
	if (s->attached)
		RTE_LOG(NOTICE, USER1, "fairlead-cp detached: %s\n", why);
	close(s->client_fd);
	s->client_fd = -1;
	s->attached = false;
	service_status(s);
}

/* Rings that the last control process broke are made anew before the next may come. */
static bool service_rings_ready(struct service *s)
{
	bool ready = true;
	uint16_t i;

	for (i = 0; i < s->dp->n_workers; i++) {
		struct worker *w = s->dp->worker[i];

		if (!atomic_load_explicit(&w->boundary.rings_broken, memory_order_acquire))
			continue;
		if (s->client_fd >= 0)
			service_detach(s, "it wrote nonsense into a ring");
		atomic_store_explicit(&w->boundary.rings_reset, true, memory_order_release);
		ready = false;
	}
	return ready;
}

static bool service_welcome(struct service *s, enum ctl_verdict verdict)
{
	struct ctl_welcome msg = { .magic = CTL_ABI_MAGIC,
				   .abi_version = CTL_ABI_VERSION,
				   .verdict = verdict,
				   .region_size = s->dp->region_size,
				   .config_digest = config_digest(snapshot_conf(s->dp)),
				   .live_digest = s->live_digest };
	int fds[2] = { s->region_fd, s->dp->wake_cp };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(fds))];
	} ctl = { .bytes = { 0 } };
	struct iovec iov = { &msg, sizeof(msg) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (verdict == CTL_WELCOME) {
		struct cmsghdr *c;

		m.msg_control = ctl.bytes;
		m.msg_controllen = sizeof(ctl.bytes);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fds));
		memcpy(CMSG_DATA(c), fds, sizeof(fds));
	}
	return sendmsg(s->client_fd, &m, MSG_NOSIGNAL) == (ssize_t)sizeof(msg);
}

/* What a control process may say; longer ones arrive cut and are a breach. */
union service_msg {
	struct ctl_hello hello;
	struct msg_hdr hdr;
	struct msg_ticket_keys ticket_keys;
	struct msg_config config;
};

/* A hello of any version begins as ours, whatever its length. */
static bool is_hello(const struct ctl_hello *hello, size_t len)
{
	return len >= offsetof(struct ctl_hello, config_digest) && hello->magic == CTL_ABI_MAGIC &&
	       (hello->abi_version != CTL_ABI_VERSION || len == sizeof(*hello));
}

static void hello_refused(const struct ctl_hello *hello, enum ctl_verdict verdict)
{
	if (verdict == CTL_BAD_ABI)
		RTE_LOG(WARNING, USER1,
			"fairlead-cp (pid %u) refused: it has version %u of the boundary, and this "
			"fairlead-dp %u; install both of one version and restart both\n",
			hello->pid, hello->abi_version, CTL_ABI_VERSION);
	else
		RTE_LOG(WARNING, USER1, "fairlead-cp (pid %u) refused: %s\n", hello->pid,
			verdict == CTL_BAD_CONFIG
			    ? "runs another configuration; it tells the key, and starts again if "
			      "its file is ours by now"
			    : "cannot send descriptors");
}

/* False: text says why not. */
static bool service_reload(struct service *s, char *text, size_t len)
{
	bool ok;

	/* Before they are read: what changes meanwhile is looked at again. */
	tls_watch_taken(&s->certificates, snapshot_conf(s->dp));
	ok = cryptos_reload(s->dp, snapshot_now(s->dp), text, len);
	if (ok)
		RTE_LOG(NOTICE, USER1, "certificates and keys were read again\n");
	else
		RTE_LOG(ERR, USER1, "certificates and keys stay as they were: %s\n", text);
	return ok;
}

/* The same of live keys of the configuration. */
static bool service_config(struct service *s, uint64_t digest, char *text, size_t len)
{
	bool ok = reload_file(s->dp, &s->certificates, digest, text, len);

	if (ok) {
		s->live_digest = digest;
		s->second = 0; /* ports that came or went are told of at the next turn */
		RTE_LOG(NOTICE, USER1, "%s: live keys are in force\n", s->dp->conf->file);
	} else {
		RTE_LOG(ERR, USER1, "the configuration stays as it was: %s\n", text);
	}
	return ok;
}

/*
 * It may have taken live keys while it was not attached, or read the file later than we did: what
 * it has is taken first, if the file still says so.
 */
static void service_catch_up(struct service *s, const struct ctl_hello *hello)
{
	char text[CTL_TEXT_MAX * 2] = "";

	if (hello->live_digest != config_both_digest(snapshot_conf(s->dp)))
		service_config(s, hello->live_digest, text, sizeof(text));
}

/* The first message of a control process. */
static void service_hello(struct service *s, const struct ctl_hello *hello, size_t len)
{
	enum ctl_verdict verdict = CTL_WELCOME;

	if (!is_hello(hello, len)) {
		service_stranger(s, "what it says is no hello");
		service_detach(s, "it broke the protocol");
		return;
	}
	if (hello->abi_version == CTL_ABI_VERSION)
		service_catch_up(s, hello);
	if (hello->abi_version != CTL_ABI_VERSION)
		verdict = CTL_BAD_ABI;
	else if (hello->config_digest != config_digest(snapshot_conf(s->dp)))
		verdict = CTL_BAD_CONFIG;
	if (!service_welcome(s, verdict) || verdict != CTL_WELCOME) {
		hello_refused(hello, verdict);
		service_detach(s, "refused");
		return;
	}
	s->attached = true;
	s->turned_away = 0;
	RTE_LOG(NOTICE, USER1, "fairlead-cp attached, pid %u\n", hello->pid);
	service_status(s);
}

/* SIGHUP: nobody to answer, the log has it. */
static void service_signal(struct service *s)
{
	char text[CTL_TEXT_MAX * 2] = "";

	if (atomic_exchange_explicit(&s->dp->reload, false, memory_order_relaxed))
		service_reload(s, text, sizeof(text));
}

/* Files that somebody changed and did not tell of. */
static void service_certificates(struct service *s)
{
	char text[CTL_TEXT_MAX * 2] = "";

	const struct config *conf = snapshot_conf(s->dp);

	if (!config_has_tls(conf) || !tls_watch_changed(&s->certificates, conf))
		return;
	RTE_LOG(NOTICE, USER1, "files of certificates or keys have changed\n");
	service_reload(s, text, sizeof(text));
}

/* All that comes after the hello; whatever is not in the ABI is a breach. */
static void service_request(struct service *s, const union service_msg *m, size_t len,
			    uint64_t now_ms)
{
	struct msg_result r = { .hdr = { MSG_RESULT, m->hdr.seq } };

	if (len == sizeof(m->ticket_keys) && m->hdr.type == MSG_TICKET_KEYS) {
		r.ok = s->dp->tickets != NULL;
		if (r.ok)
			tickets_set(s->dp->tickets, &m->ticket_keys.keys, now_ms);
		else
			snprintf(r.text, sizeof(r.text),
				 "%s: neither a listener nor a realm has TLS", s->dp->conf->file);
	} else if (len == sizeof(m->hdr) && m->hdr.type == MSG_TLS_RELOAD) {
		r.ok = service_reload(s, r.text, sizeof(r.text));
	} else if (len == sizeof(m->config) && m->hdr.type == MSG_CONFIG) {
		r.ok = service_config(s, m->config.digest, r.text, sizeof(r.text));
	} else {
		service_detach(s, "it broke the protocol");
		return;
	}
	/* It asks one at a time: that there is no room means that it does not listen. */
	if (send(s->client_fd, &r, sizeof(r), MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)sizeof(r))
		service_detach(s, "it does not take answers");
}

static void service_recv(struct service *s, uint64_t now_ms)
{
	union service_msg m = { 0 };
	ssize_t n = recv(s->client_fd, &m, sizeof(m), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		service_detach(s, "it ended");
	else if (s->attached)
		service_request(s, &m, (size_t)n, now_ms);
	else
		service_hello(s, &m.hello, (size_t)n);
	OPENSSL_cleanse(&m, sizeof(m));
}

/* It tries again and again, so it is told once. One that has left only looked. */
static void service_busy(struct service *s, int fd)
{
	const struct socket_peer p = socket_peer(fd), has = socket_peer(s->client_fd);
	struct service busy = *s;

	busy.client_fd = fd;
	service_welcome(&busy, CTL_BUSY);
	if (socket_is_left(fd) || p.pid == s->turned_away)
		return;
	s->turned_away = p.pid;
	RTE_LOG(WARNING, USER1,
		"pid %d (user %u) came to %s and is turned away: the fairlead-cp with pid %d is "
		"attached\n",
		(int)p.pid, p.uid, s->dp->conf->dataplane.socket, (int)has.pid);
}

/* The place goes to the first to come; a second learns that it is taken. */
static void service_accept(struct service *s, uint64_t now_ms)
{
	int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (s->client_fd < 0) {
		s->client_fd = fd;
		s->hello_by = now_ms + SERVICE_HELLO_MS;
		return;
	}
	service_busy(s, fd);
	close(fd);
}

static void service_bug(const struct ctl_bug *b)
{
	RTE_LOG(ERR, USER1, "%s at %s: %s\n", b->warn ? "WARN" : "BUG", b->where, b->expr);
}

static void service_conflict(bool conflict, const char *line)
{
	if (conflict)
		RTE_LOG(WARNING, USER1, "%s\n", line);
	else
		RTE_LOG(NOTICE, USER1, "%s\n", line);
}

static void memory_publish(struct ctl_memory *out)
{
	const struct memory_use use = memory_use();

	atomic_store_explicit(&out->allocated, use.allocated, memory_order_relaxed);
	atomic_store_explicit(&out->active, use.active, memory_order_relaxed);
	atomic_store_explicit(&out->resident, use.resident, memory_order_relaxed);
	atomic_store_explicit(&out->retained, use.retained, memory_order_relaxed);
}

/* fairlead-cp is another user's, to whom the kernel does not tell all of it. */
static void process_publish(struct ctl_process *out)
{
	struct process_use use;

	process_use(&use);
	atomic_store_explicit(&out->cpu_us, (uint64_t)(use.cpu_s * 1e6), memory_order_relaxed);
	atomic_store_explicit(&out->virtual_bytes, use.virtual_bytes, memory_order_relaxed);
	atomic_store_explicit(&out->resident_bytes, use.resident_bytes, memory_order_relaxed);
	atomic_store_explicit(&out->fds, use.fds, memory_order_relaxed);
	atomic_store_explicit(&out->fds_max, use.fds_max, memory_order_relaxed);
	atomic_store_explicit(&out->threads, use.threads, memory_order_relaxed);
}

/* What is done once a second. */
static void service_second(struct service *s, uint64_t now_ms)
{
	uint16_t i;

	if (now_ms / 1000 == s->second)
		return;
	s->second = now_ms / 1000;
	for (i = 0; i < s->dp->n_ports; i++) {
		port_publish(s->dp, &s->dp->port[i], announce_conflicts(s->dp, i));
		if (!s->dp->port[i].conf->shares)
			xstats_publish(s->dp, &s->dp->port[i]);
	}
	bug_publish(&s->dp->region->bugs, service_bug);
	memory_publish(&s->dp->region->memory);
	process_publish(&s->dp->region->process);
	service_certificates(s);
	snapshot_turn(s->dp);
	iface_claims_drain();
	announce_news(s->dp, now_ms, service_conflict);
	if (s->dp->tickets)
		tickets_age(s->dp->tickets, s->dp->conf->tls.ticket_lifetime, now_ms);
}

/* Stalls cost two lines a minute, however often they come and go. */
static void service_accel(struct service *s, uint64_t now_ms)
{
	const struct accel *a = s->dp->accel;
	uint32_t stalls = accel_stalls(a);

	if (s->stalled && accel_ok(a)) {
		RTE_LOG(NOTICE, USER1, "%s: its jobs have come back, it signs again\n",
			accel_name(a));
		s->stalled = false;
	}
	if (stalls == s->stalls || (s->stall_told && now_ms - s->stall_told < SERVICE_STALL_MS))
		return;
	RTE_LOG(WARNING, USER1,
		"%s: stalled %u times since the last word of it, has %u jobs and the "
		"handshakes they belong to; OpenSSL signs until all have come back\n",
		accel_name(a), stalls - s->stalls, accel_jobs(a));
	s->stalls = stalls;
	s->stalled = !accel_ok(a);
	s->stall_told = now_ms;
}

/* What the service manager is told, and the log when a worker hangs. */
static void service_heartbeat(struct service *s, uint64_t now_ms)
{
	uint16_t late;

	switch (heartbeat_look(&s->heartbeat, s->dp, now_ms, &late)) {
	case HEARTBEAT_FIRST:
		notify("READY=1\n");
		service_status(s);
		break;
	case HEARTBEAT_ALL:
		notify("WATCHDOG=1\n");
		break;
	case HEARTBEAT_LATE:
		RTE_LOG(ERR, USER1, "worker %u has made no turn for %u ms\n", late,
			HEARTBEAT_LATE_MS);
		notify("STATUS=worker %u makes no turn\n", late);
		break;
	case HEARTBEAT_SILENT:
		break;
	}
}

/* The control process sees by it that this thread turns. */
static void turn_count(struct region *r)
{
	const uint32_t n = atomic_load_explicit(&r->service_turns, memory_order_relaxed);

	atomic_store_explicit(&r->service_turns, n + 1, memory_order_relaxed);
}

void service_turn(struct service *s, uint64_t now_ms, int timeout_ms)
{
	struct pollfd p[2] = { { .fd = -1, .events = POLLIN }, { .fd = -1, .events = POLLIN } };

	turn_count(s->dp->region);
	service_second(s, now_ms);
	outage_turn(&s->outage, now_ms);
	service_accel(s, now_ms);
	service_heartbeat(s, now_ms);
	service_signal(s);
	/* Whoever comes while another has yet to say hello waits in the queue: it may fail. */
	if (service_rings_ready(s) && (s->client_fd < 0 || s->attached))
		p[0].fd = s->listen_fd;
	p[1].fd = s->client_fd;
	if (poll(p, 2, timeout_ms) > 0) {
		if (p[1].revents)
			service_recv(s, now_ms);
		if (p[0].revents)
			service_accept(s, now_ms);
	}
	if (s->client_fd >= 0 && !s->attached && now_ms >= s->hello_by) {
		service_stranger(s, "it says no hello");
		service_detach(s, "silent");
	}
}

static uint64_t service_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void service_run(struct service *s)
{
	heartbeat_start(&s->heartbeat, notify_watchdog_us(), service_now_ms());
	outage_watch(&s->outage, s->dp);
	while (!atomic_load_explicit(&s->dp->stop, memory_order_relaxed))
		service_turn(s, service_now_ms(), SERVICE_POLL_MS);
	notify("STOPPING=1\n");
}

void service_close(struct service *s)
{
	if (s->client_fd >= 0)
		close(s->client_fd);
	if (s->listen_fd >= 0) {
		close(s->listen_fd);
		unlink(s->dp->conf->dataplane.socket);
	}
}
