/* SPDX-License-Identifier: BSD-3-Clause */
#include "audit.h"

#include <stdio.h>
#include <string.h>

enum { WHO_MAX = RPC_CALLER_TEXT + 32 };

/* Processes, connections and addresses of one caller are as many as he likes. */
struct audit_caller {
	char certificate[LOG_TEXT_MAX];
	uint32_t user;
	uint64_t used; /* 0: free; else when, in lines */
	struct log_bucket refused, calls;
};

static struct audit_caller *caller_of(const struct rpc_caller *who)
{
	static struct audit_caller callers[AUDIT_CALLERS];
	static uint64_t lines;
	struct audit_caller *c, *oldest = callers;

	for (c = callers; c < callers + AUDIT_CALLERS; c++) {
		if (c->used && c->user == who->user &&
		    strcmp(c->certificate, who->certificate) == 0)
			break;
		if (c->used < oldest->used)
			oldest = c;
	}
	if (c == callers + AUDIT_CALLERS) {
		c = oldest;
		/* What was held back of the one that made room is told with another's line. */
		*c = (struct audit_caller){ .user = who->user,
					    .refused.held = c->refused.held,
					    .calls.held = c->calls.held };
		snprintf(c->certificate, sizeof(c->certificate), "%s", who->certificate);
	}
	c->used = ++lines;
	return c;
}

void audit_write(const struct rpc_caller *who, enum rpc_audited as, bool done, const char *what)
{
	struct audit_caller *c;
	char by[WHO_MAX];

	if (who->certificate[0])
		snprintf(by, sizeof(by), "certificate \"%s\" address %s", who->certificate,
			 who->address);
	else
		snprintf(by, sizeof(by), "user %u group %u process %d", who->user, who->group,
			 who->process);
	if (done && as != RPC_AUDITED_CALL) {
		log_always("audit: %s: %s", by, what);
		return;
	}
	c = caller_of(who);
	log_bucket_line(done ? &c->calls : &c->refused, "audit: %s: %s", by, what);
}
