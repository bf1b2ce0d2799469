/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * STUN messages. What is parsed lies inside the message, and a message built from what was parsed
 * parses to the same. An input whose header, length or fingerprint is wrong is put right and
 * tried again, so that the attributes behind it are reached.
 */
#include "tests/world/stun_attrs.h"
#include "must.h"

#include <stdlib.h>

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_value(const struct stun_msg *m, struct stun_val v)
{
	if (v.val)
		must(v.val >= m->base + STUN_HDR_LEN + STUN_ATTR_HDR_LEN &&
		     v.val + v.len <= m->base + m->len);
}

static bool same(struct stun_val a, struct stun_val b)
{
	if (!a.val || !b.val)
		return !a.val && !b.val;
	return a.len == b.len && memcmp(a.val, b.val, a.len) == 0;
}

static void check_integrity(const struct stun_msg *m, struct stun_val v)
{
	uint8_t hdr[STUN_HDR_LEN];
	const uint8_t *body;
	size_t len;

	must(stun_integrity_input(m, &v, hdr, &body, &len) == (v.val != NULL));
	if (v.val)
		must(body + len + STUN_ATTR_HDR_LEN == v.val);
}

/* Each getter, on each value: none may read outside, and what it says holds together. */
static void read_value(const struct stun_msg *m, struct stun_val v)
{
	struct sock_addr a;
	uint32_t u;
	int code = stun_get_error(&v);

	must(code == 0 || (code >= 300 && code <= 699));
	must(stun_get_u32(&v, &u) == (v.val && v.len == 4));
	if (stun_get_xor_addr(m, &v, &a))
		must(ip_is_v4(&a.ip) == (v.len == 8));
}

static void check(const struct stun_msg *m)
{
	must(m->len >= STUN_HDR_LEN && m->len % 4 == 0 && m->tid == m->base + 8);
	must(m->n_xor_peer <= STUN_PEERS_MAX && m->n_unknown <= STUN_UNKNOWN_MAX);
	must(!m->too_many_peers || m->n_xor_peer == STUN_PEERS_MAX);
	for (size_t i = 0; i < N_OF(stun_attrs); i++) {
		check_value(m, stun_attr_get(m, &stun_attrs[i]));
		read_value(m, stun_attr_get(m, &stun_attrs[i]));
	}
	for (size_t i = 0; i < m->n_xor_peer; i++) {
		check_value(m, m->xor_peer[i]);
		read_value(m, m->xor_peer[i]);
	}
	for (size_t i = 0; i < m->n_unknown; i++)
		must(m->unknown[i] < 0x8000);
	must((m->n_relayed >= 1) == (m->xor_relayed.val != NULL));
	must((m->n_relayed >= 2) == (m->xor_relayed2.val != NULL));
	check_value(m, m->xor_relayed);
	check_value(m, m->xor_relayed2);
	check_integrity(m, m->integrity);
	check_integrity(m, m->integrity256);
}

static void put(struct stun_builder *b, uint16_t type, struct stun_val v)
{
	if (v.val)
		stun_put(b, type, v.val, v.len);
}

static bool is_integrity(uint16_t type)
{
	return type == STUN_ATTR_MESSAGE_INTEGRITY || type == STUN_ATTR_MESSAGE_INTEGRITY_SHA256;
}

static size_t rebuild(const struct stun_msg *m, uint8_t *buf, size_t cap)
{
	struct stun_builder b;

	stun_begin_reply(&b, buf, cap, m, m->cls);
	for (size_t i = 0; i < N_OF(stun_attrs); i++)
		if (!is_integrity(stun_attrs[i].type))
			put(&b, stun_attrs[i].type, stun_attr_get(m, &stun_attrs[i]));
	for (size_t i = 0; i < m->n_xor_peer; i++)
		put(&b, STUN_ATTR_XOR_PEER_ADDRESS, m->xor_peer[i]);
	put(&b, STUN_ATTR_XOR_RELAYED_ADDRESS, m->xor_relayed);
	put(&b, STUN_ATTR_XOR_RELAYED_ADDRESS, m->xor_relayed2);
	for (size_t i = 0; i < m->n_unknown; i++)
		stun_put(&b, m->unknown[i], NULL, 0);
	put(&b, STUN_ATTR_MESSAGE_INTEGRITY, m->integrity);
	put(&b, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, m->integrity256);
	if (m->fingerprint.val)
		stun_put_fingerprint(&b);
	return stun_end(&b);
}

/* What counts is never more than what there was, but for a second name of the same attribute. */
static void check_rebuild(const struct stun_msg *m)
{
	enum { CAP = 2 * 65536 };
	uint8_t *buf = malloc(CAP), *tight;
	size_t len = rebuild(m, buf, CAP);
	struct stun_msg n;

	if (len == 0) { /* a copy under the second name made it longer than a message may be */
		free(buf);
		return;
	}
	must(stun_parse(&n, buf, len) == STUN_OK);
	check(&n);
	must(n.method == m->method && n.cls == m->cls && memcmp(n.tid, m->tid, STUN_TID_LEN) == 0);
	for (size_t i = 0; i < N_OF(stun_attrs); i++)
		must(same(stun_attr_get(&n, &stun_attrs[i]), stun_attr_get(m, &stun_attrs[i])));
	must(n.n_xor_peer == m->n_xor_peer);
	for (size_t i = 0; i < m->n_xor_peer; i++)
		must(same(n.xor_peer[i], m->xor_peer[i]));
	must(same(n.xor_relayed, m->xor_relayed) && same(n.xor_relayed2, m->xor_relayed2));
	must(n.n_unknown == m->n_unknown);
	must(memcmp(n.unknown, m->unknown, m->n_unknown * sizeof(m->unknown[0])) == 0);
	must((n.fingerprint.val != NULL) == (m->fingerprint.val != NULL));

	tight = malloc(len); /* one byte short: says so, and stays inside */
	must(rebuild(m, tight, len - 1) == 0);
	must(rebuild(m, tight, len) == len);
	must(memcmp(tight, buf, len) == 0);
	free(tight);
	free(buf);
}

static void put_be(uint8_t *p, uint32_t v, int n)
{
	for (int i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> 8 * (n - 1 - i));
}

/* Puts right what a mutation hardly ever does. */
static size_t repair(uint8_t *p, size_t len)
{
	static const uint8_t fingerprint[4] = { 0x80, 0x28, 0x00, 0x04 };

	len &= ~(size_t)3;
	p[0] &= 0x3f;
	put_be(p + 2, (uint32_t)(len - STUN_HDR_LEN), 2);
	put_be(p + 4, STUN_MAGIC, 4);
	if (len >= STUN_HDR_LEN + 8 && memcmp(p + len - 8, fingerprint, 4) == 0)
		put_be(p + len - 4, stun_crc32(0, p, len - 8) ^ STUN_FINGERPRINT_XOR, 4);
	return len;
}

static enum stun_err try(const uint8_t *p, size_t len)
{
	struct stun_msg m;
	enum stun_err err = stun_parse(&m, p, len);

	if (err == STUN_OK) {
		must(stun_looks_like(p));
		check(&m);
		check_rebuild(&m);
	}
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size > 65535)
		return -1;
	if (try(data, size) == STUN_OK || size < STUN_HDR_LEN)
		return 0;
	copy = malloc(size);
	memcpy(copy, data, size);
	try(copy, repair(copy, size));
	free(copy);
	return 0;
}
