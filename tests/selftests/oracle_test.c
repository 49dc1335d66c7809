// SPDX-License-Identifier: GPL-2.0-only
/*
 * The oracle: no log ever loses a page. Storms of writes of every kind, commits and
 * harvests; after each, with everybody at rest, each log's last harvest, and then
 * three copies that must be the memory, byte for byte.
 */
#include "effort.h"
#include "oracle.h"
#include "oracle_commit.h"
#include "oracle_harvest.h"
#include "oracle_write.h"

#define WRITES		effort(300000, 10000000, 30000000)
#define STORMS		effort(30, 120, 600)
#define ALL_ANEW	8	/* storms from one end of all logs to the next */
#define SHOWN		6	/* lost pages that are printed */
#define THRESHOLD	64

#define HOLDS		"/sys/kernel/tracing/events/virt_as/virt_as_log_hold/enable"
#define CPU_STATS	"/sys/kernel/tracing/per_cpu/cpu%d/stats"

static void on_signal(int number)
{
	(void)number;
}

/* Events that were traced, kept or not. */
static __u64 nr_traced(void)
{
	unsigned long long number, sum = 0;
	char path[64], line[128];

	for (int cpu = 0; cpu < 64; cpu++) {
		FILE *stats;

		snprintf(path, sizeof(path), CPU_STATS, cpu);
		stats = fopen(path, "r");
		if (!stats)
			break;
		while (fgets(line, sizeof(line), stats))
			if (sscanf(line, "entries: %llu", &number) == 1 ||
			    sscanf(line, "overrun: %llu", &number) == 1)
				sum += number;
		fclose(stats);
	}
	return sum;
}

struct verdict {
	__u64 compared[NR_LOGS];
	__u64 lost[NR_LOGS];
	__u64 shown;
};

static void show(struct verdict *v, const struct keeper *keeper, const struct part *part,
		 __u64 i, __u64 storm)
{
	const unsigned char *copy = keeper->copy + (part->page + i) * PG;
	const unsigned char *mem = keeper->world->mem + (part->back + i) * PG;
	size_t at = 0, differ = 0;

	if (v->shown++ >= SHOWN)
		return;
	for (size_t j = PG; j-- > 0; ) {
		if (copy[j] != mem[j]) {
			at = j;
			differ++;
		}
	}
	ksft_print_msg("lost: storm %llu, log %d, gpa %#llx (%s), %zu bytes from %#zx on:\n",
		       storm, keeper->nr, (part->page + i) * PG, part->name, differ, at);
	ksft_print_msg("      memory %02x (%s), copy %02x (%s)\n", mem[at],
		       inks[mem[at] >> 4], copy[at], inks[copy[at] >> 4]);
}

static void compare(struct verdict *v, const struct keeper *keeper, __u64 storm)
{
	const struct world *w = keeper->world;

	for (int p = 0; p < NR_PARTS; p++) {
		const struct part *part = &w->parts[p];

		for (__u64 i = 0; part->present && i < part->nr; i++) {
			v->compared[keeper->nr]++;
			if (memcmp(keeper->copy + (part->page + i) * PG,
				   w->mem + (part->back + i) * PG, PG)) {
				v->lost[keeper->nr]++;
				show(v, keeper, part, i, storm);
			}
		}
	}
}

static bool any_lost(const struct verdict *v)
{
	return v->lost[0] || v->lost[1] || v->lost[2];
}

/* Forks those whose memory is another one, before there is any of the guest's. */
static int world_fork(struct world *w, pid_t pids[NR_WRITERS])
{
	static const enum writer foreign[] = { FOREIGN_PWRITE, FOREIGN_MODULE };

	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
		enum writer nr = foreign[i];

		pids[nr] = fork();
		if (pids[nr] < 0)
			return -errno;
		if (!pids[nr]) {
			writer_run(w, nr);
			_exit(0);
		}
	}
	return 0;
}

static int world_alloc(struct world *w)
{
	int memfd = sys(memfd_create("guest", MFD_CLOEXEC));
	int err = memfd < 0 ? memfd : sys(ftruncate(memfd, NR_BACK * PG));

	if (err)
		return err;
	w->mem = mmap(NULL, NR_BACK * PG, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	close(memfd);
	if (w->mem == MAP_FAILED)
		return -ENOMEM;
	fill(w->mem, NR_BACK * PG, 1);
	for (int i = 0; i < NR_LOGS && !err; i++)
		err = keeper_alloc(&w->keepers[i], w, i);
	return err;
}

static int world_open(struct world *w, pid_t pids[NR_WRITERS])
{
	const char *seed = getenv("VIRT_AS_SEED");
	int err;

	w->seed = seed ? strtoull(seed, NULL, 0) : 1;
	ksft_print_msg("seed %llu\n", w->seed);
	pthread_mutex_init(&w->clean, NULL);
	w->shared = shared_alloc((sizeof(*w->shared) + PG - 1) / PG * PG);
	if (!w->shared)
		return -ENOMEM;
	w->as = as_create();
	if (w->as < 0)
		return w->as;
	err = world_fork(w, pids);
	if (!err)
		err = world_alloc(w);
	return err ? err : commit_first(w);
}

/* No fork after that: a child would keep this process's consumers bound. */
static int world_start(struct world *w, const pid_t pids[NR_WRITERS])
{
	int err = 0;

	for (int i = 0; i < NR_WRITERS && !err; i++) {
		struct writer_arg *arg;

		if (pids[i])
			continue;
		arg = malloc(sizeof(*arg));
		*arg = (struct writer_arg) { w, i };
		err = pthread_create(&w->writers[i], NULL, writer_thread, arg);
	}
	for (int i = 0; i < NR_LOGS && !err; i++)
		err = pthread_create(&w->keepers[i].thread, NULL, keeper_thread, &w->keepers[i]);
	return err ? -err : -pthread_create(&w->committer, NULL, committer_thread, w);
}

static int world_stop(struct world *w, const pid_t pids[NR_WRITERS])
{
	int err = 0;

	set(&w->shared->word, STOP);
	for (int i = 0; i < NR_WRITERS; i++)
		err |= pids[i] ? child_status(pids[i]) :
				 pthread_join(w->writers[i], NULL);
	for (int i = 0; i < NR_LOGS; i++)
		err |= pthread_join(w->keepers[i].thread, NULL);
	return err | pthread_join(w->committer, NULL);
}

static bool anyone_ended(const struct shared *s)
{
	for (int i = 0; i < NR_WORKERS; i++)
		if (get(&s->parked[i]) == HAS_ENDED)
			return true;
	return false;
}

/* How much has been done: commits, and harvests of the laziest harvester. */
struct done {
	__u64 commits;
	__u64 harvests;
};

static struct done done_by(const struct world *w)
{
	struct done done = { get(&w->commits), ~0ULL };

	for (int i = 0; i < NR_LOGS; i++) {
		__u64 harvests = get(&w->keepers[i].tally.harvests);

		done.harvests = harvests < done.harvests ? harvests : done.harvests;
	}
	return done;
}

/*
 * Until so much more was done. Signals come in the middle of harvests, and page faults
 * in the middle of writes: the owner's pages are unmapped at times, but not lost.
 */
static void await_work(struct world *w, struct rng *rng, __u64 commits,
		       __u64 harvests)
{
	struct done from = done_by(w), now = from;

	while (!anyone_ended(w->shared) &&
	       (now.commits < from.commits + commits ||
		(w->may_open && now.harvests < from.harvests + harvests) ||
		beats(w->shared) < w->shared->enough)) {
		nap(1000);
		if (one_in(rng, 8))
			pthread_kill(w->keepers[dice(rng, NR_LOGS)].thread, SIGUSR1);
		if (one_in(rng, 8))
			madvise(w->mem, NR_BACK * PG, MADV_DONTNEED);
		if (w->shared->focus)
			set(&w->shared->focus, w->shared->focus + 1);
		now = done_by(w);
	}
}

/*
 * At least @writes writes: everywhere in one storm of three. Every other storm calms
 * down first: what commits and harvests do to the last writes is not made good by
 * other writes.
 */
static void storm(struct world *w, __u64 nr, __u64 writes)
{
	struct rng rng = rng_of(w->seed, 1000 + nr);
	struct shared *s = w->shared;

	set(&s->enough, beats(s) + writes);
	set(&s->focus, nr % 3 ? nr << 32 : 0);
	set(&s->word, nr * 4 + RUN);
	await_work(w, &rng, 4, 3);
	if (nr % 2) {
		set(&s->word, nr * 4 + CALM);
		await_parked(s, nr, NR_WRITERS);
		await_work(w, &rng, 3, 1);
	}
	set(&s->word, nr * 4 + PAUSE);
	await_parked(s, nr, NR_WORKERS);
}

/* Without any log for a while, and then from the start, but the last one. */
static int open_anew(struct world *w, __u64 *nr)
{
	int err;

	for (int i = 0; i < NR_LOGS; i++) {
		if (w->keepers[i].fd >= 0)
			close(w->keepers[i].fd);
		w->keepers[i].fd = -1;
	}
	__atomic_store_n(&w->may_open, false, __ATOMIC_RELEASE);
	storm(w, ++*nr, 1000);
	err = keeper_open(&w->keepers[0], 0, 0);
	if (!err)
		err = keeper_read(&w->keepers[0], 0, NR_PAGES * PG);
	if (!err)
		err = keeper_open(&w->keepers[1], VIRT_AS_LOG_ALL_DIRTY, THRESHOLD);
	__atomic_store_n(&w->may_open, true, __ATOMIC_RELEASE);
	return err;
}

static int storms(struct world *w, struct verdict *v)
{
	const __u64 writes = WRITES, each = writes / STORMS;
	struct shared *s = w->shared;
	__u64 nr = 0, round = 0;
	int err = 0;

	while (!err && !anyone_ended(s) && !any_lost(v) &&
	       (beats(s) < writes || round < STORMS)) {
		if (round++ % ALL_ANEW == 0)
			err = open_anew(w, &nr);
		if (!err)
			storm(w, ++nr, each);
		for (int i = 0; i < NR_LOGS && !err && !anyone_ended(s); i++) {
			err = keeper_settle(&w->keepers[i]);
			if (!err)
				compare(v, &w->keepers[i], nr);
		}
	}
	return err;
}

static void print_writes(const struct world *w)
{
	static const char * const kinds[] = {
		"copy", "iter", "zero", "store16", "store32", "store64", "cmpxchg",
		"segment", "mark-only", "single",
	};
	__u64 sum[VAT_NR_SCRIBBLES] = {}, aliases = 0;

	for (int i = 0; i < NR_WRITERS; i++) {
		const struct writes *t = &w->shared->writes[i];

		ksft_print_msg("%-16s %9llu writes, %llu by aliases; %llu refused, %llu outrun\n",
			       writer_names[i], t->made, t->by_alias, t->refused,
			       t->outrun);
		aliases += t->by_alias;
		for (int k = 0; k < VAT_NR_SCRIBBLES; k++)
			sum[k] += t->done[k];
	}
	ksft_print_msg("%llu writes in all, %llu of them by aliases\n",
		       beats(w->shared), aliases);
	for (int k = 0; k < VAT_NR_SCRIBBLES; k++)
		ksft_print_msg("  by the module: %-10s %9llu\n", kinds[k], sum[k]);
}

static void print_log(const struct keeper *l, const struct verdict *v)
{
	ksft_print_msg("log %d: %llu lost of %llu pages compared; opened %llu times\n",
		       l->nr, v->lost[l->nr], v->compared[l->nr], l->tally.opened);
	ksft_print_msg("  %llu harvests, %llu raced a write; %llu pages\n",
		       l->tally.harvests, l->tally.raced, l->tally.pages);
	ksft_print_msg("  %llu bitmaps, %llu peeks, %llu synced; %llu of %llu bad buffers met\n",
		       l->tally.bitmaps, l->tally.peeks, l->tally.syncs,
		       l->tally.faulted, l->tally.faults);
	ksft_print_msg("  %llu interrupted, %llu polls ready\n", l->tally.interrupted,
		       l->tally.ready);
	ksft_print_msg("  %llu pages marked again, %llu not there, %llu read\n",
		       l->tally.again, l->tally.unmapped, l->tally.pages_read);
}

static void print_commits(const struct world *w)
{
	ksft_print_msg("%llu commits, %llu pages handed over\n", w->commits,
		       w->handed_over);
	for (int i = 0; i < NR_COMMIT_KINDS; i++)
		ksft_print_msg("  %-14s %llu\n", commit_names[i], w->by_kind[i]);
}

static long failed_worker(const struct shared *s, int nr)
{
	if (s->error[nr])
		ksft_print_msg("%s %d ended with %lld\n",
			       nr < NR_WRITERS ? writer_names[nr] :
			       nr < COMMITTER ? "harvester" : "committer",
			       nr < COMMITTER ? nr - FIRST_LOG : 0, s->error[nr]);
	return s->error[nr];
}

/* A zero is believed beside these only. */
static void expect_enough(struct __test_metadata *_metadata, const struct world *w)
{
	const struct shared *s = w->shared;
	const __u64 storms = STORMS;
	__u64 raced = 0;

	EXPECT_LE(WRITES, beats(s));
	for (int i = 0; i < NR_WRITERS; i++) {
		EXPECT_LE(5 * storms, s->writes[i].made);
		EXPECT_LE(storms, s->writes[i].by_alias);
		for (int k = 0; k < VAT_NR_SCRIBBLES && by_module(i); k++) {
			bool by_host = k == VAT_SCRIBBLE_SEGMENT ||
				       k == VAT_SCRIBBLE_MARK;

			if (i != FOREIGN_MODULE || !by_host)
				EXPECT_LE(storms, s->writes[i].done[k]);
		}
	}
	for (int i = 0; i < NR_LOGS; i++) {
		EXPECT_LE(storms / 4, w->keepers[i].tally.raced);
		raced += w->keepers[i].tally.raced;
		EXPECT_LT(0, w->keepers[i].tally.faulted);
		EXPECT_LT(0, w->keepers[i].tally.unmapped);
		EXPECT_LE(10 * storms, w->keepers[i].tally.pages);
	}
	EXPECT_LE(2 * storms, raced);
	for (int i = 0; i < NR_COMMIT_KINDS; i++)
		EXPECT_LE(3, w->by_kind[i]);
	EXPECT_LT(0, w->handed_over);
}

FIXTURE(oracle) {};
FIXTURE_SETUP(oracle) {}
FIXTURE_TEARDOWN(oracle) {}

TEST_F_TIMEOUT(oracle, nothing_is_lost, 3500)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct world *w = calloc(1, sizeof(*w));
	pid_t pids[NR_WRITERS] = {};
	struct verdict v = {};
	__u64 holds;

	ASSERT_NE(NULL, w);
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, world_open(w, pids));
	ASSERT_EQ(0, world_start(w, pids));
	ASSERT_EQ(0, put_text(HOLDS, "1"));
	holds = nr_traced();
	EXPECT_EQ(0, storms(w, &v));
	holds = nr_traced() - holds;
	EXPECT_EQ(0, put_text(HOLDS, "0"));
	EXPECT_EQ(0, world_stop(w, pids));

	print_writes(w);
	print_commits(w);
	for (int i = 0; i < NR_LOGS; i++)
		print_log(&w->keepers[i], &v);
	ksft_print_msg("%llu holds of the drain lock\n", holds);
	for (int i = 0; i < NR_WORKERS; i++)
		EXPECT_EQ(0, failed_worker(w->shared, i));
	EXPECT_FALSE(any_lost(&v));
	EXPECT_LT(0, holds);
	if (!any_lost(&v))
		expect_enough(_metadata, w);
	for (int i = 0; i < NR_LOGS; i++)
		close(w->keepers[i].fd);
	close(w->as);
}

TEST_HARNESS_MAIN
