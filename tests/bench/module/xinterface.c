// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ancestor: what kvm_xinterface, proposed in 2009, did to reach guest memory,
 * written anew for today's KVM from its description. It remembered the last slot
 * of each physical CPU, and held slots_lock for each access, which has become a
 * mutex since.
 */
#include <linux/kthread.h>
#include <linux/kvm_host.h>
#include <linux/mmu_context.h>
#include <linux/smp.h>
#include <linux/uaccess.h>
#include "bench.h"

static struct kvm_memory_slot *slot_cache[NR_CPUS];

/* A slot of another guest must not be found. */
static int forget(struct vab_guest *g)
{
	memset(slot_cache, 0, sizeof(slot_cache));
	return 0;
}

static unsigned long gpa_to_hva(struct kvm *kvm, u64 gpa)
{
	int cpu = get_cpu();
	struct kvm_memory_slot *slot = slot_cache[cpu];
	gfn_t gfn = gpa_to_gfn(gpa);
	unsigned long hva = 0;

	if (!slot || gfn < slot->base_gfn || gfn >= slot->base_gfn + slot->npages) {
		slot = gfn_to_memslot(kvm, gfn);
		if (!slot)
			goto out;
		slot_cache[cpu] = slot;
	}
	hva = gfn_to_hva_memslot(slot, gfn) + offset_in_page(gpa);
out:
	put_cpu();
	return hva;
}

static noinline unsigned long xinterface_to(struct vab_guest *g, u64 gpa,
					    const void *src, unsigned long len)
{
	struct kvm *kvm = vab_kvm_of(g);
	bool thread = !current->mm;
	unsigned long hva;

	mutex_lock(&kvm->slots_lock);
	hva = gpa_to_hva(kvm, gpa);
	if (hva) {
		if (thread)
			kthread_use_mm(g->mm);
		len = copy_to_user((void __user *)hva, src, len);
		if (thread)
			kthread_unuse_mm(g->mm);
	}
	mutex_unlock(&kvm->slots_lock);
	return len;
}

static noinline unsigned long xinterface_from(struct vab_guest *g, void *dst,
					      u64 gpa, unsigned long len)
{
	struct kvm *kvm = vab_kvm_of(g);
	unsigned long hva;

	mutex_lock(&kvm->slots_lock);
	hva = gpa_to_hva(kvm, gpa);
	if (hva)
		len = copy_from_user(dst, (void __user *)hva, len);
	mutex_unlock(&kvm->slots_lock);
	return len;
}

VAB_LOOP(copy_to, xinterface_to(g, gpa, g->buf, VAB_LEN))
VAB_LOOP(copy_from, xinterface_from(g, g->buf, gpa, VAB_LEN))

const struct vab_op vab_xinterface_ops[] = {
	{ "xinterface copy_to", VAB_ANYWHERE, VAB_WRITES,
	  .begin = forget, .loop = copy_to },
	{ "xinterface copy_from", VAB_IN_CALLER, VAB_READS,
	  .begin = forget, .loop = copy_from },
	{}
};
