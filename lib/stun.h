/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_STUN_H
#define FL_LIB_STUN_H

/*
 * STUN messages (RFC 8489) and TURN's attributes (RFC 8656, RFC 6062, RFC 8016). Bytes in, bytes
 * out: no keys, no hashing but the CRC of FINGERPRINT. Integrity is computed by the caller over
 * the two spans that stun_integrity_input() describes.
 */
#include "addr.h"
#include "cursor.h"

enum {
	STUN_HDR_LEN = 20,
	STUN_ATTR_HDR_LEN = 4,
	STUN_TID_LEN = 12,
	STUN_MI_LEN = 20,	  /* MESSAGE-INTEGRITY value */
	STUN_MI256_LEN = 32,	  /* MESSAGE-INTEGRITY-SHA256 value, never truncated in TURN */
	STUN_FINGERPRINT_LEN = 4, /* value */
	STUN_USERHASH_LEN = 32,	  /* value */
	STUN_USERNAME_MAX = 508,  /* bytes, RFC 8489 14.3 */
	STUN_REALM_MAX = 763,	  /* bytes, 14.9 */
	STUN_NONCE_MAX = 763,	  /* bytes, 14.10 */
	STUN_UNKNOWN_MAX = 16,	  /* comprehension-required unknowns listed in a 420 */
	STUN_PEERS_MAX = 64,	  /* XOR-PEER-ADDRESS attributes in one CreatePermission */
};

#define STUN_MAGIC UINT32_C(0x2112A442)
#define STUN_FINGERPRINT_XOR UINT32_C(0x5354554e)

enum stun_class {
	STUN_REQUEST = 0,
	STUN_INDICATION = 1,
	STUN_SUCCESS = 2,
	STUN_ERROR = 3,
};

enum stun_method {
	STUN_BINDING = 0x001,
	STUN_ALLOCATE = 0x003,
	STUN_REFRESH = 0x004,
	STUN_SEND = 0x006,
	STUN_DATA = 0x007,
	STUN_CREATE_PERMISSION = 0x008,
	STUN_CHANNEL_BIND = 0x009,
	STUN_CONNECT = 0x00a,
	STUN_CONNECTION_BIND = 0x00b,
	STUN_CONNECTION_ATTEMPT = 0x00c,
};

enum stun_attr_type {
	STUN_ATTR_MAPPED_ADDRESS = 0x0001,
	STUN_ATTR_USERNAME = 0x0006,
	STUN_ATTR_MESSAGE_INTEGRITY = 0x0008,
	STUN_ATTR_ERROR_CODE = 0x0009,
	STUN_ATTR_UNKNOWN_ATTRIBUTES = 0x000a,
	STUN_ATTR_CHANNEL_NUMBER = 0x000c,
	STUN_ATTR_LIFETIME = 0x000d,
	STUN_ATTR_XOR_PEER_ADDRESS = 0x0012,
	STUN_ATTR_DATA = 0x0013,
	STUN_ATTR_REALM = 0x0014,
	STUN_ATTR_NONCE = 0x0015,
	STUN_ATTR_XOR_RELAYED_ADDRESS = 0x0016,
	STUN_ATTR_REQUESTED_ADDRESS_FAMILY = 0x0017,
	STUN_ATTR_EVEN_PORT = 0x0018,
	STUN_ATTR_REQUESTED_TRANSPORT = 0x0019,
	STUN_ATTR_DONT_FRAGMENT = 0x001a,
	STUN_ATTR_MESSAGE_INTEGRITY_SHA256 = 0x001c,
	STUN_ATTR_PASSWORD_ALGORITHM = 0x001d,
	STUN_ATTR_USERHASH = 0x001e,
	STUN_ATTR_XOR_MAPPED_ADDRESS = 0x0020,
	STUN_ATTR_RESERVATION_TOKEN = 0x0022,
	STUN_ATTR_PRIORITY = 0x0024,
	STUN_ATTR_USE_CANDIDATE = 0x0025,
	STUN_ATTR_CONNECTION_ID = 0x002a,
	/* comprehension-optional */
	STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY = 0x8000,
	STUN_ATTR_ADDRESS_ERROR_CODE = 0x8001,
	STUN_ATTR_PASSWORD_ALGORITHMS = 0x8002,
	STUN_ATTR_ALTERNATE_DOMAIN = 0x8003,
	STUN_ATTR_ICMP = 0x8004,
	STUN_ATTR_SOFTWARE = 0x8022,
	STUN_ATTR_ALTERNATE_SERVER = 0x8023,
	STUN_ATTR_FINGERPRINT = 0x8028,
	STUN_ATTR_ICE_CONTROLLED = 0x8029,
	STUN_ATTR_ICE_CONTROLLING = 0x802a,
	STUN_ATTR_MOBILITY_TICKET = 0x8030,
	/*
	 * ADDITIONAL-ADDRESS-FAMILY in the drafts before RFC 8656, and in coturn's client to this
	 * day. Nothing else of this number is ever in a request.
	 */
	STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY_DRAFT = 0x8032,
};

/* Password algorithms of RFC 8489 18.5. */
enum stun_pwalg {
	STUN_PWALG_NONE = 0,
	STUN_PWALG_MD5 = 1,
	STUN_PWALG_SHA256 = 2,
};

enum { STUN_FAMILY_IPV4 = 1, STUN_FAMILY_IPV6 = 2 };

struct stun_hdr {
	struct be16 type;
	struct be16 len; /* bytes after the header, a multiple of 4 */
	struct be32 magic;
	uint8_t tid[STUN_TID_LEN];
};
_Static_assert(sizeof(struct stun_hdr) == STUN_HDR_LEN, "wire format");

/* Method and class interleaved as RFC 8489 5 draws them. */
static inline uint16_t stun_type(enum stun_method m, enum stun_class c)
{
	unsigned int t = (unsigned int)m;

	return (uint16_t)((t & 0x00f) | (t & 0x070) << 1 | (t & 0xf80) << 2 |
			  ((unsigned int)c & 1) << 4 | ((unsigned int)c & 2) << 7);
}

static inline enum stun_class stun_type_class(uint16_t type)
{
	return (enum stun_class)((type >> 4 & 1) | (type >> 7 & 2));
}

static inline uint16_t stun_type_method(uint16_t type)
{
	return (uint16_t)((type & 0x00f) | (type >> 1 & 0x070) | (type >> 2 & 0xf80));
}

/* Why a message was not parsed. Each is a drop reason of its own. */
enum stun_err {
	STUN_OK = 0,
	STUN_ERR_SHORT,	      /* fewer bytes than the header, or than its length says */
	STUN_ERR_TRAILING,    /* more bytes than its length says (datagrams only) */
	STUN_ERR_COOKIE,      /* first two bits not 0, or no magic cookie */
	STUN_ERR_LENGTH,      /* length not a multiple of 4, or more than 65,535 bytes in all */
	STUN_ERR_ATTR,	      /* an attribute runs past the end */
	STUN_ERR_FINGERPRINT, /* FINGERPRINT present and wrong, or not last */
};

/* A value inside the message; val is NULL when the attribute is absent. */
struct stun_val {
	const uint8_t *val;
	uint16_t len;
};

/*
 * A parsed message: pointers into the caller's bytes, which must stay. Where an attribute may
 * come once, the first one counts (RFC 8489 14). Attributes after MESSAGE-INTEGRITY are ignored
 * except MESSAGE-INTEGRITY-SHA256 and FINGERPRINT; after MESSAGE-INTEGRITY-SHA256 only
 * FINGERPRINT counts (14.5, 14.6). Comprehension-required attributes of services we do not offer
 * (CHANGE-REQUEST, ACCESS-TOKEN) count as unknown, so that 420 tells the client.
 */
struct stun_msg {
	const uint8_t *base;
	uint16_t len; /* bytes, header included */
	uint16_t method;
	enum stun_class cls;
	const uint8_t *tid; /* STUN_TID_LEN bytes */
	struct stun_val username, userhash, realm, nonce, software, data, lifetime,
	    requested_transport, even_port, reservation_token, requested_family, additional_family,
	    channel_number, dont_fragment, password_algorithm, password_algorithms, error_code,
	    mapped, xor_mapped, xor_relayed, connection_id, mobility_ticket, icmp, integrity,
	    integrity256, fingerprint, unknown_attributes, alternate_server, address_error_code,
	    ice_controlled;
	struct stun_val xor_peer[STUN_PEERS_MAX];
	uint16_t n_xor_peer;
	bool too_many_peers;
	uint16_t n_relayed; /* XOR-RELAYED-ADDRESS seen; the second is in xor_relayed2 (dual) */
	struct stun_val xor_relayed2;
	uint16_t unknown[STUN_UNKNOWN_MAX]; /* comprehension-required, not known to us */
	uint16_t n_unknown;
};

/*
 * Cheap test on the first bytes: could this be STUN (first two bits 0, cookie, length a multiple
 * of 4)? Needs 20 bytes.
 */
static inline bool stun_looks_like(const uint8_t *p)
{
	return (p[0] & 0xc0) == 0 && (p[3] & 3) == 0 && p[4] == 0x21 && p[5] == 0x12 &&
	       p[6] == 0xa4 && p[7] == 0x42;
}

/* Parses one datagram of len bytes. On an error *m is undefined. FINGERPRINT is verified. */
enum stun_err stun_parse(struct stun_msg *m, const void *p, size_t len);

/*
 * Decodes an XORed address value of m. Returns the family (STUN_FAMILY_*), or 0 if it is
 * malformed. An IPv6 value inside ::ffff:0:0/96 is malformed here: it never stands on the wire and
 * would alias an IPv4 address (see addr.h).
 */
int stun_get_xor_addr(const struct stun_msg *m, const struct stun_val *v, struct sock_addr *out);

/* A 32-bit value (LIFETIME, CONNECTION-ID). False if absent or not 4 bytes. */
bool stun_get_u32(const struct stun_val *v, uint32_t *out);

/* Code of an ERROR-CODE value (300..699), 0 if malformed. */
int stun_get_error(const struct stun_val *v);

/*
 * What an integrity attribute covers (RFC 8489 14.5): the message up to the attribute, with the
 * header's length as if the message ended with that attribute. hdr receives the patched header;
 * the rest of the input is [*body, *body + *body_len). Returns false if v is not in m.
 */
bool stun_integrity_input(const struct stun_msg *m, const struct stun_val *v,
			  uint8_t hdr[STUN_HDR_LEN], const uint8_t **body, size_t *body_len);

/* ---- building ---- */

struct stun_builder {
	struct wr w;
};

/* Starts a message in buf; a buffer too small shows as 0 from stun_end(). */
void stun_begin(struct stun_builder *b, void *buf, size_t cap, uint16_t type,
		const uint8_t tid[STUN_TID_LEN]);
/* Starts a response to m: same method and transaction. */
void stun_begin_reply(struct stun_builder *b, void *buf, size_t cap, const struct stun_msg *m,
		      enum stun_class cls);
void stun_put(struct stun_builder *b, uint16_t type, const void *val, size_t len);
void stun_put_u32(struct stun_builder *b, uint16_t type, uint32_t val);
/* As MAPPED-ADDRESS is (RFC 8489 14.1). */
void stun_put_addr(struct stun_builder *b, uint16_t type, const struct sock_addr *a);
void stun_put_xor_addr(struct stun_builder *b, uint16_t type, const struct sock_addr *a);
/* ERROR-CODE (or ADDRESS-ERROR-CODE when family is not 0) with the standard's reason phrase. */
void stun_put_error(struct stun_builder *b, int code);
/* The same without the phrase, which need not be sent (RFC 8489 14.8). */
void stun_put_error_code(struct stun_builder *b, int code);
void stun_put_address_error(struct stun_builder *b, int family, int code);
void stun_put_unknown(struct stun_builder *b, const uint16_t *types, size_t n);
const char *stun_reason(int code);

/* How many error codes the standards have for what is served here: lib/stun_error.def. */
enum {
#define STUN_ERROR(code, phrase) STUN_ERROR_##code,
#include "stun_error.def"
#undef STUN_ERROR
	STUN_ERRORS
};
extern const char *const stun_error_name[STUN_ERRORS]; /* "401" */

/* Where a code stands among them, from 0 on; -1 for another. */
int stun_error_index(int code);
/*
 * ICMP (RFC 8656 18.13): type and code of the error as received (an error's type is below 128 in
 * both families), data is the fourth to eighth byte of its header, host order (the MTU of "too
 * big"), or 0.
 */
void stun_put_icmp(struct stun_builder *b, uint8_t type, uint8_t code, uint32_t data);

/*
 * Reserves an integrity attribute (STUN_ATTR_MESSAGE_INTEGRITY or .._SHA256), patches the header's
 * length as that attribute's computation wants it, and returns where the caller writes the value;
 * the input of the computation is [start of buffer, *covered). NULL if it does not fit.
 */
uint8_t *stun_put_integrity(struct stun_builder *b, uint16_t type, size_t *covered);
/* Appends FINGERPRINT. Must be last. */
void stun_put_fingerprint(struct stun_builder *b);
/* Sets the final length; returns the message's bytes, 0 if something did not fit. */
size_t stun_end(struct stun_builder *b);

/* CRC-32 of FINGERPRINT (before the XOR), chained: start with 0. */
uint32_t stun_crc32(uint32_t crc, const void *p, size_t len);

#endif
