// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copies across regions against a model that goes byte by byte.
 *
 *	copy SEED OPERATIONS
 *
 * User memory has holes, regions alias one another and end where others begin
 * elsewhere, and each way of access must do the same bytes as the model, no more
 * and no fewer, and give the same errno if there were none.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/uio.h>
#include <string.h>

#include "check.h"
#include "gen.h"
#include "object.h"
#include "shim.h"

#define PAGES		64
#define WORLD_OPS	400
#define PIECES		4

u64 test_seed;

enum way { READ, WRITE, ZERO, TO_ITER, FROM_ITER, READ_ONE, WRITE_ONE, WAYS };

static struct {
	u64 ops[WAYS];
	u64 crossings, shorts, bytes, translations, device, exact;
	u64 err[256];
} count;

static struct rng rng;
static struct gen gen;
static struct naive_map naive;
static struct virt_as_map *map;
static struct virt_as_section section;
static struct virt_as_cache cache;
static bool backed[PAGES];
static u8 memory[PAGES * PAGE_SIZE];
static struct mm_struct owner;
static struct virt_as as;
static bool owner_gone;
static unsigned long widths;
static unsigned long last_width;

/* Sections of this test are made by hand. */
int virt_as_section_enter(struct virt_as *as, u32 rights,
			  struct virt_as_section *out)
{
	(void)as;
	*out = section;
	out->rights = rights;
	return owner_gone ? -ESRCH : 0;
}

void virt_as_end(struct virt_as_section *out)
{
	CHECK(out->map == map && !owner_gone);
}

static void watch(u64 hva, unsigned long width)
{
	CHECK(width <= 8 && !(hva & (width - 1)));
	widths++;
	last_width = width;
}

/* The byte of the model behind a gpa, or an errno. */
static int byte_at(u64 gpa, u32 perm, u8 **byte)
{
	const struct virt_as_region *r = naive_find(&naive, gpa);
	u64 offset;

	if (!r)
		return -ENOENT;
	if (r->type == VIRT_AS_TYPE_NOHVA)
		return -ENXIO;
	if (!(r->perms & perm))
		return -EACCES;
	offset = r->hva - gen.hva + (gpa - r->gpa);
	CHECK(offset < sizeof(memory));
	if (!backed[offset / PAGE_SIZE])
		return -EFAULT;
	*byte = &memory[offset];
	return 0;
}

/* What the model does, to its own memory or to @buf. */
static ssize_t model(enum way way, u64 gpa, u8 *buf, size_t len)
{
	bool write = way == WRITE || way == ZERO || way == FROM_ITER ||
		     way == WRITE_ONE;
	u32 right = write ? VIRT_AS_RIGHT_WRITE : VIRT_AS_RIGHT_READ;
	size_t done = 0;
	int err = 0;
	u8 *byte;

	if (!(section.rights & right))
		return -EPERM;
	if ((way == READ_ONE || way == WRITE_ONE) && owner_gone)
		return -ESRCH;
	while (done < len && (!done || gpa + done)) {
		err = byte_at(gpa + done, write ? VIRT_AS_PERM_WRITE :
						  VIRT_AS_PERM_READ, &byte);
		if (err)
			break;
		if (way == ZERO)
			*byte = 0;
		else if (write)
			*byte = buf[done];
		else
			buf[done] = *byte;
		done++;
	}
	count.shorts += done && done < len;
	return done ? (ssize_t)done : err;
}

static ssize_t iterate(enum way way, u64 gpa, u8 *buf, size_t len)
{
	struct kvec pieces[PIECES];
	struct iov_iter iter = {
		.kernel = true, .count = len, .kvec = pieces, .nr_segs = PIECES,
	};
	size_t start = 0;
	ssize_t done;
	u32 i;

	for (i = 0; i < PIECES; i++) {
		pieces[i].iov_base = buf + start;
		pieces[i].iov_len = i == PIECES - 1 ? len - start :
				    rng_below(&rng, (u32)(len - start) + 1);
		start += pieces[i].iov_len;
	}
	done = way == TO_ITER ?
		virt_as_copy_to_iter(&section, &cache, gpa, len, &iter) :
		virt_as_copy_from_iter(&section, &cache, gpa, len, &iter);
	CHECK(iter.count == len - (done > 0 ? (size_t)done : 0));
	return done;
}

/* What a section of these rights and this reach has. */
static void enter(void)
{
	bool direct = section.reach != VIRT_AS_REACH_REMOTE &&
		      section.rights & VIRT_AS_RIGHT_READ;

	section.cookie = direct ? map->cookie : VIRT_AS_NO_MAP;
	current->mm = section.reach == VIRT_AS_REACH_OWN && !owner_gone ?
		      &owner : NULL;
}

static ssize_t real(enum way way, u64 gpa, u8 *buf, size_t len)
{
	struct virt_as_binding binding = { .as = &as, .rights = section.rights };
	struct virt_as_cache empty = {};
	struct virt_as_cache *c = rng_once_in(&rng, 4) ? &empty : &cache;

	switch (way) {
	case READ:
		return virt_as_copy_from(&section, c, gpa, buf, len);
	case WRITE:
		return virt_as_copy_to(&section, c, gpa, buf, len);
	case ZERO:
		return virt_as_zero(&section, c, gpa, len);
	case READ_ONE:
		return virt_as_read(&binding, c, gpa, buf, len);
	case WRITE_ONE:
		return virt_as_write(&binding, c, gpa, buf, len);
	default:
		return iterate(way, gpa, buf, len);
	}
}

static void check_memory(void)
{
	u64 left;
	u32 i;

	for (i = 0; i < PAGES; i++)
		if (backed[i])
			CHECK(!memcmp(shim_user_at(gen.hva + i * PAGE_SIZE, &left),
				      memory + i * PAGE_SIZE, PAGE_SIZE));
}

/* One naturally aligned access of hardware is one access, of that width. */
static void check_device(enum way way, u64 gpa, size_t len, ssize_t done)
{
	const struct virt_as_region *r = naive_find(&naive, gpa);

	if (done <= 0 || r->type != VIRT_AS_TYPE_DEVICE)
		return;
	CHECK(widths);
	count.device++;
	/* An iterator has cut it into pieces already. */
	if (way == TO_ITER || way == FROM_ITER)
		return;
	if (len <= 8 && !(len & (len - 1)) && !(gpa & (len - 1))) {
		CHECK(widths == 1 && last_width == len);
		count.exact++;
	}
}

/* Somewhere near an end of a region, where it matters. */
static u64 some_gpa(void)
{
	const struct virt_as_region *r;

	if (!map->nr || rng_once_in(&rng, 8))
		return gen_gpa(&gen);
	r = &map->regions[rng_below(&rng, map->nr)];
	switch (rng_below(&rng, 4)) {
	case 0:
		return r->gpa + rng_below(&rng, 64);
	case 1:
		return virt_as_region_last(r) - rng_below(&rng, 64);
	case 2:
		return (r->gpa + rng_below(&rng, PAGE_SIZE)) & ~7ULL;
	default:
		return r->gpa + rng_below(&rng, (u32)r->len);
	}
}

static size_t some_len(void)
{
	if (rng_once_in(&rng, 3))
		return 1UL << rng_below(&rng, 4);
	if (rng_once_in(&rng, 16))
		return 1 + rng_below(&rng, 8 * PAGE_SIZE);
	return 1 + rng_below(&rng, 128);
}

static void operate(void)
{
	enum way way = (enum way)rng_below(&rng, WAYS);
	bool reads = way == READ || way == TO_ITER || way == READ_ONE;
	size_t len = some_len();
	u64 gpa = some_gpa();
	unsigned long clamps = shim_nospec_calls;
	ssize_t want, got;
	u8 *ours, *theirs;
	size_t i;

	ours = malloc(len);
	theirs = malloc(len);
	CHECK(ours && theirs);
	for (i = 0; i < len; i++)
		ours[i] = (u8)rng_next(&rng);
	memcpy(theirs, ours, len);
	section.rights = rng_below(&rng, 8) ? 3 : rng_below(&rng, 4);
	section.reach = (enum virt_as_reach)rng_below(&rng, 3);
	owner_gone = rng_once_in(&rng, 32);
	enter();
	widths = 0;

	want = model(way, gpa, ours, len);
	got = real(way, gpa, theirs, len);
	if (got != want)
		fprintf(stderr, "way %d, %zu bytes at %#llx: %zd, the model does %zd\n",
			way, len, gpa, got, want);
	CHECK(got == want);
	if (reads)
		CHECK(got < 0 || !memcmp(ours, theirs, (size_t)got));
	check_memory();
	/* No address is made from an offset that was not clamped. */
	if (got > 0)
		CHECK(shim_nospec_calls > clamps);
	check_device(way, gpa, len, got);

	count.ops[way]++;
	if (got < 0) {
		count.err[-got]++;
	} else {
		count.bytes += (size_t)got;
		count.crossings += naive_find(&naive, gpa) !=
				   naive_find(&naive, gpa + (size_t)got - 1);
	}
	free(ours);
	free(theirs);
}

static void translate(void)
{
	struct virt_as_segment segments[6];
	unsigned int room = 1 + rng_below(&rng, 6);
	size_t len = some_len();
	u64 gpa = some_gpa();
	size_t done = 0;
	int err = 0;
	int n = 0;
	int got;

	section.rights = 1 + rng_below(&rng, 3);
	section.reach = (enum virt_as_reach)rng_below(&rng, 3);
	enter();
	got = virt_as_translate(&section, &cache, gpa, len, segments, room);
	count.translations++;
	if (!(section.rights & VIRT_AS_RIGHT_READ)) {
		CHECK(got == -EPERM);
		return;
	}
	if (section.reach == VIRT_AS_REACH_REMOTE) {
		CHECK(got == -EXDEV);
		return;
	}
	while (done < len && n < (int)room && (!done || gpa + done)) {
		const struct virt_as_region *r = naive_find(&naive, gpa + done);
		u64 left;

		if (!r || r->type == VIRT_AS_TYPE_NOHVA) {
			err = r ? -ENXIO : -ENOENT;
			break;
		}
		CHECK(n < got);
		left = min((u64)(len - done), virt_as_region_last(r) - (gpa + done) + 1);
		CHECK((u64)segments[n].hva == r->hva + (gpa + done - r->gpa));
		CHECK(segments[n].len == left && segments[n].type == r->type);
		CHECK(segments[n].perms == (section.rights & VIRT_AS_RIGHT_WRITE ?
			r->perms : (r->perms & ~VIRT_AS_PERM_WRITE)));
		done += left;
		n++;
	}
	CHECK(got == (n ? n : err));
}

static void new_world(void)
{
	static struct virt_as_entry entries[PAGES];
	static struct naive_verdict verdict;
	u32 bad, nr, i;

	shim_user_reset();
	virt_as_map_free(map);
	gen_world(&gen, &rng, PAGES, 4);
	gen.limits.max_regions = PAGES;
	gen.limits.max_logged_pages = PAGES;
	for (i = 0; i < PAGES; i++) {
		backed[i] = rng_below(&rng, 8);
		if (backed[i])
			shim_user_add(gen.hva + i * PAGE_SIZE, PAGE_SIZE);
	}
	memset(memory, 0, sizeof(memory));
	nr = gen_map(&gen, entries, PAGES);
	naive_commit(NULL, entries, nr, &gen.limits, &naive, &verdict);
	map = virt_as_map_build(NULL, entries, nr, &gen.limits, &bad);
	CHECK(!verdict.err && !IS_ERR(map));
	map->mm = &owner;
	section.map = map;
	rcu_assign_pointer(as.map, map);
}

static void report(u64 ops)
{
	static const int causes[] = {
		ENOENT, ENXIO, EACCES, EFAULT, EPERM, ESRCH,
	};
	u32 i;

	for (i = 0; i < WAYS; i++)
		FLOOR(count.ops[i], ops / WAYS / 2);
	for (i = 0; i < ARRAY_SIZE(causes); i++)
		FLOOR(count.err[causes[i]], ops / 500);
	FLOOR(count.crossings, ops / 50);
	FLOOR(count.shorts, ops / 50);
	FLOOR(count.device, ops / 50);
	FLOOR(count.exact, ops / 500);
	printf("counts: seed %llu, %llu operations, %llu bytes, ",
	       test_seed, ops, count.bytes);
	printf("%llu crossing regions, %llu cut short, ",
	       count.crossings, count.shorts);
	printf("%llu on device memory (%llu of one exact width), ",
	       count.device, count.exact);
	printf("%llu translations\n", count.translations);
}

int main(int argc, char **argv)
{
	u64 ops = argc > 2 ? strtoull(argv[2], NULL, 0) : 100000;
	u64 i;

	test_seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	rng.state = test_seed;
	shim_user_watch = watch;
	CHECK(!init_srcu_struct(&as.srcu));
	for (i = 0; i < ops; i++) {
		if (i % WORLD_OPS == 0)
			new_world();
		if (i % (ops / 5) == 0) {
			printf("# %llu of %llu operations\n", i, ops);
			fflush(stdout);
		}
		operate();
		if (i % 4 == 0)
			translate();
	}
	/* An iterator over user memory would fault within the section. */
	CHECK(virt_as_copy_to_iter(&section, &cache, 0, 1,
				   &(struct iov_iter){ .count = 1 }) == -EINVAL);
	shim_user_reset();
	virt_as_map_free(map);
	naive_free(&naive);
	cleanup_srcu_struct(&as.srcu);
	CHECK(!shim_alloc_live());
	report(ops);
	return 0;
}
