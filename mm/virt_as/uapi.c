// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls: structures in, structures out. What they mean is elsewhere.
 *
 * command.c copies the structure of a call in and hands it to a handler, which copies
 * it out again if it has an answer. User memory is touched here, there, in log_file.c
 * and syscall.c alone, and with no lock held. Handlers check flags and rights; map.c
 * checks what a map is made of.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <trace/events/virt_as.h>

#include "command.h"
#include "commit.h"
#include "file.h"
#include "handover.h"
#include "live.h"
#include "log_file.h"
#include "map.h"
#include "object.h"

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

static long run_create(void *context, union virt_as_argument *arg, void __user *user)
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
	info->out_nr_logs = READ_ONCE(as->nr_logs);

	idx = srcu_read_lock(&as->srcu);
	map = srcu_dereference(as->map, &as->srcu);
	info->out_generation = map->generation;
	info->out_nr_regions = map->nr;
	srcu_read_unlock(&as->srcu, idx);
}

static long run_info(void *context, union virt_as_argument *arg, void __user *user)
{
	struct virt_as_file *vf = context;
	struct virt_as_info *info = &arg->info;
	int err;

	if (info->flags)
		return -EOPNOTSUPP;
	*info = (struct virt_as_info) {
		.size = info->size,
		.out_abi = VIRT_AS_ABI,
		.out_features = VIRT_AS_FEATURE_ADOPT | VIRT_AS_FEATURE_LOG,
		.out_max_regions = virt_as_max_regions,
		.out_max_bindings = virt_as_max_bindings,
		.out_max_logged_pages = virt_as_max_logged_pages,
		.out_max_logs = virt_as_max_logs,
	};
	if (vf)
		fill_file_info(vf, info);
	err = virt_as_reply(user, arg, sizeof(*info));
	if (!err && vf)
		WRITE_ONCE(vf->seen, info->out_generation);
	return err;
}

static int check_commit(struct virt_as_file *vf,
			const struct virt_as_commit *commit)
{
	const u32 known = VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_TRY |
			  VIRT_AS_COMMIT_NOWAIT | VIRT_AS_COMMIT_ADOPT |
			  VIRT_AS_COMMIT_EXPECT | VIRT_AS_COMMIT_HANDOVER;
	bool adopt = commit->flags & VIRT_AS_COMMIT_ADOPT;
	bool replace = commit->flags & VIRT_AS_COMMIT_REPLACE;
	bool handover = commit->flags & VIRT_AS_COMMIT_HANDOVER;
	u32 need = VIRT_AS_RIGHT_COMMIT;

	if (commit->flags & ~known)
		return -EOPNOTSUPP;
	if (adopt && !replace)
		return -EINVAL;
	if (!(commit->flags & VIRT_AS_COMMIT_EXPECT) &&
	    commit->expected_generation)
		return -EINVAL;

	if (handover && commit->flags & (VIRT_AS_COMMIT_TRY | VIRT_AS_COMMIT_NOWAIT))
		return -EINVAL;
	if (!handover && (commit->log_fd || commit->nr_extents || commit->extents))
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

/* A commit that failed in a wait or a hand-over after it was published is none. */
static void note_refusal(struct virt_as *as, const struct virt_as_request *request,
			 int err)
{
	if (request->published)
		return;
	atomic64_inc(&as->refused);
	trace_virt_as_refuse(as->id, err, request->out_index);
}

/* From the structure's copy in the kernel to what it asks for, all in the kernel. */
static int carry_out(struct virt_as_file *vf, struct virt_as_commit *commit,
		     struct virt_as_request *request)
{
	struct virt_as_handover handover;
	struct virt_as_entry *entries;
	int err;

	err = check_commit(vf, commit);
	if (err)
		return err;
	entries = copy_entries(commit);
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	request->entries = entries;
	if (commit->flags & VIRT_AS_COMMIT_HANDOVER) {
		err = virt_as_handover_begin(vf->as, commit, &handover);
		if (err)
			goto out_entries;
		request->handover = &handover;
	}
	err = virt_as_commit_map(vf->as, request);
	if (request->handover) {
		handover.reap.out_more &= request->published;
		virt_as_handover_finish(&handover, commit);
	}

out_entries:
	kvfree(entries);
	return err;
}

static long run_commit(void *context, union virt_as_argument *arg, void __user *user)
{
	struct virt_as_file *vf = context;
	struct virt_as_commit *answer = &arg->commit;
	struct virt_as_request request = {
		.flags = answer->flags,
		.expected_generation = answer->expected_generation,
		.nr_entries = answer->nr_entries,
	};
	int err;

	/*
	 * A caller who cannot be answered is refused while nothing is done. If
	 * the answer fails later, the result of the commit still counts.
	 */
	answer->out_index = VIRT_AS_NO_INDEX;
	answer->out_generation = 0;
	answer->out_nr_extents = 0;
	answer->out_more = 0;
	err = virt_as_reply(user, arg, sizeof(*answer));
	if (err)
		return err;

	request.out_index = VIRT_AS_NO_INDEX;
	request.out_generation = READ_ONCE(vf->as->generation);
	err = carry_out(vf, answer, &request);
	answer->out_index = request.out_index;
	answer->out_generation = request.out_generation;
	virt_as_reply(user, arg, sizeof(*answer));
	if (err)
		note_refusal(vf->as, &request, err);
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

static long run_get_map(void *context, union virt_as_argument *arg, void __user *user)
{
	struct virt_as_file *vf = context;
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

	err = virt_as_reply(user, arg, sizeof(*get_map));
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

static long run_restrict(void *context, union virt_as_argument *arg, void __user *user)
{
	struct virt_as_file *vf = context;
	u32 rights = arg->restrict_.rights;

	if (arg->restrict_.flags || rights & ~VIRT_AS_RIGHTS)
		return -EOPNOTSUPP;
	if (arg->restrict_.__reserved)
		return -EINVAL;
	if (rights & ~vf->rights)
		return -EPERM;
	return virt_as_file_open(vf->as, rights);
}

static long run_log(void *context, union virt_as_argument *arg, void __user *user)
{
	struct virt_as_file *vf = context;

	if (arg->log.flags & ~VIRT_AS_LOG_ALL_DIRTY)
		return -EOPNOTSUPP;
	if (!(vf->rights & VIRT_AS_RIGHT_LOG))
		return -EPERM;
	return virt_as_log_file_open(vf->as, arg->log.flags, arg->log.threshold);
}

static long run_mark(void *context, union virt_as_argument *arg, void __user *user)
{
	struct virt_as_file *vf = context;
	const struct virt_as_map *map;
	struct virt_as *as = vf->as;
	int err, idx;

	if (arg->mark.flags)
		return -EOPNOTSUPP;
	if (!arg->mark.len)
		return -EINVAL;
	if (!(vf->rights & VIRT_AS_RIGHT_WRITE))
		return -EPERM;
	idx = srcu_read_lock(&as->srcu);
	map = srcu_dereference(as->map, &as->srcu);
	err = virt_as_mark_map(map, arg->mark.gpa, arg->mark.len);
	srcu_read_unlock(&as->srcu, idx);
	return err;
}

static const struct virt_as_command device_commands[] = {
	VIRT_AS_COMMAND(VIRT_AS_CREATE, struct virt_as_create, flags, run_create),
	VIRT_AS_COMMAND(VIRT_AS_INFO, struct virt_as_info, out_nr_bindings, run_info),
};

static const struct virt_as_command file_commands[] = {
	VIRT_AS_COMMAND(VIRT_AS_INFO, struct virt_as_info, out_nr_bindings, run_info),
	VIRT_AS_COMMAND(VIRT_AS_COMMIT, struct virt_as_commit, out_generation,
			run_commit),
	VIRT_AS_COMMAND(VIRT_AS_GET_MAP, struct virt_as_get_map, out_generation,
			run_get_map),
	VIRT_AS_COMMAND(VIRT_AS_RESTRICT, struct virt_as_restrict, __reserved,
			run_restrict),
	VIRT_AS_COMMAND(VIRT_AS_LOG, struct virt_as_log_open, threshold, run_log),
	VIRT_AS_COMMAND(VIRT_AS_MARK, struct virt_as_mark, len, run_mark),
};

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
	return virt_as_run_command(device_commands, ARRAY_SIZE(device_commands), cmd,
				   NULL, (void __user *)arg);
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
	return virt_as_run_command(file_commands, ARRAY_SIZE(file_commands), cmd,
				   file->private_data, (void __user *)arg);
}
