/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MM_VIRT_AS_COMMAND_H
#define _MM_VIRT_AS_COMMAND_H

#include <linux/stddef.h>
#include <linux/types.h>
#include <uapi/linux/virt_as.h>

/* Any ioctl's structure; all begin with their size. */
union virt_as_argument {
	u32 size;
	struct virt_as_create create;
	struct virt_as_info info;
	struct virt_as_commit commit;
	struct virt_as_get_map get_map;
	struct virt_as_restrict restrict_;
	struct virt_as_log_open log;
	struct virt_as_mark mark;
	struct virt_as_harvest harvest;
	struct virt_as_extents extents;
};

/**
 * struct virt_as_command - one ioctl
 * @cmd: its number
 * @size: of the structure that this kernel knows
 * @min_size: of the structure as it was first published
 * @run: does it, and copies the structure out if it has something to say;
 *	returns what the ioctl returns
 */
struct virt_as_command {
	unsigned int cmd;
	u32 size;
	u32 min_size;
	long (*run)(void *context, union virt_as_argument *arg, void __user *user);
};

#define VIRT_AS_COMMAND(_cmd, _type, _last, _run) {			\
	.cmd = (_cmd),							\
	.size = sizeof(_type),						\
	.min_size = offsetofend(_type, _last),				\
	.run = (_run),							\
}

int virt_as_reply(void __user *user, const union virt_as_argument *arg, u32 known);
long virt_as_run_command(const struct virt_as_command *commands, size_t nr,
			 unsigned int cmd, void *context, void __user *user);

#endif /* _MM_VIRT_AS_COMMAND_H */
