// SPDX-License-Identifier: GPL-2.0-only
/*
 * The committer of the oracle: random changes of the map, and what they hand over.
 */
#include <linux/kernel.h>
#include <string.h>
#include <unistd.h>

#include "commit.h"
#include "drain.h"
#include "handover.h"
#include "object.h"
#include "oracle.h"

/* The map, as the committer knows it: of each slot the piece of memory, or -1. */
int pieces[SLOTS];
static bool read_only[SLOTS];
u64 commits, handed_over, left_checked;

static void lock_log(unsigned int n, bool lock)
{
	u32 i;

	for (i = 0; i < HARVESTERS; i++) {
		if (log_of(&harvesters[i]) != n)
			continue;
		if (lock)
			pthread_mutex_lock(&harvesters[i].lock);
		else
			pthread_mutex_unlock(&harvesters[i].lock);
	}
}

static void fill_add(struct virt_as_entry *entry, u32 slot, int piece, bool ro)
{
	*entry = (struct virt_as_entry) {
		.op = VIRT_AS_OP_ADD,
		.perms = ro ? VIRT_AS_PERM_READ : VIRT_AS_PERMS,
		.gpa = gpa_of(slot * SLOT_APART, 0),
		.len = SLOT_PAGES * PAGE_SIZE,
		.hva = hva_of(piece),
	};
}

static void fill_change(struct virt_as_entry *entry, u32 op, u32 slot)
{
	*entry = (struct virt_as_entry) {
		.op = op,
		.gpa = gpa_of(slot * SLOT_APART, 0),
		.len = SLOT_PAGES * PAGE_SIZE,
	};
}

/* Changes one slot, maybe into another one that is free. */
static u32 change_slot(struct rng *rng, struct virt_as_entry *entries, u32 slot, u32 to)
{
	int piece = rng_below(rng, PIECES);

	if (pieces[slot] < 0) {
		fill_add(entries, slot, piece, false);
		pieces[slot] = piece;
		read_only[slot] = false;
		return 1;
	}
	switch (rng_below(rng, 4)) {
	case 0:
		fill_change(entries, VIRT_AS_OP_REMOVE, slot);
		pieces[slot] = -1;
		return 1;
	case 1:
		fill_change(entries, VIRT_AS_OP_PROTECT, slot);
		read_only[slot] = !read_only[slot];
		entries->perms = read_only[slot] ? VIRT_AS_PERM_READ : VIRT_AS_PERMS;
		return 1;
	case 2:
		if (pieces[to] >= 0)
			return 0;
		fill_change(entries, VIRT_AS_OP_MOVE, slot);
		entries->new_gpa = gpa_of(to * SLOT_APART, 0);
		pieces[to] = pieces[slot];
		read_only[to] = read_only[slot];
		pieces[slot] = -1;
		return 1;
	default:
		fill_change(&entries[0], VIRT_AS_OP_REMOVE, slot);
		fill_add(&entries[1], slot, piece, false);
		pieces[slot] = piece;
		read_only[slot] = false;
		return 2;
	}
}

static u32 fill_all(struct virt_as_entry *entries)
{
	u32 nr = 0;
	u32 slot;

	for (slot = 0; slot < SLOTS; slot++) {
		if (pieces[slot] >= 0)
			fill_add(&entries[nr++], slot, pieces[slot], read_only[slot]);
	}
	entries[nr++] = (struct virt_as_entry) {
		.op = VIRT_AS_OP_ADD,
		.perms = VIRT_AS_PERMS,
		.gpa = gpa_of(LARGE_FIRST, 0),
		.len = LARGE_PAGES * PAGE_SIZE,
		.hva = LARGE_HVA,
	};
	return nr;
}

static bool is_shared(int piece)
{
	u32 slot;

	for (slot = 0; slot < SLOTS; slot++)
		if (pieces[slot] == piece)
			return true;
	return false;
}

/* The copy of what has left is complete; nobody writes to it, unless it is shared. */
static void check_left(unsigned int n, const int *before, const struct harvester *sink)
{
	u64 i, page;
	u32 slot;

	for (i = 0; i < sink->nr; i++) {
		u64 first = sink->extents[i].gpa / PAGE_SIZE - FIRST_PAGE;
		u64 end = first + sink->extents[i].len / PAGE_SIZE;

		for (page = first; page < end; page++) {
			u32 word;
			u64 *at;

			slot = page / SLOT_APART;
			CHECK(slot < SLOTS && before[slot] >= 0 && pieces[slot] < 0);
			at = memory_at(hva_of(before[slot]) + page % SLOT_APART * PAGE_SIZE);
			for (word = 0; word < WORDS; word++)
				copies[n][page][word] =
					READ_ONCE(at[word * WORD_APART / sizeof(*at)]);
		}
	}
	for (slot = 0; slot < SLOTS; slot++) {
		if (before[slot] < 0 || pieces[slot] >= 0 || is_shared(before[slot]))
			continue;
		CHECK(!compare(n, slot * SLOT_APART, SLOT_PAGES, hva_of(before[slot])));
		left_checked++;
	}
	handed_over += sink->nr;
}

void commit(struct rng *rng)
{
	static struct harvester sink;
	static struct virt_as_entry entries[2 * SLOTS + 1];
	struct virt_as_request request = { .entries = entries };
	struct virt_as_handover handover = {};
	unsigned int n = rng_below(rng, LOGS);
	bool hand_over = rng_once_in(rng, 3);
	u32 slot = rng_below(rng, SLOTS / 2);
	int before[SLOTS];

	memcpy(before, pieces, sizeof(before));
	/* In pairs, so that in each commit every slot takes part once. */
	for (; slot < SLOTS / 2 && !rng_once_in(rng, 4); slot++) {
		u32 other = rng_once_in(rng, 2) ? slot : slot + SLOTS / 2;

		request.nr_entries += change_slot(rng, &entries[request.nr_entries], other,
						  2 * slot + SLOTS / 2 - other);
	}
	if (rng_once_in(rng, 8)) {
		request.flags |= VIRT_AS_COMMIT_REPLACE;
		request.nr_entries = fill_all(entries);
	}
	if (hand_over) {
		lock_log(n, true);
		sink.nr = 0;
		sink.room = MAX_EXTENTS;
		handover.log = logs[n];
		handover.reap.max_extents = MAX_EXTENTS;
		handover.reap.deliver = deliver;
		handover.reap.context = &sink;
		request.handover = &handover;
	} else if (rng_once_in(rng, 4)) {
		request.flags |= VIRT_AS_COMMIT_NOWAIT;
		while (!virt_as_drained(as))
			usleep(50);
	}
	CHECK(!virt_as_commit_map(as, &request));
	commits++;
	if (!hand_over)
		return;
	CHECK(!handover.reap.out_more);
	check_left(n, before, &sink);
	virt_as_handover_end(&handover);
	lock_log(n, false);
}

/* Some pieces are in two slots. */
void commit_first(void)
{
	static struct virt_as_entry entries[SLOTS + 1];
	struct virt_as_request request = {
		.flags = VIRT_AS_COMMIT_REPLACE,
		.entries = entries,
	};
	u32 i;

	for (i = 0; i < SLOTS; i++)
		pieces[i] = i % 3 ? (int)(i % PIECES) : -1;
	request.nr_entries = fill_all(entries);
	CHECK(!virt_as_commit_map(as, &request));
}
