/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest whose map virt_as and all peers have been told, and the measuring of
 * what a program can call.
 */
#ifndef VIRT_AS_BENCH_GUEST_H
#define VIRT_AS_BENCH_GUEST_H

#include <linux/virt_as.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "virt_as_bench.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define LEN		64			/* bytes of a copy */
#define PAGE		0x1000ULL
#define GIB		0x40000000ULL
#define REGION_LEN	0x10000ULL
#define GPA		0x100000000ULL
#define GPA_STRIDE	(2 * REGION_LEN)	/* holes between the regions */
#define MAX_REGIONS	32764			/* as many as KVM can have */
#define SHUFFLED	2
#define MAX_LOGS	64
#define MAX_PEERS	512			/* the peers take too long for more */

/* The peers only for up to MAX_PEERS regions. */
enum guest_fd {
	BENCH,		/* /dev/virt_as_bench, told of all the others */
	VHOST,		/* /dev/vhost-net */
	IOMMU,		/* /dev/iommu */
	VCPU,		/* of KVM, to be closed before it */
	KVM,		/* a VM */
	LOG,		/* a dirty log of the address space, if it is logged */
	AS,		/* an address space */
	DEVICE,		/* /dev/virt_as */
	NR_FDS,
};

/**
 * struct guest - a guest
 * @nr: regions
 * @logged: there is a dirty log, and KVM logs
 * @size: of the row, if its sizes are something else than a number of regions
 * @ram: one region more than it has
 * @fds: what was opened, or -1
 * @ioas: the map in @fds[IOMMU]
 * @owner: the process
 * @maps: two maps that differ in every hva, which ascend with the gpas; and from
 *	SHUFFLED two more, whose hvas are in no order
 * @turn: which of the two comes next
 * @generation: of the last commit
 * @buf: of a copy
 *
 * Shared with a child, but for the memory at @ram.
 */
struct guest {
	__u32 nr;
	bool logged;
	__u32 size;
	char *ram;
	int fds[NR_FDS];
	__u32 ioas;
	int owner;
	struct virt_as_entry *maps[4];
	unsigned int turn;
	__u64 generation;
	__u64 buf[LEN / sizeof(__u64)];
};

struct guest *guest_open(__u32 nr, bool logged);
void guest_close(struct guest *g);

/* guest.c: the parts of it; 0 or -errno. */
__u64 gpa_of(__u32 i);
__u64 hva_of(const struct guest *g, __u32 i);
int as_commit(struct guest *g, int as, const struct virt_as_entry *map, __u32 nr);
int kvm_set(struct guest *g, __u32 i, __u64 len, __u32 shift);
int kvm_clear(struct guest *g);
int iommu_map(struct guest *g, __u32 i, __u32 shift);
int iommu_clear(struct guest *g);

/**
 * struct call - something that a program does
 * @name: what is called
 * @per: how many operations that is: 1, or 0 for one a region
 * @batch: how often it is done between two looks at the counter; 0: only the one
 *	time, with @before in front, which is not counted
 * @before: makes ready for @operate. Optional.
 * @operate: does it
 * @after: checks what was done and clears up; not counted. Optional.
 *
 * All return 0 or -errno.
 */
struct call {
	const char *name;
	unsigned int per;
	unsigned int batch;
	int (*before)(struct guest *g);
	int (*operate)(struct guest *g);
	int (*after)(struct guest *g);
};

/* logs.c: ends with one without a name. */
#define DIRTY		1000	/* pages, if the row does not say how many */
extern const struct call log_calls[];
void space_close(void);

/* memory.c */
int memory_count(struct guest *g, const char *what, double *value);

const struct call *call_find(const char *name);
int call_count(struct guest *g, const struct call *call, unsigned int batches,
	       bool foreign, double *value);

#endif /* VIRT_AS_BENCH_GUEST_H */
