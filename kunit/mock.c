// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mock binding. Of the map it follows it has no more than a sum over all the
 * regions, to which it adds what a diff adds and takes off what it removes; so one
 * diff too many, too few or out of turn leaves it with a sum that no map has.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/hash.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "binding.h"
#include "map.h"
#include "mock.h"

static u64 region_sum(const struct virt_as_region *region)
{
	u64 word = region->gpa ^ rol64(region->len, 13) ^ rol64(region->hva, 29) ^
		   (u64)region->type << 8 ^ region->perms;

	return word * GOLDEN_RATIO_64;
}

static u64 diff_sum(const struct virt_as_diff *diff)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < diff->nr_added; i++)
		sum += region_sum(diff->added[i]);
	for (i = 0; i < diff->nr_removed; i++)
		sum -= region_sum(diff->removed[i]);
	return sum;
}

static void note(struct mock *mock, enum mock_call call)
{
	static const char letters[MOCK_CALLS] = { 'p', 'c', 'a' };
	struct mock_log *log = mock->log;

	mock->calls[call]++;
	if (!log)
		return;
	spin_lock(&log->lock);
	log->len += scnprintf(log->text + log->len, sizeof(log->text) - log->len,
			      "%c%c ", letters[call], mock->name);
	spin_unlock(&log->lock);
}

static void enter(struct mock *mock, enum mock_call call)
{
	if (atomic_cmpxchg(&mock->in_call, 0, 1))
		mock->violations++;
	note(mock, call);
	if (mock->slow == call) {
		WRITE_ONCE(mock->entered, true);
		world_wait(mock->world, READ_ONCE(mock->open));
	}
	if (mock->naps && !(mock->calls[call] % 4))
		schedule_timeout_uninterruptible(1);
	cond_resched();
}

static int leave(struct mock *mock, int err)
{
	atomic_set(&mock->in_call, 0);
	return err;
}

static struct mock *mock_of(struct virt_as_binding *binding)
{
	return container_of(binding, struct mock, binding);
}

static bool refuses(struct mock *mock)
{
	u32 each = mock->refuse_each;

	return mock->refuse && (!each || !(mock->calls[MOCK_PREPARE] % each));
}

static int mock_prepare(struct virt_as_binding *binding,
			const struct virt_as_diff *diff)
{
	struct mock *mock = mock_of(binding);

	enter(mock, MOCK_PREPARE);
	mock->violations += !!mock->prepared;
	mock->violations += diff->old_generation != mock->generation;
	mock->old_mm = diff->old_mm;
	mock->new_mm = diff->new_mm;
	if (refuses(mock)) {
		mock->refused++;
		return leave(mock, mock->refuse);
	}
	mock->prepared = diff;
	mock->change = diff_sum(diff);
	return leave(mock, 0);
}

/* The same diff as in prepare, and nobody has touched it since. */
static void finish(struct mock *mock, const struct virt_as_diff *diff)
{
	mock->violations += mock->prepared != diff;
	mock->violations += mock->change != diff_sum(diff);
	mock->prepared = NULL;
}

static void mock_commit(struct virt_as_binding *binding,
			const struct virt_as_diff *diff)
{
	struct mock *mock = mock_of(binding);

	enter(mock, MOCK_COMMIT);
	finish(mock, diff);
	mock->sum += mock->change;
	mock->nr += diff->nr_added - diff->nr_removed;
	mock->generation = diff->new_generation;
	leave(mock, 0);
}

static void mock_abort(struct virt_as_binding *binding,
		       const struct virt_as_diff *diff)
{
	struct mock *mock = mock_of(binding);

	enter(mock, MOCK_ABORT);
	finish(mock, diff);
	leave(mock, 0);
}

static const struct virt_as_binding_ops mock_ops = {
	.owner = THIS_MODULE,
	.prepare = mock_prepare,
	.commit = mock_commit,
	.abort = mock_abort,
};

/**
 * mock_init - make a mock that agrees to everything at once
 * @mock: zeroed memory of the test
 * @world: the world
 * @log: where to note its calls, or NULL
 * @name: there
 */
void mock_init(struct mock *mock, struct world *world, struct mock_log *log,
	       char name)
{
	mock->world = world;
	mock->log = log;
	mock->name = name;
	mock->slow = MOCK_NEVER;
	world_will_unbind(world, &mock->binding);
}

/**
 * mock_bind - bind it, to read
 * @mock: a mock that is not bound
 *
 * Return: As virt_as_bind().
 */
int mock_bind(struct mock *mock)
{
	mock->generation = 0;
	mock->sum = 0;
	mock->nr = 0;
	return virt_as_bind(mock->world->as, &mock->binding, &mock_ops,
			    VIRT_AS_RIGHT_READ);
}

/**
 * mock_unbind - unbind it
 * @mock: a mock that is bound
 *
 * When it returns no call is in flight, and nothing is left prepared.
 */
void mock_unbind(struct mock *mock)
{
	virt_as_unbind(&mock->binding);
	mock->violations += atomic_read(&mock->in_call);
	mock->violations += !!mock->prepared;
}

/**
 * mock_has_map - the mock has followed all commits up to the present map
 * @mock: a mock that is bound, of an address space that nobody commits to
 * @reader: any binding to it
 *
 * Return: Whether it has; false if the map cannot be looked at.
 */
bool mock_has_map(const struct mock *mock, struct virt_as_binding *reader)
{
	struct virt_as_section section;
	u64 sum = 0;
	bool has;
	u32 i;

	if (virt_as_begin(reader, &section))
		return false;
	for (i = 0; i < section.map->nr; i++)
		sum += region_sum(&section.map->regions[i]);
	has = mock->sum == sum && mock->nr == section.map->nr &&
	      mock->generation == virt_as_generation(&section);
	virt_as_end(&section);
	return has;
}
