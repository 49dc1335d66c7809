/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An owner who commits all the time: its buffers, its maps, its commits. See
 * stress.h for what readers see of it.
 */
#ifndef VIRT_AS_SELFTESTS_WORLD_H
#define VIRT_AS_SELFTESTS_WORLD_H

#include "stress.h"

#define NR_BUFFERS	3
#define BUFFER_PAGES	(2 * NR_REGIONS)
#define MAX_ENTRIES	(2 * NR_REGIONS + 1)

enum style {
	PLAIN,		/* REPLACE, two buffers in turn */
	ALIASES,	/* each region also at OTHER_GPA */
	MOVES,		/* change lists: two buffers change places */
	SWAPS,		/* change lists: remove all, add all */
};

struct world {
	enum style style;
	bool shuffled;	/* else hvas ascend as gpas do, but never adjacent */
	struct shared *shared;
	int as;
	unsigned char *buffers[NR_BUFFERS];
	struct virt_as_entry maps[NR_BUFFERS][MAX_ENTRIES];
	__u32 nr_entries;
	struct virt_as_entry changes[2][MAX_ENTRIES];
	__u32 nr_changes;
};

static inline unsigned char *world_page(struct world *w, unsigned int b,
					unsigned int i)
{
	size_t page = w->shuffled ? region_page(i, b) : 2 * i + (b & 1);

	return w->buffers[b] + page * PG;
}

static inline void world_stamp(struct world *w, unsigned int b, __u64 number)
{
	for (int i = 0; i < WINDOW_REGIONS; i++)
		*(__u64 *)world_page(w, b, WINDOW_FIRST + i) = number;
	for (size_t i = 0; i < ARRAY_SIZE(far_apart); i++)
		*(__u64 *)world_page(w, b, far_apart[i]) = number;
}

/* The map with buffer @b in it. With MOVES the next buffer is at OTHER_GPA. */
static inline void world_map(struct world *w, unsigned int b)
{
	struct virt_as_entry *map = w->maps[b];
	bool other = w->style == ALIASES || w->style == MOVES;
	__u32 nr = 0;

	map[nr++] = as_ram(CLOCK_GPA, PG, w->shared);
	for (int i = 0; i < NR_REGIONS; i++)
		map[nr++] = as_add(region_gpa(i), PG, world_page(w, b, i),
				   VIRT_AS_TYPE_RAM, i == 500 ? RO : RW);
	for (int i = 0; other && i < NR_REGIONS; i++)
		map[nr++] = as_ram(OTHER_GPA + region_gpa(i), PG,
				   world_page(w, w->style == MOVES ? !b : b, i));
	w->nr_entries = nr;
}

/* The change list that leads from the map of @b to that of the other buffer. */
static inline void world_changes(struct world *w, unsigned int b)
{
	struct virt_as_entry *list = w->changes[b];
	__u32 nr = 0;

	for (int i = 0; i < NR_REGIONS; i++) {
		__u64 gpa = region_gpa(i);

		if (w->style == MOVES) {
			list[nr++] = as_move(gpa, PG, OTHER_GPA + gpa);
			list[nr++] = as_move(OTHER_GPA + gpa, PG, gpa);
		} else {
			list[nr++] = as_remove(gpa, PG);
			list[nr++] = as_add(gpa, PG, world_page(w, !b, i),
					    VIRT_AS_TYPE_RAM, i & 1 ? RO : RW);
		}
	}
	w->nr_changes = nr;
}

/* @memfd: where the buffers are to be, or -1. The caller becomes the owner. */
static inline int world_start(struct world *w, bool shuffled, int memfd)
{
	struct vat_clock *clock = &w->shared->clock;

	w->shuffled = shuffled;
	for (int b = 0; b < NR_BUFFERS; b++) {
		size_t len = BUFFER_PAGES * PG;

		w->buffers[b] = mmap(NULL, len, PROT_READ | PROT_WRITE,
				     memfd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS :
						 MAP_SHARED,
				     memfd, memfd < 0 ? 0 : b * len);
		if (w->buffers[b] == MAP_FAILED)
			return -ENOMEM;
	}
	for (int b = 0; b < NR_BUFFERS; b++)
		world_map(w, b);
	world_changes(w, 0);
	world_changes(w, 1);
	world_stamp(w, 1, 1);
	__atomic_store_n(&clock->started, 1, __ATOMIC_RELEASE);
	if (as_replace(w->as, w->maps[1], w->nr_entries))
		return -EINVAL;
	__atomic_store_n(&clock->published, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&clock->ended, 1, __ATOMIC_RELEASE);
	return 0;
}

/* Commit @number, from 2 on. The buffer of commit n is n % 2. */
static inline int world_commit(struct world *w, __u64 number)
{
	struct vat_clock *clock = &w->shared->clock;
	unsigned int b = number & 1;
	int err;

	world_stamp(w, b, number);
	__atomic_store_n(&clock->started, number, __ATOMIC_RELEASE);
	if (w->style == MOVES || w->style == SWAPS)
		err = as_change(w->as, w->changes[!b], w->nr_changes);
	else
		err = as_replace(w->as, w->maps[b], w->nr_entries);
	__atomic_store_n(&clock->published, number, __ATOMIC_RELEASE);
	__atomic_store_n(&clock->ended, number, __ATOMIC_RELEASE);
	return err;
}

#endif /* VIRT_AS_SELFTESTS_WORLD_H */
