/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_USERS_LIVE_H
#define FL_CLI_USERS_LIVE_H

/* Users by the control process that runs, and credentials for testing. */
#include "cli.h"

/* Takes --live out of the words. Whether it was there; *argc is how many are left. */
bool users_live_wanted(int *argc, char **argv);

/* `user VERB ... --live`; argv[0] is the verb, and --live is no longer there. */
int users_live_command(struct cli *cli, int argc, char **argv);
int credentials_command(struct cli *cli, int argc, char **argv);

#endif
