// SPDX-License-Identifier: GPL-2.0-only
/*
 * The map told to KVM as VMMs have to without an address space: a slot is deleted,
 * another made, and in between the guest has a hole. Each hole is as short as these
 * ioctls permit: what is in the way of a region goes just before it comes, and what
 * is the same in both maps is left alone.
 */
#include <err.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include "space.h"
#include "vmm.h"

static bool same(const struct virt_as_entry *a, const struct virt_as_entry *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static bool overlap(const struct virt_as_entry *a, const struct virt_as_entry *b)
{
	return a->gpa < b->gpa + b->len && b->gpa < a->gpa + a->len;
}

static bool contains(const struct map *map, const struct virt_as_entry *entry)
{
	for (unsigned int i = 0; i < map->nr; i++)
		if (same(&map->entries[i], entry))
			return true;
	return false;
}

static void set_slot(struct space *space, unsigned int slot, const struct virt_as_entry *entry)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = entry->perms & VIRT_AS_PERM_WRITE ? 0 : KVM_MEM_READONLY,
		.guest_phys_addr = entry->gpa,
		.memory_size = entry->len,
		.userspace_addr = entry->hva,
	};

	if (ioctl(space->vm, KVM_SET_USER_MEMORY_REGION, &region))
		err(EXIT_USAGE, "KVM refused memory slot %u at %#llx; use less memory",
		    slot, entry->gpa);
	space->slots[slot] = *entry;
}

static void delete_slot(struct space *space, unsigned int slot)
{
	struct virt_as_entry none = space->slots[slot];

	none.len = 0;
	set_slot(space, slot, &none);
}

static void add(struct space *space, const struct virt_as_entry *entry)
{
	unsigned int slot, unused = SPACE_MAX_SLOTS;

	for (slot = 0; slot < SPACE_MAX_SLOTS; slot++) {
		const struct virt_as_entry *there = &space->slots[slot];

		if (there->len && same(there, entry))
			return;
	}
	for (slot = 0; slot < SPACE_MAX_SLOTS; slot++) {
		if (space->slots[slot].len && overlap(&space->slots[slot], entry))
			delete_slot(space, slot);
		if (!space->slots[slot].len && unused == SPACE_MAX_SLOTS)
			unused = slot;
	}
	set_slot(space, unused, entry);
}

void slots_commit(struct space *space)
{
	const struct map *map = &space->after;

	for (unsigned int i = 0; i < map->nr; i++)
		add(space, &map->entries[i]);
	for (unsigned int slot = 0; slot < SPACE_MAX_SLOTS; slot++)
		if (space->slots[slot].len && !contains(map, &space->slots[slot]))
			delete_slot(space, slot);
}
