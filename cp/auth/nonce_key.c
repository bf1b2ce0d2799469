/* SPDX-License-Identifier: BSD-3-Clause */
#include "nonce.h"
#include "secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { BOOT_ID_LEN = 36 };

struct key_file {
	char boot[BOOT_ID_LEN]; /* the boot the key belongs to */
	uint8_t key[16];
};
_Static_assert(sizeof(struct siphash_key) == 16, "one key fills the record");

/* Names this run of the kernel; all zero where /proc does not tell. */
static void boot_id(char out[BOOT_ID_LEN])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, out, BOOT_ID_LEN) != BOOT_ID_LEN)
		memset(out, 0, BOOT_ID_LEN);
	if (fd >= 0)
		close(fd);
}

bool nonce_key_load(const char *path, struct siphash_key *key, char *err, size_t errlen)
{
	struct key_file f, now;
	bool ok = true;

	boot_id(now.boot);
	if (!secret_file_read(path, &f, sizeof(f)) || memcmp(f.boot, now.boot, BOOT_ID_LEN) != 0) {
		memcpy(f.boot, now.boot, BOOT_ID_LEN);
		if (getrandom(f.key, sizeof(f.key), 0) != sizeof(f.key)) {
			snprintf(err, errlen, "no random numbers from the system: %s",
				 strerror(errno));
			return false;
		}
		ok = secret_file_write(path, &f, sizeof(f));
		if (!ok)
			snprintf(
			    err, errlen,
			    "cannot write the nonce key %s: %s (it stands beside control.state)",
			    path, strerror(errno));
	}
	memcpy(key, f.key, sizeof(*key));
	OPENSSL_cleanse(&f, sizeof(f));
	return ok;
}
