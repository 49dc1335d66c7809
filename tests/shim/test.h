/* SPDX-License-Identifier: GPL-2.0-only */
/* Random numbers that a seed repeats, and the end of a test that failed. */
#ifndef _SHIM_TEST_H
#define _SHIM_TEST_H

#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>

/* Printed with a failure, so that the run can be repeated. */
extern u64 test_seed;

#define CHECK(cond)							\
	do {								\
		if (!(cond)) {						\
			fprintf(stderr, "%s:%d: seed %llu: not so: %s\n", \
				__FILE__, __LINE__,			\
				(unsigned long long)test_seed, #cond);	\
			abort();					\
		}							\
	} while (0)

/* Fails unless as much was tried as a result of zero failures takes. */
#define FLOOR(what, least)	test_floor(#what, what, least)

static inline void test_floor(const char *name, u64 what, u64 least)
{
	if (what >= least)
		return;
	fprintf(stderr, "seed %llu: %s is %llu, below %llu\n", test_seed, name,
		what, least);
	exit(1);
}

/* libFuzzer's entry, which has a name of its own: see run. */
int fuzz_one(const u8 *data, size_t size);

struct rng {
	u64 state;
};

/* splitmix64's step: each seed gives another sequence, zero included. */
static inline u64 rng_next(struct rng *rng)
{
	u64 x = (rng->state += 0x9e3779b97f4a7c15ULL);

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* 0 .. n - 1 */
static inline u32 rng_below(struct rng *rng, u32 n)
{
	return (u32)(((rng_next(rng) >> 32) * n) >> 32);
}

/* True once in @n. */
static inline bool rng_once_in(struct rng *rng, u32 n)
{
	return !rng_below(rng, n);
}

#endif
