// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts the instructions of each operation of virt_as and of its peers, in a
 * machine whose time stamp counter advances by one with each instruction. Says
 * what it found, one line for each row of the table:
 *
 *	row CASE|SYSTEM|CALL|REGIONS|BYTES|UNIT|STEADY|VALUE[|SIZE]
 *
 * STEADY is "exact", "near" (within 2 % from boot to boot) or "loose". SIZE is of
 * rows that are about another size than the number of regions.
 *
 * README.md tells how to add one. With arguments, only the rows of the systems
 * that these name.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include "guest.h"

/* For how many regions. */
#define R1		0x01
#define R64		0x02
#define R512		0x04
#define R4096		0x08
#define R32764		0x10
#define PEERS		(R1 | R64 | R512)
#define ALL		(PEERS | R4096 | R32764)

static const __u32 numbers[] = { 1, 64, 512, 4096, MAX_REGIONS };

/* Beside those of struct vab_run. */
#define CALL		0x100	/* not an operation of the module but a call of ours */
#define FOREIGN		0x200	/* by another process */
#define LOGGED		0x400	/* with a dirty log; KVM logs */
#define EXACT		0x800	/* the same in every boot, to the instruction */
#define SECTION		0x1000	/* one go of the loop is 64 copies */
#define SLOW		0x2000	/* tens of thousands of instructions */
#define VERY_SLOW	0x4000	/* millions */
#define COPY		0x8000	/* moves LEN bytes */
#define PER_REGION	0x10000
#define PER_PAGE	0x20000	/* that was dirty */
#define WAITS		0x40000	/* for other threads, which weighs if it is short */

/* The sizes of a row, if these are not numbers of regions. */
#define GIBS		0x100000
#define TWO_GIBS	0x200000	/* for a peer that takes long */
#define PAGES		0x400000
#define LOGS		0x800000
#define THREE_GIBS	0x1000000
#define MEMORY		0x2000000	/* not what it takes to do, but what it keeps */

static const struct sizes {
	__u32 flag;
	const char *unit;
	const char *units;	/* of more than one */
	__u32 sizes[8];		/* until there is a 0 */
} all_sizes[] = {
	{ GIBS, "GiB", "GiB", { 1, 4, 16, 64, 256, 1024 } },
	{ TWO_GIBS, "GiB", "GiB", { 1, 16 } },
	{ THREE_GIBS, "GiB", "GiB", { 1, 16, 1024 } },
	{ PAGES, "page", "pages", { 1, 10, 100, 1000, 10000, 100000 } },
	{ LOGS, "log", "logs", { 1, 2, 4, 8, 16, 32, MAX_LOGS } },
};

#define THREAD		VAB_THREAD
#define SCATTERED	VAB_SCATTERED
#define CROSSING	VAB_CROSSING

/* Rows of one case are compared with each other. */
static const struct row {
	const char *what;
	const char *system;
	const char *name;	/* of struct vab_op or struct call */
	__u32 regions;
	__u32 flags;
} rows[] = {
	{ "known", "raw", "known", R1, EXACT },
	{ "raw-copy-to", "raw", "copy_to_user", R1, COPY | EXACT },
	{ "raw-copy-from", "raw", "copy_from_user", R1, COPY | EXACT },
	{ "raw-load16", "raw", "get_user", R1, EXACT },
	{ "raw-srcu", "raw", "srcu", R1, EXACT },
	{ "raw-use-mm", "raw", "kthread_use_mm", R1, THREAD | COPY | EXACT },

	/* in a bracket that is open, always the same region */
	{ "copy-from", "virt_as", "virt_as_copy_from", ALL, COPY | EXACT },
	{ "copy-from", "kvm", "kvm_read_guest", PEERS, COPY | EXACT },
	{ "copy-from", "kvm", "kvm_vcpu_read_guest", PEERS, COPY | EXACT },
	{ "copy-from", "kvm", "kvm_read_guest_cached", PEERS, COPY | EXACT },
	{ "copy-from", "vhost", "itree, copy_from_user", PEERS, COPY | EXACT },
	{ "copy-to", "virt_as", "virt_as_copy_to", ALL, COPY | EXACT },
	{ "copy-to", "kvm", "kvm_write_guest", PEERS, COPY | EXACT },
	{ "copy-to", "kvm", "kvm_vcpu_write_guest", PEERS, COPY | EXACT },
	{ "copy-to", "kvm", "kvm_write_guest_cached", PEERS, COPY | EXACT },
	{ "copy-to", "vhost", "itree, copy_to_user", PEERS, COPY | EXACT },
	{ "copy-from-logged", "virt_as", "virt_as_copy_from", ALL, LOGGED | COPY | EXACT },
	{ "copy-to-logged", "virt_as", "virt_as_copy_to", ALL, LOGGED | COPY | EXACT },
	{ "copy-to-logged", "kvm", "kvm_write_guest", PEERS, LOGGED | COPY | EXACT },
	{ "copy-to-logged", "kvm", "kvm_vcpu_write_guest", PEERS, LOGGED | COPY | EXACT },
	{ "copy-to-logged", "kvm", "kvm_write_guest_cached", PEERS, LOGGED | COPY | EXACT },
	{ "load16", "virt_as", "virt_as_load16", ALL, EXACT },
	{ "load16", "virt_as", "virt_as_load16, ordered", R1, EXACT },
	{ "load16", "kvm", "kvm_read_guest, 2 bytes", PEERS, EXACT },
	{ "load16", "kvm", "kvm_read_guest_cached, 2 bytes", PEERS, EXACT },
	{ "load16", "vhost", "itree, get_user", PEERS, EXACT },

	/* who has written in a way of its own says so */
	{ "mark-no-log", "virt_as", "virt_as_mark, no log", R1, EXACT },
	{ "mark-no-log", "kvm", "kvm_vcpu_mark_page_dirty", R1, EXACT },
	{ "mark-marked", "virt_as", "virt_as_mark, marked", R1, LOGGED | EXACT },
	{ "mark-marked", "kvm", "kvm_vcpu_mark_page_dirty", R1, LOGGED | EXACT },
	{ "mark-first", "virt_as", "virt_as_mark, first of a page", R1, EXACT },
	{ "mark-first", "virt_as", "virt_as_mark, first of a group", R1, EXACT },

	/* one call for one copy, with all that it takes */
	{ "single-read", "virt_as", "virt_as_read", ALL, COPY | EXACT },
	{ "single-read", "kvm", "srcu, kvm_read_guest", PEERS, COPY | EXACT },
	{ "single-read", "iommufd", "iommufd_access_rw, read", PEERS, COPY | EXACT },
	{ "single-read", "xinterface", "xinterface copy_from", PEERS, COPY | EXACT },
	{ "single-write", "virt_as", "virt_as_write", ALL, COPY | EXACT },
	{ "single-write", "kvm", "srcu, kvm_write_guest", PEERS, COPY | EXACT },
	{ "single-write", "iommufd", "iommufd_access_rw, write", PEERS, COPY | EXACT },
	{ "single-write", "xinterface", "xinterface copy_to", PEERS, COPY | EXACT },
	{ "section", "virt_as", "virt_as_begin, virt_as_end", R1, EXACT },

	/* from a kernel thread */
	{ "thread-read", "virt_as", "virt_as_copy_from, 64 a section", ALL,
	  THREAD | SECTION | COPY | EXACT },
	{ "thread-read", "kvm", "kvm_read_guest, 64 a use_mm", PEERS,
	  THREAD | SECTION | COPY | EXACT },
	{ "thread-read", "iommufd", "iommufd_access_rw, read, kthread", PEERS,
	  THREAD | COPY | EXACT },
	{ "thread-write", "virt_as", "virt_as_copy_to, 64 a section", ALL,
	  THREAD | SECTION | COPY | EXACT },
	{ "thread-write", "vhost", "itree, copy_to_user, mm on", PEERS,
	  THREAD | COPY | EXACT },
	{ "thread-write", "iommufd", "iommufd_access_rw, write, kthread", PEERS,
	  THREAD | COPY | EXACT },
	{ "thread-write", "xinterface", "xinterface copy_to", PEERS,
	  THREAD | COPY | EXACT },
	{ "thread-single", "virt_as", "virt_as_write", R1, THREAD | COPY | EXACT },
	{ "foreign-thread-write", "iommufd", "iommufd_access_rw, write", PEERS,
	  THREAD | COPY },
	{ "foreign-thread-write-crossing", "iommufd", "iommufd_access_rw, write", PEERS,
	  THREAD | CROSSING | COPY },

	/* always another region: every search is a new one */
	{ "lookup", "virt_as", "virt_as_translate", ALL, EXACT },
	{ "lookup", "kvm", "gfn_to_hva", PEERS, EXACT },
	{ "lookup", "kvm", "kvm_vcpu_gfn_to_hva", PEERS, EXACT },
	{ "lookup", "vhost", "itree", PEERS, EXACT },
	{ "lookup-scattered", "virt_as", "virt_as_translate", ALL & ~R1, SCATTERED | EXACT },
	{ "lookup-scattered", "kvm", "gfn_to_hva", R64 | R512, SCATTERED | EXACT },
	{ "lookup-scattered", "kvm", "kvm_vcpu_gfn_to_hva", R64 | R512, SCATTERED | EXACT },
	{ "lookup-scattered", "vhost", "itree", R64 | R512, SCATTERED | EXACT },
	{ "copy-from-scattered", "virt_as", "virt_as_copy_from", ALL & ~R1,
	  SCATTERED | COPY | EXACT },
	{ "copy-from-scattered", "kvm", "kvm_read_guest", R64 | R512,
	  SCATTERED | COPY | EXACT },
	{ "copy-from-scattered", "kvm", "kvm_vcpu_read_guest", R64 | R512,
	  SCATTERED | COPY | EXACT },
	{ "copy-from-scattered", "vhost", "itree, copy_from_user", R64 | R512,
	  SCATTERED | COPY | EXACT },

	/* calls of a program, with the way into the kernel and back */
	{ "call-read", "virt_as", "pread", PEERS, CALL | COPY },
	{ "call-write", "virt_as", "pwrite", PEERS, CALL | COPY },
	{ "foreign-call-read", "virt_as", "pread", PEERS, CALL | FOREIGN | COPY },
	{ "foreign-call-read", "process_vm", "process_vm_readv", R1, CALL | FOREIGN | COPY },
	{ "foreign-call-write", "virt_as", "pwrite", PEERS, CALL | FOREIGN | COPY },
	{ "foreign-call-write", "process_vm", "process_vm_writev", R1, CALL | FOREIGN | COPY },
	{ "create-close", "virt_as", "VIRT_AS_CREATE, close", R1, CALL },
	{ "bind-unbind", "virt_as", "virt_as_bind_fd, virt_as_unbind", R1 | R512, SLOW },
	{ "commit-nothing", "virt_as", "VIRT_AS_COMMIT, nothing", R1 | R512,
	  CALL | SLOW | WAITS },
	{ "map-build", "virt_as", "VIRT_AS_COMMIT", PEERS,
	  CALL | SLOW | WAITS | PER_REGION },
	{ "map-build", "kvm", "KVM_SET_USER_MEMORY_REGION", PEERS,
	  CALL | VERY_SLOW | WAITS | PER_REGION },
	{ "map-build-logged", "virt_as", "VIRT_AS_COMMIT", PEERS,
	  CALL | LOGGED | SLOW | WAITS | PER_REGION },
	{ "map-build-logged", "kvm", "KVM_SET_USER_MEMORY_REGION", PEERS,
	  CALL | LOGGED | VERY_SLOW | WAITS | PER_REGION },
	{ "map-build", "iommufd", "IOMMU_IOAS_MAP", PEERS, CALL | VERY_SLOW | PER_REGION },
	{ "map-change", "virt_as", "VIRT_AS_COMMIT, hvas ascending", ALL,
	  CALL | SLOW | WAITS | PER_REGION },
	{ "map-change", "virt_as", "VIRT_AS_COMMIT, hvas shuffled", ALL,
	  CALL | SLOW | WAITS | PER_REGION },
	{ "map-change", "kvm", "KVM_SET_USER_MEMORY_REGION, twice", PEERS,
	  CALL | VERY_SLOW | WAITS | PER_REGION },
	{ "map-change", "iommufd", "IOMMU_IOAS_UNMAP, IOMMU_IOAS_MAP", PEERS,
	  CALL | VERY_SLOW | PER_REGION },
	{ "map-change", "vhost", "VHOST_SET_MEM_TABLE", R1 | R64, CALL | SLOW | PER_REGION },

	/* of one region, of any size */
	{ "harvest-clean", "virt_as", "VIRT_AS_LOG_HARVEST", R1, CALL | GIBS },
	{ "harvest-clean", "kvm", "KVM_GET_DIRTY_LOG", R1, CALL | SLOW | TWO_GIBS },
	{ "harvest-dirty", "virt_as", "VIRT_AS_LOG_HARVEST, dirty", R1,
	  CALL | PAGES | PER_PAGE },
	{ "harvest-space", "virt_as", "VIRT_AS_LOG_HARVEST, 1,000 dirty", R1,
	  CALL | GIBS | PER_PAGE },
	{ "harvest-logs", "virt_as", "VIRT_AS_LOG_HARVEST, logs", R1,
	  CALL | LOGS | PER_PAGE },

	/* memory */
	{ "memory-map", "virt_as", "a map", R64 | R512 | R4096 | R32764, MEMORY },
	{ "memory-live", "virt_as", "live bits", R1, MEMORY | THREE_GIBS },
	{ "memory-log", "virt_as", "a log", R1, MEMORY | THREE_GIBS },
};

static int run_op(struct guest *g, const struct row *row, double *value)
{
	struct vab_run run = {
		.flags = row->flags & (THREAD | SCATTERED | CROSSING),
		.batch = 51,
		.batches = 40,
	};

	if (row->flags & (SECTION | SLOW))
		run.batch = 6;
	if (snprintf(run.op, sizeof(run.op), "%s", row->name) >= (int)sizeof(run.op))
		return -EINVAL;
	if (ioctl(g->fds[BENCH], VAB_RUN, &run))
		return -errno;
	*value = (double)run.out_insns / run.out_ops;
	return 0;
}

/* The dirty pages of a call whose figure is that of a page. */
static __u32 dirty_of(const struct guest *g, const struct row *row)
{
	return row->flags & PAGES ? g->size : DIRTY;
}

static int run_call(struct guest *g, const struct row *row, double *value)
{
	const struct call *call = call_find(row->name);
	unsigned int batches = row->flags & VERY_SLOW ? 5 : 40;
	int err;

	if (!call)
		return -ENOENT;
	if (g->nr > MAX_PEERS || (row->flags & PAGES && g->size > DIRTY))
		batches = 5;
	err = call_count(g, call, batches, row->flags & FOREIGN, value);
	if (row->flags & PER_PAGE)
		*value /= dirty_of(g, row);
	return err;
}

static const char *unit_of(const struct row *row)
{
	if (row->flags & MEMORY)
		return row->flags & THREE_GIBS ? "KiB/GiB" : "byte/region";
	return row->flags & PER_REGION ? "insn/region" :
	       row->flags & PER_PAGE ? "insn/page" : "insn";
}

static const char *steady(const struct guest *g, const struct row *row)
{
	if (row->flags & EXACT)
		return "exact";
	/* How long a commit waits differs, and without much else that is in sight. */
	if (row->flags & WAITS && (g->nr < MAX_PEERS || !(row->flags & PER_REGION)))
		return "loose";
	return "near";
}

/* Returns whether the row has a figure. @unit: of the guest's size, or NULL. */
static bool run_row(struct guest *g, const struct row *row, const char *unit)
{
	char size[32] = "", call[80];
	double value = 0;
	int err = row->flags & MEMORY ? memory_count(g, row->name, &value) :
		  row->flags & CALL ? run_call(g, row, &value) : run_op(g, row, &value);

	snprintf(call, sizeof(call), "%s", row->name);
	if (unit) {
		snprintf(size, sizeof(size), "|%u", g->size);
		snprintf(call, sizeof(call), "%.*s, %u %s",
			 (int)strcspn(row->name, ","), row->name, g->size, unit);
	}
	if (err) {
		printf("error %s|%s|%s|%u: %s\n", row->what, row->system, call, g->nr,
		       strerror(-err));
	} else {
		printf("row %s|%s|%s|%u|%d|%s|%s|%.2f%s\n", row->what, row->system,
		       call, g->nr, row->flags & COPY ? LEN : 0,
		       unit_of(row), steady(g, row), value, size);
	}
	fflush(stdout);
	return !err;
}

static const struct sizes *sizes_of(const struct row *row)
{
	static const struct sizes none = { 0, NULL, NULL, { 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(all_sizes); i++)
		if (row->flags & all_sizes[i].flag)
			return &all_sizes[i];
	return &none;
}

/* A figure for each of a row's sizes. */
static void run_sizes(struct guest *g, const struct row *row, unsigned int *done,
		      unsigned int *failed)
{
	const struct sizes *sizes = sizes_of(row);
	size_t i = 0;

	do {
		g->size = sizes->sizes[i++];
		++*(run_row(g, row, g->size == 1 ? sizes->unit : sizes->units) ? done : failed);
		space_close();
	} while (i < ARRAY_SIZE(sizes->sizes) && sizes->sizes[i]);
}

/*
 * Guests with a log are others. Memory comes last: from the moment when there is a
 * cgroup the kernel counts for it, which takes instructions.
 */
enum { PLAIN_PASS, LOGGED_PASS, MEMORY_PASS, NR_PASSES };

static unsigned int pass_of(const struct row *row)
{
	return row->flags & MEMORY ? MEMORY_PASS :
	       row->flags & LOGGED ? LOGGED_PASS : PLAIN_PASS;
}

static bool wanted(const struct row *row, char **systems)
{
	if (!*systems)
		return true;
	for (; *systems; systems++)
		if (!strcmp(*systems, row->system))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	unsigned int failed = 0, done = 0;

	(void)argc;
	for (size_t n = 0; n < NR_PASSES * ARRAY_SIZE(numbers); n++) {
		unsigned int pass = n / ARRAY_SIZE(numbers);
		__u32 k = n % ARRAY_SIZE(numbers);
		struct guest *g = NULL;
		bool opened = false;

		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			const struct row *row = &rows[i];

			if (!(row->regions & 1U << k) || pass_of(row) != pass ||
			    !wanted(row, argv + 1))
				continue;
			if (!opened)
				g = guest_open(numbers[k], pass == LOGGED_PASS);
			opened = true;
			if (g)
				run_sizes(g, row, &done, &failed);
			else
				failed++;
		}
		if (g)
			guest_close(g);
	}
	printf("rows %u, failed %u\n", done, failed);
	return failed || !done;
}
