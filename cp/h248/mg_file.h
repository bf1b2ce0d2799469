/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_H248_MG_FILE_H
#define FL_CP_H248_MG_FILE_H

/* What is in the file that outlives this process (mg_file.c). Records begin with their sum. */
#include "mg_priv.h"

#include "../statefile.h"

/* A transaction that was run, or is; what it was answered stands behind. */
struct kept_answer {
	uint64_t sum; /* of all that follows */
	uint64_t seq;
	uint64_t until_ms; /* CLOCK_MONOTONIC */
	uint64_t cookie[2];
	struct sock_addr from;
	uint8_t pad[2];
	uint32_t len; /* 0: the answer is not known */
};

struct kept_request {
	uint64_t sum; /* 0: it is free */
	uint64_t seq;
	uint32_t id, passes, len, pad;
	char text[MG_REQUEST_BYTES_MAX];
};

/* Who was in charge: numbers of controllers, see number_of(). */
struct kept_assoc {
	uint64_t sum;
	uint64_t seq;
	uint64_t controller; /* 0: none serves us */
	uint64_t served;     /* who did last; 0: nobody yet */
	uint64_t told_drain_ms;
	uint32_t version, root_request, silence_ms;
	uint8_t lost, overload, told_silence, told_drain;
};

/* Who is in charge, as one who is in the list no more can be told so, and what it knows us by. */
struct kept_name {
	uint64_t sum;
	uint64_t controller; /* as struct kept_assoc has it */
	struct sock_addr at;
	uint8_t udp, pad[5];
	char mid[MG_MID_MAX];
};

/* Who serves us no more, and has not said that it knows (struct mg_leave). */
struct kept_leave {
	uint64_t sum; /* 0: nobody */
	uint64_t begun_ms;
	struct sock_addr to;
	uint8_t pad[2];
	uint32_t id, len;
	char text[MG_REQUEST_BYTES_MAX];
};

/* What the controller has set of ROOT. */
struct kept_root {
	uint64_t sum;
	uint32_t value[MG_ROOT_VALUES];
};

struct file_head {
	struct statefile_head file;
	struct siphash_key key;
	_Atomic uint64_t alive_ms; /* CLOCK_MONOTONIC: this process was there */
	_Atomic uint32_t last_id;  /* of our transactions */
	_Atomic uint32_t in_hand;  /* that one is run now */
	struct kept_answer running;
	struct kept_assoc assoc[2]; /* the one that is whole, and newer */
	/* Files of earlier programs end before them. */
	struct kept_name name[2];
	struct kept_leave leave;
	struct kept_root root;
};

struct mg_file {
	struct statefile file;
	struct file_head *head;
	uint8_t *chunk;
	struct kept_request *request;
	uint64_t seq;
	uint32_t next; /* chunk */
	struct kept_assoc saved;
	bool begun; /* it is this process' association that is saved */
	uint16_t n_free, free[MG_REQUESTS_MAX];
};

/* Of all of a record but the sum itself; never 0. */
uint64_t mg_file_sum(const struct mg_file *f, const void *p, size_t bytes);
/* A record takes another's place: who is killed meanwhile leaves none. */
void mg_file_put(const struct mg_file *f, void *to, const void *now, size_t bytes);

/* ---- mg_file_leave.c ---- */

/* Who is in charge, beside the association that is saved. */
void mg_file_name_save(struct mg *m, const struct kept_assoc *a);
/* Who was in charge is not in the list that there is now, or knows us by another name. */
void mg_file_name_leave(struct mg *m, const struct kept_assoc *a);
/* Takes up m->leave. */
void mg_file_leave_load(struct mg *m);

#endif
