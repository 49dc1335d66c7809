// SPDX-License-Identifier: GPL-2.0-only
/*
 * Defects that dirty logs of others have or had, each as a test by its name. Whatever
 * happens, a page that was written and not harvested is in the log.
 */
#include "log.h"

FIXTURE(defect) {
	struct virt_as_entry ram[2];
	unsigned char *mem;
	int as;
	int log;
};

/* RAM at pages 100 to 13f, and at 1000 to 100f; a hole in between. */
FIXTURE_SETUP(defect)
{
	self->as = as_create();
	ASSERT_LE(0, self->as);
	self->mem = guest_alloc(128 * PG);
	self->ram[0] = as_ram(AT(0x100), 64 * PG, self->mem);
	self->ram[1] = as_ram(AT(0x1000), 16 * PG, self->mem + 64 * PG);
	ASSERT_EQ(0, as_replace(self->as, self->ram, 2));
	self->log = log_open(self->as);
	ASSERT_LE(0, self->log);
}

FIXTURE_TEARDOWN(defect)
{
	close(self->log);
	close(self->as);
}

/* 1: Harvest over a hole. A log that cannot be read over one must be read in pieces. */
TEST_F(defect, harvest_over_a_hole)
{
	struct virt_as_harvest h = log_range(AT(0x100), AT(0x1010) - 1, 0);
	static __u64 bits[64];

	ASSERT_EQ(0, as_mark(self->as, AT(0x13f), 1));
	ASSERT_EQ(0, as_mark(self->as, AT(0x1000), 1));
	EXPECT_DIRTY("13f 1000", self->log);
	/* Begins in it, ends in it, is nothing else. */
	EXPECT_STREQ("1000", log_text(self->log, VIRT_AS_HARVEST_PEEK, AT(0x140), TOP));
	EXPECT_STREQ("13f", log_text(self->log, VIRT_AS_HARVEST_PEEK, 0, AT(0x900) - 1));
	EXPECT_STREQ("", log_text(self->log, 0, AT(0x140), AT(0x1000) - 1));
	EXPECT_STREQ("", log_text(self->log, 0, AT(0x1010), TOP));
	EXPECT_STREQ("", log_text(self->log, 0, 0, AT(0x100) - 1));
	EXPECT_EQ(0, log_harvest_bits(self->log, &h, bits));
	EXPECT_EQ(2, h.out_pages);
	EXPECT_EQ(1ULL << 63, bits[0]);
	EXPECT_EQ(1, bits[0xf00 / 64]);
	EXPECT_TAKEN("", self->log);
}

/* What the log has and what lies in @extents, as one bit for each page. */
static __u64 found_pages(int log, const struct virt_as_extent *extents, size_t nr,
			 __u64 first)
{
	struct virt_as_harvest h = log_range(first, first + 64 * PG - 1, 0);
	__u64 bits = 0;

	if (log_harvest_bits(log, &h, &bits))
		return 0;
	for (size_t i = 0; i < nr; i++)
		for (__u64 at = 0; at < extents[i].len; at += PG)
			if (extents[i].gpa + at - first < 64 * PG)
				bits |= 1ULL << (extents[i].gpa + at - first) / PG;
	return bits;
}

/* 2: An output page that vanishes in the middle. A page is delivered, or still dirty. */
TEST_F(defect, output_page_vanishes_extents)
{
	unsigned char *page = guest_alloc(2 * PG);
	const size_t extent = sizeof(struct virt_as_extent);
	__u64 odd = 0xaaaaaaaaaaaaaaaaULL;

	for (int how = 0; how < 2; how++) {
		/* None, one, or half of one, or more than half of them, has room. */
		for (size_t room = 0; room < 31 * extent; room += extent / 2) {
			struct virt_as_harvest h = log_range(0, TOP, 0);
			void *buffer = page + PG - room;
			int err;

			memset(page, 0, PG);
			for (int i = 1; i < 64; i += 2)
				ASSERT_EQ(0, as_mark(self->as, AT(0x100 + i), 1));
			ASSERT_EQ(0, how ? mprotect(page + PG, PG, PROT_NONE) :
					   munmap(page + PG, PG));
			err = log_harvest(self->log, &h, buffer, 32);
			ASSERT_EQ(-EFAULT, err)
				TH_LOG("room %zu", room);
			ASSERT_EQ(odd, found_pages(self->log, buffer, room / extent,
						   AT(0x100)))
				TH_LOG("room %zu", room);
			EXPECT_TAKEN("", self->log);
		}
		ASSERT_EQ(page + PG, mmap(page + PG, PG, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
					  0));
	}
}

/* The same where more than one batch has been delivered. */
TEST_F(defect, output_page_vanishes_after_many)
{
	struct virt_as_entry big = clean(as_ram(AT(0x10000), 2048 * PG,
						(void *)(1UL << 40)));
	struct virt_as_harvest h = log_range(big.gpa, TOP, 0);
	struct virt_as_extent *buffer;
	unsigned char *pages = guest_alloc(4 * PG);
	unsigned int lost = 0;

	ASSERT_EQ(0, as_change(self->as, &big, 1));
	for (int i = 0; i < 2048; i += 2)
		ASSERT_EQ(0, as_mark(self->as, big.gpa + i * PG, 1));
	/* Room for 600 of 1024. */
	ASSERT_EQ(0, munmap(pages + 3 * PG, PG));
	buffer = (void *)(pages + 3 * PG - 600 * sizeof(*buffer));
	ASSERT_EQ(-EFAULT, log_harvest(self->log, &h, buffer, 1024));
	for (int i = 0; i < 2048; i += 128) {
		__u64 bits = found_pages(self->log, buffer, 600, big.gpa + i * PG);

		lost += bits != 0x5555555555555555ULL;
	}
	EXPECT_EQ(0, lost);
}

TEST_F(defect, output_page_vanishes_bitmap)
{
	struct virt_as_entry ram = clean(as_ram(AT(0x1000), 256 * PG,
						(void *)(1UL << 40)));
	__u64 *page = guest_alloc(2 * PG);

	ASSERT_EQ(0, mprotect((void *)page + PG, PG, PROT_NONE));
	ASSERT_EQ(0, as_replace(self->as, &ram, 1));
	/* Words of the bitmap that have room: none, one, three. */
	for (int room = 0; room < 4; room++) {
		struct virt_as_harvest h = log_range(AT(0x1000), TOP, 0);
		__u64 *bits = page + PG / sizeof(*bits) - room, seen[4];

		/* As many words before the edge as there is room, and one behind. */
		memset(page, 0, PG);
		for (int i = 0; i <= room; i++)
			ASSERT_EQ(0, as_mark(self->as, AT(0x1000 + 64 * i + 5), 1));
		ASSERT_EQ(-EFAULT, log_harvest_bits(self->log, &h, bits));
		for (int i = 0; i <= room; i++) {
			seen[i] = i < room ? bits[i] : 0;
			seen[i] |= found_pages(self->log, NULL, 0, AT(0x1000 + 64 * i));
			EXPECT_EQ(1 << 5, seen[i])
				TH_LOG("room %d word %d", room, i);
		}
	}
}

/* 3: A region is removed between the write and the harvest. */
TEST_F(defect, region_removed_before_the_harvest)
{
	EXPECT_EQ(5, as_pwrite(self->as, "hello", 5, AT(0x105) - 2));
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x1003)));
	ASSERT_EQ(0, as_replace(self->as, &self->ram[1], 1));
	EXPECT_DIRTY("104+2 1003", self->log);
	ASSERT_EQ(0, as_replace(self->as, NULL, 0));
	EXPECT_STREQ("104+2 1003", log_text(self->log, VIRT_AS_HARVEST_SYNC, 0, TOP));
	EXPECT_TAKEN("", self->log);
}

/* By who had begun before the region left. */
TEST_F_TIMEOUT(defect, region_removed_before_the_write, 60)
{
	int vat = vat_bound(self->as, RIGHTS_RW);
	struct vat_op op = VAT_BEGIN;

	ASSERT_LE(0, vat);
	ASSERT_EQ(0, vat_one(vat, VAT_THREAD, &op));
	ASSERT_EQ(0, as_commit(self->as, VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_NOWAIT,
			       0, NULL, 0, NULL));
	op = vat_op(VAT_OP_COPY_TO, AT(0x108) - 1, bytes(), 2);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(2, vat_one(vat, VAT_THREAD, &op));
		EXPECT_TAKEN("107+2", self->log);
	}
	ASSERT_EQ(2, vat_one(vat, VAT_THREAD, &op));
	op = VAT_END;
	ASSERT_EQ(0, vat_one(vat, VAT_THREAD, &op));
	EXPECT_EQ(POLLOUT, as_poll(self->as, POLLOUT, HANG_MS));
	EXPECT_TAKEN("107+2", self->log);
	close(vat);
}

/* 4: Logging is armed before a region exists. */
TEST_F(defect, logging_before_the_region)
{
	struct virt_as_entry later[] = {
		clean(as_ram(AT(0x801), 3 * PG, self->mem + 80 * PG)),
		as_ram(AT(0x805), 3 * PG, self->mem + 90 * PG),
	};
	int as = as_create(), log = log_open(as);

	ASSERT_LE(0, log);
	ASSERT_EQ(0, as_change(as, &later[0], 1));
	EXPECT_TAKEN("", log);
	EXPECT_EQ(1, as_pwrite(as, "x", 1, AT(0x803)));
	EXPECT_TAKEN("803", log);
	/* What has not been said to be clean has to be read as a whole. */
	ASSERT_EQ(0, as_change(as, &later[1], 1));
	EXPECT_TAKEN("805+3", log);
	EXPECT_EQ(1, as_pwrite(as, "x", 1, AT(0x805)));
	EXPECT_EQ(0, as_mark(as, AT(0x802), 1));
	EXPECT_TAKEN("802 805", log);
	close(log);
	close(as);
}

/* 5: A write without a vCPU, by who has no ring of its own to note it in. */
TEST_F(defect, write_without_a_vcpu)
{
	unsigned char *data = shared_alloc(32 * PG);
	int vat = vat_bound(self->as, RIGHTS_RW);
	pid_t child;

	ASSERT_LE(0, vat);
	EXPECT_EQ(2, vat_write(vat, VAT_THREAD, AT(0x101) - 1, bytes(), 2));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		ASSERT_EQ(0, munmap(self->mem, 128 * PG));
		ASSERT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x103)));
		/* By a job, in a thread that has the owner's memory. */
		ASSERT_EQ(20 * PG, as_pwrite(self->as, data, 20 * PG, AT(0x110)));
		ASSERT_EQ(1, vat_write(vat, VAT_CALLER, AT(0x106), bytes(), 1));
		ASSERT_EQ(0, as_mark(self->as, AT(0x108), 1));
		_exit(0);
	}
	ASSERT_EQ(0, child_status(child));
	EXPECT_TAKEN("100+2 103 106 108 110+20", self->log);
	close(vat);
}

/* The first 16 pages of the RAM again, in another order of gpas, and in pieces. */
static int add_aliases(struct _test_data_defect *self)
{
	struct virt_as_entry alias[] = {
		clean(as_ram(AT(0x2005), 16 * PG, self->mem)),
		clean(as_ram(AT(0x3000), 2 * PG, self->mem + 4 * PG)),
		clean(as_ram(AT(0x3002), 2 * PG, self->mem)),
	};

	return as_change(self->as, alias, 3);
}

/* 6: An alias. A page is dirty wherever it is in the map. */
TEST_F(defect, alias)
{
	ASSERT_EQ(0, add_aliases(self));
	EXPECT_TAKEN("", self->log);
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x101)));
	EXPECT_TAKEN("101 2006 3003", self->log);
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x2009)));
	EXPECT_TAKEN("104 2009 3000", self->log);
	EXPECT_EQ(2, as_pwrite(self->as, "xy", 2, AT(0x3002) - 1));
	EXPECT_TAKEN("100 105 2005 200a 3001+2", self->log);
	EXPECT_EQ(0, as_mark(self->as, AT(0x2014), 1));
	EXPECT_TAKEN("10f 2014", self->log);
	EXPECT_EQ(0, as_mark(self->as, AT(0x110), 1));
	EXPECT_TAKEN("110", self->log);
	/* And by a harvest of nothing but the other gpas. */
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x3002)));
	EXPECT_STREQ("2005", log_text(self->log, 0, AT(0x2000), AT(0x3000) - 1));
	EXPECT_STREQ("100", log_text(self->log, 0, 0, AT(0x1000) - 1));
	EXPECT_TAKEN("3002", self->log);
}

TEST_F(defect, alias_comes_and_goes)
{
	struct virt_as_entry gone[] = {
		as_remove(AT(0x2005), 16 * PG), as_remove(AT(0x3000), 2 * PG),
		as_remove(AT(0x3002), 2 * PG),
	};

	/* Written while there was one, and the one it was written by is gone. */
	ASSERT_EQ(0, add_aliases(self));
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x2005)));
	ASSERT_EQ(0, as_change(self->as, gone, 3));
	EXPECT_STREQ("100", log_text(self->log, VIRT_AS_HARVEST_PEEK, 0, AT(0x1000) - 1));
	/* Its own gpa left, and may not be forgotten either. */
	EXPECT_STREQ("2005", log_text(self->log, 0, AT(0x2000), AT(0x2100) - 1));
	log_take(self->log);
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x101)));
	EXPECT_TAKEN("101", self->log);
	/* The original goes. */
	ASSERT_EQ(0, add_aliases(self));
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x102)));
	gone[0] = as_remove(AT(0x100), 64 * PG);
	ASSERT_EQ(0, as_change(self->as, gone, 1));
	EXPECT_STREQ("2007", log_text(self->log, VIRT_AS_HARVEST_PEEK, AT(0x2000),
				      AT(0x2100) - 1));
	EXPECT_STREQ("102", log_text(self->log, 0, 0, AT(0x1000) - 1));
}

/* Nobody has looked since the write, and the other place it was at is gone. */
TEST_F(defect, alias_leaves_before_the_harvest)
{
	struct virt_as_entry gone[] = {
		as_remove(AT(0x2005), 16 * PG), as_remove(AT(0x3000), 2 * PG),
		as_remove(AT(0x3002), 2 * PG), as_remove(AT(0x100), 64 * PG),
	};

	/* Written by what stays. */
	ASSERT_EQ(0, add_aliases(self));
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x101)));
	ASSERT_EQ(0, as_change(self->as, gone, 3));
	EXPECT_TAKEN("101 2006 3003", self->log);
	/* By what leaves, and they all leave. */
	ASSERT_EQ(0, add_aliases(self));
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x3003)));
	ASSERT_EQ(0, as_change(self->as, gone, 4));
	EXPECT_TAKEN("101 2006 3003", self->log);
}

/* A region moves while a write has not been harvested. */
TEST_F(defect, moved_before_the_harvest)
{
	struct virt_as_entry move = clean(as_move(AT(0x100), 64 * PG, AT(0x4003)));

	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x107)));
	ASSERT_EQ(0, as_change(self->as, &move, 1));
	/* It left at one place, and is there at the other. */
	EXPECT_TAKEN("107 400a", self->log);
	move = as_move(AT(0x4003), 64 * PG, AT(0x100));
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x4003)));
	ASSERT_EQ(0, as_change(self->as, &move, 1));
	EXPECT_TAKEN("100+64 4003", self->log);
}

/* Orders in which three are harvested, PEEK first or not. */
static const char * const orders[] = { "012", "021", "102", "120", "201", "210" };

/* 7: One log's harvest hides a write from another's final one. */
TEST_F_TIMEOUT(defect, harvest_of_another_hides_a_write, 120)
{
	int logs[3] = { self->log, log_open(self->as), log_open(self->as) };

	ASSERT_LE(0, logs[1]);
	ASSERT_LE(0, logs[2]);
	for (size_t i = 0; i < ARRAY_SIZE(orders) * 8; i++) {
		const char *order = orders[i % ARRAY_SIZE(orders)];
		unsigned int peek = i / ARRAY_SIZE(orders);

		EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x111)));
		EXPECT_EQ(0, as_mark(self->as, AT(0x1001), 1));
		for (int j = 0; j < 3; j++) {
			int log = logs[order[j] - '0'];
			__u32 flags = peek >> j & 1 ? VIRT_AS_HARVEST_PEEK : 0;

			EXPECT_STREQ("111 1001", log_text(log, flags, 0, TOP))
				TH_LOG("order %s peek %#x", order, peek);
			/* A write in between is a write after. */
			if (!flags)
				EXPECT_TAKEN("", log);
		}
		for (int j = 0; j < 3; j++) {
			int log = logs[order[j] - '0'];
			bool again = peek >> j & 1;

			EXPECT_STREQ(again ? "111 1001" : "",
				     log_text(log, VIRT_AS_HARVEST_SYNC, 0, TOP))
				TH_LOG("order %s peek %#x", order, peek);
		}
	}
	/* Of two the same, with what the other takes only in part. */
	close(logs[2]);
	ASSERT_EQ(0, as_mark(self->as, AT(0x100), 64 * PG));
	EXPECT_STREQ("110+16", log_text(logs[1], 0, AT(0x110), AT(0x120) - 1));
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x111)));
	EXPECT_EQ(0, log_clear(logs[1], AT(0x100), 16 * PG));
	EXPECT_TAKEN("100+64", logs[0]);
	EXPECT_TAKEN("111 120+32", logs[1]);
	EXPECT_TAKEN("", logs[0]);
	close(logs[1]);
}

/* A log that is closed took nothing from the rest. */
TEST_F(defect, close_of_another_hides_a_write)
{
	int other = log_open(self->as);

	ASSERT_LE(0, other);
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x111)));
	EXPECT_DIRTY("111", other);
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x113)));
	close(other);
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x115)));
	EXPECT_TAKEN("111 113 115", self->log);
	/* Nor does one that is opened. */
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x111)));
	other = log_open(self->as);
	ASSERT_LE(0, other);
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x112)));
	EXPECT_TAKEN("112", other);
	EXPECT_TAKEN("111+2", self->log);
	close(other);
}

TEST_HARNESS_MAIN
