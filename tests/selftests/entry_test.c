// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entries that are wrong in themselves, one cause at a time: the errno, the
 * index, and that nothing has changed. In change lists, whole maps and trials,
 * and wherever in the list the wrong entry stands.
 */
#include "common.h"

#define NR_GOOD		4
#define BASE_GPA	0x100000ULL

FIXTURE(entry) {
	struct virt_as_entry list[NR_GOOD + 1];
	char *mem;
	int as;
};

FIXTURE_VARIANT(entry) {
	__u32 flags;
	__u32 at;
};

FIXTURE_VARIANT_ADD(entry, change_first) {
};

FIXTURE_VARIANT_ADD(entry, change_middle) {
	.at = NR_GOOD / 2,
};

FIXTURE_VARIANT_ADD(entry, change_last) {
	.at = NR_GOOD,
};

FIXTURE_VARIANT_ADD(entry, replace_first) {
	.flags = VIRT_AS_COMMIT_REPLACE,
};

FIXTURE_VARIANT_ADD(entry, replace_last) {
	.flags = VIRT_AS_COMMIT_REPLACE,
	.at = NR_GOOD,
};

FIXTURE_VARIANT_ADD(entry, try_change) {
	.flags = VIRT_AS_COMMIT_TRY,
	.at = NR_GOOD / 2,
};

FIXTURE_VARIANT_ADD(entry, try_replace_nowait) {
	.flags = VIRT_AS_COMMIT_TRY | VIRT_AS_COMMIT_REPLACE |
		 VIRT_AS_COMMIT_NOWAIT,
	.at = 1,
};

/* Two regions from BASE_GPA on; good entries at gpas of their own. */
FIXTURE_SETUP(entry)
{
	struct virt_as_entry base[2];

	self->as = as_create();
	ASSERT_LE(0, self->as);
	self->mem = guest_alloc(64 * PG);
	ASSERT_NE(NULL, self->mem);
	fill(self->mem, 64 * PG, 1);
	base[0] = as_ram(BASE_GPA, 4 * PG, self->mem);
	base[1] = as_ram(BASE_GPA + 16 * PG, 4 * PG, self->mem + 4 * PG);
	ASSERT_EQ(0, as_replace(self->as, base, 2));
	for (int i = 0; i <= NR_GOOD; i++)
		self->list[i] = as_ram(0x40000000 + i * 0x100000ULL, 2 * PG,
				       self->mem + (32 + 2 * i) * PG);
}

FIXTURE_TEARDOWN(entry)
{
	close(self->as);
}

static const char *bad(const struct _test_data_entry *self,
		       const struct _fixture_variant_entry *variant, int error,
		       struct virt_as_entry entry)
{
	struct virt_as_entry list[NR_GOOD + 1];

	memcpy(list, self->list, sizeof(list));
	list[variant->at] = entry;
	return as_refused(self->as, error, variant->at, variant->flags, 0, list,
			  NR_GOOD + 1);
}

#define EXPECT_BAD(error, entry)					\
	EXPECT_STREQ("", bad(self, variant, error, entry))

/* The denominator: what all the tests here start from is a good commit. */
TEST_F(entry, good)
{
	EXPECT_EQ(0, as_commit(self->as, variant->flags, 0, self->list,
			       NR_GOOD + 1, NULL));
}

TEST_F(entry, unknown_op)
{
	struct virt_as_entry e = self->list[0];

	e.op = VIRT_AS_OP_PROTECT + 1;
	EXPECT_BAD(EOPNOTSUPP, e);
	e.op = 0x80000000;
	EXPECT_BAD(EOPNOTSUPP, e);
	e.op = ~0U;
	EXPECT_BAD(EOPNOTSUPP, e);
}

TEST_F(entry, unknown_type)
{
	struct virt_as_entry e = self->list[0];

	e.type = VIRT_AS_TYPE_NOHVA + 1;
	EXPECT_BAD(EOPNOTSUPP, e);
	e.type = 0x100;
	EXPECT_BAD(EOPNOTSUPP, e);
	e.type = 0x10000;
	EXPECT_BAD(EOPNOTSUPP, e);
	e.type = ~0U;
	EXPECT_BAD(EOPNOTSUPP, e);
}

TEST_F(entry, unknown_perms)
{
	for (int bit = 2; bit < 32; bit++) {
		struct virt_as_entry e = self->list[0];

		e.perms |= 1U << bit;
		EXPECT_BAD(EOPNOTSUPP, e)
			TH_LOG("bit %d", bit);
	}
}

TEST_F(entry, unknown_flags)
{
	for (int bit = 1; bit < 32; bit++) {
		struct virt_as_entry e = self->list[0];

		e.flags |= 1U << bit;
		EXPECT_BAD(EOPNOTSUPP, e)
			TH_LOG("bit %d", bit);
	}
}

/* An unknown flag is not taken for a wrong value, so that it can be probed. */
TEST_F(entry, unknown_comes_before_invalid)
{
	struct virt_as_entry e = self->list[0];

	e.flags = 2;
	e.gpa = 1;
	e.len = 0;
	e.__reserved[0] = 1;
	EXPECT_BAD(EOPNOTSUPP, e);
}

TEST_F(entry, no_read_permission)
{
	struct virt_as_entry e = self->list[0];

	e.perms = 0;
	EXPECT_BAD(EINVAL, e);
	e.perms = VIRT_AS_PERM_WRITE;
	EXPECT_BAD(EINVAL, e);
	EXPECT_BAD(EINVAL, as_protect(BASE_GPA, 4 * PG, 0));
	EXPECT_BAD(EINVAL, as_protect(BASE_GPA, 4 * PG, VIRT_AS_PERM_WRITE));
}

TEST_F(entry, reserved)
{
	for (int i = 0; i < 2; i++) {
		for (int bit = 0; bit < 64; bit += 9) {
			struct virt_as_entry e = self->list[0];

			e.__reserved[i] = 1ULL << bit;
			EXPECT_BAD(EINVAL, e)
				TH_LOG("field %d bit %d", i, bit);
		}
	}
}

TEST_F(entry, unused_by_add)
{
	struct virt_as_entry e = self->list[0];

	e.new_gpa = 0x80000000;
	EXPECT_BAD(EINVAL, e);
	e = as_add(0x50000000, PG, self->mem, VIRT_AS_TYPE_NOHVA, RW);
	EXPECT_BAD(EINVAL, e);
}

TEST_F(entry, unused_by_remove)
{
	struct virt_as_entry e, good = as_remove(BASE_GPA, 4 * PG);

	e = good;
	e.type = VIRT_AS_TYPE_DEVICE;
	EXPECT_BAD(EINVAL, e);
	e = good;
	e.perms = VIRT_AS_PERM_READ;
	EXPECT_BAD(EINVAL, e);
	e = good;
	e.flags = VIRT_AS_ENTRY_CLEAN;
	EXPECT_BAD(EINVAL, e);
	e = good;
	e.hva = (uintptr_t)self->mem;
	EXPECT_BAD(EINVAL, e);
	e = good;
	e.new_gpa = 0x80000000;
	EXPECT_BAD(EINVAL, e);
	e = good;
	e.__reserved[1] = 1;
	EXPECT_BAD(EINVAL, e);
}

TEST_F(entry, unused_by_move)
{
	struct virt_as_entry e, good = as_move(BASE_GPA, 4 * PG, 0x80000000);

	e = good;
	e.type = VIRT_AS_TYPE_DEVICE;
	EXPECT_BAD(EINVAL, e);
	e = good;
	e.perms = VIRT_AS_PERM_READ;
	EXPECT_BAD(EINVAL, e);
	e = good;
	e.hva = (uintptr_t)self->mem;
	EXPECT_BAD(EINVAL, e);
	e = good;
	e.__reserved[0] = 1;
	EXPECT_BAD(EINVAL, e);
}

TEST_F(entry, unused_by_protect)
{
	struct virt_as_entry e, good = as_protect(BASE_GPA, 4 * PG, RO);

	e = good;
	e.type = VIRT_AS_TYPE_DEVICE;
	EXPECT_BAD(EINVAL, e);
	e = good;
	e.hva = (uintptr_t)self->mem;
	EXPECT_BAD(EINVAL, e);
	e = good;
	e.new_gpa = 0x80000000;
	EXPECT_BAD(EINVAL, e);
	e = good;
	e.__reserved[0] = 1;
	EXPECT_BAD(EINVAL, e);
}

TEST_F(entry, unaligned)
{
	static const __u64 off[] = { 1, 8, 0x200, 0xfff };

	for (size_t i = 0; i < ARRAY_SIZE(off); i++) {
		struct virt_as_entry e = self->list[0];

		e.gpa += off[i];
		EXPECT_BAD(EINVAL, e);
		e = self->list[0];
		e.len += off[i];
		EXPECT_BAD(EINVAL, e);
		e = self->list[0];
		e.hva += off[i];
		EXPECT_BAD(EINVAL, e);
		EXPECT_BAD(EINVAL, as_remove(BASE_GPA + off[i], 4 * PG));
		EXPECT_BAD(EINVAL, as_remove(BASE_GPA, 4 * PG - off[i]));
		EXPECT_BAD(EINVAL, as_move(BASE_GPA, 4 * PG, off[i]));
	}
}

TEST_F(entry, no_length)
{
	struct virt_as_entry e = self->list[0];

	e.len = 0;
	EXPECT_BAD(EINVAL, e);
	EXPECT_BAD(EINVAL, as_remove(BASE_GPA, 0));
	EXPECT_BAD(EINVAL, as_move(BASE_GPA, 0, 0));
	EXPECT_BAD(EINVAL, as_protect(BASE_GPA, 0, RO));
}

TEST_F(entry, gpa_overflow)
{
	struct virt_as_entry e = self->list[0];

	e.gpa = -PG;
	e.len = 2 * PG;
	EXPECT_BAD(EOVERFLOW, e);
	e.gpa = 2 * PG;
	e.len = -PG;
	EXPECT_BAD(EOVERFLOW, e);
	e.gpa = 1ULL << 63;
	e.len = (1ULL << 63) + PG;
	EXPECT_BAD(EOVERFLOW, e);
	e = as_add(-2 * PG, 3 * PG, NULL, VIRT_AS_TYPE_NOHVA, RW);
	EXPECT_BAD(EOVERFLOW, e);
}

TEST_F(entry, new_gpa_overflow)
{
	if (variant->flags & VIRT_AS_COMMIT_REPLACE)
		return;
	EXPECT_BAD(EOVERFLOW, as_move(BASE_GPA, 4 * PG, -PG));
	EXPECT_BAD(EOVERFLOW, as_move(BASE_GPA, 4 * PG, -3 * PG));
}

TEST_F(entry, hva_overflow)
{
	struct virt_as_entry e = self->list[0];

	e.hva = -PG;
	e.len = 2 * PG;
	EXPECT_BAD(EOVERFLOW, e);
	e.hva = (uintptr_t)self->mem;
	e.gpa = 0;
	e.len = -PG;
	EXPECT_BAD(EOVERFLOW, e);
}

/* With 5-level page tables a program may map above 47 bits if it asks to. */
static __u64 user_end(void)
{
	void *hint = (void *)(1ULL << 50);
	void *mem = mmap(hint, PG, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool high = mem != MAP_FAILED && (uintptr_t)mem >= 1ULL << 47;

	if (mem != MAP_FAILED)
		munmap(mem, PG);
	return (1ULL << (high ? 56 : 47)) - PG;
}

TEST_F(entry, no_user_address)
{
	__u64 end = user_end();
	__u64 hva[] = {
		end,				/* the guard page */
		end + PG,			/* the first non-canonical */
		1ULL << 62,
		1ULL << 63,
		0xffff888000000000ULL,		/* the kernel's direct map */
		0xffffffff81000000ULL,		/* its text */
		-2 * PG,
		(uintptr_t)self->mem | 1ULL << 57,	/* tagged */
		(uintptr_t)self->mem | 1ULL << 62,
		(uintptr_t)self->mem | 1ULL << 63,
	};

	for (size_t i = 0; i < ARRAY_SIZE(hva); i++) {
		struct virt_as_entry e = self->list[0];

		e.len = PG;
		e.hva = hva[i];
		EXPECT_BAD(EFAULT, e)
			TH_LOG("hva %#llx", hva[i]);
		e.type = VIRT_AS_TYPE_DEVICE;
		EXPECT_BAD(EFAULT, e)
			TH_LOG("device, hva %#llx", hva[i]);
	}
}

TEST_F(entry, straddles_end_of_user_memory)
{
	__u64 end = user_end();
	struct virt_as_entry e = self->list[0];

	e.hva = end - PG;
	e.len = 2 * PG;
	EXPECT_BAD(ERANGE, e);
	e.hva = end - 4 * PG;
	e.len = 5 * PG;
	EXPECT_BAD(ERANGE, e);
	e.hva = (uintptr_t)self->mem;
	e.len = end - e.hva + PG;
	EXPECT_BAD(ERANGE, e);
	/* The last page is one. */
	e.hva = end - PG;
	e.len = PG;
	EXPECT_EQ(0, as_commit(self->as, variant->flags, 0, &e, 1, NULL));
}

TEST_F(entry, whole_map_has_only_adds)
{
	if (!(variant->flags & VIRT_AS_COMMIT_REPLACE))
		return;
	EXPECT_BAD(EINVAL, as_remove(BASE_GPA, 4 * PG));
	EXPECT_BAD(EINVAL, as_move(BASE_GPA, 4 * PG, 0));
	EXPECT_BAD(EINVAL, as_protect(BASE_GPA, 4 * PG, RO));
}

TEST_F(entry, no_such_region)
{
	struct { __u64 gpa, len; } no[] = {
		{ BASE_GPA - PG, PG },			/* before all */
		{ BASE_GPA + 8 * PG, PG },		/* in a hole */
		{ BASE_GPA + 20 * PG, 4 * PG },		/* behind all */
		{ BASE_GPA, 3 * PG },			/* a head */
		{ BASE_GPA, 5 * PG },			/* more than all */
		{ BASE_GPA + PG, 3 * PG },		/* a tail */
		{ BASE_GPA + PG, PG },			/* a middle */
		{ BASE_GPA - PG, 5 * PG },
		{ BASE_GPA, 20 * PG },			/* two and the hole */
		{ -PG, PG },
		{ 0x40000000, 2 * PG },			/* what this commit adds */
	};

	if (variant->flags & VIRT_AS_COMMIT_REPLACE)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		EXPECT_BAD(ENOENT, as_remove(no[i].gpa, no[i].len))
			TH_LOG("case %zu", i);
		EXPECT_BAD(ENOENT, as_move(no[i].gpa, no[i].len, 0))
			TH_LOG("case %zu", i);
		EXPECT_BAD(ENOENT, as_protect(no[i].gpa, no[i].len, RO))
			TH_LOG("case %zu", i);
	}
}

/* Overlap with another entry: the later of the two is to blame. */
TEST_F(entry, overlap_with_entry)
{
	const struct virt_as_entry *other = &self->list[variant->at ? 0 : 1];
	__u32 later = variant->at ?: 1;
	struct { __s64 from, len; } at[] = {
		{ 0, 2 }, { 0, 1 }, { 1, 1 }, { -1, 2 }, { 1, 2 }, { -1, 4 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		struct virt_as_entry list[NR_GOOD + 1];

		memcpy(list, self->list, sizeof(list));
		list[variant->at].gpa = other->gpa + at[i].from * PG;
		list[variant->at].len = at[i].len * PG;
		EXPECT_REFUSED(EEXIST, later, self->as, variant->flags, 0, list,
			       NR_GOOD + 1)
			TH_LOG("case %zu", i);
	}
}

TEST_F(entry, overlap_with_map)
{
	struct { __s64 from, len; } at[] = {
		{ 0, 4 },	/* identical */
		{ 0, 1 },	/* first page */
		{ 3, 1 },	/* last page */
		{ 1, 2 },	/* nested */
		{ -1, 2 },	/* across the head */
		{ 3, 2 },	/* across the tail */
		{ -1, 6 },	/* around */
		{ -1, 40 },	/* around both */
		{ 19, 1 },	/* last page of the second */
	};

	if (variant->flags & VIRT_AS_COMMIT_REPLACE)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		EXPECT_BAD(EEXIST, as_ram(BASE_GPA + at[i].from * PG,
					  at[i].len * PG, self->mem))
			TH_LOG("case %zu", i);
		EXPECT_BAD(EEXIST, as_add(BASE_GPA + at[i].from * PG,
					  at[i].len * PG, NULL,
					  VIRT_AS_TYPE_NOHVA, RW))
			TH_LOG("case %zu", i);
	}
}

TEST_F(entry, move_onto_others)
{
	if (variant->flags & VIRT_AS_COMMIT_REPLACE)
		return;
	EXPECT_BAD(EEXIST, as_move(BASE_GPA, 4 * PG, BASE_GPA + 13 * PG));
	EXPECT_BAD(EEXIST, as_move(BASE_GPA, 4 * PG, BASE_GPA + 16 * PG));
	EXPECT_BAD(EEXIST, as_move(BASE_GPA, 4 * PG, BASE_GPA + 19 * PG));
}

TEST_F(entry, adjacent_is_no_overlap)
{
	struct virt_as_entry around[] = {
		as_ram(BASE_GPA - PG, PG, self->mem),
		as_ram(BASE_GPA + 4 * PG, 12 * PG, self->mem),
		as_ram(BASE_GPA + 20 * PG, PG, self->mem),
	};

	EXPECT_EQ(0, as_commit(self->as, variant->flags, 0, around, 3, NULL));
}

FIXTURE(named) {
	struct virt_as_entry first;
	char *mem;
	int as;
};

FIXTURE_VARIANT(named) {
	__u32 op;
};

FIXTURE_VARIANT_ADD(named, removed) {
	.op = VIRT_AS_OP_REMOVE,
};

FIXTURE_VARIANT_ADD(named, moved) {
	.op = VIRT_AS_OP_MOVE,
};

FIXTURE_VARIANT_ADD(named, protected) {
	.op = VIRT_AS_OP_PROTECT,
};

FIXTURE_SETUP(named)
{
	struct virt_as_entry base;

	self->as = as_create();
	ASSERT_LE(0, self->as);
	self->mem = guest_alloc(4 * PG);
	base = as_ram(BASE_GPA, 4 * PG, self->mem);
	ASSERT_EQ(0, as_replace(self->as, &base, 1));
	self->first = variant->op == VIRT_AS_OP_REMOVE ?
			as_remove(BASE_GPA, 4 * PG) :
		      variant->op == VIRT_AS_OP_MOVE ?
			as_move(BASE_GPA, 4 * PG, 0) :
			as_protect(BASE_GPA, 4 * PG, RO);
}

FIXTURE_TEARDOWN(named)
{
	close(self->as);
}

/* A region is named once, whatever the two entries want from it. */
TEST_F(named, twice)
{
	struct virt_as_entry second[] = {
		as_remove(BASE_GPA, 4 * PG),
		as_move(BASE_GPA, 4 * PG, 0x200000),
		as_protect(BASE_GPA, 4 * PG, RO),
	};

	for (size_t i = 0; i < ARRAY_SIZE(second); i++) {
		struct virt_as_entry list[2] = { self->first, second[i] };

		EXPECT_REFUSED(EINVAL, 1, self->as, 0, 0, list, 2)
			TH_LOG("second %zu", i);
	}
	EXPECT_EQ(0, as_change(self->as, &self->first, 1));
}

TEST_HARNESS_MAIN
