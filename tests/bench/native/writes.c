// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a reader writes: a page fault for each write that it should not make.
 *
 * All of the core's memory and all variables of the program become read-only, but for
 * the counters of SRCU, and a thread does sections, lookups and copies. What is left
 * to it are its stack, with the section and the cache, and the guest's memory. Of the
 * counters, only that of the thread may have changed in the end.
 */
#include <linux/err.h>
#include <linux/srcu.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "native.h"
#include "object.h"

#define REGIONS		512
#define SECTIONS	10000
#define COUNTER		3

/* On the thread's own pages, because its variables are read-only. */
static __thread unsigned int faults;

/* Counts one for each page and lets the write pass. */
static void on_fault(int signal, siginfo_t *info, void *context)
{
	void *page = (void *)((unsigned long)info->si_addr & ~4095UL);

	faults++;
	/* What is no such write faults again, and ends the program. */
	if (info->si_code != SEGV_ACCERR ||
	    mprotect(page, 4096, PROT_READ | PROT_WRITE))
		sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
}

/* Hits, misses, holes, reads, writes, answers: returns how many went wrong. */
static noinline unsigned int use(struct space *s)
{
	struct virt_as_cache cache = {};
	struct virt_as_section section;
	struct virt_as_segment segment;
	unsigned int i, bad = 0;
	u8 buf[LEN] = {};

	for (i = 0; i < SECTIONS; i++) {
		u64 gpa = i * 97 % REGIONS * APART;

		bad += !!virt_as_begin(&s->binding, &section);
		bad += virt_as_copy_to(&section, &cache, gpa, buf, LEN) != LEN;
		bad += virt_as_copy_from(&section, &cache, gpa, buf, LEN) != LEN;
		bad += virt_as_zero(&section, &cache, gpa, LEN) != LEN;
		bad += virt_as_copy_from(&section, &cache, gpa + REGION, buf,
					 LEN) != -ENOENT;
		bad += virt_as_translate(&section, &cache, gpa, LEN, &segment,
					 1) != 1;
		virt_as_end(&section);
		bad += virt_as_read(&s->binding, &cache, gpa, buf, LEN) != LEN;
	}
	return bad;
}

/* Each section counts twice; virt_as_read() has one or more of its own. */
static bool only_own_counter(const struct srcu_struct *srcu,
			     const unsigned long *before)
{
	unsigned int i;

	for (i = 0; i < SHIM_READERS; i++) {
		unsigned long times = srcu->slots[i].seq - before[i];

		if (i == COUNTER ? times < 4 * SECTIONS : times)
			return false;
	}
	return true;
}

void run_writes(void)
{
	static const struct figure figure = {
		"native-reader-writes", "virt_as", "a section", REGIONS, 0,
	};
	const struct sigaction action = {
		.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO,
	};
	unsigned long before[SHIM_READERS];
	unsigned int i, bad, found;
	struct sigaction old;
	struct space s;

	space_open(&s, REGIONS);
	for (i = 0; i < SHIM_READERS; i++)
		before[i] = s.as->srcu.slots[i].seq;
	space_enter_thread(COUNTER);
	CHECK(!sigaction(SIGSEGV, &action, &old));

	memory_protect(s.as->srcu.slots);
	bad = use(&s);
	found = faults;
	/* Would it have been seen? One in memory, one in a variable. */
	atomic64_inc(&s.as->commits);
	WRITE_ONCE(virt_as_max_regions, virt_as_max_regions);
	faults -= found;
	memory_unprotect();

	CHECK(!sigaction(SIGSEGV, &old, NULL));
	space_enter_thread(0);
	if (bad)
		report_failure(&figure, "an access failed");
	else if (faults + !!found < 2)
		report_failure(&figure, "a write was not seen");
	else if (!only_own_counter(&s.as->srcu, before))
		report_failure(&figure, "another thread's counter was written");
	else
		report_count(&figure, "pages", found);
	space_close(&s);
}
