// SPDX-License-Identifier: GPL-2.0-only
/*
 * The harvest: limits, units, batches, what cannot be delivered, what a commit hands
 * over; and all of it at random against a byte for each page of each log.
 */
#include <linux/mm.h>
#include <linux/prandom.h>

#include "drain.h"
#include "handover.h"
#include "log.h"
#include "logs.h"
#include "object.h"
#include "suites.h"

#define REPLACE		VIRT_AS_COMMIT_REPLACE
#define HANDOVER	(VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_HANDOVER)

/* Memory that nobody touches, so that nothing need be behind it. */
#define HVA		0x10000000ULL

/* What most tests harvest: pages 0 to 16,383. */
#define LAST		16383

static struct virt_as_entry memory(u64 page, u64 nr, u64 hva_page)
{
	return (struct virt_as_entry) {
		.op = VIRT_AS_OP_ADD,
		.perms = VIRT_AS_PERM_READ | VIRT_AS_PERM_WRITE,
		.gpa = PAGES(page),
		.len = PAGES(nr),
		.hva = HVA + PAGES(hva_page),
	};
}

/* One region of 20,000 pages. */
static struct writer *make_large(struct kunit *test)
{
	struct world *world = world_make(test);
	struct virt_as_entry map = memory(0, 20000, 0);

	world_replace(world, &map, 1);
	return writer_make(world);
}

struct limits {
	const char *name;
	unsigned int shift;
	u64 max_units;
	u64 max_extents;
	const char *pages;
	u64 next;
};

static const struct limits limitses[] = {
	{ "none", 0, U64_MAX, U64_MAX, "0-9 20 22 64-70", LAST + 1 },
	{ "5 pages", 0, 5, U64_MAX, "0-4", 5 },
	{ "10 pages", 0, 10, U64_MAX, "0-9", 20 },
	{ "just all pages", 0, 19, U64_MAX, "0-9 20 22 64-70", LAST + 1 },
	{ "2 extents", 0, U64_MAX, 2, "0-9 20", 22 },
	{ "just all extents", 0, U64_MAX, 4, "0-9 20 22 64-70", LAST + 1 },
	{ "no extent", 0, U64_MAX, 0, "", 0 },
	{ "units of 4", 2, U64_MAX, U64_MAX, "0-11 20-23 64-71", LAST + 1 },
	{ "3 units of 4", 2, 3, U64_MAX, "0-11", 20 },
	{ "1 extent of units of 4", 2, U64_MAX, 1, "0-11", 20 },
	{ "units of 32", 5, U64_MAX, U64_MAX, "0-31 64-95", LAST + 1 },
	{ "1 extent of units of 64", 6, U64_MAX, 1, "0-127", LAST + 1 },
	{ "units of 8192", 13, U64_MAX, U64_MAX, "0-8191", LAST + 1 },
};

KUNIT_ARRAY_PARAM_DESC(limits, limitses, name);

/* And the rest is there for who goes on from out_next. */
static void limited(struct kunit *test)
{
	const struct limits *limits = test->param_value;
	struct writer *writer = make_large(test);
	struct world *world = writer->world;
	struct virt_as_log *log = log_open(world, 0, 0);
	struct catch *catch = catch_make(world, 0, LAST);
	u64 units;

	KUNIT_EXPECT_EQ(test, writer_mark(writer, 0, 10), 0);
	KUNIT_EXPECT_EQ(test, writer_mark(writer, 20, 1), 0);
	KUNIT_EXPECT_EQ(test, writer_mark(writer, 22, 1), 0);
	KUNIT_EXPECT_EQ(test, writer_mark(writer, 64, 7), 0);
	catch->reap.shift = limits->shift;
	catch->reap.max_units = limits->max_units;
	catch->reap.max_extents = limits->max_extents;
	catch->reap.flags = VIRT_AS_HARVEST_PEEK;
	KUNIT_EXPECT_EQ(test, catch_all(log, catch), 0);
	catch_expect(catch, limits->pages);
	KUNIT_EXPECT_EQ(test, log->nr_dirty, 19);

	catch->reap.flags = 0;
	KUNIT_EXPECT_EQ(test, catch_all(log, catch), 0);
	catch_expect(catch, limits->pages);
	KUNIT_EXPECT_EQ(test, catch->reap.out_next, limits->next);
	KUNIT_EXPECT_EQ(test, catch->reap.out_more, limits->next <= LAST);
	KUNIT_EXPECT_EQ(test, catch->reap.out_extents, catch->nr);

	units = catch->reap.out_units;
	catch->reap.first = 0;
	catch->reap.max_units = U64_MAX;
	catch->reap.max_extents = U64_MAX;
	KUNIT_EXPECT_EQ(test, catch_all(log, catch), 0);
	KUNIT_EXPECT_EQ(test, log->nr_dirty, 0);
	units += catch->reap.out_units;
	KUNIT_EXPECT_EQ(test, units, limits->shift == 0 ? 19 : limits->shift == 2 ? 6 :
				     limits->shift == 13 ? 1 : 2);
}

/* More than a hold of the lock: still one extent, and one unit. */
static void larger_than_a_hold(struct kunit *test)
{
	struct writer *writer = make_large(test);
	struct world *world = writer->world;
	struct virt_as_log *log = log_open(world, 0, 0);
	struct catch *catch = catch_make(world, 0, LAST);

	KUNIT_EXPECT_EQ(test, writer_mark(writer, 10, 15000), 0);
	log_expect(world, log, 0, "10-15009");
	log_expect(world, log, 0, "");

	KUNIT_EXPECT_EQ(test, writer_mark(writer, 10, 15000), 0);
	catch->reap.shift = 13;
	catch->reap.max_units = 1;
	KUNIT_EXPECT_EQ(test, catch_all(log, catch), 0);
	catch_expect(catch, "0-8191");
	KUNIT_EXPECT_EQ(test, catch->reap.out_units, 1);
	KUNIT_EXPECT_EQ(test, catch->reap.out_next, 8192);
	KUNIT_EXPECT_TRUE(test, catch->reap.out_more);
	log_expect(world, log, 0, "8192-15009");
	KUNIT_EXPECT_EQ(test, log->nr_dirty, 0);
}

/* Every other page, and then a run that is longer than a hold. */
#define SINGLES	(VIRT_AS_HARVEST_BATCH - 1)

static void mark_singles(struct writer *writer, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		KUNIT_EXPECT_EQ(writer->world->test, writer_mark(writer, 2 * i, 1), 0);
}

static void expect_singles(struct catch *catch, u32 from, u32 nr)
{
	u32 wrong = 0;
	u32 i;

	for (i = 0; i < min(nr, catch->nr); i++)
		wrong += catch->extents[i].gpa != PAGES(2 * (from + i)) ||
			 catch->extents[i].len != PAGE_SIZE;
	KUNIT_EXPECT_EQ(catch->world->test, wrong, 0);
	KUNIT_EXPECT_GE(catch->world->test, catch->nr, nr);
}

static void batches(struct kunit *test)
{
	struct writer *writer = make_large(test);
	struct virt_as_log *log = log_open(writer->world, 0, 0);
	struct catch *catch = catch_make(writer->world, 0, LAST);
	u32 singles;

	for (singles = SINGLES - 1; singles <= SINGLES + 1; singles++) {
		mark_singles(writer, singles);
		KUNIT_EXPECT_EQ(test, writer_mark(writer, 1000, 9000), 0);
		KUNIT_EXPECT_EQ(test, catch_all(log, catch), 0);
		KUNIT_EXPECT_EQ(test, catch->nr, singles + 1);
		expect_singles(catch, 0, singles);
		KUNIT_EXPECT_EQ(test, catch->extents[singles].gpa, PAGES(1000));
		KUNIT_EXPECT_EQ(test, catch->extents[singles].len, PAGES(9000));
	}
	mark_singles(writer, 2000);
	KUNIT_EXPECT_EQ(test, catch_all(log, catch), 0);
	KUNIT_EXPECT_EQ(test, catch->nr, 2000);
	expect_singles(catch, 0, 2000);
	KUNIT_EXPECT_EQ(test, log->nr_dirty, 0);
}

static const u32 rooms[] = { 0, 1, SINGLES, SINGLES + 1, SINGLES + 2, 400, 599 };

static void name_room(const u32 *room, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "room for %u", *room);
}

KUNIT_ARRAY_PARAM(room, rooms, name_room);

/* What cannot be delivered is there the next time, and nothing else is. */
static void restores(struct kunit *test)
{
	const u32 room = *(const u32 *)test->param_value;
	struct writer *writer = make_large(test);
	struct virt_as_log *log = log_open(writer->world, 0, 0);
	struct catch *catch = catch_make(writer->world, 0, LAST);

	mark_singles(writer, 600);
	catch->room = room;
	catch->reap.flags = VIRT_AS_HARVEST_PEEK;
	KUNIT_EXPECT_EQ(test, catch_all(log, catch), -EFAULT);
	KUNIT_EXPECT_EQ(test, atomic64_read(&log->restored), 0);
	catch->reap.flags = 0;
	KUNIT_EXPECT_EQ(test, catch_all(log, catch), -EFAULT);
	KUNIT_EXPECT_EQ(test, catch->nr, room);
	expect_singles(catch, 0, room);
	KUNIT_EXPECT_EQ(test, catch->reap.out_extents, room);
	KUNIT_EXPECT_EQ(test, catch->reap.out_units, room);
	KUNIT_EXPECT_EQ(test, catch->reap.out_next, 2 * room);
	KUNIT_EXPECT_TRUE(test, catch->reap.out_more);
	KUNIT_EXPECT_EQ(test, log->nr_dirty, 600 - room);
	KUNIT_EXPECT_GE(test, atomic64_read(&log->restored), 1);

	catch->room = U32_MAX;
	KUNIT_EXPECT_EQ(test, catch_all(log, catch), 0);
	KUNIT_EXPECT_EQ(test, catch->nr, 600 - room);
	expect_singles(catch, room, 600 - room);
	KUNIT_EXPECT_EQ(test, log->nr_dirty, 0);
}

static void forget_twice(struct world *world)
{
	world_replace(world, NULL, 0);
	world_replace(world, NULL, 0);
	world_replace(world, NULL, 0);
}

/* Of a region that left long ago, by whole units, with commits before the failure. */
static void restores_what_left(struct kunit *test)
{
	struct writer *writer = make_large(test);
	struct world *world = writer->world;
	struct virt_as_log *log = log_open(world, 0, 0);
	struct catch *catch = catch_make(world, 0, LAST);

	KUNIT_EXPECT_EQ(test, writer_mark(writer, 13, 1), 0);
	world_replace(world, NULL, 0);
	catch->room = 0;
	catch->reap.shift = 2;
	catch->meanwhile = forget_twice;
	KUNIT_EXPECT_EQ(test, catch_all(log, catch), -EFAULT);
	KUNIT_EXPECT_EQ(test, log->nr_dirty, 4);
	log_expect(world, log, 0, "12-15");
	forget_twice(world);
	KUNIT_EXPECT_EQ(test, atomic64_read(&log->restored), 4);
}

struct late {
	struct writer *writer;
	bool begun;
	bool go;
	u64 wanted;
	u64 generation;
};

static bool may_end(struct virt_as *as, const struct late *late)
{
	return READ_ONCE(as->sync_wanted) != late->wanted ||
	       READ_ONCE(as->generation) != late->generation || READ_ONCE(late->go);
}

/* Writes and ends when somebody waits for that, or at the latest when told to. */
static long write_late(struct world *world, void *arg)
{
	struct late *late = arg;
	struct virt_as *as = world->as;
	struct virt_as_section section;
	int err;

	late->wanted = READ_ONCE(as->sync_wanted);
	err = virt_as_begin(&late->writer->binding, &section);
	if (err)
		return err;
	late->generation = virt_as_generation(&section);
	WRITE_ONCE(late->begun, true);
	world_wait(world, may_end(as, late));
	err = virt_as_mark_gpa(&section, PAGES(7), 1);
	virt_as_end(&section);
	return err;
}

static struct world_thread *start_late(struct late *late, struct writer *writer)
{
	struct world_thread *thread;

	late->writer = writer;
	thread = world_start(writer->world, WORLD_MM_NONE, write_late, late);
	world_wait(writer->world, READ_ONCE(late->begun));
	return thread;
}

/* What was begun before the harvest is in it. */
static void synchronous(struct kunit *test)
{
	struct writer *writer = make_large(test);
	struct world *world = writer->world;
	struct virt_as_log *log = log_open(world, 0, 0);
	struct late *late = kunit_kzalloc(test, sizeof(*late), GFP_KERNEL);
	struct world_thread *thread;

	KUNIT_ASSERT_NOT_NULL(test, late);
	thread = start_late(late, writer);
	log_expect(world, log, 0, "");
	log_expect(world, log, VIRT_AS_HARVEST_SYNC, "7");
	WRITE_ONCE(late->go, true);
	KUNIT_EXPECT_EQ(test, world_join(thread), 0);
}

/* Who began before the log was there has ended when it is given out. */
static void open_waits(struct kunit *test)
{
	struct writer *writer = make_large(test);
	struct world *world = writer->world;
	struct late *late = kunit_kzalloc(test, sizeof(*late), GFP_KERNEL);
	struct world_thread *thread;
	struct virt_as_log *log;

	KUNIT_ASSERT_NOT_NULL(test, late);
	thread = start_late(late, writer);
	log = log_open(world, 0, 0);
	KUNIT_EXPECT_FALSE(test, READ_ONCE(late->go));
	/* It saw the live bits already. */
	log_expect(world, log, 0, "7");
	WRITE_ONCE(late->go, true);
	KUNIT_EXPECT_EQ(test, world_join(thread), 0);
}

/**
 * struct leaving - a commit that hands over
 * @name: what it is
 * @map: the new map
 * @nr: number of @map
 * @room: extents that are taken back
 * @given: what is handed over, of 3, 101 and 105
 * @kept: what the log keeps
 */
struct leaving {
	const char *name;
	struct virt_as_entry map[2];
	u32 nr;
	u64 room;
	const char *given;
	const char *kept;
};

#define ENTRY(page, pages, hva_page, ...)					\
	{ .perms = VIRT_AS_PERM_READ | VIRT_AS_PERM_WRITE, .gpa = PAGES(page),	\
	  .len = PAGES(pages), .hva = HVA + PAGES(hva_page), __VA_ARGS__ }

static const struct leaving leavings[] = {
	{ "nothing", { ENTRY(0, 10, 0), ENTRY(100, 10, 100) }, 2, 9, "", "3 101 105" },
	{ "one region", { ENTRY(0, 10, 0) }, 1, 9, "101 105", "3" },
	{ "all", { }, 0, 9, "3 101 105", "" },
	{ "all, room for one", { }, 0, 1, "3", "101 105" },
	{ "all, no room", { }, 0, 0, "", "3 101 105" },
	{ "re-backed", { ENTRY(0, 10, 0), ENTRY(100, 10, 200) }, 2, 9,
	  "", "3 100-109" },
	{ "moved down", { ENTRY(0, 10, 0), ENTRY(90, 12, 90, .flags = VIRT_AS_ENTRY_CLEAN) },
	  2, 9, "105", "3 101" },
	{ "cut in the middle", { ENTRY(2, 3, 0, .flags = VIRT_AS_ENTRY_CLEAN),
				 ENTRY(104, 1, 0, .flags = VIRT_AS_ENTRY_CLEAN) },
	  2, 9, "101 105", "3" },
	{ "now hardware", { ENTRY(0, 10, 0), ENTRY(100, 10, 100, .type = VIRT_AS_TYPE_DEVICE) },
	  2, 9, "", "3 101 105" },
};

KUNIT_ARRAY_PARAM_DESC(leaving, leavings, name);

static int commit_handover(struct world *world, struct virt_as_handover *handover,
			   const struct virt_as_entry *map, u32 nr)
{
	int err;

	world->request.handover = handover;
	err = world_commit(world, HANDOVER, map, nr);
	world->request.handover = NULL;
	virt_as_handover_end(handover);
	return err;
}

static struct virt_as_handover *make_handover(struct kunit *test, struct virt_as_log *log,
					      struct catch *catch)
{
	struct virt_as_handover *handover = kunit_kzalloc(test, sizeof(*handover), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, handover);
	handover->log = log;
	handover->reap.max_extents = U64_MAX;
	handover->reap.deliver = catch->reap.deliver;
	handover->reap.context = catch;
	return handover;
}

static void hands_over(struct kunit *test)
{
	const struct leaving *leaving = test->param_value;
	struct world *world = world_make(test);
	const struct virt_as_entry map[] = { memory(0, 10, 0), memory(100, 10, 100) };
	struct writer *writer = writer_make(world);
	struct catch *catch = catch_make(world, 0, 0);
	struct virt_as_handover *handover;
	struct virt_as_log *log;

	world_replace(world, map, 2);
	log = log_open(world, 0, 0);
	KUNIT_EXPECT_EQ(test, writer_mark(writer, 3, 1), 0);
	KUNIT_EXPECT_EQ(test, writer_mark(writer, 101, 1), 0);
	KUNIT_EXPECT_EQ(test, writer_mark(writer, 105, 1), 0);
	handover = make_handover(test, log, catch);
	handover->reap.max_extents = leaving->room;
	KUNIT_EXPECT_EQ(test, commit_handover(world, handover, leaving->map, leaving->nr), 0);
	catch_expect(catch, leaving->given);
	KUNIT_EXPECT_EQ(test, handover->reap.out_extents, catch->nr);
	KUNIT_EXPECT_EQ(test, handover->reap.out_more, leaving->room < 2);
	log_expect(world, log, 0, leaving->kept);
}

/* Also what was written by the old map after it was replaced. */
static void hands_over_late(struct kunit *test)
{
	struct writer *writer = make_large(test);
	struct world *world = writer->world;
	struct catch *catch = catch_make(world, 0, 0);
	struct late *late = kunit_kzalloc(test, sizeof(*late), GFP_KERNEL);
	struct virt_as_handover *handover;
	struct world_thread *thread;
	struct virt_as_log *log;

	KUNIT_ASSERT_NOT_NULL(test, late);
	log = log_open(world, 0, 0);
	thread = start_late(late, writer);
	handover = make_handover(test, log, catch);
	KUNIT_EXPECT_EQ(test, commit_handover(world, handover, NULL, 0), 0);
	catch_expect(catch, "7");
	WRITE_ONCE(late->go, true);
	KUNIT_EXPECT_EQ(test, world_join(thread), 0);
	log_expect(world, log, 0, "");
}

static void commit_again(struct world *world)
{
	struct virt_as_entry map = memory(0, 20000, 0);
	struct virt_as_request request = {
		.flags = REPLACE,
		.entries = &map,
		.nr_entries = 1,
	};

	map.flags = VIRT_AS_ENTRY_CLEAN;
	KUNIT_EXPECT_EQ(world->test, virt_as_commit_map(world->as, &request), 0);
}

/* What is there when another commit has come, or cannot be delivered, stays. */
static void hands_over_part(struct kunit *test)
{
	struct writer *writer = make_large(test);
	struct world *world = writer->world;
	struct catch *catch = catch_make(world, 0, LAST);
	struct virt_as_log *log = log_open(world, 0, 0);
	struct virt_as_handover *handover;
	u32 given;

	mark_singles(writer, 600);
	handover = make_handover(test, log, catch);
	catch->meanwhile = commit_again;
	KUNIT_EXPECT_EQ(test, commit_handover(world, handover, NULL, 0), 0);
	given = catch->nr;
	KUNIT_EXPECT_GE(test, given, SINGLES);
	KUNIT_EXPECT_LE(test, given, SINGLES + 1);
	KUNIT_EXPECT_TRUE(test, handover->reap.out_more);
	expect_singles(catch, 0, given);
	KUNIT_EXPECT_EQ(test, log->nr_dirty, 600 - given);

	handover = make_handover(test, log, catch);
	catch->nr = 0;
	catch->room = 100;
	KUNIT_EXPECT_EQ(test, commit_handover(world, handover, NULL, 0), -EFAULT);
	KUNIT_EXPECT_TRUE(test, world->request.published);
	KUNIT_EXPECT_TRUE(test, handover->reap.out_more);
	expect_singles(catch, given, 100);
	KUNIT_EXPECT_EQ(test, log->nr_dirty, 500 - given);
	catch->room = U32_MAX;
	KUNIT_EXPECT_EQ(test, catch_all(log, catch), 0);
	expect_singles(catch, given + 100, 500 - given);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(limited, limits_gen_params),
	KUNIT_CASE(larger_than_a_hold),
	KUNIT_CASE(batches),
	KUNIT_CASE_PARAM(restores, room_gen_params),
	KUNIT_CASE(restores_what_left),
	KUNIT_CASE(synchronous),
	KUNIT_CASE(open_waits),
	KUNIT_CASE_PARAM(hands_over, leaving_gen_params),
	KUNIT_CASE(hands_over_late),
	KUNIT_CASE(hands_over_part),
	{}
};

struct kunit_suite virt_as_harvest_suite = {
	.name = "virt_as_harvest",
	.test_cases = cases,
};
