/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IPsec associations with phones (R18, R19, R82; RFC 4303, 3948; TS 33.203 7). A phone, whose ESP
 * is made here by OpenSSL alone, asks a listener at the protected port for a Binding, and has its
 * answer by ESP: by each transform, in either mode, in UDP and not, of both families, with and
 * without extended numbers. Nothing else gets through: replays, wrong tags, numbers and padding
 * that cannot be, other ports and addresses inside, what is clear. NATs that move, keep-alives,
 * numbers that come to their end, two sets of one phone, what the control process hears, two
 * workers. SIP in UDP reaches a back end, which reaches the phone (33.203 7.1), and nobody else.
 */
#include "tests/world/unit.h"
#include "tests/world/control.h"
#include "dp/ipsec/ipsec.h"
#include "dp/rx.h"
#include "dp/snapshot.h"
#include "dp/net/ip.h"
#include "lib/esp.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

enum {
	SERVER_PORT = 3478,
	CLIENT_PORT = 3479,
	UDP_PORT = 4500,
	PHONE_PORT = 5100, /* its protected client port */
	PHONE_SERVER = 5101,
	NAT_PORT = 61234,
	SPI_C = 0x1001, /* what it takes by */
	SPI_S = 0x1002,
	LIFE = 600,
};

static const uint8_t tid[STUN_TID_LEN] = "abcdefghijk";
static const uint8_t key[16] = "0123456789abcdef", mac[20] = "ABCDEFGHIJKLMNOP", salt[4] = "salt";

/* The phone, and the associations that the worker is told of. */
static struct {
	struct cmd_ipsec_set set;
	uint64_t seq;	     /* of what it sends */
	uint16_t worker;     /* which gets its packets */
	uint32_t lane;	     /* that it uses */
	struct be16 nat;     /* port outside */
	struct ip_addr from; /* address outside */
	struct be16 sport;   /* and inside */
} ue;
static struct frame f;
static uint32_t gen;

/* ---- the world ---- */

static void config(void)
{
	struct config_ipsec *c = &world.conf.ipsec;

	world_config();
	world.conf.dataplane.icmp_rate = 1000000;
	*c = (struct config_ipsec){ .n_addr = 2,
				    .n_inner = 1,
				    .udp_port = UDP_PORT,
				    .server_port = SERVER_PORT,
				    .client_port = CLIENT_PORT,
				    .phones = 64,
				    .keepalive = 20 };
	c->addr[0] = at("10.1.0.1", 0).ip;
	c->addr[1] = at("fd00:1::1", 0).ip;
	c->inner[0] = (struct ip_prefix){ at("10.77.0.0", 0).ip, 96 + 16 };
}

static int setup(void **state)
{
	(void)state;
	config();
	world_start();
	return 0;
}

static struct cmd_ipsec_set associations(enum esp_transform t, uint32_t flags, bool v6)
{
	const struct sock_addr phone = at(v6 ? "fd00:1::2" : "10.1.0.2", 0);
	struct cmd_ipsec_set c = {
		.s = { .id = { .slot = 3, .gen = ++gen }, /* another phone has the slot */
		       .expiry = WORLD_START_S + LIFE,
		       .flags = flags,
		       .transform = (uint8_t)t,
		       .window = 64,
		       .local = at(v6 ? "fd00:1::1" : "10.1.0.1", 0).ip,
		       .outer = phone,
		       .inner = flags & CTL_IPSEC_TUNNEL ? at("10.77.0.9", 0).ip : phone.ip,
		       .n_lanes = 2,
		       .lane = { { .spi_out = SPI_C,
				   .local = be16_make(SERVER_PORT),
				   .remote = be16_make(PHONE_PORT) },
				 { .spi_out = SPI_S,
				   .local = be16_make(CLIENT_PORT),
				   .remote = be16_make(PHONE_SERVER) } } },
	};

	memcpy(c.key, key, sizeof(c.key));
	memcpy(c.mac, mac, sizeof(c.mac));
	memcpy(c.salt, salt, sizeof(c.salt));
	return c;
}

static bool tell_worker(struct cmd_ipsec_set *c)
{
	const uint32_t w = ctl_ipsec_worker(&c->s.inner, world.dp.n_workers);

	for (uint32_t i = 0; i < c->s.n_lanes; i++)
		c->s.lane[i].spi_in = ctl_ipsec_spi(w, c->s.id, i);
	return world_cmd((uint16_t)w, CMD_IPSEC_SET, c, sizeof(*c));
}

static void phone_begin(enum esp_transform t, uint32_t flags, bool v6)
{
	memset(&ue, 0, sizeof(ue));
	ue.set = associations(t, flags, v6);
	assert_true(tell_worker(&ue.set));
	ue.from = ue.set.s.outer.ip;
	ue.nat = be16_make(flags & CTL_IPSEC_UDP ? NAT_PORT : 0);
	ue.sport = ue.set.s.lane[0].remote;
	world_mark();
}

/* ---- the phone's end, by OpenSSL ---- */

static bool esn(void)
{
	return ue.set.s.flags & CTL_IPSEC_ESN;
}

static void crypt_cbc(uint8_t *p, size_t len, const uint8_t *iv, int seal)
{
	EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
	int n;

	assert_int_equal(EVP_CipherInit_ex(x, EVP_aes_128_cbc(), NULL, key, iv, seal), 1);
	EVP_CIPHER_CTX_set_padding(x, 0);
	assert_int_equal(EVP_CipherUpdate(x, p, &n, p, (int)len), 1);
	EVP_CIPHER_CTX_free(x);
}

/* HMAC-SHA1-96 of all before the tag, and of the number's upper half. */
static void sum_sha1(const uint8_t *p, size_t len, uint64_t seq, uint8_t tag[20])
{
	uint8_t all[2048];
	unsigned int n = 20;

	memcpy(all, p, len);
	put32(all + len, (uint32_t)(seq >> 32));
	assert_non_null(HMAC(EVP_sha1(), mac, 20, all, len + (esn() ? 4 : 0), tag, &n));
}

/* GCM of text, or of nothing. False: its tag is wrong. */
static bool crypt_gcm(const uint8_t *aad, size_t aad_len, uint8_t *text, size_t len,
		      const uint8_t *iv8, uint8_t *tag, int seal)
{
	EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
	uint8_t iv[12], none[16];
	bool ok;
	int n;

	memcpy(iv, salt, 4);
	memcpy(iv + 4, iv8, 8);
	assert_int_equal(EVP_CipherInit_ex(x, EVP_aes_128_gcm(), NULL, key, iv, seal), 1);
	assert_int_equal(EVP_CipherUpdate(x, NULL, &n, aad, (int)aad_len), 1);
	if (len)
		assert_int_equal(EVP_CipherUpdate(x, text, &n, text, (int)len), 1);
	if (!seal)
		EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_TAG, 16, tag);
	ok = EVP_CipherFinal_ex(x, none, &n) == 1;
	if (seal)
		EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_GET_TAG, 16, tag);
	EVP_CIPHER_CTX_free(x);
	return ok;
}

/* SPI and number as AES-GCM has them beside the text; its length. */
static size_t gcm_aad(const uint8_t *p, uint64_t seq, uint8_t aad[12])
{
	memcpy(aad, p, 8);
	if (!esn())
		return 8;
	put32(aad + 4, (uint32_t)(seq >> 32));
	memcpy(aad + 8, p + 4, 4);
	return 12;
}

static const struct esp_transform_desc *desc(void)
{
	return &esp_transform_desc[ue.set.s.transform];
}

/* ESP at out of a payload; pad_add: bytes more of padding than must be. Returns its length. */
static size_t esp_make(uint8_t *out, uint32_t spi, uint64_t seq, uint8_t next,
		       const uint8_t *payload, size_t len, size_t pad_add)
{
	const size_t head = 8u + desc()->iv;
	size_t pad = pad_add, text, i;
	uint8_t tag[20], aad[12];

	while ((len + pad + 2) % desc()->align)
		pad++;
	text = len + pad + 2;
	put32(out, spi);
	put32(out + 4, (uint32_t)seq);
	for (i = 0; i < desc()->iv; i++)
		out[8 + i] = (uint8_t)(seq * 7 + i);
	memcpy(out + head, payload, len);
	for (i = 0; i < pad; i++)
		out[head + len + i] = (uint8_t)(i + 1);
	out[head + text - 2] = (uint8_t)pad;
	out[head + text - 1] = next;
	switch (ue.set.s.transform) {
	case ESP_CBC_SHA1:
		crypt_cbc(out + head, text, out + 8, 1);
		/* fall through */
	case ESP_NULL_SHA1:
		sum_sha1(out, head + text, seq, tag);
		break;
	case ESP_GCM:
		crypt_gcm(aad, gcm_aad(out, seq, aad), out + head, text, out + 8, tag, 1);
		break;
	default:
		crypt_gcm(out, head + text, NULL, 0, out + 8, tag, 1);
	}
	memcpy(out + head + text, tag, desc()->tag);
	return head + text + desc()->tag;
}

/* Opens ESP of ours; its text stands at *payload. */
static size_t esp_open(uint8_t *p, size_t len, uint64_t seq, uint8_t *next, uint8_t **payload)
{
	const size_t head = 8u + desc()->iv, text = len - head - desc()->tag;
	uint8_t *at_tag = p + head + text, tag[20], aad[12];

	assert_int_equal(get32(p + 4), (uint32_t)seq);
	assert_int_equal(text % desc()->align, 0);
	switch (ue.set.s.transform) {
	case ESP_CBC_SHA1:
	case ESP_NULL_SHA1:
		sum_sha1(p, head + text, seq, tag);
		assert_memory_equal(tag, at_tag, 12);
		if (ue.set.s.transform == ESP_CBC_SHA1)
			crypt_cbc(p + head, text, p + 8, 0);
		break;
	case ESP_GCM:
		assert_true(crypt_gcm(aad, gcm_aad(p, seq, aad), p + head, text, p + 8, at_tag, 0));
		break;
	default:
		assert_true(crypt_gcm(p, head + text, NULL, 0, p + 8, at_tag, 0));
	}
	*next = at_tag[-1];
	*payload = p + head;
	for (size_t i = 0; i < at_tag[-2]; i++)
		assert_int_equal(at_tag[-2 - (int)at_tag[-2] + (int)i], i + 1);
	return text - 2 - at_tag[-2];
}

/* ---- a question and its answer ---- */

static size_t binding(uint8_t *buf, size_t cap)
{
	struct stun_builder b;

	stun_begin(&b, buf, cap, stun_type(STUN_BINDING, STUN_REQUEST), tid);
	return stun_end(&b);
}

/* A datagram of the phone's, from its port to ours, as it is inside. Returns where its IP header
 * is in `clear`. */
static uint16_t datagram(struct frame *clear, const void *payload, size_t len)
{
	const struct ctl_ipsec *s = &ue.set.s;
	const struct sock_addr from = { s->inner, ue.sport };
	const struct sock_addr to = { ip_is_v4(&s->inner) ? at("10.1.0.1", 0).ip : s->local,
				      s->lane[ue.lane].local };

	frame_udp(clear, ACCESS, &from, &to, payload, len, NULL);
	return frame_l3(clear);
}

/* The frame around len bytes of ESP. */
static void outside(const uint8_t *esp, size_t len)
{
	const struct ctl_ipsec *s = &ue.set.s;
	const struct sock_addr from = { ue.from, ue.nat }, to = { s->local, be16_make(UDP_PORT) };
	const struct frame_opt no_sum = { .csum = ip_is_v4(&s->local) ? CSUM_NONE : CSUM_GOOD };

	if (s->flags & CTL_IPSEC_UDP)
		frame_udp(&f, ACCESS, &from, &to, esp, len, &no_sum);
	else
		frame_ip(&f, ACCESS, &ue.from, &s->local, 50, esp, len, NULL);
}

/* That datagram by ESP, with that number, into f. */
static void sealed(uint64_t seq, const void *payload, size_t len)
{
	static struct frame clear;
	const bool tunnel = ue.set.s.flags & CTL_IPSEC_TUNNEL;
	const uint16_t l3 = datagram(&clear, payload, len);
	const uint16_t skip = tunnel ? l3 : frame_l4(&clear);
	uint8_t esp[2048];
	size_t n;

	n = esp_make(esp, ue.set.s.lane[ue.lane].spi_in, seq,
		     !tunnel			 ? 17
		     : ip_is_v4(&ue.set.s.inner) ? 4
						 : 41,
		     clear.b + skip, clear.len - skip, 0);
	outside(esp, n);
}

static void ask_as(uint64_t seq)
{
	uint8_t buf[64];

	sealed(seq, buf, binding(buf, sizeof(buf)));
	world_in(ACCESS, ue.worker, &f);
	world_run();
}

static void ask(void)
{
	ask_as(++ue.seq);
}

/* Takes the ESP out of what came; its length. */
static size_t heard_esp(struct frame *got, uint8_t **esp)
{
	const struct ctl_ipsec *s = &ue.set.s;
	struct udp_view u;
	struct ip_view v;

	if (s->flags & CTL_IPSEC_UDP) {
		const struct sock_addr ours = { s->local, be16_make(UDP_PORT) };
		const struct sock_addr theirs = { ue.from, ue.nat };

		frame_read_udp(got, &u);
		assert_memory_equal(&u.src, &ours, sizeof(ours));
		assert_memory_equal(&u.dst, &theirs, sizeof(theirs));
		assert_true(ip_is_v4(&s->local) ? u.csum_zero : u.csum_ok);
		*esp = (uint8_t *)(uintptr_t)u.payload;
		return u.len;
	}
	frame_read(got, &v);
	assert_int_equal(v.proto, 50);
	assert_memory_equal(&v.src, &s->local, sizeof(v.src));
	assert_memory_equal(&v.dst, &ue.from, sizeof(v.dst));
	*esp = (uint8_t *)(uintptr_t)v.payload;
	return v.len;
}

/* The answer to ask(), the seq-th that is sent by that SPI. iv: the IV that it had, or NULL. */
static void answered_by(uint32_t spi, uint64_t seq, uint8_t *iv)
{
	const struct frame *out = world_out(ACCESS);
	uint8_t *esp, *inside, next;
	struct frame got;
	size_t len, at_udp = 0;
	struct stun_msg m;

	assert_non_null(out);
	got = *out;
	len = heard_esp(&got, &esp);
	assert_int_equal(get32(esp), spi);
	if (iv)
		memcpy(iv, esp + 8, desc()->iv);
	len = esp_open(esp, len, seq, &next, &inside);
	if (ue.set.s.flags & CTL_IPSEC_TUNNEL) {
		assert_int_equal(next, 4);
		assert_int_equal(inside[9], 17);
		at_udp = 20;
		assert_memory_equal(inside + 16, ue.set.s.inner.b + 12, 4);
	} else {
		assert_int_equal(next, 17);
	}
	assert_int_equal(get16(inside + at_udp), be16_get(ue.set.s.lane[ue.lane].local));
	assert_int_equal(get16(inside + at_udp + 2), be16_get(ue.sport));
	assert_int_equal(stun_parse(&m, inside + at_udp + 8, len - at_udp - 8), STUN_OK);
	assert_int_equal(m.cls, STUN_SUCCESS);
	assert_memory_equal(m.tid, tid, sizeof(tid));
	world_no_out();
}

static void answered(uint64_t seq)
{
	answered_by(SPI_C, seq, NULL);
}

static void dropped(enum drop why)
{
	world_no_out();
	world_drops(why, 1);
	world_mark();
}

/* ---- what gets through ---- */

static const struct way {
	enum esp_transform t;
	uint32_t flags;
	bool v6;
} ways[] = {
	{ ESP_NULL_SHA1, 0, false },
	{ ESP_CBC_SHA1, 0, false },
	{ ESP_GCM, 0, false },
	{ ESP_GMAC, 0, false },
	{ ESP_CBC_SHA1, 0, true },
	{ ESP_GCM, 0, true },
	{ ESP_CBC_SHA1, CTL_IPSEC_UDP, false },
	{ ESP_NULL_SHA1, CTL_IPSEC_UDP, true },
	{ ESP_CBC_SHA1, CTL_IPSEC_TUNNEL, false },
	{ ESP_CBC_SHA1, CTL_IPSEC_TUNNEL | CTL_IPSEC_UDP, false },
	{ ESP_GCM, CTL_IPSEC_TUNNEL | CTL_IPSEC_UDP, true },
	{ ESP_GMAC, CTL_IPSEC_TUNNEL, false },
	{ ESP_NULL_SHA1, CTL_IPSEC_ESN, false },
	{ ESP_CBC_SHA1, CTL_IPSEC_ESN, false },
	{ ESP_GCM, CTL_IPSEC_ESN, false },
};

static void test_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < RTE_DIM(ways); i++) {
		phone_begin(ways[i].t, ways[i].flags, ways[i].v6);
		ask();
		answered(1);
		ask();
		answered(2);
		assert_int_equal(world_count(0, CNT_ESP_IN), 2);
		assert_int_equal(world_count(0, CNT_ESP_OUT), 2);
	}
}

/* The numbers' upper half is of no packet, and is part of the tag (RFC 4303 2.2.1). */
static void test_esn(void **state)
{
	(void)state;
	phone_begin(ESP_CBC_SHA1, CTL_IPSEC_ESN, false);
	for (ue.seq = 1; ue.seq < UINT64_C(0x100000000); ue.seq += 0x7fffffff) {
		ask_as(ue.seq);
		world_forget();
	}
	world_mark();
	ask_as(UINT64_C(0x100000005));
	world_drops(DROP_NONE, 0);
	world_forget();
	ask_as(UINT64_C(0x200000006)); /* which is taken for 0x100000006 */
	dropped(DROP_ESP_AUTH);
}

/* What is to one port of the phone's goes by one pair of SPIs, to the other by the other. */
static void test_lanes(void **state)
{
	struct sock_addr l = at("10.1.0.1", CLIENT_PORT);

	(void)state;
	config();
	world_listener(&l, TRANSPORT_UDP);
	world_start();
	phone_begin(ESP_CBC_SHA1, 0, false);
	ask();
	answered_by(SPI_C, 1, NULL);
	ue.lane = 1;
	ue.sport = ue.set.s.lane[1].remote;
	ue.seq = 0; /* numbers are each association's own */
	ask();
	answered_by(SPI_S, 1, NULL);
}

/* A tunnel for all protocols: it is pinged, and nothing of a link's own comes by it. */
static void test_icmp(void **state)
{
	static struct frame clear;
	uint8_t esp[2048], echo[16] = { 128 }, advert[32] = { 136, 0, 0, 0, 0x60 };
	struct ip_addr inner = at("fd77::9", 0).ip, ours = at("fd00:1::1", 0).ip;
	const struct frame_opt o = { .ttl = 255 };
	const uint8_t *what[] = { echo, advert };
	const size_t len[] = { sizeof(echo), sizeof(advert) };

	(void)state;
	memset(&ue, 0, sizeof(ue));
	ue.set = associations(ESP_CBC_SHA1, CTL_IPSEC_TUNNEL, true);
	ue.set.s.inner = inner;
	ue.set.s.n_lanes = 1;
	ue.set.s.lane[0].local = ue.set.s.lane[0].remote = be16_make(0);
	assert_true(tell_worker(&ue.set));
	ue.from = ue.set.s.outer.ip;
	world_mark();
	memcpy(advert + 8, at("fd00:1::2", 0).ip.b, 16);
	advert[24] = 2; /* target's link-layer address */
	advert[25] = 1;
	for (int i = 0; i < 2; i++) {
		uint16_t l3;

		frame_ip(&clear, ACCESS, &inner, &ours, 58, what[i], len[i], &o);
		frame_icmp_csum(&clear);
		l3 = frame_l3(&clear);
		outside(esp, esp_make(esp, ue.set.s.lane[0].spi_in, ++ue.seq, 41, clear.b + l3,
				      clear.len - l3, 0));
		world_feed(ACCESS, &f);
		if (i == 0)
			assert_non_null(world_out(ACCESS));
	}
	dropped(DROP_ESP_POLICY);
}

/* ---- TCP ---- */

enum { FIN = 1, SYN = 2, ACK = 16 };

/* A segment of the phone's by ESP, with len bytes. */
static void segment(uint32_t seq, uint32_t ack, uint8_t flags, const void *data, size_t len)
{
	static uint8_t clear[2048], esp[2048];
	const struct ctl_ipsec *s = &ue.set.s;
	size_t n;

	memset(clear, 0, 20);
	put16(clear, be16_get(ue.sport));
	put16(clear + 2, SERVER_PORT);
	put32(clear + 4, seq);
	put32(clear + 8, ack);
	clear[12] = 5 << 4;
	clear[13] = flags;
	put16(clear + 14, 65535);
	if (len)
		memcpy(clear + 20, data, len);
	put16(clear + 16,
	      (uint16_t)~sum16(sum_pseudo(&s->inner, &s->local, 6, 20 + len), clear, 20 + len));
	n = esp_make(esp, s->lane[0].spi_in, ++ue.seq, 6, clear, 20 + len, 0);
	outside(esp, n);
	world_feed(ACCESS, &f);
}

/* The next segment to the phone: its flags. *data, *len: what it carries. */
static uint8_t segment_out(uint64_t seq, uint32_t *tcp_seq, uint32_t *ack, uint8_t *data,
			   size_t *len)
{
	const struct frame *out = world_out(ACCESS);
	uint8_t *esp, *inside, next;
	struct frame got;
	size_t n;

	assert_non_null(out);
	got = *out;
	n = heard_esp(&got, &esp);
	n = esp_open(esp, n, seq, &next, &inside);
	assert_int_equal(next, 6);
	assert_int_equal(sum16(sum_pseudo(&ue.set.s.local, &ue.set.s.inner, 6, n), inside, n),
			 0xffff);
	*tcp_seq = get32(inside + 4);
	*ack = get32(inside + 8);
	*len = n - (inside[12] >> 4) * 4u;
	memcpy(data, inside + n - *len, *len);
	return inside[13];
}

/* The worker's own stack, whose segments are sealed as they leave. */
static void test_tcp(void **state)
{
	static uint8_t request[64], data[2048];
	const struct sock_addr l = at("10.1.0.1", SERVER_PORT);
	size_t n = binding(request, sizeof(request)), len;
	uint32_t seq, ack;

	(void)state;
	config();
	world_listener(&l, TRANSPORT_TCP);
	world_start();
	phone_begin(ESP_CBC_SHA1, 0, false);
	segment(1000, 0, SYN, NULL, 0);
	assert_int_equal(segment_out(1, &seq, &ack, data, &len), SYN | ACK);
	assert_int_equal(ack, 1001);
	segment(1001, seq + 1, ACK, NULL, 0);
	world_no_out();
	segment(1001, seq + 1, ACK, request, n);
	segment_out(2, &seq, &ack, data, &len);
	assert_int_equal(ack, 1001 + n);
	assert_true(len > 20);
	assert_memory_equal(data + 8, tid, sizeof(tid));
	world_drops(DROP_NONE, 0);
	world_forget();
	segment(1001 + (uint32_t)n, seq + (uint32_t)len, FIN | ACK, NULL, 0);
	world_forget();
}

/* ---- what does not ---- */

static void test_replay(void **state)
{
	(void)state;
	phone_begin(ESP_CBC_SHA1, 0, false);
	ask_as(100);
	answered(1);
	ask_as(100);
	dropped(DROP_ESP_REPLAY);
	ask_as(36); /* left of the window of 64 */
	dropped(DROP_ESP_REPLAY);
	ask_as(37);
	answered(2);
	ask_as(0);
	dropped(DROP_ESP_REPLAY);
}

/* Neither is known when the other's tag is looked at. */
static void test_burst_replay(void **state)
{
	uint8_t buf[64];

	(void)state;
	phone_begin(ESP_GCM, 0, false);
	sealed(5, buf, binding(buf, sizeof(buf)));
	world_in(ACCESS, 0, &f);
	world_in(ACCESS, 0, &f);
	world_run();
	answered(1);
	dropped(DROP_ESP_REPLAY);
}

static void test_forged(void **state)
{
	uint8_t buf[64];
	const size_t len = binding(buf, sizeof(buf));

	(void)state;
	for (int t = 0; t < ESP_TRANSFORMS; t++) {
		phone_begin((enum esp_transform)t, 0, false);
		for (uint16_t i = 0; i < 3; i++) { /* text, tag, number */
			sealed(9, buf, len);
			f.b[i == 0 ? f.len - 20 : i == 1 ? f.len - 1 : frame_l4(&f) + 7] ^= 1;
			world_feed(ACCESS, &f);
			dropped(DROP_ESP_AUTH);
		}
		ask_as(9); /* the number is free still */
		answered(1);
	}
}

static void test_spi(void **state)
{
	(void)state;
	phone_begin(ESP_CBC_SHA1, 0, false);
	ue.set.s.lane[0].spi_in ^= 1u << 24; /* another generation */
	ask();
	dropped(DROP_ESP_SPI);
	ue.set.s.lane[0].spi_in = 0x0fffffff; /* a slot that is not */
	ask();
	dropped(DROP_ESP_SPI);
	f.len = (uint16_t)(frame_l4(&f) + 4);
	put16(f.b + frame_l3(&f) + 2, 24);
	frame_ip_csum(&f);
	world_feed(ACCESS, &f);
	dropped(DROP_ESP_BAD);
}

static void test_source(void **state)
{
	(void)state;
	phone_begin(ESP_CBC_SHA1, 0, false);
	ue.from = at("10.1.0.66", 0).ip;
	ask();
	dropped(DROP_ESP_SOURCE);
	ue.from = ue.set.s.outer.ip;
	ue.set.s.flags |= CTL_IPSEC_UDP; /* in UDP, which was not agreed */
	ue.nat = be16_make(NAT_PORT);
	ask();
	dropped(DROP_ESP_SOURCE);
}

/* Ports, addresses and protocols inside that the association is not for. */
static void test_policy(void **state)
{
	static struct frame clear;
	uint8_t buf[2048], esp[2048];
	size_t len = binding(buf, sizeof(buf)), n;
	uint16_t l3;

	(void)state;
	phone_begin(ESP_CBC_SHA1, 0, false);
	ue.sport = be16_make(PHONE_PORT + 7);
	ask();
	dropped(DROP_ESP_POLICY);
	ue.sport = ue.set.s.lane[0].remote;
	ue.set.s.lane[0].local = be16_make(CLIENT_PORT);
	ask();
	dropped(DROP_ESP_POLICY);
	ue.set.s.lane[0].local = be16_make(SERVER_PORT);
	/* ICMP, by associations for ports. */
	n = esp_make(esp, ue.set.s.lane[0].spi_in, ++ue.seq, 1, buf, len, 0);
	outside(esp, n);
	world_feed(ACCESS, &f);
	dropped(DROP_ESP_POLICY);
	/* ESP in ESP. */
	n = esp_make(esp, ue.set.s.lane[0].spi_in, ++ue.seq, 50, buf, len, 0);
	outside(esp, n);
	world_feed(ACCESS, &f);
	dropped(DROP_ESP_POLICY);
	ask();
	answered(1);

	phone_begin(ESP_CBC_SHA1, CTL_IPSEC_TUNNEL, false);
	ue.set.s.inner = at("10.77.0.10", 0).ip; /* another's */
	ask();
	dropped(DROP_ESP_POLICY);
	ue.set.s.inner = at("10.77.0.9", 0).ip;
	/* A fragment: it might be put together with one that came without ESP. */
	l3 = datagram(&clear, buf, len);
	clear.b[l3 + 6] |= 0x20;
	frame_ip_csum(&clear);
	n = esp_make(esp, ue.set.s.lane[0].spi_in, ++ue.seq, 4, clear.b + l3, clear.len - l3, 0);
	outside(esp, n);
	world_feed(ACCESS, &f);
	dropped(DROP_ESP_POLICY);
	ask();
	answered(1);
}

static void test_padding(void **state)
{
	uint8_t esp[2048], buf[64] = { 0 };
	size_t n;

	(void)state;
	phone_begin(ESP_NULL_SHA1, 0, false);
	/* As long as may be, and then more than there is. */
	n = esp_make(esp, ue.set.s.lane[0].spi_in, ++ue.seq, 59, buf, 8, 240);
	outside(esp, n);
	world_feed(ACCESS, &f);
	world_drops(DROP_NONE, 0); /* a dummy packet (RFC 4303 2.6) */
	buf[62] = 63;		   /* which is its length of padding, once 59 stands behind it */
	put32(esp, ue.set.s.lane[0].spi_in);
	put32(esp + 4, (uint32_t)++ue.seq);
	memset(esp + 8, 0, 20);
	esp[8 + 18] = 200;
	esp[8 + 19] = 17;
	sum_sha1(esp, 28, ue.seq, esp + 28);
	outside(esp, 40);
	world_feed(ACCESS, &f);
	dropped(DROP_ESP_BAD);
}

/* The protected port is reached by ESP alone, and addresses inside come by nothing else. */
static void test_clear(void **state)
{
	uint8_t buf[64];
	const size_t len = binding(buf, sizeof(buf));
	struct sock_addr to = at("10.1.0.1", SERVER_PORT), from = at("10.1.0.2", PHONE_PORT);

	(void)state;
	phone_begin(ESP_CBC_SHA1, 0, false);
	frame_udp(&f, ACCESS, &from, &to, buf, len, NULL);
	world_feed(ACCESS, &f);
	dropped(DROP_ESP_CLEAR);
	from = at("10.77.0.9", 5000);
	to = at("10.1.0.1", 9);
	frame_udp(&f, ACCESS, &from, &to, buf, len, NULL);
	world_feed(ACCESS, &f);
	dropped(DROP_ESP_CLEAR);
}

/* Nor does an error quote in clear what came by ESP. */
static void test_error(void **state)
{
	const struct sock_addr l = at("10.1.0.1", 3480);
	uint8_t buf[64];

	(void)state;
	config();
	world.conf.listener[0].addr = l; /* nobody listens at the protected port */
	world_start();
	phone_begin(ESP_CBC_SHA1, 0, false);
	sealed(++ue.seq, buf, binding(buf, sizeof(buf)));
	world_feed(ACCESS, &f);
	dropped(DROP_UDP_PORT);
}

/* What comes in clear does not take the short way past all this: a client's channel data. */
static void test_short_way(void **state)
{
	const struct sock_addr from = at("10.1.0.2", PHONE_PORT), to = at("10.1.0.1", SERVER_PORT);
	const struct sock_addr peer = at("10.2.0.2", 40000);
	uint8_t buf[64];
	size_t n;

	(void)state;
	phone_begin(ESP_CBC_SHA1, 0, false);
	assert_true(session_add(0, 1, 1, &from, 0, RELAY_PORT, 0, 0));
	assert_true(chan_add(0, 1, &peer, 0x4000, WORLD_START_S + LIFE));
	world_mark();
	n = chandata(buf, 0x4000, "hello", 5);
	for (int i = 0; i < 3; i++) { /* the next hop is known from the first on */
		sealed(++ue.seq, buf, n);
		world_feed(ACCESS, &f);
		assert_non_null(world_out(CORE));
		frame_udp(&f, ACCESS, &from, &to, buf, n, NULL);
		world_feed(ACCESS, &f);
		assert_null(world_out(CORE));
	}
	world_drops(DROP_ESP_CLEAR, 3);
}

/* A response whose associations have just ended does not leave in clear. */
static void test_none(void **state)
{
	struct cmd_ipsec del;
	uint8_t buf[64];

	(void)state;
	phone_begin(ESP_CBC_SHA1, 0, false);
	sealed(++ue.seq, buf, binding(buf, sizeof(buf)));
	world_in(ACCESS, 0, &f);
	rx_ports(world.w); /* answered, and sealed at the end of the turn */
	del = (struct cmd_ipsec){ .id = ue.set.s.id };
	assert_true(world_cmd(0, CMD_IPSEC_DEL, &del, sizeof(del)));
	answered(1); /* with the keys that it had */
	{
		const struct sock_addr src = { ue.set.s.local, be16_make(SERVER_PORT) };
		const struct sock_addr dst = { ue.from, be16_make(PHONE_PORT) };
		struct rte_mbuf *m = pkt_make(world.w);

		memset(rte_pktmbuf_append(m, 20), 7, 20);
		udp_send(world.w, m, &src, &dst, 0);
	}
	world_run();
	dropped(DROP_ESP_NONE);
}

/*
 * Whatever is heard on the link, what is sealed is not sent to whoever said it: a host that asks
 * whether an address is free has none itself (RFC 4862 5.4).
 */
static void test_link(void **state)
{
	struct ip_addr none = { { 0 } };

	(void)state;
	phone_begin(ESP_CBC_SHA1, 0, false);
	for (int create = 0; create < 2; create++)
		neigh_learn(world.w, ACCESS, &none,
			    &(struct rte_ether_addr){ { 2, 3, 4, 5, 6, 7 } }, true, create);
	ask();
	answered(1);
	world_pass_ms(35000); /* nor does it grow old */
	world_forget();
	ask();
	answered(2);
}

/* A phone whose MAC is not known yet: what is sealed waits for it. */
static void test_neighbour(void **state)
{
	(void)state;
	memset(&ue, 0, sizeof(ue));
	ue.set = associations(ESP_CBC_SHA1, 0, false);
	ue.set.s.outer.ip = ue.set.s.inner = at("10.1.0.99", 0).ip;
	assert_true(tell_worker(&ue.set));
	ue.from = ue.set.s.outer.ip;
	ue.sport = ue.set.s.lane[0].remote;
	world_mark();
	ask();
	assert_non_null(world_out(ACCESS)); /* who has it? */
	neigh_learn(world.w, ACCESS, &ue.from,
		    &(struct rte_ether_addr){ { 2, 0xff, 0xff, 0xff, 0xff, 0xff } }, true, true);
	world_run();
	answered(1);
}

/* ---- NATs ---- */

static void test_nat(void **state)
{
	const struct evt_ipsec *e;
	uint8_t one = 0xff, ike[32] = { 0 };
	uint64_t was;

	(void)state;
	phone_begin(ESP_CBC_SHA1, CTL_IPSEC_TUNNEL | CTL_IPSEC_UDP, false);
	ask();
	answered(1);
	world_pass_ms(1100);
	e = world_evt(0);
	assert_int_equal(e->what, IPSEC_USED);
	e = world_evt(0);
	assert_int_equal(e->what, IPSEC_MOVED); /* its port was not known before */
	assert_int_equal(be16_get(e->s.outer.port), NAT_PORT);
	/* Another port: what is forged moves nobody. */
	ue.nat = be16_make(NAT_PORT + 1);
	{
		uint8_t buf[64];

		sealed(++ue.seq, buf, binding(buf, sizeof(buf)));
		f.b[f.len - 1] ^= 1;
		world_feed(ACCESS, &f);
		dropped(DROP_ESP_AUTH);
	}
	ue.nat = be16_make(NAT_PORT);
	ask();
	answered(2);
	/* What is right does, and its address as well; what is older does not move it back. */
	was = ++ue.seq;
	ue.from = at("10.1.0.77", 0).ip;
	ue.nat = be16_make(7);
	world_neighbours();
	ask();
	if (!world_out(ACCESS))
		fail_msg("nothing goes to its new address");
	world_forget();
	world_mark();
	ue.from = at("10.1.0.2", 0).ip;
	ue.nat = be16_make(NAT_PORT);
	ask_as(was);
	world_forget();
	world_pass_ms(1100);
	e = world_evt(0);
	assert_int_equal(e->what, IPSEC_MOVED);
	assert_int_equal(be16_get(e->s.outer.port), 7);
	assert_null(world_evt(0));
	/* Keep-alives are taken, and are no sign of life; IKE is told from ESP. */
	world_mark();
	outside(&one, 1);
	world_feed(ACCESS, &f);
	assert_int_equal(world_count(0, CNT_ESP_KEEPALIVES), 1);
	world_drops(DROP_NONE, 0);
	outside(ike, sizeof(ike));
	world_feed(ACCESS, &f);
	dropped(DROP_ESP_IKE);
}

/* In transport mode the address is inside as well: only the port can be another. */
static void test_nat_transport(void **state)
{
	(void)state;
	phone_begin(ESP_CBC_SHA1, CTL_IPSEC_UDP, false);
	ask();
	answered(1);
	ue.nat = be16_make(9);
	ask();
	answered(2);
	ue.from = at("10.1.0.77", 0).ip;
	ask();
	dropped(DROP_ESP_SOURCE);
}

/* Whoever knows the SPI does not have us compute tags without end. */
static void test_elsewhere(void **state)
{
	uint8_t buf[64];
	const size_t len = binding(buf, sizeof(buf));

	(void)state;
	phone_begin(ESP_CBC_SHA1, CTL_IPSEC_TUNNEL | CTL_IPSEC_UDP, false);
	ask();
	answered(1);
	world_clock_ms((WORLD_START_S + 2) * UINT64_C(1000));
	world_run();
	world_mark();
	ue.from = at("10.1.0.66", 0).ip;
	for (int i = 0; i < 600; i++) {
		sealed(50, buf, len);
		f.b[f.len - 1] ^= 1;
		world_feed(ACCESS, &f);
	}
	assert_int_equal(
	    world.dp.worker[0]->counters->drop[DROP_ESP_AUTH] - world.drop[0][DROP_ESP_AUTH], 32);
	assert_int_equal(world.dp.worker[0]->counters->drop[DROP_ESP_SOURCE] -
			     world.drop[0][DROP_ESP_SOURCE],
			 568);
	/* Another port of its own address is another matter. */
	ue.from = ue.set.s.outer.ip;
	ue.nat = be16_make(77);
	world_mark();
	ask();
	answered(2);
}

static void test_keepalive(void **state)
{
	struct udp_view v;

	(void)state;
	phone_begin(ESP_CBC_SHA1, CTL_IPSEC_TUNNEL | CTL_IPSEC_UDP, false);
	ask();
	answered(1);
	world_pass_ms(19000);
	world_no_out();
	world_pass_ms(2100);
	expect_udp(ACCESS, &v);
	assert_int_equal(v.len, 1);
	assert_int_equal(v.payload[0], 0xff);
	assert_int_equal(be16_get(v.src.port), UDP_PORT);
	assert_int_equal(be16_get(v.dst.port), NAT_PORT);
	world_no_out();
}

/* A reload says how often (ipsec.keepalive), also for those that are there. */
static void test_keepalive_live(void **state)
{
	struct config *c = malloc(sizeof(*c));
	struct udp_view v;

	(void)state;
	assert_non_null(c);
	phone_begin(ESP_CBC_SHA1, CTL_IPSEC_TUNNEL | CTL_IPSEC_UDP, false);
	ask();
	answered(1);
	memcpy(c, &world.conf, sizeof(*c));
	c->ipsec.keepalive = 5;
	world_reload(c);
	world_pass_ms(7100);
	expect_udp(ACCESS, &v);
	assert_int_equal(v.payload[0], 0xff);
	world_no_out();
	snapshot_close(&world.dp);
}

/* ---- numbers and IVs ---- */

static void test_spent(void **state)
{
	const struct evt_ipsec *e;

	(void)state;
	memset(&ue, 0, sizeof(ue));
	ue.set = associations(ESP_CBC_SHA1, 0, false);
	ue.set.seq = UINT32_MAX - 1;
	assert_true(tell_worker(&ue.set));
	ue.from = ue.set.s.outer.ip;
	ue.sport = ue.set.s.lane[0].remote;
	world_mark();
	ask();
	answered(UINT32_MAX);
	ask();
	dropped(DROP_ESP_SPENT);
	world_pass_ms(1100);
	e = world_evt(0);
	assert_int_equal(e->what, IPSEC_USED);
	e = world_evt(0);
	assert_int_equal(e->what, IPSEC_SPENT);
	world_pass_ms(3000);
	assert_null(world_evt(0));
}

/* RFC 4106 3.1: both associations, and what is made anew, have one key. */
static void test_iv(void **state)
{
	uint8_t iv[6][8];
	struct sock_addr l = at("10.1.0.1", CLIENT_PORT);

	(void)state;
	config();
	world_listener(&l, TRANSPORT_UDP);
	world_start();
	phone_begin(ESP_GCM, 0, false);
	for (uint32_t i = 0; i < 6; i++) {
		if (i == 3) { /* the same keys once more */
			ue.set.s.id.gen++;
			assert_true(tell_worker(&ue.set));
			ue.seq = 0;
		}
		ue.lane = i % 3 == 2;
		ue.sport = ue.set.s.lane[ue.lane].remote;
		ask();
		answered_by(ue.lane ? SPI_S : SPI_C, ue.lane ? 1 : i % 3 + 1, iv[i]);
		for (uint32_t k = 0; k < i; k++)
			assert_memory_not_equal(iv[i], iv[k], 8);
	}
}

/* ---- commands ---- */

static void refused(struct cmd_ipsec_set *c, enum ctl_refusal why)
{
	const struct evt_ipsec *e;

	assert_false(world_cmd(0, CMD_IPSEC_SET, c, sizeof(*c)));
	e = world_evt(0);
	assert_non_null(e);
	assert_int_equal(e->what, IPSEC_REFUSED);
	assert_int_equal(e->why, why);
}

static void test_commands(void **state)
{
	struct cmd_ipsec_set c;

	(void)state;
	phone_begin(ESP_CBC_SHA1, 0, false);
	c = ue.set;
	c.s.id.slot = 64;
	refused(&c, REFUSED_FULL);
	c = ue.set;
	c.s.transform = ESP_TRANSFORMS;
	refused(&c, REFUSED_BAD);
	c = ue.set;
	c.s.lane[0].spi_in++;
	refused(&c, REFUSED_BAD);
	c = ue.set;
	c.s.local = at("10.2.0.1", 0).ip; /* ours, without ipsec */
	refused(&c, REFUSED_BAD);
	c = ue.set;
	c.s.outer.ip = c.s.inner = at("10.2.0.1", 0).ip;
	refused(&c, REFUSED_BAD);
	c = ue.set;
	c.s.n_lanes = 3;
	refused(&c, REFUSED_BAD);
	c = ue.set;
	c.s.transform = ESP_GMAC;
	c.s.flags = CTL_IPSEC_ESN;
	refused(&c, REFUSED_BAD);
	c = ue.set;
	c.s.id.gen++;
	for (uint32_t i = 0; i < 2; i++)
		c.s.lane[i].spi_in = ctl_ipsec_spi(0, c.s.id, i);
	c.s.flags = CTL_IPSEC_KEPT; /* who has no keys makes none */
	refused(&c, REFUSED_GONE);
	/* But has those live on that are there. */
	c = ue.set;
	c.s.flags = CTL_IPSEC_KEPT;
	memset(c.key, 0, sizeof(c.key));
	c.s.expiry = WORLD_START_S + 2 * LIFE;
	assert_true(tell_worker(&c));
	world_clock_ms((WORLD_START_S + LIFE + 1) * UINT64_C(1000));
	ask();
	world_forget();
	world_drops(DROP_NONE, 0);
}

static void test_stats(void **state)
{
	const struct evt_ipsec *e;
	struct cmd_ipsec c;

	(void)state;
	phone_begin(ESP_CBC_SHA1, 0, false);
	ask();
	answered(1);
	ask_as(1);
	dropped(DROP_ESP_REPLAY);
	c = (struct cmd_ipsec){ .id = ue.set.s.id };
	assert_true(world_cmd(0, CMD_IPSEC_AUDIT, &c, sizeof(c)));
	e = world_evt(0);
	assert_int_equal(e->what, IPSEC_STATS);
	assert_int_equal(e->packets_in, 1);
	assert_int_equal(e->packets_out, 1);
	assert_int_equal(e->bytes_in, 8 + 20);
	assert_int_equal(e->dropped, 1);
	assert_int_equal(e->seq, 1);
	assert_int_equal(e->silent_s, 0);
	assert_int_equal(e->s.lane[0].spi_in, ue.set.s.lane[0].spi_in);
	assert_true(world_cmd(0, CMD_IPSEC_DEL, &c, sizeof(c)));
	assert_int_equal(((const struct evt_ipsec *)world_evt(0))->what, IPSEC_STATS);
	assert_false(world_cmd(0, CMD_IPSEC_DEL, &c, sizeof(c)));
	assert_int_equal(((const struct evt_ipsec *)world_evt(0))->what, IPSEC_REFUSED);
	ask();
	dropped(DROP_ESP_SPI);
}

static void test_expiry(void **state)
{
	(void)state;
	phone_begin(ESP_CBC_SHA1, 0, false);
	ask();
	answered(1);
	world_clock_ms((WORLD_START_S + LIFE) * UINT64_C(1000));
	ask();
	world_forget();
	world_mark();
	ask();
	dropped(DROP_ESP_SPI);
	world_pass_ms(1100);
	assert_int_equal(world.w->counters->cnt[CNT_ESP_SETS], 0);
}

/* Two sets of one phone: what is sent goes by the newer once that was used (TS 33.203 7.4). */
static void test_renewed(void **state)
{
	struct cmd_ipsec_set older, newer;
	struct cmd_ipsec del;

	(void)state;
	phone_begin(ESP_CBC_SHA1, 0, false);
	ask();
	answered_by(SPI_C, 1, NULL);
	older = ue.set;
	newer = ue.set;
	newer.s.id = (struct ctl_sid){ .slot = 4, .gen = 9 };
	newer.s.lane[0].spi_out = SPI_C + 0x100;
	newer.s.lane[1].spi_out = SPI_S + 0x100;
	assert_true(tell_worker(&newer));
	ask();
	answered_by(SPI_C, 2, NULL); /* nothing came by the newer */
	ue.set = newer;
	ask_as(1);
	answered_by(SPI_C + 0x100, 1, NULL);
	del = (struct cmd_ipsec){ .id = older.s.id };
	assert_true(world_cmd(0, CMD_IPSEC_DEL, &del, sizeof(del)));
	ask_as(2);
	answered_by(SPI_C + 0x100, 2, NULL);
	/* The newer one ends, for its registration failed: the older one is told again. */
	older.s.id.gen = ++gen;
	assert_true(tell_worker(&older));
	del = (struct cmd_ipsec){ .id = newer.s.id };
	assert_true(world_cmd(0, CMD_IPSEC_DEL, &del, sizeof(del)));
	older.s.flags |= CTL_IPSEC_CURRENT;
	assert_true(tell_worker(&older));
	ue.set = older;
	ask_as(1);
	answered_by(SPI_C, 1, NULL);
}

/* A replay ends what it does not name; an audit tells what there is. */
static void test_sync(void **state)
{
	const struct evt_ipsec *e;
	struct cmd_ipsec_set other;
	struct ctl_hdr h = { 0 };

	(void)state;
	phone_begin(ESP_CBC_SHA1, 0, false);
	other = ue.set;
	other.s.id = (struct ctl_sid){ .slot = 40, .gen = 2 };
	other.s.outer.ip = other.s.inner = at("10.1.0.9", 0).ip;
	assert_true(tell_worker(&other));
	assert_true(world_cmd(0, CMD_AUDIT, &h, sizeof(h)));
	for (int i = 0; i < 2; i++) {
		e = world_evt(0);
		assert_int_equal(e->hdr.type, EVT_IPSEC);
		assert_int_equal(e->what, IPSEC_TOLD);
		assert_int_equal(e->s.id.slot, i ? 40 : 3);
	}
	assert_int_equal(((const struct ctl_hdr *)world_evt(0))->type, EVT_AUDITED);
	assert_true(world_cmd(0, CMD_SYNC_BEGIN, &h, sizeof(h)));
	assert_true(tell_worker(&ue.set));
	assert_true(world_cmd(0, CMD_SYNC_END, &h, sizeof(h)));
	world_pass_ms(1100);
	assert_int_equal(world.w->counters->cnt[CNT_ESP_SETS], 1);
	world_mark();
	ask();
	answered(1);
}

/* ---- two workers ---- */

static int two_setup(void **state)
{
	(void)state;
	config();
	world.conf.dataplane.n_workers = 2;
	world_start();
	return 0;
}

/* ---- SIP in UDP to a back end (dp/edge) ---- */

enum { SIP_PORT = 5200 };
static const char invite[] = "INVITE sip:user2@home1.net SIP/2.0\r\n\r\n";
static const char ok[] = "SIP/2.0 200 OK\r\n\r\n";

static void sip_config(uint16_t workers)
{
	config();
	world.conf.dataplane.n_workers = workers;
	world.conf.ipsec.sip_port = SIP_PORT;
	world.conf.service[0].backend = at("10.2.0.2", 5060);
	world.conf.n_service = 1;
	for (uint16_t i = 0; i < world.conf.n_listener; i++)
		world.conf.listener[i].has_service = true;
	world_start();
}

static void say(const void *data, size_t len)
{
	sealed(++ue.seq, data, len);
	world_in(ACCESS, ue.worker, &f);
	world_run();
}

/* It has come to the back end, from the port of that slot. Returns the port's address. */
static struct sock_addr passed(const char *text)
{
	const uint32_t w = ctl_ipsec_worker(&ue.set.s.inner, world.dp.n_workers);
	const struct sock_addr src = at("10.2.0.1", (uint16_t)(SIP_PORT + 64 * w + 3));
	const struct sock_addr backend = at("10.2.0.2", 5060);
	const struct frame *out = world_out(CORE);
	struct frame got;
	struct udp_view u;

	assert_non_null(out);
	got = *out;
	frame_read_udp(&got, &u);
	assert_memory_equal(&u.src, &src, sizeof(src));
	assert_memory_equal(&u.dst, &backend, sizeof(backend));
	assert_int_equal(u.len, strlen(text));
	assert_memory_equal(u.payload, text, u.len);
	assert_true(u.csum_ok || u.csum_zero);
	world_no_out();
	return src;
}

static void says_by(uint16_t port, const char *from, const struct sock_addr *to, uint16_t worker)
{
	const struct sock_addr src = at(from, 5060);

	frame_udp(&f, port, &src, to, ok, strlen(ok), NULL);
	world_in(port, worker, &f);
	world_run();
}

static void backend_says(const char *from, const struct sock_addr *to, uint16_t worker)
{
	says_by(CORE, from, to, worker);
}

/* The phone has it, by the association of its server port and our client port. */
static void phone_has(uint64_t seq)
{
	const size_t ip = ue.set.s.flags & CTL_IPSEC_TUNNEL ? 20 : 0;
	const struct frame *out = world_out(ACCESS);
	uint8_t *esp, *inside, next;
	struct frame got;
	size_t len;

	assert_non_null(out);
	got = *out;
	len = heard_esp(&got, &esp);
	assert_int_equal(get32(esp), SPI_S);
	len = esp_open(esp, len, seq, &next, &inside);
	assert_int_equal(next, ip ? 4 : 17);
	assert_int_equal(get16(inside + ip), CLIENT_PORT);
	assert_int_equal(get16(inside + ip + 2), PHONE_SERVER);
	assert_int_equal(len, ip + 8 + strlen(ok));
	assert_memory_equal(inside + ip + 8, ok, strlen(ok));
	world_no_out();
}

static void test_sip(void **state)
{
	static const uint32_t flags[] = { 0, CTL_IPSEC_UDP, CTL_IPSEC_TUNNEL | CTL_IPSEC_UDP };
	struct sock_addr flow;

	(void)state;
	sip_config(1);
	for (size_t i = 0; i < N_OF(flags); i++) {
		phone_begin(ESP_CBC_SHA1, flags[i], false);
		say(invite, strlen(invite));
		flow = passed(invite);
		for (uint64_t n = 1; n <= 2; n++) {
			backend_says("10.2.0.2", &flow, 0);
			phone_has(n);
		}
		say("\r\n\r\n", 4);
		passed("\r\n\r\n");
		ask(); /* STUN is answered here */
		answered(1);
	}
	world_drops(DROP_NONE, 0);
}

/* Nobody but the back end reaches a phone, and nothing but SIP the back end. */
static void test_sip_bad(void **state)
{
	struct sock_addr flow, other;

	(void)state;
	sip_config(1);
	phone_begin(ESP_CBC_SHA1, 0, false);
	say(invite, strlen(invite));
	flow = passed(invite);
	backend_says("10.2.0.3", &flow, 0);
	dropped(DROP_EDGE_SOURCE);
	/* The back end's address by another port, and to another address of ours. */
	other = at("10.1.0.1", be16_get(flow.port));
	says_by(ACCESS, "10.2.0.2", &other, 0);
	dropped(DROP_EDGE_SOURCE);
	backend_says("10.2.0.2", &other, 0);
	dropped(DROP_EDGE_SOURCE);
	other = at("10.2.0.1", SIP_PORT + 4);
	backend_says("10.2.0.2", &other, 0);
	dropped(DROP_EDGE_PHONE);
	say("GET / HTTP/1.1\r\n\r\n", 18);
	dropped(DROP_EDGE_SIP);
	say("INV", 3);
	dropped(DROP_EDGE_SIP);
	say("", 0);
	dropped(DROP_EDGE_SIP);
	world_clock_ms((WORLD_START_S + LIFE + 1) * UINT64_C(1000));
	backend_says("10.2.0.2", &flow, 0);
	dropped(DROP_EDGE_PHONE);
	/* One for all ports has no server port. */
	memset(&ue, 0, sizeof(ue));
	ue.set = associations(ESP_CBC_SHA1, CTL_IPSEC_TUNNEL, false);
	ue.set.s.expiry = WORLD_START_S + 2 * LIFE;
	ue.set.s.n_lanes = 1;
	ue.set.s.lane[0].local = ue.set.s.lane[0].remote = be16_make(0);
	assert_true(tell_worker(&ue.set));
	ue.from = ue.set.s.outer.ip;
	ue.sport = be16_make(PHONE_PORT);
	ue.set.s.lane[0].local = be16_make(SERVER_PORT);
	world_mark();
	say(invite, strlen(invite));
	dropped(DROP_EDGE_SIP);
}

/* The port says whose it is, by whichever queue it comes. */
static void test_sip_two_workers(void **state)
{
	(void)state;
	sip_config(2);
	for (uint16_t i = 0; i < 2; i++) {
		struct sock_addr flow;

		phone_begin(ESP_CBC_SHA1, CTL_IPSEC_UDP, false);
		ue.worker = i;
		say(invite, strlen(invite));
		flow = passed(invite);
		backend_says("10.2.0.2", &flow, 0);
		phone_has(1);
		backend_says("10.2.0.2", &flow, 1);
		phone_has(2);
	}
}

/* By whichever worker's queue: the SPI says whose it is. */
static void test_two_workers(void **state)
{
	(void)state;
	for (uint16_t w = 0; w < 2; w++) {
		phone_begin(ESP_CBC_SHA1, CTL_IPSEC_TUNNEL | CTL_IPSEC_UDP, false);
		ue.worker = w;
		ask();
		answered(1);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
#define OWN(f) cmocka_unit_test_setup_teardown(f, NULL, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_ways),
		T(test_esn),
		OWN(test_lanes),
		T(test_icmp),
		OWN(test_tcp),
		T(test_replay),
		T(test_burst_replay),
		T(test_forged),
		T(test_spi),
		T(test_source),
		T(test_policy),
		T(test_padding),
		T(test_clear),
		T(test_none),
		OWN(test_error),
		T(test_short_way),
		T(test_link),
		T(test_neighbour),
		T(test_nat),
		T(test_nat_transport),
		T(test_elsewhere),
		T(test_keepalive),
		T(test_keepalive_live),
		T(test_spent),
		OWN(test_iv),
		T(test_commands),
		T(test_stats),
		T(test_expiry),
		T(test_renewed),
		T(test_sync),
		OWN(test_sip),
		OWN(test_sip_bad),
		OWN(test_sip_two_workers),
		cmocka_unit_test_setup_teardown(test_two_workers, two_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
