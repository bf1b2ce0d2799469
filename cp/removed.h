/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_REMOVED_H
#define FL_CP_REMOVED_H

/*
 * What a reload took out of the configuration, or changed so that it is another: allocations whose
 * client came by a listener that is gone, or whose relayed port is of no relay any more, end, and
 * so do contexts with such a port, another realm or no TLS domain; some a turn. fairlead-dp ends
 * connections of listeners by itself (tcp_snapshot()).
 */
#include <stdbool.h>
#include <stdint.h>

struct server;

struct removed {
	bool on;		       /* the walk */
	uint32_t alloc_at, context_at; /* its cursors */
};

/* As a struct reload_part has it. */
void removed_finish(struct server *s, bool apply);
/* Ends some. Listeners' clients may be told of late: it begins anew until there are none. */
void removed_turn(struct server *s);

#endif
