// SPDX-License-Identifier: GPL-2.0-only
/*
 * A consumer of the in-kernel interface that does what tests tell it.
 *
 * Each open file of /dev/virt_as_test is a consumer of its own. Its life must
 * end well whatever state it is in when its process is killed:
 *
 *	a section is open	Only the thread leaves one open between calls. It
 *				ends it as soon as it sees that the file is closed.
 *	the thread sleeps	in a page fault that perhaps nobody will serve before
 *				this very process has closed its other files. So
 *				release() does not wait for a busy thread; the
 *				thread then unbinds, and drops the last reference.
 *	a prepare is held	release() lets it go.
 *
 * Locks: bound, then those of the core, then mock_lock. thread_lock stands
 * alone. The binding's functions take mock_lock only.
 */
#include <linux/file.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "consumer.h"

static void free_consumer(struct kref *ref)
{
	struct vat_consumer *c = container_of(ref, struct vat_consumer, ref);

	kvfree(c->snapshot);
	kfree(c);
}

/* The last two who may put, the file and the thread, have unbound before. */
void vat_put(struct vat_consumer *c)
{
	kref_put(&c->ref, free_consumer);
}

int vat_unbind(struct vat_consumer *c)
{
	int err = -ENOTCONN;

	/* Sections hold it for reading: this waits for them to end. */
	if (down_write_killable(&c->bound))
		return -EINTR;
	if (c->is_bound) {
		virt_as_unbind(&c->binding);
		c->is_bound = false;
		err = 0;
	}
	up_write(&c->bound);
	return err;
}

static int bind_as(struct vat_consumer *c, const struct vat_bind *bind)
{
	const struct virt_as_binding_ops *ops;
	struct file *file;
	int err;

	ops = bind->flags & VAT_BIND_SILENT ? &vat_silent_ops : &vat_mock_ops;
	if (!(bind->flags & VAT_BIND_BY_FILE))
		return virt_as_bind_fd(bind->fd, &c->binding, ops, bind->rights);
	file = fget(bind->fd);
	if (!file)
		return -EBADF;
	err = virt_as_bind_file(file, &c->binding, ops, bind->rights);
	fput(file);
	return err;
}

static long bind_consumer(struct vat_consumer *c,
			  const struct vat_bind __user *arg)
{
	struct vat_bind bind;
	int err;

	if (copy_from_user(&bind, arg, sizeof(bind)))
		return -EFAULT;
	if (bind.flags & ~(VAT_BIND_BY_FILE | VAT_BIND_SILENT))
		return -EINVAL;
	if (down_write_killable(&c->bound))
		return -EINTR;
	err = -EISCONN;
	if (!c->is_bound) {
		err = bind_as(c, &bind);
		c->is_bound = !err;
	}
	up_write(&c->bound);
	return err;
}

static long get_status(struct vat_consumer *c, struct vat_status __user *arg)
{
	struct vat_status *status;
	bool bound;
	long err;

	status = kmalloc(sizeof(*status), GFP_KERNEL_ACCOUNT);
	if (!status)
		return -ENOMEM;
	/* A writer may be in a bind that is held: bound is not known then. */
	bound = down_read_trylock(&c->bound);
	if (bound) {
		bound = c->is_bound;
		up_read(&c->bound);
	}
	spin_lock(&c->mock_lock);
	*status = c->status;
	spin_unlock(&c->mock_lock);
	status->bound = bound;
	err = copy_to_user(arg, status, sizeof(*status)) ? -EFAULT : 0;
	kfree(status);
	return err;
}

static long vat_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vat_consumer *c = file->private_data;
	void __user *user = (void __user *)arg;
	struct vat_mock mock;

	switch (cmd) {
	case VAT_BIND:
		return bind_consumer(c, user);
	case VAT_UNBIND:
		return vat_unbind(c);
	case VAT_MOCK:
		if (copy_from_user(&mock, user, sizeof(mock)))
			return -EFAULT;
		if (mock.error > 0 || mock.error < -MAX_ERRNO || mock.hold > 1)
			return -EINVAL;
		vat_mock_set(c, &mock);
		return 0;
	case VAT_STATUS:
		return get_status(c, user);
	case VAT_DIFF:
		return vat_mock_diff(c, user);
	case VAT_RUN:
		return vat_run(c, user);
	}
	return -ENOTTY;
}

static int vat_open(struct inode *inode, struct file *file)
{
	struct vat_consumer *c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);

	if (!c)
		return -ENOMEM;
	kref_init(&c->ref);
	init_rwsem(&c->bound);
	spin_lock_init(&c->mock_lock);
	init_waitqueue_head(&c->gate);
	spin_lock_init(&c->thread_lock);
	INIT_LIST_HEAD(&c->requests);
	init_waitqueue_head(&c->wake);
	init_completion(&c->exited);
	mutex_init(&c->start);
	file->private_data = c;
	return 0;
}

static int vat_release(struct inode *inode, struct file *file)
{
	struct vat_consumer *c = file->private_data;

	vat_mock_release(c);
	/* No ioctl is in flight, so nobody but the thread has a section. */
	if (vat_thread_stop(c)) {
		down_write(&c->bound);
		if (c->is_bound)
			virt_as_unbind(&c->binding);
		c->is_bound = false;
		up_write(&c->bound);
	}
	vat_put(c);
	return 0;
}

static const struct file_operations vat_fops = {
	.owner = THIS_MODULE,
	.open = vat_open,
	.release = vat_release,
	.unlocked_ioctl = vat_ioctl,
};

static struct miscdevice vat_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "virt_as_test",
	.fops = &vat_fops,
	.mode = 0600,
};
module_misc_device(vat_device);

MODULE_DESCRIPTION("Consumer of virtual address spaces for tests");
MODULE_AUTHOR("virt_as developers");
MODULE_LICENSE("GPL");
