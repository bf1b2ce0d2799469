/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_FILTER_H
#define FL_CLI_FILTER_H

/* Options that choose sessions, connections or contexts, for listing and for ending them. */
#include "cli.h"

enum filter_option {
	FILTER_USER = 256, /* above all characters */
	FILTER_CLIENT,
	FILTER_RELAYED,
	FILTER_PEER,
	FILTER_LOCAL,
	FILTER_REMOTE,
	FILTER_TRANSPORT,
	FILTER_ROLE,
	FILTER_CALL,
	FILTER_WORKER,
	FILTER_SESSION,
	FILTER_OLDER,
	FILTER_YOUNGER,
	FILTER_SILENT,
	FILTER_RATE,
};

/* What each command has of them, for its table of struct option and for its help. */
#define FILTER_OF_SESSIONS                                              \
	{ "user", required_argument, NULL, FILTER_USER },               \
	    { "client", required_argument, NULL, FILTER_CLIENT },       \
	    { "relayed", required_argument, NULL, FILTER_RELAYED },     \
	    { "peer", required_argument, NULL, FILTER_PEER },           \
	    { "transport", required_argument, NULL, FILTER_TRANSPORT }, \
	    { "session", required_argument, NULL, FILTER_SESSION },     \
	    { "silent", required_argument, NULL, FILTER_SILENT },       \
	    { "older", required_argument, NULL, FILTER_OLDER },         \
	{                                                               \
		"younger", required_argument, NULL, FILTER_YOUNGER      \
	}
#define FILTER_OF_SESSIONS_HELP                                                                 \
	"[--user USER] [--client ADDR] [--relayed ADDR] [--peer ADDR] [--transport TRANSPORT] " \
	"[--session WORKER/SLOT] [--silent SECONDS] [--older SECONDS] [--younger SECONDS]"
#define FILTER_OF_CONNECTIONS                                           \
	{ "local", required_argument, NULL, FILTER_LOCAL },             \
	    { "remote", required_argument, NULL, FILTER_REMOTE },       \
	    { "transport", required_argument, NULL, FILTER_TRANSPORT }, \
	    { "role", required_argument, NULL, FILTER_ROLE },           \
	    { "worker", required_argument, NULL, FILTER_WORKER },       \
	    { "silent", required_argument, NULL, FILTER_SILENT },       \
	    { "older", required_argument, NULL, FILTER_OLDER },         \
	{                                                               \
		"younger", required_argument, NULL, FILTER_YOUNGER      \
	}
#define FILTER_OF_CONNECTIONS_HELP                                \
	"[--local ADDR] [--remote ADDR] [--transport TRANSPORT] " \
	"[--role ROLE] [--worker N] [--silent SECONDS] [--older SECONDS] [--younger SECONDS]"
#define FILTER_OF_CONTEXTS                                              \
	{ "call", required_argument, NULL, FILTER_CALL },               \
	    { "local", required_argument, NULL, FILTER_LOCAL },         \
	    { "remote", required_argument, NULL, FILTER_REMOTE },       \
	    { "transport", required_argument, NULL, FILTER_TRANSPORT }, \
	    { "worker", required_argument, NULL, FILTER_WORKER },       \
	    { "silent", required_argument, NULL, FILTER_SILENT },       \
	    { "rate-over", required_argument, NULL, FILTER_RATE },      \
	    { "older", required_argument, NULL, FILTER_OLDER },         \
	{                                                               \
		"younger", required_argument, NULL, FILTER_YOUNGER      \
	}
#define FILTER_OF_CONTEXTS_HELP                                                              \
	"[--call CALL] [--local ADDR] [--remote ADDR] [--transport TRANSPORT] [--worker N] " \
	"[--silent SECONDS] [--rate-over RATE] [--older SECONDS] [--younger SECONDS]"

/* Reads RATE of --rate-over, or tells what it takes. */
void filter_rate(struct cli *cli, const char *text, double *bytes_per_s);

/* Sets what option o says in params, or tells that it cannot be. */
void filter_option(struct cli *cli, int o, const char *value, json_t *params);

#endif
