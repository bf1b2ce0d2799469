/* SPDX-License-Identifier: BSD-3-Clause */
#include "esp.h"
#include "cursor.h"

const struct esp_transform_desc esp_transform_desc[ESP_TRANSFORMS] = {
	[ESP_NULL_SHA1] = { "null-hmac-sha-1-96", 0, 4, 12 },
	[ESP_CBC_SHA1] = { "aes-cbc-hmac-sha-1-96", 16, 16, 12 },
	[ESP_GCM] = { "aes-gcm", 8, 4, 16 },
	[ESP_GMAC] = { "aes-gmac", 8, 4, 16 },
};

/* ---- packets ---- */

enum esp_udp esp_udp_kind(const uint8_t *payload, size_t len)
{
	if (len == 1 && payload[0] == ESP_KEEPALIVE)
		return ESP_UDP_KEEPALIVE;
	if (len >= 4 && be32_read(payload) == 0)
		return ESP_UDP_IKE;
	return len < ESP_HDR ? ESP_UDP_SHORT : ESP_UDP_ESP;
}

uint32_t esp_spi(const uint8_t *p, size_t len)
{
	return len < ESP_HDR ? 0 : be32_read(p);
}

bool esp_parse(enum esp_transform t, const uint8_t *p, size_t len, struct esp_packet *out)
{
	const struct esp_transform_desc *d = &esp_transform_desc[t];
	struct rd r = rd_init(p, len);

	out->spi = rd_u32(&r);
	out->seq = rd_u32(&r);
	rd_take(&r, d->iv);
	if (r.failed || rd_left(&r) < (size_t)ESP_TRAILER + d->tag || len > UINT16_MAX)
		return false;
	out->text_at = (uint32_t)(r.pos - p);
	out->text_len = (uint32_t)rd_left(&r) - d->tag;
	out->tag_at = out->text_at + out->text_len;
	return (out->text_len & (d->align - 1u)) == 0;
}

bool esp_strip(const uint8_t *text, size_t len, size_t *payload_len, uint8_t *next)
{
	size_t pad, i;

	if (len < ESP_TRAILER)
		return false;
	*next = text[len - 1];
	pad = text[len - 2];
	if (pad > len - ESP_TRAILER)
		return false;
	*payload_len = len - ESP_TRAILER - pad;
	for (i = 0; i < pad; i++)
		if (text[*payload_len + i] != (uint8_t)(i + 1))
			return false;
	return true;
}

/* Bytes of padding: the text becomes a multiple of align, which is a power of two. */
static size_t pad_len(const struct esp_transform_desc *d, size_t payload_len)
{
	return (0 - (payload_len + ESP_TRAILER)) & (d->align - 1u);
}

size_t esp_len(enum esp_transform t, size_t payload_len)
{
	const struct esp_transform_desc *d = &esp_transform_desc[t];

	return ESP_HDR + d->iv + payload_len + pad_len(d, payload_len) + ESP_TRAILER + d->tag;
}

bool esp_frame(enum esp_transform t, uint8_t *p, size_t room, uint32_t spi, uint64_t seq,
	       const uint8_t *iv, size_t payload_len, uint8_t next)
{
	const struct esp_transform_desc *d = &esp_transform_desc[t];
	const size_t pad = pad_len(d, payload_len);
	const struct be32 head[2] = { be32_make(spi), be32_make((uint32_t)seq) };
	uint8_t *q;
	size_t i;

	if (payload_len > room || esp_len(t, payload_len) > room)
		return false;
	memcpy(p, head, sizeof(head));
	if (d->iv)
		memcpy(p + ESP_HDR, iv, d->iv);
	q = p + ESP_HDR + d->iv + payload_len;
	for (i = 0; i < pad; i++)
		*q++ = (uint8_t)(i + 1);
	*q++ = (uint8_t)pad;
	*q = next;
	return true;
}

/* ---- sequence numbers ---- */

bool esp_seq_next(uint64_t *seq, bool esn)
{
	if (*seq >= (esn ? UINT64_MAX : UINT32_MAX))
		return false;
	++*seq;
	return true;
}

void esp_window_init(struct esp_window *w, uint32_t size, bool esn)
{
	*w = (struct esp_window){ .esn = esn };
	w->size = size < 32 ? 32 : size > ESP_WINDOW_MAX ? ESP_WINDOW_MAX : size;
}

uint64_t esp_window_seq(const struct esp_window *w, uint32_t low)
{
	const uint32_t top = (uint32_t)w->top, bottom = top - w->size + 1;
	uint32_t high = (uint32_t)(w->top >> 32);

	if (!w->esn)
		return low;
	if (top >= w->size - 1) { /* the window lies within one span of 2^32 */
		if (low < bottom && ++high == 0)
			return 0;
	} else if (low >= bottom && high-- == 0) { /* it begins in the span before */
		return 0;
	}
	return (uint64_t)high << 32 | low;
}

static uint64_t *window_word(struct esp_window *w, uint64_t seq)
{
	return &w->word[seq / 64 % ESP_WINDOW_WORDS];
}

enum esp_verdict esp_window_judge(const struct esp_window *w, uint64_t seq)
{
	if (seq == 0)
		return ESP_OLD;
	if (seq > w->top)
		return ESP_FRESH;
	if (w->top - seq >= w->size)
		return ESP_OLD;
	return w->word[seq / 64 % ESP_WINDOW_WORDS] >> seq % 64 & 1 ? ESP_REPLAYED : ESP_FRESH;
}

void esp_window_take(struct esp_window *w, uint64_t seq)
{
	uint64_t words, i;

	if (seq > w->top) {
		words = seq / 64 - w->top / 64;
		for (i = 1; i <= words && i <= ESP_WINDOW_WORDS; i++)
			*window_word(w, w->top + 64 * i) = 0;
		w->top = seq;
	}
	*window_word(w, seq) |= UINT64_C(1) << seq % 64;
}
