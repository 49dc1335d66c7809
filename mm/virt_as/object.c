// SPDX-License-Identifier: GPL-2.0-only
/*
 * The address space: what it is made of, and how long it lives.
 *
 * A struct virt_as is referenced by each of its open files, by each binding,
 * and by jobs that run for a foreign task. The last put hands it to a work
 * item, because tearing down an srcu_struct and a workqueue sleeps and the last
 * put may come from anywhere. Nothing in it is ever waited for that user space
 * could delay: when the last reference is gone no section is open and no job
 * runs, so the last drain is about to end.
 *
 * The owner's memory is held by mmgrab() alone, in each map, so an address
 * space never keeps the owner's pages alive; whoever wants to touch them has to
 * win mmget_not_zero() first (section.c).
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include <trace/events/virt_as.h>

#include "drain.h"
#include "grace.h"
#include "live.h"
#include "log.h"
#include "map.h"
#include "object.h"

/* Frees address spaces, and ends their logging; module unload waits for it. */
static struct workqueue_struct *free_wq;

static atomic_t last_id = ATOMIC_INIT(0);

/**
 * virt_as_release_map - free a map and what it refers to
 * @map: a map that nobody uses
 *
 * Context: Any that may sleep.
 */
void virt_as_release_map(struct virt_as_map *map)
{
	virt_as_live_release(map);
	put_pid(map->owner);
	mmdrop(map->mm);
	virt_as_map_free(map);
}

static void free_as(struct work_struct *work)
{
	struct virt_as *as = container_of(work, struct virt_as, free_work);

	if (as->job_wq)
		destroy_workqueue(as->job_wq);
	virt_as_finish_drain(as);
	virt_as_finish_sync(as);
	cleanup_srcu_struct(&as->srcu);
	virt_as_release_map(rcu_access_pointer(as->map));
	kfree(as->words);
	kfree(as);
}

/* An empty map, owned by the caller. */
static struct virt_as_map *first_map(void)
{
	const struct virt_as_limits none = {};
	struct virt_as_map *map;
	u32 bad;

	map = virt_as_map_build(NULL, NULL, 0, &none, &bad);
	if (IS_ERR(map))
		return map;
	map->generation = 1;
	map->mm = current->mm;
	mmgrab(map->mm);
	map->owner = get_task_pid(current, PIDTYPE_TGID);
	return map;
}

/**
 * virt_as_alloc - make an empty address space owned by the caller
 *
 * Context: A task with user memory; may sleep.
 * Return: An address space with one reference, or ERR_PTR(-ENOMEM).
 */
struct virt_as *virt_as_alloc(void)
{
	struct virt_as_map *map;
	struct virt_as *as;
	int err;

	as = kzalloc(sizeof(*as), GFP_KERNEL_ACCOUNT);
	if (!as)
		return ERR_PTR(-ENOMEM);
	refcount_set(&as->refs, 1);
	as->id = atomic_inc_return(&last_id);
	as->generation = 1;
	virt_as_init_drain(as);
	INIT_WORK(&as->free_work, free_as);
	init_waitqueue_head(&as->jobs_wait);
	init_waitqueue_head(&as->bindings_wait);
	mutex_init(&as->commit_lock);
	mutex_init(&as->bindings_lock);
	INIT_LIST_HEAD(&as->bindings);
	virt_as_setup_sync(as);
	virt_as_setup_logs(as);

	err = init_srcu_struct(&as->srcu);
	if (err)
		goto err_as;
	map = first_map();
	if (IS_ERR(map)) {
		err = PTR_ERR(map);
		goto err_srcu;
	}
	RCU_INIT_POINTER(as->map, map);
	trace_virt_as_create(as->id);
	return as;

err_srcu:
	cleanup_srcu_struct(&as->srcu);
err_as:
	kfree(as);
	return ERR_PTR(err);
}

/**
 * virt_as_get - take another reference
 * @as: an address space that the caller has a reference on
 */
void virt_as_get(struct virt_as *as)
{
	refcount_inc(&as->refs);
}

/**
 * virt_as_put - drop a reference
 * @as: the address space
 *
 * Context: Any that may take a spinlock; does not sleep.
 */
void virt_as_put(struct virt_as *as)
{
	if (!refcount_dec_and_test(&as->refs))
		return;
	trace_virt_as_destroy(as->id);
	queue_work(free_wq, &as->free_work);
}

/**
 * virt_as_queue - run something for an address space that may outlive its files
 * @as: the address space, on which the work item drops a reference
 * @work: of @as; not again while it is pending
 *
 * Context: Any that may take a spinlock.
 */
void virt_as_queue(struct virt_as *as, struct work_struct *work)
{
	virt_as_get(as);
	if (!queue_work(free_wq, work))
		virt_as_put(as);
}

int __init virt_as_object_init(void)
{
	free_wq = alloc_workqueue("virt_as_free", WQ_UNBOUND, 0);
	return free_wq ? 0 : -ENOMEM;
}

void virt_as_object_exit(void)
{
	destroy_workqueue(free_wq);
}
