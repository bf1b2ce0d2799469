/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP and TLS as 3GPP TS 23.334 5.11.2.x has them, ordered by a controller of H.248 (TS 29.334):
 * tests are named after clauses. What the dataplane makes of it is in
 * tests/dp/gateway/test_gateway_*.c.
 */
#include "tests/world/mg_world.h"

#include <stdio.h>

static struct h248_message m;

#define PROTO_TLS "TCP/TLS/MSRP"
#define PRINT1                                                                                    \
	"SHA-256 "                                                                                \
	"02:1A:CC:54:27:AB:EB:9C:53:3F:3E:4B:65:2E:7D:46:3F:54:42:CD:54:F1:7A:03:A2:7D:F9:B0:7F:" \
	"46:19:B2"
#define PRINT2 "SHA-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB"

struct stream {
	uint32_t n; /* of the context */
	struct context *c;
	char name[2][MG_NAME_MAX];
};

/* Protocols and roles of the two; nothing is known of their remotes. */
static struct stream add(struct mg_world *w, const char *proto[2], const char *setup[2])
{
	struct stream s;

	mg_askf(
	    w,
	    "Context = $ { Add = ip/access/$ { Media { Stream = 1 { LocalControl { Mode = "
	    "SendReceive "
	    "}, Local {\nc=IN IP4 $\nm=message $ %s -\na=setup:%s\n} } }, Events = 21 { g/cause, "
	    "tlsbsc/BNCChange } }, Add = ip/core/$ { Media { Stream = 1 { LocalControl { Mode = "
	    "SendReceive }, Local {\nc=IN IP4 $\nm=message $ %s -\na=setup:%s\n} } }, Events = 22 "
	    "{ "
	    "g/cause, tlsbsc/BNCChange } } }",
	    proto[0], setup[0], proto[1], setup[1]);
	if (strstr(w->in, "Error"))
		fail_msg("%s", w->in);
	mg_added(w, 0, s.name[0]);
	mg_added(w, 1, s.name[1]);
	s.n = mg_number(w);
	s.c = mg_context_find(w->mg, s.n);
	assert_non_null(s.c);
	return s;
}

static struct stream add_tls(struct mg_world *w)
{
	return add(w, (const char *[]){ PROTO_TLS, "TCP/MSRP" },
		   (const char *[]){ "passive", "active" });
}

static void remote(struct mg_world *w, const struct stream *s, int side, const char *proto,
		   const char *lines)
{
	mg_askf(w,
		"Context = %u { Modify = %s { Media { Stream = 1 { Remote {\nc=IN IP4 "
		"203.0.113.9\nm=message "
		"2855 %s -\n%s} } } } }",
		s->n, s->name[side], proto, lines);
}

static void event(struct mg_world *w, const struct stream *s, uint8_t side, uint8_t what,
		  uint16_t why)
{
	struct evt_term e = { .hdr = { EVT_TERM, sizeof(e), 0 },
			      .cid = s->c->cid,
			      .side = side,
			      .what = what,
			      .why = why,
			      .attempt = s->c->term[side].term.attempt };

	fake_dp_event(&w->e.dp, s->c->worker, &e, sizeof(e));
	mg_turn(w);
	mg_pass(w, 100);
}

/* A Notify that says so of that termination is the next that comes. */
static void told(struct mg_world *w, const struct stream *s, int side, const char *what)
{
	char text[128];

	assert_true(mg_hear(w, 0, &m));
	snprintf(text, sizeof(text), "Context = %u { Notify = %s { ObservedEvents = %d { ", s->n,
		 s->name[side], 21 + side);
	mg_has(w, text);
	mg_has(w, what);
	snprintf(text, sizeof(text), "MEGACO/3 [127.0.0.1] Reply = %.*s { Context = - { } }",
		 H248_TEXT(h248_child(&m, &m.item[0])->value));
	mg_say(w, 0, text);
}

/* ---- 5.11.2.x.3: modes of operation ---- */

static void test_5_11_2_x_3_modes(void **state)
{
	static const struct {
		const char *proto[2];
		uint8_t transport[2];
	} is[] = {
		{ { PROTO_TLS, "TCP/MSRP" }, { TERM_TLS, TERM_TCP } },
		{ { PROTO_TLS, PROTO_TLS }, { TERM_TLS, TERM_TLS } },
		{ { "TCP/MSRP", "TCP/MSRP" }, { TERM_TCP, TERM_TCP } },
		/* Application agnostic. */
		{ { "TCP/TLS", "TCP" }, { TERM_TLS, TERM_TCP } },
		{ { "TCP/TLS/BFCP", "TCP/BFCP" }, { TERM_TLS, TERM_TCP } },
	};
	struct mg_world *w = *state;

	w->e.conf.realm[1].domain_index = 0;
	for (size_t i = 0; i < N_OF(is); i++) {
		struct stream s =
		    add(w, (const char **)is[i].proto, (const char *[]){ "passive", "active" });
		char line[64];

		for (int side = 0; side < 2; side++) {
			assert_int_equal(s.c->term[side].term.transport, is[i].transport[side]);
			snprintf(line, sizeof(line), " %s -\r\na=setup:%s\r\n", is[i].proto[side],
				 side ? "active" : "passive");
			mg_has(w, line);
		}
		mg_askf(w, "Context = %u { W-Subtract = * { Audit { } } }", s.n);
	}
}

/* ---- 5.11.2.x.4.2: establishment of TLS ---- */

/* Either end may be the server; that is the one who is passive. */
static void test_5_11_2_x_4_2_roles(void **state)
{
	static const char *const role[] = { "active", "passive" };
	struct mg_world *w = *state;

	w->e.conf.realm[1].domain_index = 0;
	for (int i = 0; i < 4; i++) {
		struct stream s = add(w, (const char *[]){ PROTO_TLS, PROTO_TLS },
				      (const char *[]){ role[i & 1], role[i >> 1] });

		for (int side = 0; side < 2; side++) {
			const bool active = !(side ? i >> 1 : i & 1);

			assert_int_equal(s.c->term[side].term.flags &
					     (TERM_CONNECT | TERM_TLS_CLIENT),
					 active ? TERM_CONNECT | TERM_TLS_CLIENT : 0);
		}
		mg_askf(w, "Context = %u { W-Subtract = * { Audit { } } }", s.n);
	}
}

/* All that are told may be shown; more than can be kept are refused, and nothing changes. */
static void test_5_11_2_x_4_2_fingerprints(void **state)
{
	struct mg_world *w = *state;
	struct stream s = add_tls(w);
	struct ctl_term *t = &s.c->term[0].term;
	char lines[2048] = "";

	remote(w, &s, 0, PROTO_TLS, "a=fingerprint:" PRINT1 "\na=fingerprint:" PRINT2 "\n");
	assert_int_equal(t->n_fingerprint, 2);
	assert_int_equal(t->fingerprint[0].hash, FP_SHA256);
	assert_int_equal(t->fingerprint[1].hash, FP_SHA1);
	for (int i = 0; i <= CTL_FINGERPRINTS_MAX; i++)
		strcat(lines, "a=fingerprint:" PRINT2 "\n");
	remote(w, &s, 0, PROTO_TLS, lines);
	mg_has(w, "Error = 474");
	assert_int_equal(t->n_fingerprint, 2);
	assert_int_equal(t->fingerprint[0].hash, FP_SHA256);
}

/* The connection waits for it, and goes on as it is. */
static void test_5_11_2_x_4_2_fingerprint_late(void **state)
{
	struct mg_world *w = *state;
	struct stream s = add_tls(w);
	uint8_t attempt;

	remote(w, &s, 0, PROTO_TLS, "");
	assert_int_equal(s.c->term[0].term.n_fingerprint, 0);
	attempt = s.c->term[0].term.attempt;
	event(w, &s, 0, TERM_UNJUDGED, 0);
	assert_int_equal(s.c->term[0].state, TERM_STATE_UNJUDGED);
	assert_false(mg_hear(w, 0, &m));
	remote(w, &s, 0, PROTO_TLS, "a=fingerprint:" PRINT1 "\n");
	assert_null(strstr(w->in, "Error"));
	assert_int_equal(s.c->term[0].term.n_fingerprint, 1);
	assert_int_equal(s.c->term[0].term.attempt, attempt);
	event(w, &s, 0, TERM_UP, 0);
	told(w, &s, 0, ":tlsbsc/BNCChange { Stream = 1, Type = Est }");
}

static void test_5_11_2_x_4_2_notified(void **state)
{
	struct mg_world *w = *state;
	struct stream s = add_tls(w);

	remote(w, &s, 0, PROTO_TLS, "a=fingerprint:" PRINT1 "\n");
	remote(w, &s, 1, "TCP/MSRP", "");
	event(w, &s, 1, TERM_UP, 0);
	told(w, &s, 1, ":tcpbcc/BNCChange { Stream = 1, Type = Est }");
	event(w, &s, 0, TERM_UP, 0);
	told(w, &s, 0, ":tlsbsc/BNCChange { Stream = 1, Type = Est }");
	/* Who does not want to know is not told. */
	mg_askf(w, "Context = %u { Modify = %s { Events } }", s.n, s.name[0]);
	event(w, &s, 0, TERM_ENDED, TCP_END_RESET);
	assert_false(mg_hear(w, 0, &m));
}

/* ---- 5.11.2.x.4.3 to .4.5, .5.2: ends ---- */

/* Whatever a connection ended by, it is said of the termination whose it was. */
static void test_5_11_2_x_4_3_ends(void **state)
{
	struct mg_world *w = *state;

	for (uint16_t why = 0; why < TCP_END_MAX; why++) {
		for (uint8_t side = 0; side < 2; side++) {
			struct stream s = add_tls(w);
			char text[128];

			remote(w, &s, 0, PROTO_TLS, "a=fingerprint:" PRINT1 "\n");
			remote(w, &s, 1, "TCP/MSRP", "");
			event(w, &s, side, TERM_ENDED, why);
			snprintf(text, sizeof(text),
				 ":g/cause { Stream = 1, Generalcause = FT, Failurecause = \"%s\"",
				 gate_why(side ? TERM_TCP : TERM_TLS, why));
			told(w, &s, side, text);
			mg_askf(w, "Context = * { W-Subtract = * { Audit { } } }");
			mg_pass(w, 20);
			while (mg_hear(w, 0, &m))
				;
		}
	}
	assert_string_equal(gate_why(TERM_TLS, TCP_END_DONE), "close-notify");
	assert_string_equal(gate_why(TERM_TCP, TCP_END_DONE), "fin");
}

/* By order nothing is told. */
static void test_5_11_2_x_4_3_request(void **state)
{
	struct mg_world *w = *state;
	struct stream s = add_tls(w);

	remote(w, &s, 0, PROTO_TLS, "a=fingerprint:" PRINT1 "\n");
	event(w, &s, 0, TERM_UP, 0);
	told(w, &s, 0, "Type = Est");
	mg_askf(w, "Context = %u { Subtract = %s, Subtract = %s }", s.n, s.name[0], s.name[1]);
	assert_null(strstr(w->in, "Error"));
	assert_int_equal(gate_stats(w->e.s.gateway)->contexts, 0);
	mg_pass(w, 1000);
	assert_false(mg_hear(w, 0, &m));
}

/* Another's certificate does not end the wait for the right one, and is told. */
static void test_5_11_2_x_4_3_authentication_failure(void **state)
{
	struct mg_world *w = *state;
	struct stream s = add_tls(w);

	remote(w, &s, 0, PROTO_TLS, "a=fingerprint:" PRINT1 "\n");
	event(w, &s, 0, TERM_REFUSED, TCP_END_TLS_FINGERPRINT);
	told(w, &s, 0,
	     ":g/cause { Stream = 1, Generalcause = FT, Failurecause = \"tls_fingerprint\"");
	event(w, &s, 0, TERM_UP, 0);
	told(w, &s, 0, "Type = Est");
}

/* Of a context that ends by its time each termination is told, and nothing is left. */
static void test_5_11_2_x_5_2_expiry(void **state)
{
	struct mg_world *w = *state;
	struct stream s;

	w->e.conf.gateway.lifetime = 60;
	s = add_tls(w);
	remote(w, &s, 0, PROTO_TLS, "a=fingerprint:" PRINT1 "\n");
	remote(w, &s, 1, "TCP/MSRP", "");
	event(w, &s, 0, TERM_UP, 0);
	event(w, &s, 1, TERM_UP, 0);
	told(w, &s, 0, "Type = Est");
	told(w, &s, 1, "Type = Est");
	mg_askf(w, "Context = - { AuditValue = ROOT }");
	env_advance(&w->e, 61000);
	mg_turn(w);
	mg_pass(w, 100);
	for (int i = 0; gate_stats(w->e.s.gateway)->contexts && i < 10; i++)
		mg_pass(w, 1000);
	assert_int_equal(gate_stats(w->e.s.gateway)->contexts, 0);
	for (int side = 0; side < 2; side++) {
		do {
			assert_true(mg_hear(w, 0, &m));
		} while (!strstr(w->in, "g/cause") || !strstr(w->in, s.name[side]));
		mg_has(w, "Failurecause = \"lifetime\"");
	}
}

/* ---- 5.11.2.x.5.1: establishment of TCP ---- */

/* Who is active connects when the remote is known; who is passive waits for whom it was told of. */
static void test_5_11_2_x_5_1_begin(void **state)
{
	struct mg_world *w = *state;
	struct stream s = add_tls(w);
	uint8_t attempt[2] = { s.c->term[0].term.attempt, s.c->term[1].term.attempt };

	assert_int_equal(s.c->term[0].state, TERM_STATE_IDLE);
	assert_int_equal(s.c->term[1].state, TERM_STATE_IDLE);
	remote(w, &s, 1, "TCP/MSRP", "");
	assert_int_equal(s.c->term[1].state, TERM_STATE_OPENING);
	assert_int_equal(s.c->term[0].state, TERM_STATE_IDLE);
	remote(w, &s, 0, PROTO_TLS, "");
	assert_int_equal(s.c->term[0].state, TERM_STATE_OPENING);
	assert_int_equal(s.c->term[0].term.flags & (TERM_LATCH | TERM_LATCH_ADDR),
			 TERM_LATCH | TERM_LATCH_ADDR);
	for (int side = 0; side < 2; side++) {
		assert_int_not_equal(s.c->term[side].term.attempt, attempt[side]);
		assert_int_equal(be16_get(s.c->term[side].term.remote[0].port), 2855);
	}
}

/* With latching whoever connects is the remote, known or not; RELATCH begins anew. */
static void test_5_11_2_x_5_1_another_attempt(void **state)
{
	struct mg_world *w = *state;
	struct stream s = add_tls(w);
	uint8_t attempt;

	mg_askf(w, "Context = %u { Modify = %s { Signals { ipnapt/latch { napt = LATCH } } } }",
		s.n, s.name[0]);
	assert_int_equal(s.c->term[0].state, TERM_STATE_OPENING);
	assert_int_equal(s.c->term[0].term.flags & (TERM_LATCH | TERM_LATCH_ADDR), TERM_LATCH);
	event(w, &s, 0, TERM_REFUSED, TCP_END_TLS_TIMEOUT);
	told(w, &s, 0, "tls_timeout");
	attempt = s.c->term[0].term.attempt;
	mg_askf(w, "Context = %u { Modify = %s { Signals { ipnapt/latch { napt = RELATCH } } } }",
		s.n, s.name[0]);
	assert_null(strstr(w->in, "Error"));
	assert_int_equal(s.c->term[0].state, TERM_STATE_OPENING);
	assert_int_not_equal(s.c->term[0].term.attempt, attempt);
}

/* ---- gates: gm ---- */

static void test_gm(void **state)
{
	struct mg_world *w = *state;
	const struct context_term *t;
	char name[MG_NAME_MAX];
	uint32_t n;

	mg_askf(w,
		"Context = $ { Add = ip/access/$ { Media { Stream = 1 { LocalControl { Mode = "
		"SendReceive, "
		"gm/saf = ON, gm/rsb = ON }, Local {\nc=IN IP4 $\nm=audio $ RTP/AVP -\n}, Remote "
		"{\nc=IN "
		"IP4 203.0.113.9\nm=audio 40000 RTP/AVP -\n} } } } }");
	assert_null(strstr(w->in, "Error"));
	mg_added(w, 0, name);
	n = mg_number(w);
	t = &mg_context_find(w->mg, n)->term[0];
	/* Of the remote's address alone, by whatever port; RTCP has one of its own. */
	assert_int_equal(t->term.flags, TERM_IN | TERM_OUT | TERM_RTP | TERM_LATCH_ADDR);
	/* saf OFF lets no other address in: it never does. */
	mg_askf(
	    w,
	    "Context = %u { Modify = %s { Media { LocalControl { Mode = SendReceive, gm/saf = OFF "
	    "} } } }",
	    n, name);
	assert_null(strstr(w->in, "Error"));
	assert_int_equal(t->term.flags, TERM_IN | TERM_OUT | TERM_RTP | TERM_LATCH_ADDR);
	mg_askf(
	    w,
	    "Context = %u { Modify = %s { Media { LocalControl { Mode = SendReceive, gm/rsb = OFF "
	    "} } } }",
	    n, name);
	assert_null(strstr(w->in, "Error"));
	assert_int_equal(t->term.flags, TERM_IN | TERM_OUT | TERM_LATCH_ADDR);
	mg_askf(
	    w,
	    "Context = %u { Modify = %s { Media { LocalControl { Mode = SendReceive, gm/spf = ON } "
	    "} } }",
	    n, name);
	assert_int_equal(t->term.flags, TERM_IN | TERM_OUT | TERM_RTP);
	for (int i = 0; i < 2; i++) {
		mg_askf(
		    w,
		    "Context = %u { Modify = %s { Media { LocalControl { Mode = SendReceive, gm/%s "
		    "= maybe "
		    "} } } }",
		    n, name, i ? "rsb" : "saf");
		mg_has(w, "Error = 449");
		assert_int_equal(t->term.flags, TERM_IN | TERM_OUT | TERM_RTP);
	}
}

/* ---- ICE (RFC 8445 2.5, H.248.50) ---- */

#define ICE_LOCAL(proto, lines) "Local {\nv=0\nc=IN IP4 $\nm=audio $ " proto " -\n" lines "}"

static void local(struct mg_world *w, uint32_t n, const char *name, const char *lines)
{
	mg_askf(w,
		"Context = %u { Modify = %s { Media { Stream = 1 { Local {\nv=0\nc=IN IP4 "
		"$\nm=audio $ RTP/AVP -\n%s} } } } }",
		n, name, lines);
}

/* A termination is a lite agent, as Local asks; what a remote needs is in the reply. */
static void test_ice(void **state)
{
	struct mg_world *w = *state;
	const struct ctl_term *t;
	char name[MG_NAME_MAX], text[512], ufrag[CTL_UFRAG_MAX];
	uint32_t n;

	mg_askf(w,
		"Context = $ { Add = ip/access/$ { Media { Stream = 1 { LocalControl { Mode = "
		"SendReceive }, " ICE_LOCAL(
		    "RTP/AVP", "a=ice-ufrag:$\na=ice-pwd:$\n") ", Remote "
							       "{\nc=IN IP4 203.0.113.9\nm=audio "
							       "40000 RTP/AVP -\n} } } } }");
	assert_null(strstr(w->in, "Error"));
	mg_added(w, 0, name);
	n = mg_number(w);
	t = &mg_context_find(w->mg, n)->term[0].term;
	assert_int_equal(t->flags, TERM_IN | TERM_OUT | TERM_RTP | TERM_ICE);
	mg_has(w, "a=ice-lite\r\nm=audio ");
	snprintf(text, sizeof(text),
		 "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=candidate:1 1 UDP 2130706431 192.0.2.11 %u "
		 "typ host\r\na=candidate:1 2 UDP 2130706430 192.0.2.11 %u typ host\r\n",
		 t->ufrag, t->pwd, be16_get(t->local.port), be16_get(t->local.port) + 1);
	mg_has(w, text);
	memcpy(ufrag, t->ufrag, sizeof(ufrag));
	/* It lasts: without Local, and with what was told. */
	mg_askf(w,
		"Context = %u { Modify = %s { Media { LocalControl { Mode = SendOnly } }, Signals "
		"{ ipnapt/latch { napt = LATCH } } } }",
		n, name);
	assert_null(strstr(w->in, "Error"));
	assert_int_equal(t->flags, TERM_OUT | TERM_RTP | TERM_ICE);
	snprintf(text, sizeof(text), "a=ice-ufrag:%s\na=ice-pwd:%s\na=rtcp-mux\n", t->ufrag,
		 t->pwd);
	local(w, n, name, text);
	assert_null(strstr(w->in, "Error"));
	assert_string_equal(t->ufrag, ufrag);
	assert_null(strstr(w->in, "a=candidate:1 2"));
	assert_int_equal(t->flags, TERM_OUT | TERM_RTP | TERM_RTCP_MUX | TERM_ICE);
	/* Chosen once more it begins anew (9). */
	local(w, n, name, "a=ice-ufrag:$\na=ice-pwd:$\n");
	assert_string_not_equal(t->ufrag, ufrag);
	mg_has(w, t->ufrag);
	mg_askf(w,
		"Context = %u { Modify = %s { Media { Stream = 1 { Local {\nv=0\nc=IN IP4 "
		"192.0.2.11\nm=audio %u RTP/AVP -\na=ice-ufrag:$\na=ice-pwd:$\n} } } } }",
		n, name, be16_get(t->local.port));
	mg_has(w, t->ufrag);
	local(w, n, name, "a=ice-ufrag:abcd\na=ice-pwd:abcdefghijklmnopqrstuv\n");
	mg_has(w, "Error = 449 {");
	local(w, n, name, "a=ice-ufrag:$\n");
	mg_has(w, "Error = 474 {");
	local(w, n, name, "a=ice-ufrag:$\na=ice-pwd:abcdefghijklmnopqrstuv\n");
	mg_has(w, "Error = 474 {");
	mg_askf(w,
		"Context = %u { Modify = %s { Media { Stream = 1 { Remote {\nc=IN IP4 "
		"203.0.113.9\nm=audio 40000 RTP/AVP -\na=ice-ufrag:$\na=ice-pwd:$\n} } } } }",
		n, name);
	mg_has(w, "Error = 474 {");
	assert_true(t->flags & TERM_ICE);
	/* What a remote has of its own is not looked at. */
	mg_askf(w,
		"Context = %u { Modify = %s { Media { Stream = 1 { Remote {\nc=IN IP4 "
		"203.0.113.9\nm=audio 40000 RTP/AVP -\na=ice-ufrag:abcd\n} } } } }",
		n, name);
	assert_null(strstr(w->in, "Error"));
	local(w, n, name, "");
	assert_int_equal(t->flags & TERM_ICE, 0);
	assert_true(t->flags & TERM_LATCH);
	mg_askf(w, "Context = $ { Add = ip/access/$ { Media { Stream = 1 { " ICE_LOCAL(
		       "TCP/MSRP", "a=ice-ufrag:$\na=ice-pwd:$\n") " } } } }");
	mg_has(w, "Error = 449 {");
}

/* RTCP that is off comes back: the port above RTP's is kept for it. */
static void test_rtcp_off(void **state)
{
	struct mg_world *w = *state;

	for (int i = 0; i < 16; i++) { /* ports are drawn at random */
		const struct ctl_term *t;
		char name[MG_NAME_MAX];
		struct be16 port;
		uint32_t n;

		mg_askf(w, "Context = $ { Add = ip/access/$ { Media { Stream = 1 { LocalControl { "
			   "Mode = SendReceive, rtcph/rsb = OFF }, Local {\nc=IN IP4 $\nm=audio $ "
			   "RTP/AVP -\n} } } } }");
		assert_null(strstr(w->in, "Error"));
		mg_added(w, 0, name);
		n = mg_number(w);
		t = &mg_context_find(w->mg, n)->term[0].term;
		port = t->local.port;
		assert_int_equal(t->flags & TERM_RTP, 0);
		for (int on = 1; on >= 0; on--) {
			mg_askf(w,
				"Context = %u { Modify = %s { Media { LocalControl { Mode = "
				"SendReceive%s } } } }",
				n, name, on ? "" : ", gm/rsb = OFF");
			assert_null(strstr(w->in, "Error"));
			assert_int_equal(t->flags & TERM_RTP, on ? TERM_RTP : 0);
			assert_int_equal(be16_get(t->local.port), be16_get(port));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define IN_WORLD(t) cmocka_unit_test_setup_teardown(t, mg_world_setup, mg_world_teardown)
		IN_WORLD(test_5_11_2_x_3_modes),
		IN_WORLD(test_5_11_2_x_4_2_roles),
		IN_WORLD(test_5_11_2_x_4_2_fingerprints),
		IN_WORLD(test_5_11_2_x_4_2_fingerprint_late),
		IN_WORLD(test_5_11_2_x_4_2_notified),
		IN_WORLD(test_5_11_2_x_4_3_ends),
		IN_WORLD(test_5_11_2_x_4_3_request),
		IN_WORLD(test_5_11_2_x_4_3_authentication_failure),
		IN_WORLD(test_5_11_2_x_5_1_begin),
		IN_WORLD(test_5_11_2_x_5_1_another_attempt),
		IN_WORLD(test_5_11_2_x_5_2_expiry),
		IN_WORLD(test_gm),
		IN_WORLD(test_ice),
		IN_WORLD(test_rtcp_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
