// SPDX-License-Identifier: GPL-2.0-only
/*
 * A reader beside a committer, and beside another reader.
 *
 * The reader's thread has a CPU of its own, all others share the second one. It does
 * a fixed number of sections of COPIES copies, from as many regions, alone and beside
 * the other thread in turns; each time beside is compared with the times alone before
 * and after it, so that what drifts cancels. The peer is a table under a lock for
 * readers and writers, as drivers have it that have no RCU: it also shows that a
 * written line that is shared would be seen here.
 */
#include <linux/err.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "native.h"
#include "tree.h"

#define REGIONS		512
#define COPIES		4
#define PAIRS		15
#define TRIES		3
#define PERIOD_NS	1000000		/* a commit in each */
#define MIN_RATE	950		/* commits a second, so that it counts */

/**
 * struct table - a guest's memory, as both systems have it
 * @space: the map
 * @tree: the same regions in the peer's tree
 * @tree_lock: guards @tree
 */
struct table {
	struct space space;
	struct tree tree;
	pthread_rwlock_t tree_lock;
};

/**
 * struct system - whose readers and commits
 * @name: the system
 * @call: what a turn of a reader calls
 * @read: @turns of a reader, or until @leave; returns the sum of what it read
 * @commit: replaces all regions, by those of a set
 * @turns: of a reader that is measured
 */
struct system {
	const char *name;
	const char *call;
	u64 (*read)(u64 turns, u64 *done);
	void (*commit)(unsigned int set);
	u64 turns;
};

enum partner { NOBODY, COMMITTER, READER };

static struct table table;
static const struct system *now;
static pthread_barrier_t start;
static bool leave;
static u64 partner_done;
static double reader_ns;

static const u32 places[COPIES] = { 7, 130, 341, 505 };

/* What a region's first word says in every set. */
static u64 stamp_of(u32 region)
{
	return region + 1;
}

static u64 sum_of_turn(void)
{
	unsigned int i;
	u64 sum = 0;

	for (i = 0; i < COPIES; i++)
		sum += stamp_of(places[i]);
	return sum;
}

static u64 read_map(u64 turns, u64 *done)
{
	struct virt_as_cache cache = {};
	u64 sum = 0, word[LEN / 8], k;
	unsigned int i;

	for (k = 0; k < turns && !READ_ONCE(leave); k++) {
		struct virt_as_section section;

		CHECK(!virt_as_begin(&table.space.binding, &section));
		for (i = 0; i < COPIES; i++) {
			CHECK(virt_as_copy_from(&section, &cache,
						places[i] * APART, word,
						sizeof(word)) == sizeof(word));
			sum += word[0];
		}
		virt_as_end(&section);
	}
	*done = k;
	return sum;
}

static void commit_map(unsigned int set)
{
	space_commit(&table.space, set);
}

static u64 read_tree(u64 turns, u64 *done)
{
	const struct tree_node *node;
	u64 sum = 0, word[LEN / 8], k;
	unsigned int i;

	for (k = 0; k < turns && !READ_ONCE(leave); k++) {
		CHECK(!pthread_rwlock_rdlock(&table.tree_lock));
		for (i = 0; i < COPIES; i++) {
			node = tree_find(&table.tree, places[i] * APART);
			memcpy(word, (void *)(unsigned long)node->hva, sizeof(word));
			sum += word[0];
		}
		CHECK(!pthread_rwlock_unlock(&table.tree_lock));
	}
	*done = k;
	return sum;
}

static void commit_tree(unsigned int set)
{
	CHECK(!pthread_rwlock_wrlock(&table.tree_lock));
	tree_fill(&table.tree, table.space.entries[set], REGIONS);
	CHECK(!pthread_rwlock_unlock(&table.tree_lock));
}

static const struct system systems[] = {
	{ "virt_as", "a section of 4 copies", read_map, commit_map, 2000000 },
	{ "rwlock", "a lock around 4 copies", read_tree, commit_tree, 1000000 },
};

static void *reader(void *arg)
{
	double before;
	u64 done, sum;

	cpu_pin(1);
	space_enter_thread(1);
	pthread_barrier_wait(&start);
	before = cpu_time();
	sum = now->read(now->turns, &done);
	reader_ns = (cpu_time() - before) / done;
	CHECK(done == now->turns && sum == done * sum_of_turn());
	return arg;
}

/* Goes on until it is told to leave, as @now->read() asks for itself. */
static void *other_reader(void *arg)
{
	u64 sum;

	space_enter_thread(2);
	pthread_barrier_wait(&start);
	sum = now->read(~0ULL, &partner_done);
	CHECK(sum == partner_done * sum_of_turn());
	return arg;
}

/* Keeps to the times of a plan, so that what was late is made up for. */
static void *committer(void *arg)
{
	struct timespec at;
	u64 commits = 0;

	space_enter_thread(3);
	pthread_barrier_wait(&start);
	CHECK(!clock_gettime(CLOCK_MONOTONIC, &at));
	while (!READ_ONCE(leave)) {
		now->commit(++commits % SETS);
		at.tv_nsec += PERIOD_NS;
		if (at.tv_nsec >= 1000000000) {
			at.tv_nsec -= 1000000000;
			at.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
	}
	partner_done = commits;
	return arg;
}

static double seconds(void)
{
	struct timespec at;

	CHECK(!clock_gettime(CLOCK_MONOTONIC, &at));
	return at.tv_sec + at.tv_nsec / 1e9;
}

/* CPU time of a turn in ns; 0 if the partner did too little beside it. */
static double turn_beside(enum partner partner)
{
	pthread_t measured, other;
	double began, took;

	WRITE_ONCE(leave, false);
	CHECK(!pthread_barrier_init(&start, NULL, partner == NOBODY ? 1 : 2));
	if (partner != NOBODY)
		CHECK(!pthread_create(&other, NULL, partner == READER ?
				      other_reader : committer, NULL));
	began = seconds();
	CHECK(!pthread_create(&measured, NULL, reader, NULL));
	CHECK(!pthread_join(measured, NULL));
	took = seconds() - began;
	WRITE_ONCE(leave, true);
	if (partner != NOBODY)
		CHECK(!pthread_join(other, NULL));
	CHECK(!pthread_barrier_destroy(&start));
	if (partner == COMMITTER && partner_done < took * MIN_RATE)
		return 0;
	/* The other reader may have had to share its CPU with other programs. */
	if (partner == READER && partner_done < now->turns / 4)
		return 0;
	return reader_ns;
}

static void run_pairs(enum partner partner, const char *what)
{
	const struct figure figure = { what, now->name, now->call, REGIONS, 0 };
	double alone = turn_beside(NOBODY);
	struct sample ratios = {};
	unsigned int tries;

	for (tries = 0; tries < TRIES * PAIRS && ratios.nr < PAIRS; tries++) {
		double beside = turn_beside(partner), after = turn_beside(NOBODY);

		if (beside)
			sample_add(&ratios, 2 * beside / (alone + after));
		alone = after;
	}
	if (ratios.nr == PAIRS)
		report_ratio(&figure, &ratios);
	else
		report_failure(&figure, "the machine is too busy for two threads");
}

static void run_alone(void)
{
	const struct figure figure = {
		"native-section-4-copies", now->name, now->call, REGIONS, 0,
	};
	struct sample sample = {};
	unsigned int i;

	for (i = 0; i < PAIRS; i++)
		sample_add(&sample, turn_beside(NOBODY));
	report_ns(&figure, &sample);
}

static void stamp_memory(void)
{
	unsigned int set, i;

	for (set = 0; set < SETS; set++) {
		for (i = 0; i < COPIES; i++) {
			u64 stamp = stamp_of(places[i]);

			memcpy(table.space.memory[set] + places[i] * REGION,
			       &stamp, sizeof(stamp));
		}
	}
}

void run_threads(void)
{
	unsigned int i;

	space_open(&table.space, REGIONS);
	stamp_memory();
	tree_alloc(&table.tree, REGIONS);
	tree_fill(&table.tree, table.space.entries[0], REGIONS);
	CHECK(!pthread_rwlock_init(&table.tree_lock, NULL));
	for (i = 0; i < ARRAY_SIZE(systems); i++) {
		now = &systems[i];
		run_alone();
		run_pairs(COMMITTER, "native-reader-beside-committer");
		run_pairs(READER, "native-readers-2-to-1");
	}
	CHECK(!pthread_rwlock_destroy(&table.tree_lock));
	tree_free(&table.tree);
	space_close(&table.space);
}
