/* SPDX-License-Identifier: GPL-2.0-only */
/* The torture: the map is replaced, and dirty pages harvested, while the guest works. */
#ifndef _VMM_TORTURE_H
#define _VMM_TORTURE_H

#include "guest/window.h"
#include "vmm.h"

#define NSEC_PER_SEC	1000000000ULL

/* Below these the zeros of the account would mean nothing. */
#define FLOOR_RUNNING	20U	/* one replacement in so many found a vCPU in the guest */
#define FLOOR_SEEN	4U	/* and one in so many was seen by each of its readers */
#define FLOOR_RETRIED	4U	/* there are as many faults that were tried again */
#define FLOOR_CYCLES	2U	/* of the guest's work */

/**
 * struct window - the device of guest/window.h
 * @device: on the PCI bus
 * @memory: BAR 0: a region for each page
 * @backings: two sets of pages, of which one is mapped
 * @epoch: of the one that is mapped
 * @registers: BAR 1
 * @heard: counts accesses to them: while it grows the guest lives
 */
struct window {
	struct pci_device device;
	struct memory memory;
	char *backings[2];
	__u64 epoch;
	__u64 registers[WINDOW_REGISTERS / sizeof(__u64)];
	__u64 heard;
};

/**
 * struct harvester - a stranger who keeps a copy of the guest's memory
 * @as: a file of the address space that can only read, and open logs
 * @log: its log
 * @shadow: the copy, by gpa
 * @thread: harvests until @stop
 * @calls: harvests
 * @at_first: pages that the log began with
 * @pages: that it told of since
 * @gone: of them, those that had left the map before they were read
 * @compared: at the end, with the guest's memory
 * @lost: of them, those that differ
 */
struct harvester {
	int as;
	int log;
	char *shadow;
	pthread_t thread;
	bool stop;
	__u64 calls;
	__u64 at_first;
	__u64 pages;
	__u64 gone;
	__u64 compared;
	__u64 lost;
};

struct torture {
	struct vmm *vmm;
	struct window window;
	struct harvester harvester;
	bool harvesting;
	pthread_t replacer;
	__u64 heard, heard_at;		/* when the guest last did something */
	__u64 random;
	__u64 done;			/* replacements */
	__u64 regions;			/* in their maps */
	__u64 commit_ns;
	__u64 worst_ns;
	__u64 begin, end;
	bool wrong;			/* in the account */
};

/* replace.c */
struct torture *torture_create(struct vmm *vmm);
void torture_start(struct torture *torture);
void torture_stop(struct torture *torture);
__u64 torture_silence(struct torture *torture);
__u64 now_ns(void);

/* window.c */
void window_init(struct window *window, struct vmm *vmm);
bool window_ready(const struct window *window);
void window_turn(struct window *window);
void window_stop(struct window *window);

/* harvest.c */
void harvest_start(struct harvester *harvester, struct space *space);
void harvest_stop(struct harvester *harvester);
void harvest_compare(struct harvester *harvester, const struct map *map);

/* account.c */
void torture_progress(const struct torture *torture);
bool torture_account(struct torture *torture);

#endif /* _VMM_TORTURE_H */
