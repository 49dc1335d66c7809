// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bindings: that they are told of each commit, in order; what happens when one of
 * them refuses, takes its time, or comes and goes while others commit.
 */
#include <linux/mm.h>
#include <linux/sched.h>

#include "binding.h"
#include "drain.h"
#include "grace.h"
#include "mocks.h"
#include "object.h"
#include "suites.h"
#include "world.h"

#define REPLACE		VIRT_AS_COMMIT_REPLACE

/**
 * struct stage - a world with mocks, named A, B, C, that all note in one log
 * @world: the world, with a map of one region, generation 2
 * @log: the log, empty until somebody is called
 * @mocks: none is bound yet
 * @map: another map to commit, of two regions
 */
struct stage {
	struct world *world;
	struct mock_log log;
	struct mock mocks[NR_MOCKS];
	struct virt_as_entry map[2];
};

static struct stage *set_stage(struct kunit *test)
{
	struct stage *stage = kunit_kzalloc(test, sizeof(*stage), GFP_KERNEL);
	struct world *world;

	KUNIT_ASSERT_NOT_NULL(test, stage);
	world = world_make(test);
	stage->world = world;
	mocks_init(stage->mocks, world, &stage->log);
	stage->map[0] = world_ram(world, 0, 0, 1);
	world_replace(world, stage->map, 1);
	stage->map[0].hva += PAGES(8);
	stage->map[1] = world_ram(world, PAGES(4), 1, 1);
	return stage;
}

static int commit(struct stage *stage)
{
	return world_commit(stage->world, REPLACE, stage->map, 2);
}

static void follows(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct mock *mock = &stage->mocks[0];
	struct world *world = stage->world;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, mock_bind(mock), 0);
	mocks_expect(stage->mocks, "pA cA ");
	KUNIT_EXPECT_EQ(test, mock->generation, 2);
	KUNIT_EXPECT_EQ(test, mock->nr, 1);
	KUNIT_EXPECT_PTR_EQ(test, mock->new_mm, world->mm);
	for (i = 0; i < 6; i++) {
		KUNIT_EXPECT_EQ(test, world_commit(world, REPLACE, stage->map, i % 3), 0);
		mocks_expect(stage->mocks, "pA cA ");
		KUNIT_EXPECT_EQ(test, mock->nr, i % 3);
		KUNIT_EXPECT_PTR_EQ(test, mock->old_mm, world->mm);
		KUNIT_EXPECT_TRUE(test, mock_has_map(mock, &mock->binding));
	}
	mock_unbind(mock);
	KUNIT_EXPECT_EQ(test, commit(stage), 0);
	mocks_expect(stage->mocks, "");
	KUNIT_EXPECT_EQ(test, world->as->nr_bindings, 0);
}

static void hold(struct mock *mock, const struct virt_as_diff *diff)
{
	virt_as_hold_drain(&mock->binding);
}

/* What a binding has made of the old map keeps it from draining, and nothing else. */
static void holds_drain(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct mock *mock = &stage->mocks[0];
	struct world *world = stage->world;
	struct virt_as *as = world->as;
	const u32 nowait = REPLACE | VIRT_AS_COMMIT_NOWAIT;

	mocks_bind(stage->mocks, "AB");
	mock->on_commit = hold;
	KUNIT_EXPECT_EQ(test, world_commit(world, nowait, stage->map, 2), 0);
	mocks_expect(stage->mocks, "pA pB cA cB ");
	KUNIT_EXPECT_TRUE(test, mock_has_map(mock, &mock->binding));
	/* The sections' grace period alone is not enough. */
	virt_as_grace_finish(&as->drain_grace);
	KUNIT_EXPECT_FALSE(test, virt_as_drained(as));
	KUNIT_EXPECT_EQ(test, world_commit(world, nowait, stage->map, 1), -EAGAIN);
	mocks_expect(stage->mocks, "");

	mock->on_commit = NULL;
	virt_as_release_drain(&mock->binding);
	KUNIT_EXPECT_EQ(test, commit(stage), 0);
	KUNIT_EXPECT_TRUE(test, virt_as_drained(as));
	mocks_expect(stage->mocks, "pA pB cA cB ");
	mock_unbind(&stage->mocks[1]);
	mock_unbind(mock);
}

struct refusal {
	const char *name;
	int err;
	unsigned int who;
	const char *log;
};

static const struct refusal refusals[] = {
	{ "first, EBUSY", -EBUSY, 0, "pA " },
	{ "second, EBUSY", -EBUSY, 1, "pA pB aA " },
	{ "third, EBUSY", -EBUSY, 2, "pA pB pC aB aA " },
	{ "second, ENOSPC", -ENOSPC, 1, "pA pB aA " },
	{ "third, ENOMEM", -ENOMEM, 2, "pA pB pC aB aA " },
	{ "third, EOPNOTSUPP", -EOPNOTSUPP, 2, "pA pB pC aB aA " },
	{ "third, EINTR", -EINTR, 2, "pA pB pC aB aA " },
};

KUNIT_ARRAY_PARAM_DESC(refusal, refusals, name);

/* Those who prepared are aborted, the last first; nothing is published. */
static void refuses(struct kunit *test)
{
	const struct refusal *refusal = test->param_value;
	struct stage *stage = set_stage(test);
	struct virt_as *as = stage->world->as;
	const struct virt_as_map *map = rcu_access_pointer(as->map);
	unsigned int i;

	mocks_bind(stage->mocks, "ABC");
	stage->mocks[refusal->who].refuse = refusal->err;
	KUNIT_EXPECT_EQ(test, commit(stage), refusal->err);
	mocks_expect(stage->mocks, refusal->log);
	KUNIT_EXPECT_EQ(test, stage->world->request.out_generation,
			refusal->err == -EINTR ? 0 : 2);
	KUNIT_EXPECT_EQ(test, stage->world->request.out_index, VIRT_AS_NO_INDEX);
	KUNIT_EXPECT_PTR_EQ(test, rcu_access_pointer(as->map), map);
	KUNIT_EXPECT_EQ(test, as->generation, 2);
	KUNIT_EXPECT_EQ(test, as->nr_prepared, 0);
	KUNIT_EXPECT_TRUE(test, virt_as_drained(as));

	stage->mocks[refusal->who].refuse = 0;
	KUNIT_EXPECT_EQ(test, commit(stage), 0);
	mocks_expect(stage->mocks, "pA pB pC cA cB cC ");
	for (i = 0; i < NR_MOCKS; i++)
		KUNIT_EXPECT_TRUE(test, mock_has_map(&stage->mocks[i],
						     &stage->mocks[i].binding));
}

static void tries(struct kunit *test)
{
	struct stage *stage = set_stage(test);

	mocks_bind(stage->mocks, "ABC");
	KUNIT_EXPECT_EQ(test, world_commit(stage->world, REPLACE | VIRT_AS_COMMIT_TRY,
					   stage->map, 2), 0);
	mocks_expect(stage->mocks, "pA pB pC aC aB aA ");
	stage->mocks[1].refuse = -EBUSY;
	KUNIT_EXPECT_EQ(test, world_commit(stage->world, REPLACE | VIRT_AS_COMMIT_TRY,
					   stage->map, 2), -EBUSY);
	mocks_expect(stage->mocks, "pA pB aA ");
	KUNIT_EXPECT_EQ(test, stage->world->as->generation, 2);
}

/* Who refuses the first map of all is not bound, and nothing is held for it. */
static void refuses_to_bind(struct kunit *test)
{
	struct stage *stage = set_stage(test);
	struct virt_as *as = stage->world->as;
	struct mock *mock = &stage->mocks[0];

	mock->refuse = -EBUSY;
	KUNIT_EXPECT_EQ(test, mock_bind(mock), -EBUSY);
	KUNIT_EXPECT_NULL(test, mock->binding.as);
	KUNIT_EXPECT_EQ(test, as->nr_bindings, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&as->refs), 1);
	mocks_expect(stage->mocks, "pA ");
	KUNIT_EXPECT_EQ(test, commit(stage), 0);
	mocks_expect(stage->mocks, "");
	mock->refuse = 0;
	KUNIT_EXPECT_EQ(test, mock_bind(mock), 0);
	mocks_expect(stage->mocks, "pA cA ");
	KUNIT_EXPECT_EQ(test, mock->generation, 3);
}

static void limit(struct kunit *test)
{
	struct world *world = world_make(test);
	struct virt_as_binding *bindings;
	unsigned int i, nr = virt_as_max_bindings;

	bindings = kunit_kcalloc(test, nr + 1, sizeof(*bindings), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bindings);
	for (i = 0; i < nr; i++)
		world_bind(world, &bindings[i], &world_plain_ops, 0);
	KUNIT_EXPECT_EQ(test, virt_as_bind(world->as, &bindings[nr], &world_plain_ops, 0),
			-ENOSPC);
	virt_as_unbind(&bindings[nr / 2]);
	KUNIT_EXPECT_EQ(test, virt_as_bind(world->as, &bindings[nr / 2],
					   &world_plain_ops, 0), 0);
}

/* A is slow in one call. Meanwhile B is unbound, and has not to wait for it. */
static const struct slowness slownesses[] = {
	{ "comes after in prepare", "AB", MOCK_PREPARE, 0, "pA cA " },
	{ "has prepared", "BA", MOCK_PREPARE, 0, "pB pA aB cA " },
	{ "waits for its commit", "AB", MOCK_COMMIT, 0, "pA pB cA aB " },
	{ "has committed", "BA", MOCK_COMMIT, 0, "pB pA cB cA " },
	{ "waits for its abort", "BAC", MOCK_ABORT, -EBUSY, "pB pA pC aA aB " },
	{ "has aborted", "ABC", MOCK_ABORT, -EBUSY, "pA pB pC aB aA " },
};

KUNIT_ARRAY_PARAM_DESC(slowness, slownesses, name);

static void unbind_beside_slow(struct kunit *test)
{
	const struct slowness *slowness = test->param_value;
	struct stage *stage = set_stage(test);
	struct world_thread *thread;

	mocks_bind(stage->mocks, slowness->order);
	stage->mocks[2].refuse = slowness->err;
	stage->mocks[0].slow = slowness->slow;
	thread = world_start(stage->world, WORLD_MM_NONE, mocks_unbind_b_meanwhile,
			     stage->mocks);
	KUNIT_EXPECT_EQ(test, commit(stage), slowness->err);
	mocks_expect(stage->mocks, slowness->calls);
	world_join(thread);
	KUNIT_EXPECT_EQ(test, stage->world->as->generation, slowness->err ? 2 : 3);
	KUNIT_EXPECT_EQ(test, stage->world->as->nr_prepared, 0);
}

static const struct slowness ends[] = {
	{ "in prepare", "A", MOCK_PREPARE, 0, "pA aA " },
	{ "in commit", "A", MOCK_COMMIT, 0, "pA cA " },
	{ "in abort", "AC", MOCK_ABORT, -EBUSY, "pA pC aA " },
};

KUNIT_ARRAY_PARAM_DESC(end, ends, name);

/* Unbinding A waits for the call to A that is in flight. */
static void unbind_slow(struct kunit *test)
{
	const struct slowness *end = test->param_value;
	struct stage *stage = set_stage(test);
	struct world_thread *unbinder, *opener;

	mocks_bind(stage->mocks, end->order);
	stage->mocks[2].refuse = end->err;
	stage->mocks[0].slow = end->slow;
	unbinder = world_start(stage->world, WORLD_MM_NONE, mocks_unbind_a,
			       stage->mocks);
	opener = world_start(stage->world, WORLD_MM_NONE, mocks_open_a_once_dying,
			     stage->mocks);
	KUNIT_EXPECT_EQ(test, commit(stage), end->err);
	KUNIT_EXPECT_EQ(test, world_join(unbinder), 1);
	world_join(opener);

	mocks_expect(stage->mocks, end->calls);
	KUNIT_EXPECT_EQ(test, stage->world->as->nr_prepared, 0);
}

struct waiter {
	const char *name;
	enum mock_call slow;
	bool binds;	/* else it commits */
	const char *log;
};

static const struct waiter waiters[] = {
	{ "bind, in prepare", MOCK_PREPARE, true, "pA cA pC cC " },
	{ "bind, in commit", MOCK_COMMIT, true, "pA cA pC cC " },
	{ "commit, in prepare", MOCK_PREPARE, false, "pA cA pA cA " },
	{ "commit, in commit", MOCK_COMMIT, false, "pA cA pA cA " },
};

KUNIT_ARRAY_PARAM_DESC(waiter, waiters, name);

static long wait_for_turn(struct world *world, void *arg)
{
	const struct waiter *waiter = world->test->param_value;
	struct virt_as_request request = { .flags = REPLACE };
	struct stage *stage = arg;
	struct mock *slow = &stage->mocks[0];
	int err;

	world_wait(world, READ_ONCE(slow->entered));
	if (waiter->binds)
		err = mock_bind(&stage->mocks[2]);
	else
		err = virt_as_commit_map(world->as, &request);
	KUNIT_EXPECT_TRUE(world->test, READ_ONCE(slow->open));
	return err;
}

/* Gives the other thread some chance to go wrong. */
static long open_a_later(struct world *world, void *arg)
{
	struct stage *stage = arg;
	struct mock *slow = &stage->mocks[0];

	world_wait(world, READ_ONCE(slow->entered));
	schedule_timeout_uninterruptible(3);
	WRITE_ONCE(slow->open, true);
	return 0;
}

/* Binds and other commits have their turn when the slow one is over. */
static void others_wait(struct kunit *test)
{
	const struct waiter *waiter = test->param_value;
	struct stage *stage = set_stage(test);
	struct world_thread *other, *opener;

	mocks_bind(stage->mocks, "A");
	stage->mocks[0].slow = waiter->slow;
	other = world_start(stage->world, WORLD_MM_OWNER, wait_for_turn, stage);
	opener = world_start(stage->world, WORLD_MM_NONE, open_a_later, stage);
	KUNIT_EXPECT_EQ(test, commit(stage), 0);
	KUNIT_EXPECT_EQ(test, world_join(other), 0);
	world_join(opener);
	mocks_expect(stage->mocks, waiter->log);
	KUNIT_EXPECT_EQ(test, stage->world->as->generation, waiter->binds ? 3 : 4);
	KUNIT_EXPECT_TRUE(test, mock_has_map(&stage->mocks[waiter->binds ? 2 : 0],
					     &stage->mocks[0].binding));
}

#define NR_COMMITTERS	2
#define NR_BINDERS	3

/* What a race has to have met before it means something. */
#define MIN_COMMITS	100
#define MIN_BINDS	100
#define MIN_FOLLOWED	30	/* commits, by those who come and go */
#define MIN_REFUSED	10
#define MIN_ABORTED	30
/* A race that meets nothing ends, too: commits, published or refused. */
#define MAX_COMMITS	20000

/**
 * struct race - threads that commit, and threads that bind and unbind
 * @world: the world
 * @mocks: one of each binder, and one that stays
 * @next: numbers the binders
 * @commits: that were published
 * @refused: commits that a binding refused
 * @binds: that came to pass
 * @followed: commits that bindings saw, but for the first of each bind
 * @aborted: aborts that bindings saw
 * @wrong: results that no contract allows
 */
struct race {
	struct world *world;
	struct mock mocks[NR_BINDERS + 1];
	atomic_t next;
	atomic_t commits;
	atomic_t refused;
	atomic_t binds;
	atomic_t followed;
	atomic_t aborted;
	atomic_t wrong;
};

static bool race_over(struct race *race)
{
	u32 commits = atomic_read(&race->commits);

	if (READ_ONCE(race->world->over) || atomic_read(&race->wrong) ||
	    commits + atomic_read(&race->refused) >= MAX_COMMITS)
		return true;
	return commits >= MIN_COMMITS && atomic_read(&race->binds) >= MIN_BINDS &&
	       atomic_read(&race->followed) >= MIN_FOLLOWED &&
	       atomic_read(&race->refused) >= MIN_REFUSED &&
	       atomic_read(&race->aborted) >= MIN_ABORTED;
}

/* Maps of one to four regions, whose hvas differ from commit to commit. */
static long commit_along(struct world *world, void *arg)
{
	struct race *race = arg;
	struct virt_as_entry map[4];
	u32 round, i;
	int err;

	for (round = 0; !race_over(race); round++) {
		struct virt_as_request request = {
			.flags = REPLACE,
			.entries = map,
			.nr_entries = round % 4 + 1,
		};

		for (i = 0; i < request.nr_entries; i++)
			map[i] = world_ram(world, PAGES(2 * i), (round + i * i) % 64, 1);
		err = virt_as_commit_map(world->as, &request);
		if (!err)
			atomic_inc(&race->commits);
		else
			atomic_inc(err == -EBUSY ? &race->refused : &race->wrong);
		cond_resched();
	}
	return 0;
}

static long bind_along(struct world *world, void *arg)
{
	struct race *race = arg;
	struct mock *mock = &race->mocks[atomic_inc_return(&race->next)];
	u32 round;
	int err;

	for (round = 0; !race_over(race); round++) {
		u32 followed = mock->calls[MOCK_COMMIT];
		u32 aborted = mock->calls[MOCK_ABORT];

		err = mock_bind(mock);
		if (err) {
			atomic_add(err != -EBUSY, &race->wrong);
			cond_resched();
			continue;
		}
		atomic_inc(&race->binds);
		if (round % 2)
			schedule_timeout_uninterruptible(round % 4);
		mock_unbind(mock);
		atomic_add(mock->calls[MOCK_COMMIT] - followed - 1, &race->followed);
		atomic_add(mock->calls[MOCK_ABORT] - aborted, &race->aborted);
	}
	return 0;
}

static void expect_race(struct kunit *test, struct race *race)
{
	u32 i;

	kunit_info(test, "%d commits, %d refused, %d binds, %d followed, %d aborted\n",
		   atomic_read(&race->commits), atomic_read(&race->refused),
		   atomic_read(&race->binds), atomic_read(&race->followed),
		   atomic_read(&race->aborted));
	KUNIT_EXPECT_GE(test, atomic_read(&race->commits), MIN_COMMITS);
	KUNIT_EXPECT_GE(test, atomic_read(&race->refused), MIN_REFUSED);
	KUNIT_EXPECT_GE(test, atomic_read(&race->binds), MIN_BINDS);
	KUNIT_EXPECT_GE(test, atomic_read(&race->followed), MIN_FOLLOWED);
	KUNIT_EXPECT_GE(test, atomic_read(&race->aborted), MIN_ABORTED);
	KUNIT_EXPECT_EQ(test, atomic_read(&race->wrong), 0);
	for (i = 0; i <= NR_BINDERS; i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&race->mocks[i].violations), 0);
}

/* Whoever is bound is told of all commits while it is, and of no others. */
static void racing(struct kunit *test)
{
	struct world_thread *threads[NR_COMMITTERS + NR_BINDERS];
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	struct mock *stays;
	struct world *world;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, race);
	world = world_make(test);
	race->world = world;
	stays = &race->mocks[0];
	for (i = 0; i <= NR_BINDERS; i++) {
		mock_init(&race->mocks[i], world, NULL, 'A' + i);
		race->mocks[i].naps = true;
	}
	race->mocks[NR_BINDERS].refuse = -EBUSY;
	race->mocks[NR_BINDERS].refuse_each = 5;
	KUNIT_ASSERT_EQ(test, mock_bind(stays), 0);

	for (i = 0; i < NR_COMMITTERS; i++)
		threads[i] = world_start(world, WORLD_MM_OWNER, commit_along, race);
	for (; i < ARRAY_SIZE(threads); i++)
		threads[i] = world_start(world, WORLD_MM_NONE, bind_along, race);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		KUNIT_EXPECT_EQ(test, world_join(threads[i]), 0);

	expect_race(test, race);
	KUNIT_EXPECT_TRUE(test, mock_has_map(stays, &stays->binding));
	KUNIT_EXPECT_EQ(test, world->as->nr_bindings, 1);
	KUNIT_EXPECT_EQ(test, world->as->nr_prepared, 0);
	KUNIT_EXPECT_EQ(test, stays->calls[MOCK_COMMIT], atomic_read(&race->commits) + 1);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(follows),
	KUNIT_CASE(holds_drain),
	KUNIT_CASE_PARAM(refuses, refusal_gen_params),
	KUNIT_CASE(tries),
	KUNIT_CASE(refuses_to_bind),
	KUNIT_CASE(limit),
	KUNIT_CASE_PARAM(unbind_beside_slow, slowness_gen_params),
	KUNIT_CASE_PARAM(unbind_slow, end_gen_params),
	KUNIT_CASE_PARAM(others_wait, waiter_gen_params),
	KUNIT_CASE_SLOW(racing),
	{}
};

struct kunit_suite virt_as_binding_suite = {
	.name = "virt_as_binding",
	.test_cases = cases,
};
