// SPDX-License-Identifier: GPL-2.0-only
/*
 * No section may ever see a mix of two maps, a map that was replaced before it
 * began, or one that is not yet committed.
 */
#include "effort.h"
#include "stress.h"
#include "world.h"

/* Commits; of the variants, and the share of them that a reader must see. */
#define COMMITS		effort(5000, 100000, 400000)
#define FEW_COMMITS	effort(500, 3000, 30000)
#define SEEN(commits)	((commits) / 100)
#define KILLS		((int)effort(20, 20, 100))

struct stage {
	struct world *world;
	struct reader readers[NR_KINDS];
	pid_t foreign[NR_KINDS];
	__u64 commits;
	struct floors floors;
};

static bool is_foreign(enum kind kind)
{
	return kind == FOREIGN_PREAD || kind == FOREIGN_MODULE;
}

/* Readers wait until the owner's first map is there. */
static void *reader_thread(void *arg)
{
	struct reader *r = arg;

	while (!get(&r->shared->clock.ended) && !get(&r->shared->stop))
		nap(1000);
	return reader_main(arg);
}

/* Foreign readers are forked first, so that they share no page of the guest. */
static int stage_open(struct stage *stage, enum style style, bool restricted,
		      __u64 commits)
{
	struct world *w = calloc(1, sizeof(*w));
	struct shared *shared = shared_alloc(PG);

	/* The clock's page is one page. */
	if (!w || !shared || sizeof(*shared) > PG)
		return -ENOMEM;
	*stage = (struct stage) {
		.world = w,
		.commits = commits,
		.floors = { SEEN(commits), SEEN(commits) / 10 },
	};
	w->style = style;
	w->shared = shared;
	w->as = as_create();
	if (w->as < 0)
		return w->as;

	for (enum kind kind = 0; kind < NR_KINDS; kind++) {
		struct reader *r = &stage->readers[kind];

		*r = (struct reader) {
			.shared = shared,
			.kind = kind,
			.as = w->as,
			.aliases = style == ALIASES,
			.bind_flags = style == PLAIN || kind != KTHREAD ?
				      VAT_BIND_SILENT : 0,
			.pause_us = commits == FEW_COMMITS ? 300 : 1000,
		};
		if (restricted)
			r->as = as_restrict(w->as, VIRT_AS_RIGHT_READ |
					    (kind == OWN_PREAD ||
					     kind == FOREIGN_PREAD ?
					     0 : VIRT_AS_RIGHT_BIND));
		if (r->as < 0)
			return r->as;
		if (!is_foreign(kind))
			continue;
		stage->foreign[kind] = fork();
		if (!stage->foreign[kind]) {
			reader_thread(r);
			_exit(0);
		}
	}
	return 0;
}

/* No fork after that: a child would keep this process's consumers bound. */
static int stage_start(struct stage *stage)
{
	struct world *w = stage->world;
	int err = world_start(w, stage->commits == FEW_COMMITS, -1);

	for (enum kind kind = 0; !err && kind < NR_KINDS; kind++)
		if (!is_foreign(kind))
			err = -pthread_create(&stage->readers[kind].thread, NULL,
					      reader_thread, &stage->readers[kind]);
	return err;
}

/* May the owner stop after so many commits? */
static bool stage_full(const struct stage *stage, __u64 number)
{
	const struct shared *shared = stage->world->shared;

	if (number < stage->commits)
		return false;
	for (enum kind kind = 0; kind < NR_KINDS; kind++)
		if (!enough(shared, &stage->floors, kind) && !shared->error[kind])
			return number >= 4 * stage->commits;
	return true;
}

/* Until all have seen enough, but not for ever. Returns the last number. */
static __s64 stage_commit(struct stage *stage)
{
	__u64 number = 1;
	int err = 0;

	while (!err && !stage_full(stage, number))
		err = world_commit(stage->world, ++number);
	return err ? err : (__s64)number;
}

static void *stage_thread(void *arg)
{
	return (void *)(intptr_t)stage_commit(arg);
}

static void stage_close(struct __test_metadata *_metadata, struct stage *stage,
			__s64 commits)
{
	struct shared *shared = stage->world->shared;

	__atomic_store_n(&shared->stop, 1, __ATOMIC_RELEASE);
	for (enum kind kind = 0; kind < NR_KINDS; kind++) {
		int err = is_foreign(kind) ?
			  child_status(stage->foreign[kind]) :
			  pthread_join(stage->readers[kind].thread, NULL);

		EXPECT_EQ(0, err);
	}
	ksft_print_msg("%lld commits of %u entries\n", commits,
		       stage->world->nr_entries);
	EXPECT_LE((__s64)stage->commits, commits);
	for (enum kind kind = 0; kind < NR_KINDS; kind++) {
		print_tally(shared, kind);
		EXPECT_EQ(0, shared->error[kind]);
		EXPECT_TRUE(tally_clean(shared, kind));
		EXPECT_TRUE(enough(shared, &stage->floors, kind));
	}
	EXPECT_TRUE(EVENTUALLY(!as_bindings(stage->world->as)));
	close(stage->world->as);
}

FIXTURE(torn) {};

FIXTURE_VARIANT(torn)
{
	enum style style;
	bool restricted;
	bool many;
};

FIXTURE_VARIANT_ADD(torn, whole_maps) { .style = PLAIN, .many = true };
FIXTURE_VARIANT_ADD(torn, aliases) { .style = ALIASES };
FIXTURE_VARIANT_ADD(torn, moves) { .style = MOVES };
FIXTURE_VARIANT_ADD(torn, removes_and_adds) { .style = SWAPS };
FIXTURE_VARIANT_ADD(torn, restricted_files) { .restricted = true };

FIXTURE_SETUP(torn) {}
FIXTURE_TEARDOWN(torn) {}

TEST_F_TIMEOUT(torn, readers, 1500)
{
	struct stage stage;

	ASSERT_EQ(0, stage_open(&stage, variant->style, variant->restricted,
				variant->many ? COMMITS : FEW_COMMITS));
	ASSERT_EQ(0, stage_start(&stage));
	stage_close(_metadata, &stage, stage_commit(&stage));
}

FIXTURE(torn_apart) {};
FIXTURE_SETUP(torn_apart) {}
FIXTURE_TEARDOWN(torn_apart) {}

TEST_F_TIMEOUT(torn_apart, two_spaces, 900)
{
	struct stage stages[2];
	pthread_t thread;
	void *commits;

	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, stage_open(&stages[i], PLAIN, false, FEW_COMMITS));
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, stage_start(&stages[i]));
	ASSERT_EQ(0, pthread_create(&thread, NULL, stage_thread, &stages[1]));
	stage_close(_metadata, &stages[0], stage_commit(&stages[0]));
	ASSERT_EQ(0, pthread_join(thread, &commits));
	stage_close(_metadata, &stages[1], (intptr_t)commits);
}

/*
 * Two committers who expect generations. Who wins generation g + 1 takes over,
 * as its next spare buffer, the one that was mapped in g. Stamps are generations.
 */
struct rivals {
	struct stage *stage;
	__u64 *buffer_of;	/* by generation: 1 + the buffer that it mapped */
	__u64 won[2];
	__u64 lost[2];
	__s64 error;
};

struct rival {
	struct rivals *rivals;
	int nr;
	unsigned int spare;
	pthread_t thread;
};

static void raise_to(__u64 *at, __u64 value)
{
	__u64 old = get(at);

	while (old < value &&
	       !__atomic_compare_exchange_n(at, &old, value, false,
					    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		;
}

static int rival_commit(struct rival *me)
{
	struct rivals *all = me->rivals;
	struct world *w = all->stage->world;
	struct vat_clock *clock = &w->shared->clock;
	__u64 generation = as_generation(w->as), was;
	int err;

	world_stamp(w, me->spare, generation + 1);
	raise_to(&clock->started, generation + 1);
	err = as_commit(w->as, VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_EXPECT,
			generation, w->maps[me->spare], w->nr_entries, NULL);
	if (err == -ESTALE) {
		all->lost[me->nr]++;
		return 0;
	}
	if (err)
		return err;
	raise_to(&clock->published, generation + 1);
	raise_to(&clock->ended, generation + 1);
	__atomic_store_n(&all->buffer_of[generation + 1], me->spare + 1,
			 __ATOMIC_RELEASE);
	/* The other one may not have come to write down what it mapped. */
	while (!(was = get(&all->buffer_of[generation])))
		sched_yield();
	me->spare = was - 1;
	all->won[me->nr]++;
	return 0;
}

static void *rival_main(void *arg)
{
	struct rival *me = arg;
	struct rivals *all = me->rivals;
	int err = 0;

	/* Rivals count generations, of which the first one is no commit. */
	while (!err && !get((__u64 *)&all->error) &&
	       !stage_full(all->stage,
			   get(&all->stage->world->shared->clock.ended) - 1))
		err = rival_commit(me);
	if (err)
		all->error = err;
	return NULL;
}

TEST_F_TIMEOUT(torn_apart, rivals, 900)
{
	struct rivals rivals = {};
	struct rival both[2];
	struct stage stage;
	__u64 generation;

	ASSERT_EQ(0, stage_open(&stage, PLAIN, false, FEW_COMMITS));
	ASSERT_EQ(0, stage_start(&stage));
	rivals.stage = &stage;
	/* The first commit had stamp 1 and made generation 2. */
	generation = as_generation(stage.world->as);
	ASSERT_EQ(2, generation);
	/* Each may win once more when there are enough. */
	rivals.buffer_of = calloc(4 * FEW_COMMITS + 8, sizeof(__u64));
	ASSERT_NE(NULL, rivals.buffer_of);
	rivals.buffer_of[generation] = 1 + 1;
	for (int i = 0; i < 2; i++) {
		both[i] = (struct rival) {
			.rivals = &rivals, .nr = i, .spare = i * 2,
		};
		ASSERT_EQ(0, pthread_create(&both[i].thread, NULL, rival_main,
					    &both[i]));
	}
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_join(both[i].thread, NULL));
	ksft_print_msg("won %llu and %llu, lost %llu and %llu\n", rivals.won[0],
		       rivals.won[1], rivals.lost[0], rivals.lost[1]);
	EXPECT_EQ(0, rivals.error);
	EXPECT_LE(FEW_COMMITS / 100, rivals.won[0]);
	EXPECT_LE(FEW_COMMITS / 100, rivals.won[1]);
	EXPECT_LT(0, rivals.lost[0] + rivals.lost[1]);
	EXPECT_EQ(generation + rivals.won[0] + rivals.won[1],
		  as_generation(stage.world->as));
	stage_close(_metadata, &stage, rivals.won[0] + rivals.won[1] + 1);
}

/* The owner of the test below: commits until it is killed. */
static void victim(int sock, struct shared *shared, int memfd)
{
	struct world *w = calloc(1, sizeof(*w));
	struct reader own = { .shared = shared, .kind = OWN_PREAD };
	__u64 number = 1;
	int err;

	w->shared = shared;
	w->as = as_create();
	own.as = w->as;
	err = w->as < 0 ? w->as : world_start(w, true, memfd);
	if (!err)
		err = send_fd(sock, w->as);
	if (!err)
		err = -pthread_create(&own.thread, NULL, reader_main, &own);
	while (!err)
		err = world_commit(w, ++number);
	_exit(1);
}

static void kill_owner(struct __test_metadata *_metadata, struct vat_tally *sum,
		       __u64 *commits, unsigned int wait_us)
{
	static const enum kind kinds[] = { KTHREAD, FOREIGN_PREAD, FOREIGN_MODULE };
	struct shared *shared = shared_alloc(PG);
	struct reader readers[ARRAY_SIZE(kinds)];
	int memfd, as, pair[2];
	pid_t pid;

	ASSERT_NE(NULL, shared);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	memfd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ASSERT_EQ(0, ftruncate(memfd, NR_BUFFERS * BUFFER_PAGES * PG));
	pid = fork();
	if (!pid)
		victim(pair[1], shared, memfd);
	close(pair[1]);
	as = recv_fd(pair[0]);
	ASSERT_LE(0, as);

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		readers[i] = (struct reader) {
			.shared = shared, .kind = kinds[i], .as = as,
			.pause_us = 50,
		};
		ASSERT_EQ(0, pthread_create(&readers[i].thread, NULL, reader_main,
					    &readers[i]));
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		EXPECT_TRUE(EVENTUALLY(shared->tally[kinds[i]].generations > 3));

	/* Its memory is in use: the check below can fail. */
	EXPECT_EQ(-1, fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE));
	nap(wait_us);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(1000 + SIGKILL, child_status(pid));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct vat_tally *t = &shared->tally[kinds[i]];

		ASSERT_EQ(0, pthread_join(readers[i].thread, NULL));
		EXPECT_EQ(-ESRCH, shared->error[kinds[i]]);
		EXPECT_TRUE(tally_clean(shared, kinds[i]));
		sum[kinds[i]].sections += t->sections;
		sum[kinds[i]].overlapped += t->overlapped;
		sum[kinds[i]].outlived += t->outlived;
		sum[kinds[i]].generations += t->generations;
	}
	*commits += shared->clock.ended;
	EXPECT_TRUE(EVENTUALLY(!fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE)));
	EXPECT_EQ(-ESRCH, as_peek(as, CLOCK_GPA));
	EXPECT_TRUE(EVENTUALLY(!as_bindings(as)));
	close(as);
	close(memfd);
	close(pair[0]);
	munmap(shared, PG);
}

TEST_F_TIMEOUT(torn_apart, owner_is_killed, 600)
{
	struct shared *sum = shared_alloc(PG);
	const struct floors floors = { .generations = KILLS * 3, .outlived = 1 };
	__u64 commits = 0;

	for (int i = 0; i < KILLS; i++)
		kill_owner(_metadata, sum->tally, &commits, i * 7919 % 20000);
	ksft_print_msg("%d owners killed in %llu commits\n", KILLS, commits);
	for (enum kind kind = KTHREAD; kind < NR_KINDS; kind++) {
		print_tally(sum, kind);
		EXPECT_TRUE(enough(sum, &floors, kind));
	}
}

TEST_HARNESS_MAIN
