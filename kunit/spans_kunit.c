// SPDX-License-Identifier: GPL-2.0-only
/*
 * Spans: what a log covers, against one entry for each word of a small gpa space.
 */
#include <linux/mm.h>
#include <linux/prandom.h>

#include "bits.h"
#include "log.h"
#include "logs.h"
#include "map.h"
#include "object.h"
#include "spans.h"
#include "suites.h"
#include "world.h"

#define NR_WORDS	160
#define NR_ROUNDS	400
#define MAX_RUNS	6

/**
 * struct model - a table of spans, and what should be in it
 * @test: the test
 * @spans: the table
 * @piece: of each word, which span has it; 0: none
 * @dirty: of each word, its dirty pages
 * @nr_pieces: the last number of a span
 * @wanted: what is to be covered now
 * @in_use: what was the time before
 * @rnd: where the operations come from
 */
struct model {
	struct kunit *test;
	struct virt_as_spans *spans;
	u32 piece[NR_WORDS];
	u64 dirty[NR_WORDS];
	u32 nr_pieces;
	struct virt_as_runs *wanted;
	struct virt_as_runs *in_use;
	struct rnd_state rnd;
};

static struct virt_as_runs *make_runs(struct kunit *test)
{
	struct virt_as_runs *runs;

	runs = kunit_kzalloc(test, struct_size(runs, run, MAX_RUNS), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, runs);
	return runs;
}

static void free_spans(void *slot)
{
	virt_as_spans_free(*(struct virt_as_spans **)slot);
}

static struct model *make_model(struct kunit *test, u32 seed)
{
	struct model *model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, model);
	model->test = test;
	model->wanted = make_runs(test);
	model->in_use = make_runs(test);
	prandom_seed_state(&model->rnd, seed);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_spans, &model->spans), 0);
	return model;
}

static u32 any(struct model *model, u32 below)
{
	return prandom_u32_state(&model->rnd) % below;
}

static bool has_word(const struct virt_as_runs *runs, u64 word)
{
	u32 i;

	for (i = 0; i < runs->nr; i++) {
		if (word >= runs->run[i].begin && word < runs->run[i].end)
			return true;
	}
	return false;
}

/* Ascending, apart from each other, often few. */
static void want_some(struct model *model)
{
	struct virt_as_runs *runs = model->in_use;
	u32 max = any(model, MAX_RUNS + 1);
	u64 word = any(model, 40);

	model->in_use = model->wanted;
	model->wanted = runs;
	for (runs->nr = 0; runs->nr < max; runs->nr++) {
		struct virt_as_run *run = &runs->run[runs->nr];

		run->begin = word;
		run->end = word + 1 + any(model, 30);
		word = run->end + 1 + any(model, 30);
		if (run->end > NR_WORDS)
			break;
	}
}

static u64 model_covered(const struct model *model)
{
	u64 nr = 0;
	u32 i;

	for (i = 0; i < NR_WORDS; i++)
		nr += !!model->piece[i];
	return nr;
}

static u64 model_missing(const struct model *model)
{
	u64 nr = 0;
	u32 i;

	for (i = 0; i < NR_WORDS; i++)
		nr += !model->piece[i] && has_word(model->wanted, i);
	return nr;
}

/* Whatever is wanted and not covered, cut only by what is not wanted or covered. */
static void model_extend(struct model *model)
{
	bool goes_on = false;
	u32 i;

	for (i = 0; i < NR_WORDS; i++) {
		if (model->piece[i] || !has_word(model->wanted, i)) {
			goes_on = false;
			continue;
		}
		model->nr_pieces += !goes_on;
		model->piece[i] = model->nr_pieces;
		goes_on = true;
	}
}

static bool model_keeps(const struct model *model, u32 piece)
{
	u32 i;

	for (i = 0; i < NR_WORDS; i++) {
		if (model->piece[i] == piece &&
		    (model->dirty[i] || has_word(model->wanted, i) ||
		     has_word(model->in_use, i)))
			return true;
	}
	return false;
}

static u64 model_kept(const struct model *model)
{
	u64 nr = 0;
	u32 i;

	for (i = 0; i < NR_WORDS; i++)
		nr += model->piece[i] && model_keeps(model, model->piece[i]);
	return nr;
}

static void model_prune(struct model *model)
{
	u32 i;

	for (i = 0; i < NR_WORDS; i++) {
		u32 piece = model->piece[i];
		u32 first = i;

		while (i + 1 < NR_WORDS && model->piece[i + 1] == piece)
			i++;
		if (piece && !model_keeps(model, piece))
			memset(&model->piece[first], 0,
			       (i + 1 - first) * sizeof(model->piece[0]));
	}
}

static void expect_table(struct model *model)
{
	const struct virt_as_spans *spans = model->spans;
	struct kunit *test = model->test;
	u64 word = 0;
	u64 wrong = 0;
	u32 i;

	KUNIT_EXPECT_EQ(test, spans->nr_words, model_covered(model));
	for (i = 0; i < spans->nr; i++) {
		const struct virt_as_span *span = &spans->span[i];

		for (; word < span->begin; word++)
			wrong += !!model->piece[word];
		wrong += virt_as_bits_first_word(span->bits) != span->begin;
		wrong += virt_as_bits_end_word(span->bits) != span->end;
		wrong += span->begin >= span->end || span->fresh;
		for (; word < span->end; word++) {
			wrong += model->piece[word] != model->piece[span->begin] ||
				 !model->piece[word];
			wrong += span->bits->pages[word - span->begin] !=
				 model->dirty[word];
		}
	}
	for (; word < NR_WORDS; word++)
		wrong += !!model->piece[word];
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

/* In order and out of order, with the span that was used last in mind or not. */
static void expect_lookups(struct model *model)
{
	struct virt_as_spans *spans = model->spans;
	u64 word = any(model, NR_WORDS);
	u64 end = any(model, NR_WORDS + 1);
	struct virt_as_span *span = NULL;
	u64 wanted, found;

	for (wanted = word; wanted < NR_WORDS && !model->piece[wanted];)
		wanted++;
	span = virt_as_spans_at(spans, word);
	if (wanted == NR_WORDS) {
		KUNIT_EXPECT_NULL(model->test, span);
	} else {
		KUNIT_ASSERT_NOT_NULL(model->test, span);
		KUNIT_EXPECT_EQ(model->test, max(word, span->begin), wanted);
	}

	for (wanted = word; wanted < end && !model->dirty[wanted];)
		wanted++;
	span = NULL;
	found = virt_as_spans_next(spans, word, end, &span);
	KUNIT_EXPECT_EQ(model->test, found, word < end ? wanted : end);
	if (span)
		KUNIT_EXPECT_TRUE(model->test, span->begin <= found && found < span->end);
	else
		KUNIT_EXPECT_EQ(model->test, found, end);
}

static void change_some(struct model *model)
{
	u64 word = any(model, NR_WORDS);
	u64 mask = BIT_ULL(any(model, 64));
	struct virt_as_span *span;

	if (!model->piece[word])
		return;
	mask |= BIT_ULL(any(model, 64));
	span = virt_as_spans_at(model->spans, word);
	/* Which expect_table() has found already. */
	if (!span || span->begin > word)
		return;
	if (any(model, 3)) {
		virt_as_bits_remove(span->bits, word - span->begin, U64_MAX);
		model->dirty[word] = 0;
	} else {
		virt_as_bits_add(span->bits, word - span->begin, mask);
		model->dirty[word] |= mask;
	}
}

/* Some tables are refused, some thrown away, the others become the next one. */
static void replace_table(struct model *model)
{
	u64 max_words = any(model, 4) ? NR_WORDS : any(model, 60);
	bool refused = model_missing(model) > max_words;
	bool prune = any(model, 2);
	struct virt_as_spans *next;

	KUNIT_EXPECT_EQ(model->test, virt_as_spans_kept(model->spans, model->wanted,
							model->in_use), model_kept(model));
	next = virt_as_spans_extend(model->spans, model->wanted, model->in_use, max_words);
	if (refused) {
		KUNIT_EXPECT_PTR_EQ(model->test, next, ERR_PTR(-EDQUOT));
		if (!IS_ERR(next))
			virt_as_spans_discard(next);
		return;
	}
	KUNIT_ASSERT_NOT_ERR_OR_NULL(model->test, next);
	if (model->spans && !any(model, 4)) {
		virt_as_spans_discard(next);
		return;
	}
	virt_as_spans_install(&model->spans, next, prune);
	model_extend(model);
	if (prune)
		model_prune(model);
}

static void random(struct kunit *test)
{
	struct model *model;
	u32 seed, round, i;

	for (seed = 1; seed <= 4; seed++) {
		model = make_model(test, seed);
		for (round = 0; round < NR_ROUNDS; round++) {
			want_some(model);
			replace_table(model);
			if (!model->spans)
				continue;
			expect_table(model);
			for (i = 0; i < 24; i++) {
				change_some(model);
				expect_lookups(model);
			}
		}
		KUNIT_EXPECT_GE(test, model->nr_pieces, 30);
	}
}

/* As in the picture of spans.c; words are named by their spans. */
static void grows(struct kunit *test)
{
	struct model *model = make_model(test, 0);
	struct virt_as_runs *runs = model->wanted;
	struct virt_as_spans *next;

	*runs = (struct virt_as_runs) { .nr = 1 };
	runs->run[0] = (struct virt_as_run) { 30, 70 };
	next = virt_as_spans_extend(NULL, runs, runs, 40);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, next);
	virt_as_spans_install(&model->spans, next, true);
	KUNIT_ASSERT_EQ(test, model->spans->nr, 1);
	virt_as_bits_add(model->spans->span[0].bits, 39, 1);

	runs->run[0] = (struct virt_as_run) { 0, 170 };
	next = virt_as_spans_extend(model->spans, runs, runs, 130);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, next);
	virt_as_spans_install(&model->spans, next, true);
	KUNIT_ASSERT_EQ(test, model->spans->nr, 3);
	KUNIT_EXPECT_EQ(test, model->spans->span[0].end, 30);
	KUNIT_EXPECT_EQ(test, model->spans->span[1].end, 70);
	KUNIT_EXPECT_EQ(test, model->spans->span[2].end, 170);

	/* Nothing is in use any more: what is dirty stays. */
	runs->nr = 0;
	next = virt_as_spans_extend(model->spans, runs, runs, 0);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, next);
	virt_as_spans_install(&model->spans, next, true);
	KUNIT_ASSERT_EQ(test, model->spans->nr, 1);
	KUNIT_EXPECT_EQ(test, model->spans->nr_words, 40);
	KUNIT_EXPECT_EQ(test, model->spans->span[0].bits->pages[39], 1);
}

struct quota {
	const char *name;
	u64 begin, end;		/* wanted; 100 to 179 are covered */
	u64 max;		/* to be added */
	int err;
};

static const struct quota quotas[] = {
	{ "covered already", 110, 120, 0, 0 },
	{ "above, fits", 200, 220, 20, 0 },
	{ "above, too many", 200, 221, 20, -EDQUOT },
	{ "below, fits", 10, 30, 20, 0 },
	{ "below, too many", 10, 31, 20, -EDQUOT },
	{ "around, fits", 90, 190, 20, 0 },
	{ "around, too many", 90, 191, 20, -EDQUOT },
	{ "across the end, fits", 150, 200, 20, 0 },
	{ "across the end, too many", 150, 201, 20, -EDQUOT },
	{ "absurd", 0, U64_MAX >> (PAGE_SHIFT + 6), 1000, -EDQUOT },
};

KUNIT_ARRAY_PARAM_DESC(quota, quotas, name);

static void limit(struct kunit *test)
{
	const struct quota *quota = test->param_value;
	struct model *model = make_model(test, 0);
	struct virt_as_runs *runs = model->wanted;
	struct virt_as_spans *next;

	runs->nr = 1;
	runs->run[0] = (struct virt_as_run) { 100, 180 };
	KUNIT_EXPECT_PTR_EQ(test, virt_as_spans_extend(NULL, runs, runs, 79),
			    ERR_PTR(-EDQUOT));
	next = virt_as_spans_extend(NULL, runs, runs, 80);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, next);
	virt_as_spans_install(&model->spans, next, false);

	runs->run[0] = (struct virt_as_run) { quota->begin, quota->end };
	next = virt_as_spans_extend(model->spans, runs, runs, quota->max);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(next), quota->err);
	if (!IS_ERR(next))
		virt_as_spans_discard(next);
	KUNIT_EXPECT_EQ(test, model->spans->nr_words, 80);
}

/* Regions that meet within a word, or at its end, are one run. */
static void runs_of_map(struct kunit *test)
{
	struct world *world = world_make(test);
	struct virt_as_entry map[] = {
		world_ram(world, PAGES(0), 0, 10),
		world_ram(world, PAGES(20), 0, 10),
		world_ram(world, PAGES(63), 0, 2),
		world_ram(world, PAGES(128), 0, 64),
		world_ram(world, PAGES(256), 0, 64),
		world_ram(world, PAGES(384), 0, 1),
		world_ram(world, PAGES(511), 0, 1),
	};
	struct virt_as_runs *runs;

	map[4].type = VIRT_AS_TYPE_DEVICE;
	world_replace(world, map, ARRAY_SIZE(map));
	runs = virt_as_runs_of_map(rcu_access_pointer(world->as->map));
	KUNIT_ASSERT_NOT_NULL(test, runs);
	KUNIT_EXPECT_EQ(test, runs->nr, 2);
	KUNIT_EXPECT_EQ(test, runs->run[0].begin, 0);
	KUNIT_EXPECT_EQ(test, runs->run[0].end, 3);
	KUNIT_EXPECT_EQ(test, runs->run[1].begin, 6);
	KUNIT_EXPECT_EQ(test, runs->run[1].end, 8);
	kvfree(runs);

	world_replace(world, NULL, 0);
	runs = virt_as_runs_of_map(rcu_access_pointer(world->as->map));
	KUNIT_ASSERT_NOT_NULL(test, runs);
	KUNIT_EXPECT_EQ(test, runs->nr, 0);
	kvfree(runs);
}

static void restore_limits(void *was)
{
	virt_as_max_logged_pages = ((unsigned long *)was)[0];
	virt_as_max_regions = ((unsigned long *)was)[1];
}

/* A log's memory is bounded, wherever what leaves it unharvested lies. */
static void quota(struct kunit *test)
{
	unsigned long *was = kunit_kcalloc(test, 2, sizeof(*was), GFP_KERNEL);
	struct world *world = world_make(test);
	struct virt_as_entry map = world_ram(world, 0, 0, 4);
	struct virt_as_log *log;
	const u64 max = 2 * (128 / 64 + 2 * 4);
	u64 word;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, was);
	was[0] = virt_as_max_logged_pages;
	was[1] = virt_as_max_regions;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, restore_limits, was), 0);
	virt_as_max_logged_pages = 128;
	virt_as_max_regions = 4;
	world_replace(world, &map, 1);
	log = log_open(world, VIRT_AS_LOG_ALL_DIRTY, 0);

	/* Down, always dirty. */
	for (word = 1000, err = 0; !err && word > 500; word--) {
		map.gpa = PAGES(64 * word);
		err = world_commit(world, VIRT_AS_COMMIT_REPLACE, &map, 1);
		KUNIT_EXPECT_LE(test, log->spans->nr_words, max);
	}
	KUNIT_EXPECT_EQ(test, err, -EDQUOT);
	KUNIT_EXPECT_EQ(test, log->spans->nr_words, max);
	/* Up, also by hand. */
	KUNIT_EXPECT_EQ(test, virt_as_log_cover(log, 64 * 2000, 64 * 2000), -EDQUOT);
	map.gpa = PAGES(64 * 2000);
	KUNIT_EXPECT_EQ(test, world_commit(world, VIRT_AS_COMMIT_REPLACE, &map, 1), -EDQUOT);
	/* Where it is covered already. */
	map.gpa = PAGES(64 * 1000);
	KUNIT_EXPECT_EQ(test, world_commit(world, VIRT_AS_COMMIT_REPLACE, &map, 1), 0);
	virt_as_log_remove(log, 0, LAST_PAGE);
	KUNIT_EXPECT_EQ(test, world_commit(world, VIRT_AS_COMMIT_REPLACE, &map, 1), 0);
	map.gpa = PAGES(64 * 2000);
	KUNIT_EXPECT_EQ(test, world_commit(world, VIRT_AS_COMMIT_REPLACE, &map, 1), 0);
	log_expect(world, log, 0, "128000-128003");
	KUNIT_EXPECT_EQ(test, world_commit(world, VIRT_AS_COMMIT_REPLACE, &map, 1), 0);

	/* By hand, no more than leaves room for any map. */
	virt_as_log_use(log);
	KUNIT_EXPECT_EQ(test, virt_as_log_cover(log, 64 * 100, 64 * 110), -EDQUOT);
	KUNIT_EXPECT_EQ(test, virt_as_log_cover(log, 64 * 100, 64 * 109), 0);
	virt_as_log_fill(log, 64 * 100, 64 * 109 + 63);
	virt_as_log_unuse(log);
	KUNIT_EXPECT_EQ(test, log->nr_dirty, 64 * 10);
	map.gpa = PAGES(64 * 3000);
	KUNIT_EXPECT_EQ(test, world_commit(world, VIRT_AS_COMMIT_REPLACE, &map, 1), 0);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(random),
	KUNIT_CASE(grows),
	KUNIT_CASE_PARAM(limit, quota_gen_params),
	KUNIT_CASE(runs_of_map),
	KUNIT_CASE(quota),
	{}
};

struct kunit_suite virt_as_spans_suite = {
	.name = "virt_as_spans",
	.test_cases = cases,
};
