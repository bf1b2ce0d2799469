/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NG_NG_CODEC_H
#define FL_CP_NG_NG_CODEC_H

/*
 * The two encodings of ng's messages, bencode and JSON, as one kind of value. Strings of bencode
 * may be any bytes; where they must be text is for who looks at them.
 */
#include "../../lib/cursor.h"

#include <jansson.h>

/*
 * A dictionary. The first byte says which encoding it is: *json. NULL if it is anything else, or a
 * key comes twice or has a NUL; *why says so. Free with json_decref().
 */
json_t *ng_decode(const void *p, size_t len, bool *json, const char **why);

/*
 * Writes it, keys in order. In JSON text that is no UTF-8 has question marks for bytes that are no
 * ASCII. False if it does not fit.
 */
bool ng_encode(const json_t *v, bool json, struct wr *w);

/* A string of any bytes. */
json_t *ng_string(const char *s, size_t len);

#endif
