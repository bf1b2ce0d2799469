/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TURN_LEG_DTLS_H
#define FL_DP_TURN_LEG_DTLS_H

/* A TURN client over DTLS: for leg.c, which asks here about names that are associations'. */
#include "session.h"
#include "../dtls/dtls.h"

/* Whether the association is there, and a client's. */
bool leg_dtls_can(struct worker *w, struct ctl_conn name);
/* As leg_session_set(), leg_session_del(). */
void leg_dtls_session_set(struct worker *w, struct ctl_conn name, const struct ctl_sid *sid);
void leg_dtls_session_del(struct worker *w, uint32_t slot);
/* As leg_media(): at once or not at all. Takes m. */
bool leg_dtls_media(struct worker *w, const struct session *s, struct rte_mbuf *m);
/* CMD_SEND to an association. False: it could not be sent. */
bool leg_dtls_reply(struct worker *w, const struct cmd_send *c);

#endif
