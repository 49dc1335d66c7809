// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mistakes made on purpose, one a load, to show that a kernel which looks for
 * such mistakes would find one.
 */
#include <linux/bug.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static char *deed = "none";
module_param(deed, charp, 0444);
MODULE_PARM_DESC(deed, "leak, warning, use_after_free, inversion, sleep_in_atomic, race");

static void leak(void)
{
	char *memory = kmalloc(123, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(memory);
}

static void warning(void)
{
	WARN(1, "made on purpose\n");
}

static void use_after_free(void)
{
	char *memory = kmalloc(123, GFP_KERNEL);
	unsigned long at = (unsigned long)memory;

	if (!memory)
		return;
	kfree(memory);
	/* By way of a number, lest a tool that only reads finds it first. */
	OPTIMIZER_HIDE_VAR(at);
	WRITE_ONCE(*(char *)at, 1);
}

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);

static void inversion(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);

	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static DEFINE_SPINLOCK(spin);

static void sleep_in_atomic(void)
{
	spin_lock(&spin);
	might_sleep();
	spin_unlock(&spin);
}

static unsigned long raced;

/* Not inlined, so that the report names it. */
static noinline int canary_race(void *unused)
{
	unsigned long end = jiffies + 2 * HZ;

	while (time_before(jiffies, end)) {
		raced++;
		/* Else the compiler stores the sum once. */
		barrier();
	}
	return 0;
}

static void race(void)
{
	struct task_struct *task = kthread_run(canary_race, NULL, "virt_as_canary");

	if (IS_ERR(task))
		return;
	get_task_struct(task);
	canary_race(NULL);
	kthread_stop(task);
	put_task_struct(task);
}

static const struct {
	const char *name;
	void (*run)(void);
} deeds[] = {
	{ "leak", leak },
	{ "warning", warning },
	{ "use_after_free", use_after_free },
	{ "inversion", inversion },
	{ "sleep_in_atomic", sleep_in_atomic },
	{ "race", race },
};

static int __init canary_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(deeds); i++) {
		if (!strcmp(deed, deeds[i].name)) {
			deeds[i].run();
			return 0;
		}
	}
	return -EINVAL;
}

static void __exit canary_exit(void)
{
}

module_init(canary_init);
module_exit(canary_exit);

MODULE_DESCRIPTION("Mistakes on purpose, for kernels that look for them");
MODULE_AUTHOR("virt_as developers");
MODULE_LICENSE("GPL");
