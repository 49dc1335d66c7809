/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest of the oracle, and those who write to it. See oracle.c. */
#ifndef _SHIM_ORACLE_H
#define _SHIM_ORACLE_H

#include <linux/mm.h>
#include <linux/types.h>
#include <linux/virt_as.h>
#include <pthread.h>

#include "test.h"

/*
 * Slots, in each of which there is a region or none, over a few pieces of memory,
 * which several may share; and above them one large region that stays. Nothing is
 * aligned to the words of the bits.
 */
#define SLOTS		20
#define SLOT_PAGES	72
#define SLOT_APART	80
#define PIECES		16
#define LARGE_FIRST	(SLOTS * SLOT_APART)
#define LARGE_PAGES	8200
#define PAGES		(LARGE_FIRST + LARGE_PAGES)
#define FIRST_PAGE	0xffffbULL
#define HVA		0x10000000ULL
#define LARGE_HVA	(HVA + PIECES * SLOT_PAGES * PAGE_SIZE)

/* What is written of a page, and where. */
#define WORDS		4
#define WORD_APART	(PAGE_SIZE / WORDS)

#define WRITERS		4
#define HARVESTERS	4
#define LOGS		3

/* Which counter of grace periods a thread has. */
#define FIRST_WRITER	1
#define FIRST_HARVESTER	(FIRST_WRITER + WRITERS)

#define MAX_EXTENTS	4096

struct virt_as;
struct virt_as_log;

/**
 * struct writer - a thread that writes
 * @number: which, and in what way it reaches memory
 * @binding: its own
 * @writes: writes that were done
 */
struct writer {
	pthread_t thread;
	unsigned int number;
	struct virt_as_binding binding;
	u64 writes;
};

/**
 * struct harvester - a consumer of a log
 * @number: which; the first two have the first log, a part each
 * @lock: held from a harvest until it is replayed
 * @first: first page that is its
 * @last: last page that is its
 * @extents: what the last harvest delivered
 * @nr: number of @extents
 * @room: how many it takes before it fails
 * @raced: harvests that reported something while there were writes
 */
struct harvester {
	pthread_t thread;
	unsigned int number;
	pthread_mutex_t lock;
	struct virt_as_binding binding;
	struct rng rng;
	u64 first;
	u64 last;
	struct virt_as_extent extents[MAX_EXTENTS];
	u64 nr;
	u64 room;
	u64 harvests;
	u64 raced;
	u64 restored;
	u64 replayed;
	u64 opened;
};

extern struct mm_struct owner;
extern struct virt_as *as;
extern struct writer writers[WRITERS];
extern bool stop_writing;
extern struct harvester harvesters[HARVESTERS];
extern struct virt_as_log *logs[LOGS];
extern u64 copies[LOGS][PAGES][WORDS];
extern int pieces[SLOTS];
extern u64 commits, handed_over, left_checked;

static inline u64 gpa_of(u64 page, u32 word)
{
	return (FIRST_PAGE + page) * PAGE_SIZE + word * WORD_APART;
}

static inline u64 hva_of(int piece)
{
	return HVA + (u64)piece * SLOT_PAGES * PAGE_SIZE;
}

static inline unsigned int log_of(const struct harvester *harvester)
{
	return harvester->number ? harvester->number - 1 : 0;
}

u64 *memory_at(u64 hva);
u64 compare(unsigned int log, u64 first, u64 nr, u64 hva);
u32 deliver(void *context, const struct virt_as_extent *extents, u32 nr);
void commit(struct rng *rng);
void commit_first(void);
u64 count_writes(void);
void start_writers(void);
void stop_writers(void);
void bind_writers(void);
void unbind_writers(void);

#endif
