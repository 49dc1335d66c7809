/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What most suites begin with: an address space, its owner, some memory of the
 * owner, and threads beside the test. See world.c.
 */
#ifndef VIRT_AS_KUNIT_WORLD_H
#define VIRT_AS_KUNIT_WORLD_H

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/virt_as.h>

#include "commit.h"

/* The owner's memory, in pages; large enough for several jobs. */
#define WORLD_PAGES	256
#define PAGES(n)	((u64)(n) << PAGE_SHIFT)

/**
 * struct world - an address space and its owner
 * @test: the test that it belongs to
 * @as: the address space, with a reference
 * @mm: the owner, which is what the test's own thread runs with; mmgrab()bed
 * @hva: where WORLD_PAGES of its memory are
 * @request: the last commit by world_commit(), and its answer
 * @nr_threads: threads that were not joined
 * @over: the test is over, and its threads should end
 */
struct world {
	struct kunit *test;
	struct virt_as *as;
	struct mm_struct *mm;
	unsigned long hva;
	struct virt_as_request request;
	unsigned int nr_threads;
	bool over;
};

/* Whose memory a thread of a world runs with. */
enum world_mm {
	WORLD_MM_NONE,
	WORLD_MM_OWNER,
	WORLD_MM_OTHER,
};

/**
 * struct world_thread - a thread beside the test's own
 * @world: its world
 * @task: it, referenced; NULL once joined
 * @mm: whose memory it has
 * @run: what it does; may use KUNIT_EXPECT, not KUNIT_ASSERT
 * @arg: for @run
 * @result: of @run
 * @done: @run has returned
 */
struct world_thread {
	struct world *world;
	struct task_struct *task;
	enum world_mm mm;
	long (*run)(struct world *world, void *arg);
	void *arg;
	long result;
	struct completion done;
};

struct world *world_make(struct kunit *test);
struct virt_as_entry world_ram(const struct world *world, u64 gpa,
			       unsigned int page, unsigned int pages);
int world_commit(struct world *world, u32 flags,
		 const struct virt_as_entry *entries, u32 nr);
void world_replace(struct world *world, const struct virt_as_entry *entries,
		   u32 nr);
void world_bind(struct world *world, struct virt_as_binding *binding,
		const struct virt_as_binding_ops *ops, u32 rights);
void world_will_unbind(struct world *world, struct virt_as_binding *binding);
void world_put(struct world *world, unsigned long offset, const void *from,
	       size_t len);
void world_expect(struct world *world, unsigned long offset, const void *wanted,
		  size_t len);
void world_unmap(struct world *world, unsigned int page, unsigned int pages);

struct world_thread *world_start(struct world *world, enum world_mm mm,
				 long (*run)(struct world *world, void *arg),
				 void *arg);
long world_join(struct world_thread *thread);

/*
 * Waits for what another thread does. Ends early if the test is over, and if
 * KUnit has lost patience with it and stops its thread.
 */
#define world_wait(world, condition)					\
do {									\
	while (!(condition) && !READ_ONCE((world)->over) &&		\
	       !kthread_should_stop())					\
		schedule_timeout_uninterruptible(1);			\
} while (0)

/* Binds like any back end that follows no commit. */
extern const struct virt_as_binding_ops world_plain_ops;

#endif /* VIRT_AS_KUNIT_WORLD_H */
