// SPDX-License-Identifier: GPL-2.0-only
/* What every thread of a test has for itself, and counters. */
#include <linux/atomic.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/srcu.h>

__thread unsigned long shim_nospec_calls;
__thread struct task_struct shim_task;
__thread unsigned int shim_reader;

unsigned int shim_full_every;

bool atomic_add_unless(atomic_t *v, int add, int unless)
{
	static unsigned int calls;
	int was = atomic_read(v);

	if (shim_full_every &&
	    __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED) % shim_full_every == 0)
		return false;
	while (was != unless) {
		if (__atomic_compare_exchange_n(&v->counter, &was, was + add,
						false, __ATOMIC_SEQ_CST,
						__ATOMIC_RELAXED))
			return true;
	}
	return false;
}
