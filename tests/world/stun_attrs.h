/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_STUN_ATTRS_H
#define FL_TESTS_STUN_ATTRS_H

/*
 * Where the parser keeps each attribute that counts once, written down a second time so that a
 * slip in the parser's own table shows.
 */
#include "lib/stun.h"

struct stun_attr_at {
	uint16_t type;
	uint16_t at; /* of a struct stun_val in struct stun_msg */
};

#define AT(type, member)                                            \
	{                                                           \
		STUN_ATTR_##type, offsetof(struct stun_msg, member) \
	}

static const struct stun_attr_at stun_attrs[] = {
	AT(MAPPED_ADDRESS, mapped),
	AT(USERNAME, username),
	AT(MESSAGE_INTEGRITY, integrity),
	AT(ERROR_CODE, error_code),
	AT(UNKNOWN_ATTRIBUTES, unknown_attributes),
	AT(CHANNEL_NUMBER, channel_number),
	AT(LIFETIME, lifetime),
	AT(DATA, data),
	AT(REALM, realm),
	AT(NONCE, nonce),
	AT(REQUESTED_ADDRESS_FAMILY, requested_family),
	AT(EVEN_PORT, even_port),
	AT(REQUESTED_TRANSPORT, requested_transport),
	AT(DONT_FRAGMENT, dont_fragment),
	AT(MESSAGE_INTEGRITY_SHA256, integrity256),
	AT(PASSWORD_ALGORITHM, password_algorithm),
	AT(USERHASH, userhash),
	AT(XOR_MAPPED_ADDRESS, xor_mapped),
	AT(RESERVATION_TOKEN, reservation_token),
	AT(CONNECTION_ID, connection_id),
	AT(ADDITIONAL_ADDRESS_FAMILY, additional_family),
	AT(ADDITIONAL_ADDRESS_FAMILY_DRAFT, additional_family),
	AT(ADDRESS_ERROR_CODE, address_error_code),
	AT(PASSWORD_ALGORITHMS, password_algorithms),
	AT(ICMP, icmp),
	AT(SOFTWARE, software),
	AT(ALTERNATE_SERVER, alternate_server),
	AT(ICE_CONTROLLED, ice_controlled),
	AT(MOBILITY_TICKET, mobility_ticket),
};

#undef AT

static inline struct stun_val stun_attr_get(const struct stun_msg *m, const struct stun_attr_at *a)
{
	struct stun_val v;

	memcpy(&v, (const uint8_t *)m + a->at, sizeof(v));
	return v;
}

#endif
