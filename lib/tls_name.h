/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_TLS_NAME_H
#define FL_LIB_TLS_NAME_H

/* Versions and cipher suites of TLS by name, as OpenSSL writes them: those that are served. */
#include <stdint.h>

enum { VERSION_DTLS_1_2 = 0xfefd };

/* "TLS 1.2", "TLS 1.3", "DTLS 1.2"; "?" for any other number. */
const char *tls_version_name(uint16_t version);

/* By IANA number; NULL: none of those served. */
const char *tls_suite_name(uint16_t id);

/* Its IANA number; 0: no name of those. */
uint16_t tls_suite_by_name(const char *name);

#endif
