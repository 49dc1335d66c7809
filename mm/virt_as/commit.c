// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commit: build a new map, ask the bindings, publish, drain the old map.
 *
 * Steps, and what a failure at each leaves behind (always: the old map, whole):
 *
 *	1. take the commit lock, when nothing drains
 *	2. check the caller and the expected generation
 *	3. build the new map			free it
 *	4. prepare the logs, then every binding	abort those prepared, in reverse
 *	5. publish: one pointer			cannot fail from here on
 *	6. commit every binding
 *	7. let go of the lock, wait for the drain unless told not to
 *	8. hand over what has left, if asked
 *
 * Publish is the commit point. A section that began before sees the old map to
 * its end, one that begins after sees the new one; nothing in between exists.
 *
 * The drain (drain.c) takes as long as any section does, and a section may be
 * waiting for a page fault that the committing thread itself serves. So that
 * wait can be left by a signal, or left out.
 *
 * Memory ordering. rcu_assign_pointer(as->map) pairs with srcu_dereference() in
 * virt_as_section_enter() and in single.c: who sees the new pointer sees the whole map.
 *
 * Locks: commit_lock outermost; log_lock inside while anybody logs, here and in
 * log_commit.c; bindings_lock inside, in binding.c. Nothing
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
#include "drain.h"
#include "drain_bits.h"
#include "handover.h"
#include "log_commit.h"
#include "map.h"
#include "object.h"

/**
 * virt_as_lock_drained - take the commit lock at a time when nothing drains
 * @as: the address space
 * @flags: with VIRT_AS_COMMIT_NOWAIT, do not wait for a drain
 *
 * Context: Sleeps; not in a section.
 * Return: 0, -EINTR if a signal came first, or -EAGAIN.
 */
int virt_as_lock_drained(struct virt_as *as, u32 flags)
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
		err = wait_event_freezable(as->wait, virt_as_drained(as));
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
	/* Another process may share the memory; the owner's name stays. */
	if (map->mm == old->mm)
		map->owner = get_pid(old->owner);
	else
		map->owner = get_task_pid(current, PIDTYPE_TGID);
	return map;
}

static void publish(struct virt_as *as, struct virt_as_map *old,
		    struct virt_as_map *new, struct virt_as_diff *diff)
{
	lockdep_assert_held(&as->commit_lock);

	/* Whoever drains live bits sees one map, and what the other one has left. */
	if (as->logging) {
		mutex_lock(&as->log_lock);
		virt_as_logs_install(as, diff);
	}
	as->draining = old;
	/* Pairs with srcu_dereference() where a section begins. */
	rcu_assign_pointer(as->map, new);
	WRITE_ONCE(as->generation, new->generation);
	if (as->logging)
		mutex_unlock(&as->log_lock);
	atomic64_inc(&as->commits);
	trace_virt_as_commit(as->id, new->generation, new->nr);
	wake_up_all(&as->wait);
}

/* Step 4: all who must be able to follow, or nobody. */
static int prepare(struct virt_as *as, const struct virt_as_map *old,
		   struct virt_as_map *new, const struct virt_as_diff *diff,
		   const struct virt_as_request *request)
{
	int err = 0;

	/* A write by way of one alias is news of the other one, also if that leaves. */
	if (as->logging && old->nr_aliases)
		err = virt_as_drain_all_bits(as);
	if (!err && request->handover)
		err = virt_as_handover_prepare(request->handover, new, diff);
	if (!err && as->logging)
		err = virt_as_logs_prepare(as, old, new);
	if (err)
		return err;
	err = virt_as_prepare_bindings(as, diff);
	if (err && as->logging)
		virt_as_logs_abort(as);
	return err;
}

static void abort_all(struct virt_as *as, const struct virt_as_diff *diff)
{
	virt_as_abort_bindings(as, diff);
	if (as->logging)
		virt_as_logs_abort(as);
}

/* Steps 5 and 6. */
static void follow(struct virt_as *as, struct virt_as_map *old,
		   struct virt_as_map *new, struct virt_as_diff *diff)
{
	publish(as, old, new, diff);
	if (diff) {
		if (as->logging)
			virt_as_logs_added(as, diff);
		virt_as_commit_bindings(as, diff);
	}
	/* With logs it is needed until the old map has drained. */
	if (diff && !as->logging)
		virt_as_diff_free(diff);
	/* Only now: the diff pointed into the old map. */
	virt_as_start_drain(as);
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
	if (READ_ONCE(as->nr_listeners) || as->logging) {
		diff = virt_as_diff_build(old, new);
		if (IS_ERR(diff)) {
			err = PTR_ERR(diff);
			goto err_new;
		}
		err = prepare(as, old, new, diff, request);
		if (err)
			goto err_diff;
	}

	if (request->flags & VIRT_AS_COMMIT_TRY) {
		if (diff)
			abort_all(as, diff);
		err = 0;
		goto err_diff;
	}

	follow(as, old, new, diff);
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
 * @request->out_generation is 0 if the map was not replaced.
 */
int virt_as_commit_map(struct virt_as *as, struct virt_as_request *request)
{
	u64 published;
	int err;

	might_sleep();

	request->out_index = VIRT_AS_NO_INDEX;
	request->out_generation = 0;
	request->published = false;
	err = virt_as_lock_drained(as, request->flags);
	if (err)
		goto out;
	err = commit_locked(as, request);
	published = as->generation;
	mutex_unlock(&as->commit_lock);
	if (err)
		goto out;

	request->out_generation = published;
	request->published = !(request->flags & VIRT_AS_COMMIT_TRY);
	if (request->flags & (VIRT_AS_COMMIT_TRY | VIRT_AS_COMMIT_NOWAIT))
		return 0;
	/* Later commits may have come: ours has drained before them. */
	err = wait_event_freezable(as->wait, virt_as_drained_to(as, published));
	if (err)
		return -EINTR;
	return request->handover ? virt_as_handover(request->handover, published) : 0;

out:
	/* Else nobody could tell it from the interruption of a later wait. */
	if (err != -EINTR)
		request->out_generation = READ_ONCE(as->generation);
	return err;
}
