// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts the instructions of each operation of virt_as and of its peers, in a
 * machine whose time stamp counter advances by one with each instruction. Says
 * what it found, one line for each row of the table:
 *
 *	row CASE|SYSTEM|CALL|REGIONS|BYTES|UNIT|STEADY|VALUE
 *
 * STEADY is "exact", "near" (within 2 % from boot to boot) or "loose".
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
#define LOGGED		0x400	/* KVM logs dirty pages */
#define EXACT		0x800	/* the same in every boot, to the instruction */
#define SECTION		0x1000	/* one go of the loop is 64 copies */
#define SLOW		0x2000	/* tens of thousands of instructions */
#define VERY_SLOW	0x4000	/* millions */
#define COPY		0x8000	/* moves LEN bytes */
#define PER_REGION	0x10000
#define PER_GIB		0x20000
#define WAITS		0x40000	/* for other threads, which weighs if it is short */

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
	{ "copy-to-logged", "kvm", "kvm_write_guest", PEERS, LOGGED | COPY | EXACT },
	{ "copy-to-logged", "kvm", "kvm_vcpu_write_guest", PEERS, LOGGED | COPY | EXACT },
	{ "copy-to-logged", "kvm", "kvm_write_guest_cached", PEERS, LOGGED | COPY | EXACT },
	{ "load16", "virt_as", "virt_as_load16", ALL, EXACT },
	{ "load16", "virt_as", "virt_as_load16, ordered", R1, EXACT },
	{ "load16", "kvm", "kvm_read_guest, 2 bytes", PEERS, EXACT },
	{ "load16", "kvm", "kvm_read_guest_cached, 2 bytes", PEERS, EXACT },
	{ "load16", "vhost", "itree, get_user", PEERS, EXACT },

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
	{ "harvest-clean", "kvm", "KVM_GET_DIRTY_LOG", R1, CALL | SLOW | PER_GIB },
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

static int run_call(struct guest *g, const struct row *row, double *value)
{
	const struct call *call = call_find(row->name);
	unsigned int batches = row->flags & VERY_SLOW ? 5 : 40;

	if (!call)
		return -ENOENT;
	if (g->nr > MAX_PEERS)
		batches = 5;
	return call_count(g, call, batches, row->flags & FOREIGN, value);
}

static const char *unit_of(const struct row *row)
{
	return row->flags & PER_REGION ? "insn/region" :
	       row->flags & PER_GIB ? "insn/GiB" : "insn";
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

/* Returns whether the row has a figure. */
static bool run_row(struct guest *g, const struct row *row)
{
	double value = 0;
	int err = (row->flags & CALL ? run_call : run_op)(g, row, &value);

	if (err) {
		printf("error %s|%s|%s|%u: %s\n", row->what, row->system, row->name,
		       g->nr, strerror(-err));
	} else {
		printf("row %s|%s|%s|%u|%d|%s|%s|%.2f\n", row->what, row->system,
		       row->name, g->nr, row->flags & COPY ? LEN : 0,
		       unit_of(row), steady(g, row), value);
	}
	fflush(stdout);
	return !err;
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
	for (size_t n = 0; n < 2 * ARRAY_SIZE(numbers); n++) {
		bool logged = n >= ARRAY_SIZE(numbers);
		__u32 k = n % ARRAY_SIZE(numbers);
		struct guest *g = NULL;
		bool opened = false;

		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			const struct row *row = &rows[i];

			if (!(row->regions & 1U << k) ||
			    !(row->flags & LOGGED) == logged || !wanted(row, argv + 1))
				continue;
			if (!opened)
				g = guest_open(numbers[k], logged);
			opened = true;
			if (g && run_row(g, row))
				done++;
			else
				failed++;
		}
		if (g)
			guest_close(g);
	}
	printf("rows %u, failed %u\n", done, failed);
	return failed || !done;
}
