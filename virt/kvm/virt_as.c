// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM on a virtual address space: a VM whose memory map is that of an address space.
 *
 * Each region of the map is one memslot (KVM_MEMSLOT_VIRT_AS). A commit is followed
 * by one swap of the VM's two sets of memslots, whatever it changes:
 *
 *	1. the inactive set, which nobody sees, is made the new map	edit_inactive()
 *	2. an MMU invalidation begins over all gfns that change, and what is mapped
 *	   of the old regions is zapped; vCPUs that fault there retry	begin_zap()
 *	3. the sets are swapped: one pointer				kvm_publish_memslots()
 *	4. the invalidation ends					end_zap()
 *	5. when an SRCU grace period has ended nobody uses the old set:
 *	   it is made equal, and the old memslots are freed		finish()
 *
 * No memslot is ever invalid, and no gfn that is in both maps ever without one. Those
 * who go by hva (the emulator, kvm_read_guest(), paravirtual clocks) see the old set
 * or the new one. A page fault takes its snapshot of mmu_invalidate_seq before it
 * looks up the memslot, so one that has found an old memslot either maps it before
 * step 2, which zaps it, or finds itself stale and starts anew.
 *
 * Step 5 may take as long as any page fault of a vCPU, for ever if user space does not
 * serve it, so commits do not wait for it: it is work of the VM, and until it is done
 * the drain of the address space is held. Who changes memslots otherwise (KVM's own
 * pages) has it done first: kvm_virt_as_settle().
 *
 * Writes of the guest are found by write protection: each memslot has a pointer to
 * the live bits of its region, which mark_page_dirty_in_slot() marks; when live bits
 * were taken, arm() takes write access away again. PML is not used for VMs that are
 * bound: a processor's buffer names pages by gfn, and when it is emptied, after a
 * commit, the gfn may be another region's; and no harvest could wait for it without
 * waiting for vCPUs. So collect() has nothing to fetch.
 *
 * The live bits that memslots point to are marked in SRCU read-side critical sections
 * of the VM, so each pointer comes with a reference (struct kvm_virt_as_live) that is
 * dropped after a grace period, or with the memslot.
 *
 * Locks: commit lock or log lock of the address space > slots_lock > slots_arch_lock >
 * mmu_lock; but arm() takes, under the log lock, SRCU and mmu_lock alone.
 */
#include <linux/cleanup.h>
#include <linux/kvm_host.h>
#include <linux/kvm_virt_as.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/virt_as.h>
#include <linux/workqueue.h>

#include "virt_as.h"

static const struct virt_as_binding_ops va_ops = {
	.owner = THIS_MODULE,
	.prepare = kvm_virt_as_prepare,
	.commit = kvm_virt_as_commit,
	.abort = kvm_virt_as_abort,
	.log_prepare = kvm_virt_as_log_prepare,
	.log_commit = kvm_virt_as_log_commit,
	.log_abort = kvm_virt_as_log_abort,
	.arm = kvm_virt_as_arm,
	.collect = kvm_virt_as_collect,
};

static bool has_user_slots(struct kvm *kvm, int as_id)
{
	struct kvm_memory_slot *slot;
	int bkt;

	kvm_for_each_memslot(slot, bkt, __kvm_memslots(kvm, as_id)) {
		if (slot->id < KVM_USER_MEM_SLOTS)
			return true;
	}
	return false;
}

static int check_vm(struct kvm *kvm)
{
	int as_id;

	if (kvm->virt_as)
		return -EBUSY;
	if (kvm->dirty_ring_size)
		return -EPROTONOSUPPORT;
	if (has_user_slots(kvm, KVM_VIRT_AS_ID))
		return -ENOTEMPTY;
	for (as_id = 0; as_id < kvm_arch_nr_memslot_as_ids(kvm); as_id++) {
		if (has_user_slots(kvm, as_id))
			return -EOPNOTSUPP;
	}
	return kvm_arch_can_virt_as(kvm) ? 0 : -EOPNOTSUPP;
}

/* Whatever a VM that is bound may not do asks under one of these. */
static void lock_all(struct kvm *kvm)
{
	mutex_lock(&kvm->lock);
	mutex_lock(&kvm->slots_lock);
	mutex_lock(&kvm->slots_arch_lock);
}

static void unlock_all(struct kvm *kvm)
{
	mutex_unlock(&kvm->slots_arch_lock);
	mutex_unlock(&kvm->slots_lock);
	mutex_unlock(&kvm->lock);
}

static int attach(struct kvm *kvm, struct kvm_virt_as *va)
{
	int err;

	lock_all(kvm);
	err = check_vm(kvm);
	if (!err)
		WRITE_ONCE(kvm->virt_as, va);
	unlock_all(kvm);
	return err;
}

static void detach(struct kvm *kvm)
{
	lock_all(kvm);
	WRITE_ONCE(kvm->virt_as, NULL);
	unlock_all(kvm);
}

static struct kvm_virt_as *va_alloc(struct kvm *kvm)
{
	struct kvm_virt_as *va = kzalloc(sizeof(*va), GFP_KERNEL_ACCOUNT);

	if (!va)
		return NULL;
	va->kvm = kvm;
	INIT_WORK(&va->settle_work, kvm_virt_as_settle_work);
	va->wq = alloc_workqueue("kvm-virt-as", WQ_UNBOUND, 1);
	if (!va->wq) {
		kfree(va);
		return NULL;
	}
	return va;
}

static void va_free(struct kvm_virt_as *va)
{
	destroy_workqueue(va->wq);
	/* What was dropped when logging ended. */
	srcu_barrier(&va->kvm->srcu);
	kfree(va);
}

static int bind(struct kvm *kvm, int fd)
{
	struct kvm_virt_as *va = va_alloc(kvm);
	int err;

	if (!va)
		return -ENOMEM;
	err = attach(kvm, va);
	if (err)
		goto err_va;
	err = virt_as_bind_fd(fd, &va->binding, &va_ops,
			      VIRT_AS_RIGHT_READ | VIRT_AS_RIGHT_WRITE);
	if (err)
		goto err_attached;
	mutex_lock(&kvm->slots_lock);
	va->bound = true;
	mutex_unlock(&kvm->slots_lock);
	return 0;

err_attached:
	detach(kvm);
err_va:
	va_free(va);
	return err;
}

static int begin_unbind(struct kvm *kvm)
{
	struct kvm_virt_as *va;
	int err;

	guard(mutex)(&kvm->slots_lock);
	va = kvm->virt_as;
	if (!va)
		return -ENOENT;
	if (!va->bound)
		return -EBUSY;
	kvm_virt_as_settle(kvm);
	err = kvm_virt_as_remove_all(va);
	if (err)
		return err;
	va->bound = false;
	va->closing = true;
	return 0;
}

static int unbind(struct kvm *kvm)
{
	struct kvm_virt_as *va;
	int err = begin_unbind(kvm);

	if (err)
		return err;
	/* Nobody else ends it now. */
	va = kvm->virt_as;
	virt_as_unbind(&va->binding);
	detach(kvm);
	va_free(va);
	return 0;
}

/**
 * kvm_virt_as_destroy - a VM that is going away is bound no more
 * @kvm: a VM that nobody refers to, bound or not; its memslots stay to be freed
 *
 * Context: May sleep. Waits for a commit that is just being followed.
 */
void kvm_virt_as_destroy(struct kvm *kvm)
{
	struct kvm_virt_as *va = kvm->virt_as;

	if (!va)
		return;
	mutex_lock(&kvm->slots_lock);
	va->closing = true;
	kvm_virt_as_settle(kvm);
	mutex_unlock(&kvm->slots_lock);
	virt_as_unbind(&va->binding);
	detach(kvm);
	va_free(va);
}

/**
 * kvm_virt_as_ioctl - KVM_BIND_VIRT_AS and KVM_UNBIND_VIRT_AS
 * @kvm: the VM
 * @ioctl: which of the two
 * @argp: struct kvm_bind_virt_as
 *
 * Context: The process that made the VM. Sleeps.
 * Return: 0, or an errno of include/uapi/linux/kvm_virt_as.h.
 */
long kvm_virt_as_ioctl(struct kvm *kvm, unsigned int ioctl, void __user *argp)
{
	struct kvm_bind_virt_as arg;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.flags)
		return -EOPNOTSUPP;
	if (arg.__reserved || arg.as_id >= kvm_arch_nr_memslot_as_ids(kvm))
		return -EINVAL;
	if (arg.as_id != KVM_VIRT_AS_ID)
		return -EOPNOTSUPP;
	if (ioctl == KVM_BIND_VIRT_AS)
		return bind(kvm, arg.fd);
	return arg.fd ? -EINVAL : unbind(kvm);
}
