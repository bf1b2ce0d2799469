/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands: "cookie SP dictionary" in, "cookie SP dictionary" out. */
#include "ng_priv.h"

#include "../log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const ng_command_name[NG_COMMANDS] = {
#define NAME(command, name) name,
	NG_COMMAND_LIST(NAME)
#undef NAME
};

struct ng_ask {
	struct ng_ask *next, **at; /* in ng->asks */
	struct ng *ng;
	struct source_command *pending;
	struct ng_query *query; /* counters that are waited for */
	enum ng_command command;
	bool json;
};

static void ask_free(struct ng_ask *ask)
{
	*ask->at = ask->next;
	if (ask->next)
		ask->next->at = ask->at;
	if (ask->query)
		ng_query_free(ask->query);
	free(ask);
}

void ng_ask_hold(struct ng_ask *ask, struct ng_query *q)
{
	ask->query = q;
}

json_t *ng_error(const char *why)
{
	json_t *v = json_object();
	char text[CTL_TEXT_MAX];

	/* What they sent may be in it, and any bytes in that. */
	snprintf(text, sizeof(text), "%s", why);
	for (char *c = text; *c; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
	json_object_set_new(v, "result", json_string("error"));
	json_object_set_new(v, "error-reason", json_string(text));
	return v;
}

/* Writes "cookie SP answer" into ng->out. */
static size_t encode(struct ng *n, const struct source_command *p, const json_t *answer, bool json)
{
	struct wr w = wr_init(n->out, sizeof(n->out));
	size_t len;
	const void *cookie = source_command_cookie(p, &len);
	json_t *error;
	struct wr head;

	wr_bytes(&w, cookie, len);
	wr_u8(&w, ' ');
	head = w;
	if (ng_encode(answer, json, &w))
		return wr_len(&w);
	error = ng_error("the answer is too long");
	w = head;
	ng_encode(error, json, &w);
	json_decref(error);
	return wr_len(&w);
}

static void send_to(struct ng *n, const struct source_addr *to, const void *p, size_t len,
		    bool text)
{
	/* Where it was asked may be served no more. */
	if (!to->stream && n->udp)
		datagram_send(n->udp, &to->addr, p, len);
	else if (to->stream && n->ws)
		ng_ws_send(n->ws, to->stream, p, len, text);
}

/* Whether a message is text is in its first byte behind the cookie. */
static bool is_text(const void *p, size_t len)
{
	const char *space = memchr(p, ' ', len);

	return space && space + 1 < (const char *)p + len && space[1] == '{';
}

void ng_ask_answer(struct ng_ask *ask, json_t *answer)
{
	struct ng *n = ask->ng;
	const char *result = json_string_value(json_object_get(answer, "result"));
	struct source_addr to = *source_command_from(ask->pending);
	size_t len = encode(n, ask->pending, answer, ask->json);

	if (result && strcmp(result, "error") == 0)
		n->stats.errors[ask->command]++;
	json_decref(answer);
	sources_answered(n->sources, ask->pending, n->out, len, n->s->now_ms);
	n->stats.kept = sources_kept(n->sources);
	send_to(n, &to, n->out, len, ask->json);
	ask_free(ask);
}

/* Whether the client would rather ask another gateway than be told of an error. */
static bool supports(const json_t *command, const char *what)
{
	const json_t *list = json_object_get(command, "supports");
	json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
	{
		const char *s = json_string_value(v);

		if (s && strcmp(s, what) == 0)
			return true;
	}
	return false;
}

static json_t *refused(const struct ng_call *c, const json_t *command)
{
	json_t *v;

	if ((c->fail.error != GATE_FULL && c->fail.error != GATE_BUSY) ||
	    !supports(command, "load limit"))
		return ng_error(c->fail.text);
	v = json_object();
	json_object_set_new(v, "result", json_string("load limit"));
	json_object_set_new(v, "message", json_string(c->fail.text));
	return v;
}

static bool serve_sdp(struct ng_call *c, const struct ng_flags *f, bool offer)
{
	if (f->sdp_flags & NG_SDP_FRAGMENT)
		return ng_call_fragment(c, f, offer);
	return offer ? ng_call_offer(c, f) : ng_call_answer(c, f);
}

static json_t *offer_answer(struct ng *n, const struct ng_flags *f, const struct ng_ask *ask,
			    const json_t *command)
{
	const struct ip_addr *from = &source_command_from(ask->pending)->addr.ip;
	static struct log_bucket bucket;
	struct ng_call *c = &n->call;
	char text[2][LOG_TEXT_MAX];
	json_t *v;
	bool ok;

	c->owner = gate_owner(n->g, from, sizeof(*from));
	ok = serve_sdp(c, f, ask->command == NG_OFFER) &&
	     ng_block_told(n, f, ask->command == NG_OFFER, &c->fail);
	for (uint32_t k = 0; k < SDES_VERDICTS; k++)
		n->stats.crypto_skipped[k] += c->crypto_skipped[k];
	if (!ok) {
		ng_srtp_wipe(c);
		return refused(c, command);
	}
	if (c->n_refused) {
		n->stats.media_refused += (uint64_t)c->n_refused;
		log_bucket_line(&bucket, "ng: call \"%s\": rejected: %s",
				log_text(f->call, strlen(f->call), text[0]),
				log_text(c->why, strlen(c->why), text[1]));
	}
	v = json_object();
	json_object_set_new(v, "result", json_string("ok"));
	json_object_set_new(v, "sdp", ng_string(c->out, c->out_len));
	ng_srtp_wipe(c);
	return v;
}

static json_t *pong(void)
{
	json_t *v = json_object();

	json_object_set_new(v, "result", json_string("pong"));
	return v;
}

/* A space or an underscore is a hyphen, as in flags. */
static bool command_is(const char *given, const char *name)
{
	while (*given && (*given == *name || ((*given == ' ' || *given == '_') && *name == '-'))) {
		given++;
		name++;
	}
	return *given == 0 && *name == 0;
}

static enum ng_command command_find(const json_t *command)
{
	const char *name = json_string_value(json_object_get(command, "command"));
	int i = name ? 0 : NG_OTHER;

	while (i < NG_OTHER && !command_is(name, ng_command_name[i]))
		i++;
	return (enum ng_command)i;
}

static void tell_unknown(struct ng *n, const struct ng_flags *f)
{
	static struct log_bucket bucket;
	const char *call = f->call ? f->call : "";
	char text[2][LOG_TEXT_MAX];

	n->stats.unknown += f->n_unknown;
	if (f->n_unknown)
		log_bucket_line(&bucket, "ng: call \"%s\": left out as unknown: %s",
				log_text(call, strlen(call), text[0]),
				log_text(f->unknown, strlen(f->unknown), text[1]));
}

/* Kamailio with rtpp-flags always tells the to-tag; whether it counts is a flag of the script. */
static void serve_delete(struct ng *n, struct ng_flags *f, struct ng_ask *ask)
{
	if (f->rtpp && !(f->flags & NG_TO_TAG))
		f->to = NULL;
	ng_delete(n, f, ask);
}

/* Carries out what needs flags. */
static void serve_call(struct ng *n, struct ng_ask *ask, const json_t *command)
{
	struct ng_flags f;
	bool good = ng_flags_read(&f, command, n->s->conf);

	tell_unknown(n, &f);
	if (!good)
		ng_ask_answer(ask, ng_error(f.err));
	else if (ask->command == NG_QUERY)
		ng_query(n, &f, ask);
	else if (ask->command == NG_DELETE)
		serve_delete(n, &f, ask);
	else if (ask->command >= NG_BLOCK_MEDIA && ask->command <= NG_UNSILENCE_MEDIA)
		ng_ask_answer(ask, ng_block(n, &f, ask->command));
	else
		ng_ask_answer(ask, offer_answer(n, &f, ask, command));
	ng_flags_free(&f);
}

static void serve(struct ng *n, struct ng_ask *ask, const json_t *command)
{
	char text[CTL_TEXT_MAX];
	const char *name;

	ask->command = command_find(command);
	n->stats.commands[ask->command]++;
	switch (ask->command) {
	case NG_PING:
		ng_ask_answer(ask, pong());
		break;
	case NG_LIST:
		ng_ask_answer(ask, ng_list(n, command));
		break;
	case NG_STATISTICS:
		ng_ask_answer(ask, ng_statistics(n));
		break;
	case NG_OTHER:
		name = json_string_value(json_object_get(command, "command"));
		snprintf(text, sizeof(text), "command \"%.64s\" is not served", name ? name : "");
		ng_ask_answer(ask, ng_error(text));
		break;
	default:
		serve_call(n, ask, command);
	}
}

static void begin(struct ng *n, struct source_command *p, const void *at, size_t len)
{
	struct ng_ask *ask = calloc(1, sizeof(*ask));
	const char *why;
	json_t *command;

	if (!ask) {
		n->stats.full++;
		sources_answered(n->sources, p, NULL, 0, n->s->now_ms);
		return;
	}
	*ask = (struct ng_ask){ .ng = n, .pending = p, .command = NG_OTHER, .next = n->asks };
	ask->at = &n->asks;
	if (ask->next)
		ask->next->at = &ask->next;
	n->asks = ask;
	command = ng_decode(at, len, &ask->json, &why);
	if (!command) {
		n->stats.commands[NG_OTHER]++;
		ng_ask_answer(ask, ng_error(why));
		return;
	}
	serve(n, ask, command);
	json_decref(command);
}

bool ng_allowed(const struct ng *n, const struct ip_addr *ip)
{
	const struct config_gateway *g = &n->s->conf->gateway;

	return ip_in_prefixes(ip, g->ng_allow, g->n_ng_allow);
}

void ng_take(struct ng *n, const struct source_addr *from, const void *p, size_t len)
{
	const char *text = p, *space = len ? memchr(text, ' ', len) : NULL;
	struct source_command *pending;
	const void *answer;
	size_t n_answer;

	if (!space || space == text || space - text > SOURCE_COOKIE_MAX) {
		n->stats.bad++;
		return;
	}
	switch (sources_take(n->sources, from, text, (size_t)(space - text), n->s->now_ms, &pending,
			     &answer, &n_answer)) {
	case SOURCE_NEW:
		begin(n, pending, space + 1, len - (size_t)(space + 1 - text));
		break;
	case SOURCE_AGAIN:
		n->stats.again++;
		send_to(n, from, answer, n_answer, is_text(answer, n_answer));
		break;
	case SOURCE_UNDER_WAY:
		n->stats.again++;
		break;
	case SOURCE_RATE:
		n->stats.rate++;
		break;
	case SOURCE_FULL:
		n->stats.full++;
		break;
	}
}

const struct ng_stats *ng_stats(const struct ng *n)
{
	return &n->stats;
}

static struct ng *ng_create(const struct server *s, struct gateway *g)
{
	struct ng *n = calloc(1, sizeof(*n));
	struct siphash_key key;

	if (!n)
		return NULL;
	n->s = s;
	n->g = g;
	rand_bytes(&key, sizeof(key));
	rand_bytes(&n->call.self, sizeof(n->call.self));
	n->call.s = s;
	n->call.g = g;
	n->stats.kept_max = SOURCES_KEPT_MAX;
	n->sources = sources_open(s->conf->gateway.ng_rate, NG_KEPT_MS, &key);
	if (n->sources)
		return n;
	free(n);
	return NULL;
}

/* A socket that stays where it is is not touched. */
bool ng_prepare(struct ng *n, const struct config *c, char *err, size_t errlen)
{
	const struct config_gateway *was = n ? &n->s->conf->gateway : NULL, *to = &c->gateway;
	bool elsewhere;

	if (!n)
		return true;
	elsewhere = !ip_eq(&was->ng_addr, &to->ng_addr);
	n->udp_moves = elsewhere || was->ng_port != to->ng_port;
	n->ws_moves = elsewhere || was->ng_websocket_port != to->ng_websocket_port;
	if (n->udp_moves && to->ng_port && !(n->next_udp = ng_udp_open(n, to, err, errlen)))
		return false;
	if (!n->ws_moves || !to->ng_websocket_port || (n->next_ws = ng_ws_open(n, to, err, errlen)))
		return true;
	ng_finish(n, false);
	return false;
}

static void udp_take(struct ng *n, bool apply)
{
	datagram_close(apply ? n->udp : n->next_udp);
	if (apply && (n->udp = n->next_udp))
		datagram_enable(n->udp);
	n->next_udp = NULL;
	n->udp_moves = false;
}

static void ws_take(struct ng *n, bool apply)
{
	ng_ws_close(apply ? n->ws : n->next_ws);
	if (apply && (n->ws = n->next_ws))
		ng_ws_enable(n->ws);
	n->next_ws = NULL;
	n->ws_moves = false;
}

void ng_finish(struct ng *n, bool apply)
{
	if (!n)
		return;
	if (n->udp_moves)
		udp_take(n, apply);
	if (n->ws_moves)
		ws_take(n, apply);
	if (apply)
		sources_rate(n->sources, n->s->conf->gateway.ng_rate);
}

bool ng_served(const struct ng *n)
{
	return n && (n->udp || n->ws);
}

bool ng_start(const struct server *s, struct gateway *g, struct event_base *base, struct ng **n,
	      char *err, size_t errlen)
{
	const struct config_gateway *c = &s->conf->gateway;

	*n = g ? ng_create(s, g) : NULL;
	if (!g)
		return true;
	if (*n) {
		(*n)->base = base;
		(*n)->dialogues = ng_dialogues_open(s, g, base, &(*n)->stats);
	}
	snprintf(err, errlen, "out of memory for ng");
	if (*n && (*n)->dialogues &&
	    (!c->ng_port || ((*n)->udp = ng_udp_open(*n, c, err, errlen))) &&
	    (!c->ng_websocket_port || ((*n)->ws = ng_ws_open(*n, c, err, errlen)))) {
		if ((*n)->udp)
			datagram_enable((*n)->udp);
		if ((*n)->ws)
			ng_ws_enable((*n)->ws);
		return true;
	}
	ng_stop(*n);
	*n = NULL;
	return false;
}

void ng_stop(struct ng *n)
{
	if (!n)
		return;
	while (n->asks)
		ask_free(n->asks);
	datagram_close(n->udp);
	ng_ws_close(n->ws);
	ng_dialogues_close(n->dialogues);
	sources_close(n->sources);
	free(n);
}
