// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commit: its flags and what they exclude, generations, lists of changes
 * whose order does not matter, and commits by many at a time.
 */
#include "common.h"

#define A	0x100000ULL
#define B	0x200000ULL
#define C	0x300000ULL

FIXTURE(commit) {
	struct virt_as_entry base[2];
	unsigned char *mem;
	int as;
};

/* A: 4 pages of 'a'. B: 4 pages of 'b'. Generation 2. */
FIXTURE_SETUP(commit)
{
	self->as = as_create();
	ASSERT_LE(0, self->as);
	self->mem = guest_alloc(16 * PG);
	ASSERT_NE(NULL, self->mem);
	for (int i = 0; i < 16; i++)
		memset(self->mem + i * PG, 'a' + i / 4, PG);
	self->base[0] = as_ram(A, 4 * PG, self->mem);
	self->base[1] = as_ram(B, 4 * PG, self->mem + 4 * PG);
	ASSERT_EQ(0, as_replace(self->as, self->base, 2));
}

FIXTURE_TEARDOWN(commit)
{
	close(self->as);
}

TEST_F(commit, unknown_flags)
{
	for (int bit = 6; bit < 32; bit++) {
		EXPECT_REFUSED(EOPNOTSUPP, VIRT_AS_NO_INDEX, self->as,
			       1U << bit, 0, self->base, 0)
			TH_LOG("bit %d", bit);
		EXPECT_REFUSED(EOPNOTSUPP, VIRT_AS_NO_INDEX, self->as,
			       1U << bit | VIRT_AS_COMMIT_REPLACE, 0,
			       self->base, 2)
			TH_LOG("bit %d", bit);
	}
}

TEST_F(commit, flags_that_exclude_each_other)
{
	__u32 adopt = VIRT_AS_COMMIT_ADOPT;

	EXPECT_REFUSED(EINVAL, VIRT_AS_NO_INDEX, self->as, adopt, 0, NULL, 0);
	EXPECT_REFUSED(EINVAL, VIRT_AS_NO_INDEX, self->as,
		       adopt | VIRT_AS_COMMIT_TRY, 0, NULL, 0);
	EXPECT_REFUSED(EINVAL, VIRT_AS_NO_INDEX, self->as,
		       adopt | VIRT_AS_COMMIT_EXPECT, 2, NULL, 0);
}

TEST_F(commit, expected_generation_without_expect)
{
	EXPECT_REFUSED(EINVAL, VIRT_AS_NO_INDEX, self->as, 0, 2, NULL, 0);
	EXPECT_REFUSED(EINVAL, VIRT_AS_NO_INDEX, self->as,
		       VIRT_AS_COMMIT_REPLACE, 1, self->base, 2);
	EXPECT_REFUSED(EINVAL, VIRT_AS_NO_INDEX, self->as, VIRT_AS_COMMIT_TRY,
		       ~0ULL, NULL, 0);
}

TEST_F(commit, stale)
{
	static const __u64 stale[] = { 0, 1, 3, 1ULL << 32 | 2, ~0ULL };
	__u32 expect = VIRT_AS_COMMIT_EXPECT;

	for (size_t i = 0; i < ARRAY_SIZE(stale); i++) {
		EXPECT_REFUSED(ESTALE, VIRT_AS_NO_INDEX, self->as, expect,
			       stale[i], NULL, 0);
		EXPECT_REFUSED(ESTALE, VIRT_AS_NO_INDEX, self->as,
			       expect | VIRT_AS_COMMIT_REPLACE, stale[i],
			       self->base, 1);
		EXPECT_REFUSED(ESTALE, VIRT_AS_NO_INDEX, self->as,
			       expect | VIRT_AS_COMMIT_TRY, stale[i], NULL, 0);
	}
	EXPECT_EQ(0, as_commit(self->as, expect, 2, NULL, 0, NULL));
	EXPECT_REFUSED(ESTALE, VIRT_AS_NO_INDEX, self->as, expect, 2, NULL, 0);
	EXPECT_EQ(0, as_commit(self->as, expect, 3, NULL, 0, NULL));
}

/* A wrong entry in a stale commit: the caller has to look again anyway. */
TEST_F(commit, stale_comes_before_entries)
{
	struct virt_as_entry wrong = as_remove(C, PG);

	EXPECT_REFUSED(ESTALE, VIRT_AS_NO_INDEX, self->as,
		       VIRT_AS_COMMIT_EXPECT, 1, &wrong, 1);
}

/* Who cannot be answered is refused while nothing is done. */
TEST_F(commit, unwritable_reply)
{
	struct virt_as_commit *commit = guest_alloc(PG);

	commit->size = sizeof(*commit);
	commit->flags = VIRT_AS_COMMIT_REPLACE;
	ASSERT_EQ(0, mprotect(commit, PG, PROT_READ));
	EXPECT_EQ(-EFAULT, as_ioctl(self->as, VIRT_AS_COMMIT, commit));
	EXPECT_EQ(2, as_generation(self->as));
	EXPECT_EQ('a', as_peek(self->as, A));
}

TEST_F(commit, generations)
{
	struct virt_as_commit reply;
	struct virt_as_info info;

	for (__u64 want = 3; want < 20; want++) {
		__u32 flags = want & 1 ? VIRT_AS_COMMIT_REPLACE : 0;

		ASSERT_EQ(0, as_commit(self->as, flags, 0, self->base,
				       flags ? 2 : 0, &reply));
		EXPECT_EQ(want, reply.out_generation);
		ASSERT_EQ(0, as_info(self->as, &info));
		EXPECT_EQ(want, info.out_generation);
		/* The wait has ended, so nobody uses the old map. */
		EXPECT_EQ(want, info.out_drained_generation);
	}
}

TEST_F(commit, try_changes_nothing)
{
	struct virt_as_entry change[] = {
		as_remove(A, 4 * PG), as_move(B, 4 * PG, A), as_ram(C, PG, self->mem),
	};
	struct as_state before = as_state(self->as), after;
	struct virt_as_commit reply;

	ASSERT_EQ(0, before.err);
	for (int i = 0; i < 4; i++) {
		__u32 flags = VIRT_AS_COMMIT_TRY | (i & 1 ? VIRT_AS_COMMIT_NOWAIT : 0);

		if (i & 2) {
			EXPECT_EQ(0, as_commit(self->as,
					       flags | VIRT_AS_COMMIT_REPLACE, 0,
					       change + 2, 1, &reply));
		} else {
			EXPECT_EQ(0, as_commit(self->as, flags, 0, change, 3,
					       &reply));
		}
		EXPECT_EQ(2, reply.out_generation);
		after = as_state(self->as);
		EXPECT_TRUE(same_state(&before, &after));
	}
	EXPECT_EQ(1, fdinfo_number(self->as, "virt_as-commits"));
}

TEST_F(commit, nowait)
{
	struct pollfd pfd = { .fd = self->as, .events = POLLOUT };
	struct virt_as_commit reply;

	for (__u64 want = 3; want < 30; want++) {
		ASSERT_EQ(1, poll(&pfd, 1, HANG_MS));
		ASSERT_EQ(0, as_commit(self->as, VIRT_AS_COMMIT_NOWAIT, 0,
				       NULL, 0, &reply));
		EXPECT_EQ(want, reply.out_generation);
	}
	ASSERT_EQ(1, poll(&pfd, 1, HANG_MS));
	EXPECT_EQ('a', as_peek(self->as, A));
}

TEST_F(commit, add)
{
	struct virt_as_entry e = as_ram(C, 4 * PG, self->mem + 8 * PG);

	EXPECT_EQ(-ENOENT, as_peek(self->as, C));
	EXPECT_EQ(0, as_change(self->as, &e, 1));
	EXPECT_EQ('a', as_peek(self->as, A));
	EXPECT_EQ('b', as_peek(self->as, B));
	EXPECT_EQ('c', as_peek(self->as, C + 4 * PG - 1));
	EXPECT_EQ(-ENOENT, as_peek(self->as, C + 4 * PG));
}

TEST_F(commit, remove)
{
	struct virt_as_entry e = as_remove(A, 4 * PG);

	EXPECT_EQ(0, as_change(self->as, &e, 1));
	EXPECT_EQ(-ENOENT, as_peek(self->as, A));
	EXPECT_EQ('b', as_peek(self->as, B));
	EXPECT_REFUSED(ENOENT, 0, self->as, 0, 0, &e, 1);
}

TEST_F(commit, move)
{
	struct virt_as_entry e = as_move(A, 4 * PG, C);

	EXPECT_EQ(0, as_change(self->as, &e, 1));
	EXPECT_EQ(-ENOENT, as_peek(self->as, A));
	EXPECT_EQ('a', as_peek(self->as, C));
	EXPECT_EQ('a', as_peek(self->as, C + 4 * PG - 1));
	EXPECT_REFUSED(ENOENT, 0, self->as, 0, 0, &e, 1);
	/* Back to gpa 0, which is a place like any other. */
	e = as_move(C, 4 * PG, 0);
	EXPECT_EQ(0, as_change(self->as, &e, 1));
	EXPECT_EQ('a', as_peek(self->as, 0));
}

TEST_F(commit, protect)
{
	struct virt_as_entry e = as_protect(A, 4 * PG, RO);
	struct virt_as_entry got[2];
	__u32 nr = 2;

	EXPECT_EQ(0, as_change(self->as, &e, 1));
	EXPECT_EQ('a', as_peek(self->as, A));
	EXPECT_EQ(-EACCES, as_pwrite(self->as, "x", 1, A));
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, B));
	EXPECT_EQ('a', self->mem[0]);
	EXPECT_EQ('x', self->mem[4 * PG]);
	EXPECT_EQ(0, as_get_map(self->as, got, &nr));
	EXPECT_EQ(RO, got[0].perms);
	EXPECT_EQ(self->base[0].hva, got[0].hva);
	e.perms = RW;
	EXPECT_EQ(0, as_change(self->as, &e, 1));
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, A));
	EXPECT_EQ('x', self->mem[0]);
}

TEST_F(commit, clean_goes_with_all_but_remove)
{
	struct virt_as_entry e[] = {
		as_ram(C, PG, self->mem), as_move(A, 4 * PG, 0),
		as_protect(B, 4 * PG, RO),
	};

	for (int i = 0; i < 3; i++)
		e[i].flags = VIRT_AS_ENTRY_CLEAN;
	EXPECT_EQ(0, as_change(self->as, e, 3));
	EXPECT_EQ('a', as_peek(self->as, 0));
	EXPECT_EQ('a', as_peek(self->as, C));
}

TEST_F(commit, no_change_at_all)
{
	struct virt_as_entry e[] = {
		as_move(A, 4 * PG, A), as_protect(B, 4 * PG, RW),
	};
	struct virt_as_entry got[2];
	__u32 nr = 2;

	EXPECT_EQ(0, as_change(self->as, e, 2));
	EXPECT_EQ(3, as_generation(self->as));
	EXPECT_EQ(0, as_get_map(self->as, got, &nr));
	EXPECT_TRUE(same_region(&self->base[0], &got[0]));
	EXPECT_TRUE(same_region(&self->base[1], &got[1]));
}

TEST_F(commit, swap)
{
	struct virt_as_entry e[] = { as_move(A, 4 * PG, B), as_move(B, 4 * PG, A) };

	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(i & 1 ? 'b' : 'a', as_peek(self->as, A));
		EXPECT_EQ(i & 1 ? 'a' : 'b', as_peek(self->as, B));
		EXPECT_EQ(0, as_change(self->as, e, 2));
	}
	/* One half of a swap alone is an overlap. */
	EXPECT_REFUSED(EEXIST, 0, self->as, 0, 0, e, 1);
}

TEST_F(commit, remove_and_add_at_the_same_place)
{
	struct virt_as_entry e[] = {
		as_remove(A, 4 * PG), as_ram(A, 4 * PG, self->mem + 8 * PG),
	};

	EXPECT_EQ(0, as_change(self->as, e, 2));
	EXPECT_EQ('c', as_peek(self->as, A));
	/* The very same region again. */
	e[1] = as_ram(A, 4 * PG, self->mem + 8 * PG);
	EXPECT_EQ(0, as_change(self->as, e, 2));
	EXPECT_EQ('c', as_peek(self->as, A));
	/* In pieces: shrink, split. */
	e[1] = as_ram(A + PG, 2 * PG, self->mem);
	EXPECT_EQ(0, as_change(self->as, e, 2));
	EXPECT_EQ(-ENOENT, as_peek(self->as, A));
	EXPECT_EQ('a', as_peek(self->as, A + PG));
	EXPECT_EQ(-ENOENT, as_peek(self->as, A + 3 * PG));
}

TEST_F(commit, move_onto_own_tail_and_head)
{
	struct virt_as_entry e = as_move(A, 4 * PG, A + PG);

	self->mem[0] = '0';
	EXPECT_EQ(0, as_change(self->as, &e, 1));
	EXPECT_EQ(-ENOENT, as_peek(self->as, A));
	EXPECT_EQ('0', as_peek(self->as, A + PG));
	EXPECT_EQ('a', as_peek(self->as, A + 4 * PG));
	e = as_move(A + PG, 4 * PG, A - 2 * PG);
	EXPECT_EQ(0, as_change(self->as, &e, 1));
	EXPECT_EQ('0', as_peek(self->as, A - 2 * PG));
	EXPECT_EQ(-ENOENT, as_peek(self->as, A + 2 * PG));
}

TEST_F(commit, move_into_the_place_of_what_leaves)
{
	struct virt_as_entry e[] = {
		as_move(B, 4 * PG, A + PG), as_remove(A, 4 * PG),
		as_ram(B, 4 * PG, self->mem + 8 * PG),
	};

	EXPECT_EQ(0, as_change(self->as, e, 3));
	EXPECT_EQ(-ENOENT, as_peek(self->as, A));
	EXPECT_EQ('b', as_peek(self->as, A + PG));
	EXPECT_EQ('c', as_peek(self->as, B));
}

/* Every order of the same four changes makes the same map. */
TEST_F(commit, order_does_not_matter)
{
	struct virt_as_entry change[] = {
		as_remove(A, 4 * PG), as_move(B, 4 * PG, A),
		as_ram(B + PG, PG, self->mem + 8 * PG),
		as_ram(B + 2 * PG, 2 * PG, self->mem + 12 * PG),
	};
	struct virt_as_entry list[4], got[3];
	unsigned int orders = 0;
	__u64 want = 0;

	for (int i = 0; i < 256; i++) {
		int order[4] = { i & 3, i >> 2 & 3, i >> 4 & 3, i >> 6 };
		__u32 nr = 3;

		if ((1 << order[0] | 1 << order[1] | 1 << order[2] |
		     1 << order[3]) != 0xf)
			continue;
		for (int j = 0; j < 4; j++)
			list[j] = change[order[j]];
		ASSERT_EQ(0, as_replace(self->as, self->base, 2));
		ASSERT_EQ(0, as_change(self->as, list, 4));
		ASSERT_EQ(0, as_get_map(self->as, got, &nr));
		ASSERT_EQ(3, nr);
		if (!orders++)
			want = hash(1, got, sizeof(got));
		EXPECT_EQ(want, hash(1, got, sizeof(got)));
		EXPECT_EQ('b', as_peek(self->as, A));
	}
	EXPECT_EQ(24, orders);
}

TEST_F(commit, through_any_file_with_the_right)
{
	int other = as_restrict(self->as, VIRT_AS_RIGHT_COMMIT);

	ASSERT_LE(0, other);
	EXPECT_EQ(0, as_replace(other, NULL, 0));
	EXPECT_EQ(-ENOENT, as_peek(self->as, A));
	EXPECT_EQ(3, as_generation(self->as));
	EXPECT_EQ(3, as_generation(other));
}

#define NR_THREADS	4
#define NR_ROUNDS	200

static struct {
	pthread_barrier_t barrier;
	unsigned int winners[NR_THREADS * NR_ROUNDS + 16];
	unsigned char *mem;
	int errors;
	int as;
} race;

static void *expecting_thread(void *arg)
{
	unsigned int won = 0;

	pthread_barrier_wait(&race.barrier);
	while (won < NR_ROUNDS) {
		__u64 generation = as_generation(race.as);
		struct virt_as_commit reply;
		int err;

		err = as_commit(race.as, VIRT_AS_COMMIT_EXPECT, generation,
				NULL, 0, &reply);
		if (!err && reply.out_generation == generation + 1) {
			__sync_fetch_and_add(&race.winners[generation], 1);
			won++;
		} else if (err != -ESTALE || reply.out_generation <= generation) {
			__sync_fetch_and_add(&race.errors, 1);
			break;
		}
	}
	return arg;
}

/* Compare-and-swap on the generation: each has exactly one successor. */
TEST_F_TIMEOUT(commit, one_winner_a_generation, 120)
{
	pthread_t threads[NR_THREADS];
	__u64 last;

	race.as = self->as;
	ASSERT_EQ(0, pthread_barrier_init(&race.barrier, NULL, NR_THREADS));
	for (int i = 0; i < NR_THREADS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, expecting_thread, NULL));
	for (int i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(0, race.errors);
	last = as_generation(self->as);
	EXPECT_EQ(2 + NR_THREADS * NR_ROUNDS, last);
	for (__u64 i = 2; i < last; i++) {
		ASSERT_EQ(1, race.winners[i])
			TH_LOG("generation %llu", i);
	}
}

static void *replacing_thread(void *arg)
{
	long id = (long)arg;
	struct virt_as_entry e[2];

	/* Two far regions that show the same page, another one a thread. */
	for (int i = 0; i < 2; i++)
		e[i] = as_ram(i ? 1ULL << 40 : A, PG, race.mem + id * PG);
	pthread_barrier_wait(&race.barrier);
	for (int i = 0; i < NR_ROUNDS; i++) {
		if (as_replace(race.as, e, 2))
			__sync_fetch_and_add(&race.errors, 1);
	}
	return NULL;
}

TEST_F_TIMEOUT(commit, many_at_a_time, 120)
{
	pthread_t threads[NR_THREADS];
	long first;

	race.as = self->as;
	race.mem = self->mem;
	for (int i = 0; i < NR_THREADS; i++)
		memset(self->mem + i * PG, '0' + i, PG);
	ASSERT_EQ(0, pthread_barrier_init(&race.barrier, NULL, NR_THREADS));
	for (long i = 0; i < NR_THREADS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, replacing_thread,
					    (void *)i));
	for (int i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(0, race.errors);
	EXPECT_EQ(2 + NR_THREADS * NR_ROUNDS, as_generation(self->as));
	first = as_peek(self->as, A);
	EXPECT_LE('0', first);
	EXPECT_EQ(first, as_peek(self->as, 1ULL << 40));
	EXPECT_EQ(2, fdinfo_number(self->as, "virt_as-regions"));
	EXPECT_EQ(1 + NR_THREADS * NR_ROUNDS,
		  fdinfo_number(self->as, "virt_as-commits"));
}

TEST_HARNESS_MAIN
