// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual address spaces for guests: module load and unload.
 *
 * Documentation/mm/virt_as/design.rst explains the whole; each file here opens
 * with what it is about, its invariants and its locks.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "file.h"
#include "grace.h"
#include "object.h"
#include "syscall.h"

unsigned int virt_as_max_regions __read_mostly = 32768;
module_param_named(max_regions, virt_as_max_regions, uint, 0444);
MODULE_PARM_DESC(max_regions, "Regions in a map (1 to 65536)");

unsigned int virt_as_max_bindings __read_mostly = 1024;
module_param_named(max_bindings, virt_as_max_bindings, uint, 0444);
MODULE_PARM_DESC(max_bindings, "Bindings to an address space");

unsigned int virt_as_max_logs __read_mostly = 64;
module_param_named(max_logs, virt_as_max_logs, uint, 0444);
MODULE_PARM_DESC(max_logs, "Dirty logs of an address space");

unsigned long virt_as_max_logged_pages __read_mostly = 1UL << 30;
module_param_named(max_logged_pages, virt_as_max_logged_pages, ulong, 0444);
MODULE_PARM_DESC(max_logged_pages, "Pages in all RAM regions of a map");

/* A commit copies the map, so its size is what one call can cost. */
#define MAX_MAX_REGIONS	65536U

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = virt_as_device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "virt_as",
	.fops = &device_fops,
	.mode = 0666,
};

static int __init virt_as_init(void)
{
	int err;

	if (!virt_as_max_regions || virt_as_max_regions > MAX_MAX_REGIONS) {
		pr_err("virt_as: max_regions must be from 1 to %u\n",
		       MAX_MAX_REGIONS);
		return -EINVAL;
	}
	err = virt_as_grace_init();
	if (err)
		return err;
	err = virt_as_object_init();
	if (err)
		goto err_grace;
	err = misc_register(&device);
	if (err)
		goto err_object;
	virt_as_syscall_init();
	return 0;

err_object:
	virt_as_object_exit();
err_grace:
	virt_as_grace_exit();
	return err;
}

static void __exit virt_as_exit(void)
{
	misc_deregister(&device);
	virt_as_object_exit();
	virt_as_grace_exit();
}

module_init(virt_as_init);
module_exit(virt_as_exit);

MODULE_DESCRIPTION("Virtual address spaces for guests");
MODULE_AUTHOR("virt_as developers");
MODULE_LICENSE("GPL");
