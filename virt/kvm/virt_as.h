/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM that is bound to a virtual address space: what its files share. See virt_as.c.
 */
#ifndef __KVM_VIRT_AS_H__
#define __KVM_VIRT_AS_H__

#include <linux/kvm_host.h>
#include <linux/virt_as.h>
#include <linux/workqueue.h>

/* The only memory map that is bound. */
#define KVM_VIRT_AS_ID	0

struct kvm_virt_as_change;

/**
 * struct kvm_virt_as - a VM that is bound
 * @kvm: the VM
 * @binding: to the address space
 * @bound: BIND has returned, and UNBIND has not begun; guarded by slots_lock
 * @closing: commits are no longer followed; guarded by slots_lock
 * @prepared: the change that is prepared; guarded by slots_lock
 * @draining: the change whose old memslots may still be in use; guarded by slots_lock
 * @settle_work: finishes @draining
 * @wq: runs it. Its own, as it waits for as long as a page fault of a vCPU takes
 * @ids: which ids memslots have; guarded by slots_lock
 */
struct kvm_virt_as {
	struct kvm *kvm;
	struct virt_as_binding binding;
	bool bound;
	bool closing;
	struct kvm_virt_as_change *prepared;
	struct kvm_virt_as_change *draining;
	struct work_struct settle_work;
	struct workqueue_struct *wq;
	DECLARE_BITMAP(ids, KVM_USER_MEM_SLOTS);
};

static inline struct kvm_virt_as *to_kvm_virt_as(struct virt_as_binding *binding)
{
	return container_of(binding, struct kvm_virt_as, binding);
}

/* Whether a memslot is a region, not a page of KVM's own. */
static inline bool kvm_slot_is_region(const struct kvm_memory_slot *slot)
{
	return slot->flags & KVM_MEMSLOT_VIRT_AS;
}

/* virt_as_slots.c */
int kvm_virt_as_prepare(struct virt_as_binding *binding,
			const struct virt_as_diff *diff);
void kvm_virt_as_commit(struct virt_as_binding *binding,
			const struct virt_as_diff *diff);
void kvm_virt_as_abort(struct virt_as_binding *binding,
		       const struct virt_as_diff *diff);
int kvm_virt_as_remove_all(struct kvm_virt_as *va);
void kvm_virt_as_settle_work(struct work_struct *work);

/* virt_as_log.c */
int kvm_virt_as_init_live(struct kvm_memory_slot *slot, struct virt_as_bits *live);
int kvm_virt_as_log_prepare(struct virt_as_binding *binding);
void kvm_virt_as_log_commit(struct virt_as_binding *binding, bool on);
void kvm_virt_as_log_abort(struct virt_as_binding *binding);
void kvm_virt_as_arm(struct virt_as_binding *binding,
		     const struct virt_as_word *words, unsigned int nr);
void kvm_virt_as_collect(struct virt_as_binding *binding, u64 gpa, u64 last,
			 bool sync);

#endif /* __KVM_VIRT_AS_H__ */
