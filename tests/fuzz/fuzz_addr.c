/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses: text that is taken comes back as the same address; sixteen bytes from the wire are
 * judged without contradiction: an address that holds a special IPv4 address is special (R77).
 */
#include "../../lib/addr.h"
#include "must.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *s)
{
	char text[ADDR_STR_MAX];
	struct ip_prefix p, q;
	struct ip_addr a, b;
	struct sock_addr sa, sb;

	if (sock_addr_parse(s, &sa)) {
		must(sock_addr_parse(sock_addr_format(&sa, text, sizeof(text)), &sb));
		must(sock_addr_eq(&sa, &sb) && be16_get(sa.port) != 0);
	}
	if (ip_parse(s, &a)) {
		must(ip_parse(ip_format(&a, text, sizeof(text)), &b));
		must(ip_eq(&a, &b));
		must(ip_prefix_parse(s, &p) && p.len == 128 && ip_in_prefix(&a, &p));
	}
	if (ip_prefix_parse(s, &p)) {
		must(p.len <= 128 && (!ip_is_v4(&p.ip) || p.len >= 96));
		must(ip_prefix_parse(ip_prefix_format(&p, text, sizeof(text)), &q));
		must(ip_eq(&p.ip, &q.ip) && p.len == q.len);
		must(ip_in_prefix(&p.ip, &p));
	}
}

static void check_bytes(const uint8_t b[18])
{
	char text[ADDR_STR_MAX], tight[8];
	struct sock_addr s;
	struct ip_addr v4;

	memcpy(&s, b, sizeof(s));
	must(strlen(sock_addr_format(&s, text, sizeof(text))) < sizeof(text) - 1);
	must(strlen(sock_addr_format(&s, tight, sizeof(tight))) < sizeof(tight));
	if (!ip_embedded_v4(&s.ip, &v4))
		return;
	must(ip_is_v4(&v4));
	must(!ip_special(&v4) || ip_special(&s.ip));
	must(ip_is_v4(&s.ip) || ip_special(&s.ip)); /* all such blocks are special themselves */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s = malloc(size + 1);

	memcpy(s, data, size);
	s[size] = '\0';
	check_text(s);
	free(s);
	if (size >= 18)
		check_bytes(data);
	return 0;
}
