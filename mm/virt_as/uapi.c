// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls: structures in, structures out. What they mean is elsewhere.
 *
 * Each call copies its structure in by copy_struct_from_user() and hands it to a
 * handler, which copies it out again if it has an answer. User memory is touched
 * here (and in syscall.c) alone, and with no lock held. Handlers check flags and
 * rights; map.c checks what a map is made of.
 */
#include <linux/build_bug.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <trace/events/virt_as.h>

#include "commit.h"
#include "file.h"
#include "map.h"
#include "object.h"

union argument {
	u32 size;
	struct virt_as_create create;
	struct virt_as_info info;
	struct virt_as_commit commit;
	struct virt_as_get_map get_map;
	struct virt_as_restrict restrict_;
};

/**
 * struct command - one ioctl
 * @cmd: its number
 * @size: of the structure that this kernel knows
 * @min_size: of the structure as it was first published
 * @run: does it, and copies the structure out if it has something to say;
 *	returns what the ioctl returns
 */
struct command {
	unsigned int cmd;
	u32 size;
	u32 min_size;
	long (*run)(struct virt_as_file *vf, union argument *arg,
		    void __user *user);
};

#define COMMAND(_cmd, _type, _last, _run) {				\
	.cmd = (_cmd),							\
	.size = sizeof(_type),						\
	.min_size = offsetofend(_type, _last),				\
	.run = (_run),							\
}

/* Copies out as much of a structure as both sides know. */
static int reply(void __user *user, const union argument *arg, u32 known)
{
	return copy_to_user(user, arg, min(arg->size, known)) ? -EFAULT : 0;
}

/* Holes or another size would break programs that were built before. */
static void __maybe_unused build_check_abi(void)
{
	BUILD_BUG_ON(sizeof(struct virt_as_create) != 8);
	BUILD_BUG_ON(sizeof(struct virt_as_info) != 64);
	BUILD_BUG_ON(offsetof(struct virt_as_info, out_generation) != 40);
	BUILD_BUG_ON(sizeof(struct virt_as_entry) != 64);
	BUILD_BUG_ON(offsetof(struct virt_as_entry, gpa) != 16);
	BUILD_BUG_ON(sizeof(struct virt_as_commit) != 40);
	BUILD_BUG_ON(offsetof(struct virt_as_commit, out_generation) != 32);
	BUILD_BUG_ON(sizeof(struct virt_as_get_map) != 32);
	BUILD_BUG_ON(sizeof(struct virt_as_restrict) != 16);
}

/**
 * virt_as_create_file - make an address space and an fd with all rights on it
 * @create: what is asked for, in kernel memory
 *
 * Both ways in end here: VIRT_AS_CREATE and the system call.
 *
 * Context: Process context, may sleep.
 * Return: The fd, or what include/uapi/linux/virt_as.h says.
 */
int virt_as_create_file(const struct virt_as_create *create)
{
	struct virt_as *as;
	int fd;

	if (create->flags)
		return -EOPNOTSUPP;
	as = virt_as_alloc();
	if (IS_ERR(as))
		return PTR_ERR(as);
	fd = virt_as_file_open(as, VIRT_AS_RIGHTS);
	virt_as_put(as);
	return fd;
}

static long run_create(struct virt_as_file *vf, union argument *arg,
		       void __user *user)
{
	return virt_as_create_file(&arg->create);
}

static void fill_file_info(struct virt_as_file *vf, struct virt_as_info *info)
{
	struct virt_as *as = vf->as;
	const struct virt_as_map *map;
	int idx;

	/* Read before the map, so it can only be behind. */
	info->out_drained_generation = READ_ONCE(as->drained_generation);
	info->out_rights = vf->rights;
	info->out_nr_bindings = READ_ONCE(as->nr_bindings);

	idx = srcu_read_lock(&as->srcu);
	map = srcu_dereference(as->map, &as->srcu);
	info->out_generation = map->generation;
	info->out_nr_regions = map->nr;
	srcu_read_unlock(&as->srcu, idx);
}

static long run_info(struct virt_as_file *vf, union argument *arg,
		     void __user *user)
{
	struct virt_as_info *info = &arg->info;
	int err;

	if (info->flags)
		return -EOPNOTSUPP;
	*info = (struct virt_as_info) {
		.size = info->size,
		.out_abi = VIRT_AS_ABI,
		.out_features = VIRT_AS_FEATURE_ADOPT,
		.out_max_regions = virt_as_max_regions,
		.out_max_bindings = virt_as_max_bindings,
		.out_max_logged_pages = virt_as_max_logged_pages,
	};
	if (vf)
		fill_file_info(vf, info);
	err = reply(user, arg, sizeof(*info));
	if (!err && vf)
		WRITE_ONCE(vf->seen, info->out_generation);
	return err;
}

static int check_commit(struct virt_as_file *vf,
			const struct virt_as_commit *commit)
{
	const u32 known = VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_TRY |
			  VIRT_AS_COMMIT_NOWAIT | VIRT_AS_COMMIT_ADOPT |
			  VIRT_AS_COMMIT_EXPECT;
	bool adopt = commit->flags & VIRT_AS_COMMIT_ADOPT;
	bool replace = commit->flags & VIRT_AS_COMMIT_REPLACE;
	u32 need = VIRT_AS_RIGHT_COMMIT;

	if (commit->flags & ~known)
		return -EOPNOTSUPP;
	if (adopt && !replace)
		return -EINVAL;
	if (!(commit->flags & VIRT_AS_COMMIT_EXPECT) &&
	    commit->expected_generation)
		return -EINVAL;

	if (adopt)
		need |= VIRT_AS_RIGHT_ADOPT;
	if (need & ~vf->rights)
		return -EPERM;

	/* Every region of the old map can be named once, and a new map added. */
	if (commit->nr_entries > virt_as_max_regions * (replace ? 1ULL : 2ULL))
		return -ENOSPC;
	return 0;
}

static struct virt_as_entry *copy_entries(const struct virt_as_commit *commit)
{
	const void __user *from = u64_to_user_ptr(commit->entries);
	size_t size = array_size(commit->nr_entries,
				 sizeof(struct virt_as_entry));
	struct virt_as_entry *entries;

	if (!size)
		return NULL;
	entries = kvmalloc(size, GFP_KERNEL_ACCOUNT);
	if (!entries)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(entries, from, size)) {
		kvfree(entries);
		return ERR_PTR(-EFAULT);
	}
	return entries;
}

/* A commit whose wait was interrupted after it was published is none. */
static void note_refusal(struct virt_as *as, const struct virt_as_commit *commit,
			 int err)
{
	if (err == -EINTR && commit->out_generation)
		return;
	atomic64_inc(&as->refused);
	trace_virt_as_refuse(as->id, err, commit->out_index);
}

static long run_commit(struct virt_as_file *vf, union argument *arg,
		       void __user *user)
{
	struct virt_as_commit *commit = &arg->commit;
	struct virt_as_request request = {
		.flags = commit->flags,
		.expected_generation = commit->expected_generation,
		.nr_entries = commit->nr_entries,
	};
	struct virt_as_entry *entries;
	int err;

	/*
	 * A caller who cannot be answered is refused while nothing is done. If
	 * the answer fails later, the result of the commit still counts.
	 */
	commit->out_index = VIRT_AS_NO_INDEX;
	commit->out_generation = 0;
	err = reply(user, arg, sizeof(*commit));
	if (err)
		return err;

	request.out_index = VIRT_AS_NO_INDEX;
	request.out_generation = READ_ONCE(vf->as->generation);
	err = check_commit(vf, commit);
	if (err)
		goto out;
	entries = copy_entries(commit);
	if (IS_ERR(entries)) {
		err = PTR_ERR(entries);
		goto out;
	}
	request.entries = entries;
	err = virt_as_commit_map(vf->as, &request);
	kvfree(entries);
out:
	commit->out_index = request.out_index;
	commit->out_generation = request.out_generation;
	reply(user, arg, sizeof(*commit));
	if (err)
		note_refusal(vf->as, commit, err);
	return err;
}

/* Entries that, given back to a REPLACE, would make the same map. */
static struct virt_as_entry *list_map(const struct virt_as_map *map)
{
	bool owner = map->mm == current->mm;
	struct virt_as_entry *entries;
	u32 i;

	entries = kvcalloc(max(map->nr, 1U), sizeof(*entries),
			   GFP_KERNEL_ACCOUNT);
	if (!entries)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < map->nr; i++) {
		const struct virt_as_region *region = &map->regions[i];

		entries[i] = (struct virt_as_entry) {
			.op = VIRT_AS_OP_ADD,
			.type = region->type,
			.perms = region->perms,
			.gpa = region->gpa,
			.len = region->len,
			.hva = owner ? region->hva : 0,
		};
	}
	return entries;
}

static long run_get_map(struct virt_as_file *vf, union argument *arg,
			void __user *user)
{
	struct virt_as_get_map *get_map = &arg->get_map;
	void __user *to = u64_to_user_ptr(get_map->entries);
	struct virt_as_entry *entries = NULL;
	struct virt_as *as = vf->as;
	const struct virt_as_map *map;
	u32 room = get_map->nr_entries;
	int err, idx;

	if (get_map->flags)
		return -EOPNOTSUPP;
	if (get_map->__reserved)
		return -EINVAL;

	idx = srcu_read_lock(&as->srcu);
	map = srcu_dereference(as->map, &as->srcu);
	get_map->nr_entries = map->nr;
	get_map->out_generation = map->generation;
	if (map->nr <= room)
		entries = list_map(map);
	srcu_read_unlock(&as->srcu, idx);

	err = reply(user, arg, sizeof(*get_map));
	if (!entries)
		return err ?: -EMSGSIZE;
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	if (copy_to_user(to, entries, array_size(get_map->nr_entries,
						 sizeof(*entries))))
		err = -EFAULT;
	kvfree(entries);
	return err;
}

static long run_restrict(struct virt_as_file *vf, union argument *arg,
			 void __user *user)
{
	u32 rights = arg->restrict_.rights;

	if (arg->restrict_.flags || rights & ~VIRT_AS_RIGHTS)
		return -EOPNOTSUPP;
	if (arg->restrict_.__reserved)
		return -EINVAL;
	if (rights & ~vf->rights)
		return -EPERM;
	return virt_as_file_open(vf->as, rights);
}

static const struct command device_commands[] = {
	COMMAND(VIRT_AS_CREATE, struct virt_as_create, flags, run_create),
	COMMAND(VIRT_AS_INFO, struct virt_as_info, out_nr_bindings, run_info),
};

static const struct command file_commands[] = {
	COMMAND(VIRT_AS_INFO, struct virt_as_info, out_nr_bindings, run_info),
	COMMAND(VIRT_AS_COMMIT, struct virt_as_commit, out_generation,
		run_commit),
	COMMAND(VIRT_AS_GET_MAP, struct virt_as_get_map, out_generation,
		run_get_map),
	COMMAND(VIRT_AS_RESTRICT, struct virt_as_restrict, __reserved,
		run_restrict),
};

static const struct command *find_command(const struct command *commands,
					  size_t nr, unsigned int cmd)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		if (commands[i].cmd == cmd)
			return &commands[i];
	}
	return NULL;
}

static long run_command(const struct command *command, struct virt_as_file *vf,
			void __user *user)
{
	union argument arg;
	u32 size;
	int err;

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

	return command->run(vf, &arg, user);
}

/**
 * virt_as_device_ioctl - ioctl of /dev/virt_as
 * @file: the open file
 * @cmd: VIRT_AS_CREATE or VIRT_AS_INFO
 * @arg: address of the structure
 *
 * Return: What include/uapi/linux/virt_as.h says.
 */
long virt_as_device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	const struct command *command;

	command = find_command(device_commands, ARRAY_SIZE(device_commands), cmd);
	if (!command)
		return -ENOTTY;
	return run_command(command, NULL, (void __user *)arg);
}

/**
 * virt_as_file_ioctl - ioctl of an address space
 * @file: the open file
 * @cmd: VIRT_AS_*
 * @arg: address of the structure
 *
 * Return: What include/uapi/linux/virt_as.h says.
 */
long virt_as_file_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	const struct command *command;

	command = find_command(file_commands, ARRAY_SIZE(file_commands), cmd);
	if (!command)
		return -ENOTTY;
	return run_command(command, file->private_data, (void __user *)arg);
}
