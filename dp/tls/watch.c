/* SPDX-License-Identifier: BSD-3-Clause */
#include "watch.h"

#include <string.h>
#include <sys/stat.h>

/* FNV-1a: that two states of files have the same sum by chance costs a reload by hand. */
static uint64_t sum_add(uint64_t sum, uint64_t value)
{
	for (int i = 0; i < 64; i += 8)
		sum = (sum ^ (value >> i & 0xff)) * UINT64_C(0x100000001b3);
	return sum;
}

/* False: it is not there. */
static bool file_add(uint64_t *sum, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return false;
	*sum = sum_add(*sum, st.st_dev);
	*sum = sum_add(*sum, st.st_ino);
	*sum = sum_add(*sum, (uint64_t)st.st_size);
	*sum = sum_add(*sum, (uint64_t)st.st_mtim.tv_sec);
	*sum = sum_add(*sum, (uint64_t)st.st_mtim.tv_nsec);
	return true;
}

/* Of all files; 0: one is missing. */
static uint64_t files_sum(const struct config *c)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (uint16_t i = 0; i < c->n_certificate; i++)
		if (!file_add(&sum, c->certificate[i].chain) ||
		    !file_add(&sum, c->certificate[i].key))
			return 0;
	for (uint16_t i = 0; i < c->n_domain; i++)
		if (!c->domain[i].gone && *c->domain[i].client_ca &&
		    !file_add(&sum, c->domain[i].client_ca))
			return 0;
	return sum | 1;
}

void tls_watch_taken(struct tls_watch *t, const struct config *c)
{
	t->taken = t->seen = files_sum(c);
}

bool tls_watch_changed(struct tls_watch *t, const struct config *c)
{
	const uint64_t sum = files_sum(c);
	const bool still = sum == t->seen;

	if (!t->taken)
		t->taken = sum;
	t->seen = sum;
	if (!sum || sum == t->taken || !still)
		return false;
	t->taken = sum;
	return true;
}
