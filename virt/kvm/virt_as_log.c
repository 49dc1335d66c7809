// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guest of a VM that is bound writes, for the dirty logs of the address
 * space. See virt_as.c for how and why.
 *
 * Locks: slots_lock, mmu_lock inside; in kvm_virt_as_arm() SRCU and mmu_lock alone.
 */
#include <linux/cleanup.h>
#include <linux/kvm_host.h>
#include <linux/kvm_virt_as.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/virt_as.h>

#include "kvm_mm.h"
#include "virt_as.h"

/**
 * struct kvm_virt_as_live - a reference on live bits
 * @bits: the live bits, or NULL
 * @rcu: to drop it
 */
struct kvm_virt_as_live {
	struct virt_as_bits *bits;
	struct rcu_head rcu;
};

static void put_live(struct kvm_virt_as_live *ref)
{
	if (!ref)
		return;
	virt_as_bits_put(ref->bits);
	kfree(ref);
}

static void put_live_rcu(struct rcu_head *rcu)
{
	put_live(container_of(rcu, struct kvm_virt_as_live, rcu));
}

/**
 * kvm_virt_as_free_slot - a memslot is about to be freed
 * @slot: the memslot, which nobody uses
 *
 * Context: Any.
 */
void kvm_virt_as_free_slot(struct kvm_memory_slot *slot)
{
	put_live(slot->live_ref);
}

static struct kvm_virt_as_live *live_alloc(void)
{
	return kzalloc(sizeof(struct kvm_virt_as_live), GFP_KERNEL_ACCOUNT);
}

static void set_live(struct kvm_memory_slot *slot, struct virt_as_bits *live)
{
	virt_as_bits_get(live);
	slot->live_ref->bits = live;
	WRITE_ONCE(slot->live, live);
}

/**
 * kvm_virt_as_init_live - give a memslot that nobody knows yet its live bits
 * @slot: the memslot
 * @live: the live bits of its region, or NULL if it is not logged
 *
 * Context: May sleep.
 * Return: 0 or -ENOMEM.
 */
int kvm_virt_as_init_live(struct kvm_memory_slot *slot, struct virt_as_bits *live)
{
	if (!live)
		return 0;
	slot->live_ref = live_alloc();
	if (!slot->live_ref)
		return -ENOMEM;
	set_live(slot, live);
	return 0;
}

/**
 * kvm_virt_as_log_prepare - virt_as_binding_ops::log_prepare
 * @binding: of the VM
 *
 * Context: Commit lock of the address space held; takes slots_lock.
 * Return: 0 or -ENOMEM. What was made for some memslots is of use next time.
 */
int kvm_virt_as_log_prepare(struct virt_as_binding *binding)
{
	struct kvm *kvm = to_kvm_virt_as(binding)->kvm;
	struct kvm_memory_slot *slot;
	int bkt;

	guard(mutex)(&kvm->slots_lock);
	kvm_for_each_memslot(slot, bkt, __kvm_memslots(kvm, KVM_VIRT_AS_ID)) {
		if (!kvm_slot_is_region(slot) || slot->live_ref)
			continue;
		slot->live_ref = live_alloc();
		if (!slot->live_ref)
			return -ENOMEM;
	}
	return 0;
}

/**
 * kvm_virt_as_log_abort - virt_as_binding_ops::log_abort
 * @binding: of the VM
 *
 * Context: As kvm_virt_as_log_prepare().
 */
void kvm_virt_as_log_abort(struct virt_as_binding *binding)
{
	struct kvm *kvm = to_kvm_virt_as(binding)->kvm;
	struct kvm_memory_slot *slot;
	int bkt;

	guard(mutex)(&kvm->slots_lock);
	kvm_for_each_memslot(slot, bkt, __kvm_memslots(kvm, KVM_VIRT_AS_ID)) {
		if (!kvm_slot_is_region(slot) || slot->live)
			continue;
		put_live(slot->live_ref);
		slot->live_ref = NULL;
	}
}

/*
 * Under mmu_lock, because a page fault under it must not find that the memslot is
 * logged if it did not when it chose the size of the page.
 */
static void set_all_live(struct virt_as_binding *binding, struct kvm *kvm)
{
	struct kvm_memory_slot *slot;
	int bkt;

	KVM_MMU_LOCK(kvm);
	kvm_for_each_memslot(slot, bkt, __kvm_memslots(kvm, KVM_VIRT_AS_ID)) {
		const struct virt_as_region *region;

		if (!kvm_slot_is_region(slot) || slot->live)
			continue;
		region = virt_as_region_at(binding, gfn_to_gpa(slot->base_gfn));
		if (region->live)
			set_live(slot, region->live);
	}
	KVM_MMU_UNLOCK(kvm);
	/* The pointers before the data is read. Pairs with kvm_virt_as_mark(). */
	smp_mb();
}

static void begin_log(struct virt_as_binding *binding, struct kvm *kvm)
{
	struct kvm_memory_slot *slot;
	int bkt;

	set_all_live(binding, kvm);
	/* fast_page_fault() looks without the lock, but in RCU: no huge page after this. */
	synchronize_rcu_expedited();
	kvm_for_each_memslot(slot, bkt, __kvm_memslots(kvm, KVM_VIRT_AS_ID)) {
		if (slot->live)
			kvm_arch_virt_as_log(kvm, slot, true);
	}
	kvm_flush_remote_tlbs(kvm);
}

static void end_log(struct kvm *kvm)
{
	struct kvm_memory_slot *slot;
	int bkt;

	kvm_for_each_memslot(slot, bkt, __kvm_memslots(kvm, KVM_VIRT_AS_ID)) {
		struct kvm_virt_as_live *ref = slot->live_ref;

		if (!ref)
			continue;
		WRITE_ONCE(slot->live, NULL);
		slot->live_ref = NULL;
		call_srcu(&kvm->srcu, &ref->rcu, put_live_rcu);
		kvm_arch_virt_as_log(kvm, slot, false);
	}
}

/**
 * kvm_virt_as_log_commit - virt_as_binding_ops::log_commit
 * @binding: of the VM
 * @on: whether logging has begun, or has ended
 *
 * Context: As kvm_virt_as_log_prepare(). Waits for nothing that a guest or user space
 * could delay.
 */
void kvm_virt_as_log_commit(struct virt_as_binding *binding, bool on)
{
	struct kvm *kvm = to_kvm_virt_as(binding)->kvm;

	guard(mutex)(&kvm->slots_lock);
	if (on)
		begin_log(binding, kvm);
	else
		end_log(kvm);
}

static void arm_word(struct kvm *kvm, const struct virt_as_word *word)
{
	gfn_t gfn = gpa_to_gfn(word->gpa);
	struct kvm_memory_slot *slot;
	u64 mask = word->mask;

	slot = gfn_to_memslot(kvm, gfn + __ffs64(mask));
	if (!slot || !kvm_slot_is_region(slot))
		return;
	/* While the map changes it may be another region's. */
	if (gfn < slot->base_gfn)
		mask &= GENMASK_ULL(63, slot->base_gfn - gfn);
	if (slot->base_gfn + slot->npages - gfn < 64)
		mask &= GENMASK_ULL(slot->base_gfn + slot->npages - gfn - 1, 0);
	kvm_arch_virt_as_arm(kvm, slot, gfn - slot->base_gfn, mask);
}

/**
 * kvm_virt_as_arm - virt_as_binding_ops::arm
 * @binding: of the VM
 * @words: pages whose live bits were taken
 * @nr: number of @words
 *
 * Context: Log lock of the address space held. Takes SRCU and mmu_lock.
 */
void kvm_virt_as_arm(struct virt_as_binding *binding,
		     const struct virt_as_word *words, unsigned int nr)
{
	struct kvm *kvm = to_kvm_virt_as(binding)->kvm;
	unsigned int i;

	guard(srcu)(&kvm->srcu);
	KVM_MMU_LOCK(kvm);
	for (i = 0; i < nr; i++)
		arm_word(kvm, &words[i]);
	KVM_MMU_UNLOCK(kvm);
	kvm_flush_remote_tlbs(kvm);
}

/**
 * kvm_virt_as_collect - virt_as_binding_ops::collect
 * @binding: of the VM
 * @gpa: first guest physical address
 * @last: last one
 * @sync: wait for what is under way
 *
 * fast_page_fault() makes a page writable and marks it after that, in RCU; until then
 * another vCPU may write to it. All else marks before, or is what a vCPU does in
 * KVM_RUN for itself.
 *
 * Context: Log lock of the address space held; may sleep.
 */
void kvm_virt_as_collect(struct virt_as_binding *binding, u64 gpa, u64 last,
			 bool sync)
{
	if (sync)
		synchronize_rcu_expedited();
}
