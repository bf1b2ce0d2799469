/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ESP: the first byte chooses the transform, and what is parsed lies within the packet; a text that
 * is stripped is framed to one that strips the same. The same bytes are numbers that a window
 * hears.
 */
#include "../../lib/esp.h"
#include "must.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void reframe(enum esp_transform t, const uint8_t *payload, size_t len, uint8_t next)
{
	static const uint8_t iv[ESP_IV_MAX];
	const size_t at = ESP_HDR + esp_transform_desc[t].iv, room = esp_len(t, len);
	uint8_t *p = malloc(room), again_next;
	struct esp_packet again;
	size_t again_len;

	must(p != NULL);
	memcpy(p + at, payload, len);
	must(esp_frame(t, p, room, 256, 1, iv, len, next));
	must(esp_parse(t, p, room, &again) && again.text_at == at);
	must(esp_strip(p + at, again.text_len, &again_len, &again_next));
	must(again_len == len && again_next == next && memcmp(p + at, payload, len) == 0);
	free(p);
}

static void packet(enum esp_transform t, const uint8_t *p, size_t size)
{
	struct esp_packet e;
	size_t len;
	uint8_t next;

	if (!esp_parse(t, p, size, &e))
		return;
	must(esp_udp_kind(p, size) == (e.spi ? ESP_UDP_ESP : ESP_UDP_IKE));
	must(esp_spi(p, size) == e.spi && e.text_at + e.text_len == e.tag_at);
	must(e.tag_at + esp_transform_desc[t].tag == size);
	if (esp_strip(p + e.text_at, e.text_len, &len, &next))
		reframe(t, p + e.text_at, len, next);
}

static void window(const uint8_t *p, size_t size, bool esn)
{
	struct esp_window w;
	uint32_t low;

	esp_window_init(&w, p[0], esn);
	for (; size >= sizeof(low); p += sizeof(low), size -= sizeof(low)) {
		uint64_t seq;

		memcpy(&low, p, sizeof(low));
		seq = esp_window_seq(&w, low);
		must(seq == 0 || (uint32_t)seq == low);
		if (esp_window_judge(&w, seq) != ESP_FRESH)
			continue;
		esp_window_take(&w, seq);
		must(w.top >= seq && esp_window_judge(&w, seq) == ESP_REPLAYED);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *exact;

	if (size < 2)
		return 0;
	exact = malloc(size - 1);
	must(exact != NULL);
	memcpy(exact, data + 1, size - 1);
	packet((enum esp_transform)(data[0] % ESP_TRANSFORMS), exact, size - 1);
	esp_udp_kind(exact, size - 1);
	window(exact, size - 1, data[0] & 0x80);
	free(exact);
	return 0;
}
