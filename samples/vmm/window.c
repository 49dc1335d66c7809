// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device of the torture, whose BAR 0 is another memory after each replacement.
 * There are two backings: while one is mapped, the other is filled with the next
 * epoch. That is right only if nobody uses the old map when a commit has returned.
 */
#include <string.h>
#include "torture.h"

#define LEN	(WINDOW_PAGES * PAGE_SIZE)

static void fill(char *backing, __u64 epoch)
{
	__u64 *to = (__u64 *)backing;

	for (unsigned int i = 0; i < LEN / sizeof(*to); i++)
		to[i] = epoch;
}

/* To be called between space_begin() and space_commit(). */
void window_turn(struct window *window)
{
	char *next = window->backings[(window->epoch + 1) % 2];

	window->epoch++;
	fill(next, window->epoch);
	window->memory.hva = next;
}

static void register_read(void *data, __u64 offset, void *to, unsigned int len)
{
	struct window *window = data;

	count(window->heard);
	if (offset % sizeof(__u64) + len <= sizeof(__u64))
		memcpy(to, (char *)window->registers + offset, len);
}

static void register_write(void *data, __u64 offset, const void *from, unsigned int len)
{
	struct window *window = data;
	__u64 value;

	count(window->heard);
	if (len != sizeof(value) || offset % sizeof(value) || offset == WINDOW_STOP)
		return;
	memcpy(&value, from, sizeof(value));
	store(window->registers[offset / sizeof(value)], value);
}

static const struct bus_ops register_ops = { register_read, register_write };

bool window_ready(const struct window *window)
{
	return load(window->registers[WINDOW_READY]);
}

void window_stop(struct window *window)
{
	store(window->registers[WINDOW_STOP], 1);
}

void window_init(struct window *window, struct vmm *vmm)
{
	window->backings[0] = memory_alloc(LEN, "a window");
	window->backings[1] = memory_alloc(LEN, "a window");
	window->memory.len = LEN;
	for (unsigned int i = 1; i < WINDOW_PAGES; i++)
		window->memory.cuts[window->memory.nr_cuts++] = i * PAGE_SIZE;
	window_turn(window);
	pci_add(&vmm->pci, &window->device, PCI_DEVICE_WINDOW, PCI_CLASS_RAM);
	pci_add_memory(&window->device, 0, &window->memory);
	pci_add_registers(&window->device, 1, WINDOW_REGISTERS, &register_ops, window);
}
