/* SPDX-License-Identifier: BSD-3-Clause */
/* A ClientHello: what it offers lies within it, and only names that stand there are found. */
#include "../../lib/tls_hello.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd list = tls_hello_alpn(data, size);
	size_t n = rd_left(&list);

	must(n == 0 || (list.pos > data && n <= size && (size_t)(list.pos - data) <= size - n));
	must(!tls_alpn_has(list, ""));
	must(!tls_alpn_has(list, "acme-tls/1") || n > 10);
	return 0;
}
