/* SPDX-License-Identifier: BSD-3-Clause */
#include "expression.h"

#include <pcap/pcap.h>
#include <stdio.h>

enum { FRAME_MAX = 65535 };

json_t *expression_compile(const char *text, char *err, size_t errlen)
{
	pcap_t *p = pcap_open_dead(DLT_EN10MB, FRAME_MAX);
	struct bpf_program program;
	json_t *list;

	if (!p || pcap_compile(p, &program, text, 1, PCAP_NETMASK_UNKNOWN) != 0) {
		snprintf(err, errlen, "%s", p ? pcap_geterr(p) : "out of memory");
		if (p)
			pcap_close(p);
		return NULL;
	}
	list = json_array();
	for (unsigned int i = 0; i < program.bf_len; i++) {
		const struct bpf_insn *s = &program.bf_insns[i];

		json_array_append_new(
		    list, json_pack("[i, i, i, I]", s->code, s->jt, s->jf, (json_int_t)s->k));
	}
	pcap_freecode(&program);
	pcap_close(p);
	return list;
}
