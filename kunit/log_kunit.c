// SPDX-License-Identifier: GPL-2.0-only
/*
 * Logs: how they begin and end, what a commit means to them, what leaves, aliases,
 * and that none knows of another.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "binding.h"
#include "drain.h"
#include "log.h"
#include "logs.h"
#include "map.h"
#include "object.h"
#include "spans.h"
#include "suites.h"

#define REPLACE	VIRT_AS_COMMIT_REPLACE
#define PEEK	VIRT_AS_HARVEST_PEEK
#define SYNC	VIRT_AS_HARVEST_SYNC
#define RW	(VIRT_AS_PERM_READ | VIRT_AS_PERM_WRITE)

/**
 * struct stage - a world with a writer
 * @world: the world, with pages 0 to 3 and 100 to 103
 * @writer: the writer
 * @map: that map
 */
struct stage {
	struct world *world;
	struct writer *writer;
	struct virt_as_entry map[2];
};

static struct stage *set_stage(struct kunit *test)
{
	struct stage *stage = kunit_kzalloc(test, sizeof(*stage), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, stage);
	stage->world = world_make(test);
	stage->map[0] = world_ram(stage->world, PAGES(0), 0, 4);
	stage->map[1] = world_ram(stage->world, PAGES(100), 10, 4);
	world_replace(stage->world, stage->map, 2);
	stage->writer = writer_make(stage->world);
	return stage;
}

static void begins_clean(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct world *world = stage->world;
	struct virt_as_log *log;

	writer_touch(stage->writer, 1);
	log = log_open(world, 0, 0);
	log_expect(world, log, 0, "");
	writer_touch(stage->writer, 2);
	writer_touch(stage->writer, 100);
	log_expect(world, log, PEEK, "2 100");
	log_expect(world, log, SYNC, "2 100");
	log_expect(world, log, 0, "");
	writer_touch(stage->writer, 2);
	log_expect(world, log, 0, "2");
	KUNIT_EXPECT_EQ(test, atomic64_read(&log->harvests), 5);
	KUNIT_EXPECT_EQ(test, atomic64_read(&log->harvested), 5);
	KUNIT_EXPECT_EQ(test, log->nr_dirty, 0);
}

static void begins_dirty(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct world *world = stage->world;
	struct virt_as_log *log = log_open(world, VIRT_AS_LOG_ALL_DIRTY, 0);

	KUNIT_EXPECT_EQ(test, log->nr_dirty, 8);
	log_expect(world, log, PEEK, "0-3 100-103");
	log_expect(world, log, 0, "0-3 100-103");
	log_expect(world, log, 0, "");
}

/* Live bits come with the first log and go after the last; only RAM has them. */
static void live_bits(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct world *world = stage->world;
	struct virt_as_log *first, *second;
	u32 round;

	stage->map[1].type = VIRT_AS_TYPE_DEVICE;
	world_replace(world, stage->map, 2);
	for (round = 0; round < 3; round++) {
		KUNIT_EXPECT_NULL(test, live_region(world, 0)->live);
		first = log_open(world, 0, 0);
		KUNIT_EXPECT_NOT_NULL(test, live_region(world, 0)->live);
		KUNIT_EXPECT_NULL(test, live_region(world, 100)->live);
		writer_touch(stage->writer, 3);
		second = log_open(world, 0, 0);
		KUNIT_EXPECT_EQ(test, world->as->nr_logs, 2);
		log_close(world, first);
		logs_settle(world);
		KUNIT_EXPECT_TRUE(test, world->as->logging);
		log_expect(world, second, 0, "");
		writer_touch(stage->writer, 2);
		log_expect(world, second, 0, "2");
		log_close(world, second);
		logs_settle(world);
		KUNIT_EXPECT_FALSE(test, world->as->logging);
		KUNIT_EXPECT_EQ(test, world->as->nr_logs, 0);
		writer_touch(stage->writer, 1);
	}
}

static void restore_limit(void *was)
{
	virt_as_max_logs = (unsigned long)was;
}

static void limit(struct kunit *test)
{
	struct world *world = set_stage(test)->world;
	void *was = (void *)(unsigned long)virt_as_max_logs;
	struct virt_as_log *logs[3];
	u32 i;

	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, restore_limit, was), 0);
	virt_as_max_logs = ARRAY_SIZE(logs);
	for (i = 0; i < ARRAY_SIZE(logs); i++)
		logs[i] = log_open(world, 0, 0);
	KUNIT_EXPECT_PTR_EQ(test, virt_as_log_open(world->as, 0, 0), ERR_PTR(-ENOSPC));
	log_close(world, logs[1]);
	log_open(world, 0, 0);
	KUNIT_EXPECT_PTR_EQ(test, virt_as_log_open(world->as, 0, 0), ERR_PTR(-ENOSPC));
}

/* The same region keeps its live bits, and what is in them; others get new ones. */
static void inherits(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct world *world = stage->world;
	struct virt_as_log *log = log_open(world, 0, 0);
	const struct virt_as_bits *live[2];

	live[0] = live_region(world, 0)->live;
	live[1] = live_region(world, 100)->live;
	writer_touch(stage->writer, 1);
	writer_touch(stage->writer, 102);

	/* Named in another order, and with a neighbour. */
	stage->map[0] = world_ram(world, PAGES(4), 4, 4);
	KUNIT_ASSERT_EQ(test, world_commit(world, 0, stage->map, 1), 0);
	KUNIT_EXPECT_PTR_EQ(test, live_region(world, 0)->live, live[0]);
	KUNIT_EXPECT_PTR_EQ(test, live_region(world, 100)->live, live[1]);
	log_expect(world, log, 0, "1 4-7 102");

	writer_touch(stage->writer, 103);
	stage->map[0] = world_ram(world, PAGES(100), 10, 4);
	stage->map[1] = world_ram(world, PAGES(0), 0, 3);
	stage->map[1].flags = VIRT_AS_ENTRY_CLEAN;
	world_replace(world, stage->map, 2);
	KUNIT_EXPECT_PTR_EQ(test, live_region(world, 100)->live, live[1]);
	KUNIT_EXPECT_PTR_NE(test, live_region(world, 0)->live, live[0]);
	writer_touch(stage->writer, 0);
	log_expect(world, log, 0, "0 103");
}

/* A commit that is only tried, or refused, leaves the logs as they were. */
static void refused(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct world *world = stage->world;
	struct virt_as_log *log = log_open(world, 0, 0);
	const struct virt_as_bits *live = live_region(world, 0)->live;

	writer_touch(stage->writer, 1);
	stage->map[1].gpa = PAGES(200);
	KUNIT_EXPECT_EQ(test, world_commit(world, REPLACE | VIRT_AS_COMMIT_TRY,
					   stage->map, 2), 0);
	stage->map[1].gpa = PAGES(3);
	KUNIT_EXPECT_EQ(test, world_commit(world, REPLACE, stage->map, 2), -EEXIST);
	KUNIT_EXPECT_PTR_EQ(test, live_region(world, 0)->live, live);
	KUNIT_EXPECT_NULL(test, log->next);
	writer_touch(stage->writer, 101);
	log_expect(world, log, 0, "1 101");
}

struct change {
	const char *name;
	struct virt_as_entry entry;	/* hva in pages of the owner's */
	const char *dirty;
};

static const struct change changes[] = {
	{ "add", { .op = VIRT_AS_OP_ADD, .perms = RW, .gpa = PAGES(8), .len = PAGES(2),
		   .hva = 40 }, "1 8-9" },
	{ "add, clean", { .op = VIRT_AS_OP_ADD, .perms = RW, .flags = VIRT_AS_ENTRY_CLEAN,
			  .gpa = PAGES(8), .len = PAGES(2), .hva = 40 }, "1" },
	{ "add hardware", { .op = VIRT_AS_OP_ADD, .type = VIRT_AS_TYPE_DEVICE, .perms = RW,
			    .gpa = PAGES(8), .len = PAGES(2), .hva = 40 }, "1" },
	{ "add within a word", { .op = VIRT_AS_OP_ADD, .perms = RW, .gpa = PAGES(104),
				 .len = PAGES(60), .hva = 40 }, "1 104-163" },
	{ "move", { .op = VIRT_AS_OP_MOVE, .gpa = PAGES(0), .len = PAGES(4),
		    .new_gpa = PAGES(300) }, "1 300-303" },
	/* Of a write that no harvest had heard of, the new gpa is to hear, too. */
	{ "move, clean", { .op = VIRT_AS_OP_MOVE, .flags = VIRT_AS_ENTRY_CLEAN,
			   .gpa = PAGES(0), .len = PAGES(4), .new_gpa = PAGES(300) },
	  "1 301" },
	{ "protect", { .op = VIRT_AS_OP_PROTECT, .perms = VIRT_AS_PERM_READ,
		       .gpa = PAGES(0), .len = PAGES(4) }, "1" },
	{ "remove", { .op = VIRT_AS_OP_REMOVE, .gpa = PAGES(0), .len = PAGES(4) }, "1" },
};

KUNIT_ARRAY_PARAM_DESC(change, changes, name);

/* Page 1 was written before; the rest is what the commit says. */
static void committed(struct kunit *test)
{
	const struct change *change = test->param_value;
	struct stage *stage = set_stage(test);
	struct world *world = stage->world;
	struct virt_as_entry entry = change->entry;
	struct virt_as_log *log;

	if (entry.hva)
		entry.hva = world->hva + PAGES(entry.hva);
	log = log_open(world, 0, 0);
	writer_touch(stage->writer, 1);
	KUNIT_ASSERT_EQ(test, world_commit(world, 0, &entry, 1), 0);
	log_expect(world, log, 0, change->dirty);
	writer_touch(stage->writer, 101);
	log_expect(world, log, 0, "101");
}

/* Other memory behind a gpa is another region, and dirty. */
static void re_backed(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct world *world = stage->world;
	struct virt_as_log *log = log_open(world, 0, 0);

	stage->map[0].hva += PAGES(20);
	world_replace(world, stage->map, 2);
	log_expect(world, log, 0, "0-3");
	stage->map[0].len -= PAGES(1);
	world_replace(world, stage->map, 2);
	log_expect(world, log, 0, "0-2");
	stage->map[0].perms = VIRT_AS_PERM_READ;
	world_replace(world, stage->map, 2);
	log_expect(world, log, 0, "");
}

/* Who has the old map goes on to write by it, and is heard: before it lets go... */
static void leaves_with_section(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct world *world = stage->world;
	struct virt_as_log *log = log_open(world, 0, 0);
	struct virt_as_cache cache = {};
	struct virt_as_section section;
	const u8 byte = 1;

	writer_touch(stage->writer, 0);
	KUNIT_ASSERT_EQ(test, virt_as_begin(&stage->writer->binding, &section), 0);
	KUNIT_EXPECT_EQ(test, world_commit(world, REPLACE | VIRT_AS_COMMIT_NOWAIT,
					   &stage->map[1], 1), 0);
	KUNIT_EXPECT_EQ(test, virt_as_copy_to(&section, &cache, PAGES(1), &byte, 1), 1);
	log_expect(world, log, 0, "0-1");
	KUNIT_EXPECT_EQ(test, virt_as_copy_to(&section, &cache, PAGES(1), &byte, 1), 1);
	log_expect(world, log, 0, "1");
	/* ... and after. */
	KUNIT_EXPECT_EQ(test, virt_as_copy_to(&section, &cache, PAGES(3), &byte, 1), 1);
	KUNIT_EXPECT_EQ(test, virt_as_copy_to(&section, &cache, PAGES(102), &byte, 1), 1);
	virt_as_end(&section);
	world_wait(world, virt_as_drained(world->as));
	KUNIT_EXPECT_NULL(test, world->as->leaving);
	log_expect(world, log, 0, "3 102");
}

/* What has left stays until it is harvested, and is then forgotten by a commit. */
static void stays_until_harvested(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct world *world = stage->world;
	struct virt_as_log *log;
	u32 i;

	/* Of another word than the first, and not its neighbour. */
	stage->map[1].gpa = PAGES(200);
	world_replace(world, stage->map, 2);
	log = log_open(world, 0, 0);
	writer_touch(stage->writer, 2);
	KUNIT_EXPECT_EQ(test, log->spans->nr_words, 2);
	for (i = 0; i < 3; i++) {
		stage->map[1].hva += PAGES(1);
		stage->map[1].flags = VIRT_AS_ENTRY_CLEAN;
		world_replace(world, &stage->map[1], 1);
		KUNIT_EXPECT_EQ(test, log->spans->nr_words, 2);
	}
	log_expect(world, log, 0, "2");
	KUNIT_EXPECT_EQ(test, log->spans->nr_words, 2);

	/* Not while somebody may restore. */
	virt_as_log_use(log);
	world_replace(world, NULL, 0);
	world_replace(world, NULL, 0);
	KUNIT_EXPECT_EQ(test, log->spans->nr_words, 2);
	virt_as_log_unuse(log);
	world_replace(world, NULL, 0);
	KUNIT_EXPECT_EQ(test, log->spans->nr_words, 0);
	world_replace(world, stage->map, 2);
	log_expect(world, log, 0, "0-3");
}

struct alias {
	const char *name;
	u64 gpa;	/* of pages 0 to 3 of the owner's, which gpa 0 has, too */
	u32 page;	/* or from this one of the owner's on */
	u32 type;
	const char *dirty;
};

/* Of the owner's pages 0 and 3 are written: by the first region, by the other one. */
static const struct alias aliases[] = {
	{ "congruent", PAGES(64), 0, VIRT_AS_TYPE_RAM, "0 3 64 67" },
	{ "across words", PAGES(62), 0, VIRT_AS_TYPE_RAM, "0 3 62 65" },
	{ "shifted", PAGES(50), 2, VIRT_AS_TYPE_RAM, "0 3 51" },
	{ "neighbour", PAGES(4), 0, VIRT_AS_TYPE_RAM, "0 3-4 7" },
	{ "hardware", PAGES(64), 0, VIRT_AS_TYPE_DEVICE, "0 3" },
};

KUNIT_ARRAY_PARAM_DESC(alias, aliases, name);

static void set_aliases(struct stage *stage)
{
	const struct alias *alias = stage->world->test->param_value;

	stage->map[1] = world_ram(stage->world, alias->gpa, alias->page, 4);
	stage->map[1].type = alias->type;
	world_replace(stage->world, stage->map, 2);
}

static void aliased(struct kunit *test)
{
	const struct alias *alias = test->param_value;
	struct stage *stage = set_stage(test);
	struct world *world = stage->world;
	u64 back = (alias->gpa >> PAGE_SHIFT) - alias->page;
	struct virt_as_log *log;
	struct catch *catch;

	set_aliases(stage);
	log = log_open(world, 0, 0);
	writer_touch(stage->writer, 0);
	writer_touch(stage->writer, 3);
	log_expect(world, log, 0, alias->dirty);
	log_expect(world, log, 0, "");

	/* A write by one is in the harvest of the other's range alone. */
	writer_touch(stage->writer, 3);
	catch = catch_make(world, back + 3, back + 3);
	KUNIT_EXPECT_EQ(test, catch_all(log, catch), 0);
	KUNIT_EXPECT_EQ(test, catch->nr, alias->type == VIRT_AS_TYPE_RAM);
	log_expect(world, log, 0, "3");

	if (alias->type != VIRT_AS_TYPE_RAM)
		return;
	writer_touch(stage->writer, back + 3);
	catch = catch_make(world, 3, 3);
	KUNIT_EXPECT_EQ(test, catch_all(log, catch), 0);
	KUNIT_EXPECT_EQ(test, catch->nr, 1);
}

/* The gpa that was written by leaves; the other gpas of the page hear of it. */
static void alias_leaves(struct kunit *test)
{
	const struct alias *alias = test->param_value;
	struct stage *stage = set_stage(test);
	struct world *world = stage->world;
	struct virt_as_cache cache = {};
	struct virt_as_section section;
	struct virt_as_log *log;
	const u8 byte = 1;

	set_aliases(stage);
	log = log_open(world, 0, 0);
	writer_touch(stage->writer, 0);
	KUNIT_ASSERT_EQ(test, virt_as_begin(&stage->writer->binding, &section), 0);
	KUNIT_EXPECT_EQ(test, world_commit(world, REPLACE | VIRT_AS_COMMIT_NOWAIT,
					   &stage->map[1], 1), 0);
	KUNIT_EXPECT_EQ(test, virt_as_copy_to(&section, &cache, PAGES(3), &byte, 1), 1);
	log_expect(world, log, PEEK, alias->dirty);
	log_expect(world, log, 0, alias->dirty);
	KUNIT_EXPECT_EQ(test, virt_as_copy_to(&section, &cache, PAGES(0), &byte, 1), 1);
	KUNIT_EXPECT_EQ(test, virt_as_copy_to(&section, &cache, PAGES(3), &byte, 1), 1);
	virt_as_end(&section);
	world_wait(world, virt_as_drained(world->as));
	log_expect(world, log, 0, alias->dirty);
}

/* A harvest of one does not hide a write from another. */
static void independent(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct world *world = stage->world;
	struct virt_as_log *a = log_open(world, 0, 0);
	struct virt_as_log *b, *c;

	writer_touch(stage->writer, 0);
	b = log_open(world, 0, 0);
	writer_touch(stage->writer, 1);
	log_expect(world, b, 0, "1");
	c = log_open(world, VIRT_AS_LOG_ALL_DIRTY, 0);
	writer_touch(stage->writer, 2);
	log_expect(world, a, PEEK, "0-2");
	log_close(world, b);
	virt_as_log_remove(a, 1, 1);
	log_expect(world, a, 0, "0 2");
	log_expect(world, c, 0, "0-3 100-103");
	writer_touch(stage->writer, 103);
	log_expect(world, a, 0, "103");
	log_expect(world, c, 0, "103");
}

/* What a consumer itself makes clean or dirty, in the map or not. */
static void by_hand(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct world *world = stage->world;
	struct virt_as_log *log = log_open(world, VIRT_AS_LOG_ALL_DIRTY, 0);
	struct virt_as_log *other = log_open(world, 0, 0);

	virt_as_log_remove(log, 2, 101);
	log_expect(world, log, PEEK, "0-1 102-103");
	virt_as_log_remove(log, 0, LAST_PAGE);
	log_expect(world, log, 0, "");
	virt_as_log_fill(log, 50, 200);
	log_expect(world, log, 0, "50-127");
	virt_as_log_use(log);
	KUNIT_EXPECT_EQ(test, virt_as_log_cover(log, 0, 127), 0);
	KUNIT_EXPECT_EQ(test, log->spans->nr_words, 2);
	KUNIT_EXPECT_EQ(test, virt_as_log_cover(log, 50, 1000), 0);
	virt_as_log_fill(log, 999, 1000);
	virt_as_log_fill(log, 200, 200);
	virt_as_log_unuse(log);
	KUNIT_EXPECT_EQ(test, virt_as_log_cover(log, 0, LAST_PAGE), -EDQUOT);
	KUNIT_EXPECT_EQ(test, log->nr_dirty, 3);
	log_expect(world, log, 0, "200 999-1000");
	/* Live bits stay where they are. */
	writer_touch(stage->writer, 3);
	virt_as_log_remove(log, 0, LAST_PAGE);
	log_expect(world, log, 0, "3");
	log_expect(world, other, 0, "3");
}

/* Somebody looks by itself, as long as there is a log with a threshold. */
static void threshold(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct world *world = stage->world;
	struct virt_as_log *without = log_open(world, VIRT_AS_LOG_ALL_DIRTY, 0);
	struct virt_as_log *log = log_open(world, 0, 2);
	struct virt_as_log *more = log_open(world, 0, 100);

	KUNIT_EXPECT_FALSE(test, virt_as_log_ready(without));
	writer_touch(stage->writer, 1);
	world_wait(world, READ_ONCE(log->nr_dirty));
	KUNIT_EXPECT_FALSE(test, virt_as_log_ready(log));
	writer_touch(stage->writer, 2);
	world_wait(world, virt_as_log_ready(log));
	KUNIT_EXPECT_TRUE(test, virt_as_log_ready(log));
	KUNIT_EXPECT_FALSE(test, virt_as_log_ready(more));
	log_expect(world, log, PEEK, "1-2");
	KUNIT_EXPECT_TRUE(test, virt_as_log_ready(log));
	log_expect(world, log, 0, "1-2");
	KUNIT_EXPECT_FALSE(test, virt_as_log_ready(log));
	log_close(world, log);
	writer_touch(stage->writer, 3);
	world_wait(world, READ_ONCE(more->nr_dirty) == 3);
	log_close(world, more);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&world->as->watch_work));
}

/* A hole is an error to who marks, and nothing is marked then. */
static void marks(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct world *world = stage->world;
	struct virt_as_log *log;

	stage->map[1] = world_ram(world, PAGES(4), 4, 200);
	world_replace(world, stage->map, 2);
	KUNIT_EXPECT_EQ(test, writer_mark(stage->writer, 2, 4), 0);
	log = log_open(world, 0, 0);
	KUNIT_EXPECT_EQ(test, writer_mark(stage->writer, 2, 4), 0);
	KUNIT_EXPECT_EQ(test, writer_mark(stage->writer, 100, 105), -ENOENT);
	KUNIT_EXPECT_EQ(test, writer_mark(stage->writer, LAST_PAGE, 2), -EOVERFLOW);
	log_expect(world, log, 0, "2-5");
	KUNIT_EXPECT_EQ(test, writer_mark(stage->writer, 0, 204), 0);
	log_expect(world, log, 0, "0-203");
}

/*
 * Who waits for sections may give up, and all may be closed, while that wait goes on:
 * what is begun for nobody must not outlive the address space. KASAN would tell, if it
 * comes at the wrong moment, which is not for a test to choose.
 */
static void abandoned_sync(struct kunit *test)
{
	struct virt_as_binding *binding = kunit_kzalloc(test, sizeof(*binding), GFP_KERNEL);
	unsigned int refs = refcount_read(&task_pid(current)->count);
	struct world *world = world_make(test);
	struct virt_as_section section;
	struct virt_as *as;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, binding);
	refs += 1;
	as = virt_as_alloc();
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, as);
	KUNIT_ASSERT_EQ(test, virt_as_bind(as, binding, &world_plain_ops,
					   VIRT_AS_RIGHT_READ), 0);
	KUNIT_ASSERT_EQ(test, virt_as_begin(binding, &section), 0);
	allow_signal(SIGUSR1);
	send_sig(SIGUSR1, current, 0);
	for (i = 0; i < 2; i++)
		KUNIT_EXPECT_PTR_EQ(test, virt_as_log_open(as, 0, 0), ERR_PTR(-EINTR));
	flush_signals(current);
	KUNIT_EXPECT_EQ(test, as->nr_logs, 0);
	flush_work(&as->stop_work);
	virt_as_end(&section);
	virt_as_unbind(binding);
	virt_as_put(as);

	/* Freed, but for the map of the world. */
	world_wait(world, refcount_read(&task_pid(current)->count) == refs);
	schedule_timeout_uninterruptible(5);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(begins_clean),
	KUNIT_CASE(begins_dirty),
	KUNIT_CASE(live_bits),
	KUNIT_CASE(limit),
	KUNIT_CASE(inherits),
	KUNIT_CASE(refused),
	KUNIT_CASE_PARAM(committed, change_gen_params),
	KUNIT_CASE(re_backed),
	KUNIT_CASE(leaves_with_section),
	KUNIT_CASE(stays_until_harvested),
	KUNIT_CASE_PARAM(aliased, alias_gen_params),
	KUNIT_CASE_PARAM(alias_leaves, alias_gen_params),
	KUNIT_CASE(independent),
	KUNIT_CASE(by_hand),
	KUNIT_CASE(threshold),
	KUNIT_CASE(marks),
	KUNIT_CASE(abandoned_sync),
	{}
};

struct kunit_suite virt_as_log_suite = {
	.name = "virt_as_log",
	.test_cases = cases,
};
