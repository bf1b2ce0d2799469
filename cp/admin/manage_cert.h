/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_MANAGE_CERT_H
#define FL_CP_ADMIN_MANAGE_CERT_H

/* Whose certificates the management port takes, and what each may do. */
#include "rpc.h"

#include <openssl/ssl.h>

/*
 * A server that wants a certificate of the CAs in management.ca; where that file has revocation
 * lists, one that they do not name. On failure NULL, and one sentence in err.
 */
SSL_CTX *manage_cert_load(const struct config_management *c, char *err, size_t errlen);

/*
 * Who is at the other end: name, and by the roles what he may do. Of several names of one
 * certificate the widest role counts; without any he may do nothing.
 */
void manage_cert_judge(const struct config_management *c, const X509 *cert, struct rpc_caller *who);

#endif
