/* SPDX-License-Identifier: BSD-3-Clause */
#include "radius_packet.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	ACCOUNTING_REQUEST = 4,
	ACCOUNTING_RESPONSE = 5,
	STATUS_START = 1,
	STATUS_STOP = 2,
	STATUS_INTERIM = 3,
	PORT_VIRTUAL = 5,
};

/* All attributes of one record are far less than there is room for. */
struct packet {
	uint8_t *at;
};

static void put(struct packet *p, enum radius_attr type, const void *value, size_t len)
{
	p->at = radius_put(p->at, (uint8_t)type, value, len);
}

/* "" is not sent: an attribute has a byte at least. */
static void put_text(struct packet *p, enum radius_attr type, const char *text)
{
	if (*text)
		put(p, type, text, strlen(text));
}

static void put_number(struct packet *p, enum radius_attr type, uint32_t n)
{
	const struct be32 v = be32_make(n);

	put(p, type, v.b, sizeof(v.b));
}

static void put_addr(struct packet *p, enum radius_attr type, const struct sock_addr *a)
{
	char text[ADDR_STR_MAX];

	put_text(p, type, sock_addr_format(a, text, sizeof(text)));
}

/* ---- parts ---- */

static uint32_t status_of(enum record_event e)
{
	return e == RECORD_START ? STATUS_START : e == RECORD_END ? STATUS_STOP : STATUS_INTERIM;
}

/* Of allocations, of contexts, and how connections ended (lib/tcp_end.def). */
enum radius_cause radius_cause(const char *reason)
{
	static const struct {
		const char *reason;
		enum radius_cause cause;
	} t[] = {
		{ "expired", RADIUS_IDLE_TIMEOUT },
		{ "released", RADIUS_USER_REQUEST },
		{ "connection", RADIUS_LOST_CARRIER },
		{ "refused", RADIUS_NAS_ERROR },
		{ "dataplane", RADIUS_NAS_REBOOT },
		{ "drained", RADIUS_ADMIN_REBOOT },
		{ "killed", RADIUS_ADMIN_RESET },
		{ "port", RADIUS_NAS_ERROR },
		{ "listener", RADIUS_ADMIN_RESET },
		{ "relay", RADIUS_ADMIN_RESET },
		{ "request", RADIUS_USER_REQUEST },
		{ "answer_timeout", RADIUS_IDLE_TIMEOUT },
		{ "connect_timeout", RADIUS_IDLE_TIMEOUT },
		{ "inactive", RADIUS_IDLE_TIMEOUT },
		{ "lifetime", RADIUS_SESSION_TIMEOUT },
		{ "drain", RADIUS_ADMIN_REBOOT },
		{ "tls_domain", RADIUS_ADMIN_RESET },
		{ "done", RADIUS_USER_REQUEST },
		{ "closed", RADIUS_NAS_REQUEST },
		{ "reset", RADIUS_LOST_CARRIER },
		{ "partner", RADIUS_LOST_CARRIER },
		{ "timeout", RADIUS_LOST_CARRIER },
		{ "keepalive", RADIUS_LOST_CARRIER },
		{ "unreachable", RADIUS_LOST_CARRIER },
		{ "idle", RADIUS_IDLE_TIMEOUT },
		{ "stalled", RADIUS_IDLE_TIMEOUT },
		{ "slow", RADIUS_IDLE_TIMEOUT },
		{ "linger", RADIUS_IDLE_TIMEOUT },
		{ "room", RADIUS_PORT_PREEMPTED },
		{ "share", RADIUS_PORT_PREEMPTED },
		{ "hoard", RADIUS_PORT_PREEMPTED },
		{ "backend", RADIUS_SERVICE_UNAVAILABLE },
	};

	for (size_t i = 0; reason && i < sizeof(t) / sizeof(t[0]); i++)
		if (strcmp(t[i].reason, reason) == 0)
			return t[i].cause;
	return reason && strncmp(reason, "tls_", 4) == 0 ? RADIUS_USER_ERROR : RADIUS_NAS_ERROR;
}

/* Words of Connect-Info: what it is of, if it is no allocation, the transport, and addresses. */
struct connect_info {
	char text[RADIUS_VALUE_MAX + 1];
	size_t len;
	bool port; /* NAS-Port has been said: it is the first address' */
};

static void info_word(struct connect_info *i, const char *word)
{
	const int n =
	    snprintf(i->text + i->len, sizeof(i->text) - i->len, "%s%s", i->len ? " " : "", word);

	i->len += (size_t)n;
	if (i->len >= sizeof(i->text))
		i->len = sizeof(i->text) - 1;
}

static void info_addr(struct connect_info *i, const struct sock_addr *a)
{
	char text[ADDR_STR_MAX];

	if (be16_get(a->port))
		info_word(i, sock_addr_format(a, text, sizeof(text)));
}

/* An address of ours that others know the client by. */
static void put_own(struct packet *p, struct connect_info *i, const struct sock_addr *at)
{
	if (!be16_get(at->port))
		return;
	if (!i->port)
		put_number(p, RADIUS_NAS_PORT, be16_get(at->port));
	i->port = true;
	if (ip_is_v4(&at->ip))
		put(p, RADIUS_FRAMED_IP_ADDRESS, at->ip.b + 12, 4);
	else
		put(p, RADIUS_FRAMED_IPV6_ADDRESS, at->ip.b, sizeof(at->ip.b));
	info_addr(i, at);
}

/* Input is what comes from the client, or from side a. A stream has no packets. */
static void put_use(struct packet *p, const struct record_use *in, const struct record_use *out,
		    bool packets)
{
	put_number(p, RADIUS_ACCT_INPUT_OCTETS, (uint32_t)in->bytes);
	put_number(p, RADIUS_ACCT_OUTPUT_OCTETS, (uint32_t)out->bytes);
	put_number(p, RADIUS_ACCT_INPUT_GIGAWORDS, (uint32_t)(in->bytes >> 32));
	put_number(p, RADIUS_ACCT_OUTPUT_GIGAWORDS, (uint32_t)(out->bytes >> 32));
	if (!packets)
		return;
	put_number(p, RADIUS_ACCT_INPUT_PACKETS, (uint32_t)in->packets);
	put_number(p, RADIUS_ACCT_OUTPUT_PACKETS, (uint32_t)out->packets);
}

static void put_id(struct packet *p, enum radius_attr type, uint64_t id)
{
	char text[17];

	snprintf(text, sizeof(text), "%016" PRIx64, id);
	put_text(p, type, text);
}

/* ---- what a record is of ---- */

static void put_alloc(struct packet *p, const struct record *rec)
{
	const struct record_alloc *a = &rec->alloc;
	const bool joined = rec->type == RECORD_CONNECTION;
	struct connect_info i = { .len = 0 };

	put_text(p, RADIUS_USER_NAME, a->user);
	put_text(p, RADIUS_NAS_PORT_ID, a->transport);
	put_addr(p, RADIUS_CALLING_STATION_ID, &a->client);
	put_addr(p, RADIUS_CALLED_STATION_ID, &a->listener);
	if (joined)
		info_word(&i, record_type_name[rec->type]);
	info_word(&i, a->relay_transport);
	for (int f = 0; f < 2; f++)
		put_own(p, &i, &a->relayed[f]);
	info_addr(&i, &a->peer);
	if (a->service[0])
		info_word(&i, a->service);
	put_text(p, RADIUS_CONNECT_INFO, i.text);
	if (rec->event != RECORD_START && a->counted)
		put_use(p, &a->to_peer, &a->to_client, !joined);
}

/* Of an address that is not there nothing is sent. */
static void put_station(struct packet *p, enum radius_attr type, const struct sock_addr *a)
{
	if (be16_get(a->port))
		put_addr(p, type, a);
}

static void put_context(struct packet *p, const struct record *rec)
{
	const struct record_context *c = &rec->context;
	const struct record_term *a = &c->term[0], *b = &c->term[1];
	struct connect_info i = { .len = 0 };

	put_text(p, RADIUS_ACCT_MULTI_SESSION_ID, c->call);
	put_text(p, RADIUS_NAS_PORT_ID, a->transport ? a->transport : "");
	put_station(p, RADIUS_CALLING_STATION_ID, &a->remote);
	put_station(p, RADIUS_CALLED_STATION_ID, &b->remote);
	info_word(&i, record_type_name[rec->type]);
	info_word(&i, b->transport ? b->transport : "none");
	put_own(p, &i, &a->local);
	info_addr(&i, &a->rtcp);
	info_addr(&i, &b->local);
	info_addr(&i, &b->rtcp);
	put_text(p, RADIUS_CONNECT_INFO, i.text);
	if (rec->event != RECORD_START && c->counted)
		put_use(p, &a->received, &b->received, true);
}

static void put_attributes(struct packet *p, const struct record *rec, const char *nas,
			   uint64_t wall_ms)
{
	put_number(p, RADIUS_ACCT_STATUS_TYPE, status_of(rec->event));
	put_id(p, RADIUS_ACCT_SESSION_ID, rec->id);
	put_text(p, RADIUS_NAS_IDENTIFIER, nas);
	put_number(p, RADIUS_NAS_PORT_TYPE, PORT_VIRTUAL);
	if (rec->type == RECORD_CONTEXT)
		put_context(p, rec);
	else
		put_alloc(p, rec);
	put_number(p, RADIUS_EVENT_TIMESTAMP, (uint32_t)(rec->wall_ms / 1000));
	put_number(p, RADIUS_ACCT_DELAY_TIME,
		   wall_ms > rec->wall_ms ? (uint32_t)((wall_ms - rec->wall_ms) / 1000) : 0);
	if (rec->event != RECORD_START)
		put_number(p, RADIUS_ACCT_SESSION_TIME, rec->duration_s);
	if (rec->event == RECORD_END)
		put_number(p, RADIUS_ACCT_TERMINATE_CAUSE, radius_cause(rec->reason));
}

/* ---- packets ---- */

size_t radius_request(uint8_t packet[RADIUS_PACKET_MAX], uint8_t id, const char *secret,
		      const struct record *rec, const char *nas, uint64_t wall_ms)
{
	static const uint8_t none[RADIUS_AUTHENTICATOR_LEN];
	struct packet p = { packet + RADIUS_HEAD };
	size_t len;

	memset(packet, 0, RADIUS_HEAD);
	put_attributes(&p, rec, nas, wall_ms);
	len = (size_t)(p.at - packet);
	radius_head(packet, ACCOUNTING_REQUEST, id, len);
	return radius_sign(packet, len, none, secret, packet + RADIUS_AUTHENTICATOR) ? len : 0;
}

bool radius_accounted(const uint8_t *packet, size_t len, const uint8_t *request, const char *secret)
{
	return radius_answers(packet, len, request, secret) && packet[0] == ACCOUNTING_RESPONSE;
}
