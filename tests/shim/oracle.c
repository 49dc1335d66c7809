// SPDX-License-Identifier: GPL-2.0-only
/*
 * The oracle: who replays what logs say onto a copy has the memory, exactly.
 *
 *	oracle SEED WRITES
 *
 * Writers of every kind (writers.c), three logs with a consumer or two each, and
 * commits that add, remove, move, re-back and protect regions (committer.c), all at
 * once. Consumers
 * harvest random ranges with random limits, sometimes fail to take what they are
 * given, and read each page that was reported. When all stand still and each log was
 * harvested once more, every copy must equal the memory. What a commit hands over
 * makes the copy of what has left complete in the same way.
 *
 * Guest memory is touched by relaxed accesses, so that a race detector judges the
 * core: nothing that a consumer reads is ordered but by it.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "binding.h"
#include "grace.h"
#include "harvest.h"
#include "log.h"
#include "object.h"
#include "oracle.h"
#include "shim.h"

#define PHASES		4
#define FLOOR_RACED	250
#define FLOOR_COMMITS	100
#define GARBAGE		0xa5a5a5a5a5a5a5a5ULL
/* Two consumers of one log share it here. */
#define MIDDLE		(((FIRST_PAGE + LARGE_FIRST) & ~63ULL) + 1024)

u64 test_seed;
struct virt_as *as;
struct mm_struct owner = {
	.mm_count = 1,
	.mm_users = 1,
	.owner = &owner,
	.task_size = TASK_SIZE_MAX,
};

static const struct virt_as_binding_ops ops;
struct harvester harvesters[HARVESTERS];
struct virt_as_log *logs[LOGS];
u64 copies[LOGS][PAGES][WORDS];
static bool stop_harvesting;

u32 deliver(void *context, const struct virt_as_extent *extents, u32 nr)
{
	struct harvester *harvester = context;
	u32 some = min((u64)nr, harvester->room - harvester->nr);

	memcpy(&harvester->extents[harvester->nr], extents, some * sizeof(*extents));
	harvester->nr += some;
	return some;
}

/* What is there now, by way of the map; nothing, if that is in no region now. */
static void read_page(struct harvester *harvester, struct virt_as_section *section,
		      struct virt_as_cache *cache, u64 page)
{
	u64 *copy = copies[log_of(harvester)][page];
	u64 value;
	u32 word;

	for (word = 0; word < WORDS; word++) {
		if (virt_as_copy_from(section, cache, gpa_of(page, word), &value,
				      sizeof(value)) != sizeof(value))
			return;
		copy[word] = value;
	}
	harvester->replayed++;
}

static void read_range(struct harvester *harvester, u64 first, u64 last)
{
	struct virt_as_cache cache = {};
	struct virt_as_section section;
	u64 page;

	CHECK(!virt_as_begin(&harvester->binding, &section));
	first = max_t(u64, first, FIRST_PAGE);
	last = min(last, FIRST_PAGE + PAGES - 1);
	for (page = first; page <= last; page++)
		read_page(harvester, &section, &cache, page - FIRST_PAGE);
	virt_as_end(&section);
}

static void replay(struct harvester *harvester)
{
	u64 i;

	for (i = 0; i < harvester->nr; i++) {
		u64 first = harvester->extents[i].gpa / PAGE_SIZE;

		read_range(harvester, first,
			   first + harvester->extents[i].len / PAGE_SIZE - 1);
	}
}

static void some_range(struct harvester *harvester, struct virt_as_reap *reap)
{
	struct rng *rng = &harvester->rng;
	u64 unit;

	reap->first = harvester->first;
	reap->last = harvester->last;
	if (rng_once_in(rng, 3))
		return;
	/* The part of each is a multiple of these, at the side where the other is. */
	reap->shift = rng_once_in(rng, 3) ? rng_below(rng, 7) : 0;
	unit = 1ULL << reap->shift;
	reap->first = max(harvester->first, FIRST_PAGE + rng_below(rng, PAGES));
	reap->last = min(harvester->last, reap->first + rng_below(rng, 3000));
	reap->first &= ~(unit - 1);
	reap->last |= unit - 1;
}

static int harvest(struct harvester *harvester, u32 flags, bool limits)
{
	struct rng *rng = &harvester->rng;
	struct virt_as_log *log = logs[log_of(harvester)];
	struct virt_as_reap reap = {
		.flags = flags,
		.first = harvester->first,
		.last = harvester->last,
		.max_units = limits && rng_once_in(rng, 4) ? 1 + rng_below(rng, 99) : U64_MAX,
		.max_extents = limits && rng_once_in(rng, 4) ? rng_below(rng, 9) : MAX_EXTENTS,
		.deliver = deliver,
		.context = harvester,
	};
	u64 before = count_writes();
	int err;

	if (limits)
		some_range(harvester, &reap);
	harvester->nr = 0;
	harvester->room = limits && rng_once_in(rng, 8) ? rng_below(rng, 4) : MAX_EXTENTS;
	virt_as_log_use(log);
	err = virt_as_log_harvest(log, &reap);
	virt_as_log_unuse(log);
	CHECK(!err || (err == -EFAULT && harvester->room < MAX_EXTENTS));
	if (!(flags & VIRT_AS_HARVEST_PEEK))
		replay(harvester);
	harvester->harvests++;
	harvester->restored += !!err;
	WRITE_ONCE(harvester->raced, harvester->raced +
		   (reap.out_units && count_writes() != before));
	return err;
}

/* A log begins with all dirty; or with none, and a copy that is made after that. */
static void open_log(struct harvester *harvester)
{
	unsigned int n = log_of(harvester);
	bool all = rng_once_in(&harvester->rng, 2);

	memset(copies[n], GARBAGE & 0xff, sizeof(copies[n]));
	logs[n] = virt_as_log_open(as, all ? VIRT_AS_LOG_ALL_DIRTY : 0,
				   rng_once_in(&harvester->rng, 2) ? 100 : 0);
	CHECK(!IS_ERR(logs[n]));
	if (!all)
		read_range(harvester, FIRST_PAGE, FIRST_PAGE + PAGES - 1);
	harvester->opened++;
}

static void *consume(void *arg)
{
	struct harvester *harvester = arg;
	struct rng *rng = &harvester->rng;

	shim_reader = FIRST_HARVESTER + harvester->number;
	current->mm = &owner;
	while (!READ_ONCE(stop_harvesting)) {
		u32 flags = 0;

		pthread_mutex_lock(&harvester->lock);
		/* The last one is a consumer that comes and goes. */
		if (harvester->number == HARVESTERS - 1 && rng_once_in(rng, 100)) {
			virt_as_log_close(logs[log_of(harvester)]);
			open_log(harvester);
		}
		if (rng_once_in(rng, 6))
			flags |= VIRT_AS_HARVEST_PEEK;
		if (rng_once_in(rng, 10))
			flags |= VIRT_AS_HARVEST_SYNC;
		harvest(harvester, flags, true);
		pthread_mutex_unlock(&harvester->lock);
		if (rng_once_in(rng, 4))
			usleep(rng_below(rng, 200));
	}
	return NULL;
}

/* Of all that is in the map now. Returns how many pages are not as they are. */
u64 compare(unsigned int log, u64 first, u64 nr, u64 hva)
{
	u64 lost = 0;
	u64 page;
	u32 word;

	for (page = 0; page < nr; page++) {
		const u64 *at = memory_at(hva + page * PAGE_SIZE);
		bool same = true;

		for (word = 0; word < WORDS; word++)
			same &= copies[log][first + page][word] ==
				READ_ONCE(at[word * WORD_APART / sizeof(*at)]);
		lost += !same;
	}
	return lost;
}

static void verify(void)
{
	u64 lost;
	u32 n, slot;

	for (n = 0; n < LOGS; n++) {
		lost = compare(n, LARGE_FIRST, LARGE_PAGES, LARGE_HVA);
		for (slot = 0; slot < SLOTS; slot++) {
			if (pieces[slot] >= 0)
				lost += compare(n, slot * SLOT_APART, SLOT_PAGES,
						hva_of(pieces[slot]));
		}
		if (lost)
			fprintf(stderr, "seed %llu: log %u: %llu pages lost\n", test_seed,
				n, lost);
		CHECK(!lost);
	}
}

static void start_harvesters(void)
{
	u32 i;

	/* Of the first log, by the first of its two; while there is writing already. */
	for (i = 0; i < HARVESTERS; i++) {
		if (i != 1)
			open_log(&harvesters[i]);
	}
	WRITE_ONCE(stop_harvesting, false);
	for (i = 0; i < HARVESTERS; i++)
		CHECK(!pthread_create(&harvesters[i].thread, NULL, consume, &harvesters[i]));
}

static u64 stop_harvesters(void)
{
	u64 raced = U64_MAX;
	u32 i;

	WRITE_ONCE(stop_harvesting, true);
	for (i = 0; i < HARVESTERS; i++)
		CHECK(!pthread_join(harvesters[i].thread, NULL));
	/* The last harvest, with the guest stopped. */
	for (i = 0; i < HARVESTERS; i++) {
		CHECK(!harvest(&harvesters[i], VIRT_AS_HARVEST_SYNC, false));
		raced = min(raced, harvesters[i].raced);
	}
	return raced;
}

static u64 least_raced(void)
{
	u64 raced = U64_MAX;
	u32 i;

	for (i = 0; i < HARVESTERS; i++)
		raced = min(raced, READ_ONCE(harvesters[i].raced));
	return raced;
}

/* Logging begins while there is writing, and ends. */
static u64 run_phase(struct rng *rng, u64 writes, u64 raced, u64 commits_wanted)
{
	time_t late = time(NULL) + 60;
	u32 n;

	start_writers();
	start_harvesters();
	/* A busy machine gets more time, not a lower floor. */
	while (time(NULL) < late && (count_writes() < writes || least_raced() < raced ||
				     commits < commits_wanted)) {
		commit(rng);
		usleep(rng_below(rng, 400));
	}
	stop_writers();
	raced = stop_harvesters();
	verify();
	for (n = 0; n < LOGS; n++)
		virt_as_log_close(logs[n]);
	return raced;
}

static void set_up(void)
{
	u32 i;

	current->mm = &owner;
	shim_user_add(HVA, (PIECES * SLOT_PAGES + LARGE_PAGES) * PAGE_SIZE);
	shim_user_races = true;
	shim_full_every = 3;
	CHECK(!virt_as_grace_init());
	CHECK(!virt_as_object_init());
	as = virt_as_alloc();
	CHECK(!IS_ERR(as));
	commit_first();
	bind_writers();
	for (i = 0; i < HARVESTERS; i++) {
		struct harvester *harvester = &harvesters[i];

		harvester->number = i;
		harvester->rng.state = test_seed + 100 + i;
		harvester->first = i == 1 ? MIDDLE : 0;
		harvester->last = i == 0 ? MIDDLE - 1 : U64_MAX >> PAGE_SHIFT;
		pthread_mutex_init(&harvester->lock, NULL);
		CHECK(!virt_as_bind(as, &harvester->binding,
				    &ops,
				    VIRT_AS_RIGHT_READ));
	}
}

int main(int argc, char **argv)
{
	u64 writes = argc > 2 ? strtoull(argv[2], NULL, 0) : 400000;
	u64 harvests = 0, restored = 0, replayed = 0, opened = 0, raced = 0;
	struct rng rng;
	u32 i;

	test_seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	rng.state = test_seed;
	set_up();
	for (i = 1; i <= PHASES; i++)
		raced = run_phase(&rng, writes * i / PHASES, FLOOR_RACED * i / PHASES,
				  FLOOR_COMMITS * i / PHASES);
	for (i = 0; i < HARVESTERS; i++) {
		harvests += harvesters[i].harvests;
		restored += harvesters[i].restored;
		replayed += harvesters[i].replayed;
		opened += harvesters[i].opened;
		virt_as_unbind(&harvesters[i].binding);
	}
	unbind_writers();
	virt_as_put(as);
	virt_as_object_exit();
	virt_as_grace_exit();
	shim_user_reset();
	CHECK(!shim_alloc_live());
	CHECK(owner.mm_count == 1 && owner.mm_users == 1);

	FLOOR(count_writes(), writes);
	FLOOR(raced, FLOOR_RACED);
	FLOOR(commits, FLOOR_COMMITS);
	FLOOR(left_checked, 1);
	printf("counts: seed %llu, %llu writes in %u ways, %llu commits, 0 pages lost; ",
	       test_seed, count_writes(), WRITERS, commits);
	printf("%llu harvests of %u logs (opened %llu times), %llu restored, ",
	       harvests, LOGS, opened, restored);
	printf("each consumer raced at least %llu times, ", raced);
	printf("%llu pages replayed, %llu extents handed over, %llu regions that left\n",
	       replayed, handed_over, left_checked);
	return 0;
}
