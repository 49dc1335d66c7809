// SPDX-License-Identifier: GPL-2.0-only
/*
 * pread(), pwrite() and kin at offset gpa: by the owner and by a process whose
 * memory is another one, with the same answers.
 *
 * The guest's regions are neighbours in gpa and lie in the reverse order, with
 * gaps, in hva. So whoever translates the first page and copies on is found out.
 */
#include "agent.h"

#define NR_REGIONS	8
#define REGION		(64 * PG)		/* 256 KiB */
#define STRIDE		(REGION + 8 * PG)
#define GUEST		(NR_REGIONS * REGION)
#define HVA_LEN		(NR_REGIONS * STRIDE)
#define BASE		0x100000ULL

FIXTURE(rw) {
	struct agent agent;
	unsigned char *mem;
	unsigned char *buf;	/* in the agent's room */
	int as;
};

FIXTURE_VARIANT(rw) {
	bool foreign;
};

FIXTURE_VARIANT_ADD(rw, own) {
};

FIXTURE_VARIANT_ADD(rw, foreign) {
	.foreign = true,
};

static unsigned char *host(const struct _test_data_rw *self, __u64 gpa)
{
	__u64 at = gpa - BASE;

	return self->mem + (NR_REGIONS - 1 - at / REGION) * STRIDE + at % REGION;
}

/* The gap behind each region in hva, which no access may touch. */
static bool gaps_are_untouched(const struct _test_data_rw *self)
{
	for (int i = 0; i < NR_REGIONS; i++) {
		const unsigned char *gap = self->mem + i * STRIDE + REGION;

		for (size_t j = 0; j < STRIDE - REGION; j++) {
			if (gap[j] != 0xee)
				return false;
		}
	}
	return true;
}

static void fill_guest(const struct _test_data_rw *self, unsigned int seed)
{
	for (__u64 i = 0; i < GUEST; i++)
		*host(self, BASE + i) = pattern(i, seed);
}

/* The first byte of [gpa, gpa + len) that is not of @seed, or len. */
static size_t guest_matches(const struct _test_data_rw *self, __u64 gpa, size_t len,
			    unsigned int seed)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (*host(self, gpa + i) != pattern(gpa - BASE + i, seed))
			break;
	}
	return i;
}

static size_t buf_matches(const unsigned char *buf, __u64 gpa, size_t len,
			  unsigned int seed)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (buf[i] != pattern(gpa - BASE + i, seed))
			break;
	}
	return i;
}

FIXTURE_SETUP(rw)
{
	struct virt_as_entry e[NR_REGIONS];

	self->as = as_create();
	ASSERT_LE(0, self->as);
	self->mem = guest_alloc(HVA_LEN);
	ASSERT_NE(NULL, self->mem);
	memset(self->mem, 0xee, HVA_LEN);
	fill_guest(self, 1);
	for (int i = 0; i < NR_REGIONS; i++)
		e[i] = as_ram(BASE + i * REGION, REGION,
			      host(self, BASE + i * REGION));
	ASSERT_EQ(0, as_replace(self->as, e, NR_REGIONS));
	ASSERT_EQ(0, agent_start(&self->agent, variant->foreign, self->mem,
				 HVA_LEN));
	self->buf = self->agent.room;
}

FIXTURE_TEARDOWN(rw)
{
	EXPECT_TRUE(gaps_are_untouched(self));
	EXPECT_EQ(0, agent_stop(&self->agent));
	close(self->as);
}

#define PREAD(buf, len, gpa)	agent_pread(&self->agent, self->as, buf, len, gpa)
#define PWRITE(buf, len, gpa)	agent_pwrite(&self->agent, self->as, buf, len, gpa)

TEST_F(rw, holes)
{
	EXPECT_EQ(-ENOENT, PREAD(self->buf, 1, 0));
	EXPECT_EQ(-ENOENT, PREAD(self->buf, 8192, BASE - 1));
	EXPECT_EQ(-ENOENT, PREAD(self->buf, 1, BASE + GUEST));
	EXPECT_EQ(-ENOENT, PREAD(self->buf, 1, (1ULL << 63) - 2));
	EXPECT_EQ(-ENOENT, PWRITE(self->buf, 1, BASE - 1));
	EXPECT_EQ(-ENOENT, PWRITE(self->buf, 1, BASE + GUEST));
	/* Short at the hole, then nothing. */
	EXPECT_EQ(10, PREAD(self->buf, 8192, BASE + GUEST - 10));
	EXPECT_EQ(10, buf_matches(self->buf, BASE + GUEST - 10, 10, 1));
	memset(self->buf, 'w', 8192);
	EXPECT_EQ(10, PWRITE(self->buf, 8192, BASE + GUEST - 10));
	EXPECT_EQ('w', *host(self, BASE + GUEST - 1));
	EXPECT_EQ(GUEST - 10, guest_matches(self, BASE, GUEST, 1));
}

TEST_F(rw, offsets_that_are_negative)
{
	static const __u64 at[] = { 1ULL << 63, -PG, -1 };

	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		EXPECT_EQ(-EINVAL, PREAD(self->buf, 1, at[i]));
		EXPECT_EQ(-EINVAL, PWRITE(self->buf, 1, at[i]));
	}
}

/* Who really reached whose memory: without it "foreign" would prove nothing. */
TEST_F(rw, remote_pages_are_counted)
{
	long long before = fdinfo_number(self->as, "virt_as-remote");

	EXPECT_EQ(0, before);
	EXPECT_EQ(3 * PG, PREAD(self->buf, 3 * PG, BASE));
	EXPECT_EQ(variant->foreign ? 3 : 0,
		  fdinfo_number(self->as, "virt_as-remote") - before);
}

static const size_t sizes[] = {
	0, 1, 2, 3, 4, 7, 8, 15, 16, 63, 64, 65, 511, 4095, 4096, 4097, 8191,
	12289, 65535, 65536, 65537, 131071, 131073, 262143, 262144, 262145,
	1048576 + 13,
};

/* Relative to a page, to a chunk, to the end of a region. */
static const __u64 starts[] = {
	0, 1, 4095, 4096, 65535, REGION - 65536, REGION - 4097, REGION - 8,
	REGION - 1, REGION, 2 * REGION - 3,
};

TEST_F_TIMEOUT(rw, read_sizes, 120)
{
	unsigned int tried = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(starts); j++) {
			__u64 gpa = BASE + starts[j];

			memset(self->buf, 0xcc, sizes[i] + 64);
			ASSERT_EQ(sizes[i], PREAD(self->buf, sizes[i], gpa))
				TH_LOG("size %zu gpa %#llx", sizes[i], gpa);
			ASSERT_EQ(sizes[i], buf_matches(self->buf, gpa, sizes[i], 1))
				TH_LOG("size %zu gpa %#llx", sizes[i], gpa);
			ASSERT_EQ(0xcc, self->buf[sizes[i]]);
			tried++;
		}
	}
	EXPECT_EQ(ARRAY_SIZE(sizes) * ARRAY_SIZE(starts), tried);
	EXPECT_EQ(GUEST, guest_matches(self, BASE, GUEST, 1));
}

TEST_F_TIMEOUT(rw, write_sizes, 120)
{
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(starts); j++) {
			__u64 gpa = BASE + starts[j];
			size_t size = sizes[i];

			for (size_t k = 0; k < size; k++)
				self->buf[k] = pattern(gpa - BASE + k, 2);
			ASSERT_EQ(size, PWRITE(self->buf, size, gpa))
				TH_LOG("size %zu gpa %#llx", size, gpa);
			ASSERT_EQ(size, guest_matches(self, gpa, size, 2))
				TH_LOG("size %zu gpa %#llx", size, gpa);
			ASSERT_EQ(pattern(gpa - BASE + size, 1),
				  *host(self, gpa + size));
			if (gpa > BASE) {
				ASSERT_EQ(pattern(gpa - BASE - 1, 1),
					  *host(self, gpa - 1));
			}
			for (size_t k = 0; k < size; k++)
				*host(self, gpa + k) = pattern(gpa - BASE + k, 1);
		}
	}
	EXPECT_EQ(GUEST, guest_matches(self, BASE, GUEST, 1));
}

TEST_F(rw, all_of_it)
{
	EXPECT_EQ(GUEST, PREAD(self->buf, AGENT_ROOM, BASE));
	EXPECT_EQ(GUEST, buf_matches(self->buf, BASE, GUEST, 1));
	for (size_t i = 0; i < GUEST; i++)
		self->buf[i] = pattern(i, 3);
	EXPECT_EQ(GUEST, PWRITE(self->buf, AGENT_ROOM, BASE));
	EXPECT_EQ(GUEST, guest_matches(self, BASE, GUEST, 3));
}

TEST_F(rw, no_length)
{
	EXPECT_EQ(0, PREAD(self->buf, 0, BASE));
	EXPECT_EQ(0, PWRITE(self->buf, 0, BASE));
	EXPECT_EQ(0, PREAD(NULL, 0, BASE));
	EXPECT_EQ(0, PREAD(self->buf, 0, 0));
}

struct unbacked_case {
	const char *name;
	int (*spoil)(void *page);
	long read, write;
};

static int spoil_unmap(void *page)
{
	return munmap(page, PG);
}

static int spoil_none(void *page)
{
	return mprotect(page, PG, PROT_NONE);
}

static int spoil_readonly(void *page)
{
	return mprotect(page, PG, PROT_READ);
}

static const struct unbacked_case unbacked[] = {
	{ "munmap", spoil_unmap, -EFAULT, -EFAULT },
	{ "PROT_NONE", spoil_none, -EFAULT, -EFAULT },
	{ "PROT_READ", spoil_readonly, PG, -EFAULT },
};

/* What the owner took away is not there for anybody else either. */
TEST_F(rw, unbacked_pages)
{
	memset(self->buf, 'w', AGENT_ROOM);
	for (size_t i = 0; i < ARRAY_SIZE(unbacked); i++) {
		/* One page each, far from the others, inside a region. */
		__u64 gpa = BASE + i * REGION + 20 * PG;
		__u64 before = gpa - 16 * PG - 100;
		const char *name = unbacked[i].name;
		bool readable = unbacked[i].read > 0;

		ASSERT_EQ(0, unbacked[i].spoil(host(self, gpa)));
		EXPECT_EQ(unbacked[i].read, PREAD(self->buf, PG, gpa))
			TH_LOG("%s", name);
		EXPECT_EQ(unbacked[i].write, PWRITE(self->buf, PG, gpa))
			TH_LOG("%s", name);
		EXPECT_EQ(readable ? 1 : -EFAULT, PREAD(self->buf, 1, gpa + PG - 1))
			TH_LOG("%s", name);
		EXPECT_EQ(-EFAULT, PWRITE(self->buf, 1, gpa + 4095))
			TH_LOG("%s", name);
		/* Up to the page, in the first chunk and in a later one. */
		EXPECT_EQ(readable ? 200 : 100, PREAD(self->buf, 200, gpa - 100))
			TH_LOG("%s", name);
		EXPECT_EQ(readable ? 20 * PG : 16 * PG + 100,
			  PREAD(self->buf, 20 * PG, before))
			TH_LOG("%s", name);
		memset(self->buf, 'w', 20 * PG);
		EXPECT_EQ(100, PWRITE(self->buf, 200, gpa - 100))
			TH_LOG("%s", name);
		EXPECT_EQ('w', *host(self, gpa - 1));
		EXPECT_EQ(pattern(gpa - BASE - 101, 1), *host(self, gpa - 101));
		EXPECT_EQ(16 * PG + 100, PWRITE(self->buf, 20 * PG, before))
			TH_LOG("%s", name);
		EXPECT_EQ('w', *host(self, before));
		/* Behind the page nothing is touched. */
		EXPECT_EQ(3 * PG, guest_matches(self, gpa + PG, 3 * PG, 1));
		/* Behind it all is well. */
		EXPECT_EQ(100, PREAD(self->buf, 100, gpa + PG))
			TH_LOG("%s", name);
	}
}

/* New memory at the same hva is the guest's memory from then on. */
TEST_F(rw, follows_the_page_tables)
{
	unsigned char *page = host(self, BASE + 5 * PG);

	EXPECT_EQ(1, PREAD(self->buf, 1, BASE + 5 * PG));
	ASSERT_EQ(page, mmap(page, PG, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_EQ(2 * PG, PREAD(self->buf, 2 * PG, BASE + 4 * PG));
	EXPECT_EQ(PG, buf_matches(self->buf, BASE + 4 * PG, PG, 1));
	for (size_t i = 0; i < PG; i++)
		ASSERT_EQ(0, self->buf[PG + i]);
	/* Never touched before, also by a write. */
	ASSERT_EQ(page, mmap(page, PG, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	memset(self->buf, 'n', PG);
	EXPECT_EQ(PG, PWRITE(self->buf, PG, BASE + 5 * PG));
	EXPECT_EQ('n', page[0]);
	EXPECT_EQ('n', page[PG - 1]);
}

/* Copy on write is the owner's copy, not the file. */
TEST_F(rw, private_file_mapping)
{
	unsigned char *page = host(self, BASE + 7 * PG);
	int fd = memfd_create("backing", MFD_CLOEXEC);
	char byte = 'f';

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, PG));
	ASSERT_EQ(1, pwrite(fd, &byte, 1, 0));
	ASSERT_EQ(page, mmap(page, PG, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_FIXED, fd, 0));
	EXPECT_EQ(1, PREAD(self->buf, 1, BASE + 7 * PG));
	EXPECT_EQ('f', self->buf[0]);
	self->buf[0] = 'g';
	EXPECT_EQ(1, PWRITE(self->buf, 1, BASE + 7 * PG));
	EXPECT_EQ('g', page[0]);
	EXPECT_EQ(1, pread(fd, &byte, 1, 0));
	EXPECT_EQ('f', byte);
	/* Past the end of the file there is nothing: EFAULT, not SIGBUS. */
	ASSERT_EQ(0, madvise(page, PG, MADV_DONTNEED));
	ASSERT_EQ(0, ftruncate(fd, 0));
	EXPECT_EQ(-EFAULT, PREAD(self->buf, 1, BASE + 7 * PG));
	EXPECT_EQ(-EFAULT, PWRITE(self->buf, 1, BASE + 7 * PG));
	close(fd);
}

TEST_F(rw, kinds_of_regions)
{
	unsigned char *at = host(self, BASE);
	struct virt_as_entry e[] = {
		as_ram(BASE, PG, at),
		as_add(BASE + PG, PG, at + PG, VIRT_AS_TYPE_RAM, RO),
		as_ram(BASE + 2 * PG, PG, at + 2 * PG),
		as_add(BASE + 3 * PG, PG, NULL, VIRT_AS_TYPE_NOHVA, RW),
		as_add(BASE + 4 * PG, PG, at + 4 * PG, VIRT_AS_TYPE_DEVICE, RW),
	};

	ASSERT_EQ(0, as_replace(self->as, e, ARRAY_SIZE(e)));
	EXPECT_EQ(-EACCES, PWRITE(self->buf, 1, BASE + PG));
	EXPECT_EQ(-ENXIO, PREAD(self->buf, 1, BASE + 3 * PG));
	EXPECT_EQ(-ENXIO, PWRITE(self->buf, 1, BASE + 3 * PG));
	/* Short where the next region does not let it go on. */
	EXPECT_EQ(3 * PG, PREAD(self->buf, 5 * PG, BASE));
	EXPECT_EQ(3 * PG, buf_matches(self->buf, BASE, 3 * PG, 1));
	memset(self->buf, 'w', 3 * PG);
	EXPECT_EQ(PG, PWRITE(self->buf, 3 * PG, BASE));
	EXPECT_EQ(2 * PG, guest_matches(self, BASE + PG, 2 * PG, 1));
	/* Odd pieces of a device page, which goes by exact widths. */
	for (size_t len = 1; len < 40; len += 3) {
		__u64 gpa = BASE + 4 * PG + len;

		EXPECT_EQ(len, PREAD(self->buf, len, gpa))
			TH_LOG("len %zu", len);
		EXPECT_EQ(len, buf_matches(self->buf, gpa, len, 1));
	}
	memset(self->buf, 'd', 77);
	EXPECT_EQ(77, PWRITE(self->buf, 77, BASE + 4 * PG + 5));
	EXPECT_EQ('d', at[4 * PG + 5]);
	EXPECT_EQ('d', at[4 * PG + 81]);
	EXPECT_EQ(pattern(4 * PG + 4, 1), at[4 * PG + 4]);
	EXPECT_EQ(pattern(4 * PG + 82, 1), at[4 * PG + 82]);
}

/* A bad buffer of the caller costs the caller, never the guest. */
TEST_F_TIMEOUT(rw, own_buffer_is_bad, 120)
{
	static const size_t good[] = { 0, 1, 4095, 4096, 65536, 65536 + 100 };
	unsigned char *end = self->buf + AGENT_ROOM / 2;
	void *kernel = (void *)0xffff888000000000UL;

	/* Shared memory keeps its place: a protection would not be shared. */
	ASSERT_NE(MAP_FAILED, mmap(end, PG, PROT_NONE, MAP_PRIVATE |
				   MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	if (variant->foreign) {
		/* A new agent, born with the page gone. */
		ASSERT_EQ(0, agent_stop(&self->agent));
		ASSERT_EQ(0, agent_start(&self->agent, true, self->mem, HVA_LEN));
	}

	EXPECT_EQ(-EFAULT, PREAD(kernel, 100, BASE));
	EXPECT_EQ(-EFAULT, PWRITE(kernel, 100, BASE));
	EXPECT_EQ(-EFAULT, PREAD(NULL, 100, BASE));
	EXPECT_EQ(-EFAULT, PWRITE(NULL, 100, BASE));
	EXPECT_EQ(GUEST, guest_matches(self, BASE, GUEST, 1));

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		unsigned char *buf = end - good[i];
		long rc;

		memset(buf, 'x', good[i]);
		rc = PWRITE(buf, good[i] + PG, BASE);
		EXPECT_TRUE(rc == -EFAULT || (rc > 0 && rc <= (long)good[i]))
			TH_LOG("good %zu rc %ld", good[i], rc);
		/* As much as it says was written, and no more. */
		for (long k = 0; k < rc; k++)
			ASSERT_EQ('x', *host(self, BASE + k));
		rc = rc < 0 ? 0 : rc;
		EXPECT_EQ(GUEST - rc, guest_matches(self, BASE + rc, GUEST - rc, 1));
		fill_guest(self, 1);

		rc = PREAD(buf, good[i] + PG, BASE);
		EXPECT_TRUE(rc == -EFAULT || (rc > 0 && rc <= (long)good[i]))
			TH_LOG("good %zu rc %ld", good[i], rc);
		rc = rc < 0 ? 0 : rc;
		EXPECT_EQ(rc, (long)buf_matches(buf, BASE, rc, 1));
		EXPECT_EQ(GUEST, guest_matches(self, BASE, GUEST, 1));
	}
}

TEST_F(rw, vectors)
{
	struct iovec *iov = (void *)self->buf;
	unsigned char *data = self->buf + PG;
	struct agent_call c = {
		.op = AGENT_PREADV, .fd = self->as, .iov = iov, .iovcnt = 5,
		.gpa = BASE + REGION - 1000,
	};
	static const size_t lens[] = { 1, 0, 4097, 65537, 999 };
	size_t total = 0;

	for (int i = 0; i < 5; i++) {
		iov[i].iov_base = data + total;
		iov[i].iov_len = lens[i];
		total += lens[i];
	}
	EXPECT_EQ(total, agent_do(&self->agent, c));
	EXPECT_EQ(total, buf_matches(data, c.gpa, total, 1));
	for (size_t i = 0; i < total; i++)
		data[i] = pattern(c.gpa - BASE + i, 5);
	c.op = AGENT_PWRITEV;
	EXPECT_EQ(total, agent_do(&self->agent, c));
	EXPECT_EQ(total, guest_matches(self, c.gpa, total, 5));
	EXPECT_EQ(pattern(c.gpa - BASE + total, 1), *host(self, c.gpa + total));
	/* Across the end of the guest. */
	c.gpa = BASE + GUEST - 3;
	EXPECT_EQ(3, agent_do(&self->agent, c));
	c.op = AGENT_PREADV;
	EXPECT_EQ(3, agent_do(&self->agent, c));
}

TEST_F(rw, file_position)
{
	struct agent_call seek = {
		.op = AGENT_LSEEK, .fd = self->as, .whence = SEEK_SET,
		.gpa = BASE + REGION - 10,
	};
	struct agent_call move = {
		.op = AGENT_READ, .fd = self->as, .buf = self->buf, .len = 20,
	};

	move.op = AGENT_READ;
	EXPECT_EQ(-ENOENT, agent_do(&self->agent, move));
	EXPECT_EQ(BASE + REGION - 10, agent_do(&self->agent, seek));
	EXPECT_EQ(20, agent_do(&self->agent, move));
	EXPECT_EQ(20, buf_matches(self->buf, BASE + REGION - 10, 20, 1));
	EXPECT_EQ(20, agent_do(&self->agent, move));
	EXPECT_EQ(20, buf_matches(self->buf, BASE + REGION + 10, 20, 1));
	/* The position is the open file's: the owner sees where it is. */
	EXPECT_EQ(BASE + REGION + 30, lseek(self->as, 0, SEEK_CUR));
	seek.whence = SEEK_CUR;
	seek.gpa = -20;
	EXPECT_EQ(BASE + REGION + 10, agent_do(&self->agent, seek));
	move.op = AGENT_WRITE;
	memset(self->buf, 'p', 20);
	EXPECT_EQ(20, agent_do(&self->agent, move));
	EXPECT_EQ('p', *host(self, BASE + REGION + 10));
	EXPECT_EQ('p', *host(self, BASE + REGION + 29));
	EXPECT_EQ(BASE + REGION + 30, lseek(self->as, 0, SEEK_CUR));
	/* Neither a failure nor pread moves it, a short count does by itself. */
	EXPECT_EQ(1, PREAD(self->buf, 1, BASE));
	EXPECT_EQ(BASE + REGION + 30, lseek(self->as, 0, SEEK_CUR));
	EXPECT_EQ(BASE + GUEST - 5, lseek(self->as, BASE + GUEST - 5, SEEK_SET));
	EXPECT_EQ(5, agent_do(&self->agent, move));
	EXPECT_EQ(-ENOENT, agent_do(&self->agent, move));
	EXPECT_EQ(BASE + GUEST, lseek(self->as, 0, SEEK_CUR));
	EXPECT_EQ(-EINVAL, sys(lseek(self->as, -1, SEEK_SET)));
	seek.whence = SEEK_END;
	seek.gpa = 0;
	EXPECT_EQ(-EINVAL, agent_do(&self->agent, seek));
}

static int read_often(const struct _test_data_rw *self)
{
	unsigned char *buf = guest_alloc(GUEST);

	for (int round = 0; round < 10; round++) {
		if (as_pread(self->as, buf, GUEST, BASE) != GUEST ||
		    buf_matches(buf, BASE, GUEST, 1) != GUEST)
			return 1;
		memset(buf, 0, GUEST);
	}
	return 0;
}

TEST_F_TIMEOUT(rw, many_preads_at_a_time, 120)
{
	pid_t child[4];

	for (int i = 0; i < 4; i++) {
		child[i] = fork();
		ASSERT_LE(0, child[i]);
		if (!child[i])
			_exit(read_often(self));
	}
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, child_status(child[i]));
}

TEST_HARNESS_MAIN
