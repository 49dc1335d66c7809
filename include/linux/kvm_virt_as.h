/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM on a virtual address space: what the rest of KVM knows of virt/kvm/virt_as.c.
 */
#ifndef _LINUX_KVM_VIRT_AS_H
#define _LINUX_KVM_VIRT_AS_H

#include <linux/kvm_host.h>
#include <linux/virt_as_mark.h>
#include <uapi/linux/kvm_virt_as.h>

#ifdef CONFIG_KVM_VIRT_AS

long kvm_virt_as_ioctl(struct kvm *kvm, unsigned int ioctl, void __user *argp);
void kvm_virt_as_destroy(struct kvm *kvm);
void kvm_virt_as_settle(struct kvm *kvm);
bool kvm_virt_as_is_coming(struct kvm *kvm, int as_id, gfn_t start, gfn_t end);
void kvm_virt_as_free_slot(struct kvm_memory_slot *slot);

/* What an architecture does for it. */
bool kvm_arch_can_virt_as(struct kvm *kvm);
gfn_t kvm_arch_virt_as_max_gfn(void);
void kvm_arch_virt_as_log(struct kvm *kvm, struct kvm_memory_slot *slot, bool on);
void kvm_arch_virt_as_arm(struct kvm *kvm, struct kvm_memory_slot *slot,
			  gfn_t gfn_offset, unsigned long mask);

/* Whether a VM is bound, or about to be. */
static inline bool kvm_virt_as_bound(struct kvm *kvm)
{
	return READ_ONCE(kvm->virt_as);
}

/* A page was written. False if the slot is no region: whoever calls knows what to do. */
static inline bool kvm_virt_as_mark(const struct kvm_memory_slot *slot, gfn_t gfn)
{
	if (!slot || !(slot->flags & KVM_MEMSLOT_VIRT_AS))
		return false;
	/* Data before the pointer is looked at. Pairs with set_all_live(). */
	smp_mb();
	virt_as_mark(READ_ONCE(slot->live), gfn_to_gpa(gfn));
	return true;
}

/*
 * Until kvm_virt_as_unpin() a vCPU's lookups are in the memslots that are active now.
 * In between the SRCU read-side critical section must not be left.
 */
static inline void kvm_virt_as_pin(struct kvm_vcpu *vcpu)
{
	if (kvm_virt_as_bound(vcpu->kvm))
		vcpu->pinned_memslots = kvm_vcpu_memslots(vcpu);
}

static inline void kvm_virt_as_unpin(struct kvm_vcpu *vcpu)
{
	vcpu->pinned_memslots = NULL;
}

#else /* !CONFIG_KVM_VIRT_AS */

static inline long kvm_virt_as_ioctl(struct kvm *kvm, unsigned int ioctl,
				     void __user *argp)
{
	return -ENOTTY;
}

static inline void kvm_virt_as_destroy(struct kvm *kvm)
{
}

static inline void kvm_virt_as_settle(struct kvm *kvm)
{
}

static inline bool kvm_virt_as_is_coming(struct kvm *kvm, int as_id, gfn_t start,
					 gfn_t end)
{
	return false;
}

static inline void kvm_virt_as_free_slot(struct kvm_memory_slot *slot)
{
}

static inline bool kvm_virt_as_bound(struct kvm *kvm)
{
	return false;
}

static inline bool kvm_virt_as_mark(const struct kvm_memory_slot *slot, gfn_t gfn)
{
	return false;
}

static inline void kvm_virt_as_pin(struct kvm_vcpu *vcpu)
{
}

static inline void kvm_virt_as_unpin(struct kvm_vcpu *vcpu)
{
}

#endif /* CONFIG_KVM_VIRT_AS */

#endif /* _LINUX_KVM_VIRT_AS_H */
