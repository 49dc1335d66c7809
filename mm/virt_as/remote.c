// SPDX-License-Identifier: GPL-2.0-only
/*
 * A foreign task's way to guest memory.
 *
 * A user task cannot take on another mm (section.c says why), so there are two
 * ways around:
 *
 *	few bytes	Get the pages through the owner's mm, copy through
 *			kmap_local, let them go. Faults are taken by the task
 *			itself.
 *	many bytes,	A job: a kernel thread of the address space's own
 *	or hardware	workqueue takes on the owner's mm and copies to or from
 *			a buffer, while the task waits. Hardware is not made of
 *			pages that could be had.
 *
 * Pages can be had of ordinary memory, and a kernel thread can touch what has no
 * protection key. If one way finds nothing, the other is tried, so that the
 * outcome does not depend on the length; but a job is tried only if there is
 * room for one, because an hva that is backed by nothing is no reason to wait.
 *
 * The wait for a job can be left by a fatal signal, although the kernel thread
 * may be stuck in a fault for good. So a job owns all that it touches: the
 * buffer, references on the address space, the owner's mm and this module, and a
 * count of the map that its host addresses came from, so that the drain waits
 * for it too. The last of the two parties frees it. An address space has
 * MAX_JOBS jobs at most, counting those that nobody waits for any more: beyond
 * that, memory is had page by page after all, and hardware waits for its turn.
 *
 * Locks: the owner's mmap_lock for reading, to pin; nothing else.
 */
#include <linux/build_bug.h>
#include <linux/completion.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mmu_context.h>
#include <linux/module.h>
#include <linux/refcount.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "drain.h"
#include "map.h"
#include "object.h"
#include "reach.h"

/* From this size on a job, which leaves the walk of page tables to hardware. */
#define JOB_MIN		SZ_64K
/* What one job moves, which bounds its buffer. */
#define JOB_MAX		SZ_256K
/* Jobs of one address space at a time; every NUMA node runs that many. */
#define MAX_JOBS	4
static_assert(MAX_JOBS <= WQ_DFL_MIN_ACTIVE);
/* Pages held at a time. */
#define PAGE_BATCH	16

/*
 * How a foreign task waits: until it is killed, and without being in the way of
 * suspend. It holds a section's read-side lock, which is nothing that thawing
 * another task could need.
 */
#define WAIT_STATE	(TASK_KILLABLE | TASK_FREEZABLE_UNSAFE)

/**
 * struct job - bytes that a kernel thread moves for a foreign task
 * @work: the work item
 * @refs: the task and the kernel thread
 * @done: completed when @left is known
 * @as: the address space, referenced
 * @map: the map that @segment came from, counted, with its mm held by mm_users
 * @srcu_idx: of a read-side critical section from its begin to its end, for live bits
 *	and for HARVEST_SYNC, which waits for what was begun before it
 * @segment: where, in the owner's memory
 * @motion: which way
 * @left: bytes not moved
 * @buf: @segment.len bytes; unused for VIRT_AS_ZERO
 */
struct job {
	struct work_struct work;
	refcount_t refs;
	struct completion done;
	struct virt_as *as;
	struct virt_as_map *map;
	int srcu_idx;
	struct virt_as_segment segment;
	enum virt_as_motion motion;
	size_t left;
	void *buf;
};

static bool take_slot(struct virt_as *as)
{
	return atomic_add_unless(&as->nr_jobs, 1, MAX_JOBS);
}

static void give_slot(struct virt_as *as)
{
	atomic_dec(&as->nr_jobs);
	wake_up(&as->jobs_wait);
}

static void put_job(struct job *job)
{
	if (!refcount_dec_and_test(&job->refs))
		return;
	kvfree(job->buf);
	kfree(job);
}

/*
 * The section may be gone with the task, so a log may have been opened that waited
 * for neither section nor job: it looks for live bits when it has written.
 */
static void mark_job(struct job *job)
{
	/*
	 * Data before the look at virt_as_region::live. Pairs with the grace period in
	 * virt_as_log_open(), which has a full barrier after live bits are attached.
	 */
	smp_mb();
	virt_as_mark_segment(&job->segment, 0, job->segment.len);
}

static void run_job(struct work_struct *work)
{
	struct job *job = container_of(work, struct job, work);
	struct mm_struct *mm = job->map->mm;
	struct virt_as *as = job->as;

	kthread_use_mm(mm);
	job->left = virt_as_direct_transfer(&job->segment, job->buf, job->motion);
	kthread_unuse_mm(mm);
	mmput_async(mm);
	if (job->motion != VIRT_AS_READ)
		mark_job(job);
	__acquire(&as->srcu);
	srcu_up_read(&as->srcu, job->srcu_idx);
	virt_as_put_map(as, job->map);

	complete(&job->done);
	put_job(job);
	give_slot(as);
	virt_as_put(as);
	/*
	 * What runs after this is still waited for by module unload: if that
	 * was the last put, by way of destroy_workqueue() in free_as(); if not,
	 * whoever has a reference pins the module.
	 */
	module_put(THIS_MODULE);
}

static struct job *alloc_job(const struct virt_as_segment *segment,
			     enum virt_as_motion motion)
{
	struct job *job;

	job = kzalloc(sizeof(*job), GFP_KERNEL_ACCOUNT);
	if (!job)
		return NULL;
	if (motion != VIRT_AS_ZERO) {
		job->buf = kvmalloc(segment->len, GFP_KERNEL_ACCOUNT);
		if (!job->buf) {
			kfree(job);
			return NULL;
		}
	}
	INIT_WORK(&job->work, run_job);
	init_completion(&job->done);
	refcount_set(&job->refs, 2);
	job->segment = *segment;
	job->motion = motion;
	job->left = segment->len;
	return job;
}

/* Most address spaces never need one. */
static struct workqueue_struct *get_job_wq(struct virt_as *as)
{
	struct workqueue_struct *wq = READ_ONCE(as->job_wq);
	struct workqueue_struct *other;

	if (wq)
		return wq;
	wq = alloc_workqueue("virt_as/%u", WQ_UNBOUND, MAX_JOBS, as->id);
	if (!wq)
		return NULL;
	other = cmpxchg(&as->job_wq, NULL, wq);
	if (!other)
		return wq;
	destroy_workqueue(wq);
	return other;
}

/* The section holds what the job needs, so the job's own holds cannot fail. */
static void start_job(struct job *job, struct virt_as_section *section,
		      struct workqueue_struct *wq)
{
	__module_get(THIS_MODULE);
	job->as = section->as;
	virt_as_get(job->as);
	job->map = (struct virt_as_map *)section->map;
	refcount_inc(&job->map->users);
	job->srcu_idx = srcu_down_read(&job->as->srcu);
	/* For sparse: the job carries the lock from here to run_job(). */
	__release(&job->as->srcu);
	mmget(job->map->mm);
	queue_work(wq, &job->work);
}

/* Gives back the slot if the job cannot be begun. */
static int begin_job(struct virt_as_section *section,
		     const struct virt_as_segment *segment, const void *buf,
		     enum virt_as_motion motion, struct job **begun)
{
	struct workqueue_struct *wq = get_job_wq(section->as);
	struct job *job = wq ? alloc_job(segment, motion) : NULL;

	if (!job) {
		give_slot(section->as);
		return -ENOMEM;
	}
	if (motion == VIRT_AS_WRITE)
		memcpy(job->buf, buf, segment->len);
	start_job(job, section, wq);
	*begun = job;
	return 0;
}

/* Takes over the caller's slot. */
static int transfer_by_job(struct virt_as_section *section,
			   const struct virt_as_segment *segment, void *buf,
			   enum virt_as_motion motion, size_t *moved)
{
	struct job *job;
	int err;

	*moved = 0;
	/* A job would go on without the task, and nobody asked for that. */
	if (fatal_signal_pending(current)) {
		give_slot(section->as);
		return -EINTR;
	}
	err = begin_job(section, segment, buf, motion, &job);
	if (err)
		return err;
	err = wait_for_completion_state(&job->done, WAIT_STATE);
	if (err) {
		put_job(job);
		return -EINTR;
	}

	*moved = segment->len - job->left;
	if (motion == VIRT_AS_READ)
		memcpy(buf, job->buf, *moved);
	if (job->left)
		err = -EFAULT;
	put_job(job);
	atomic64_add(DIV_ROUND_UP(*moved, PAGE_SIZE),
		     &section->as->remote_pages);
	return err;
}

/*
 * Gets hold of some pages of the owner. A page fault may be taken here, and
 * waits killably. To read, a reference is enough, and leaves pages shared that a
 * pin would have to copy. Returns how many pages, or an errno.
 */
static long get_pages(struct mm_struct *mm, unsigned long start, long nr,
		      bool write, struct page **pages)
{
	int locked = 1;
	long got;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	if (write)
		got = pin_user_pages_remote(mm, start, nr, FOLL_WRITE, pages,
					    &locked);
	else
		got = get_user_pages_remote(mm, start, nr, 0, pages, &locked);
	if (locked)
		mmap_read_unlock(mm);
	if (got > 0)
		return got;
	if (fatal_signal_pending(current))
		return -EINTR;
	return got == -ENOMEM ? -ENOMEM : -EFAULT;
}

static void put_pages(struct page **pages, long nr, bool write)
{
	long i;

	if (write) {
		unpin_user_pages_dirty_lock(pages, nr, true);
		return;
	}
	for (i = 0; i < nr; i++)
		put_page(pages[i]);
}

static void move_page(struct page *page, unsigned int offset, unsigned int len,
		      void *buf, enum virt_as_motion motion)
{
	switch (motion) {
	case VIRT_AS_READ:
		memcpy_from_page(buf, page, offset, len);
		break;
	case VIRT_AS_WRITE:
		memcpy_to_page(page, offset, buf, len);
		break;
	case VIRT_AS_ZERO:
		memzero_page(page, offset, len);
		break;
	}
}

static int transfer_by_pages(struct virt_as_section *section,
			     const struct virt_as_segment *segment, void *buf,
			     enum virt_as_motion motion, size_t *moved)
{
	struct mm_struct *mm = section->map->mm;
	bool write = motion != VIRT_AS_READ;
	struct page *pages[PAGE_BATCH];
	size_t done = 0;
	long nr = 0;

	while (done < segment->len) {
		unsigned long at = (unsigned long)segment->hva + done;
		unsigned int offset = offset_in_page(at);
		long i;

		nr = DIV_ROUND_UP(offset + (segment->len - done), PAGE_SIZE);
		nr = get_pages(mm, at - offset, min_t(long, nr, PAGE_BATCH),
			       write, pages);
		if (nr < 0)
			break;
		for (i = 0; i < nr; i++) {
			size_t len = min_t(size_t, PAGE_SIZE - offset,
					   segment->len - done);

			move_page(pages[i], offset, len,
				  buf ? buf + done : NULL, motion);
			done += len;
			offset = 0;
		}
		put_pages(pages, nr, write);
		atomic64_add(nr, &section->as->remote_pages);
	}
	*moved = done;
	return nr < 0 ? nr : 0;
}

/* One part: which way, and which if that finds nothing. */
static int transfer_part(struct virt_as_section *section,
			 const struct virt_as_segment *part, void *buf,
			 enum virt_as_motion motion, size_t *moved)
{
	struct virt_as *as = section->as;
	int err;

	if (part->type == VIRT_AS_TYPE_DEVICE) {
		*moved = 0;
		if (wait_event_state(as->jobs_wait, take_slot(as), WAIT_STATE))
			return -EINTR;
		return transfer_by_job(section, part, buf, motion, moved);
	}
	if (part->len >= JOB_MIN && take_slot(as)) {
		err = transfer_by_job(section, part, buf, motion, moved);
		if (!err || err == -EINTR || *moved)
			return err;
		return transfer_by_pages(section, part, buf, motion, moved);
	}
	err = transfer_by_pages(section, part, buf, motion, moved);
	if (err == -EFAULT && !*moved && take_slot(as))
		err = transfer_by_job(section, part, buf, motion, moved);
	return err;
}

/**
 * virt_as_remote_transfer - move bytes for a foreign task
 * @section: an open section of a foreign task
 * @segment: from virt_as_resolve() on the section's map
 * @buf: kernel memory; unused for VIRT_AS_ZERO
 * @motion: which way
 * @moved: set to how many bytes
 *
 * Context: Process context; sleeps in page faults of the owner's memory until a
 * fatal signal.
 * Return: 0 if all were moved; or why not: -EFAULT, -EINTR, -ENOMEM.
 */
int virt_as_remote_transfer(struct virt_as_section *section,
			    const struct virt_as_segment *segment, void *buf,
			    enum virt_as_motion motion, size_t *moved)
{
	struct virt_as_segment part = *segment;
	size_t step;
	int err;

	*moved = 0;
	while (*moved < segment->len) {
		part.hva = segment->hva + *moved;
		part.len = min_t(size_t, segment->len - *moved, JOB_MAX);
		err = transfer_part(section, &part, buf ? buf + *moved : NULL,
				    motion, &step);
		*moved += step;
		/* A part that was begun one way may be ended the other way. */
		if (err == -EINTR || (err && !step))
			return err;
	}
	return 0;
}

/**
 * virt_as_remote_atomic - one atomic operation for a foreign task
 * @section: an open section
 * @segment: one naturally aligned word
 * @operate: does it; in a context that must not sleep
 * @arg: for @operate
 * @write: @operate may write
 *
 * Context: Process context; sleeps in page faults of the owner's memory until a
 * fatal signal.
 * Return: What @operate returns; -EFAULT, -EINTR or -ENOMEM if the page cannot
 * be had.
 */
int virt_as_remote_atomic(struct virt_as_section *section,
			  const struct virt_as_segment *segment,
			  int (*operate)(void *at, void *arg), void *arg,
			  bool write)
{
	unsigned long at = (unsigned long)segment->hva;
	struct page *page;
	void *base;
	long got;
	int err;

	got = get_pages(section->map->mm, at & PAGE_MASK, 1, write, &page);
	if (got < 0)
		return got;
	base = kmap_local_page(page);
	err = operate(base + offset_in_page(at), arg);
	kunmap_local(base);
	put_pages(&page, 1, write);
	atomic64_inc(&section->as->remote_pages);
	return err;
}
