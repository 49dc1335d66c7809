// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory of which nobody can get hold of a page: what a foreign task may
 * do must not depend on how many bytes it asks for.
 */
#include "common.h"

#define LEN	(256 * 1024)

static const size_t sizes[] = { 1, 8, PG - 1, PG, PG + 1, 65536, 65537, LEN };

FIXTURE(secret)
{
	int as;
	unsigned char *mem;
};

FIXTURE_SETUP(secret)
{
	int memfd = sys(syscall(SYS_memfd_secret, O_CLOEXEC));
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	struct virt_as_entry map;

	ASSERT_LE(0, memfd);
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	ASSERT_EQ(0, ftruncate(memfd, LEN));
	self->mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	close(memfd);
	fill(self->mem, LEN, 1);
	map = as_ram(0, LEN, self->mem);
	self->as = as_create();
	ASSERT_LE(0, self->as);
	ASSERT_EQ(0, as_replace(self->as, &map, 1));
}

FIXTURE_TEARDOWN(secret)
{
	close(self->as);
	munmap(self->mem, LEN);
}

/* Reads and writes back all sizes; 0, or the number of the size that failed. */
static int use(int as, unsigned int seed)
{
	unsigned char *buf = malloc(LEN);

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (as_pread(as, buf, sizes[i], 0) != (long)sizes[i])
			return i + 1;
		for (size_t at = 0; at < sizes[i]; at++) {
			if (buf[at] != pattern(at, seed))
				return i + 1;
		}
		if (as_pwrite(as, buf, sizes[i], 0) != (long)sizes[i])
			return i + 1;
	}
	free(buf);
	return 0;
}

TEST_F(secret, owner)
{
	EXPECT_EQ(0, use(self->as, 1));
}

TEST_F(secret, foreign)
{
	pid_t pid = fork();

	if (!pid) {
		/* What the fork has inherited is not what it should use. */
		munmap(self->mem, LEN);
		_exit(use(self->as, 1));
	}
	EXPECT_EQ(0, child_status(pid));
	EXPECT_EQ(0, use(self->as, 1));
}

TEST_HARNESS_MAIN
