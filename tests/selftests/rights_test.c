// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rights live in the open file: what each set of them permits, that they can
 * only shrink, and that they are all that a process of another user gets.
 */
#include <grp.h>

#include "log.h"

#define NR_MASKS	(VIRT_AS_RIGHTS + 1)

FIXTURE(rights) {
	struct virt_as_entry base;
	unsigned char *mem;
	int as;
};

FIXTURE_SETUP(rights)
{
	self->as = as_create();
	ASSERT_LE(0, self->as);
	self->mem = guest_alloc(4 * PG);
	ASSERT_NE(NULL, self->mem);
	memset(self->mem, 'a', 4 * PG);
	self->base = as_ram(0, 4 * PG, self->mem);
	ASSERT_EQ(0, as_replace(self->as, &self->base, 1));
}

FIXTURE_TEARDOWN(rights)
{
	close(self->as);
}

TEST_F(rights, restrict_refuses)
{
	for (int bit = 6; bit < 32; bit++) {
		EXPECT_EQ(-EOPNOTSUPP, as_restrict(self->as, 1U << bit));
		EXPECT_EQ(-EOPNOTSUPP,
			  as_restrict(self->as, VIRT_AS_RIGHTS | 1U << bit));
	}
}

/* Every set from every set: what is not there cannot be had. */
TEST_F(rights, restrict_cannot_raise)
{
	unsigned int made = 0, refused = 0;

	for (__u32 from = 0; from < NR_MASKS; from++) {
		int fd = as_restrict(self->as, from);

		ASSERT_LE(0, fd);
		for (__u32 to = 0; to < NR_MASKS; to++) {
			struct virt_as_info info;
			int got = as_restrict(fd, to);

			if (to & ~from) {
				ASSERT_EQ(-EPERM, got)
					TH_LOG("%#x from %#x", to, from);
				refused++;
				continue;
			}
			ASSERT_LE(0, got)
				TH_LOG("%#x from %#x", to, from);
			made++;
			ASSERT_EQ(0, as_info(got, &info));
			ASSERT_EQ(to, info.out_rights);
			close(got);
		}
		close(fd);
	}
	EXPECT_EQ(729, made);
	EXPECT_EQ(64 * 64 - 729, refused);
}

/* Every set of rights against every call. */
TEST_F_TIMEOUT(rights, matrix, 60)
{
	__u32 adopt = VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_ADOPT;
	__u32 can_adopt = VIRT_AS_RIGHT_COMMIT | VIRT_AS_RIGHT_ADOPT;
	struct virt_as_entry got;
	struct virt_as_info info;

	for (__u32 mask = 0; mask < NR_MASKS; mask++) {
		bool r = mask & VIRT_AS_RIGHT_READ;
		bool w = mask & VIRT_AS_RIGHT_WRITE;
		bool c = mask & VIRT_AS_RIGHT_COMMIT;
		bool l = mask & VIRT_AS_RIGHT_LOG;
		bool a = (mask & can_adopt) == can_adopt;
		int fd = as_restrict(self->as, mask), log;
		struct iovec iov;
		__u32 nr = 1;
		char byte;

		ASSERT_LE(0, fd);
		iov.iov_base = &byte;
		iov.iov_len = 1;
		EXPECT_EQ(r ? 1 : -EPERM, as_pread(fd, &byte, 1, 0));
		EXPECT_EQ(r ? 1 : -EPERM, sys(read(fd, &byte, 1)));
		EXPECT_EQ(r ? 1 : -EPERM, sys(preadv(fd, &iov, 1, 0)));
		EXPECT_EQ(r ? -ENOENT : -EPERM, as_pread(fd, &byte, 1, 1ULL << 40));
		byte = 'a' + mask % 26;
		EXPECT_EQ(w ? 1 : -EPERM, as_pwrite(fd, &byte, 1, PG));
		EXPECT_EQ(w ? 1 : -EPERM, sys(write(fd, &byte, 1)));
		EXPECT_EQ(w ? 1 : -EPERM, sys(pwritev(fd, &iov, 1, PG + 1)));
		EXPECT_TRUE(!w || self->mem[PG] == byte);
		EXPECT_EQ(w ? 0 : -EPERM, as_mark(fd, PG, 1));
		EXPECT_EQ(w ? -ENOENT : -EPERM, as_mark(fd, 1ULL << 40, 1));
		log = log_open(fd);
		EXPECT_EQ(l, log >= 0);
		EXPECT_TRUE(l || log == -EPERM);
		if (l)
			close(log);
		if (c) {
			EXPECT_EQ(0, as_change(fd, NULL, 0));
			EXPECT_EQ(0, as_replace(fd, &self->base, 1));
			EXPECT_EQ(0, as_commit(fd, VIRT_AS_COMMIT_TRY, 0, NULL, 0,
					       NULL));
		} else {
			EXPECT_REFUSED(EPERM, VIRT_AS_NO_INDEX, fd, 0, 0, NULL, 0);
			EXPECT_REFUSED(EPERM, VIRT_AS_NO_INDEX, fd,
				       VIRT_AS_COMMIT_REPLACE, 0, NULL, 0);
			EXPECT_REFUSED(EPERM, VIRT_AS_NO_INDEX, fd,
				       VIRT_AS_COMMIT_TRY, 0, NULL, 0);
			/* Not even what is wrong with it. */
			EXPECT_REFUSED(EPERM, VIRT_AS_NO_INDEX, fd, 0, 0,
				       (void *)1, 1);
			EXPECT_REFUSED(EPERM, VIRT_AS_NO_INDEX, fd,
				       VIRT_AS_COMMIT_EXPECT, 99, NULL, 0);
		}
		if (a) {
			EXPECT_EQ(0, as_commit(fd, adopt, 0, &self->base, 1, NULL));
		} else {
			EXPECT_REFUSED(EPERM, VIRT_AS_NO_INDEX, fd, adopt, 0,
				       &self->base, 1);
		}
		EXPECT_EQ(0, as_info(fd, &info));
		EXPECT_EQ(mask, info.out_rights);
		EXPECT_EQ(0, as_get_map(fd, &got, &nr));
		EXPECT_EQ((uintptr_t)self->mem, got.hva);
		close(fd);
	}
}

TEST_F(rights, dup_and_fork_keep_them)
{
	int fd = as_restrict(self->as, VIRT_AS_RIGHT_READ);
	int copy = dup(fd);
	char byte;
	pid_t child;

	ASSERT_LE(0, copy);
	close(fd);
	EXPECT_EQ(1, as_pread(copy, &byte, 1, 0));
	EXPECT_EQ(-EPERM, as_pwrite(copy, &byte, 1, 0));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		EXPECT_EQ(1, as_pread(copy, &byte, 1, 0));
		EXPECT_EQ(-EPERM, as_pwrite(copy, &byte, 1, 0));
		EXPECT_EQ(-EPERM, as_restrict(copy, VIRT_AS_RIGHT_WRITE));
		_exit(0);
	}
	EXPECT_EQ(0, child_status(child));
}

/* A log has no rights: it tells what is dirty, and of nothing else. */
TEST_F(rights, log_gives_none)
{
	int fd = as_restrict(self->as, VIRT_AS_RIGHT_LOG);
	int log = log_open(fd);
	char byte;

	ASSERT_LE(0, log);
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, PG));
	EXPECT_TAKEN("1", log);
	EXPECT_GT(0, as_pread(log, &byte, 1, PG));
	EXPECT_GT(0, as_pwrite(log, &byte, 1, PG));
	EXPECT_EQ(-ENOTTY, as_restrict(log, 0));
	/* It remains when the file is closed that it was opened by. */
	close(fd);
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, 2 * PG));
	EXPECT_TAKEN("2", log);
	close(log);
}

/* The file that RESTRICT made lives on without the one it came from. */
TEST_F(rights, outlives_its_origin)
{
	int fd = as_restrict(self->as, VIRT_AS_RIGHT_READ);
	int next;

	ASSERT_LE(0, fd);
	next = as_restrict(fd, VIRT_AS_RIGHT_READ);
	ASSERT_LE(0, next);
	close(self->as);
	close(fd);
	EXPECT_EQ('a', as_peek(next, 0));
	self->as = next;
}

TEST_F(rights, no_reopening)
{
	int fd = as_restrict(self->as, 0);
	char path[64];

	ASSERT_LE(0, fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	EXPECT_EQ(-ENXIO, sys(open(path, O_RDONLY)));
	EXPECT_EQ(-ENXIO, sys(open(path, O_RDWR)));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->as);
	EXPECT_EQ(-ENXIO, sys(open(path, O_RDWR)));
	close(fd);
}

/* A commit names the memory of who calls: only the owner may. */
TEST_F(rights, child_cannot_commit)
{
	pid_t child = fork();

	ASSERT_LE(0, child);
	if (!child) {
		__u32 expect = VIRT_AS_COMMIT_EXPECT;

		EXPECT_REFUSED(EXDEV, VIRT_AS_NO_INDEX, self->as, 0, 0, NULL, 0);
		EXPECT_REFUSED(EXDEV, VIRT_AS_NO_INDEX, self->as,
			       VIRT_AS_COMMIT_REPLACE, 0, &self->base, 1);
		EXPECT_REFUSED(EXDEV, VIRT_AS_NO_INDEX, self->as,
			       VIRT_AS_COMMIT_TRY, 0, NULL, 0);
		EXPECT_REFUSED(EXDEV, VIRT_AS_NO_INDEX, self->as,
			       VIRT_AS_COMMIT_NOWAIT, 0, NULL, 0);
		/* Before the generation and before the entries are looked at. */
		EXPECT_REFUSED(EXDEV, VIRT_AS_NO_INDEX, self->as, expect, 99,
			       NULL, 0);
		EXPECT_REFUSED(EXDEV, VIRT_AS_NO_INDEX, self->as, 0, 0,
			       &self->base, 1);
		/* But what it cannot read it is told. */
		EXPECT_REFUSED(EFAULT, VIRT_AS_NO_INDEX, self->as, 0, 0,
			       (void *)1, 1);
		_exit(0);
	}
	EXPECT_EQ(0, child_status(child));
	EXPECT_EQ(2, as_generation(self->as));
	EXPECT_EQ(0, as_change(self->as, NULL, 0));
}

TEST_F(rights, hva_is_the_owners_secret)
{
	pid_t child = fork();
	struct virt_as_entry got;
	__u32 nr = 1;

	ASSERT_LE(0, child);
	if (!child) {
		EXPECT_EQ(0, as_get_map(self->as, &got, &nr));
		EXPECT_EQ(1, nr);
		EXPECT_EQ(0, got.hva);
		EXPECT_EQ(4 * PG, got.len);
		EXPECT_EQ(RW, got.perms);
		_exit(0);
	}
	EXPECT_EQ(0, child_status(child));
	EXPECT_EQ(0, as_get_map(self->as, &got, &nr));
	EXPECT_EQ((uintptr_t)self->mem, got.hva);
}

FIXTURE(other_user) {
	unsigned char *mem;
	int as;
	int given;
	int pair[2];
};

FIXTURE_VARIANT(other_user) {
	__u32 rights;
};

FIXTURE_VARIANT_ADD(other_user, none) {
	.rights = 0,
};

FIXTURE_VARIANT_ADD(other_user, read) {
	.rights = VIRT_AS_RIGHT_READ,
};

FIXTURE_VARIANT_ADD(other_user, write) {
	.rights = VIRT_AS_RIGHT_WRITE,
};

FIXTURE_VARIANT_ADD(other_user, commit) {
	.rights = VIRT_AS_RIGHT_COMMIT | VIRT_AS_RIGHT_READ,
};

FIXTURE_VARIANT_ADD(other_user, all) {
	.rights = VIRT_AS_RIGHTS,
};

FIXTURE_SETUP(other_user)
{
	struct virt_as_entry base;

	self->as = as_create();
	ASSERT_LE(0, self->as);
	self->mem = guest_alloc(4 * PG);
	memset(self->mem, 'a', 4 * PG);
	base = as_ram(0, 4 * PG, self->mem);
	ASSERT_EQ(0, as_replace(self->as, &base, 1));
	self->given = as_restrict(self->as, variant->rights);
	ASSERT_LE(0, self->given);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, self->pair));
}

FIXTURE_TEARDOWN(other_user)
{
	close(self->as);
	close(self->given);
}

/* From here on a process without privileges and without inherited files. */
static int become_nobody(const struct _test_data_other_user *self)
{
	close(self->as);
	close(self->given);
	close(self->pair[0]);
	if (munmap(self->mem, 4 * PG))
		return -errno;
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		return -errno;
	return 0;
}

TEST_F(other_user, gets_its_rights_and_no_more)
{
	bool r = variant->rights & VIRT_AS_RIGHT_READ;
	bool w = variant->rights & VIRT_AS_RIGHT_WRITE;
	bool c = variant->rights & VIRT_AS_RIGHT_COMMIT;
	pid_t child = fork();

	ASSERT_LE(0, child);
	if (!child) {
		struct virt_as_entry got;
		char buf[100] = {};
		__u32 nr = 1;
		int fd;

		ASSERT_EQ(0, become_nobody(self));
		fd = recv_fd(self->pair[1]);
		ASSERT_LE(0, fd);
		EXPECT_EQ(r ? 100 : -EPERM, as_pread(fd, buf, 100, 0));
		EXPECT_EQ(r ? 'a' : 0, buf[99]);
		EXPECT_EQ(w ? 1 : -EPERM, as_pwrite(fd, "n", 1, 2 * PG));
		EXPECT_EQ(w ? 0 : -EPERM, as_mark(fd, 2 * PG, 1));
		EXPECT_EQ(c ? -EXDEV : -EPERM, as_change(fd, NULL, 0));
		EXPECT_EQ(c ? -EXDEV : -EPERM, as_replace(fd, NULL, 0));
		EXPECT_EQ(0, as_get_map(fd, &got, &nr));
		EXPECT_EQ(0, got.hva);
		for (__u32 to = 0; to < NR_MASKS; to++) {
			int made = as_restrict(fd, to);

			if (to & ~variant->rights) {
				EXPECT_EQ(-EPERM, made);
			} else {
				EXPECT_LE(0, made);
				close(made);
			}
		}
		_exit(0);
	}
	ASSERT_EQ(0, send_fd(self->pair[0], self->given));
	EXPECT_EQ(0, child_status(child));
	EXPECT_EQ(w ? 'n' : 'a', self->mem[2 * PG]);
	EXPECT_EQ(2, as_generation(self->as));
}

/* No way around the socket, into the owner. */
TEST_F(other_user, sees_nothing_of_the_owner)
{
	pid_t owner = getpid(), child = fork();

	ASSERT_LE(0, child);
	if (!child) {
		char path[64];

		ASSERT_EQ(0, become_nobody(self));
		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", owner, self->as);
		EXPECT_EQ(-EACCES, sys(open(path, O_RDONLY)));
		snprintf(path, sizeof(path), "/proc/%d/fdinfo", owner);
		EXPECT_EQ(-EACCES, sys(open(path, O_RDONLY | O_DIRECTORY)));
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", owner, self->as);
		EXPECT_EQ(-EACCES, sys(open(path, O_RDWR)));
		snprintf(path, sizeof(path), "/proc/%d/mem", owner);
		EXPECT_EQ(-EACCES, sys(open(path, O_RDONLY)));
		_exit(0);
	}
	EXPECT_EQ(0, child_status(child));
}

/* Anybody may have address spaces of their own. */
TEST_F(other_user, makes_its_own)
{
	pid_t child = fork();

	ASSERT_LE(0, child);
	if (!child) {
		struct virt_as_entry e;
		int as;

		ASSERT_EQ(0, become_nobody(self));
		as = as_create();
		ASSERT_LE(0, as);
		e = as_ram(0, PG, guest_alloc(PG));
		EXPECT_EQ(0, as_replace(as, &e, 1));
		EXPECT_EQ(1, as_pwrite(as, "n", 1, 0));
		EXPECT_EQ('n', as_peek(as, 0));
		_exit(0);
	}
	EXPECT_EQ(0, child_status(child));
}

TEST_HARNESS_MAIN
