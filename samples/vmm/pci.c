// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI bus: configuration space by way of the ports 0xcf8 and 0xcfc, and BARs.
 * As firmware would, it gives every BAR an address and turns decoding on. When the
 * guest programs a BAR, or turns decoding off, what is behind moves: registers on
 * the bus of MMIO, memory by a commit of the guest's map.
 */
#include <endian.h>
#include <err.h>
#include <linux/pci_regs.h>
#include <string.h>
#include "pci.h"
#include "vmm.h"

#define PORT_ADDRESS	0xcf8
#define PORT_DATA	0xcfc
#define ADDRESS_ENABLE	0x80000000U

static __u32 get32(const __u8 *config, unsigned int at)
{
	__u32 value;

	memcpy(&value, config + at, sizeof(value));
	return le32toh(value);
}

static void put32(__u8 *config, unsigned int at, __u32 value)
{
	value = htole32(value);
	memcpy(config + at, &value, sizeof(value));
}

/* What is behind a BAR goes where the BAR says. */
static void move_bar(struct pci_device *device, const struct pci_bar *bar, __u64 gpa)
{
	struct space *space = device->pci->space;

	if (!bar->memory) {
		bus_move(device->pci->mmio, bar->registers, gpa);
		return;
	}
	if (bar->memory->gpa == gpa)
		return;
	space_begin(space);
	bar->memory->gpa = gpa;
	space_commit(space);
}

/* A BAR that lies in nothing that may be a BAR's decodes nothing. */
static void follow_bars(struct pci_device *device)
{
	bool decoding = device->config[PCI_COMMAND] & PCI_COMMAND_MEMORY;

	for (unsigned int i = 0; i < PCI_MAX_BARS; i++) {
		const struct pci_bar *bar = &device->bars[i];
		__u64 gpa = get32(device->config, PCI_BASE_ADDRESS_0 + 4 * i) &
			    PCI_BASE_ADDRESS_MEM_MASK;

		if (!bar->len)
			continue;
		if (!decoding || gpa < GPA_PCI || gpa + bar->len > GPA_PCI_END)
			gpa = BUS_NOWHERE;
		move_bar(device, bar, gpa);
	}
}

static void write_config(struct pci_device *device, unsigned int at, const __u8 *data,
			 unsigned int len)
{
	for (unsigned int i = 0; i < len; i++) {
		__u8 mask = device->writable[at + i];

		device->config[at + i] = (device->config[at + i] & ~mask) | (data[i] & mask);
	}
	follow_bars(device);
}

/* Port 0xcfc + offset: of the device that the address names, or of none. */
static struct pci_device *addressed(struct pci *pci, __u64 offset, unsigned int len,
				    unsigned int *at)
{
	unsigned int bus_and_device = pci->address >> 11 & 0x1fff;

	*at = (pci->address & 0xfc) + offset;
	if (!(pci->address & ADDRESS_ENABLE) || pci->address & 0x700 ||
	    bus_and_device >= pci->nr_devices || *at + len > PCI_CONFIG_LEN)
		return NULL;
	return pci->devices[bus_and_device];
}

static void data_read(void *data, __u64 offset, void *to, unsigned int len)
{
	struct pci *pci = data;
	struct pci_device *device;
	unsigned int at;

	pthread_mutex_lock(&pci->lock);
	device = addressed(pci, offset, len, &at);
	if (device)
		memcpy(to, device->config + at, len);
	pthread_mutex_unlock(&pci->lock);
}

static void data_write(void *data, __u64 offset, const void *from, unsigned int len)
{
	struct pci *pci = data;
	struct pci_device *device;
	unsigned int at;

	pthread_mutex_lock(&pci->lock);
	device = addressed(pci, offset, len, &at);
	if (device)
		write_config(device, at, from, len);
	pthread_mutex_unlock(&pci->lock);
}

static void address_read(void *data, __u64 offset, void *to, unsigned int len)
{
	struct pci *pci = data;

	pthread_mutex_lock(&pci->lock);
	memcpy(to, (char *)&pci->address + offset, len);
	pthread_mutex_unlock(&pci->lock);
}

static void address_write(void *data, __u64 offset, const void *from, unsigned int len)
{
	struct pci *pci = data;

	if (offset || len != sizeof(pci->address))
		return;
	pthread_mutex_lock(&pci->lock);
	memcpy(&pci->address, from, len);
	pthread_mutex_unlock(&pci->lock);
}

static const struct bus_ops address_ops = { address_read, address_write };
static const struct bus_ops data_ops = { data_read, data_write };

void pci_add(struct pci *pci, struct pci_device *device, __u16 id, __u32 class)
{
	if (pci->nr_devices == PCI_MAX_DEVICES)
		errx(EXIT_USAGE, "a bus has room for %u devices; use fewer", PCI_MAX_DEVICES);
	pci->devices[pci->nr_devices++] = device;
	device->pci = pci;
	put32(device->config, PCI_VENDOR_ID, PCI_VENDOR | id << 16);
	put32(device->config, PCI_CLASS_REVISION, class << 8);
	device->config[PCI_COMMAND] = PCI_COMMAND_MEMORY;
	device->writable[PCI_COMMAND] = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	device->writable[PCI_COMMAND + 1] = PCI_COMMAND_INTX_DISABLE >> 8;
	device->writable[PCI_INTERRUPT_LINE] = 0xff;
}

/* A BAR is aligned to its length, and so are its bits that can be written. */
static struct pci_bar *add_bar(struct pci_device *device, unsigned int i, __u64 len)
{
	struct pci *pci = device->pci;
	unsigned int at = PCI_BASE_ADDRESS_0 + 4 * i;

	pci->next = (pci->next + len - 1) & ~(len - 1);
	put32(device->config, at, pci->next);
	put32(device->writable, at, ~(len - 1));
	pci->next += len;
	device->bars[i].len = len;
	return &device->bars[i];
}

void pci_add_memory(struct pci_device *device, unsigned int bar, struct memory *memory)
{
	memory->gpa = MEMORY_NOWHERE;
	space_add(device->pci->space, memory);
	add_bar(device, bar, memory->len)->memory = memory;
	follow_bars(device);
}

void pci_add_registers(struct pci_device *device, unsigned int bar, __u64 len,
		       const struct bus_ops *ops, void *data)
{
	struct bus_range *range = bus_add(device->pci->mmio, BUS_NOWHERE, len, ops, data);

	add_bar(device, bar, len)->registers = range;
	follow_bars(device);
}

void pci_init(struct pci *pci, struct space *space, struct bus *ports, struct bus *mmio)
{
	pthread_mutex_init(&pci->lock, NULL);
	pci->space = space;
	pci->mmio = mmio;
	pci->next = GPA_PCI;
	bus_add(ports, PORT_ADDRESS, 4, &address_ops, pci);
	bus_add(ports, PORT_DATA, 4, &data_ops, pci);
	pci_add(pci, &pci->bridge, PCI_DEVICE_BRIDGE, PCI_CLASS_BRIDGE);
}
