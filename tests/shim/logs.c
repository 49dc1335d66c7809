// SPDX-License-Identifier: GPL-2.0-only
/*
 * Logs against the naive model: random writes, commits, harvests, one at a time.
 *
 *	logs SEED OPERATIONS
 *
 * Whatever was written is reported by every log that was open, and what is reported
 * was written, added or given back. In between sections stay open while their map is
 * replaced, and write by way of the old one.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/uio.h>
#include <sched.h>
#include <string.h>

#include "binding.h"
#include "bits.h"
#include "check.h"
#include "commit.h"
#include "drain.h"
#include "gen.h"
#include "grace.h"
#include "handover.h"
#include "log.h"
#include "naive_log.h"
#include "object.h"
#include "section.h"
#include "shim.h"
#include "spans.h"

#define MAX_EXTENTS	8192
#define OPERATIONS	60
#define ALL_RIGHTS	(VIRT_AS_RIGHT_READ | VIRT_AS_RIGHT_WRITE)

u64 test_seed;

static struct {
	u64 operations, writes, pages, commits, straddled, opened, closed, harvests,
	    units, limited, peeks, restored, interrupted, handed_over, clears, marks;
} count;

static struct rng rng;
static struct gen gen;
static struct naive_logs model;
static struct naive_map next;
static struct naive_verdict verdict;
static struct virt_as_entry entries[64];
static struct virt_as_log *logs[NAIVE_LOGS];
static const struct virt_as_binding_ops ops;
static struct virt_as_binding binding;
static struct virt_as *as;
static struct mm_struct owner = {
	.mm_count = 1,
	.mm_users = 1,
	.owner = &owner,
	.task_size = GEN_USER_END,
};

/* Where a harvest goes: after some extents it fails. */
static struct {
	struct virt_as_extent extents[MAX_EXTENTS];
	u64 nr;
	u64 room;
} sink;

/* A section that was begun before a commit, if one is open. */
static struct virt_as_section straddler;
static bool straddles;

/* In some worlds larger units may be given back, of which the model knows less. */
static bool may_fray;

static u32 deliver(void *context, const struct virt_as_extent *extents, u32 nr)
{
	u32 some = min((u64)nr, sink.room - sink.nr);

	CHECK(context == &sink && nr <= VIRT_AS_HARVEST_BATCH);
	memcpy(&sink.extents[sink.nr], extents, some * sizeof(*extents));
	sink.nr += some;
	return some;
}

static void reset_sink(bool may_fail)
{
	sink.nr = 0;
	sink.room = may_fail && rng_once_in(&rng, 6) ? rng_below(&rng, 4) : MAX_EXTENTS;
}

/* What a walk writes of [gpa, gpa + len): up to the first byte that it may not. */
static void written(const struct naive_map *by, u64 gpa, u64 len, u64 done)
{
	u64 page;

	if (!done || done > len)
		return;
	for (page = gpa >> PAGE_SHIFT; page <= (gpa + (done - 1)) >> PAGE_SHIFT; page++) {
		naive_written(&model, by, page, true);
		count.pages++;
	}
}

static ssize_t write_some(struct virt_as_section *section, u64 gpa, void *buf, u64 len)
{
	static struct virt_as_cache cache;
	struct virt_as_segment segment;
	struct kvec vec = { .iov_base = buf, .iov_len = len };
	struct iov_iter iter = { .kernel = true, .count = len, .kvec = &vec, .nr_segs = 1 };

	switch (rng_below(&rng, 5)) {
	case 0:
		return virt_as_zero(section, &cache, gpa, len);
	case 1:
		return virt_as_copy_from_iter(section, &cache, gpa, len, &iter);
	case 2:
		if (virt_as_translate(section, &cache, gpa, len, &segment, 1) != 1 ||
		    !(segment.perms & VIRT_AS_PERM_WRITE))
			return -EACCES;
		virt_as_mark_segment(&segment, 0, segment.len);
		return (ssize_t)segment.len;
	default:
		return virt_as_copy_to(section, &cache, gpa, buf, len);
	}
}

static void write_memory(void)
{
	static u8 buf[3 * PAGE_SIZE];
	static struct virt_as_cache cache;
	struct virt_as_section section;
	bool old = straddles && rng_once_in(&rng, 2);
	u64 gpa = gen_gpa(&gen);
	u64 len = 1 + rng_below(&rng, rng_once_in(&rng, 4) ? sizeof(buf) : 64);
	ssize_t done;

	if (gpa + (len - 1) < gpa)
		return;
	if (old) {
		done = write_some(&straddler, gpa, buf, len);
	} else if (rng_once_in(&rng, 4)) {
		done = virt_as_write(&binding, &cache, gpa, buf, len);
	} else {
		CHECK(!virt_as_begin(&binding, &section));
		done = write_some(&section, gpa, buf, len);
		virt_as_end(&section);
	}
	written(old ? &model.old : &model.map, gpa, len, max_t(ssize_t, done, 0));
	count.writes++;
}

/* As user space does for its own stores: all of it or nothing. */
static void mark_memory(void)
{
	struct virt_as_section section;
	u64 gpa = gen_gpa(&gen);
	u64 len = 1 + rng_below(&rng, 8 * PAGE_SIZE);
	u64 page;
	bool hole = false;
	int err;

	if (gpa + (len - 1) < gpa)
		return;
	for (page = gpa >> PAGE_SHIFT; page <= (gpa + (len - 1)) >> PAGE_SHIFT; page++)
		hole |= !naive_find(&model.map, page << PAGE_SHIFT);
	CHECK(!virt_as_begin(&binding, &section));
	err = virt_as_mark_gpa(&section, gpa, len);
	virt_as_end(&section);
	CHECK(err == (hole ? -ENOENT : 0));
	if (!err)
		written(&model.map, gpa, len, len);
	count.writes++;
}

/* Settles what a section held up. */
static void settle(void)
{
	if (straddles) {
		shim_reader = 1;
		virt_as_end(&straddler);
		shim_reader = 0;
		straddles = false;
	}
	while (!virt_as_drained(as))
		sched_yield();
	naive_settled(&model);
}

/* Every span has something of a map in use, or something dirty. */
static void check_spans(const struct naive_map *old)
{
	u32 n, i;

	for (n = 0; n < NAIVE_LOGS; n++) {
		const struct virt_as_spans *spans = logs[n] ? logs[n]->spans : NULL;
		u64 words = 0;

		for (i = 0; spans && i < spans->nr; i++) {
			const struct virt_as_span *span = &spans->span[i];
			u64 page;
			bool use = false;

			words += span->end - span->begin;
			CHECK(span->begin < span->end);
			CHECK(!i || span[-1].end <= span->begin);
			for (page = span->begin * 64; page < span->end * 64 && !use; page++)
				use = naive_find(old, page << PAGE_SHIFT) ||
				      naive_find(&model.map, page << PAGE_SHIFT);
			CHECK(use || virt_as_bits_next(span->bits, 0, span->end - span->begin) <
				     span->end - span->begin);
		}
		CHECK(!spans || words == spans->nr_words);
	}
}

/* What the model knows of the ranges that were handed over. */
static void check_handover(u32 n, struct virt_as_handover *handover)
{
	struct virt_as_reap reap = handover->reap;
	u64 at = 0;
	u32 i;

	for (i = 0; i < handover->nr; i++) {
		u64 end = handover->gone[i].end;

		reap.first = handover->gone[i].begin;
		reap.last = end - 1;
		reap.out_next = end;
		reap.out_more = false;
		reap.out_units = 0;
		reap.out_extents = 0;
		while (at + reap.out_extents < handover->reap.out_extents &&
		       sink.extents[at + reap.out_extents].gpa >> PAGE_SHIFT < end) {
			reap.out_units += sink.extents[at + reap.out_extents].len >> PAGE_SHIFT;
			reap.out_extents++;
		}
		/* In which it ended. */
		if (handover->reap.out_more && handover->reap.last == reap.last) {
			reap.out_next = handover->reap.out_next;
			reap.out_more = true;
		}
		reap.max_extents = reap.out_extents;
		naive_harvested(&model, &model.logs[n], &reap, &sink.extents[at],
				sink.room < MAX_EXTENTS && reap.out_more ? -EFAULT : 0, false);
		at += reap.out_extents;
		if (reap.out_more)
			break;
	}
	CHECK(at == handover->reap.out_extents);
	count.handed_over += at;
}

static u64 count_left(const struct naive_map *to)
{
	u64 nr = 0;
	u32 i;

	for (i = 0; i < model.pages; i++)
		nr += naive_left(&model, to, model.base + i);
	return nr;
}

static u64 count_gone(const struct virt_as_handover *handover)
{
	u64 nr = 0;
	u32 i;

	for (i = 0; i < handover->nr; i++)
		nr += handover->gone[i].end - handover->gone[i].begin;
	return nr;
}

static void commit(void)
{
	static struct naive_map before;
	struct virt_as_request request = { .entries = entries };
	struct virt_as_handover handover = {};
	u32 n = rng_below(&rng, NAIVE_LOGS);
	bool fail;
	u64 left;
	int err;

	settle();
	if (rng_once_in(&rng, 6) || !model.map.nr) {
		request.flags = VIRT_AS_COMMIT_REPLACE;
		request.nr_entries = gen_map(&gen, entries, 40);
	} else {
		request.nr_entries = gen_changes(&gen, &model.map, entries,
						 1 + rng_below(&rng, 3));
	}
	naive_commit(request.flags ? NULL : &model.map, entries, request.nr_entries,
		     &gen.limits, &next, &verdict);
	if (rng_once_in(&rng, 10))
		request.flags |= VIRT_AS_COMMIT_TRY;
	else if (rng_once_in(&rng, 4))
		request.flags |= VIRT_AS_COMMIT_NOWAIT;
	else if (logs[n] && rng_once_in(&rng, 2))
		request.handover = &handover;
	if (request.flags & VIRT_AS_COMMIT_NOWAIT) {
		shim_reader = 1;
		CHECK(!virt_as_begin(&binding, &straddler));
		shim_reader = 0;
		straddles = true;
	}
	reset_sink(request.handover);
	fail = sink.room < MAX_EXTENTS;
	handover = (struct virt_as_handover) {
		.log = logs[n],
		.reap.max_extents = rng_once_in(&rng, 3) ? rng_below(&rng, 4) : MAX_EXTENTS,
		.reap.deliver = deliver,
		.reap.context = &sink,
	};
	err = virt_as_commit_map(as, &request);
	if (err != -EFAULT || !request.published)
		CHECK(err == verdict.err);
	else
		CHECK(fail && !verdict.err);
	if (!request.published) {
		settle();
		virt_as_handover_end(&handover);
		return;
	}
	naive_copy(&before, &model.map);
	left = count_left(&next);
	naive_follow(&model, &next, straddles);
	if (request.handover) {
		CHECK(left == count_gone(&handover));
		check_handover(n, &handover);
	}
	virt_as_handover_end(&handover);
	check_map(as->map, &model.map);
	check_spans(&before);
	count.commits++;
	count.straddled += straddles;
}

static void open_log(u32 n)
{
	u32 flags = rng_once_in(&rng, 2) ? VIRT_AS_LOG_ALL_DIRTY : 0;
	struct virt_as_log *log;

	settle();
	current->signalled = rng_once_in(&rng, 10);
	log = virt_as_log_open(as, flags, rng_once_in(&rng, 4) ? 1 + rng_below(&rng, 9) : 0);
	if (IS_ERR(log))
		CHECK(PTR_ERR(log) == -EINTR && current->signalled);
	current->signalled = false;
	/* Also one that was given up again: what was marked has reached the others. */
	if (IS_ERR(log))
		return;
	logs[n] = log;
	naive_open(&model, &model.logs[n], flags);
	count.opened++;
}

static void close_log(u32 n)
{
	virt_as_log_close(logs[n]);
	logs[n] = NULL;
	model.logs[n].open = false;
	count.closed++;
}

static void some_range(struct virt_as_reap *reap)
{
	const u64 end = (U64_MAX >> PAGE_SHIFT) + 1;
	u64 unit = 1ULL << reap->shift;
	u64 first = model.base + rng_below(&rng, model.pages);
	u64 last = first + rng_below(&rng, model.pages);

	if (rng_once_in(&rng, 3)) {
		reap->first = 0;
		reap->last = end - 1;
		return;
	}
	reap->first = first & ~(unit - 1);
	reap->last = min(last, end - 1) | (unit - 1);
}

static void harvest(u32 n)
{
	struct virt_as_reap reap = {
		.flags = rng_once_in(&rng, 4) ? VIRT_AS_HARVEST_PEEK : 0,
		.shift = rng_once_in(&rng, 3) ? rng_below(&rng, 14) : 0,
		.max_units = rng_once_in(&rng, 4) ? 1 + rng_below(&rng, 40) : U64_MAX,
		.max_extents = rng_once_in(&rng, 4) ? rng_below(&rng, 9) : MAX_EXTENTS,
		.deliver = deliver,
		.context = &sink,
	};
	bool signalled = rng_once_in(&rng, 12);
	u64 i;
	int err;

	if (!straddles && rng_once_in(&rng, 8))
		reap.flags |= VIRT_AS_HARVEST_SYNC;
	some_range(&reap);
	reset_sink(!reap.shift || may_fray);
	current->signalled = signalled;
	virt_as_log_use(logs[n]);
	err = virt_as_log_harvest(logs[n], &reap);
	virt_as_log_unuse(logs[n]);
	current->signalled = false;
	count.harvests++;
	if (err == -EINTR) {
		CHECK(signalled && reap.flags & VIRT_AS_HARVEST_SYNC && !sink.nr);
		count.interrupted++;
		return;
	}
	CHECK(err == (reap.out_more && sink.nr == sink.room ? err : 0));
	CHECK(!err || err == -EFAULT);
	CHECK(sink.nr == reap.out_extents);
	naive_harvested(&model, &model.logs[n], &reap, sink.extents, err, signalled);
	count.units += reap.out_units;
	count.peeks += !!(reap.flags & VIRT_AS_HARVEST_PEEK);
	count.restored += !!err;
	count.limited += reap.out_more && !err;
	CHECK(model.frayed || READ_ONCE(logs[n]->nr_dirty) <= naive_dirty(&model, &model.logs[n]));
	for (i = 0; !model.frayed && !reap.shift && i < sink.nr; i++) {
		CHECK((sink.extents[i].gpa >> PAGE_SHIFT) - model.base < model.pages);
		CHECK((sink.extents[i].gpa + sink.extents[i].len - 1) >> PAGE_SHIFT <=
		      model.base + (model.pages - 1));
	}
}

/* As the ioctls CLEAR and MARK do. */
static void change_log(u32 n, bool set)
{
	u64 first = model.base + rng_below(&rng, model.pages);
	u64 last = min(first + rng_below(&rng, 200), model.base + model.pages - 1);

	if (set) {
		virt_as_log_use(logs[n]);
		CHECK(!virt_as_log_cover(logs[n], first, last));
		virt_as_log_fill(logs[n], first, last);
		virt_as_log_unuse(logs[n]);
		count.marks++;
	} else {
		virt_as_log_remove(logs[n], first, last);
		count.clears++;
	}
	naive_change(&model, &model.logs[n], first, last, set);
}

/* The whole of it, so that what is wrong does not hide. */
static void harvest_all(u32 n)
{
	struct virt_as_reap reap = {
		.last = U64_MAX >> PAGE_SHIFT,
		.max_units = U64_MAX,
		.max_extents = MAX_EXTENTS,
		.deliver = deliver,
		.context = &sink,
	};

	reset_sink(false);
	CHECK(!virt_as_log_harvest(logs[n], &reap));
	naive_harvested(&model, &model.logs[n], &reap, sink.extents, 0, false);
	CHECK(!reap.out_more && !READ_ONCE(logs[n]->nr_dirty));
}

static void operate(void)
{
	u32 n = rng_below(&rng, NAIVE_LOGS);
	u32 what = rng_below(&rng, 40);

	count.operations++;
	if (what < 16)
		write_memory();
	else if (what < 18)
		mark_memory();
	else if (what < 23)
		commit();
	else if (!logs[n])
		open_log(n);
	else if (what < 34)
		harvest(n);
	else if (what < 36)
		change_log(n, false);
	else if (what < 38)
		change_log(n, true);
	else if (what < 39 || rng_once_in(&rng, 4))
		close_log(n);
	if (straddles && rng_once_in(&rng, 6))
		settle();
}

static void new_world(void)
{
	bool wide = rng_once_in(&rng, 8);
	u32 pages = wide ? 9000 : 640;

	gen_world(&gen, &rng, pages, wide ? 6000 : 120);
	gen.limits.max_regions = pages;
	gen.limits.max_logged_pages = pages;
	virt_as_max_regions = gen.limits.max_regions;
	virt_as_max_logged_pages = gen.limits.max_logged_pages;
	owner.task_size = gen.limits.hva_end;
	shim_user_add(gen.hva, pages * PAGE_SIZE);
	memset(&model.logs, 0, sizeof(model.logs));
	memset(model.live, 0, sizeof(model.live));
	model.base = gen.gpa >> PAGE_SHIFT;
	model.pages = pages;
	model.map.nr = 0;
	model.old.nr = 0;
	model.frayed = false;
	may_fray = rng_once_in(&rng, 4);
	as = virt_as_alloc();
	CHECK(!IS_ERR(as));
	CHECK(!virt_as_bind(as, &binding, &ops, ALL_RIGHTS));
}

static void end_world(void)
{
	u32 n;

	settle();
	for (n = 0; n < NAIVE_LOGS; n++) {
		if (!logs[n])
			continue;
		harvest_all(n);
		close_log(n);
	}
	virt_as_unbind(&binding);
	virt_as_put(as);
	shim_user_reset();
}

int main(int argc, char **argv)
{
	u64 operations = argc > 2 ? strtoull(argv[2], NULL, 0) : 100000;
	u32 i;

	test_seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	rng.state = test_seed;
	current->mm = &owner;
	while (count.operations < operations) {
		CHECK(!virt_as_grace_init());
		CHECK(!virt_as_object_init());
		new_world();
		for (i = 0; i < OPERATIONS; i++)
			operate();
		end_world();
		virt_as_object_exit();
		virt_as_grace_exit();
		CHECK(!shim_alloc_live());
	}
	CHECK(owner.mm_count == 1);
	naive_free(&model.map);
	naive_free(&model.old);
	naive_free(&next);

	FLOOR(count.writes, operations / 4);
	FLOOR(count.pages, operations / 4);
	FLOOR(count.commits, operations / 20);
	FLOOR(count.straddled, operations / 200);
	FLOOR(count.opened, operations / 40);
	FLOOR(count.harvests, operations / 10);
	FLOOR(count.units, operations);
	FLOOR(count.limited, operations / 100);
	FLOOR(count.peeks, operations / 100);
	FLOOR(count.restored, operations / 200);
	FLOOR(count.handed_over, operations / 200);
	FLOOR(count.clears + count.marks, operations / 50);
	printf("counts: seed %llu, %llu operations, %llu pages written, ",
	       test_seed, count.operations, count.pages);
	printf("%llu commits (%llu with an old section open), %llu logs, ",
	       count.commits, count.straddled, count.opened);
	printf("%llu harvests (%llu limited, %llu peeks, %llu restored, %llu interrupted), ",
	       count.harvests, count.limited, count.peeks, count.restored,
	       count.interrupted);
	printf("%llu units, %llu extents handed over, %llu clears, %llu marks\n",
	       count.units, count.handed_over, count.clears, count.marks);
	return 0;
}
