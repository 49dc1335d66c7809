// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bits with two summaries: against a byte for each page, at the edges, and with
 * markers beside one who takes.
 */
#include <linux/bitops.h>
#include <linux/mm.h>
#include <linux/prandom.h>

#include "bits.h"
#include "suites.h"
#include "world.h"

#define NR_OPS	3000

/**
 * struct model - bits, and what should be in them
 * @test: the test
 * @bits: the bits
 * @nr_pages: pages of @dirty, a multiple of 64
 * @dirty: a byte for each page
 * @rnd: where the operations come from
 */
struct model {
	struct kunit *test;
	struct virt_as_bits *bits;
	u64 nr_pages;
	u8 *dirty;
	struct rnd_state rnd;
};

struct stretch {
	const char *name;
	u64 first;
	u64 nr;
};

static const struct stretch stretches[] = {
	{ "one page", 0, 1 },
	{ "last page of a word", 63, 1 },
	{ "two pages of two words", 63, 2 },
	{ "one word", 64, 64 },
	{ "parts of four words", 100, 200 },
	{ "one group", 4096, 4096 },
	{ "one group and a page", 0, 4097 },
	{ "parts of three groups", 4090, 4105 },
	{ "five groups and a word", 1ULL << 30, 5 * 4096 + 1 },
	{ "more than a word of groups", 77, 4096 * 65 },
	{ "the end of the space", (U64_MAX >> PAGE_SHIFT) - 129, 130 },
};

KUNIT_ARRAY_PARAM_DESC(stretch, stretches, name);

static void put_bits(void *bits)
{
	virt_as_bits_put(bits);
}

static struct virt_as_bits *make_bits(struct kunit *test, u64 first, u64 nr)
{
	struct virt_as_bits *bits = virt_as_bits_alloc(first, nr);

	KUNIT_ASSERT_NOT_NULL(test, bits);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, put_bits, bits), 0);
	return bits;
}

static struct model *make_model(struct kunit *test)
{
	const struct stretch *stretch = test->param_value;
	struct model *model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, model);
	model->test = test;
	model->bits = make_bits(test, stretch->first, stretch->nr);
	model->nr_pages = model->bits->nr_words * 64;
	model->dirty = kunit_kzalloc(test, model->nr_pages, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, model->dirty);
	prandom_seed_state(&model->rnd, stretch->nr);
	return model;
}

static u64 any(struct model *model, u64 below)
{
	return prandom_u32_state(&model->rnd) % below;
}

static u64 any_mask(struct model *model)
{
	u64 mask = (u64)prandom_u32_state(&model->rnd) << 32 | prandom_u32_state(&model->rnd);

	return any(model, 4) ? mask & rol64(mask, 17) & rol64(mask, 31) : U64_MAX;
}

static u64 model_word(const struct model *model, u64 word)
{
	u64 mask = 0;
	u32 i;

	for (i = 0; i < 64; i++)
		mask |= (u64)model->dirty[word * 64 + i] << i;
	return mask;
}

static void set_model_word(struct model *model, u64 word, u64 mask)
{
	u32 i;

	for (i = 0; i < 64; i++)
		model->dirty[word * 64 + i] = mask >> i & 1;
}

/* With nobody in between a bit of a summary is set just when something is below. */
static void expect_model(struct model *model)
{
	const struct virt_as_bits *bits = model->bits;
	u64 wrong = 0;
	u64 i;

	for (i = 0; i < bits->nr_words; i++) {
		wrong += bits->pages[i] != model_word(model, i);
		wrong += test_bit(i, bits->words) != !!bits->pages[i];
	}
	for (i = 0; i < DIV_ROUND_UP(bits->nr_words, 64); i++)
		wrong += test_bit(i, bits->groups) != !!bits->words[i];
	KUNIT_EXPECT_EQ(model->test, wrong, 0);
}

static void expect_next(struct model *model)
{
	u64 end = any(model, model->bits->nr_words + 1);
	u64 word = any(model, model->bits->nr_words + 1);
	u64 wanted = word;

	while (wanted < end && !model_word(model, wanted))
		wanted++;
	KUNIT_EXPECT_EQ(model->test, virt_as_bits_next(model->bits, word, end),
			word < end ? wanted : end);
}

static void shape(struct kunit *test)
{
	const struct stretch *stretch = test->param_value;
	struct model *model = make_model(test);
	struct virt_as_bits *bits = model->bits;
	u64 last = stretch->first + stretch->nr - 1;

	KUNIT_EXPECT_EQ(test, bits->first, stretch->first & ~63ULL);
	KUNIT_EXPECT_EQ(test, bits->nr_words, last / 64 - stretch->first / 64 + 1);
	KUNIT_EXPECT_EQ(test, virt_as_bits_first_word(bits), stretch->first / 64);
	KUNIT_EXPECT_EQ(test, virt_as_bits_end_word(bits), last / 64 + 1);
	expect_model(model);
	KUNIT_EXPECT_EQ(test, virt_as_bits_next(bits, 0, bits->nr_words), bits->nr_words);

	/* The outermost pages, as a writer and as a log set them. */
	virt_as_mark(bits, stretch->first << PAGE_SHIFT);
	virt_as_mark(bits, (last << PAGE_SHIFT) + 5);
	model->dirty[stretch->first - bits->first] = 1;
	model->dirty[last - bits->first] = 1;
	expect_model(model);
	KUNIT_EXPECT_EQ(test, virt_as_bits_next(bits, 0, bits->nr_words), 0);
	KUNIT_EXPECT_EQ(test, virt_as_bits_next(bits, bits->nr_words - 1, bits->nr_words),
			bits->nr_words - 1);
}

/* As the bits of a log are used. */
static void log_bits(struct kunit *test)
{
	struct model *model = make_model(test);
	u64 nr_words = model->bits->nr_words;
	u32 i;

	for (i = 0; i < NR_OPS; i++) {
		u64 word = any(model, nr_words);
		u64 mask = any_mask(model);
		u64 was = model_word(model, word);

		if (any(model, 2)) {
			KUNIT_EXPECT_EQ(test, virt_as_bits_add(model->bits, word, mask),
					hweight64(mask & ~was));
			set_model_word(model, word, was | mask);
		} else {
			KUNIT_EXPECT_EQ(test, virt_as_bits_remove(model->bits, word, mask),
					hweight64(mask & was));
			set_model_word(model, word, was & ~mask);
		}
		expect_next(model);
	}
	expect_model(model);
}

/* Pages of [first, first + nr), of which any byte may have been written. */
static void mark_some(struct model *model)
{
	u64 first = any(model, model->nr_pages);
	u64 nr = any(model, min(model->nr_pages - first, 1ULL << any(model, 9))) + 1;
	u64 gpa = (model->bits->first + first) << PAGE_SHIFT;
	u64 offset = any(model, PAGE_SIZE);
	u64 len = ((nr - 1) << PAGE_SHIFT) + 1;
	u64 i;

	if (nr == 1 && any(model, 2))
		virt_as_mark(model->bits, gpa + offset);
	else
		virt_as_mark_range(model->bits, gpa + offset, len);
	for (i = first; i < first + nr; i++)
		model->dirty[i] = 1;
}

/* As live bits are used, by one at a time. */
static void live_bits(struct kunit *test)
{
	struct model *model = make_model(test);
	u64 nr_words = model->bits->nr_words;
	u32 i;

	for (i = 0; i < NR_OPS; i++) {
		u64 word;

		mark_some(model);
		expect_next(model);
		word = virt_as_bits_next(model->bits, any(model, nr_words), nr_words);
		if (word == nr_words)
			continue;
		KUNIT_EXPECT_EQ(test, virt_as_bits_take(model->bits, word),
				model_word(model, word));
		KUNIT_EXPECT_EQ(test, virt_as_bits_take(model->bits, word), 0);
		set_model_word(model, word, 0);
	}
	expect_model(model);
}

static void mark_edges(struct kunit *test)
{
	struct virt_as_bits *bits = make_bits(test, 64, 256);
	const u64 gpa = PAGES(64);

	virt_as_mark(NULL, gpa);
	virt_as_mark_range(bits, gpa, 0);
	KUNIT_EXPECT_EQ(test, virt_as_bits_next(bits, 0, 4), 4);
	/* One byte to each side of a page's end; whole pages; all of it. */
	virt_as_mark_range(bits, gpa + PAGE_SIZE - 1, 2);
	KUNIT_EXPECT_EQ(test, virt_as_bits_take(bits, 0), 3);
	virt_as_mark_range(bits, gpa + PAGES(63), PAGES(2));
	KUNIT_EXPECT_EQ(test, virt_as_bits_take(bits, 0), 1ULL << 63);
	KUNIT_EXPECT_EQ(test, virt_as_bits_take(bits, 1), 1);
	virt_as_mark_range(bits, gpa, PAGES(256));
	KUNIT_EXPECT_EQ(test, virt_as_bits_take(bits, 0), U64_MAX);
	KUNIT_EXPECT_EQ(test, virt_as_bits_take(bits, 3), U64_MAX);
	KUNIT_EXPECT_EQ(test, virt_as_bits_next(bits, 0, 4), 1);
	/* A reference more keeps them. */
	virt_as_bits_get(bits);
	virt_as_bits_put(bits);
	KUNIT_EXPECT_EQ(test, bits->pages[2], U64_MAX);
	virt_as_bits_put(NULL);
}

static u64 naive_mask(u64 word, u64 first, u64 last)
{
	u64 mask = 0;
	u64 i;

	for (i = 0; i < 64; i++) {
		if (word * 64 + i >= first && word * 64 + i <= last)
			mask |= 1ULL << i;
	}
	return mask;
}

static void word_mask(struct kunit *test)
{
	const u64 end = U64_MAX >> PAGE_SHIFT;
	u64 first, last, word;
	u64 wrong = 0;

	for (first = 0; first < 200; first += 3) {
		for (last = first; last < 260; last++) {
			for (word = 0; word < 6; word++)
				wrong += virt_as_word_mask(word, first, last) !=
					 naive_mask(word, first, last);
		}
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	KUNIT_EXPECT_EQ(test, virt_as_word_mask(1, 70, 130), ~0ULL << 6);
	KUNIT_EXPECT_EQ(test, virt_as_word_mask(2, 70, 130), 7);
	KUNIT_EXPECT_EQ(test, virt_as_word_mask(end / 64, 0, end), U64_MAX);
	KUNIT_EXPECT_EQ(test, virt_as_word_mask(end / 64, end, end), 1ULL << 63);
	KUNIT_EXPECT_EQ(test, virt_as_word_mask(end / 64, 0, end - 64), 0);
}

/* What is clean is passed over: nothing of it is looked at but the summaries. */
static void sparse(struct kunit *test)
{
	const u64 nr_words = 1ULL << 18;
	struct virt_as_bits *bits = make_bits(test, 1ULL << 24, nr_words * 64);
	u64 i;

	/* Were these looked at, they would be found. */
	for (i = 0; i < nr_words; i++)
		bits->pages[i] = 1;
	KUNIT_EXPECT_EQ(test, virt_as_bits_next(bits, 0, nr_words), nr_words);
	virt_as_mark(bits, (bits->first + 64 * 200000 + 9) << PAGE_SHIFT);
	KUNIT_EXPECT_EQ(test, virt_as_bits_next(bits, 0, nr_words), 200000);
	KUNIT_EXPECT_EQ(test, virt_as_bits_next(bits, 200001, nr_words), nr_words);
	KUNIT_EXPECT_EQ(test, virt_as_bits_next(bits, 0, 200000), 200000);
	KUNIT_EXPECT_EQ(test, virt_as_bits_take(bits, 200000), 1 << 9 | 1);
	KUNIT_EXPECT_EQ(test, virt_as_bits_next(bits, 0, nr_words), nr_words);
}

#define NR_MARKERS	2
#define RACE_PAGES	(3 * 4096)
#define RACE_MARKS	30000

/**
 * struct race - threads that mark, and the test that takes
 * @bits: the bits
 * @seed: numbers the markers
 * @marking: markers that have not ended
 * @written: of each page, how often it was written
 * @seen: of each page, what was read of @written after its bit was taken
 */
struct race {
	struct virt_as_bits *bits;
	atomic_t seed;
	atomic_t marking;
	atomic_t written[RACE_PAGES];
	int seen[RACE_PAGES];
};

static long mark_along(struct world *world, void *arg)
{
	struct race *race = arg;
	struct rnd_state rnd;
	u32 i;

	prandom_seed_state(&rnd, atomic_inc_return(&race->seed));
	for (i = 0; i < RACE_MARKS && !READ_ONCE(world->over); i++) {
		u32 page = prandom_u32_state(&rnd) % RACE_PAGES;

		/* Few words, so that summaries come and go. */
		if (i % 8)
			page = page % 3 * 4096 + page % 100;
		atomic_inc(&race->written[page]);
		virt_as_mark(race->bits, (race->bits->first + page) << PAGE_SHIFT);
		if (!(i % 512))
			schedule_timeout_uninterruptible(1);
		cond_resched();
	}
	atomic_dec(&race->marking);
	return 0;
}

static u64 take_all(struct race *race)
{
	const u64 end = race->bits->nr_words;
	u64 word = 0;
	u64 nr = 0;
	u64 mask;

	while ((word = virt_as_bits_next(race->bits, word, end)) < end) {
		mask = virt_as_bits_take(race->bits, word);
		nr += hweight64(mask);
		for (; mask; mask &= mask - 1) {
			u64 page = word * 64 + __ffs64(mask);

			race->seen[page] = atomic_read(&race->written[page]);
		}
	}
	return nr;
}

/* No write is lost, whoever marks while words and groups are being emptied. */
static void marked_meanwhile(struct kunit *test)
{
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	struct world_thread *threads[NR_MARKERS];
	struct world *world = world_make(test);
	u64 taken = 0;
	u64 lost = 0;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, race);
	race->bits = make_bits(test, 1ULL << 20, RACE_PAGES);
	atomic_set(&race->marking, NR_MARKERS);
	for (i = 0; i < NR_MARKERS; i++)
		threads[i] = world_start(world, WORLD_MM_NONE, mark_along, race);
	while (atomic_read(&race->marking) && !kthread_should_stop()) {
		taken += take_all(race);
		schedule_timeout_uninterruptible(1);
	}
	for (i = 0; i < NR_MARKERS; i++)
		world_join(threads[i]);
	KUNIT_EXPECT_GE(test, taken, RACE_PAGES / 4);
	take_all(race);
	for (i = 0; i < RACE_PAGES; i++)
		lost += race->seen[i] != atomic_read(&race->written[i]);
	KUNIT_EXPECT_EQ(test, lost, 0);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(shape, stretch_gen_params),
	KUNIT_CASE_PARAM(log_bits, stretch_gen_params),
	KUNIT_CASE_PARAM(live_bits, stretch_gen_params),
	KUNIT_CASE(mark_edges),
	KUNIT_CASE(word_mask),
	KUNIT_CASE(sparse),
	KUNIT_CASE(marked_meanwhile),
	{}
};

struct kunit_suite virt_as_bits_suite = {
	.name = "virt_as_bits",
	.test_cases = cases,
};
