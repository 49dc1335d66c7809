// SPDX-License-Identifier: GPL-2.0-only
/*
 * No memory: every allocation of every call fails once, one after the other.
 *
 *	nomem SEED ROUNDS
 *
 * First maps and diffs alone, then a whole address space, then one with logs
 * (nomem_logs.c): whatever fails is -ENOMEM, nothing leaks, and the old map is what
 * it was.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <string.h>

#include "binding.h"
#include "check.h"
#include "commit.h"
#include "diff.h"
#include "gen.h"
#include "grace.h"
#include "nomem.h"
#include "object.h"
#include "shim.h"

u64 test_seed;

static struct {
	u64 whole, changes, diffs, creates, commits, binds;
} count;

static struct rng rng;
static struct naive_verdict verdict;
static struct naive_map naive, next;
static struct virt_as_entry entries[64];
static struct mm_struct owner = {
	.mm_count = 1,
	.mm_users = 1,
	.owner = &owner,
	.task_size = GEN_USER_END,
};

static struct virt_as_map *starved_build(struct gen *gen,
					 const struct virt_as_map *base,
					 u32 nr, u64 *counter)
{
	struct virt_as_map *map;
	u32 bad;

	naive_commit(base ? &naive : NULL, entries, nr, &gen->limits, &next,
		     &verdict);
	SWEEP(*counter,
	      map = virt_as_map_build(base, entries, nr, &gen->limits, &bad),
	      IS_ERR(map) && PTR_ERR(map) == -ENOMEM && bad == VIRT_AS_NO_INDEX);
	check_answer(map, bad, &verdict);
	return IS_ERR(map) ? NULL : map;
}

static void starve_maps(void)
{
	struct virt_as_map *old, *new;
	struct virt_as_diff *diff;
	struct gen gen;
	u32 nr;

	gen_world(&gen, &rng, 64, 4);
	nr = gen_map(&gen, entries, 24);
	old = starved_build(&gen, NULL, nr, &count.whole);
	if (!old)
		return;
	naive_copy(&naive, &next);
	old->mm = &owner;
	nr = gen_changes(&gen, &naive, entries, rng_below(&rng, 6));
	new = starved_build(&gen, old, nr, &count.changes);
	check_map(old, &naive);
	if (new) {
		check_map(new, &next);
		new->mm = &owner;
		SWEEP(count.diffs, diff = virt_as_diff_build(old, new),
		      PTR_ERR(diff) == -ENOMEM);
		CHECK(!IS_ERR(diff));
		check_diff(diff, old, new);
		virt_as_diff_free(diff);
		check_map(old, &naive);
		virt_as_map_free(new);
	}
	virt_as_map_free(old);
}

static int prepare(struct virt_as_binding *binding,
		   const struct virt_as_diff *diff)
{
	void *reserve = kzalloc(8, GFP_KERNEL);

	(void)binding;
	(void)diff;
	if (!reserve)
		return -ENOMEM;
	kfree(reserve);
	return 0;
}

static const struct virt_as_binding_ops ops = { .prepare = prepare };

static void starve_space(void)
{
	struct virt_as_request request = { .entries = entries };
	struct virt_as_binding binding = {};
	struct virt_as *as;
	struct gen gen;
	u64 generation;
	u32 i;
	int err;

	gen_world(&gen, &rng, 64, 4);
	gen.limits.max_regions = virt_as_max_regions;
	gen.limits.max_logged_pages = virt_as_max_logged_pages;
	gen.limits.hva_end = owner.task_size;
	naive.nr = 0;

	SWEEP(count.creates, as = virt_as_alloc(), PTR_ERR(as) == -ENOMEM);
	CHECK(!IS_ERR(as));
	SWEEP(count.binds,
	      err = virt_as_bind(as, &binding, &ops, VIRT_AS_RIGHT_READ),
	      err == -ENOMEM && !binding.as);
	CHECK(!err);
	for (i = 0; i < 4; i++) {
		request.flags = i ? 0 : VIRT_AS_COMMIT_REPLACE;
		request.nr_entries = i ? gen_changes(&gen, &naive, entries, 4) :
					 gen_map(&gen, entries, 24);
		naive_commit(i ? &naive : NULL, entries, request.nr_entries,
			     &gen.limits, &next, &verdict);
		generation = as->generation;
		SWEEP(count.commits, err = virt_as_commit_map(as, &request),
		      err == -ENOMEM && as->generation == generation &&
		      request.out_generation == generation &&
		      request.out_index == VIRT_AS_NO_INDEX);
		CHECK(err == verdict.err);
		if (!err)
			naive_copy(&naive, &next);
		CHECK(as->generation == generation + !err);
		check_map(as->map, &naive);
	}
	virt_as_unbind(&binding);
	virt_as_put(as);
}

int main(int argc, char **argv)
{
	u64 rounds = argc > 2 ? strtoull(argv[2], NULL, 0) : 2000;
	u64 i;

	test_seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	rng.state = test_seed;
	current->mm = &owner;

	for (i = 0; i < rounds; i++)
		starve_maps();
	CHECK(!shim_alloc_live());
	/* One at a time, as what an address space leaves is freed later. */
	for (i = 0; i < rounds / 5; i++) {
		CHECK(!virt_as_grace_init());
		CHECK(!virt_as_object_init());
		owner.task_size = GEN_USER_END;
		if (i % 2)
			starve_space();
		else
			nomem_starve_logs(&rng);
		virt_as_object_exit();
		virt_as_grace_exit();
		CHECK(!shim_alloc_live());
	}
	CHECK(owner.mm_count == 1);
	naive_free(&naive);
	naive_free(&next);
	nomem_free_logs();

	FLOOR(count.whole, rounds);
	FLOOR(count.changes, rounds / 2);
	FLOOR(count.diffs, rounds / 16);
	FLOOR(count.creates, rounds / 10);
	FLOOR(count.binds, rounds / 10);
	FLOOR(count.commits, rounds / 5);
	FLOOR(nomem_logs.opens, rounds / 2);
	FLOOR(nomem_logs.commits, rounds / 2);
	FLOOR(nomem_logs.harvests, rounds / 10);
	FLOOR(nomem_logs.marks, rounds / 10);
	FLOOR(nomem_logs.handovers, rounds / 10);
	printf("counts: seed %llu, failures injected: %llu in whole maps, ",
	       test_seed, count.whole);
	printf("%llu in change lists, %llu in diffs, ",
	       count.changes, count.diffs);
	printf("%llu in creation, %llu in binding, %llu in commits; ",
	       count.creates, count.binds, count.commits);
	printf("with logs %llu in opening, %llu in commits, ",
	       nomem_logs.opens, nomem_logs.commits);
	printf("%llu in marking, %llu in hand-overs; %llu harvests without memory\n",
	       nomem_logs.marks, nomem_logs.handovers, nomem_logs.harvests);
	return 0;
}
