// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mock binding. Of the map it follows it has no more than a sum over all the
 * regions, to which it adds what a diff adds and takes off what it removes; so one
 * diff too many, too few or out of turn leaves it with a sum that no map has. Of
 * logging it knows whether there is any.
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
	static const char letters[] = "pcaPBEArk";
	struct mock_log *log = mock->log;

	mock->calls[call]++;
	if (!log)
		return;
	spin_lock(&log->lock);
	log->len += scnprintf(log->text + log->len, sizeof(log->text) - log->len,
			      "%c%c ", letters[call], mock->name);
	spin_unlock(&log->lock);
}

/* Calls of two kinds may come at a time, and each counts. */
static void violated(struct mock *mock, bool violation)
{
	if (violation)
		atomic_inc(&mock->violations);
}

static void be_slow(struct mock *mock, enum mock_call call)
{
	note(mock, call);
	if (mock->slow == call) {
		WRITE_ONCE(mock->entered, true);
		world_wait(mock->world, READ_ONCE(mock->open));
	}
	if (mock->naps && !(mock->calls[call] % 4))
		schedule_timeout_uninterruptible(1);
	cond_resched();
}

static void enter(struct mock *mock, enum mock_call call)
{
	violated(mock, atomic_cmpxchg(&mock->in_call, 0, 1));
	be_slow(mock, call);
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

static int refusal(struct mock *mock, enum mock_call call)
{
	int err = call == MOCK_PREPARE ? mock->refuse : mock->refuse_log;
	u32 each = mock->refuse_each;

	if (each && mock->calls[call] % each)
		return 0;
	mock->refused += !!err;
	return err;
}

static int mock_prepare(struct virt_as_binding *binding,
			const struct virt_as_diff *diff)
{
	struct mock *mock = mock_of(binding);
	int err;

	enter(mock, MOCK_PREPARE);
	violated(mock, mock->prepared);
	violated(mock, diff->old_generation != mock->generation);
	mock->old_mm = diff->old_mm;
	mock->new_mm = diff->new_mm;
	err = refusal(mock, MOCK_PREPARE);
	if (err)
		return leave(mock, err);
	mock->prepared = diff;
	mock->change = diff_sum(diff);
	return leave(mock, 0);
}

/* The same diff as in prepare, and nobody has touched it since. */
static void finish(struct mock *mock, const struct virt_as_diff *diff)
{
	violated(mock, mock->prepared != diff);
	violated(mock, mock->change != diff_sum(diff));
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
	if (mock->on_commit)
		mock->on_commit(mock, diff);
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

static void set_logging(struct mock *mock, enum mock_logging from,
			enum mock_logging to)
{
	violated(mock, mock->logging != from);
	WRITE_ONCE(mock->logging, to);
}

static int mock_log_prepare(struct virt_as_binding *binding)
{
	struct mock *mock = mock_of(binding);
	int err;

	/* Arm may come from here on. */
	set_logging(mock, MOCK_LOG_OFF, MOCK_LOG_PREPARED);
	enter(mock, MOCK_LOG_PREPARE);
	violated(mock, mock->prepared);
	err = refusal(mock, MOCK_LOG_PREPARE);
	if (err)
		set_logging(mock, MOCK_LOG_PREPARED, MOCK_LOG_OFF);
	return leave(mock, err);
}

static void mock_log_commit(struct virt_as_binding *binding, bool on)
{
	struct mock *mock = mock_of(binding);

	enter(mock, on ? MOCK_LOG_BEGIN : MOCK_LOG_END);
	violated(mock, mock->prepared);
	if (on)
		set_logging(mock, MOCK_LOG_PREPARED, MOCK_LOG_ON);
	else
		set_logging(mock, MOCK_LOG_ON, MOCK_LOG_OFF);
	if (on && mock->on_begin)
		mock->on_begin(mock);
	leave(mock, 0);
}

static void mock_log_abort(struct virt_as_binding *binding)
{
	struct mock *mock = mock_of(binding);

	enter(mock, MOCK_LOG_ABORT);
	set_logging(mock, MOCK_LOG_PREPARED, MOCK_LOG_OFF);
	leave(mock, 0);
}

static void enter_drain(struct mock *mock, enum mock_call call)
{
	violated(mock, atomic_cmpxchg(&mock->in_drain, 0, 1));
	violated(mock, READ_ONCE(mock->logging) == MOCK_LOG_OFF);
	be_slow(mock, call);
}

static void mock_arm(struct virt_as_binding *binding, const struct virt_as_word *words,
		     unsigned int nr)
{
	struct mock *mock = mock_of(binding);

	enter_drain(mock, MOCK_ARM);
	if (mock->on_arm)
		mock->on_arm(mock, words, nr);
	atomic_set(&mock->in_drain, 0);
}

static void mock_collect(struct virt_as_binding *binding, u64 gpa, u64 last, bool sync)
{
	struct mock *mock = mock_of(binding);

	enter_drain(mock, MOCK_COLLECT);
	if (mock->on_collect)
		mock->on_collect(mock, gpa, last, sync);
	atomic_set(&mock->in_drain, 0);
}

static const struct virt_as_binding_ops mock_ops = {
	.owner = THIS_MODULE,
	.prepare = mock_prepare,
	.commit = mock_commit,
	.abort = mock_abort,
	.log_prepare = mock_log_prepare,
	.log_commit = mock_log_commit,
	.log_abort = mock_log_abort,
	.arm = mock_arm,
	.collect = mock_collect,
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
	mock->logging = MOCK_LOG_OFF;
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
	violated(mock, atomic_read(&mock->in_call) || atomic_read(&mock->in_drain));
	violated(mock, mock->prepared || mock->logging == MOCK_LOG_PREPARED);
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
