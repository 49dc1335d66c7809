// SPDX-License-Identifier: GPL-2.0-only
/*
 * The system call. A module cannot have one, so this is part of the kernel
 * image or not built at all; /dev/virt_as is the other way in, and both lead to
 * virt_as_create_file().
 *
 * The table of system calls has it from the beginning, and has it still when
 * virt_as could not be initialized. So it does nothing until it is told to.
 */
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/stddef.h>
#include <linux/syscalls.h>
#include <linux/uaccess.h>
#include <linux/virt_as.h>

#include "file.h"
#include "syscall.h"

static bool ready;

/**
 * virt_as_syscall_init - let the system call work
 *
 * Context: When all else is initialized and nothing can fail any more.
 */
void __init virt_as_syscall_init(void)
{
	/* Pairs with smp_load_acquire() in the system call. */
	smp_store_release(&ready, true);
}

static int copy_attr(struct virt_as_create *create,
		     const struct virt_as_create __user *attr, size_t size)
{
	int err;

	*create = (struct virt_as_create) { .size = sizeof(*create) };
	if (!attr)
		return size ? -EFAULT : 0;
	if (size < offsetofend(struct virt_as_create, flags))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(create, sizeof(*create), attr, size);
	if (err)
		return err;
	return create->size == size ? 0 : -EINVAL;
}

/**
 * sys_create_virt_address_space - make an empty virtual address space
 * @attr: what kind, or NULL for the usual
 * @size: of @attr as the caller knows it, equal to virt_as_create::size; 0 with
 *	NULL
 * @flags: must be 0
 *
 * Return: A file descriptor, close-on-exec, with all rights; or what
 * include/uapi/linux/virt_as.h says.
 */
SYSCALL_DEFINE3(create_virt_address_space,
		const struct virt_as_create __user *, attr, size_t, size,
		unsigned int, flags)
{
	struct virt_as_create create;
	int err;

	/* Pairs with smp_store_release() in virt_as_syscall_init(). */
	if (!smp_load_acquire(&ready))
		return -ENOSYS;
	if (flags)
		return -EOPNOTSUPP;
	err = copy_attr(&create, attr, size);
	if (err)
		return err;
	return virt_as_create_file(&create);
}
