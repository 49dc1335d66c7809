// SPDX-License-Identifier: GPL-2.0-only
/*
 * A world: an address space that is owned by the memory of the test's thread.
 *
 * KUnit runs each case in a kernel thread of its own. kunit_vm_mmap() gives it an
 * mm, so that it is to the core what the thread of a VMM is, until it ends. Its
 * clean-up runs in another thread, when that mm is gone already.
 *
 * Whatever a case did, its world ends with nothing left: the clean-up ends its
 * threads, unbinds, and expects that the one reference it has on the address
 * space is the last.
 */
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/mmu_context.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/uaccess.h>

#include "binding.h"
#include "object.h"
#include "world.h"

const struct virt_as_binding_ops world_plain_ops = {
	.owner = THIS_MODULE,
};

/* A job lets go of the address space after it has told the task. */
static void flush_jobs(struct virt_as *as)
{
	if (as->job_wq)
		flush_workqueue(as->job_wq);
}

static void end_world(void *data)
{
	struct world *world = data;
	struct virt_as *as = world->as;

	flush_jobs(as);
	/* As does the end of logging. */
	flush_work(&as->stop_work);
	KUNIT_EXPECT_EQ(world->test, as->nr_bindings, 0);
	KUNIT_EXPECT_EQ(world->test, as->nr_logs, 0);
	KUNIT_EXPECT_FALSE(world->test, as->logging);
	KUNIT_EXPECT_EQ(world->test, atomic_read(&as->nr_jobs), 0);
	KUNIT_EXPECT_EQ(world->test, refcount_read(&as->refs), 1);
	virt_as_put(as);
	mmdrop(world->mm);
}

static unsigned long map_memory(struct kunit *test)
{
	return kunit_vm_mmap(test, NULL, 0, PAGES(WORLD_PAGES),
			     PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
}

/**
 * world_make - a new world
 * @test: the test, in its own thread
 *
 * Return: The world; freed with the test.
 */
struct world *world_make(struct kunit *test)
{
	struct world *world = kunit_kzalloc(test, sizeof(*world), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, world);
	world->test = test;
	world->hva = map_memory(test);
	KUNIT_ASSERT_NE(test, world->hva, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(world->hva));
	world->as = virt_as_alloc();
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, world->as);
	world->mm = current->mm;
	mmgrab(world->mm);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, end_world, world), 0);
	return world;
}

/**
 * world_ram - an entry that adds memory of the owner
 * @world: the world
 * @gpa: where
 * @page: from which page of the owner's on
 * @pages: how many pages
 *
 * Return: The entry.
 */
struct virt_as_entry world_ram(const struct world *world, u64 gpa,
			       unsigned int page, unsigned int pages)
{
	return (struct virt_as_entry) {
		.op = VIRT_AS_OP_ADD,
		.type = VIRT_AS_TYPE_RAM,
		.perms = VIRT_AS_PERM_READ | VIRT_AS_PERM_WRITE,
		.gpa = gpa,
		.len = PAGES(pages),
		.hva = world->hva + PAGES(page),
	};
}

/**
 * world_commit - commit, as the calling thread
 * @world: the world, whose request is filled
 * @flags: VIRT_AS_COMMIT_*; set world->request.expected_generation before EXPECT
 * @entries: the entries
 * @nr: number of @entries
 *
 * Return: What the commit returns.
 */
int world_commit(struct world *world, u32 flags,
		 const struct virt_as_entry *entries, u32 nr)
{
	world->request.flags = flags;
	world->request.entries = entries;
	world->request.nr_entries = nr;
	return virt_as_commit_map(world->as, &world->request);
}

/**
 * world_replace - commit a whole map that is good
 * @world: the world
 * @entries: the map
 * @nr: number of @entries
 */
void world_replace(struct world *world, const struct virt_as_entry *entries,
		   u32 nr)
{
	KUNIT_ASSERT_EQ(world->test,
			world_commit(world, VIRT_AS_COMMIT_REPLACE, entries, nr), 0);
}

static void unbind_if_bound(void *data)
{
	struct virt_as_binding *binding = data;

	if (binding->as)
		virt_as_unbind(binding);
}

/**
 * world_will_unbind - have a binding unbound at the end, if it still is bound
 * @world: the world
 * @binding: zeroed, or bound
 */
void world_will_unbind(struct world *world, struct virt_as_binding *binding)
{
	KUNIT_ASSERT_EQ(world->test,
			kunit_add_action_or_reset(world->test, unbind_if_bound,
						  binding), 0);
}

/**
 * world_bind - bind until the end of the test, or until unbound
 * @world: the world
 * @binding: zeroed memory of the test
 * @ops: what to call
 * @rights: VIRT_AS_RIGHT_READ, VIRT_AS_RIGHT_WRITE
 */
void world_bind(struct world *world, struct virt_as_binding *binding,
		const struct virt_as_binding_ops *ops, u32 rights)
{
	KUNIT_ASSERT_EQ(world->test,
			virt_as_bind(world->as, binding, ops, rights), 0);
	world_will_unbind(world, binding);
}

/**
 * world_put - write the owner's memory, as the owner
 * @world: the world
 * @offset: where in its memory
 * @from: what
 * @len: bytes
 */
void world_put(struct world *world, unsigned long offset, const void *from,
	       size_t len)
{
	KUNIT_ASSERT_EQ(world->test,
			copy_to_user((void __user *)(world->hva + offset), from,
				     len), 0);
}

/**
 * world_expect - the owner's memory must have a content
 * @world: the world
 * @offset: where in its memory
 * @wanted: what has to be there
 * @len: bytes
 */
void world_expect(struct world *world, unsigned long offset, const void *wanted,
		  size_t len)
{
	struct kunit *test = world->test;
	void *found = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, found);
	KUNIT_ASSERT_EQ(test,
			copy_from_user(found, (void __user *)(world->hva + offset),
				       len), 0);
	KUNIT_EXPECT_TRUE_MSG(test, !memcmp(found, wanted, len),
			      "%zu bytes at %#lx are not what they should be",
			      len, offset);
	kunit_kfree(test, found);
}

/**
 * world_unmap - have nothing behind some pages of the owner's any more
 * @world: the world
 * @page: the first
 * @pages: how many
 */
void world_unmap(struct world *world, unsigned int page, unsigned int pages)
{
	KUNIT_ASSERT_EQ(world->test,
			vm_munmap(world->hva + PAGES(page), PAGES(pages)), 0);
}

static int thread_main(void *data)
{
	struct world_thread *thread = data;
	struct world *world = thread->world;

	thread->result = -ENOMEM;
	switch (thread->mm) {
	case WORLD_MM_NONE:
		thread->result = thread->run(world, thread->arg);
		break;
	case WORLD_MM_OWNER:
		kthread_use_mm(world->mm);
		thread->result = thread->run(world, thread->arg);
		kthread_unuse_mm(world->mm);
		mmput(world->mm);
		break;
	case WORLD_MM_OTHER:
		/* As of the test's own thread, it goes when the thread does. */
		if (!IS_ERR_OR_NULL((void *)map_memory(world->test)))
			thread->result = thread->run(world, thread->arg);
		break;
	}
	complete(&thread->done);
	return 0;
}

static void join(void *data)
{
	struct world_thread *thread = data;

	wait_for_completion(&thread->done);
	kthread_stop_put(thread->task);
	thread->task = NULL;
}

/* A test that gave up has threads that may wait for it. */
static void end_thread(void *data)
{
	struct world_thread *thread = data;

	WRITE_ONCE(thread->world->over, true);
	join(thread);
}

/**
 * world_start - start a thread
 * @world: the world
 * @mm: whose memory it has
 * @run: what it does
 * @arg: for @run; nothing of the caller's stack, if the caller may yet give up
 *	by KUNIT_ASSERT
 *
 * Return: The thread; it is ended with the test, if it was not joined.
 */
struct world_thread *world_start(struct world *world, enum world_mm mm,
				 long (*run)(struct world *world, void *arg),
				 void *arg)
{
	struct kunit *test = world->test;
	struct world_thread *thread = kunit_kzalloc(test, sizeof(*thread), GFP_KERNEL);
	struct task_struct *task;

	KUNIT_ASSERT_NOT_NULL(test, thread);
	thread->world = world;
	thread->mm = mm;
	thread->run = run;
	thread->arg = arg;
	init_completion(&thread->done);
	task = kthread_create(thread_main, thread, "virt_as_kunit");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	thread->task = get_task_struct(task);
	world->nr_threads++;
	if (mm == WORLD_MM_OWNER)
		mmget(world->mm);
	wake_up_process(task);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, end_thread, thread), 0);
	return thread;
}

/**
 * world_join - wait until a thread has ended
 * @thread: the thread
 *
 * When the last has, the owner's memory has to be the test's alone again: what a
 * section or a job had of it is given back.
 *
 * Return: What its function returned.
 */
long world_join(struct world_thread *thread)
{
	struct world *world = thread->world;

	kunit_remove_action(world->test, end_thread, thread);
	join(thread);
	flush_jobs(world->as);
	if (!--world->nr_threads && current->mm == world->mm)
		KUNIT_EXPECT_EQ(world->test, atomic_read(&world->mm->mm_users), 1);
	return thread->result;
}
