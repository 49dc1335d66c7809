// SPDX-License-Identifier: GPL-2.0-only
/*
 * Logs against an oracle, which has a byte for each page of each log: writes, whole
 * and partial harvests, what a consumer makes clean and dirty itself, and failures, in
 * any order. Nothing else runs meanwhile, so each answer has to be exact.
 */
#include <linux/mm.h>
#include <linux/prandom.h>

#include "drain_bits.h"
#include "log.h"
#include "logs.h"
#include "object.h"
#include "suites.h"

#define NR_PAGES	6000
#define NR_HVAS		8000
#define NR_LOGS		3
#define NR_STEPS	600

/* Memory that nobody touches, so that nothing need be behind it. */
#define HVA		0x10000000ULL

/* In pages. The last one has memory of the first, and that of the one before. */
static const struct {
	u32 page, nr, hva;
} regions[] = {
	{ 10, 700, 0 },
	{ 710, 90, 2000 },
	{ 1000, 2500, 5000 },
	{ 3600, 1, 900 },
	{ 4000, 1500, 100 },
};

/**
 * struct oracle - logs, and what should be in them
 * @world: the world
 * @writer: the writer
 * @logs: the logs
 * @catch: the harvest of now
 * @rnd: where the operations come from
 * @covered: of each page, whether logs cover it
 * @other: of each page, the other page with its memory, or itself; 0 in a hole
 * @dirty: of each log and page, whether it is dirty
 * @reported: of each page, whether the harvest has reported it
 * @failed: harvests that could not be delivered
 * @ended: harvests that ended for a limit
 */
struct oracle {
	struct world *world;
	struct writer *writer;
	struct virt_as_log *logs[NR_LOGS];
	struct catch *catch;
	struct rnd_state rnd;
	u8 covered[NR_PAGES];
	u32 other[NR_PAGES];
	u8 dirty[NR_LOGS][NR_PAGES];
	u8 reported[NR_PAGES];
	u32 failed;
	u32 ended;
};

static u32 any(struct oracle *oracle, u32 below)
{
	return prandom_u32_state(&oracle->rnd) % below;
}

static void find_others(struct oracle *oracle)
{
	u32 *page_of = kunit_kcalloc(oracle->world->test, NR_HVAS, sizeof(*page_of), GFP_KERNEL);
	u32 i, k;

	KUNIT_ASSERT_NOT_NULL(oracle->world->test, page_of);
	for (i = 0; i < ARRAY_SIZE(regions); i++) {
		for (k = 0; k < regions[i].nr; k++) {
			u32 page = regions[i].page + k;
			u32 *first = &page_of[regions[i].hva + k];

			memset(&oracle->covered[round_down(page, 64)], 1,
			       min(64, NR_PAGES - round_down(page, 64)));
			oracle->other[page] = page;
			if (*first) {
				oracle->other[page] = *first;
				oracle->other[*first] = page;
			}
			*first = page;
		}
	}
}

static struct oracle *make_oracle(struct kunit *test)
{
	struct oracle *oracle = kunit_kzalloc(test, sizeof(*oracle), GFP_KERNEL);
	struct virt_as_entry map[ARRAY_SIZE(regions)] = {};
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, oracle);
	oracle->world = world_make(test);
	for (i = 0; i < ARRAY_SIZE(regions); i++) {
		map[i].perms = VIRT_AS_PERM_READ | VIRT_AS_PERM_WRITE;
		map[i].gpa = PAGES(regions[i].page);
		map[i].len = PAGES(regions[i].nr);
		map[i].hva = HVA + PAGES(regions[i].hva);
	}
	world_replace(oracle->world, map, ARRAY_SIZE(map));
	oracle->writer = writer_make(oracle->world);
	oracle->catch = catch_make(oracle->world, 0, 0);
	find_others(oracle);
	for (i = 0; i < NR_LOGS; i++)
		oracle->logs[i] = log_open(oracle->world, 0, 0);
	return oracle;
}

static void write_some(struct oracle *oracle)
{
	u32 i = any(oracle, ARRAY_SIZE(regions));
	u32 first = any(oracle, regions[i].nr);
	u32 nr = any(oracle, min(regions[i].nr - first, 1U << any(oracle, 10))) + 1;
	u32 step = any(oracle, 3) + 1;
	u32 page, log;

	for (page = first; page < first + nr; page += step) {
		u32 at = regions[i].page + page;

		KUNIT_EXPECT_EQ(oracle->world->test, writer_mark(oracle->writer, at, 1), 0);
		for (log = 0; log < NR_LOGS; log++) {
			oracle->dirty[log][at] = 1;
			oracle->dirty[log][oracle->other[at]] = 1;
		}
	}
}

static void change_some(struct oracle *oracle)
{
	u32 log = any(oracle, NR_LOGS);
	u32 first = any(oracle, NR_PAGES);
	u32 last = first + any(oracle, min(NR_PAGES - first, 300));
	bool set = any(oracle, 2);
	u32 page;

	/* What is not drained yet would come back. */
	virt_as_drain_all_bits(oracle->world->as);
	if (set)
		virt_as_log_fill(oracle->logs[log], first, last);
	else
		virt_as_log_remove(oracle->logs[log], first, last);
	for (page = first; page <= last; page++)
		oracle->dirty[log][page] = set ? oracle->covered[page] |
						 oracle->dirty[log][page] : 0;
}

static bool unit_is(const u8 *pages, u64 first, u64 unit)
{
	u64 page;

	for (page = first; page < min_t(u64, first + unit, NR_PAGES); page++) {
		if (pages[page])
			return true;
	}
	return false;
}

/* Extents are in order, apart from each other, whole units, and within the limits. */
static void check_extents(struct oracle *oracle)
{
	struct catch *catch = oracle->catch;
	struct virt_as_reap *reap = &catch->reap;
	struct kunit *test = oracle->world->test;
	u64 unit = 1ULL << reap->shift;
	u64 covered = 0;
	u64 units = 0;
	u32 wrong = 0;
	u32 i;

	memset(oracle->reported, 0, sizeof(oracle->reported));
	for (i = 0; i < catch->nr; i++) {
		u64 first = catch->extents[i].gpa >> PAGE_SHIFT;
		u64 nr = catch->extents[i].len >> PAGE_SHIFT;

		wrong += !nr || first % unit || nr % unit || first < reap->first ||
			 first + nr > reap->last + 1 || (i && first <= covered);
		covered = first + nr;
		units += nr / unit;
		if (first < NR_PAGES)
			memset(&oracle->reported[first], 1, min_t(u64, nr, NR_PAGES - first));
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	KUNIT_EXPECT_EQ(test, reap->out_extents, catch->nr);
	KUNIT_EXPECT_EQ(test, reap->out_units, units);
	KUNIT_EXPECT_LE(test, units, reap->max_units);
	KUNIT_EXPECT_LE(test, catch->nr, reap->max_extents);
	KUNIT_EXPECT_LE(test, covered, reap->out_more ? reap->out_next : reap->last + 1);
}

/* Just the dirty units up to where it ended, and it ended for a reason. */
static void check_pages(struct oracle *oracle, u32 log, int err)
{
	struct virt_as_reap *reap = &oracle->catch->reap;
	struct kunit *test = oracle->world->test;
	u64 end = reap->out_more ? reap->out_next : reap->last + 1;
	u64 unit = 1ULL << reap->shift;
	u32 wrong = 0;
	u64 page;

	for (page = reap->first; page < min_t(u64, end, NR_PAGES); page += unit)
		wrong += unit_is(oracle->dirty[log], page, unit) !=
			 unit_is(oracle->reported, page, unit);
	KUNIT_EXPECT_EQ(test, wrong, 0);
	KUNIT_EXPECT_EQ(test, reap->out_next % unit, 0);
	wrong = !err && reap->out_more && reap->out_units != reap->max_units &&
		reap->out_extents != reap->max_extents;
	KUNIT_EXPECT_EQ(test, wrong, 0);
	KUNIT_EXPECT_TRUE(test, reap->out_more || !err);
}

/*
 * What was taken beyond what could be delivered is restored by whole units: the log
 * has all that it had, and nothing but such units more.
 */
static void learn_restored(struct oracle *oracle, u32 log, unsigned int shift)
{
	struct catch *catch = oracle->catch;
	u8 *dirty = oracle->dirty[log];
	u64 unit = 1ULL << shift;
	u32 wrong = 0;
	u64 page;

	catch->room = U32_MAX;
	catch->reap.flags = VIRT_AS_HARVEST_PEEK;
	catch->reap.shift = 0;
	catch->reap.first = 0;
	catch->reap.last = LAST_PAGE;
	catch->reap.max_units = U64_MAX;
	catch->reap.max_extents = U64_MAX;
	KUNIT_EXPECT_EQ(oracle->world->test, catch_all(oracle->logs[log], catch), 0);
	check_extents(oracle);
	for (page = 0; page < NR_PAGES; page++) {
		wrong += dirty[page] && !oracle->reported[page];
		wrong += !dirty[page] && oracle->reported[page] &&
			 !(oracle->covered[page] &&
			   unit_is(dirty, round_down(page, unit), unit));
	}
	KUNIT_EXPECT_EQ(oracle->world->test, wrong, 0);
	memcpy(dirty, oracle->reported, NR_PAGES);
}

static void ask(struct oracle *oracle)
{
	struct catch *catch = oracle->catch;
	struct virt_as_reap *reap = &catch->reap;
	u64 unit;

	reap->shift = any(oracle, 2) ? 0 : any(oracle, 14);
	unit = 1ULL << reap->shift;
	reap->first = round_down(any(oracle, NR_PAGES), unit);
	reap->last = round_down(reap->first + any(oracle, NR_PAGES), unit) + unit - 1;
	if (!any(oracle, 4)) {
		reap->first = 0;
		reap->last = LAST_PAGE;
	}
	reap->flags = any(oracle, 4) ? 0 : VIRT_AS_HARVEST_PEEK;
	reap->max_units = any(oracle, 3) ? U64_MAX : any(oracle, 200) + 1;
	reap->max_extents = any(oracle, 3) ? U64_MAX : any(oracle, 100);
	catch->room = any(oracle, 2) ? U32_MAX : any(oracle, 60);
}

static void harvest_some(struct oracle *oracle)
{
	struct catch *catch = oracle->catch;
	u32 log = any(oracle, NR_LOGS);
	bool peek;
	u32 page;
	int err;

	ask(oracle);
	peek = catch->reap.flags & VIRT_AS_HARVEST_PEEK;
	err = catch_all(oracle->logs[log], catch);
	KUNIT_EXPECT_TRUE(oracle->world->test, !err || err == -EFAULT);
	check_extents(oracle);
	check_pages(oracle, log, err);
	oracle->failed += err && !peek;
	oracle->ended += !err && catch->reap.out_more;
	if (peek)
		return;
	for (page = 0; page < NR_PAGES; page++)
		oracle->dirty[log][page] &= !oracle->reported[page];
	if (err)
		learn_restored(oracle, log, catch->reap.shift);
}

static void exact(struct kunit *test)
{
	struct oracle *oracle = make_oracle(test);
	u64 left = 0;
	u32 i, page;

	prandom_seed_state(&oracle->rnd, 5);
	for (i = 0; i < NR_STEPS; i++) {
		write_some(oracle);
		if (!any(oracle, 4))
			change_some(oracle);
		harvest_some(oracle);
		cond_resched();
	}
	KUNIT_EXPECT_GE(test, oracle->failed, 20);
	KUNIT_EXPECT_GE(test, oracle->ended, 50);

	/* And the counts agree, when all is drained. */
	for (i = 0; i < NR_LOGS; i++) {
		learn_restored(oracle, i, 0);
		for (page = 0, left = 0; page < NR_PAGES; page++)
			left += oracle->dirty[i][page];
		KUNIT_EXPECT_EQ(test, oracle->logs[i]->nr_dirty, left);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE_SLOW(exact),
	{}
};

struct kunit_suite virt_as_log_oracle_suite = {
	.name = "virt_as_log_oracle",
	.test_cases = cases,
};
