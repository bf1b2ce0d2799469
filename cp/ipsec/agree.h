/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_IPSEC_AGREE_H
#define FL_CP_IPSEC_AGREE_H

/*
 * The security agreement with a phone (RFC 3329; TS 33.203 7.2 and Annex H): which of what its
 * Security-Client header offers is taken, what Security-Server says of it, and whether somebody
 * between has taken better offers away (2.3.1). Nothing is kept.
 */
#include "../../lib/ctl_abi.h"
#include "../../lib/sec_agree.h"
#include "esp_keys.h"

enum { AGREE_SERVER_MAX = 256 };

enum agree_verdict {
	AGREE_OK,
	AGREE_MALFORMED, /* a header that cannot be read */
	AGREE_MECHANISM, /* none that is served */
	AGREE_PROT,	 /* another protocol than ESP */
	AGREE_MOD,	 /* a mode that is not served, or not through a NAT */
	AGREE_ALG,	 /* alg and ealg are not served */
	AGREE_SPI,	 /* missing, reserved, or the same twice */
	AGREE_PORT,	 /* missing, one of SIP's own, or the same twice */
	AGREE_CLIENT,	 /* it offers other things than it did */
	AGREE_VERIFY,	 /* it was told other things than we said */
	AGREE_VERDICTS
};
extern const char *const agree_verdict_name[AGREE_VERDICTS];

enum agree_mechanism { AGREE_IPSEC, AGREE_TLS, AGREE_MECHANISMS };
extern const char *const agree_mechanism_name[AGREE_MECHANISMS];

/* What is served, the preferred first. */
struct agree_wish {
	uint32_t n;
	enum agree_mechanism mechanism[AGREE_MECHANISMS];
	bool nat; /* only what gets through one */
};

/* All but the mechanism are IPsec's. */
struct agree_choice {
	enum agree_mechanism mechanism;
	enum esp_transform transform;
	uint32_t flags; /* CTL_IPSEC_TUNNEL and CTL_IPSEC_UDP, as mod has it */
	uint32_t spi_c, spi_s;
	uint16_t port_c, port_s;
};

/* A mode that Security headers name (mod, in any case), as flags; false: there is none such. */
bool agree_mode_find(const char *mod, uint32_t *flags);
const char *agree_mode(uint32_t flags);

/*
 * What is best of what the phone offers: the mechanism by the wish, of IPsec GCM before CBC before
 * what does not encipher, then the simplest mode. AGREE_OK, or why the first that came nearest will
 * not do.
 */
enum agree_verdict agree_choose(const struct sec_list *client, const struct agree_wish *wish,
				struct agree_choice *out);

/* The value of Security-Server for associations with ports, or for TLS (s is NULL). */
void agree_server(const struct ctl_ipsec *s, char text[AGREE_SERVER_MAX]);

/*
 * Whether a Security-Verify header is what Security-Server said and, unless client is NULL, the
 * Security-Client header beside it offers what was taken then, and nothing that would have been
 * taken before it. s as above.
 */
enum agree_verdict agree_judge(const struct ctl_ipsec *s, const struct agree_wish *wish,
			       const struct sec_list *client, const struct sec_list *verify);

#endif
