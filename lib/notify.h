/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_NOTIFY_H
#define FL_LIB_NOTIFY_H

/*
 * What a service tells who started it, as sd_notify(3) has it: one datagram of VARIABLE=VALUE lines
 * to the socket of $NOTIFY_SOCKET. Without libsystemd: the protocol is stable, and a process that
 * holds keys links as little as it can.
 */
#include <stdbool.h>
#include <stdint.h>

enum { NOTIFY_MAX = 512 /* bytes of one message */ };

/*
 * Sends the lines, without waiting. False if nobody wants to be told, or the message does not go
 * out: no caller can do anything about that.
 */
__attribute__((format(printf, 1, 2))) bool notify(const char *fmt, ...);

/*
 * How long the service manager waits for "WATCHDOG=1" before it ends this process: microseconds, or
 * 0 if it does not wait (sd_watchdog_enabled(3)).
 */
uint64_t notify_watchdog_us(void);

#endif
