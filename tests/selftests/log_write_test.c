// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whoever writes is heard: the owner, a foreign process, kernel threads, by every
 * function that there is; exactly the pages that were written are dirty.
 */
#include "log.h"

#define LARGE_FIRST	0x2005
#define LARGE_PAGES	72
#define ROOM		(LARGE_PAGES * PG)

FIXTURE(write) {
	unsigned char *mem;
	unsigned char *buf;
	int as;
	int log;
	int vat;
};

FIXTURE_VARIANT(write) {
	bool foreign;
};

FIXTURE_VARIANT_ADD(write, owner) {};

/* A child that has nothing of the guest's memory. */
FIXTURE_VARIANT_ADD(write, foreign) {
	.foreign = true,
};

#define GUEST_LEN	((32 + LARGE_PAGES + 20) * PG)

/*
 * RAM at pages 1039 to 1040 and, of other hvas, at 1041 to 1047; a device at 1048;
 * read-only RAM at 1049 and 104a; more RAM at LARGE_FIRST, and at 3000, where there is
 * only one page of it.
 */
FIXTURE_SETUP(write)
{
	self->as = as_create();
	ASSERT_LE(0, self->as);
	self->mem = guest_alloc(GUEST_LEN);
	self->buf = shared_alloc(ROOM);
	ASSERT_NE(NULL, self->buf);

	struct virt_as_entry map[] = {
		as_ram(AT(0x1039), 8 * PG, self->mem + 8 * PG),
		as_ram(AT(0x1041), 7 * PG, self->mem),
		as_add(AT(0x1048), PG, self->mem + 16 * PG, VIRT_AS_TYPE_DEVICE, RW),
		as_add(AT(0x1049), 2 * PG, self->mem + 20 * PG, VIRT_AS_TYPE_RAM, RO),
		as_ram(AT(LARGE_FIRST), LARGE_PAGES * PG, self->mem + 32 * PG),
		as_ram(AT(0x3000), 20 * PG, self->mem + (32 + LARGE_PAGES) * PG),
	};

	ASSERT_EQ(0, munmap(self->mem + (33 + LARGE_PAGES) * PG, PG));

	ASSERT_EQ(0, as_replace(self->as, map, ARRAY_SIZE(map)));
	self->vat = vat_bound(self->as, RIGHTS_RW);
	ASSERT_LE(0, self->vat);
	self->log = log_open(self->as);
	ASSERT_LE(0, self->log);
	memset(self->buf, 'x', ROOM);
}

FIXTURE_TEARDOWN(write)
{
	close(self->log);
	close(self->vat);
	close(self->as);
}

/* The test is this function, which a foreign process may run. */
#define TEST_WRITE(name)						\
	static void do_##name(struct __test_metadata *_metadata,	\
			      struct _test_data_write *self);		\
	TEST_F_TIMEOUT(write, name, 120)				\
	{								\
		pid_t child;						\
									\
		if (!variant->foreign) {				\
			do_##name(_metadata, self);			\
			return;						\
		}							\
		child = fork();						\
		ASSERT_LE(0, child);					\
		if (!child) {						\
			ASSERT_EQ(0, munmap(self->mem, GUEST_LEN));	\
			do_##name(_metadata, self);			\
			_exit(0);					\
		}							\
		EXPECT_EQ(0, child_status(child));			\
	}								\
	static void do_##name(struct __test_metadata *_metadata,	\
			      struct _test_data_write *self)

/* In a page, over its end, over that of 64 pages, over that of a region. */
static const struct place {
	__u64 gpa;
	size_t len;
	const char *dirty;
} places[] = {
	{ AT(0x103a) + 10, 1, "103a" },
	{ AT(0x103b) - 1, 1, "103a" },
	{ AT(0x103b) - 1, 2, "103a+2" },
	{ AT(0x1040) - 3, 8, "103f+2" },
	{ AT(0x1041) - 4, 8, "1040+2" },
	{ AT(0x103c), PG, "103c" },
	{ AT(0x103c), PG + 1, "103c+2" },
	{ AT(0x103c) + 1, PG, "103c+2" },
	{ AT(0x103f), 3 * PG, "103f+3" },
	{ AT(0x1039), 15 * PG, "1039+15" },
	{ AT(0x103a) - 1, 14 * PG - 3, "1039+15" },
};

TEST_WRITE(by_pwrite)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const struct place *at = &places[i];

		EXPECT_EQ(at->len, as_pwrite(self->as, self->buf, at->len, at->gpa));
		EXPECT_TAKEN(at->dirty, self->log)
			TH_LOG("place %zu", i);
	}
}

TEST_WRITE(by_write)
{
	struct iovec iov[2] = {
		{ self->buf, PG - 100 }, { self->buf + PG, 200 },
	};

	EXPECT_EQ(AT(0x1041) - 50, lseek(self->as, AT(0x1041) - 50, SEEK_SET));
	EXPECT_EQ(100, sys(write(self->as, self->buf, 100)));
	EXPECT_TAKEN("1040+2", self->log);
	EXPECT_EQ(PG + 100, sys(pwritev(self->as, iov, 2, AT(0x103e) + 7)));
	EXPECT_TAKEN("103e+2", self->log);
	/* No byte, no page. */
	EXPECT_EQ(0, as_pwrite(self->as, self->buf, 0, AT(0x103e)));
	EXPECT_EQ(-ENOENT, as_pwrite(self->as, self->buf, 1, AT(0x1038)));
	EXPECT_TAKEN("", self->log);
}

/* From 64 KiB on a foreign process's write is a job for a thread in the owner's memory. */
TEST_WRITE(by_large_pwrite)
{
	static const size_t lens[] = {
		65535, 65536, 65537, 131072, 262144, 262144 + 4 * PG,
	};
	static const size_t offsets[] = { 0, 1, PG - 1, 3 * PG, 3 * PG + 100 };

	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(offsets); j++) {
			__u64 gpa = AT(LARGE_FIRST) + offsets[j];
			__u64 first = gpa / PG, last = (gpa + lens[i] - 1) / PG;
			char text[32];

			ASSERT_EQ(lens[i], as_pwrite(self->as, self->buf, lens[i],
						     gpa));
			snprintf(text, sizeof(text), "%llx+%llu", first,
				 last - first + 1);
			EXPECT_TAKEN(text, self->log)
				TH_LOG("%zu bytes from %zu", lens[i], offsets[j]);
		}
	}
}

static const struct way {
	const char *name;
	__u32 code;
	__u32 arg;
} ways[] = {
	{ "copy_to", VAT_OP_COPY_TO, 0 },
	{ "iter of kvec", VAT_OP_ITER_FROM, VAT_ITER_KVEC },
	{ "iter of bvec", VAT_OP_ITER_FROM, VAT_ITER_BVEC },
	{ "zero", VAT_OP_ZERO, 0 },
	{ "write", VAT_OP_WRITE, 0 },
};

static const __u32 caching[] = { 0, VAT_OP_NO_CACHE, VAT_OP_WARM };

/* The caches are empty, or hit, or hit but for the end of the region. */
static void by_module(struct __test_metadata *_metadata,
		      struct _test_data_write *self, __u32 context)
{
	const size_t cases = ARRAY_SIZE(places) * ARRAY_SIZE(caching);

	for (size_t w = 0; w < ARRAY_SIZE(ways); w++) {
		for (size_t i = 0; i < cases; i++) {
			const struct place *at = &places[i % ARRAY_SIZE(places)];
			struct vat_op op = vat_op(ways[w].code, at->gpa,
						  ways[w].code == VAT_OP_ZERO ?
						  NULL : self->buf, at->len);
			long rc;

			op.arg = ways[w].arg;
			op.flags = caching[i / ARRAY_SIZE(places)];
			rc = ways[w].code == VAT_OP_WRITE ?
				vat_one(self->vat, context, &op) :
				vat_in_section(self->vat, context, &op);
			ASSERT_EQ(at->len, rc)
				TH_LOG("%s, case %zu", ways[w].name, i);
			EXPECT_TAKEN(at->dirty, self->log)
				TH_LOG("%s, case %zu", ways[w].name, i);
		}
	}
}

TEST_WRITE(by_a_module)
{
	by_module(_metadata, self, VAT_CALLER);
}

TEST_WRITE(by_a_kernel_thread)
{
	by_module(_metadata, self, VAT_THREAD);
}

/* Up to the edges of pages, of 64 pages and of regions. */
static const struct place edges[] = {
	{ AT(0x103b), 0, "103b" }, { AT(0x1040) - 8, 0, "103f" },
	{ AT(0x1040), 0, "1040" }, { AT(0x1041) - 8, 0, "1040" },
	{ AT(0x1041), 0, "1041" },
};

#define NR_RINGS	(ARRAY_SIZE(edges) * ARRAY_SIZE(caching) * 2 * 3)

/* The so-manieth combination of edge, caching, context and width. */
static struct vat_op ring_op(__u32 code, size_t i, const char **dirty, __u32 *context)
{
	const struct place *at = &edges[i % ARRAY_SIZE(edges)];
	struct vat_op op = vat_op(code, at->gpa, NULL, 0);

	i /= ARRAY_SIZE(edges);
	op.flags = caching[i % ARRAY_SIZE(caching)];
	i /= ARRAY_SIZE(caching);
	*context = i & 1 ? VAT_THREAD : VAT_CALLER;
	op.len = 2 << (i / 2);
	*dirty = at->dirty;
	return op;
}

TEST_WRITE(by_stores)
{
	const char *dirty;
	__u32 context;

	for (size_t i = 0; i < 3 * NR_RINGS; i++) {
		struct vat_op op = ring_op(VAT_OP_STORE, i % NR_RINGS, &dirty,
					   &context);

		op.arg = i / NR_RINGS;
		op.value = i;
		ASSERT_EQ(0, vat_in_section(self->vat, context, &op))
			TH_LOG("case %zu", i);
		EXPECT_TAKEN(dirty, self->log)
			TH_LOG("case %zu", i);
		/* Who only reads is not heard. */
		op.code = VAT_OP_LOAD;
		ASSERT_EQ(0, vat_in_section(self->vat, context, &op));
		EXPECT_EQ(i, op.value);
		EXPECT_TAKEN("", self->log);
	}
}

/* Only if it has stored. */
TEST_WRITE(by_compare_exchange)
{
	const char *dirty;
	__u32 context;

	for (size_t i = 0; i < NR_RINGS; i++) {
		struct vat_op op = ring_op(VAT_OP_LOAD, i, &dirty, &context);

		ASSERT_EQ(0, vat_in_section(self->vat, context, &op));
		op.code = VAT_OP_CMPXCHG;
		op.old = op.value ^ 1;
		op.value ^= 2;
		ASSERT_EQ(-EAGAIN, vat_in_section(self->vat, context, &op))
			TH_LOG("case %zu", i);
		EXPECT_TAKEN("", self->log)
			TH_LOG("case %zu", i);
		/* It was told what is there. */
		op.value = op.old ^ 2;
		ASSERT_EQ(0, vat_in_section(self->vat, context, &op))
			TH_LOG("case %zu", i);
		EXPECT_TAKEN(dirty, self->log)
			TH_LOG("case %zu", i);
	}
}

TEST_WRITE(by_many_small_ones)
{
	struct vat_op op = vat_op(VAT_OP_ADD, AT(0x1041), NULL, 4);

	op.value = 1000;
	ASSERT_EQ(0, vat_in_section(self->vat, VAT_THREAD, &op));
	EXPECT_TAKEN("1041", self->log);
	/* Which leave a page alone that was harvested, and find it again. */
	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x1041) + i));
		if (i % 10 == 9)
			EXPECT_TAKEN("1041", self->log);
	}
	EXPECT_TAKEN("", self->log);
}

TEST_WRITE(by_a_mapping_of_ones_own)
{
	static const struct place marks[] = {
		{ AT(0x103a), 1, "103a" }, { AT(0x103b) - 1, 2, "103a+2" },
		{ AT(0x1039), 15 * PG, "1039+15" }, { AT(0x1041) - 1, 2, "1040+2" },
		{ AT(0x1047), 2 * PG, "1047" }, { AT(0x1048), PG, "" },
		{ AT(0x1049), PG + 1, "1049+2" },
		{ AT(0x1039), 18 * PG, "1039+15 1049+2" },
	};
	int fd = as_restrict(self->as, VIRT_AS_RIGHT_WRITE);

	ASSERT_LE(0, fd);
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		EXPECT_EQ(0, as_mark(fd, marks[i].gpa, marks[i].len))
			TH_LOG("case %zu", i);
		EXPECT_TAKEN(marks[i].dirty, self->log)
			TH_LOG("case %zu", i);
	}
	close(fd);
}

/* Device memory is not logged, and what cannot be written is not dirty. */
TEST_WRITE(what_is_not_logged)
{
	struct vat_op store = vat_op(VAT_OP_STORE, AT(0x1048), NULL, 4);

	EXPECT_EQ(100, as_pwrite(self->as, self->buf, 100, AT(0x1048)));
	EXPECT_EQ(100, vat_write(self->vat, VAT_THREAD, AT(0x1048), self->buf, 100));
	EXPECT_EQ(100, vat_write(self->vat, VAT_CALLER, AT(0x1048), self->buf, 100));
	EXPECT_EQ(0, vat_in_section(self->vat, VAT_THREAD, &store));
	EXPECT_TAKEN("", self->log);
	EXPECT_EQ(-EACCES, as_pwrite(self->as, self->buf, 100, AT(0x1049)));
	EXPECT_EQ(-EACCES, vat_write(self->vat, VAT_THREAD, AT(0x104a), self->buf, 1));
	EXPECT_TAKEN("", self->log);
	/* Only that part of a write which is memory. */
	EXPECT_EQ(PG + 1, as_pwrite(self->as, self->buf, PG + 1, AT(0x1048) - 1));
	EXPECT_TAKEN("1047", self->log);
	EXPECT_EQ(2 * PG, as_pwrite(self->as, self->buf, 4 * PG, AT(0x1047)));
	EXPECT_TAKEN("1047", self->log);
	/* And none of a read. */
	EXPECT_EQ(4 * PG, as_pread(self->as, self->buf, 4 * PG, AT(0x1047)));
	EXPECT_EQ(9, vat_read(self->vat, VAT_THREAD, AT(0x1041) - 1, self->buf, 9));
	EXPECT_TAKEN("", self->log);
}

/* What a write that could not go on has written is dirty; more may be. */
TEST_WRITE(that_breaks_off)
{
	static const size_t lens[] = { 2 * PG, 20 * PG };

	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		EXPECT_EQ(PG - 10, as_pwrite(self->as, self->buf, lens[i],
					     AT(0x3000) + 10));
		EXPECT_STREQ("3000", log_text(self->log, 0, 0, AT(0x3001) - 1));
		log_take(self->log);
		EXPECT_EQ(PG - 10, vat_write(self->vat, VAT_THREAD, AT(0x3000) + 10,
					     self->buf, lens[i]));
		EXPECT_STREQ("3000", log_text(self->log, 0, 0, AT(0x3001) - 1));
		log_take(self->log);
	}
}

TEST_HARNESS_MAIN
