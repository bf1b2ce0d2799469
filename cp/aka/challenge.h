/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_AKA_CHALLENGE_H
#define FL_CP_AKA_CHALLENGE_H

/*
 * Challenges of AKA that a phone may answer: which nonces are ours, for how long, and how often
 * each was used. A nonce is RAND, AUTN and 16 bytes of ours (RFC 3310 3.2) that name the place
 * here. Of a vector only HA1 is kept. There is a challenge only where a home network gave a vector;
 * when all places are taken the oldest goes.
 */
#include "aka.h"

#include "../../lib/digest_auth.h"

enum {
	CHALLENGES_MAX = 16384,
	CHALLENGE_TRIES = 3,	/* wrong responses, and the challenge is over */
	CHALLENGE_LIFE_S = 240, /* reg-await-auth (TS 24.229, table 7.8.1) */
	CHALLENGE_NONCE = 65,	/* as text, NUL included */
};

enum challenge_verdict {
	CHALLENGE_ACCEPTED,
	CHALLENGE_FIRST,    /* no nonce yet: the phone is to be challenged */
	CHALLENGE_RESYNC,   /* SQN is out of range: AUTS for the home network */
	CHALLENGE_REFUSED,  /* the phone takes AUTN for forged: neither response nor AUTS */
	CHALLENGE_STALE,    /* not our nonce, or not any more */
	CHALLENGE_REPLAYED, /* the nonce count was used */
	CHALLENGE_WRONG,    /* the response, or whom and how it is for */
	CHALLENGE_VERDICTS
};
extern const char *const challenge_verdict_name[CHALLENGE_VERDICTS];

/* What qop values a challenge offers. */
enum challenge_qop { CHALLENGE_AUTH = 1, CHALLENGE_AUTH_INT = 2 };

struct challenges;

/* NULL: no memory. */
struct challenges *challenges_new(void);
void challenges_free(struct challenges *t); /* NULL is fine */

/* Those whose time is over go; NULL is fine. */
void challenges_over(struct challenges *t, uint64_t now_ms);

/* That wait or were answered, and how many went unanswered for want of a place. */
uint32_t challenges_count(const struct challenges *t);
uint64_t challenges_lost(const struct challenges *t);

struct challenge_offer {
	const char *user, *realm;
	enum aka_algorithm algorithm;
	uint8_t qop; /* enum challenge_qop, or 0: none, and the nonce is good for one response */
	uint64_t now_ms;
	uint32_t life_s;
};

/* Nothing of v is kept. False if OpenSSL failed. */
bool challenge_make(struct challenges *t, const struct challenge_offer *o,
		    const struct aka_vector *v, char nonce[CHALLENGE_NONCE]);

struct challenge_answer {
	const struct digest_auth *auth;
	const char *method;
	const void *body; /* of qop=auth-int */
	size_t body_len;
	uint64_t now_ms;
};

struct challenge_result {
	enum challenge_verdict verdict;
	uint8_t rand[AKA_RAND], auts[AKA_AUTS]; /* of CHALLENGE_RESYNC */
	char rspauth[AKA_HEX_MAX];		/* of CHALLENGE_ACCEPTED with qop=auth; else "" */
};

/* Judges, and remembers what came of it. */
void challenge_judge(struct challenges *t, const struct challenge_answer *a,
		     struct challenge_result *out);

#endif
