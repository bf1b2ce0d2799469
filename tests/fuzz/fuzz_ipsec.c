/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IPsec with phones: ESP that is forged, and what phones send inside (R18, R19). An input is a list
 * of records: how it comes (HOSTILE_*, one byte), whose and what (one byte: a phone, enum), the
 * next header inside (one byte), length (two bytes, network order), bytes. These are a frame; or
 * ESP behind the SPI, which nobody sealed; or a frame of which a phone seals all from the IP header
 * (tunnel), or all behind it. Nothing is opened that no phone sealed, or twice; nothing leaves a
 * protected port in clear; no association changes but for numbers, counters and, by ESP in UDP,
 * where the phone is; every packet is accounted for.
 */
#include "dp_hostile.h"
#include "../../dp/ipsec/ipsec_int.h"
#include "../../dp/net/neigh.h"
#include "../../lib/cursor.h"

#include <netinet/in.h>
#include <sanitizer/lsan_interface.h>

enum {
	RECORDS_MAX = 64,
	SERVER_PORT = 3478,
	CLIENT_PORT = 3479,
	UDP_PORT = 4500,
	NAT_PORT = 61234,
	PHONE_PORT = 5100,
	PHONE_SERVER = 5101,
	/* Of a record's second byte. */
	PHONE = 7,
	SEALED = 1 << 3,
	FORGED = 1 << 4,  /* what was sealed, with one bit turned */
	AGAIN = 1 << 5,	  /* with the number of the one before */
	FOREIGN = 1 << 6, /* from another port, or address */
	CLEAR = 1 << 7,	  /* a frame as it is */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	enum esp_transform t;
	uint32_t flags;
	bool v6;
} phones[PHONE + 1] = {
	{ ESP_NULL_SHA1, 0, false },
	{ ESP_CBC_SHA1, CTL_IPSEC_ESN, false },
	{ ESP_GCM, 0, true },
	{ ESP_GMAC, CTL_IPSEC_UDP, false },
	{ ESP_CBC_SHA1, CTL_IPSEC_TUNNEL, false },
	{ ESP_GCM, CTL_IPSEC_TUNNEL | CTL_IPSEC_UDP, true },
	{ ESP_NULL_SHA1, CTL_IPSEC_TUNNEL | CTL_IPSEC_UDP, false },
	{ ESP_CBC_SHA1, CTL_IPSEC_UDP, true },
};
static uint64_t seq[PHONE + 1];			  /* of what it sealed last */
static uint64_t sent[PHONE + 1][CTL_IPSEC_LANES]; /* and what came whole by each association */
static uint32_t gen;

/* ---- the world ---- */

/* Each phone is heard from an address of its own. */
static struct ip_addr phone_ip(uint32_t i)
{
	char text[32];

	snprintf(text, sizeof(text), phones[i].v6 ? "fd00:1::%u" : "10.1.0.%u", 40 + i);
	return at(text, 0).ip;
}

static struct ip_addr phone_inner(uint32_t i)
{
	char text[32];

	snprintf(text, sizeof(text), "10.77.0.%u", 40 + i);
	return phones[i].flags & CTL_IPSEC_TUNNEL ? at(text, 0).ip : phone_ip(i);
}

static void phone_set(uint32_t i)
{
	const struct sock_addr outer = {
		phone_ip(i), be16_make(phones[i].flags & CTL_IPSEC_UDP ? NAT_PORT : 0)
	};
	struct cmd_ipsec_set c = {
		.s = { .id = { .slot = i, .gen = gen },
		       .expiry = UINT32_MAX,
		       .flags = phones[i].flags,
		       .transform = (uint8_t)phones[i].t,
		       .window = 64,
		       .local = at(phones[i].v6 ? "fd00:1::1" : "10.1.0.1", 0).ip,
		       .outer = outer,
		       .inner = phone_inner(i),
		       .n_lanes = 2,
		       .lane = { { .spi_in = ctl_ipsec_spi(0, (struct ctl_sid){ i, gen }, 0),
				   .spi_out = 4096 + 2 * i,
				   .local = be16_make(SERVER_PORT),
				   .remote = be16_make(PHONE_PORT) },
				 { .spi_in = ctl_ipsec_spi(0, (struct ctl_sid){ i, gen }, 1),
				   .spi_out = 4097 + 2 * i,
				   .local = be16_make(CLIENT_PORT),
				   .remote = be16_make(PHONE_SERVER) } } },
		.key = "0123456789abcde",
		.mac = "ABCDEFGHIJKLMNOP",
		.salt = "sal",
	};

	seq[i] = 0;
	memset(sent[i], 0, sizeof(sent[i]));
	MUST(ipsec_set(world.w, &c));
}

static void world_once(void)
{
	struct config_ipsec *c = &world.conf.ipsec;

	if (world.w)
		return;
	world_config();
	*c = (struct config_ipsec){ .n_addr = 2,
				    .n_inner = 1,
				    .udp_port = UDP_PORT,
				    .server_port = SERVER_PORT,
				    .client_port = CLIENT_PORT,
				    .phones = PHONE + 1,
				    .keepalive = 20 };
	c->addr[0] = at("10.1.0.1", 0).ip;
	c->addr[1] = at("fd00:1::1", 0).ip;
	c->inner[0] = (struct ip_prefix){ at("10.77.0.0", 0).ip, 96 + 16 };
	__lsan_disable(); /* the cipher hangs from memory that no leak checker looks at */
	world_start();
	__lsan_enable();
}

/* As a new phone of each kind has it. */
static void phones_begin(void)
{
	gen++;
	for (uint32_t i = 0; i <= PHONE; i++)
		phone_set(i);
}

/* What commands alone may change: keys as well, which nobody may write to. */
static uint64_t phones_sum(void)
{
	uint64_t h = 1;

	for (uint32_t i = 0; i <= PHONE; i++) {
		struct ipsec_phone p = world.w->ipsec->phone[i];
		const struct ip_addr was = phone_ip(i);

		MUST(p.flags & CTL_IPSEC_UDP || ip_eq(&p.outer.ip, &was));
		MUST(p.flags & CTL_IPSEC_TUNNEL || ip_eq(&p.outer.ip, &p.inner));
		p.outer = (struct sock_addr){ 0 };
		p.used = p.told_used = p.moved = false;
		memset(p.elsewhere, 0, sizeof(p.elsewhere));
		p.elsewhere_s = p.heard_s = p.sent_s = p.nh = 0;
		p.iv = p.packets_in = p.bytes_in = p.packets_out = p.bytes_out = p.dropped = 0;
		for (uint32_t l = 0; l < CTL_IPSEC_LANES; l++) {
			p.lane[l].seq = 0;
			memset(&p.lane[l].window, 0, sizeof(p.lane[l].window));
		}
		for (size_t k = 0; k < sizeof(p); k++)
			h = (h ^ ((const uint8_t *)&p)[k]) * UINT64_C(0x100000001b3);
	}
	return h;
}

/* ---- records ---- */

/* ESP of the phone's around len bytes of payload, at out; its length. */
static size_t seal(uint8_t *out, size_t room, uint32_t i, uint32_t lane, uint8_t next,
		   const uint8_t *payload, size_t len)
{
	struct ipsec_phone *p = &world.w->ipsec->phone[i];
	const struct esp_transform_desc *d = &esp_transform_desc[phones[i].t];
	const size_t n = esp_len(phones[i].t, len);
	uint8_t iv[ESP_IV_MAX] = { 0 }, aad[12];
	struct cipher_op op = { 0 };
	struct esp_packet at;

	if (n > room)
		return 0;
	memcpy(iv, &seq[i], sizeof(seq[i]));
	memcpy(out + ESP_HDR + d->iv, payload, len);
	MUST(esp_frame(phones[i].t, out, room, p->lane[lane].spi_in, seq[i], iv, len, next));
	MUST(esp_parse(phones[i].t, out, n, &at));
	ipsec_op(&op, p, out, &at, seq[i], aad);
	cipher_seal(world.w->ipsec->cipher, &op, 1);
	memcpy(out + at.tag_at, op.tag, d->tag);
	return n;
}

/* Whether a frame is UDP or TCP from a port that only ESP reaches. */
static bool is_clear(const struct frame *f)
{
	const bool v4 = f->b[12] == 8;
	const uint8_t proto = f->b[v4 ? 23 : 20];
	const uint16_t l4 = v4 ? (uint16_t)(14 + (f->b[14] & 15) * 4) : 54;

	return (v4 || f->b[12] == 0x86) && (proto == IPPROTO_UDP || proto == IPPROTO_TCP) &&
	       f->len >= l4 + 2 &&
	       (get16(f->b + l4) == SERVER_PORT || get16(f->b + l4) == CLIENT_PORT);
}

static void frame_in(uint8_t how, const struct frame *f)
{
	hostile_put(how, f);
	for (uint16_t i = 0; i < 2; i++)
		for (const struct frame *out; (out = world_out(i ? CORE : ACCESS)) != NULL;)
			MUST(!is_clear(out));
	hostile_bounds();
	hostile_drain();
}

/* What stands around n bytes of ESP. */
static void wrap(struct frame *f, uint32_t i, bool foreign, const uint8_t *esp, size_t n)
{
	const struct ipsec_phone *p = &world.w->ipsec->phone[i];
	struct sock_addr from = p->outer;
	const struct sock_addr to = { p->local, be16_make(UDP_PORT) };
	const struct frame_opt no_sum = { .csum = ip_is_v4(&p->local) ? CSUM_NONE : CSUM_GOOD };

	if (foreign) {
		from.ip.b[15] ^= (uint8_t)(seq[i] & 1);
		from.port = be16_make((uint16_t)(NAT_PORT + 1 + seq[i] % 7));
	}
	if (p->flags & CTL_IPSEC_UDP)
		frame_udp(f, ACCESS, &from, &to, esp, n, &no_sum);
	else
		frame_ip(f, ACCESS, &from.ip, &p->local, IPPROTO_ESP, esp, n, NULL);
}

/* Of a frame in clear: the payload of ESP. Zero: there is none. */
static size_t inside(const struct frame *clear, uint32_t i, const uint8_t **payload)
{
	uint16_t skip = 14;

	if (!(phones[i].flags & CTL_IPSEC_TUNNEL))
		skip = clear->len > 14 && clear->b[14] >> 4 == 4
			   ? (uint16_t)(14 + (clear->b[14] & 15) * 4)
			   : 14 + 40;
	*payload = clear->b + skip;
	return clear->len > skip ? (size_t)clear->len - skip : 0;
}

/* Returns whether a phone sealed it, as it is now, and no packet of that number came before. */
static bool record(uint8_t how, uint8_t what, uint8_t next, const uint8_t *bytes, size_t len)
{
	const uint32_t i = what & PHONE, lane = next & 1;
	bool fresh = false;
	static uint8_t esp[FRAME_MAX];
	static struct frame f;
	const uint8_t *payload;
	size_t n = len;

	if (len == 0 || len > FRAME_MAX - 200)
		return false;
	f.len = (uint16_t)len;
	memcpy(f.b, bytes, len);
	if (how & HOSTILE_MEND || what & SEALED)
		hostile_mend(how, &f);
	if (what & CLEAR) {
		frame_in(how, &f);
		return false;
	}
	if (what & SEALED) {
		n = inside(&f, i, &payload);
		if (n == 0)
			return false;
		seq[i] += !(what & AGAIN);
		n = seal(esp, sizeof(esp), i, lane, next & 0xfe ? next : IPPROTO_UDP, payload, n);
		fresh = !(what & FORGED) && seq[i] > sent[i][lane];
		if (fresh)
			sent[i][lane] = seq[i];
		if (what & FORGED && n)
			esp[ESP_HDR + len % (n - ESP_HDR)] ^= (uint8_t)(1 << (next & 7));
	} else {
		put32(esp, world.w->ipsec->phone[i].lane[lane].spi_in);
		memcpy(esp + 4, bytes, len);
		n += 4;
	}
	if (n == 0)
		return false;
	wrap(&f, i, what & FOREIGN, esp, n);
	frame_in(how, &f);
	return fresh;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_init(data, size);
	uint64_t sealed = 0, before, sum;
	int i;

	world_once();
	phones_begin();
	sum = phones_sum();
	before = world.w->counters->cnt[CNT_ESP_IN];
	for (i = 0; i < RECORDS_MAX && rd_left(&r) >= 5; i++) {
		uint8_t how = rd_u8(&r), what = rd_u8(&r), next = rd_u8(&r);
		size_t len = rd_u16(&r);

		len = RTE_MIN(len, rd_left(&r));
		sealed += record(how, what, next, rd_take(&r, len), len);
		MUST(world.w->counters->cnt[CNT_ESP_IN] - before <= sealed);
	}
	hostile_check();
	MUST(phones_sum() == sum);
	hostile_rest();
	neigh_gate(world.w, ipsec_output);
	return 0;
}
