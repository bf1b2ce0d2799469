/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SDP of the field as offers and answers: what is not as RFC 8866 has it is read, and written as it
 * should be (R12, R24).
 */
#include "tests/world/ng_world.h"

#include <stdio.h>

static const char realms[] = "\"direction\":[\"access\",\"core\"]";

static uint16_t port_of(const struct ng_world *w, uint16_t media, uint32_t side)
{
	struct sock_addr a;

	assert_true(gate_local(w->e.s.gateway, ng_context(w, media), side, false, &a));
	return be16_get(a.port);
}

static const struct ctl_term *term(const struct ng_world *w, uint16_t media, uint32_t side)
{
	return &ng_context(w, media)->term[side].term;
}

static void assert_addr(const struct sock_addr *a, const char *ip, uint16_t port)
{
	struct sock_addr want = addr(ip, port);

	assert_memory_equal(a, &want, sizeof(want));
}

/* RFC 8866's order is for what is written (G8). */
static void sdp_of_any_order_is_put_in_order(void **state)
{
	struct ng_world *w = *state;
	char want[1024];

	ng_sdp(w, "offer", "a", NULL, realms,
	       "a=x\nt=0 0\n\nb=AS:90\nc=IN  IP4 203.0.113.7 \no=A B 1 2 IN IP4 203.0.113.7\nv=0\n"
	       "m=audio  4000 RTP/AVP 0  8\na=sendonly \nX=1\na=rtcp: 4005 \nb=AS:80\ni=z\n"
	       "c=IN IP4 203.0.113.8\n\n\n");
	snprintf(want, sizeof(want),
		 "v=0\n"
		 "o=A_B 1 2 IN IP4 203.0.113.7\n"
		 "s=-\n"
		 "c=IN IP4 192.0.2.12\n"
		 "b=AS:90\n"
		 "t=0 0\n"
		 "a=x\n"
		 "m=audio %u RTP/AVP 0 8\n"
		 "i=z\n"
		 "c=IN IP4 192.0.2.12\n"
		 "b=AS:80\n"
		 "a=sendonly\n"
		 "a=rtcp:%u\n",
		 port_of(w, 0, 1), port_of(w, 0, 1) + 1);
	assert_string_equal(w->sdp, want);
	assert_addr(&term(w, 0, 0)->remote[0], "203.0.113.8", 4000);
	assert_addr(&term(w, 0, 0)->remote[1], "203.0.113.8", 4005);
	assert_int_equal(ng_context(w, 0)->inactivity, 0);
	ng_sdp(w, "answer", "a", "b", "",
	       "v=0\no=b 1 1 IN IP4 203.0.113.9\ns=\nm=audio 6000 RTP/AVP 0\na=rtcp:x\n"
	       "c=IN IP4 203.0.113.9\n");
	assert_addr(&term(w, 0, 1)->remote[1], "203.0.113.9", 6001);
}

#define T(f) cmocka_unit_test_setup_teardown(f, ng_world_setup, ng_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(sdp_of_any_order_is_put_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
