/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_CONTEXT_NEWS_H
#define FL_CP_CONTEXT_NEWS_H

/* What controllers are told: the newest gateway.events of it, by number. */
#include "gateway.h"

struct news;

struct news *news_create(uint32_t max);
void news_free(struct news *n);

/* Adds one; seq is set here. True if it overwrote what nobody had fetched. */
bool news_add(struct news *n, const struct gate_news *e);
const struct gate_news *news_get(struct news *n, uint64_t seq);
uint64_t news_last(const struct news *n);
void news_listen(struct news *n, void (*changed)(void *arg), void *arg);

#endif
