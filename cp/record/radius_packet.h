/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_RADIUS_PACKET_H
#define FL_CP_RADIUS_PACKET_H

/*
 * A record as an Accounting-Request, and whether a packet is its answer (RFC 2866
 * 3, 4): bytes in, bytes out.
 */
#include "../radius_wire.h"
#include "record.h"

/* Attributes and their values (RFC 2865, 2866, 2869, 3162, 6911). */
enum radius_attr {
	RADIUS_USER_NAME = 1,
	RADIUS_NAS_PORT = 5,
	RADIUS_FRAMED_IP_ADDRESS = 8,
	RADIUS_CALLED_STATION_ID = 30,
	RADIUS_CALLING_STATION_ID = 31,
	RADIUS_NAS_IDENTIFIER = 32,
	RADIUS_ACCT_STATUS_TYPE = 40,
	RADIUS_ACCT_DELAY_TIME = 41,
	RADIUS_ACCT_INPUT_OCTETS = 42,
	RADIUS_ACCT_OUTPUT_OCTETS = 43,
	RADIUS_ACCT_SESSION_ID = 44,
	RADIUS_ACCT_SESSION_TIME = 46,
	RADIUS_ACCT_INPUT_PACKETS = 47,
	RADIUS_ACCT_OUTPUT_PACKETS = 48,
	RADIUS_ACCT_TERMINATE_CAUSE = 49,
	RADIUS_ACCT_MULTI_SESSION_ID = 50,
	RADIUS_ACCT_INPUT_GIGAWORDS = 52,
	RADIUS_ACCT_OUTPUT_GIGAWORDS = 53,
	RADIUS_EVENT_TIMESTAMP = 55,
	RADIUS_NAS_PORT_TYPE = 61,
	RADIUS_CONNECT_INFO = 77,
	RADIUS_NAS_PORT_ID = 87,
	RADIUS_FRAMED_IPV6_ADDRESS = 168,
};

enum radius_cause {
	RADIUS_USER_REQUEST = 1,
	RADIUS_LOST_CARRIER = 2,
	RADIUS_IDLE_TIMEOUT = 4,
	RADIUS_SESSION_TIMEOUT = 5,
	RADIUS_ADMIN_RESET = 6,
	RADIUS_ADMIN_REBOOT = 7,
	RADIUS_NAS_ERROR = 9,
	RADIUS_NAS_REQUEST = 10,
	RADIUS_NAS_REBOOT = 11,
	RADIUS_PORT_PREEMPTED = 13,
	RADIUS_SERVICE_UNAVAILABLE = 15,
	RADIUS_USER_ERROR = 17,
};

/* Its length; 0: it could not be signed. nas is who we are, wall_ms when it is sent. */
size_t radius_request(uint8_t packet[RADIUS_PACKET_MAX], uint8_t id, const char *secret,
		      const struct record *rec, const char *nas, uint64_t wall_ms);

/* Whether it is the server's answer to this request, signed with the secret. */
bool radius_accounted(const uint8_t *packet, size_t len, const uint8_t *request,
		      const char *secret);

/* Acct-Terminate-Cause of the reason of an end. */
enum radius_cause radius_cause(const char *reason);

#endif
