// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything about logs at once: writers that are heard only when a page was armed,
 * as a vCPU is, and writers that mark every write, beside harvests with limits and
 * failures, logs that come and go, and commits that add, remove, move and re-back
 * regions, some of them refused. In the end every consumer has seen the last write
 * to every page.
 *
 * The binding stands for KVM. A page that it has made writable is written to without
 * a mark, until arm or a commit takes that away; mmu_lock stands for the page tables
 * and the flush. Of a map that the binding has not followed yet, or does not follow
 * any more, no page is made writable.
 */
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/sched.h>

#include "binding.h"
#include "log.h"
#include "logs.h"
#include "map.h"
#include "mock.h"
#include "object.h"
#include "suites.h"

#define NR_PAGES	512
#define NR_VCPUS	2
#define NR_WRITERS	3
#define NR_CONSUMERS	3

/* What a race has to have met before it means something. */
#define MIN_COMMITS	60
#define MIN_REFUSED	10
#define MIN_HARVESTS	150
#define MIN_LOGS	12
#define MIN_FAILED	10
#define MIN_ARMED	500	/* pages */
#define MIN_UNMARKED	500	/* writes to pages that were writable */
/* A race that meets nothing ends, too: commits, published or refused. */
#define MAX_COMMITS	800

/**
 * struct race - what the threads share
 * @world: the world
 * @mmu: the binding that arms
 * @refuser: one that is slow, and refuses commits and logs now and then
 * @writer: who begins the sections
 * @mmu_lock: guards @writable, @generation and writes without a mark
 * @generation: of the map that @mmu follows
 * @writable: pages that may be written without a mark
 * @written: of each page of the owner's, how often it was written
 * @seen: of each gpa, what each consumer read there of @written
 * @complete: of each consumer, whether it had a log to the end
 * @catches: one for each consumer
 * @next: numbers the threads
 * @stop: writers are to end
 * @last: consumers are to make their last harvest, and end
 * @commits: that were published
 * @refused: commits that were refused
 * @harvests: that found something
 * @failed: harvests that could not be delivered
 * @logs: logs that were opened
 * @armed: pages that arm was told of
 * @unmarked: writes without a mark while somebody logged
 * @wrong: results that no contract allows
 */
struct race {
	struct world *world;
	struct mock mmu;
	struct mock refuser;
	struct writer *writer;
	struct mutex mmu_lock;	/* the page tables of the model */
	u64 generation;
	bool writable[NR_PAGES];
	atomic_t written[WORLD_PAGES];
	int seen[NR_CONSUMERS][NR_PAGES];
	bool complete[NR_CONSUMERS];
	struct catch *catches[NR_CONSUMERS];
	atomic_t next;
	bool stop;
	bool last;
	atomic_t commits;
	atomic_t refused;
	atomic_t harvests;
	atomic_t failed;
	atomic_t logs;
	atomic_t armed;
	atomic_t unmarked;
	atomic_t wrong;
};

static u32 any(struct rnd_state *rnd, u32 below)
{
	return prandom_u32_state(rnd) % below;
}

static void nap(struct rnd_state *rnd, u32 each)
{
	if (!any(rnd, each))
		schedule_timeout_uninterruptible(1);
	cond_resched();
}

static void protect(struct race *race, u64 page, u64 nr)
{
	lockdep_assert_held(&race->mmu_lock);

	memset(&race->writable[page], 0, nr * sizeof(race->writable[0]));
}

static void follow(struct mock *mock, const struct virt_as_diff *diff)
{
	struct race *race = mock->context;
	u32 i;

	mutex_lock(&race->mmu_lock);
	for (i = 0; i < diff->nr_removed; i++)
		protect(race, diff->removed[i]->gpa >> PAGE_SHIFT,
			diff->removed[i]->len >> PAGE_SHIFT);
	for (i = 0; i < diff->nr_added; i++)
		protect(race, diff->added[i]->gpa >> PAGE_SHIFT,
			diff->added[i]->len >> PAGE_SHIFT);
	race->generation = diff->new_generation;
	mutex_unlock(&race->mmu_lock);
}

static void protect_all(struct mock *mock)
{
	struct race *race = mock->context;

	mutex_lock(&race->mmu_lock);
	protect(race, 0, NR_PAGES);
	mutex_unlock(&race->mmu_lock);
}

static void arm(struct mock *mock, const struct virt_as_word *words, unsigned int nr)
{
	struct race *race = mock->context;
	unsigned int i;
	u64 mask;

	mutex_lock(&race->mmu_lock);
	for (i = 0; i < nr; i++) {
		for (mask = words[i].mask; mask; mask &= mask - 1)
			protect(race, (words[i].gpa >> PAGE_SHIFT) + __ffs64(mask), 1);
		atomic_add(hweight64(words[i].mask), &race->armed);
	}
	mutex_unlock(&race->mmu_lock);
}

/* The owner's page behind a gpa, and the region; NULL in a hole. */
static const struct virt_as_region *look(struct race *race, struct virt_as_section *section,
					 u64 page, u64 *behind)
{
	const struct virt_as_region *region = virt_as_map_find(section->map, PAGES(page));

	if (region)
		*behind = (region->hva - race->world->hva + PAGES(page) - region->gpa) >>
			  PAGE_SHIFT;
	return region;
}

/* As KVM does: the first write marks, before it can be made. */
static void write_as_vcpu(struct race *race, struct rnd_state *rnd,
			  struct virt_as_section *section,
			  const struct virt_as_region *region, u64 page, u64 behind)
{
	struct virt_as_bits *live;

	mutex_lock(&race->mmu_lock);
	live = READ_ONCE(region->live);
	if (virt_as_generation(section) != race->generation) {
		atomic_inc(&race->written[behind]);
		nap(rnd, 40);
		virt_as_mark(live, PAGES(page));
	} else if (race->writable[page]) {
		atomic_inc(&race->written[behind]);
		atomic_add(!!live, &race->unmarked);
	} else {
		virt_as_mark(live, PAGES(page));
		race->writable[page] = true;
		nap(rnd, 40);
		atomic_inc(&race->written[behind]);
	}
	mutex_unlock(&race->mmu_lock);
}

static long write_along(struct world *world, void *arg)
{
	struct race *race = arg;
	struct virt_as_section section;
	struct rnd_state rnd;
	u64 page, behind;
	u32 me, i;

	me = atomic_inc_return(&race->next);
	prandom_seed_state(&rnd, me);
	while (!READ_ONCE(race->stop) && !READ_ONCE(world->over)) {
		if (virt_as_begin(&race->writer->binding, &section)) {
			atomic_inc(&race->wrong);
			return 0;
		}
		for (i = any(&rnd, 24); i; i--) {
			const struct virt_as_region *region;

			page = any(&rnd, NR_PAGES);
			region = look(race, &section, page, &behind);
			if (!region)
				continue;
			if (me <= NR_VCPUS) {
				write_as_vcpu(race, &rnd, &section, region, page, behind);
				continue;
			}
			atomic_inc(&race->written[behind]);
			nap(&rnd, 60);
			virt_as_written(region, PAGES(page), 1);
		}
		virt_as_end(&section);
		nap(&rnd, 8);
	}
	return 0;
}

static bool race_over(struct race *race)
{
	u32 commits = atomic_read(&race->commits);

	if (READ_ONCE(race->world->over) || atomic_read(&race->wrong) ||
	    commits + atomic_read(&race->refused) >= MAX_COMMITS)
		return true;
	return commits >= MIN_COMMITS && atomic_read(&race->refused) >= MIN_REFUSED &&
	       atomic_read(&race->harvests) >= MIN_HARVESTS &&
	       atomic_read(&race->failed) >= MIN_FAILED &&
	       atomic_read(&race->logs) >= MIN_LOGS &&
	       atomic_read(&race->armed) >= MIN_ARMED &&
	       atomic_read(&race->unmarked) >= MIN_UNMARKED;
}

/*
 * One region stays, one has other memory each time, one is an alias of the first, at
 * times and not congruent, and one moves.
 */
static u32 make_map(struct world *world, struct rnd_state *rnd, struct virt_as_entry *map)
{
	u32 nr = 0;

	map[nr++] = world_ram(world, PAGES(3), 0, 90);
	if (any(rnd, 4))
		map[nr++] = world_ram(world, PAGES(100), 90 + any(rnd, 40), 80);
	if (any(rnd, 2))
		map[nr++] = world_ram(world, PAGES(200), 10 + any(rnd, 2), 60);
	map[nr++] = world_ram(world, PAGES(300 + any(rnd, 3) * 70), 220, 36);
	return nr;
}

static long commit_along(struct world *world, void *arg)
{
	struct race *race = arg;
	struct virt_as_entry map[4];
	struct virt_as_request request = {
		.flags = VIRT_AS_COMMIT_REPLACE,
		.entries = map,
	};
	struct rnd_state rnd;
	int err;

	prandom_seed_state(&rnd, 77);
	while (!race_over(race)) {
		request.nr_entries = make_map(world, &rnd, map);
		err = virt_as_commit_map(world->as, &request);
		if (!err)
			atomic_inc(&race->commits);
		else
			atomic_inc(err == -EBUSY ? &race->refused : &race->wrong);
		nap(&rnd, 3);
	}
	return 0;
}

/* Read what was harvested: from then on what it was harvested for is seen. */
static void copy_pages(struct race *race, u32 me)
{
	const struct catch *catch = race->catches[me];
	struct virt_as_section section;
	u64 page, behind;
	u32 i;

	if (virt_as_begin(&race->writer->binding, &section)) {
		atomic_inc(&race->wrong);
		return;
	}
	for (i = 0; i < catch->nr; i++) {
		u64 first = catch->extents[i].gpa >> PAGE_SHIFT;

		for (page = first; page < first + (catch->extents[i].len >> PAGE_SHIFT); page++) {
			if (page < NR_PAGES && look(race, &section, page, &behind))
				race->seen[me][page] = atomic_read(&race->written[behind]);
		}
	}
	virt_as_end(&section);
}

static void clear_pages(struct virt_as_log *log, const struct catch *catch)
{
	u32 i;

	for (i = 0; i < catch->nr; i++)
		virt_as_log_remove(log, catch->extents[i].gpa >> PAGE_SHIFT,
				   (catch->extents[i].gpa + catch->extents[i].len - 1) >>
				   PAGE_SHIFT);
}

static void harvest_some(struct race *race, struct virt_as_log *log, u32 me,
			 struct rnd_state *rnd)
{
	struct catch *catch = race->catches[me];
	struct virt_as_reap *reap = &catch->reap;
	u64 unit;
	int err;

	reap->shift = any(rnd, 3) ? 0 : any(rnd, 4);
	unit = 1ULL << reap->shift;
	reap->first = round_down(any(rnd, NR_PAGES), unit);
	reap->last = any(rnd, 2) ? NR_PAGES - 1 :
		     round_down(reap->first + any(rnd, 99), unit) + unit - 1;
	reap->flags = any(rnd, 4) ? 0 : VIRT_AS_HARVEST_PEEK;
	if (!any(rnd, 8))
		reap->flags |= VIRT_AS_HARVEST_SYNC;
	reap->max_units = any(rnd, 2) ? U64_MAX : any(rnd, 60);
	reap->max_extents = any(rnd, 2) ? U64_MAX : any(rnd, 30);
	catch->room = any(rnd, 4) ? U32_MAX : any(rnd, 20);
	err = catch_all(log, catch);
	atomic_add(err && err != -EFAULT, &race->wrong);
	atomic_add(err == -EFAULT, &race->failed);
	atomic_add(catch->nr > 0, &race->harvests);
	if (reap->flags & VIRT_AS_HARVEST_PEEK)
		clear_pages(log, catch);
	copy_pages(race, me);
}

static void harvest_rest(struct race *race, struct virt_as_log *log, u32 me)
{
	struct catch *catch = race->catches[me];
	struct virt_as_reap *reap = &catch->reap;

	catch->room = U32_MAX;
	reap->flags = VIRT_AS_HARVEST_SYNC;
	reap->first = 0;
	reap->last = LAST_PAGE;
	reap->shift = 0;
	reap->max_units = U64_MAX;
	reap->max_extents = U64_MAX;
	atomic_add(catch_all(log, catch) != 0, &race->wrong);
	copy_pages(race, me);
}

/* Logs come and go, but that of the first consumer has to be an old one in the end. */
static bool goes_on(struct race *race, u32 me, u32 harvests)
{
	if (READ_ONCE(race->last) || READ_ONCE(race->world->over))
		return false;
	return harvests || (!me && atomic_read(&race->commits) >= MIN_COMMITS / 2);
}

/* At times none of them has one: then nobody logs. */
static long consume_along(struct world *world, void *arg)
{
	struct race *race = arg;
	u32 me = atomic_inc_return(&race->next) - NR_WRITERS - 1;
	struct virt_as_log *log;
	struct rnd_state rnd;
	u32 nr;

	prandom_seed_state(&rnd, 1000 + me);
	while (!READ_ONCE(race->last) && !READ_ONCE(world->over)) {
		log = virt_as_log_open(world->as, VIRT_AS_LOG_ALL_DIRTY, 0);
		if (IS_ERR(log)) {
			atomic_add(PTR_ERR(log) != -EBUSY, &race->wrong);
			nap(&rnd, 2);
			continue;
		}
		atomic_inc(&race->logs);
		for (nr = any(&rnd, 30) + 1; goes_on(race, me, nr); nr -= !!nr) {
			harvest_some(race, log, me, &rnd);
			nap(&rnd, 3);
		}
		if (READ_ONCE(race->last)) {
			harvest_rest(race, log, me);
			race->complete[me] = true;
		}
		virt_as_log_close(log);
		nap(&rnd, 2);
	}
	return 0;
}

/* Who had a log to the end has seen everything. */
static u32 count_lost(struct race *race)
{
	struct virt_as_section section;
	u64 page, behind;
	u32 lost = 0;
	u32 i;

	KUNIT_ASSERT_EQ(race->world->test, virt_as_begin(&race->writer->binding, &section), 0);
	for (page = 0; page < NR_PAGES; page++) {
		if (!look(race, &section, page, &behind))
			continue;
		for (i = 0; i < NR_CONSUMERS; i++)
			lost += race->complete[i] &&
				race->seen[i][page] != atomic_read(&race->written[behind]);
	}
	virt_as_end(&section);
	return lost;
}

static void expect_race(struct kunit *test, struct race *race)
{
	kunit_info(test, "%d commits, %d refused; %d logs, %d harvests, %d failed; %d pages armed, %d writes unmarked\n",
		   atomic_read(&race->commits), atomic_read(&race->refused),
		   atomic_read(&race->logs), atomic_read(&race->harvests),
		   atomic_read(&race->failed), atomic_read(&race->armed),
		   atomic_read(&race->unmarked));
	KUNIT_EXPECT_GE(test, atomic_read(&race->commits), MIN_COMMITS);
	KUNIT_EXPECT_GE(test, atomic_read(&race->refused), MIN_REFUSED);
	KUNIT_EXPECT_GE(test, atomic_read(&race->harvests), MIN_HARVESTS);
	KUNIT_EXPECT_GE(test, atomic_read(&race->failed), MIN_FAILED);
	KUNIT_EXPECT_GE(test, atomic_read(&race->logs), MIN_LOGS);
	KUNIT_EXPECT_GE(test, atomic_read(&race->armed), MIN_ARMED);
	KUNIT_EXPECT_GE(test, atomic_read(&race->unmarked), MIN_UNMARKED);
	KUNIT_EXPECT_EQ(test, atomic_read(&race->wrong), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&race->mmu.violations), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&race->refuser.violations), 0);
	KUNIT_EXPECT_TRUE(test, race->complete[0]);
	KUNIT_EXPECT_EQ(test, count_lost(race), 0);
}

static struct race *make_race(struct kunit *test)
{
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, race);
	race->world = world_make(test);
	mutex_init(&race->mmu_lock);
	race->writer = writer_make(race->world);
	mock_init(&race->mmu, race->world, NULL, 'A');
	race->mmu.context = race;
	race->mmu.on_begin = protect_all;
	race->mmu.on_commit = follow;
	race->mmu.on_arm = arm;
	mock_init(&race->refuser, race->world, NULL, 'B');
	race->refuser.naps = true;
	race->refuser.refuse = -EBUSY;
	race->refuser.refuse_log = -EBUSY;
	race->refuser.refuse_each = 4;
	KUNIT_ASSERT_EQ(test, mock_bind(&race->mmu), 0);
	KUNIT_ASSERT_EQ(test, mock_bind(&race->refuser), 0);
	for (i = 0; i < NR_CONSUMERS; i++)
		race->catches[i] = catch_make(race->world, 0, 0);
	return race;
}

/* No write is lost to any consumer. */
static void racing(struct kunit *test)
{
	struct world_thread *consumers[NR_CONSUMERS], *writers[NR_WRITERS], *committer;
	struct race *race = make_race(test);
	struct world *world = race->world;
	u32 i;

	for (i = 0; i < NR_WRITERS; i++)
		writers[i] = world_start(world, WORLD_MM_NONE, write_along, race);
	/* These count after the writers. */
	world_wait(world, atomic_read(&race->next) == NR_WRITERS);
	for (i = 0; i < NR_CONSUMERS; i++)
		consumers[i] = world_start(world, WORLD_MM_NONE, consume_along, race);
	committer = world_start(world, WORLD_MM_OWNER, commit_along, race);
	world_join(committer);
	WRITE_ONCE(race->stop, true);
	for (i = 0; i < NR_WRITERS; i++)
		world_join(writers[i]);
	WRITE_ONCE(race->last, true);
	for (i = 0; i < NR_CONSUMERS; i++)
		world_join(consumers[i]);
	expect_race(test, race);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_SLOW(racing),
	{}
};

struct kunit_suite virt_as_log_race_suite = {
	.name = "virt_as_log_race",
	.test_cases = cases,
};
