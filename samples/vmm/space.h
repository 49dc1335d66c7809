/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest's memory map. space.c is the only one that knows it. */
#ifndef _VMM_SPACE_H
#define _VMM_SPACE_H

#include <linux/types.h>
#include <pthread.h>
#include <stdbool.h>
#include <virt_as.h>

#define PAGE_SIZE		4096ULL

/*
 * The guest's physical addresses. What is not here is not there: an access ends in
 * KVM_EXIT_MMIO.
 */
#define GPA_RAM_LOW		0x00000000ULL
#define RAM_LOW_LEN		0x000a0000ULL
#define GPA_BIOS		0x000e0000ULL	/* and once more below 4 GiB */
#define BIOS_LEN		0x00020000ULL
#define GPA_RAM_HIGH		0x00100000ULL
#define GPA_PCI			0xc0000000ULL	/* BARs */
#define GPA_PCI_END		0xe0000000ULL
#define GPA_IOAPIC		0xfec00000ULL	/* KVM's */
#define GPA_LAPIC		0xfee00000ULL	/* KVM's */
#define GPA_INTEL		0xfffbc000ULL	/* 4 pages that KVM needs on Intel's processors */
#define GPA_BIOS_ALIAS		0xfffe0000ULL

#define MEMORY_NOWHERE		(~0ULL)
#define MEMORY_MAX_PIECES	32U
#define SPACE_MAX_MEMORIES	8U
#define SPACE_MAX_REGIONS	(SPACE_MAX_MEMORIES * MEMORY_MAX_PIECES)
#define SPACE_MAX_SLOTS		(2 * SPACE_MAX_REGIONS)	/* an old map and a new one */

/**
 * struct memory - memory of this process that the guest sees as one piece
 * @gpa: where, or MEMORY_NOWHERE
 * @len: whole pages
 * @hva: where it is in this process
 * @readonly: the guest cannot write it
 * @steady: it is never other memory at this gpa, so that no log need hear of a commit
 * @nr_cuts: it is mapped as so many regions and one more
 * @cuts: offsets at which it is cut, ascending
 *
 * Changed between space_begin() and space_commit().
 */
struct memory {
	__u64 gpa;
	__u64 len;
	char *hva;
	bool readonly;
	bool steady;
	unsigned int nr_cuts;
	__u64 cuts[MEMORY_MAX_PIECES - 1];
};

struct map {
	unsigned int nr;
	struct virt_as_entry entries[SPACE_MAX_REGIONS];
};

/**
 * struct space - the map, told to KVM by an address space or slot by slot
 * @commits: held from space_begin() to space_commit()
 * @lock: of @before and @after
 * @before: the map before the last commit, or before the one that runs
 * @after: the map after that
 * @fd: of the address space; -1 if KVM is told by memory slots
 * @vm: of KVM
 * @started: KVM knows the map
 * @memories: what it consists of
 * @ram_low: below the hole of the PC
 * @ram_high: and above it
 * @bios: the last 128 KiB below 1 MiB
 * @bios_alias: the same memory below 4 GiB
 * @slots: of KVM: each a region, or of length 0
 */
struct space {
	pthread_mutex_t commits;
	pthread_mutex_t lock;
	struct map before;
	struct map after;
	int fd;
	int vm;
	bool started;
	unsigned int nr_memories;
	struct memory *memories[SPACE_MAX_MEMORIES];
	struct memory ram_low;
	struct memory ram_high;
	struct memory bios;
	struct memory bios_alias;
	struct virt_as_entry slots[SPACE_MAX_SLOTS];
};

char *memory_alloc(__u64 len, const char *what);

void space_init(struct space *space, __u64 ram, bool slots);
void space_add(struct space *space, struct memory *memory);
void space_start(struct space *space, int vm);
void space_begin(struct space *space);
void space_commit(struct space *space);
char *space_ram(struct space *space, __u64 gpa, __u64 len);
bool space_find(struct space *space, __u64 gpa, __u64 len, bool write, char **hva);
int space_restrict(struct space *space, __u32 rights);

void slots_commit(struct space *space);

#endif /* _VMM_SPACE_H */
