// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device. Each open file is told of a guest by its owner, and binds to it in
 * all ways there are; peers that the caller does not have are left out.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "bench.h"

static void close_guest(struct vab_guest *g)
{
	vab_iommufd_close(g);
	vab_vhost_close(g);
	vab_kvm_close(g);
	vab_virt_as_close(g);
	if (g->mm)
		mmdrop(g->mm);
	g->mm = NULL;
}

static int open_guest(struct vab_guest *g)
{
	int err;

	if (!g->arg.nr || !g->arg.gpa_stride || !g->arg.len)
		return -EINVAL;
	mmgrab(current->mm);
	g->mm = current->mm;
	err = vab_virt_as_open(g);
	if (!err && g->arg.kvm >= 0)
		err = vab_kvm_open(g);
	if (!err)
		err = vab_vhost_open(g);
	if (!err && g->arg.iommu >= 0)
		err = vab_iommufd_open(g);
	if (err)
		close_guest(g);
	return err;
}

/* The guest is that of the caller, and the caller is not a kernel thread. */
static int run(struct vab_guest *g, struct vab_run __user *user)
{
	struct vab_run run;
	int err;

	if (copy_from_user(&run, user, sizeof(run)))
		return -EFAULT;
	if (g->mm != current->mm)
		return -EXDEV;
	err = vab_count(g, &run);
	if (!err && copy_to_user(user, &run, sizeof(run)))
		err = -EFAULT;
	return err;
}

static long vab_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vab_guest *g = file->private_data;
	void __user *user = (void __user *)arg;

	guard(mutex)(&g->lock);
	switch (cmd) {
	case VAB_GUEST:
		close_guest(g);
		if (copy_from_user(&g->arg, user, sizeof(g->arg)))
			return -EFAULT;
		return open_guest(g);
	case VAB_RUN:
		return run(g, user);
	}
	return -ENOTTY;
}

static int vab_open(struct inode *inode, struct file *file)
{
	struct vab_guest *g = kzalloc(sizeof(*g), GFP_KERNEL);
	int err;

	if (!g)
		return -ENOMEM;
	err = init_srcu_struct(&g->srcu);
	if (err) {
		kfree(g);
		return err;
	}
	mutex_init(&g->lock);
	file->private_data = g;
	return 0;
}

static int vab_release(struct inode *inode, struct file *file)
{
	struct vab_guest *g = file->private_data;

	close_guest(g);
	cleanup_srcu_struct(&g->srcu);
	kfree(g);
	return 0;
}

static const struct file_operations vab_fops = {
	.owner = THIS_MODULE,
	.open = vab_open,
	.release = vab_release,
	.unlocked_ioctl = vab_ioctl,
};

static struct miscdevice vab_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "virt_as_bench",
	.fops = &vab_fops,
	.mode = 0600,
};
module_misc_device(vab_device);

MODULE_DESCRIPTION("Counts the instructions of virt_as and of its peers");
MODULE_AUTHOR("virt_as developers");
MODULE_LICENSE("GPL");
