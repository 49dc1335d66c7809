// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rights: every subset of what an open file may have, and of what a binding may.
 */
#include <linux/anon_inodes.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "file.h"
#include "object.h"
#include "suites.h"
#include "world.h"

#define RW	(VIRT_AS_RIGHT_READ | VIRT_AS_RIGHT_WRITE)

/* Where in the owner's memory the arguments of ioctls are. */
#define ARGUMENT	PAGES(8)
#define ENTRIES		PAGES(9)

/* Kernel threads let go of a file in the background, which this does not wait for. */
static void close_file(void *file)
{
	__fput_sync(file);
}

static struct file *keep(struct kunit *test, int fd)
{
	struct file *file;

	KUNIT_ASSERT_GE(test, fd, 0);
	file = fget(fd);
	close_fd(fd);
	KUNIT_ASSERT_NOT_NULL(test, file);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, close_file, file), 0);
	return file;
}

static struct file *open_file(struct world *world, u32 rights)
{
	return keep(world->test, virt_as_file_open(world->as, rights));
}

static struct world *world_with_memory(struct kunit *test)
{
	struct world *world = world_make(test);
	const struct virt_as_entry map = world_ram(world, 0, 0, 1);

	world_replace(world, &map, 1);
	return world;
}

static long call(struct world *world, struct file *file, unsigned int cmd, void *arg,
		 size_t size)
{
	long result;

	world_put(world, ARGUMENT, arg, size);
	result = file->f_op->unlocked_ioctl(file, cmd, world->hva + ARGUMENT);
	KUNIT_ASSERT_EQ(world->test,
			copy_from_user(arg, (void __user *)(world->hva + ARGUMENT),
				       size), 0);
	return result;
}

static void read_and_write(struct kunit *test)
{
	struct world *world = world_with_memory(test);
	u32 rights;

	for (rights = 0; rights <= VIRT_AS_RIGHTS; rights++) {
		struct file *file = open_file(world, rights);
		u64 word = rights, before = 0x5555, back = 0;
		loff_t at = 0;

		world_put(world, 0, &before, sizeof(before));
		KUNIT_EXPECT_EQ_MSG(test, kernel_write(file, &word, sizeof(word), &at),
				    rights & VIRT_AS_RIGHT_WRITE ? 8 : -EPERM,
				    "rights %#x", rights);
		world_expect(world, 0, rights & VIRT_AS_RIGHT_WRITE ? &word : &before, 8);
		at = 0;
		KUNIT_EXPECT_EQ_MSG(test, kernel_read(file, &back, sizeof(back), &at),
				    rights & VIRT_AS_RIGHT_READ ? 8 : -EPERM,
				    "rights %#x", rights);
	}
}

/* Of all files and all that could be asked for. */
static void binds(struct kunit *test)
{
	struct world *world = world_with_memory(test);
	struct virt_as_binding *binding = kunit_kzalloc(test, sizeof(*binding), GFP_KERNEL);
	u32 rights, wanted, bound = 0;

	KUNIT_ASSERT_NOT_NULL(test, binding);
	for (rights = 0; rights <= VIRT_AS_RIGHTS; rights++) {
		struct file *file = open_file(world, rights);

		for (wanted = 0; wanted <= VIRT_AS_RIGHTS + 1; wanted++) {
			u32 need = wanted | VIRT_AS_RIGHT_BIND;
			int err = need & ~rights ? -EPERM : 0;

			if (wanted & ~RW)
				err = -EINVAL;
			KUNIT_EXPECT_EQ_MSG(test, virt_as_bind_file(file, binding,
								    &world_plain_ops, wanted),
					    err, "%#x of %#x", wanted, rights);
			if (!binding->as)
				continue;
			KUNIT_EXPECT_EQ(test, binding->rights, wanted);
			virt_as_unbind(binding);
			bound++;
		}
	}
	/* The files that may bind: 8 for each of what else they may of the two. */
	KUNIT_EXPECT_EQ(test, bound, 8 * (1 + 2 + 2 + 4));
}

static const struct file_operations other_fops = {};

static void binds_no_other_file(struct kunit *test)
{
	struct world *world = world_make(test);
	struct virt_as_binding *binding = kunit_kzalloc(test, sizeof(*binding), GFP_KERNEL);
	struct file *other;
	int fd;

	KUNIT_ASSERT_NOT_NULL(test, binding);
	other = anon_inode_getfile("[other]", &other_fops, NULL, O_RDWR);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, other);
	KUNIT_EXPECT_EQ(test, virt_as_bind_file(other, binding, &world_plain_ops, 0),
			-EBADFD);
	__fput_sync(other);
	KUNIT_EXPECT_EQ(test, virt_as_bind_fd(-1, binding, &world_plain_ops, 0), -EBADF);

	/* A binding needs no file but to be made. */
	fd = virt_as_file_open(world->as, VIRT_AS_RIGHT_BIND);
	KUNIT_ASSERT_GE(test, fd, 0);
	KUNIT_EXPECT_EQ(test, virt_as_bind_fd(fd, binding, &world_plain_ops, 0), 0);
	keep(test, fd);
	KUNIT_EXPECT_PTR_EQ(test, binding->as, world->as);
	if (binding->as)
		virt_as_unbind(binding);
}

static void restricts(struct kunit *test)
{
	struct world *world = world_with_memory(test);
	struct file *file, *less;
	u32 rights, wanted;
	long fd;

	for (rights = 0; rights <= VIRT_AS_RIGHTS; rights += 3) {
		file = open_file(world, rights);
		for (wanted = 0; wanted <= VIRT_AS_RIGHTS + 1; wanted++) {
			struct virt_as_restrict arg = { .size = sizeof(arg), .rights = wanted };
			struct virt_as_info info = { .size = sizeof(info) };
			int err = wanted & ~rights ? -EPERM : 0;

			if (wanted & ~VIRT_AS_RIGHTS)
				err = -EOPNOTSUPP;
			fd = call(world, file, VIRT_AS_RESTRICT, &arg, sizeof(arg));
			KUNIT_EXPECT_EQ_MSG(test, min(fd, 0L), err, "%#x of %#x",
					    wanted, rights);
			if (fd < 0)
				continue;
			less = keep(test, fd);
			KUNIT_EXPECT_EQ(test, call(world, less, VIRT_AS_INFO, &info,
						   sizeof(info)), 0);
			KUNIT_EXPECT_EQ(test, info.out_rights, wanted);
		}
	}
}

static void commits(struct kunit *test)
{
	struct world *world = world_with_memory(test);
	const struct virt_as_entry map = world_ram(world, 0, 0, 1);
	u64 generation = 2;
	u32 rights, adopt;

	world_put(world, ENTRIES, &map, sizeof(map));
	for (rights = 0; rights <= VIRT_AS_RIGHTS; rights++) {
		struct file *file = open_file(world, rights);

		for (adopt = 0; adopt <= VIRT_AS_COMMIT_ADOPT; adopt += VIRT_AS_COMMIT_ADOPT) {
			struct virt_as_commit arg = {
				.size = sizeof(arg),
				.flags = VIRT_AS_COMMIT_REPLACE | adopt,
				.entries = world->hva + ENTRIES,
				.nr_entries = 1,
			};
			u32 need = VIRT_AS_RIGHT_COMMIT | (adopt ? VIRT_AS_RIGHT_ADOPT : 0);
			int err = need & ~rights ? -EPERM : 0;

			generation += !err;
			KUNIT_EXPECT_EQ_MSG(test, call(world, file, VIRT_AS_COMMIT, &arg,
						       sizeof(arg)),
					    err, "flags %#x rights %#x", arg.flags, rights);
			KUNIT_EXPECT_EQ(test, arg.out_generation, generation);
		}
	}
	KUNIT_EXPECT_EQ(test, generation, 2 + 32 + 16);
	KUNIT_EXPECT_EQ(test, atomic64_read(&world->as->refused), 32 + 48);
}

/* What the sections of a binding may do, by the rights of the binding. */
static void sections(struct kunit *test)
{
	struct world *world = world_with_memory(test);
	struct virt_as_binding *binding = kunit_kzalloc(test, sizeof(*binding), GFP_KERNEL);
	struct virt_as_cache cache = {};
	struct virt_as_section section;
	struct virt_as_segment segment;
	u64 word = 0, before = 0x5555;
	u32 rights;

	KUNIT_ASSERT_NOT_NULL(test, binding);
	world_will_unbind(world, binding);
	for (rights = 0; rights <= RW; rights++) {
		int read = rights & VIRT_AS_RIGHT_READ ? 0 : -EPERM;
		int write = rights & VIRT_AS_RIGHT_WRITE ? 0 : -EPERM;
		struct virt_as_section *s = &section;

		KUNIT_ASSERT_EQ(test, virt_as_bind_file(open_file(world, VIRT_AS_RIGHTS), binding,
							&world_plain_ops, rights), 0);
		world_put(world, 0, &before, sizeof(before));
		KUNIT_ASSERT_EQ(test, virt_as_begin(binding, s), 0);
		KUNIT_EXPECT_EQ(test, virt_as_copy_from(s, &cache, 0, &word, 8), read ?: 8);
		KUNIT_EXPECT_EQ(test, virt_as_load64(s, &cache, 0, &word, VIRT_AS_FULL), read);
		KUNIT_EXPECT_EQ(test, virt_as_translate(s, &cache, 0, 8, &segment, 1), read ?: 1);
		if (!read)
			KUNIT_EXPECT_EQ(test, segment.perms, VIRT_AS_PERM_READ |
					(write ? 0 : VIRT_AS_PERM_WRITE));
		word = before;
		KUNIT_EXPECT_EQ(test, virt_as_cmpxchg64(s, &cache, 0, &word, 1), read ?: write);
		if (read || write)
			world_expect(world, 0, &before, sizeof(before));
		KUNIT_EXPECT_EQ(test, virt_as_copy_to(s, &cache, 0, &word, 8), write ?: 8);
		KUNIT_EXPECT_EQ(test, virt_as_zero(s, &cache, 0, 8), write ?: 8);
		KUNIT_EXPECT_EQ(test, virt_as_store64(s, &cache, 0, 0, VIRT_AS_FULL), write);
		if (write)
			world_expect(world, 0, &before, sizeof(before));
		virt_as_end(s);
		virt_as_unbind(binding);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(read_and_write),
	KUNIT_CASE(binds),
	KUNIT_CASE(binds_no_other_file),
	KUNIT_CASE(restricts),
	KUNIT_CASE(commits),
	KUNIT_CASE(sections),
	{}
};

struct kunit_suite virt_as_rights_suite = {
	.name = "virt_as_rights",
	.test_cases = cases,
};
