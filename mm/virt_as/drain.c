// SPDX-License-Identifier: GPL-2.0-only
/*
 * The drain: an old map is let go when nobody uses it.
 *
 * Users of a map are sections, which began before it was replaced, and jobs
 * (remote.c), which may outlive the section that began them. Sections are waited
 * for by a grace period of the address space's SRCU domain; each job holds
 * virt_as_map::users, of which the address space has one:
 *
 *	commit			publish, start a grace period
 *	grace period over	put the address space's count
 *	job over		put the job's count
 *	last put		free the map, advance drained_generation, wake
 *
 * SRCU alone could not hold a job: a grace period waits only for readers that
 * began before it, and a job may begin in the middle of one, inside a section
 * that the grace period is still waiting for.
 *
 * A user of the old map sleeps for as long as the owner's page faults do; grace.c
 * says how that is waited for. A log may be open: then the last put first takes what
 * was written by way of the old map into the logs (log_commit.c).
 *
 * At most one map drains at a time in an address space, which bounds its memory
 * to two maps.
 *
 * Memory ordering. smp_store_release(drained_generation) in free_draining()
 * pairs with smp_load_acquire() in virt_as_drained_to(): who sees that a map has
 * drained sees all accesses of its users (the grace period and the last put of
 * a reference count order those before), and that this file is done with
 * virt_as::draining.
 */
#include <linux/atomic.h>
#include <linux/workqueue.h>

#include <trace/events/virt_as.h>

#include "drain.h"
#include "grace.h"
#include "log_commit.h"
#include "map.h"
#include "object.h"

/**
 * virt_as_drained_to - nobody uses a map older than that of a generation
 * @as: the address space
 * @generation: a generation that was published
 *
 * Context: Any.
 */
bool virt_as_drained_to(struct virt_as *as, u64 generation)
{
	/* Pairs with smp_store_release() in free_draining(). */
	return smp_load_acquire(&as->drained_generation) >= generation;
}

/**
 * virt_as_drained - nobody uses a map older than the present one
 * @as: the address space
 *
 * Context: Any. Under the commit lock, true stays true.
 */
bool virt_as_drained(struct virt_as *as)
{
	return virt_as_drained_to(as, READ_ONCE(as->generation));
}

/* After the last put. May sleep. */
static void free_draining(struct virt_as *as)
{
	u64 generation = as->draining->generation + 1;

	virt_as_logs_drained(as);
	virt_as_release_map(as->draining);
	as->draining = NULL;

	/* Pairs with smp_load_acquire() in virt_as_drained_to(). */
	smp_store_release(&as->drained_generation, generation);
	trace_virt_as_drained(as->id, generation);
	wake_up_all(&as->wait);
}

/* A work item of its own, because most of those who put may not sleep. */
static void run_drain_work(struct work_struct *work)
{
	free_draining(container_of(work, struct virt_as, drain_work));
}

/**
 * virt_as_put_map - cease to use a map
 * @as: the address space
 * @map: a map of it whose virt_as_map::users the caller has a count of
 *
 * Context: Any that may take a spinlock.
 */
void virt_as_put_map(struct virt_as *as, struct virt_as_map *map)
{
	if (refcount_dec_and_test(&map->users))
		queue_work(system_unbound_wq, &as->drain_work);
}

static void sections_ended(struct virt_as_grace *grace, bool may_sleep)
{
	struct virt_as *as = container_of(grace, struct virt_as, drain_grace);

	/* To see to the logs takes time, and a thread that is not as rare. */
	if (!may_sleep || as->leaving)
		virt_as_put_map(as, as->draining);
	else if (refcount_dec_and_test(&as->draining->users))
		free_draining(as);
}

/**
 * virt_as_init_drain - prepare an address space for drains
 * @as: an address space in the making, of generation 1
 */
void virt_as_init_drain(struct virt_as *as)
{
	as->drained_generation = as->generation;
	virt_as_grace_setup(&as->drain_grace, &as->srcu, sections_ended);
	INIT_WORK(&as->drain_work, run_drain_work);
	init_waitqueue_head(&as->wait);
}

/**
 * virt_as_start_drain - let go of the map that was replaced
 * @as: the address space, with the old map in virt_as::draining
 *
 * Context: Commit lock held. Does not wait.
 */
void virt_as_start_drain(struct virt_as *as)
{
	lockdep_assert_held(&as->commit_lock);

	virt_as_grace_start(&as->drain_grace);
}

/**
 * virt_as_finish_drain - wait until the last drain is over
 * @as: an address space that nobody refers to any more, so that nothing holds
 *	a drain up
 *
 * Context: May sleep.
 */
void virt_as_finish_drain(struct virt_as *as)
{
	virt_as_grace_finish(&as->drain_grace);
	flush_work(&as->drain_work);
}
