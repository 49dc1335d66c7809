// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bindings: the in-kernel users of an address space, told of each commit.
 *
 * A commit goes over the bindings twice: first prepare, which may refuse, then
 * commit, which may not; or abort in reverse, if one refused. A binding is in
 * one of these states, all of it under virt_as::bindings_lock:
 *
 *	diff	busy
 *	NULL	false	idle
 *	NULL	true	prepare is in flight
 *	set	false	has prepared that diff
 *	set	true	commit or abort is in flight
 *
 * and with dying set it is on its way out: no pass starts a call to it any more.
 *
 * The lock is never held across a call. A pass stands on the binding it calls:
 * while that one is busy it cannot leave the list, so the pass can go on from it
 * to a neighbour. virt_as_unbind() takes only this lock and waits only for the
 * call to its own binding, so unbinding never waits for what another binding's
 * prepare does. If it comes between prepare and commit, it aborts by itself;
 * the diff stays valid because a commit ends only when no binding has it, which
 * virt_as::nr_prepared tells.
 *
 * Only bind adds to the list, under the commit lock, so a commit sees the same
 * bindings in both passes, or fewer.
 *
 * The beginning of logging is such a pair of passes, too, with a diff that stands for
 * it. What is called while bits are drained, arm and collect, is not: it is called
 * under the log lock, for the bindings on a list of its own that the log lock guards,
 * so that a harvest never waits for what a commit asks of a binding.
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include <trace/events/virt_as.h>

#include "binding.h"
#include "diff.h"
#include "drain.h"
#include "map.h"
#include "object.h"

/* Stands for the beginning of logging, where otherwise the diff of a commit is. */
static const struct virt_as_diff log_begins;

/* Starts a call; the lock may be dropped for it. */
static void begin_call(struct virt_as *as, struct virt_as_binding *binding)
{
	lockdep_assert_held(&as->bindings_lock);
	WRITE_ONCE(binding->busy, true);
	mutex_unlock(&as->bindings_lock);
}

/* The call has returned; the caller stands on @binding until end_call(). */
static void after_call(struct virt_as *as)
{
	mutex_lock(&as->bindings_lock);
}

/* The caller lets go of @binding, which may be unbound from now on. */
static void end_call(struct virt_as *as, struct virt_as_binding *binding,
		     const struct virt_as_diff *diff)
{
	lockdep_assert_held(&as->bindings_lock);
	/* Pairs with smp_load_acquire() in wait_for_unbinds(). */
	smp_store_release(&as->nr_prepared, as->nr_prepared + !!diff -
					    !!binding->diff);
	binding->diff = diff;
	WRITE_ONCE(binding->busy, false);
	wake_up_all(&as->bindings_wait);
}

static int call_prepare(struct virt_as_binding *binding,
			const struct virt_as_diff *diff)
{
	const struct virt_as_binding_ops *ops = binding->ops;
	int err = 0;

	if (diff == &log_begins)
		err = ops->log_prepare ? ops->log_prepare(binding) : 0;
	else if (ops->prepare)
		err = ops->prepare(binding, diff);
	/* A bug of the module, which must not look like success to its user. */
	return WARN_ON_ONCE(err > 0) ? -EINVAL : err;
}

static void call_commit(struct virt_as_binding *binding,
			const struct virt_as_diff *diff)
{
	const struct virt_as_binding_ops *ops = binding->ops;

	if (diff == &log_begins) {
		if (ops->log_commit)
			ops->log_commit(binding, true);
	} else if (ops->commit) {
		ops->commit(binding, diff);
	}
}

static void call_abort(struct virt_as_binding *binding,
		       const struct virt_as_diff *diff)
{
	const struct virt_as_binding_ops *ops = binding->ops;

	if (diff == &log_begins) {
		if (ops->log_abort)
			ops->log_abort(binding);
	} else if (ops->abort) {
		ops->abort(binding, diff);
	}
}

/*
 * Waits for the bindings that are unbound in the middle and abort on their own.
 * There is one diff at a time, so whoever has prepared has prepared this one.
 */
static void wait_for_unbinds(struct virt_as *as)
{
	/* Pairs with smp_store_release() in end_call(): they are done with it. */
	wait_event(as->bindings_wait, !smp_load_acquire(&as->nr_prepared));
}

/**
 * virt_as_prepare_bindings - first phase
 * @as: the address space
 * @diff: what is going to change
 *
 * Context: Commit lock held.
 * Return: 0 if all have prepared; or the errno of the one that refused, and
 * those that had prepared are aborted.
 */
int virt_as_prepare_bindings(struct virt_as *as, const struct virt_as_diff *diff)
{
	struct virt_as_binding *binding;
	int err = 0;

	lockdep_assert_held(&as->commit_lock);

	mutex_lock(&as->bindings_lock);
	list_for_each_entry(binding, &as->bindings, node) {
		if (binding->dying)
			continue;
		begin_call(as, binding);
		err = call_prepare(binding, diff);
		after_call(as);
		end_call(as, binding, err ? NULL : diff);
		if (err)
			break;
	}
	mutex_unlock(&as->bindings_lock);

	if (err)
		virt_as_abort_bindings(as, diff);
	return err;
}

/**
 * virt_as_commit_bindings - second phase
 * @as: the address space
 * @diff: what has changed, and was prepared
 *
 * Context: Commit lock held.
 */
void virt_as_commit_bindings(struct virt_as *as, const struct virt_as_diff *diff)
{
	struct virt_as_binding *binding;

	lockdep_assert_held(&as->commit_lock);

	mutex_lock(&as->bindings_lock);
	list_for_each_entry(binding, &as->bindings, node) {
		if (binding->dying || binding->diff != diff)
			continue;
		begin_call(as, binding);
		call_commit(binding, diff);
		after_call(as);
		end_call(as, binding, NULL);
	}
	mutex_unlock(&as->bindings_lock);
	wait_for_unbinds(as);
}

/**
 * virt_as_abort_bindings - second phase, if the commit does not happen
 * @as: the address space
 * @diff: what was prepared
 *
 * Context: Commit lock held.
 */
void virt_as_abort_bindings(struct virt_as *as, const struct virt_as_diff *diff)
{
	struct virt_as_binding *binding;

	lockdep_assert_held(&as->commit_lock);

	mutex_lock(&as->bindings_lock);
	list_for_each_entry_reverse(binding, &as->bindings, node) {
		if (binding->dying || binding->diff != diff)
			continue;
		begin_call(as, binding);
		call_abort(binding, diff);
		after_call(as);
		end_call(as, binding, NULL);
	}
	mutex_unlock(&as->bindings_lock);
	wait_for_unbinds(as);
}

/**
 * virt_as_log_prepare_bindings - first phase of the beginning of logging
 * @as: the address space
 *
 * Context: Commit lock held.
 * Return: As virt_as_prepare_bindings().
 */
int virt_as_log_prepare_bindings(struct virt_as *as)
{
	return virt_as_prepare_bindings(as, &log_begins);
}

/**
 * virt_as_log_abort_bindings - second phase, if logging does not begin
 * @as: the address space
 *
 * Context: Commit lock held.
 */
void virt_as_log_abort_bindings(struct virt_as *as)
{
	virt_as_abort_bindings(as, &log_begins);
}

static void end_logging(struct virt_as *as)
{
	struct virt_as_binding *binding;

	mutex_lock(&as->bindings_lock);
	list_for_each_entry(binding, &as->bindings, node) {
		if (binding->dying || !binding->ops->log_commit)
			continue;
		begin_call(as, binding);
		binding->ops->log_commit(binding, false);
		after_call(as);
		end_call(as, binding, NULL);
	}
	mutex_unlock(&as->bindings_lock);
}

/**
 * virt_as_log_commit_bindings - logging has begun, or has ended
 * @as: the address space
 * @on: which of the two; if it has begun, they have prepared
 *
 * Context: Commit lock held.
 */
void virt_as_log_commit_bindings(struct virt_as *as, bool on)
{
	lockdep_assert_held(&as->commit_lock);

	if (on)
		virt_as_commit_bindings(as, &log_begins);
	else
		end_logging(as);
}

/**
 * virt_as_arm_bindings - live bits were taken: the pages are to mark again
 * @as: the address space
 * @words: which pages
 * @nr: number of @words
 *
 * Context: Log lock held.
 */
void virt_as_arm_bindings(struct virt_as *as, const struct virt_as_word *words,
			  unsigned int nr)
{
	struct virt_as_binding *binding;

	lockdep_assert_held(&as->log_lock);

	if (!as->arming)
		return;
	list_for_each_entry(binding, &as->armers, armer) {
		if (binding->ops->arm)
			binding->ops->arm(binding, words, nr);
	}
}

/**
 * virt_as_collect_bindings - have bindings mark what they know to be written
 * @as: the address space
 * @gpa: first guest physical address
 * @last: last one, inclusive
 * @sync: they are to wait for what is under way
 *
 * Context: Log lock held.
 */
void virt_as_collect_bindings(struct virt_as *as, u64 gpa, u64 last, bool sync)
{
	struct virt_as_binding *binding;

	lockdep_assert_held(&as->log_lock);

	if (!as->arming)
		return;
	list_for_each_entry(binding, &as->armers, armer) {
		if (binding->ops->collect)
			binding->ops->collect(binding, gpa, last, sync);
	}
}

/**
 * virt_as_region_at - the region that has a gpa, for the functions of a binding
 * @binding: the binding
 * @gpa: guest physical address
 *
 * So that log_commit finds virt_as_region::live for what the binding has. That may be
 * followed until log_commit(false), or commit with a diff that removes the region, has
 * returned; or until virt_as_unbind() is called, before which all writes that the
 * binding causes must have ended and be marked.
 *
 * Context: In commit and log_commit of @binding.
 * Return: The region of the present map, valid until the function returns; or NULL.
 */
const struct virt_as_region *virt_as_region_at(struct virt_as_binding *binding,
					       u64 gpa)
{
	struct virt_as *as = binding->as;

	return virt_as_map_find(rcu_dereference_protected(as->map,
					lockdep_is_held(&as->commit_lock)), gpa);
}
EXPORT_SYMBOL_GPL(virt_as_region_at);

/**
 * virt_as_hold_drain - the binding goes on using the map that was replaced
 * @binding: the binding
 *
 * For who has made something of the old map that its own readers may still use. The
 * old map has not drained, and no other commit is made, until virt_as_release_drain().
 *
 * Context: In commit of @binding, once, with a diff that replaces a map.
 */
void virt_as_hold_drain(struct virt_as_binding *binding)
{
	struct virt_as *as = binding->as;

	lockdep_assert_held(&as->commit_lock);

	refcount_inc(&as->draining->users);
}
EXPORT_SYMBOL_GPL(virt_as_hold_drain);

/**
 * virt_as_release_drain - the binding has ceased to use the map that was replaced
 * @binding: a binding that has called virt_as_hold_drain(), and is still bound
 *
 * What its readers wrote until then is marked.
 *
 * Context: Any that may take a spinlock.
 */
void virt_as_release_drain(struct virt_as_binding *binding)
{
	struct virt_as *as = binding->as;

	virt_as_put_map(as, as->draining);
}
EXPORT_SYMBOL_GPL(virt_as_release_drain);

/* Shows a new binding the whole map, as one addition. */
static int show_map(struct virt_as *as, struct virt_as_binding *binding)
{
	const struct virt_as_map *map;
	struct virt_as_diff *diff;
	int err;

	map = rcu_dereference_protected(as->map,
					lockdep_is_held(&as->commit_lock));
	diff = virt_as_diff_build(NULL, map);
	if (IS_ERR(diff))
		return PTR_ERR(diff);
	err = call_prepare(binding, diff);
	if (!err)
		call_commit(binding, diff);
	virt_as_diff_free(diff);
	return err;
}

/* Nobody else needs a diff to be made. */
static bool listens(const struct virt_as_binding_ops *ops)
{
	return ops->prepare || ops->commit || ops->abort;
}

/* Who is called when bits are drained. */
static bool arms(const struct virt_as_binding_ops *ops)
{
	return ops->arm || ops->collect;
}

/*
 * The same two passes for a binding that comes later. Its list is joined in between:
 * a bit that is taken from then on may be a write that it has caused.
 */
static int show_all(struct virt_as *as, struct virt_as_binding *binding)
{
	int err = 0;

	if (as->logging)
		err = call_prepare(binding, &log_begins);
	if (err)
		return err;
	if (listens(binding->ops))
		err = show_map(as, binding);
	if (err) {
		if (as->logging)
			call_abort(binding, &log_begins);
		return err;
	}
	if (arms(binding->ops)) {
		mutex_lock(&as->log_lock);
		list_add_tail(&binding->armer, &as->armers);
		mutex_unlock(&as->log_lock);
	}
	if (as->logging)
		call_commit(binding, &log_begins);
	return 0;
}

static int bind_locked(struct virt_as *as, struct virt_as_binding *binding)
{
	int err;

	lockdep_assert_held(&as->commit_lock);

	if (READ_ONCE(as->nr_bindings) >= virt_as_max_bindings)
		return -ENOSPC;
	err = show_all(as, binding);
	if (err)
		return err;
	virt_as_get(as);
	mutex_lock(&as->bindings_lock);
	list_add_tail(&binding->node, &as->bindings);
	WRITE_ONCE(as->nr_bindings, as->nr_bindings + 1);
	WRITE_ONCE(as->nr_listeners, as->nr_listeners + listens(binding->ops));
	mutex_unlock(&as->bindings_lock);
	return 0;
}

/**
 * virt_as_bind - become a user of an address space
 * @as: the address space
 * @binding: memory for it
 * @ops: what to call when the map changes
 * @rights: VIRT_AS_RIGHT_READ, VIRT_AS_RIGHT_WRITE; the caller has checked them
 *
 * Context: As virt_as_bind_file().
 * Return: As virt_as_bind_file().
 */
int virt_as_bind(struct virt_as *as, struct virt_as_binding *binding,
		 const struct virt_as_binding_ops *ops, u32 rights)
{
	int err;

	might_sleep();

	if (!try_module_get(ops->owner))
		return -ENODEV;
	*binding = (struct virt_as_binding) {
		.as = as,
		.ops = ops,
		.rights = rights,
	};

	err = -EINTR;
	if (mutex_lock_killable(&as->commit_lock))
		goto err_module;
	err = bind_locked(as, binding);
	mutex_unlock(&as->commit_lock);
	if (err)
		goto err_module;
	trace_virt_as_bind(as->id, ops->owner);
	return 0;

err_module:
	binding->as = NULL;
	module_put(ops->owner);
	return err;
}

/**
 * virt_as_unbind - cease to be a user of an address space
 * @binding: a binding none of whose sections is open
 *
 * When this returns no call of the binding's ops is in flight nor will be, and
 * its memory is the caller's again. It waits for a call in flight to this
 * binding, never for another binding or for a drain; but if it has arm or collect,
 * for one hold of the log lock.
 *
 * Context: Process context, may sleep; no lock held that the binding's ops take.
 * Not from within its ops.
 */
void virt_as_unbind(struct virt_as_binding *binding)
{
	const struct virt_as_binding_ops *ops = binding->ops;
	struct virt_as *as = binding->as;

	might_sleep();

	if (arms(ops)) {
		mutex_lock(&as->log_lock);
		list_del(&binding->armer);
		mutex_unlock(&as->log_lock);
	}
	mutex_lock(&as->bindings_lock);
	binding->dying = true;
	while (binding->busy) {
		mutex_unlock(&as->bindings_lock);
		wait_event(as->bindings_wait, !READ_ONCE(binding->busy));
		mutex_lock(&as->bindings_lock);
	}
	if (binding->diff) {
		begin_call(as, binding);
		call_abort(binding, binding->diff);
		after_call(as);
		end_call(as, binding, NULL);
	}
	list_del(&binding->node);
	WRITE_ONCE(as->nr_bindings, as->nr_bindings - 1);
	WRITE_ONCE(as->nr_listeners, as->nr_listeners - listens(ops));
	mutex_unlock(&as->bindings_lock);

	trace_virt_as_unbind(as->id, ops->owner);
	binding->as = NULL;
	virt_as_put(as);
	module_put(ops->owner);
}
EXPORT_SYMBOL_GPL(virt_as_unbind);
