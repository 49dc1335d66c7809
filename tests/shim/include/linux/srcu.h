/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stub: a read-side section is an odd count in the reader's own slot. Entering
 * is relaxed plus a fence: the processor is ordered, but for a race detector
 * (which knows no fences) nothing of the writer's happened before the section.
 * That is the publish's business alone. Leaving releases to synchronize_srcu().
 *
 * What a reader reads and writes is laid out as the kernel's: an index, in line
 * with what follows the domain, which each grace period changes and nobody else
 * writes; and a counter that no other thread writes, in a line that no other
 * counter is in. One store and one full fence enter, and the same leave.
 */
#ifndef _SHIM_LINUX_SRCU_H
#define _SHIM_LINUX_SRCU_H

#include <linux/bug.h>
#include <linux/errno.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/types.h>
#include <sched.h>

#define SHIM_READERS		16
#define SHIM_LINE		64

/* A line long, so that two counters are in two, wherever the array begins. */
struct shim_slot {
	unsigned long seq;
	unsigned char rest[SHIM_LINE - sizeof(unsigned long)];
};

static_assert(sizeof(struct shim_slot) == SHIM_LINE);

struct srcu_struct {
	unsigned int idx;
	struct shim_slot *slots;
	unsigned long begun;
	unsigned long over;
};

/* Which slot this thread has; each thread sets it before its first section. */
extern __thread unsigned int shim_reader;

static inline int init_srcu_struct(struct srcu_struct *ssp)
{
	ssp->idx = 0;
	ssp->begun = 0;
	ssp->over = 0;
	ssp->slots = kcalloc(SHIM_READERS, sizeof(*ssp->slots), GFP_KERNEL);
	return ssp->slots ? 0 : -ENOMEM;
}

static inline void cleanup_srcu_struct(struct srcu_struct *ssp)
{
	unsigned int i;

	for (i = 0; i < SHIM_READERS; i++)
		BUG_ON(READ_ONCE(ssp->slots[i].seq) & 1);
	kfree(ssp->slots);
}

/* As in the kernel, the answer depends on the domain's index. */
static inline int srcu_read_lock(struct srcu_struct *ssp)
{
	int idx = READ_ONCE(ssp->idx) & 1;
	struct shim_slot *slot = &ssp->slots[shim_reader];
	unsigned long seq = READ_ONCE(slot->seq);

	BUG_ON(seq & 1);
	WRITE_ONCE(slot->seq, seq + 1);
	smp_mb();
	return 2 * (int)shim_reader + idx;
}

static inline void srcu_read_unlock(struct srcu_struct *ssp, int idx)
{
	struct shim_slot *slot = &ssp->slots[shim_reader];
	unsigned long seq = READ_ONCE(slot->seq);

	BUG_ON(idx / 2 != (int)shim_reader);
	BUG_ON(!(seq & 1));
	smp_mb();
	smp_store_release(&slot->seq, seq + 1);
}

#define srcu_dereference(p, ssp)	({ (void)(ssp); rcu_dereference(p); })
#define srcu_dereference_check(p, ssp, c)	srcu_dereference(p, ssp)
#define srcu_read_lock_held(ssp)	({ (void)(ssp); 1; })

static inline void synchronize_srcu(struct srcu_struct *ssp)
{
	unsigned long number = __atomic_add_fetch(&ssp->begun, 1, __ATOMIC_SEQ_CST);
	unsigned long over = READ_ONCE(ssp->over);
	unsigned long seen;
	unsigned int i;

	__atomic_fetch_add(&ssp->idx, 1, __ATOMIC_RELAXED);
	smp_mb();
	for (i = 0; i < SHIM_READERS; i++) {
		seen = smp_load_acquire(&ssp->slots[i].seq);
		while ((seen & 1) && smp_load_acquire(&ssp->slots[i].seq) == seen)
			sched_yield();
	}
	while (over < number &&
	       !__atomic_compare_exchange_n(&ssp->over, &over, number, false,
					    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		;
}

/* Any grace period that begins after the one call and ends before the other. */
static inline unsigned long get_state_synchronize_srcu(struct srcu_struct *ssp)
{
	return READ_ONCE(ssp->begun) + 1;
}

static inline bool poll_state_synchronize_srcu(struct srcu_struct *ssp,
					       unsigned long cookie)
{
	return smp_load_acquire(&ssp->over) >= cookie;
}

void call_srcu(struct srcu_struct *ssp, struct rcu_head *head,
	       void (*func)(struct rcu_head *head));
void srcu_barrier(struct srcu_struct *ssp);

#define synchronize_srcu_expedited(ssp)	synchronize_srcu(ssp)

#endif
