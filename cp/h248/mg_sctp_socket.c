/* SPDX-License-Identifier: BSD-3-Clause */
/* What an association with a controller asks of the kernel (RFC 6458; mg_sctp.c has the rest). */
#include "mg_priv.h"

#include "../socket.h"

#include <errno.h>
#include <linux/sctp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * A peer that is silent is lost after some 12 seconds where something is sent to it: 0.5, 1,
 * 2, 2... By heartbeats alone, each of which comes a second after the timeout of the one before,
 * after twice as many, as one by UDP is (MG_LOST_MS).
 */
enum {
	STREAMS = 16, /* that are asked for, either way */
	ATTEMPTS = 3, /* to begin it: who does not answer in 6 seconds is followed by the next */
	RTO_FIRST_MS = 500,
	RTO_MAX_MS = 2000,
	RETRANSMISSIONS_MAX = 6, /* of the association and of each of its paths */
	HEARTBEAT_MS = 1000,
};

static bool wanted(const struct config_gateway *c)
{
	for (uint16_t i = 0; i < c->n_h248_controller; i++) {
		if (c->h248_controller[i].transport == CONTROLLER_SCTP)
			return true;
	}
	return false;
}

bool mg_sctp_check(const struct config_gateway *c, char *err, size_t errlen)
{
	const int family = ip_is_v4(&c->h248_addr) ? AF_INET : AF_INET6;
	int fd = wanted(c) ? socket(family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP) : -1;

	if (fd >= 0)
		close(fd);
	if (fd >= 0 || !wanted(c))
		return true;
	snprintf(err, errlen,
		 "gateway.h248-controllers: transport sctp is of the kernel, which has none for us "
		 "(modprobe sctp): %s",
		 strerror(errno));
	return false;
}

/* What the association is to be. False: it cannot be. */
static bool options_set(int fd)
{
	const struct sctp_initmsg init = { .sinit_num_ostreams = STREAMS,
					   .sinit_max_instreams = STREAMS,
					   .sinit_max_attempts = ATTEMPTS,
					   .sinit_max_init_timeo = RTO_MAX_MS };
	const struct sctp_rtoinfo rto = { .srto_initial = RTO_FIRST_MS,
					  .srto_min = RTO_FIRST_MS,
					  .srto_max = RTO_MAX_MS };
	const struct sctp_assocparams lost = { .sasoc_asocmaxrxt = RETRANSMISSIONS_MAX };
	const struct sctp_paddrparams path = { .spp_hbinterval = HEARTBEAT_MS,
					       .spp_pathmaxrxt = RETRANSMISSIONS_MAX,
					       .spp_flags = SPP_HB_ENABLE };
	const int on = 1;

	return !setsockopt(fd, IPPROTO_SCTP, SCTP_INITMSG, &init, sizeof(init)) &&
	       !setsockopt(fd, IPPROTO_SCTP, SCTP_RTOINFO, &rto, sizeof(rto)) &&
	       !setsockopt(fd, IPPROTO_SCTP, SCTP_ASSOCINFO, &lost, sizeof(lost)) &&
	       !setsockopt(fd, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof(path)) &&
	       !setsockopt(fd, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof(on)) &&
	       !setsockopt(fd, IPPROTO_SCTP, SCTP_RECVRCVINFO, &on, sizeof(on));
}

int mg_sctp_connect(const struct ip_addr *from, const struct sock_addr *to)
{
	const struct sock_addr a = { *from, be16_make(0) };
	union socket_addr sa;
	socklen_t len = socket_addr_put(&a, &sa);
	int fd = socket(sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_SCTP);

	if (fd < 0)
		return -1;
	if (options_set(fd) && bind(fd, &sa.any, len) == 0) {
		len = socket_addr_put(to, &sa);
		if (connect(fd, &sa.any, len) == 0 || errno == EINPROGRESS)
			return fd;
	}
	close(fd);
	return -1;
}

uint16_t mg_sctp_streams(int fd)
{
	struct sctp_status status = { 0 };
	socklen_t len = sizeof(status);

	if (getsockopt(fd, IPPROTO_SCTP, SCTP_STATUS, &status, &len))
		return 1;
	return status.sstat_outstrms;
}
