// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fd: one open file of an address space, and the rights it carries.
 *
 * Rights live in the open file, so that the owner can hand out an address space
 * in portions: to read, to write, to bind. They are set when the file is made
 * and never change. The file cannot be opened anew through /proc/PID/fd, as its
 * inode has no open.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/poll.h>
#include <linux/proc_fs.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "binding.h"
#include "drain.h"
#include "file.h"
#include "map.h"
#include "object.h"

static int file_release(struct inode *inode, struct file *file)
{
	struct virt_as_file *vf = file->private_data;

	virt_as_put(vf->as);
	kfree(vf);
	return 0;
}

static __poll_t file_poll(struct file *file, struct poll_table_struct *wait)
{
	struct virt_as_file *vf = file->private_data;
	struct virt_as *as = vf->as;
	__poll_t events = 0;

	poll_wait(file, &as->wait, wait);
	if (READ_ONCE(as->generation) != READ_ONCE(vf->seen))
		events |= EPOLLIN | EPOLLRDNORM;
	if (virt_as_drained(as))
		events |= EPOLLOUT | EPOLLWRNORM;
	return events;
}

static void show_rights(struct seq_file *m, u32 rights)
{
	static const char * const names[] = {
		"READ", "WRITE", "BIND", "LOG", "COMMIT", "ADOPT",
	};
	const char *separator = "";
	unsigned int i;

	seq_puts(m, "virt_as-rights:\t");
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (!(rights & BIT(i)))
			continue;
		seq_printf(m, "%s%s", separator, names[i]);
		separator = ",";
	}
	seq_putc(m, '\n');
}

/* The owner as the reader of @m sees it: 0 if its memory is gone. */
static pid_t owner_pid(struct seq_file *m, const struct virt_as_map *map)
{
	pid_t pid = 0;

	rcu_read_lock();
	if (rcu_access_pointer(map->mm->owner) &&
	    pid_task(map->owner, PIDTYPE_TGID))
		pid = pid_nr_ns(map->owner,
				proc_pid_ns(file_inode(m->file)->i_sb));
	rcu_read_unlock();
	return pid;
}

static void file_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct virt_as_file *vf = file->private_data;
	struct virt_as *as = vf->as;
	const struct virt_as_map *map;
	int idx;

	idx = srcu_read_lock(&as->srcu);
	map = srcu_dereference(as->map, &as->srcu);
	seq_printf(m, "virt_as-id:\t%u\n", as->id);
	seq_printf(m, "virt_as-owner:\t%d\n", owner_pid(m, map));
	show_rights(m, vf->rights);
	seq_printf(m, "virt_as-generation:\t%llu\n", map->generation);
	seq_printf(m, "virt_as-drained:\t%llu\n",
		   READ_ONCE(as->drained_generation));
	seq_printf(m, "virt_as-regions:\t%u\n", map->nr);
	seq_printf(m, "virt_as-aliases:\t%u\n", map->nr_aliases);
	seq_printf(m, "virt_as-logged-pages:\t%llu\n", map->logged_pages);
	srcu_read_unlock(&as->srcu, idx);

	seq_printf(m, "virt_as-bindings:\t%u\n", READ_ONCE(as->nr_bindings));
	seq_printf(m, "virt_as-logs:\t%u\n", READ_ONCE(as->nr_logs));
	seq_printf(m, "virt_as-commits:\t%lld\n", atomic64_read(&as->commits));
	seq_printf(m, "virt_as-refused:\t%lld\n", atomic64_read(&as->refused));
	seq_printf(m, "virt_as-remote:\t%lld\n",
		   atomic64_read(&as->remote_pages));
}

static const struct file_operations file_fops = {
	.owner = THIS_MODULE,
	.release = file_release,
	.llseek = no_seek_end_llseek,
	.read_iter = virt_as_read_iter,
	.write_iter = virt_as_write_iter,
	.poll = file_poll,
	.unlocked_ioctl = virt_as_file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = file_show_fdinfo,
};

/**
 * virt_as_file_open - make an open file of an address space
 * @as: the address space; the file takes a reference of its own
 * @rights: VIRT_AS_RIGHT_*
 *
 * Context: Process context, may sleep.
 * Return: A file descriptor of the caller, close-on-exec, or an errno.
 */
int virt_as_file_open(struct virt_as *as, u32 rights)
{
	struct virt_as_file *vf;
	struct file *file;
	int fd, err;

	vf = kzalloc(sizeof(*vf), GFP_KERNEL_ACCOUNT);
	if (!vf)
		return -ENOMEM;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		err = fd;
		goto err_vf;
	}
	virt_as_get(as);
	vf->as = as;
	vf->rights = rights;
	vf->seen = READ_ONCE(as->generation);
	file = anon_inode_create_getfile("[virt_as]", &file_fops, vf, O_RDWR,
					 NULL);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		goto err_as;
	}
	/* The position is a gpa. */
	file->f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
	fd_install(fd, file);
	return fd;

err_as:
	virt_as_put(as);
	put_unused_fd(fd);
err_vf:
	kfree(vf);
	return err;
}

/**
 * virt_as_bind_file - become a user of an address space
 * @file: any open file
 * @binding: memory for it; the caller's, untouched until unbound
 * @ops: what to call when the map changes
 * @rights: VIRT_AS_RIGHT_READ, VIRT_AS_RIGHT_WRITE: what the sections of the
 *	binding may do. The file must have these, and VIRT_AS_RIGHT_BIND.
 *
 * Before this returns, ops->prepare and ops->commit have been called with the
 * whole map. The binding takes references of its own on the address space and on
 * the module of @ops, none on @file.
 *
 * Context: Process context, may sleep; no lock held that @ops take. Not inside
 * a section of the address space.
 * Return: 0; -EBADFD if the file is no address space; -EPERM if it lacks a
 * right; -EINVAL for rights other than the two; -ENODEV if the module of @ops is
 * going away; -ENOSPC if there are too many bindings; -EINTR if the caller is
 * being killed; -ENOMEM; or what ops->prepare returned.
 */
int virt_as_bind_file(struct file *file, struct virt_as_binding *binding,
		      const struct virt_as_binding_ops *ops, u32 rights)
{
	struct virt_as_file *vf = file->private_data;

	if (file->f_op != &file_fops)
		return -EBADFD;
	if (rights & ~(VIRT_AS_RIGHT_READ | VIRT_AS_RIGHT_WRITE))
		return -EINVAL;
	if ((rights | VIRT_AS_RIGHT_BIND) & ~vf->rights)
		return -EPERM;
	return virt_as_bind(vf->as, binding, ops, rights);
}
EXPORT_SYMBOL_GPL(virt_as_bind_file);

/**
 * virt_as_bind_fd - become a user of an address space
 * @fd: a number from user space
 * @binding: as for virt_as_bind_file()
 * @ops: as for virt_as_bind_file()
 * @rights: as for virt_as_bind_file()
 *
 * Context: As virt_as_bind_file(), in a task that has the descriptor.
 * Return: As virt_as_bind_file(), and -EBADF if nothing is open.
 */
int virt_as_bind_fd(int fd, struct virt_as_binding *binding,
		    const struct virt_as_binding_ops *ops, u32 rights)
{
	struct file *file = fget(fd);
	int err;

	if (!file)
		return -EBADF;
	err = virt_as_bind_file(file, binding, ops, rights);
	fput(file);
	return err;
}
EXPORT_SYMBOL_GPL(virt_as_bind_fd);
