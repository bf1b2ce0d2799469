/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SIP in a byte stream (lib/sip_frame.h; R2, R3): messages end where RFC 3261 7.3, 18.3 and 20.14
 * say, whatever case, form or folding Content-Length has; pings (RFC 5626 4.4.1) are seen between
 * messages and not inside; what cannot be cut is lost for good. Every stream is fed whole, byte by
 * byte and cut in two at every place, with the same outcome. Messages are in the spirit of RFC
 * 4475's.
 */
#include "tests/world/unit.h"
#include "lib/sip_frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What became of a stream: '.' a message, '!' a ping, '-' a CR or LF between; 'x': lost there. */
struct tale {
	char what[64];
	uint32_t n;
	struct sip_frame f;
	uint32_t at; /* bytes judged */
};

static void tell(struct tale *t, char c)
{
	assert_true(t->n < sizeof(t->what) - 1);
	t->what[t->n++] = c;
}

/* As much as `have` bytes of the stream let be known. */
static void tale_on(struct tale *t, const char *bytes, uint32_t have)
{
	const uint8_t *p = (const uint8_t *)bytes;

	while (t->at < have && !sip_frame_lost(&t->f)) {
		bool between = sip_frame_between(&t->f);
		enum sip_verdict ping = between ? sip_ping(p + t->at, have - t->at) : SIP_NO;

		if (ping == SIP_MORE)
			return;
		if (ping == SIP_YES) {
			tell(t, '!');
			t->at += SIP_PING_LEN;
			continue;
		}
		between &= p[t->at] == '\r' || p[t->at] == '\n';
		t->at += sip_frame_scan(&t->f, p + t->at, have - t->at);
		assert_true(t->at <= have);
		if (sip_frame_lost(&t->f))
			tell(t, 'x');
		else if (sip_frame_between(&t->f))
			tell(t, between ? '-' : '.');
	}
}

static void stream_of(const char *bytes, uint32_t len, const char *want)
{
	uint32_t cut, i;
	struct tale t;

	for (cut = 0; cut <= len; cut++) {
		memset(&t, 0, sizeof(t));
		tale_on(&t, bytes, cut);
		tale_on(&t, bytes, len);
		if (strcmp(t.what, want) != 0)
			fail_msg("cut at %u: \"%s\", not \"%s\", of:\n%s", cut, t.what, want,
				 bytes);
	}
	memset(&t, 0, sizeof(t));
	for (i = 1; i <= len; i++)
		tale_on(&t, bytes, i);
	assert_string_equal(t.what, want);
}

static void stream(const char *bytes, const char *want)
{
	stream_of(bytes, (uint32_t)strlen(bytes), want);
}

#define REQUEST "OPTIONS sip:a@fairlead.test SIP/2.0\r\n"
#define VIA "Via: SIP/2.0/TLS 10.1.0.2;branch=z9hG4bK1\r\n"

/* ---- what must be understood ---- */

static void messages_end_where_they_say(void **state)
{
	(void)state;
	stream(REQUEST VIA "Content-Length: 0\r\n\r\n", ".");
	stream("SIP/2.0 200 OK\r\n" VIA "Content-Length: 0\r\n\r\n", ".");
	stream(REQUEST VIA "Content-Length: 5\r\n\r\n12345" REQUEST "l: 3\r\n\r\nabc", "..");
	/* The body is not looked into. */
	stream(REQUEST "Content-Length: 12\r\n\r\n\r\n\r\n\r\n\r\nl: 9" REQUEST
		       "Content-Length: 0\r\n\r\n",
	       "..");
	/* Not whole yet. */
	stream(REQUEST VIA "Content-Length: 5\r\n\r\n1234", "");
	stream(REQUEST VIA "Content-Length: 0\r\n", "");
}

static void content_length_has_many_forms(void **state)
{
	static const char *const form[] = {
		"Content-Length: 4",
		"content-length: 4",
		"CONTENT-LENGTH:4",
		"cOnTeNt-LeNgTh  \t :  4",
		"l:4",
		"L: 4",
		"l \t:\t4  ",
		"Content-Length: 0004",
		"Content-Length:\r\n  4",
		"Content-Length: \r\n\t\r\n 4",
		"Content-Length: 4\r\n ",
		"Content-Length: 4 \r\n \t",
	};
	static const char *const other[] = {
		/* None of these is Content-Length. */
		"Content-Lengthy: 9",
		"Content-Lengt: 9",
		"Content-Length-X: 9",
		"lx: 9",
		"Content: 9",
		"X-Content-Length: 9",
		"Subject: hello,\r\n Content-Length: 9",
		"Subject: hello,\r\n\tl: 9",
		"Subject: \r\n l: 9\r\n  l: 10",
		"Subject: l: 9",
		"Contact: <sip:l@10.1.0.2>;l:9",
		"no colon",
		"X: \"quoted \\\" l: 9\"",
		":",
		"X: \x01\x7f\xff",
	};
	char b[512];
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(form) / sizeof(form[0]); i++) {
		snprintf(b, sizeof(b), "%s%s\r\n\r\nbody" REQUEST "l:0\r\n\r\n", REQUEST, form[i]);
		stream(b, "..");
		for (j = 0; j < sizeof(other) / sizeof(other[0]); j++) {
			snprintf(b, sizeof(b), "%s%s\r\n%s\r\n%s\r\n\r\nbody", REQUEST, other[j],
				 form[i], other[j]);
			stream(b, ".");
		}
	}
}

static void pings_are_between_messages(void **state)
{
	(void)state;
	stream("\r\n\r\n", "!");
	stream("\r\n\r\n\r\n\r\n", "!!");
	stream("\r\n\r\n\r\n" REQUEST "l:0\r\n\r\n", "!--.");
	stream("\r\n" REQUEST "l:0\r\n\r\n", "--.");
	stream(REQUEST "l:0\r\n\r\n\r\n\r\n" REQUEST "l: 4\r\n\r\n\r\n\r\n\r\n\r\n", ".!.!");
	stream(REQUEST "l:2\r\n\r\n\r\n\r\n\r\n", ".!");
	/* The start of one is not judged before more is known. */
	stream("\r\n\r", "");
	stream("\r", "");
	/* What is none passes, byte by byte. */
	stream("\n\r\r\n\r\n", "--!");
	stream("\r\nX sip:a SIP/2.0\r\nl:0\r\n\r\n", "--.");
	stream("\r\n\rX sip:a SIP/2.0\r\nl:0\r\n\r\n", "---.");
}

/* In the spirit of RFC 4475 3.1.1: valid, and hard to read. */
static void torture(void **state)
{
	(void)state;
	stream("INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n"
	       "TO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\n"
	       "from   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\r\n  ;\r\n"
	       "  tag = 98asjd8\r\n"
	       "MaX-fOrWaRdS: 0068\r\n"
	       "NewFangledHeader:   newfangled value\r\n continued newfangled value\r\n"
	       "UnknownHeaderWithUnusualValue: ;;,,;;,;\r\n"
	       "Content-Type: application/sdp\r\n"
	       "v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n"
	       "  branch  =   z9hG4bK9ikj8  ,\r\n SIP  /    2.0   / UDP  192.168.255.111   ; "
	       "branch=\r\n"
	       " z9hG4bK30239\r\n"
	       "l \t: \r\n 10\r\n"
	       "m:\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =\r\n"
	       "      newvalue ;\r\n  secondparam ; q = 0.33\r\n\r\n"
	       "v=0\r\no=m\r\n",
	       ".");
	/* 3.1.1.2: a method of every character a token may have. */
	stream("!interesting-Method0123456789_*+ sip:a SIP/2.0\r\nl:0\r\n\r\n", ".");
	/* 3.1.1.6: two requests and what stands between them. */
	stream("REGISTER sip:example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n\r\n\r\n"
	       "INVITE sip:joe@example.com SIP/2.0\r\nContent-Length: 5\r\n\r\nv=0\r\n",
	       ".!.");
	stream("X sip:a SIP/2.0 SIP/ SIP/2.0\r\nl:0\r\n\r\nSIP sip:a  SIP/2.0\r\nl:0\r\n\r\n",
	       "..");
	/* 3.1.1.13: a reason phrase with everything, and with nothing. */
	stream("SIP/2.0 200 = 2**3 * 5**2 \xd0\xbd\xd0\xbe\r\nl:0\r\n\r\n", ".");
	stream("SIP/2.0 100 \r\nl:0\r\n\r\n", ".");
}

/* A byte of NUL ends nothing. */
static void nul_is_a_byte(void **state)
{
	static const char s[] = REQUEST "Subject: a\0b\r\nl: 3\r\n\r\n\0\0\0" REQUEST "l:0\r\n\r\n";

	(void)state;
	stream_of(s, sizeof(s) - 1, "..");
}

/* ---- what is given up ---- */

static void lost_is_for_good(void **state)
{
	static const char *const bad[] = {
		REQUEST VIA "\r\n",			     /* RFC 3261 18.3 */
		REQUEST "Content-Length: -999\r\n\r\n",	     /* RFC 4475 3.1.2.3 */
		REQUEST "Content-Length: 5\r\nl: 5\r\n\r\n", /* 3.3.9 */
		REQUEST "l: 5\r\nContent-Length: 6\r\n\r\n",
		REQUEST "l: 5,6\r\n\r\n",
		REQUEST "l: 5 6\r\n\r\n",
		REQUEST "l: 5\r\n 6\r\n\r\n",
		REQUEST "l: 0x5\r\n\r\n",
		REQUEST "l:\r\n\r\n",
		REQUEST "l:\r\nX: y\r\n\r\n",
		REQUEST "l: \r\n\t\r\n\r\n",
		REQUEST "l: 2147483648\r\n\r\n",
		REQUEST "l: 99999999999999999999\r\n\r\n",
		REQUEST "l: 4294967300\r\n\r\n",
		REQUEST "X: bare\nl: 0\r\n\r\n",
		REQUEST "X: bare\rl: 0\r\n\r\n",
		REQUEST "Content\nl: 0\r\n\r\n",
		REQUEST "l\n: 0\r\n\r\n",
		REQUEST "l: 0\n\r\n",
		REQUEST "l: 0\r\n\n",
		REQUEST "l: 0\r\n\rX",
		"OPTIONS sip:a SIP/2.0\nl: 0\n\n",
		" OPTIONS sip:a SIP/2.0\r\nl: 0\r\n\r\n",
		"v=0\r\no=- 1 1 IN IP4 10.1.0.2\r\n",
		"0123456789012345678901234567890123 sip:a SIP/2.0\r\nl: 0\r\n\r\n",
		"\xff\xfe",
		"<html>",
		"220 mail.fairlead.test\r\n",
		"HTTP/1.1 200 OK\r\n",
		"SIP/2.1 200 OK\r\n",
		"SIP/3.0 200 OK\r\n",
		"OPTIONS sip:a HTTP/1.1\r\n",
		"OPTIONS sip:a SIP/2.0x\r\n",
		"OPTIONS sip:aSIP/2.0\r\n",
		"OPTIONS * SIP/2.0\r\n",
	};
	char b[512];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		stream(bad[i], "x");
		snprintf(b, sizeof(b), "%s\r\n\r\n" REQUEST "l:0\r\n\r\n\r\n\r\n", bad[i]);
		stream(b, "x");
		snprintf(b, sizeof(b), REQUEST "l: 2\r\n\r\nab\r\n\r\n%s", bad[i]);
		stream(b, ".!x");
	}
}

static void the_longest_body_is_a_body(void **state)
{
	struct sip_frame f = { 0 };
	const char *head = REQUEST "l: 2147483647\r\n\r\n";

	(void)state;
	assert_int_equal(sip_frame_scan(&f, (const uint8_t *)head, (uint32_t)strlen(head)),
			 strlen(head));
	assert_int_equal(f.left, SIP_BODY_MAX);
	assert_false(sip_frame_lost(&f));
}

/* Heads up to SIP_HEAD_MAX; one byte more is given up, wherever it is. */
static void heads_have_a_limit(void **state)
{
	static const char first[] = REQUEST "l: 0\r\nX: ";
	char *b = malloc(SIP_HEAD_MAX + 8);
	uint32_t len;

	(void)state;
	for (len = SIP_HEAD_MAX - 1; len <= SIP_HEAD_MAX + 1; len++) {
		struct sip_frame f = { 0 };

		memset(b, 'x', len);
		memcpy(b, first, sizeof(first) - 1);
		memcpy(b + len - 4, "\r\n\r\n", 4);
		assert_int_equal(sip_frame_scan(&f, (uint8_t *)b, len), len);
		assert_int_equal(sip_frame_between(&f), len <= SIP_HEAD_MAX);
		assert_int_equal(sip_frame_lost(&f), len > SIP_HEAD_MAX);
	}
	free(b);
}

/* ---- the first bytes of a connection ---- */

/* Yes, no, or too few to tell, for each number of bytes: the last verdict and where it fell. */
static void begins(const char *s, enum sip_verdict want, uint32_t at)
{
	uint32_t len = (uint32_t)strlen(s), n;

	for (n = 1; n <= len; n++) {
		enum sip_verdict v = sip_begins((const uint8_t *)s, n);

		if (v != (n < at ? SIP_MORE : want))
			fail_msg("%u bytes of \"%s\": %d", n, s, v);
	}
}

static void first_bytes(void **state)
{
	(void)state;
	begins("OPTIONS sip:a SIP/2.0", SIP_YES, 9);
	begins("INVITE sips:a SIP/2.0", SIP_YES, 8);
	begins("!%*'0 tel:+1 SIP/2.0", SIP_YES, 7);
	begins("SIP/2.0 200 OK", SIP_YES, 8);
	begins("SIPS sip:a SIP/2.0", SIP_YES, 6);
	begins("\r\n\r\n", SIP_YES, 2);
	begins("\r\nOPTIONS", SIP_YES, 2);
	begins("01234567890123456789012345678901 s", SIP_YES, 34);
	begins("012345678901234567890123456789012 s", SIP_NO, 33);
	begins("GET / HTTP/1.1", SIP_NO, 5);
	begins("OPTIONS * HTTP/1.1", SIP_NO, 9);
	begins("SIP/3.0 200", SIP_NO, 5);
	begins("SIP/2.0\t200", SIP_NO, 8);
	begins("\rX", SIP_NO, 2);
	begins("\n\r\n", SIP_NO, 1);
	begins(" OPTIONS sip:a", SIP_NO, 1);
	begins("OPT(IONS sip:a", SIP_NO, 4);
	begins("OPTIONS  sip:a", SIP_NO, 9);
	begins("\x16\x03\x01", SIP_NO, 1);
	begins("\x80\x01", SIP_NO, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_end_where_they_say),
		cmocka_unit_test(content_length_has_many_forms),
		cmocka_unit_test(pings_are_between_messages),
		cmocka_unit_test(torture),
		cmocka_unit_test(nul_is_a_byte),
		cmocka_unit_test(lost_is_for_good),
		cmocka_unit_test(the_longest_body_is_a_body),
		cmocka_unit_test(heads_have_a_limit),
		cmocka_unit_test(first_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
