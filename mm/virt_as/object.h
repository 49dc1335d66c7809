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
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/virt_as.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "grace.h"

struct virt_as_diff;
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
 * @drain_grace: waits for the sections that may see @draining
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
 * @log_lock: the drain lock of the logs: guards the members below down to
 *	@leaving, all bits of logs, and who may take live bits; inside @commit_lock.
 *	Held for at most VIRT_AS_HOLD_PAGES pages at a time. While @logging, @map is
 *	replaced under it, too.
 * @logs: struct virt_as_log, in the order they were opened
 * @nr_logs: how many of them are open
 * @armers: bindings that have arm or collect
 * @words: room for the live words of one hold; made for the first log
 * @leaving: while the old map drains: what it has and the new one has not; NULL if
 *	nobody logs. Its live bits are still written to.
 * @logging: regions have live bits; written under @commit_lock
 * @arming: bindings are to be told when live bits are taken; guarded by @log_lock
 * @detached: live bits were taken off a map; written under @commit_lock, as @detach_state
 * @detach_state: of @srcu at that time: whether they may be still there
 * @stop_work: ends logging when the last log is closed
 * @watch_work: looks for dirty pages for the sake of poll
 * @sync_grace: see grace.c
 * @sync_lock: guards the three below
 * @sync_begun: number of the grace period by @sync_grace that was begun last
 * @sync_wanted: number of the one that somebody waits for
 * @synced: number of the one that has ended; read by anyone
 * @sync_wait: woken when @synced has changed
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
	struct virt_as_grace drain_grace;
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
	struct mutex log_lock;		/* bits of logs; inside commit_lock */
	struct list_head logs;
	u32 nr_logs;
	struct list_head armers;
	struct virt_as_word *words;
	struct virt_as_diff *leaving;
	bool logging;
	bool arming;
	bool detached;
	unsigned long detach_state;
	struct work_struct stop_work;
	struct delayed_work watch_work;
	struct virt_as_grace sync_grace;
	spinlock_t sync_lock;		/* the three below, for moments */
	u64 sync_begun;
	u64 sync_wanted;
	u64 synced;
	wait_queue_head_t sync_wait;
	struct work_struct free_work;
};

/* Limits; set when the module is loaded. */
extern unsigned int virt_as_max_regions;
extern unsigned int virt_as_max_bindings;
extern unsigned int virt_as_max_logs;
extern unsigned long virt_as_max_logged_pages;

int virt_as_object_init(void);
void virt_as_object_exit(void);

struct virt_as *virt_as_alloc(void);
void virt_as_get(struct virt_as *as);
void virt_as_put(struct virt_as *as);
void virt_as_queue(struct virt_as *as, struct work_struct *work);
void virt_as_release_map(struct virt_as_map *map);

#endif /* _MM_VIRT_AS_OBJECT_H */
