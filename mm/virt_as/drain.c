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
 * A user of the old map sleeps for as long as the owner's page faults do, which
 * may be for ever, and any user can have many address spaces. So the drains of
 * one must not use up what others need. A grace period in the background takes
 * some jiffies at best and, while it lasts, a look at the readers every few
 * jiffies. An expedited one is much quicker and takes a kernel thread while it
 * lasts, so there are MAX_EXPEDITED of these at a time; whoever finds them taken
 * is slower, not stuck.
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
#include <linux/build_bug.h>
#include <linux/workqueue.h>

#include <trace/events/virt_as.h>

#include "drain.h"
#include "map.h"
#include "object.h"

/*
 * Expedited grace periods under way at a time, in all. Every NUMA node runs at
 * least WQ_DFL_MIN_ACTIVE items of an unbound workqueue, so none of these ever
 * stands behind another, which may be stuck.
 */
#define MAX_EXPEDITED	8
static_assert(MAX_EXPEDITED <= WQ_DFL_MIN_ACTIVE);

static struct workqueue_struct *expedite_wq;
static atomic_t nr_expedited = ATOMIC_INIT(0);

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

static void wait_expedited(struct work_struct *work)
{
	struct virt_as *as = container_of(work, struct virt_as, expedite_work);

	synchronize_srcu_expedited(&as->srcu);
	atomic_dec(&nr_expedited);
	if (refcount_dec_and_test(&as->draining->users))
		free_draining(as);
}

static void background_over(struct rcu_head *rcu)
{
	struct virt_as *as = container_of(rcu, struct virt_as, drain_rcu);

	virt_as_put_map(as, as->draining);
}

/**
 * virt_as_init_drain - prepare an address space for drains
 * @as: an address space in the making, of generation 1
 */
void virt_as_init_drain(struct virt_as *as)
{
	as->drained_generation = as->generation;
	INIT_WORK(&as->expedite_work, wait_expedited);
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

	if (atomic_add_unless(&nr_expedited, 1, MAX_EXPEDITED))
		queue_work(expedite_wq, &as->expedite_work);
	else
		call_srcu(&as->srcu, &as->drain_rcu, background_over);
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
	flush_work(&as->expedite_work);
	srcu_barrier(&as->srcu);
	flush_work(&as->drain_work);
}

int __init virt_as_drain_init(void)
{
	expedite_wq = alloc_workqueue("virt_as_drain", WQ_UNBOUND, MAX_EXPEDITED);
	return expedite_wq ? 0 : -ENOMEM;
}

void virt_as_drain_exit(void)
{
	destroy_workqueue(expedite_wq);
}
