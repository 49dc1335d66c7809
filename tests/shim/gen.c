// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kernel.h>
#include <linux/mm.h>
#include <string.h>

#include "gen.h"

void gen_world(struct gen *gen, struct rng *rng, u32 pages, u32 longest)
{
	const u64 gpas[] = {
		0,
		0x100000000ULL,
		0x7ffffffff000ULL - 8 * PAGE_SIZE,
		(1ULL << 63) - 8 * PAGE_SIZE,
		0 - (u64)pages * PAGE_SIZE,
	};
	const u64 ends[] = { GEN_USER_END, GEN_USER_END, 0xffffe000ULL };

	gen->rng = rng;
	gen->pages = pages;
	gen->longest = longest;
	gen->linear = rng_once_in(rng, 2);
	gen->gpa = gpas[rng_below(rng, ARRAY_SIZE(gpas))];
	gen->limits.user_end = GEN_USER_END;
	gen->limits.hva_end = ends[rng_below(rng, ARRAY_SIZE(ends))];
	gen->limits.max_regions = pages;
	gen->limits.max_logged_pages = pages;
	if (rng_once_in(rng, 3))
		gen->limits.max_regions = 1 + rng_below(rng, pages / longest + 1);
	if (rng_once_in(rng, 3))
		gen->limits.max_logged_pages = 1 + rng_below(rng, pages);

	switch (rng_below(rng, 3)) {
	case 0:
		gen->hva = 0;
		break;
	case 1:
		gen->hva = gen->limits.hva_end - (u64)pages * PAGE_SIZE;
		break;
	default:
		gen->hva = gen->limits.hva_end / 2 & PAGE_MASK;
	}
}

u64 gen_gpa(struct gen *gen)
{
	if (rng_once_in(gen->rng, 16))
		return rng_next(gen->rng);
	return gen->gpa + rng_below(gen->rng, (gen->pages + 2) * PAGE_SIZE) -
	       PAGE_SIZE;
}

static u32 some_perms(struct gen *gen)
{
	return VIRT_AS_PERM_READ |
	       (rng_once_in(gen->rng, 3) ? 0 : VIRT_AS_PERM_WRITE);
}

static u32 some_flags(struct gen *gen)
{
	return rng_once_in(gen->rng, 4) ? VIRT_AS_ENTRY_CLEAN : 0;
}

static void add(struct gen *gen, struct virt_as_entry *e, u32 page, u32 pages)
{
	u32 at = gen->linear ? page : rng_below(gen->rng, gen->pages - pages + 1);

	memset(e, 0, sizeof(*e));
	e->op = VIRT_AS_OP_ADD;
	e->type = rng_once_in(gen->rng, 3) ? rng_below(gen->rng, 3) :
					     VIRT_AS_TYPE_RAM;
	e->perms = some_perms(gen);
	e->flags = some_flags(gen);
	e->gpa = gen->gpa + (u64)page * PAGE_SIZE;
	e->len = (u64)pages * PAGE_SIZE;
	if (e->type != VIRT_AS_TYPE_NOHVA)
		e->hva = gen->hva + (u64)at * PAGE_SIZE;
}

static void shuffle(struct gen *gen, struct virt_as_entry *entries, u32 nr)
{
	u32 i;

	for (i = nr; i > 1; i--) {
		u32 k = rng_below(gen->rng, i);

		swap(entries[i - 1], entries[k]);
	}
}

/**
 * gen_map - a whole map
 * @gen: the world
 * @entries: the entries
 * @room: how many there may be
 *
 * Return: how many there are.
 */
u32 gen_map(struct gen *gen, struct virt_as_entry *entries, u32 room)
{
	u32 page = rng_below(gen->rng, 3);
	u32 nr = 0;

	while (nr < room) {
		u32 pages = 1 + rng_below(gen->rng, gen->longest);

		if (page + pages > gen->pages)
			break;
		add(gen, &entries[nr++], page, pages);
		page += pages;
		if (rng_once_in(gen->rng, 2))
			page += rng_below(gen->rng, 4);
	}
	if (rng_once_in(gen->rng, 2))
		shuffle(gen, entries, nr);
	return nr;
}

/* A page from which on some pages are free in the base; or else any. */
static u32 some_place(struct gen *gen, const struct naive_map *base, u32 pages)
{
	u32 page = 0;
	u32 attempt, i;

	for (attempt = 0; attempt < 4; attempt++) {
		u64 gpa, last;

		page = rng_below(gen->rng, gen->pages - pages + 1);
		gpa = gen->gpa + (u64)page * PAGE_SIZE;
		last = gpa + (u64)pages * PAGE_SIZE - 1;
		for (i = 0; i < base->nr; i++)
			if (base->at[i].r.gpa <= last && gpa <= virt_as_region_last(&base->at[i].r))
				break;
		if (i == base->nr)
			break;
	}
	return page;
}

/**
 * gen_changes - a change list
 * @gen: the world
 * @base: the map that it is for
 * @entries: the entries
 * @nr: how many of them
 *
 * Return: @nr.
 */
u32 gen_changes(struct gen *gen, const struct naive_map *base,
		struct virt_as_entry *entries, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++) {
		struct virt_as_entry *e = &entries[i];
		const struct virt_as_region *r;
		u32 pages = 1 + rng_below(gen->rng, gen->longest);

		if (!base->nr || rng_once_in(gen->rng, 3)) {
			add(gen, e, some_place(gen, base, pages), pages);
			continue;
		}
		r = &base->at[rng_below(gen->rng, base->nr)].r;
		memset(e, 0, sizeof(*e));
		e->gpa = r->gpa;
		e->len = r->len;
		e->op = 1 + rng_below(gen->rng, 3);
		if (e->op != VIRT_AS_OP_REMOVE)
			e->flags = some_flags(gen);
		if (e->op == VIRT_AS_OP_PROTECT)
			e->perms = some_perms(gen);
		if (e->op == VIRT_AS_OP_MOVE)
			e->new_gpa = gen->gpa + PAGE_SIZE *
				(u64)some_place(gen, base, (u32)(e->len / PAGE_SIZE));
		/* Often what a replacement looks like: out and in again. */
		if (e->op == VIRT_AS_OP_REMOVE && i + 1 < nr &&
		    rng_once_in(gen->rng, 2)) {
			add(gen, &entries[i + 1],
			    (u32)((e->gpa - gen->gpa) / PAGE_SIZE),
			    (u32)(e->len / PAGE_SIZE));
			i++;
		}
	}
	return nr;
}

static void corrupt_field(struct gen *gen, struct virt_as_entry *e)
{
	switch (rng_below(gen->rng, 10)) {
	case 0:
		e->op = 4 + rng_below(gen->rng, 3);
		break;
	case 1:
		e->type = rng_below(gen->rng, 5);
		break;
	case 2:
		e->perms = rng_below(gen->rng, 8);
		break;
	case 3:
		e->flags = 1U << rng_below(gen->rng, 32);
		break;
	case 4:
		e->__reserved[rng_below(gen->rng, 2)] = 1ULL << rng_below(gen->rng, 64);
		break;
	case 5:
		e->new_gpa = PAGE_SIZE;
		break;
	case 6:
		e->op = rng_below(gen->rng, 4);
		break;
	case 7:
		e->len = 0;
		break;
	case 8:
		e->hva += PAGE_SIZE;
		break;
	default:
		(&e->gpa)[rng_below(gen->rng, 4)] += 1 + rng_below(gen->rng, 4095);
	}
}

static void corrupt_range(struct gen *gen, struct virt_as_entry *e)
{
	const u64 hvas[] = {
		0xffff888000000000ULL,
		0x0000800000000000ULL,
		GEN_USER_END,
		GEN_USER_END - PAGE_SIZE,
		0x8000000000000000ULL,
		0x2a00000000000000ULL | gen->hva,
		0 - e->len,
		0 - (u64)PAGE_SIZE,
		gen->limits.hva_end,
		gen->limits.hva_end - e->len,
		gen->limits.hva_end - e->len + PAGE_SIZE,
	};
	const u64 lens[] = {
		1ULL << 63, 0 - (u64)PAGE_SIZE, 0 - e->gpa, 0 - e->hva,
		PAGE_SIZE - e->gpa, 1ULL << 47, 2 * e->len,
	};

	switch (rng_below(gen->rng, 5)) {
	case 0:
		e->hva = hvas[rng_below(gen->rng, ARRAY_SIZE(hvas))];
		break;
	case 1:
		e->len = lens[rng_below(gen->rng, ARRAY_SIZE(lens))];
		break;
	case 2:
		e->gpa = 0 - e->len + (u64)rng_below(gen->rng, 2) * PAGE_SIZE;
		break;
	case 3:
		e->new_gpa = 0 - e->len + (u64)rng_below(gen->rng, 2) * PAGE_SIZE;
		break;
	default:
		e->gpa += PAGE_SIZE;
	}
}

/**
 * gen_corrupt - spoil an entry, or two
 * @gen: the world
 * @entries: the entries
 * @nr: how many, not 0
 */
void gen_corrupt(struct gen *gen, struct virt_as_entry *entries, u32 nr)
{
	do {
		struct virt_as_entry *e = &entries[rng_below(gen->rng, nr)];

		switch (rng_below(gen->rng, 3)) {
		case 0:
			*e = entries[rng_below(gen->rng, nr)];
			break;
		case 1:
			corrupt_field(gen, e);
			break;
		default:
			corrupt_range(gen, e);
		}
	} while (rng_once_in(gen->rng, 4));
}
