/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_LOOK_H
#define FL_CLI_LOOK_H

/* Commands of the same names. */
#include "cli.h"

int look_status(struct cli *cli, int argc, char **argv);
int look_ports(struct cli *cli, int argc, char **argv);
int look_accounting(struct cli *cli, int argc, char **argv);
int look_drops(struct cli *cli, int argc, char **argv);
int look_tcp(struct cli *cli, int argc, char **argv);
int look_tls(struct cli *cli, int argc, char **argv);
int look_workers(struct cli *cli, int argc, char **argv);
int look_top(struct cli *cli, int argc, char **argv);
int look_neighbours(struct cli *cli, int argc, char **argv);
int look_phones(struct cli *cli, int argc, char **argv);
int look_routes(struct cli *cli, int argc, char **argv);

#endif
