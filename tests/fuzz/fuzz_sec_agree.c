/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Security headers (RFC 3329 2.2): names and values lie in what was copied; written again they are
 * read as the same list; what is chosen of one is served, and is chosen again of what it was.
 */
#include "../../cp/ipsec/agree.h"
#include "must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void lies_in(const struct sec_list *l, const char *p)
{
	must(p >= l->text && p + strlen(p) < l->text + sizeof(l->text));
}

static size_t written(const struct sec_list *l, char *out)
{
	char *p = out;

	for (uint32_t i = 0; i < l->n; i++) {
		const struct sec_mechanism *m = &l->mechanism[i];

		lies_in(l, m->name);
		p = stpcpy(stpcpy(p, i ? ", " : ""), m->name);
		for (uint32_t k = 0; k < m->n; k++) {
			const struct sec_param *q = &m->param[k];

			lies_in(l, q->name);
			p = stpcpy(stpcpy(p, "; "), q->name);
			if (*q->value) {
				lies_in(l, q->value);
				p = stpcpy(stpcpy(p, "="), q->value);
			}
		}
	}
	return (size_t)(p - out);
}

static void choose(const struct sec_list *l)
{
	static const struct agree_wish wish = { .n = 2, .mechanism = { AGREE_IPSEC, AGREE_TLS } };
	struct agree_choice c;
	struct ctl_ipsec s = { .n_lanes = 2 };
	struct sec_list server;
	char text[AGREE_SERVER_MAX];
	const enum agree_verdict v = agree_choose(l, &wish, &c);
	const bool ipsec = v == AGREE_OK && c.mechanism == AGREE_IPSEC;

	must(v < AGREE_CLIENT && v != AGREE_MALFORMED);
	if (v != AGREE_OK)
		return;
	if (ipsec) {
		must(c.transform < ESP_TRANSFORMS && c.spi_c >= ESP_SPI_MIN &&
		     c.spi_s >= ESP_SPI_MIN && c.spi_c != c.spi_s && c.port_c && c.port_s &&
		     c.port_c != c.port_s);
		s.transform = (uint8_t)c.transform;
		s.flags = (uint8_t)c.flags;
		s.lane[0].spi_out = c.spi_c;
		s.lane[1].spi_out = c.spi_s;
		s.lane[0].remote = be16_make(c.port_c);
		s.lane[1].remote = be16_make(c.port_s);
	}
	agree_server(ipsec ? &s : NULL, text);
	must(sec_list_parse(text, strlen(text), &server));
	must(agree_judge(ipsec ? &s : NULL, &wish, l, &server) == AGREE_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[3 * SEC_LIST_MAX];
	static struct sec_list a, b;
	char *exact = malloc(size ? size : 1);
	size_t n;

	memcpy(exact, data, size);
	if (sec_list_parse(exact, size, &a)) {
		must(a.n > 0 && sec_list_same(&a, &a));
		n = written(&a, text);
		if (n <= SEC_LIST_MAX)
			must(sec_list_parse(text, n, &b) && sec_list_same(&a, &b) &&
			     sec_list_same(&b, &a));
		choose(&a);
	}
	free(exact);
	return 0;
}
