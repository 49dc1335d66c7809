// SPDX-License-Identifier: GPL-2.0-only
/*
 * The account of the torture, for people: what was seen, out of how much, and
 * whether that is right. A zero counts only when enough was tried.
 */
#include <stdio.h>
#include "torture.h"

#define NSEC_PER_USEC	1000ULL

/* What the guest told by the window's registers. */
struct told {
	__u64 readers;
	__u64 reads;
	__u64 epochs;			/* of the reader that saw the fewest */
	__u64 torn;
	__u64 holes;
};

/* Of all vCPUs together. */
struct faults {
	__u64 taken;
	__u64 retried;
};

static struct told sum_readers(const struct window *window, unsigned int nr)
{
	struct told told = { .epochs = ~0ULL };

	for (unsigned int i = 0; i < nr; i++) {
		const __u64 *reader = &window->registers[WINDOW_READER(i, 0)];

		told.readers += !!load(reader[READER_READS]);
		told.reads += load(reader[READER_READS]);
		told.torn += load(reader[READER_TORN]);
		told.holes += load(reader[READER_HOLES]);
		if (load(reader[READER_EPOCHS]) < told.epochs)
			told.epochs = load(reader[READER_EPOCHS]);
	}
	return told;
}

static struct faults sum_faults(const struct vmm *vmm)
{
	struct faults faults = { };
	__u64 ended = 0;

	for (unsigned int i = 0; i < vmm->options.nr_vcpus; i++) {
		int fd = vmm->vcpus[i].fd;

		faults.taken += vm_stat(fd, "pf_taken");
		ended += vm_stat(fd, "pf_fixed") + vm_stat(fd, "pf_emulate") +
			 vm_stat(fd, "pf_spurious");
	}
	faults.retried = faults.taken > ended ? faults.taken - ended : 0;
	return faults;
}

/* A number with its thousands set apart; good until eight more are asked for. */
static const char *num(__u64 n)
{
	static char room[8][32];
	static unsigned int next;
	char *to = &room[next++ % 8][31];

	*to = 0;
	for (int digits = 0; !digits || n; digits++, n /= 10) {
		if (digits && digits % 3 == 0)
			*--to = ',';
		*--to = '0' + n % 10;
	}
	return to;
}

/* A line for who waits. */
void torture_progress(const struct torture *torture)
{
	const struct vmm *vmm = torture->vmm;
	struct told told = sum_readers(&torture->window, vmm->options.nr_vcpus);

	printf("%4llu s  %s of %s replacements | %s reads, torn %s | worked %s times, wrong %s\n",
	       (now_ns() - torture->begin) / NSEC_PER_SEC, num(torture->done),
	       num(vmm->options.replacements), num(told.reads), num(told.torn),
	       num(load(torture->window.registers[WINDOW_CYCLES])),
	       num(load(torture->window.registers[WINDOW_CYCLES_WRONG])));
}

static void verdict(struct torture *torture, bool right)
{
	printf("  %s  ", right ? "ok   " : "WRONG");
	torture->wrong |= !right;
}

#define check(torture, right, ...)	\
	do {				\
		verdict(torture, right);	\
		printf(__VA_ARGS__);	\
		printf("\n");		\
	} while (0)

static void account_of_replacer(struct torture *torture)
{
	const struct vmm *vmm = torture->vmm;
	__u64 wanted = vmm->options.replacements, done = torture->done ?: 1;
	__u64 running = vm_stat(vmm->vm, "virt_as_replaces_running");
	__u64 all = vm_stat(vmm->vm, "virt_as_replaces");
	__u64 ns = torture->end - torture->begin;

	printf("\nThe map: told to KVM %s, and replaced in %llu.%llu s\n",
	       vmm->options.slots ? "a slot at a time" : "by an address space",
	       ns / NSEC_PER_SEC, ns / (NSEC_PER_SEC / 10) % 10);
	check(torture, torture->done >= wanted,
	      "%s replacements (%s wanted), %s regions on average; %s us each, at worst %s us",
	      num(torture->done), num(wanted), num(torture->regions / done),
	      num(torture->commit_ns / done / NSEC_PER_USEC),
	      num(torture->worst_ns / NSEC_PER_USEC));
	if (!vmm->options.slots)
		check(torture, running >= wanted / FLOOR_RUNNING,
		      "%s found a vCPU in the guest (%s wanted), of %s with those by the guest itself",
		      num(running), num(wanted / FLOOR_RUNNING), num(all));
}

static void account_of_readers(struct torture *torture)
{
	const struct vmm *vmm = torture->vmm;
	__u64 wanted = vmm->options.replacements / FLOOR_SEEN;
	struct told told = sum_readers(&torture->window, vmm->options.nr_vcpus);

	printf("\nThe guest, whose every vCPU reads %u pages that all change at once:\n",
	       WINDOW_PAGES);
	check(torture, told.readers == vmm->options.nr_vcpus, "%s of %u vCPUs had a reader",
	      num(told.readers), vmm->options.nr_vcpus);
	check(torture, !told.torn && told.reads && told.epochs >= wanted,
	      "%s torn of %s reads; at least %s different maps seen by each (%s wanted)",
	      num(told.torn), num(told.reads), num(told.epochs), num(wanted));
	check(torture, !told.holes, "%s of them found no memory", num(told.holes));
}

static void account_of_exits(struct torture *torture)
{
	const struct vmm *vmm = torture->vmm;
	__u64 wanted = vmm->options.replacements / FLOOR_RETRIED;
	struct faults faults = sum_faults(vmm);

	check(torture, !vmm->spurious_exits,
	      "%s spurious exits; of the others %s were to devices, %s to nothing",
	      num(vmm->spurious_exits), num(vmm->mmio_exits), num(vmm->stray_exits));
	check(torture, faults.retried >= wanted,
	      "%s faults on its memory, %s of which were tried again (%s wanted)",
	      num(faults.taken), num(faults.retried), num(wanted));
}

static void account_of_work(struct torture *torture)
{
	const __u64 *told = torture->window.registers;
	const struct vmm *vmm = torture->vmm;

	check(torture, !told[WINDOW_CYCLES_WRONG] && told[WINDOW_CYCLES] >= FLOOR_CYCLES,
	      "%s of %s times it got something else than it had compressed (%u wanted)",
	      num(told[WINDOW_CYCLES_WRONG]), num(told[WINDOW_CYCLES]), FLOOR_CYCLES);
	check(torture, !told[WINDOW_LOOKS_WRONG] && told[WINDOW_LOOKS],
	      "%s of %s looks at the BIOS and at a framebuffer that it moves were wrong",
	      num(told[WINDOW_LOOKS_WRONG]), num(told[WINDOW_LOOKS]));
	check(torture, vmm->ending == ENDING_POWER_OFF, "its end: %s", vmm_why(vmm));
}

static void account_of_harvester(struct torture *torture)
{
	struct harvester *harvester = &torture->harvester;

	printf("\nWhat it wrote:\n");
	if (torture->vmm->options.slots) {
		printf("         lost: not measured\n");
		return;
	}
	if (!torture->harvesting) {
		check(torture, false, "it ended before its writes could be harvested");
		return;
	}
	harvest_compare(harvester, &torture->vmm->space.after);
	check(torture, !harvester->lost,
	      "%s lost of %s pages, all compared with a copy that %s harvests kept up to date",
	      num(harvester->lost), num(harvester->compared), num(harvester->calls));
	check(torture, harvester->pages >= torture->done,
	      "%s pages harvested after the first %s (%s wanted); %s had left the map",
	      num(harvester->pages), num(harvester->at_first), num(torture->done),
	      num(harvester->gone));
}

/* No vCPU runs any more. */
bool torture_account(struct torture *torture)
{
	account_of_replacer(torture);
	account_of_readers(torture);
	account_of_exits(torture);
	account_of_work(torture);
	account_of_harvester(torture);
	printf("\n%s\n", torture->wrong ? "Something is WRONG; see above." : "All is right.");
	return !torture->wrong;
}
