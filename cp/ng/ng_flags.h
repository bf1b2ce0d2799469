/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NG_NG_FLAGS_H
#define FL_CP_NG_NG_FLAGS_H

/*
 * What a command of ng asks for, as Kamailio's rtpengine module and others send it. Each key and
 * flag is served, harmless, or refused by name (ng_words.h); what is unknown is counted and left
 * out, as rtpengine does.
 */
#include "../../conf/config.h"
#include "../../lib/srtp_suite.h"

#include <jansson.h>

enum ng_flag {
	NG_SIP_SOURCE = 1 << 0, /* the remote's address is received-from, not the SDP's */
	NG_ASYMMETRIC = 1 << 1, /* the remote's address is not learnt */
	NG_NO_RTCP = 1 << 2,	/* no a=rtcp */
	NG_FULL_RTCP = 1 << 3,	/* a=rtcp with an address */
	NG_LOOP_PROTECT = 1 << 4,
	NG_FATAL = 1 << 5,	/* deleting what there is not is an error */
	NG_TLS_CLIENT = 1 << 6, /* our TLS role towards who gets the SDP */
	NG_TLS_SERVER = 1 << 7,
	NG_ORIGIN = 1 << 8,	   /* replace: o='s address */
	NG_USERNAME = 1 << 9,	   /* o='s user name */
	NG_SESSION_NAME = 1 << 10, /* s= */
	NG_ZERO = 1 << 11,	   /* c=0.0.0.0 as well */
	NG_MUX_OFFER = 1 << 12,	   /* rtcp-mux */
	NG_MUX_REQUIRE = 1 << 13,
	NG_MUX_DEMUX = 1 << 14,
	NG_MUX_ACCEPT = 1 << 15,
	NG_MUX_REJECT = 1 << 16,
	NG_ICE_FORCE = 1 << 17,
	NG_ICE_REMOVE = 1 << 18,
	NG_ICE_DEFAULT = 1 << 19,
	NG_STRICT_SOURCE = 1 << 20, /* the sender's address is learnt at the host that SDP told */
	NG_WEBRTC = 1 << 21,	    /* what browsers need, and not told otherwise */
	NG_SINGLE_CODEC = 1 << 22,  /* an answer has one codec */
	NG_GENERATE_MID = 1 << 23,  /* each m-line has a=mid */
	NG_STRIP_EXTMAP = 1 << 24,  /* no a=extmap */
	NG_NO_TLS_ID = 1 << 25,	    /* no a=tls-id */
	NG_DIRECTIONAL = 1 << 27,   /* of what is blocked: what from-tag's side sends, alone */
	NG_DROP = 1 << 28,	    /* nothing passes in the call from now on */
	NG_DROP_STOP = 1 << 29,	    /* it does again */
	NG_NO_EVENTS = 1 << 30,	    /* telephone events of who sends it do not pass from now on */
	NG_TO_TAG = 1 << 26,	    /* to-tag counts in a delete, too, where rtpp-flags are given */
};

/* How SDP is read, written and answered. */
enum ng_sdp_flag {
	NG_SDP_BUNDLE = 1 << 0,	   /* offer a bundle */
	NG_SDP_UNBUNDLED = 1 << 1, /* an offer's bundle is not answered */
	NG_SDP_TRICKLE = 1 << 2,   /* candidates may come later */
	NG_SDP_ICE2 = 1 << 3,
	NG_SDP_ICE_REJECT = 1 << 4, /* who sends it gets no ICE */
	NG_SDP_FRAGMENT = 1 << 5,   /* it is a fragment, of candidates */
	NG_SDP_VERSION = 1 << 6,    /* the version in o= is ours */
	NG_SDP_VERSION_FORCE = 1 << 7,
	NG_SDP_PROVISIONAL = 1 << 8, /* an answer that is not final, whatever its code */
	NG_SDP_ACCEPT = 1 << 9,	     /* the bundle of an offer is taken as one transport */
};

/* What is to become of an attribute in the SDP for the other side. */
enum ng_attr_op { NG_ATTR_ADD, NG_ATTR_REMOVE, NG_ATTR_SUBSTITUTE, NG_ATTR_OPS };
enum {
	NG_LABEL_MAX = 32, /* bytes, NUL included */
	NG_ATTR_SESSION = -1,
	NG_ATTRS_MAX = 64,
	NG_ATTR_TEXT_MAX = 2048, /* bytes of those that stand in words */
};

struct ng_attr {
	enum ng_attr_op op;
	int level;	   /* NG_ATTR_SESSION, or ng_type_find() */
	const char *value; /* behind "a=" */
	const char *to;	   /* with NG_ATTR_SUBSTITUTE */
};

/* How SRTP is offered and answered where it ends here. */
enum ng_srtp_flag {
	NG_SDES_OFF = 1 << 0,	   /* no a=crypto for the side that gets the SDP */
	NG_SDES_NONEW = 1 << 1,	   /* it is offered no suites but the offerer's */
	NG_SDES_LIFETIME = 1 << 2, /* keys tell their lifetime */
	NG_SDES_CLEAR_RTP = 1 << 3,
	NG_SDES_CLEAR_RTCP = 1 << 4,
	NG_RECRYPT = 1 << 5, /* SRTP on both sides does not pass from end to end */
	NG_OSRTP_OFFER = 1 << 6,
	NG_OSRTP_ACCEPT = 1 << 7,
	NG_DTLS_OFF = 1 << 8,		/* where there is SDES as well, DTLS is not taken */
	NG_DTLS_PASSIVE = 1 << 9,	/* we are the server, if we may be, of who gets the SDP */
	NG_DTLS_BACK_PASSIVE = 1 << 10, /* and of who sent it, when the answer is there */
	NG_SDES_PREFER = 1 << 11,	/* of the two, SDES is taken */
};

/* Suites in an order; a bit of each is set once it is there. */
struct ng_suites {
	uint16_t mask;
	uint8_t n;
	uint8_t suite[SRTP_SUITES];
};

enum {
	NG_NOT_GIVEN = -1,
	NG_CODE_PROVISIONAL = 183,
	NG_DELAY_MAX = 3600, /* seconds */
};

/* What is to become of a codec in the SDP for the other side. */
enum ng_codec_op {
	NG_CODEC_STRIP,
	NG_CODEC_EXCEPT,
	NG_CODEC_OFFER,
	NG_CODEC_IGNORE,
	NG_CODEC_ACCEPT,
	NG_CODEC_CONSUME,
	NG_CODEC_MASK,
	NG_CODEC_TRANSCODE,
	NG_CODEC_SET,
	NG_CODEC_OPS
};
enum { NG_CODECS_MAX = 64, NG_EXTMAPS_MAX = 16 };

struct ng_flags {
	const char *call, *from, *to; /* NULL: not given */
	const char *branch;	      /* via-branch */
	const char *sdp;
	size_t sdp_len;
	uint32_t flags;	   /* enum ng_flag */
	const char *proto; /* transport-protocol; NULL: not given */
	int realm[2];	   /* direction: of who sent the SDP, of who gets it */
	int family;	   /* address-family: 4, 6 */
	int dscp;	   /* TOS */
	int delay;	   /* delete-delay, seconds */
	int code;	   /* of the SIP response that an answer came with; 0: not given */
	bool has_source;   /* received-from */
	struct ip_addr source;
	bool has_address; /* media-address: what SDP shows in place of ours */
	struct ip_addr address;
	bool has_party; /* address: of who is meant, in SDP */
	struct ip_addr party;
	struct {
		enum ng_codec_op op;
		const char *name;
	} codec[NG_CODECS_MAX];
	uint32_t n_codec;
	struct ng_attr attr[NG_ATTRS_MAX];
	uint32_t n_attr, attr_text_len;
	char attr_text[NG_ATTR_TEXT_MAX];
	const char *extmap[NG_EXTMAPS_MAX]; /* header extensions that are taken out, by name */
	uint32_t n_extmap;
	const char *label;  /* of who sends an offer or answer, or who is meant; NULL: not given */
	bool label_useless; /* one was given that nobody can have: empty, too long, no text */
	uint32_t remove;    /* sdp-media-remove, by ng_type() */
	uint32_t srtp;	    /* enum ng_srtp_flag */
	uint32_t sdp_flags; /* enum ng_sdp_flag */
	/* SDES: suites that are not to be offered, or only they; in what order; liked of the
	 * offerer's. */
	struct ng_suites sdes_no, sdes_only, sdes_order, sdes_liked;
	bool sdes_only_given; /* also if none of them is served */
	json_t *rtpp;	      /* what rtpp-flags say; NULL: not given */
	json_t *split;	      /* words that came with commas between them, likewise */
	/* Keys, words and values that are left out, and the first of them. */
	uint32_t n_unknown;
	char unknown[CTL_TEXT_MAX];
	/* Why it is refused: one sentence that names the flag. */
	char err[CTL_TEXT_MAX];
};

/*
 * Reads a command; its texts point into it. False if something in it is refused. Either way
 * ng_flags_free() comes after it.
 */
bool ng_flags_read(struct ng_flags *f, const json_t *command, const struct config *c);
void ng_flags_free(struct ng_flags *f);

/* Takes `sdp-attr`, or the word of it that is behind "sdp-attr-". Returns what makes no sense. */
uint32_t ng_attr_take(struct ng_flags *f, const json_t *v);
uint32_t ng_attr_take_word(struct ng_flags *f, const char *given);

#endif
