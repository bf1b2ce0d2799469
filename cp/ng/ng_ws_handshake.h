/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NG_NG_WS_HANDSHAKE_H
#define FL_CP_NG_NG_WS_HANDSHAKE_H

/* The opening handshake of WebSocket, server's side (RFC 6455 4.2), with one subprotocol. */
#include "../../lib/addr.h"

#define NG_WS_PROTOCOL "ng.rtpengine.com"
#define NG_WS_REFUSAL                                                                    \
	"HTTP/1.1 400 Bad Request\r\nSec-WebSocket-Version: 13\r\nConnection: close\r\n" \
	"Content-Length: 0\r\n\r\n"

enum { NG_WS_ANSWER_MAX = 512 };

/*
 * A request, its empty line included, to our address. False if it does not open a WebSocket for ng.
 * With an Origin, its host must be that address: a page in a browser beside us has another (RFC
 * 6455 10.2), even if its name leads here.
 */
bool ng_ws_handshake(const char *head, size_t len, const struct ip_addr *self, char *answer,
		     size_t size);

#endif
