/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Marking: the part of <linux/virt_as.h> by which dirty logs hear of a write.
 *
 * While an address space has a log, each of its regions of type RAM has live bits,
 * one for each page. All writers of the region touch these, and no log does: a log
 * is fed from them when somebody harvests. Every write by way of virt_as marks by
 * itself. Who writes to guest memory in a way of its own, as KVM's page tables or a
 * user of virt_as_translate() do, calls virt_as_mark() or virt_as_mark_segment().
 *
 * The order that all depends on, store buffering on both sides:
 *
 *	writer					harvest
 *	  write the data			  take the live bit
 *	  full barrier (virt_as_mark)		  make the page fault again (arm)
 *	  test the live bit, set it		  then only read the data
 *	  then only tell the guest
 *
 * Either the writer's test sees the bit taken and sets it again, or the harvest
 * reads the data. Documentation/mm/virt_as/log.rst has the argument.
 */
#ifndef _LINUX_VIRT_AS_MARK_H
#define _LINUX_VIRT_AS_MARK_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/mm.h>
#include <linux/refcount.h>
#include <linux/types.h>

/**
 * struct virt_as_bits - a bit for each page of a range, with two summaries
 * @first: number of the page of bit 0 (its gpa >> PAGE_SHIFT), a multiple of 64
 * @nr_words: words of @pages
 * @refs: users
 * @rcu: to free it when no section can have it
 * @groups: a bit for each word of @words: 4,096 pages
 * @words: a bit for each word of @pages: 64 pages
 * @pages: a bit for each page
 *
 * A bit of a summary may be set although there is nothing below. While it is not,
 * there may be something below for as long as a marker of the same 4,096 pages has
 * not returned, which will set it.
 */
struct virt_as_bits {
	u64 first;
	u64 nr_words;
	refcount_t refs;
	struct rcu_head rcu;
	unsigned long *groups;
	unsigned long *words;
	unsigned long pages[];
};

#if IS_ENABLED(CONFIG_VIRT_AS)

void virt_as_bits_get(struct virt_as_bits *bits);
void virt_as_bits_put(struct virt_as_bits *bits);
void virt_as_mark_first(struct virt_as_bits *live, u64 bit);
void virt_as_mark_range(struct virt_as_bits *live, u64 gpa, u64 len);

/**
 * virt_as_mark - a page of guest memory was written
 * @live: the live bits of the region, or NULL if nobody logs
 * @gpa: a guest physical address of the page, in the region of @live
 *
 * To be called after the data was written and before anybody is told. Has a full
 * barrier before it looks at the bit.
 *
 * Context: Any, with @live kept from being freed: in a section, or between a
 * binding's log_commit(true) and log_commit(false).
 */
static __always_inline void virt_as_mark(struct virt_as_bits *live, u64 gpa)
{
	u64 bit;

	if (likely(!live))
		return;
	bit = (gpa >> PAGE_SHIFT) - live->first;
	/* Data before the bit is looked at. Pairs with virt_as_bits_take(). */
	smp_mb();
	if (!test_bit(bit, live->pages))
		virt_as_mark_first(live, bit);
}

#else /* !CONFIG_VIRT_AS */

static inline void virt_as_mark_range(struct virt_as_bits *live, u64 gpa, u64 len)
{
}

static __always_inline void virt_as_mark(struct virt_as_bits *live, u64 gpa)
{
}

#endif /* CONFIG_VIRT_AS */

#endif /* _LINUX_VIRT_AS_MARK_H */
