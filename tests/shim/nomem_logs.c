// SPDX-License-Identifier: GPL-2.0-only
/*
 * No memory for logs: what needs some is opening one, a commit while there are any,
 * and MARK where there was nothing. Whatever fails, each log has what it had. A
 * harvest needs none.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <string.h>

#include "binding.h"
#include "check.h"
#include "commit.h"
#include "drain.h"
#include "gen.h"
#include "handover.h"
#include "harvest.h"
#include "log.h"
#include "nomem.h"
#include "object.h"
#include "shim.h"

#define WORLD_PAGES	640
#define MAX_EXTENTS	1024

/* What a log says that is dirty. */
struct dirty {
	struct virt_as_extent extents[MAX_EXTENTS];
	u32 nr;
};

struct nomem_log_counts nomem_logs;

static const struct virt_as_binding_ops ops;
static struct virt_as_entry entries[64];
static struct naive_map naive, next;
static struct naive_verdict verdict;
static struct virt_as_log *logs[2];
static struct dirty before[2];
static struct virt_as *as;

static u32 deliver(void *context, const struct virt_as_extent *extents, u32 nr)
{
	struct dirty *to = context;

	CHECK(nr <= MAX_EXTENTS - to->nr);
	memcpy(&to->extents[to->nr], extents, nr * sizeof(*extents));
	to->nr += nr;
	return nr;
}

static int harvest(struct virt_as_log *log, struct dirty *to, u32 flags)
{
	struct virt_as_reap reap = {
		.flags = flags,
		.last = U64_MAX >> PAGE_SHIFT,
		.max_units = U64_MAX,
		.max_extents = MAX_EXTENTS,
		.deliver = deliver,
		.context = to,
	};

	to->nr = 0;
	return virt_as_log_harvest(log, &reap);
}

static void look(void)
{
	CHECK(!harvest(logs[0], &before[0], VIRT_AS_HARVEST_PEEK));
	CHECK(!harvest(logs[1], &before[1], VIRT_AS_HARVEST_PEEK));
}

/* Whether all logs have what they had when look() was called. */
static bool is_unchanged(void)
{
	static struct dirty now;
	u32 i;

	for (i = 0; i < 2; i++) {
		CHECK(!harvest(logs[i], &now, VIRT_AS_HARVEST_PEEK));
		if (now.nr != before[i].nr ||
		    memcmp(now.extents, before[i].extents, now.nr * sizeof(*now.extents)))
			return false;
	}
	return true;
}

static void mark(struct virt_as_binding *binding, struct gen *gen)
{
	struct virt_as_section section;
	u32 i;

	CHECK(!virt_as_begin(binding, &section));
	for (i = 0; i < 8; i++) {
		/* In a hole or not. */
		(void)virt_as_mark_gpa(&section, gen->gpa +
				       rng_below(gen->rng, WORLD_PAGES) * PAGE_SIZE, 1);
	}
	virt_as_end(&section);
}

/* The first one also makes room that stays until the address space goes. */
static void starve_open(void)
{
	unsigned int nth;
	long live;

	for (nth = 1;; nth++) {
		live = shim_alloc_live() - !!as->words;
		shim_alloc_fail(nth);
		logs[0] = virt_as_log_open(as, VIRT_AS_LOG_ALL_DIRTY, 0);
		if (!shim_alloc_failed())
			break;
		shim_alloc_fail(0);
		CHECK(PTR_ERR(logs[0]) == -ENOMEM);
		CHECK(!as->nr_logs && !as->logging);
		/* Live bits that some regions had got already go by and by. */
		srcu_barrier(&as->srcu);
		CHECK(shim_alloc_live() == live + !!as->words);
		nomem_logs.opens++;
	}
	shim_alloc_fail(0);
	CHECK(!IS_ERR(logs[0]));
	SWEEP(nomem_logs.opens, logs[1] = virt_as_log_open(as, 0, 0),
	      PTR_ERR(logs[1]) == -ENOMEM && as->nr_logs == 1);
	CHECK(!IS_ERR(logs[1]));
}

static void starve_commits(struct virt_as_binding *binding, struct gen *gen)
{
	struct virt_as_request request = { .entries = entries };
	u64 generation;
	u32 i;
	int err;

	for (i = 0; i < 6; i++) {
		mark(binding, gen);
		look();
		request.nr_entries = gen_changes(gen, &naive, entries, 4);
		naive_commit(&naive, entries, request.nr_entries, &gen->limits, &next,
			     &verdict);
		generation = as->generation;
		SWEEP(nomem_logs.commits, err = virt_as_commit_map(as, &request),
		      err == -ENOMEM && as->generation == generation && is_unchanged());
		CHECK(err == verdict.err);
		if (!err)
			naive_copy(&naive, &next);
		check_map(as->map, &naive);
	}
}

/* All of the map leaves; whatever was not handed over stays. */
static void starve_handover(void)
{
	static struct dirty handed, rest;
	struct virt_as_request request = {
		.flags = VIRT_AS_COMMIT_REPLACE,
		.entries = entries,
	};
	const struct virt_as_handover fresh = {
		.log = logs[0],
		.reap.max_extents = MAX_EXTENTS,
		.reap.deliver = deliver,
		.reap.context = &handed,
	};
	struct virt_as_handover handover;
	u64 generation = as->generation;
	unsigned int nth = 1;
	u64 pages = 0;
	bool failed;
	bool more;
	int err;
	u32 i;

	request.handover = &handover;
	handed.nr = 0;
	look();
	do {
		handover = fresh;
		shim_alloc_fail(nth++);
		err = virt_as_commit_map(as, &request);
		failed = shim_alloc_failed();
		shim_alloc_fail(0);
		more = handover.reap.out_more;
		virt_as_handover_end(&handover);
		CHECK(err == (failed ? -ENOMEM : 0));
		nomem_logs.handovers += !!err;
		CHECK(request.published == (as->generation != generation));
		CHECK(request.published || is_unchanged());
	} while (!request.published);
	CHECK(!harvest(logs[0], &rest, 0));
	for (i = 0; i < before[0].nr; i++)
		pages += before[0].extents[i].len / PAGE_SIZE;
	for (i = 0; i < handed.nr; i++)
		pages -= handed.extents[i].len / PAGE_SIZE;
	for (i = 0; i < rest.nr; i++)
		pages -= rest.extents[i].len / PAGE_SIZE;
	CHECK(!pages);
	CHECK(more == !!err);
}

static void starve_harvest(struct gen *gen)
{
	static struct dirty to;
	u64 far = (gen->gpa >> PAGE_SHIFT) ^ (1ULL << 40);
	u32 i;
	int err;

	look();
	/* What is marked is of no map, so that room has to be made for it. */
	SWEEP(nomem_logs.marks, err = virt_as_log_cover(logs[1], far, far + 99),
	      err == -ENOMEM && is_unchanged());
	CHECK(!err && is_unchanged());
	virt_as_log_fill(logs[1], far, far + 99);
	look();
	for (i = 0; i < 2; i++) {
		shim_alloc_fail(1);
		CHECK(!harvest(logs[i], &to, 0) && !shim_alloc_failed());
		shim_alloc_fail(0);
		CHECK(to.nr == before[i].nr && !logs[i]->nr_dirty);
		nomem_logs.harvests += !!to.nr;
	}
}

/**
 * nomem_starve_logs - an address space with two logs, from their opening to their end
 * @rng: where chance comes from
 */
void nomem_starve_logs(struct rng *rng)
{
	struct virt_as_request request = {
		.flags = VIRT_AS_COMMIT_REPLACE,
		.entries = entries,
	};
	struct virt_as_binding binding;
	struct gen gen;

	gen_world(&gen, rng, WORLD_PAGES, 100);
	gen.limits.max_regions = virt_as_max_regions;
	gen.limits.max_logged_pages = virt_as_max_logged_pages;
	gen.limits.hva_end = GEN_USER_END;
	as = virt_as_alloc();
	CHECK(!IS_ERR(as));
	CHECK(!virt_as_bind(as, &binding, &ops, VIRT_AS_RIGHT_READ | VIRT_AS_RIGHT_WRITE));
	request.nr_entries = gen_map(&gen, entries, 40);
	naive_commit(NULL, entries, request.nr_entries, &gen.limits, &naive, &verdict);
	CHECK(!verdict.err && !virt_as_commit_map(as, &request));

	starve_open();
	starve_commits(&binding, &gen);
	starve_harvest(&gen);
	mark(&binding, &gen);
	starve_handover();
	virt_as_log_close(logs[0]);
	virt_as_log_close(logs[1]);
	virt_as_unbind(&binding);
	virt_as_put(as);
}

void nomem_free_logs(void)
{
	naive_free(&naive);
	naive_free(&next);
}
