// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commits against sections: the real commit, drain and section, in threads.
 *
 *	race SEED SECONDS
 *
 * Before a commit the writer stamps every page of the map that is to come; a
 * section reads the stamps of far-apart regions by gpa and must find one and the
 * same. As the pages of a drained map are stamped anew, by plain stores, the
 * thread sanitizer also sees a publish without release and a drain that is no
 * drain, and the address sanitizer sees a map used after it was freed.
 *
 * Nothing but the map's pointer orders a reader after the writer: what the
 * readers and the writer tell each other besides is relaxed.
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/srcu.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "binding.h"
#include "commit.h"
#include "drain.h"
#include "grace.h"
#include "object.h"
#include "shim.h"
#include "test.h"

#define READERS		2
#define REGIONS		64
#define SETS		2
#define PROBES		6
#define APART		(256 * PAGE_SIZE)
#define HVA		0x10000000ULL
#define FLOOR_SEEN	1000
#define FLOOR_OVERLAPS	100

u64 test_seed;

/**
 * struct reader - a thread that opens sections
 * @number: of the thread
 * @kthread: it has no memory of its own and takes on the owner's
 * @sections: how many it opened
 * @seen: how many distinct generations it saw
 * @overlaps: in how many of its sections a commit was published
 */
struct reader {
	pthread_t thread;
	struct virt_as_binding binding;
	unsigned int number;
	bool kthread;
	u64 sections;
	u64 seen;
	u64 overlaps;
};

static struct mm_struct owner = {
	.mm_count = 1,
	.mm_users = 1,
	.owner = &owner,
	.task_size = TASK_SIZE_MAX,
};

static struct reader readers[READERS];
static struct virt_as *as;
static u64 published;
static bool leave;
static u64 calls;

static int on_prepare(struct virt_as_binding *binding,
		      const struct virt_as_diff *diff)
{
	u32 i;

	(void)binding;
	/* Whatever the diff points to must be alive. */
	for (i = 0; i < diff->nr_removed; i++)
		CHECK(diff->removed[i]->len);
	for (i = 0; i < diff->nr_added; i++)
		CHECK(diff->added[i]->len);
	return 0;
}

static void on_commit(struct virt_as_binding *binding,
		      const struct virt_as_diff *diff)
{
	/* Long enough for a drain that does not wait for this. */
	if (calls++ % 64 == 0)
		usleep(200);
	CHECK(!on_prepare(binding, diff));
}

static const struct virt_as_binding_ops ops = {
	.prepare = on_prepare,
	.commit = on_commit,
};

static u64 stamp_at(struct virt_as_section *section, struct virt_as_cache *cache,
		    u32 region)
{
	u64 stamp = 0;

	CHECK(virt_as_copy_from(section, cache, region * APART + 8, &stamp,
				sizeof(stamp)) == sizeof(stamp));
	return stamp;
}

static void dawdle(struct rng *rng)
{
	u32 turns = rng_below(rng, 64);

	if (rng_once_in(rng, 4))
		sched_yield();
	while (turns--)
		cpu_relax();
}

static void *read_maps(void *arg)
{
	struct reader *reader = arg;
	struct rng rng = { test_seed + reader->number };
	struct virt_as_cache caches[2] = {};
	struct virt_as_section section;
	u64 last = 0;

	shim_reader = reader->number;
	current->flags = reader->kthread ? PF_KTHREAD : 0;
	current->mm = reader->kthread ? NULL : &owner;

	while (!READ_ONCE(leave)) {
		struct virt_as_cache *cache = &caches[rng_below(&rng, 2)];
		u32 first = rng_once_in(&rng, 2) ? 0 : REGIONS - 1;
		u64 before, stamp;
		u32 i;

		CHECK(!virt_as_begin(&reader->binding, &section));
		before = READ_ONCE(published);
		/* Often what the cache had last, in another map. */
		stamp = stamp_at(&section, cache, first);
		for (i = 0; i < PROBES; i++) {
			dawdle(&rng);
			CHECK(stamp_at(&section, cache,
				       rng_below(&rng, REGIONS)) == stamp);
		}
		CHECK(stamp_at(&section, cache, REGIONS - 1 - first) == stamp);
		WRITE_ONCE(reader->overlaps, reader->overlaps +
			   (READ_ONCE(published) != before));
		virt_as_end(&section);

		/* Time does not go back. */
		CHECK(stamp >= last);
		WRITE_ONCE(reader->seen, reader->seen + (stamp > last));
		last = stamp;
		reader->sections++;
	}
	return NULL;
}

static u64 hva_of(u64 generation, u32 region)
{
	return HVA + (generation % SETS * REGIONS + region) * PAGE_SIZE;
}

static void stamp_pages(u64 generation)
{
	u64 left;
	u32 i;

	for (i = 0; i < REGIONS; i++)
		memcpy(shim_user_at(hva_of(generation, i) + 8, &left),
		       &generation, sizeof(generation));
}

/* The next map has every region elsewhere, told as a whole or as changes. */
static void commit(struct rng *rng, u64 generation)
{
	static struct virt_as_entry entries[2 * REGIONS];
	struct virt_as_request request = { .entries = entries };
	u32 i;

	memset(entries, 0, sizeof(entries));
	if (generation == 1 || rng_once_in(rng, 2))
		request.flags |= VIRT_AS_COMMIT_REPLACE;
	for (i = 0; i < REGIONS; i++) {
		struct virt_as_entry *e = &entries[request.nr_entries++];

		e->op = VIRT_AS_OP_ADD;
		e->perms = VIRT_AS_PERM_READ;
		e->gpa = i * APART;
		e->len = PAGE_SIZE;
		e->hva = hva_of(generation, i);
		if (request.flags & VIRT_AS_COMMIT_REPLACE)
			continue;
		e = &entries[request.nr_entries++];
		e->op = VIRT_AS_OP_REMOVE;
		e->gpa = i * APART;
		e->len = PAGE_SIZE;
	}
	if (rng_once_in(rng, 4))
		request.flags |= VIRT_AS_COMMIT_NOWAIT;

	stamp_pages(generation);
	CHECK(!virt_as_commit_map(as, &request));
	WRITE_ONCE(published, generation);
	/* Without the wait the pages are not ours to stamp before this. */
	while (!virt_as_drained(as))
		sched_yield();
}

static bool enough(void)
{
	unsigned int i;

	for (i = 0; i < READERS; i++)
		if (READ_ONCE(readers[i].seen) < FLOOR_SEEN ||
		    READ_ONCE(readers[i].overlaps) < FLOOR_OVERLAPS)
			return false;
	return true;
}

static u64 write_maps(struct rng *rng, time_t seconds)
{
	time_t start = time(NULL);
	u64 generation = 1;

	/* A busy machine gets more time, not a lower floor. */
	while (time(NULL) < start + seconds ||
	       (!enough() && time(NULL) < start + 10 * seconds))
		commit(rng, ++generation);
	return generation;
}

int main(int argc, char **argv)
{
	time_t seconds = argc > 2 ? atoi(argv[2]) : 5;
	struct rng rng;
	u64 commits;
	unsigned int i;

	test_seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	rng.state = test_seed;
	current->mm = &owner;
	shim_user_add(HVA, SETS * REGIONS * PAGE_SIZE);
	/* Now and then there are too many drains in a hurry already. */
	shim_full_every = 3;
	CHECK(!virt_as_grace_init());
	CHECK(!virt_as_object_init());
	as = virt_as_alloc();
	CHECK(!IS_ERR(as));
	commit(&rng, 1);

	for (i = 0; i < READERS; i++) {
		readers[i].number = i;
		readers[i].kthread = i % 2;
		CHECK(!virt_as_bind(as, &readers[i].binding, &ops,
				    VIRT_AS_RIGHT_READ));
		CHECK(!pthread_create(&readers[i].thread, NULL, read_maps,
				      &readers[i]));
	}
	commits = write_maps(&rng, seconds);
	WRITE_ONCE(leave, true);
	for (i = 0; i < READERS; i++) {
		CHECK(!pthread_join(readers[i].thread, NULL));
		virt_as_unbind(&readers[i].binding);
	}
	virt_as_put(as);
	virt_as_object_exit();
	virt_as_grace_exit();
	shim_user_reset();
	CHECK(!shim_alloc_live());
	CHECK(owner.mm_count == 1 && owner.mm_users == 1);

	for (i = 0; i < READERS; i++) {
		FLOOR(readers[i].seen, FLOOR_SEEN);
		FLOOR(readers[i].overlaps, FLOOR_OVERLAPS);
	}
	FLOOR(calls, READERS * (commits - 1));
	printf("counts: seed %llu, %llu commits, %llu + %llu sections, 0 torn; ",
	       test_seed, commits, readers[0].sections, readers[1].sections);
	printf("generations seen %llu + %llu, ",
	       readers[0].seen, readers[1].seen);
	printf("sections that overlapped a commit %llu + %llu\n",
	       readers[0].overlaps, readers[1].overlaps);
	return 0;
}
