/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_LISTENERS_H
#define FL_CP_LISTENERS_H

/*
 * A listener that a reload took out of the configuration: allocations of its clients end, some a
 * turn. fairlead-dp ends their connections by itself (tcp_snapshot()).
 */
#include <stdbool.h>
#include <stdint.h>

struct server;

struct listeners {
	bool on;     /* the walk */
	uint32_t at; /* its cursor */
};

/* As a struct reload_part has it: the configuration may have fewer listeners. */
void listeners_finish(struct server *s, bool apply);
/* Ends some. Begins anew when it is through, until there are none. */
void listeners_turn(struct server *s);

#endif
