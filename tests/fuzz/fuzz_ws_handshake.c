/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests that open a WebSocket: an answer is whole, and there is one only for a whole request. */
#include "../../cp/ng/ng_ws_handshake.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char end[] = "\r\n\r\n", begin[] = "HTTP/1.1 101 ";
	char answer[NG_WS_ANSWER_MAX];
	struct ip_addr self;
	size_t n;

	must(ip_parse("127.0.0.1", &self));
	if (!ng_ws_handshake((const char *)data, size, &self, answer, sizeof(answer)))
		return 0;
	n = strlen(answer);
	must(size >= 4 && memcmp(data + size - 4, end, 4) == 0);
	must(memcmp(answer, begin, sizeof(begin) - 1) == 0 && memcmp(answer + n - 4, end, 4) == 0);
	must(!ng_ws_handshake((const char *)data, size - 1, &self, answer, sizeof(answer)));
	return 0;
}
