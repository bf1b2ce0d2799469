/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Session descriptions (RFC 8866): where things stand; what is read though it is not the RFC's, and
 * that what is written is; what is refused and why; that a copy of what is right is the original
 * byte for byte.
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

/* All of it, written again. */
static const char *copy(void)
{
	static char out[2048];
	struct wr w = wr_init(out, sizeof(out) - 1);

	sdp_copy(&w, &s, 0, s.n_line);
	assert_false(w.failed);
	out[wr_len(&w)] = 0;
	return out;
}

static void a_copy_is_the_original(void **state)
{
	(void)state;
	assert_true(parse(example));
	assert_string_equal(copy(), example);
}

static void liberal_in_what_is_read_strict_in_what_is_written(void **state)
{
	static const char plain[] = HEAD "t=0 0\r\n";
	static const struct {
		const char *text, *copy;
	} c[] = {
		/* ends of lines */
		{ "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0", plain },
		{ "v=0\ro=- 1 1 IN IP4 192.0.2.1\rs=-\rt=0 0\r", plain },
		{ "\r\n\nv=0\r\n\r\no=- 1 1 IN IP4 192.0.2.1\n\ns=-\n\n\nt=0 0\n\n\n", plain },
		/* spaces */
		{ "v=0 \r\n o=-  1\t1 IN  IP4 192.0.2.1 \r\ns=- \r\nt=0  0\r\n  \r\n", plain },
		{ HEAD "t=0 0\r\na=x  y \r\n", HEAD "t=0 0\r\na=x  y\r\n" },
		{ HEAD "t=0 0\r\nm=audio  1 RTP/AVP  0   8\r\nc=IN  IP4\t192.0.2.1\r\n",
		  HEAD "t=0 0\r\nm=audio 1 RTP/AVP 0 8\r\nc=IN IP4 192.0.2.1\r\n" },
		/* what is missing */
		{ "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n", plain },
		{ "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=\r\n", plain },
		{ "v=0\r\no=1 1 IN IP4 192.0.2.1\r\n", plain },
		/* the order of a session, and of its m-line */
		{ "a=x\r\nt=0 0\r\ns=-\r\no=- 1 1 IN IP4 192.0.2.1\r\nv=0\r\n",
		  HEAD "t=0 0\r\na=x\r\n" },
		{ HEAD "b=AS:1\r\nt=0 0\r\na=x\r\nc=IN IP4 192.0.2.1\r\nm=audio 1 RTP/AVP 0\r\n"
		       "a=y\r\nb=AS:2\r\nc=IN IP4 192.0.2.2\r\ni=z\r\na=z\r\n",
		  HEAD "c=IN IP4 192.0.2.1\r\nb=AS:1\r\nt=0 0\r\na=x\r\nm=audio 1 RTP/AVP 0\r\n"
		       "i=z\r\nc=IN IP4 192.0.2.2\r\nb=AS:2\r\na=y\r\na=z\r\n" },
		{ HEAD "t=1 2\r\nr=1 2 3\r\nt=3 4\r\n", HEAD "t=1 2\r\nr=1 2 3\r\nt=3 4\r\n" },
		/* the session's behind an m-line */
		{ HEAD "m=audio 1 RTP/AVP 0\r\nt=0 0\r\na=x\r\n",
		  HEAD "t=0 0\r\nm=audio 1 RTP/AVP 0\r\na=x\r\n" },
		/* what has no place, or none any more */
		{ HEAD "t=0 0\r\nx=1\r\nA=1\r\ns=2\r\no=x 2 2 IN IP4 192.0.2.2\r\n", plain },
		{ HEAD "t=0 0\r\na=\r\na=:v\r\n", plain },
		{ HEAD "c=IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n",
		  HEAD "c=IN IP4 192.0.2.1\r\nt=0 0\r\n" },
		/* o= */
		{ "v=0\no=A van  B 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\n",
		  "v=0\r\no=A_van__B 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n" },
		{ "v=0\no=- 1 1 IN IP4 ::1\ns=-\nt=0 0\n",
		  "v=0\r\no=- 1 1 IN IP6 ::1\r\ns=-\r\nt=0 0\r\n" },
		{ "v=0\no=- 1 1 in ip4 host.example\ns=-\nt=0 0\n",
		  "v=0\r\no=- 1 1 in ip4 host.example\r\ns=-\r\nt=0 0\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		if (!parse(c[i].text))
			fail_msg("line %d %s: %s", where, why, c[i].text);
		assert_string_equal(copy(), c[i].copy);
	}
	assert_true(parse(HEAD "a=rtcp:  9 \r\n"));
	assert_int_equal(sdp_attr(&s, SDP_SESSION, "rtcp", 0, &s.line[0].value), 4);
	assert_true(sdp_text_is(s.line[0].value, "9"));
}

static void lines_are_counted_as_they_came(void **state)
{
	(void)state;
	assert_false(parse("s=-\r\n\r\nv=0\nx=1\ro=- 1 1 IN IP4 192.0.2.1\n\rc=x\n"));
	assert_int_equal(where, 7);
	assert_true(parse("a=x\nv=0\no=- 1 1 IN IP4 192.0.2.1\n"));
	assert_int_equal(s.line[4].number, 1);
}

static void lines_of_ours(void **state)
{
	char out[128];
	struct wr w = wr_init(out, sizeof(out)), small = wr_init(out, 5);

	(void)state;
	sdp_put(&w, "a=%s", "x");
	assert_false(w.failed);
	assert_memory_equal(out, "a=x\r\n", 5);
	sdp_put(&small, "a=%d", 77);
	assert_true(small.failed);
}

static void what_is_refused(void **state)
{
	static const struct {
		const char *text;
		int line;
		const char *why;
	} bad[] = {
		{ "", 1, "no v=" },
		{ "v=0\r\n\r\n", 3, "no o=" },
		{ "o=- 1 1 IN IP4 192.0.2.1\r\n", 2, "no v=" },
		{ "v=1\r\no=- 1 1 IN IP4 192.0.2.1\r\n", 1, "version" },
		{ "v=0\r\no=- 1 1 IN IP4\r\n", 2, "origin" },
		{ "v=0\r\no=- 1 1 ATM NSAP 1\r\n", 2, "origin" },
		{ "v=0\r\no=\r\n", 2, "origin" },
		{ HEAD "c=ATM IP4 192.0.2.1\r\n", 4, "connection" },
		{ HEAD "c=IN IP5 192.0.2.1\r\n", 4, "connection" },
		{ HEAD "c=IN IP4 192.0.2.1 x\r\n", 4, "connection" },
		{ HEAD "a\r\n", 4, "form" },
		{ HEAD "a =x\r\n", 4, "form" },
		{ HEAD "a=x\ry\r\n", 5, "form" },
		{ HEAD "m=audio 65536 RTP/AVP 0\r\n", 4, "media" },
		{ HEAD "m=audio 01 RTP/AVP 0\r\n", 4, "media" },
		{ HEAD "m=audio -1 RTP/AVP 0\r\n", 4, "media" },
		{ HEAD "m=audio 1/0 RTP/AVP 0\r\n", 4, "media" },
		{ HEAD "m=audio 1 RTP/AVP\r\n", 4, "media" },
		{ HEAD "m=audio 1 RTP/AVP \r\n", 4, "media" },
		{ HEAD "m=audio\r\n", 4, "media" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse(bad[i].text))
			fail_msg("taken: %s", bad[i].text);
		if (where != bad[i].line || !strstr(why, bad[i].why))
			fail_msg("line %d %s: %s", where, why, bad[i].text);
	}
	assert_false(sdp_parse(&s, HEAD "a=x\0y\r\n", sizeof(HEAD "a=x\0y\r\n") - 1, &where, &why));
	assert_true(parse(HEAD "m=audio 0 RTP/AVP\r\n"));
}

/* RFC 8840 9 */
static void a_fragment_lacks_what_an_sdp_begins_with(void **state)
{
	static const char text[] = "a=ice-ufrag:8hhY\r\nm=audio 9 RTP/AVP 0\r\na=mid:1\r\n"
				   "a=candidate:1 1 UDP 1 192.0.2.1 5000 typ host\r\n";

	(void)state;
	assert_false(parse(text));
	assert_true(sdp_parse_fragment(&s, text, strlen(text), &where, &why));
	assert_int_equal(s.n_line, 4);
	assert_int_equal(s.n_media, 1);
	assert_int_equal(sdp_attr(&s, SDP_SESSION, "ice-ufrag", 0, NULL), 0);
	assert_int_equal(sdp_attr(&s, 0, "candidate", 0, NULL), 3);
	assert_true(sdp_parse_fragment(&s, example, strlen(example), &where, &why));
	assert_int_equal(s.n_media, 3);
	assert_true(sdp_parse_fragment(&s, "", 0, &where, &why));
	assert_int_equal(s.n_line, 0);
	assert_false(sdp_parse_fragment(&s, "m=audio\r\n", 9, &where, &why));
	assert_int_equal(where, 1);
}

static void hosts_and_groups_are_no_addresses(void **state)
{
	(void)state;
	assert_true(parse(HEAD "c=IN IP4 host.example\r\nm=audio 1 RTP/AVP 0\r\n"));
	assert_false(s.media[0].conn.literal);
	assert_true(parse(HEAD "m=audio 1 RTP/AVP 0\r\nc=IN IP4 233.252.0.1/127\r\n"
			       "c=IN IP4 233.252.0.2/127\r\n"));
	assert_false(s.media[0].conn.literal);
	assert_int_equal(s.media[0].conn.line, 5);
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
	for (int i = 4; i < SDP_LINES_MAX; i++)
		p += sprintf(p, "a=x\r\n");
	assert_true(parse(text)); /* with the t= that is missing */
	sprintf(p, "a=x\r\n");
	assert_false(parse(text));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfcs_example),
		cmocka_unit_test(a_copy_is_the_original),
		cmocka_unit_test(liberal_in_what_is_read_strict_in_what_is_written),
		cmocka_unit_test(lines_are_counted_as_they_came),
		cmocka_unit_test(lines_of_ours),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(a_fragment_lacks_what_an_sdp_begins_with),
		cmocka_unit_test(hosts_and_groups_are_no_addresses),
		cmocka_unit_test(its_size_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
