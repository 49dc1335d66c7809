// SPDX-License-Identifier: GPL-2.0-only
/*
 * The order that no write is lost by, against the real processor.
 *
 *	litmus SEED SECONDS
 *
 * Two threads, no sanitizer, many rounds. In each the writer stores to a few pages
 * and marks them, in every way that there is in turn, while the harvester goes over
 * the live bits as a drain does, by their summaries, and reads each page whose bit
 * it took. When the writer is done the harvester goes once more: then every page has
 * to be as it was read last. A store that passes the mark, or waits in the store
 * buffer while the bit is looked at, or a bit that no summary leads to, is a page
 * that was not read again.
 */
#define _GNU_SOURCE
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "binding.h"
#include "bits.h"
#include "commit.h"
#include "grace.h"
#include "log.h"
#include "map.h"
#include "object.h"
#include "shim.h"
#include "test.h"

#define HVA		0x10000000ULL
#define GROUPS		4
#define PAGES		(GROUPS * VIRT_AS_GROUP_PAGES)
#define PER_GROUP	6
#define TARGETS		(GROUPS * PER_GROUP)
#define MAX_WRITES	128
#define MAX_HOT		8
#define MAX_WORDS	256
#define MAX_SHIFT	8	/* of which that is two to the power */
#define FLOOR_ROUNDS	200
#define FLOOR_RACED	1000

u64 test_seed;

enum way { MARK, RANGE, GPA, COPY, WALK, WRITE, WAYS };

static const char *const way_names[WAYS] = {
	"virt_as_mark", "virt_as_mark_range", "virt_as_mark_gpa",
	"virt_as_copy_to", "virt_as_walk_to", "virt_as_write",
};

static struct mm_struct owner = {
	.mm_count = 1,
	.mm_users = 1,
	.owner = &owner,
	.task_size = TASK_SIZE_MAX,
};

static struct virt_as *as;
static struct virt_as_bits *live;
static const struct virt_as_binding_ops ops;
static struct virt_as_binding binding;

/* A page of a word, two of another: in a group that has no more, summaries change. */
static u64 gpas[TARGETS];
static u64 *memory[TARGETS];
static u64 copies[TARGETS];
static u32 target_of[PAGES];

/* What the two threads tell each other, each in a line that only one writes. */
static struct {
	u64 round __aligned(64);	/* the round that has begun */
	u64 done __aligned(64);		/* the one that the writer has ended */
	u64 over __aligned(64);		/* the one that the harvester has ended */
	enum way way __aligned(64);
	bool leave;
} shared;

static u64 raced;

/* On a busy machine two threads are soon on one CPU, and then nothing races. */
static void pin(unsigned int nth)
{
	cpu_set_t all, one;
	int cpu;

	CPU_ZERO(&one);
	CHECK(!sched_getaffinity(0, sizeof(all), &all));
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &all) && !nth--) {
			CPU_SET(cpu, &one);
			CHECK(!sched_setaffinity(0, sizeof(one), &one));
		}
	}
}

static void delay(struct rng *rng)
{
	u32 turns = rng_once_in(rng, 2) ? 0 : rng_below(rng, 40);

	while (turns--)
		cpu_relax();
}

/* Spins; on a machine with too few CPUs also lets others run. */
static void await(const u64 *what, u64 value)
{
	unsigned int turns = 0;

	/* Pairs with smp_store_release() of the other thread. */
	while (smp_load_acquire(what) < value) {
		if (++turns % 1024 == 0)
			sched_yield();
		else
			cpu_relax();
	}
}

/* Copies are of several lengths; what is compared is the last that they write. */
static void write_page(struct virt_as_section *section, struct virt_as_cache *cache,
		       u32 target, u64 value, u32 words)
{
	static u64 buf[MAX_WORDS];
	u64 gpa = gpas[target];
	u64 begin = gpa - (words - 1) * sizeof(value);
	u64 len = words * sizeof(value);
	ssize_t done = len;

	buf[words - 1] = value;

	switch (shared.way) {
	case MARK:
		WRITE_ONCE(*memory[target], value);
		virt_as_mark(live, gpa);
		break;
	case RANGE:
		WRITE_ONCE(*memory[target], value);
		virt_as_mark_range(live, gpa, sizeof(value));
		break;
	case GPA:
		WRITE_ONCE(*memory[target], value);
		CHECK(!virt_as_mark_gpa(section, gpa, sizeof(value)));
		break;
	case COPY:
		done = virt_as_copy_to(section, cache, begin, buf, len);
		break;
	case WALK:
		done = virt_as_walk_to(section, cache, begin, buf, len);
		break;
	default:
		done = virt_as_write(&binding, cache, begin, buf, len);
	}
	CHECK(done == len);
}

static void *write_pages(void *arg)
{
	struct rng rng = { test_seed + 1 };
	struct virt_as_cache cache = {};
	struct virt_as_section section;
	u64 round = 0;
	u64 value = 0;

	shim_reader = 1;
	current->mm = &owner;
	pin(1);
	for (;;) {
		u32 first = rng_below(&rng, TARGETS);
		u32 hot = 1 + rng_below(&rng, MAX_HOT);
		u32 writes = 1 + rng_below(&rng, MAX_WRITES);

		await(&shared.round, ++round);
		if (shared.leave)
			return arg;
		/* A single call has a section of its own. */
		if (shared.way != WRITE)
			CHECK(!virt_as_begin(&binding, &section));
		while (writes--) {
			/* Few pages, so that a bit is often set already. */
			write_page(&section, &cache,
				   (first + rng_below(&rng, hot)) % TARGETS, ++value,
				   1U << rng_below(&rng, MAX_SHIFT + 1));
			delay(&rng);
		}
		if (shared.way != WRITE)
			virt_as_end(&section);
		/* Pairs with smp_load_acquire() in run_round(): the writes, too. */
		smp_store_release(&shared.done, round);
	}
}

/* What a drain does, and who reads the pages that it found. */
static void harvest(u64 round)
{
	u64 end = live->nr_words;
	u64 word = 0;

	while ((word = virt_as_bits_next(live, word, end)) < end) {
		u64 mask = virt_as_bits_take(live, word);

		for (; mask; mask &= mask - 1) {
			u32 target = target_of[word * 64 + __ffs64(mask)];

			copies[target] = READ_ONCE(*memory[target]);
			raced += READ_ONCE(shared.done) < round;
		}
		word++;
	}
}

static u64 run_round(struct rng *rng, u64 round)
{
	u64 lost = 0;
	u32 i;

	/* Pairs with smp_load_acquire() in await(). */
	smp_store_release(&shared.round, round);
	/* Pairs with smp_store_release() in write_pages(). */
	while (smp_load_acquire(&shared.done) < round) {
		delay(rng);
		harvest(round);
	}
	harvest(round);
	for (i = 0; i < TARGETS; i++) {
		lost += copies[i] != *memory[i];
		copies[i] = *memory[i];
	}
	return lost;
}

static void pick_targets(void)
{
	static const u64 places[PER_GROUP] = { 0, 3 * 64, 3 * 64 + 1, 40 * 64 + 9,
					       63 * 64, 63 * 64 + 63 };
	u64 left;
	u32 i;

	for (i = 0; i < TARGETS; i++) {
		u64 page = i / PER_GROUP * VIRT_AS_GROUP_PAGES + places[i % PER_GROUP];

		target_of[page] = i;
		/* Each in a line, and a set of the cache, of its own. */
		gpas[i] = page * PAGE_SIZE + PAGE_SIZE / 2 + i * 64;
		memory[i] = (u64 *)shim_user_at(HVA + gpas[i], &left);
	}
}

static struct virt_as_log *set_up(void)
{
	struct virt_as_entry entry = {
		.op = VIRT_AS_OP_ADD,
		.perms = VIRT_AS_PERMS,
		.len = PAGES * PAGE_SIZE,
		.hva = HVA,
	};
	struct virt_as_request request = {
		.flags = VIRT_AS_COMMIT_REPLACE,
		.entries = &entry,
		.nr_entries = 1,
	};
	struct virt_as_log *log;

	current->mm = &owner;
	shim_user_add(HVA, PAGES * PAGE_SIZE);
	pick_targets();
	CHECK(!virt_as_grace_init());
	CHECK(!virt_as_object_init());
	as = virt_as_alloc();
	CHECK(!IS_ERR(as));
	CHECK(!virt_as_commit_map(as, &request));
	CHECK(!virt_as_bind(as, &binding, &ops,
			    VIRT_AS_RIGHT_READ | VIRT_AS_RIGHT_WRITE));
	log = virt_as_log_open(as, 0, 0);
	CHECK(!IS_ERR(log));
	live = rcu_access_pointer(as->map)->regions[0].live;
	CHECK(live);
	return log;
}

static u64 now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
	u64 ms = 1000 * (argc > 2 ? strtoull(argv[2], NULL, 0) : 6);
	u64 round = 0;
	struct virt_as_log *log;
	pthread_t writer;
	struct rng rng;

	test_seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	rng.state = test_seed;
	log = set_up();
	CHECK(!pthread_create(&writer, NULL, write_pages, NULL));
	pin(0);
	for (shared.way = 0; shared.way < WAYS; shared.way++) {
		u64 end = now_ms() + ms / WAYS;
		u64 late = end + 9 * (ms / WAYS);
		u64 rounds = round, races = raced;
		u64 missed = 0;

		/* A busy machine gets more time, not a lower floor. */
		while (!missed && (now_ms() < end ||
				   (now_ms() < late && (round - rounds < FLOOR_ROUNDS ||
							raced - races < FLOOR_RACED))))
			missed = run_round(&rng, ++round);
		if (missed) {
			fprintf(stderr, "seed %llu: %s: %llu pages lost in round %llu\n",
				test_seed, way_names[shared.way], missed, round - rounds);
			return 1;
		}
		FLOOR(round - rounds, FLOOR_ROUNDS);
		FLOOR(raced - races, FLOOR_RACED);
	}
	shared.leave = true;
	/* Pairs with smp_load_acquire() in await(). */
	smp_store_release(&shared.round, round + 1);
	CHECK(!pthread_join(writer, NULL));
	virt_as_unbind(&binding);
	virt_as_log_close(log);
	virt_as_put(as);
	virt_as_object_exit();
	virt_as_grace_exit();
	shim_user_reset();
	printf("counts: seed %llu, %llu rounds, %u ways of writing, ",
	       test_seed, round, WAYS);
	printf("%llu pages taken while there was writing, 0 lost\n", raced);
	return 0;
}
