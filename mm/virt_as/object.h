/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The address space itself. See object.c.
 */
#ifndef _MM_VIRT_AS_OBJECT_H
#define _MM_VIRT_AS_OBJECT_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/srcu.h>
#include <linux/virt_as.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

struct virt_as_map;

/**
 * struct virt_as - an address space
 * @srcu: sections are its readers; @map is what they read
 * @refs: open files, bindings, and jobs of foreign tasks
 * @id: names it in tracepoints
 * @map: the map; written under @commit_lock
 * @generation: of @map; written under @commit_lock, read by anyone
 * @drained_generation: newest generation before which nobody uses a map;
 *	written when a drain ends, read by anyone
 * @draining: the old map on its way out; handed over by @drained_generation: a
 *	commit writes it only while nothing drains
 * @expedite_work: waits for the sections that may see @draining, quickly
 * @drain_rcu: waits for them in the background
 * @drain_work: frees @draining
 * @wait: woken when @generation or @drained_generation has changed
 * @commit_lock: one commit or bind at a time; outermost
 * @bindings_lock: guards the five below, and some members of each binding;
 *	inside @commit_lock, held only for moments
 * @bindings: struct virt_as_binding, in the order they were bound
 * @nr_bindings: number of @bindings
 * @nr_listeners: how many of them are told of commits
 * @nr_prepared: how many of @bindings have prepared the commit under way;
 *	written under @bindings_lock
 * @bindings_wait: woken when a call to a binding has returned
 * @job_wq: runs the jobs of foreign tasks; made for the first of them. Its own,
 *	because a job sleeps for as long as a fault of the owner's memory does,
 *	and nobody else should stand in that queue.
 * @nr_jobs: jobs that have not ended
 * @jobs_wait: woken when a job has ended
 * @commits: commits published
 * @refused: commits that were refused
 * @remote_pages: pages that foreign tasks reached
 * @free_work: frees it, in a context that may sleep
 */
struct virt_as {
	struct srcu_struct srcu;	/* first: its address is the most used */
	refcount_t refs;
	u32 id;
	struct virt_as_map __rcu *map;
	u64 generation;
	u64 drained_generation;
	struct virt_as_map *draining;
	struct work_struct expedite_work;
	struct rcu_head drain_rcu;
	struct work_struct drain_work;
	wait_queue_head_t wait;
	struct mutex commit_lock;	/* outermost: one commit or bind */
	struct mutex bindings_lock;	/* the list; never held in a call */
	struct list_head bindings;
	u32 nr_bindings;
	u32 nr_listeners;
	u32 nr_prepared;
	wait_queue_head_t bindings_wait;
	struct workqueue_struct *job_wq;
	atomic_t nr_jobs;
	wait_queue_head_t jobs_wait;
	atomic64_t commits;
	atomic64_t refused;
	atomic64_t remote_pages;
	struct work_struct free_work;
};

/* Limits; set when the module is loaded. */
extern unsigned int virt_as_max_regions;
extern unsigned int virt_as_max_bindings;
extern unsigned long virt_as_max_logged_pages;

int virt_as_object_init(void);
void virt_as_object_exit(void);

struct virt_as *virt_as_alloc(void);
void virt_as_get(struct virt_as *as);
void virt_as_put(struct virt_as *as);
void virt_as_release_map(struct virt_as_map *map);

#endif /* _MM_VIRT_AS_OBJECT_H */
