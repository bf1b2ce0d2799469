/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_TCP_END_H
#define FL_LIB_TCP_END_H

/* States of a TCP connection, and what may end one: generated from tcp_end.def. */

/* RFC 9293 3.3.2. TIME-WAIT is last: its connections are entries of another table. */
enum tcp_state {
	TCP_CLOSED,
	TCP_SYN_SENT,
	TCP_SYN_RECEIVED,
	TCP_ESTABLISHED,
	TCP_FIN_WAIT_1,
	TCP_FIN_WAIT_2,
	TCP_CLOSE_WAIT,
	TCP_CLOSING,
	TCP_LAST_ACK,
	TCP_TIME_WAIT,
	TCP_STATES
};

extern const char *const tcp_state_name[TCP_STATES];

enum tcp_end {
#define END(sym, name, help) TCP_END_##sym,
#include "tcp_end.def"
#undef END
	TCP_END_MAX
};

struct tcp_end_desc {
	const char *name;
	const char *help;
};

extern const struct tcp_end_desc tcp_end_desc[TCP_END_MAX];

#endif
