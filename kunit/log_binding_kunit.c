// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bindings and logs: who is told of the beginning and the end of logging, and when;
 * which pages are to mark again. The race of all this is in log_race_kunit.c.
 */
#include <linux/mm.h>
#include <linux/sched.h>

#include "binding.h"
#include "bits.h"
#include "drain.h"
#include "log.h"
#include "logs.h"
#include "map.h"
#include "mocks.h"
#include "object.h"
#include "spans.h"
#include "suites.h"

#define REPLACE		VIRT_AS_COMMIT_REPLACE

struct asked {
	u64 gpa, last;
	bool sync;
};

/**
 * struct stage - a world with mocks, named A, B, C, that all note in one log
 * @world: the world, with pages 0 to 3 and 100 to 103
 * @writer: a writer
 * @map: that map
 * @calls: what they note in
 * @mocks: none is bound yet
 * @log: of the test, or NULL
 * @armed: of pages below 128, which arm was told of
 * @nr_armed: pages that arm was told of
 * @wrong: what arm was told that cannot be
 * @asked: what collect was asked for
 * @live: where collect marks
 */
struct stage {
	struct world *world;
	struct writer *writer;
	struct virt_as_entry map[2];
	struct mock_log calls;
	struct mock mocks[NR_MOCKS];
	struct virt_as_log *log;
	u64 armed[2];
	u32 nr_armed;
	u32 wrong;
	struct asked asked;
	struct virt_as_bits *live;
};

static struct stage *set_stage(struct kunit *test)
{
	struct stage *stage = kunit_kzalloc(test, sizeof(*stage), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, stage);
	stage->world = world_make(test);
	mocks_init(stage->mocks, stage->world, &stage->calls);
	stage->map[0] = world_ram(stage->world, PAGES(0), 0, 4);
	stage->map[1] = world_ram(stage->world, PAGES(100), 10, 4);
	world_replace(stage->world, stage->map, 2);
	stage->writer = writer_make(stage->world);
	return stage;
}

static void follows(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct world *world = stage->world;
	struct virt_as_log *log, *other;
	u32 i;

	mocks_bind(stage->mocks, "A");
	for (i = 0; i < 2; i++) {
		log = log_open(world, 0, 0);
		mocks_expect(stage->mocks, "PA BA ");
		other = log_open(world, 0, 0);
		mocks_expect(stage->mocks, "");
		writer_touch(stage->writer, 1);
		log_expect(world, log, 0, "1");
		mocks_expect(stage->mocks, "kA rA ");
		log_expect(world, other, 0, "1");
		mocks_expect(stage->mocks, "kA ");
		world_replace(world, stage->map, 2);
		mocks_expect(stage->mocks, "pA cA ");
		log_close(world, log);
		logs_settle(world);
		mocks_expect(stage->mocks, "");
		log_close(world, other);
		logs_settle(world);
		mocks_expect(stage->mocks, "EA ");
	}
}

struct refusal {
	const char *name;
	int err;
	unsigned int who;
	const char *calls;
};

static const struct refusal refusals[] = {
	{ "first, EBUSY", -EBUSY, 0, "PA " },
	{ "second, ENOMEM", -ENOMEM, 1, "PA PB AA " },
	{ "third, EBUSY", -EBUSY, 2, "PA PB PC AB AA " },
};

KUNIT_ARRAY_PARAM_DESC(refusal, refusals, name);

/* Those who prepared are aborted, the last first; nobody logs. */
static void refuses(struct kunit *test)
{
	const struct refusal *refusal = test->param_value;
	struct stage *stage = set_stage(test);
	struct virt_as *as = stage->world->as;

	mocks_bind(stage->mocks, "ABC");
	stage->mocks[refusal->who].refuse_log = refusal->err;
	KUNIT_EXPECT_PTR_EQ(test, virt_as_log_open(as, 0, 0), ERR_PTR(refusal->err));
	mocks_expect(stage->mocks, refusal->calls);
	KUNIT_EXPECT_FALSE(test, as->logging);
	KUNIT_EXPECT_EQ(test, as->nr_logs, 0);
	KUNIT_EXPECT_NULL(test, live_region(stage->world, 0)->live);

	stage->mocks[refusal->who].refuse_log = 0;
	log_open(stage->world, 0, 0);
	mocks_expect(stage->mocks, "PA PB PC BA BB BC ");
}

/* Who comes while there is a log is told of both: prepared first, begun last. */
static void binds_later(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct mock *mock = &stage->mocks[0];
	struct virt_as_log *log = log_open(stage->world, 0, 0);

	mock->refuse_log = -EBUSY;
	KUNIT_EXPECT_EQ(test, mock_bind(mock), -EBUSY);
	mocks_expect(stage->mocks, "PA ");
	mock->refuse_log = 0;
	mock->refuse = -ENOSPC;
	KUNIT_EXPECT_EQ(test, mock_bind(mock), -ENOSPC);
	mocks_expect(stage->mocks, "PA pA AA ");
	KUNIT_EXPECT_TRUE(test, list_empty(&stage->world->as->armers));
	writer_touch(stage->writer, 0);
	log_expect(stage->world, log, 0, "0");
	mocks_expect(stage->mocks, "");
	mock->refuse = 0;
	KUNIT_EXPECT_EQ(test, mock_bind(mock), 0);
	mocks_expect(stage->mocks, "PA pA cA BA ");
	KUNIT_EXPECT_TRUE(test, mock_has_map(mock, &mock->binding));
	writer_touch(stage->writer, 0);
	log_expect(stage->world, log, 0, "0");
	mocks_expect(stage->mocks, "kA rA ");
	mock_unbind(mock);
	log_close(stage->world, log);
	logs_settle(stage->world);
	mocks_expect(stage->mocks, "");
}

/* A is slow in one call. Meanwhile B is unbound, and has not to wait for it. */
static const struct slowness slownesses[] = {
	{ "comes after in log_prepare", "AB", MOCK_LOG_PREPARE, 0, "PA BA " },
	{ "has prepared", "BA", MOCK_LOG_PREPARE, 0, "PB PA AB BA " },
	{ "waits for its log_commit", "AB", MOCK_LOG_BEGIN, 0, "PA PB BA AB " },
	{ "has begun", "BA", MOCK_LOG_BEGIN, 0, "PB PA BB BA " },
	{ "waits for its log_abort", "BAC", MOCK_LOG_ABORT, -EBUSY, "PB PA PC AA AB " },
	{ "has aborted", "ABC", MOCK_LOG_ABORT, -EBUSY, "PA PB PC AB AA " },
};

KUNIT_ARRAY_PARAM_DESC(slowness, slownesses, name);

static void try_open(struct stage *stage, int err)
{
	if (err)
		KUNIT_EXPECT_PTR_EQ(stage->world->test,
				    virt_as_log_open(stage->world->as, 0, 0), ERR_PTR(err));
	else
		stage->log = log_open(stage->world, 0, 0);
}

static void unbind_beside_slow(struct kunit *test)
{
	const struct slowness *slowness = test->param_value;
	struct stage *stage = set_stage(test);
	struct world_thread *thread;

	mocks_bind(stage->mocks, slowness->order);
	stage->mocks[2].refuse_log = slowness->err;
	stage->mocks[0].slow = slowness->slow;
	thread = world_start(stage->world, WORLD_MM_NONE, mocks_unbind_b_meanwhile,
			     stage->mocks);
	try_open(stage, slowness->err);
	mocks_expect(stage->mocks, slowness->calls);
	world_join(thread);
	KUNIT_EXPECT_EQ(test, stage->world->as->nr_prepared, 0);
	KUNIT_EXPECT_EQ(test, stage->world->as->logging, !slowness->err);
}

static const struct slowness ends[] = {
	{ "in log_prepare", "A", MOCK_LOG_PREPARE, 0, "PA AA " },
	{ "in log_commit", "A", MOCK_LOG_BEGIN, 0, "PA BA " },
	{ "in log_abort", "AC", MOCK_LOG_ABORT, -EBUSY, "PA PC AA " },
};

KUNIT_ARRAY_PARAM_DESC(end, ends, name);

/* Unbinding A waits for the call to A that is in flight, and then aborts. */
static void unbind_slow(struct kunit *test)
{
	const struct slowness *end = test->param_value;
	struct stage *stage = set_stage(test);
	struct world_thread *unbinder, *opener;

	mocks_bind(stage->mocks, end->order);
	stage->mocks[2].refuse_log = end->err;
	stage->mocks[0].slow = end->slow;
	unbinder = world_start(stage->world, WORLD_MM_NONE, mocks_unbind_a,
			       stage->mocks);
	opener = world_start(stage->world, WORLD_MM_NONE, mocks_open_a_once_dying,
			     stage->mocks);
	try_open(stage, end->err);
	KUNIT_EXPECT_EQ(test, world_join(unbinder), 1);
	world_join(opener);
	mocks_expect(stage->mocks, end->calls);
	KUNIT_EXPECT_EQ(test, stage->world->as->nr_prepared, 0);
}

static long open_again(struct world *world, void *arg)
{
	struct stage *stage = arg;
	struct virt_as_log *log = virt_as_log_open(world->as, 0, 0);

	KUNIT_EXPECT_TRUE(world->test, READ_ONCE(stage->mocks[0].open));
	if (IS_ERR(log))
		return PTR_ERR(log);
	virt_as_log_close(log);
	return 0;
}

/* The close of a log waits for no binding; the next beginning waits for the end. */
static void slow_end(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct world *world = stage->world;
	struct mock *slow = &stage->mocks[0];
	struct world_thread *thread;
	struct virt_as_log *log;

	mocks_bind(stage->mocks, "AB");
	log = log_open(world, 0, 0);
	mocks_forget(stage->mocks);
	slow->slow = MOCK_LOG_END;
	log_close(world, log);
	world_wait(world, READ_ONCE(slow->entered));
	mock_unbind(&stage->mocks[1]);
	/* Some chance to go wrong. */
	thread = world_start(world, WORLD_MM_NONE, open_again, stage);
	schedule_timeout_uninterruptible(3);
	WRITE_ONCE(slow->open, true);
	KUNIT_EXPECT_EQ(test, world_join(thread), 0);
	logs_settle(world);
	mocks_expect(stage->mocks, "EA PA BA EA ");
}

/* What arm is told of is in all logs already, and in no live bits any more. */
static void check_arm(struct mock *mock, const struct virt_as_word *words,
		      unsigned int nr)
{
	struct stage *stage = mock->context;
	struct virt_as_log *log;
	unsigned int i;

	stage->wrong += !nr || nr > VIRT_AS_HOLD_WORDS;
	for (i = 0; i < nr; i++) {
		u64 word = words[i].gpa >> (PAGE_SHIFT + 6);
		const struct virt_as_region *region = words[i].region;
		const struct virt_as_bits *live = region->live;
		u64 page = region->gpa >> PAGE_SHIFT;

		stage->wrong += !words[i].mask || words[i].gpa % PAGES(64);
		stage->wrong += !!(words[i].mask & ~virt_as_word_mask(word, page,
				page + (region->len >> PAGE_SHIFT) - 1));
		stage->wrong += !!(live->pages[word - live->first / 64] & words[i].mask);
		list_for_each_entry(log, &mock->binding.as->logs, node) {
			struct virt_as_span *span = virt_as_spans_at(log->spans, word);

			stage->wrong += !span || span->begin > word ||
				words[i].mask & ~span->bits->pages[word - span->begin];
		}
		stage->nr_armed += hweight64(words[i].mask);
		if (word < ARRAY_SIZE(stage->armed))
			stage->armed[word] |= words[i].mask;
	}
}

static void expect_armed(struct stage *stage, u64 low, u64 high)
{
	KUNIT_EXPECT_EQ(stage->world->test, stage->armed[0], low);
	KUNIT_EXPECT_EQ(stage->world->test, stage->armed[1], high);
	KUNIT_EXPECT_EQ(stage->world->test, stage->nr_armed, hweight64(low) + hweight64(high));
	KUNIT_EXPECT_EQ(stage->world->test, stage->wrong, 0);
	memset(stage->armed, 0, sizeof(stage->armed));
	stage->nr_armed = 0;
}

static void arm_stage(struct stage *stage)
{
	stage->mocks[0].context = stage;
	stage->mocks[0].on_arm = check_arm;
	mocks_bind(stage->mocks, "A");
}

static void arms_what_was_taken(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct world *world = stage->world;
	struct virt_as_log *log, *other;
	struct catch *catch;

	arm_stage(stage);
	log = log_open(world, VIRT_AS_LOG_ALL_DIRTY, 0);
	other = log_open(world, 0, 0);
	/* Dirty, but nobody has written: no live bit was taken. */
	log_expect(world, log, 0, "0-3 100-103");
	expect_armed(stage, 0, 0);
	writer_touch(stage->writer, 1);
	writer_touch(stage->writer, 3);
	writer_touch(stage->writer, 101);
	catch = catch_make(world, 1, 1);
	catch->reap.flags = VIRT_AS_HARVEST_PEEK;
	KUNIT_EXPECT_EQ(test, catch_all(log, catch), 0);
	expect_armed(stage, 1 << 1 | 1 << 3, 0);
	log_expect(world, other, 0, "1 3 101");
	expect_armed(stage, 0, 1ULL << 37);
	log_expect(world, log, 0, "1 3 101");
	expect_armed(stage, 0, 0);
	/* A log that comes does not get what was there before, and arms for all. */
	writer_touch(stage->writer, 2);
	log_open(world, 0, 0);
	expect_armed(stage, 1 << 2, 0);
	log_expect(world, log, 0, "2");
}

/* Not more at a time than a hold takes; each page once. */
static void arms_in_holds(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct world *world = stage->world;
	struct virt_as_log *log;

	arm_stage(stage);
	stage->map[1] = world_ram(world, PAGES(100), 0, 20000);
	stage->map[1].hva = 0x10000000;
	world_replace(world, stage->map, 2);
	log = log_open(world, 0, 0);
	KUNIT_EXPECT_EQ(test, writer_mark(stage->writer, 100, 20000), 0);
	log_expect(world, log, 0, "100-20099");
	KUNIT_EXPECT_EQ(test, stage->nr_armed, 20000);
	KUNIT_EXPECT_EQ(test, stage->wrong, 0);
	KUNIT_EXPECT_GE(test, stage->mocks[0].calls[MOCK_ARM], 20000 / VIRT_AS_HOLD_PAGES);
}

/* A log, and a section on a map of which page 2 was written and leaves. */
static struct virt_as_log *log_what_leaves(struct stage *stage,
					   struct virt_as_section *section)
{
	struct world *world = stage->world;
	struct virt_as_log *log;

	arm_stage(stage);
	log = log_open(world, 0, 0);
	KUNIT_ASSERT_EQ(world->test, virt_as_begin(&stage->writer->binding, section), 0);
	KUNIT_EXPECT_EQ(world->test, world_commit(world, REPLACE | VIRT_AS_COMMIT_NOWAIT,
						  &stage->map[1], 1), 0);
	KUNIT_EXPECT_EQ(world->test, virt_as_mark_gpa(section, PAGES(2), 1), 0);
	return log;
}

/* Regions that leave while a binding has not followed yet, or has. */
static void arms_what_leaves(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct world *world = stage->world;
	struct virt_as_section section;
	struct virt_as_log *log;

	log = log_what_leaves(stage, &section);
	log_expect(world, log, 0, "2");
	expect_armed(stage, 1 << 2, 0);
	KUNIT_EXPECT_EQ(test, virt_as_mark_gpa(&section, PAGES(3), 1), 0);
	virt_as_end(&section);
	world_wait(world, virt_as_drained(world->as));
	expect_armed(stage, 1 << 3, 0);
	log_expect(world, log, 0, "3");
}

/* When logging has ended nobody is called, although an old map is yet to drain. */
static void no_arm_after_end(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct world *world = stage->world;
	struct virt_as_section section;
	struct virt_as_log *log;

	log = log_what_leaves(stage, &section);
	log_close(world, log);
	logs_settle(world);
	mocks_expect(stage->mocks, "PA BA pA cA EA ");
	KUNIT_EXPECT_EQ(test, mock_bind(&stage->mocks[1]), 0);
	virt_as_end(&section);
	world_wait(world, virt_as_drained(world->as));
	mocks_expect(stage->mocks, "pB cB ");
}

static void mark_asked(struct mock *mock, u64 gpa, u64 last, bool sync)
{
	struct stage *stage = mock->context;

	stage->asked = (struct asked) { gpa, last, sync };
	virt_as_mark(stage->live, PAGES(102));
}

/* What a binding has in its buffers is in the harvest that asks for it. */
static void collects(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct world *world = stage->world;
	struct mock *mock = &stage->mocks[0];
	const struct asked *asked = &stage->asked;
	struct virt_as_log *log;
	struct catch *catch;

	mocks_bind(stage->mocks, "A");
	log = log_open(world, 0, 0);
	stage->live = live_region(world, 100)->live;
	mock->context = stage;
	mock->on_collect = mark_asked;
	catch = catch_make(world, 100, 127);
	KUNIT_EXPECT_EQ(test, catch_all(log, catch), 0);
	catch_expect(catch, "102");
	KUNIT_EXPECT_EQ(test, asked->gpa, PAGES(100));
	KUNIT_EXPECT_EQ(test, asked->last, PAGES(128) - 1);
	KUNIT_EXPECT_FALSE(test, asked->sync);
	log_expect(world, log, VIRT_AS_HARVEST_SYNC, "102");
	KUNIT_EXPECT_EQ(test, asked->gpa, 0);
	KUNIT_EXPECT_EQ(test, asked->last, U64_MAX);
	KUNIT_EXPECT_TRUE(test, asked->sync);
}

static long commit_along(struct world *world, void *arg)
{
	struct stage *stage = arg;

	return world_commit(world, REPLACE, &stage->map[1], 1);
}

/* A harvest does not wait for what a commit asks of a binding. */
static void harvest_beside_slow(struct kunit *test)
{
	static const enum mock_call slow[] = { MOCK_PREPARE, MOCK_COMMIT };
	struct stage *stage = set_stage(test);
	struct mock *mock = &stage->mocks[0];
	struct world *world = stage->world;
	struct world_thread *thread;
	struct virt_as_log *log;
	u32 i;

	mocks_bind(stage->mocks, "A");
	log = log_open(world, 0, 0);
	for (i = 0; i < ARRAY_SIZE(slow); i++) {
		WRITE_ONCE(mock->entered, false);
		WRITE_ONCE(mock->open, false);
		mock->slow = slow[i];
		thread = world_start(world, WORLD_MM_OWNER, commit_along, stage);
		world_wait(world, READ_ONCE(mock->entered));
		writer_touch(stage->writer, 101);
		log_expect(world, log, 0, "101");
		KUNIT_EXPECT_EQ(test, atomic_read(&mock->in_call), 1);
		WRITE_ONCE(mock->open, true);
		KUNIT_EXPECT_EQ(test, world_join(thread), 0);
		stage->map[1].flags = VIRT_AS_ENTRY_CLEAN;
		stage->map[1].hva += PAGES(1);
	}
	mocks_expect(stage->mocks, "PA BA pA kA rA cA pA cA kA rA ");
}

static long harvest_along(struct world *world, void *arg)
{
	struct stage *stage = arg;
	struct catch *catch = stage->mocks[0].context;

	return catch_all(stage->log, catch);
}

/* Who writes does not wait for arm, and is heard after it. */
static void writes_beside_slow(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct mock *mock = &stage->mocks[0];
	struct world *world = stage->world;
	struct world_thread *thread;

	mocks_bind(stage->mocks, "A");
	stage->log = log_open(world, 0, 0);
	writer_touch(stage->writer, 0);
	mock->slow = MOCK_ARM;
	mock->context = catch_make(world, 0, LAST_PAGE);
	thread = world_start(world, WORLD_MM_NONE, harvest_along, stage);
	world_wait(world, READ_ONCE(mock->entered));
	writer_touch(stage->writer, 0);
	writer_touch(stage->writer, 3);
	WRITE_ONCE(mock->open, true);
	KUNIT_EXPECT_EQ(test, world_join(thread), 0);
	catch_expect(mock->context, "0");
	log_expect(world, stage->log, 0, "0 3");
}

static struct kunit_case cases[] = {
	KUNIT_CASE(follows),
	KUNIT_CASE_PARAM(refuses, refusal_gen_params),
	KUNIT_CASE(binds_later),
	KUNIT_CASE_PARAM(unbind_beside_slow, slowness_gen_params),
	KUNIT_CASE_PARAM(unbind_slow, end_gen_params),
	KUNIT_CASE(slow_end),
	KUNIT_CASE(arms_what_was_taken),
	KUNIT_CASE(arms_in_holds),
	KUNIT_CASE(arms_what_leaves),
	KUNIT_CASE(no_arm_after_end),
	KUNIT_CASE(collects),
	KUNIT_CASE(harvest_beside_slow),
	KUNIT_CASE(writes_beside_slow),
	{}
};

struct kunit_suite virt_as_log_binding_suite = {
	.name = "virt_as_log_binding",
	.test_cases = cases,
};
