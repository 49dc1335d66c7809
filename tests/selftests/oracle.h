/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The world of the oracle: a guest whose memory is written in every way while its
 * map is replaced all the time, and three dirty logs. Whoever replays what a log
 * says, reading each page after it was harvested, must end up with the very same
 * memory.
 *
 *	oracle_write.h		the writers
 *	oracle_harvest.h	the logs, and the copies of memory that are kept by them
 *	oracle_commit.h		the committer
 *	oracle_test.c		storms, and the verdict
 *
 * All run until they are told to pause, which they do between two of their calls.
 */
#ifndef VIRT_AS_SELFTESTS_ORACLE_H
#define VIRT_AS_SELFTESTS_ORACLE_H

#include "log.h"

#define NR_LOGS		3

enum writer {
	OWN_PWRITE,
	OWN_MODULE,
	KTHREAD,
	FOREIGN_PWRITE,
	FOREIGN_MODULE,
	USER_MARK,
	NR_WRITERS,
};

static const char * const writer_names[NR_WRITERS] = {
	"own pwrite", "own module", "kernel thread", "foreign pwrite",
	"foreign module", "user-space mark",
};

/* Everybody who has to pause: writers, harvesters, the committer. */
#define FIRST_LOG	NR_WRITERS
#define COMMITTER	(NR_WRITERS + NR_LOGS)
#define NR_WORKERS	(COMMITTER + 1)
#define HAS_ENDED	(~0ULL)

/* shared::word: the number of the storm, and below what to do in it. */
#define PAUSE		0
#define RUN		1
#define CALM		2	/* writers pause, the others go on */
#define STOP		3

struct writes {
	__u64 made;
	__u64 by_alias;
	__u64 refused;
	__u64 outrun;
	__u64 done[VAT_NR_SCRIBBLES];
};

/*
 * Shared by the processes. The first page is guest memory, too, of the type DEVICE,
 * which no log is told of: there writers count what they have written.
 */
struct shared {
	__u64 beats[PG / 8];
	__u64 word;
	__u64 enough;			/* beats after which writers may be slow */
	__u64 focus;			/* where they write, see windows() */
	__u64 parked[NR_WORKERS];	/* the storm after which it pauses */
	__s64 error[NR_WORKERS];
	struct writes writes[NR_WRITERS];
};

static inline __u64 get(const __u64 *at)
{
	return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

static inline void set(__u64 *at, __u64 value)
{
	__atomic_store_n(at, value, __ATOMIC_RELEASE);
}

static inline bool has_to_pause(__u64 word, int nr)
{
	return word % 4 == PAUSE || (word % 4 == CALM && nr < NR_WRITERS);
}

/* Between two calls of worker @nr: waits, and tells whether to go on. */
static inline bool may_run(struct shared *s, int nr)
{
	__u64 word = get(&s->word);

	for (; has_to_pause(word, nr); word = get(&s->word)) {
		set(&s->parked[nr], word / 4);
		nap(300);
	}
	return word % 4 != STOP;
}

static inline void worker_ends(struct shared *s, int nr, long err)
{
	s->error[nr] = err;
	set(&s->parked[nr], HAS_ENDED);
}

/* In storm @nr: until the first @count workers have paused. */
static inline void await_parked(struct shared *s, __u64 nr, int count)
{
	for (int i = 0; i < count; i++)
		while (get(&s->parked[i]) < nr)
			nap(300);
}

static inline __u64 beats(const struct shared *s)
{
	__u64 sum = 0;

	for (int i = 0; i < NR_WRITERS; i++)
		sum += get(&s->beats[i]);
	return sum;
}

struct rng {
	__u64 state;
};

static inline __u64 roll(struct rng *rng)
{
	rng->state ^= rng->state << 13;
	rng->state ^= rng->state >> 7;
	rng->state ^= rng->state << 17;
	return rng->state;
}

/* From 0 to @n - 1; @n below 2^32. */
static inline __u64 dice(struct rng *rng, __u64 n)
{
	return (roll(rng) >> 32) % n;
}

static inline bool one_in(struct rng *rng, __u64 n)
{
	return !dice(rng, n);
}

static inline struct rng rng_of(__u64 seed, int nr)
{
	struct rng rng = { (seed + 1) * 0x9e3779b97f4a7c15ULL ^
			   (nr + 1) * 0xc2b2ae3d27d4eb4fULL };

	for (int i = 0; i < 16 || !rng.state; i++)
		roll(&rng);
	return rng;
}

/* The regions, in pages. */
enum part_nr {
	LOW,		/* always there; never at a multiple of 64 pages */
	PROT,		/* its neighbour; this and some others are read-only at times */
	GONE,		/* removed, and added again */
	CLEANED,	/* likewise, but as a clean one ... */
	SHADOW,		/* ... together with this, the one alias that it has */
	MOVED,		/* in one of two places */
	BACK0,		/* they change memory with each other */
	BACK1,
	SPLIT0,		/* one region, or two neighbours */
	SPLIT1,
	BASE,		/* always there ... */
	TWIN,		/* ... and so is its read-only alias */
	ALIAS0,		/* of anything but CLEANED, in pieces, here and there */
	ALIAS1,
	NR_PARTS,
};

struct part {
	const char *name;
	__u64 page;	/* of the guest */
	__u64 nr;
	__u64 back;	/* of the owner's memory */
	__u32 perms;
	bool present;
};

#define SPLIT_PAGES	256
#define MOVED_PAGES	90
#define ALIAS_PAGES	160	/* of the window in which an alias lies */
#define ALIASED		1029	/* of the owner's memory; the rest is CLEANED's */
#define NR_BACK		1129

#define HERE		600
#define THERE		0x401e0	/* 32 pages below a multiple of 512 */
#define ALIAS_PAGE(i)	(0x100000ULL + 0x200 * (i))
#define BEAT_PAGE	0x100800ULL
#define NR_PAGES	0x100800ULL	/* logged ones have lower numbers */

static const struct part first_parts[NR_PARTS] = {
	[LOW]     = { "low",     3,             61,          0,    RW, true },
	[PROT]    = { "prot",    64,            203,         61,   RW, true },
	[GONE]    = { "gone",    300,           129,         264,  RW, true },
	[CLEANED] = { "cleaned", 429,           100,         1029, RW, true },
	[SHADOW]  = { "shadow",  0x88013,       100,         1029, RW, true },
	[MOVED]   = { "moved",   HERE,          MOVED_PAGES, 393,  RW, true },
	[BACK0]   = { "back0",   700,           70,          483,  RW, true },
	[BACK1]   = { "back1",   770,           70,          553,  RW, true },
	[SPLIT0]  = { "split0",  1000,          SPLIT_PAGES, 623,  RW, true },
	[SPLIT1]  = { "split1",  1000,          0,           623,  RW, false },
	[BASE]    = { "base",    1300,          150,         879,  RW, true },
	[TWIN]    = { "twin",    0x80007,       150,         879,  RO, true },
	[ALIAS0]  = { "alias0",  ALIAS_PAGE(0), 100,         900,  RW, true },
	[ALIAS1]  = { "alias1",  ALIAS_PAGE(1), 0,           0,    RW, false },
};

/* All gpas that are ever used, by regions or by a region in several places. */
static const struct area {
	__u64 page;
	__u64 nr;
} areas[] = {
	{ 0x80007, 150 }, { 3, 61 }, { 64, 203 }, { 300, 129 }, { 429, 100 },
	{ HERE, MOVED_PAGES }, { 700, 140 }, { 1000, SPLIT_PAGES }, { 1300, 150 },
	{ THERE, MOVED_PAGES }, { 0x88013, 100 }, { ALIAS_PAGE(0), ALIAS_PAGES },
	{ ALIAS_PAGE(1), ALIAS_PAGES },
};

#define FIRST_WRITTEN	1	/* the first one is read-only */
#define FIRST_ALIAS	(ARRAY_SIZE(areas) - 3)

/* Whether a page belongs to what goes and comes back clean. */
static inline const struct part *clean_part(__u64 page)
{
	for (enum part_nr i = CLEANED; i <= SHADOW; i++)
		if (page - first_parts[i].page < first_parts[i].nr)
			return &first_parts[i];
	return NULL;
}

/*
 * Where to write, from the area @i on: everywhere, with @focus 0, or on a few pages of
 * each area. On these all press together, until the focus moves on and leaves them as
 * they are: what was lost there is not made good by the next write.
 */
static inline unsigned int windows(struct vat_window *to, __u64 focus, size_t i)
{
	unsigned int count = 0;

	for (; i < ARRAY_SIZE(areas); i++) {
		struct rng rng = rng_of(focus, i);
		__u64 pages = focus ? 1 + dice(&rng, 4) : areas[i].nr;
		__u64 first = dice(&rng, areas[i].nr - pages + 1);

		to[count++] = (struct vat_window) {
			.gpa = (areas[i].page + first) * PG, .len = pages * PG,
		};
	}
	return count;
}

struct world;

/* Who harvests a log, and keeps a copy of memory by it. */
struct keeper {
	struct world *world;
	int nr;
	int fd;			/* -1: to be opened in the middle of a storm */
	bool settles;		/* what is not there may be forgotten */
	unsigned char *copy;	/* by gpa */
	pthread_mutex_t lock;	/* around reading a page into the copy */
	struct rng rng;
	unsigned char *buffer;	/* BUFFER bytes, and behind them nothing */
	struct virt_as_extent *found;
	__u32 nr_found;
	pthread_t thread;
	struct {
		__u64 opened, harvests, raced, pages, bitmaps, peeks, syncs, faults;
		__u64 faulted, interrupted, again, unmapped, pages_read, ready;
	} tally;
};

enum commit_kind {
	ADDED, REMOVED, MOVED_AWAY, PROTECTED, REBACKED, DIVIDED, ALIASES_MADE,
	ALIASES_ENDED, REPLACED, ADDED_CLEAN, HANDED_OVER, NOT_WAITED, TRIED,
	NR_COMMIT_KINDS,
};

static const char * const commit_names[NR_COMMIT_KINDS] = {
	"add", "remove", "move", "protect", "re-back", "split or join",
	"alias made", "alias removed", "whole map", "add clean", "hand-over",
	"not waited for", "tried only",
};

struct world {
	struct shared *shared;
	__u64 seed;
	int as;
	unsigned char *mem;
	struct part parts[NR_PARTS];	/* the present map */
	bool may_open;			/* those logs whose fd is -1 */
	pthread_mutex_t clean;		/* held while CLEANED is not in the map */
	struct keeper keepers[NR_LOGS];
	pthread_t writers[NR_WRITERS];
	pthread_t committer;
	__u64 commits;
	__u64 by_kind[NR_COMMIT_KINDS];
	__u64 handed_over;		/* pages */
};

#endif /* VIRT_AS_SELFTESTS_ORACLE_H */
