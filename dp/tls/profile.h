/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_PROFILE_H
#define FL_DP_TLS_PROFILE_H

/*
 * What a TLS domain allows: versions, suites, groups, signatures, each from the domain's lists or
 * from its profile.
 */
#include "../../conf/config.h"

#include <openssl/ssl.h>

/* Applies those of domain idx to a context of either role. False: one sentence in err. */
bool profile_apply(SSL_CTX *ctx, const struct config *conf, uint16_t idx, bool dtls, char *err,
		   size_t errlen);

#endif
