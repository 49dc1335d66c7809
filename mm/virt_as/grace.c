// SPDX-License-Identifier: GPL-2.0-only
/*
 * Grace periods: when all sections have ended that were open.
 *
 * A section sleeps for as long as the owner's page faults do, which may be for ever,
 * and any user can have many address spaces. So the waits of one must not use up
 * what others need. A grace period in the background takes some jiffies at best and,
 * while it lasts, a look at the readers every few jiffies. An expedited one is much
 * quicker and takes a kernel thread while it lasts, so there are MAX_EXPEDITED of
 * these at a time; whoever finds them taken is slower, not stuck.
 *
 * Each address space has two of them: one for the drain of its old map (drain.c),
 * one for those who want to know that what was begun before them has ended: opening
 * a log, and HARVEST_SYNC. These share it: who comes while one is under way needs
 * the next, and all who wait for that one get it together. So whatever user space
 * does, an address space has at most two grace periods under way.
 *
 * Memory ordering. A grace period orders all that sections did before what comes
 * after it. smp_store_release(synced) in sync_over() pairs with smp_load_acquire()
 * in synced_to() to hand that on.
 */
#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "grace.h"
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

static void wait_expedited(struct work_struct *work)
{
	struct virt_as_grace *grace = container_of(work, struct virt_as_grace, work);

	synchronize_srcu_expedited(grace->srcu);
	grace->over(grace, true);
	/* The thread is taken until now. */
	atomic_dec(&nr_expedited);
}

static void background_over(struct rcu_head *rcu)
{
	struct virt_as_grace *grace = container_of(rcu, struct virt_as_grace, rcu);

	grace->over(grace, false);
}

/**
 * virt_as_grace_setup - prepare for grace periods
 * @grace: memory for it
 * @srcu: whose readers are to be waited for
 * @over: what to call
 */
void virt_as_grace_setup(struct virt_as_grace *grace, struct srcu_struct *srcu,
			 void (*over)(struct virt_as_grace *grace, bool may_sleep))
{
	grace->srcu = srcu;
	grace->over = over;
	INIT_WORK(&grace->work, wait_expedited);
}

/**
 * virt_as_grace_start - begin to wait for the sections that are open
 * @grace: none is under way by it
 *
 * Context: Any that may take a spinlock. Does not wait.
 */
void virt_as_grace_start(struct virt_as_grace *grace)
{
	if (atomic_add_unless(&nr_expedited, 1, MAX_EXPEDITED))
		queue_work(expedite_wq, &grace->work);
	else
		call_srcu(grace->srcu, &grace->rcu, background_over);
}

/**
 * virt_as_grace_finish - wait until a grace period is over, if one is under way
 * @grace: nobody will start another
 *
 * Context: May sleep, as long as the longest section.
 */
void virt_as_grace_finish(struct virt_as_grace *grace)
{
	flush_work(&grace->work);
	srcu_barrier(grace->srcu);
}

static void sync_over(struct virt_as_grace *grace, bool may_sleep)
{
	struct virt_as *as = container_of(grace, struct virt_as, sync_grace);

	spin_lock_bh(&as->sync_lock);
	/* Pairs with smp_load_acquire() in synced_to(). */
	smp_store_release(&as->synced, as->sync_begun);
	if (as->sync_wanted > as->sync_begun) {
		as->sync_begun++;
		virt_as_grace_start(grace);
	}
	wake_up_all(&as->sync_wait);
	spin_unlock_bh(&as->sync_lock);
}

/**
 * virt_as_setup_sync - prepare an address space for virt_as_sync_sections()
 * @as: an address space in the making
 */
void virt_as_setup_sync(struct virt_as *as)
{
	spin_lock_init(&as->sync_lock);
	init_waitqueue_head(&as->sync_wait);
	virt_as_grace_setup(&as->sync_grace, &as->srcu, sync_over);
}

static bool synced_to(struct virt_as *as, u64 ticket)
{
	/* Pairs with smp_store_release() in sync_over(). */
	return smp_load_acquire(&as->synced) >= ticket;
}

/**
 * virt_as_sync_sections - wait for the sections that are open
 * @as: the address space
 *
 * Context: Sleeps, as long as the longest of them. Not in a section of @as, nor with
 * a lock held that a section or a page fault could want.
 * Return: 0, or -EINTR if a signal came first.
 */
int virt_as_sync_sections(struct virt_as *as)
{
	u64 ticket;

	spin_lock_bh(&as->sync_lock);
	/* One that is under way may have begun before what the caller has done. */
	ticket = as->sync_begun + 1;
	as->sync_wanted = ticket;
	if (as->synced == as->sync_begun) {
		as->sync_begun = ticket;
		virt_as_grace_start(&as->sync_grace);
	}
	spin_unlock_bh(&as->sync_lock);

	if (wait_event_freezable(as->sync_wait, synced_to(as, ticket)))
		return -EINTR;
	return 0;
}

/**
 * virt_as_finish_sync - wait until the last of these grace periods is over
 * @as: an address space that nobody refers to any more, so that no section is open
 *
 * Context: May sleep.
 */
void virt_as_finish_sync(struct virt_as *as)
{
	spin_lock_bh(&as->sync_lock);
	/* Who wanted another one has left. */
	as->sync_wanted = as->sync_begun;
	spin_unlock_bh(&as->sync_lock);
	virt_as_grace_finish(&as->sync_grace);
}

int __init virt_as_grace_init(void)
{
	expedite_wq = alloc_workqueue("virt_as_drain", WQ_UNBOUND, MAX_EXPEDITED);
	return expedite_wq ? 0 : -ENOMEM;
}

void virt_as_grace_exit(void)
{
	destroy_workqueue(expedite_wq);
}
