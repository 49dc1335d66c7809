// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM's operations on guest memory, by what it exports. They run within a
 * section of kvm->srcu, which is counted only where it says so. Since 6.5 KVM
 * warns of every write that no running vCPU makes; so writes are made as a vCPU
 * that was loaded, as the emulation of an instruction is.
 */
#include <linux/file.h>
#include <linux/kthread.h>
#include <linux/kvm_host.h>
#include <linux/mmu_context.h>
#include <linux/slab.h>
#include "bench.h"

/**
 * struct vab_kvm - a VM
 * @file: of the VM
 * @kvm: the VM
 * @vcpu: its first vCPU
 * @cached: for kvm_read_guest_cached()
 * @idx: of kvm->srcu
 */
struct vab_kvm {
	struct file *file;
	struct kvm *kvm;
	struct kvm_vcpu *vcpu;
	struct gfn_to_hva_cache cached;
	int idx;
};

int vab_kvm_open(struct vab_guest *g)
{
	struct vab_kvm *k = kzalloc(sizeof(*k), GFP_KERNEL);

	if (!k)
		return -ENOMEM;
	k->file = fget(g->arg.kvm);
	if (k->file && file_is_kvm(k->file)) {
		k->kvm = k->file->private_data;
		k->vcpu = kvm_get_vcpu(k->kvm, 0);
	}
	if (!k->vcpu) {
		if (k->file)
			fput(k->file);
		kfree(k);
		return -EBADFD;
	}
	g->kvm = k;
	return 0;
}

void vab_kvm_close(struct vab_guest *g)
{
	if (!g->kvm)
		return;
	fput(g->kvm->file);
	kfree(g->kvm);
	g->kvm = NULL;
}

struct kvm *vab_kvm_of(struct vab_guest *g)
{
	return g->kvm->kvm;
}

static __always_inline int lock(struct vab_guest *g)
{
	g->kvm->idx = srcu_read_lock(&g->kvm->kvm->srcu);
	/* For sparse: unlock() has it back. */
	__release(&g->kvm->kvm->srcu);
	return 0;
}

static __always_inline void unlock(struct vab_guest *g)
{
	__acquire(&g->kvm->kvm->srcu);
	srcu_read_unlock(&g->kvm->kvm->srcu, g->kvm->idx);
}

static int load_vcpu(struct vab_guest *g)
{
	struct vab_kvm *k = g->kvm;

	mutex_lock(&k->vcpu->mutex);
	vcpu_load(k->vcpu);
	lock(g);
	return kvm_gfn_to_hva_cache_init(k->kvm, &k->cached, vab_gpa(g, 0), VAB_LEN);
}

static void put_vcpu(struct vab_guest *g)
{
	unlock(g);
	vcpu_put(g->kvm->vcpu);
	mutex_unlock(&g->kvm->vcpu->mutex);
}

static __always_inline unsigned long find(struct vab_guest *g, u64 gpa)
{
	g->found = gfn_to_hva(g->kvm->kvm, gpa_to_gfn(gpa)) + offset_in_page(gpa);
	return 0;
}

static __always_inline unsigned long find_vcpu(struct vab_guest *g, u64 gpa)
{
	g->found = kvm_vcpu_gfn_to_hva(g->kvm->vcpu, gpa_to_gfn(gpa)) +
		   offset_in_page(gpa);
	return 0;
}

static __always_inline int locked_read(struct vab_guest *g, u64 gpa)
{
	int err;

	lock(g);
	err = kvm_read_guest(g->kvm->kvm, gpa, g->buf, VAB_LEN);
	unlock(g);
	return err;
}

static __always_inline int locked_write(struct vab_guest *g, u64 gpa)
{
	int err;

	lock(g);
	err = kvm_write_guest(g->kvm->kvm, gpa, g->buf, VAB_LEN);
	unlock(g);
	return err;
}

static __always_inline int enter(struct vab_guest *g)
{
	kthread_use_mm(g->mm);
	return lock(g);
}

static __always_inline void leave(struct vab_guest *g)
{
	unlock(g);
	kthread_unuse_mm(g->mm);
}

VAB_LOOP(gfn_to_hva_op, find(g, gpa))
VAB_LOOP(vcpu_gfn_to_hva_op, find_vcpu(g, gpa))
VAB_LOOP(read, kvm_read_guest(g->kvm->kvm, gpa, g->buf, VAB_LEN))
VAB_LOOP(read_vcpu, kvm_vcpu_read_guest(g->kvm->vcpu, gpa, g->buf, VAB_LEN))
VAB_LOOP(read_cached,
	 kvm_read_guest_cached(g->kvm->kvm, &g->kvm->cached, g->buf, VAB_LEN))
VAB_LOOP(write, kvm_write_guest(g->kvm->kvm, gpa, g->buf, VAB_LEN))
VAB_LOOP(write_vcpu, kvm_vcpu_write_guest(g->kvm->vcpu, gpa, g->buf, VAB_LEN))
VAB_LOOP(write_cached,
	 kvm_write_guest_cached(g->kvm->kvm, &g->kvm->cached, g->buf, VAB_LEN))
VAB_LOOP(load16, kvm_read_guest(g->kvm->kvm, gpa, &g->value16, sizeof(g->value16)))
VAB_LOOP(load16_cached,
	 kvm_read_guest_offset_cached(g->kvm->kvm, &g->kvm->cached, &g->value16, 0,
				      sizeof(g->value16)))
VAB_LOOP(mark,
	 (kvm_vcpu_mark_page_dirty(g->kvm->vcpu, gpa_to_gfn(gpa)), 0))
VAB_LOOP(single_read, locked_read(g, gpa))
VAB_LOOP(single_write, locked_write(g, gpa))
VAB_LOOPS(thread_reads, enter(g),
	  kvm_read_guest(g->kvm->kvm, gpa, g->buf, VAB_LEN), leave(g))

#define AS_VCPU(kind)	VAB_IN_CALLER, kind, .begin = load_vcpu, .end = put_vcpu

const struct vab_op vab_kvm_ops[] = {
	{ "gfn_to_hva", AS_VCPU(VAB_FINDS), .loop = gfn_to_hva_op },
	{ "kvm_vcpu_gfn_to_hva", AS_VCPU(VAB_FINDS), .loop = vcpu_gfn_to_hva_op },
	{ "kvm_read_guest", AS_VCPU(VAB_READS), .loop = read },
	{ "kvm_vcpu_read_guest", AS_VCPU(VAB_READS), .loop = read_vcpu },
	{ "kvm_read_guest_cached", AS_VCPU(VAB_READS), .loop = read_cached },
	{ "kvm_write_guest", AS_VCPU(VAB_WRITES), .loop = write },
	{ "kvm_vcpu_write_guest", AS_VCPU(VAB_WRITES), .loop = write_vcpu },
	{ "kvm_write_guest_cached", AS_VCPU(VAB_WRITES), .loop = write_cached },
	{ "kvm_read_guest, 2 bytes", AS_VCPU(VAB_LOADS), .loop = load16 },
	{ "kvm_read_guest_cached, 2 bytes", AS_VCPU(VAB_LOADS), .loop = load16_cached },
	{ "kvm_vcpu_mark_page_dirty", AS_VCPU(VAB_NOTHING), .loop = mark },
	{ "srcu, kvm_read_guest", AS_VCPU(VAB_READS), .loop = single_read },
	{ "srcu, kvm_write_guest", AS_VCPU(VAB_WRITES), .loop = single_write },
	{ "kvm_read_guest, 64 a use_mm", VAB_IN_THREAD, VAB_READS,
	  .per = VAB_PER_SECTION, .loop = thread_reads },
	{}
};
