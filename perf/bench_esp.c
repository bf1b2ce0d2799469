/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cycles of a packet of ESP, by transform, in transport mode, each of a phone drawn at random. In:
 * from received mbuf until the datagram inside, a Binding indication, has ended at its listener.
 * Out: a datagram that is made, sealed and in the transmit batch. Beside them the same datagrams
 * without ESP, and the cipher alone on as many bytes: what is left is ESP's own work.
 *
 *   bench_esp [-n PHONES] [-p BYTES] [-r BURSTS] [-H]
 */
#include "null_worker.h"

#include "../dp/cipher/cipher.h"
#include "../dp/ipsec/ipsec.h"
#include "../dp/net/ip.h"
#include "../dp/rx.h"
#include "../dp/tx.h"
#include "../lib/esp.h"
#include "../lib/stun.h"

#include <netinet/in.h>
#include <rte_cycles.h>
#include <rte_random.h>
#include <stdlib.h>

enum {
	SERVER = 5063,
	CLIENT = 5062,
	CLEAR = 3478,
	PHONE_PORT = 5100,
	NET = 0x0b000000,
	ROOM = 2048
};

static const uint8_t key[16] = "0123456789abcdef", mac[20] = "ABCDEFGHIJKLMNOP", salt[4] = "salt";
static const struct {
	enum esp_transform t;
	enum cipher_alg alg;
} transforms[] = { { ESP_NULL_SHA1, CIPHER_NULL_SHA1 },
		   { ESP_CBC_SHA1, CIPHER_CBC_SHA1 },
		   { ESP_GCM, CIPHER_GCM },
		   { ESP_GMAC, CIPHER_GCM } };

static struct cipher *cipher;
static alignas(CIPHER_LINE) uint8_t key_space[CIPHER_LINE + CIPHER_CBC_STATE];
static struct cipher_key *theirs = (struct cipher_key *)key_space;
static uint32_t *seq; /* [null_opt.n] */
static uint32_t gen;
static size_t which; /* of transforms */

static struct ip_addr phone_ip(uint32_t i)
{
	return null_ip(false, NET + (i * 2654435761u >> 8));
}

static struct ctl_sid phone_id(uint32_t i)
{
	return (struct ctl_sid){ i, gen };
}

static void phones_install(struct worker *w)
{
	const struct cipher_secret s = { key, sizeof(key),
					 transforms[which].alg == CIPHER_GCM ? NULL : mac };

	gen++;
	memcpy(theirs->salt, salt, sizeof(salt));
	if (!cipher_key_set(cipher, theirs, transforms[which].alg, true, &s))
		rte_exit(1, "bench_esp: no key\n");
	for (uint32_t i = 0; i < null_opt.n; i++) {
		struct cmd_ipsec_set c = {
			.s = { .id = phone_id(i),
			       .expiry = UINT32_MAX,
			       .transform = (uint8_t)transforms[which].t,
			       .window = 64,
			       .local = null_ip(false, NULL_OWN),
			       .outer = { phone_ip(i), { { 0, 0 } } },
			       .inner = phone_ip(i),
			       .n_lanes = 1,
			       .lane = { { .spi_in = ctl_ipsec_spi(0, phone_id(i), 0),
					   .spi_out = 4096 + i,
					   .local = be16_make(SERVER),
					   .remote = be16_make(PHONE_PORT) } } },
		};

		memcpy(c.key, key, sizeof(c.key));
		memcpy(c.mac, mac, sizeof(c.mac));
		memcpy(c.salt, salt, sizeof(c.salt));
		seq[i] = 0;
		if (!ipsec_set(w, &c))
			rte_exit(1, "bench_esp: phone %u refused\n", i);
	}
}

/* ---- packets that come ---- */

static void indication(uint8_t stun[STUN_HDR_LEN])
{
	memset(stun, 0, STUN_HDR_LEN);
	memcpy(stun, be16_make(stun_type(STUN_BINDING, STUN_INDICATION)).b, 2);
	memcpy(stun + 2, be16_make((uint16_t)(null_opt.payload - STUN_HDR_LEN)).b, 2);
	memcpy(stun + 4, be32_make(STUN_MAGIC).b, 4);
}

static void fill_clear(struct worker *w, struct rte_mbuf **m, void *arg)
{
	uint8_t stun[STUN_HDR_LEN];

	(void)arg;
	indication(stun);
	for (uint32_t i = 0; i < BURST; i++) {
		const struct sock_addr src = { phone_ip((uint32_t)rte_rand_max(null_opt.n)),
					       be16_make(PHONE_PORT) };
		const struct sock_addr dst = { null_ip(false, NULL_OWN), be16_make(CLEAR) };

		null_frame(w, m[i], &src, &dst, stun, sizeof(stun), null_opt.payload);
	}
}

/* What the phone does: ESP around what stands behind the IP header, as dp/ipsec does it. */
static void esp_around(struct rte_mbuf *m, uint32_t phone)
{
	const enum esp_transform t = transforms[which].t;
	const struct esp_transform_desc *d = &esp_transform_desc[t];
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, RTE_ETHER_HDR_LEN);
	const uint16_t len = (uint16_t)(m->data_len - RTE_ETHER_HDR_LEN - IPV4_HDR);
	const uint16_t esp = (uint16_t)esp_len(t, len), before = ESP_HDR + d->iv;
	struct ipv4 *h = (struct ipv4 *)ip;
	uint8_t iv[ESP_IV_MAX] = { 0 }, *p = ip + IPV4_HDR;
	struct cipher_op op = { .key = theirs };
	struct esp_packet at;
	uint16_t csum;

	if (!rte_pktmbuf_append(m, (uint16_t)(esp - len)))
		rte_exit(1, "bench_esp: no room\n");
	memmove(p + before, p, len);
	seq[phone]++;
	memcpy(iv, &seq[phone], sizeof(seq[phone]));
	esp_frame(t, p, esp, ctl_ipsec_spi(0, phone_id(phone), 0), seq[phone], iv, len,
		  IPPROTO_UDP);
	esp_parse(t, p, esp, &at);
	op.text = p + at.text_at;
	op.text_len = t == ESP_CBC_SHA1 || t == ESP_GCM ? at.text_len : 0;
	op.auth = p;
	op.auth_len = t == ESP_GCM ? ESP_HDR : at.tag_at;
	op.tag_len = d->tag;
	if (theirs->alg == CIPHER_GCM) {
		memcpy(op.iv, salt, sizeof(salt));
		memcpy(op.iv + sizeof(salt), iv, 8);
	} else {
		memcpy(op.iv, iv, sizeof(iv));
	}
	cipher_seal(cipher, &op, 1);
	memcpy(p + at.tag_at, op.tag, d->tag);
	h->proto = IPPROTO_ESP;
	h->len = be16_make((uint16_t)(IPV4_HDR + esp));
	memset(h->csum, 0, sizeof(h->csum));
	csum = csum_field(csum_words(0, h, IPV4_HDR / 4));
	memcpy(h->csum, &csum, sizeof(csum));
}

static void fill_esp(struct worker *w, struct rte_mbuf **m, void *arg)
{
	uint8_t stun[STUN_HDR_LEN];

	(void)arg;
	indication(stun);
	for (uint32_t i = 0; i < BURST; i++) {
		const uint32_t phone = (uint32_t)rte_rand_max(null_opt.n);
		const struct sock_addr src = { phone_ip(phone), be16_make(PHONE_PORT) };
		const struct sock_addr dst = { null_ip(false, NULL_OWN), be16_make(SERVER) };

		null_frame(w, m[i], &src, &dst, stun, sizeof(stun), null_opt.payload);
		esp_around(m[i], phone);
	}
}

/* ---- packets that go, and the cipher alone ---- */

static int cycles_cmp(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static double median(uint64_t *cycles)
{
	qsort(cycles, null_opt.rounds, sizeof(*cycles), cycles_cmp);
	return (double)cycles[null_opt.rounds / 2] / BURST;
}

/* port: ours, which decides whether it is sealed. */
static double out(struct worker *w, struct null_times *t, uint16_t port)
{
	const struct sock_addr src = { null_ip(false, NULL_OWN), be16_make(port) };

	for (uint32_t r = 0; r < null_opt.rounds; r++) {
		struct sock_addr dst[BURST];
		uint64_t begin;

		for (uint32_t i = 0; i < BURST; i++)
			dst[i] = (struct sock_addr){ phone_ip((uint32_t)rte_rand_max(null_opt.n)),
						     be16_make(port == SERVER ? PHONE_PORT : 9) };
		begin = rte_rdtsc_precise();
		for (uint32_t i = 0; i < BURST; i++) {
			struct rte_mbuf *m = pkt_make(w);

			if (!m || !rte_pktmbuf_append(m, null_opt.payload))
				rte_exit(1, "bench_esp: out of packet buffers\n");
			udp_send(w, m, &src, &dst[i], 0);
		}
		ipsec_flush(w);
		tx_flush(w);
		t->cycles[r] = rte_rdtsc_precise() - begin;
	}
	return median(t->cycles);
}

static double cipher_alone(struct null_times *t)
{
	static uint8_t text[BURST][ROOM];
	const enum esp_transform e = transforms[which].t;
	const uint32_t len =
	    (uint32_t)esp_len(e, null_opt.payload + UDP_HDR) - esp_transform_desc[e].tag;
	const uint32_t at = ESP_HDR + esp_transform_desc[e].iv;
	struct cipher_op op[BURST];

	for (uint32_t r = 0; r < null_opt.rounds; r++) {
		uint64_t begin;

		for (uint32_t i = 0; i < BURST; i++)
			op[i] = (struct cipher_op){
				.key = theirs,
				.text = text[i] + at,
				.text_len = e == ESP_CBC_SHA1 || e == ESP_GCM ? len - at : 0,
				.auth = text[i],
				.auth_len = e == ESP_GCM ? ESP_HDR : len,
				.tag_len = esp_transform_desc[e].tag,
			};
		begin = rte_rdtsc_precise();
		cipher_seal(cipher, op, BURST);
		t->cycles[r] = rte_rdtsc_precise() - begin;
	}
	return median(t->cycles);
}

/* ---- all of it ---- */

static void config_fill(void)
{
	struct config_ipsec *c = &null_conf.ipsec;

	null_config(1);
	c->addr[c->n_addr++] = null_ip(false, NULL_OWN);
	c->udp_port = 4500;
	c->server_port = SERVER;
	c->client_port = CLIENT;
	c->phones = null_opt.n;
	for (uint16_t i = 0; i < 2; i++)
		null_conf.listener[null_conf.n_listener++] =
		    (struct config_listener){ .addr = { null_ip(false, NULL_OWN),
							be16_make(i ? CLEAR : SERVER) },
					      .transport = TRANSPORT_UDP };
}

static bool option_take(int opt, const char *arg)
{
	(void)opt;
	(void)arg;
	return false;
}

int main(int argc, char **argv)
{
	struct null_times t;
	struct worker *w;

	null_options(argc, argv, "", option_take, "");
	null_eal("bench_esp", 1);
	config_fill();
	null_start();
	null_times_alloc(&t);
	w = null_dp.worker[0];
	cipher = cipher_create(NULL);
	seq = calloc(null_opt.n, sizeof(*seq));
	if (!cipher || !seq)
		rte_exit(1, "bench_esp: no memory\n");
	printf("{\"phones\": %u, \"payload\": %u, \"cipher\": \"%s\"", null_opt.n, null_opt.payload,
	       cipher_backend(cipher));
	for (which = 0; which < RTE_DIM(transforms); which++) {
		phones_install(w);
		if (which == 0)
			printf(", \"clear\": {\"in\": %.0f, \"out\": %.0f}",
			       cycles_per_packet(w, w, &t, fill_clear, NULL, CNT_CONSUMED),
			       out(w, &t, CLEAR));
		printf(", \"%s\": {\"in\": %.0f, ", esp_transform_desc[transforms[which].t].name,
		       cycles_per_packet(w, w, &t, fill_esp, NULL, CNT_ESP_IN));
		printf("\"out\": %.0f, \"cipher\": %.0f}", out(w, &t, SERVER), cipher_alone(&t));
	}
	puts("}");
	return 0;
}
