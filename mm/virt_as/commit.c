// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commit: build a new map, ask the bindings, publish, drain the old map.
 *
 * Steps, and what a failure at each leaves behind (always: the old map, whole):
 *
 *	1. take the commit lock, when nothing drains
 *	2. check the caller and the expected generation
 *	3. build the new map			free it
 *	4. prepare every binding		abort those prepared, in reverse
 *	5. publish: one pointer			cannot fail from here on
 *	6. commit every binding
 *	7. let go of the lock, wait for the drain unless told not to
 *
 * Publish is the commit point. A section that began before sees the old map to
 * its end, one that begins after sees the new one; nothing in between exists.
 *
 * The drain is a work item of its own, which waits for the sections that may
 * see the old map and frees it. It has to be: sections sleep in page faults, for
 * as long as user space likes, and the thread that serves those faults may be
 * the one that commits. So that wait can be left by a signal, or left out.
 * At most one map drains at a time, which bounds memory to two maps.
 *
 * Memory ordering. rcu_assign_pointer(as->map) pairs with srcu_dereference() in
 * virt_as_section_enter(): who sees the new pointer sees the whole map.
 * smp_store_release(as->drained_generation) in virt_as_drain() pairs with
 * smp_load_acquire() in drained_to(): who sees that nothing drains sees
 * that the work item is done with as->draining, and that all accesses of the
 * sections it waited for have happened (synchronize_srcu() orders those).
 *
 * Locks: commit_lock outermost; bindings_lock inside, in binding.c. Nothing
 * here runs under mmap_lock, in an mmu notifier or inside a section.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/wait.h>

#include <trace/events/virt_as.h>

#include "binding.h"
#include "commit.h"
#include "diff.h"
#include "map.h"
#include "object.h"

/* Nobody uses a map older than that of @generation. */
static bool drained_to(struct virt_as *as, u64 generation)
{
	/* Pairs with smp_store_release() in virt_as_drain(). */
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
	return drained_to(as, READ_ONCE(as->generation));
}

/**
 * virt_as_drain - wait until nobody uses the old map, and free it
 * @work: &virt_as::drain_work
 *
 * Context: Work item of &virt_as::wq. Sleeps for as long as any section does.
 */
void virt_as_drain(struct work_struct *work)
{
	struct virt_as *as = container_of(work, struct virt_as, drain_work);
	struct virt_as_map *old = as->draining;
	u64 generation = old->generation + 1;

	synchronize_srcu_expedited(&as->srcu);
	virt_as_release_map(old);
	as->draining = NULL;

	/* Pairs with smp_load_acquire() in drained_to(). */
	smp_store_release(&as->drained_generation, generation);
	trace_virt_as_drained(as->id, generation);
	wake_up_all(&as->wait);
}

/* Takes the commit lock at a time when nothing drains. */
static int lock_drained(struct virt_as *as, u32 flags)
{
	int err;

	for (;;) {
		if (mutex_lock_interruptible(&as->commit_lock))
			return -EINTR;
		if (virt_as_drained(as))
			return 0;
		mutex_unlock(&as->commit_lock);

		if (flags & VIRT_AS_COMMIT_NOWAIT)
			return -EAGAIN;
		err = wait_event_interruptible(as->wait, virt_as_drained(as));
		if (err)
			return -EINTR;
	}
}

static struct virt_as_map *build_map(struct virt_as *as,
				     const struct virt_as_map *old,
				     struct virt_as_request *request)
{
	const struct virt_as_limits limits = {
		.max_regions = virt_as_max_regions,
		.max_logged_pages = virt_as_max_logged_pages,
		.user_end = TASK_SIZE_MAX,
		.hva_end = current->mm->task_size,
	};
	bool whole = request->flags & VIRT_AS_COMMIT_REPLACE;
	struct virt_as_map *map;

	lockdep_assert_held(&as->commit_lock);

	map = virt_as_map_build(whole ? NULL : old, request->entries,
				request->nr_entries, &limits,
				&request->out_index);
	if (IS_ERR(map))
		return map;
	map->generation = old->generation + 1;
	map->mm = current->mm;
	mmgrab(map->mm);
	map->owner = get_task_pid(current, PIDTYPE_TGID);
	return map;
}

static void publish(struct virt_as *as, struct virt_as_map *old,
		    struct virt_as_map *new)
{
	lockdep_assert_held(&as->commit_lock);

	as->draining = old;
	/* Pairs with srcu_dereference() in virt_as_section_enter(). */
	rcu_assign_pointer(as->map, new);
	WRITE_ONCE(as->generation, new->generation);
	atomic64_inc(&as->commits);
	trace_virt_as_commit(as->id, new->generation, new->nr);
	wake_up_all(&as->wait);
}

/* Steps 3 to 6. */
static int replace_map(struct virt_as *as, struct virt_as_map *old,
		       struct virt_as_request *request)
{
	struct virt_as_diff *diff = NULL;
	struct virt_as_map *new;
	int err;

	lockdep_assert_held(&as->commit_lock);

	new = build_map(as, old, request);
	if (IS_ERR(new))
		return PTR_ERR(new);

	/* bind() takes the commit lock, so there can only be fewer from here. */
	if (READ_ONCE(as->nr_bindings)) {
		diff = virt_as_diff_build(old, new);
		if (IS_ERR(diff)) {
			err = PTR_ERR(diff);
			goto err_new;
		}
		err = virt_as_prepare_bindings(as, diff);
		if (err)
			goto err_diff;
	}

	if (request->flags & VIRT_AS_COMMIT_TRY) {
		if (diff)
			virt_as_abort_bindings(as, diff);
		err = 0;
		goto err_diff;
	}

	publish(as, old, new);
	if (diff) {
		virt_as_commit_bindings(as, diff);
		virt_as_diff_free(diff);
	}
	/* Only now: the diff pointed into the old map. */
	queue_work(as->wq, &as->drain_work);
	return 0;

err_diff:
	if (diff)
		virt_as_diff_free(diff);
err_new:
	virt_as_release_map(new);
	return err;
}

static int commit_locked(struct virt_as *as, struct virt_as_request *request)
{
	struct virt_as_map *old;

	lockdep_assert_held(&as->commit_lock);

	old = rcu_dereference_protected(as->map,
					lockdep_is_held(&as->commit_lock));
	if (!(request->flags & VIRT_AS_COMMIT_ADOPT) && old->mm != current->mm)
		return -EXDEV;
	if (request->flags & VIRT_AS_COMMIT_EXPECT &&
	    request->expected_generation != old->generation)
		return -ESTALE;
	return replace_map(as, old, request);
}

/**
 * virt_as_commit_map - replace the map
 * @as: the address space
 * @request: what is asked, and where the answer goes
 *
 * The rights of the file that the request came through are the caller's to
 * check, as is that the flags go together.
 *
 * Context: The owner, or with VIRT_AS_COMMIT_ADOPT any task with user memory.
 * Sleeps; holds no locks that a page fault could want.
 * Return: 0, or an errno of include/uapi/linux/virt_as.h. After -EINTR
 * @request->out_generation tells whether the map was replaced.
 */
int virt_as_commit_map(struct virt_as *as, struct virt_as_request *request)
{
	u64 published;
	int err;

	might_sleep();

	request->out_index = VIRT_AS_NO_INDEX;
	err = lock_drained(as, request->flags);
	if (err)
		goto out;
	err = commit_locked(as, request);
	published = as->generation;
	mutex_unlock(&as->commit_lock);

	if (!err && !(request->flags & (VIRT_AS_COMMIT_TRY | VIRT_AS_COMMIT_NOWAIT))) {
		/* Later commits may have come: ours has drained before them. */
		err = wait_event_interruptible(as->wait,
					       drained_to(as, published));
		request->out_generation = published;
		return err ? -EINTR : 0;
	}
	if (!err) {
		request->out_generation = published;
		return 0;
	}
out:
	trace_virt_as_refuse(as->id, err, request->out_index);
	atomic64_inc(&as->refused);
	request->out_generation = READ_ONCE(as->generation);
	return err;
}
