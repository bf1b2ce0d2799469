/* SPDX-License-Identifier: BSD-3-Clause */
#include "turn_load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 1 << 21 };

struct session *session;

uint32_t side_addresses(enum side s)
{
	(void)s;
	return (opt.sessions + SESSION_PORTS - 1) / SESSION_PORTS;
}

bool side_has(enum side s, const struct ip_addr *a)
{
	const struct ip_addr *first = &opt.block[s].ip;
	struct be32 x, low;

	memcpy(x.b, a->b + 12, sizeof(x));
	memcpy(low.b, first->b + 12, sizeof(low));
	return memcmp(a->b, first->b, 12) == 0 && be32_get(x) - be32_get(low) < side_addresses(s);
}

/* The block of a side must hold all its addresses, and no others that matter. */
static void block_check(enum side s, const char *name)
{
	struct ip_addr last = ip_above(&opt.block[s].ip, side_addresses(s) - 1);
	struct ip_addr above = ip_above(&last, 1);
	bool v4 = ip_is_v4(&last);

	/* The last of an IPv4 net is its broadcast address. */
	if (!ip_in_prefix(&last, &opt.block[s]) ||
	    (v4 && opt.block[s].len < 127 && !ip_in_prefix(&above, &opt.block[s])))
		die("%s: %u sessions take %u addresses, more than the block has", name,
		    opt.sessions, side_addresses(s));
	if (opt.turn && !opt.reflect && side_has(s, &opt.server.ip))
		die("%s: the server's address is one of those %u that the sessions take", name,
		    side_addresses(s));
}

void sessions_open(void)
{
	size_t bytes = RTE_ALIGN_CEIL(sizeof(*session) * (size_t)opt.sessions, HUGE_PAGE);

	block_check(CLIENT, "--client");
	block_check(PEER, "--peer");
	if (side_has(PEER, &opt.block[CLIENT].ip) || side_has(CLIENT, &opt.block[PEER].ip))
		die("--client and --peer overlap");
	session = aligned_alloc(HUGE_PAGE, bytes);
	if (!session)
		die("no memory for %u sessions", opt.sessions);
	madvise(session, bytes, MADV_HUGEPAGE); /* where the kernel has none, it is slower */
	memset(session, 0, bytes);
}

void legs_read(void)
{
	FILE *f = fopen(opt.legs, "r");
	char text[SIDES][64];

	if (!f)
		die("--legs %s: %s", opt.legs, strerror(errno));
	for (uint32_t i = 0; i < opt.sessions; i++) {
		if (fscanf(f, "%63s %63s", text[CLIENT], text[PEER]) != SIDES)
			die("--legs %s: only %u of %u sessions", opt.legs, i, opt.sessions);
		session[i].half[UP].far = address_port_parse("legs", text[CLIENT]);
		session[i].half[DOWN].far = address_port_parse("legs", text[PEER]);
		if (ip_is_v4(&session[i].half[UP].far.ip) != ip_is_v4(&opt.block[CLIENT].ip) ||
		    ip_is_v4(&session[i].half[DOWN].far.ip) != ip_is_v4(&opt.block[PEER].ip))
			die("--legs %s: line %u: of another family than its sender", opt.legs,
			    i + 1);
	}
	fclose(f);
}
