/* SPDX-License-Identifier: BSD-3-Clause */
#include "turn_load.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SIZE_MIN = sizeof(struct stamp),
	SIZE_MAX_IPV4 = 1468, /* ChannelData in one packet of 1,500 bytes */
	SIZE_MAX_IPV6 = 1448,
	SESSIONS_MAX = 1 << 24,
	WINDOW_MAX = 8192,
};

struct options opt = {
	.way = { true, true },
	.gateway_mac = { { 0x02, 0, 0, 0, 0, 0x01 } },
	.user = "demo",
	.password = "fairlead",
	.sessions = 1000,
	.size = 172,
	.descs = 1024,
	.setup_window = 128,
	.renew = 240,
	.seconds = 10,
	.warmup = 1,
	.search_seconds = 5,
	.search_steps = 8,
	.delay_us = 1000,
};

static const char usage[] =
    "Usage: turn_load EAL-ARGUMENT... -- [OPTION]...\n"
    "\n"
    "Load on a TURN server over UDP, from clients and from their peers, through one DPDK "
    "port\n"
    "or two: the first is the clients', the last the peers'. One core polls all the time.\n"
    "\n"
    "What is under test\n"
    "  --server ADDR:PORT     the server (default 10.9.0.1:3478)\n"
    "  --raw                  no TURN: plain datagrams to --gateway-mac, which come back "
    "with\n"
    "                         or without addresses swapped (dpdk-testpmd, --reflect)\n"
    "  --gateway-mac MAC      for --raw (default 02:00:00:00:00:01)\n"
    "  --legs FILE            no TURN: plain datagrams through a gateway's contexts, which are\n"
    "                         there already. A line each: ADDR:PORT for the client to send to,\n"
    "                         ADDR:PORT for the peer; what comes must come from there, too\n"
    "  --client ADDR/LEN      first address of the clients and their net (10.9.0.2/24)\n"
    "  --peer ADDR/LEN        of the peers (10.10.0.2/24). Each address serves 32,768 "
    "sessions,\n"
    "                         from port 16384; the next sessions take the next address\n"
    "  --gateway ADDR         of the clients, to a server off their net (default none)\n"
    "  --peer-gateway ADDR    of the peers, to relayed addresses (default none: on their "
    "net)\n"
    "  --user NAME --password P   (demo, fairlead)\n"
    "  --md5                  ignore the server's offer of SHA-256\n"
    "\n"
    "Sessions\n"
    "  --sessions N           allocations, each with a channel to its own peer (1000)\n"
    "  --setup-rate N         begin at most so many a second (0: no limit)\n"
    "  --setup-window N       requests under way at a time, 1 to 8192 (128)\n"
    "  --setup-only           allocate without channels, report, end\n"
    "  --renew S              bind each channel again after so long: permissions live 300 "
    "s (240)\n"
    "  --teardown             give all allocations back at the end\n"
    "\n"
    "Traffic\n"
    "  --direction up|down|both   up is from client to peer (both)\n"
    "  --size BYTES           payload, 20 to 1468; 1448 with IPv6 (172)\n"
    "  --rate PPS             packets a second in all (0: flat out)\n"
    "  --seconds S            measured (10), after --warmup S (1)\n"
    "  --packets N            so many packets in all instead of --seconds; 0: by time (0)\n"
    "  --search               highest rate with at most --loss FRACTION lost (0), by "
    "bisection\n"
    "                         below --rate, or below what came back flat out; then by trials\n"
    "                         three times as long, 4 % lower each (or as much as we failed to\n"
    "                         offer), until one confirms it; 12 at most, else the result is 0\n"
    "  --search-seconds S     a trial (5), --search-steps N trials (8)\n"
    "\n"
    "The other end\n"
    "  --reflect              send each datagram back to its sender until a signal, and "
    "count;\n"
    "                         answers ARP and ND for --client\n"
    "  --lose-every N         drop each Nth (0: none)\n"
    "  --repeat-every N       send each Nth twice (0)\n"
    "  --delay-every N        hold each Nth for --delay-us U (0; 1000), and behind the "
    "next\n"
    "  --swap-every N         hold each Nth behind the next (0)\n"
    "  --spoil-every N        give each Nth a wrong address, port or UDP length, in turn (0)\n"
    "\n"
    "  --json                 one object on stdout, for programs; progress goes to stderr\n"
    "  --descs N              descriptors of each ring of a device (1024)\n"
    "\n"
    "EAL-ARGUMENTs, for CPU 1:\n"
    "  -l 1 --in-memory --iova-mode=va --no-pci\n"
    "and one --vdev a port. Where there are no huge pages, add --no-huge -m 512.\n"
    "  memif      --vdev net_memif0,role=client,socket-abstract=no,socket=PATH\n"
    "             The server must be there first; a second port is net_memif1. zero-copy=yes\n"
    "             works (it needs --single-file-segments), and is no faster\n"
    "  AF_XDP     --vdev net_af_xdp0,iface=DEV\n"
    "             DEV has no address, and the far end of a veth pair finishes its "
    "checksums\n"
    "             (ethtool -K FAR tx off). Its socket is busy for a second after the last "
    "run\n"
    "  AF_PACKET  --vdev net_af_packet0,iface=DEV\n"
    "             likewise\n"
    "\n"
    "Latency is to after reception, in software, and its quantiles are within 0.4 %: at a "
    "--rate\n"
    "from when a packet was due, flat out from when it was made. What is late is sent all the\n"
    "same, up to a second; what is later is forgotten, and reported. Lost is what was not back "
    "when nothing had come for half a second, or "
    "came\n"
    "when 256 of its session had been sent and received after it (late).\n";

void options_usage(FILE *f)
{
	fputs(usage, f);
}

/* ---- values ---- */

static double number(const char *name, const char *s, double min, double max)
{
	char *end;
	double v = strtod(s, &end);

	if (end == s || *end || !(v >= min && v <= max))
		die("--%s %s: a number from %g to %g is wanted", name, s, min, max);
	return v;
}

static uint32_t count(const char *name, const char *s, double min, double max)
{
	double v = number(name, s, min, max);

	if (v != floor(v))
		die("--%s %s: a whole number is wanted", name, s);
	return (uint32_t)v;
}

struct sock_addr address_port_parse(const char *name, const char *s)
{
	const char *colon = strrchr(s, ':');
	char text[ADDR_STR_MAX];
	struct sock_addr a;
	size_t n = colon ? (size_t)(colon - s) : 0;

	if (n >= 2 && s[0] == '[' && s[n - 1] == ']') {
		s++;
		n -= 2;
	}
	snprintf(text, sizeof(text), "%.*s", (int)n, s);
	if (!n || n >= sizeof(text) || !ip_parse(text, &a.ip))
		die("--%s %s: ADDR:PORT or [ADDR]:PORT is wanted", name, s);
	a.port = be16_make((uint16_t)count(name, colon + 1, 1, UINT16_MAX));
	return a;
}

static struct ip_prefix block_parse(const char *name, const char *s)
{
	struct ip_prefix p;

	if (!ip_prefix_parse(s, &p))
		die("--%s %s: ADDR/LEN is wanted", name, s);
	return p;
}

static struct ip_addr address_parse(const char *name, const char *s)
{
	struct ip_addr a;

	if (!ip_parse(s, &a))
		die("--%s %s: an address is wanted", name, s);
	return a;
}

static void direction_parse(const char *s)
{
	opt.way[UP] = !strcmp(s, "up") || !strcmp(s, "both");
	opt.way[DOWN] = !strcmp(s, "down") || !strcmp(s, "both");
	if (!opt.way[UP] && !opt.way[DOWN])
		die("--direction %s: up, down or both is wanted", s);
}

/* ---- options ---- */

/* What an option's value is, and where it goes. */
enum kind { FLAG, COUNT, NUMBER, TEXT, ADDRESS, BLOCK, SERVER, MAC, DIRECTION, HELP };

static const struct {
	const char *name;
	enum kind kind;
	void *to;
	double min, max;
} table[] = {
	{ "raw", FLAG, &opt.raw, 0, 0 },
	{ "reflect", FLAG, &opt.reflect, 0, 0 },
	{ "search", FLAG, &opt.search, 0, 0 },
	{ "json", FLAG, &opt.json, 0, 0 },
	{ "teardown", FLAG, &opt.teardown, 0, 0 },
	{ "setup-only", FLAG, &opt.setup_only, 0, 0 },
	{ "md5", FLAG, &opt.md5, 0, 0 },
	{ "server", SERVER, &opt.server, 0, 0 },
	{ "legs", TEXT, &opt.legs, 0, 0 },
	{ "client", BLOCK, &opt.block[CLIENT], 0, 0 },
	{ "peer", BLOCK, &opt.block[PEER], 0, 0 },
	{ "gateway", ADDRESS, &opt.gateway[CLIENT], 0, 0 },
	{ "peer-gateway", ADDRESS, &opt.gateway[PEER], 0, 0 },
	{ "gateway-mac", MAC, &opt.gateway_mac, 0, 0 },
	{ "user", TEXT, &opt.user, 0, 0 },
	{ "password", TEXT, &opt.password, 0, 0 },
	{ "direction", DIRECTION, opt.way, 0, 0 },
	{ "sessions", COUNT, &opt.sessions, 1, SESSIONS_MAX },
	{ "size", COUNT, &opt.size, SIZE_MIN, SIZE_MAX_IPV4 },
	{ "setup-rate", COUNT, &opt.setup_rate, 0, 1e9 },
	{ "setup-window", COUNT, &opt.setup_window, 1, WINDOW_MAX },
	{ "renew", COUNT, &opt.renew, 1, 1e6 },
	{ "rate", NUMBER, &opt.rate, 0, 1e9 },
	{ "seconds", NUMBER, &opt.seconds, 0, 1e6 },
	{ "warmup", NUMBER, &opt.warmup, 0, 1e6 },
	{ "packets", COUNT, &opt.packets, 0, 4e9 },
	{ "loss", NUMBER, &opt.loss, 0, 1 },
	{ "search-seconds", NUMBER, &opt.search_seconds, 0.01, 1e6 },
	{ "search-steps", COUNT, &opt.search_steps, 1, 64 },
	{ "lose-every", COUNT, &opt.lose_every, 0, 4e9 },
	{ "repeat-every", COUNT, &opt.repeat_every, 0, 4e9 },
	{ "delay-every", COUNT, &opt.delay_every, 0, 4e9 },
	{ "delay-us", COUNT, &opt.delay_us, 1, 1e7 },
	{ "swap-every", COUNT, &opt.swap_every, 0, 4e9 },
	{ "spoil-every", COUNT, &opt.spoil_every, 0, 4e9 },
	{ "descs", COUNT, &opt.descs, 64, 16384 },
	{ "help", HELP, NULL, 0, 0 },
};
enum { N_OPTIONS = sizeof(table) / sizeof(table[0]) };

static void option_set(int i, const char *s)
{
	const char *name = table[i].name;
	void *to = table[i].to;

	switch (table[i].kind) {
	case FLAG:
		*(bool *)to = true;
		break;
	case COUNT:
		*(uint32_t *)to = count(name, s, table[i].min, table[i].max);
		break;
	case NUMBER:
		*(double *)to = number(name, s, table[i].min, table[i].max);
		break;
	case TEXT:
		*(const char **)to = s;
		break;
	case ADDRESS:
		*(struct ip_addr *)to = address_parse(name, s);
		break;
	case BLOCK:
		*(struct ip_prefix *)to = block_parse(name, s);
		break;
	case SERVER:
		*(struct sock_addr *)to = address_port_parse(name, s);
		break;
	case MAC:
		if (rte_ether_unformat_addr(s, to) < 0)
			die("--%s %s: a MAC address is wanted", name, s);
		break;
	case DIRECTION:
		direction_parse(s);
		break;
	case HELP:
		options_usage(stdout);
		exit(0);
	}
}

static void options_check(void)
{
	bool v6 = !ip_is_v4(&opt.block[CLIENT].ip) || !ip_is_v4(&opt.block[PEER].ip);

	opt.turn = !opt.raw && !opt.legs;
	if (opt.raw && opt.legs)
		die("--raw or --legs, not both");
	if (opt.turn && ip_is_v4(&opt.server.ip) != ip_is_v4(&opt.block[CLIENT].ip))
		die("--server and --client are of different families");
	if (opt.raw && ip_is_v4(&opt.block[CLIENT].ip) != ip_is_v4(&opt.block[PEER].ip))
		die("--client and --peer are of different families, and there is no relay between");
	if (v6 && opt.size > SIZE_MAX_IPV6)
		die("--size: at most %d with IPv6", SIZE_MAX_IPV6);
	if (strlen(opt.user) > STUN_USERNAME_MAX || strlen(opt.password) > STUN_USERNAME_MAX)
		die("--user and --password: at most %d bytes", STUN_USERNAME_MAX);
	if (opt.search && opt.packets)
		die("--search goes by --search-seconds, not by --packets");
}

void options_parse(int argc, char **argv)
{
	struct option long_options[N_OPTIONS + 1] = { 0 };
	int c, i;

	for (i = 0; i < N_OPTIONS; i++)
		long_options[i] = (struct option){
			.name = table[i].name,
			.has_arg = table[i].kind == FLAG || table[i].kind == HELP
				       ? no_argument
				       : required_argument,
		};
	opt.server = address_port_parse("server", "10.9.0.1:3478");
	opt.block[CLIENT] = block_parse("client", "10.9.0.2/24");
	opt.block[PEER] = block_parse("peer", "10.10.0.2/24");
	optind = 1;
	while ((c = getopt_long(argc, argv, "", long_options, &i)) != -1) {
		if (c == '?') {
			fputs("turn_load --help tells what there is\n", stderr);
			exit(2);
		}
		option_set(i, optarg);
	}
	if (optind < argc)
		die("%s: options begin with --", argv[optind]);
	options_check();
}
