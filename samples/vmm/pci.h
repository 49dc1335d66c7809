/* SPDX-License-Identifier: GPL-2.0-only */
/* A PCI bus, reached by ports, with devices whose BARs are memory or registers. */
#ifndef _VMM_PCI_H
#define _VMM_PCI_H

#include <linux/types.h>
#include <pthread.h>
#include "bus.h"
#include "space.h"

#define PCI_MAX_DEVICES		32U
#define PCI_CONFIG_LEN		256U
#define PCI_MAX_BARS		6U

/* Numbers that are set aside for experiments; no driver of Linux wants them. */
#define PCI_VENDOR		0x1af4
#define PCI_DEVICE_BRIDGE	0x10f0
#define PCI_DEVICE_FRAMEBUFFER	0x10f1
#define PCI_DEVICE_WINDOW	0x10f2

#define PCI_CLASS_BRIDGE	0x060000
#define PCI_CLASS_RAM		0x050000

/**
 * struct pci_bar - a BAR of 32 bits, in memory space
 * @len: a power of two, at least a page; 0: there is no such BAR
 * @memory: what the guest then has in its map; NULL for registers
 * @registers: the range of these on the bus
 */
struct pci_bar {
	__u64 len;
	struct memory *memory;
	struct bus_range *registers;
};

/**
 * struct pci_device - a function 0 on bus 0
 * @pci: its bus
 * @config: configuration space, as the guest reads it
 * @writable: bits of @config that the guest can change
 * @bars: what @config's BARs stand for
 *
 * Whoever embeds it fills in capabilities after pci_add().
 */
struct pci_device {
	struct pci *pci;
	__u8 config[PCI_CONFIG_LEN];
	__u8 writable[PCI_CONFIG_LEN];
	struct pci_bar bars[PCI_MAX_BARS];
};

/**
 * struct pci - the bus
 * @lock: of all below and of every device's configuration space
 * @space: the map, in which BARs that are memory lie
 * @mmio: where those lie that are registers
 * @address: what the guest wrote to port 0xcf8
 * @next: where the next BAR goes
 * @devices: by their number
 */
struct pci {
	pthread_mutex_t lock;
	struct space *space;
	struct bus *mmio;
	__u32 address;
	__u64 next;
	unsigned int nr_devices;
	struct pci_device *devices[PCI_MAX_DEVICES];
	struct pci_device bridge;
};

void pci_init(struct pci *pci, struct space *space, struct bus *ports, struct bus *mmio);
void pci_add(struct pci *pci, struct pci_device *device, __u16 id, __u32 class);
void pci_add_memory(struct pci_device *device, unsigned int bar, struct memory *memory);
void pci_add_registers(struct pci_device *device, unsigned int bar, __u64 len,
		       const struct bus_ops *ops, void *data);

#endif /* _VMM_PCI_H */
