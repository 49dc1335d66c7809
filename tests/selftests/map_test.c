// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a map can hold and how it is read back: GET_MAP, limits, big maps,
 * types, aliases, the ends of the gpa space.
 */
#include "common.h"

FIXTURE(map) {
	struct virt_as_info info;
	char *mem;
	int as;
};

FIXTURE_SETUP(map)
{
	self->as = as_create();
	ASSERT_LE(0, self->as);
	ASSERT_EQ(0, as_info(self->as, &self->info));
	self->mem = guest_alloc(64 * PG);
	ASSERT_NE(NULL, self->mem);
	fill(self->mem, 64 * PG, 1);
}

FIXTURE_TEARDOWN(map)
{
	close(self->as);
}

TEST_F(map, get_map_with_too_little_room)
{
	struct virt_as_entry want[3], got[4];
	__u32 nr;

	for (int i = 0; i < 3; i++)
		want[i] = as_ram(i * 2 * PG, PG, self->mem);
	ASSERT_EQ(0, as_replace(self->as, want, 3));
	for (__u32 room = 0; room < 3; room++) {
		memset(got, 0x5a, sizeof(got));
		nr = room;
		EXPECT_EQ(-EMSGSIZE, as_get_map(self->as, got, &nr));
		EXPECT_EQ(3, nr);
		EXPECT_EQ(0x5a, *(unsigned char *)&got[room]);
	}
	nr = 0;
	EXPECT_EQ(-EMSGSIZE, as_get_map(self->as, NULL, &nr));
	EXPECT_EQ(3, nr);
	nr = 4;
	EXPECT_EQ(0, as_get_map(self->as, got, &nr));
	EXPECT_EQ(3, nr);
	/* Nothing is written behind the last region. */
	EXPECT_EQ(0x5a, *(unsigned char *)&got[3]);
	EXPECT_EQ(0x5a, *((unsigned char *)&got[4] - 1));
}

TEST_F(map, get_map_into_bad_memory)
{
	char *page = guest_alloc(2 * PG);
	struct virt_as_entry want[2];
	__u32 nr;

	for (int i = 0; i < 2; i++)
		want[i] = as_ram(i * PG, PG, self->mem);
	ASSERT_EQ(0, as_replace(self->as, want, 2));
	ASSERT_EQ(0, munmap(page + PG, PG));
	nr = 2;
	EXPECT_EQ(-EFAULT, as_get_map(self->as, NULL, &nr));
	nr = 2;
	EXPECT_EQ(-EFAULT, as_get_map(self->as, (void *)(page + PG), &nr));
	nr = 2;
	EXPECT_EQ(-EFAULT,
		  as_get_map(self->as, (void *)(page + PG - sizeof(want[0])), &nr));
	nr = 2;
	EXPECT_EQ(-EFAULT, as_get_map(self->as, (void *)0xffff888000000000UL, &nr));
	ASSERT_EQ(0, mprotect(page, PG, PROT_READ));
	nr = 2;
	EXPECT_EQ(-EFAULT, as_get_map(self->as, (void *)page, &nr));
	/* What is not written need not be there. */
	ASSERT_EQ(0, mprotect(page, PG, PROT_READ | PROT_WRITE));
	nr = 1U << 30;
	EXPECT_EQ(0, as_get_map(self->as, (void *)(page + PG - sizeof(want)), &nr));
	EXPECT_EQ(2, nr);
}

TEST_F(map, unreadable_entries)
{
	char *page = guest_alloc(2 * PG);
	struct virt_as_entry *e = (void *)(page + PG - sizeof(*e));

	ASSERT_EQ(0, munmap(page + PG, PG));
	*e = as_ram(0, PG, self->mem);
	EXPECT_EQ(0, as_replace(self->as, e, 1));
	for (int i = 0; i < 2; i++) {
		__u32 flags = i ? VIRT_AS_COMMIT_REPLACE : 0;

		EXPECT_REFUSED(EFAULT, VIRT_AS_NO_INDEX, self->as, flags, 0, e, 2);
		EXPECT_REFUSED(EFAULT, VIRT_AS_NO_INDEX, self->as, flags, 0, e + 1, 1);
		EXPECT_REFUSED(EFAULT, VIRT_AS_NO_INDEX, self->as, flags, 0, NULL, 1);
		EXPECT_REFUSED(EFAULT, VIRT_AS_NO_INDEX, self->as, flags, 0,
			       (void *)0xffff888000000000UL, 1);
		EXPECT_REFUSED(EFAULT, VIRT_AS_NO_INDEX, self->as, flags, 0,
			       (void *)(~0UL - 31), 1);
	}
}

TEST_F(map, too_many_entries)
{
	__u32 max = self->info.out_max_regions;

	EXPECT_REFUSED(ENOSPC, ANY_INDEX, self->as, VIRT_AS_COMMIT_REPLACE, 0,
		       NULL, max + 1);
	EXPECT_REFUSED(ENOSPC, ANY_INDEX, self->as, VIRT_AS_COMMIT_REPLACE, 0,
		       NULL, ~0U);
	EXPECT_REFUSED(ENOSPC, ANY_INDEX, self->as, 0, 0, NULL, 2 * max + 1);
	EXPECT_REFUSED(ENOSPC, ANY_INDEX, self->as, 0, 0, NULL, ~0U);
	EXPECT_REFUSED(EFAULT, ANY_INDEX, self->as, VIRT_AS_COMMIT_REPLACE, 0,
		       NULL, max);
	EXPECT_REFUSED(EFAULT, ANY_INDEX, self->as, 0, 0, NULL, 2 * max);
}

TEST_F(map, empty)
{
	struct virt_as_entry e = as_ram(0, PG, self->mem);
	__u32 nr = 1;

	EXPECT_EQ(0, as_get_map(self->as, &e, &nr));
	EXPECT_EQ(0, nr);
	EXPECT_EQ(-ENOENT, as_peek(self->as, 0));
	EXPECT_EQ(0, as_replace(self->as, &e, 1));
	EXPECT_EQ(1, as_peek(self->as, 0) >= 0);
	EXPECT_EQ(0, as_replace(self->as, NULL, 0));
	EXPECT_EQ(-ENOENT, as_peek(self->as, 0));
	nr = 0;
	EXPECT_EQ(0, as_get_map(self->as, NULL, &nr));
	EXPECT_EQ(0, nr);
	EXPECT_EQ(0, as_change(self->as, NULL, 0));
	EXPECT_EQ(4, as_generation(self->as));
}

TEST_F(map, get_map_is_sorted_and_complete)
{
	struct virt_as_entry want[] = {
		as_add(0, 2 * PG, self->mem, VIRT_AS_TYPE_RAM, RW),
		as_add(2 * PG, PG, self->mem + 8 * PG, VIRT_AS_TYPE_RAM, RO),
		as_add(0x100000, PG, self->mem + 4 * PG, VIRT_AS_TYPE_DEVICE, RW),
		as_add(0x200000, 9 * PG, NULL, VIRT_AS_TYPE_NOHVA, RO),
		as_add(1ULL << 40, PG, self->mem, VIRT_AS_TYPE_DEVICE, RO),
	};
	struct virt_as_entry shuffled[] = {
		want[3], want[0], want[4], want[2], want[1],
	};
	struct virt_as_get_map get = { .size = sizeof(get), .nr_entries = 5 };
	struct virt_as_entry got[5];

	ASSERT_EQ(0, as_replace(self->as, shuffled, 5));
	get.entries = (uintptr_t)got;
	ASSERT_EQ(0, as_ioctl(self->as, VIRT_AS_GET_MAP, &get));
	EXPECT_EQ(5, get.nr_entries);
	EXPECT_EQ(2, get.out_generation);
	for (int i = 0; i < 5; i++) {
		EXPECT_TRUE(same_region(&want[i], &got[i]))
			TH_LOG("region %d", i);
		EXPECT_EQ(0, got[i].__reserved[0] | got[i].__reserved[1]);
	}
	ASSERT_EQ(0, as_info(self->as, &self->info));
	EXPECT_EQ(5, self->info.out_nr_regions);
}

TEST_F(map, get_map_can_be_given_back)
{
	struct virt_as_entry first[] = {
		as_add(0, 2 * PG, self->mem, VIRT_AS_TYPE_RAM, RW),
		as_add(0x100000, PG, self->mem + 4 * PG, VIRT_AS_TYPE_DEVICE, RO),
		as_add(0x200000, 9 * PG, NULL, VIRT_AS_TYPE_NOHVA, RW),
	};
	struct virt_as_entry a[3], b[3];
	__u32 nr = 3;

	first[0].flags = VIRT_AS_ENTRY_CLEAN;
	ASSERT_EQ(0, as_replace(self->as, first, 3));
	ASSERT_EQ(0, as_get_map(self->as, a, &nr));
	ASSERT_EQ(0, as_replace(self->as, a, 3));
	ASSERT_EQ(0, as_get_map(self->as, b, &nr));
	EXPECT_EQ(0, memcmp(a, b, sizeof(a)));
	EXPECT_EQ(3, as_generation(self->as));
}

TEST_F(map, ends_of_the_gpa_space)
{
	struct virt_as_entry top = as_ram(-PG, PG, self->mem);
	struct virt_as_entry all = as_add(0, -PG, NULL, VIRT_AS_TYPE_NOHVA, RW);
	struct virt_as_entry both[] = { all, top };
	struct virt_as_entry got[2];
	__u32 nr = 2;

	EXPECT_EQ(0, as_replace(self->as, &top, 1));
	EXPECT_EQ(0, as_replace(self->as, both, 2));
	EXPECT_EQ(0, as_get_map(self->as, got, &nr));
	EXPECT_EQ(2, nr);
	EXPECT_TRUE(same_region(&all, &got[0]));
	EXPECT_TRUE(same_region(&top, &got[1]));
	EXPECT_EQ(-ENXIO, as_peek(self->as, 0));
	EXPECT_EQ(-ENXIO, as_peek(self->as, (1ULL << 63) - PG));
	all = as_move(-PG, PG, -PG);
	EXPECT_EQ(0, as_change(self->as, &all, 1));
}

TEST_F(map, logged_pages)
{
	__u64 max = self->info.out_max_logged_pages;
	__u64 len = max * PG;
	__u64 there = 1ULL << 45;
	struct virt_as_entry e[3];

	/* Nothing is mapped there, and nothing need be. */
	ASSERT_LT(len, 1ULL << 46);
	e[0] = as_ram(0, len + PG, (void *)there);
	EXPECT_REFUSED(EDQUOT, ANY_INDEX, self->as, 0, 0, e, 1);
	EXPECT_REFUSED(EDQUOT, ANY_INDEX, self->as, VIRT_AS_COMMIT_REPLACE, 0, e, 1);
	EXPECT_REFUSED(EDQUOT, ANY_INDEX, self->as, VIRT_AS_COMMIT_TRY, 0, e, 1);
	e[0] = as_add(0, len + PG, (void *)there, VIRT_AS_TYPE_RAM, RO);
	EXPECT_REFUSED(EDQUOT, ANY_INDEX, self->as, 0, 0, e, 1);

	/* It is the sum that counts, aliases included. */
	e[0] = as_ram(0, len, (void *)there);
	EXPECT_EQ(0, as_replace(self->as, e, 1));
	e[1] = as_ram(len, PG, (void *)there);
	EXPECT_REFUSED(EDQUOT, ANY_INDEX, self->as, 0, 0, e + 1, 1);
	EXPECT_REFUSED(EDQUOT, ANY_INDEX, self->as, VIRT_AS_COMMIT_REPLACE, 0, e, 2);

	/* These are not logged. */
	e[1] = as_add(len, len, (void *)there, VIRT_AS_TYPE_DEVICE, RW);
	e[2] = as_add(2 * len, 1ULL << 60, NULL, VIRT_AS_TYPE_NOHVA, RW);
	EXPECT_EQ(0, as_change(self->as, e + 1, 2));
	EXPECT_EQ((long long)max, fdinfo_number(self->as, "virt_as-logged-pages"));

	/* What leaves in the same commit no longer counts. */
	e[0] = as_remove(0, len);
	e[1] = as_ram(1ULL << 62, len, (void *)there);
	EXPECT_EQ(0, as_change(self->as, e, 2));
}

TEST_F(map, types)
{
	struct virt_as_entry e[] = {
		as_add(0, PG, self->mem, VIRT_AS_TYPE_RAM, RW),
		as_add(PG, PG, self->mem + PG, VIRT_AS_TYPE_RAM, RO),
		as_add(2 * PG, PG, self->mem + 2 * PG, VIRT_AS_TYPE_DEVICE, RW),
		as_add(3 * PG, PG, self->mem + 3 * PG, VIRT_AS_TYPE_DEVICE, RO),
		as_add(4 * PG, PG, NULL, VIRT_AS_TYPE_NOHVA, RW),
		as_add(5 * PG, PG, NULL, VIRT_AS_TYPE_NOHVA, RO),
	};
	static const long reads[] = { 8, 8, 8, 8, -ENXIO, -ENXIO };
	static const long writes[] = { 8, -EACCES, 8, -EACCES, -ENXIO };
	__u64 value;

	ASSERT_EQ(0, as_replace(self->as, e, ARRAY_SIZE(e)));
	for (size_t i = 0; i < ARRAY_SIZE(reads); i++) {
		EXPECT_EQ(reads[i], as_pread(self->as, &value, 8, i * PG + 16))
			TH_LOG("type %zu", i);
		EXPECT_TRUE(reads[i] < 0 ||
			    !memcmp(&value, self->mem + i * PG + 16, 8));
	}
	value = 0x1122334455667788;
	for (size_t i = 0; i < ARRAY_SIZE(writes); i++) {
		EXPECT_EQ(writes[i], as_pwrite(self->as, &value, 8, i * PG + 24))
			TH_LOG("type %zu", i);
		EXPECT_EQ(writes[i] > 0,
			  !memcmp(&value, self->mem + i * PG + 24, 8));
	}
}

/* The firmware's ROM is hardware that every PC has. */
TEST_F(map, real_device_memory)
{
	int fd = open("/dev/mem", O_RDONLY);
	unsigned char buf[256];
	struct virt_as_entry e;
	unsigned char *rom;
	pid_t child;

	ASSERT_LE(0, fd);
	rom = mmap(NULL, PG, PROT_READ, MAP_SHARED, fd, 0xff000);
	ASSERT_NE(MAP_FAILED, rom);
	e = as_add(0xff000, PG, rom, VIRT_AS_TYPE_DEVICE, RO);
	ASSERT_EQ(0, as_replace(self->as, &e, 1));
	EXPECT_EQ(sizeof(buf), as_pread(self->as, buf, sizeof(buf), 0xfff00));
	EXPECT_EQ(0, memcmp(buf, rom + 0xf00, sizeof(buf)));
	/* The reset vector jumps, so these are no zeros. */
	EXPECT_NE(0, buf[0xf0]);
	EXPECT_EQ(-EACCES, as_pwrite(self->as, buf, 1, 0xff000));

	/* Hardware is not made of pages; another process gets at it all the same. */
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		unsigned char again[sizeof(buf)] = {};

		munmap(rom, PG);
		EXPECT_EQ(sizeof(again),
			  as_pread(self->as, again, sizeof(again), 0xfff00));
		EXPECT_EQ(0, memcmp(buf, again, sizeof(again)));
		_exit(0);
	}
	EXPECT_EQ(0, child_status(child));
	close(fd);
}

TEST_F(map, aliases)
{
	struct virt_as_entry e[] = {
		as_ram(0, 4 * PG, self->mem),
		as_ram(0x100000, 4 * PG, self->mem),		/* all of it */
		as_ram(0x200000, 4 * PG, self->mem + 2 * PG),	/* its tail */
		as_add(0x300000, PG, self->mem + PG, VIRT_AS_TYPE_RAM, RO),
		as_ram(0x400000, PG, self->mem + 16 * PG),	/* no alias */
		as_add(0x500000, 4 * PG, NULL, VIRT_AS_TYPE_NOHVA, RW),
		as_add(0x600000, 4 * PG, NULL, VIRT_AS_TYPE_NOHVA, RW),
	};

	ASSERT_EQ(0, as_replace(self->as, e, ARRAY_SIZE(e)));
	EXPECT_EQ(4, fdinfo_number(self->as, "virt_as-aliases"));

	EXPECT_EQ(4, as_pwrite(self->as, "abcd", 4, PG + 8));
	EXPECT_EQ('a', as_peek(self->as, 0x100000 + PG + 8));
	EXPECT_EQ('a', as_peek(self->as, 0x300000 + 8));
	EXPECT_EQ('a', self->mem[PG + 8]);
	EXPECT_EQ(4, as_pwrite(self->as, "efgh", 4, 0x200000 + 8));
	EXPECT_EQ('h', as_peek(self->as, 2 * PG + 11));
	EXPECT_EQ('h', as_peek(self->as, 0x100000 + 2 * PG + 11));
	EXPECT_EQ(-EACCES, as_pwrite(self->as, "x", 1, 0x300000));

	e[0] = as_remove(0x100000, 4 * PG);
	e[1] = as_remove(0x300000, PG);
	e[2] = as_remove(0x200000, 4 * PG);
	ASSERT_EQ(0, as_change(self->as, e, 2));
	EXPECT_EQ(2, fdinfo_number(self->as, "virt_as-aliases"));
	ASSERT_EQ(0, as_change(self->as, e + 2, 1));
	EXPECT_EQ(0, fdinfo_number(self->as, "virt_as-aliases"));
}

/* Neighbours in hva share nothing. */
TEST_F(map, adjacent_hvas_are_no_aliases)
{
	struct virt_as_entry e[8];

	for (int i = 0; i < 8; i++)
		e[i] = as_ram(i * 0x100000ULL, PG, self->mem + (7 - i) * PG);
	ASSERT_EQ(0, as_replace(self->as, e, 8));
	EXPECT_EQ(0, fdinfo_number(self->as, "virt_as-aliases"));
}

FIXTURE(big) {
	unsigned char *mem;
	int as;
};

FIXTURE_VARIANT(big) {
	__u32 nr;	/* 0: as many as there may be */
};

FIXTURE_VARIANT_ADD(big, page_of_entries) {
	.nr = 64,
};

FIXTURE_VARIANT_ADD(big, r4096) {
	.nr = 4096,
};

FIXTURE_VARIANT_ADD(big, limit) {
};

#define BIG_PAGES	256

FIXTURE_SETUP(big)
{
	self->as = as_create();
	ASSERT_LE(0, self->as);
	self->mem = guest_alloc(BIG_PAGES * PG);
	ASSERT_NE(NULL, self->mem);
	for (int i = 0; i < BIG_PAGES; i++)
		self->mem[i * PG] = i;
}

FIXTURE_TEARDOWN(big)
{
	close(self->as);
}

static __u64 big_gpa(__u32 i)
{
	return (__u64)i * 3 * PG + (i % 7 == 0 ? PG : 0);
}

TEST_F_TIMEOUT(big, map, 120)
{
	struct virt_as_entry *want, *got, one;
	struct virt_as_info info;
	__u32 nr, back;

	ASSERT_EQ(0, as_info(self->as, &info));
	nr = variant->nr ?: info.out_max_regions;
	want = calloc(nr, sizeof(*want));
	got = calloc(nr, sizeof(*got));
	/* An order that is neither of gpas nor its reverse. */
	for (__u32 i = 0; i < nr; i++) {
		__u32 j = (__u64)i * 10007 % nr;

		want[i] = as_ram(big_gpa(j), PG, self->mem + j % BIG_PAGES * PG);
	}
	ASSERT_EQ(0, as_replace(self->as, want, nr));
	back = nr;
	ASSERT_EQ(0, as_get_map(self->as, got, &back));
	ASSERT_EQ(nr, back);
	for (__u32 i = 0; i < nr; i++) {
		one = as_ram(big_gpa(i), PG, self->mem + i % BIG_PAGES * PG);
		ASSERT_TRUE(same_region(&one, &got[i]))
			TH_LOG("region %u", i);
	}
	for (__u32 i = 0; i < nr; i += 1 + nr / 509) {
		ASSERT_EQ(i % BIG_PAGES, as_peek(self->as, big_gpa(i)))
			TH_LOG("region %u", i);
		ASSERT_EQ(-ENOENT, as_peek(self->as, big_gpa(i) + PG));
	}
	EXPECT_EQ(nr - 1, (__u32)(got[nr - 1].gpa / (3 * PG)));

	/* As it comes from GET_MAP, in order. */
	ASSERT_EQ(0, as_replace(self->as, got, nr));

	/* One wrong entry among many. */
	want[nr - 1].gpa = want[nr / 2].gpa;
	EXPECT_REFUSED(EEXIST, nr - 1, self->as, VIRT_AS_COMMIT_REPLACE, 0, want,
		       nr);

	one = as_ram(big_gpa(nr + 1), PG, self->mem);
	EXPECT_STREQ("", variant->nr ? "" : as_refused(self->as, ENOSPC,
						       ANY_INDEX, 0, 0, &one, 1));
	EXPECT_EQ(variant->nr ? 0 : -ENOSPC, as_change(self->as, &one, 1));

	/* All out and others in, in one commit of twice as many changes. */
	free(want);
	want = calloc(2 * nr, sizeof(*want));
	for (__u32 i = 0; i < nr; i++) {
		want[2 * i] = as_ram((1ULL << 40) + i * PG, PG, self->mem);
		want[2 * i + 1] = as_remove(got[nr - 1 - i].gpa, PG);
	}
	EXPECT_EQ(0, as_change(self->as, want, 2 * nr));
	EXPECT_EQ(-ENOENT, as_peek(self->as, big_gpa(0)));
	EXPECT_EQ(0, as_peek(self->as, (1ULL << 40) + (nr - 1) * PG));
	EXPECT_EQ(nr + !!variant->nr,
		  fdinfo_number(self->as, "virt_as-regions"));
	free(want);
	free(got);
}

TEST_HARNESS_MAIN
