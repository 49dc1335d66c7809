// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a dirty log promises: what it begins with, what a harvest reports and clears,
 * ranges, units, limits and where to go on, and that logs know nothing of each other.
 */
#include "log.h"

#define BIG_FIRST	0x1005ULL	/* on purpose no multiple of 64 */
#define BIG_PAGES	256
#define ALL_PAGES	"100+8 120+2 1005+256"

FIXTURE(log) {
	unsigned char *mem;
	int as;
	int log;
};

/*
 * RAM at pages 100 to 103 and, of other hvas, 104 to 107; a device at 110; memory
 * without a host address at 118; read-only RAM at 120; RAM from 1005 on.
 */
FIXTURE_SETUP(log)
{
	self->as = as_create();
	ASSERT_LE(0, self->as);
	self->mem = guest_alloc((32 + BIG_PAGES) * PG);
	ASSERT_NE(NULL, self->mem);

	struct virt_as_entry map[] = {
		as_ram(AT(0x100), 4 * PG, self->mem + 8 * PG),
		as_ram(AT(0x104), 4 * PG, self->mem),
		as_add(AT(0x110), 2 * PG, self->mem + 16 * PG, VIRT_AS_TYPE_DEVICE, RW),
		as_add(AT(0x118), 2 * PG, NULL, VIRT_AS_TYPE_NOHVA, RW),
		as_add(AT(0x120), 2 * PG, self->mem + 20 * PG, VIRT_AS_TYPE_RAM, RO),
		as_ram(AT(BIG_FIRST), BIG_PAGES * PG, self->mem + 32 * PG),
	};

	ASSERT_EQ(0, as_replace(self->as, map, ARRAY_SIZE(map)));
	self->log = log_open(self->as);
	ASSERT_LE(0, self->log);
}

FIXTURE_TEARDOWN(log)
{
	close(self->log);
	close(self->as);
}

TEST_F(log, begins_with_nothing)
{
	int late;

	EXPECT_TAKEN("", self->log);
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x101)));
	/* What was written before it was opened is nothing to a log. */
	late = log_open(self->as);
	ASSERT_LE(0, late);
	EXPECT_TAKEN("", late);
	EXPECT_TAKEN("101", self->log);
	close(late);
}

TEST_F(log, begins_with_all_that_is_ram)
{
	int all = log_open_with(self->as, VIRT_AS_LOG_ALL_DIRTY, 0);

	ASSERT_LE(0, all);
	EXPECT_DIRTY(ALL_PAGES, all);
	/* That is nothing to the other log. */
	EXPECT_DIRTY("", self->log);
	EXPECT_TAKEN(ALL_PAGES, all);
	EXPECT_TAKEN("", all);
	close(all);
}

TEST_F(log, of_an_empty_space)
{
	int as = as_create();
	int log = log_open_with(as, VIRT_AS_LOG_ALL_DIRTY, 0);
	struct virt_as_harvest sync = log_range(0, TOP, VIRT_AS_HARVEST_SYNC);

	ASSERT_LE(0, log);
	EXPECT_TAKEN("", log);
	EXPECT_EQ(0, log_harvest(log, &sync, NULL, 0));
	EXPECT_EQ(0, sync.out_more);
	close(log);
	close(as);
}

TEST_F(log, harvest_takes_and_peek_does_not)
{
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x102)));
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x102) + 9));
	EXPECT_EQ(0, as_mark(self->as, AT(0x1010), 3 * PG));
	for (int i = 0; i < 3; i++)
		EXPECT_DIRTY("102 1010+3", self->log);
	EXPECT_TAKEN("102 1010+3", self->log);
	EXPECT_TAKEN("", self->log);
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x102)));
	EXPECT_STREQ("102", log_text(self->log, VIRT_AS_HARVEST_SYNC, 0, TOP));
	EXPECT_DIRTY("", self->log);
}

/* Extents do not end where a region does, only where a dirty run does. */
TEST_F(log, runs_are_merged_over_regions)
{
	struct virt_as_extent extents[4];
	struct virt_as_harvest h = log_range(0, TOP, 0);

	EXPECT_EQ(0, as_mark(self->as, AT(0x101), 6 * PG));
	EXPECT_EQ(0, as_mark(self->as, AT(0x103e), 4 * PG));
	ASSERT_EQ(0, log_harvest(self->log, &h, extents, 4));
	EXPECT_STREQ("", harvest_wrong(&h, extents));
	EXPECT_EQ(2, h.out_nr_extents);
	EXPECT_EQ(10, h.out_pages);
	EXPECT_EQ(0, h.out_more);
	EXPECT_EQ(AT(0x101), extents[0].gpa);
	EXPECT_EQ(6 * PG, extents[0].len);
	EXPECT_EQ(AT(0x103e), extents[1].gpa);
	EXPECT_EQ(4 * PG, extents[1].len);
}

/* Every combination of edges, in and out of words and of the region. */
TEST_F(log, range_edges)
{
	static const __u64 edges[] = {
		0x1000, 0x1004, 0x1005, 0x1006, 0x103e, 0x103f, 0x1040, 0x1041,
		0x107f, 0x1080, 0x10ff, 0x1103, 0x1104, 0x1105, 0x1140,
	};
	const __u64 end = BIG_FIRST + BIG_PAGES;
	int all = log_open_with(self->as, VIRT_AS_LOG_ALL_DIRTY, 0);

	ASSERT_LE(0, all);
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
		for (size_t j = i; j < ARRAY_SIZE(edges); j++) {
			__u64 first = edges[i] < BIG_FIRST ? BIG_FIRST : edges[i];
			__u64 last = edges[j] >= end ? end - 1 : edges[j];
			struct virt_as_extent want = {
				AT(first), AT(last + 1) - AT(first),
			};
			char text[LOG_TEXT];

			snprintf(text, sizeof(text), "%s",
				 extents_text(&want, first <= last));
			EXPECT_STREQ(text, log_text(all, VIRT_AS_HARVEST_PEEK,
						    AT(edges[i]),
						    AT(edges[j] + 1) - 1))
				TH_LOG("%llx to %llx", edges[i], edges[j]);
		}
	}
	/* And what a harvest clears is the same. */
	EXPECT_STREQ("103f+2", log_text(all, 0, AT(0x103f), AT(0x1041) - 1));
	EXPECT_DIRTY("100+8 120+2 1005+58 1041+196", all);
	EXPECT_STREQ("107f", log_text(all, 0, AT(0x107f), AT(0x1080) - 1));
	EXPECT_STREQ("1080+128", log_text(all, 0, AT(0x1080), AT(0x1100) - 1));
	EXPECT_TAKEN("100+8 120+2 1005+58 1041+62 1100+5", all);
	close(all);
}

/* Regions whose border is in the middle of 64 pages, and a word of each of three. */
TEST_F(log, regions_that_share_a_word)
{
	struct virt_as_entry map[] = {
		as_ram(AT(0x2001), 58 * PG, self->mem + 64 * PG),
		as_ram(AT(0x203b), 2 * PG, self->mem + 8 * PG),
		as_ram(AT(0x203d), 70 * PG, self->mem + 128 * PG),
	};

	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		map[i] = clean(map[i]);
	ASSERT_EQ(0, as_replace(self->as, map, ARRAY_SIZE(map)));
	EXPECT_TAKEN("", self->log);
	for (__u64 page = 0x203a; page < 0x203f; page++) {
		char text[16];

		EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(page)));
		snprintf(text, sizeof(text), "%llx", page);
		EXPECT_TAKEN(text, self->log);
	}
	EXPECT_EQ(0, as_mark(self->as, AT(0x2001), 130 * PG));
	EXPECT_STREQ("203b+2", log_text(self->log, 0, AT(0x203b), AT(0x203d) - 1));
	EXPECT_TAKEN("2001+58 203d+70", self->log);
}

static const __u64 sprinkled[] = {
	0, 1, 63, 64, 511, 512, 515, 0x3ffff, 0x40000, 0x7ffff, 0x80001, 0x80200,
};

/* What a harvest by units of @order pages has to report. */
static void want_units(char text[LOG_TEXT], unsigned int order, __u64 *units)
{
	struct virt_as_extent want[ARRAY_SIZE(sprinkled)];
	__u64 unit = PG << order, last = TOP;
	__u32 nr = 0;

	*units = 0;
	for (size_t i = 0; i < ARRAY_SIZE(sprinkled); i++) {
		__u64 gpa = AT(sprinkled[i]) & ~(unit - 1);

		if (gpa == last)
			continue;
		last = gpa;
		want[nr++] = (struct virt_as_extent) { gpa, unit };
		++*units;
	}
	snprintf(text, LOG_TEXT, "%s", extents_text(want, nr));
}

/* Nobody touches the memory, so there need not be any. */
TEST_F_TIMEOUT(log, page_sizes, 120)
{
	struct virt_as_entry map = clean(as_ram(0, 3ULL << 30, (void *)(1UL << 40)));
	static char text[LOG_TEXT];
	__u64 units;

	ASSERT_EQ(0, as_replace(self->as, &map, 1));
	EXPECT_TAKEN("", self->log);
	for (unsigned int order = 0; order <= 18; order++) {
		struct virt_as_harvest h = log_range(0, TOP, VIRT_AS_HARVEST_PEEK);
		struct virt_as_extent extents[32];

		for (size_t i = 0; i < ARRAY_SIZE(sprinkled); i++)
			ASSERT_EQ(0, as_mark(self->as, AT(sprinkled[i]) + 5, 1));
		want_units(text, order, &units);
		h.page_size = PG << order;
		for (int i = 0; i < 2; i++) {
			ASSERT_EQ(0, log_harvest(self->log, &h, extents, 32));
			EXPECT_STREQ("", harvest_wrong(&h, extents));
			EXPECT_STREQ(text, extents_text(extents, h.out_nr_extents));
			EXPECT_EQ(units, h.out_pages);
			h.flags = 0;
		}
		/* Whole units are clear. */
		EXPECT_TAKEN("", self->log);
	}
}

/* Of units, those of the range; a unit may go beyond a region. */
TEST_F(log, units_beyond_regions)
{
	struct virt_as_harvest h = log_range(0, TOP, 0);
	struct virt_as_extent extent;

	EXPECT_EQ(0, as_mark(self->as, AT(0x106), PG));
	EXPECT_EQ(0, as_mark(self->as, AT(0x1104), PG));
	h.page_size = 64 * PG;
	h.gpa = AT(0x1080);
	h.last = AT(0x1140) - 1;
	ASSERT_EQ(0, log_harvest(self->log, &h, &extent, 1));
	EXPECT_EQ(1, h.out_pages);
	EXPECT_STREQ("1100+64", extents_text(&extent, h.out_nr_extents));
	EXPECT_DIRTY("106", self->log);
	/* The largest there is. */
	h = log_range(0, TOP, 0);
	h.page_size = 1ULL << 63;
	ASSERT_EQ(0, log_harvest(self->log, &h, &extent, 1));
	EXPECT_EQ(1, h.out_pages);
	EXPECT_EQ(0, extent.gpa);
	EXPECT_EQ(1ULL << 63, extent.len);
	EXPECT_TAKEN("", self->log);
}

/* @odd: every second page of the big region, else all of them. */
static int dirty_big(int as, bool odd)
{
	int err = 0;

	if (!odd)
		return as_mark(as, AT(BIG_FIRST), BIG_PAGES * PG);
	for (int i = 0; !err && i < BIG_PAGES; i += 2)
		err = as_mark(as, AT(BIG_FIRST + i), 1);
	return err;
}

/* From cursor to cursor: each page once, none left out, whatever the limit. */
TEST_F_TIMEOUT(log, walk, 120)
{
	static const struct { __u64 max_pages; __u32 room; } limit[] = {
		{ 1, 512 }, { 7, 512 }, { 64, 512 }, { 127, 512 }, { 0, 1 },
		{ 0, 3 }, { 0, 63 }, { 5, 2 }, { 100, 9 },
	};
	static char want[2][LOG_TEXT];
	struct virt_as_extent all[2 * BIG_PAGES];

	for (int odd = 0; odd < 2; odd++) {
		ASSERT_EQ(0, dirty_big(self->as, odd));
		snprintf(want[odd], LOG_TEXT, "%s", log_take(self->log));
	}
	EXPECT_STREQ("1005+256", want[0]);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(limit); i++) {
		const int odd = i & 1;
		__u64 gpa = 0, pages = 0;
		__u32 nr = 0;
		bool more = true;

		ASSERT_EQ(0, dirty_big(self->as, odd));
		while (more) {
			struct virt_as_harvest h = log_range(gpa, TOP, 0);

			h.max_pages = limit[i / 2].max_pages;
			ASSERT_GT(BIG_PAGES, nr);
			ASSERT_EQ(0, log_harvest(self->log, &h, all + nr,
						 limit[i / 2].room));
			ASSERT_STREQ("", harvest_wrong(&h, all + nr));
			nr += h.out_nr_extents;
			pages += h.out_pages;
			more = h.out_more;
			/* It ended early, so one of the limits was reached. */
			ASSERT_TRUE(!more || h.out_pages == h.max_pages ||
				    h.out_nr_extents == h.nr_extents);
			gpa = h.out_next;
		}
		EXPECT_EQ(odd ? BIG_PAGES / 2 : BIG_PAGES, pages);
		EXPECT_STREQ(want[odd], extents_text(all, nr));
		EXPECT_TAKEN("", self->log);
	}
}

TEST_F(log, no_room_at_all)
{
	struct virt_as_harvest h = log_range(0, TOP, 0);

	ASSERT_EQ(0, as_mark(self->as, AT(0x101), PG));
	EXPECT_EQ(0, log_harvest(self->log, &h, NULL, 0));
	EXPECT_EQ(0, h.out_pages);
	EXPECT_EQ(0, h.out_nr_extents);
	EXPECT_EQ(1, h.out_more);
	EXPECT_TRUE(h.out_next <= AT(0x101));
	EXPECT_DIRTY("101", self->log);
}

/* More than one call of the kernel's own takes: 256 extents, 4,096 pages. */
TEST_F_TIMEOUT(log, more_than_one_hold, 120)
{
	const __u64 pages = 10000;
	struct virt_as_entry map = clean(as_ram(AT(0x40021), pages * PG,
						(void *)(1UL << 40)));
	struct virt_as_harvest h = log_range(0, TOP, 0);
	struct virt_as_extent *extents = calloc(pages, sizeof(*extents));
	unsigned long *bits = calloc(1, 1 << 20);
	__u64 set = 0;

	ASSERT_EQ(0, as_replace(self->as, &map, 1));
	EXPECT_TAKEN("", self->log);
	ASSERT_EQ(0, as_mark(self->as, map.gpa, map.len));
	EXPECT_DIRTY("40021+10000", self->log);
	ASSERT_EQ(0, log_harvest(self->log, &h, extents, pages));
	/* One run is one extent, however often the lock was let go. */
	EXPECT_EQ(1, h.out_nr_extents);
	EXPECT_EQ(pages, h.out_pages);
	EXPECT_EQ(map.gpa, extents[0].gpa);
	EXPECT_EQ(map.len, extents[0].len);

	for (__u64 i = 0; i < pages; i += 3)
		ASSERT_EQ(0, as_mark(self->as, map.gpa + i * PG, 1));
	h = log_range(0, TOP, VIRT_AS_HARVEST_PEEK);
	ASSERT_EQ(0, log_harvest(self->log, &h, extents, pages));
	EXPECT_STREQ("", harvest_wrong(&h, extents));
	EXPECT_EQ((pages + 2) / 3, h.out_nr_extents);
	for (__u32 i = 0; i < h.out_nr_extents; i++)
		ASSERT_EQ(map.gpa + 3 * i * PG, extents[i].gpa);

	h = log_range(map.gpa, TOP, 0);
	ASSERT_EQ(0, log_harvest_bits(self->log, &h, bits));
	EXPECT_EQ((pages + 2) / 3, h.out_pages);
	for (__u64 i = 0; i < pages; i++) {
		bool bit = bits[i / 64] >> i % 64 & 1;

		ASSERT_EQ(i % 3 == 0, bit);
		set += bit;
	}
	EXPECT_EQ(h.out_pages, set);
	EXPECT_TAKEN("", self->log);
}

/* Bits are added to what is there, from the one of the first unit on. */
TEST_F(log, bitmap)
{
	struct virt_as_harvest h = log_range(AT(0x1003), AT(0x1084) - 1, 0);
	__u64 bits[4] = { 1, 0, 0, ~0ULL };

	/* Pages are bits 2 and 3, 63 and 64, 128; one below and one above. */
	ASSERT_EQ(0, as_mark(self->as, AT(0x1005), 2 * PG));
	ASSERT_EQ(0, as_mark(self->as, AT(0x1042), 2 * PG));
	ASSERT_EQ(0, as_mark(self->as, AT(0x1083), 2 * PG));
	ASSERT_EQ(0, as_mark(self->as, AT(0x107), PG));
	h.flags = VIRT_AS_HARVEST_PEEK;
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, log_harvest_bits(self->log, &h, bits));
		EXPECT_EQ(i < 2 ? 5 : 0, h.out_pages);
		EXPECT_EQ(0, h.out_nr_extents);
		EXPECT_EQ(0, h.out_more);
		EXPECT_EQ(1ULL << 63 | 0xd, bits[0]);
		EXPECT_EQ(1, bits[1]);
		EXPECT_EQ(1, bits[2]);
		EXPECT_EQ(~0ULL, bits[3]);
		h.flags = 0;
	}
	EXPECT_DIRTY("107 1084", self->log);
	/* By units of two, and as many as are wanted. */
	ASSERT_EQ(0, as_mark(self->as, AT(0x1010), 5 * PG));
	h = log_range(AT(0x1002), TOP, 0);
	h.page_size = 2 * PG;
	h.max_pages = 2;
	bits[0] = 0;
	EXPECT_EQ(0, log_harvest_bits(self->log, &h, bits));
	EXPECT_EQ(2, h.out_pages);
	EXPECT_EQ(1, h.out_more);
	EXPECT_EQ(3 << 7, bits[0]);
	EXPECT_EQ(AT(0x1014), h.out_next);
	EXPECT_TAKEN("107 1014 1084", self->log);
}

TEST_F(log, top_of_the_space)
{
	struct virt_as_entry map = clean(as_ram(-4 * PG, 4 * PG, self->mem));
	struct virt_as_harvest h = log_range(-64 * PG, TOP, 0);
	int vat = vat_bound(self->as, RIGHTS_RW);
	struct virt_as_extent halves[2];
	__u64 bits = 0;

	ASSERT_LE(0, vat);
	ASSERT_EQ(0, as_replace(self->as, &map, 1));
	EXPECT_EQ(0, as_mark(self->as, -2 * PG, 2 * PG));
	EXPECT_EQ(1, vat_write(vat, VAT_THREAD, -4 * PG, bytes(), 1));
	EXPECT_EQ(1, vat_write(vat, VAT_CALLER, TOP, bytes(), 1));
	EXPECT_DIRTY("ffffffffffffc ffffffffffffe+2", self->log);
	EXPECT_STREQ("fffffffffffff", log_text(self->log, VIRT_AS_HARVEST_PEEK,
					       -PG, TOP));
	h.flags = VIRT_AS_HARVEST_PEEK;
	EXPECT_EQ(0, log_harvest_bits(self->log, &h, &bits));
	EXPECT_EQ(0xdULL << 60, bits);
	EXPECT_EQ(0, h.out_more);
	h.page_size = 64 * PG;
	bits = 0;
	EXPECT_EQ(0, log_harvest_bits(self->log, &h, &bits));
	EXPECT_EQ(1, bits);
	h = log_range(0, TOP, 0);
	h.page_size = 1ULL << 63;
	EXPECT_EQ(0, log_harvest_bits(self->log, &h, &bits));
	EXPECT_EQ(3, bits);
	EXPECT_TAKEN("", self->log);
	/* All units of the space in one extent would have no length that can be said. */
	EXPECT_EQ(0, log_mark(self->log, 0, PG));
	EXPECT_EQ(0, log_mark(self->log, -PG, PG));
	h.flags = 0;
	ASSERT_EQ(0, log_harvest(self->log, &h, halves, 2));
	EXPECT_EQ(2, h.out_pages);
	ASSERT_EQ(2, h.out_nr_extents);
	EXPECT_EQ(1ULL << 63, halves[1].gpa);
	EXPECT_EQ(1ULL << 63, halves[1].len);
	EXPECT_EQ(0, log_mark(self->log, -PG, PG));
	EXPECT_EQ(0, log_clear(self->log, PG, -PG));
	EXPECT_TAKEN("", self->log);
	close(vat);
}

TEST_F(log, made_clean)
{
	struct virt_as_extent two[] = { { AT(0x101), 2 * PG }, { AT(0x103f), 2 * PG } };
	__u32 done;

	ASSERT_EQ(0, as_mark(self->as, AT(0x100), 8 * PG));
	ASSERT_EQ(0, dirty_big(self->as, false));
	EXPECT_DIRTY("100+8 1005+256", self->log);
	EXPECT_EQ(0, log_extents(self->log, VIRT_AS_LOG_CLEAR, two, 2, &done));
	EXPECT_EQ(2, done);
	EXPECT_DIRTY("100 103+5 1005+58 1041+196", self->log);
	/* Over holes, and again. */
	EXPECT_EQ(0, log_clear(self->log, AT(0x106), AT(0x1000)));
	EXPECT_EQ(0, log_clear(self->log, AT(0x106), AT(0x1000)));
	EXPECT_DIRTY("100 103+3", self->log);
	EXPECT_EQ(0, log_clear(self->log, 0, -PG));
	EXPECT_TAKEN("", self->log);
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x103f)));
	EXPECT_TAKEN("103f", self->log);
	EXPECT_EQ(0, log_extents(self->log, VIRT_AS_LOG_CLEAR, NULL, 0, &done));
	EXPECT_EQ(0, done);
}

/* In the map or not: what could not be used after all is dirty again. */
TEST_F(log, made_dirty)
{
	struct virt_as_extent two[] = { { AT(0x103), 2 * PG }, { AT(0x9999), 100 * PG } };
	int other = log_open(self->as);
	__u32 done;

	ASSERT_LE(0, other);
	EXPECT_EQ(0, log_extents(self->log, VIRT_AS_LOG_MARK, two, 2, &done));
	EXPECT_EQ(2, done);
	EXPECT_DIRTY("103+2 9999+100", self->log);
	EXPECT_EQ(0, log_mark(self->log, AT(0x104), PG));
	EXPECT_EQ(0, log_mark(self->log, AT(0x99fd), PG));
	/* Devices, too, since this log is told to. */
	EXPECT_EQ(0, log_mark(self->log, AT(0x110), PG));
	EXPECT_DIRTY("103+2 110 9999+101", self->log);
	EXPECT_TAKEN("", other);
	EXPECT_STREQ("9999+101", log_text(self->log, 0, AT(0x2000), TOP));
	EXPECT_TAKEN("103+2 110", self->log);
	EXPECT_EQ(0, log_extents(self->log, VIRT_AS_LOG_MARK, NULL, 0, &done));
	EXPECT_EQ(0, done);
	close(other);
}

TEST_F(log, close_and_open_again)
{
	for (int i = 0; i < 5; i++) {
		EXPECT_EQ(1, as_logs(self->as));
		ASSERT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x100 + i)));
		close(self->log);
		EXPECT_EQ(0, as_logs(self->as));
		/* Nobody listens. */
		ASSERT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x1010 + i)));
		ASSERT_EQ(0, as_mark(self->as, AT(0x1020), 5 * PG));
		self->log = log_open(self->as);
		ASSERT_LE(0, self->log);
		EXPECT_TAKEN("", self->log);
		ASSERT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x1050 + i)));
		EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x104)));
		EXPECT_STREQ("104", log_text(self->log, 0, 0, AT(0x1000) - 1));
	}
	EXPECT_TAKEN("1054", self->log);
}

/* Each has all, whatever the others did and in which order. */
TEST_F_TIMEOUT(log, many, 120)
{
	struct virt_as_info info;
	int logs[64], nr;

	ASSERT_EQ(0, as_info(self->as, &info));
	EXPECT_EQ(1, info.out_nr_logs);
	nr = info.out_max_logs - 1;
	if (nr > 64)
		nr = 64;
	for (int i = 0; i < nr; i++) {
		logs[i] = log_open(self->as);
		ASSERT_LE(0, logs[i]);
		ASSERT_EQ(1, as_pwrite(self->as, "x", 1, AT(BIG_FIRST + i)));
	}
	EXPECT_EQ(nr + 1, as_logs(self->as));
	/* One that is closed changes nothing for the rest. */
	close(logs[0]);
	for (int i = 1; i < nr; i += 2) {
		EXPECT_EQ(nr - i, atoi(strchr(log_take(logs[i]), '+') ?: "+1"))
			TH_LOG("log %d", i);
	}
	for (int i = 2; i < nr; i += 2) {
		EXPECT_EQ(nr - i, atoi(strchr(log_take(logs[i]), '+') ?: "+1"))
			TH_LOG("log %d", i);
	}
	for (int i = 1; i < nr; i++) {
		EXPECT_TAKEN("", logs[i]);
		close(logs[i]);
	}
	EXPECT_EQ(1, as_logs(self->as));
	EXPECT_EQ(nr, atoi(strchr(log_take(self->log), '+') ?: "+1"));
}

TEST_HARNESS_MAIN
