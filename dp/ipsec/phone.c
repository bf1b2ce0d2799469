/* SPDX-License-Identifier: BSD-3-Clause */
#include "ipsec_int.h"
#include "../boundary.h"
#include "../snapshot.h"
#include "../net/ip.h"
#include "../net/neigh.h"
#include "../../lib/bug.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <rte_jhash.h>
#include <rte_malloc.h>
#include <rte_random.h>

enum { ROUND_MS = 1024, SPARE_KEYS = 64 };

/* ---- life ---- */

static struct rte_hash *to_create(const struct worker *w, uint32_t phones)
{
	char name[RTE_HASH_NAMESIZE];
	struct rte_hash_parameters p = { .name = name,
					 .entries = 2 * phones + SPARE_KEYS,
					 .socket_id = SOCKET_ID_ANY,
					 .key_len = sizeof(struct ipsec_to),
					 .hash_func = rte_jhash,
					 .hash_func_init_val = (uint32_t)rte_rand(),
					 .extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE };

	snprintf(name, sizeof(name), "phones%u", w->id);
	return rte_hash_create(&p);
}

bool ipsec_create(struct worker *w, char *err, size_t errlen)
{
	const struct config_ipsec *c = &w->dp->conf->ipsec;
	struct ipsec *x;

	if (c->n_addr == 0)
		return true;
	w->ipsec = x = rte_zmalloc("ipsec", sizeof(*x), RTE_CACHE_LINE_SIZE);
	if (x) {
		x->max = c->phones;
		x->phone = rte_zmalloc("phones", sizeof(*x->phone) * x->max, RTE_CACHE_LINE_SIZE);
		x->to = to_create(w, x->max);
		x->cipher = cipher_create(NULL);
	}
	if (x && x->phone && x->to && x->cipher &&
	    RAND_bytes((uint8_t *)&x->iv_key, sizeof(x->iv_key)) == 1) {
		neigh_gate(w, ipsec_output);
		return true;
	}
	snprintf(err, errlen,
		 "%s: dataplane.memory-mb: too small for %u phones with IPsec on each worker",
		 w->dp->conf->file, c->phones);
	return false;
}

void ipsec_destroy(struct worker *w)
{
	struct ipsec *x = w->ipsec;

	if (!x)
		return;
	for (uint16_t i = 0; i < x->n_out; i++)
		rte_pktmbuf_free(x->out[i].m);
	cipher_free(x->cipher);
	rte_hash_free(x->to);
	if (x->phone)
		OPENSSL_cleanse(x->phone, sizeof(*x->phone) * x->max);
	rte_free(x->phone);
	rte_free(x);
	w->ipsec = NULL;
}

/* ---- who goes where ---- */

static struct ipsec_to to_key(const struct ip_addr *ip, struct be16 port)
{
	return (struct ipsec_to){ .ip = *ip, .port = port };
}

static uint32_t slot_of(const struct ipsec *x, const struct ipsec_phone *p)
{
	return (uint32_t)(p - x->phone);
}

/* IPSEC_NONE: nobody. */
static uint32_t to_find(const struct ipsec *x, const struct ip_addr *ip, struct be16 port)
{
	const struct ipsec_to k = to_key(ip, port);
	void *data;

	return rte_hash_lookup_data(x->to, &k, &data) < 0 ? IPSEC_NONE : (uint32_t)(uintptr_t)data;
}

struct ipsec_phone *ipsec_by_remote(struct worker *w, const struct ip_addr *ip, struct be16 port,
				    uint32_t *lane)
{
	struct ipsec *x = w->ipsec;
	uint32_t at = to_find(x, ip, port);

	if (at == IPSEC_NONE && be16_get(port))
		at = to_find(x, ip, be16_make(0));
	if (at == IPSEC_NONE)
		return NULL;
	*lane = at & 1;
	ipsec_prefetch(&x->phone[at >> 1]);
	return &x->phone[at >> 1];
}

struct ipsec_phone *ipsec_by_spi(struct worker *w, uint32_t spi, uint32_t *lane)
{
	const uint32_t slot = ctl_ipsec_spi_slot(spi);
	struct ipsec_phone *p;

	*lane = spi & 1;
	if (slot >= w->ipsec->max)
		return NULL;
	p = &w->ipsec->phone[slot];
	return ipsec_lives(w, p) && *lane < p->n_lanes && p->lane[*lane].spi_in == spi ? p : NULL;
}

/* Those of another set give way only with `claim`. */
static void to_add(struct ipsec *x, const struct ipsec_phone *p, bool claim)
{
	for (uint32_t i = 0; i < p->n_lanes; i++) {
		const struct ipsec_to k = to_key(&p->inner, p->lane[i].remote);

		if (claim || to_find(x, &k.ip, k.port) == IPSEC_NONE)
			WARN_ON(rte_hash_add_key_data(
				    x->to, &k, (void *)(uintptr_t)(slot_of(x, p) << 1 | i)) != 0);
	}
}

static void to_del(struct ipsec *x, const struct ipsec_phone *p)
{
	for (uint32_t i = 0; i < p->n_lanes; i++) {
		const struct ipsec_to k = to_key(&p->inner, p->lane[i].remote);

		if (to_find(x, &k.ip, k.port) == (slot_of(x, p) << 1 | i))
			rte_hash_del_key(x->to, &k);
	}
}

void ipsec_claim(struct worker *w, struct ipsec_phone *p)
{
	p->used = true;
	to_add(w->ipsec, p, true);
}

/* ---- events ---- */

static void evt_fill(const struct worker *w, const struct ipsec_phone *p, struct evt_ipsec *e)
{
	struct ctl_ipsec *s = &e->s;
	uint64_t seq = 0;

	s->id = (struct ctl_sid){ slot_of(w->ipsec, p), p->gen };
	s->user = p->user;
	s->expiry = p->expiry;
	s->flags = p->flags;
	s->transform = p->transform;
	s->window = (uint16_t)p->lane[0].window.size;
	s->local = p->local;
	s->outer = p->outer;
	s->inner = p->inner;
	s->n_lanes = p->n_lanes;
	for (uint32_t i = 0; i < p->n_lanes; i++) {
		const struct ipsec_lane *l = &p->lane[i];

		s->lane[i] = (struct ctl_ipsec_lane){ l->spi_in, l->spi_out, l->local, l->remote };
		seq = RTE_MAX(seq, l->seq);
	}
	e->seq = (uint32_t)RTE_MIN(seq, (uint64_t)UINT32_MAX);
	e->silent_s = p->used ? w->now - p->heard_s : UINT32_MAX;
	e->packets_in = p->packets_in;
	e->bytes_in = p->bytes_in;
	e->packets_out = p->packets_out;
	e->bytes_out = p->bytes_out;
	e->dropped = p->dropped;
}

/* In a slot for events, which may be NULL: false then. */
static bool tell(struct worker *w, const struct ipsec_phone *p, void *slot,
		 enum ctl_ipsec_event what, uint32_t seq)
{
	struct evt_ipsec e = { .hdr = { EVT_IPSEC, sizeof(e), seq }, .what = (uint16_t)what };

	if (!slot)
		return false;
	evt_fill(w, p, &e);
	memcpy(slot, &e, sizeof(e));
	evt_publish(w);
	return true;
}

static bool refuse(struct worker *w, const struct cmd_ipsec_set *c, enum ctl_refusal why)
{
	struct evt_ipsec e = { .hdr = { EVT_IPSEC, sizeof(e), c->hdr.seq },
			       .s = c->s,
			       .what = IPSEC_REFUSED,
			       .why = (uint16_t)why };
	void *slot = evt_answer(w);

	if (slot) {
		memcpy(slot, &e, sizeof(e));
		evt_publish(w);
	}
	return false;
}

uint32_t ipsec_slots(const struct worker *w)
{
	return w->ipsec ? w->ipsec->max : 0;
}

bool ipsec_told(struct worker *w, uint32_t slot)
{
	const struct ipsec_phone *p = &w->ipsec->phone[slot];

	return !ipsec_lives(w, p) || tell(w, p, evt_slot(w), IPSEC_TOLD, 0);
}

/* ---- commands ---- */

static bool lanes_ok(const struct worker *w, const struct ctl_ipsec *s)
{
	if (s->n_lanes < 1 || s->n_lanes > CTL_IPSEC_LANES)
		return false;
	for (uint32_t i = 0; i < s->n_lanes; i++)
		if (s->lane[i].spi_in != ctl_ipsec_spi(w->id, s->id, i) ||
		    s->lane[i].spi_out < ESP_SPI_MIN ||
		    (be16_get(s->lane[i].local) == 0) != (be16_get(s->lane[i].remote) == 0))
			return false;
	return s->n_lanes == 1 || be16_get(s->lane[0].remote) != be16_get(s->lane[1].remote);
}

static bool set_ok(const struct worker *w, const struct ctl_ipsec *s)
{
	const struct local_addr *l = dplane_local(w->dp, &s->local);
	const bool udp = s->flags & CTL_IPSEC_UDP, tunnel = s->flags & CTL_IPSEC_TUNNEL;

	return s->id.gen && s->transform < ESP_TRANSFORMS && l && l->ipsec &&
	       ip_is_v4(&s->local) == ip_is_v4(&s->outer.ip) &&
	       (tunnel || ip_eq(&s->inner, &s->outer.ip)) &&
	       (udp || be16_get(s->outer.port) == 0) && !ip_is_unspecified(&s->outer.ip) &&
	       !dplane_local(w->dp, &s->outer.ip) && !dplane_local(w->dp, &s->inner) &&
	       ctl_ipsec_worker(&s->inner, w->dp->n_workers) == w->id &&
	       /* The number's upper half stands between other bytes there (RFC 4543 3.3). */
	       !(s->flags & CTL_IPSEC_ESN && s->transform == ESP_GMAC) && lanes_ok(w, s);
}

static void phone_clear(struct worker *w, struct ipsec_phone *p)
{
	ipsec_flush(w); /* what is to be sealed points to it */
	to_del(w->ipsec, p);
	OPENSSL_cleanse(p, sizeof(*p));
	count_down(w, CNT_ESP_SETS);
	w->ipsec->n--;
}

static bool keys_set(struct ipsec *x, struct ipsec_phone *p, const struct cmd_ipsec_set *c)
{
	static const enum cipher_alg alg[ESP_TRANSFORMS] = {
		[ESP_NULL_SHA1] = CIPHER_NULL_SHA1,
		[ESP_CBC_SHA1] = CIPHER_CBC_SHA1,
		[ESP_GCM] = CIPHER_GCM,
		[ESP_GMAC] = CIPHER_GCM,
	};
	const enum cipher_alg a = alg[p->transform];
	const struct cipher_secret s = { c->key, sizeof(c->key), a == CIPHER_GCM ? NULL : c->mac };

	memcpy(ipsec_key(p)->salt, c->salt, sizeof(c->salt));
	return cipher_key_set(x->cipher, ipsec_key(p), a, true, &s) &&
	       RAND_bytes((uint8_t *)&p->iv, sizeof(p->iv)) == 1;
}

/* A phone that is not there yet. */
static bool phone_make(struct worker *w, struct ipsec_phone *p, const struct cmd_ipsec_set *c)
{
	const struct ctl_ipsec *s = &c->s;

	p->transform = s->transform;
	if (!keys_set(w->ipsec, p, c)) {
		OPENSSL_cleanse(p, sizeof(*p));
		return false;
	}
	p->gen = s->id.gen;
	p->user = s->user;
	p->flags = (uint16_t)(s->flags & ~(uint32_t)(CTL_IPSEC_KEPT | CTL_IPSEC_CURRENT));
	p->n_lanes = (uint8_t)s->n_lanes;
	p->local = s->local;
	p->inner = s->inner;
	p->outer = s->outer;
	p->sent_s = w->now;
	for (uint32_t i = 0; i < s->n_lanes; i++) {
		struct ipsec_lane *l = &p->lane[i];

		*l = (struct ipsec_lane){ .seq = c->seq,
					  .spi_in = s->lane[i].spi_in,
					  .spi_out = s->lane[i].spi_out,
					  .local = s->lane[i].local,
					  .remote = s->lane[i].remote };
		esp_window_init(&l->window, s->window, s->flags & CTL_IPSEC_ESN);
	}
	count(w, CNT_ESP_SETS);
	w->ipsec->n++;
	return true;
}

bool ipsec_set(struct worker *w, const struct cmd_ipsec_set *c)
{
	struct ipsec *x = w->ipsec;
	struct ipsec_phone *p;

	if (!x || c->s.id.slot >= x->max)
		return refuse(w, c, REFUSED_FULL);
	if (!set_ok(w, &c->s))
		return refuse(w, c, REFUSED_BAD);
	p = &x->phone[c->s.id.slot];
	if (p->gen != c->s.id.gen) {
		if (c->s.flags & CTL_IPSEC_KEPT)
			return refuse(w, c, REFUSED_GONE);
		if (p->gen)
			phone_clear(w, p);
		if (!phone_make(w, p, c))
			return refuse(w, c, REFUSED_FULL);
	}
	/* Also one that stood behind another, which has gone. */
	to_add(x, p, c->s.flags & CTL_IPSEC_CURRENT);
	/* What may change, and what was learnt stays. */
	p->expiry = c->s.expiry;
	p->epoch = w->sync_epoch;
	return true;
}

static struct ipsec_phone *phone_find(struct worker *w, struct ctl_sid id)
{
	struct ipsec_phone *p;

	if (!w->ipsec || id.slot >= w->ipsec->max || id.gen == 0)
		return NULL;
	p = &w->ipsec->phone[id.slot];
	return p->gen == id.gen ? p : NULL;
}

/* One that is gone has no more to say than that. */
static bool answer(struct worker *w, const struct cmd_ipsec *c, const struct ipsec_phone *p)
{
	const struct cmd_ipsec_set none = { .hdr = c->hdr, .s.id = c->id };

	return p ? tell(w, p, evt_answer(w), IPSEC_STATS, c->hdr.seq)
		 : refuse(w, &none, REFUSED_GONE);
}

bool ipsec_audit(struct worker *w, const struct cmd_ipsec *c)
{
	return answer(w, c, phone_find(w, c->id));
}

bool ipsec_del(struct worker *w, const struct cmd_ipsec *c)
{
	struct ipsec_phone *p = phone_find(w, c->id);
	const bool done = answer(w, c, p);

	if (p)
		phone_clear(w, p);
	return done;
}

void ipsec_sync_begin(struct worker *w)
{
	if (w->ipsec)
		w->ipsec->sweep = 0;
}

void ipsec_sync_end(struct worker *w)
{
	if (w->ipsec)
		w->ipsec->sweep = w->ipsec->max;
}

/* ---- now and then ---- */

/* RFC 3948 2.3: a byte, from and to the ports of ESP in UDP. */
static void keepalive(struct worker *w, struct ipsec_phone *p)
{
	const struct sock_addr src = { p->local, be16_make(w->dp->conf->ipsec.udp_port) };
	struct rte_mbuf *m = pkt_make(w);
	uint8_t *byte;

	p->sent_s = w->now;
	if (!m)
		return;
	byte = (uint8_t *)rte_pktmbuf_append(m, 1);
	*byte = ESP_KEEPALIVE;
	count(w, CNT_ESP_KEPT_ALIVE);
	if (udp_write(w, m, &src, &p->outer, 0, false) == DROP_NONE)
		ipsec_plain(w, m, &src.ip, &p->outer.ip, &p->nh, false);
	else
		pkt_drop(w, m, DROP_NO_MBUF);
}

static void tell_due(struct worker *w, struct ipsec_phone *p)
{
	if (p->used && !p->told_used)
		p->told_used = tell(w, p, evt_slot(w), IPSEC_USED, 0);
	if (p->moved)
		p->moved = !tell(w, p, evt_slot(w), IPSEC_MOVED, 0);
	if (p->spent == SPENT_TELL && tell(w, p, evt_slot(w), IPSEC_SPENT, 0))
		p->spent = SPENT_TOLD;
}

static void phone_tick(struct worker *w, struct ipsec_phone *p)
{
	const uint32_t every = snapshot_conf(w->dp)->ipsec.keepalive;
	const bool unnamed = w->ipsec->sweep && p->epoch != w->sync_epoch;

	if (!p->gen)
		return;
	if (p->expiry <= w->now || unnamed) {
		phone_clear(w, p);
		return;
	}
	tell_due(w, p);
	if (every && p->flags & CTL_IPSEC_UDP && be16_get(p->outer.port) &&
	    w->now - p->sent_s >= every)
		keepalive(w, p);
}

void ipsec_tick(struct worker *w)
{
	struct ipsec *x = w->ipsec;

	if (likely(!x || x->n == 0 || x->tick_ms == w->now_ms))
		return;
	x->tick_ms = w->now_ms;
	for (uint32_t i = 0; i <= x->max / ROUND_MS; i++) {
		phone_tick(w, &x->phone[x->tick_at]);
		x->tick_at = x->tick_at + 1 < x->max ? x->tick_at + 1 : 0;
		x->sweep -= x->sweep != 0;
	}
}
