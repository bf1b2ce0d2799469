/* SPDX-License-Identifier: BSD-3-Clause */
#include "tls_name.h"

#include <stddef.h>
#include <string.h>

/* RFC 8446 B.4, RFC 5288, RFC 5289, RFC 5487, RFC 7905. */
static const struct {
	uint16_t id;
	const char *name;
} suites[] = {
	{ 0x1301, "TLS_AES_128_GCM_SHA256" },	     { 0x1302, "TLS_AES_256_GCM_SHA384" },
	{ 0x1303, "TLS_CHACHA20_POLY1305_SHA256" },  { 0xc02b, "ECDHE-ECDSA-AES128-GCM-SHA256" },
	{ 0xc02c, "ECDHE-ECDSA-AES256-GCM-SHA384" }, { 0xc02f, "ECDHE-RSA-AES128-GCM-SHA256" },
	{ 0xc030, "ECDHE-RSA-AES256-GCM-SHA384" },   { 0xcca8, "ECDHE-RSA-CHACHA20-POLY1305" },
	{ 0xcca9, "ECDHE-ECDSA-CHACHA20-POLY1305" }, { 0x009e, "DHE-RSA-AES128-GCM-SHA256" },
	{ 0x009f, "DHE-RSA-AES256-GCM-SHA384" },     { 0xccaa, "DHE-RSA-CHACHA20-POLY1305" },
	{ 0x00a8, "PSK-AES128-GCM-SHA256" },	     { 0x00a9, "PSK-AES256-GCM-SHA384" },
	{ 0xccab, "PSK-CHACHA20-POLY1305" },	     { 0x00aa, "DHE-PSK-AES128-GCM-SHA256" },
	{ 0x00ab, "DHE-PSK-AES256-GCM-SHA384" },     { 0xccad, "DHE-PSK-CHACHA20-POLY1305" },
	{ 0xccac, "ECDHE-PSK-CHACHA20-POLY1305" },
};

const char *tls_version_name(uint16_t version)
{
	switch (version) {
	case 0x0303:
		return "TLS 1.2";
	case 0x0304:
		return "TLS 1.3";
	case VERSION_DTLS_1_2:
		return "DTLS 1.2";
	default:
		return "?";
	}
}

const char *tls_suite_name(uint16_t id)
{
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		if (suites[i].id == id)
			return suites[i].name;
	}
	return NULL;
}

uint16_t tls_suite_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		if (strcmp(suites[i].name, name) == 0)
			return suites[i].id;
	}
	return 0;
}
