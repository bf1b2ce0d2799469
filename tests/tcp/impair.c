/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An impairment box: a bridge between two interfaces that loses, doubles, reorders, delays, breaks
 * and slows down what passes, each way by its own rules and its own seeded random numbers. For
 * kernels without netem. usage() below has the rules.
 *
 * The interfaces need no address, and no offload that joins segments or leaves checksums open
 * (ethtool -K DEV tx off rx off tso off gso off gro off at every end). ARP and neighbour discovery
 * bear no checksum worth the name and are only delayed. Frames that wait are bounded by limit; the
 * process sleeps until a frame comes or one is due. At its end, and at SIGUSR1, it prints one JSON
 * line of counts a way, for which always: in + dup = lost + full + out + unsent + waiting.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { FRAME_MAX = 16384, BURST = 64, SOCKET_BYTES = 16 << 20, ETH_LEN = 14, IP6_LEN = 40 };

/* Rules of one way. Chances are parts of 2^32. */
struct rules {
	uint32_t loss, dup, reorder, error;
	uint64_t delay_us, jitter_us, hold_us; /* hold: of a reordered frame, on top */
	uint64_t rate;			       /* bit/s, 0: none */
	uint64_t queue;			       /* bytes that may wait for the rate */
	uint32_t limit;			       /* frames that may wait in all */
};

struct frame {
	uint64_t due_us;
	uint64_t n; /* frames due at once leave in the order they came */
	uint32_t len;
	uint8_t b[];
};

struct way {
	const char *from, *to;
	int in, out;
	struct rules rules;
	uint64_t rnd;
	struct frame **heap; /* by due_us, n; [limit] */
	uint32_t waiting;
	uint64_t serial;
	uint64_t last_due_us; /* of the frames that keep their order */
	uint64_t rate_free_us;
	struct {
		uint64_t in, lost, dup, reordered, broken, full, out, unsent, out_bytes, missed;
	} n;
};

static void usage(FILE *out)
{
	fputs(
	    "usage: impair [--seed N] [--both RULES] [--forth RULES] [--back RULES] IF_A IF_B\n"
	    "A bridge from IF_A to IF_B (forth) and from IF_B to IF_A (back) that impairs what "
	    "passes.\n\n"
	    "  --seed N       of the random numbers (1)\n"
	    "  --both RULES   of both ways; --forth and --back of one, later ones win\n"
	    "  --help         this text\n\n"
	    "RULES are words with commas between:\n"
	    "  loss=PERCENT           frames that are lost\n"
	    "  dup=PERCENT            frames that come twice\n"
	    "  reorder=PERCENT[:MS]   frames held back while others pass, by MS (5)\n"
	    "  error=PERCENT          frames with one bit turned over, behind the Ethernet header\n"
	    "  delay=MS               of every frame\n"
	    "  jitter=MS              up to so much more, in order\n"
	    "  rate=KBIT              kbit/s of Ethernet frames\n"
	    "  queue=BYTES            what may wait for the rate; more is lost (65536)\n"
	    "  limit=FRAMES           what may wait in all; more is lost (10000)\n\n"
	    "Prints \"impair: ready\", and counts as JSON at SIGTERM, SIGINT and SIGUSR1.\n",
	    out);
}

/* xorshift64*: the same accidents every time. */
static uint32_t draw(struct way *w)
{
	w->rnd ^= w->rnd >> 12;
	w->rnd ^= w->rnd << 25;
	w->rnd ^= w->rnd >> 27;
	return (uint32_t)(w->rnd * 0x2545f4914f6cdd1d >> 32);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- rules ---- */

static double number(const char *word, const char *value, double max, char **after)
{
	double v = value ? strtod(value, after) : -1;

	if (!value || *after == value || !(v >= 0 && v <= max))
		errx(2, "%s=%s: a number from 0 to %g is wanted", word, value ? value : "", max);
	return v;
}

static uint32_t chance(double percent)
{
	return percent >= 100 ? UINT32_MAX : (uint32_t)(percent / 100 * 4294967296.0);
}

static void rules_set(struct rules *r, int word, const char *name, const char *value)
{
	static const double max[] = { 100, 100, 100, 100, 60000, 60000, 1e8, 1e9, 1e6 };
	char *after = NULL;
	double v = number(name, value, max[word], &after);

	switch (word) {
	case 0:
		r->loss = chance(v);
		break;
	case 1:
		r->dup = chance(v);
		break;
	case 2:
		r->reorder = chance(v);
		if (*after == ':')
			r->hold_us = (uint64_t)(number(name, after + 1, 60000, &after) * 1000);
		break;
	case 3:
		r->error = chance(v);
		break;
	case 4:
		r->delay_us = (uint64_t)(v * 1000);
		break;
	case 5:
		r->jitter_us = (uint64_t)(v * 1000);
		break;
	case 6:
		r->rate = (uint64_t)(v * 1000);
		break;
	case 7:
		r->queue = (uint64_t)v;
		break;
	default:
		r->limit = (uint32_t)v;
		break;
	}
	if (*after)
		errx(2, "%s=%s: \"%s\" is too much", name, value, after);
}

static void rules_parse(struct rules *r, const char *text)
{
	char *const words[] = { (char *)"loss",	   (char *)"dup",
				(char *)"reorder", (char *)"error",
				(char *)"delay",   (char *)"jitter",
				(char *)"rate",	   (char *)"queue",
				(char *)"limit",   NULL };
	char *copy = strdup(text), *at = copy, *value;

	while (copy && *at) {
		char *word = at;
		int i = getsubopt(&at, words, &value);

		if (i < 0)
			errx(2, "\"%s\" is no rule; see --help", word);
		rules_set(r, i, words[i], value);
	}
	free(copy);
}

/* ---- frames that wait ---- */

static bool sooner(const struct frame *a, const struct frame *b)
{
	return a->due_us != b->due_us ? a->due_us < b->due_us : a->n < b->n;
}

static void heap_put(struct way *w, struct frame *f)
{
	uint32_t i = w->waiting++;

	for (; i && sooner(f, w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = f;
}

static struct frame *heap_take(struct way *w)
{
	struct frame *top = w->heap[0], *last = w->heap[--w->waiting];
	uint32_t i = 0, c;

	while ((c = 2 * i + 1) < w->waiting) {
		if (c + 1 < w->waiting && sooner(w->heap[c + 1], w->heap[c]))
			c++;
		if (!sooner(w->heap[c], last))
			break;
		w->heap[i] = w->heap[c];
		i = c;
	}
	w->heap[i] = last;
	return top;
}

/* When the last bit of len bytes is through the rate limit; 0: its queue is full. */
static uint64_t rate_pass(struct way *w, uint64_t now, size_t len)
{
	const struct rules *r = &w->rules;

	if (!r->rate)
		return now;
	if (w->rate_free_us < now)
		w->rate_free_us = now;
	if ((w->rate_free_us - now) * r->rate / 8000000 + len > r->queue)
		return 0;
	w->rate_free_us += len * 8000000 / r->rate;
	return w->rate_free_us;
}

/* One frame of what came joins those that wait. */
static void way_queue(struct way *w, uint64_t now, const uint8_t *b, size_t len, uint64_t extra_us,
		      bool held)
{
	uint64_t due = w->waiting < w->rules.limit ? rate_pass(w, now, len) : 0;
	struct frame *f = due ? malloc(sizeof(*f) + len) : NULL;

	if (!f) {
		w->n.full++;
		return;
	}
	due += w->rules.delay_us + extra_us;
	if (held) {
		due += w->rules.hold_us;
	} else {
		/* Jitter alone does not reorder. */
		due = due < w->last_due_us ? w->last_due_us : due;
		w->last_due_us = due;
	}
	f->due_us = due;
	f->n = w->serial++;
	f->len = (uint32_t)len;
	memcpy(f->b, b, len);
	heap_put(w, f);
}

/* ARP, and router and neighbour solicitations and advertisements. */
static bool is_neighbourly(const uint8_t *b, size_t len)
{
	uint16_t type = len < ETH_LEN ? 0 : (uint16_t)(b[12] << 8 | b[13]);

	if (type == ETHERTYPE_ARP)
		return true;
	return type == ETHERTYPE_IPV6 && len > ETH_LEN + IP6_LEN &&
	       b[ETH_LEN + 6] == IPPROTO_ICMPV6 && b[ETH_LEN + IP6_LEN] >= 133 &&
	       b[ETH_LEN + IP6_LEN] <= 137;
}

/* Every frame draws as many numbers, so one rule does not change the accidents of another. */
static void way_frame(struct way *w, uint64_t now, uint8_t *b, size_t len)
{
	const struct rules *r = &w->rules;
	uint32_t loss, dup, reorder, error, bit;
	uint64_t jitter;
	bool held;

	w->n.in++;
	if (is_neighbourly(b, len)) {
		way_queue(w, now, b, len, 0, false);
		return;
	}
	loss = draw(w);
	dup = draw(w);
	reorder = draw(w);
	error = draw(w);
	bit = draw(w);
	jitter = (uint64_t)draw(w) * r->jitter_us >> 32;
	if (loss < r->loss) {
		w->n.lost++;
		return;
	}
	held = reorder < r->reorder;
	w->n.reordered += held;
	if (dup < r->dup) {
		w->n.dup++;
		way_queue(w, now, b, len, jitter, false);
	}
	if (error < r->error && len > ETH_LEN) {
		w->n.broken++;
		bit %= (uint32_t)(len - ETH_LEN) * 8;
		b[ETH_LEN + bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	way_queue(w, now, b, len, jitter, held);
}

static void way_receive(struct way *w, uint64_t now)
{
	static uint8_t b[FRAME_MAX];
	int i;

	for (i = 0; i < BURST; i++) {
		ssize_t len = recv(w->in, b, sizeof(b), MSG_DONTWAIT);

		if (len <= 0)
			return;
		way_frame(w, now, b, (size_t)len);
	}
}

static void way_send(struct way *w, uint64_t now)
{
	while (w->waiting && w->heap[0]->due_us <= now) {
		struct frame *f = heap_take(w);

		if (send(w->out, f->b, f->len, MSG_DONTWAIT) == (ssize_t)f->len) {
			w->n.out++;
			w->n.out_bytes += f->len;
		} else {
			w->n.unsent++;
		}
		free(f);
	}
}

/* missed: frames that never got here, since the socket's buffer was full. */
static void way_print(struct way *w)
{
	struct tpacket_stats st = { 0 };
	socklen_t len = sizeof(st);

	if (getsockopt(w->in, SOL_PACKET, PACKET_STATISTICS, &st, &len) == 0)
		w->n.missed += st.tp_drops;
	printf("{\"from\":\"%s\",\"to\":\"%s\",\"in\":%ju,\"lost\":%ju,\"dup\":%ju,"
	       "\"reordered\":%ju,\"broken\":%ju,\"full\":%ju,\"out\":%ju,\"out_bytes\":%ju,"
	       "\"unsent\":%ju,\"waiting\":%u,\"missed\":%ju}\n",
	       w->from, w->to, (uintmax_t)w->n.in, (uintmax_t)w->n.lost, (uintmax_t)w->n.dup,
	       (uintmax_t)w->n.reordered, (uintmax_t)w->n.broken, (uintmax_t)w->n.full,
	       (uintmax_t)w->n.out, (uintmax_t)w->n.out_bytes, (uintmax_t)w->n.unsent, w->waiting,
	       (uintmax_t)w->n.missed);
	fflush(stdout);
}

/* ---- the box ---- */

static int interface_open(const char *name)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL),
				 .sll_ifindex = (int)if_nametoindex(name) };
	struct packet_mreq all = { .mr_ifindex = a.sll_ifindex, .mr_type = PACKET_MR_PROMISC };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), bytes = SOCKET_BYTES, on = 1;

	if (!a.sll_ifindex)
		errx(1, "%s: there is no such interface", name);
	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) < 0 ||
	    bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		err(1, "%s", name);
	return fd;
}

static void watch(int ep, int fd, uint32_t what)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = what };

	if (fd < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) < 0)
		err(1, "epoll");
}

static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void timer_arm(int fd, const struct way *w)
{
	uint64_t due = UINT64_MAX;
	struct itimerspec t = { 0 };
	int i;

	for (i = 0; i < 2; i++)
		if (w[i].waiting && w[i].heap[0]->due_us < due)
			due = w[i].heap[0]->due_us;
	if (due != UINT64_MAX) {
		t.it_value.tv_sec = (time_t)(due / 1000000);
		t.it_value.tv_nsec = (long)(due % 1000000 * 1000 + 1);
	}
	timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, NULL);
}

/* Until a signal comes that ends it. */
static void run(struct way *w)
{
	enum { IN_A, IN_B, SIGNAL, TIMER, WATCHED };
	int ep = epoll_create1(EPOLL_CLOEXEC), sig = signals_open(), i, n;
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	struct epoll_event e[WATCHED];
	struct signalfd_siginfo info;

	watch(ep, w[0].in, IN_A);
	watch(ep, w[1].in, IN_B);
	watch(ep, sig, SIGNAL);
	watch(ep, timer, TIMER);
	puts("impair: ready");
	fflush(stdout);
	for (;;) {
		timer_arm(timer, w);
		n = epoll_wait(ep, e, WATCHED, -1);
		for (i = 0; i < n; i++) {
			if (e[i].data.u32 <= IN_B)
				way_receive(&w[e[i].data.u32], now_us());
			else if (e[i].data.u32 == SIGNAL &&
				 read(sig, &info, sizeof(info)) == sizeof(info)) {
				if (info.ssi_signo != SIGUSR1)
					return;
				way_print(&w[0]);
				way_print(&w[1]);
			}
		}
		for (i = 0; i < 2; i++)
			way_send(&w[i], now_us());
	}
}

static void way_open(struct way *w, const char *from, const char *to, int in, int out,
		     uint64_t seed)
{
	w->from = from;
	w->to = to;
	w->in = in;
	w->out = out;
	w->rnd = seed * 0x9e3779b97f4a7c15 | 1;
	w->heap = calloc(w->rules.limit ? w->rules.limit : 1, sizeof(*w->heap));
	if (!w->heap)
		err(1, "limit");
	draw(w);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },  { "both", required_argument, NULL, 'b' },
		{ "forth", required_argument, NULL, 'f' }, { "back", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },	   { 0 }
	};
	static struct way w[2];
	uint64_t seed = 1;
	int opt, a, b;

	w[0].rules = w[1].rules = (struct rules){ .hold_us = 5000, .queue = 65536, .limit = 10000 };
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (opt == 'b' || opt == 'f' || opt == 'r') {
			if (opt != 'r')
				rules_parse(&w[0].rules, optarg);
			if (opt != 'f')
				rules_parse(&w[1].rules, optarg);
		} else
			return usage(opt == 'h' ? stdout : stderr), opt == 'h' ? 0 : 2;
	}
	if (argc - optind != 2)
		return usage(stderr), 2;
	a = interface_open(argv[optind]);
	b = interface_open(argv[optind + 1]);
	way_open(&w[0], argv[optind], argv[optind + 1], a, b, 2 * seed);
	way_open(&w[1], argv[optind + 1], argv[optind], b, a, 2 * seed + 1);
	run(w);
	way_print(&w[0]);
	way_print(&w[1]);
	return 0;
}
