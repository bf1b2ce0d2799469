/* SPDX-License-Identifier: BSD-3-Clause */
/* The agent's verbs: one row of the table below each. */
#include "agent.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORDS_MAX = 8 };

/* A request that waits. */
struct request {
	bool (*step)(struct client *c, struct request *r); /* true: answered */
	uint32_t id;
	uint16_t port;
	uint64_t left, done; /* bytes */
	uint64_t seed;
	bool all, now, want_hex; /* of receive */
	uint8_t *bytes;		 /* to send, or received as hex */
	EVP_MD_CTX *hash;
};

struct verb {
	const char *name, *args, *help;
	uint8_t min, max; /* words behind the verb */
	void (*run)(struct client *c, char **word, int n);
};

/* ---- answers and arguments ---- */

#define refuse(c, ...)                   \
	do {                             \
		say(c, "{\"error\":\""); \
		say(c, __VA_ARGS__);     \
		say(c, "\"}\n");         \
	} while (0)

static bool number(struct client *c, const char *word, uint64_t max, uint64_t *v)
{
	char *end;

	errno = 0;
	*v = strtoull(word, &end, 0);
	if (isdigit((unsigned char)*word) && !*end && !errno && *v <= max)
		return true;
	refuse(c, "a number up to %ju is wanted", (uintmax_t)max);
	return false;
}

static struct agent_conn *the_conn(struct client *c, const char *word)
{
	struct agent_conn *a = conns_get((uint32_t)strtoul(word, NULL, 10));

	if (!a)
		refuse(c, "no such connection");
	return a;
}

/* One that is open in the stack. */
static struct tcp_conn *the_live(struct client *c, const char *word)
{
	struct agent_conn *a = the_conn(c, word);
	struct tcp_conn *t = a ? conns_live(a) : NULL;

	if (a && !t)
		refuse(c, "it has ended: %s", tcp_end_desc[a->why].name);
	return t;
}

static struct request *wait_for(struct client *c, bool (*step)(struct client *, struct request *))
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r)
		abort();
	r->step = step;
	c->rq = r;
	return r;
}

static void say_addr(struct client *c, const char *name, const struct sock_addr *a)
{
	char text[ADDR_STR_MAX];

	say(c, ",\"%s\":\"%s\",\"%s_port\":%u", name, ip_format(&a->ip, text, sizeof(text)), name,
	    be16_get(a->port));
}

static void say_open(struct client *c, const struct agent_conn *a)
{
	say(c, "{\"id\":%u", a->id);
	say_addr(c, "local", &a->local);
	say_addr(c, "remote", &a->remote);
	say(c, "}\n");
}

/* ---- life ---- */

static void run_listen(struct client *c, char **word, int n)
{
	uint64_t port;

	(void)n;
	if (!number(c, word[1], 65535, &port))
		return;
	agent.listening[port] = word[0][0] == 'l';
	say(c, "{\"listening\":%s}\n", agent.listening[port] ? "true" : "false");
}

static bool step_accept(struct client *c, struct request *r)
{
	struct agent_conn *a = conns_next(r->port);

	if (!a && !r->now)
		return false;
	if (a)
		say_open(c, a);
	else
		say(c, "{\"id\":null}\n");
	return true;
}

static void run_accept(struct client *c, char **word, int n)
{
	bool now = n && !strcmp(word[n], "now");
	uint64_t port = 0;
	struct request *r;

	if (n - now > 0 && !number(c, word[1], 65535, &port))
		return;
	r = wait_for(c, step_accept);
	r->port = (uint16_t)port;
	r->now = now;
}

static bool step_connect(struct client *c, struct request *r)
{
	struct agent_conn *a = conns_get(r->id);

	if (a && !a->established && !a->ended && !r->now)
		return false;
	if (a && !a->ended)
		say_open(c, a);
	else
		refuse(c, "%s", a ? tcp_end_desc[a->why].name : "forgotten");
	return true;
}

/* Our address of the family of dst. */
static bool source_for(const struct ip_addr *dst, struct ip_addr *src)
{
	const struct config_port *p = &agent.w->dp->conf->port[0];
	uint16_t i;

	for (i = 0; i < p->n_addr; i++) {
		*src = p->addr[i].ip;
		if (ip_is_v4(src) == ip_is_v4(dst))
			return true;
	}
	return false;
}

static void run_connect(struct client *c, char **word, int n)
{
	bool now = !strcmp(word[n], "now");
	struct sock_addr src = { .port = be16_make(0) }, dst;
	uint64_t port, from = 0;
	struct agent_conn *a;
	struct request *r;
	enum tcp_end why;

	n -= now;
	if (!number(c, word[2], 65535, &port) || (n > 2 && !number(c, word[3], 65535, &from)))
		return;
	if (!ip_parse(word[1], &dst.ip) || !source_for(&dst.ip, &src.ip)) {
		refuse(c, "no address, or of a family that the port has no address of");
		return;
	}
	dst.port = be16_make((uint16_t)port);
	src.port = be16_make((uint16_t)from);
	a = conns_open(&src, &dst, &why);
	if (!a) {
		refuse(c, "%s", tcp_end_desc[why].name);
		return;
	}
	r = wait_for(c, step_connect);
	r->id = a->id;
	r->now = now;
}

static void run_serve(struct client *c, char **word, int n)
{
	struct sock_addr to;
	uint64_t port, to_port = 0;

	if (!number(c, word[2], 65535, &port) || (n > 3 && !number(c, word[4], 65535, &to_port)))
		return;
	if ((n == 4) != !strcmp(word[1], "proxy") || (n == 4 && !ip_parse(word[3], &to.ip))) {
		refuse(c, "proxy, and only that, wants an address and a port");
		return;
	}
	to.port = be16_make((uint16_t)to_port);
	say(c, "{\"serving\":%s}\n",
	    services_set(word[1], (uint16_t)port, n == 4 ? &to : NULL) ? "true" : "false");
}

static bool step_wait(struct client *c, struct request *r)
{
	struct agent_conn *a = conns_get(r->id);

	if (a && !a->ended)
		return false;
	say(c, "{\"ended\":\"%s\"}\n", a ? tcp_end_desc[a->why].name : "forgotten");
	return true;
}

static void run_wait(struct client *c, char **word, int n)
{
	struct agent_conn *a = the_conn(c, word[1]);

	(void)n;
	if (a)
		wait_for(c, step_wait)->id = a->id;
}

static void run_pause(struct client *c, char **word, int n)
{
	struct tcp_conn *t = the_live(c, word[1]);

	(void)n;
	if (!t)
		return;
	tcp_recv_pause(agent.w, t, !strcmp(word[2], "on"));
	say(c, "{\"ok\":true}\n");
}

static void run_shutdown(struct client *c, char **word, int n)
{
	struct tcp_conn *t = the_live(c, word[1]);

	(void)n;
	if (!t)
		return;
	tcp_shutdown(agent.w, t);
	say(c, "{\"ok\":true}\n");
}

/* close and abort: what has ended already is no error. */
static void run_close(struct client *c, char **word, int n)
{
	struct agent_conn *a = the_conn(c, word[1]);
	struct tcp_conn *t = a ? conns_live(a) : NULL;

	(void)n;
	if (t && word[0][0] == 'c')
		tcp_close(agent.w, t, TCP_END_CLOSED);
	else if (t)
		tcp_abort(agent.w, t, TCP_END_CLOSED);
	if (a)
		say(c, "{\"ok\":true}\n");
}

/* ---- the stream ---- */

/* Byte i of the pattern of a seed: of splitmix64's number i / 8, the lowest byte first. */
static void pattern(uint64_t seed, uint64_t at, uint8_t *p, uint32_t n)
{
	uint64_t x = 0;
	uint32_t i;

	for (i = 0; i < n; i++, at++) {
		if (i == 0 || at % 8 == 0) {
			x = seed + (at / 8 + 1) * 0x9e3779b97f4a7c15;
			x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
			x = (x ^ x >> 27) * 0x94d049bb133111eb;
			x ^= x >> 31;
		}
		p[i] = (uint8_t)(x >> at % 8 * 8);
	}
}

static uint32_t least(uint64_t a, uint32_t b)
{
	return a < b ? (uint32_t)a : b;
}

static void hash_begin(struct request *r)
{
	r->hash = EVP_MD_CTX_new();
	if (!r->hash || !EVP_DigestInit_ex(r->hash, EVP_sha256(), NULL))
		abort();
}

static void say_hash(struct client *c, struct request *r)
{
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned int n = 0, i;

	EVP_DigestFinal_ex(r->hash, md, &n);
	say(c, "{\"bytes\":%ju,\"sha256\":\"", (uintmax_t)r->done);
	for (i = 0; i < n; i++)
		say(c, "%02x", md[i]);
	say(c, "\"");
}

/* One piece of what is to be sent; false when there is no room for it now. */
static bool send_piece(struct request *r, struct agent_conn *a, struct tcp_conn *t)
{
	uint32_t room = tcp_send_room(agent.w, t), n = least(r->left, AGENT_CHUNK);
	uint8_t b[AGENT_CHUNK], *p = b;

	/* Crumbs would make small segments of a large stream. */
	if (!room || (room < n && room < AGENT_CHUNK / 8))
		return false;
	n = RTE_MIN(n, room);
	if (r->bytes)
		p = r->bytes + r->done;
	else
		pattern(r->seed, r->done, b, n);
	if (!tcp_send_bytes(agent.w, t, p, n))
		return false;
	EVP_DigestUpdate(r->hash, p, n);
	r->done += n;
	r->left -= n;
	a->sent += n;
	return true;
}

static bool step_send(struct client *c, struct request *r)
{
	struct agent_conn *a = conns_get(r->id);
	struct tcp_conn *t = a ? conns_live(a) : NULL;
	uint32_t i = 0;

	while (t && r->left && i++ < AGENT_STEP_MAX / AGENT_CHUNK && send_piece(r, a, t))
		agent.moved = true;
	if (t && r->left && !(t->flags & (CONN_FIN_QUEUED | CONN_CLOSED_APP)))
		return false;
	say_hash(c, r);
	if (r->left)
		say(c, ",\"error\":\"%s\"",
		    t	? "this direction is closed"
		    : a ? tcp_end_desc[a->why].name
			: "forgotten");
	say(c, "}\n");
	return true;
}

static int hex_digit(char x)
{
	return isdigit((unsigned char)x)    ? x - '0'
	       : isxdigit((unsigned char)x) ? tolower((unsigned char)x) - 'a' + 10
					    : -1;
}

/* Bytes of hex digits, or NULL. */
static uint8_t *hex_bytes(const char *hex, uint64_t *n)
{
	size_t len = strlen(hex), i;
	uint8_t *b = malloc(len / 2 + 1);

	for (i = 0; b && i < len; i++) {
		int d = hex_digit(hex[i]);

		if (d < 0 || len % 2) {
			free(b);
			return NULL;
		}
		b[i / 2] = (uint8_t)(i % 2 ? b[i / 2] << 4 | d : d);
	}
	*n = len / 2;
	return b;
}

static void run_send(struct client *c, char **word, int n)
{
	struct agent_conn *a = the_conn(c, word[1]);
	bool hex = !strncmp(word[2], "hex:", 4);
	uint64_t left = 0, seed = 1;
	uint8_t *bytes = NULL;
	struct request *r;

	if (!a || (!hex && !number(c, word[2], UINT64_MAX, &left)) ||
	    (n > 2 && !number(c, word[3], UINT64_MAX, &seed)))
		return;
	if (hex && !(bytes = hex_bytes(word[2] + 4, &left))) {
		refuse(c, "hex: an even number of hex digits is wanted");
		return;
	}
	r = wait_for(c, step_send);
	r->id = a->id;
	r->left = left;
	r->seed = seed;
	r->bytes = bytes;
	hash_begin(r);
}

/* Takes what is there, up to the budget of a turn. */
static void receive_some(struct request *r, struct agent_conn *a)
{
	uint8_t b[AGENT_CHUNK];
	uint32_t n, i;
	bool fin;

	for (i = 0; i < AGENT_STEP_MAX / AGENT_CHUNK; i++) {
		n = least(least(r->left, conns_readable(a, &fin)), sizeof(b));
		if (!n)
			return;
		agent.moved = true;
		conns_read(a, b, n);
		if (r->bytes)
			memcpy(r->bytes + r->done, b, n);
		EVP_DigestUpdate(r->hash, b, n);
		r->done += n;
		r->left -= n;
	}
}

/* fin: the stream is at its end; end: what ended the connection, null while it is there. */
static bool step_receive(struct client *c, struct request *r)
{
	struct agent_conn *a = conns_get(r->id);
	bool fin = false, over = true;
	uint64_t i;

	if (a) {
		receive_some(r, a);
		over = conns_readable(a, &fin) == 0 && (fin || a->ended);
		fin = fin && over;
		if (r->left && !over && !r->now)
			return false;
	}
	say_hash(c, r);
	if (r->want_hex) {
		say(c, ",\"hex\":\"");
		for (i = 0; i < r->done; i++)
			say(c, "%02x", r->bytes[i]);
		say(c, "\"");
	}
	say(c, ",\"fin\":%s", fin ? "true" : "false");
	if (!a || a->ended)
		say(c, ",\"end\":\"%s\"", a ? tcp_end_desc[a->why].name : "forgotten");
	say(c, "%s}\n", r->left && over && !r->all && !r->now ? ",\"error\":\"too few came\"" : "");
	return true;
}

static void run_receive(struct client *c, char **word, int n)
{
	bool all = !strcmp(word[2], "all"), now = !strcmp(word[2], "now");
	bool hex = n > 2 && !strcmp(word[3], "hex");
	struct agent_conn *a = the_conn(c, word[1]);
	uint64_t left = UINT64_MAX;
	struct request *r;

	if (!a || (!all && !now && !number(c, word[2], UINT64_MAX - 1, &left)))
		return;
	if (n > 2 && !hex) {
		refuse(c, "\"hex\" or nothing is wanted");
		return;
	}
	r = wait_for(c, step_receive);
	r->id = a->id;
	r->all = all;
	r->now = now;
	r->left = hex ? RTE_MIN(left, (uint64_t)AGENT_HEX_MAX) : left;
	r->want_hex = hex;
	r->bytes = hex ? malloc(AGENT_HEX_MAX) : NULL;
	hash_begin(r);
}

/* ---- what can be seen ---- */

static void run_info(struct client *c, char **word, int n)
{
	struct agent_conn *a;

	if (!n) {
		info_worker(c);
	} else if (!strcmp(word[1], "all")) {
		info_all(c);
	} else if ((a = the_conn(c, word[1]))) {
		info_conn(c, a);
		say(c, "\n");
	}
}

static const struct verb verbs[] = {
	{ "listen", "PORT", "takes connections to the port", 1, 1, run_listen },
	{ "unlisten", "PORT", "refuses them again", 1, 1, run_listen },
	{ "accept", "[PORT] [now]", "waits for one, gives its id; now: id null when there is none",
	  0, 2, run_accept },
	{ "serve", "echo|discard|none PORT", "the port serves by itself", 2, 4, run_serve },
	{ "serve", "proxy PORT IP PORT", "what comes to the port goes on to there", 4, 4,
	  run_serve },
	{ "connect", "IP PORT [FROM-PORT] [now]",
	  "opens one, waits until it is open; now: does not", 2, 4, run_connect },
	{ "send", "ID N [SEED]", "N bytes of a pattern; waits until the stack has taken all", 2, 3,
	  run_send },
	{ "send", "ID hex:DIGITS", "these bytes", 2, 3, run_send },
	{ "receive", "ID N|all|now [hex]",
	  "waits for N bytes, or the end, or not; gives their number and hash, with hex also them",
	  2, 3, run_receive },
	{ "pause", "ID on|off", "tcp_recv_pause()", 2, 2, run_pause },
	{ "shutdown", "ID", "FIN behind what was sent", 1, 1, run_shutdown },
	{ "close", "ID", "the same, and nobody reads any more", 1, 1, run_close },
	{ "abort", "ID", "RST", 1, 1, run_close },
	{ "wait", "ID", "until it has ended; gives why", 1, 1, run_wait },
	{ "info", "[ID|all]", "the worker, a connection, or all that are open", 0, 1, run_info },
};

void verbs_help(FILE *out)
{
	size_t i;

	for (i = 0; i < RTE_DIM(verbs); i++)
		fprintf(out, "  %-8s %-25s %s\n", verbs[i].name, verbs[i].args, verbs[i].help);
}

void request_begin(struct client *c, char *line)
{
	char *word[WORDS_MAX + 1], *at = NULL;
	const struct verb *v = NULL;
	int n = 0;
	size_t i;

	for (word[0] = strtok_r(line, " \t\r", &at); word[n] && n < WORDS_MAX;)
		word[++n] = strtok_r(NULL, " \t\r", &at);
	for (i = 0; n && i < RTE_DIM(verbs) && !v; i++)
		v = strcmp(verbs[i].name, word[0]) ? NULL : &verbs[i];
	if (!v)
		refuse(c, "no such verb; --help tells them");
	else if (n - 1 < v->min || n - 1 > v->max)
		refuse(c, "usage: %s %s", v->name, v->args);
	else
		v->run(c, word, n - 1);
	if (c->rq)
		request_step(c);
}

void request_drop(struct client *c)
{
	if (!c->rq)
		return;
	EVP_MD_CTX_free(c->rq->hash);
	free(c->rq->bytes);
	free(c->rq);
	c->rq = NULL;
}

bool request_step(struct client *c)
{
	if (!c->rq->step(c, c->rq))
		return false;
	agent.moved = true;
	request_drop(c);
	return true;
}
