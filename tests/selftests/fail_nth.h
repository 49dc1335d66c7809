/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A sweep of injected faults: one call again and again, the first time with a
 * fault where the kernel can first have one (an allocation, a copy from or to
 * user memory), then where it can for the second time, and so on, until the call
 * ends before there is one.
 *
 *	while (sweep_next(&sweep)) {
 *		sweep_arm(&sweep);
 *		rc = the call;
 *		sweep_disarm(&sweep);
 *		sweep_count(&sweep, rc);
 *	}
 *
 * Faults are counted for one thread, the one that called sweep_open(). How many
 * places there are is not always the same: a slab may need a page, or not. So a
 * sweep may miss a place. It is made more than once, and again if it met less than
 * was demanded.
 */
#ifndef VIRT_AS_SELFTESTS_FAIL_NTH_H
#define VIRT_AS_SELFTESTS_FAIL_NTH_H

#include <dirent.h>

#include "consumer.h"

#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define FAULTS		"/sys/kernel/debug/"
#define EVENTS		"/sys/kernel/tracing/events/virt_as/"
#define TRACE		"/sys/kernel/tracing/trace"

/* Seconds for one sweep. */
#define SWEEP_TIMEOUT	300

/* More places than any call has: the sweep does not end. */
#define SWEEP_MAX	2000

/* Places in a row that the call does not come to, until it is taken for the end. */
#define SWEEP_MISSES	3

/* The least, and the most if it still meets less than it must. */
#define MIN_SWEEPS	2
#define MAX_SWEEPS	8

/* What a fault may end in, depending on the call. */
#define MAY_NOMEM	0x1
#define MAY_FAULT	0x2
#define MAY_BOTH	(MAY_NOMEM | MAY_FAULT)

/**
 * struct sweep - one call and its faults
 * @nth: the thread's count, as a file
 * @demand: how many it must meet, at least, of @injected, of @nomem and @fault
 *	together, and of @lost
 * @may: MAY_*
 * @sweeps: how often it has come to the end
 * @n: the place that has the fault
 * @misses: calls in a row that did not come that far
 * @hit: the last call has
 * @injected: calls that had a fault
 * @nomem: those that failed with ENOMEM
 * @fault: those that failed with EFAULT
 * @through: those that did not fail
 * @lost: those of which only the answer was lost
 * @partly: those that did a part
 */
struct sweep {
	int nth;
	unsigned int demand[3];
	unsigned int may;
	unsigned int sweeps;
	unsigned int n;
	unsigned int misses;
	bool hit;
	unsigned int injected;
	unsigned int nomem;
	unsigned int fault;
	unsigned int through;
	unsigned int lost;
	unsigned int partly;
};

/* Answers "" or what is wrong. By default only what must not sleep may fail. */
static inline const char *sweep_open(struct sweep *sweep, unsigned int may)
{
	static const char * const setup[][2] = {
		{ FAULTS "failslab/ignore-gfp-wait", "N" },
		{ FAULTS "failslab/cache-filter", "N" },
		{ FAULTS "failslab/verbose", "0" },
		{ FAULTS "fail_page_alloc/ignore-gfp-wait", "N" },
		{ FAULTS "fail_page_alloc/ignore-gfp-highmem", "N" },
		{ FAULTS "fail_page_alloc/min-order", "0" },
		{ FAULTS "fail_page_alloc/verbose", "0" },
		{ FAULTS "fail_usercopy/verbose", "0" },
	};
	static char text[160];

	*sweep = (struct sweep) { .may = may };
	sweep->nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	if (sweep->nth < 0) {
		snprintf(text, sizeof(text),
			 "this kernel cannot inject faults: %s: %s", FAIL_NTH,
			 strerror(errno));
		return text;
	}
	for (size_t i = 0; i < ARRAY_SIZE(setup); i++) {
		int err = put_text(setup[i][0], setup[i][1]);

		if (!err)
			continue;
		snprintf(text, sizeof(text), "%s: %s", setup[i][0], strerror(-err));
		return text;
	}
	return "";
}

static inline void sweep_demand(struct sweep *sweep, unsigned int injected,
				unsigned int refused, unsigned int lost)
{
	sweep->demand[0] = injected;
	sweep->demand[1] = refused;
	sweep->demand[2] = lost;
}

static inline bool sweep_short(const struct sweep *sweep)
{
	return sweep->injected < sweep->demand[0] ||
	       sweep->nomem + sweep->fault < sweep->demand[1] ||
	       sweep->lost < sweep->demand[2];
}

static inline bool sweep_next(struct sweep *sweep)
{
	if (sweep->n == SWEEP_MAX)
		return false;
	if (sweep->misses == SWEEP_MISSES) {
		sweep->sweeps++;
		if (sweep->sweeps == MAX_SWEEPS ||
		    (sweep->sweeps >= MIN_SWEEPS && !sweep_short(sweep)))
			return false;
		sweep->n = 0;
		sweep->misses = 0;
	}
	sweep->n++;
	return true;
}

/* Nothing may come between this and the call. */
static inline void sweep_arm(struct sweep *sweep)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", sweep->n);

	if (pwrite(sweep->nth, text, len, 0) != len)
		abort();
}

/*
 * If the call did not come as far, the count goes on: the reading of it, or the
 * resetting, may be what fails.
 */
static inline void sweep_disarm(struct sweep *sweep)
{
	char text[16] = "";
	ssize_t len = pread(sweep->nth, text, sizeof(text) - 1, 0);

	if (len < 0 && errno != EFAULT)
		abort();
	sweep->hit = len > 0 && !strcmp(text, "0\n");
	while (pwrite(sweep->nth, "0", 1, 0) != 1)
		if (errno != EFAULT)
			abort();
}

static inline void sweep_count(struct sweep *sweep, long rc)
{
	sweep->misses = sweep->hit ? 0 : sweep->misses + 1;
	if (!sweep->hit)
		return;
	sweep->injected++;
	sweep->nomem += rc == -ENOMEM;
	sweep->fault += rc == -EFAULT;
	sweep->through += rc >= 0;
}

/* Whether it was the fault that ended the last call. */
static inline bool sweep_failed(const struct sweep *sweep, long rc)
{
	return sweep->hit && ((rc == -ENOMEM && sweep->may & MAY_NOMEM) ||
			      (rc == -EFAULT && sweep->may & MAY_FAULT));
}

/* Hands on what is wrong, and tells of which fault. */
static inline const char *sweep_tell(const struct sweep *sweep, const char *wrong)
{
	if (*wrong)
		ksft_print_msg("with fault %u: %s\n", sweep->n, wrong);
	return wrong;
}

/*
 * Tells what was met, and answers "" or what is wrong: a sweep that did not end,
 * or that met less than it must.
 */
static inline const char *sweep_close(struct sweep *sweep, const char *what)
{
	static char text[160];

	ksft_print_msg("%s: %u injected, %u refused (%u ENOMEM, %u EFAULT),",
		       what, sweep->injected, sweep->nomem + sweep->fault,
		       sweep->nomem, sweep->fault);
	printf(" %u went through (%u in part, %u without an answer)\n",
	       sweep->through, sweep->partly, sweep->lost);
	if (sweep->n == SWEEP_MAX)
		snprintf(text, sizeof(text), "no end after %u faults", SWEEP_MAX);
	else if (sweep_short(sweep))
		snprintf(text, sizeof(text),
			 "less than %u injected, %u refused, %u without an answer",
			 sweep->demand[0], sweep->demand[1], sweep->demand[2]);
	else
		text[0] = 0;
	return text;
}

static inline int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int nr = 0;

	while (dir && readdir(dir))
		nr++;
	if (dir)
		closedir(dir);
	return nr;
}

/**
 * struct census - what must be as it was when the sweep is over
 * @fds: open files of this process
 * @refs: references on the test module
 */
struct census {
	int fds;
	long refs;
};

static inline int census_begin(struct census *census)
{
	static const char * const events[] = {
		EVENTS "virt_as_create/enable", EVENTS "virt_as_destroy/enable",
	};
	int err = put_text(TRACE, "");

	for (size_t i = 0; !err && i < ARRAY_SIZE(events); i++)
		err = put_text(events[i], "1");
	census->fds = count_fds();
	census->refs = module_refs(TEST_MODULE);
	return err;
}

/* Address spaces that were made and those that are gone. */
static inline void count_lives(unsigned int lives[2])
{
	FILE *trace = fopen(TRACE, "r");
	char line[512];

	lives[0] = 0;
	lives[1] = 0;
	while (trace && fgets(line, sizeof(line), trace)) {
		lives[0] += !!strstr(line, "virt_as_create:");
		lives[1] += !!strstr(line, "virt_as_destroy:");
	}
	if (trace)
		fclose(trace);
}

/* The last reference may be on its way: it is given ten seconds. */
static inline bool all_gone(unsigned int lives[2])
{
	for (int i = 0; i < 100; i++) {
		count_lives(lives);
		if (lives[0] == lives[1])
			return true;
		nap(100 * 1000);
	}
	return false;
}

/* Answers "" or what is left. */
static inline const char *census_end(const struct census *census)
{
	static char text[160];
	unsigned int lives[2] = {};
	bool gone = all_gone(lives);
	bool still = EVENTUALLY(module_refs(TEST_MODULE) == census->refs);
	int fds = count_fds();

	put_text(EVENTS "enable", "0");
	ksft_print_msg("%u address spaces made, %u gone\n", lives[0], lives[1]);
	if (!gone || !lives[0])
		snprintf(text, sizeof(text), "%u address spaces made, %u gone",
			 lives[0], lives[1]);
	else if (!still)
		snprintf(text, sizeof(text), "%ld references on the module, were %ld",
			 module_refs(TEST_MODULE), census->refs);
	else if (fds != census->fds)
		snprintf(text, sizeof(text), "%d files open, were %d", fds,
			 census->fds);
	else
		text[0] = 0;
	return text;
}

/* Whether the map is that, in order of gpa, and the memory behind it. */
static inline const char *map_wrong(int as, const struct virt_as_entry *map,
				    __u32 nr)
{
	struct virt_as_entry *got = calloc(nr + 1, sizeof(*got));
	const char *wrong = "";
	__u32 got_nr = nr + 1;
	char bytes[64];

	if (as_get_map(as, got, &got_nr) || got_nr != nr)
		wrong = "another number of regions";
	for (__u32 i = 0; !*wrong && i < nr; i++)
		if (!same_region(&got[i], &map[i]))
			wrong = "another region";
	for (__u32 i = 0; !*wrong && i < nr; i += 1 + nr / 64)
		if (as_pread(as, bytes, sizeof(bytes), map[i].gpa) != sizeof(bytes) ||
		    memcmp(bytes, (void *)(uintptr_t)map[i].hva, sizeof(bytes)))
			wrong = "other memory";
	free(got);
	return wrong;
}

#endif /* VIRT_AS_SELFTESTS_FAIL_NTH_H */
