/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_PROXY_HEADER_H
#define FL_LIB_PROXY_HEADER_H

/*
 * The header of the PROXY protocol, version 2 (HAProxy's specification, 2.2): it goes before the
 * first byte of a connection to a back end, and says whose connection that is.
 */
#include "addr.h"
#include "cursor.h"

enum { PROXY_HEADER_MAX = 80 }; /* of what is written here */

/* A stream from client to server, of one family. */
struct proxy_header {
	struct sock_addr client, server;
	uint16_t tls; /* its version, 0x0303 or 0x0304, where TLS ended here; else 0 */
	bool cert;    /* with TLS: the client showed a certificate that was accepted */
};

void proxy_header_write(struct wr *w, const struct proxy_header *h);

#endif
