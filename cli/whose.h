/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_WHOSE_H
#define FL_CLI_WHOSE_H

/*
 * Whose packets: a context's, or a user's, as an expression of pcap-filter(7) made of the addresses
 * and ports that are his when he is asked about.
 */
#include "client.h"

#include <stdbool.h>

/*
 * Frames from or to an address of the list, whose members are strings "ADDRESS:PORT"; tagged: also
 * those with a VLAN's tag. NULL: the list has none. For free().
 */
char *whose_expression(const json_t *addresses, bool tagged);

/*
 * Of a context: our addresses of both terminations, RTP and RTCP. Of a user: his relayed addresses
 * and those that he sends from. NULL after telling why not. For free().
 */
char *whose_context(struct control_client *c, const char *id);
char *whose_user(struct control_client *c, const char *name);

#endif
