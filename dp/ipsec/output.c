/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What goes out from addresses with ipsec: to a phone by ESP (RFC 4303 3.3), sealed for a turn at
 * once; what is to nobody who has associations goes as it is, if it may.
 */
#include "ipsec_int.h"
#include "../net/ip.h"
#include "../net/neigh.h"
#include "../tx.h"

#include <netinet/in.h>

/* ---- what goes as it is ---- */

void ipsec_plain(struct worker *w, struct rte_mbuf *m, const struct ip_addr *src,
		 const struct ip_addr *dst, uint32_t *nh, bool df)
{
	enum drop why;
	struct neigh *n = neigh_beyond(w, src, dst, nh, &why);

	if (unlikely(!n))
		pkt_drop(w, m, why);
	else
		ip_send(w, n, m, df);
}

/* ---- what is sealed ---- */

void ipsec_op(struct cipher_op *op, struct ipsec_phone *phone, uint8_t *p,
	      const struct esp_packet *at, uint64_t seq, uint8_t aad[12])
{
	const bool esn = phone->flags & CTL_IPSEC_ESN;
	const struct be32 high = be32_make((uint32_t)(seq >> 32));

	op->key = ipsec_key(phone);
	op->text = p + at->text_at;
	op->text_len = at->text_len;
	op->auth = p;
	op->auth_len = at->tag_at;
	op->tag_len = esp_transform_desc[phone->transform].tag;
	switch ((enum esp_transform)phone->transform) {
	case ESP_CBC_SHA1:
		memcpy(op->iv, p + ESP_HDR, CIPHER_BLOCK);
		/* fall through */
	case ESP_NULL_SHA1:
		if (phone->transform == ESP_NULL_SHA1)
			op->text_len = 0;
		if (esn) { /* behind all else, and not sent (RFC 4303 2.2.1) */
			memcpy(p + at->tag_at, high.b, sizeof(high.b));
			op->auth_len += sizeof(high.b);
		}
		break;
	case ESP_GMAC:
		op->text_len = 0; /* all of it is beside the text (RFC 4543 3) */
		break;
	case ESP_GCM:
		op->auth_len = ESP_HDR;
		if (esn) { /* RFC 4106 5 */
			memcpy(aad, p, 4);
			memcpy(aad + 4, high.b, sizeof(high.b));
			memcpy(aad + 8, p + 4, 4);
			op->auth = aad;
			op->auth_len = 12;
		}
		break;
	case ESP_TRANSFORMS:
		break;
	}
	if (op->key->alg == CIPHER_GCM) {
		memcpy(op->iv, op->key->salt, CTL_IPSEC_SALT);
		memcpy(op->iv + CTL_IPSEC_SALT, p + ESP_HDR, 8);
	}
}

/*
 * Of CBC nobody can foretell it (RFC 3602 2.1). Of AES-GCM and GMAC it never comes again with this
 * key, which both directions and all associations of a phone share (RFC 4106 3.1): it counts on
 * from a random number of 64 bits, and so does, or may, the other side.
 */
static void iv_next(struct ipsec *x, struct ipsec_phone *phone, uint8_t iv[ESP_IV_MAX])
{
	uint64_t v[2], count[2] = { x->iv_count, 0 };

	if (ipsec_key(phone)->alg == CIPHER_GCM) {
		v[0] = phone->iv++;
		v[1] = 0;
	} else {
		x->iv_count++;
		v[0] = siphash(&x->iv_key, count, sizeof(count));
		count[1] = 1;
		v[1] = siphash(&x->iv_key, count, sizeof(count));
	}
	memcpy(iv, v, sizeof(v));
}

/* One buffer of ours alone, which may be written to. NULL: m is gone. */
static struct rte_mbuf *own_buffer(struct worker *w, struct rte_mbuf *m)
{
	struct rte_mbuf *c;

	if (likely(m->nb_segs == 1 && RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1))
		return m;
	c = rte_pktmbuf_copy(m, w->pool, 0, UINT32_MAX);
	if (unlikely(!c || c->nb_segs > 1)) {
		rte_pktmbuf_free(c);
		pkt_drop(w, m, DROP_ESP_ROOM);
		return NULL;
	}
	rte_pktmbuf_free(m);
	return c;
}

static void udp_header(uint8_t *h, uint16_t sport, struct be16 dport, uint16_t len)
{
	memcpy(h, be16_make(sport).b, 2);
	memcpy(h + 2, dport.b, 2);
	memcpy(h + 4, be16_make(len).b, 2);
	memset(h + 6, 0, 2); /* of IPv4 it stays so (RFC 3948 2.1) */
}

/*
 * Makes ESP of m, all but what the cipher does: in transport mode the header inside moves to the
 * front, in tunnel mode another stands before it. False: no room.
 */
static bool frame(struct worker *w, struct ipsec_out *out, const struct pkt *o,
		  struct ipsec_lane *l)
{
	struct ipsec_phone *phone = out->phone;
	const bool tunnel = phone->flags & CTL_IPSEC_TUNNEL, udp = phone->flags & CTL_IPSEC_UDP;
	const uint16_t skip = tunnel ? 0 : o->l3_len; /* of m, which is not protected */
	const uint16_t payload = (uint16_t)(out->m->pkt_len - skip);
	const size_t esp = esp_len(phone->transform, payload);
	const uint16_t before = ESP_HDR + esp_transform_desc[phone->transform].iv;
	const uint16_t behind = (uint16_t)(esp - before - payload);
	const uint8_t next = !tunnel ? o->proto : o->v6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
	const uint8_t l3_len = ip_hdr_len(&phone->local);
	const uint16_t add = (uint16_t)(l3_len + (udp ? UDP_HDR : 0) + before - skip);
	struct ip_out ip = { .src = &phone->local,
			     .dst = &phone->outer.ip,
			     .len = (uint16_t)(esp + (udp ? UDP_HDR : 0)),
			     .proto = udp ? IPPROTO_UDP : IPPROTO_ESP,
			     .tos = o->tos,
			     .ttl = tunnel ? IP_TTL_OWN : o->ttl,
			     .df = false };
	uint8_t iv[ESP_IV_MAX], *h;

	if (esp + UDP_HDR + l3_len > UINT16_MAX || !rte_pktmbuf_append(out->m, behind))
		return false;
	h = (uint8_t *)rte_pktmbuf_prepend(out->m, add);
	if (!h)
		return false;
	iv_next(w->ipsec, phone, iv);
	ip_write(w, h, &ip);
	h += l3_len;
	if (udp) {
		udp_header(h, w->dp->conf->ipsec.udp_port, phone->outer.port, ip.len);
		h += UDP_HDR;
	}
	out->esp_at = (uint32_t)(h - rte_pktmbuf_mtod(out->m, uint8_t *));
	return esp_frame(phone->transform, h, esp, l->spi_out, l->seq, iv, payload, next) &&
	       esp_parse(phone->transform, h, esp, &out->at);
}

static void seal_later(struct worker *w, struct ipsec_phone *phone, uint32_t lane,
		       struct rte_mbuf *m, const struct pkt *o)
{
	struct ipsec *x = w->ipsec;
	struct ipsec_lane *l = &phone->lane[lane];
	struct ipsec_out *out;
	uint8_t *esp;

	m = own_buffer(w, m);
	if (unlikely(!m))
		return;
	if (unlikely(!esp_seq_next(&l->seq, phone->flags & CTL_IPSEC_ESN))) {
		if (!phone->spent)
			phone->spent = SPENT_TELL;
		pkt_drop(w, m, DROP_ESP_SPENT);
		return;
	}
	out = &x->out[x->n_out];
	*out = (struct ipsec_out){ .m = m, .phone = phone };
	phone->packets_out++;
	phone->bytes_out += m->pkt_len;
	if (unlikely(!frame(w, out, o, l))) {
		pkt_drop(w, m, DROP_ESP_ROOM);
		return;
	}
	esp = rte_pktmbuf_mtod_offset(m, uint8_t *, out->esp_at);
	ipsec_op(&x->op[x->n_out], phone, esp, &out->at, l->seq, out->aad);
	phone->sent_s = w->now;
	if (++x->n_out == TX_BATCH)
		ipsec_flush(w);
}

void ipsec_output(struct worker *w, uint16_t port, struct rte_mbuf *m)
{
	struct ipsec_phone *phone;
	struct pkt o;
	uint32_t owner, lane = 0, nh = NH_NONE;

	if (unlikely(!pkt_head(m))) {
		pkt_drop(w, m, DROP_ESP_ROOM);
		return;
	}
	pkt_own_read(m, &o);
	owner = ctl_ipsec_worker(&o.dst, w->dp->n_workers);
	if (owner != w->id) {
		handover(w, (uint16_t)owner, m, HANDOVER_IPSEC, port);
		return;
	}
	phone = ipsec_by_remote(w, &o.dst, o.dport, &lane);
	/* Where the NAT has its port is not known before it was heard. */
	if (phone && ipsec_lives(w, phone) &&
	    (phone->flags & CTL_IPSEC_TUNNEL || ip_eq(&phone->local, &o.src)) &&
	    (!(phone->flags & CTL_IPSEC_UDP) || be16_get(phone->outer.port)) &&
	    ipsec_lane_takes(&phone->lane[lane], &o.sport))
		seal_later(w, phone, lane, m, &o);
	else if (unlikely(ipsec_wants(w, o.sport, &o.dst)))
		pkt_drop(w, m, DROP_ESP_NONE);
	else
		ipsec_plain(w, m, &o.src, &o.dst, &nh, o.df);
}

bool ipsec_ends(const struct worker *w, uint32_t slot, struct sock_addr *ours,
		struct sock_addr *theirs)
{
	const struct ipsec_phone *p;

	if (!w->ipsec || slot >= w->ipsec->max)
		return false;
	p = &w->ipsec->phone[slot];
	if (!ipsec_lives(w, p) || p->n_lanes < 2)
		return false;
	*ours = (struct sock_addr){ p->local, p->lane[1].local };
	*theirs = (struct sock_addr){ p->inner, p->lane[1].remote };
	return true;
}

/* ---- the end of a turn ---- */

/* IPv6 wants a checksum (RFC 8200 8.1). */
static void udp_checksum(const struct ipsec_out *out)
{
	const struct ipsec_phone *phone = out->phone;
	uint8_t *h = rte_pktmbuf_mtod_offset(out->m, uint8_t *, out->esp_at - UDP_HDR);
	const uint16_t len = (uint16_t)(out->m->pkt_len - out->esp_at + UDP_HDR);
	uint16_t csum = csum_udp(
	    csum_bytes(csum_pseudo(0, &phone->local, &phone->outer.ip, IPPROTO_UDP, len), h, len));

	memcpy(h + 6, &csum, 2);
}

static void seal_done(struct worker *w, struct ipsec_out *out, const struct cipher_op *op)
{
	struct ipsec_phone *phone = out->phone;
	uint8_t *esp = rte_pktmbuf_mtod_offset(out->m, uint8_t *, out->esp_at);

	if (unlikely(!op->ok)) {
		pkt_drop(w, out->m, DROP_BUG);
		return;
	}
	memcpy(esp + out->at.tag_at, op->tag, esp_transform_desc[phone->transform].tag);
	if (phone->flags & CTL_IPSEC_UDP && !ip_is_v4(&phone->local))
		udp_checksum(out);
	count(w, CNT_ESP_OUT);
	ipsec_plain(w, out->m, &phone->local, &phone->outer.ip, &phone->nh, false);
}

uint32_t ipsec_flush(struct worker *w)
{
	struct ipsec *x = w->ipsec;
	uint16_t n;

	if (likely(!x || x->n_out == 0))
		return 0;
	n = x->n_out;
	cipher_seal(x->cipher, x->op, n);
	for (uint16_t i = 0; i < n; i++)
		seal_done(w, &x->out[i], &x->op[i]);
	x->n_out = 0;
	return n;
}
