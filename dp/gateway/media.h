/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_GATEWAY_MEDIA_H
#define FL_DP_GATEWAY_MEDIA_H

/*
 * Contexts of UDP: what media.c, media_set.c and media_path.c share.
 *
 * A flow is what comes from one side for the other, RTP (or all there is) apart from RTCP: flow
 * 2 * side + rtcp. Where RTCP has a port of its own a flow is what comes to a component; where it
 * has not (RFC 5761), both flows of the side come to its first component. A line stands for each
 * flow.
 */
#include "context.h"
#include "ice.h"
#include "quality.h"
#include "../relay/path.h"

enum {
	STUN_FIRST = 3, /* and less, in the first byte of STUN (RFC 7983 7) */
};

/* Packet types of RTCP, in the second byte (RFC 5761 4). */
static inline bool is_rtcp_type(uint8_t type)
{
	return type >= 192 && type <= 223;
}

enum media_path_flags {
	MEDIA_SHORT = 1 << 0, /* the short way may be taken, see media_path.c */
	MEDIA_TO6 = 1 << 1,
	MEDIA_MUX = 1 << 2, /* RTCP may be among what comes; its line is the next */
	/* MEDIA_SHORT of such a line: nothing comes to its own port. */
	MEDIA_SHORT_MUX = 1 << 3,
	MEDIA_MEASURE = 5, /* bits above: enum measure */
};

/*
 * What came is packets over bytes in one word, which takes what a worker can send for longer than
 * from one look to the next (media_fold()).
 */
#define MEDIA_PACKET PATH_OUT_PACKET

/*
 * A flow, as it comes and as it goes: all that a packet needs that takes the short way. Kept up to
 * date whether that is allowed or not.
 */
struct media_path {
	struct ip_addr from;   /* the remote of this side */
	struct path_out to;    /* from the partner's port to the partner's remote; dport 0: none */
	struct be16 from_port; /* 0: the remote is not known */
	uint16_t sum;	       /* folded: of `to`, less that of what comes */
	uint8_t relay;	       /* index: the address of ours that it goes from */
	uint8_t flags;	       /* enum media_path_flags */
	uint8_t tos, tos_keep; /* bits that are set, and those that stay */
	uint64_t came;	       /* from the remote since the last look: MEDIA_PACKET, UDP payload */
	uint64_t order;	       /* of RTP, see quality.h */
} __rte_cache_aligned;
_Static_assert(sizeof(struct media_path) == RELAYED_LINE, "one cache line");

enum media_component_state {
	COMPONENT_FIXED,    /* its remote is who it is, or is not known */
	COMPONENT_OPEN,	    /* the first sender will be its remote */
	COMPONENT_LEARNING, /* one has sent; another may still take its place */
};

/* From the remote as of the last look; UDP payload. */
struct media_use {
	uint64_t packets, bytes;
};

/* How the remote of a component is known; who it is stands in the line. */
struct media_component {
	struct sock_addr given; /* by the control process */
	uint8_t state;		/* enum media_component_state */
	bool untold;		/* it was learnt and not told yet */
	uint32_t lock_ms;	/* low bits of when COMPONENT_LEARNING is over */
	uint32_t told_s;	/* when it was told last; seconds */
};

struct media_term {
	struct ctl_relay local;
	uint16_t flags; /* enum ctl_term_flags */
	uint8_t dscp;
	uint8_t attempt;
	bool here;	      /* there is a termination on this side */
	bool heard;	      /* something has come from its remote; checks of ICE are nothing */
	bool told;	      /* TERM_INACTIVE was, and nothing has come since */
	bool told_gone;	      /* and of INACTIVE_CONSENT, and no check has */
	uint32_t heard_s;     /* when something last came, or when it was made; seconds */
	uint32_t seen;	      /* low bits of the packets that had come then */
	uint32_t inactivity;  /* seconds */
	uint32_t rate, burst; /* bytes of IP a second, and at once */
	uint64_t tokens;      /* thousandths of bytes that may pass */
	uint32_t refill_ms;   /* low bits of when they were counted */
	uint32_t checks;
	/* TERM_ICE (RFC 7675): who was nominated is there, and agrees to be sent to. */
	bool agreed;
	bool renews;	      /* by checks, so that nothing else counts any more */
	bool restarts;	      /* another session of ICE, and nobody has checked in it yet */
	uint32_t agreed_s;    /* when it last did; seconds */
	uint32_t nominated_s; /* or when a restart began; 0: before it came here */
	uint64_t dropped;
	struct ice_key ice;
	/* TERM_SRTP: keys, of the worker's pool; NULL: not there yet. */
	struct media_srtp *srtp;
	struct media_srtp *srtcp; /* those of RTCP, if media_srtp_apart() */
	struct media_use use[2];  /* RTP, or all there is; RTCP */
	struct media_quality quality;
	struct ctl_format format[CTL_FORMATS_MAX];
	struct ctl_cid bundle; /* TERM_BUNDLED: who carries it */
	struct ctl_demux demux;
};

/* What is known of a datagram on its way. */
struct media_in {
	struct pkt *p;
	uint32_t slot, side, rtcp;
	uint32_t component; /* it came to */
	uint16_t len;	    /* of UDP payload, as it came */
	bool anew;	    /* its payload is made anew: it is no packet that its sender knows */
	bool late;	    /* by a key that was replaced: it teaches nothing */
	struct media_term *term;
	struct media_path *line; /* of its flow */
};

struct media {
	struct media_term term[SIDES];
	struct media_component component[COMPONENTS];
};

static inline struct media_path *media_lines(const struct worker *w, uint32_t slot)
{
	return &w->media_path[(size_t)slot * COMPONENTS];
}

static inline uint32_t media_measure(const struct media_path *l)
{
	return l->flags >> MEDIA_MEASURE;
}

/* What no path can tell of a packet: RTP that is not the next, RTCP (media_set.c). */
void media_apart(struct worker *w, struct media_path *l, const uint8_t *msg, uint32_t len);

/*
 * A packet of a flow: counted, and measured as it came, or was deciphered. len: of its payload;
 * read: of msg, which may be less.
 */
static __rte_always_inline void media_count(struct worker *w, struct media_path *l,
					    const uint8_t *msg, uint32_t read, uint32_t len)
{
	const uint32_t measure = media_measure(l);

	if (measure != MEASURE_NONE && !quality_next(&l->order, measure, w->now_us, msg, read))
		media_apart(w, l, msg, read);
	l->came += MEDIA_PACKET + len;
}

/* Folded: of what goes out, less that of what comes from `from` to `in` (RFC 1624). */
static inline uint16_t media_sum(const struct sock_addr *in, const struct sock_addr *from,
				 const struct sock_addr *out, const struct sock_addr *remote)
{
	return csum_fold(path_csum(out, remote) + csum_neg(csum_fold(path_csum(in, from))));
}

/*
 * Makes the lines of a context anew, and of whom it carries: after each change of it (media_set.c).
 * Two contexts may carry each other, each on one side, so whom these carry is left as it is: it
 * hangs on nothing that has changed.
 */
void media_make(struct worker *w, uint32_t slot);
void media_make_lines(struct worker *w, uint32_t slot); /* of the context alone */
/*
 * The remote of a component is learnt. It is told at once when nothing was in this second, else as
 * time goes by: whoever sends must not be able to fill the control process's ring.
 */
void media_learn(struct worker *w, uint32_t slot, uint32_t component,
		 const struct sock_addr *remote);
/* In a replay: nobody may have been there to hear of silence, which is told again. */
void media_repeat(struct worker *w, uint32_t slot);
/* Something came from a side's remote. */
void media_heard(struct worker *w, uint32_t slot, uint32_t side);
/* A check that its remote made. nominated: it was not the remote before. */
void media_checked(struct worker *w, uint32_t slot, uint32_t side, bool nominated);
/* media_heard(), if packets of that side have come since, which the short way has only counted. */
void media_look(struct worker *w, uint32_t slot, uint32_t side);
/* ---- a datagram, step by step (media.c) ---- */

/* Takes the packet. */
void media_drop(struct worker *w, const struct media_in *in, enum drop why);
/* Whether no payload could make the sender the remote, or it is not. */
bool media_stranger(const struct worker *w, const struct media_in *in);
/* DROP_NONE: it is the remote's, who may have been learnt by it. */
enum drop media_source(struct worker *w, const struct media_in *in);
/* What is the remote's is counted, and may go to the partner; or why it goes no further. */
enum drop media_pass(struct worker *w, const struct media_in *in);
/* The payload of RTP becomes silence, its checksum that of it; or why it goes no further. */
enum drop media_silence(struct worker *w, const struct media_in *in);
/* To the partner's remote. Takes the packet. */
void media_send(struct worker *w, const struct media_in *in);

/* Whether anything may be sent to a side's remote (RFC 7675): always without TERM_ICE. */
bool media_consent(const struct worker *w, const struct media_term *t);

#endif
