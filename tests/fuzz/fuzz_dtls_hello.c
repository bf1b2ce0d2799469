/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Datagrams of DTLS before there are keys: each behind its length (2 bytes). What is read of a
 * record lies inside of it; pieces of a ClientHello that are put together read as one that came
 * whole, and as much of it as was first stays; what asks for a cookie is a record, and no longer
 * than what it answers.
 */
#include "must.h"

#include "dp/dtls/hello.h"
#include "dp/tls/record.h"
#include "lib/be.h"

#include <string.h>

enum { ROOM = DTLS_HDR + DTLS_MSG_HDR + DTLS_HELLO_MAX };

static const struct siphash_key key = { { 1, 2 } };
static const struct sock_addr client;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_verify(const struct dtls_record *rec, struct hello *h)
{
	uint8_t cookie[DTLS_COOKIE], answer[DTLS_VERIFY];
	struct dtls_record got;
	struct rd r;

	hello_cookie(&key, 100, &client, 3, h->random, cookie);
	hello_verify(h, cookie, answer);
	r = rd_init(answer, sizeof(answer));
	must(dtls_record_read(&r, &got) && rd_left(&r) == 0 && got.number == rec->number);
	must(!hello_cookie_ok(&key, 100, &client, 4, h));
	h->cookie = cookie;
	h->cookie_len = DTLS_COOKIE;
	must(hello_cookie_ok(&key, 100 + DTLS_COOKIE_S, &client, 3, h));
	must(!hello_cookie_ok(&key, 100 + 2 * DTLS_COOKIE_S, &client, 3, h));
}

static void check_whole(const uint8_t *buf, int32_t len, const struct hello_join *j)
{
	struct dtls_record rec;
	struct hello h;
	struct rd r = rd_init(buf, (size_t)len);

	must(dtls_record_read(&r, &rec) && rd_left(&r) == 0 && hello_is(&rec));
	/* One whose first piece ended before the cookie did may still be none. */
	if (hello_read(&rec, &h))
		must(h.at == 0 && h.n == h.len && h.len == j->len && h.message == j->message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buf[ROOM];
	struct hello_join join = { 0 };
	struct rd in = rd_init(data, size);
	bool begun = false;

	while (rd_left(&in) >= 2) {
		const size_t said = rd_u16(&in), left = rd_left(&in);
		const size_t n = said < left ? said : left;
		const uint8_t *p = rd_take(&in, n);
		struct rd r = rd_init(p, n);
		struct dtls_record rec;
		struct hello h;
		int32_t len;

		while (dtls_record_read(&r, &rec)) {
			must(rec.head >= p && rec.body + rec.len <= p + n);
			must(rec.body == rec.head + DTLS_HDR);
			if (!hello_is(&rec) || !hello_read(&rec, &h))
				continue;
			must(h.n && h.at + h.n <= h.len && h.len <= DTLS_HELLO_MAX);
			must(h.piece >= rec.body && h.piece + h.n <= rec.body + rec.len);
			if (h.at == 0) {
				struct hello copy = h;

				must(h.cookie + h.cookie_len <= h.piece + h.n);
				check_verify(&rec, &copy);
			}
			if (!begun && h.at)
				continue;
			if (!begun)
				hello_begin(&join, &h);
			begun = true;
			len = hello_add(&join, &h, buf);
			must(join.have <= join.len && len <= (int32_t)sizeof(buf));
			if (len <= 0)
				continue;
			check_whole(buf, len, &join);
			begun = false;
		}
		must(!r.failed || rd_left(&r) <= n);
	}
	return 0;
}
