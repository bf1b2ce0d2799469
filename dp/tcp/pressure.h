/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TCP_PRESSURE_H
#define FL_DP_TCP_PRESSURE_H

/* Who pays when packet buffers or places are short: ledger.h says who holds what, and places.h. */
struct worker;

/* Before the connections' turn: whoever holds most and moves least pays, when it is time. */
void pressure_turn(struct worker *w);

#endif
