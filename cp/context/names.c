/* SPDX-License-Identifier: BSD-3-Clause */
/* What is shown for numbers: apart from all else, so that a test of who shows them links it. */
#include "gateway.h"

const char *const context_end_name[CONTEXT_ENDS] = {
	[CONTEXT_END_NONE] = "none",
	[CONTEXT_END_REQUEST] = "request",
	[CONTEXT_END_ANSWER] = "answer_timeout",
	[CONTEXT_END_CONNECT] = "connect_timeout",
	[CONTEXT_END_LIFETIME] = "lifetime",
	[CONTEXT_END_INACTIVE] = "inactive",
	[CONTEXT_END_CONNECTION] = "connection",
	[CONTEXT_END_REFUSED] = "refused",
	[CONTEXT_END_DATAPLANE] = "dataplane",
	[CONTEXT_END_DRAIN] = "drain",
	[CONTEXT_END_KILLED] = "killed",
	[CONTEXT_END_RELAY] = "relay",
	[CONTEXT_END_DOMAIN] = "tls_domain",
};

const char *const gate_phase_name[GATE_PHASES] = {
	[GATE_WAITING] = "waiting", [GATE_CONNECTING] = "connecting", [GATE_UNJUDGED] = "unjudged",
	[GATE_UP] = "up",	    [GATE_ENDING] = "ending",	      [GATE_ENDED] = "ended",
};

const char *gate_why(uint8_t transport, uint16_t why)
{
	if (why >= TCP_END_MAX)
		return "unknown";
	if (why == TCP_END_DONE)
		return transport == TERM_TLS ? "close-notify" : "fin";
	return tcp_end_desc[why].name;
}
