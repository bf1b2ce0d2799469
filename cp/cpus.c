/* SPDX-License-Identifier: BSD-3-Clause */
#include "cpus.h"

#include "log.h"

#include <errno.h>
#include <string.h>

bool cpus_spare(const struct config *c, cpu_set_t *set)
{
	cpu_set_t left = *set;

	for (unsigned i = 0; i < c->dataplane.n_workers; i++)
		CPU_CLR(c->dataplane.workers[i], &left);
	for (unsigned i = 0; i < c->tls.n_crypto_cpus; i++)
		CPU_CLR(c->tls.crypto_cpus[i], &left);
	if (CPU_COUNT(&left) == 0)
		return false;
	*set = left;
	return true;
}

static cpu_set_t before;
static bool left; /* what before has */

void cpus_leave(const struct config *c)
{
	cpu_set_t set;

	left = sched_getaffinity(0, sizeof(before), &before) == 0;
	set = before;
	if (!left) /* more CPUs than a set holds */
		log_line("the control process may share a worker's CPU: %s", strerror(errno));
	else if (!cpus_spare(c, &set))
		log_line(
		    "no CPU is left beside dataplane.workers and tls.crypto-cpus: packets wait "
		    "while the control process works");
	else if (sched_setaffinity(0, sizeof(set), &set) < 0)
		log_line("the control process may share a worker's CPU: %s", strerror(errno));
}

void cpus_return(void)
{
	if (left && sched_setaffinity(0, sizeof(before), &before) < 0)
		log_line("the CPUs of before are not to be had: %s", strerror(errno));
}
