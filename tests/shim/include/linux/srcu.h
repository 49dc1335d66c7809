/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stub: a read-side section is an odd count in the reader's own slot. Entering
 * is relaxed plus a fence: the processor is ordered, but for a race detector
 * (which knows no fences) nothing of the writer's happened before the section.
 * That is the publish's business alone. Leaving releases to synchronize_srcu().
 */
#ifndef _SHIM_LINUX_SRCU_H
#define _SHIM_LINUX_SRCU_H

#include <linux/bug.h>
#include <linux/rcupdate.h>
#include <linux/types.h>
#include <sched.h>

#define SHIM_READERS		8

struct srcu_struct {
	struct {
		unsigned long seq;
	} __aligned(64) slot[SHIM_READERS];
};

/* Which slot this thread has; each thread sets it before its first section. */
extern __thread unsigned int shim_reader;

#define DEFINE_SRCU(name)	struct srcu_struct name
#define DEFINE_STATIC_SRCU(name) static struct srcu_struct name

static inline int init_srcu_struct(struct srcu_struct *ssp)
{
	__builtin_memset(ssp, 0, sizeof(*ssp));
	return 0;
}

static inline void cleanup_srcu_struct(struct srcu_struct *ssp)
{
	unsigned int i;

	for (i = 0; i < SHIM_READERS; i++)
		BUG_ON(READ_ONCE(ssp->slot[i].seq) & 1);
}

static inline int srcu_read_lock(struct srcu_struct *ssp)
{
	BUG_ON(__atomic_fetch_add(&ssp->slot[shim_reader].seq, 1,
				  __ATOMIC_RELAXED) & 1);
	smp_mb();
	return (int)shim_reader;
}

static inline void srcu_read_unlock(struct srcu_struct *ssp, int idx)
{
	BUG_ON(idx != (int)shim_reader);
	BUG_ON(!(__atomic_fetch_add(&ssp->slot[idx].seq, 1,
				    __ATOMIC_RELEASE) & 1));
}

#define srcu_dereference(p, ssp)	({ (void)(ssp); rcu_dereference(p); })
#define srcu_dereference_check(p, ssp, c)	srcu_dereference(p, ssp)
#define srcu_read_lock_held(ssp)	({ (void)(ssp); 1; })

static inline void synchronize_srcu(struct srcu_struct *ssp)
{
	unsigned long seen;
	unsigned int i;

	smp_mb();
	for (i = 0; i < SHIM_READERS; i++) {
		seen = smp_load_acquire(&ssp->slot[i].seq);
		while ((seen & 1) && smp_load_acquire(&ssp->slot[i].seq) == seen)
			sched_yield();
	}
}

void call_srcu(struct srcu_struct *ssp, struct rcu_head *head,
	       void (*func)(struct rcu_head *head));
void srcu_barrier(struct srcu_struct *ssp);

#define synchronize_srcu_expedited(ssp)	synchronize_srcu(ssp)

#endif
