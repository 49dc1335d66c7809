/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * KVM on a virtual address space: two more calls of a VM's file descriptor.
 *
 * A VM that is bound has no memory map of its own: it has that of the address space,
 * whose commits it follows while its vCPUs run, and the dirty logs of the address
 * space hear what its guest writes.
 */
#ifndef _UAPI_LINUX_KVM_VIRT_AS_H
#define _UAPI_LINUX_KVM_VIRT_AS_H

#include <linux/ioctl.h>
#include <linux/kvm.h>
#include <linux/types.h>

/* For KVM_CHECK_EXTENSION: 1 if there are the calls below. */
#define KVM_CAP_VIRT_AS		22081

/**
 * struct kvm_bind_virt_as - ioctl(KVM_BIND_VIRT_AS), ioctl(KVM_UNBIND_VIRT_AS)
 * @fd: BIND: an address space; UNBIND: must be 0
 * @flags: must be 0
 * @as_id: which of the VM's memory maps, as in bits 16 to 31 of
 *	kvm_userspace_memory_region::slot; must be 0
 * @__reserved: must be 0
 *
 * BIND makes the map of the address space the VM's memory map, all at once. From then
 * on each commit to the address space replaces it while vCPUs run: an access of a vCPU
 * sees the old map or the new one, never a hole nor a mixture. UNBIND leaves the VM
 * without memory; it waits for vCPUs that are in a page fault, and cannot be interrupted.
 *
 * The fd must have the rights BIND, READ and WRITE. The address space must be owned by
 * the process that made the VM, and have a map that KVM can follow, now and at every
 * commit; else the commit is refused with the same errno. Several VMs may be bound to
 * one address space.
 *
 * ===============  ==================================================================
 * EBADF            BIND: @fd is no open file
 * EBADFD           BIND: @fd is not an address space
 * EPERM            BIND: @fd lacks a right
 * EINVAL           @as_id is none of this VM, or a reserved field is not 0
 * EOPNOTSUPP       an unknown flag; BIND: the VM uses shadow page tables, SMM memory,
 *                  private memory or external write tracking; or @as_id is not 0
 * EXDEV            BIND: the address space is of another process
 * EBUSY            BIND: the VM is bound, or about to be; commit: an adopting commit,
 *                  which a VM cannot follow
 * ENOTEMPTY        BIND: the VM has memory slots of its own
 * EPROTONOSUPPORT  BIND: the VM has dirty rings, which know nothing of address spaces
 * ENOENT           UNBIND: the VM is not bound (EBUSY while BIND or UNBIND is under way)
 * ENOSPC           more regions than KVM has slots; or the limit of bindings
 * EFBIG            a region has more pages than a slot can have
 * EDOM             a region lies beyond what the guest's page tables can map
 * EADDRINUSE       a region lies where KVM itself has put a page
 * ENXIO            a region has no host address (VIRT_AS_TYPE_NOHVA)
 * ENOMEM           no memory
 * EINTR            BIND: the caller is being killed
 * ===============  ==================================================================
 *
 * While a VM is bound, KVM_SET_USER_MEMORY_REGION, KVM_SET_USER_MEMORY_REGION2,
 * KVM_GET_DIRTY_LOG and KVM_CLEAR_DIRTY_LOG answer EBUSY, and dirty rings cannot be
 * enabled (EPROTONOSUPPORT). A guest that runs guests of its own needs shadow page
 * tables: KVM_RUN then ends with EOPNOTSUPP, so do not offer it SVM or VMX.
 */
struct kvm_bind_virt_as {
	__s32 fd;
	__u32 flags;
	__u32 as_id;
	__u32 __reserved;
};

#define KVM_BIND_VIRT_AS	_IOW(KVMIO, 0xf0, struct kvm_bind_virt_as)
#define KVM_UNBIND_VIRT_AS	_IOW(KVMIO, 0xf1, struct kvm_bind_virt_as)

#endif /* _UAPI_LINUX_KVM_VIRT_AS_H */
