// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty logs over commits: what is dirty of a region that is added, moved, protected,
 * given other memory or removed; and the commit that hands over what leaves.
 */
#include "log.h"
#include "owner.h"

FIXTURE(commits) {
	struct virt_as_entry a, b;
	unsigned char *mem;
	int as;
	int log;
};

static void on_signal(int signal)
{
	(void)signal;
}

/* RAM at pages 100 to 107 and 1000 to 100f. 101, 106 and 1003 are dirty. */
FIXTURE_SETUP(commits)
{
	struct sigaction action = { .sa_handler = on_signal };

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	self->as = as_create();
	ASSERT_LE(0, self->as);
	self->mem = guest_alloc(64 * PG);
	self->a = as_ram(AT(0x100), 8 * PG, self->mem);
	self->b = as_ram(AT(0x1000), 16 * PG, self->mem + 16 * PG);
	ASSERT_EQ(0, as_change(self->as, &self->a, 1));
	ASSERT_EQ(0, as_change(self->as, &self->b, 1));
	self->log = log_open(self->as);
	ASSERT_LE(0, self->log);
	ASSERT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x101)));
	ASSERT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x106)));
	ASSERT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x1003)));
	ASSERT_STREQ("101 106 1003", log_peek(self->log));
}

FIXTURE_TEARDOWN(commits)
{
	close(self->log);
	close(self->as);
}

#define REMOVE_A	as_remove(AT(0x100), 8 * PG)
#define MOVE_A		as_move(AT(0x100), 8 * PG, AT(0x203d))
#define OTHER_MEM	(self->mem + 40 * PG)

/* Changes, and what is dirty after them. */
#define CHANGED(pages, ...) do {					\
	struct virt_as_entry list[] = { __VA_ARGS__ };			\
									\
	ASSERT_EQ(0, as_change(self->as, list, ARRAY_SIZE(list)));	\
	EXPECT_DIRTY(pages, self->log);					\
} while (0)

TEST_F(commits, nothing_at_all)
{
	struct virt_as_entry same[] = { self->a, self->b };

	EXPECT_EQ(0, as_change(self->as, NULL, 0));
	EXPECT_DIRTY("101 106 1003", self->log);
	/* The same regions are there as before. */
	EXPECT_EQ(0, as_replace(self->as, same, 2));
	EXPECT_DIRTY("101 106 1003", self->log);
	CHANGED("101 106 1003", REMOVE_A, self->a);
	CHANGED("101 106 1003", as_move(AT(0x1000), 16 * PG, AT(0x1000)));
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x104)));
	EXPECT_TAKEN("101 104 106 1003", self->log);
	EXPECT_EQ(0, as_replace(self->as, same, 2));
	EXPECT_TAKEN("", self->log);
}

TEST_F(commits, refusals_and_trials)
{
	struct virt_as_entry wrong[] = { REMOVE_A, as_remove(AT(0x200), PG) };
	struct virt_as_entry add = as_ram(AT(0x200), PG, OTHER_MEM);

	EXPECT_EQ(-ENOENT, as_change(self->as, wrong, 2));
	EXPECT_EQ(0, as_commit(self->as, VIRT_AS_COMMIT_TRY, 0, wrong, 1, NULL));
	EXPECT_EQ(0, as_commit(self->as, VIRT_AS_COMMIT_TRY, 0, &add, 1, NULL));
	EXPECT_DIRTY("101 106 1003", self->log);
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x104)));
	EXPECT_TAKEN("101 104 106 1003", self->log);
}

TEST_F(commits, add)
{
	CHANGED("101 106 200+2 1003", as_ram(AT(0x200), 2 * PG, OTHER_MEM));
	CHANGED("101 106 200+2 1003", clean(as_ram(AT(0x202), 2 * PG, OTHER_MEM)));
	CHANGED("101 106 200+2 204 1003",
		as_add(AT(0x204), PG, OTHER_MEM, VIRT_AS_TYPE_RAM, RO));
	CHANGED("101 106 200+2 204 1003",
		as_add(AT(0x205), PG, OTHER_MEM, VIRT_AS_TYPE_DEVICE, RW),
		as_add(AT(0x206), PG, NULL, VIRT_AS_TYPE_NOHVA, RW));
	EXPECT_TAKEN("101 106 200+2 204 1003", self->log);
	/* All show the same page. */
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x202)));
	EXPECT_TAKEN("200 202 204", self->log);
}

TEST_F(commits, remove)
{
	CHANGED("101 106 1003", REMOVE_A);
	CHANGED("101 106 1003", as_remove(AT(0x1000), 16 * PG));
	/* Gone for as long as it takes, and through other commits. */
	CHANGED("101 106 300 1003", as_ram(AT(0x300), PG, OTHER_MEM));
	CHANGED("101 106 300 1003", as_remove(AT(0x300), PG));
	EXPECT_STREQ("106", log_text(self->log, 0, AT(0x104), AT(0x200) - 1));
	EXPECT_EQ(0, log_clear(self->log, AT(0x300), PG));
	EXPECT_TAKEN("101 1003", self->log);
	EXPECT_EQ(0, as_change(self->as, NULL, 0));
	EXPECT_TAKEN("", self->log);
	EXPECT_EQ(-ENOENT, as_mark(self->as, AT(0x101), 1));
}

TEST_F(commits, remove_what_is_clean)
{
	log_take(self->log);
	CHANGED("", REMOVE_A);
	CHANGED("", clean(self->a));
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x100)));
	EXPECT_TAKEN("100", self->log);
}

/* It was never gone for this log: what was not harvested is there when it is back. */
TEST_F(commits, leave_and_come_back)
{
	CHANGED("101 106 1003", REMOVE_A);
	CHANGED("101 106 1003", clean(self->a));
	CHANGED("101 106 1003", REMOVE_A);
	CHANGED("100+8 1003", self->a);
	EXPECT_TAKEN("100+8 1003", self->log);
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x107)));
	EXPECT_TAKEN("107", self->log);
}

TEST_F(commits, other_memory)
{
	CHANGED("101 106 1003", REMOVE_A, clean(as_ram(AT(0x100), 8 * PG, OTHER_MEM)));
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x102)));
	CHANGED("101+2 106 1003", REMOVE_A,
		clean(as_ram(AT(0x100), 8 * PG, self->mem)));
	EXPECT_TAKEN("101+2 106 1003", self->log);
	CHANGED("100+8", REMOVE_A, as_ram(AT(0x100), 8 * PG, OTHER_MEM));
}

/* Smaller, larger, split, not on borders of words; only what it adds is dirty. */
TEST_F(commits, other_borders)
{
	CHANGED("101 106 1003", REMOVE_A, clean(as_ram(AT(0x102), 3 * PG, self->mem)));
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x104)));
	/* What was at 104 is at ff now, and nobody had asked before. */
	CHANGED("ff 101 104 106 1003", as_remove(AT(0x102), 3 * PG),
		clean(as_ram(AT(0xfd), 5 * PG, self->mem)),
		clean(as_ram(AT(0x102), 16 * PG, self->mem + 16 * PG)));
	/* 1000 and on are the same memory as 102 and on. */
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0xff)));
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x110)));
	EXPECT_TAKEN("ff 101 104 106 110 1003 100e", self->log);
	CHANGED("102+80", as_remove(AT(0x102), 16 * PG),
		as_ram(AT(0x102), 80 * PG, (void *)(1UL << 40)));
}

TEST_F(commits, move)
{
	CHANGED("101 106 1003 203d+8", MOVE_A);
	EXPECT_TAKEN("101 106 1003 203d+8", self->log);
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x2041)));
	EXPECT_TAKEN("2041", self->log);
	CHANGED("", clean(as_move(AT(0x203d), 8 * PG, AT(0x102))));
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x106)));
	EXPECT_TAKEN("106", self->log);
}

/* Over its own tail, and two that change places. */
TEST_F(commits, move_to_where_others_were)
{
	struct virt_as_entry swap[] = {
		clean(as_move(AT(0x102), 8 * PG, AT(0x1000))),
		clean(as_move(AT(0x1000), 16 * PG, AT(0x102))),
	};

	log_take(self->log);
	CHANGED("102+8", as_move(AT(0x100), 8 * PG, AT(0x102)));
	EXPECT_TAKEN("102+8", self->log);
	ASSERT_EQ(0, as_change(self->as, swap, 2));
	EXPECT_TAKEN("", self->log);
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x111)));
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x1007)));
	EXPECT_TAKEN("111 1007", self->log);
}

TEST_F(commits, protect)
{
	CHANGED("101 106 1003", as_protect(AT(0x100), 8 * PG, RO));
	EXPECT_EQ(-EACCES, as_pwrite(self->as, "x", 1, AT(0x104)));
	EXPECT_TAKEN("101 106 1003", self->log);
	CHANGED("", clean(as_protect(AT(0x100), 8 * PG, RW)));
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x104)));
	CHANGED("104", as_protect(AT(0x100), 8 * PG, RO));
	CHANGED("104", as_protect(AT(0x100), 8 * PG, RW));
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x105)));
	EXPECT_TAKEN("104+2", self->log);
}

TEST_F(commits, other_type)
{
	struct virt_as_entry device = as_add(AT(0x100), 8 * PG, self->mem,
					     VIRT_AS_TYPE_DEVICE, RW);

	CHANGED("101 106 1003", REMOVE_A, device);
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x103)));
	EXPECT_TAKEN("101 106 1003", self->log);
	CHANGED("100+8", REMOVE_A, self->a);
	EXPECT_TAKEN("100+8", self->log);
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x103)));
	CHANGED("103", REMOVE_A, as_add(AT(0x100), 8 * PG, NULL, VIRT_AS_TYPE_NOHVA, RW));
	CHANGED("103", REMOVE_A, clean(self->a));
}

/* Every log has its own view of it. */
TEST_F(commits, of_many_logs)
{
	int late = log_open(self->as);
	int all = log_open_with(self->as, VIRT_AS_LOG_ALL_DIRTY, 0);

	ASSERT_LE(0, late);
	ASSERT_LE(0, all);
	EXPECT_TAKEN("100+8 1000+16", all);
	CHANGED("101 106 1003 203d+8", MOVE_A);
	EXPECT_TAKEN("203d+8", late);
	EXPECT_DIRTY("203d+8", all);
	CHANGED("101 106 1003 203d+8", as_remove(AT(0x203d), 8 * PG));
	EXPECT_TAKEN("", late);
	EXPECT_TAKEN("203d+8", all);
	close(late);
	close(all);
	EXPECT_TAKEN("101 106 1003 203d+8", self->log);
}

/* Memory of another process is other memory. */
TEST_F(commits, adopted)
{
	const __u32 adopt = VIRT_AS_COMMIT_ADOPT | VIRT_AS_COMMIT_REPLACE;
	unsigned char *shared = shared_alloc(8 * PG);
	struct virt_as_entry map = as_ram(AT(0x100), 8 * PG, shared);
	struct owner owner;
	int log;

	ASSERT_EQ(0, owner_start(&owner, true));
	ASSERT_EQ(0, owner_commit(&owner, VIRT_AS_COMMIT_REPLACE, &map, 1));
	/* Anybody with the right may open a log. */
	log = log_open(owner.as);
	ASSERT_LE(0, log);
	EXPECT_EQ(1, as_pwrite(owner.as, "x", 1, AT(0x103)));
	map = clean(map);
	ASSERT_EQ(0, as_commit(owner.as, adopt, 0, &map, 1, NULL));
	EXPECT_EQ(1, as_pwrite(owner.as, "x", 1, AT(0x105)));
	EXPECT_TAKEN("103 105", log);
	map.flags = 0;
	ASSERT_EQ(0, owner_commit(&owner, adopt, &map, 1));
	EXPECT_TAKEN("100+8", log);
	EXPECT_EQ(1, as_pwrite(owner.as, "x", 1, AT(0x101)));
	EXPECT_TAKEN("101", log);
	EXPECT_EQ(0, owner_stop(&owner));
	close(log);
}

/* HANDOVER: some changes, what it hands over and what stays in the log. */
static const char *handed(struct _test_data_commits *self, __u32 flags,
			  const struct virt_as_entry *list, __u32 nr, __u32 room,
			  const char *stays)
{
	struct virt_as_extent extents[16] = {};
	struct virt_as_commit reply;
	__u64 generation = as_generation(self->as);
	static char text[LOG_TEXT + 64];
	int err;

	err = as_handover(self->as, flags, list, nr, self->log, extents, room, &reply);
	if (err || reply.out_generation != generation + 1 ||
	    reply.out_nr_extents > room || reply.out_more > 1) {
		snprintf(text, sizeof(text),
			 "errno %d, generation %llu after %llu, %u extents, more %u",
			 -err, reply.out_generation, generation, reply.out_nr_extents,
			 reply.out_more);
		return text;
	}
	if (strcmp(stays, log_peek(self->log))) {
		snprintf(text, sizeof(text), "there stays %.4000s", log_peek(self->log));
		return text;
	}
	snprintf(text, sizeof(text), "%.4000s%s",
		 extents_text(extents, reply.out_nr_extents), reply.out_more ? " ..." : "");
	return text;
}

#define EXPECT_HANDED(pages, room, stays, ...) do {			\
	struct virt_as_entry list[] = { __VA_ARGS__ };			\
									\
	EXPECT_STREQ(pages, handed(self, 0, list, ARRAY_SIZE(list), room, stays)); \
} while (0)

TEST_F(commits, handover)
{
	int other = log_open(self->as);

	ASSERT_LE(0, other);
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x102)));
	EXPECT_HANDED("101+2 106", 16, "1003", REMOVE_A);
	/* Nobody else is concerned. */
	EXPECT_TAKEN("102", other);
	/* It left before, so it does not leave now. */
	EXPECT_EQ(0, log_mark(self->log, AT(0x104), PG));
	EXPECT_HANDED("", 16, "104 1003", clean(as_ram(AT(0x200), PG, OTHER_MEM)));
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x200)));
	EXPECT_STREQ("200 1003", handed(self, VIRT_AS_COMMIT_REPLACE, NULL, 0, 16,
					"104"));
	EXPECT_HANDED("", 16, "104", clean(self->a));
	close(other);
}

TEST_F(commits, handover_of_gpas_that_stay)
{
	EXPECT_HANDED("106", 16, "101 1003", REMOVE_A,
		      clean(as_ram(AT(0x100), 4 * PG, self->mem)));
	/* With other memory, and even as a device. */
	EXPECT_HANDED("", 16, "101 1003", as_remove(AT(0x100), 4 * PG),
		      clean(as_ram(AT(0x100), 4 * PG, OTHER_MEM)));
	EXPECT_HANDED("", 16, "101 1003", as_remove(AT(0x100), 4 * PG),
		      as_add(AT(0x101), PG, OTHER_MEM, VIRT_AS_TYPE_DEVICE, RW));
	/* What leaves now was no ordinary memory. */
	EXPECT_HANDED("", 16, "101 1003", as_remove(AT(0x101), PG));
	EXPECT_HANDED("", 16, "101 1003", as_protect(AT(0x1000), 16 * PG, RO));
	EXPECT_HANDED("1003", 16, "101", as_remove(AT(0x1000), 16 * PG));
}

TEST_F(commits, handover_of_what_moves)
{
	EXPECT_HANDED("101 106", 16, "1003 203d+8", MOVE_A);
	EXPECT_TAKEN("1003 203d+8", self->log);
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x203e)));
	/* Onto its own tail. */
	EXPECT_HANDED("203e", 16, "203f+8", as_move(AT(0x203d), 8 * PG, AT(0x203f)));
}

TEST_F(commits, handover_of_an_alias)
{
	CHANGED("101 106 1003", clean(as_ram(AT(0x300), 8 * PG, self->mem)));
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x302)));
	EXPECT_HANDED("101+2 106", 16, "302 1003", REMOVE_A);
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x304)));
	EXPECT_HANDED("302 304", 16, "1003", as_remove(AT(0x300), 8 * PG));
}

TEST_F(commits, handover_without_room)
{
	struct virt_as_entry both[] = { REMOVE_A, as_remove(AT(0x1000), 16 * PG) };

	EXPECT_STREQ("101 106 ...", handed(self, 0, both, 2, 2, "1003"));
	CHANGED("1003", clean(self->a), clean(self->b));
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x104)));
	EXPECT_STREQ(" ...", handed(self, 0, both, 2, 0, "104 1003"));
	CHANGED("104 1003", clean(self->a), clean(self->b));
	EXPECT_STREQ("104 1003", handed(self, 0, both, 2, 2, ""));
	/* None is needed where there is nothing. */
	CHANGED("", clean(self->a), clean(self->b));
	EXPECT_STREQ("", handed(self, 0, both, 2, 0, ""));
}

/* More than fits into the kernel's own buffer. */
TEST_F(commits, handover_of_many)
{
	const __u32 room = 700, all = 1000;
	struct virt_as_entry big = clean(as_ram(AT(0x10001), 2 * all * PG,
						(void *)(1UL << 40)));
	struct virt_as_entry gone = as_remove(big.gpa, big.len);
	struct virt_as_extent *extents = calloc(room, sizeof(*extents));
	struct virt_as_harvest h = log_range(AT(0x10000), TOP, 0);
	struct virt_as_commit reply;

	ASSERT_EQ(0, as_change(self->as, &big, 1));
	for (__u32 i = 0; i < all; i++)
		ASSERT_EQ(0, as_mark(self->as, big.gpa + 2 * i * PG, 1));
	ASSERT_EQ(0, as_handover(self->as, 0, &gone, 1, self->log, extents, room,
				 &reply));
	EXPECT_EQ(room, reply.out_nr_extents);
	EXPECT_EQ(1, reply.out_more);
	for (__u32 i = 0; i < room; i++) {
		ASSERT_EQ(big.gpa + 2 * i * PG, extents[i].gpa);
		ASSERT_EQ(PG, extents[i].len);
	}
	ASSERT_EQ(0, log_harvest(self->log, &h, extents, room));
	EXPECT_EQ(all - room, h.out_pages);
	EXPECT_EQ(big.gpa + 2 * room * PG, extents[0].gpa);
	EXPECT_TAKEN("101 106 1003", self->log);
	free(extents);
}

/* Two ranges leave, and each page of them is counted once. */
TEST_F(commits, handover_is_counted)
{
	struct virt_as_entry both[] = { REMOVE_A, as_remove(AT(0x1000), 16 * PG) };
	long long before = fdinfo_number(self->log, "virt_as-log-harvested");
	struct virt_as_extent extents[4];

	ASSERT_EQ(0, as_handover(self->as, 0, both, 2, self->log, extents, 4, NULL));
	EXPECT_EQ(before + 3, fdinfo_number(self->log, "virt_as-log-harvested"));
	EXPECT_EQ(0, fdinfo_number(self->log, "virt_as-log-dirty"));
}

/* The map is new, nothing is lost. */
TEST_F(commits, handover_into_bad_memory)
{
	struct virt_as_extent *page = guest_alloc(PG);
	struct virt_as_extent *bad[] = { NULL, (void *)(1UL << 63), page };
	struct virt_as_entry gone = REMOVE_A;
	struct virt_as_commit reply;

	ASSERT_EQ(0, mprotect(page, PG, PROT_READ));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EFAULT, as_handover(self->as, 0, &gone, 1, self->log, bad[i],
					       4, &reply));
		EXPECT_EQ(as_generation(self->as), reply.out_generation);
		EXPECT_EQ(-ENOENT, as_peek(self->as, AT(0x100)));
		EXPECT_DIRTY("101 106 1003", self->log);
		CHANGED("101 106 1003", clean(self->a));
	}
}

TEST_F(commits, handover_of_what_is_refused)
{
	struct virt_as_entry wrong[] = { REMOVE_A, as_remove(AT(0x200), PG) };
	struct virt_as_extent extents[4] = {};
	struct virt_as_commit reply;

	EXPECT_EQ(-ENOENT, as_handover(self->as, 0, wrong, 2, self->log, extents, 4,
				       &reply));
	EXPECT_EQ(1, reply.out_index);
	EXPECT_EQ(3, reply.out_generation);
	EXPECT_EQ(0, extents[0].len);
	EXPECT_TAKEN("101 106 1003", self->log);
}

/* A commit with HANDOVER in a thread of its own. */
struct handover_call {
	struct call call;
	int log;
	struct virt_as_extent extents[16];
};

static void *call_handover(void *arg)
{
	struct handover_call *c = arg;

	call_begin(&c->call);
	call_end(&c->call, as_handover(c->call.as, 0, c->call.entries,
				       c->call.nr_entries, c->log, c->extents, 16,
				       &c->call.reply));
	return NULL;
}

/* It waits for those who still write to what leaves, and has what they wrote. */
TEST_F_TIMEOUT(commits, handover_waits, 60)
{
	struct virt_as_entry gone = REMOVE_A;
	struct handover_call c = {
		.call = { .as = self->as, .entries = &gone, .nr_entries = 1 },
		.log = self->log,
	};
	int vat = vat_bound(self->as, RIGHTS_RW);
	struct vat_op op = VAT_BEGIN;

	ASSERT_LE(0, vat);
	ASSERT_EQ(0, vat_one(vat, VAT_THREAD, &op));
	ASSERT_EQ(0, call_start(&c.call, call_handover));
	EXPECT_TRUE(call_waits(&c.call));
	op = vat_op(VAT_OP_COPY_TO, AT(0x104), bytes(), 4);
	ASSERT_EQ(4, vat_one(vat, VAT_THREAD, &op));
	op = VAT_END;
	ASSERT_EQ(0, vat_one(vat, VAT_THREAD, &op));
	EXPECT_EQ(0, call_join(&c.call));
	EXPECT_STREQ("101 104 106", extents_text(c.extents, c.call.reply.out_nr_extents));
	EXPECT_TAKEN("1003", self->log);

	/* Interrupted: the map is new, and what was not handed over is in the log. */
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x1004)));
	gone = as_remove(AT(0x1000), 16 * PG);
	op = VAT_BEGIN;
	ASSERT_EQ(0, vat_one(vat, VAT_THREAD, &op));
	ASSERT_EQ(0, call_start(&c.call, call_handover));
	EXPECT_TRUE(call_waits(&c.call));
	EXPECT_EQ(-EINTR, call_interrupt(&c.call));
	EXPECT_EQ(as_generation(self->as), c.call.reply.out_generation);
	EXPECT_EQ(0, c.call.reply.out_nr_extents);
	EXPECT_EQ(1, c.call.reply.out_more);
	op = VAT_END;
	ASSERT_EQ(0, vat_one(vat, VAT_THREAD, &op));
	EXPECT_TAKEN("1004", self->log);
	close(vat);
}

TEST_HARNESS_MAIN
