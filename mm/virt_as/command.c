// SPDX-License-Identifier: GPL-2.0-only
/*
 * How an ioctl's structure comes in and goes out, the same for every file of ours.
 *
 * A caller may know a shorter or a longer structure than this kernel does; see
 * include/uapi/linux/virt_as.h. No lock is held here.
 */
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "command.h"

/* Holes or another size would break programs that were built before. */
static void __maybe_unused build_check_abi(void)
{
	BUILD_BUG_ON(sizeof(struct virt_as_create) != 8);
	BUILD_BUG_ON(sizeof(struct virt_as_info) != 72);
	BUILD_BUG_ON(offsetof(struct virt_as_info, out_generation) != 40);
	BUILD_BUG_ON(sizeof(struct virt_as_entry) != 64);
	BUILD_BUG_ON(offsetof(struct virt_as_entry, gpa) != 16);
	BUILD_BUG_ON(sizeof(struct virt_as_commit) != 64);
	BUILD_BUG_ON(offsetof(struct virt_as_commit, out_generation) != 32);
	BUILD_BUG_ON(offsetof(struct virt_as_commit, extents) != 48);
	BUILD_BUG_ON(sizeof(struct virt_as_get_map) != 32);
	BUILD_BUG_ON(sizeof(struct virt_as_restrict) != 16);
	BUILD_BUG_ON(sizeof(struct virt_as_log_open) != 16);
	BUILD_BUG_ON(sizeof(struct virt_as_mark) != 24);
	BUILD_BUG_ON(sizeof(struct virt_as_extent) != 16);
	BUILD_BUG_ON(sizeof(struct virt_as_harvest) != 80);
	BUILD_BUG_ON(offsetof(struct virt_as_harvest, out_pages) != 56);
	BUILD_BUG_ON(sizeof(struct virt_as_extents) != 24);
}

/**
 * virt_as_reply - copy out as much of a structure as both sides know
 * @user: where it came from
 * @arg: the structure, with the caller's size in it
 * @known: size that this kernel knows
 *
 * Return: 0 or -EFAULT.
 */
int virt_as_reply(void __user *user, const union virt_as_argument *arg, u32 known)
{
	return copy_to_user(user, arg, min(arg->size, known)) ? -EFAULT : 0;
}

static const struct virt_as_command *
find_command(const struct virt_as_command *commands, size_t nr, unsigned int cmd)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		if (commands[i].cmd == cmd)
			return &commands[i];
	}
	return NULL;
}

/**
 * virt_as_run_command - do an ioctl
 * @commands: those of the file
 * @nr: number of @commands
 * @cmd: its number
 * @context: for the function that does it
 * @user: address of the structure
 *
 * Return: What include/uapi/linux/virt_as.h says.
 */
long virt_as_run_command(const struct virt_as_command *commands, size_t nr,
			 unsigned int cmd, void *context, void __user *user)
{
	const struct virt_as_command *command = find_command(commands, nr, cmd);
	union virt_as_argument arg;
	u32 size;
	int err;

	if (!command)
		return -ENOTTY;
	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < command->min_size)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(&arg, command->size, user, size);
	if (err)
		return err;
	/* It may have been written to in between; what was checked is what counts. */
	arg.size = size;

	return command->run(context, &arg, user);
}
