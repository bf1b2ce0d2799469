/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_IPSEC_ESP_KEYS_H
#define FL_CP_IPSEC_ESP_KEYS_H

/* What ESP takes of CK and IK (TS 33.203 7.1 and Annex I), and how Security headers name it. */
#include "../../lib/ctl_abi.h"
#include "../../lib/esp.h"

#include <stdbool.h>

/* By the values of alg and ealg (TS 33.203 Annex H); ESP_TRANSFORMS: no such pair is served. */
enum esp_transform esp_transform_find(const char *alg, const char *ealg);
const char *esp_alg(enum esp_transform t);
const char *esp_ealg(enum esp_transform t);

struct esp_keys {
	uint8_t key[16], mac[20], salt[CTL_IPSEC_SALT];
};

/* False if OpenSSL failed. */
bool esp_keys_make(enum esp_transform t, const uint8_t ck[16], const uint8_t ik[16],
		   struct esp_keys *out);

#endif
