/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The map that is replaced under the guest of kvm_torture.h: its areas, the three
 * buffers that back them in turn, and the commits.
 *
 * Epoch e is in buffer e % NR_BUFFERS. When a commit has returned, nobody may use the
 * buffer of before: its stamps are made 0 at once, and what else is in it is compared
 * when it is about to be used again.
 */
#ifndef VIRT_AS_SELFTESTS_KVM_WORLD_H
#define VIRT_AS_SELFTESTS_KVM_WORLD_H

#include "kvm_torture.h"

#define NR_BUFFERS	3
#define STABLE		0x130	/* pages that no commit touches ... */
#define STABLE_PAGES	16
#define TABLES		0x150	/* the guest's page tables: replaced, but all the same */
#define SPLIT		0x118	/* in odd epochs two regions */
#define TWIN		0x200	/* alias of a part of ... */
#define TWIN_OF		0x113
#define TWIN_PAGES	3
#define FAR		0x140000

/* What every commit gives another memory. Pages. */
static const struct area {
	__u64 page;
	__u32 nr;
	__u32 perms;
} areas[] = {
	{ 0x100, 1, RW }, { 0x101, 1, RW }, { 0x102, 1, RW }, { 0x103, 1, RW },
	{ 0x104, 1, RW }, { 0x105, 1, RW }, { 0x106, 1, RW }, { 0x107, 1, RW },
	{ 0x108, 1, RW }, { 0x109, 1, RW }, { 0x10a, 1, RW }, { 0x10b, 1, RW },
	{ 0x10c, 1, RW }, { 0x10d, 1, RW }, { 0x10e, 1, RW }, { 0x10f, 1, RW },
	{ 0x110, 3, RW }, { TWIN_OF, 5, RW }, { SPLIT, 8, RW }, { 0x120, 2, RO },
	{ TABLES, 2, RW },
	{ FAR, 1, RW }, { FAR + 0x1000, 1, RW }, { FAR + 0x2000, 1, RW },
	{ FAR + 0x3000, 1, RW },
};

#define NR_AREAS	ARRAY_SIZE(areas)
#define AREA_PAGES	40
#define BUFFER_PAGES	48
#define NR_WATCHED	(AREA_PAGES + STABLE_PAGES + TWIN_PAGES)
#define MAX_ENTRIES	(NR_AREAS + 4)
#define REPLACED	(NR_AREAS + 2)	/* regions, with the twin; two of them one at times */

/* A page that the guest has, and where it is. */
struct watched {
	__u64 gpa;
	__u32 flags;	/* T_* */
	__u32 at[NR_BUFFERS];
	bool stable;
};

/**
 * struct kvm_world - a guest and its map
 * @vm: the VM
 * @sys: the guest's own pages
 * @as: the address space; -1: the map is made of slots of the VM's own
 * @epoch: of the last commit
 * @buffers: the first and the last from a memfd, that between private memory
 * @stable: memory of the pages that stay
 * @copies: what a buffer had when it was left
 * @where: the first page of each area in each buffer
 * @pages: all pages
 * @late: words of buffers that were written after they were left
 * @checked: buffers that were looked at for it
 */
struct kvm_world {
	struct vm vm;
	unsigned char *sys;
	int as;
	__u32 epoch;
	unsigned char *buffers[NR_BUFFERS];
	unsigned char *stable;
	unsigned char *copies[NR_BUFFERS];
	__u32 where[NR_BUFFERS][NR_AREAS];
	struct watched pages[NR_WATCHED];
	__u64 late;
	__u64 checked;
};

/* Forward, backward, and from the middle: neighbours in gpa are none in memory. */
static inline void world_place(struct kvm_world *w)
{
	for (__u32 b = 0; b < NR_BUFFERS; b++) {
		__u32 page = b;

		for (size_t i = 0; i < NR_AREAS; i++) {
			size_t area = b == 1 ? NR_AREAS - 1 - i : (i * 7 + 13 * b) % NR_AREAS;

			w->where[b][area] = page;
			page += areas[area].nr;
		}
	}
}

static inline __u32 world_flags(size_t area, __u32 page)
{
	bool next = page + 1 < areas[area].nr ||
		    (area + 1 < NR_AREAS && areas[area + 1].page != TABLES &&
		     areas[area + 1].page == areas[area].page + areas[area].nr);

	if (areas[area].page == TABLES)
		return 0;
	return T_READ | T_CALL | (next ? T_NEXT : 0) |
	       (areas[area].perms & VIRT_AS_PERM_WRITE ? T_WRITE : 0);
}

static inline void world_watch(struct kvm_world *w)
{
	struct watched *p = w->pages;

	for (size_t i = 0; i < NR_AREAS; i++) {
		for (__u32 j = 0; j < areas[i].nr; j++, p++) {
			*p = (struct watched) {
				.gpa = AT(areas[i].page + j),
				.flags = world_flags(i, j),
			};
			for (int b = 0; b < NR_BUFFERS; b++)
				p->at[b] = w->where[b][i] + j;
		}
		for (__u32 j = 0; areas[i].page == TWIN_OF && j < TWIN_PAGES; j++, p++) {
			*p = (struct watched) {
				.gpa = AT(TWIN + j),
				.flags = T_READ | T_CALL |
					 (j + 1 < TWIN_PAGES ? T_NEXT : 0),
			};
			for (int b = 0; b < NR_BUFFERS; b++)
				p->at[b] = w->where[b][i] + j;
		}
	}
	for (__u32 j = 0; j < STABLE_PAGES; j++, p++)
		*p = (struct watched) {
			.gpa = AT(STABLE + j), .flags = T_WRITE, .stable = true,
		};
}

/* Memory of page @i, in buffer @b. */
static inline unsigned char *world_at(const struct kvm_world *w, size_t i, int b)
{
	const struct watched *page = &w->pages[i];

	if (page->stable)
		return w->stable + page->gpa - AT(STABLE);
	return w->buffers[b] + page->at[b] * PG;
}

/* The stamps of all pages of a buffer. */
static inline void world_stamp(struct kvm_world *w, int b, __u32 epoch)
{
	static const unsigned char outs[] = { 0x6f, 0xc3 };

	for (size_t i = 0; i < NR_WATCHED; i++) {
		unsigned char *at = world_at(w, i, b);

		if (!(w->pages[i].flags & T_READ))
			continue;
		memcpy(at + STAMP_FIRST, &epoch, 4);
		memcpy(at + STAMP_LAST, &epoch, 4);
		put_stub(at + STUB, epoch);
		memcpy(at + STUB_OUTS, outs, 2);
	}
}

/* Nobody uses the buffer any more. */
static inline void world_leave(struct kvm_world *w, int b)
{
	world_stamp(w, b, 0);
	memcpy(w->copies[b], w->buffers[b], BUFFER_PAGES * PG);
}

/* It is about to be used again. */
static inline void world_compare(struct kvm_world *w, int b)
{
	const __u64 *was = (__u64 *)w->copies[b], *is = (__u64 *)w->buffers[b];

	for (size_t i = 0; i < BUFFER_PAGES * PG / 8; i++)
		w->late += was[i] != is[i];
	w->checked++;
}

static inline __u32 world_map(const struct kvm_world *w, __u32 epoch, __u32 flags,
			      struct virt_as_entry *map)
{
	int b = epoch % NR_BUFFERS;
	__u32 nr = 0;

	for (size_t i = 0; i < NR_AREAS; i++) {
		const struct area *area = &areas[i];
		unsigned char *mem = w->buffers[b] + w->where[b][i] * PG;
		__u32 half = area->page == SPLIT && epoch & 1 ? area->nr / 2 : 0;

		if (half)
			map[nr++] = as_ram(AT(area->page), half * PG, mem);
		map[nr++] = as_add(AT(area->page + half), (area->nr - half) * PG,
				   mem + half * PG, VIRT_AS_TYPE_RAM, area->perms);
		if (area->page == TWIN_OF)
			map[nr++] = as_add(AT(TWIN), TWIN_PAGES * PG, mem,
					   VIRT_AS_TYPE_RAM, RO);
	}
	for (__u32 i = 0; i < nr; i++)
		map[i].flags = flags;
	return nr;
}

/* The whole of it, with what stays. */
static inline __u32 world_whole(const struct kvm_world *w, __u32 epoch, __u32 flags,
				struct virt_as_entry *map)
{
	__u32 nr = world_map(w, epoch, flags, map);

	map[nr++] = sys_region(w->sys);
	map[nr++] = as_ram(AT(STABLE), STABLE_PAGES * PG, w->stable);
	return nr;
}

static inline int commit_whole(struct kvm_world *w, __u32 epoch, __u32 flags,
			       __u32 entry_flags)
{
	struct virt_as_entry map[MAX_ENTRIES];
	__u32 nr = world_whole(w, epoch, entry_flags, map);

	return as_commit(w->as, VIRT_AS_COMMIT_REPLACE | flags, 0, map, nr, NULL);
}

/* The same by a list: all that is there goes, all that is new comes. */
static inline int commit_changes(struct kvm_world *w, __u32 epoch, __u32 flags,
				 __u32 entry_flags)
{
	struct virt_as_entry list[2 * MAX_ENTRIES];
	__u32 nr = world_map(w, w->epoch, 0, list);

	for (__u32 i = 0; i < nr; i++)
		list[i] = as_remove(list[i].gpa, list[i].len);
	nr += world_map(w, epoch, entry_flags, list + nr);
	return as_commit(w->as, flags, 0, list, nr, NULL);
}

/* One that KVM has to refuse, for there is a region that it cannot follow. */
static inline int commit_in_vain(struct kvm_world *w, __u32 epoch)
{
	struct virt_as_entry map[MAX_ENTRIES + 1];
	__u32 nr = world_whole(w, epoch, 0, map);

	map[nr++] = as_add(AT(0x300), PG, NULL, VIRT_AS_TYPE_NOHVA, RW);
	return as_commit(w->as, VIRT_AS_COMMIT_REPLACE, 0, map, nr, NULL);
}

/* As it is done without an address space: region by region. */
static inline int world_slots(struct kvm_world *w, __u32 epoch)
{
	struct virt_as_entry map[MAX_ENTRIES];
	__u32 nr = world_map(w, w->epoch, 0, map);
	int err = 0;

	for (__u32 i = 0; !err && w->epoch && i < nr; i++)
		err = vm_slot(w->vm.fd, 2 + i, 0, map[i].gpa, 0, NULL);
	nr = world_map(w, epoch, 0, map);
	for (__u32 i = 0; !err && i < nr; i++)
		err = vm_slot(w->vm.fd, 2 + i,
			      map[i].perms & VIRT_AS_PERM_WRITE ? 0 : KVM_MEM_READONLY,
			      map[i].gpa, map[i].len, (void *)(uintptr_t)map[i].hva);
	return err;
}

/* The table: what the guest is to go through, as far as @may says. Returns its length. */
static inline __u64 world_table(struct kvm_world *w, __u32 may)
{
	__u64 *table = (__u64 *)(w->sys + TABLE_GPA);
	__u64 nr = 0;

	for (size_t i = 0; i < NR_WATCHED; i++)
		if (w->pages[i].flags & may)
			table[nr++] = w->pages[i].gpa | (w->pages[i].flags & may);
	return nr;
}

static inline unsigned char *memfd_pages(size_t len)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);
	void *mem = MAP_FAILED;

	if (fd < 0)
		return NULL;
	if (!ftruncate(fd, len))
		mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return mem == MAP_FAILED ? NULL : mem;
}

/* A guest with @nr_vcpus; of memory only what it takes to begin. */
static inline int world_open(struct kvm_world *w, int nr_vcpus)
{
	*w = (struct kvm_world) { .as = -1 };
	w->sys = guest_pages();
	w->stable = guest_alloc(STABLE_PAGES * PG);
	for (int b = 0; b < NR_BUFFERS; b++) {
		w->buffers[b] = b == 1 ? guest_alloc(BUFFER_PAGES * PG) :
					 memfd_pages(BUFFER_PAGES * PG);
		w->copies[b] = guest_alloc(BUFFER_PAGES * PG);
		if (!w->buffers[b] || !w->copies[b])
			return -ENOMEM;
	}
	world_place(w);
	world_watch(w);
	for (int b = 0; b < NR_BUFFERS; b++) {
		unsigned char *tables = w->buffers[b];

		for (size_t i = 0; i < NR_AREAS; i++)
			if (areas[i].page == TABLES)
				tables += w->where[b][i] * PG;
		memcpy(tables, w->sys + PML4_GPA, 2 * PG);
		*(__u64 *)tables = AT(TABLES + 1) | 0x23;
		world_leave(w, b);
	}
	return guest_open(&w->vm, nr_vcpus);
}

/* The guest's page tables from now on are those that are replaced. */
static inline int world_use_tables(struct kvm_world *w)
{
	int err = 0;

	for (int i = 0; !err && i < w->vm.nr_vcpus; i++) {
		struct kvm_sregs sregs;

		err = as_ioctl(w->vm.vcpus[i].fd, KVM_GET_SREGS, &sregs);
		sregs.cr3 = AT(TABLES);
		if (!err)
			err = as_ioctl(w->vm.vcpus[i].fd, KVM_SET_SREGS, &sregs);
	}
	return err;
}

#endif /* VIRT_AS_SELFTESTS_KVM_WORLD_H */
