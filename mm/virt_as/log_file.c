// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fd of a log: its ioctls, poll and fdinfo.
 *
 * Who has the file may do with the log what it likes; to open one took the right LOG
 * of the address space. Extents and bitmaps are delivered from here, with no lock
 * held: a fault on the caller's memory stands in nobody's way.
 */
#include <linux/anon_inodes.h>
#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "command.h"
#include "file.h"
#include "handover.h"
#include "harvest.h"
#include "log.h"
#include "log_file.h"
#include "object.h"
#include "spans.h"

/**
 * struct destination - where a harvest goes
 * @to: address of the caller's array of extents, or of its bitmap
 * @base: gpa of bit 0 of the bitmap
 * @unit_shift: a bit is 2^@unit_shift bytes of guest memory
 */
struct destination {
	u64 to;
	u64 base;
	unsigned int unit_shift;
};

static u32 deliver_extents(void *context, const struct virt_as_extent *extents, u32 nr)
{
	struct destination *destination = context;
	size_t size = nr * sizeof(*extents);
	size_t done;

	done = size - copy_to_user(u64_to_user_ptr(destination->to), extents, size);
	destination->to += round_down(done, sizeof(*extents));
	return done / sizeof(*extents);
}

/* Some bits of a page of the bitmap; others may change its other bits meanwhile. */
static void set_bits(void *page, unsigned int first, unsigned int nr)
{
	atomic64_t *words = page;

	while (nr) {
		unsigned int bit = first % 64;
		unsigned int some = min(nr, 64 - bit);

		atomic64_or(GENMASK_ULL(bit + some - 1, bit), &words[first / 64]);
		first += some;
		nr -= some;
	}
}

/*
 * The page is held for the moment and written through the kernel's mapping: there is
 * no atomic OR on a user address that every architecture has.
 */
static int or_bits(u64 bitmap, u64 bit, u64 nr)
{
	u64 offset_bits = 8 * offset_in_page(bitmap);
	u64 base = bitmap & PAGE_MASK;

	bit += offset_bits;
	while (nr) {
		u64 in_page = bit % (8 * PAGE_SIZE);
		u64 some = min(nr, 8 * PAGE_SIZE - in_page);
		struct page *page;
		void *map;
		u64 at;

		if (check_add_overflow(base, bit / 8, &at) ||
		    pin_user_pages_fast(at & PAGE_MASK, 1, FOLL_WRITE, &page) != 1)
			return -EFAULT;
		map = kmap_local_page(page);
		set_bits(map, in_page, some);
		kunmap_local(map);
		unpin_user_pages_dirty_lock(&page, 1, true);
		bit += some;
		nr -= some;
	}
	return 0;
}

static u32 deliver_bitmap(void *context, const struct virt_as_extent *extents, u32 nr)
{
	const struct destination *destination = context;
	u32 i;

	for (i = 0; i < nr; i++) {
		u64 bit = (extents[i].gpa - destination->base) >> destination->unit_shift;

		if (or_bits(destination->to, bit,
			    extents[i].len >> destination->unit_shift))
			break;
	}
	return i;
}

static int check_harvest(const struct virt_as_harvest *harvest)
{
	const u32 known = VIRT_AS_HARVEST_PEEK | VIRT_AS_HARVEST_SYNC |
			  VIRT_AS_HARVEST_BITMAP;
	u64 unit = harvest->page_size;

	if (harvest->flags & ~known)
		return -EOPNOTSUPP;
	if (harvest->__reserved || !is_power_of_2(unit) || unit < PAGE_SIZE)
		return -EINVAL;
	if (harvest->last < harvest->gpa || harvest->gpa & (unit - 1) ||
	    (harvest->last + 1) & (unit - 1))
		return -EINVAL;
	if (harvest->flags & VIRT_AS_HARVEST_BITMAP &&
	    (harvest->nr_extents || harvest->buffer % sizeof(u64)))
		return -EINVAL;
	return 0;
}

static long run_harvest(void *context, union virt_as_argument *arg, void __user *user)
{
	struct virt_as_harvest *harvest = &arg->harvest;
	bool bitmap = harvest->flags & VIRT_AS_HARVEST_BITMAP;
	struct destination destination = {
		.to = harvest->buffer,
		.base = harvest->gpa,
		.unit_shift = ilog2(harvest->page_size ?: 1),
	};
	struct virt_as_log *log = context;
	struct virt_as_reap reap = {
		.flags = harvest->flags,
		.first = harvest->gpa >> PAGE_SHIFT,
		.last = harvest->last >> PAGE_SHIFT,
		.shift = max(destination.unit_shift, PAGE_SHIFT) - PAGE_SHIFT,
		.max_units = harvest->max_pages ?: U64_MAX,
		.max_extents = bitmap ? U64_MAX : harvest->nr_extents,
		.deliver = bitmap ? deliver_bitmap : deliver_extents,
		.context = &destination,
	};
	int err;

	err = check_harvest(harvest);
	if (err)
		return err;
	/* A caller who cannot be answered is refused while nothing is done. */
	if (put_user(1, &((struct virt_as_harvest __user *)user)->out_more))
		return -EFAULT;

	virt_as_log_use(log);
	err = virt_as_log_harvest(log, &reap);
	harvest->out_nr_extents = bitmap ? 0 : reap.out_extents;
	harvest->out_pages = reap.out_units;
	harvest->out_next = reap.out_next << PAGE_SHIFT;
	harvest->out_more = reap.out_more;
	if (virt_as_reply(user, arg, sizeof(*harvest))) {
		/* It does not know what it was given: all may be given again. */
		if (!(harvest->flags & VIRT_AS_HARVEST_PEEK) && reap.out_units)
			virt_as_log_restore(log, reap.first,
					    (reap.out_more ? reap.out_next :
							     reap.last + 1) - 1);
		err = -EFAULT;
	}
	virt_as_log_unuse(log);
	return err;
}

static int check_extent(const struct virt_as_extent *extent)
{
	u64 last;

	if (!extent->len || !PAGE_ALIGNED(extent->gpa | extent->len))
		return -EINVAL;
	return check_add_overflow(extent->gpa, extent->len - 1, &last) ? -EOVERFLOW : 0;
}

static int mark_extent(struct virt_as_log *log, u64 first, u64 last)
{
	int err;

	/* Else a commit could drop the span before there is anything dirty in it. */
	virt_as_log_use(log);
	err = virt_as_log_cover(log, first, last);
	if (!err)
		virt_as_log_fill(log, first, last);
	virt_as_log_unuse(log);
	return err;
}

static int change_extents(struct virt_as_log *log, struct virt_as_extents *list,
			  bool mark)
{
	struct virt_as_extent __user *from = u64_to_user_ptr(list->extents);
	struct virt_as_extent extent;
	u64 first, last;
	int err;

	for (; list->out_done < list->nr_extents; list->out_done++) {
		if (copy_from_user(&extent, &from[list->out_done], sizeof(extent)))
			return -EFAULT;
		err = check_extent(&extent);
		if (err)
			return err;
		first = extent.gpa >> PAGE_SHIFT;
		last = first + (extent.len >> PAGE_SHIFT) - 1;
		if (mark)
			err = mark_extent(log, first, last);
		else
			virt_as_log_remove(log, first, last);
		if (!err && signal_pending(current) && list->out_done + 1 < list->nr_extents)
			err = -EINTR;
		if (err)
			return err;
	}
	return 0;
}

static long run_extents(struct virt_as_log *log, union virt_as_argument *arg,
			void __user *user, bool mark)
{
	int err;

	if (arg->extents.flags)
		return -EOPNOTSUPP;
	arg->extents.out_done = 0;
	err = change_extents(log, &arg->extents, mark);
	return virt_as_reply(user, arg, sizeof(arg->extents)) ?: err;
}

static long run_clear(void *context, union virt_as_argument *arg, void __user *user)
{
	return run_extents(context, arg, user, false);
}

static long run_mark(void *context, union virt_as_argument *arg, void __user *user)
{
	return run_extents(context, arg, user, true);
}

static const struct virt_as_command commands[] = {
	VIRT_AS_COMMAND(VIRT_AS_LOG_HARVEST, struct virt_as_harvest, __reserved,
			run_harvest),
	VIRT_AS_COMMAND(VIRT_AS_LOG_CLEAR, struct virt_as_extents, out_done, run_clear),
	VIRT_AS_COMMAND(VIRT_AS_LOG_MARK, struct virt_as_extents, out_done, run_mark),
};

static long log_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return virt_as_run_command(commands, ARRAY_SIZE(commands), cmd,
				   file->private_data, (void __user *)arg);
}

static int log_release(struct inode *inode, struct file *file)
{
	virt_as_log_close(file->private_data);
	return 0;
}

static __poll_t log_poll(struct file *file, struct poll_table_struct *wait)
{
	struct virt_as_log *log = file->private_data;

	poll_wait(file, &log->wait, wait);
	return virt_as_log_ready(log) ? EPOLLIN | EPOLLRDNORM : 0;
}

static u64 covered_pages(struct virt_as_log *log)
{
	u64 words;

	mutex_lock(&log->as->log_lock);
	words = log->spans->nr_words;
	mutex_unlock(&log->as->log_lock);
	return words * VIRT_AS_WORD_PAGES;
}

static void log_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct virt_as_log *log = file->private_data;

	seq_printf(m, "virt_as-id:\t%u\n", log->as->id);
	seq_printf(m, "virt_as-log-dirty:\t%llu\n", READ_ONCE(log->nr_dirty));
	seq_printf(m, "virt_as-log-covered:\t%llu\n", covered_pages(log));
	seq_printf(m, "virt_as-log-threshold:\t%llu\n", log->threshold);
	seq_printf(m, "virt_as-log-harvests:\t%lld\n", atomic64_read(&log->harvests));
	seq_printf(m, "virt_as-log-harvested:\t%lld\n", atomic64_read(&log->harvested));
	seq_printf(m, "virt_as-log-restored:\t%lld\n", atomic64_read(&log->restored));
}

static const struct file_operations log_fops = {
	.owner = THIS_MODULE,
	.release = log_release,
	.llseek = noop_llseek,
	.poll = log_poll,
	.unlocked_ioctl = log_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = log_show_fdinfo,
};

/**
 * virt_as_log_file_open - open a log and an fd for it
 * @as: the address space
 * @flags: VIRT_AS_LOG_*
 * @threshold: as of virt_as_log_open()
 *
 * Context: As virt_as_log_open().
 * Return: A file descriptor of the caller, close-on-exec, or an errno.
 */
int virt_as_log_file_open(struct virt_as *as, u32 flags, u64 threshold)
{
	struct virt_as_log *log;
	struct file *file;
	int fd, err;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	log = virt_as_log_open(as, flags, threshold);
	if (IS_ERR(log)) {
		err = PTR_ERR(log);
		goto err_fd;
	}
	file = anon_inode_create_getfile("[virt_as_log]", &log_fops, log, O_RDWR, NULL);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		goto err_log;
	}
	fd_install(fd, file);
	return fd;

err_log:
	virt_as_log_close(log);
err_fd:
	put_unused_fd(fd);
	return err;
}

/**
 * virt_as_handover_begin - a commit is to hand over
 * @as: the address space that it is for
 * @commit: what its caller said
 * @handover: filled in; virt_as_handover_finish() ends it
 *
 * Context: Process context, may sleep.
 * Return: 0, -EBADF, -EBADFD or -ENOMEM.
 */
int virt_as_handover_begin(struct virt_as *as, const struct virt_as_commit *commit,
			   struct virt_as_handover *handover)
{
	struct file *file = fget(commit->log_fd);
	struct destination *destination;
	struct virt_as_log *log;

	if (!file)
		return -EBADF;
	log = file->private_data;
	if (file->f_op != &log_fops || log->as != as) {
		fput(file);
		return -EBADFD;
	}
	destination = kzalloc(sizeof(*destination), GFP_KERNEL_ACCOUNT);
	if (!destination) {
		fput(file);
		return -ENOMEM;
	}
	destination->to = commit->extents;
	*handover = (struct virt_as_handover) {
		.file = file,
		.log = log,
		.reap.max_extents = commit->nr_extents,
		.reap.deliver = deliver_extents,
		.reap.context = destination,
		/* Unless it comes to that. */
		.reap.out_more = true,
	};
	return 0;
}

/**
 * virt_as_handover_finish - the commit is done, or refused
 * @handover: begun
 * @commit: where the answer goes
 */
void virt_as_handover_finish(struct virt_as_handover *handover,
			     struct virt_as_commit *commit)
{
	commit->out_nr_extents = handover->reap.out_extents;
	commit->out_more = handover->reap.out_more;
	virt_as_handover_end(handover);
	kfree(handover->reap.context);
	fput(handover->file);
}
