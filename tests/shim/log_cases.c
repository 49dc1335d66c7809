// SPDX-License-Identifier: GPL-2.0-only
/*
 * What chance seldom finds about logs: one case after the other, in order.
 *
 *	log-cases SEED
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "binding.h"
#include "commit.h"
#include "drain.h"
#include "grace.h"
#include "harvest.h"
#include "log.h"
#include "object.h"
#include "section.h"
#include "shim.h"
#include "spans.h"
#include "test.h"

#define HVA		0x10000000ULL
#define MAX_EXTENTS	64
#define ALL_RIGHTS	(VIRT_AS_RIGHT_READ | VIRT_AS_RIGHT_WRITE)

u64 test_seed;

static struct mm_struct owner = {
	.mm_count = 1,
	.mm_users = 1,
	.owner = &owner,
	.task_size = TASK_SIZE_MAX,
};

/* What a harvest delivered, and what it is to do first. */
static struct {
	struct virt_as_extent extents[MAX_EXTENTS];
	u32 nr;
	bool fail;
	void (*before)(void);
} sink;

/* What a binding was told. */
static struct {
	bool logs;
	u64 armed;
	u64 armed_without_logs;
} told;

static struct virt_as *as;
static struct virt_as_binding binding;

static void log_commit(struct virt_as_binding *user, bool on)
{
	CHECK(user == &binding);
	told.logs = on;
}

static void arm(struct virt_as_binding *user, const struct virt_as_word *words,
		unsigned int nr)
{
	CHECK(user == &binding && words && nr);
	told.armed++;
	told.armed_without_logs += !told.logs;
}

static const struct virt_as_binding_ops ops = { .log_commit = log_commit, .arm = arm };

static void set_up(void)
{
	CHECK(!virt_as_grace_init());
	CHECK(!virt_as_object_init());
	as = virt_as_alloc();
	CHECK(!IS_ERR(as));
	CHECK(!virt_as_bind(as, &binding, &ops, ALL_RIGHTS));
	memset(&told, 0, sizeof(told));
	memset(&sink, 0, sizeof(sink));
}

static void tear_down(void)
{
	virt_as_unbind(&binding);
	virt_as_put(as);
	virt_as_object_exit();
	virt_as_grace_exit();
	CHECK(!shim_alloc_live());
}

/* One region more, or one less. */
static int change(u32 op, u64 page, u64 nr, u32 flags)
{
	struct virt_as_entry entry = {
		.op = op,
		.gpa = page * PAGE_SIZE,
		.len = nr * PAGE_SIZE,
		.perms = op == VIRT_AS_OP_ADD ? VIRT_AS_PERMS : 0,
		.hva = op == VIRT_AS_OP_ADD ? HVA + page * PAGE_SIZE : 0,
		.flags = op == VIRT_AS_OP_ADD ? VIRT_AS_ENTRY_CLEAN : 0,
	};
	struct virt_as_request request = {
		.flags = flags,
		.entries = &entry,
		.nr_entries = 1,
	};

	return virt_as_commit_map(as, &request);
}

static struct virt_as_log *open_log(void)
{
	struct virt_as_log *log = virt_as_log_open(as, 0, 0);

	CHECK(!IS_ERR(log));
	return log;
}

static void mark(u64 page)
{
	struct virt_as_section section;

	CHECK(!virt_as_begin(&binding, &section));
	CHECK(!virt_as_mark_gpa(&section, page * PAGE_SIZE, 1));
	virt_as_end(&section);
}

static u32 deliver(void *context, const struct virt_as_extent *extents, u32 nr)
{
	void (*before)(void) = sink.before;

	(void)context;
	sink.before = NULL;
	if (before)
		before();
	if (sink.fail)
		return 0;
	CHECK(nr <= MAX_EXTENTS - sink.nr);
	memcpy(&sink.extents[sink.nr], extents, nr * sizeof(*extents));
	sink.nr += nr;
	return nr;
}

static int harvest(struct virt_as_log *log, u64 first, u64 last)
{
	struct virt_as_reap reap = {
		.first = first,
		.last = last,
		.max_units = U64_MAX,
		.max_extents = MAX_EXTENTS,
		.deliver = deliver,
	};
	int err;

	sink.nr = 0;
	virt_as_log_use(log);
	err = virt_as_log_harvest(log, &reap);
	virt_as_log_unuse(log);
	return err;
}

/* The one page that is dirty in @first to @last. */
static u64 only_page(struct virt_as_log *log, u64 first, u64 last)
{
	CHECK(!harvest(log, first, last));
	CHECK(sink.nr == 1 && sink.extents[0].len == PAGE_SIZE);
	return sink.extents[0].gpa / PAGE_SIZE;
}

/* After the first of these nothing in use has those pages, the second is to prune. */
static void commit_twice(void)
{
	CHECK(!change(VIRT_AS_OP_ADD, 1000, 10, 0));
	CHECK(!change(VIRT_AS_OP_REMOVE, 1000, 10, 0));
}

/* Commits that come while a harvest has taken what it then cannot deliver. */
static void restore_after_commits(void)
{
	struct virt_as_log *log;

	CHECK(!change(VIRT_AS_OP_ADD, 0, 100, 0));
	log = open_log();
	mark(42);
	CHECK(!change(VIRT_AS_OP_REMOVE, 0, 100, 0));
	sink.before = commit_twice;
	sink.fail = true;
	CHECK(harvest(log, 0, 2000) == -EFAULT);
	sink.fail = false;
	CHECK(only_page(log, 0, 2000) == 42);
	virt_as_log_close(log);
}

static struct virt_as_log *opened;

static void *open_in_thread(void *arg)
{
	struct virt_as_log *log;

	shim_reader = 2;
	current->mm = &owner;
	log = open_log();
	WRITE_ONCE(opened, log);
	return arg;
}

/* Who began before the log may have seen that nobody logs. */
static void open_waits_for_sections(void)
{
	struct virt_as_section section;
	pthread_t thread;

	opened = NULL;
	CHECK(!change(VIRT_AS_OP_ADD, 0, 100, 0));
	CHECK(!virt_as_begin(&binding, &section));
	CHECK(!pthread_create(&thread, NULL, open_in_thread, NULL));
	usleep(100000);
	CHECK(READ_ONCE(as->nr_logs) == 1);
	CHECK(!READ_ONCE(opened));
	virt_as_end(&section);
	CHECK(!pthread_join(thread, NULL));
	virt_as_log_close(opened);
}

/* A write that had ended, to the other gpa of what leaves. */
static void alias_of_what_left(void)
{
	const u64 gpas[] = { 0, 300 };
	struct virt_as_entry entries[2] = {};
	struct virt_as_request request = {
		.flags = VIRT_AS_COMMIT_REPLACE,
		.entries = entries,
		.nr_entries = 2,
	};
	struct virt_as_log *log;
	u32 i;

	for (i = 0; i < 2; i++) {
		entries[i] = (struct virt_as_entry) {
			.op = VIRT_AS_OP_ADD,
			.perms = VIRT_AS_PERMS,
			.gpa = gpas[i] * PAGE_SIZE,
			.len = 100 * PAGE_SIZE,
			.hva = HVA,
		};
	}
	CHECK(!virt_as_commit_map(as, &request));
	log = open_log();
	mark(7);
	CHECK(!change(VIRT_AS_OP_REMOVE, 300, 100, 0));
	CHECK(only_page(log, 300, 400) == 307);
	CHECK(only_page(log, 0, 100) == 7);
	virt_as_log_close(log);
}

/* An old section outlives the last log: what it marked is nobody's business. */
static void arm_ends_with_logging(void)
{
	struct virt_as_section section;
	struct virt_as_log *log;

	CHECK(!change(VIRT_AS_OP_ADD, 0, 100, 0));
	log = open_log();
	CHECK(told.logs);
	mark(1);
	CHECK(only_page(log, 0, 100) == 1 && told.armed == 1);
	CHECK(!virt_as_begin(&binding, &section));
	CHECK(!change(VIRT_AS_OP_REMOVE, 0, 100, VIRT_AS_COMMIT_NOWAIT));
	CHECK(!virt_as_mark_gpa(&section, 2 * PAGE_SIZE, 1));
	virt_as_log_close(log);
	while (READ_ONCE(as->logging))
		sched_yield();
	virt_as_end(&section);
	while (!virt_as_drained(as))
		sched_yield();
	CHECK(!told.logs && !told.armed_without_logs);
}

/* However a consumer marks, what a log holds is bounded; what is clean does not count. */
static void marks_are_bounded(void)
{
	const u64 chunk = 64 * 64;
	unsigned long was = virt_as_max_logged_pages;
	unsigned int regions = virt_as_max_regions;
	struct virt_as_log *log;
	u64 page = 1ULL << 30;
	u64 words = 0;
	int err = 0;
	u32 i;

	virt_as_max_logged_pages = 4 * chunk;
	virt_as_max_regions = 4;
	log = open_log();
	/* Downwards, so that each lies below all that is there. */
	for (i = 0; i < 64 && !err; i++) {
		page -= 2 * chunk;
		virt_as_log_use(log);
		err = virt_as_log_cover(log, page, page + chunk - 1);
		if (!err)
			virt_as_log_fill(log, page, page + chunk - 1);
		virt_as_log_unuse(log);
		words = log->spans->nr_words;
	}
	CHECK(err == -EDQUOT && i > 2);
	CHECK(words <= 2 * (4 * chunk / 64 + 2 * 4));
	virt_as_log_remove(log, 0, U64_MAX >> PAGE_SHIFT);
	/* The largest map goes from place to place. */
	for (i = 0; i < 8; i++) {
		CHECK(!change(VIRT_AS_OP_ADD, i * 8 * chunk, 4 * chunk,
			      VIRT_AS_COMMIT_REPLACE));
		CHECK(log->spans->nr_words <= 2 * (4 * chunk / 64 + 2 * 4));
	}
	virt_as_log_close(log);
	virt_as_max_logged_pages = was;
	virt_as_max_regions = regions;
}

/* More dirty pages than one hold of the lock takes, in units that are larger. */
static void units_beyond_a_hold(void)
{
	struct virt_as_log *log;
	struct virt_as_reap reap = {
		.last = (1 << 15) - 1,
		.shift = 14,
		.max_units = 1,
		.max_extents = MAX_EXTENTS,
		.deliver = deliver,
	};

	CHECK(!change(VIRT_AS_OP_ADD, 0, 1 << 15, 0));
	log = open_log();
	virt_as_log_fill(log, 0, (1 << 15) - 1);
	sink.nr = 0;
	CHECK(!virt_as_log_harvest(log, &reap));
	CHECK(reap.out_units == 1 && reap.out_next == 1 << 14 && reap.out_more);
	CHECK(sink.nr == 1 && sink.extents[0].len == PAGE_SIZE << 14);
	CHECK(log->nr_dirty == 1 << 14);
	virt_as_log_close(log);
}

/* As many as there may be, and a place is free again. */
static void logs_are_bounded(void)
{
	static struct virt_as_log *logs[64];
	struct virt_as_log *log;
	u32 i;

	for (i = 0; i < virt_as_max_logs; i++)
		logs[i] = open_log();
	log = virt_as_log_open(as, 0, 0);
	CHECK(PTR_ERR(log) == -ENOSPC);
	virt_as_log_close(logs[7]);
	logs[7] = open_log();
	for (i = 0; i < virt_as_max_logs; i++)
		virt_as_log_close(logs[i]);
}

int main(int argc, char **argv)
{
	static void (*const cases[])(void) = {
		restore_after_commits,
		open_waits_for_sections,
		alias_of_what_left,
		arm_ends_with_logging,
		marks_are_bounded,
		units_beyond_a_hold,
		logs_are_bounded,
	};
	u32 i;

	test_seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	current->mm = &owner;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		set_up();
		cases[i]();
		tear_down();
	}
	CHECK(owner.mm_count == 1 && owner.mm_users == 1);
	printf("counts: %u cases\n", i);
	return 0;
}
