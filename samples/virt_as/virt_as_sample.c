// SPDX-License-Identifier: GPL-2.0-only
/* The smallest back end: a kernel thread that serves a guest, given by fd. */
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/virt_as.h>
#include "virt_as_sample.h"

struct sample {
	struct virt_as_sample_run run;
	struct virt_as_sample_reply reply;
	struct virt_as_binding binding;
	struct virt_as_cache cache;	/* the thread's own: no lock */
	struct task_struct *thread;
	bool started, closing;		/* RUN was called; our file is being closed */
};

/* Nothing to prepare or to follow: sections see each new map by themselves. */
static const struct virt_as_binding_ops sample_ops = { .owner = THIS_MODULE };

/* One section: all that it reads and writes belongs to one map. */
static void sample_serve(struct sample *s)
{
	struct virt_as_sample_stamp stamp = {};
	struct virt_as_section section;
	u64 request, gpa = s->run.stamps;
	bool ok;

	if (READ_ONCE(s->closing) || virt_as_begin(&s->binding, &section))
		return;			/* our file or the owner is gone */
	s->reply.generation = virt_as_generation(&section);
	ok = !virt_as_load64(&section, &s->cache, s->run.request, &request, VIRT_AS_ORDERED);
	for (int i = 0; ok && i < VIRT_AS_SAMPLE_STAMPS; i++, gpa += s->run.stride) {
		ok = virt_as_copy_from(&section, &s->cache, gpa, &stamp,
				       sizeof(stamp)) == sizeof(stamp);
		s->reply.torn += stamp.generation != s->reply.generation || stamp.gpa != gpa;
	}
	if (ok) {
		s->reply.answer = request + 1;
		s->reply.sections++;
		s->reply.overlapped += request & 1;
		ok = virt_as_copy_to(&section, &s->cache, s->run.reply, &s->reply,
				     sizeof(s->reply)) == sizeof(s->reply);
	}
	s->reply.failed += !ok;
	virt_as_end(&section);
}

static int sample_thread(void *data)
{
	allow_signal(SIGKILL);			/* it ends a fault that waits */
	while (!kthread_should_stop()) {
		sample_serve(data);
		schedule_timeout_idle(1);		/* a real one waits for work */
	}
	return 0;
}

static long sample_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct sample *s = file->private_data;
	int err;

	if (cmd != VIRT_AS_SAMPLE_RUN)
		return -ENOTTY;
	if (xchg(&s->started, true))
		return -EBUSY;
	if (copy_from_user(&s->run, (void __user *)arg, sizeof(s->run)))
		return -EFAULT;
	err = virt_as_bind_fd(s->run.fd, &s->binding, &sample_ops,
			      VIRT_AS_RIGHT_READ | VIRT_AS_RIGHT_WRITE);
	if (err)
		return err;
	s->thread = kthread_run(sample_thread, s, "virt_as_sample");
	if (IS_ERR(s->thread))
		virt_as_unbind(&s->binding);
	return PTR_ERR_OR_ZERO(s->thread);
}

static int sample_open(struct inode *inode, struct file *file)
{
	struct sample *s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);

	file->private_data = s;
	return s ? 0 : -ENOMEM;
}

static int sample_release(struct inode *inode, struct file *file)
{
	struct sample *s = file->private_data;

	if (!IS_ERR_OR_NULL(s->thread)) {
		WRITE_ONCE(s->closing, true);
		send_sig(SIGKILL, s->thread, 1);
		kthread_stop(s->thread);
		virt_as_unbind(&s->binding);
	}
	kfree(s);
	return 0;
}

static const struct file_operations sample_fops = {
	.owner = THIS_MODULE,
	.open = sample_open,
	.release = sample_release,
	.unlocked_ioctl = sample_ioctl,
};

static struct miscdevice sample_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "virt_as_sample",
	.fops = &sample_fops,
};
module_misc_device(sample_device);
MODULE_DESCRIPTION("Sample of a kernel module that uses a virtual address space");
MODULE_AUTHOR("virt_as developers");
MODULE_LICENSE("GPL");
