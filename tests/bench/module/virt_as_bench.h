/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * /dev/virt_as_bench: operations of virt_as and of its peers, counted in the
 * kernel. Each open file has one guest, whose map all systems have been told.
 */
#ifndef _VIRT_AS_BENCH_H
#define _VIRT_AS_BENCH_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VAB_DEVICE	"/dev/virt_as_bench"

/**
 * struct vab_guest_arg - the guest; may be given again
 * @as: address space
 * @kvm: a VM that has a vCPU with index 0, or -1
 * @iommu: an open /dev/iommu, or -1
 * @ioas: the id of the map in @iommu
 * @nr: regions, which lie at @gpa + i * @gpa_stride
 * @gpa: of the first region
 * @gpa_stride: from a region to the next
 * @hva: of the first region
 * @len: of each region, which is also from an hva to the next
 */
struct vab_guest_arg {
	__s32 as;
	__s32 kvm;
	__s32 iommu;
	__u32 ioas;
	__u64 nr;
	__u64 gpa;
	__u64 gpa_stride;
	__u64 hva;
	__u64 len;
};

#define VAB_GUEST	_IOW('b', 0, struct vab_guest_arg)

/* vab_run::flags */
#define VAB_THREAD	0x1	/* in a kernel thread */
#define VAB_SCATTERED	0x2	/* another region each time, round 64 of them */
#define VAB_CROSSING	0x4	/* half in one page, half in the next */

/**
 * struct vab_run - count the instructions of an operation
 * @op: its name
 * @flags: VAB_*
 * @batch: operations that are counted as one, at least 2
 * @batches: how many; the median counts
 * @__reserved: must be 0
 * @out_insns: instructions of a batch, without those of an empty one, and
 *	without the first operation
 * @out_ops: operations in a batch, without the first
 *
 * Fails with EIO if any operation failed, or did not do what it should.
 */
struct vab_run {
	char op[40];
	__u32 flags;
	__u32 batch;
	__u32 batches;
	__u32 __reserved;
	__s64 out_insns;
	__u64 out_ops;
};

#define VAB_RUN		_IOWR('b', 1, struct vab_run)

#endif /* _VIRT_AS_BENCH_H */
