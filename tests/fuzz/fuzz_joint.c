/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Both processes at once: real workers and the real control logic, joined by their rings, driven by
 * three clients over UDP and one over TCP, their peers, two ends of calls, a hostile stranger and
 * the clock. An input is a list of steps of three bytes: what, who, how. What must hold, whatever
 * the order:
 *
 *  - no datagram of a peer reaches a client who was not granted a permission for it, by the
 * allocation he has now and for no longer than that said, and none of his reaches such a peer (RFC
 * 8656 9, 10.1): what was refused, has expired or was of an allocation before is none;
 *  - over a stream each request is answered, once, also where the client sends its FIN behind it;
 * the connection stays while its allocation is in force; one does not hear what was for the one
 * before;
 *  - whoever holds something holds no more than his bound, after each step (dp_hostile.h);
 *  - success means installed: once all is quiet, what a client was granted works, both ways;
 *  - an end of a call hears the other end, and who it learns its address from, and nothing of TURN;
 *  - who has nothing hears nothing of the others, over a stream neither;
 *  - a datagram in fragments arrives, whatever another source has begun meanwhile;
 *  - neither process holds the other for a liar; every packet is accounted for; when all has
 * expired, tables of both are empty, nobody is heard through what there was, and every buffer is
 * back.
 *
 * It is longer than files here are: it is one model, read beside its checks.
 */
#include "dp_hostile.h"
#include "tests/world/joint_cp.h"
#include "tests/world/media_world.h"
#include "stream_client.h"
#include "../../dp/tcp/conn.h"
#include "dp/turn/turn.h"

#include <stdlib.h>
#include <string.h>

#define DENIED "10.2.0.9"

enum {
	CLIENTS = 4,
	TCP = 3, /* the one over a stream */
	PEERS = 4,
	IPS =
	    5, /* of peers, one that policy denies, and the relay's own: what a permission is for */
	CALLS = 4,
	CHANNELS = 4,
	REQUESTS = 256,
	EVER = 64, /* relayed addresses that are remembered to the end of an input */
	SETTLE_MAX = 4000,
	ANSWER_MS = 10000, /* timers of ours that a request may wait for */
	STAMPS = 4096,	   /* whose payload may still be on its way */
	FLOOD = 24,
	CLIENT_PORT = 5000,
	PEER_PORT = 7000,
	PHONE_PORT = 20000,
	STREAM_PORT = 10000, /* of its first connection, and the stranger's, in an input */
	STRANGER_PORT = 6666,
	LISTENER_PORT = 3478,
	GONE_S = 7200, /* after which nothing is left */
	RTP_HEAD = 12,
};

enum step {
	STEP_ALLOCATE,
	STEP_REFRESH,
	STEP_PERMIT,
	STEP_BIND,
	STEP_CHANNEL_DATA,
	STEP_SEND,
	STEP_PEER,
	STEP_STRANGER,
	STEP_CALL,
	STEP_CALL_END,
	STEP_MEDIA,
	STEP_TIME,
	STEP_POLL,
	STEP_RUN,
	STEP_VERIFY,
	STEP_RESTART,
	STEP_STREAM,
	STEPS
};

enum who { BY_CLIENT, BY_PEER, BY_PHONE, BY_STRANGER };

/* Stands in every payload that is relayed, so that whoever gets it can tell whose it is. */
struct stamp {
	char magic[4];
	uint8_t who, index; /* enum who; client, peer, call * 2 + side */
	uint8_t channel;    /* it went as ChannelData */
	uint8_t pad;
	uint32_t n;
};

struct request {
	uint16_t method, channel;
	uint8_t client, peer, ip; /* ip: of IPS, whose permission is asked for; IPS: none */
	bool over;		  /* a Refresh with lifetime 0 */
	bool answered;		  /* or will not be any more */
	bool owed;		  /* it stands in a stream: it will be */
	uint32_t epoch;		  /* of the stream */
	uint64_t sent_s;
};

struct client {
	struct sock_addr addr, listener, relayed;
	uint64_t alloc_s;     /* until when it has an allocation for certain; 0: none */
	uint64_t may_alloc_s; /* until when it may have one */
	/* Of this allocation; of one that has just ended, whose last datagrams are on their way. */
	uint64_t may_perm[IPS], last_perm[IPS];
	/* The same of channels to some port there: they let ChannelData go out, whatever became of
	 * the permission (RFC 8656 12.6). */
	uint64_t may_chan[IPS], last_chan[IPS];
	uint64_t must_perm[IPS];
	uint8_t chan_peer[CHANNELS]; /* of those in must_chan */
	uint64_t must_chan[CHANNELS];
};

struct call {
	bool lives, latch;
	uint32_t number;
	struct sock_addr remote[2], local[2];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char magic[4] = { 'S', 't', 'M', 'p' };
static const char *const user[CLIENTS] = { "alice", "bob", "single", "carol" };

static uint64_t now_ms;
static struct client client[CLIENTS];
static struct sock_addr peer[PEERS], denied, relay_any, relay_v6, stranger[2];
static struct call call[CALLS];
static struct request request[REQUESTS];
static struct sock_addr ever[EVER];
static uint32_t n_request, n_ever, n_stamp;
static struct stamp heard; /* the last that came out, and to whom */
static struct sock_addr heard_at;
static uint32_t n_heard;
static uint16_t heard_channel; /* it came in ChannelData of; 0: it did not */

/* Connections of the client and of the stranger, how many there were in this input, and of those
 * of the client that have ended since all was quiet. */
static struct stream_client stream[2];
static uint32_t n_stream, n_over;
static bool client_streams; /* its connection has not ended, as far as it knows */
static bool faithful;	    /* nothing of the client's doing may have ended its connection */
/* Of the client: which it is, counted from 1; what was sent to it by now with his permission. */
static uint32_t epoch;
static uint32_t sent_to[STAMPS];

static uint64_t now_s(void)
{
	return now_ms / 1000;
}

/* Which of IPS an address is; IPS: none. */
static uint32_t ip_index(const struct ip_addr *ip)
{
	if (ip_eq(ip, &relay_any.ip) || ip_eq(ip, &relay_v6.ip))
		return IPS - 1;
	if (ip_eq(ip, &denied.ip))
		return IPS - 2;
	for (uint32_t i = 0; i < PEERS - 1; i++) {
		if (ip_eq(ip, &peer[i].ip))
			return i;
	}
	return IPS;
}

/* ---- in ---- */

/*
 * Permissions and channels that are in force, each once, are no more than one allocation may have;
 * allocations and reservations no more than there may be, and contexts.
 */
static void session_check(const struct worker *w, const struct session *s)
{
	const struct config_turn *c = &world.conf.turn;
	uint32_t perms = s->first.perm_expiry > w->now, chans = s->first.chan_expiry > w->now, i;

	for (i = s->peers; i != SLOT_NONE; i = w->turn->peer[i].next) {
		perms += w->turn->peer[i].perm_expiry > w->now && w->turn->peer[i].channel == 0;
		chans += w->turn->peer[i].channel && w->turn->peer[i].chan_expiry > w->now;
	}
	MUST(perms <= c->permissions_per_allocation + chans);
	MUST(chans <= c->channels_per_allocation);
}

static void holders_check(void)
{
	uint64_t sessions = 0, contexts = 0;

	hostile_bounds();
	for (uint16_t i = 0; i < world.dp.n_workers; i++) {
		const struct worker *w = world.dp.worker[i];

		for (uint32_t k = 0; k < w->turn->sessions_max; k++) {
			if (w->session[k].gen && w->session[k].expiry > w->now)
				session_check(w, &w->session[k]);
		}
		sessions += w->counters->cnt[CNT_SESSIONS];
		contexts += w->counters->cnt[CNT_GATE_CONTEXTS];
	}
	MUST(sessions <= 2 * (CLIENTS + n_over)); /* one that redirects, beside each */
	MUST(contexts <= CALLS);
	MUST(joint_cp_allocations() <= CLIENTS + n_over);
	MUST(joint_cp_contexts() <= CALLS);
	MUST(joint_cp_reservations() + joint_cp_allocations() <= world.conf.turn.allocations_max);
}

static uint16_t worker_of(const struct sock_addr *from)
{
	return be16_get(from->port) & 1 && world.dp.n_workers > 1;
}

static void datagram(uint16_t port, const struct sock_addr *from, const struct sock_addr *to,
		     const void *p, size_t len)
{
	static struct frame f;

	if (ip_is_v4(&from->ip) != ip_is_v4(&to->ip))
		return;
	frame_udp(&f, port, from, to, p, len, NULL);
	world_in(port, worker_of(from), &f);
}

/* What was granted ends. */
static void granted_no_more(struct client *c)
{
	for (uint32_t i = 0; i < IPS; i++) {
		if (c->may_alloc_s > now_s() && c->may_perm[i] > now_s())
			c->last_perm[i] = c->may_perm[i];
		if (c->may_alloc_s > now_s() && c->may_chan[i] > now_s())
			c->last_chan[i] = c->may_chan[i];
		c->may_chan[i] = 0;
		c->may_perm[i] = 0;
	}
	c->may_alloc_s = 0;
}

/*
 * May datagrams of this address pass: it was granted, or the answer is on its way, which comes from
 * another worker than the one that relays.
 */
static bool permitted(uint32_t i, uint32_t ip)
{
	const struct client *c = &client[i];

	if (ip >= IPS)
		return false;
	if (c->last_perm[ip] > now_s() || (c->may_perm[ip] > now_s() && c->may_alloc_s > now_s()))
		return true;
	for (const struct request *r = request; r < request + n_request; r++) {
		if (r->client == i && !r->answered && r->ip == ip &&
		    (r->method == STUN_CREATE_PERMISSION || r->method == STUN_CHANNEL_BIND))
			return true;
	}
	return false;
}

/* The same of what client i says to an address in ChannelData. */
static bool bound(uint32_t i, uint32_t ip)
{
	const struct client *c = &client[i];

	return ip < IPS && (c->last_chan[ip] > now_s() ||
			    (c->may_chan[ip] > now_s() && c->may_alloc_s > now_s()));
}

/* Which of IPS a stamp comes from. */
static uint32_t stamp_ip(const struct stamp *s)
{
	if (s->who == BY_PEER)
		return ip_index(&peer[s->index].ip);
	if (s->who == BY_STRANGER)
		return ip_index(s->index ? &denied.ip : &stranger[1].ip);
	return IPS - 1;
}

static size_t stamp_put(uint8_t *p, enum who who, uint32_t index)
{
	struct stamp s = { .who = (uint8_t)who, .index = (uint8_t)index, .n = ++n_stamp };

	memcpy(s.magic, magic, sizeof(magic));
	memcpy(p, &s, sizeof(s));
	sent_to[s.n % STAMPS] = permitted(TCP, stamp_ip(&s)) ? epoch : 0;
	return sizeof(s);
}

/* From a client to its listener, as it speaks to it. */
static void client_sends(uint32_t c, const void *p, size_t len)
{
	if (c != TCP)
		datagram(ACCESS, &client[c].addr, &client[c].listener, p, len);
	else if (stream_lives(&stream[0]))
		stream_say(&stream[0], p, (uint32_t)len, 0);
}

/* Nobody asks over a stream that is not there. */
static bool may_ask(uint32_t c)
{
	return (c != TCP || stream_lives(&stream[0])) && n_request < REQUESTS;
}

static void request_begin(struct stun_builder *b, uint8_t *buf, size_t cap, uint32_t c,
			  enum stun_method method, const struct request *r)
{
	uint8_t tid[STUN_TID_LEN] = "joint";

	memcpy(tid + 8, &n_request, sizeof(n_request));
	request[n_request++] = *r;
	stun_begin(b, buf, cap, stun_type(method, STUN_REQUEST), tid);
	stun_put(b, STUN_ATTR_USERNAME, user[c], strlen(user[c]));
}

static void request_send(struct stun_builder *b, uint8_t *buf, uint32_t c)
{
	size_t len = stun_end(b);

	MUST(len);
	if (c == TCP) {
		request[n_request - 1].owed = !stream[0].junk;
		request[n_request - 1].epoch = epoch;
	}
	client_sends(c, buf, len);
}

static void allocate(uint32_t c, uint8_t how)
{
	static const uint8_t udp[4] = { 17 }, v6[4] = { STUN_FAMILY_IPV6 };
	struct request r = { STUN_ALLOCATE, .client = (uint8_t)c, .sent_s = now_s() };
	uint8_t buf[256], even = 0x80;
	struct stun_builder b;

	request_begin(&b, buf, sizeof(buf), c, STUN_ALLOCATE, &r);
	stun_put(&b, STUN_ATTR_REQUESTED_TRANSPORT, udp, sizeof(udp));
	if (how & 1)
		stun_put(&b, STUN_ATTR_EVEN_PORT, &even, 1);
	if (how & 2)
		stun_put(&b, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, v6, sizeof(v6));
	request_send(&b, buf, c);
}

static void refresh(uint32_t c, uint8_t how)
{
	struct request r = { STUN_REFRESH, .client = (uint8_t)c, .over = how & 1,
			     .sent_s = now_s() };
	struct stun_builder b;
	uint8_t buf[256];

	request_begin(&b, buf, sizeof(buf), c, STUN_REFRESH, &r);
	if (how & 1) {
		stun_put_u32(&b, STUN_ATTR_LIFETIME, 0);
		client[c].alloc_s = 0;
	}
	request_send(&b, buf, c);
}

/* A peer of a request: one of those there are, the relay's own address, a client's or a call's port
 * there. */
static struct sock_addr target(uint8_t how, uint8_t *index)
{
	uint32_t i = how % (PEERS + 4u);

	*index = (uint8_t)i;
	if (i < PEERS)
		return peer[i];
	if (i == PEERS)
		return relay_any;
	if (i == PEERS + 3)
		return denied;
	if (i == PEERS + 1 && n_ever)
		return ever[(how >> 3) % n_ever];
	return call[(how >> 3) % CALLS].lives ? call[(how >> 3) % CALLS].local[1] : relay_any;
}

static void permit(uint32_t c, uint8_t how)
{
	struct request r = { STUN_CREATE_PERMISSION, .client = (uint8_t)c, .sent_s = now_s() };
	struct sock_addr to = target(how, &r.peer);
	struct stun_builder b;
	uint8_t buf[256];

	r.peer = r.ip = (uint8_t)ip_index(&to.ip);
	request_begin(&b, buf, sizeof(buf), c, STUN_CREATE_PERMISSION, &r);
	stun_put_xor_addr(&b, STUN_ATTR_XOR_PEER_ADDRESS, &to);
	request_send(&b, buf, c);
}

static void bind_channel(uint32_t c, uint8_t how)
{
	struct request r = { STUN_CHANNEL_BIND, .client = (uint8_t)c, .sent_s = now_s() };
	struct sock_addr to = target(how & 7, &r.peer);
	struct stun_builder b;
	uint8_t buf[256], number[4] = { 0x40, (uint8_t)(how >> 3 & 3) };

	r.ip = (uint8_t)ip_index(&to.ip);
	r.channel = (uint16_t)(how >> 3 & 3);
	request_begin(&b, buf, sizeof(buf), c, STUN_CHANNEL_BIND, &r);
	stun_put(&b, STUN_ATTR_CHANNEL_NUMBER, number, sizeof(number));
	stun_put_xor_addr(&b, STUN_ATTR_XOR_PEER_ADDRESS, &to);
	request_send(&b, buf, c);
}

static void channel_data(uint32_t c, uint32_t channel)
{
	uint8_t buf[64], p[32];
	size_t len = stamp_put(p, BY_CLIENT, c);

	p[offsetof(struct stamp, channel)] = 1;
	len = chandata(buf, (uint16_t)(0x4000 + channel), p, len);
	client_sends(c, buf, len);
}

static void send_to(uint32_t c, const struct sock_addr *to)
{
	uint8_t buf[128], p[32];
	size_t len = stamp_put(p, BY_CLIENT, c);

	len = send_ind(buf, sizeof(buf), to, p, len, false, false);
	client_sends(c, buf, len);
}

static void peer_sends(uint32_t i, const struct sock_addr *to)
{
	uint8_t p[32];

	datagram(CORE, &peer[i], to, p, stamp_put(p, BY_PEER, i));
}

static size_t rtp(uint8_t *p, enum who who, uint32_t index)
{
	memset(p, 0, RTP_HEAD);
	p[0] = 0x80;
	return RTP_HEAD + stamp_put(p + RTP_HEAD, who, index);
}

/* At the listeners, at relayed ports and at calls, by both ports: RTP, STUN without credentials,
 * nothing at all. */
static void stranger_sends(uint8_t who, uint8_t how)
{
	uint32_t side = who & 1;
	struct sock_addr to = client[0].listener;
	struct stun_builder b;
	const struct sock_addr *from = &stranger[side];
	uint8_t p[64];
	size_t len;

	if (how & 1 && n_ever) {
		to = ever[(how >> 3) % n_ever];
		if (how & 2)
			from = &denied;
	}
	side |= from == &denied;
	len = rtp(p, BY_STRANGER, from == &denied);
	if (!(how & 1 && n_ever) && how & 2)
		to = call[(how >> 3) % CALLS].local[(how >> 5) & 1];
	if (who & 2) {
		stun_begin(&b, p, sizeof(p), stun_type(who >> 2 & 15, who >> 6),
			   (const uint8_t *)"strangerstra");
		len = stun_end(&b);
	} else if (who & 4) {
		len = who >> 3 & 3;
	}
	if (be16_get(to.port))
		datagram((uint16_t)(side ? CORE : ACCESS), from, &to, p, len);
}

static void media(uint8_t who, uint8_t how)
{
	const struct call *c = &call[who % CALLS];
	uint32_t side = how & 1;
	uint8_t p[64];
	size_t len = rtp(p, BY_PHONE, (who % CALLS) * 2u + side);

	if (c->lives)
		datagram((uint16_t)(side ? CORE : ACCESS), &c->remote[side], &c->local[side], p,
			 len);
}

/* ---- out ---- */

static uint32_t client_at(const struct sock_addr *a)
{
	uint32_t i = 0;

	while (i < TCP && !sock_addr_eq(a, &client[i].addr))
		i++;
	return i < TCP ? i : CLIENTS;
}

static void granted(struct client *c, const struct request *r, const struct stun_msg *m)
{
	uint32_t lifetime = 0, ip = r->peer;

	switch (r->method) {
	case STUN_ALLOCATE:
		MUST(stun_get_xor_addr(m, &m->xor_relayed, &c->relayed));
		if (n_ever < EVER)
			ever[n_ever++] = c->relayed;
		memset(c->must_perm, 0, sizeof(c->must_perm));
		memset(c->must_chan, 0, sizeof(c->must_chan));
		/* fall through */
	case STUN_REFRESH:
		MUST(stun_get_u32(&m->lifetime, &lifetime));
		c->alloc_s = r->over || lifetime == 0 ? 0 : r->sent_s + lifetime;
		break;
	case STUN_CREATE_PERMISSION:
		MUST(ip < IPS);
		c->must_perm[ip] = r->sent_s + 300;
		break;
	case STUN_CHANNEL_BIND:
		if (r->peer >= PEERS)
			break;
		c->must_chan[r->channel] = r->sent_s + 600;
		c->chan_peer[r->channel] = r->peer;
		c->must_perm[ip_index(&peer[r->peer].ip)] = r->sent_s + 300;
		break;
	default:
		break;
	}
}

/* What it may use from now on, whatever it has asked for since. */
static void may_use(struct client *c, const struct request *r, const struct stun_msg *m)
{
	uint32_t lifetime = 0;

	if (r->method == STUN_ALLOCATE || r->method == STUN_REFRESH) {
		MUST(stun_get_u32(&m->lifetime, &lifetime));
		if (r->over || r->method == STUN_ALLOCATE)
			granted_no_more(c);
		c->may_alloc_s = lifetime ? now_s() + lifetime + 1 : 0;
	} else if (r->ip < IPS) {
		MUST(r->ip != ip_index(&denied.ip));
		c->may_perm[r->ip] = now_s() + 301;
		if (r->method == STUN_CHANNEL_BIND)
			c->may_chan[r->ip] = now_s() + 601;
	}
}

/* Behind a permission or channel the client has ended its allocation, or begun another: that has
 * nothing of it. */
static bool overtaken(const struct request *r)
{
	for (const struct request *q = r + 1; q < request + n_request; q++) {
		if (q->client == r->client && (q->over || q->method == STUN_ALLOCATE))
			return true;
	}
	return false;
}

static void reply_in(uint32_t i, const struct stun_msg *m)
{
	struct request *r;
	uint32_t n;

	if (memcmp(m->tid, "joint", 5) != 0)
		return;
	memcpy(&n, m->tid + 8, sizeof(n));
	MUST(n < n_request);
	r = &request[n];
	MUST(r->client == i && m->method == r->method);
	MUST(i != TCP || (r->epoch == epoch && (r->owed || stream[0].junk)));
	r->answered = true;
	r->owed = false;
	if (m->cls == STUN_SUCCESS)
		may_use(&client[i], r, m);
	if (m->cls == STUN_SUCCESS &&
	    (r->method == STUN_ALLOCATE || r->method == STUN_REFRESH || !overtaken(r)))
		granted(&client[i], r, m);
}

static const struct stamp *stamp_in(const uint8_t *p, size_t len, struct stamp *s)
{
	const uint8_t *at = len >= sizeof(*s) ? memmem(p, len, magic, sizeof(magic)) : NULL;

	if (!at || (size_t)(p + len - at) < sizeof(*s))
		return NULL;
	return memcpy(s, at, sizeof(*s));
}

/*
 * Payload that reaches a client: of a peer's address that he was granted. In a stream it may have
 * waited since; what he says himself may have waited in his own.
 */
static void client_hears(uint32_t i, const struct stamp *s)
{
	bool waited = s->who == BY_CLIENT && s->index == TCP;

	MUST(s->who == BY_PEER || s->who == BY_CLIENT || s->who == BY_STRANGER);
	if (i != TCP || (waited && sent_to[s->n % STAMPS] != epoch))
		MUST(permitted(i, stamp_ip(s)));
	else
		MUST(sent_to[s->n % STAMPS] == epoch);
}

static void message_in(uint32_t i, const uint8_t *p, size_t len)
{
	struct stun_msg m;
	struct stamp s;

	MUST(len > 0);
	if (p[0] >> 6 == 0) {
		MUST(stun_parse(&m, p, len) == STUN_OK);
		if (m.cls == STUN_SUCCESS || m.cls == STUN_ERROR)
			reply_in(i, &m);
	}
	if (!stamp_in(p, len, &s))
		return;
	client_hears(i, &s);
	heard = s;
	heard_at = client[i].addr;
	heard_channel = p[0] >> 6 == 1 ? (uint16_t)(p[0] << 8 | p[1]) : 0;
	n_heard++;
}

static void client_out(uint32_t i, const struct udp_view *v)
{
	MUST(sock_addr_eq(&v->src, &client[i].listener));
	message_in(i, v->payload, v->len);
}

static void stream_hears(struct stream_client *c, const uint8_t *p, size_t len)
{
	struct stamp s;

	if (c == &stream[0])
		message_in(TCP, p, len);
	else
		MUST(p[0] >> 6 == 0 && !stamp_in(p, len, &s));
}

/* One end of a call; remotes of calls are nobody else's addresses. */
static bool phone_out(uint16_t port, const struct udp_view *v, const struct stamp *s)
{
	uint16_t to = be16_get(v->dst.port);

	if (to < PHONE_PORT || to >= PHONE_PORT + 8 * CALLS)
		return false;
	MUST(s->who == BY_PHONE || (s->who == BY_STRANGER && call[(to - PHONE_PORT) / 8].latch));
	MUST(s->who == BY_STRANGER || (s->index & 1) == (port == ACCESS));
	return true;
}

static void frame_out(uint16_t port)
{
	const struct frame *f = world.out[port][world.at_out[port]];
	const uint16_t l3 = frame_l3(f);
	const bool v4 = f->b[l3] >> 4 == 4;
	struct udp_view v;
	struct stamp s;
	uint32_t i;

	if ((f->b[12] == 8 && f->b[13] == 6) || hosts_take(port, f))
		goto skip;
	if ((v4 ? f->b[l3 + 9] : f->b[l3 + 6]) != 17 ||
	    (v4 && (f->b[l3 + 6] & 0x3f || f->b[l3 + 7])))
		goto skip;
	expect_udp(port, &v);
	MUST(v.csum_ok || (v4 && v.csum_zero));
	i = client_at(&v.dst);
	if (i < CLIENTS && port == ACCESS) {
		client_out(i, &v);
		return;
	}
	if (!stamp_in(v.payload, v.len, &s) || phone_out(port, &v, &s))
		return;
	/* What is left goes to peers, by clients; or back to a stranger whom a call has learnt. */
	if (sock_addr_eq(&v.dst, &stranger[port == CORE])) {
		MUST(s.who == BY_PHONE);
		return;
	}
	MUST(port == CORE && s.who == BY_CLIENT && ip_index(&v.dst.ip) < IPS - 1);
	MUST(permitted(s.index, ip_index(&v.dst.ip)) ||
	     (s.channel && bound(s.index, ip_index(&v.dst.ip))));
	heard = s;
	heard_at = v.dst;
	n_heard++;
	return;
skip:
	world_out(port);
}

/* The client's connection has ended, by whomever: what it was granted has, and is owed. */
static void stream_look(void)
{
	struct client *c = &client[TCP];
	const struct host *h = stream[0].h;
	bool gone = h && (stream[0].left || h->rst || h->fin_rcvd);

	if (!gone || !client_streams)
		return;
	client_streams = false;
	n_over++;
	MUST(stream[0].left || !faithful || c->alloc_s <= now_s());
	memset(c->may_perm, 0, sizeof(c->may_perm));
	memset(c->may_chan, 0, sizeof(c->may_chan));
	c->may_alloc_s = c->alloc_s = 0;
	for (struct request *r = request; r < request + n_request; r++) {
		/* In order, it has all answers first. */
		MUST(!r->owed || stream[0].left || stream[0].junk || h->rst || !h->fin);
		r->owed = false;
		r->answered |= r->client == TCP;
	}
	stream[0].h->fin = true;
}

static void take_out(void)
{
	for (uint16_t p = 0; p < WORLD_PORTS; p++) {
		while (world.at_out[p] < world.n_out[p])
			frame_out(p);
	}
	world_forget();
	for (uint32_t i = 0; i < CLIENTS; i++) {
		memset(client[i].last_perm, 0, sizeof(client[i].last_perm));
		memset(client[i].last_chan, 0, sizeof(client[i].last_chan));
	}
	stream_look();
}

static void run(void)
{
	do {
		world_run();
		take_out();
	} while (hosts_push());
}

static void clock_to(uint64_t ms)
{
	now_ms = ms;
	world_clock_ms(now_ms);
	world_neighbours();
}

static bool streams_again(void)
{
	bool more = false;

	for (uint32_t i = 0; i < RTE_DIM(stream); i++)
		more |= stream_again(&stream[i]);
	return more;
}

/* Until neither process has anything left to do. */
static void settle(void)
{
	uint32_t quiet = 0, again = 0;

	for (uint32_t i = 0; i < SETTLE_MAX; i++) {
		bool more = joint_cp_poll(now_ms);

		run();
		for (uint16_t w = 0; w < world.dp.n_workers; w++)
			more |= ring_count(&world.dp.worker[w]->boundary.cmd, 1) != 0;
		MUST(!joint_cp_fault());
		for (uint16_t w = 0; w < world.dp.n_workers; w++)
			MUST(world.dp.worker[w]->boundary.rings_ok);
		quiet = more || joint_cp_replaying() ? 0 : quiet + 1;
		if (quiet < 3)
			continue;
		if (again++ < 2 && streams_again()) {
			quiet = 0;
			continue;
		}
		/* What was not answered by now was dropped. */
		for (struct request *r = request; r < request + n_request; r++)
			r->answered |= !r->owed;
		n_over = 0;
		return;
	}
	MUST(!"settled");
}

/* ---- what was granted is there ---- */

static void hears_peer(uint32_t c, uint32_t p)
{
	uint32_t before, ip = ip_index(&peer[p].ip);

	if (client[c].must_perm[ip] <= now_s() ||
	    ip_is_v4(&peer[p].ip) != ip_is_v4(&client[c].relayed.ip))
		return;
	before = n_heard;
	peer_sends(p, &client[c].relayed);
	run();
	MUST(n_heard == before + 1 && heard.n == n_stamp &&
	     sock_addr_eq(&heard_at, &client[c].addr));
	send_to(c, &peer[p]);
	run();
	MUST(n_heard == before + 2 && heard.n == n_stamp && sock_addr_eq(&heard_at, &peer[p]));
}

/* A client's datagram in two fragments, and between them more of others than there is room for. */
static void pieces_pass(uint32_t c, uint32_t p)
{
	const struct sock_addr *from = &client[c].addr, *to = &client[c].listener;
	const size_t cut = 48;
	uint8_t part[128] = { 17, 0, 0, 1 }, crumb[48] = { 0 };
	uint32_t before = n_heard, all = world.conf.dataplane.fragments;
	static struct frame whole, f;
	uint8_t buf[128], text[32];
	size_t len;

	if (client[c].must_perm[ip_index(&peer[p].ip)] <= now_s() || ip_is_v4(&from->ip))
		return;
	len = stamp_put(text, BY_CLIENT, c);
	len = send_ind(buf, sizeof(buf), &peer[p], text, len, false, false);
	frame_udp(&whole, ACCESS, from, to, buf, len, NULL);
	len = whole.len - (size_t)frame_l4(&whole);
	memcpy(part + 4, &n_stamp, sizeof(n_stamp));
	memcpy(part + 8, whole.b + frame_l4(&whole), cut);
	frame_ip(&f, ACCESS, &from->ip, &to->ip, 44, part, 8 + cut, NULL);
	world_in(ACCESS, worker_of(from), &f);
	for (uint32_t i = 0; i < 2 * all; i++) {
		frame_ip(&f, ACCESS, &stranger[0].ip, &client[0].listener.ip, 17, crumb,
			 sizeof(crumb), NULL);
		f.b[frame_l3(&f) + 4] = (uint8_t)i;
		f.b[frame_l3(&f) + 6] = 0x20; /* more fragments */
		frame_ip_csum(&f);
		world_in(ACCESS, worker_of(from), &f);
	}
	run();
	part[2] = (uint8_t)(cut >> 8);
	part[3] = (uint8_t)cut;
	memcpy(part + 8, whole.b + frame_l4(&whole) + cut, len - cut);
	frame_ip(&f, ACCESS, &from->ip, &to->ip, 44, part, 8 + len - cut, NULL);
	world_in(ACCESS, worker_of(from), &f);
	run();
	MUST(n_heard == before + 1 && heard.n == n_stamp && sock_addr_eq(&heard_at, &peer[p]));
}

static void channel_works(uint32_t c, uint32_t channel)
{
	const struct sock_addr *to = &peer[client[c].chan_peer[channel]];
	uint32_t before = n_heard;

	if (client[c].must_chan[channel] <= now_s() ||
	    client[c].must_perm[ip_index(&to->ip)] <= now_s())
		return;
	channel_data(c, channel);
	run();
	MUST(n_heard == before + 1 && heard.n == n_stamp && sock_addr_eq(&heard_at, to));
	peer_sends(client[c].chan_peer[channel], &client[c].relayed);
	run();
	MUST(n_heard == before + 2 && heard.n == n_stamp && heard_channel == 0x4000 + channel);
}

static bool stream_owed(void)
{
	for (const struct request *r = request; r < request + n_request; r++) {
		if (r->owed && stream[0].h->open)
			return true;
	}
	return false;
}

/* Whoever reads, and has said all, has his answers. */
static void stream_answered(void)
{
	if (client_streams) {
		stream_free(&stream[0]);
		stream_stop(&stream[0], false);
	}
	settle();
	for (uint32_t ms = 0; stream_owed() && ms < ANSWER_MS; ms += 200) {
		clock_to(now_ms + 200);
		settle();
	}
	MUST(!stream_owed());
}

static void verify(void)
{
	stream_answered();
	for (uint32_t c = 0; c < CLIENTS; c++) {
		if (client[c].alloc_s <= now_s() || (c == TCP && !stream_lives(&stream[0])))
			continue;
		for (uint32_t p = 0; p < PEERS; p++) {
			hears_peer(c, p);
			pieces_pass(c, p);
		}
		for (uint32_t n = 0; n < CHANNELS; n++)
			channel_works(c, n);
	}
}

/* ---- steps ---- */

static void call_make(uint8_t who, uint8_t how)
{
	struct call *c = &call[who % CALLS];
	uint16_t port = (uint16_t)(PHONE_PORT + 8 * (who % CALLS));

	if (c->lives)
		return;
	c->latch = how & 1;
	c->remote[0] = at("10.1.0.2", port);
	c->remote[1] = at("10.2.0.2", (uint16_t)(port + 4));
	c->lives = joint_cp_call(c->remote, c->latch, &c->number, c->local);
}

/* What stands in the rings stays there: requests wait for the successor. */
static void cp_restart(void)
{
	run();
	joint_cp_restart(now_ms);
	joint_cp_attach(world.region_fd, world.dp.region_size);
	/* Its controller's numbers are of the one before. */
	for (uint32_t i = 0; i < CALLS; i++)
		call[i].lives = call[i].lives && joint_cp_call_lives(call[i].number);
}

static void time_passes(uint8_t how)
{
	static const uint32_t ms[8] = { 1, 20, 500, 1000, 31000, 121000, 301000, 601000 };

	if (client_streams)
		faithful &= !stream_slow(&stream[0]);
	settle(); /* requests are not answered by the clock of later */
	clock_to(now_ms + ms[how & 7]);
	settle();
	for (uint32_t i = 0; i < CALLS; i++)
		call[i].lives = call[i].lives && joint_cp_call_lives(call[i].number);
}

/* ---- streams ---- */

static void connects(uint32_t k, uint8_t how)
{
	struct sock_addr from = at(k ? "10.1.0.3" : "10.1.0.2", (uint16_t)(STREAM_PORT + n_stream));
	struct sock_addr to = client[TCP].listener;

	run();
	if (k ? stream_lives(&stream[k]) : client_streams)
		return;
	n_stream++;
	if (k && how & 8 && n_ever)
		to = ever[(how >> 4) % n_ever];
	else if (k && how & 16 && call[how >> 6].lives)
		to = call[how >> 6].local[0];
	if (!ip_is_v4(&to.ip))
		return;
	stream_connect(&stream[k], &from, &to, worker_of(&from));
	if (k)
		return;
	client[TCP].addr = from;
	client_streams = faithful = true;
	epoch++;
}

/* What is no message, behind which nothing has to be answered. */
static void junk(uint32_t k)
{
	static const uint8_t bytes[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	stream[k].junk = true;
	stream_say(&stream[k], bytes, sizeof(bytes), 0);
	if (k)
		return;
	faithful = false;
	for (struct request *r = request; r < request + n_request; r++)
		r->owed = false;
}

/* Requests without credentials. */
static void stranger_asks(uint32_t n)
{
	uint8_t buf[64];
	struct stun_builder b;

	while (n--) {
		stun_begin(&b, buf, sizeof(buf), stun_type(STUN_ALLOCATE, STUN_REQUEST),
			   (const uint8_t *)"strangerstra");
		stream_say(&stream[1], buf, (uint32_t)stun_end(&b), 0);
	}
}

static void asks(uint32_t k, uint32_t n)
{
	if (k)
		stranger_asks(n);
	while (!k && n-- && may_ask(TCP))
		refresh(TCP, 0);
}

/* All but the last bytes of a request, or what was cut off before. */
static void asks_part(uint32_t k, uint32_t held)
{
	struct stream_client *s = &stream[k];
	uint64_t free = s->h->to_send;

	if (free < s->says) {
		stream_free(s);
		return;
	}
	asks(k, 1);
	held = RTE_MIN(held, s->says);
	s->h->to_send = RTE_MAX(free, (uint64_t)s->says - held);
}

static void stream_step(uint8_t who, uint8_t how)
{
	uint32_t k = who & 1;

	if ((how & 7) == 0) {
		connects(k, how);
		return;
	}
	if (!stream_lives(&stream[k]))
		return;
	switch (how & 7) {
	case 1:
		stream_rst(&stream[k]);
		break;
	case 2:
		stream_fin(&stream[k]);
		faithful &= k;
		break;
	case 3:
		stream_stop(&stream[k], true);
		break;
	case 4:
		stream_stop(&stream[k], false);
		break;
	case 5:
		junk(k);
		break;
	case 6:
		asks_part(k, how >> 3);
		break;
	default:
		asks(k, FLOOD);
		break;
	}
}

static void step(uint8_t what, uint8_t who, uint8_t how)
{
	uint32_t c = who % CLIENTS;
	struct sock_addr to;
	uint8_t none;

	what %= STEPS;
	if (what <= STEP_BIND && !may_ask(c))
		return;
	switch ((enum step)what) {
	case STEP_ALLOCATE:
		allocate(c, how);
		break;
	case STEP_REFRESH:
		refresh(c, how);
		break;
	case STEP_PERMIT:
		permit(c, how);
		break;
	case STEP_BIND:
		bind_channel(c, how);
		break;
	case STEP_CHANNEL_DATA:
		channel_data(c, how % CHANNELS);
		break;
	case STEP_SEND:
		to = target(how, &none);
		if (be16_get(to.port))
			send_to(c, &to);
		break;
	case STEP_PEER:
		if (n_ever)
			peer_sends(who % PEERS, &ever[how % n_ever]);
		break;
	case STEP_STRANGER:
		stranger_sends(who, how);
		break;
	case STEP_CALL:
		call_make(who, how);
		break;
	case STEP_CALL_END:
		if (call[who % CALLS].lives)
			joint_cp_call_end(call[who % CALLS].number);
		call[who % CALLS].lives = false;
		break;
	case STEP_MEDIA:
		media(who, how);
		break;
	case STEP_TIME:
		time_passes(how);
		break;
	case STEP_POLL:
		joint_cp_poll(now_ms);
		break;
	case STEP_RUN:
		run();
		break;
	case STEP_VERIFY:
		verify();
		break;
	case STEP_RESTART:
		cp_restart();
		break;
	case STEP_STREAM:
		stream_step(who, how);
		break;
	case STEPS:
		break;
	}
}

/* ---- the whole ---- */

static void begin(void)
{
	const struct sock_addr tcp = at("10.1.0.1", LISTENER_PORT);
	static bool begun;

	if (begun)
		return;
	begun = true;
	media_config();
	world.conf.dataplane.n_workers = 2;
	world.conf.dataplane.ring_slots = 128;
	world_listener(&tcp, TRANSPORT_TCP);
	joint_cp_config(&world.conf);
	MUST(ip_prefix_parse(DENIED "/32", &world.conf.peers.deny[world.conf.peers.n_deny++]));
	world_start();
	now_ms = WORLD_START_S * 1000ull;
	joint_cp_start(&world.conf, now_ms);
	joint_cp_attach(world.region_fd, world.dp.region_size);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		client[i].addr = at(i == 2 ? "fd00:1::2" : "10.1.0.2", (uint16_t)(CLIENT_PORT + i));
		client[i].listener = at(i == 2 ? "fd00:1::1" : "10.1.0.1", LISTENER_PORT);
	}
	peer[0] = at("10.2.0.2", PEER_PORT);
	peer[1] = at("10.2.0.3", PEER_PORT);
	peer[2] = at("fd00:2::2", PEER_PORT);
	peer[3] = at("10.2.0.2", PEER_PORT + 1);
	denied = at(DENIED, PEER_PORT);
	relay_any = at("10.2.0.1", RELAY_MIN + 2);
	relay_v6 = at("fd00:2::1", RELAY_MIN + 2);
	stranger[0] = at("10.1.0.3", STRANGER_PORT);
	stranger[1] = at("10.2.0.3", STRANGER_PORT);
	for (uint32_t i = 0; i < RTE_DIM(stream); i++)
		stream[i].heard = stream_hears;
	settle();
}

/* Both streams end; nothing of them is left in what was sent. */
static void streams_end(void)
{
	for (uint32_t i = 0; i < RTE_DIM(stream); i++) {
		if (stream[i].h && !stream[i].h->rst)
			stream_rst(&stream[i]);
	}
	settle();
}

static void streams_gone(void)
{
	for (uint16_t i = 0; i < world.dp.n_workers; i++) {
		MUST(world.dp.worker[i]->tcp->conns == 0);
		MUST(tcp_held(world.dp.worker[i]) == 0);
	}
	hosts_reset();
	for (uint32_t i = 0; i < RTE_DIM(stream); i++)
		stream[i].h = NULL;
	client_streams = false;
	n_stream = 0;
}

/* Everything expires; then nobody is there any more, and nobody hears. */
static void end(void)
{
	streams_end();
	for (uint32_t i = 0; i < CALLS; i++) {
		if (call[i].lives)
			joint_cp_call_end(call[i].number);
	}
	settle();
	for (uint32_t s = 0; s < GONE_S; s += 600) {
		clock_to(now_ms + 600000);
		settle();
	}
	MUST(joint_cp_allocations() == 0 && joint_cp_reservations() == 0 &&
	     joint_cp_contexts() == 0);
	memset(call, 0, sizeof(call));
	for (uint32_t i = 0; i < CLIENTS; i++) {
		memset(client[i].may_perm, 0, sizeof(client[i].may_perm));
		memset(client[i].may_chan, 0, sizeof(client[i].may_chan));
		client[i].may_alloc_s = 0;
		client[i].alloc_s = 0;
	}
	for (uint32_t i = 0; i < n_ever; i++) {
		for (uint32_t p = 0; p < PEERS; p++)
			peer_sends(p, &ever[i]);
		run();
	}
	for (uint32_t c = 0; c < CLIENTS; c++) {
		for (uint32_t n = 0; n < CHANNELS; n++)
			channel_data(c, n);
		run();
	}
	settle();
	streams_gone();
	hostile_check();
	holders_check();
	MUST(world_missing() == 0);
	for (uint16_t w = 0; w < world.dp.n_workers; w++) {
		MUST(world.dp.worker[w]->counters->cnt[CNT_SESSIONS] == 0);
		MUST(world.dp.worker[w]->counters->cnt[CNT_GATE_CONTEXTS] == 0);
	}
	n_request = n_ever = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	begin();
	for (size_t i = 0; i + 3 <= size && n_request < REQUESTS - 1; i += 3) {
		step(data[i], data[i + 1], data[i + 2]);
		holders_check();
		if (world.n_out[ACCESS] + world.n_out[CORE] > WORLD_FRAMES / 2 || i % 24 == 0)
			run();
	}
	verify();
	end();
	return 0;
}
