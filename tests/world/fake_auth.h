/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_FAKE_AUTH_H
#define FL_TESTS_FAKE_AUTH_H

#include "cp/auth/auth.h"

/* Everybody's key; a signature repeats its bytes. */
enum { FAKE_KEY_LEN = 16, FAKE_KEY_BYTE = 0xaa };

/* What challenges name; "realm" unless a test says otherwise. */
extern const char *fake_auth_realm;

/* Whom the last request's nonce was taken to be for; of nobody else, the second is zero. */
extern struct sock_addr fake_auth_client, fake_auth_control;

#endif
