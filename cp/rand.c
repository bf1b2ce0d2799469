/* SPDX-License-Identifier: BSD-3-Clause */
#include "rand.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void rand_bytes(void *p, uint32_t len)
{
	uint8_t *b = p;
	uint32_t done = 0;

	while (done < len) {
		ssize_t n = getrandom(b + done, len - done, 0);

		if (n > 0) {
			done += (uint32_t)n;
		} else {
			perror("fairlead-cp: the system has no random numbers");
			abort();
		}
	}
}

void rand_init(struct rand *r)
{
	rand_bytes(&r->key, sizeof(r->key));
	r->counter = 0;
}
