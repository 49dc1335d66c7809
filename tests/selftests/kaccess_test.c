// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every call of the in-kernel interface, asked from a kernel thread, from the
 * owner's own task and from a foreign task: the answers must be the same.
 */
#include "consumer.h"
#include "owner.h"

/* Guest memory. Neighbours in gpa are no neighbours in hva. */
#define LOW		0x0ULL		/* two regions of 4 pages, across SEAM */
#define SEAM		0x4000ULL
#define LOW_END		0x8000ULL	/* a hole follows */
#define READONLY	0xc000ULL	/* 2 pages */
#define NOHVA		0xe000ULL	/* 2 pages */
#define HALF		0x10000ULL	/* 2 pages, the second without backing */
#define DEVICE_GPA	0x12000ULL	/* 1 page */
#define BIG		0x100000ULL	/* 1 MiB */
#define TOP		0xfffffffffffff000ULL	/* the last page of all */
#define BIG_LEN		0x100000UL
#define PAGES		(64 + BIG_LEN / PG)

FIXTURE(kaccess)
{
	struct owner owner;
	__u32 context;
	int vat;
	unsigned char *mem;
	unsigned char *buf;
};

FIXTURE_VARIANT(kaccess)
{
	__u32 context;
	bool foreign;
};

FIXTURE_VARIANT_ADD(kaccess, own) { .context = VAT_CALLER };
FIXTURE_VARIANT_ADD(kaccess, foreign) { .context = VAT_CALLER, .foreign = true };
FIXTURE_VARIANT_ADD(kaccess, kthread) { .context = VAT_THREAD };
FIXTURE_VARIANT_ADD(kaccess, kthread_of_another) {
	.context = VAT_THREAD, .foreign = true,
};

/* Where a gpa lies in this process; the owner has it at the same address. */
static unsigned char *at(unsigned char *mem, __u64 gpa)
{
	if (gpa < SEAM)
		return mem + 8 * PG + gpa;
	if (gpa < LOW_END)
		return mem + (gpa - SEAM);
	if (gpa >= TOP)
		return mem + 20 * PG + (gpa - TOP);
	if (gpa >= BIG)
		return mem + 64 * PG + (gpa - BIG);
	if (gpa >= DEVICE_GPA)
		return mem + 32 * PG + (gpa - DEVICE_GPA);
	if (gpa >= HALF)
		return mem + 40 * PG + (gpa - HALF);
	return mem + 16 * PG + (gpa - READONLY);
}

FIXTURE_SETUP(kaccess)
{
	unsigned char *mem = shared_alloc(PAGES * PG);
	struct virt_as_entry map[] = {
		as_ram(LOW, SEAM, at(mem, LOW)),
		as_ram(SEAM, LOW_END - SEAM, at(mem, SEAM)),
		as_add(READONLY, 2 * PG, at(mem, READONLY), VIRT_AS_TYPE_RAM, RO),
		as_add(NOHVA, 2 * PG, NULL, VIRT_AS_TYPE_NOHVA, RW),
		as_ram(HALF, 2 * PG, at(mem, HALF)),
		as_add(DEVICE_GPA, PG, at(mem, DEVICE_GPA), VIRT_AS_TYPE_DEVICE, RW),
		as_ram(BIG, BIG_LEN, at(mem, BIG)),
		as_ram(TOP, PG, at(mem, TOP)),
	};

	ASSERT_NE(NULL, mem);
	self->mem = mem;
	self->buf = malloc(BIG_LEN);
	self->context = variant->context;
	ASSERT_EQ(0, munmap(at(mem, HALF) + PG, PG));
	fill(mem, 40 * PG, 1);
	fill(at(mem, HALF), PG, 2);
	fill(at(mem, BIG), BIG_LEN, 3);
	ASSERT_EQ(0, owner_start(&self->owner, variant->foreign));
	ASSERT_EQ(0, owner_commit(&self->owner, VIRT_AS_COMMIT_REPLACE, map,
				  ARRAY_SIZE(map)));
	self->vat = vat_bound(self->owner.as, RIGHTS_RW);
	ASSERT_LE(0, self->vat);
}

FIXTURE_TEARDOWN(kaccess)
{
	EXPECT_EQ(0, vat_unbind(self->vat));
	EXPECT_EQ(0, as_bindings(self->owner.as));
	close(self->vat);
	EXPECT_EQ(0, owner_stop(&self->owner));
}

/* Are the bytes at a gpa those of a buffer? */
static bool guest_is(unsigned char *mem, __u64 gpa, const unsigned char *buf,
		     size_t len)
{
	for (size_t done = 0, part; done < len; done += part) {
		part = PG - ((gpa + done) & (PG - 1));
		if (part > len - done)
			part = len - done;
		if (memcmp(at(mem, gpa + done), buf + done, part))
			return false;
	}
	return true;
}

static const struct range {
	__u64 gpa;
	__u64 len;
} ranges[] = {
	{ LOW, 1 }, { LOW + 5, 3 }, { LOW, PG }, { LOW + 4091, 10 },
	{ SEAM - 1, 2 }, { SEAM - 4, 8 }, { SEAM - 5000, 9999 },
	{ LOW, LOW_END }, { LOW + 1, LOW_END - 2 }, { LOW_END - 1, 1 },
	{ TOP, PG }, { TOP + PG - 1, 1 }, { DEVICE_GPA + 3, 1021 },
	{ BIG + 7, 65535 }, { BIG, 65536 }, { BIG + 1, 65537 },
	{ BIG + 4095, 262145 }, { BIG, BIG_LEN }, { BIG + 3, BIG_LEN - 5 },
};

static const struct way {
	__u32 code;
	__u32 arg;
	__u64 step;
	__u32 flags;
	bool single;
} to_guest[] = {
	{ .code = VAT_OP_COPY_TO },
	{ .code = VAT_OP_COPY_TO, .flags = VAT_OP_WARM },
	{ .code = VAT_OP_COPY_TO, .flags = VAT_OP_NO_CACHE },
	{ .code = VAT_OP_ITER_FROM, .arg = VAT_ITER_KVEC },
	{ .code = VAT_OP_ITER_FROM, .arg = VAT_ITER_KVEC, .step = 1000 },
	{ .code = VAT_OP_ITER_FROM, .arg = VAT_ITER_BVEC },
	{ .code = VAT_OP_ITER_FROM, .arg = VAT_ITER_BVEC, .step = 1500 },
	{ .code = VAT_OP_WRITE, .single = true },
	{ .code = VAT_OP_WRITE, .flags = VAT_OP_WARM, .single = true },
}, from_guest[] = {
	{ .code = VAT_OP_COPY_FROM },
	{ .code = VAT_OP_COPY_FROM, .flags = VAT_OP_WARM },
	{ .code = VAT_OP_COPY_FROM, .flags = VAT_OP_NO_CACHE },
	{ .code = VAT_OP_ITER_TO, .arg = VAT_ITER_KVEC },
	{ .code = VAT_OP_ITER_TO, .arg = VAT_ITER_KVEC, .step = 1000 },
	{ .code = VAT_OP_ITER_TO, .arg = VAT_ITER_BVEC },
	{ .code = VAT_OP_ITER_TO, .arg = VAT_ITER_BVEC, .step = 1500 },
	{ .code = VAT_OP_READ, .single = true },
	{ .code = VAT_OP_READ, .flags = VAT_OP_WARM, .single = true },
};

static long go(int vat, __u32 context, const struct way *way, __u64 gpa,
	       void *buf, __u64 len)
{
	struct vat_op op = vat_op(way->code, gpa, buf, len);

	op.arg = way->arg;
	op.value = way->step;
	op.flags = way->flags;
	return way->single ? vat_one(vat, context, &op) :
			     vat_in_section(vat, context, &op);
}

/* A ring access, which in a binding that may read has the region in its cache. */
static long ring(int vat, __u32 context, struct vat_op *op)
{
	op->flags = VAT_OP_WARM;
	return vat_in_section(vat, context, op);
}

TEST_F_TIMEOUT(kaccess, contents, 120)
{
	unsigned int seed = 10;

	for (size_t w = 0; w < ARRAY_SIZE(to_guest); w++) {
		for (size_t r = 0; r < ARRAY_SIZE(ranges); r++) {
			const struct range *range = &ranges[r];

			fill(self->buf, range->len, ++seed);
			ASSERT_EQ((long)range->len,
				  go(self->vat, self->context, &to_guest[w],
				     range->gpa, self->buf, range->len)) {
				TH_LOG("way %zu, range %zu", w, r);
			}
			ASSERT_TRUE(guest_is(self->mem, range->gpa, self->buf,
					     range->len)) {
				TH_LOG("way %zu, range %zu", w, r);
			}
			memset(self->buf, 0, range->len);
			ASSERT_EQ((long)range->len,
				  go(self->vat, self->context, &from_guest[w],
				     range->gpa, self->buf, range->len)) {
				TH_LOG("way %zu, range %zu", w, r);
			}
			ASSERT_TRUE(guest_is(self->mem, range->gpa, self->buf,
					     range->len)) {
				TH_LOG("way %zu, range %zu", w, r);
			}
		}
	}
}

TEST_F_TIMEOUT(kaccess, zero, 60)
{
	for (size_t r = 0; r < ARRAY_SIZE(ranges); r++) {
		const struct range *range = &ranges[r];
		__u64 before = range->gpa - 1, after = range->gpa + range->len;
		bool edge = range->gpa & (PG - 1) && after & (PG - 1);

		for (__u64 i = 0; i < range->len; i++)
			*at(self->mem, range->gpa + i) = 0xee;
		if (edge)
			*at(self->mem, before) = *at(self->mem, after) = 0xdd;
		memset(self->buf, 0, range->len);
		ASSERT_EQ((long)range->len,
			  vat_copy(self->vat, self->context, VAT_OP_ZERO,
				   range->gpa, NULL, range->len));
		ASSERT_TRUE(guest_is(self->mem, range->gpa, self->buf, range->len));
		if (edge) {
			ASSERT_EQ(0xdd, *at(self->mem, before));
			ASSERT_EQ(0xdd, *at(self->mem, after));
		}
	}
}

/* What stops a walk: short if something was done, else the errno. */
TEST_F(kaccess, short_counts)
{
	static const struct {
		__u64 gpa;
		__u64 len;
		long read;
		long write;
	} cases[] = {
		{ LOW_END - 100, 200, 100, 100 },
		{ LOW_END, 1, -ENOENT, -ENOENT },
		{ LOW_END, 0, 0, 0 },
		{ LOW, LOW_END + 1, LOW_END, LOW_END },
		{ READONLY - 1, 2, -ENOENT, -ENOENT },
		{ READONLY, 8, 8, -EACCES },
		{ NOHVA - 8, 16, 8, -EACCES },
		{ NOHVA, 1, -ENXIO, -ENXIO },
		{ NOHVA + PG, PG + 1, -ENXIO, -ENXIO },
		{ HALF + PG, 4, -EFAULT, -EFAULT },
		{ HALF + PG - 4, 4, 4, 4 },
		{ DEVICE_GPA + PG - 8, 100, 8, 8 },
		{ BIG + BIG_LEN - 70000, 80000, 70000, 70000 },
		{ BIG + BIG_LEN, 80000, -ENOENT, -ENOENT },
		{ TOP + PG - 10, 100, 10, 10 },
		{ TOP - 1, 2, -ENOENT, -ENOENT },
	};

	for (size_t w = 0; w < ARRAY_SIZE(to_guest); w++) {
		if (to_guest[w].step)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
			/* Our own iterator over nothing is no case of theirs. */
			if (!cases[i].len && to_guest[w].code == VAT_OP_ITER_FROM)
				continue;
			EXPECT_EQ(cases[i].read,
				  go(self->vat, self->context, &from_guest[w],
				     cases[i].gpa, self->buf, cases[i].len)) {
				TH_LOG("way %zu, case %zu", w, i);
			}
			EXPECT_EQ(cases[i].write,
				  go(self->vat, self->context, &to_guest[w],
				     cases[i].gpa, self->buf, cases[i].len)) {
				TH_LOG("way %zu, case %zu", w, i);
			}
			EXPECT_EQ(cases[i].write,
				  vat_copy(self->vat, self->context, VAT_OP_ZERO,
					   cases[i].gpa, NULL, cases[i].len)) {
				TH_LOG("zero, case %zu", i);
			}
		}
	}
}

/*
 * Memory that ends in the middle of a region: where in the last page a copy
 * stops is not promised, but no byte is claimed that was not copied.
 */
TEST_F(kaccess, unbacked_in_the_middle)
{
	long done;

	memset(self->buf, 0x55, 2 * PG);
	done = vat_read(self->vat, self->context, HALF + 100, self->buf, PG + 50);
	EXPECT_LT(0, done);
	EXPECT_GE((long)PG - 100, done);
	EXPECT_TRUE(guest_is(self->mem, HALF + 100, self->buf, done));

	fill(self->buf, 2 * PG, 77);
	done = vat_write(self->vat, self->context, HALF + 100, self->buf, PG + 50);
	EXPECT_LT(0, done);
	EXPECT_GE((long)PG - 100, done);
	EXPECT_TRUE(guest_is(self->mem, HALF + 100, self->buf, done));
}

TEST_F(kaccess, rights_of_the_binding)
{
	__u32 all[] = { 0, VIRT_AS_RIGHT_READ, VIRT_AS_RIGHT_WRITE };
	struct vat_op op = vat_op(VAT_OP_LOAD, LOW, NULL, 4);

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		int vat = vat_bound(self->owner.as, all[i]);
		long read = all[i] & VIRT_AS_RIGHT_READ ? 8 : -EPERM;
		long write = all[i] & VIRT_AS_RIGHT_WRITE ? 8 : -EPERM;

		ASSERT_LE(0, vat);
		fill(self->buf, 8, 60 + i);
		for (size_t w = 0; w < ARRAY_SIZE(to_guest); w++) {
			EXPECT_EQ(write, go(vat, self->context, &to_guest[w], LOW,
					    self->buf, 8));
			EXPECT_EQ(read, go(vat, self->context, &from_guest[w], LOW,
					   self->buf + 8, 8));
		}
		EXPECT_EQ(write, vat_copy(vat, self->context, VAT_OP_ZERO, LOW,
					  NULL, 8));
		op.code = VAT_OP_LOAD;
		EXPECT_EQ(read < 0 ? read : 0,
			  ring(vat, self->context, &op));
		op.code = VAT_OP_STORE;
		EXPECT_EQ(write < 0 ? write : 0,
			  ring(vat, self->context, &op));
		op.code = VAT_OP_CMPXCHG;
		EXPECT_EQ(-EPERM, ring(vat, self->context, &op));
		close(vat);
	}
}

static __u64 mask(unsigned int width)
{
	return width == 8 ? ~0ULL : (1ULL << width * 8) - 1;
}

TEST_F(kaccess, ring_values)
{
	static const __u64 gpas[] = { LOW, SEAM - 8, SEAM, LOW_END - 8, TOP + PG - 8 };
	const __u64 value = 0x8899aabbccddeeffULL, guard = 0x1122334455667788ULL;

	for (unsigned int width = 2; width <= 8; width *= 2) {
		for (size_t i = 0; i < ARRAY_SIZE(gpas); i++) {
			void *hva = at(self->mem, gpas[i]);
			struct vat_op op = vat_op(VAT_OP_STORE, gpas[i], NULL, width);
			__u64 want = (guard & ~mask(width)) | (value & mask(width));

			for (__u32 order = VAT_RELAXED; order <= VAT_FULL; order++) {
				memcpy(hva, &guard, 8);
				op.code = VAT_OP_STORE;
				op.arg = order;
				op.value = value;
				EXPECT_EQ(0, ring(self->vat, self->context, &op));
				EXPECT_EQ(0, memcmp(hva, &want, 8));
				op.code = VAT_OP_LOAD;
				op.value = 0;
				EXPECT_EQ(0, ring(self->vat, self->context, &op));
				EXPECT_EQ(value & mask(width), op.value);
			}

			op.code = VAT_OP_CMPXCHG;
			op.arg = 0;
			op.old = 1;
			op.value = 7;
			EXPECT_EQ(-EAGAIN, ring(self->vat, self->context, &op));
			EXPECT_EQ(value & mask(width), op.old);
			EXPECT_EQ(0, memcmp(hva, &want, 8));
			op.value = ~value & mask(width);
			EXPECT_EQ(0, ring(self->vat, self->context, &op));
			want ^= mask(width);
			EXPECT_EQ(0, memcmp(hva, &want, 8));
		}
	}
}

TEST_F(kaccess, ring_errors)
{
	static const struct {
		__u64 gpa;
		long load;
		long store;
		long cmpxchg;
	} cases[] = {
		{ LOW_END, -ENOENT, -ENOENT, -ENOENT },
		{ READONLY + 8, 0, -EACCES, -EACCES },
		{ NOHVA, -ENXIO, -ENXIO, -ENXIO },
		{ HALF + PG, -EFAULT, -EFAULT, -EFAULT },
		{ DEVICE_GPA + 8, 0, 0, -EOPNOTSUPP },
	};
	struct vat_op op;

	for (unsigned int width = 2; width <= 8; width *= 2) {
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
			op = vat_op(VAT_OP_LOAD, cases[i].gpa, NULL, width);
			EXPECT_EQ(cases[i].load,
				  ring(self->vat, self->context, &op));
			op.code = VAT_OP_STORE;
			EXPECT_EQ(cases[i].store,
				  ring(self->vat, self->context, &op));
			op.code = VAT_OP_CMPXCHG;
			EXPECT_EQ(cases[i].cmpxchg,
				  ring(self->vat, self->context, &op));
		}
		for (unsigned int off = 1; off < width; off++) {
			for (__u32 code = VAT_OP_LOAD; code <= VAT_OP_CMPXCHG; code++) {
				op = vat_op(code, SEAM - width + off, NULL, width);
				EXPECT_EQ(-EINVAL, ring(self->vat, self->context, &op));
			}
		}
	}
}

/* A task that has other memory where the owner has the guest's. */
TEST_F(kaccess, whose_memory)
{
	unsigned char *page = at(self->mem, TOP), *there = self->buf + PG;

	if (!variant->foreign)
		return;
	memcpy(there, page, PG);
	ASSERT_EQ(page, mmap(page, PG, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	for (size_t w = 0; w < ARRAY_SIZE(to_guest); w++) {
		EXPECT_EQ(100, go(self->vat, self->context, &from_guest[w],
				  TOP + 50, self->buf, 100));
		EXPECT_EQ(0, memcmp(self->buf, there + 50, 100));
		fill(there + 50, 100, 90 + w);
		EXPECT_EQ(100, go(self->vat, self->context, &to_guest[w],
				  TOP + 50, there + 50, 100));
	}
	for (__u32 code = VAT_OP_LOAD; code <= VAT_OP_CMPXCHG; code++) {
		struct vat_op op = vat_op(code, TOP, NULL, 2);

		memcpy(&op.old, there, 2);
		op.value = code;
		EXPECT_EQ(0, ring(self->vat, self->context, &op));
		if (code != VAT_OP_LOAD)
			memcpy(there, &op.value, 2);
		EXPECT_EQ(0, memcmp(&op.value, there, 2));
	}
	for (size_t i = 0; i < PG; i++)
		ASSERT_EQ(0, page[i]);
}

TEST_F(kaccess, user_iterator_is_refused)
{
	struct vat_op op = vat_op(VAT_OP_ITER_TO, LOW, self->buf, 64);

	op.arg = VAT_ITER_USER;
	EXPECT_EQ(-EINVAL, vat_in_section(self->vat, self->context, &op));
	op.code = VAT_OP_ITER_FROM;
	EXPECT_EQ(-EINVAL, vat_in_section(self->vat, self->context, &op));
}

/* @out: room for 8; returns what the call returned. */
static long translate(int vat, __u32 context, __u64 gpa, __u64 len,
		      struct vat_segment *out, unsigned int nr)
{
	struct vat_op op = vat_op(VAT_OP_TRANSLATE, gpa, out, nr * sizeof(*out));

	op.value = len;
	return vat_in_section(vat, context, &op);
}

TEST_F(kaccess, translate)
{
	struct vat_segment seg[8] = {};
	int ro;

	if (variant->foreign && variant->context == VAT_CALLER) {
		EXPECT_EQ(-EXDEV, translate(self->vat, self->context, LOW, 8, seg, 8));
		return;
	}
	ASSERT_EQ(2, translate(self->vat, self->context, SEAM - 10, 30, seg, 8));
	EXPECT_EQ((uintptr_t)at(self->mem, SEAM - 10), seg[0].hva);
	EXPECT_EQ(10, seg[0].len);
	EXPECT_EQ((uintptr_t)at(self->mem, SEAM), seg[1].hva);
	EXPECT_EQ(20, seg[1].len);
	EXPECT_EQ((__u32)RW, seg[1].perms);

	ASSERT_EQ(1, translate(self->vat, self->context, SEAM - 10, 30, seg, 1));
	EXPECT_EQ(10, seg[0].len);
	ASSERT_EQ(1, translate(self->vat, self->context, LOW_END - 5, 30, seg, 8));
	EXPECT_EQ(5, seg[0].len);
	ASSERT_EQ(1, translate(self->vat, self->context, TOP + 16, PG, seg, 8));
	EXPECT_EQ(PG - 16, seg[0].len);
	ASSERT_EQ(1, translate(self->vat, self->context, READONLY + 1, 7, seg, 8));
	EXPECT_EQ((__u32)RO, seg[0].perms);
	ASSERT_EQ(1, translate(self->vat, self->context, DEVICE_GPA, 7, seg, 8));
	EXPECT_EQ((__u32)VIRT_AS_TYPE_DEVICE, seg[0].type);
	EXPECT_EQ(-ENOENT, translate(self->vat, self->context, LOW_END, 1, seg, 8));
	EXPECT_EQ(-ENXIO, translate(self->vat, self->context, NOHVA, 1, seg, 8));

	/* Not more than the binding may. */
	ro = vat_bound(self->owner.as, VIRT_AS_RIGHT_READ);
	ASSERT_LE(0, ro);
	ASSERT_EQ(1, translate(ro, self->context, LOW, 8, seg, 8));
	EXPECT_EQ((__u32)RO, seg[0].perms);
	close(ro);
}

TEST_HARNESS_MAIN
