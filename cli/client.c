/* SPDX-License-Identifier: BSD-3-Clause */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_S = 10, /* seconds to wait for an answer */ };

struct control_client {
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	FILE *in;
	struct https *https; /* instead of both */
	json_int_t id;
};

static const char *reason(int e)
{
	if (e == ENOENT || e == ECONNREFUSED)
		return "is it running?";
	if (e == EACCES || e == EPERM)
		return "run this as root, or as a member of the socket's group";
	return "see its log";
}

struct control_client *client_open(const char *path, char *err, size_t errlen)
{
	const struct timeval wait = { ANSWER_S, 0 };
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct control_client *c = calloc(1, sizeof(*c));
	int fd = -1;

	if (c && strlen(path) < sizeof(sa.sun_path)) {
		strcpy(sa.sun_path, path);
		strcpy(c->path, path);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	} else {
		errno = ENAMETOOLONG;
	}
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) == 0 &&
	    connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
		c->in = fdopen(fd, "r");
	if (!c || !c->in) {
		int e = errno;

		snprintf(err, errlen, "cannot reach the control process at %s: %s; %s", path,
			 strerror(e), reason(e));
		if (fd >= 0)
			close(fd);
		free(c);
		errno = e;
		return NULL;
	}
	return c;
}

struct control_client *client_open_https(const struct https_at *at, char *err, size_t errlen)
{
	struct control_client *c = calloc(1, sizeof(*c));

	snprintf(err, errlen, "out of memory");
	if (c)
		c->https = https_open(at, err, errlen);
	if (c && c->https)
		return c;
	free(c);
	errno = EINVAL;
	return NULL;
}

void client_close(struct control_client *c)
{
	if (!c)
		return;
	https_close(c->https);
	if (c->in)
		fclose(c->in);
	free(c);
}

static int send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = send(fd, p, n, MSG_NOSIGNAL);

		if (done < 0)
			return -1;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

/* The reply line, or NULL. */
static char *line_exchange(struct control_client *c, const char *line)
{
	char *reply = NULL;
	size_t room = 0;
	int sent;

	/* The server may refuse and close before it reads: its reason still waits to be read. */
	sent = send_all(fileno(c->in), line, strlen(line));
	if (sent == 0)
		sent = send_all(fileno(c->in), "\n", 1);
	if (getline(&reply, &room, c->in) > 0)
		return reply;
	free(reply);
	return NULL;
}

/* The reply as JSON, or NULL, and perhaps why in err. */
static json_t *exchange(struct control_client *c, const char *method, json_t *params, char *err,
			size_t errlen)
{
	json_t *req = json_pack("{s:s, s:I, s:s, s:o*}", "jsonrpc", "2.0", "id", ++c->id, "method",
				method, "params", params);
	char *line = req ? json_dumps(req, JSON_COMPACT) : NULL, *text = NULL;
	json_t *reply = NULL;

	json_decref(req);
	if (line)
		text = c->https ? https_ask(c->https, line, err, errlen) : line_exchange(c, line);
	if (text)
		reply = json_loads(text, 0, NULL);
	free(line);
	free(text);
	return reply;
}

json_t *client_call(struct control_client *c, const char *method, json_t *params, char *err,
		    size_t errlen)
{
	json_t *reply, *result;
	const char *why;

	snprintf(err, errlen, "no sensible answer from the control process%s%s",
		 c->https ? "" : " at ", c->path);
	reply = exchange(c, method, params, err, errlen);
	result = json_incref(json_object_get(reply, "result"));
	why = json_string_value(json_object_get(json_object_get(reply, "error"), "message"));
	if (!result && why)
		snprintf(err, errlen, "the control process refused \"%s\": %s", method, why);
	json_decref(reply);
	return result;
}

void client_patience(struct control_client *c, long seconds)
{
	const struct timeval wait = { seconds, 0 };

	if (c->https)
		https_patience(c->https, seconds);
	else
		setsockopt(fileno(c->in), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
}

FILE *client_stream(struct control_client *c)
{
	const struct timeval forever = { 0, 0 };

	setsockopt(fileno(c->in), SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof(forever));
	return c->in;
}

void client_enough(struct control_client *c)
{
	shutdown(fileno(c->in), SHUT_WR);
}
