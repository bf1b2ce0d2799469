/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Load on TLS servers, TURN relays and proxies by kernel sockets and OpenSSL: see usage. Prints one
 * JSON object; what failed is counted in it as errors, and makes the exit status 1.
 */
#include "load.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const char usage_text[] =
    "usage: tls_load [OPTION...] LOAD\n"
    "  handshake IP PORT N SECONDS [COUNT]  N at a time, each closed when it is done\n"
    "  storm IP PORT RATE SECONDS       RATE ClientHellos a second, whatever becomes of them\n"
    "  bare CHAIN KEY SECONDS           OpenSSL alone, client and server by memory; the server's\n"
    "                                   time counts\n"
    "  stream IP PORT BACK-PORT N SECONDS up|down|echo [BYTES]\n"
    "                                   N streams through a proxy to a back end of ours at\n"
    "                                   BACK-PORT; echo: BYTES (64) to it and back, one at a time\n"
    "  turn IP PORT PEER-IP PEER-PORT N SECONDS up|down|echo [BYTES [RATE]]\n"
    "                                   N allocations relay messages of BYTES (1200) to or from\n"
    "                                   a peer of ours: RATE a second in all, or all they can\n"
    "  idle IP PORT N [turn]            N connections, with an allocation each, until stdin ends\n"
    "options:\n"
    "  -v 1.2|1.3       TLS version (1.3)       -r              resume a session\n"
    "  -k rsa|ecdsa     certificate to ask for  -a NAME         ALPN protocol\n"
    "  -n NAME          server name             -t tls|tcp|udp  transport to the relay (tls)\n"
    "  -u USER -w PASSWORD  of TURN             -W N            messages under way a leg (64)\n"
    "  -N NETNS         namespace of the peer   -P PID[/THREAD],...  whose CPU time to report\n"
    "  -c FILE          certificate of ours, and its key\n"
    "  -s STEP          each connection goes to a port so much above that of the one before\n"
    "  -x COMMAND       for the shell, before the first connection; the back end listens then\n";

static void usage(void)
{
	fputs(usage_text, stderr);
	exit(2);
}

static void transport_set(const char *name)
{
	static const char *const names[] = {
		[LOAD_TLS] = "tls", [LOAD_TCP] = "tcp", [LOAD_UDP] = "udp"
	};

	for (unsigned int i = 0; i < 3; i++)
		if (!strcmp(name, names[i])) {
			opt.transport = (enum load_transport)i;
			return;
		}
	usage();
}

static void options(int argc, char **argv)
{
	int o;

	while ((o = getopt(argc, argv, "+v:rk:a:n:t:u:w:W:N:P:c:s:x:")) != -1) {
		switch (o) {
		case 'v':
			opt.version = strcmp(optarg, "1.2") ? TLS1_3_VERSION : TLS1_2_VERSION;
			break;
		case 'r':
			opt.resume = true;
			break;
		case 'k':
			opt.key = optarg;
			break;
		case 'a':
			opt.alpn = optarg;
			break;
		case 'n':
			opt.name = optarg;
			break;
		case 't':
			transport_set(optarg);
			break;
		case 'u':
			opt.user = optarg;
			break;
		case 'w':
			opt.password = optarg;
			break;
		case 'W':
			opt.window = (uint32_t)atoi(optarg);
			break;
		case 'N':
			opt.netns = optarg;
			break;
		case 'P':
			opt.cpu_of = optarg;
			break;
		case 'c':
			opt.certificate = optarg;
			break;
		case 's':
			opt.step = (uint16_t)atoi(optarg);
			break;
		case 'x':
			opt.before = optarg;
			break;
		default:
			usage();
		}
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		bool (*run)(int argc, char **argv);
	} loads[] = { { "handshake", load_handshake }, { "storm", load_storm }, { "bare", load_bare },
		      { "stream", load_stream }, { "turn", load_turn },	  { "idle", load_idle } };
	struct rlimit files;

	options(argc, argv);
	if (optind >= argc)
		usage();
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	signal(SIGPIPE, SIG_IGN);
	argc -= optind + 1;
	argv += optind;
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
		if (!strcmp(argv[0], loads[i].name)) {
			if (!loads[i].run(argc, argv + 1))
				usage();
			return load_errors != 0;
		}
	usage();
}
