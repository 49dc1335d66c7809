// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memslots of a VM that is bound: made of regions, and replaced by one swap. See
 * virt_as.c for how and why.
 *
 * What a commit needs is made in prepare; commit takes steps 1 to 4, and queues step 5.
 * In between the VM may be unbound (kvm_virt_as::closing), which has replaced all
 * memslots already; then nothing is done but to free what was made.
 *
 * Locks: slots_lock for all of it; slots_arch_lock and mmu_lock inside.
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
 * struct kvm_virt_as_change - what a commit means to the memslots
 * @drained: grace period after which nobody uses @old
 * @held: the address space's drain waits for it
 * @nr_old: memslots that go
 * @nr_new: memslots that come
 * @new: those; behind the old ones
 * @old: those
 */
struct kvm_virt_as_change {
	unsigned long drained;
	bool held;
	u32 nr_old;
	u32 nr_new;
	struct kvm_memory_slot **new;
	struct kvm_memory_slot *old[];
};

static struct kvm_memory_slot *slot_alloc(struct kvm *kvm, int id,
					  const struct virt_as_region *region)
{
	struct kvm_memory_slot *slot = kzalloc(sizeof(*slot), GFP_KERNEL_ACCOUNT);

	if (!slot)
		return NULL;
	slot->as_id = KVM_VIRT_AS_ID;
	slot->id = id;
	slot->base_gfn = gpa_to_gfn(region->gpa);
	slot->npages = region->len >> PAGE_SHIFT;
	slot->userspace_addr = region->hva;
	slot->flags = KVM_MEMSLOT_VIRT_AS;
	if (!(region->perms & VIRT_AS_PERM_WRITE))
		slot->flags |= KVM_MEM_READONLY;
	if (kvm_arch_prepare_memory_region(kvm, NULL, slot, KVM_MR_CREATE)) {
		kfree(slot);
		return NULL;
	}
	if (kvm_virt_as_init_live(slot, region->live)) {
		kvm_free_memslot(kvm, slot);
		return NULL;
	}
	return slot;
}

/* What KVM cannot map, one errno for each cause. */
static int check_region(struct kvm *kvm, const struct virt_as_region *region)
{
	struct kvm_memslots *slots = __kvm_memslots(kvm, KVM_VIRT_AS_ID);
	gfn_t first = gpa_to_gfn(region->gpa);
	gfn_t last = gpa_to_gfn(virt_as_region_last(region));
	int id;

	if (region->type == VIRT_AS_TYPE_NOHVA)
		return -ENXIO;
	if (region->len >> PAGE_SHIFT > KVM_MEM_MAX_NR_PAGES)
		return -EFBIG;
	if (last > kvm_arch_virt_as_max_gfn())
		return -EDOM;
	for (id = KVM_USER_MEM_SLOTS; id < KVM_MEM_SLOTS_NUM; id++) {
		struct kvm_memory_slot *own = id_to_memslot(slots, id);

		if (own && first < own->base_gfn + own->npages && own->base_gfn <= last)
			return -EADDRINUSE;
	}
	return 0;
}

/* After what change_build() has done to them; new ones first, as ids are used again. */
static void restore_ids(struct kvm_virt_as *va, const struct kvm_virt_as_change *change)
{
	u32 i;

	for (i = 0; i < change->nr_new; i++)
		__clear_bit(change->new[i]->id, va->ids);
	for (i = 0; i < change->nr_old; i++)
		__set_bit(change->old[i]->id, va->ids);
}

/* The change does not happen. */
static void change_free(struct kvm_virt_as *va, struct kvm_virt_as_change *change)
{
	u32 i;

	/* Else the old ones are gone already. */
	if (!va->closing)
		restore_ids(va, change);
	for (i = 0; i < change->nr_new; i++)
		kvm_free_memslot(va->kvm, change->new[i]);
	kvfree(change);
}

static struct kvm_virt_as_change *change_alloc(u32 nr_old, u32 nr_new)
{
	struct kvm_virt_as_change *change;

	change = kvzalloc(struct_size(change, old, nr_old + nr_new), GFP_KERNEL_ACCOUNT);
	if (!change)
		return ERR_PTR(-ENOMEM);
	change->new = change->old + nr_old;
	return change;
}

static int add_new(struct kvm_virt_as *va, struct kvm_virt_as_change *change,
		   const struct virt_as_diff *diff)
{
	unsigned long id = 0;
	u32 i;

	for (i = 0; i < diff->nr_added; i++) {
		struct kvm_memory_slot *slot;
		int err = check_region(va->kvm, diff->added[i]);

		if (err)
			return err;
		id = find_next_zero_bit(va->ids, KVM_USER_MEM_SLOTS, id);
		if (id == KVM_USER_MEM_SLOTS)
			return -ENOSPC;
		slot = slot_alloc(va->kvm, id, diff->added[i]);
		if (!slot)
			return -ENOMEM;
		__set_bit(id, va->ids);
		change->new[change->nr_new++] = slot;
		cond_resched();
	}
	return 0;
}

static struct kvm_virt_as_change *change_build(struct kvm_virt_as *va,
					       const struct virt_as_diff *diff)
{
	struct kvm_virt_as_change *change = change_alloc(diff->nr_removed, diff->nr_added);
	int err;
	u32 i;

	lockdep_assert_held(&va->kvm->slots_lock);

	if (IS_ERR(change))
		return change;
	for (i = 0; i < diff->nr_removed; i++) {
		struct kvm_memory_slot *slot;

		/* Each region of the old map has one: we made it. */
		slot = gfn_to_memslot(va->kvm, gpa_to_gfn(diff->removed[i]->gpa));
		__clear_bit(slot->id, va->ids);
		change->old[change->nr_old++] = slot;
	}
	err = add_new(va, change, diff);
	if (err) {
		change_free(va, change);
		return ERR_PTR(err);
	}
	return change;
}

static void edit_inactive(struct kvm *kvm, const struct kvm_virt_as_change *change)
{
	u32 i;

	lockdep_assert_held(&kvm->slots_arch_lock);

	for (i = 0; i < change->nr_old; i++)
		kvm_replace_memslot(kvm, change->old[i], NULL);
	for (i = 0; i < change->nr_new; i++)
		kvm_replace_memslot(kvm, NULL, change->new[i]);
}

static void add_gfns(struct kvm *kvm, struct kvm_memory_slot *const *slots, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		kvm_mmu_invalidate_range_add(kvm, slots[i]->base_gfn,
					     slots[i]->base_gfn + slots[i]->npages);
}

static bool zap(struct kvm *kvm, struct kvm_memory_slot *slot)
{
	struct kvm_gfn_range range = {
		.slot = slot,
		.start = slot->base_gfn,
		.end = slot->base_gfn + slot->npages,
		.attr_filter = KVM_FILTER_SHARED,
		.may_block = true,
	};

	return kvm_unmap_gfn_range(kvm, &range);
}

/* Also where there was a hole: who has found it must not map it as one any more. */
static void begin_zap(struct kvm *kvm, const struct kvm_virt_as_change *change)
{
	bool flush = false;
	u32 i;

	KVM_MMU_LOCK(kvm);
	kvm_mmu_invalidate_begin(kvm);
	add_gfns(kvm, change->old, change->nr_old);
	add_gfns(kvm, change->new, change->nr_new);
	for (i = 0; i < change->nr_old; i++)
		flush |= zap(kvm, change->old[i]);
	if (flush)
		kvm_flush_remote_tlbs(kvm);
	KVM_MMU_UNLOCK(kvm);
}

static void end_zap(struct kvm *kvm)
{
	KVM_MMU_LOCK(kvm);
	kvm_mmu_invalidate_end(kvm);
	KVM_MMU_UNLOCK(kvm);
	kvm_arch_guest_memory_reclaimed(kvm);
}

static void count(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm->stat.generic.virt_as_replaces++;
	kvm_for_each_vcpu(i, vcpu, kvm) {
		if (READ_ONCE(vcpu->wants_to_run)) {
			kvm->stat.generic.virt_as_replaces_running++;
			break;
		}
	}
}

/* Steps 1 to 4. */
static void replace(struct kvm_virt_as *va, struct kvm_virt_as_change *change)
{
	struct kvm *kvm = va->kvm;

	lockdep_assert_held(&kvm->slots_lock);

	if (!change->nr_old && !change->nr_new) {
		kvfree(change);
		return;
	}
	count(kvm);
	mutex_lock(&kvm->slots_arch_lock);
	edit_inactive(kvm, change);
	begin_zap(kvm, change);
	/* The linearization point; releases slots_arch_lock. */
	kvm_publish_memslots(kvm, KVM_VIRT_AS_ID);
	end_zap(kvm);
	change->drained = get_state_synchronize_srcu(&kvm->srcu);
	va->draining = change;
}

/* Step 5, after the grace period. */
static void finish(struct kvm_virt_as *va)
{
	struct kvm_virt_as_change *change = va->draining;
	struct kvm *kvm = va->kvm;
	u32 i;

	lockdep_assert_held(&kvm->slots_lock);

	kvm_settle_memslots(kvm, KVM_VIRT_AS_ID);
	mutex_lock(&kvm->slots_arch_lock);
	edit_inactive(kvm, change);
	mutex_unlock(&kvm->slots_arch_lock);
	for (i = 0; i < change->nr_old; i++)
		kvm_commit_memory_region(kvm, change->old[i], NULL, KVM_MR_DELETE);
	for (i = 0; i < change->nr_new; i++)
		kvm_commit_memory_region(kvm, NULL, change->new[i], KVM_MR_CREATE);
	va->draining = NULL;
	if (change->held)
		virt_as_release_drain(&va->binding);
	kvfree(change);
}

/**
 * kvm_virt_as_settle - have the last replacement finished
 * @kvm: a VM, bound or not
 *
 * Context: slots_lock held; waits for an SRCU grace period if one is under way.
 */
void kvm_virt_as_settle(struct kvm *kvm)
{
	struct kvm_virt_as *va = kvm->virt_as;

	lockdep_assert_held(&kvm->slots_lock);

	if (!va || !va->draining)
		return;
	synchronize_srcu_expedited(&kvm->srcu);
	finish(va);
}

/**
 * kvm_virt_as_settle_work - finish the last replacement when nobody uses the old map
 * @work: kvm_virt_as::settle_work
 */
void kvm_virt_as_settle_work(struct work_struct *work)
{
	struct kvm_virt_as *va = container_of(work, struct kvm_virt_as, settle_work);
	struct kvm *kvm = va->kvm;

	synchronize_srcu_expedited(&kvm->srcu);
	mutex_lock(&kvm->slots_lock);
	/* It may be that of a later commit, for which this comes again. */
	if (va->draining &&
	    poll_state_synchronize_srcu(&kvm->srcu, va->draining->drained))
		finish(va);
	mutex_unlock(&kvm->slots_lock);
}

/**
 * kvm_virt_as_is_coming - whether a commit is about to put a region somewhere
 * @kvm: a VM, bound or not
 * @as_id: which of its memory maps
 * @start: first gfn
 * @end: gfn after the last
 *
 * Who puts a page of KVM's own there would be in the way of a commit that cannot fail
 * any more.
 *
 * Context: slots_lock held.
 */
bool kvm_virt_as_is_coming(struct kvm *kvm, int as_id, gfn_t start, gfn_t end)
{
	struct kvm_virt_as *va = kvm->virt_as;
	u32 i;

	lockdep_assert_held(&kvm->slots_lock);

	if (!va || !va->prepared || as_id != KVM_VIRT_AS_ID)
		return false;
	for (i = 0; i < va->prepared->nr_new; i++) {
		const struct kvm_memory_slot *slot = va->prepared->new[i];

		if (start < slot->base_gfn + slot->npages && slot->base_gfn < end)
			return true;
	}
	return false;
}

/**
 * kvm_virt_as_prepare - virt_as_binding_ops::prepare
 * @binding: of the VM
 * @diff: what is going to change
 *
 * Context: Commit lock of the address space held; takes slots_lock.
 * Return: 0, or an errno of include/uapi/linux/kvm_virt_as.h.
 */
int kvm_virt_as_prepare(struct virt_as_binding *binding,
			const struct virt_as_diff *diff)
{
	struct kvm_virt_as *va = to_kvm_virt_as(binding);
	struct kvm *kvm = va->kvm;
	struct kvm_virt_as_change *change;

	/* kvm->mm is fixed for life. */
	if (diff->new_mm != kvm->mm)
		return diff->old_generation ? -EBUSY : -EXDEV;

	guard(mutex)(&kvm->slots_lock);
	if (va->closing)
		return 0;
	change = change_build(va, diff);
	if (IS_ERR(change))
		return PTR_ERR(change);
	va->prepared = change;
	return 0;
}

/**
 * kvm_virt_as_abort - virt_as_binding_ops::abort
 * @binding: of the VM
 * @diff: what was prepared
 *
 * Context: May sleep; takes slots_lock.
 */
void kvm_virt_as_abort(struct virt_as_binding *binding,
		       const struct virt_as_diff *diff)
{
	struct kvm_virt_as *va = to_kvm_virt_as(binding);

	guard(mutex)(&va->kvm->slots_lock);
	if (va->prepared)
		change_free(va, va->prepared);
	va->prepared = NULL;
}

/**
 * kvm_virt_as_commit - virt_as_binding_ops::commit
 * @binding: of the VM
 * @diff: what has changed
 *
 * Context: Commit lock of the address space held; takes slots_lock. Does not wait for
 * vCPUs, but at bind.
 */
void kvm_virt_as_commit(struct virt_as_binding *binding,
			const struct virt_as_diff *diff)
{
	struct kvm_virt_as *va = to_kvm_virt_as(binding);
	struct kvm_virt_as_change *change;

	guard(mutex)(&va->kvm->slots_lock);
	change = va->prepared;
	va->prepared = NULL;
	if (!change)
		return;
	if (va->closing) {
		change_free(va, change);
		return;
	}
	replace(va, change);
	if (!va->draining)
		return;
	if (!diff->old_generation) {
		/* Before, there was no memory that anybody could be stuck in. */
		kvm_virt_as_settle(va->kvm);
		return;
	}
	virt_as_hold_drain(binding);
	change->held = true;
	queue_work(va->wq, &va->settle_work);
}

/**
 * kvm_virt_as_remove_all - replace the VM's map by an empty one
 * @va: a VM that is still bound, so that what it writes until then is marked
 *
 * Context: slots_lock held, nothing draining. Waits for vCPUs.
 * Return: 0 or -ENOMEM.
 */
int kvm_virt_as_remove_all(struct kvm_virt_as *va)
{
	struct kvm_memslots *slots = __kvm_memslots(va->kvm, KVM_VIRT_AS_ID);
	struct kvm_virt_as_change *change = change_alloc(KVM_USER_MEM_SLOTS, 0);
	struct kvm_memory_slot *slot;
	int bkt;

	if (IS_ERR(change))
		return PTR_ERR(change);
	kvm_for_each_memslot(slot, bkt, slots) {
		if (kvm_slot_is_region(slot))
			change->old[change->nr_old++] = slot;
	}
	replace(va, change);
	kvm_virt_as_settle(va->kvm);
	return 0;
}
