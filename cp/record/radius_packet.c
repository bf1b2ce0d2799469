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

enum radius_cause radius_cause(const char *reason)
{
	static const struct {
		const char *reason;
		enum radius_cause cause;
	} t[] = {
		{ "expired", RADIUS_IDLE_TIMEOUT },    { "released", RADIUS_USER_REQUEST },
		{ "connection", RADIUS_LOST_CARRIER }, { "refused", RADIUS_NAS_ERROR },
		{ "dataplane", RADIUS_NAS_REBOOT },    { "drained", RADIUS_ADMIN_REBOOT },
		{ "killed", RADIUS_ADMIN_RESET },      { "port", RADIUS_NAS_ERROR },
		{ "listener", RADIUS_ADMIN_RESET },
	};

	for (size_t i = 0; reason && i < sizeof(t) / sizeof(t[0]); i++)
		if (strcmp(t[i].reason, reason) == 0)
			return t[i].cause;
	return RADIUS_NAS_ERROR;
}

/* The relayed addresses with their ports; NAS-Port has the port of the first. */
static void put_relayed(struct packet *p, const struct record_alloc *a)
{
	char info[3 * ADDR_STR_MAX], text[ADDR_STR_MAX];
	size_t n = (size_t)snprintf(info, sizeof(info), "%s", a->relay_transport);
	bool first = true;

	for (int i = 0; i < 2; i++) {
		const struct sock_addr *at = &a->relayed[i];

		if (!be16_get(at->port))
			continue;
		if (first)
			put_number(p, RADIUS_NAS_PORT, be16_get(at->port));
		first = false;
		if (ip_is_v4(&at->ip))
			put(p, RADIUS_FRAMED_IP_ADDRESS, at->ip.b + 12, 4);
		else
			put(p, RADIUS_FRAMED_IPV6_ADDRESS, at->ip.b, sizeof(at->ip.b));
		n += (size_t)snprintf(info + n, sizeof(info) - n, " %s",
				      sock_addr_format(at, text, sizeof(text)));
	}
	put_text(p, RADIUS_CONNECT_INFO, info);
}

/* Input is what comes from the client. */
static void put_use(struct packet *p, const struct record_alloc *a)
{
	const struct record_use *in = &a->to_peer, *out = &a->to_client;

	put_number(p, RADIUS_ACCT_INPUT_OCTETS, (uint32_t)in->bytes);
	put_number(p, RADIUS_ACCT_OUTPUT_OCTETS, (uint32_t)out->bytes);
	put_number(p, RADIUS_ACCT_INPUT_GIGAWORDS, (uint32_t)(in->bytes >> 32));
	put_number(p, RADIUS_ACCT_OUTPUT_GIGAWORDS, (uint32_t)(out->bytes >> 32));
	put_number(p, RADIUS_ACCT_INPUT_PACKETS, (uint32_t)in->packets);
	put_number(p, RADIUS_ACCT_OUTPUT_PACKETS, (uint32_t)out->packets);
}

static void put_attributes(struct packet *p, const struct record *rec, const char *nas,
			   uint64_t wall_ms)
{
	const struct record_alloc *a = &rec->alloc;
	char text[ADDR_STR_MAX];

	put_number(p, RADIUS_ACCT_STATUS_TYPE, status_of(rec->event));
	snprintf(text, sizeof(text), "%016" PRIx64, rec->id);
	put_text(p, RADIUS_ACCT_SESSION_ID, text);
	put_text(p, RADIUS_USER_NAME, a->user);
	put_text(p, RADIUS_NAS_IDENTIFIER, nas);
	put_number(p, RADIUS_NAS_PORT_TYPE, PORT_VIRTUAL);
	put_text(p, RADIUS_NAS_PORT_ID, a->transport);
	put_addr(p, RADIUS_CALLING_STATION_ID, &a->client);
	put_addr(p, RADIUS_CALLED_STATION_ID, &a->listener);
	put_relayed(p, a);
	put_number(p, RADIUS_EVENT_TIMESTAMP, (uint32_t)(rec->wall_ms / 1000));
	put_number(p, RADIUS_ACCT_DELAY_TIME,
		   wall_ms > rec->wall_ms ? (uint32_t)((wall_ms - rec->wall_ms) / 1000) : 0);
	if (rec->event != RECORD_START) {
		put_number(p, RADIUS_ACCT_SESSION_TIME, rec->duration_s);
		if (a->counted)
			put_use(p, a);
	}
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
