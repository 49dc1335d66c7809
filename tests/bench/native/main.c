// SPDX-License-Identifier: GPL-2.0-only
/*
 * The native benchmark: time on this machine, where instructions do not tell.
 *
 *	native
 *
 * The core's own files are linked with the stand-ins of tests/shim and measured in
 * user space: what a lookup costs when caches and predictors take part, and what a
 * reader costs when another thread commits or reads. Prints rows as
 * tests/bench/bench.c does, and for each the quartiles of what was measured:
 *
 *	row CASE|SYSTEM|CALL|REGIONS|BYTES|UNIT|native|VALUE
 *	spread CASE|SYSTEM|CALL|REGIONS|UNIT|LOW|HIGH
 *
 * Times are CPU times of a thread, so that a machine that does other things as well
 * stretches them but little. What a row did is checked; what did something else is
 * an error and has no figure.
 */
#include <sched.h>
#include <string.h>
#include <time.h>

#include "native.h"

u64 test_seed = 1;

static unsigned int done, failed;
static int cpus[2];

void sample_add(struct sample *sample, double value)
{
	CHECK(sample->nr < ARRAY_SIZE(sample->values));
	sample->values[sample->nr++] = value;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

double sample_quarter(struct sample *sample, unsigned int quarter)
{
	CHECK(sample->nr);
	qsort(sample->values, sample->nr, sizeof(sample->values[0]), compare);
	return sample->values[(sample->nr - 1) * quarter / 4];
}

static void print_row(const struct figure *figure, const char *unit, double value)
{
	printf("row %s|%s|%s|%u|%u|%s|native|%.3f\n", figure->what, figure->system,
	       figure->call, figure->nr, figure->len, unit, value);
	done++;
}

static void print_spread(const struct figure *figure, const char *unit,
			 struct sample *sample)
{
	printf("spread %s|%s|%s|%u|%s|%.3f|%.3f\n", figure->what, figure->system,
	       figure->call, figure->nr, unit, sample_quarter(sample, 1),
	       sample_quarter(sample, 3));
	fflush(stdout);
}

/* The lowest, as all that disturbs makes it longer. */
void report_ns(const struct figure *figure, struct sample *sample)
{
	print_row(figure, "ns", sample_quarter(sample, 0));
	print_spread(figure, "ns", sample);
}

void report_ratio(const struct figure *figure, struct sample *sample)
{
	print_row(figure, "ratio", sample_quarter(sample, 2));
	print_spread(figure, "ratio", sample);
}

void report_count(const struct figure *figure, const char *unit, double value)
{
	print_row(figure, unit, value);
}

void report_failure(const struct figure *figure, const char *why)
{
	printf("error %s|%s|%s|%u: %s\n", figure->what, figure->system, figure->call,
	       figure->nr, why);
	failed++;
}

double cpu_time(void)
{
	struct timespec now;

	CHECK(!clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now));
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

unsigned int cpus_find(void)
{
	unsigned int nr = 0;
	cpu_set_t set;
	int i;

	CHECK(!sched_getaffinity(0, sizeof(set), &set));
	for (i = 0; i < CPU_SETSIZE && nr < ARRAY_SIZE(cpus); i++)
		if (CPU_ISSET(i, &set))
			cpus[nr++] = i;
	return nr;
}

void cpu_pin(unsigned int which)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpus[which], &set);
	CHECK(!sched_setaffinity(0, sizeof(set), &set));
}

int main(void)
{
	unsigned int nr = cpus_find();

	/* The threads of workqueues stay where this one is. */
	cpu_pin(0);
	space_init();
	run_lookups();
	run_copies();
	run_writes();
	if (nr == ARRAY_SIZE(cpus))
		run_threads();
	else
		printf("note one CPU only: no rows of two threads\n");
	space_exit();
	printf("rows %u, failed %u\n", done, failed);
	return failed || !done;
}
