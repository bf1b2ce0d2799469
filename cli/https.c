/* SPDX-License-Identifier: BSD-3-Clause */
#include "https.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ANSWER_S = 10,
	ANSWER_MAX = 16 << 20,
	URL_MAX = 512,
	OK = 200,
};

struct https {
	CURL *curl;
	struct curl_slist *headers;
	char url[URL_MAX];
	char why[CURL_ERROR_SIZE];
	char *answer; /* of which len bytes are there */
	size_t len;
};

static size_t take(char *data, size_t size, size_t n, void *arg)
{
	struct https *h = arg;
	char *room;

	n *= size;
	room = h->len + n < ANSWER_MAX ? realloc(h->answer, h->len + n + 1) : NULL;
	if (!room)
		return 0; /* which ends it */
	h->answer = room;
	memcpy(room + h->len, data, n);
	h->len += n;
	room[h->len] = '\0';
	return n;
}

/* The place of the methods, where only a host was given. */
static bool url_set(struct https *h, const char *url)
{
	static const char scheme[] = "https://";
	const bool whole =
	    strncmp(url, scheme, sizeof(scheme) - 1) == 0 && strchr(url + sizeof(scheme) - 1, '/');

	return strncmp(url, scheme, sizeof(scheme) - 1) == 0 &&
	       snprintf(h->url, sizeof(h->url), "%s%s", url, whole ? "" : "/rpc") <
		   (int)sizeof(h->url);
}

static bool curl_set(struct https *h, const struct https_at *at)
{
	CURL *c = h->curl;

	return curl_easy_setopt(c, CURLOPT_URL, h->url) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSLCERT, at->cert) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSLKEY, at->key) == CURLE_OK &&
	       (!at->ca || curl_easy_setopt(c, CURLOPT_CAINFO, at->ca) == CURLE_OK) &&
	       curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)ANSWER_S) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HTTPHEADER, h->headers) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->why) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_WRITEDATA, h) == CURLE_OK;
}

struct https *https_open(const struct https_at *at, char *err, size_t errlen)
{
	struct https *h = calloc(1, sizeof(*h));

	if (!at->cert || !at->key)
		snprintf(err, errlen,
			 "--url wants --cert and --key, of a certificate that the "
			 "management port takes");
	else if (!h || curl_global_init(CURL_GLOBAL_DEFAULT) != 0 ||
		 !(h->curl = curl_easy_init()) ||
		 !(h->headers = curl_slist_append(NULL, "Content-Type: application/json")))
		snprintf(err, errlen, "out of memory for HTTPS");
	else if (!url_set(h, at->url))
		snprintf(err, errlen, "--url %s is not https://HOST:PORT", at->url);
	else if (!curl_set(h, at))
		snprintf(err, errlen, "libcurl of this machine cannot do HTTPS as it is asked for");
	else
		return h;
	https_close(h);
	return NULL;
}

void https_patience(struct https *h, long seconds)
{
	curl_easy_setopt(h->curl, CURLOPT_TIMEOUT, seconds);
}

void https_close(struct https *h)
{
	if (!h)
		return;
	curl_easy_cleanup(h->curl);
	curl_slist_free_all(h->headers);
	free(h->answer);
	free(h);
}

char *https_ask(struct https *h, const char *body, char *err, size_t errlen)
{
	long status = 0;
	CURLcode rc;
	char *answer;

	free(h->answer);
	h->answer = NULL;
	h->len = 0;
	h->why[0] = '\0';
	curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, body);
	rc = curl_easy_perform(h->curl);
	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	answer = h->answer;
	h->answer = NULL;
	if (rc == CURLE_OK && status == OK && answer)
		return answer;
	if (rc != CURLE_OK)
		snprintf(err, errlen, "cannot reach the control process at %s: %s", h->url,
			 h->why[0] ? h->why : curl_easy_strerror(rc));
	else
		snprintf(err, errlen, "%s answers %ld: %.*s", h->url, status,
			 answer ? (int)strcspn(answer, "\r\n") : 0, answer ? answer : "");
	free(answer);
	return NULL;
}
