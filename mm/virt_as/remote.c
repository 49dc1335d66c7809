// SPDX-License-Identifier: GPL-2.0-only
/*
 * A foreign task's way to guest memory.
 *
 * A user task cannot take on another mm (section.c says why), so there are two
 * ways around:
 *
 *	few bytes	Pin the pages through the owner's mm, copy through
 *			kmap_local, unpin. Faults are taken by the task itself.
 *	many bytes,	A job: a kernel thread of the address space's own
 *	or hardware	workqueue takes on the owner's mm and copies to or from
 *			a buffer, while the task waits. Hardware is not made of
 *			pages that could be pinned.
 *
 * The wait for a job can be left by a fatal signal, although the kernel thread
 * may be stuck in a fault for good. So a job owns all that it touches: the
 * buffer, references on the address space, the owner's mm and this module, and a
 * read-side lock of its own, which keeps the map that its host addresses came
 * from in use, hence the drain waiting, until it is done. The last of the two
 * parties frees it.
 *
 * Locks: the owner's mmap_lock for reading, to pin; nothing else.
 */
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

#include "map.h"
#include "object.h"
#include "reach.h"

/* From this size on, one job is cheaper than pinning every page. */
#define JOB_MIN		SZ_64K
/* What one job moves, which bounds its buffer. */
#define JOB_MAX		SZ_256K
/* Pages pinned at a time. */
#define PIN_BATCH	16

/**
 * struct job - bytes that a kernel thread moves for a foreign task
 * @work: the work item
 * @refs: the task and the kernel thread
 * @done: completed when @left is known
 * @as: the address space, referenced
 * @srcu_idx: of the read-side lock that the task took for the kernel thread
 * @mm: the owner's mm, held by mm_users
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
	int srcu_idx;
	struct mm_struct *mm;
	struct virt_as_segment segment;
	enum virt_as_motion motion;
	size_t left;
	void *buf;
};

static void put_job(struct job *job)
{
	if (!refcount_dec_and_test(&job->refs))
		return;
	kvfree(job->buf);
	kfree(job);
}

static void run_job(struct work_struct *work)
{
	struct job *job = container_of(work, struct job, work);
	struct virt_as *as = job->as;

	kthread_use_mm(job->mm);
	job->left = virt_as_direct_transfer(&job->segment, job->buf, job->motion);
	kthread_unuse_mm(job->mm);
	__acquire(&as->srcu);
	srcu_up_read(&as->srcu, job->srcu_idx);
	mmput_async(job->mm);

	complete(&job->done);
	put_job(job);
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
		job->buf = kvzalloc(segment->len, GFP_KERNEL_ACCOUNT);
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

/* The section holds what the job needs, so the job's own holds cannot fail. */
static void start_job(struct job *job, struct virt_as_section *section)
{
	__module_get(THIS_MODULE);
	job->as = section->as;
	virt_as_get(job->as);
	job->mm = section->map->mm;
	mmget(job->mm);
	job->srcu_idx = srcu_down_read(&job->as->srcu);
	/* For sparse: the job carries the lock from here to run_job(). */
	__release(&job->as->srcu);
	queue_work(job->as->wq, &job->work);
}

/* Runs @job; the caller must not touch it afterwards. */
static size_t transfer_by_job(struct virt_as_section *section, struct job *job,
			      void *buf)
{
	size_t len = job->segment.len;
	size_t left = len;

	if (job->motion == VIRT_AS_WRITE)
		memcpy(job->buf, buf, len);
	start_job(job, section);
	if (!wait_for_completion_killable(&job->done)) {
		left = job->left;
		if (job->motion == VIRT_AS_READ)
			memcpy(buf, job->buf, len - left);
		atomic64_add(DIV_ROUND_UP(len - left, PAGE_SIZE),
			     &section->as->remote_pages);
	}
	put_job(job);
	return left;
}

/*
 * Pins some pages of the owner. A page fault may be taken here, and waits
 * killably. Returns how many pages, or what is not above 0.
 */
static long pin_pages(struct mm_struct *mm, unsigned long start, long nr,
		      bool write, struct page **pages)
{
	unsigned int flags = write ? FOLL_WRITE : 0;
	int locked = 1;
	long pinned;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	pinned = pin_user_pages_remote(mm, start, nr, flags, pages, &locked);
	if (locked)
		mmap_read_unlock(mm);
	return pinned;
}

static void unpin_pages(struct page **pages, long nr, bool dirty)
{
	unpin_user_pages_dirty_lock(pages, nr, dirty);
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

static size_t transfer_by_pins(struct virt_as_section *section,
			       const struct virt_as_segment *segment, void *buf,
			       enum virt_as_motion motion)
{
	struct mm_struct *mm = section->map->mm;
	bool write = motion != VIRT_AS_READ;
	struct page *pages[PIN_BATCH];
	size_t done = 0;

	while (done < segment->len) {
		unsigned long at = (unsigned long)segment->hva + done;
		unsigned int offset = offset_in_page(at);
		long i, nr;

		nr = DIV_ROUND_UP(offset + (segment->len - done), PAGE_SIZE);
		nr = pin_pages(mm, at - offset, min_t(long, nr, PIN_BATCH),
			       write, pages);
		if (nr <= 0)
			break;
		for (i = 0; i < nr; i++) {
			size_t len = min_t(size_t, PAGE_SIZE - offset,
					   segment->len - done);

			move_page(pages[i], offset, len,
				  buf ? buf + done : NULL, motion);
			done += len;
			offset = 0;
		}
		unpin_pages(pages, nr, write);
		atomic64_add(nr, &section->as->remote_pages);
	}
	return segment->len - done;
}

/**
 * virt_as_remote_transfer - move bytes for a foreign task
 * @section: an open section of a foreign task
 * @segment: from virt_as_resolve() on the section's map
 * @buf: kernel memory; unused for VIRT_AS_ZERO
 * @motion: which way
 *
 * Context: Process context; sleeps in page faults of the owner's memory until a
 * fatal signal.
 * Return: Bytes not moved.
 */
size_t virt_as_remote_transfer(struct virt_as_section *section,
			       const struct virt_as_segment *segment,
			       void *buf, enum virt_as_motion motion)
{
	bool device = segment->type == VIRT_AS_TYPE_DEVICE;
	struct virt_as_segment rest = *segment;

	while (device || rest.len >= JOB_MIN) {
		struct virt_as_segment part = rest;
		struct job *job;
		size_t left;

		if (!rest.len)
			return 0;
		part.len = min_t(size_t, rest.len, JOB_MAX);
		job = alloc_job(&part, motion);
		if (!job)
			break;
		left = transfer_by_job(section, job, buf);
		rest.hva += part.len - left;
		rest.len -= part.len - left;
		if (left)
			return rest.len;
		if (buf)
			buf += part.len;
	}

	/* Few bytes, the last of many, or no memory for a job. */
	return device ? rest.len : transfer_by_pins(section, &rest, buf, motion);
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
 * Return: What @operate returns, or -EFAULT if the page cannot be had, -EINTR
 * if the caller is being killed.
 */
int virt_as_remote_atomic(struct virt_as_section *section,
			  const struct virt_as_segment *segment,
			  int (*operate)(void *at, void *arg), void *arg,
			  bool write)
{
	unsigned long at = (unsigned long)segment->hva;
	struct page *page;
	void *base;
	int err;

	if (pin_pages(section->map->mm, at & PAGE_MASK, 1, write, &page) != 1)
		return fatal_signal_pending(current) ? -EINTR : -EFAULT;
	base = kmap_local_page(page);
	err = operate(base + offset_in_page(at), arg);
	kunmap_local(base);
	unpin_pages(&page, 1, write);
	atomic64_inc(&section->as->remote_pages);
	return err;
}
