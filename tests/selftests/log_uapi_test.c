// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the calls of dirty logs refuse: one errno for one cause, and nothing is another
 * after it. What all calls have in common is uapi_test's.
 */
#include "log.h"

/* max_logged_pages and max_regions as they are built. */
#define LIMIT_PAGES	0x40000000ULL
#define LIMIT_REGIONS	32768ULL

FIXTURE(refuse) {
	struct virt_as_entry base[3];
	unsigned char *mem;
	int as;
	int log;
};

/* RAM at pages 100 to 107, a device at 108, RAM at 120. 101 and 120 are dirty. */
FIXTURE_SETUP(refuse)
{
	self->as = as_create();
	ASSERT_LE(0, self->as);
	self->mem = guest_alloc(16 * PG);
	self->base[0] = as_ram(AT(0x100), 8 * PG, self->mem);
	self->base[1] = as_add(AT(0x108), PG, self->mem + 8 * PG,
			       VIRT_AS_TYPE_DEVICE, RW);
	self->base[2] = as_ram(AT(0x120), 4 * PG, self->mem + 12 * PG);
	ASSERT_EQ(0, as_replace(self->as, self->base, 3));
	self->log = log_open(self->as);
	ASSERT_LE(0, self->log);
	ASSERT_EQ(0, as_mark(self->as, AT(0x101), 1));
	ASSERT_EQ(0, as_mark(self->as, AT(0x120), 1));
	ASSERT_STREQ("101 120", log_peek(self->log));
}

FIXTURE_TEARDOWN(refuse)
{
	close(self->log);
	close(self->as);
}

#define REFUSED(error, fd, number, arg)					\
	EXPECT_STREQ("", log_refused(self->as, self->log, error, fd, number, arg))

TEST_F(refuse, log_flags)
{
	for (int bit = 1; bit < 32; bit++) {
		struct virt_as_log_open arg = { .size = sizeof(arg), .flags = 1U << bit };

		REFUSED(EOPNOTSUPP, self->as, VIRT_AS_LOG, &arg)
			TH_LOG("bit %d", bit);
		arg.flags |= VIRT_AS_LOG_ALL_DIRTY;
		REFUSED(EOPNOTSUPP, self->as, VIRT_AS_LOG, &arg)
			TH_LOG("bit %d", bit);
	}
}

TEST_F(refuse, log_without_the_right)
{
	struct virt_as_log_open arg = { .size = sizeof(arg) };
	int fd = as_restrict(self->as, VIRT_AS_RIGHTS & ~VIRT_AS_RIGHT_LOG);

	ASSERT_LE(0, fd);
	REFUSED(EPERM, fd, VIRT_AS_LOG, &arg);
	close(fd);
	/* It takes no other. */
	fd = as_restrict(self->as, VIRT_AS_RIGHT_LOG);
	ASSERT_LE(0, fd);
	close(self->log);
	self->log = log_open(fd);
	EXPECT_LE(0, self->log);
	close(fd);
}

TEST_F_TIMEOUT(refuse, more_logs_than_the_limit, 120)
{
	struct virt_as_log_open arg = { .size = sizeof(arg) };
	struct virt_as_info info;
	unsigned int nr = 1;
	int *logs;

	ASSERT_EQ(0, as_info(self->as, &info));
	ASSERT_LT(1, info.out_max_logs);
	logs = calloc(info.out_max_logs, sizeof(*logs));
	for (; nr < info.out_max_logs; nr++) {
		logs[nr] = log_open(self->as);
		ASSERT_LE(0, logs[nr]);
	}
	for (int i = 0; i < 3; i++)
		REFUSED(ENOSPC, self->as, VIRT_AS_LOG, &arg);
	/* Another address space has its own. */
	arg.size = sizeof(arg);
	close(logs[--nr]);
	EXPECT_EQ(nr, as_logs(self->as));
	logs[nr] = log_open(self->as);
	EXPECT_LE(0, logs[nr]);
	REFUSED(ENOSPC, self->as, VIRT_AS_LOG, &arg);
	for (; nr; nr--)
		close(logs[nr]);
	EXPECT_EQ(1, as_logs(self->as));
	EXPECT_TAKEN("101 120", self->log);
}

static struct virt_as_mark mark_of(__u64 gpa, __u64 len)
{
	return (struct virt_as_mark) {
		.size = sizeof(struct virt_as_mark), .gpa = gpa, .len = len,
	};
}

TEST_F(refuse, mark_ranges)
{
	static const struct { __u64 gpa, len; int error; } no[] = {
		{ AT(0x100), 0, EINVAL },
		{ 0, 0, EINVAL },
		{ TOP, 2, EOVERFLOW },
		{ -PG, PG + 1, EOVERFLOW },
		{ AT(0x100), TOP, EOVERFLOW },
		{ AT(0xff), PG, ENOENT },
		{ AT(0x100) - 1, 1, ENOENT },
		{ AT(0x100) - 1, 2, ENOENT },
		{ AT(0x109), 1, ENOENT },
		{ AT(0x104), 5 * PG + 1, ENOENT },
		{ AT(0x104), 31 * PG, ENOENT },		/* a hole in the middle */
		{ AT(0x121), 4 * PG, ENOENT },
		{ TOP, 1, ENOENT },
		{ -PG, PG, ENOENT },
		{ 0, TOP, ENOENT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		struct virt_as_mark arg = mark_of(no[i].gpa, no[i].len);

		REFUSED(no[i].error, self->as, VIRT_AS_MARK, &arg)
			TH_LOG("case %zu", i);
	}
	/* Nor is it another answer when nobody listens. */
	close(self->log);
	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		EXPECT_EQ(-no[i].error, as_mark(self->as, no[i].gpa, no[i].len))
			TH_LOG("case %zu", i);
	}
	EXPECT_EQ(0, as_mark(self->as, AT(0x100), 9 * PG));
	self->log = log_open(self->as);
	EXPECT_TAKEN("", self->log);
}

TEST_F(refuse, mark_without_the_right)
{
	struct virt_as_mark arg = mark_of(AT(0x102), 1);
	int fd = as_restrict(self->as, VIRT_AS_RIGHTS & ~VIRT_AS_RIGHT_WRITE);

	ASSERT_LE(0, fd);
	REFUSED(EPERM, fd, VIRT_AS_MARK, &arg);
	close(fd);
	fd = as_restrict(self->as, VIRT_AS_RIGHT_WRITE);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, as_mark(fd, AT(0x102), 1));
	EXPECT_TAKEN("101+2 120", self->log);
	close(fd);
}

TEST_F(refuse, harvest_flags)
{
	struct virt_as_extent extents[4];

	for (int bit = 3; bit < 32; bit++) {
		struct virt_as_harvest h = log_range(0, TOP, 1U << bit);

		h.buffer = (uintptr_t)extents;
		h.nr_extents = 4;
		REFUSED(EOPNOTSUPP, self->log, VIRT_AS_LOG_HARVEST, &h)
			TH_LOG("bit %d", bit);
		h.flags |= VIRT_AS_HARVEST_PEEK;
		REFUSED(EOPNOTSUPP, self->log, VIRT_AS_LOG_HARVEST, &h)
			TH_LOG("bit %d", bit);
	}
}

TEST_F(refuse, harvest_ranges)
{
	static const struct { __u64 gpa, last, page_size; } no[] = {
		{ 0, TOP, 0 },			/* no page size */
		{ 0, TOP, 1 },
		{ 0, TOP, PG / 2 },
		{ 0, TOP, PG - 1 },
		{ 0, TOP, PG + 1 },
		{ 0, TOP, 3 * PG },
		{ 0, TOP, TOP },
		{ 1, TOP, PG },			/* not of whole units */
		{ PG / 2, TOP, PG },
		{ 0, 0, PG },
		{ 0, PG, PG },
		{ 0, TOP - 1, PG },
		{ PG, TOP, 2 * PG },
		{ 0, 3 * PG - 1, 2 * PG },
		{ AT(0x100), TOP, 1ULL << 21 },
		{ 1ULL << 20, TOP, 1ULL << 30 },
		{ PG, PG - 1, PG },		/* ends before it begins */
		{ AT(0x121), AT(0x101) - 1, PG },
		{ -PG, PG - 1, PG },
	};
	struct virt_as_extent extents[4];
	__u64 bits[8] = {};

	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		struct virt_as_harvest h = log_range(no[i].gpa, no[i].last, 0);

		h.page_size = no[i].page_size;
		h.buffer = (uintptr_t)extents;
		h.nr_extents = 4;
		REFUSED(EINVAL, self->log, VIRT_AS_LOG_HARVEST, &h)
			TH_LOG("case %zu", i);
		h.flags = VIRT_AS_HARVEST_BITMAP | VIRT_AS_HARVEST_SYNC;
		h.buffer = (uintptr_t)bits;
		h.nr_extents = 0;
		REFUSED(EINVAL, self->log, VIRT_AS_LOG_HARVEST, &h)
			TH_LOG("case %zu", i);
	}
	EXPECT_EQ(0, bits[0]);
}

TEST_F(refuse, harvest_fields)
{
	struct virt_as_extent extents[4];
	struct virt_as_harvest h = log_range(0, TOP, VIRT_AS_HARVEST_BITMAP);
	__u64 bits[8] = {};

	/* Words of the bitmap are words. */
	for (int offset = 1; offset < 8; offset++) {
		h.buffer = (uintptr_t)bits + offset;
		REFUSED(EINVAL, self->log, VIRT_AS_LOG_HARVEST, &h)
			TH_LOG("offset %d", offset);
	}
	/* Room for extents, and no extents are asked for. */
	h.gpa = AT(0x100);
	h.last = AT(0x140) - 1;
	h.buffer = (uintptr_t)bits;
	for (int bit = 0; bit < 32; bit++) {
		h.nr_extents = 1U << bit;
		REFUSED(EINVAL, self->log, VIRT_AS_LOG_HARVEST, &h)
			TH_LOG("bit %d", bit);
	}
	for (int bit = 0; bit < 32; bit++) {
		h = log_range(0, TOP, 0);
		h.buffer = (uintptr_t)extents;
		h.nr_extents = 4;
		h.__reserved = 1U << bit;
		REFUSED(EINVAL, self->log, VIRT_AS_LOG_HARVEST, &h)
			TH_LOG("bit %d", bit);
	}
	EXPECT_EQ(0, bits[0]);
}

TEST_F(refuse, harvest_into_bad_memory)
{
	unsigned char *page = guest_alloc(2 * PG);
	__u64 bad[] = {
		0, 8, (uintptr_t)page + PG, 0xffff888000000000ULL, 1ULL << 63,
		TOP - 7, -PG,
	};

	ASSERT_EQ(0, munmap(page + PG, PG));
	ASSERT_EQ(0, mprotect(page, PG, PROT_READ));
	for (size_t i = 0; i <= ARRAY_SIZE(bad); i++) {
		for (__u32 flags = 0; flags < 8; flags++) {
			bool bitmap = flags & VIRT_AS_HARVEST_BITMAP;
			struct virt_as_harvest h = log_range(0, TOP, flags);

			h.nr_extents = bitmap ? 0 : 4;
			h.buffer = i < ARRAY_SIZE(bad) ? bad[i] : (uintptr_t)page;
			REFUSED(EFAULT, self->log, VIRT_AS_LOG_HARVEST, &h)
				TH_LOG("case %zu flags %#x", i, flags);
		}
	}
	EXPECT_TAKEN("101 120", self->log);
}

/* Who cannot be answered is refused while nothing is done. */
TEST_F(refuse, harvest_without_an_answer)
{
	struct virt_as_harvest *h = guest_alloc(PG);
	struct virt_as_extent extents[4] = {};

	*h = log_range(0, TOP, 0);
	h->buffer = (uintptr_t)extents;
	h->nr_extents = 4;
	ASSERT_EQ(0, mprotect(h, PG, PROT_READ));
	REFUSED(EFAULT, self->log, VIRT_AS_LOG_HARVEST, h);
	EXPECT_EQ(0, extents[0].len);
}

static const unsigned long both[] = { VIRT_AS_LOG_CLEAR, VIRT_AS_LOG_MARK };

TEST_F(refuse, extents)
{
	static const struct { __u64 gpa, len; int error; } no[] = {
		{ AT(0x101), 0, EINVAL },
		{ AT(0x101) + 1, PG, EINVAL },
		{ AT(0x101) + PG / 2, PG, EINVAL },
		{ AT(0x101), 1, EINVAL },
		{ AT(0x101), PG + 8, EINVAL },
		{ AT(0x101), PG - 1, EINVAL },
		{ -PG, 2 * PG, EOVERFLOW },
		{ AT(0x101), -PG, EOVERFLOW },
	};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(no); i++) {
		struct virt_as_extent extent = { no[i / 2].gpa, no[i / 2].len };
		struct virt_as_extents arg = {
			.size = sizeof(arg), .extents = (uintptr_t)&extent,
			.nr_extents = 1,
		};

		REFUSED(no[i / 2].error, self->log, both[i & 1], &arg)
			TH_LOG("case %zu", i);
		EXPECT_EQ(0, arg.out_done);
	}
}

/* Of a list with a wrong extent in it, what it says is done is done. */
TEST_F(refuse, extents_are_counted)
{
	struct virt_as_extent list[] = {
		{ AT(0x101), PG }, { AT(0x120), PG }, { AT(0x101), 1 }, { 0, PG },
	};
	struct virt_as_extent marks[] = {
		{ AT(0x103), PG }, { AT(0x105), PG }, { AT(0x107), 0 }, { 0, PG },
	};
	static const char * const cleared[] = { "101 120", "120", "" };
	static const char * const marked[] = { "", "103", "103 105" };
	__u32 done;

	EXPECT_EQ(-EINVAL, log_extents(self->log, VIRT_AS_LOG_CLEAR, list, 4, &done));
	ASSERT_GT(3, done);
	EXPECT_TAKEN(cleared[done], self->log);
	EXPECT_EQ(-EINVAL, log_extents(self->log, VIRT_AS_LOG_MARK, marks, 4, &done));
	ASSERT_GT(3, done);
	EXPECT_TAKEN(marked[done], self->log);
}

TEST_F(refuse, extents_that_cannot_be_read)
{
	unsigned char *page = guest_alloc(2 * PG);
	struct virt_as_extent *last = (void *)(page + PG - sizeof(*last));
	__u64 bad[] = {
		0, (uintptr_t)page + PG, (uintptr_t)last + 8, 1ULL << 63, TOP - 15,
	};
	struct virt_as_extents arg = { .size = sizeof(arg), .nr_extents = 1 };

	ASSERT_EQ(0, munmap(page + PG, PG));
	*last = (struct virt_as_extent) { AT(0x101), PG };
	for (size_t i = 0; i < 2 * ARRAY_SIZE(bad); i++) {
		arg.extents = bad[i / 2];
		REFUSED(EFAULT, self->log, both[i & 1], &arg)
			TH_LOG("case %zu", i);
		EXPECT_EQ(0, arg.out_done);
	}
	/* The second of two: again, what it says is done is done. */
	arg.extents = (uintptr_t)last;
	arg.nr_extents = 2;
	EXPECT_EQ(-EFAULT, as_ioctl(self->log, VIRT_AS_LOG_CLEAR, &arg));
	ASSERT_GE(1, arg.out_done);
	EXPECT_TAKEN(arg.out_done ? "120" : "101 120", self->log);
}

/* More than can be covered. Clearing what is not covered is nothing to do. */
TEST_F(refuse, mark_of_too_much)
{
	struct virt_as_extent extent = { 0, 1ULL << 62 };
	struct virt_as_extents arg = {
		.size = sizeof(arg), .extents = (uintptr_t)&extent, .nr_extents = 1,
	};

	REFUSED(EDQUOT, self->log, VIRT_AS_LOG_MARK, &arg);
	extent.len = -PG;
	REFUSED(EDQUOT, self->log, VIRT_AS_LOG_MARK, &arg);
	extent.len = AT(4 * LIMIT_PAGES);
	REFUSED(EDQUOT, self->log, VIRT_AS_LOG_MARK, &arg);
	EXPECT_EQ(0, log_clear(self->log, 0, -PG));
	EXPECT_TAKEN("", self->log);
}

/*
 * What left and was not harvested counts until it is. A log may have as much of it as
 * there can be in a map: two of the largest, of regions that begin and end anywhere.
 */
TEST_F_TIMEOUT(refuse, commit_of_too_much, 120)
{
	const __u64 edges = 4 * LIMIT_REGIONS * 64;
	void *hva = (void *)(1UL << 40);
	struct virt_as_entry more;
	struct virt_as_info info;

	ASSERT_EQ(0, as_info(self->as, &info));
	ASSERT_EQ(LIMIT_PAGES, info.out_max_logged_pages);
	ASSERT_EQ(LIMIT_REGIONS, info.out_max_regions);
	ASSERT_STREQ("101 120", log_take(self->log));
	for (__u64 i = 1; i < 3; i++) {
		more = clean(as_ram(i << 50, AT(LIMIT_PAGES), hva));
		ASSERT_EQ(0, as_replace(self->as, &more, 1));
		ASSERT_EQ(0, as_mark(self->as, i << 50, 1));
	}
	more = clean(as_ram(3ULL << 50, AT(edges + 64), hva));
	EXPECT_REFUSED(EDQUOT, VIRT_AS_NO_INDEX, self->as, VIRT_AS_COMMIT_REPLACE, 0,
		       &more, 1);
	EXPECT_REFUSED(EDQUOT, VIRT_AS_NO_INDEX, self->as, VIRT_AS_COMMIT_TRY |
		       VIRT_AS_COMMIT_REPLACE, 0, &more, 1);
	EXPECT_DIRTY("4000000000 8000000000", self->log);
	/* As much as there is room for. */
	more.len = AT(edges);
	EXPECT_EQ(0, as_replace(self->as, &more, 1));
	EXPECT_EQ(0, as_replace(self->as, NULL, 0));
	EXPECT_TAKEN("4000000000 8000000000", self->log);
	more.len = AT(edges + 64);
	EXPECT_EQ(0, as_replace(self->as, &more, 1));
	EXPECT_TAKEN("", self->log);
}

TEST_F(refuse, handover)
{
	struct virt_as_extent extents[4];
	struct virt_as_commit good = {
		.size = sizeof(good), .flags = VIRT_AS_COMMIT_HANDOVER,
		.log_fd = self->log, .nr_extents = 4, .extents = (uintptr_t)extents,
	};
	struct virt_as_commit arg = good;
	int other = as_create(), log = log_open(other), pipes[2];

	ASSERT_LE(0, log);
	ASSERT_EQ(0, pipe(pipes));
	arg.flags |= VIRT_AS_COMMIT_TRY;
	REFUSED(EINVAL, self->as, VIRT_AS_COMMIT, &arg);
	arg.flags = good.flags | VIRT_AS_COMMIT_NOWAIT;
	REFUSED(EINVAL, self->as, VIRT_AS_COMMIT, &arg);
	arg.flags |= VIRT_AS_COMMIT_TRY | VIRT_AS_COMMIT_REPLACE;
	REFUSED(EINVAL, self->as, VIRT_AS_COMMIT, &arg);

	arg = good;
	arg.log_fd = -1;
	REFUSED(EBADF, self->as, VIRT_AS_COMMIT, &arg);
	arg.log_fd = 12345;
	REFUSED(EBADF, self->as, VIRT_AS_COMMIT, &arg);
	EXPECT_EQ(VIRT_AS_NO_INDEX, arg.out_index);
	arg.log_fd = pipes[0];
	REFUSED(EBADFD, self->as, VIRT_AS_COMMIT, &arg);
	arg.log_fd = self->as;
	REFUSED(EBADFD, self->as, VIRT_AS_COMMIT, &arg);
	arg.log_fd = log;
	REFUSED(EBADFD, self->as, VIRT_AS_COMMIT, &arg);
	close(log);
	REFUSED(EBADF, self->as, VIRT_AS_COMMIT, &arg);
	/* A stale one, and one with a wrong entry, are refused as ever. */
	arg = good;
	arg.flags |= VIRT_AS_COMMIT_EXPECT;
	arg.expected_generation = 99;
	REFUSED(ESTALE, self->as, VIRT_AS_COMMIT, &arg);
	close(pipes[0]);
	close(pipes[1]);
	close(other);
}

/* Without HANDOVER its fields are nothing but wrong. */
TEST_F(refuse, handover_fields)
{
	struct virt_as_extent extents[4];
	struct virt_as_commit arg = { .size = sizeof(arg) };

	arg.log_fd = self->log;
	REFUSED(EINVAL, self->as, VIRT_AS_COMMIT, &arg);
	arg.log_fd = -1;
	REFUSED(EINVAL, self->as, VIRT_AS_COMMIT, &arg);
	arg.log_fd = 0;
	arg.nr_extents = 4;
	REFUSED(EINVAL, self->as, VIRT_AS_COMMIT, &arg);
	arg.nr_extents = 0;
	arg.extents = (uintptr_t)extents;
	REFUSED(EINVAL, self->as, VIRT_AS_COMMIT, &arg);
}

/* A log is no address space, an address space no log. */
TEST_F(refuse, wrong_files)
{
	static const unsigned long of_space[] = {
		VIRT_AS_CREATE, VIRT_AS_INFO, VIRT_AS_COMMIT, VIRT_AS_GET_MAP,
		VIRT_AS_RESTRICT, VIRT_AS_LOG, VIRT_AS_MARK,
	};
	static const unsigned long of_log[] = {
		VIRT_AS_LOG_HARVEST, VIRT_AS_LOG_CLEAR, VIRT_AS_LOG_MARK,
	};
	__u32 arg[32] = { sizeof(arg) };
	int vat = vat_open();

	ASSERT_LE(0, vat);
	for (size_t i = 0; i < ARRAY_SIZE(of_space); i++)
		REFUSED(ENOTTY, self->log, of_space[i], arg);
	for (size_t i = 0; i < ARRAY_SIZE(of_log); i++)
		REFUSED(ENOTTY, self->as, of_log[i], arg);
	for (unsigned int nr = 0; nr < 256; nr++) {
		if (nr >= 0x10 && nr <= 0x12)
			continue;
		REFUSED(ENOTTY, self->log, _IO(VIRT_AS_IOCTL_TYPE, nr), arg)
			TH_LOG("number %#x", nr);
	}
	EXPECT_EQ(-EBADFD, vat_bind(vat, self->log, VIRT_AS_RIGHT_READ));
	close(vat);
}

TEST_F(refuse, other_operations)
{
	char byte = 0;

	EXPECT_EQ(-EINVAL, sys(read(self->log, &byte, 1)));
	EXPECT_EQ(-EINVAL, sys(write(self->log, &byte, 1)));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PG, PROT_READ, MAP_SHARED, self->log, 0));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(-EINVAL, sys(ftruncate(self->log, 0)));
	EXPECT_EQ(-ENOTDIR, sys(fchdir(self->log)));
	EXPECT_DIRTY("101 120", self->log);
}

TEST_HARNESS_MAIN
