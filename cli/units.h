/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_UNITS_H
#define FL_CLI_UNITS_H

/* Numbers for people. Each writes into buf, cut if too small, and returns buf; but those that read.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UNIT_STR_MAX = 32 };

/* "1,234,567"; from ten digits on "12.35 G", so that a column stays narrow. */
const char *unit_count(int64_t n, char *buf, size_t len);

/* "1,234,567,890,123", however long. */
const char *unit_exact(int64_t n, char *buf, size_t len);

/* "812 B", "1.50 MB"; powers of ten. */
const char *unit_bytes(int64_t n, char *buf, size_t len);

/* "59 s", "9 min 59 s", "3 h 5 min", "2 d 4 h". */
const char *unit_seconds(int64_t s, char *buf, size_t len);

/* "1.23 k", at most seven characters whatever n is. */
const char *unit_short(int64_t n, char *buf, size_t len);

/* "0:59", "12:34", "3:25:45"; from a hundred hours on "12 d 3 h". */
const char *unit_clock(int64_t s, char *buf, size_t len);

/* "83 us", "1.20 ms", "2.50 s"; "-" if 0. */
const char *unit_micros(int64_t us, char *buf, size_t len);

/* "12/s", "1.20 M/s"; per_s is not negative. */
const char *unit_rate(double per_s, char *buf, size_t len);

/* "10 Gb/s", "100 Mb/s"; "-" if 0. */
const char *unit_speed(int64_t mbps, char *buf, size_t len);

/*
 * Reads "1500", "1.5k", "20M", "1 GB", "250 kB/s": powers of ten, as they are printed above. False:
 * it is nothing of the kind, or below 0.
 */
bool unit_read(const char *text, double *to);

/* Reads "90", "90s", "5 min", "5m", "2 d 4 h", "1h30m": as unit_seconds() prints. Below 2^31. */
bool unit_read_seconds(const char *text, int64_t *to);

#endif
