/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_TLS_HELLO_H
#define FL_LIB_TLS_HELLO_H

/* What a ClientHello says before anybody has answered it (RFC 8446 4.1.2; of TLS 1.2 likewise). */
#include "cursor.h"

#include <stdbool.h>

/*
 * The protocol names (RFC 7301 3.1: each behind a byte that is its length) that are offered by the
 * ClientHello in the n bytes of a whole record. Empty: none are, or it is no ClientHello, or one
 * that goes on in another record.
 */
struct rd tls_hello_alpn(const void *record, size_t n);
/* Whether name is among them. Names behind a length that does not fit are not. */
bool tls_alpn_has(struct rd list, const char *name);

#endif
