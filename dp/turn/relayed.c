/* SPDX-License-Identifier: BSD-3-Clause */
/* TURN's side of relayed ports. */
#include "peer_conn.h"
#include "forward.h"
#include "../relayed.h"

const struct relayed_ops session_relayed = {
	.input = forward_peer,
	.accept = peer_conn_accept,
	.yields = session_yields,
	.give_way = session_give_way,
	.icmp = forward_icmp,
};
