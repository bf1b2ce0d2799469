/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Session descriptions (RFC 8866): where things stand, what is refused and why, and that a copy is
 * the original byte for byte.
 */
#include "tests/world/unit.h"
#include "lib/sdp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"

static struct sdp s;
static int where;
static const char *why;

static bool parse(const char *text)
{
	return sdp_parse(&s, text, strlen(text), &where, &why);
}

/* RFC 8866 5 */
static const char example[] = "v=0\r\n"
			      "o=jdoe 3724394400 3724394405 IN IP4 198.51.100.1\r\n"
			      "s=Call to John Smith\r\n"
			      "i=SDP Offer #1\r\n"
			      "u=http://www.jdoe.example.com/home.html\r\n"
			      "e=Jane Doe <jane@jdoe.example.com>\r\n"
			      "p=+1 617 555-6011\r\n"
			      "c=IN IP4 198.51.100.1\r\n"
			      "t=0 0\r\n"
			      "m=audio 49170 RTP/AVP 0\r\n"
			      "m=audio 49180/2 RTP/AVP 0\r\n"
			      "m=video 51372 RTP/AVP 99\r\n"
			      "c=IN IP6 2001:db8::2\r\n"
			      "a=rtpmap:99 h263-1998/90000\r\n";

static void one_empty_line_at_the_end_is_let_pass(void **state)
{
	(void)state;
	assert_true(parse(HEAD "t=0 0\r\n\r\n"));
	assert_int_equal(s.n_line, 4);
	assert_false(parse(HEAD "t=0 0\r\n\r\n\r\n"));
	assert_false(parse(HEAD "\r\nt=0 0\r\n"));
	assert_false(parse("\r\n\r\n"));
	assert_true(parse("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\n\n"));
	assert_int_equal(s.n_line, 4);
}

static void the_rfcs_example(void **state)
{
	struct sdp_text v;

	(void)state;
	assert_true(parse(example));
	assert_int_equal(s.n_media, 3);
	assert_int_equal(s.media[0].port, 49170);
	assert_int_equal(s.media[1].ports, 2);
	assert_true(sdp_text_is(s.media[0].type, "audio"));
	assert_true(sdp_text_is(s.media[2].proto, "RTP/AVP"));
	assert_true(sdp_text_is(s.media[2].format, "99"));
	assert_int_equal(s.media[0].conn.line, 7);
	assert_false(s.media[0].conn.v6);
	assert_true(s.media[2].conn.v6 && s.media[2].conn.literal);
	assert_int_equal(s.media[2].conn.line, 12);
	assert_int_equal(s.media[1].end, 11);
	assert_int_equal(sdp_attr(&s, 2, "rtpmap", 0, &v), 13);
	assert_true(sdp_text_is(v, "99 h263-1998/90000"));
	assert_int_equal(sdp_attr(&s, 2, "rtp", 0, NULL), -1);
	assert_int_equal(sdp_attr(&s, 1, "rtpmap", 0, NULL), -1);
}

static void a_copy_is_the_original(void **state)
{
	static const char *const texts[] = { example,
					     "v=0\no=- 1 1 IN IP4 192.0.2.1\ns= \nt=0 0\n" };
	char out[sizeof(example)];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct wr w = wr_init(out, sizeof(out));

		assert_true(parse(texts[i]));
		sdp_copy(&w, &s, 0, s.n_line);
		assert_false(w.failed);
		assert_int_equal(wr_len(&w), strlen(texts[i]));
		assert_memory_equal(out, texts[i], wr_len(&w));
	}
}

static void our_lines_end_as_theirs(void **state)
{
	char out[128];
	struct wr w = wr_init(out, sizeof(out)), small = wr_init(out, 5);

	(void)state;
	assert_true(parse("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-"));
	sdp_copy(&w, &s, 2, 3);
	sdp_put(&w, &s, "a=%s", "x");
	assert_false(w.failed);
	assert_memory_equal(out, "s=-\na=x\n", 8);
	assert_true(parse(HEAD));
	w = wr_init(out, sizeof(out));
	sdp_put(&w, &s, "a=%d", 7);
	assert_memory_equal(out, "a=7\r\n", 5);
	sdp_put(&small, &s, "a=%d", 77);
	assert_true(small.failed);
}

static void what_is_refused(void **state)
{
	static const struct {
		const char *text;
		int line;
		const char *why;
	} bad[] = {
		{ "", 1, "is missing" },
		{ "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n", 3, "is missing" },
		{ "v=1\r\n", 1, "version" },
		{ "o=- 1 1 IN IP4 192.0.2.1\r\n", 1, "stands where" },
		{ "v=0\r\nm=audio 1 RTP/AVP 0\r\n", 2, "stands where" },
		{ "v=0\r\no=- 1 1 IN IP4\r\n", 2, "origin" },
		{ "v=0\r\no=- 1 1 IN IP4 2001:db8::1\r\n", 2, "origin" },
		{ HEAD "s=-\r\n", 4, "stands where" },
		{ HEAD "x=1\r\n", 4, "stands where" },
		{ HEAD "t=0 0\r\nc=IN IP4 192.0.2.1\r\n", 5, "stands where" },
		{ HEAD "a=x\r\nc=IN IP4 192.0.2.1\r\n", 5, "stands where" },
		{ HEAD "c=IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.1\r\n", 5, "stands where" },
		{ HEAD "c=IN IP4 192.0.2.1 \r\n", 4, "connection" },
		{ HEAD "c=IN  IP4 192.0.2.1\r\n", 4, "connection" },
		{ HEAD "c=ATM IP4 192.0.2.1\r\n", 4, "connection" },
		{ HEAD "c=IN IP5 192.0.2.1\r\n", 4, "connection" },
		{ HEAD "a=\r\n", 4, "no name" },
		{ HEAD "a=:v\r\n", 4, "no name" },
		{ HEAD "a\r\n", 4, "form" },
		{ HEAD "\r\na=x\r\n", 4, "form" },
		{ HEAD " a=x\r\n", 4, "form" },
		{ HEAD "a=x\ry\r\n", 4, "byte" },
		{ HEAD "a=x\r", 4, "byte" },
		{ HEAD "m=audio 65536 RTP/AVP 0\r\n", 4, "media" },
		{ HEAD "m=audio 01 RTP/AVP 0\r\n", 4, "media" },
		{ HEAD "m=audio -1 RTP/AVP 0\r\n", 4, "media" },
		{ HEAD "m=audio 1/0 RTP/AVP 0\r\n", 4, "media" },
		{ HEAD "m=audio 1 RTP/AVP\r\n", 4, "media" },
		{ HEAD "m=audio 1 RTP/AVP \r\n", 4, "media" },
		{ HEAD "m=audio 1 RTP/AVP 0\r\nt=0 0\r\n", 5, "stands where" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse(bad[i].text))
			fail_msg("taken: %s", bad[i].text);
		if (where != bad[i].line || !strstr(why, bad[i].why))
			fail_msg("line %d %s: %s", where, why, bad[i].text);
	}
	assert_false(sdp_parse(&s, HEAD "a=x\0y\r\n", sizeof(HEAD "a=x\0y\r\n") - 1, &where, &why));
}

static void hosts_and_groups_are_no_addresses(void **state)
{
	(void)state;
	assert_true(parse(HEAD "c=IN IP4 host.example\r\nm=audio 1 RTP/AVP 0\r\n"));
	assert_false(s.media[0].conn.literal);
	assert_true(parse(HEAD "m=audio 1 RTP/AVP 0\r\nc=IN IP4 233.252.0.1/127\r\n"
			       "c=IN IP4 233.252.0.2/127\r\n"));
	assert_false(s.media[0].conn.literal);
	assert_int_equal(s.media[0].conn.line, 4);
	assert_true(parse(HEAD "m=audio 1 RTP/AVP 0\r\n"));
	assert_int_equal(s.media[0].conn.line, -1);
}

static void its_size_is_bounded(void **state)
{
	size_t room = sizeof(HEAD) + 32 * (SDP_LINES_MAX + 2);
	char *text = malloc(room), *p;

	(void)state;
	p = text + sprintf(text, HEAD);
	for (int i = 0; i < SDP_MEDIA_MAX; i++)
		p += sprintf(p, "m=audio 1 RTP/AVP 0\r\n");
	assert_true(parse(text));
	p += sprintf(p, "m=audio 1 RTP/AVP 0\r\n");
	assert_false(parse(text));
	assert_int_equal(where, 3 + SDP_MEDIA_MAX + 1);
	p = text + sprintf(text, HEAD);
	for (int i = 3; i < SDP_LINES_MAX; i++)
		p += sprintf(p, "a=x\r\n");
	assert_true(parse(text));
	sprintf(p, "a=x\r\n");
	assert_false(parse(text));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfcs_example),
		cmocka_unit_test(one_empty_line_at_the_end_is_let_pass),
		cmocka_unit_test(a_copy_is_the_original),
		cmocka_unit_test(our_lines_end_as_theirs),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(hosts_and_groups_are_no_addresses),
		cmocka_unit_test(its_size_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
