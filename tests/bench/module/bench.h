/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An operation is a loop around one expression, and perhaps a bracket around
 * the loop:
 *
 *	VAB_LOOP(copy_to,
 *		 virt_as_copy_to(&g->section, &g->cache, gpa, g->buf, VAB_LEN) ^ VAB_LEN)
 *
 * defines copy_to(). The expression may use @g and @gpa, and is 0 if it was done.
 * The array of struct vab_op at the end of the file gives it a name. The time
 * stamp counter of the machine advances by one with each instruction.
 */
#ifndef _VIRT_AS_BENCH_INTERNAL_H
#define _VIRT_AS_BENCH_INTERNAL_H

#include <linux/compiler.h>
#include <linux/mutex.h>
#include <linux/srcu.h>
#include <linux/types.h>
#include <linux/virt_as.h>
#include <asm/msr.h>
#include "virt_as_bench.h"

#define VAB_LEN		64	/* bytes of a copy */
#define VAB_PLACES	64	/* a power of 2 */
#define VAB_PER_SECTION	64	/* copies */

struct file;
struct kvm;
struct vab_iommufd;
struct vab_kvm;
struct vhost_iotlb;

/**
 * struct vab_guest - one guest, and all who reach it
 * @lock: one ioctl at a time
 * @arg: as user space gave it
 * @mm: of the caller
 * @binding: with virt_as
 * @bound: @binding is bound
 * @section: an open section
 * @cache: of the one who runs
 * @segment: what a translation found
 * @live: what virt_as_mark() is told
 * @srcu: a domain with nothing in it
 * @kvm: the VM
 * @iotlb: the map as vhost has it
 * @iommufd: the map as iommufd has it
 * @places: gpas that operations use in turn
 * @mask: their number, less one
 * @buf: what is copied; longer than a copy, which shows if too much is
 * @found: the hva that a lookup found
 * @value16: what a ring access loaded
 * @failed: bits of any result that was not 0
 */
struct vab_guest {
	struct mutex lock;	/* one ioctl at a time */
	struct vab_guest_arg arg;
	struct mm_struct *mm;

	struct virt_as_binding binding;
	bool bound;
	struct virt_as_section section;
	struct virt_as_cache cache;
	struct virt_as_segment segment;
	struct virt_as_bits *live;

	struct srcu_struct srcu;
	struct vab_kvm *kvm;
	struct vhost_iotlb *iotlb;
	struct vab_iommufd *iommufd;

	u64 places[VAB_PLACES];
	u32 mask;
	u64 buf[2 * VAB_LEN / sizeof(u64)];
	unsigned long found;
	u16 value16;
	unsigned long failed;
};

/* What an operation does, and so how it is checked. */
enum vab_kind {
	VAB_NOTHING,
	VAB_WRITES,	/* VAB_LEN bytes of vab_guest::buf, to gpa */
	VAB_READS,	/* VAB_LEN bytes of gpa, to vab_guest::buf */
	VAB_LOADS,	/* 16 bits of gpa, to vab_guest::value16 */
	VAB_FINDS,	/* the hva of gpa, to vab_guest::found */
};

/* Who can run it: a task with the guest's memory, a kernel thread, or both. */
enum vab_where {
	VAB_IN_CALLER,
	VAB_IN_THREAD,
	VAB_ANYWHERE,
};

/**
 * struct vab_op - an operation
 * @name: as user space calls it
 * @where: who can run it
 * @kind: what it does
 * @by_hva: what the loop calls a gpa is the hva of it
 * @per: how many there are in one go of the loop; 0 is 1
 * @begin: before the loops, by who runs them; not counted. Optional.
 * @end: after them. Optional.
 * @loop: does it @n times, and sets @insns to the instructions
 */
struct vab_op {
	const char *name;
	enum vab_where where;
	enum vab_kind kind;
	bool by_hva;
	u32 per;
	int (*begin)(struct vab_guest *g);
	void (*end)(struct vab_guest *g);
	void (*loop)(struct vab_guest *g, u32 n, u64 *insns);
};

static __always_inline u64 vab_gpa(const struct vab_guest *g, u32 i)
{
	return READ_ONCE(g->places[i & READ_ONCE(g->mask)]);
}

#define VAB_LOOP(name, expression)				\
static void name(struct vab_guest *g, u32 n, u64 *insns)		\
{								\
	unsigned long failed = 0;				\
	u64 start = rdtsc();					\
	u32 i;							\
								\
	for (i = 0; i < n; i++) {				\
		u64 gpa __maybe_unused = vab_gpa(g, i);		\
								\
		failed |= (expression);				\
	}							\
	*insns = rdtsc() - start;				\
	g->failed |= failed;					\
}

/* The same for what is done VAB_PER_SECTION times from @first to @last. */
#define VAB_LOOPS(name, first, expression, last)			\
static void name(struct vab_guest *g, u32 n, u64 *insns)		\
{								\
	unsigned long failed = 0;				\
	u64 start = rdtsc();					\
	u32 i, j;						\
								\
	for (i = 0; i < n; i++) {				\
		failed |= (first);				\
		if (unlikely(failed))				\
			break;					\
		for (j = 0; j < VAB_PER_SECTION; j++) {		\
			u64 gpa = vab_gpa(g, j);		\
								\
			failed |= (expression);			\
		}						\
		last;						\
	}							\
	*insns = rdtsc() - start;				\
	g->failed |= failed;					\
}

/* Each ends with an operation without a name. */
extern const struct vab_op vab_raw_ops[];
extern const struct vab_op vab_virt_as_ops[];
extern const struct vab_op vab_mark_ops[];
extern const struct vab_op vab_kvm_ops[];
extern const struct vab_op vab_xinterface_ops[];
extern const struct vab_op vab_vhost_ops[];
extern const struct vab_op vab_iommufd_ops[];

u64 vab_hva_of(const struct vab_guest *g, u64 gpa);
int vab_count(struct vab_guest *g, struct vab_run *run);

int vab_virt_as_open(struct vab_guest *g);
void vab_virt_as_close(struct vab_guest *g);
int vab_kvm_open(struct vab_guest *g);
void vab_kvm_close(struct vab_guest *g);
struct kvm *vab_kvm_of(struct vab_guest *g);
int vab_vhost_open(struct vab_guest *g);
void vab_vhost_close(struct vab_guest *g);
int vab_iommufd_open(struct vab_guest *g);
void vab_iommufd_close(struct vab_guest *g);

#endif /* _VIRT_AS_BENCH_INTERNAL_H */
