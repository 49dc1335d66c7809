// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device like a framebuffer: its BAR 0 is memory of its own, which the guest moves
 * about in its map by programming the BAR. Nobody shows it.
 */
#include "vmm.h"

#define LEN	0x100000ULL

void framebuffer_init(struct vmm *vmm)
{
	vmm->pixels = (struct memory) { .len = LEN, .hva = memory_alloc(LEN, "a framebuffer") };
	pci_add(&vmm->pci, &vmm->framebuffer, PCI_DEVICE_FRAMEBUFFER, PCI_CLASS_RAM);
	pci_add_memory(&vmm->framebuffer, 0, &vmm->pixels);
}
