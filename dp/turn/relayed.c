/* SPDX-License-Identifier: BSD-3-Clause */
/* TURN's side of relayed ports. */
#include "peer.h"
#include "relay.h"
#include "../relayed.h"

const struct relayed_ops session_relayed = {
	.input = relay_peer,
	.accept = peer_accept,
	.yields = session_yields,
	.give_way = session_give_way,
	.icmp = relay_icmp,
};
