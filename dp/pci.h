/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_PCI_H
#define FL_DP_PCI_H

/* What the kernel tells of a device of the PCI bus in /sys: why it cannot be opened, how it sees
 * memory. */
#include <stdbool.h>
#include <stddef.h>

/*
 * Writes a sentence that says what is to be done about device ("0000:01:00.0"), or returns false if
 * nothing stands in its way there. root is "" but for tests, whose /sys and /dev are below it.
 */
bool pci_obstacle(const char *root, const char *device, char *why, size_t len);

/* Whether device sees memory by its physical addresses: no IOMMU stands between, as uio has it. */
bool pci_needs_physical(const char *root, const char *device);

/* Whether device can be opened without capabilities: it is VFIO's, and behind an IOMMU. */
bool pci_opens_freely(const char *root, const char *device);

/* Whether device interrupts by MSI or MSI-X just now. */
bool pci_has_msi(const char *root, const char *device);

#endif
