/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `fairlead context`: terminations as one word of a command line, field by field, and which are
 * refused by what name; and, for each table and for events, one result and its text.
 */
#include "tests/world/unit.h"

#include "cli/show.h"
#include "cli/term_text.h"

#include <stdlib.h>
#include <string.h>

/* JSON that may use ' for ". */
static json_t *parse(const char *s)
{
	char *text = strdup(s);
	json_error_t e;
	json_t *j;

	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	j = json_loads(text, 0, &e);
	if (!j)
		fail_msg("%s: %s", e.text, text);
	free(text);
	return j;
}

/* ---- terminations as text ---- */

static void terms(void **state)
{
	static const struct {
		const char *text, *json;
	} t[] = {
		{ "", "{}" },
		{ "transport=udp", "{'transport':'udp'}" },
		{ "transport=udp,realm=access,rtp,remote=[fd00::2]:4000",
		  "{'transport':'udp','realm':'access','rtp':true,'remote':'[fd00::2]:4000'}" },
		{ "family=6,port=30000,dscp=0,rate=1,burst=2,inactivity=3",
		  "{'family':6,'port':30000,'dscp':0,'rate':1,'burst':2,'inactivity':3}" },
		{ "rtp=yes,rtcp_mux=no,ice=true,begin=false,ice_restart",
		  "{'rtp':true,'rtcp_mux':false,'ice':true,'begin':false,'ice_restart':true}" },
		{ "notify=up+ended", "{'notify':['up','ended']}" },
		{ "notify=", "{'notify':[]}" },
		{ "remote=,dscp=,begin=", "{'remote':null,'dscp':null,'begin':null}" },
		{ "fingerprints=sha-1 00:11+SHA-256 22:33",
		  "{'fingerprints':['sha-1 00:11','SHA-256 22:33']}" },
		{ "tag=a=b,,latch=on,", "{'tag':'a=b','latch':'on'}" },
	};
	char err[256];

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		json_t *want = parse(t[i].json), *got = term_text(t[i].text, err, sizeof(err));

		if (!got)
			fail_msg("%s: %s", t[i].text, err);
		if (!json_equal(got, want))
			fail_msg("%s: %s", t[i].text, json_dumps(got, 0));
		json_decref(got);
		json_decref(want);
	}
}

static void terms_wrong(void **state)
{
	static const struct {
		const char *text, *err;
	} t[] = {
		{ "colour=red", "terminations have no field \"colour\"" },
		{ "transport=udp,=x", "terminations have no field \"\"" },
		{ "Transport=udp", "terminations have no field \"Transport\"" },
		{ "realm", "\"realm\" wants text: realm=..." },
		{ "port=x", "\"port\" wants a whole number: port=..." },
		{ "port=1x", "\"port\" wants a whole number: port=..." },
		{ "port=-1", "\"port\" wants a whole number: port=..." },
		{ "port= 1", "\"port\" wants a whole number: port=..." },
		{ "port", "\"port\" wants a whole number: port=..." },
		{ "rate=99999999999999999999", "\"rate\" wants a whole number: rate=..." },
		{ "rtp=maybe", "\"rtp\" wants yes or no: rtp=..." },
		{ "notify", "\"notify\" wants words with + between: notify=..." },
		{ "rtp,rtp", "\"rtp\" is there twice" },
		{ "realm=\xff", "\"realm\" wants text: realm=..." },
	};
	char err[256];

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		assert_null(term_text(t[i].text, err, sizeof(err)));
		assert_string_equal(err, t[i].err);
	}
}

/* ---- tables ---- */

/* Longer than a line, and not to be broken. */
#define LONG                                                                                      \
	"sha-256 "                                                                                \
	"00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:" \
	"1D:1E:1F"

/* Shows a result and compares. */
static void shows(void (*show)(const json_t *, FILE *), const char *result, const char *want)
{
	json_t *r = parse(result);
	size_t len;
	char *text;
	FILE *out = open_memstream(&text, &len);

	show(r, out);
	fclose(out);
	assert_string_equal(text, want);
	free(text);
	json_decref(r);
}

static void many(void **state)
{
	(void)state;
	shows(show_contexts, "{'contexts':[],'cursor':null}", "No contexts.\n");
	shows(show_contexts,
	      "{'cursor':7,'contexts':["
	      "{'context':'46e10cf74e80c098','call':'a-very-long-call-id@example.org','age_s':75,"
	      "'terminations':[{'transport':'udp','realm':'access','local':'10.1.0.1:19470',"
	      "'remote':'10.1.0.2:4','latched':'10.1.0.2:4000','state':'up',"
	      "'use':{'packets':1,'bytes':172,'packets_per_s':50,'bytes_per_s':8600,'silent_s':0}"
	      "},null]},"
	      "{'context':'0000000000000001','call':'','age_s':0,'terminations':[null,null]},"
	      "{'context':'a0d5cb1d936f3f41','call':'c\\u001b','age_s':90000,'terminations':["
	      "{'transport':'tls','realm':'access','local':'[fd00:1::1]:23322','remote':null,"
	      "'peer':'[fd00:1::2]:40000','state':'ended','why':'tls_fingerprint'},"
	      "{'transport':'tcp','realm':'core','local':'10.2.0.1:61903',"
	      "'remote':'10.2.0.2:5060','peer':null,'state':'opening','why':null,'use':{'bytes':7,"
	      "'bytes_per_s':0,'silent_s':200}}]}]}",
	      "CONTEXT           CALL               AGE  TERMINATIONS                              "
	      "           COMES  STATE\n"
	      "46e10cf74e80c098  a-very-long-      1:15  a udp access 10.1.0.1:19470 <-> 10.1.0.2:4"
	      "000    8.60 kB/s  up\n"
	      "                  call-id@exam\n"
	      "                  ple.org\n"
	      "0000000000000001                    0:00  none\n"
	      "a0d5cb1d936f3f41  c?            25:00:00  a tls access [fd00:1::1]:23322 <->        "
	      "               -  ended:\n"
	      "                                          [fd00:1::2]:40000                         "
	      "                  tls_fing\n"
	      "                                                                                    "
	      "                  erprint\n"
	      "                                          b tcp core 10.2.0.1:61903 <-> 10.2.0.2:506"
	      "0    silent 3:20  opening\n"
	      "There are more.\n");
}

static void one(void **state)
{
	(void)state;
	shows(show_context,
	      "{'context':'46e10cf74e80c098','call':'c1','media':2,'worker':1,'hold':true,"
	      "'age_s':5,'expires_s':14395,'inactivity':60,'end':'lifetime','terminations':["
	      "{'transport':'udp','realm':'access','tag':'alice','state':'up','state_s':5,"
	      "'local':'10.1.0.1:19470','rtcp_local':'10.1.0.1:19471','remote':null,"
	      "'rtcp_remote':null,'latched':'10.1.0.2:4000','rtcp_latched':'10.1.0.2:4001',"
	      "'latch':'on','gate':'in','dscp':0,'rate':1000,'burst':0,'inactivity':7,"
	      "'notify':['up','latched'],'rtp':true,'rtcp_mux':false,'ice':true,"
	      "'ice_ufrag':'abcd','ice_pwd':'secretsecret','counters':{'packets':1234,"
	      "'bytes':200000,'rtcp_packets':10,'rtcp_bytes':1000,'dropped':3,'ice_checks':4,"
	      "'silent_s':2}},null]}",
	      "context  46e10cf74e80c098, worker 1, 5 s old, ended: lifetime, 3 h 59 min left, "
	      "1 min 0 s of silence\n"
	      "         end it, hold\n"
	      "call     c1, media 2\n"
	      "\n"
	      "a        udp in access, up for 5 s\n"
	      "tag      alice\n"
	      "local    10.1.0.1:19470, RTCP 10.1.0.1:19471\n"
	      "remote   -\n"
	      "latched  10.1.0.2:4000, RTCP 10.1.0.2:4001\n"
	      "with     rtp, ice, latch on, gate in, dscp 0, rate 1000, inactivity 7\n"
	      "ICE      abcd, password secretsecret\n"
	      "notify   up latched\n"
	      "came     1,234 packets, 200 kB; RTCP 10 packets, 1.00 kB; 3 dropped; "
	      "4 ICE checks; silent for 2 s\n");
}

static void one_of_tls(void **state)
{
	(void)state;
	shows(show_context,
	      "{'context':'1','call':'','worker':0,'age_s':1,'expires_s':2,'inactivity':0,"
	      "'end':null,'terminations':[null,"
	      "{'transport':'tls','realm':'core','tag':'','state':'ended','state_s':3,"
	      "'why':'close-notify','local':'10.2.0.1:2','remote':'10.2.0.2:3','latch':'off',"
	      "'peer':'10.2.0.2:3','gate':'open','dscp':null,'rate':0,'burst':0,"
	      "'inactivity':0,'notify':[],'tcp_role':'client','tls_role':'server',"
	      "'tls_domain':'strict','fingerprints':['sha-1 AA','" LONG "'],"
	      "'host':'peer.example.org','own_fingerprints':[],'peer_fingerprint':'sha-256 CC',"
	      "'tls':{'version':'TLS 1.3','suite':'TLS_AES_128_GCM_SHA256'},"
	      "'counters':{'packets':0,'bytes':1500,'rtcp_packets':0,'dropped':0,"
	      "'silent_s':null}}]}",
	      "context  1, worker 0, 1 s old, 2 s left\n"
	      "\n"
	      "b        tls in core, ended: close-notify for 3 s\n"
	      "local    10.2.0.1:2\n"
	      "remote   10.2.0.2:3\n"
	      "peer     10.2.0.2:3\n"
	      "with     TCP client, TLS server of strict, latch off, gate open\n"
	      "host     peer.example.org\n"
	      "TLS      TLS 1.3, TLS_AES_128_GCM_SHA256\n"
	      "awaited  sha-1 AA\n"
	      "         " LONG "\n"
	      "shown    sha-256 CC\n"
	      "ours     none\n"
	      "notify   none\n"
	      "came     1.50 kB\n");
}

/* One line each, whatever names a controller chose. */
static void events(void **state)
{
	static const struct {
		const char *event, *line;
	} t[] = {
		{ "{'time_ms':1795284727123,'context':'00000000000000ab','side':1,'what':'ended',"
		  "'why':'close-notify','remote':'10.1.0.2:4','call':'c1','transport':'tls',"
		  "'tls':{'version':'TLS 1.3','suite':'TLS_AES_128_GCM_SHA256'}}",
		  "2026-11-21 18:12:07.123 00000000000000ab b ended close-notify 10.1.0.2:4 TLS "
		  "1.3 "
		  "TLS_AES_128_GCM_SHA256 call c1\n" },
		{ "{'time_ms':1795284727000,'context':'00000000000000ab','side':0,"
		  "'what':'latched','rtcp':true,'remote':'[fd00::2]:5','call':''}",
		  "2026-11-21 18:12:07.000 00000000000000ab a latched RTCP [fd00::2]:5\n" },
		{ "{'time_ms':0,'context':'1','side':null,'what':'context_ended',"
		  "'why':'lifetime','call':'\\u001b[2J\\nfake'}",
		  "1970-01-01 00:00:00.000 1 - context_ended lifetime call ?[2J?fake\n" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++)
		shows(show_event, t[i].event, t[i].line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(terms), cmocka_unit_test(terms_wrong), cmocka_unit_test(many),
		cmocka_unit_test(one),	 cmocka_unit_test(one_of_tls),	cmocka_unit_test(events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
