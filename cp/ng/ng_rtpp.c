/* SPDX-License-Identifier: BSD-3-Clause */
#include "ng_rtpp.h"

#include "ng_codec.h"

#include <stdbool.h>
#include <string.h>

enum {
	WORDS_MAX = 512,
	DEPTH_MAX = 4,
};

struct parse {
	const char *at;
	uint32_t words, unknown;
	uint32_t transport; /* bits of old words for transport-protocol */
};

static void skip(struct parse *p)
{
	p->at += strspn(p->at, " \t\r\n");
}

/* Up to a space, a bracket or, with key, '='. */
static size_t word_len(const struct parse *p, bool key)
{
	return strcspn(p->at, key ? " \t\r\n[]=" : " \t\r\n[]");
}

static json_t *text_take(struct parse *p, size_t len)
{
	json_t *v = ng_string(p->at, len);

	p->at += len;
	return v;
}

/* Takes the value, also where there is no place for it. */
static void put(struct parse *p, json_t *dictionary, const char *key, size_t len, json_t *v)
{
	char name[64];
	json_t *old;

	if (!len || len >= sizeof(name) || ++p->words > WORDS_MAX) {
		p->unknown++;
		json_decref(v);
		return;
	}
	memcpy(name, key, len);
	name[len] = 0;
	old = json_object_get(dictionary, name);
	if (!old) {
		json_object_set_new_nocheck(dictionary, name, v);
	} else if (json_is_array(old)) {
		json_array_append_new(old, v);
	} else {
		json_t *list = json_array();

		json_array_append(list, old);
		json_array_append_new(list, v);
		json_object_set_new_nocheck(dictionary, name, list);
	}
}

static void list_append(json_t *dictionary, const char *key, json_t *v)
{
	json_t *list = json_object_get(dictionary, key);

	if (!json_is_array(list)) {
		list = json_array();
		json_object_set_new(dictionary, key, list);
	}
	json_array_append_new(list, v);
}

/* Behind '[', up to its ']'. A list whose first word has a '=' is a dictionary. */
static json_t *brackets(struct parse *p, uint32_t depth);

static json_t *value(struct parse *p, uint32_t depth)
{
	if (*p->at != '[')
		return text_take(p, word_len(p, false));
	p->at++;
	return brackets(p, depth + 1);
}

static void brackets_word(struct parse *p, json_t *v, uint32_t depth)
{
	const char *key = p->at;
	size_t len = word_len(p, true);

	if (json_is_object(v) && key[len] == '=') {
		p->at += len + 1;
		put(p, v, key, len, value(p, depth));
		return;
	}
	if (*p->at != '[' && json_is_array(v) && ++p->words <= WORDS_MAX) {
		json_array_append_new(v, text_take(p, word_len(p, false)));
		return;
	}
	p->unknown++;
	json_decref(value(p, depth));
}

static json_t *brackets(struct parse *p, uint32_t depth)
{
	json_t *v;

	skip(p);
	v = p->at[word_len(p, true)] == '=' ? json_object() : json_array();
	for (; *p->at && *p->at != ']'; skip(p)) {
		if (depth < DEPTH_MAX) {
			brackets_word(p, v, depth);
			continue;
		}
		p->unknown++;
		p->at += strcspn(p->at, "]");
	}
	p->at += *p->at == ']';
	return v;
}

/* Kamailio's words for transport-protocol that are told apart, and what they make together. */
static bool transport_word(struct parse *p, const char *word, size_t len)
{
	static const struct {
		const char *name;
		uint32_t bits;
	} words[] = { { "RTP", 8 }, { "AVP", 8 }, { "SRTP", 9 }, { "AVPF", 10 }, { "DTLS", 12 } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i].name) == len && memcmp(words[i].name, word, len) == 0) {
			p->transport |= words[i].bits;
			return true;
		}
	}
	return false;
}

static bool is(const char *word, size_t len, const char *name)
{
	return strlen(name) == len && memcmp(word, name, len) == 0;
}

/* A word by itself. */
static void flag(struct parse *p, json_t *v, const char *word, size_t len)
{
	static const char *const protos[] = {
		"RTP/AVP",   "RTP/AVPF",	 "RTP/SAVP",
		"RTP/SAVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"
	};

	if (++p->words > WORDS_MAX) {
		p->unknown++;
		return;
	}
	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++) {
		if (is(word, len, protos[i])) {
			json_object_set_new(v, "transport-protocol", json_string(protos[i]));
			return;
		}
	}
	if (is(word, len, "internal") || is(word, len, "external"))
		list_append(v, "direction", ng_string(word, len));
	else if (!transport_word(p, word, len))
		list_append(v, "flags", ng_string(word, len));
}

/* A word with a value, of which some are more than a key. */
static void keyed(struct parse *p, json_t *v, const char *key, size_t len, json_t *val)
{
	if (is(key, len, "to-tag"))
		list_append(v, "flags", json_string("to-tag"));
	else if (is(key, len, "from-tag"))
		list_append(v, "flags", json_string("directional"));
	if (is(key, len, "direction") && !json_is_array(val))
		list_append(v, "direction", val);
	else if (is(key, len, "flags") && !json_is_array(val))
		list_append(v, "flags", val);
	else
		put(p, v, key, len, val);
}

static void transport_put(const struct parse *p, json_t *v)
{
	static const char *const name[] = { "RTP/AVP",		 "RTP/SAVP",
					    "RTP/AVPF",		 "RTP/SAVPF",
					    "UDP/TLS/RTP/SAVP",	 "UDP/TLS/RTP/SAVP",
					    "UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVPF" };

	if (p->transport)
		json_object_set_new(v, "transport-protocol", json_string(name[p->transport & 7]));
}

json_t *ng_rtpp_parse(const char *text, uint32_t *n_unknown)
{
	struct parse p = { .at = text };
	json_t *v = json_object();

	for (skip(&p); v && *p.at; skip(&p)) {
		const char *word = p.at;
		const size_t len = word_len(&p, true);

		if (word[len] == '=' && len) {
			p.at += len + 1;
			keyed(&p, v, word, len, value(&p, 0));
		} else if (len) {
			p.at += len;
			flag(&p, v, word, len);
		} else { /* a bracket or '=' of nothing */
			p.unknown++;
			p.at++;
		}
	}
	if (v)
		transport_put(&p, v);
	*n_unknown = p.unknown;
	return v;
}
