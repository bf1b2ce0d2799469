/* SPDX-License-Identifier: BSD-3-Clause */
#include "ng_codec.h"

#include "../../lib/bencode.h"

#include <stdlib.h>
#include <string.h>

enum { KEY_MAX = 64 };

json_t *ng_string(const char *s, size_t len)
{
	return json_stringn_nocheck(s, len);
}

/* Decoding under way: the lists and dictionaries that are open. */
struct nest {
	json_t *open[BENCODE_DEPTH_MAX];
	uint32_t depth;
	char key[KEY_MAX]; /* of the value that comes next */
	const char *why;
};

static bool nest_key(struct nest *n, const struct bencode_item *it)
{
	if (it->len >= KEY_MAX || memchr(it->at, 0, it->len)) {
		n->why = "a key is too long or has a NUL";
		return false;
	}
	memcpy(n->key, it->at, it->len);
	n->key[it->len] = 0;
	if (!json_object_get(n->open[n->depth - 1], n->key))
		return true;
	n->why = "a key comes twice";
	return false;
}

/* Puts a value where it belongs, which owns it from then on. */
static bool nest_put(struct nest *n, json_t *v)
{
	json_t *in = n->depth ? n->open[n->depth - 1] : NULL;

	if (v && (!in || (json_is_array(in) ? json_array_append_new(in, v)
					    : json_object_set_new_nocheck(in, n->key, v)) == 0))
		return true;
	n->why = "out of memory";
	return false;
}

/* Takes one item. False if it cannot be taken. */
static bool nest_take(struct nest *n, enum bencode_type type, const struct bencode_item *it)
{
	json_t *v;

	switch (type) {
	case BENCODE_INT:
		return nest_put(n, json_integer(it->number));
	case BENCODE_STRING:
		return it->key ? nest_key(n, it)
			       : nest_put(n, ng_string((const char *)it->at, it->len));
	case BENCODE_LIST:
	case BENCODE_DICT:
		v = type == BENCODE_LIST ? json_array() : json_object();
		if (!nest_put(n, v))
			return false;
		n->open[n->depth++] = v;
		return true;
	case BENCODE_CLOSE:
		n->depth--;
		return true;
	default:
		n->why = "no bencoding, or lists within lists too deep";
		return false;
	}
}

static json_t *bencode_decode(const void *p, size_t len, const char **why)
{
	struct bencode b = bencode_init(p, len);
	struct nest n = { 0 };
	struct bencode_item it;
	enum bencode_type type;

	while ((type = bencode_next(&b, &it)) != BENCODE_END) {
		if (!nest_take(&n, type, &it)) {
			*why = n.why;
			if (n.open[0])
				json_decref(n.open[0]);
			return NULL;
		}
	}
	return n.open[0];
}

json_t *ng_decode(const void *p, size_t len, bool *json, const char **why)
{
	const char *text = p;
	json_t *v;

	*json = len && text[0] == '{';
	if (*json) {
		v = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
		*why = "no JSON object";
		return v;
	}
	*why = "neither bencode nor JSON";
	return len && text[0] == 'd' ? bencode_decode(p, len, why) : NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool bencode_put(const json_t *v, struct wr *w);

static bool bencode_put_dict(const json_t *v, struct wr *w)
{
	size_t n = json_object_size(v), i = 0;
	const char **key = calloc(n + 1, sizeof(*key));
	const char *k;
	json_t *item;
	bool ok = key != NULL;

	if (!ok)
		return false;
	json_object_foreach((json_t *)v, k, item) key[i++] = k;
	qsort(key, n, sizeof(*key), by_name);
	bencode_dict(w);
	for (i = 0; i < n && ok; i++) {
		bencode_string(w, key[i], strlen(key[i]));
		ok = bencode_put(json_object_get(v, key[i]), w);
	}
	bencode_close(w);
	free(key);
	return ok;
}

/* What we answer is no deeper than we made it. */
static bool bencode_put(const json_t *v, struct wr *w)
{
	size_t i;
	json_t *item;

	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return bencode_put_dict(v, w);
	case JSON_ARRAY:
		bencode_list(w);
		json_array_foreach(v, i, item)
		{
			if (!bencode_put(item, w))
				return false;
		}
		bencode_close(w);
		return true;
	case JSON_STRING:
		bencode_string(w, json_string_value(v), json_string_length(v));
		return true;
	case JSON_INTEGER:
		bencode_int(w, json_integer_value(v));
		return true;
	default:
		return false; /* it has nothing else */
	}
}

static int json_put(const char *p, size_t len, void *arg)
{
	struct wr *w = arg;

	wr_bytes(w, p, len);
	return w->failed ? -1 : 0;
}

/* Text as JSON may have it: where it is no UTF-8, bytes that are no ASCII are question marks. */
static json_t *text_clean(const char *s, size_t len)
{
	json_t *v = json_stringn(s, len);
	char *copy = v ? NULL : malloc(len + 1);

	for (size_t i = 0; copy && i < len; i++)
		copy[i] = s[i] & 0x80 ? '?' : s[i];
	if (copy)
		v = json_stringn(copy, len);
	free(copy);
	return v;
}

static json_t *json_clean(const json_t *v);

static json_t *json_clean_dict(const json_t *v)
{
	json_t *to = json_object(), *key, *item;
	const char *k;

	json_object_foreach((json_t *)v, k, item)
	{
		key = text_clean(k, strlen(k));
		if (key)
			json_object_set_new(to, json_string_value(key), json_clean(item));
		json_decref(key);
	}
	return to;
}

/* A copy of an answer, with text that JSON may have. */
static json_t *json_clean(const json_t *v)
{
	json_t *to, *item;
	size_t i;

	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return json_clean_dict(v);
	case JSON_ARRAY:
		to = json_array();
		json_array_foreach(v, i, item) json_array_append_new(to, json_clean(item));
		return to;
	case JSON_STRING:
		return text_clean(json_string_value(v), json_string_length(v));
	default:
		return json_deep_copy(v);
	}
}

/* Tags and names of calls came as bencode may have them: any bytes. */
static bool json_encode(const json_t *v, struct wr *w)
{
	const size_t flags = JSON_COMPACT | JSON_SORT_KEYS;
	const struct wr at = *w;
	json_t *clean;
	bool ok;

	if (json_dump_callback(v, json_put, w, flags) == 0)
		return true;
	if (w->failed)
		return false;
	*w = at;
	clean = json_clean(v);
	ok = clean && json_dump_callback(clean, json_put, w, flags) == 0;
	json_decref(clean);
	return ok;
}

bool ng_encode(const json_t *v, bool json, struct wr *w)
{
	return (json ? json_encode(v, w) : bencode_put(v, w)) && !w->failed;
}
