/* SPDX-License-Identifier: BSD-3-Clause */
#include "hep.h"

#include "../auth/secret_file.h"
#include "../socket.h"
#include "hep_packet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct servers {
	uint32_t n;
	struct config_hep conf[CONFIG_HEP_MAX];
	char password[CONFIG_HEP_MAX][HEP_PASSWORD_MAX + 1];
};

struct hep {
	struct servers now, next;
	int fd[2]; /* of IPv4 and IPv6; -1: not yet */
	struct hep_counts counts;
};

/* ---- servers ---- */

static bool password_load(const char *file, char password[HEP_PASSWORD_MAX + 1], char *err,
			  size_t errlen)
{
	char why[128];

	if (secret_file_line(file, "password", password, HEP_PASSWORD_MAX, why, sizeof(why)))
		return true;
	snprintf(err, errlen, "gateway.hep: %s %s", file, why);
	return false;
}

static bool servers_load(struct servers *s, const struct config *c, char *err, size_t errlen)
{
	explicit_bzero(s, sizeof(*s));
	s->n = c->gateway.n_hep;
	memcpy(s->conf, c->gateway.hep, sizeof(s->conf));
	for (uint32_t i = 0; i < s->n; i++) {
		if (*s->conf[i].password &&
		    !password_load(s->conf[i].password, s->password[i], err, errlen))
			return false;
	}
	return true;
}

struct hep *hep_open(const struct config *c, char *err, size_t errlen)
{
	struct hep *h = calloc(1, sizeof(*h));

	snprintf(err, errlen, "out of memory");
	if (!h)
		return NULL;
	h->fd[0] = h->fd[1] = -1;
	if (servers_load(&h->now, c, err, errlen))
		return h;
	hep_close(h);
	return NULL;
}

void hep_close(struct hep *h)
{
	if (!h)
		return;
	for (int i = 0; i < 2; i++) {
		if (h->fd[i] >= 0)
			close(h->fd[i]);
	}
	explicit_bzero(h, sizeof(*h));
	free(h);
}

bool hep_prepare(struct hep *h, const struct config *c, char *err, size_t errlen)
{
	return servers_load(&h->next, c, err, errlen);
}

void hep_finish(struct hep *h, bool apply)
{
	if (apply)
		h->now = h->next;
	explicit_bzero(&h->next, sizeof(h->next));
}

const struct hep_counts *hep_counts(const struct hep *h)
{
	static const struct hep_counts none;

	return h ? &h->counts : &none;
}

/* ---- reports ---- */

static bool send_to(struct hep *h, const struct config_hep *to, const struct wr *w)
{
	const struct sock_addr addr = { to->addr, be16_make(to->port) };
	union socket_addr sa;
	const socklen_t len = socket_addr_put(&addr, &sa);
	int *fd = &h->fd[sa.any.sa_family == AF_INET6];

	if (*fd < 0)
		*fd = socket(sa.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return *fd >= 0 &&
	       sendto(*fd, w->start, wr_len(w), MSG_NOSIGNAL, &sa.any, len) == (ssize_t)wr_len(w);
}

void hep_take(void *arg, const struct record *r)
{
	struct hep *h = arg;
	uint8_t packet[HEP_PACKET_MAX];

	if (r->type != RECORD_CONTEXT || !r->context.counted)
		return;
	for (uint32_t i = 0; i < h->now.n; i++) {
		const struct config_hep *to = &h->now.conf[i];

		for (uint32_t side = 0; side < 2; side++) {
			struct wr w = wr_init(packet, sizeof(packet));

			if (!hep_put(&w, r, side, to->id, h->now.password[i]))
				continue;
			if (send_to(h, to, &w))
				h->counts.sent++;
			else
				h->counts.unsent++;
		}
	}
	explicit_bzero(packet, sizeof(packet));
}
