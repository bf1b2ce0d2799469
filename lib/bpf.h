/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_BPF_H
#define FL_LIB_BPF_H

/*
 * Filters as tcpdump's: programs of the classic BPF machine (McCanne and Jacobson, 1993), which
 * libpcap compiles in the command line and a worker runs on frames while there is a capture. A
 * program jumps forwards only, so it ends after as many steps as it is long.
 *
 * Not rte_bpf: it makes executable memory for each program, at a time when a worker may do neither
 * that nor a system call. Not libpcap's bpf_filter(): it would bring libpcap, D-Bus and libibverbs
 * into the process that packets of strangers reach.
 */
#include <stdbool.h>
#include <stdint.h>

struct bpf_step {
	uint16_t code;
	uint8_t jt, jf; /* steps to go forwards if a jump's condition is true or false */
	uint32_t k;
};

/*
 * Whether bpf_run() can run it: n steps that are known, jumps that stay inside, memory cells that
 * exist, no division by a constant 0, a return at the end.
 */
bool bpf_valid(const struct bpf_step *p, uint32_t n);

/*
 * Runs a valid program on the first have bytes of a packet of len: what it returns, 0 if it asks
 * for a byte behind them or divides by 0.
 */
uint32_t bpf_run(const struct bpf_step *p, const uint8_t *pkt, uint32_t len, uint32_t have);

#endif
