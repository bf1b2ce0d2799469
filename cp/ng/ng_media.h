/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NG_NG_MEDIA_H
#define FL_CP_NG_NG_MEDIA_H

/* What an m-line says about who sent it: address, transport, roles, certificate. */
#include "../../lib/fingerprint.h"
#include "../../lib/sdp.h"
#include "ng_crypto.h"
#include "ng_formats.h"

enum ng_kind {
	NG_KIND_RTP,
	NG_KIND_UDP,	/* anything else in datagrams */
	NG_KIND_STREAM, /* TCP, or TLS over it */
};

/* How RTP is protected. */
enum ng_protection { NG_PLAIN, NG_SDES, NG_DTLS };

/* Protocols of m-lines that are known by name. */
struct ng_proto {
	const char *name;
	enum ng_kind kind;
	bool tls;
	const char *over; /* of a stream: what it carries */
	enum ng_protection protection;
};

/* By number from 1, as contexts keep it; NULL: none. */
const struct ng_proto *ng_proto(uint32_t number);
/* Its number; 0: no such name. */
uint32_t ng_proto_find(struct sdp_text name);
/* The protocol that carries the same over TLS, or over TCP. */
uint32_t ng_proto_over(uint32_t number, bool tls);
/* Whether its RTCP has feedback (RFC 4585, 5124). */
bool ng_proto_feedback(const struct ng_proto *p);
/* Whether what the one carries may go on as the other. */
bool ng_proto_joins(const struct ng_proto *a, const struct ng_proto *b);

/* Kinds of media by number, for contexts to keep; 0 is "other". */
const char *ng_type(uint32_t number);
uint32_t ng_type_find(struct sdp_text name);

/* RFC 4145 4 */
enum ng_setup { NG_SETUP_NONE, NG_ACTIVE, NG_PASSIVE, NG_ACTPASS, NG_HOLDCONN };
/* RFC 4145 5 */
enum ng_connection { NG_CONNECTION_NONE, NG_CONNECTION_NEW, NG_CONNECTION_EXISTING };

enum { NG_MID_MAX = 16 }; /* bytes of a=mid, NUL included: browsers have no more */

enum ng_families { NG_FAMILY_4 = 1 << 0, NG_FAMILY_6 = 1 << 1 };

struct ng_media {
	uint32_t proto; /* 0: of datagrams, not known by name */
	enum ng_kind kind;
	bool tls;
	bool gone; /* port 0: not wanted, or not any more; or not served */
	bool zero; /* the address is 0.0.0.0: on hold (RFC 2543) */
	/*
	 * 0.0.0.0, port 9: no address yet, but ICE will find it (RFC 8829 5.2.1). It is of either
	 * family, unless candidates say which.
	 */
	bool unknown;
	bool halted; /* not sent and received both ways (RFC 8866 6.7) */
	bool v6;
	struct sock_addr remote, rtcp;
	bool mux;	      /* a=rtcp-mux */
	bool mux_only;	      /* and it has no other place for RTCP */
	bool ice;	      /* full ICE */
	bool trickles;	      /* ICE that may add candidates (RFC 8838) */
	bool ice_rtcp;	      /* a candidate is of RTCP */
	uint8_t ice_families; /* enum ng_families: of candidates */
	uint16_t ice_hash;    /* of its ufrag and password: others mean a restart */
	enum ng_setup setup;
	enum ng_connection connection;
	uint8_t n_fingerprint;
	struct fingerprint fingerprint[CTL_FINGERPRINTS_MAX];
	char mid[NG_MID_MAX]; /* "": it has none */
	uint8_t bundle;	      /* its place in the sender's group BUNDLE, from 1; 0: in none */
	bool accepts;	      /* flags take that as one transport */
	/*
	 * a=bundle-only and port 0: it is served in its bundle or not at all (RFC 9143 6). What it
	 * says of its transport stands in m-line `via`, which is itself where it is none of these.
	 */
	bool only;
	int via;
	struct ng_cryptos crypto;		   /* of RTP: lines that can be used */
	struct ctl_format format[CTL_FORMATS_MAX]; /* of RTP */
	/* a=path of MSRP, if it is to be changed: the parts that are (RFC 4975 8.2) */
	int path; /* line; -1: none */
	struct sdp_text scheme, authority;
};

/* A number that is another with other ICE credentials; 0: ufrag or password are missing. */
uint16_t ng_media_ice_hash(const struct sdp *s, int i);
/* Whether a line is a group BUNDLE. */
bool ng_media_is_bundle(const struct sdp_line *l);
/* False, and one sentence, if it is not served. skipped: lines of a=crypto, ng_crypto_read(). */
bool ng_media_read(struct ng_media *m, const struct sdp *s, int i, const struct ng_flags *f,
		   const struct config *c, uint32_t skipped[SDES_VERDICTS], char *err,
		   size_t errlen);

#endif
