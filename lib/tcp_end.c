/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp_end.h"

const char *const tcp_state_name[TCP_STATES] = {
	[TCP_CLOSED] = "closed",
	[TCP_SYN_SENT] = "syn_sent",
	[TCP_SYN_RECEIVED] = "syn_received",
	[TCP_ESTABLISHED] = "established",
	[TCP_FIN_WAIT_1] = "fin_wait_1",
	[TCP_FIN_WAIT_2] = "fin_wait_2",
	[TCP_CLOSE_WAIT] = "close_wait",
	[TCP_CLOSING] = "closing",
	[TCP_LAST_ACK] = "last_ack",
	[TCP_TIME_WAIT] = "time_wait",
};

const struct tcp_end_desc tcp_end_desc[TCP_END_MAX] = {
#define END(sym, name, help) { name, help },
#include "tcp_end.def"
#undef END
};
