/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NG_NG_SRTP_H
#define FL_CP_NG_NG_SRTP_H

/*
 * SRTP by SDES and by DTLS in offers and answers (RFC 4568, 8643, 5763): whether it passes from end
 * to end or ends here, on which sides, and by which keys. Sides are those of the context.
 */
#include "../context/gateway.h"
#include "ng_crypto.h"
#include "ng_dtls.h"

struct ng_call;
struct ng_proto;

/* What an offer leaves for its answers: the secret of the side that made it. */
struct ng_srtp_offer {
	bool passes;  /* its lines were shown to the other side as they are */
	bool accepts; /* SRTP that was offered as RTP is taken up, whatever the other side does */
	struct ng_crypto theirs; /* the line of its own that is answered; without a key: none is */
	struct ng_cryptos ours;	 /* what the other side was offered of us */
	/* DTLS ends here: of who offered, and towards who was offered it. */
	bool dtls_from, dtls_to;
	bool passive; /* NG_DTLS_BACK_PASSIVE */
	struct ng_dtls dtls;
};

/* Of an m-line under way. */
struct ng_srtp {
	bool side[2]; /* SRTP ends here on that side */
	bool dtls[2]; /* by DTLS: the keys are not ours to know */
	bool hold;    /* a=setup:holdconn was offered */
	bool ends;    /* on one of them: what the sender says of keys is not for the other side */
	bool drops;   /* its a=crypto, too */
	struct ng_srtp_offer offer;
	struct gate_srtp keys[2]; /* of an answer, where it ends here */
	uint32_t tag;		  /* of the offerer's line that is answered */
};

/* An offer; to: the protocol that the other side gets. It may refuse the m-line. */
void ng_srtp_offer(struct ng_call *c, int i, const struct ng_proto *to);
/* What an m-line's side is of SRTP and DTLS, as the message in hand has it. */
void ng_srtp_spec(const struct ng_call *c, int i, uint32_t side, struct ctl_term *t);
/* Keeps it for its answers. False: c->fail. */
bool ng_srtp_keep(struct ng_call *c, int i);
/* An answer that is protected as it was offered; to: the offerer's protocol. It may refuse, too. */
void ng_srtp_answer(struct ng_call *c, int i, const struct ng_proto *to);
/*
 * Before an answer changes the context: keys of ours that it ends cannot be chosen by another.
 * False: c->fail.
 */
bool ng_srtp_spend(struct ng_call *c, int i);
/* Afterwards: its keys are in force. False: c->fail. */
bool ng_srtp_set(struct ng_call *c, int i);

/* The lines of ours, and whether one of the sender's is not for the other side. */
void ng_srtp_write(const struct ng_call *c, int i, struct wr *w);
bool ng_srtp_drops(const struct ng_call *c, int i, const struct sdp_line *l);

/* Nothing secret of an offer or answer is left. */
void ng_srtp_wipe(struct ng_call *c);

#endif
