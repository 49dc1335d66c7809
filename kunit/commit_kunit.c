// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commit and the drain: what a commit changes, what a refused one leaves,
 * whom it waits for, and who becomes the owner.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "drain.h"
#include "map.h"
#include "object.h"
#include "suites.h"
#include "world.h"

#define REPLACE	VIRT_AS_COMMIT_REPLACE

static struct virt_as_binding *bind_reader(struct world *world)
{
	struct virt_as_binding *binding;

	binding = kunit_kzalloc(world->test, sizeof(*binding), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(world->test, binding);
	world_bind(world, binding, &world_plain_ops, VIRT_AS_RIGHT_READ);
	return binding;
}

/* What a section sees that begins now. */
static void expect_map(struct world *world, struct virt_as_binding *binding,
		       u64 generation, u32 nr)
{
	struct virt_as_section section;

	KUNIT_ASSERT_EQ(world->test, virt_as_begin(binding, &section), 0);
	KUNIT_EXPECT_EQ(world->test, virt_as_generation(&section), generation);
	KUNIT_EXPECT_EQ(world->test, section.map->nr, nr);
	virt_as_end(&section);
}

static void generations(struct kunit *test)
{
	struct world *world = world_make(test);
	struct virt_as_binding *binding = bind_reader(world);
	const struct virt_as_entry map[] = {
		world_ram(world, 0, 0, 1), world_ram(world, PAGES(4), 4, 2),
	};
	u64 generation;

	expect_map(world, binding, 1, 0);
	for (generation = 2; generation < 10; generation++) {
		u32 nr = generation % 3;

		world_replace(world, map, nr);
		KUNIT_EXPECT_EQ(test, world->request.out_generation, generation);
		KUNIT_EXPECT_EQ(test, world->request.out_index, VIRT_AS_NO_INDEX);
		KUNIT_EXPECT_TRUE(test, virt_as_drained(world->as));
		KUNIT_EXPECT_NULL(test, world->as->draining);
		expect_map(world, binding, generation, nr);
	}
	KUNIT_EXPECT_EQ(test, atomic64_read(&world->as->commits), 8);
}

struct refusal {
	const char *name;
	u32 flags;
	u64 expected_generation;
	u64 gpa;
	int err;
	u32 index;
};

static const struct refusal refusals[] = {
	{ "bad entry", REPLACE, 0, 1, -EINVAL, 1 },
	{ "overlap", REPLACE, 0, 0, -EEXIST, 1 },
	{ "stale", REPLACE | VIRT_AS_COMMIT_EXPECT, 1, PAGE_SIZE, -ESTALE,
	  VIRT_AS_NO_INDEX },
	{ "stale and bad", REPLACE | VIRT_AS_COMMIT_EXPECT, 3, 1, -ESTALE,
	  VIRT_AS_NO_INDEX },
	{ "tried", REPLACE | VIRT_AS_COMMIT_TRY, 0, PAGE_SIZE, 0, VIRT_AS_NO_INDEX },
	{ "tried and bad", REPLACE | VIRT_AS_COMMIT_TRY, 0, 0, -EEXIST, 1 },
};

KUNIT_ARRAY_PARAM_DESC(refusal, refusals, name);

/* Nothing has happened: the very map is there that was. */
static void changes_nothing(struct kunit *test)
{
	const struct refusal *refusal = test->param_value;
	struct world *world = world_make(test);
	struct virt_as_binding *binding = bind_reader(world);
	struct virt_as_entry map[] = {
		world_ram(world, 0, 0, 1), world_ram(world, refusal->gpa, 4, 1),
	};
	struct virt_as_section section;

	world_replace(world, map, 1);
	KUNIT_ASSERT_EQ(test, virt_as_begin(binding, &section), 0);
	world->request.expected_generation = refusal->expected_generation;
	KUNIT_EXPECT_EQ(test, world_commit(world, refusal->flags, map, 2), refusal->err);
	KUNIT_EXPECT_EQ(test, world->request.out_generation, 2);
	KUNIT_EXPECT_EQ(test, world->request.out_index, refusal->index);
	KUNIT_EXPECT_PTR_EQ(test, rcu_access_pointer(world->as->map), section.map);
	KUNIT_EXPECT_TRUE(test, virt_as_drained(world->as));
	KUNIT_EXPECT_EQ(test, atomic64_read(&world->as->commits), 1);
	virt_as_end(&section);

	/* And the next one finds nothing in its way. */
	world->request.expected_generation = 2;
	map[1].gpa = PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, world_commit(world, REPLACE | VIRT_AS_COMMIT_EXPECT, map, 2), 0);
	KUNIT_EXPECT_EQ(test, world->request.out_generation, 3);
}

/* A section of before the commit goes on with its map; NOWAIT waits for none. */
static void nowait(struct kunit *test)
{
	struct world *world = world_make(test);
	struct virt_as_binding *binding = bind_reader(world);
	const struct virt_as_entry map = world_ram(world, 0, 0, 1);
	struct virt_as_cache cache = {};
	struct virt_as_section section;
	u8 byte;

	KUNIT_ASSERT_EQ(test, virt_as_begin(binding, &section), 0);
	KUNIT_EXPECT_EQ(test, world_commit(world, REPLACE | VIRT_AS_COMMIT_NOWAIT,
					   &map, 1), 0);
	KUNIT_EXPECT_EQ(test, world->request.out_generation, 2);
	KUNIT_EXPECT_EQ(test, virt_as_generation(&section), 1);
	KUNIT_EXPECT_EQ(test, virt_as_copy_from(&section, &cache, 0, &byte, 1), -ENOENT);
	expect_map(world, binding, 2, 1);
	KUNIT_EXPECT_FALSE(test, virt_as_drained(world->as));
	KUNIT_EXPECT_EQ(test, world_commit(world, REPLACE | VIRT_AS_COMMIT_NOWAIT,
					   NULL, 0), -EAGAIN);
	KUNIT_EXPECT_EQ(test, world->request.out_generation, 2);
	virt_as_end(&section);

	world_wait(world, virt_as_drained(world->as));
	KUNIT_EXPECT_EQ(test, world_commit(world, REPLACE | VIRT_AS_COMMIT_NOWAIT,
					   NULL, 0), 0);
	world_wait(world, virt_as_drained(world->as));
}

/**
 * struct reader - a thread that has a section open
 * @binding: its binding
 * @begun: the section is open
 * @leave: it may end
 * @ending: it is about to end
 * @word: what it read at the end, at gpa 0
 * @generation: that it saw, at the end
 * @interrupt: whom to send a signal once the map is replaced, or NULL
 */
struct reader {
	struct virt_as_binding *binding;
	bool begun;
	bool leave;
	bool ending;
	u64 word;
	u64 generation;
	struct task_struct *interrupt;
};

static long read_along(struct world *world, void *arg)
{
	struct reader *reader = arg;
	struct virt_as_cache cache = {};
	struct virt_as_section section;
	ssize_t done;
	int err;

	err = virt_as_begin(reader->binding, &section);
	if (err)
		return err;
	WRITE_ONCE(reader->begun, true);
	world_wait(world, READ_ONCE(world->as->generation) !=
			  virt_as_generation(&section));
	KUNIT_EXPECT_FALSE(world->test, virt_as_drained(world->as));
	if (reader->interrupt) {
		send_sig(SIGUSR1, reader->interrupt, 0);
		world_wait(world, READ_ONCE(reader->leave));
	}
	done = virt_as_copy_from(&section, &cache, 0, &reader->word,
				 sizeof(reader->word));
	reader->generation = virt_as_generation(&section);
	WRITE_ONCE(reader->ending, true);
	virt_as_end(&section);
	return done;
}

/* The return of a commit means that who began before has ended. */
static void waits_for_sections(struct kunit *test)
{
	const u64 words[] = { 0xaaaa, 0xbbbb };
	struct world *world = world_make(test);
	struct reader reader = { .binding = bind_reader(world) };
	struct world_thread *thread;
	struct virt_as_entry map = world_ram(world, 0, 0, 1);

	world_put(world, 0, &words[0], sizeof(words[0]));
	world_put(world, PAGE_SIZE, &words[1], sizeof(words[1]));
	world_replace(world, &map, 1);
	thread = world_start(world, WORLD_MM_NONE, read_along, &reader);
	world_wait(world, READ_ONCE(reader.begun));

	map.hva += PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, world_commit(world, REPLACE, &map, 1), 0);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(reader.ending));
	KUNIT_EXPECT_EQ(test, world_join(thread), sizeof(reader.word));
	KUNIT_EXPECT_EQ(test, reader.generation, 2);
	KUNIT_EXPECT_EQ(test, reader.word, words[0]);
}

/* Both waits of a commit end with a signal, and out_generation tells which. */
static void interrupted(struct kunit *test)
{
	struct world *world = world_make(test);
	struct reader reader = {
		.binding = bind_reader(world),
		.interrupt = current,
	};
	const struct virt_as_entry map = world_ram(world, 0, 0, 1);
	struct world_thread *thread;

	allow_signal(SIGUSR1);
	world_replace(world, &map, 1);
	thread = world_start(world, WORLD_MM_NONE, read_along, &reader);
	world_wait(world, READ_ONCE(reader.begun));

	KUNIT_EXPECT_EQ(test, world_commit(world, REPLACE, NULL, 0), -EINTR);
	KUNIT_EXPECT_EQ(test, world->request.out_generation, 3);
	KUNIT_EXPECT_FALSE(test, virt_as_drained(world->as));
	/* Still pending, so the wait for the turn ends as well. */
	KUNIT_EXPECT_EQ(test, world_commit(world, REPLACE, &map, 1), -EINTR);
	KUNIT_EXPECT_EQ(test, world->request.out_generation, 0);
	KUNIT_EXPECT_EQ(test, READ_ONCE(world->as->generation), 3);
	flush_signals(current);

	WRITE_ONCE(reader.leave, true);
	KUNIT_EXPECT_EQ(test, world_commit(world, REPLACE, &map, 1), 0);
	KUNIT_EXPECT_EQ(test, world->request.out_generation, 4);
	KUNIT_EXPECT_TRUE(test, reader.ending);
	KUNIT_EXPECT_EQ(test, world_join(thread), sizeof(reader.word));
	KUNIT_EXPECT_EQ(test, reader.generation, 2);
}

static long commit_as_stranger(struct world *world, void *arg)
{
	const struct virt_as_entry *map = arg;

	KUNIT_EXPECT_EQ(world->test, world_commit(world, REPLACE, map, 1), -EXDEV);
	KUNIT_EXPECT_EQ(world->test, world->request.out_generation, 2);
	return world_commit(world, REPLACE | VIRT_AS_COMMIT_ADOPT, map, 1);
}

static long commit_as_owner(struct world *world, void *arg)
{
	return world_commit(world, REPLACE, arg, 1);
}

/* Any thread of the owner may commit; a stranger only if it adopts. */
static void owners(struct kunit *test)
{
	struct world *world = world_make(test);
	struct virt_as_binding *binding = bind_reader(world);
	struct virt_as_entry map = world_ram(world, 0, 0, 1);
	struct virt_as_section section;
	struct mm_struct *adopter;

	KUNIT_EXPECT_EQ(test, world_join(world_start(world, WORLD_MM_OWNER,
						     commit_as_owner, &map)), 0);
	expect_map(world, binding, 2, 1);
	KUNIT_EXPECT_EQ(test, world_join(world_start(world, WORLD_MM_OTHER,
						     commit_as_stranger, &map)), 0);
	KUNIT_EXPECT_EQ(test, world->as->generation, 3);

	/* The adopter has ended, and takes its memory along, now or soon. */
	adopter = rcu_access_pointer(world->as->map)->mm;
	KUNIT_EXPECT_PTR_NE(test, adopter, world->mm);
	world_wait(world, !rcu_access_pointer(adopter->owner));
	KUNIT_EXPECT_EQ(test, virt_as_begin(binding, &section), -ESRCH);
	KUNIT_EXPECT_EQ(test, world_commit(world, REPLACE, &map, 1), -EXDEV);
	KUNIT_EXPECT_EQ(test, world_commit(world, REPLACE | VIRT_AS_COMMIT_ADOPT, &map, 1), 0);
	expect_map(world, binding, 4, 1);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(generations),
	KUNIT_CASE_PARAM(changes_nothing, refusal_gen_params),
	KUNIT_CASE(nowait),
	KUNIT_CASE(waits_for_sections),
	KUNIT_CASE(interrupted),
	KUNIT_CASE(owners),
	{}
};

struct kunit_suite virt_as_commit_suite = {
	.name = "virt_as_commit",
	.test_cases = cases,
};
