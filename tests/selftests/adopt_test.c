// SPDX-License-Identifier: GPL-2.0-only
/*
 * The adopting commit: in one flip another process's memory takes the place of
 * the owner's. With shared memory behind both, the guest notices nothing.
 */
#include "common.h"

#define ADOPT	(VIRT_AS_COMMIT_ADOPT | VIRT_AS_COMMIT_REPLACE)
#define LEN	(32 * PG)

FIXTURE(adopt) {
	struct virt_as_entry base;
	unsigned char *mem;
	int memfd;
	int as;
	int pair[2];
};

/* The guest is a memfd, mapped by the owner. */
FIXTURE_SETUP(adopt)
{
	self->as = as_create();
	ASSERT_LE(0, self->as);
	self->memfd = memfd_create("guest", MFD_CLOEXEC);
	ASSERT_LE(0, self->memfd);
	ASSERT_EQ(0, ftruncate(self->memfd, LEN));
	self->mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED,
			 self->memfd, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	fill(self->mem, LEN, 1);
	self->base = as_ram(0, LEN, self->mem);
	ASSERT_EQ(0, as_replace(self->as, &self->base, 1));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, self->pair));
}

FIXTURE_TEARDOWN(adopt)
{
	close(self->as);
}

/* The guest at another hva, in a process that has lost the old one. */
static unsigned char *map_elsewhere(const struct _test_data_adopt *self)
{
	void *mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED,
			 self->memfd, 0);

	if (mem == MAP_FAILED || munmap(self->mem, LEN))
		return NULL;
	return mem;
}

TEST_F(adopt, refusals_leave_the_owner)
{
	pid_t child = fork();

	ASSERT_LE(0, child);
	if (!child) {
		struct virt_as_entry wrong[2] = { self->base, self->base };
		int fd = as_restrict(self->as, VIRT_AS_RIGHTS & ~VIRT_AS_RIGHT_ADOPT);

		EXPECT_REFUSED(EPERM, VIRT_AS_NO_INDEX, fd, ADOPT, 0, &self->base,
			       1);
		EXPECT_REFUSED(EEXIST, 1, self->as, ADOPT, 0, wrong, 2);
		EXPECT_REFUSED(ESTALE, VIRT_AS_NO_INDEX, self->as,
			       ADOPT | VIRT_AS_COMMIT_EXPECT, 1, &self->base, 1);
		EXPECT_REFUSED(EINVAL, VIRT_AS_NO_INDEX, self->as,
			       VIRT_AS_COMMIT_ADOPT, 0, &self->base, 1);
		wrong[0].hva = 1ULL << 63;
		EXPECT_REFUSED(EFAULT, 0, self->as, ADOPT, 0, wrong, 1);
		EXPECT_EQ(-EXDEV, as_change(self->as, NULL, 0));
		_exit(0);
	}
	EXPECT_EQ(0, child_status(child));
	EXPECT_EQ(getpid(), fdinfo_number(self->as, "virt_as-owner"));
	EXPECT_EQ(0, as_change(self->as, NULL, 0));
}

TEST_F(adopt, trial_leaves_the_owner)
{
	struct as_state before = as_state(self->as), after;
	pid_t child = fork();

	ASSERT_LE(0, child);
	if (!child) {
		EXPECT_EQ(0, as_commit(self->as, ADOPT | VIRT_AS_COMMIT_TRY, 0,
				       &self->base, 1, NULL));
		EXPECT_EQ(-EXDEV, as_change(self->as, NULL, 0));
		_exit(0);
	}
	EXPECT_EQ(0, child_status(child));
	after = as_state(self->as);
	EXPECT_TRUE(same_state(&before, &after));
	EXPECT_EQ(0, as_change(self->as, NULL, 0));
}

TEST_F(adopt, by_the_owner_itself)
{
	EXPECT_EQ(0, as_commit(self->as, ADOPT, 0, &self->base, 1, NULL));
	EXPECT_EQ(3, as_generation(self->as));
	EXPECT_EQ(getpid(), fdinfo_number(self->as, "virt_as-owner"));
	EXPECT_EQ(self->mem[100], as_peek(self->as, 100));
	EXPECT_EQ(0, as_change(self->as, NULL, 0));
}

/* There and back again, while both live. */
TEST_F(adopt, to_a_child_and_back)
{
	struct virt_as_entry got;
	__u32 nr = 1;
	pid_t child = fork();

	ASSERT_LE(0, child);
	if (!child) {
		struct virt_as_commit reply;
		struct virt_as_entry mine;
		unsigned char *mem = map_elsewhere(self);

		ASSERT_NE(NULL, mem);
		mine = as_ram(0, LEN, mem);
		EXPECT_EQ(0, as_commit(self->as, ADOPT | VIRT_AS_COMMIT_EXPECT,
				       2, &mine, 1, &reply));
		EXPECT_EQ(3, reply.out_generation);
		EXPECT_EQ(getpid(), fdinfo_number(self->as, "virt_as-owner"));
		EXPECT_EQ(mem[PG + 1], as_peek(self->as, PG + 1));
		EXPECT_EQ(1, as_pwrite(self->as, "c", 1, PG));
		EXPECT_EQ(0, as_get_map(self->as, &got, &nr));
		EXPECT_EQ((uintptr_t)mem, got.hva);
		ASSERT_EQ(0, post(self->pair[1]));
		ASSERT_EQ(0, await(self->pair[1]));
		EXPECT_EQ('p', as_peek(self->as, 2 * PG));
		EXPECT_REFUSED(EXDEV, VIRT_AS_NO_INDEX, self->as, 0, 0, NULL, 0);
		EXPECT_EQ(0, as_get_map(self->as, &got, &nr));
		EXPECT_EQ(0, got.hva);
		_exit(0);
	}
	ASSERT_EQ(0, await(self->pair[0]));
	EXPECT_EQ('c', self->mem[PG]);
	EXPECT_EQ('c', as_peek(self->as, PG));
	EXPECT_EQ(child, fdinfo_number(self->as, "virt_as-owner"));
	EXPECT_REFUSED(EXDEV, VIRT_AS_NO_INDEX, self->as, 0, 0, NULL, 0);
	EXPECT_EQ(0, as_get_map(self->as, &got, &nr));
	EXPECT_EQ(0, got.hva);
	EXPECT_EQ(1, as_pwrite(self->as, "p", 1, 2 * PG));

	EXPECT_EQ(0, as_commit(self->as, ADOPT | VIRT_AS_COMMIT_EXPECT, 3,
			       &self->base, 1, NULL));
	ASSERT_EQ(0, post(self->pair[0]));
	EXPECT_EQ(0, child_status(child));
	EXPECT_EQ('p', self->mem[2 * PG]);
	EXPECT_EQ(4, as_generation(self->as));
	EXPECT_EQ(0, as_change(self->as, NULL, 0));
}

/* The hva means the memory of who commits, and nobody else's. */
TEST_F(adopt, same_hva_other_memory)
{
	unsigned char *mem = guest_alloc(PG);
	struct virt_as_entry e = as_ram(0, PG, mem);
	pid_t child;

	memset(mem, 'p', PG);
	ASSERT_EQ(0, as_replace(self->as, &e, 1));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		memset(mem, 'c', PG);
		EXPECT_EQ('p', as_peek(self->as, 0));
		EXPECT_EQ(0, as_commit(self->as, ADOPT, 0, &e, 1, NULL));
		EXPECT_EQ('c', as_peek(self->as, 0));
		ASSERT_EQ(0, post(self->pair[1]));
		ASSERT_EQ(0, await(self->pair[1]));
		_exit(0);
	}
	ASSERT_EQ(0, await(self->pair[0]));
	EXPECT_EQ('c', as_peek(self->as, 0));
	EXPECT_EQ('p', mem[0]);
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, 0));
	EXPECT_EQ('p', mem[0]);
	EXPECT_EQ('x', as_peek(self->as, 0));
	ASSERT_EQ(0, post(self->pair[0]));
	EXPECT_EQ(0, child_status(child));
	EXPECT_EQ(-ESRCH, as_peek(self->as, 0));
}

/* A live update: the owner ends, its successor takes over. */
TEST_F(adopt, after_the_owner_is_gone)
{
	struct virt_as_entry mine;
	unsigned char *mem = self->mem;
	pid_t owner = fork();

	ASSERT_LE(0, owner);
	if (!owner) {
		int as = as_create();

		if (as < 0 || as_replace(as, &self->base, 1) ||
		    as_pwrite(as, "owner", 5, PG) != 5 ||
		    send_fd(self->pair[1], as))
			_exit(1);
		_exit(0);
	}
	close(self->as);
	self->as = recv_fd(self->pair[0]);
	ASSERT_LE(0, self->as);
	EXPECT_EQ(0, child_status(owner));
	EXPECT_EQ(-ESRCH, as_peek(self->as, PG));
	EXPECT_REFUSED(EXDEV, VIRT_AS_NO_INDEX, self->as, 0, 0, NULL, 0);

	mine = as_ram(0, LEN, mem);
	EXPECT_EQ(0, as_commit(self->as, ADOPT | VIRT_AS_COMMIT_EXPECT, 2, &mine,
			       1, NULL));
	EXPECT_EQ('o', as_peek(self->as, PG));
	EXPECT_EQ(mem[0], as_peek(self->as, 0));
	EXPECT_EQ(getpid(), fdinfo_number(self->as, "virt_as-owner"));
	EXPECT_EQ(0, as_change(self->as, NULL, 0));
	EXPECT_EQ(4, as_generation(self->as));
}

TEST_F(adopt, by_another_user)
{
	int given = as_restrict(self->as, VIRT_AS_RIGHT_COMMIT |
				VIRT_AS_RIGHT_ADOPT | VIRT_AS_RIGHT_READ);
	pid_t child = fork();

	ASSERT_LE(0, child);
	if (!child) {
		unsigned char *mem = guest_alloc(PG);
		struct virt_as_entry e = as_ram(0, PG, mem);

		close(self->as);
		ASSERT_EQ(0, setresgid(NOBODY, NOBODY, NOBODY));
		ASSERT_EQ(0, setresuid(NOBODY, NOBODY, NOBODY));
		mem[0] = 'n';
		EXPECT_EQ(0, as_commit(given, ADOPT, 0, &e, 1, NULL));
		EXPECT_EQ('n', as_peek(given, 0));
		EXPECT_EQ(-ENOENT, as_peek(given, PG));
		ASSERT_EQ(0, post(self->pair[1]));
		ASSERT_EQ(0, await(self->pair[1]));
		_exit(0);
	}
	ASSERT_EQ(0, await(self->pair[0]));
	EXPECT_EQ('n', as_peek(self->as, 0));
	EXPECT_EQ(pattern(0, 1), self->mem[0]);
	ASSERT_EQ(0, post(self->pair[0]));
	EXPECT_EQ(0, child_status(child));
}

#define NR_RIVALS	6
#define NR_ROUNDS	20

/* Of many that adopt the same generation, one does. */
TEST_F_TIMEOUT(adopt, rivals, 120)
{
	unsigned int *wins = shared_alloc(PG);
	pid_t child[NR_RIVALS];

	for (int i = 0; i < NR_RIVALS; i++) {
		child[i] = fork();
		ASSERT_LE(0, child[i]);
		if (child[i])
			continue;
		for (__u64 round = 0; round < NR_ROUNDS; round++) {
			__u64 expected = 2 + round;
			int err = as_commit(self->as,
					    ADOPT | VIRT_AS_COMMIT_EXPECT,
					    expected, &self->base, 1, NULL);

			if (!err)
				__sync_fetch_and_add(&wins[round], 1);
			else if (err != -ESTALE)
				_exit(1);
			/* A rival may be ahead, never behind. */
			if (as_generation(self->as) <= expected)
				_exit(2);
		}
		_exit(0);
	}
	for (int i = 0; i < NR_RIVALS; i++)
		EXPECT_EQ(0, child_status(child[i]));
	for (int i = 0; i < NR_ROUNDS; i++) {
		EXPECT_EQ(1, wins[i])
			TH_LOG("round %d", i);
	}
	EXPECT_EQ(2 + NR_ROUNDS, as_generation(self->as));
}

TEST_HARNESS_MAIN
