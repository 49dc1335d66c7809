// SPDX-License-Identifier: GPL-2.0-only
/*
 * The general format of the calls, whatever they do: lengths, reserved fields,
 * flags, unknown numbers, wrong files, unreadable arguments, file limits.
 */
#include "common.h"

/* The caller's structure at the end of a page; behind it nothing is mapped. */
union argument {
	__u32 size;
	struct virt_as_create create;
	struct virt_as_info info;
	struct virt_as_commit commit;
	struct virt_as_get_map get_map;
	struct virt_as_restrict restricted;
	struct virt_as_log_open log;
	struct virt_as_mark mark;
	struct virt_as_harvest harvest;
	struct virt_as_extents extents;
};

FIXTURE(call) {
	char *page;
	int dev;
	int as;
	int log;
	int fd;
};

FIXTURE_VARIANT(call) {
	unsigned long number;
	size_t size;
	size_t least;		/* as first published, where that was less; or 0 */
	size_t flags;
	size_t reserved;	/* 0: has no such field */
	__u32 known;		/* flags that are */
	bool on_dev;
	bool on_log;
	bool makes_fd;
	bool has_out;
};

FIXTURE_VARIANT_ADD(call, create) {
	.number = VIRT_AS_CREATE,
	.size = sizeof(struct virt_as_create),
	.flags = offsetof(struct virt_as_create, flags),
	.on_dev = true,
	.makes_fd = true,
};

FIXTURE_VARIANT_ADD(call, info_dev) {
	.number = VIRT_AS_INFO,
	.size = sizeof(struct virt_as_info),
	.least = 64,
	.flags = offsetof(struct virt_as_info, flags),
	.on_dev = true,
	.has_out = true,
};

FIXTURE_VARIANT_ADD(call, info) {
	.number = VIRT_AS_INFO,
	.size = sizeof(struct virt_as_info),
	.least = 64,
	.flags = offsetof(struct virt_as_info, flags),
	.has_out = true,
};

FIXTURE_VARIANT_ADD(call, commit) {
	.number = VIRT_AS_COMMIT,
	.size = sizeof(struct virt_as_commit),
	.least = 40,
	.flags = offsetof(struct virt_as_commit, flags),
	.known = 0x3f,
	.has_out = true,
};

FIXTURE_VARIANT_ADD(call, get_map) {
	.number = VIRT_AS_GET_MAP,
	.size = sizeof(struct virt_as_get_map),
	.flags = offsetof(struct virt_as_get_map, flags),
	.reserved = offsetof(struct virt_as_get_map, __reserved),
	.has_out = true,
};

FIXTURE_VARIANT_ADD(call, restrict_rights) {
	.number = VIRT_AS_RESTRICT,
	.size = sizeof(struct virt_as_restrict),
	.flags = offsetof(struct virt_as_restrict, flags),
	.reserved = offsetof(struct virt_as_restrict, __reserved),
	.makes_fd = true,
};

FIXTURE_VARIANT_ADD(call, log) {
	.number = VIRT_AS_LOG,
	.size = sizeof(struct virt_as_log_open),
	.flags = offsetof(struct virt_as_log_open, flags),
	.known = VIRT_AS_LOG_ALL_DIRTY,
	.makes_fd = true,
};

FIXTURE_VARIANT_ADD(call, mark) {
	.number = VIRT_AS_MARK,
	.size = sizeof(struct virt_as_mark),
	.flags = offsetof(struct virt_as_mark, flags),
};

FIXTURE_VARIANT_ADD(call, harvest) {
	.number = VIRT_AS_LOG_HARVEST,
	.size = sizeof(struct virt_as_harvest),
	.flags = offsetof(struct virt_as_harvest, flags),
	.reserved = offsetof(struct virt_as_harvest, __reserved),
	.known = 0x7,
	.on_log = true,
	.has_out = true,
};

FIXTURE_VARIANT_ADD(call, log_clear) {
	.number = VIRT_AS_LOG_CLEAR,
	.size = sizeof(struct virt_as_extents),
	.flags = offsetof(struct virt_as_extents, flags),
	.on_log = true,
	.has_out = true,
};

FIXTURE_VARIANT_ADD(call, log_mark) {
	.number = VIRT_AS_LOG_MARK,
	.size = sizeof(struct virt_as_extents),
	.flags = offsetof(struct virt_as_extents, flags),
	.on_log = true,
	.has_out = true,
};

/* The fields without which a call is refused; all others may be 0. */
static void set_fields(unsigned long number, void *arg)
{
	union argument *a = arg;

	switch (number) {
	case VIRT_AS_MARK:
		a->mark.len = 1;
		break;
	case VIRT_AS_LOG_HARVEST:
		a->harvest.last = ~0ULL;
		a->harvest.page_size = PG;
		break;
	}
}

/* An argument that is good, but for @size. */
static union argument argument(unsigned long number, __u32 size)
{
	union argument arg = { .size = 0 };

	set_fields(number, &arg);
	arg.size = size;
	return arg;
}

FIXTURE_SETUP(call)
{
	const struct virt_as_entry nohva = as_add(0, PG, NULL, VIRT_AS_TYPE_NOHVA, RW);
	struct virt_as_log_open log = { .size = sizeof(log) };

	self->dev = open(DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->dev);
	self->as = as_create();
	ASSERT_LE(0, self->as);
	self->log = as_ioctl(self->as, VIRT_AS_LOG, &log);
	ASSERT_LE(0, self->log);
	if (variant->number == VIRT_AS_MARK)
		ASSERT_EQ(0, as_replace(self->as, &nohva, 1));
	self->fd = variant->on_dev ? self->dev : variant->on_log ? self->log : self->as;
	self->page = mmap(NULL, 2 * PG, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->page);
	ASSERT_EQ(0, munmap(self->page + PG, PG));
}

FIXTURE_TEARDOWN(call)
{
	close(self->log);
	close(self->dev);
	close(self->as);
}

/* The call with @size bytes at @arg; closes what it may have made. */
static long call(int fd, unsigned long number, void *arg)
{
	long rc = as_ioctl(fd, number, arg);

	if (rc > 0)
		close(rc);
	return rc < 0 ? rc : 0;
}

TEST_F(call, too_short)
{
	const __u32 least = variant->least ?: variant->size;

	for (__u32 size = 0; size < least; size++) {
		union argument arg = argument(variant->number, size);

		EXPECT_EQ(-EINVAL, call(self->fd, variant->number, &arg))
			TH_LOG("size %u", size);
	}
}

/* What was built when there was less of it goes on to work, and gets no more. */
TEST_F(call, as_it_once_was)
{
	const __u32 least = variant->least ?: variant->size;

	for (__u32 size = least; size <= variant->size; size++) {
		union argument arg = argument(variant->number, size);

		memset((char *)&arg + size, 0xa5, sizeof(arg) - size);
		EXPECT_EQ(0, call(self->fd, variant->number, &arg))
			TH_LOG("size %u", size);
		for (size_t i = size; i < sizeof(arg); i++)
			ASSERT_EQ(0xa5, ((unsigned char *)&arg)[i]);
	}
}

TEST_F(call, exact)
{
	void *arg = self->page + PG - variant->size;

	set_fields(variant->number, arg);
	*(__u32 *)arg = variant->size;
	EXPECT_EQ(0, call(self->fd, variant->number, arg));
}

TEST_F(call, longer_with_zeros)
{
	static const unsigned int more[] = { 1, 7, 8, 64, 1000 };

	for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
		void *arg = self->page + PG - variant->size - more[i];

		memset(self->page, 0, PG);
		set_fields(variant->number, arg);
		*(__u32 *)arg = variant->size + more[i];
		EXPECT_EQ(0, call(self->fd, variant->number, arg))
			TH_LOG("%u more", more[i]);
	}
}

TEST_F(call, longer_with_garbage)
{
	static const unsigned int at[] = { 0, 1, 7, 8, 62, 63 };

	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		char *arg = self->page + PG - variant->size - 64;

		memset(self->page, 0, PG);
		set_fields(variant->number, arg);
		*(__u32 *)arg = variant->size + 64;
		arg[variant->size + at[i]] = 1;
		EXPECT_EQ(-E2BIG, call(self->fd, variant->number, arg))
			TH_LOG("garbage at %u", at[i]);
	}
}

/* Nobody's structure is as long as that. */
TEST_F(call, longer_than_a_page)
{
	char *arg = guest_alloc(3 * PG);

	set_fields(variant->number, arg);
	*(__u32 *)arg = PG;
	EXPECT_EQ(0, call(self->fd, variant->number, arg));
	*(__u32 *)arg = PG + 1;
	EXPECT_EQ(-E2BIG, call(self->fd, variant->number, arg));
	*(__u32 *)arg = ~0U;
	EXPECT_EQ(-E2BIG, call(self->fd, variant->number, arg));
}

TEST_F(call, tail_crosses_unmapped_page)
{
	void *arg = self->page + PG - variant->size - 8;

	set_fields(variant->number, arg);
	*(__u32 *)arg = variant->size + 16;
	EXPECT_EQ(-EFAULT, call(self->fd, variant->number, arg));
}

TEST_F(call, unreadable)
{
	void *size_only = self->page + PG - sizeof(__u32);
	void *kernel = (void *)0xffff888000000000UL;

	EXPECT_EQ(-EFAULT, call(self->fd, variant->number, NULL));
	EXPECT_EQ(-EFAULT, call(self->fd, variant->number, self->page + PG));
	EXPECT_EQ(-EFAULT, call(self->fd, variant->number, self->page + PG - 2));
	EXPECT_EQ(-EFAULT, call(self->fd, variant->number, kernel));
	*(__u32 *)size_only = variant->size;
	EXPECT_EQ(-EFAULT, call(self->fd, variant->number, size_only));
}

TEST_F(call, unwritable_reply)
{
	void *arg = self->page;

	if (!variant->has_out)
		return;
	set_fields(variant->number, arg);
	*(__u32 *)arg = variant->size;
	ASSERT_EQ(0, mprotect(self->page, PG, PROT_READ));
	EXPECT_EQ(-EFAULT, call(self->fd, variant->number, arg));
}

TEST_F(call, unknown_flags)
{
	/* What the known ones do is tested where they are. */
	for (int bit = 0; bit < 32; bit++) {
		union argument arg = argument(variant->number, variant->size);

		if (variant->known & (1U << bit))
			continue;
		*(__u32 *)((char *)&arg + variant->flags) = 1U << bit;
		EXPECT_EQ(-EOPNOTSUPP, call(self->fd, variant->number, &arg))
			TH_LOG("bit %d", bit);
	}
}

TEST_F(call, reserved)
{
	if (!variant->reserved)
		return;
	for (int bit = 0; bit < 32; bit++) {
		union argument arg = argument(variant->number, variant->size);

		*(__u32 *)((char *)&arg + variant->reserved) = 1U << bit;
		EXPECT_EQ(-EINVAL, call(self->fd, variant->number, &arg))
			TH_LOG("bit %d", bit);
	}
}

TEST_F(call, input_is_left_alone)
{
	union argument arg = argument(variant->number, variant->size);

	ASSERT_EQ(0, call(self->fd, variant->number, &arg));
	EXPECT_EQ(variant->size, arg.size);
	EXPECT_EQ(0, *(__u32 *)((char *)&arg + variant->flags));
}

TEST_F(call, failure_makes_no_fd)
{
	union argument arg = argument(variant->number, variant->size);
	int next = dup(0);

	if (!variant->makes_fd)
		return;
	ASSERT_LE(0, next);
	close(next);
	*(__u32 *)((char *)&arg + variant->flags) = 1U << 31;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, variant->number, &arg));
	EXPECT_EQ(next, dup(0));
}

TEST_F(call, fd_limit)
{
	struct rlimit limit;
	union argument arg = argument(variant->number, variant->size);
	int next = dup(0);

	if (!variant->makes_fd)
		return;
	ASSERT_LE(0, next);
	close(next);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = next;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(-EMFILE, as_ioctl(self->fd, variant->number, &arg));
	limit.rlim_cur = next + 1;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(next, as_ioctl(self->fd, variant->number, &arg));
	EXPECT_EQ(-EMFILE, as_ioctl(self->fd, variant->number, &arg));
}

TEST_F(call, fd_is_close_on_exec)
{
	union argument arg = argument(variant->number, variant->size);
	long fd;

	if (!variant->makes_fd)
		return;
	fd = as_ioctl(self->fd, variant->number, &arg);
	ASSERT_LT(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ(O_RDWR, fcntl(fd, F_GETFL) & O_ACCMODE);
}

TEST_F(call, other_encodings)
{
	unsigned int nr = _IOC_NR(variant->number);
	union argument arg = argument(variant->number, variant->size);

	for (int dir = 1; dir < 4; dir++) {
		unsigned long number = _IOC(dir, VIRT_AS_IOCTL_TYPE, nr,
					    variant->size);

		EXPECT_EQ(-ENOTTY, call(self->fd, number, &arg))
			TH_LOG("direction %d", dir);
	}
	EXPECT_EQ(-ENOTTY, call(self->fd, _IO(VIRT_AS_IOCTL_TYPE - 1, nr), &arg));
	EXPECT_EQ(-ENOTTY, call(self->fd, _IO(VIRT_AS_IOCTL_TYPE + 1, nr), &arg));
}

TEST_F(call, wrong_file)
{
	union argument arg = argument(variant->number, variant->size);
	int other = variant->on_dev ? self->as : self->dev;
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(-ENOTTY, call(pipes[0], variant->number, &arg));
	EXPECT_EQ(-EBADF, call(-1, variant->number, &arg));
	close(pipes[0]);
	EXPECT_EQ(-EBADF, call(pipes[0], variant->number, &arg));
	/* INFO is the one call that both files know. */
	EXPECT_EQ(variant->number == VIRT_AS_INFO ? 0 : -ENOTTY,
		  call(other, variant->number, &arg));
}

FIXTURE(file) {
	int dev;
	int as;
};

FIXTURE_SETUP(file)
{
	self->dev = open(DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->dev);
	self->as = as_create();
	ASSERT_LE(0, self->as);
}

FIXTURE_TEARDOWN(file)
{
	close(self->dev);
	close(self->as);
}

TEST_F(file, unknown_numbers)
{
	union argument arg = { .size = sizeof(arg) };

	for (unsigned int nr = _IOC_NR(VIRT_AS_MARK) + 1; nr < 256; nr++) {
		unsigned long number = _IO(VIRT_AS_IOCTL_TYPE, nr);

		EXPECT_EQ(-ENOTTY, as_ioctl(self->as, number, &arg));
		EXPECT_EQ(-ENOTTY, as_ioctl(self->dev, number, &arg));
		EXPECT_EQ(-ENOTTY, as_ioctl(self->as, number, NULL));
		EXPECT_EQ(-ENOTTY, as_ioctl(self->dev, number, NULL));
	}
}

TEST_F(file, no_other_operations)
{
	char byte = 0;

	EXPECT_EQ(-EINVAL, sys(read(self->dev, &byte, 1)));
	EXPECT_EQ(-EINVAL, sys(write(self->dev, &byte, 1)));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PG, PROT_READ, MAP_SHARED, self->as, 0));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PG, PROT_READ, MAP_SHARED, self->dev, 0));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(-EINVAL, sys(ftruncate(self->as, 0)));
	EXPECT_EQ(-ENOTDIR, sys(fchdir(self->as)));
}

TEST_F(file, device_node_is_for_everybody)
{
	struct stat st;

	ASSERT_EQ(0, stat(DEVICE, &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(0666, st.st_mode & 07777);
}

TEST_F(file, info_of_device)
{
	struct virt_as_info info;

	ASSERT_EQ(0, as_info(self->dev, &info));
	EXPECT_EQ(VIRT_AS_ABI, info.out_abi);
	EXPECT_EQ(VIRT_AS_FEATURE_ADOPT | VIRT_AS_FEATURE_LOG, info.out_features);
	EXPECT_LT(0, info.out_max_regions);
	EXPECT_LT(0, info.out_max_bindings);
	EXPECT_LT(0, info.out_max_logged_pages);
	EXPECT_LT(0, info.out_max_logs);
	EXPECT_EQ(0, info.out_nr_logs);
	EXPECT_EQ(0, info.out_rights);
	EXPECT_EQ(0, info.out_generation);
	EXPECT_EQ(0, info.out_drained_generation);
	EXPECT_EQ(0, info.out_nr_regions);
	EXPECT_EQ(0, info.out_nr_bindings);
}

TEST_F(file, info_of_new_address_space)
{
	struct virt_as_info dev, info;

	ASSERT_EQ(0, as_info(self->dev, &dev));
	ASSERT_EQ(0, as_info(self->as, &info));
	EXPECT_EQ(dev.out_abi, info.out_abi);
	EXPECT_EQ(dev.out_features, info.out_features);
	EXPECT_EQ(dev.out_max_regions, info.out_max_regions);
	EXPECT_EQ(dev.out_max_bindings, info.out_max_bindings);
	EXPECT_EQ(dev.out_max_logged_pages, info.out_max_logged_pages);
	EXPECT_EQ(dev.out_max_logs, info.out_max_logs);
	EXPECT_EQ(0, info.out_nr_logs);
	EXPECT_EQ(VIRT_AS_RIGHTS, info.out_rights);
	EXPECT_EQ(1, info.out_generation);
	EXPECT_EQ(1, info.out_drained_generation);
	EXPECT_EQ(0, info.out_nr_regions);
	EXPECT_EQ(0, info.out_nr_bindings);
}

static long module_parameter(const char *name)
{
	char path[96], text[32] = {};
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "/sys/module/virt_as/parameters/%s", name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -errno;
	if (read(fd, text, sizeof(text) - 1) <= 0 || fstat(fd, &st)) {
		close(fd);
		return -EIO;
	}
	close(fd);
	return st.st_mode & 0222 ? -EACCES : strtol(text, NULL, 10);
}

TEST_F(file, limits_are_the_read_only_parameters)
{
	struct virt_as_info info;

	ASSERT_EQ(0, as_info(self->dev, &info));
	EXPECT_EQ(module_parameter("max_regions"), info.out_max_regions);
	EXPECT_EQ(module_parameter("max_bindings"), info.out_max_bindings);
	EXPECT_EQ(module_parameter("max_logs"), info.out_max_logs);
	EXPECT_EQ(module_parameter("max_logged_pages"),
		  (long)info.out_max_logged_pages);
}

/* The layout is the same for every architecture and word size. */
TEST(layout)
{
	EXPECT_EQ(8, sizeof(struct virt_as_create));
	EXPECT_EQ(72, sizeof(struct virt_as_info));
	EXPECT_EQ(64, sizeof(struct virt_as_entry));
	EXPECT_EQ(64, sizeof(struct virt_as_commit));
	EXPECT_EQ(32, sizeof(struct virt_as_get_map));
	EXPECT_EQ(16, sizeof(struct virt_as_restrict));
	EXPECT_EQ(16, sizeof(struct virt_as_log_open));
	EXPECT_EQ(24, sizeof(struct virt_as_mark));
	EXPECT_EQ(16, sizeof(struct virt_as_extent));
	EXPECT_EQ(80, sizeof(struct virt_as_harvest));
	EXPECT_EQ(24, sizeof(struct virt_as_extents));
	EXPECT_EQ(40, offsetof(struct virt_as_info, out_generation));
	EXPECT_EQ(16, offsetof(struct virt_as_entry, gpa));
	EXPECT_EQ(64, offsetof(struct virt_as_info, out_max_logs));
	EXPECT_EQ(16, offsetof(struct virt_as_commit, entries));
	EXPECT_EQ(48, offsetof(struct virt_as_commit, extents));
	EXPECT_EQ(40, offsetof(struct virt_as_harvest, buffer));
	EXPECT_EQ(64, offsetof(struct virt_as_harvest, out_next));
	EXPECT_EQ(24, offsetof(struct virt_as_get_map, out_generation));
}

TEST_HARNESS_MAIN
