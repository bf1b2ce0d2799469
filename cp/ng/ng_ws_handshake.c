/* SPDX-License-Identifier: BSD-3-Clause */
#include "ng_ws_handshake.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { KEY_LEN = 24 }; /* of 16 bytes in Base64 */

struct text {
	const char *at;
	size_t len;
};

/* What the request must have, each once, but lists that may be spread over lines. */
struct upgrade {
	struct text key;
	uint32_t keys, versions;
	bool foreign; /* an Origin that is not ours */
	bool host, upgrade, connection, version, protocol;
};

static bool text_is(struct text t, const char *s)
{
	return t.len == strlen(s) && strncasecmp(t.at, s, t.len) == 0;
}

static struct text trim(struct text t)
{
	while (t.len && (*t.at == ' ' || *t.at == '\t'))
		t.at++, t.len--;
	while (t.len && (t.at[t.len - 1] == ' ' || t.at[t.len - 1] == '\t'))
		t.len--;
	return t;
}

/* Whether a comma-separated list has it. */
static bool list_has(struct text t, const char *s)
{
	while (t.len) {
		const char *comma = memchr(t.at, ',', t.len);
		size_t n = comma ? (size_t)(comma - t.at) : t.len;

		if (text_is(trim((struct text){ t.at, n }), s))
			return true;
		t.at += n + (comma != NULL);
		t.len -= n + (comma != NULL);
	}
	return false;
}

/* RFC 6454 7: "http://192.0.2.1:80", "http://[2001:db8::1]". */
static bool is_origin(struct text t, const struct ip_addr *self)
{
	const char *at = t.len ? memmem(t.at, t.len, "://", 3) : NULL, *end = t.at + t.len, *stop;
	char text[ADDR_STR_MAX];
	struct ip_addr ip;

	if (!at)
		return false;
	at += 3;
	if (at < end && *at == '[') {
		at++;
		stop = memchr(at, ']', (size_t)(end - at));
	} else {
		stop = memchr(at, ':', (size_t)(end - at));
		stop = stop ? stop : end;
	}
	if (!stop || (size_t)(stop - at) >= sizeof(text))
		return false;
	memcpy(text, at, (size_t)(stop - at));
	text[stop - at] = 0;
	return ip_parse(text, &ip) && ip_eq(&ip, self);
}

static void take_header(struct upgrade *r, struct text name, struct text value,
			const struct ip_addr *self)
{
	if (text_is(name, "Origin")) {
		r->foreign |= !is_origin(value, self);
	} else if (text_is(name, "Host")) {
		r->host = true;
	} else if (text_is(name, "Upgrade")) {
		r->upgrade |= list_has(value, "websocket");
	} else if (text_is(name, "Connection")) {
		r->connection |= list_has(value, "Upgrade");
	} else if (text_is(name, "Sec-WebSocket-Protocol")) {
		r->protocol |= list_has(value, NG_WS_PROTOCOL);
	} else if (text_is(name, "Sec-WebSocket-Key")) {
		r->key = value;
		r->keys++;
	} else if (text_is(name, "Sec-WebSocket-Version")) {
		r->version = text_is(value, "13");
		r->versions++;
	}
}

/* One line off the head; false if it has no proper end. */
static bool next_line(struct text *head, struct text *line)
{
	const char *lf = memchr(head->at, '\n', head->len);
	size_t n = lf ? (size_t)(lf - head->at) : 0;

	if (!lf || !n || lf[-1] != '\r' || memchr(head->at, '\r', n - 1) || memchr(head->at, 0, n))
		return false;
	*line = (struct text){ head->at, n - 1 };
	head->at += n + 1;
	head->len -= n + 1;
	return true;
}

/* "GET /anything HTTP/1.1" */
static bool is_get(struct text t)
{
	static const char get[] = "GET /", end[] = " HTTP/1.1";
	const size_t n = sizeof(get) - 1, m = sizeof(end) - 1;

	return t.len >= n + m && memcmp(t.at, get, n) == 0 &&
	       memcmp(t.at + t.len - m, end, m) == 0 && !memchr(t.at + n, ' ', t.len - n - m);
}

static bool read_head(struct upgrade *r, struct text head, const struct ip_addr *self)
{
	struct text line;

	if (!next_line(&head, &line) || !is_get(line))
		return false;
	while (next_line(&head, &line) && line.len) {
		const char *colon = memchr(line.at, ':', line.len);
		size_t n = colon ? (size_t)(colon - line.at) : 0;

		if (!n || line.at[n - 1] == ' ' || line.at[n - 1] == '\t' || *line.at == ' ')
			return false;
		take_header(r, (struct text){ line.at, n },
			    trim((struct text){ colon + 1, line.len - n - 1 }), self);
	}
	return !head.len && !line.len;
}

/* RFC 6455 4.2.2: the answer proves that the key was read. */
static bool accept_key(struct text key, char out[32])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	char joined[KEY_LEN + sizeof(guid)];
	uint8_t raw[KEY_LEN], digest[EVP_MAX_MD_SIZE];
	unsigned int n;

	if (key.len != KEY_LEN || memcmp(key.at + KEY_LEN - 2, "==", 2) != 0 ||
	    EVP_DecodeBlock(raw, (const uint8_t *)key.at, KEY_LEN) < 0)
		return false;
	memcpy(joined, key.at, KEY_LEN);
	memcpy(joined + KEY_LEN, guid, sizeof(guid) - 1);
	if (!EVP_Digest(joined, KEY_LEN + sizeof(guid) - 1, digest, &n, EVP_sha1(), NULL))
		return false;
	EVP_EncodeBlock((uint8_t *)out, digest, (int)n);
	return true;
}

bool ng_ws_handshake(const char *head, size_t len, const struct ip_addr *self, char *answer,
		     size_t size)
{
	struct upgrade r = { 0 };
	char key[32];

	if (!read_head(&r, (struct text){ head, len }, self) || r.foreign || !r.host ||
	    !r.upgrade || !r.connection || !r.protocol || !r.version || r.versions != 1 ||
	    r.keys != 1 || !accept_key(r.key, key))
		return false;
	return (size_t)snprintf(answer, size,
				"HTTP/1.1 101 Switching Protocols\r\n"
				"Upgrade: websocket\r\n"
				"Connection: Upgrade\r\n"
				"Sec-WebSocket-Accept: %s\r\n"
				"Sec-WebSocket-Protocol: " NG_WS_PROTOCOL "\r\n\r\n",
				key) < size;
}
