/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the native benchmark share. See main.c. */
#ifndef _NATIVE_H
#define _NATIVE_H

#include <linux/types.h>
#include <linux/virt_as.h>
#include <stdio.h>

#include "test.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define LEN		64		/* bytes of a copy */
#define REGION		0x10000UL
#define APART		(2 * REGION)	/* from region to region, in gpas */
#define SETS		2		/* of hvas that a map can have */

/**
 * struct space - an address space with an open section
 * @as: the address space
 * @binding: of @section
 * @section: of the thread that opened it, if it was asked for
 * @nr: number of regions, each of REGION bytes, with holes between
 * @memory: for each set, where the regions' hvas are, without the holes
 * @entries: for each set, the whole map
 */
struct space {
	struct virt_as *as;
	struct virt_as_binding binding;
	struct virt_as_section section;
	u32 nr;
	u8 *memory[SETS];
	struct virt_as_entry *entries[SETS];
};

void space_init(void);
void space_exit(void);
void space_open(struct space *s, u32 nr);
void space_close(struct space *s);
void space_commit(struct space *s, unsigned int set);

/* Makes this thread one of the owner's, with an SRCU counter of its own. */
void space_enter_thread(unsigned int counter);

/**
 * struct sample - the same measured several times
 * @values: what was measured
 * @nr: number of @values
 */
struct sample {
	double values[64];
	unsigned int nr;
};

void sample_add(struct sample *sample, double value);
/* 0: the lowest; 2: the median; 1, 3: the quartiles. Sorts. */
double sample_quarter(struct sample *sample, unsigned int quarter);

/**
 * struct figure - what a row is about
 * @what: the case
 * @system: whose
 * @call: what was called
 * @nr: number of regions
 * @len: bytes of a copy, or 0
 */
struct figure {
	const char *what;
	const char *system;
	const char *call;
	u32 nr;
	u32 len;
};

/* Prints the row: of times the lowest, of ratios the median. */
void report_ns(const struct figure *figure, struct sample *sample);
void report_ratio(const struct figure *figure, struct sample *sample);
/* Prints a row that was counted, or that could not be had. */
void report_count(const struct figure *figure, const char *unit, double value);
void report_failure(const struct figure *figure, const char *why);

/* CPU time of this thread, in ns. */
double cpu_time(void);
/* The CPUs that are used, at most two; how many. */
unsigned int cpus_find(void);
/* Keeps this thread, and those it makes, on one of them. */
void cpu_pin(unsigned int which);

/* The linker's: all that the program can write, its stacks and heap aside. */
extern u8 __data_start[], _end[];

/* Read-only from here on: all memory of the core but @except, and its variables. */
void memory_protect(const void *except);
void memory_unprotect(void);

void run_lookups(void);
void run_copies(void);
void run_writes(void);
void run_threads(void);

#endif
