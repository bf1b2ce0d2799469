/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DTLS-SRTP that ends here (R39, RFC 5763, 8122, 8842): towards plain RTP and SRTP by SDES, roles,
 * fingerprints, what each side is told, re-offers that keep or change the association, and what
 * goes from end to end.
 */
#include "tests/world/ng_world.h"

#include <stdio.h>
#include <string.h>

#define HEAD(who, ip) "v=0\no=" who " 1 1 IN IP4 " ip "\ns=-\nc=IN IP4 " ip "\nt=0 0\n"
#define A HEAD("a", "203.0.113.7")
#define B HEAD("b", "203.0.113.9")
#define KEY(c) "inline:" c "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define CM "AES_CM_128_HMAC_SHA1_80"
#define REALMS "\"direction\":[\"access\",\"core\"]"
#define TO(proto) REALMS ",\"transport-protocol\":\"" proto "\""
#define TLS_F "UDP/TLS/RTP/SAVPF"
#define WEB(head, port, setup, fp) \
	head "m=audio " port " " TLS_F " 0\na=setup:" setup "\n" fp "a=rtcp-mux\n"
#define X4(x) x ":" x ":" x ":" x
#define SHA256(x) "a=fingerprint:sha-256 " X4(X4(x)) ":" X4(X4(x)) "\n"
#define SHA1(x) "a=fingerprint:SHA-1 " X4(X4(x)) ":" X4(x) "\n"

static const char ours[] = SHA256("CD");
static const char plain_offer[] = A "m=audio 4000 RTP/AVP 0\n";
static const char plain_answer[] = B "m=audio 6000 RTP/AVP 0\n";

static const struct ctl_term *term(const struct ng_world *w, uint32_t side)
{
	return &ng_context(w, 0)->term[side].term;
}

static uint32_t dtls(const struct ng_world *w, uint32_t side)
{
	return term(w, side)->flags & (TERM_SRTP | TERM_DTLS | TERM_TLS_CLIENT);
}

enum { SERVER = TERM_SRTP | TERM_DTLS, CLIENT = SERVER | TERM_TLS_CLIENT };

/* The certificate of the remote is that of SHA256(byte). */
static void expects(const struct ng_world *w, uint32_t side, uint8_t byte)
{
	const struct ctl_term *t = term(w, side);

	assert_int_equal(t->n_fingerprint, 1);
	assert_int_equal(t->fingerprint[0].hash, FP_SHA256);
	assert_int_equal(t->fingerprint[0].digest[0], byte);
	assert_int_equal(t->fingerprint[0].digest[31], byte);
}

static void has_ours(const struct ng_world *w, const char *setup)
{
	char line[64];

	assert_non_null(strstr(w->sdp, ours));
	snprintf(line, sizeof(line), "a=setup:%s", setup);
	ng_has(w, line);
	ng_lacks(w, "crypto");
}

static void hang_up(struct ng_world *w)
{
	json_decref(
	    ng_ask_json(w, "{\"command\":\"delete\",\"call-id\":\"c\",\"delete-delay\":0}"));
	assert_int_equal(ng_contexts(w), 0);
}

/* ---- roles ---- */

static void who_offers_it_is_answered_by_us(void **state)
{
	static const struct {
		const char *setup, *more, *answer;
		uint32_t is;
	} c[] = {
		{ "actpass", "", "active", CLIENT },
		{ "actpass", "\"DTLS\":\"passive\"", "passive", SERVER },
		{ "active", "", "passive", SERVER },
		{ "passive", "\"DTLS\":\"passive\"", "active", CLIENT },
	};
	struct ng_world *w = *state;
	char text[1024];

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		snprintf(text, sizeof(text),
			 A "m=audio 4000 " TLS_F " 0\na=setup:%s\n" SHA256("4A") "a=rtcp-mux\n",
			 c[i].setup);
		ng_sdp(w, "offer", "a", NULL, TO("RTP/AVP"), text);
		assert_non_null(strstr(w->sdp, " RTP/AVP 0\n"));
		ng_lacks(w, "fingerprint");
		ng_lacks(w, "setup");
		/* Nothing begins before the answer. */
		assert_int_equal(term(w, 0)->n_fingerprint, 0);
		ng_sdp(w, "answer", "a", "b", c[i].more, plain_answer);
		assert_non_null(strstr(w->sdp, " " TLS_F " 0\n"));
		has_ours(w, c[i].answer);
		assert_int_equal(dtls(w, 0), c[i].is);
		assert_int_equal(dtls(w, 1), 0);
		expects(w, 0, 0x4a);
		assert_int_equal(w->n_srtp, 0);
		hang_up(w);
	}
}

static void who_is_offered_it_has_the_choice(void **state)
{
	static const struct {
		const char *setup;
		uint32_t is;
	} c[] = { { "active", SERVER }, { "passive", CLIENT } };
	struct ng_world *w = *state;
	char text[1024];

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		ng_sdp(w, "offer", "a", NULL, TO(TLS_F), plain_offer);
		assert_non_null(strstr(w->sdp, " " TLS_F " 0\n"));
		has_ours(w, "actpass");
		snprintf(text, sizeof(text),
			 B "m=audio 6000 " TLS_F " 0\na=setup:%s\n" SHA256("5B"), c[i].setup);
		ng_sdp(w, "answer", "a", "b", "", text);
		assert_non_null(strstr(w->sdp, " RTP/AVP 0\n"));
		ng_lacks(w, "fingerprint");
		ng_lacks(w, "setup");
		assert_int_equal(dtls(w, 0), 0);
		assert_int_equal(dtls(w, 1), c[i].is);
		expects(w, 1, 0x5b);
		hang_up(w);
	}
}

/* Told with the offer, of the answer to come. */
static void reverse(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, TO("RTP/AVP") ",\"DTLS-reverse\":\"passive\"",
	       WEB(A, "4000", "actpass", SHA256("4A")));
	ng_sdp(w, "answer", "a", "b", "", plain_answer);
	has_ours(w, "passive");
	assert_int_equal(dtls(w, 0), SERVER);
}

/* ---- with SDES ---- */

static void dtls_on_one_side_and_sdes_on_the_other(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, TO("RTP/SAVP"), WEB(A, "4000", "actpass", SHA256("4A")));
	assert_non_null(strstr(w->sdp, " RTP/SAVP 0\n"));
	assert_non_null(strstr(w->sdp, "a=crypto:5 " CM));
	ng_lacks(w, "fingerprint");
	ng_sdp(w, "answer", "a", "b", "",
	       B "m=audio 6000 RTP/SAVP 0\na=crypto:5 " CM " " KEY("B") "\n");
	has_ours(w, "active");
	assert_int_equal(dtls(w, 0), CLIENT);
	assert_int_equal(dtls(w, 1), TERM_SRTP);
	assert_int_equal(w->n_srtp, 1);
	hang_up(w);
	ng_sdp(w, "offer", "a", NULL, TO(TLS_F),
	       A "m=audio 4000 RTP/SAVP 0\na=crypto:1 " CM " " KEY("A") "\n");
	has_ours(w, "actpass");
	ng_sdp(w, "answer", "a", "b", "", WEB(B, "6000", "active", SHA256("5B")));
	assert_non_null(strstr(w->sdp, "a=crypto:1 " CM));
	ng_lacks(w, "fingerprint");
	assert_int_equal(dtls(w, 0), TERM_SRTP);
	assert_int_equal(dtls(w, 1), SERVER);
	assert_int_equal(w->n_srtp, 2);
}

/* RTP/SAVP with both: DTLS is taken, unless flags say otherwise. */
static void both_offered(void **state)
{
	static const char both[] = A "m=audio 4000 RTP/SAVP 0\na=crypto:1 " CM
				     " " KEY("A") "\na=setup:actpass\n" SHA256("4A");
	static const char *const sdes[] = { ",\"DTLS\":\"off\"", ",\"SDES\":[\"prefer\"]" };
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, TO("RTP/AVP"), both);
	ng_lacks(w, "crypto");
	ng_sdp(w, "answer", "a", "b", "", plain_answer);
	assert_non_null(strstr(w->sdp, " RTP/SAVP 0\n"));
	has_ours(w, "active");
	assert_int_equal(dtls(w, 0), CLIENT);
	hang_up(w);
	for (size_t i = 0; i < 2; i++) {
		char more[160];

		snprintf(more, sizeof(more), TO("RTP/AVP") "%s", sdes[i]);
		ng_sdp(w, "offer", "a", NULL, more, both);
		ng_sdp(w, "answer", "a", "b", "", plain_answer);
		assert_non_null(strstr(w->sdp, "a=crypto:1 " CM));
		ng_lacks(w, "fingerprint");
		assert_int_equal(dtls(w, 0), TERM_SRTP);
		hang_up(w);
	}
}

/* ---- what cannot be ---- */

static void refused(void **state)
{
	struct ng_world *w = *state;

	ng_sdp_refused(w, "offer", TO("RTP/AVP"), WEB(A, "4000", "actpass", ""),
		       "without a=fingerprint");
	ng_sdp_refused(w, "offer", TO("RTP/AVP"),
		       WEB(A, "4000", "actpass", "a=fingerprint:md5 " X4(X4("AA")) "\n"),
		       "without a=fingerprint");
	ng_sdp_refused(w, "offer", TO(TLS_F) ",\"DTLS\":\"off\"", plain_offer, "without DTLS");
	/* An answer without: that m-line has no use. */
	ng_sdp(w, "offer", "a", NULL, TO(TLS_F), plain_offer);
	ng_sdp(w, "answer", "a", "b", "", WEB(B, "6000", "active", ""));
	assert_non_null(strstr(w->sdp, "m=audio 0 "));
	hang_up(w);
	/* We have forgotten what was offered. */
	ng_sdp(w, "offer", "a", NULL, TO("RTP/AVP"), WEB(A, "4000", "actpass", SHA256("4A")));
	ng_world_restart(w);
	ng_sdp(w, "answer", "a", "b", "", plain_answer);
	assert_non_null(strstr(w->sdp, "m=audio 0 "));
}

static void no_certificate(void **state)
{
	struct ng_world *w = *state;

	memset(w->e.dp.region->dtls_sha256, 0, 32);
	ng_sdp_refused(w, "offer", TO(TLS_F), plain_offer, "no certificate of ours");
}

/* Several lines, of several hashes, in either case: all of them are judged by. */
static void lines(void **state)
{
	struct ng_world *w = *state;
	const struct ctl_term *t;

	ng_sdp(w, "offer", "a", NULL, TO("RTP/AVP"),
	       WEB(A, "4000", "actpass", SHA1("11") SHA256("4a") SHA256("4B")));
	ng_sdp(w, "answer", "a", "b", "", plain_answer);
	t = term(w, 0);
	assert_int_equal(t->n_fingerprint, 3);
	assert_int_equal(t->fingerprint[0].hash, FP_SHA1);
	assert_int_equal(t->fingerprint[1].digest[0], 0x4a);
	assert_int_equal(t->fingerprint[2].digest[0], 0x4b);
	hang_up(w);
	/* Of the session. */
	ng_sdp(w, "offer", "a", NULL, TO("RTP/AVP"),
	       A "a=setup:actpass\n" SHA256("4A") "m=audio 4000 UDP/TLS/RTP/SAVP 0\n");
	ng_lacks(w, "fingerprint");
	ng_lacks(w, "setup");
	ng_sdp(w, "answer", "a", "b", "", plain_answer);
	expects(w, 0, 0x4a);
}

/* ---- afterwards ---- */

static void call(struct ng_world *w, const char *offer)
{
	ng_sdp(w, "offer", "a", NULL, TO("RTP/AVP"), offer);
	ng_sdp(w, "answer", "a", "b", "", plain_answer);
}

/* The same again keeps the association and its roles; another certificate or tls-id does not. */
static void offered_again(void **state)
{
	static const char web[] = WEB(A, "4000", "actpass", SHA256("4A"));
	struct ng_world *w = *state;
	struct ctl_term was;

	ng_sdp(w, "offer", "a", NULL, TO("RTP/AVP"), web);
	ng_sdp(w, "answer", "a", "b", "\"DTLS\":\"passive\"", plain_answer);
	was = *term(w, 0);
	assert_int_equal(dtls(w, 0), SERVER);
	call(w, web);
	has_ours(w, "passive");
	assert_int_equal(was.flags, term(w, 0)->flags);
	assert_int_equal(was.dtls_id, term(w, 0)->dtls_id);
	assert_memory_equal(was.fingerprint, term(w, 0)->fingerprint, sizeof(was.fingerprint));
	/* In force until the answer. */
	ng_sdp(w, "offer", "a", NULL, TO("RTP/AVP"), WEB(A, "4000", "actpass", SHA256("4C")));
	expects(w, 0, 0x4a);
	ng_sdp(w, "answer", "a", "b", "", plain_answer);
	expects(w, 0, 0x4c);
	has_ours(w, "active");
	assert_int_equal(term(w, 0)->dtls_id, 0);
	call(w, WEB(A, "4000", "actpass", SHA256("4C") "a=tls-id:abcdefghijklmnopqrstuvwxyz\n"));
	assert_true(term(w, 0)->dtls_id != 0);
}

/* Ours of the last SDP; "": there is none. */
static void tls_id(const struct ng_world *w, char id[64])
{
	const char *at = strstr(w->sdp, "a=tls-id:");

	snprintf(id, 64, "%.*s", at ? (int)strcspn(at + 9, "\r\n") : 0, at ? at + 9 : "");
	assert_true(!at || strspn(id, "0123456789abcdef") == 32);
}

/* RFC 8842 5: of an association, as long as it goes on; of who has one himself. */
static void an_association_has_a_name(void **state)
{
	struct ng_world *w = *state;
	char first[64], id[64];

	call(w, WEB(A, "4000", "actpass", SHA256("4A") "a=tls-id:abcdefghijklmnopqrstuvwxyz\n"));
	tls_id(w, first);
	assert_int_equal(strlen(first), 32);
	call(w, WEB(A, "4000", "actpass", SHA256("4A") "a=tls-id:abcdefghijklmnopqrstuvwxyz\n"));
	tls_id(w, id);
	assert_string_equal(id, first);
	/* What we offer goes on, and so it does over a restart. */
	ng_sdp(w, "offer", "b", "a", "", B "m=audio 6000 RTP/AVP 0\n");
	tls_id(w, id);
	assert_string_equal(id, first);
	ng_world_restart(w);
	ng_sdp(w, "offer", "b", "a", "", B "m=audio 6000 RTP/AVP 0\n");
	tls_id(w, id);
	assert_string_equal(id, first);
	ng_sdp(w, "offer", "b", "a", "\"flags\":[\"no-tls-id\"]", B "m=audio 6000 RTP/AVP 0\n");
	ng_lacks(w, "tls-id");
	/* Another of theirs is another of ours; who has none gets none. */
	call(w, WEB(A, "4000", "actpass", SHA256("4A") "a=tls-id:zyxwvutsrqponmlkjihgfedcba\n"));
	tls_id(w, id);
	assert_int_equal(strlen(id), 32);
	assert_string_not_equal(id, first);
	snprintf(first, sizeof(first), "%s", id);
	call(w, WEB(A, "4000", "actpass", SHA256("4A")));
	ng_lacks(w, "tls-id");
	/* Of another call it is another, from the first offer on. */
	hang_up(w);
	ng_sdp(w, "offer", "a", NULL, TO(TLS_F), plain_offer);
	tls_id(w, id);
	assert_int_equal(strlen(id), 32);
	assert_string_not_equal(id, first);
	snprintf(first, sizeof(first), "%s", id);
	ng_sdp(w, "answer", "a", "b", "", WEB(B, "6000", "active", SHA256("5B")));
	ng_sdp(w, "offer", "a", "b", TO(TLS_F), plain_offer);
	tls_id(w, id);
	assert_string_equal(id, first);
}

/* The one who answered offers: what it has stays, and what the other has. */
static void offered_back(void **state)
{
	struct ng_world *w = *state;

	call(w, WEB(A, "4000", "actpass", SHA256("4A")));
	ng_sdp(w, "offer", "b", "a", "", B "m=audio 6000 RTP/AVP 0\n");
	has_ours(w, "actpass");
	assert_non_null(strstr(w->sdp, " " TLS_F " 0\n"));
	ng_sdp(w, "answer", "b", "a", "", WEB(A, "4000", "passive", SHA256("4A")));
	assert_int_equal(dtls(w, 0), CLIENT);
	expects(w, 0, 0x4a);
	ng_lacks(w, "fingerprint");
	/* And without it, which is another protocol. */
	ng_sdp(w, "offer", "a", "b", TO("RTP/AVP"), plain_offer);
	ng_sdp(w, "answer", "a", "b", "", plain_answer);
	assert_int_equal(dtls(w, 0), 0);
	assert_int_equal(term(w, 0)->n_fingerprint, 0);
}

/* On both sides it goes through, unless it shall not. */
static void from_end_to_end(void **state)
{
	static const char web[] = WEB(A, "4000", "actpass", SHA256("4A"));
	static const char answer[] = WEB(B, "6000", "active", SHA256("5B"));
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, REALMS, web);
	assert_non_null(strstr(w->sdp, SHA256("4A")));
	ng_sdp(w, "answer", "a", "b", "", answer);
	assert_non_null(strstr(w->sdp, SHA256("5B")));
	assert_int_equal(dtls(w, 0) | dtls(w, 1), 0);
	hang_up(w);
	ng_sdp(w, "offer", "a", NULL, REALMS ",\"flags\":[\"recrypt\"]", web);
	has_ours(w, "actpass");
	ng_sdp(w, "answer", "a", "b", "", answer);
	has_ours(w, "active");
	assert_int_equal(dtls(w, 0), CLIENT);
	assert_int_equal(dtls(w, 1), SERVER);
	expects(w, 0, 0x4a);
	expects(w, 1, 0x5b);
}

/* Keys of RTP and of RTCP on its own port count twice. */
static void room(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, TO("RTP/AVP"),
	       A "m=audio 4000 " TLS_F " 0\na=setup:actpass\n" SHA256("4A"));
	assert_int_equal(gate_srtp_count(w->e.s.gateway), 2);
	ng_sdp(w, "answer", "a", "b", "", plain_answer);
	assert_int_equal(gate_srtp_count(w->e.s.gateway), 2);
	ng_sdp(w, "offer", "a", NULL, TO("RTP/AVP") ",\"rtcp-mux\":[\"demux\"]",
	       WEB(A, "4000", "actpass", SHA256("4A")));
	ng_sdp(w, "answer", "a", "b", "", plain_answer);
	assert_int_equal(gate_srtp_count(w->e.s.gateway), 1);
	hang_up(w);
	assert_int_equal(gate_srtp_count(w->e.s.gateway), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, ng_world_setup, ng_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(who_offers_it_is_answered_by_us),
		T(who_is_offered_it_has_the_choice),
		T(reverse),
		T(dtls_on_one_side_and_sdes_on_the_other),
		T(both_offered),
		T(refused),
		T(no_certificate),
		T(lines),
		T(offered_again),
		T(an_association_has_a_name),
		T(offered_back),
		T(from_end_to_end),
		T(room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
