/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_VMBUS_H
#define FL_DP_VMBUS_H

/* What the kernel tells in /sys of a device of Hyper-V's bus: why it cannot be opened. */
#include <stdbool.h>
#include <stddef.h>

/*
 * Writes a sentence that says what is to be done about the device with that UUID, or returns false
 * if nothing stands in its way there. root is "" but for tests, whose /sys is below it.
 */
bool vmbus_obstacle(const char *root, const char *uuid, char *why, size_t len);

#endif
