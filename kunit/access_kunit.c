// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accesses: copies, zero, iterators, translation and ring accesses, each by every
 * kind of task that may do them. What they did is looked at by the owner, in its
 * own memory.
 */
#include <linux/bvec.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uio.h>

#include "object.h"
#include "suites.h"
#include "world.h"

/* The guest; pages of the owner's memory behind it are in map_guest(). */
#define LOW	0ULL
#define NEXT	PAGES(2)	/* follows in gpa, not in hva */
#define HOLE	PAGES(3)
#define ROM	PAGES(4)
#define NOHVA	PAGES(5)
#define DEVICE	PAGES(6)
#define HALF	PAGES(8)	/* two pages, nothing behind the second */
#define GONE	PAGES(12)	/* nothing behind it */
#define BIG	PAGES(0x100)	/* more than one job moves */
#define TORN	PAGES(0x200)	/* 40 pages, nothing behind the last 20 */
#define TOP	(-PAGES(1))

#define BIG_PAGES	80
#define NR_REGIONS	9

struct way {
	const char *name;
	enum virt_as_reach reach;
	enum world_mm mm;
	bool elsewhere;		/* not in the test's own thread */
};

static const struct way ways[] = {
	{ "owner", VIRT_AS_REACH_OWN, WORLD_MM_OWNER, false },
	{ "other thread of the owner", VIRT_AS_REACH_OWN, WORLD_MM_OWNER, true },
	{ "kernel thread", VIRT_AS_REACH_SWITCHED, WORLD_MM_NONE, true },
	{ "foreign", VIRT_AS_REACH_REMOTE, WORLD_MM_OTHER, true },
};

KUNIT_ARRAY_PARAM_DESC(way, ways, name);

/**
 * struct scene - a guest, and how it is reached
 * @test: the test
 * @world: its world
 * @way: who does the accesses
 * @binding: through what
 * @section: open while @play runs
 * @cache: of whoever plays
 * @play: the accesses
 * @map: the guest's map
 * @buf: BIG_PAGES to write
 * @back: BIG_PAGES to read into
 */
struct scene {
	struct kunit *test;
	struct world *world;
	const struct way *way;
	struct virt_as_binding binding;
	struct virt_as_section section;
	struct virt_as_cache cache;
	void (*play)(struct scene *scene);
	struct virt_as_entry map[NR_REGIONS];
	u8 *buf;
	u8 *back;
};

static void map_guest(struct scene *scene)
{
	struct world *world = scene->world;
	struct virt_as_entry map[NR_REGIONS] = {
		world_ram(world, LOW, 0, 2), world_ram(world, NEXT, 5, 1),
		world_ram(world, ROM, 6, 1), world_ram(world, DEVICE, 7, 1),
		world_ram(world, HALF, 8, 2), world_ram(world, GONE, 10, 1),
		world_ram(world, BIG, 16, BIG_PAGES),
		world_ram(world, TORN, 100, 40), world_ram(world, TOP, 11, 1),
	};

	map[2].perms = VIRT_AS_PERM_READ;
	map[3].type = VIRT_AS_TYPE_DEVICE;
	memcpy(scene->map, map, sizeof(map));
	world_replace(world, map, NR_REGIONS);
}

static void add_private(struct scene *scene)
{
	const struct virt_as_entry private = {
		.op = VIRT_AS_OP_ADD, .type = VIRT_AS_TYPE_NOHVA,
		.perms = VIRT_AS_PERM_READ | VIRT_AS_PERM_WRITE,
		.gpa = NOHVA, .len = PAGE_SIZE,
	};

	KUNIT_ASSERT_EQ(scene->test, world_commit(scene->world, 0, &private, 1), 0);
}

static struct scene *set_scene(struct kunit *test)
{
	struct scene *scene = kunit_kzalloc(test, sizeof(*scene), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, scene);
	scene->test = test;
	scene->way = test->param_value;
	scene->buf = kunit_kmalloc(test, PAGES(BIG_PAGES), GFP_KERNEL);
	scene->back = kunit_kzalloc(test, PAGES(BIG_PAGES), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, scene->buf);
	KUNIT_ASSERT_NOT_NULL(test, scene->back);
	for (i = 0; i < PAGES(BIG_PAGES); i++)
		scene->buf[i] = i * 7 + (i >> 8) + 1;

	scene->world = world_make(test);
	map_guest(scene);
	add_private(scene);
	world_put(scene->world, PAGES(6), scene->buf, PAGE_SIZE);
	world_unmap(scene->world, 9, 2);
	world_unmap(scene->world, 120, 20);
	world_bind(scene->world, &scene->binding, &world_plain_ops,
		   VIRT_AS_RIGHT_READ | VIRT_AS_RIGHT_WRITE);
	return scene;
}

static long in_section(struct world *world, void *arg)
{
	struct mm_struct *mm = current->mm;
	struct scene *scene = arg;
	bool wears;
	int err;

	err = virt_as_begin(&scene->binding, &scene->section);
	KUNIT_EXPECT_EQ(world->test, err, 0);
	if (err)
		return err;
	KUNIT_EXPECT_EQ(world->test, scene->section.reach, scene->way->reach);
	wears = current->mm == world->mm;
	KUNIT_EXPECT_EQ(world->test, wears, scene->way->mm != WORLD_MM_OTHER);
	scene->play(scene);
	virt_as_end(&scene->section);
	KUNIT_EXPECT_PTR_EQ(world->test, current->mm, mm);
	return 0;
}

/* Has @play done in a section, by whom the test's parameter says. */
static void perform(struct scene *scene, void (*play)(struct scene *scene))
{
	scene->play = play;
	if (!scene->way->elsewhere)
		in_section(scene->world, scene);
	else
		world_join(world_start(scene->world, scene->way->mm, in_section, scene));
}

/* The owner looks; gpas of a whole range may lie in several regions. */
static void expect_guest(struct scene *scene, u64 gpa, const u8 *wanted, size_t len)
{
	size_t done, step;
	unsigned int i;

	for (done = 0; done < len; done += step) {
		u64 at = gpa + done;

		step = min_t(size_t, len - done, PAGE_SIZE - offset_in_page(at));
		for (i = 0; i < NR_REGIONS; i++) {
			if (at - scene->map[i].gpa >= scene->map[i].len)
				continue;
			world_expect(scene->world, scene->map[i].hva -
				     scene->world->hva + at - scene->map[i].gpa,
				     wanted + done, step);
			break;
		}
		KUNIT_ASSERT_LT(scene->test, i, NR_REGIONS);
	}
}

static const struct {
	u64 gpa;
	size_t len;
} ranges[] = {
	{ LOW, 1 }, { LOW + 3, 5 }, { PAGES(1) - 1, 2 }, { PAGES(1) - 5, 3000 },
	{ NEXT - 100, 200 },			/* from region to region */
	{ LOW, 3 * PAGE_SIZE }, { -8ULL, 8 }, { DEVICE, 8 }, { DEVICE + 2, 11 },
	{ BIG, PAGES(16) },			/* one job */
	{ BIG + 1, PAGES(BIG_PAGES) - 2 },	/* jobs, the last by pages or job */
};

static void play_copies(struct scene *scene)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		size_t len = ranges[i].len;

		memset(scene->back, 0, len);
		KUNIT_EXPECT_EQ(scene->test,
				virt_as_copy_to(&scene->section, &scene->cache,
						ranges[i].gpa, scene->buf, len), len);
		KUNIT_EXPECT_EQ(scene->test,
				virt_as_copy_from(&scene->section, &scene->cache,
						  ranges[i].gpa, scene->back, len), len);
		KUNIT_EXPECT_TRUE_MSG(scene->test, !memcmp(scene->back, scene->buf, len),
				      "range %u", i);
	}
}

static void copies(struct kunit *test)
{
	struct scene *scene = set_scene(test);
	struct virt_as *as = scene->world->as;
	bool remote = scene->way->reach == VIRT_AS_REACH_REMOTE;

	perform(scene, play_copies);
	expect_guest(scene, LOW, scene->buf, 3 * PAGE_SIZE);
	expect_guest(scene, -8ULL, scene->buf, 8);
	expect_guest(scene, DEVICE + 2, scene->buf, 11);
	expect_guest(scene, BIG + 1, scene->buf, PAGES(BIG_PAGES) - 2);
	KUNIT_EXPECT_EQ(test, !!as->job_wq, remote);
	if (remote)
		KUNIT_EXPECT_GE(test, atomic64_read(&as->remote_pages), 2 * BIG_PAGES);
	else
		KUNIT_EXPECT_EQ(test, atomic64_read(&as->remote_pages), 0);
}

static void play_small(struct scene *scene)
{
	KUNIT_EXPECT_EQ(scene->test,
			virt_as_copy_to(&scene->section, &scene->cache, NEXT - 10, scene->buf, 20),
			20);
	KUNIT_EXPECT_EQ(scene->test,
			virt_as_zero(&scene->section, &scene->cache, NEXT - 8, 16), 16);
}

/* What a foreign task moves little of, it moves by pages, and begins no job. */
static void zero(struct kunit *test)
{
	static const u8 zeroes[16];
	struct scene *scene = set_scene(test);
	struct virt_as *as = scene->world->as;

	perform(scene, play_small);
	expect_guest(scene, NEXT - 10, scene->buf, 2);
	expect_guest(scene, NEXT - 8, zeroes, sizeof(zeroes));
	expect_guest(scene, NEXT + 8, scene->buf + 18, 2);
	KUNIT_EXPECT_NULL(test, as->job_wq);
	/* Two pages at a time, one of each region. */
	KUNIT_EXPECT_EQ(test, atomic64_read(&as->remote_pages),
			scene->way->reach == VIRT_AS_REACH_REMOTE ? 4 : 0);
}

/* How far something gets that cannot be done whole. */
static void play_partial(struct scene *scene)
{
	struct virt_as_section *section = &scene->section;
	struct virt_as_cache *cache = &scene->cache;
	struct kunit *test = scene->test;
	u8 *buf = scene->buf, *back = scene->back;

	KUNIT_EXPECT_EQ(test, virt_as_copy_to(section, cache, HOLE - 10, buf, 20), 10);
	KUNIT_EXPECT_EQ(test, virt_as_copy_from(section, cache, NOHVA - 10, back, 20), 10);
	KUNIT_EXPECT_EQ(test, virt_as_copy_from(section, cache, -10ULL, back, 20), 10);
	KUNIT_EXPECT_EQ(test, virt_as_zero(section, cache, -10ULL, SIZE_MAX), 10);
	KUNIT_EXPECT_EQ(test, virt_as_copy_to(section, cache, HALF + PAGE_SIZE - 8, buf, 16), 8);
	KUNIT_EXPECT_EQ(test, virt_as_copy_from(section, cache, HALF + PAGE_SIZE - 8, back, 16),
			8);
	KUNIT_EXPECT_TRUE(test, !memcmp(back, buf, 8));
	KUNIT_EXPECT_EQ(test, virt_as_copy_to(section, cache, TORN, buf, PAGES(40)), PAGES(20));
	KUNIT_EXPECT_EQ(test, virt_as_copy_from(section, cache, TORN, back, PAGES(40)),
			PAGES(20));
	KUNIT_EXPECT_TRUE(test, !memcmp(back, buf, PAGES(20)));
	KUNIT_EXPECT_EQ(test, virt_as_copy_to(section, cache, HOLE, buf, 0), 0);
}

static void partial(struct kunit *test)
{
	struct scene *scene = set_scene(test);

	perform(scene, play_partial);
	expect_guest(scene, HOLE - 10, scene->buf, 10);
	expect_guest(scene, HALF + PAGE_SIZE - 8, scene->buf, 8);
	expect_guest(scene, TORN, scene->buf, PAGES(20));
}

enum op {
	OP_READ, OP_WRITE, OP_ZERO, OP_LOAD, OP_STORE, OP_CMPXCHG, NR_OPS,
};

static ssize_t operate(struct scene *scene, enum op op, u64 gpa)
{
	struct virt_as_section *section = &scene->section;
	struct virt_as_cache *cache = &scene->cache;
	u64 word = 0;

	switch (op) {
	case OP_READ:
		return virt_as_copy_from(section, cache, gpa, scene->back, 8);
	case OP_WRITE:
		return virt_as_copy_to(section, cache, gpa, scene->buf + 100, 8);
	case OP_ZERO:
		return virt_as_zero(section, cache, gpa, 8);
	case OP_LOAD:
		return virt_as_load64(section, cache, gpa, &word, VIRT_AS_ORDERED);
	case OP_STORE:
		return virt_as_store64(section, cache, gpa, 1, VIRT_AS_ORDERED);
	default:
		return virt_as_cmpxchg64(section, cache, gpa, &word, 1);
	}
}

static const struct {
	u64 gpa;
	ssize_t results[NR_OPS];
} wanted_refusals[] = {
	{ HOLE, { -ENOENT, -ENOENT, -ENOENT, -ENOENT, -ENOENT, -ENOENT } },
	{ ROM, { 8, -EACCES, -EACCES, 0, -EACCES, -EACCES } },
	{ NOHVA, { -ENXIO, -ENXIO, -ENXIO, -ENXIO, -ENXIO, -ENXIO } },
	{ GONE, { -EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT } },
	{ DEVICE, { 8, 8, 8, 0, 0, -EOPNOTSUPP } },
	{ ROM + 4, { 8, -EACCES, -EACCES, -EINVAL, -EINVAL, -EINVAL } },
	{ DEVICE + 12, { 8, 8, 8, -EINVAL, -EINVAL, -EINVAL } },
};

static void play_refused(struct scene *scene)
{
	unsigned int i;
	enum op op;

	for (i = 0; i < ARRAY_SIZE(wanted_refusals); i++) {
		u64 gpa = wanted_refusals[i].gpa;

		for (op = 0; op < NR_OPS; op++)
			KUNIT_EXPECT_EQ_MSG(scene->test, operate(scene, op, gpa),
					    wanted_refusals[i].results[op],
					    "gpa %#llx op %d", gpa, op);
	}
}

static void refused(struct kunit *test)
{
	struct scene *scene = set_scene(test);

	perform(scene, play_refused);
	expect_guest(scene, ROM, scene->buf, PAGE_SIZE);
}

#define PLAY_RING(width, gpa, order)						\
do {										\
	u##width first = (u##width)0x1122334455667788ULL, value = 0;		\
	u##width old = (u##width)~first;					\
	struct virt_as_section *s = &scene->section;				\
	struct virt_as_cache *cache = &scene->cache;				\
	struct kunit *test = scene->test;					\
	enum virt_as_order how = order;						\
	u64 at = gpa;								\
										\
	KUNIT_EXPECT_EQ(test, virt_as_store##width(s, cache, at, first, how), 0); \
	KUNIT_EXPECT_EQ(test, virt_as_load##width(s, cache, at, &value, how), 0); \
	KUNIT_EXPECT_EQ(test, value, first);					\
	KUNIT_EXPECT_EQ(test, virt_as_cmpxchg##width(s, cache, at, &old, 0),	\
			-EAGAIN);						\
	KUNIT_EXPECT_EQ(test, old, first);					\
	KUNIT_EXPECT_EQ(test, virt_as_cmpxchg##width(s, cache, at, &old, first + 1), \
			0);							\
	KUNIT_EXPECT_EQ(test, virt_as_load##width(s, &scene->cache, at, &value, how), 0); \
	KUNIT_EXPECT_EQ(test, value, (u##width)(first + 1));			\
} while (0)

static void play_ring(struct scene *scene)
{
	enum virt_as_order order;
	u64 value = 7;

	for (order = VIRT_AS_RELAXED; order <= VIRT_AS_FULL; order++) {
		PLAY_RING(16, LOW + 2, order);
		PLAY_RING(32, LOW + 8, order);
		PLAY_RING(64, LOW + 24, order);
	}
	KUNIT_EXPECT_EQ(scene->test, virt_as_load16(&scene->section, &scene->cache, LOW + 1,
						    (u16 *)&value, VIRT_AS_RELAXED), -EINVAL);
	KUNIT_EXPECT_EQ(scene->test, virt_as_load32(&scene->section, &scene->cache, LOW + 2,
						    (u32 *)&value, VIRT_AS_RELAXED), -EINVAL);
	KUNIT_EXPECT_EQ(scene->test, virt_as_load64(&scene->section, &scene->cache, LOW + 4,
						    &value, VIRT_AS_RELAXED), -EINVAL);
	KUNIT_EXPECT_EQ(scene->test, value, 7);
}

/* The words, and nothing beside them. */
static void ring(struct kunit *test)
{
	static const u8 wanted[40] = {
		[2] = 0x89, 0x77,
		[8] = 0x89, 0x77, 0x66, 0x55,
		[24] = 0x89, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
	};
	struct scene *scene = set_scene(test);

	perform(scene, play_ring);
	expect_guest(scene, LOW, wanted, sizeof(wanted));
	KUNIT_EXPECT_NULL(test, scene->world->as->job_wq);
}

static void play_device(struct scene *scene)
{
	struct virt_as_section *section = &scene->section;
	struct virt_as_cache *cache = &scene->cache;
	struct kunit *test = scene->test;
	u64 v64 = 0;
	u32 v32 = 0;
	u16 v16 = 0;

	KUNIT_EXPECT_EQ(test, virt_as_store64(section, cache, DEVICE, 0x0807060504030201ULL,
					      VIRT_AS_FULL), 0);
	KUNIT_EXPECT_EQ(test, virt_as_store32(section, cache, DEVICE + 8, 0x0c0b0a09,
					      VIRT_AS_FULL), 0);
	KUNIT_EXPECT_EQ(test, virt_as_store16(section, cache, DEVICE + 12, 0x0e0d,
					      VIRT_AS_FULL), 0);
	KUNIT_EXPECT_EQ(test, virt_as_load64(section, cache, DEVICE + 8, &v64, VIRT_AS_FULL), 0);
	KUNIT_EXPECT_EQ(test, virt_as_load32(section, cache, DEVICE + 4, &v32, VIRT_AS_FULL), 0);
	KUNIT_EXPECT_EQ(test, virt_as_load16(section, cache, DEVICE + 2, &v16, VIRT_AS_FULL), 0);
	KUNIT_EXPECT_EQ(test, v64, 0x0e0d0c0b0a09ULL);
	KUNIT_EXPECT_EQ(test, v32, 0x08070605);
	KUNIT_EXPECT_EQ(test, v16, 0x0403);
}

/* Hardware is not made of pages: a foreign task has a job for each access. */
static void device(struct kunit *test)
{
	static const u8 wanted[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0, 0 };
	struct scene *scene = set_scene(test);

	perform(scene, play_device);
	expect_guest(scene, DEVICE, wanted, sizeof(wanted));
	KUNIT_EXPECT_EQ(test, !!scene->world->as->job_wq,
			scene->way->reach == VIRT_AS_REACH_REMOTE);
}

static void play_iter(struct scene *scene)
{
	struct kvec kvecs[2] = {
		{ .iov_base = scene->buf, .iov_len = 50 },
		{ .iov_base = scene->buf + 50, .iov_len = 150 },
	};
	struct virt_as_section *section = &scene->section;
	struct virt_as_cache *cache = &scene->cache;
	struct kunit *test = scene->test;
	struct bio_vec bvec;
	struct iov_iter iter;

	iov_iter_kvec(&iter, ITER_SOURCE, kvecs, 2, 200);
	KUNIT_EXPECT_EQ(test, virt_as_copy_from_iter(section, cache, NEXT - 100,
						     300, &iter), 200);
	KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), 0);
	bvec_set_virt(&bvec, scene->back, 200);
	iov_iter_bvec(&iter, ITER_DEST, &bvec, 1, 200);
	KUNIT_EXPECT_EQ(test, virt_as_copy_to_iter(section, cache, NEXT - 100,
						   120, &iter), 120);
	KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), 80);
	KUNIT_EXPECT_TRUE(test, !memcmp(scene->back, scene->buf, 120));

	/* Stopped by the hole, and advanced by what was done. */
	iov_iter_kvec(&iter, ITER_SOURCE, kvecs, 2, 200);
	KUNIT_EXPECT_EQ(test, virt_as_copy_from_iter(section, cache, HOLE - 60,
						     200, &iter), 60);
	KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), 140);
	KUNIT_EXPECT_EQ(test, virt_as_copy_from_iter(section, cache, HOLE, 1,
						     &iter), -ENOENT);
	KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), 140);

	/* Of the caller's own user memory nothing is touched in a section. */
	iov_iter_ubuf(&iter, ITER_DEST, (void __user *)scene->world->hva, 8);
	KUNIT_EXPECT_EQ(test, virt_as_copy_to_iter(section, cache, LOW, 8, &iter),
			-EINVAL);
}

static void iter(struct kunit *test)
{
	struct scene *scene = set_scene(test);

	perform(scene, play_iter);
	expect_guest(scene, NEXT - 100, scene->buf, 200);
	expect_guest(scene, HOLE - 60, scene->buf, 60);
}

static void play_translate(struct scene *scene)
{
	struct virt_as_section *section = &scene->section;
	struct virt_as_cache *cache = &scene->cache;
	struct virt_as_segment segments[3];
	struct kunit *test = scene->test;
	u64 hva = scene->world->hva;

	if (scene->way->reach == VIRT_AS_REACH_REMOTE) {
		KUNIT_EXPECT_EQ(test, virt_as_translate(section, cache, LOW, 1, segments, 3),
				-EXDEV);
		return;
	}
	KUNIT_EXPECT_EQ(test, virt_as_translate(section, cache, NEXT - 8, PAGES(4),
						segments, 3), 2);
	KUNIT_EXPECT_EQ(test, (u64)segments[0].hva, hva + PAGES(2) - 8);
	KUNIT_EXPECT_EQ(test, segments[0].len, 8);
	KUNIT_EXPECT_EQ(test, (u64)segments[1].hva, hva + PAGES(5));
	KUNIT_EXPECT_EQ(test, segments[1].len, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, virt_as_translate(section, cache, NEXT - 8, PAGES(4),
						segments, 1), 1);
	KUNIT_EXPECT_EQ(test, virt_as_translate(section, cache, ROM + 1, PAGES(4),
						segments, 3), 1);
	KUNIT_EXPECT_EQ(test, segments[0].perms, VIRT_AS_PERM_READ);
	KUNIT_EXPECT_EQ(test, segments[0].len, PAGE_SIZE - 1);
	KUNIT_EXPECT_EQ(test, virt_as_translate(section, cache, DEVICE, 4, segments, 3), 1);
	KUNIT_EXPECT_EQ(test, segments[0].type, VIRT_AS_TYPE_DEVICE);
	KUNIT_EXPECT_EQ(test, virt_as_translate(section, cache, HOLE, 1, segments, 3), -ENOENT);
	KUNIT_EXPECT_EQ(test, virt_as_translate(section, cache, NOHVA, 1, segments, 3), -ENXIO);
	KUNIT_EXPECT_EQ(test, virt_as_translate(section, cache, HOLE, 0, segments, 3), 0);
}

static void translate(struct kunit *test)
{
	perform(set_scene(test), play_translate);
}

static long without_section(struct world *world, void *arg)
{
	struct scene *scene = arg;

	KUNIT_EXPECT_EQ(world->test, virt_as_write(&scene->binding, &scene->cache, NEXT - 4,
						   scene->buf, 8), 8);
	KUNIT_EXPECT_EQ(world->test, virt_as_read(&scene->binding, &scene->cache, NEXT - 4,
						  scene->back, 8), 8);
	return virt_as_read(&scene->binding, &scene->cache, HOLE, scene->back, 8);
}

/* The rare access, in a section of its own. */
static void rare(struct kunit *test)
{
	struct scene *scene = set_scene(test);
	long err;

	if (scene->way->elsewhere)
		err = world_join(world_start(scene->world, scene->way->mm,
					     without_section, scene));
	else
		err = without_section(scene->world, scene);
	KUNIT_EXPECT_EQ(test, err, -ENOENT);
	KUNIT_EXPECT_TRUE(test, !memcmp(scene->back, scene->buf, 8));
	expect_guest(scene, NEXT - 4, scene->buf, 8);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(copies, way_gen_params),
	KUNIT_CASE_PARAM(zero, way_gen_params),
	KUNIT_CASE_PARAM(partial, way_gen_params),
	KUNIT_CASE_PARAM(refused, way_gen_params),
	KUNIT_CASE_PARAM(ring, way_gen_params),
	KUNIT_CASE_PARAM(device, way_gen_params),
	KUNIT_CASE_PARAM(iter, way_gen_params),
	KUNIT_CASE_PARAM(translate, way_gen_params),
	KUNIT_CASE_PARAM(rare, way_gen_params),
	{}
};

struct kunit_suite virt_as_access_suite = {
	.name = "virt_as_access",
	.test_cases = cases,
};
