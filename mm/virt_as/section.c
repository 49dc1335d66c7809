// SPDX-License-Identifier: GPL-2.0-only
/*
 * The section: a bracket in which one whole map is seen.
 *
 * A section is an SRCU read-side critical section of its address space, and the
 * owner's mm made reachable. How depends on who runs it:
 *
 *	own		current->mm is the owner's. It is in use, so alive.
 *	switched	a kernel thread without an mm takes on the owner's, once
 *			for the whole section.
 *	remote		anybody else. The mm of a user task is never changed: while
 *			it were, a thread of its process could read the owner's
 *			memory through /proc/TID/mem, as __ptrace_may_access()
 *			trusts its own thread group. See remote.c.
 *
 * The last two hold mm_users for the length of the section, which is what keeps
 * the owner's page tables from being torn down under them, and give it back with
 * mmput_async() outside of everything, since it may be the last. They begin only
 * while some task uses the memory, which mm->owner tells: mm_users alone counts
 * sections too, so that a crowd of them, each begun before another one ends,
 * would keep the memory of a dead owner for ever.
 *
 * The first kind writes nothing that another reader reads: the SRCU counters are
 * per CPU, and the map is only read. The others write mm_users, once a section.
 *
 * Locks: none. A section may sleep, for as long as a page fault of the owner's
 * memory takes.
 */
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/mmu_context.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>

#include <trace/events/virt_as.h>

#include "map.h"
#include "object.h"
#include "section.h"

/* For anyone whose mm is not the owner's. */
static int enter_foreign(struct virt_as_section *section)
{
	struct mm_struct *mm = section->map->mm;

	if (!rcu_access_pointer(mm->owner) || !mmget_not_zero(mm))
		return -ESRCH;
	if (current->flags & PF_KTHREAD && !current->mm) {
		kthread_use_mm(mm);
		section->reach = VIRT_AS_REACH_SWITCHED;
	} else {
		section->reach = VIRT_AS_REACH_REMOTE;
	}
	return 0;
}

/**
 * virt_as_section_enter - begin a section on behalf of a binding or a file
 * @as: an address space that the caller has a reference on
 * @rights: VIRT_AS_RIGHT_READ, VIRT_AS_RIGHT_WRITE
 * @section: the section
 *
 * Context: Process context, may sleep.
 * Return: 0, or -ESRCH if the owner's memory is gone.
 */
int virt_as_section_enter(struct virt_as *as, u32 rights,
			  struct virt_as_section *section)
{
	int err;

	might_sleep();
	might_fault();

	section->as = as;
	section->rights = rights;
	section->srcu_idx = srcu_read_lock(&as->srcu);
	/* Pairs with rcu_assign_pointer() in publish(). */
	section->map = srcu_dereference(as->map, &as->srcu);
	if (likely(section->map->mm == current->mm)) {
		section->reach = VIRT_AS_REACH_OWN;
	} else {
		err = enter_foreign(section);
		if (err) {
			srcu_read_unlock(&as->srcu, section->srcu_idx);
			return err;
		}
	}
	section->cookie = section->reach != VIRT_AS_REACH_REMOTE &&
			  rights & VIRT_AS_RIGHT_READ ?
			  section->map->cookie : VIRT_AS_NO_MAP;
	/* For sparse: the section carries the lock from here to virt_as_end(). */
	__release(&as->srcu);
	return 0;
}

/**
 * virt_as_begin - begin a section
 * @binding: a binding that is bound
 * @section: the section, on the caller's stack
 *
 * Until virt_as_end(), all accesses through @section see the same map, even if
 * it is replaced meanwhile; the replaced map is drained only after that. So a
 * section should last for one batch of work, not for ever. Sections of several
 * address spaces nest, and end in reverse order. A kernel thread runs with the
 * owner's mm in between and must not touch user memory but through the section.
 *
 * Context: Process context, may sleep. Not in this address space's ops.
 * Return: 0, or -ESRCH if the owner's memory is gone.
 */
int virt_as_begin(struct virt_as_binding *binding,
		  struct virt_as_section *section)
{
	return virt_as_section_enter(binding->as, binding->rights, section);
}
EXPORT_SYMBOL_GPL(virt_as_begin);

/**
 * virt_as_end - end a section
 * @section: the section, begun by the same thread
 *
 * Context: Process context. May sleep in a kernel thread, to switch back.
 */
void virt_as_end(struct virt_as_section *section)
{
	struct mm_struct *mm = section->map->mm;
	enum virt_as_reach reach = section->reach;

	__acquire(&section->as->srcu);
	if (unlikely(reach == VIRT_AS_REACH_SWITCHED))
		kthread_unuse_mm(mm);
	srcu_read_unlock(&section->as->srcu, section->srcu_idx);
	if (reach != VIRT_AS_REACH_OWN)
		mmput_async(mm);
}
EXPORT_SYMBOL_GPL(virt_as_end);

/**
 * virt_as_generation - which map a section sees
 * @section: an open section
 *
 * Return: The generation, as VIRT_AS_COMMIT reported it.
 */
u64 virt_as_generation(const struct virt_as_section *section)
{
	return section->map->generation;
}
EXPORT_SYMBOL_GPL(virt_as_generation);
