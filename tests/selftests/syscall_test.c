// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making an address space by create_virt_address_space(), argument by argument,
 * and that what it makes is what the device makes. A kernel without the call
 * must answer ENOSYS whatever the arguments; that it has none is not believed
 * when VIRT_AS_WAY=syscall says that it has.
 */
#include "common.h"

#define MANY	0x100000000UL

static int make(const void *attr, size_t size, unsigned int flags)
{
	int fd = sys(create_virt_address_space(attr, size, flags));

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static bool has_syscall(void)
{
	return test_way == VIRT_AS_WAY_SYSCALL || make(NULL, 0, 0) != -ENOSYS;
}

/* Two pages, of which the second is not mapped. */
FIXTURE(arguments) {
	char *page;
	char *end;
	bool has;
};

FIXTURE_SETUP(arguments)
{
	self->has = has_syscall();
	self->page = mmap(NULL, 2 * PG, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->page);
	ASSERT_EQ(0, munmap(self->page + PG, PG));
	self->end = self->page + PG;
}

FIXTURE_TEARDOWN(arguments)
{
}

#define EXPECT_ANSWER(answer, attr, size, flags)			\
	EXPECT_EQ(self->has ? (answer) : -ENOSYS, make(attr, size, flags))

/* A structure of @size bytes up to the end of the page, with zeros in its tail. */
static struct virt_as_create *attr_of(const struct _test_data_arguments *self,
				      size_t size)
{
	struct virt_as_create *attr = (void *)(self->end - size);

	memset(self->page, 0, PG);
	attr->size = size;
	return attr;
}

TEST_F(arguments, none)
{
	EXPECT_ANSWER(0, NULL, 0, 0);
}

TEST_F(arguments, none_but_a_size)
{
	static const size_t sizes[] = {
		1, 4, 7, 8, 16, PG, PG + 1, MANY, MANY + 8, -1UL,
	};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		EXPECT_ANSWER(-EFAULT, NULL, sizes[i], 0)
			TH_LOG("size %zu", sizes[i]);
	}
}

TEST_F(arguments, exact)
{
	struct virt_as_create *attr = attr_of(self, sizeof(*attr));

	EXPECT_ANSWER(0, attr, sizeof(*attr), 0);
	EXPECT_EQ(sizeof(*attr), attr->size);
	EXPECT_EQ(0, attr->flags);
	/* It is only read. */
	ASSERT_EQ(0, mprotect(self->page, PG, PROT_READ));
	EXPECT_ANSWER(0, attr, sizeof(*attr), 0);
}

TEST_F(arguments, too_short)
{
	struct virt_as_create *attr = attr_of(self, sizeof(*attr));

	for (size_t size = 0; size < sizeof(*attr); size++) {
		attr->size = size;
		EXPECT_ANSWER(-EINVAL, attr, size, 0)
			TH_LOG("size %zu", size);
		/* Told before it is read. */
		EXPECT_ANSWER(-EINVAL, self->end, size, 0)
			TH_LOG("size %zu", size);
	}
}

TEST_F(arguments, longer_with_zeros)
{
	static const size_t sizes[] = { 9, 12, 15, 16, 72, 1008, PG };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		EXPECT_ANSWER(0, attr_of(self, sizes[i]), sizes[i], 0)
			TH_LOG("size %zu", sizes[i]);
	}
}

TEST_F(arguments, longer_with_garbage)
{
	static const size_t sizes[] = { 9, 12, 16, 72, PG };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t size = sizes[i];

		for (size_t at = 8; at < size; at += at < 16 ? 1 : 57) {
			char *attr = (char *)attr_of(self, size);

			attr[at] = 1;
			EXPECT_ANSWER(-E2BIG, (void *)attr, size, 0)
				TH_LOG("size %zu, garbage at %zu", size, at);
		}
	}
}

/* Nobody's structure is as long as that, whatever it says of itself. */
TEST_F(arguments, longer_than_a_page)
{
	static const size_t sizes[] = { PG + 1, 2 * PG, MANY, MANY + 8, -1UL };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct virt_as_create *attr = guest_alloc(3 * PG);

		attr->size = sizes[i];
		EXPECT_ANSWER(-E2BIG, attr, sizes[i], 0)
			TH_LOG("size %zu", sizes[i]);
		munmap(attr, 3 * PG);
	}
}

TEST_F(arguments, two_sizes)
{
	static const __u32 sizes[] = { 0, 4, 7, 9, 16, 24, PG, PG + 1, ~0U };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct virt_as_create *attr = attr_of(self, 8);

		attr->size = sizes[i];
		EXPECT_ANSWER(-EINVAL, attr, 8, 0)
			TH_LOG("8 and %u", sizes[i]);
		if (sizes[i] == 16)
			continue;
		attr = attr_of(self, 16);
		attr->size = sizes[i];
		EXPECT_ANSWER(-EINVAL, attr, 16, 0)
			TH_LOG("16 and %u", sizes[i]);
	}
}

TEST_F(arguments, unreadable)
{
	void *kernel = (void *)0xffff888000000000UL;

	EXPECT_ANSWER(-EFAULT, self->end, 8, 0);
	EXPECT_ANSWER(-EFAULT, self->end - 4, 8, 0);
	EXPECT_ANSWER(-EFAULT, self->end - 7, 8, 0);
	EXPECT_ANSWER(-EFAULT, kernel, 8, 0);
	EXPECT_ANSWER(-EFAULT, (void *)8, 8, 0);
	EXPECT_ANSWER(-EFAULT, (void *)-8UL, 8, 0);
	/* The part that the kernel knows can be read, but not the tail. */
	EXPECT_ANSWER(-EFAULT, attr_of(self, 8), 16, 0);
	EXPECT_ANSWER(-EFAULT, attr_of(self, 16), 24, 0);
}

TEST_F(arguments, unknown_kind)
{
	for (int bit = 0; bit < 32; bit++) {
		struct virt_as_create *attr = attr_of(self, 8);

		attr->flags = 1U << bit;
		EXPECT_ANSWER(-EOPNOTSUPP, attr, 8, 0)
			TH_LOG("bit %d", bit);
		attr = attr_of(self, 16);
		attr->flags = 1U << bit;
		EXPECT_ANSWER(-EOPNOTSUPP, attr, 16, 0)
			TH_LOG("bit %d, longer", bit);
	}
}

/* Told before anything else, so that a flag can be probed. */
TEST_F(arguments, unknown_flags)
{
	struct virt_as_create *attr = attr_of(self, 8);

	for (int bit = 0; bit < 32; bit++) {
		EXPECT_ANSWER(-EOPNOTSUPP, NULL, 0, 1U << bit)
			TH_LOG("bit %d", bit);
		EXPECT_ANSWER(-EOPNOTSUPP, attr, 8, 1U << bit)
			TH_LOG("bit %d", bit);
		EXPECT_ANSWER(-EOPNOTSUPP, NULL, 8, 1U << bit)
			TH_LOG("bit %d", bit);
		EXPECT_ANSWER(-EOPNOTSUPP, self->end, 7, 1U << bit)
			TH_LOG("bit %d", bit);
	}
}

TEST_F(arguments, failure_makes_no_fd)
{
	int next = dup(0);

	ASSERT_LE(0, next);
	close(next);
	EXPECT_ANSWER(-EOPNOTSUPP, NULL, 0, 1);
	EXPECT_ANSWER(-EFAULT, NULL, 8, 0);
	EXPECT_ANSWER(-EINVAL, self->page, 7, 0);
	EXPECT_EQ(next, dup(0));
}

/* The library's functions, and that both ways lead to the same. */
FIXTURE(way) {
	bool has;
};

FIXTURE_VARIANT(way) {
	enum virt_as_way way;
	int needed_fds;
};

FIXTURE_VARIANT_ADD(way, syscall) {
	.way = VIRT_AS_WAY_SYSCALL,
	.needed_fds = 1,
};

FIXTURE_VARIANT_ADD(way, device) {
	.way = VIRT_AS_WAY_DEVICE,
	.needed_fds = 2,
};

FIXTURE_SETUP(way)
{
	self->has = variant->way == VIRT_AS_WAY_DEVICE || has_syscall();
}

FIXTURE_TEARDOWN(way)
{
}

static int make_by(enum virt_as_way way, const struct virt_as_create *attr)
{
	enum virt_as_way used = ~0U;
	int fd = sys(virt_as_create_by(way, attr, &used));

	if (used != (fd == -ENOSYS ? VIRT_AS_WAY_ANY : way))
		return -ENOTRECOVERABLE;
	return fd;
}

TEST_F(way, new_address_space)
{
	int fd = make_by(variant->way, NULL);
	char path[32], link[64] = "";
	struct virt_as_info info;

	if (!self->has) {
		EXPECT_EQ(-ENOSYS, fd);
		return;
	}
	ASSERT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ(O_RDWR, fcntl(fd, F_GETFL) & O_ACCMODE);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	EXPECT_LT(0, readlink(path, link, sizeof(link) - 1));
	EXPECT_STREQ("anon_inode:[virt_as]", link);

	ASSERT_EQ(0, as_info(fd, &info));
	EXPECT_EQ(VIRT_AS_RIGHTS, info.out_rights);
	EXPECT_EQ(1, info.out_generation);
	EXPECT_EQ(1, info.out_drained_generation);
	EXPECT_EQ(0, info.out_nr_regions);
	EXPECT_EQ(0, info.out_nr_bindings);
}

TEST_F(way, caller_is_the_owner)
{
	int fd = make_by(variant->way, NULL);
	char *mem = guest_alloc(PG);
	struct virt_as_entry e = as_ram(PG, PG, mem);
	pid_t child;

	if (!self->has) {
		EXPECT_EQ(-ENOSYS, fd);
		return;
	}
	ASSERT_LE(0, fd);
	mem[5] = 42;
	EXPECT_EQ(0, as_replace(fd, &e, 1));
	EXPECT_EQ(42, as_peek(fd, PG + 5));
	child = fork();
	if (!child)
		_exit(as_replace(fd, &e, 1) == -EXDEV ? 0 : 1);
	EXPECT_EQ(0, child_status(child));
}

TEST_F(way, kind)
{
	struct {
		struct virt_as_create create;
		__u64 tail;
	} longer = { .create.size = sizeof(longer) };
	struct virt_as_create create = { .size = sizeof(create) };
	int fd = make_by(variant->way, &create);

	if (!self->has) {
		EXPECT_EQ(-ENOSYS, fd);
		return;
	}
	EXPECT_LE(0, fd);
	EXPECT_LE(0, make_by(variant->way, &longer.create));
	longer.tail = 1;
	EXPECT_EQ(-E2BIG, make_by(variant->way, &longer.create));
	create.flags = 1;
	EXPECT_EQ(-EOPNOTSUPP, make_by(variant->way, &create));
	create = (struct virt_as_create) { .size = sizeof(create) - 1 };
	EXPECT_EQ(-EINVAL, make_by(variant->way, &create));
}

TEST_F(way, fd_limit)
{
	int next = dup(0);
	struct rlimit limit;

	ASSERT_LE(0, next);
	close(next);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	for (int room = 0; room < variant->needed_fds; room++) {
		limit.rlim_cur = next + room;
		ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
		EXPECT_EQ(self->has ? -EMFILE : -ENOSYS,
			  make_by(variant->way, NULL));
	}
	limit.rlim_cur = next + variant->needed_fds;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(self->has ? next + variant->needed_fds - 1 : -ENOSYS,
		  make_by(variant->way, NULL));
}

TEST_F(way, failure_makes_no_fd)
{
	struct virt_as_create unknown = { .size = sizeof(unknown), .flags = 1 };
	int next = dup(0);

	ASSERT_LE(0, next);
	close(next);
	EXPECT_EQ(self->has ? -EOPNOTSUPP : -ENOSYS,
		  make_by(variant->way, &unknown));
	EXPECT_EQ(next, dup(0));
}

/* The system call where there is one, and its errors are not retried. */
TEST(any_way)
{
	struct virt_as_create unknown = { .size = sizeof(unknown), .flags = 1 };
	enum virt_as_way best, used;
	int fd;

	best = has_syscall() ? VIRT_AS_WAY_SYSCALL : VIRT_AS_WAY_DEVICE;
	fd = sys(virt_as_create_by(VIRT_AS_WAY_ANY, NULL, &used));
	EXPECT_LE(0, fd);
	EXPECT_EQ(best, used);
	EXPECT_EQ(-EOPNOTSUPP,
		  sys(virt_as_create_by(VIRT_AS_WAY_ANY, &unknown, &used)));
	EXPECT_EQ(best, used);
	EXPECT_LE(0, sys(virt_as_create_any()));
}

TEST_HARNESS_MAIN
