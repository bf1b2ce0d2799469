/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_AUTH_PREP_H
#define FL_CP_AUTH_PREP_H

/*
 * Names and passwords in the one form that keys are computed from. RFC 8489 asks for OpaqueString
 * (RFC 8265) where RFC 5389 asked for SASLprep (RFC 4013). This is SASLprep: it agrees with
 * OpaqueString on all but compatibility characters (U+2168 becomes "IX"), and the test vectors of
 * both STUN standards were made with it.
 */
#include <stdbool.h>
#include <stddef.h>

/*
 * Prepares in[0..len) into out (NUL-terminated). False if it is empty, not UTF-8, holds a
 * forbidden character (controls, NUL) or does not fit.
 */
bool prep_opaque(const void *in, size_t len, char *out, size_t cap);

#endif
