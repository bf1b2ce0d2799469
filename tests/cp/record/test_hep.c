/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * HEP3 reports: each chunk, its order where servers rely on it, JSON that is whole whatever the
 * call's name is; nothing of sides that heard nothing; passwords from files.
 */
#include "tests/world/unit.h"
#include "cp/record/hep.h"
#include "cp/record/hep_packet.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct sock_addr at(const char *ip, uint16_t port)
{
	struct sock_addr a = { .port = be16_make(port) };

	assert_true(ip_parse(ip, &a.ip));
	return a;
}

static struct record record_make(const char *call, const char *remote)
{
	struct record r = { .type = RECORD_CONTEXT,
			    .event = RECORD_END,
			    .wall_ms = 1700000000123,
			    .id = 0xabcdef };

	strcpy(r.context.call, call);
	r.context.counted = true;
	for (int i = 0; i < 2; i++) {
		struct record_term *m = &r.context.term[i];

		m->transport = "udp";
		m->remote = at(remote, (uint16_t)(6000 + i));
		m->local = at(remote, 20000);
		m->quality.sources = 1;
		m->quality.ssrc = 7 + (uint32_t)i;
		m->quality.codec = CODEC_PCMA;
		m->quality.lost = 50;
		m->quality.samples = 2;
		m->quality.mean.mos = 412;
		m->quality.last = (struct ctl_heard){ .mos = 412, .loss = 500, .jitter_us = 2000 };
	}
	return r;
}

/* The next chunk's type; *p, *len are its data. */
static uint32_t chunk(struct rd *c, const uint8_t **p, uint32_t *len)
{
	uint32_t type;

	assert_int_equal(rd_u16(c), 0);
	type = rd_u16(c);
	*len = rd_u16(c) - 6u;
	*p = rd_take(c, *len);
	assert_false(c->failed);
	return type;
}

static json_t *look(const struct record *r, uint32_t side, const uint32_t *types, uint32_t n)
{
	uint8_t packet[HEP_PACKET_MAX];
	struct wr w = wr_init(packet, sizeof(packet));
	json_t *json = NULL;
	const uint8_t *p;
	uint32_t len;
	struct rd c;

	assert_true(hep_put(&w, r, side, 77, "secret"));
	c = rd_init(packet, wr_len(&w));
	assert_memory_equal(rd_take(&c, 4), "HEP3", 4);
	assert_int_equal(rd_u16(&c), wr_len(&w));
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(chunk(&c, &p, &len), types[i]);
		if (types[i] == 11)
			assert_int_equal(p[0], 5);
		if (types[i] == 12)
			assert_int_equal(be32_read(p), 77);
		if (types[i] == 9)
			assert_int_equal(be32_read(p), 1700000000);
		if (types[i] == 14)
			assert_memory_equal(p, "secret", len);
		if (types[i] == 17 && *r->context.call)
			assert_memory_equal(p, r->context.call, len);
		if (types[i] == 15)
			json = json_loadb((const char *)p, len, 0, NULL);
	}
	assert_int_equal(rd_left(&c), 0);
	assert_non_null(json);
	return json;
}

static json_int_t block(const json_t *o, const char *key)
{
	return json_integer_value(
	    json_object_get(json_array_get(json_object_get(o, "report_blocks"), 0), key));
}

static void chunks(void **state)
{
	static const uint32_t v4[] = { 1, 2, 3, 4, 7, 8, 9, 10, 11, 12, 14, 17, 15 };
	static const uint32_t v6[] = { 1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 14, 17, 15 };
	struct record r = record_make("call-1", "192.0.2.1");
	json_t *o;

	(void)state;
	o = look(&r, 0, v4, 13);
	assert_int_equal(json_integer_value(json_object_get(o, "ssrc")), 7);
	assert_int_equal(json_integer_value(json_object_get(o, "type")), 201);
	assert_int_equal(block(o, "source_ssrc"), 8);
	assert_int_equal(block(o, "packets_lost"), 50);
	assert_int_equal(block(o, "fraction_lost"), 12);
	assert_int_equal(block(o, "ia_jitter"), 16);
	assert_true(json_real_value(json_object_get(o, "mos")) == 4.12);
	json_decref(o);
	r = record_make("", "2001:db8::1");
	json_decref(look(&r, 1, v6, 13));
}

static void nothing_to_tell(void **state)
{
	struct record r = record_make("call-1", "192.0.2.1");
	uint8_t packet[HEP_PACKET_MAX];
	struct wr w = wr_init(packet, sizeof(packet));

	(void)state;
	r.context.term[1].quality.sources = 0;
	assert_false(hep_put(&w, &r, 0, 1, ""));
	assert_true(hep_put(&w, &r, 1, 1, ""));
	r.context.term[1].remote.port = be16_make(0);
	assert_false(hep_put(&w, &r, 1, 1, ""));
}

/* Values of the dataplane are whatever they are; the longest fits. */
static void any_values(void **state)
{
	struct record r = record_make("", "2001:db8::1");
	uint8_t packet[HEP_PACKET_MAX];
	struct wr w = wr_init(packet, sizeof(packet));

	(void)state;
	memset(r.context.call, 'x', sizeof(r.context.call) - 1);
	for (int i = 0; i < 2; i++) {
		memset(&r.context.term[i].quality, 0xff, sizeof(r.context.term[i].quality));
		memset(&r.context.term[i].received, 0xff, sizeof(r.context.term[i].received));
	}
	assert_true(hep_put(&w, &r, 0, UINT32_MAX, "secret"));
	w = wr_init(packet, 300);
	assert_false(hep_put(&w, &r, 0, UINT32_MAX, "secret"));
}

static void passwords(void **state)
{
	char path[] = "/tmp/fairlead-hep.XXXXXX", err[256];
	struct config c = { .gateway.n_hep = 1 };
	int fd = mkstemp(path);
	struct hep *h;

	(void)state;
	assert_true(fd >= 0 && write(fd, "pass word\n", 10) == 10);
	assert_int_equal(fchmod(fd, 0600), 0);
	strcpy(c.gateway.hep[0].password, path);
	h = hep_open(&c, err, sizeof(err));
	assert_non_null(h);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_false(hep_prepare(h, &c, err, sizeof(err)));
	assert_non_null(strstr(err, path));
	hep_finish(h, false);
	hep_close(h);
	assert_null(hep_open(&c, err, sizeof(err)));
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(chunks), cmocka_unit_test(nothing_to_tell),
					cmocka_unit_test(any_values), cmocka_unit_test(passwords) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
