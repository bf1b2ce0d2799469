/* SPDX-License-Identifier: BSD-3-Clause */
#include "agree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SIP_PORT = 5060, SIPS_PORT = 5061 };

const char *const agree_verdict_name[AGREE_VERDICTS] = {
	[AGREE_OK] = "agreed",
	[AGREE_MALFORMED] = "malformed",
	[AGREE_MECHANISM] = "mechanism",
	[AGREE_PROT] = "prot",
	[AGREE_MOD] = "mod",
	[AGREE_ALG] = "alg",
	[AGREE_SPI] = "spi",
	[AGREE_PORT] = "port",
	[AGREE_CLIENT] = "client_differs",
	[AGREE_VERIFY] = "verify_differs",
};

const char *const agree_mechanism_name[AGREE_MECHANISMS] = {
	[AGREE_IPSEC] = "ipsec-3gpp",
	[AGREE_TLS] = "tls",
};

/* The simplest first. Transport mode in UDP has no name there. */
static const struct {
	const char *mod;
	uint32_t flags;
} modes[] = {
	{ "trans", 0 },
	{ "tun", CTL_IPSEC_TUNNEL },
	{ "UDP-enc-tun", CTL_IPSEC_TUNNEL | CTL_IPSEC_UDP },
};

static const char tls_server[] = "tls; q=0.1";

/* The best first: what enciphers before what does not. */
static const enum esp_transform order[ESP_TRANSFORMS] = { ESP_GCM, ESP_CBC_SHA1, ESP_GMAC,
							  ESP_NULL_SHA1 };

bool agree_mode_find(const char *mod, uint32_t *flags)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcasecmp(modes[i].mod, mod) == 0) {
			*flags = modes[i].flags;
			return true;
		}
	return false;
}

const char *agree_mode(uint32_t flags)
{
	if (!(flags & CTL_IPSEC_TUNNEL))
		return modes[0].mod;
	return modes[flags & CTL_IPSEC_UDP ? 2 : 1].mod;
}

/* ---- what a phone offers ---- */

/* A decimal number of min to max. */
static bool number(const struct sec_mechanism *m, const char *name, uint32_t min, uint32_t max,
		   uint32_t *out)
{
	const char *text = sec_param(m, name);
	unsigned long long n;
	const size_t len = text ? strlen(text) : 0;

	if (len < 1 || len > 10 || strspn(text, "0123456789") != len)
		return false;
	n = strtoull(text, NULL, 10);
	*out = (uint32_t)n;
	return n >= min && n <= max;
}

static bool port(const struct sec_mechanism *m, const char *name, uint16_t *out)
{
	uint32_t n = 0;
	const bool ok = number(m, name, 1, UINT16_MAX, &n) && n != SIP_PORT && n != SIPS_PORT;

	*out = (uint16_t)n;
	return ok;
}

static const char *value_or(const struct sec_mechanism *m, const char *name, const char *without)
{
	const char *value = sec_param(m, name);

	return value ? value : without;
}

/* Defaults are those of RFC 3329 Appendix A; alg has none. */
static enum agree_verdict ipsec_read(const struct sec_mechanism *m, bool nat,
				     struct agree_choice *c)
{
	if (strcasecmp(value_or(m, "prot", "esp"), "esp") != 0)
		return AGREE_PROT;
	if (!agree_mode_find(value_or(m, "mod", modes[0].mod), &c->flags) ||
	    (nat && !(c->flags & CTL_IPSEC_UDP)))
		return AGREE_MOD;
	c->transform = esp_transform_find(value_or(m, "alg", ""), value_or(m, "ealg", "null"));
	if (c->transform == ESP_TRANSFORMS)
		return AGREE_ALG;
	if (!number(m, "spi-c", ESP_SPI_MIN, UINT32_MAX, &c->spi_c) ||
	    !number(m, "spi-s", ESP_SPI_MIN, UINT32_MAX, &c->spi_s) || c->spi_c == c->spi_s)
		return AGREE_SPI;
	if (!port(m, "port-c", &c->port_c) || !port(m, "port-s", &c->port_s) ||
	    c->port_c == c->port_s)
		return AGREE_PORT;
	return AGREE_OK;
}

static int rank(const struct agree_choice *c)
{
	int t = 0, mode = 0;

	while (order[t] != c->transform)
		t++;
	while (modes[mode].flags != c->flags)
		mode++;
	return t * (int)(sizeof(modes) / sizeof(modes[0])) + mode;
}

/* The best of one mechanism. AGREE_MECHANISM: it is not there. */
static enum agree_verdict best_of(const struct sec_list *client, enum agree_mechanism mechanism,
				  bool nat, struct agree_choice *out)
{
	enum agree_verdict verdict = AGREE_MECHANISM;

	for (uint32_t i = 0; i < client->n; i++) {
		const struct sec_mechanism *m = &client->mechanism[i];
		struct agree_choice c = { .mechanism = mechanism };
		enum agree_verdict v = AGREE_OK;

		if (strcasecmp(m->name, agree_mechanism_name[mechanism]) != 0 ||
		    sec_param(m, "mediasec"))
			continue;
		if (mechanism == AGREE_IPSEC)
			v = ipsec_read(m, nat, &c);
		if (v == AGREE_OK &&
		    (verdict != AGREE_OK || (mechanism == AGREE_IPSEC && rank(&c) < rank(out)))) {
			*out = c;
			verdict = AGREE_OK;
		} else if (v > verdict && verdict != AGREE_OK) {
			verdict = v;
		}
	}
	return verdict;
}

enum agree_verdict agree_choose(const struct sec_list *client, const struct agree_wish *wish,
				struct agree_choice *out)
{
	enum agree_verdict verdict = AGREE_MECHANISM;

	for (uint32_t i = 0; i < wish->n; i++) {
		const enum agree_verdict v = best_of(client, wish->mechanism[i], wish->nat, out);

		if (v == AGREE_OK)
			return v;
		if (v > verdict)
			verdict = v;
	}
	return verdict;
}

/* ---- what it is told, and tells back ---- */

void agree_server(const struct ctl_ipsec *s, char text[AGREE_SERVER_MAX])
{
	const enum esp_transform t = s ? (enum esp_transform)s->transform : ESP_TRANSFORMS;

	if (!s) {
		memcpy(text, tls_server, sizeof(tls_server));
		return;
	}
	snprintf(text, AGREE_SERVER_MAX,
		 "ipsec-3gpp; q=0.1; alg=%s; ealg=%s; prot=esp; mod=%s; spi-c=%u; spi-s=%u; "
		 "port-c=%u; port-s=%u",
		 esp_alg(t), esp_ealg(t), agree_mode(s->flags), s->lane[1].spi_in,
		 s->lane[0].spi_in, be16_get(s->lane[1].local), be16_get(s->lane[0].local));
}

/* Whether that choice is what there is. */
static bool is_made(const struct ctl_ipsec *s, const struct agree_choice *c)
{
	if (!s)
		return c->mechanism == AGREE_TLS;
	return c->mechanism == AGREE_IPSEC && c->transform == s->transform &&
	       strcmp(agree_mode(c->flags), agree_mode(s->flags)) == 0 &&
	       c->spi_c == s->lane[0].spi_out && c->spi_s == s->lane[1].spi_out &&
	       c->port_c == be16_get(s->lane[0].remote) && c->port_s == be16_get(s->lane[1].remote);
}

enum agree_verdict agree_judge(const struct ctl_ipsec *s, const struct agree_wish *wish,
			       const struct sec_list *client, const struct sec_list *verify)
{
	struct agree_wish again = *wish;
	char text[AGREE_SERVER_MAX];
	struct agree_choice c;
	struct sec_list said;

	agree_server(s, text);
	if (!sec_list_parse(text, strlen(text), &said) || !sec_list_same(&said, verify))
		return AGREE_VERIFY;
	/* What was best of all is best of those that pass a NAT, too. */
	again.nat = s && s->flags & CTL_IPSEC_TUNNEL && s->flags & CTL_IPSEC_UDP;
	if (client && (agree_choose(client, &again, &c) != AGREE_OK || !is_made(s, &c)))
		return AGREE_CLIENT;
	return AGREE_OK;
}
