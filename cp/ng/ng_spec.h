/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NG_NG_SPEC_H
#define FL_CP_NG_NG_SPEC_H

/* What an m-line of an offer or answer makes of the terminations of its context. */
#include "ng_call.h"

uint8_t ng_transport(const struct ng_media *m);
void ng_spec_flag(struct ctl_term *t, uint16_t flag, bool on);

/* A termination that is to be. */
void ng_spec_new(struct term_spec *w, bool v6);
/* What holds for either side of a new context, and whatever is told anew of an old one. */
void ng_spec_common(const struct ng_call *c, struct term_spec *w, uint32_t side);
/* The family of our address for the sender of an m-line. Its realm is set before. */
void ng_spec_family(const struct ng_call *c, const struct ng_media *m, struct term_spec *w);
/* What is kept of the sender of an offer or an answer: its name of the m-line, its bundle. */
void ng_spec_sender(const struct ng_media *m, bool offer, struct term_spec *w);
/* Another association of DTLS begins: it has another name (RFC 8842). */
void ng_spec_dtls_again(struct term_spec *w);
/* The name that flags give to who sends the message. */
void ng_spec_label(const struct ng_call *c, struct term_spec *w);
/* Events tell controllers of connections; of datagrams there is nothing to wait for. */
void ng_spec_notify(struct term_spec *w);
/*
 * TLS's role follows TCP's (RFC 8122 4), unless it was told; the side that gets the SDP is the one
 * that flags tell of.
 */
void ng_spec_roles(const struct ng_call *c, struct term_spec *w, uint32_t side, bool client,
		   uint64_t *note);
/* Datagrams that are RTP or not: only RTP has RTCP, and another address for it. */
void ng_spec_kind(struct ctl_term *t, enum ng_kind kind);
/* Whether the remote is who sends. It is learnt anew with each message of that side. */
bool ng_spec_learns(const struct term_spec *w);
/*
 * How the address of a side of datagrams is learnt: as that side's own messages say, whoever sent
 * the last one. Its remote address and ICE are set before.
 */
void ng_spec_latch(const struct ng_call *c, struct term_spec *w, uint32_t side, uint64_t *note);
/* What the sender's m-line says of its own side, where that is no stream. */
void ng_spec_datagrams(const struct ng_call *c, const struct ng_media *m, struct term_spec *w,
		       uint64_t *note);
/*
 * Whether the certificate that a connection has shown is not what the m-line says any more (RFC
 * 8122 6.2): one of the fingerprints it was judged by is gone. False while nothing was judged.
 */
bool ng_spec_certificate_is_anothers(const struct context_term *t, const struct ng_media *m);
/*
 * What the sender's m-line says of its own side, where that is a stream. open: connections begin
 * with this offer and its answer. Returns whether what there was of a connection is of no use any
 * more.
 */
bool ng_spec_stream(const struct ng_call *c, int i, struct term_spec *w, bool open, uint64_t *note);

/*
 * An answer refuses the m-line: nothing goes to or from that side. Of datagrams it has no remote
 * any more either.
 */
void ng_spec_refuse(struct term_spec *w, uint32_t side, uint64_t *note);
/* Flags of a side with the gate for what it sends, which its controller may have shut: ng_block().
 */
uint16_t ng_spec_gate(uint16_t flags, uint32_t side, uint64_t note);
/* Undoes ng_spec_refuse() for what comes after an answer that refused. */
void ng_spec_revive(struct term_spec *w, uint32_t side, uint64_t *note);

#endif
