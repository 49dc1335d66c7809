// SPDX-License-Identifier: GPL-2.0-only
#include <linux/errno.h>
#include <linux/mm.h>
#include <string.h>

#include "naive_log.h"
#include "test.h"

/* The region of type RAM that has a page of the world, or NULL. */
static const struct virt_as_region *ram_at(const struct naive_map *map, u64 page)
{
	const struct virt_as_region *region = naive_find(map, page << PAGE_SHIFT);

	return region && region->type == VIRT_AS_TYPE_RAM ? region : NULL;
}

static u64 hva_of(const struct virt_as_region *region, u64 page)
{
	return region->hva + ((page << PAGE_SHIFT) - region->gpa);
}

static bool is_same_memory(const struct virt_as_region *a,
			   const struct virt_as_region *b)
{
	return a->gpa == b->gpa && a->len == b->len && a->hva == b->hva &&
	       a->type == b->type;
}

static void make_dirty(struct naive_logs *all, u64 page, bool for_sure)
{
	u32 i;

	for (i = 0; i < NAIVE_LOGS; i++) {
		all->logs[i].must[page - all->base] |= for_sure;
		all->logs[i].may[page - all->base] = 1;
	}
}

/* Whether @region is logged and has the memory at @hva; and if so as which page. */
static bool is_alias(const struct virt_as_region *region, u64 hva, u64 *page)
{
	if (region->type != VIRT_AS_TYPE_RAM || hva - region->hva >= region->len)
		return false;
	*page = (region->gpa + (hva - region->hva)) >> PAGE_SHIFT;
	return true;
}

/* Of the present map, and then of the old one. */
static const struct virt_as_region *nth_region(const struct naive_logs *all, u32 i)
{
	return i < all->map.nr ? &all->map.at[i].r : &all->old.at[i - all->map.nr].r;
}

/**
 * naive_open - a log is opened
 * @all: the model
 * @log: the log
 * @all_dirty: it begins with everything dirty
 */
void naive_open(struct naive_logs *all, struct naive_log *log, bool all_dirty)
{
	u32 i;

	memset(log, 0, sizeof(*log));
	log->open = true;
	/* Whatever was written before has reached the others. */
	memset(all->live, 0, sizeof(all->live));
	for (i = 0; all_dirty && i < all->pages; i++) {
		log->must[i] = !!ram_at(&all->map, all->base + i);
		log->may[i] = log->must[i];
	}
}

/**
 * naive_written - a page was written, or marked
 * @all: the model
 * @by: the map by way of which
 * @page: number of the page
 * @for_sure: or it only may have been
 */
void naive_written(struct naive_logs *all, const struct naive_map *by, u64 page,
		   bool for_sure)
{
	const struct virt_as_region *region = ram_at(by, page);
	u64 other, hva;
	u32 i;

	if (!region)
		return;
	hva = hva_of(region, page);
	make_dirty(all, page, for_sure);
	all->live[page - all->base] = 1;
	for (i = 0; i < all->map.nr + all->old.nr; i++) {
		if (!is_alias(nth_region(all, i), hva, &other))
			continue;
		make_dirty(all, other, for_sure && i < all->map.nr);
		all->live[other - all->base] = 1;
	}
}

/* Whether a write by way of the old map may still be on its way to memory. */
static bool may_come(const struct naive_logs *all, const struct naive_map *new, u64 hva,
		     bool only_stay)
{
	u64 page;
	u32 i;

	for (i = 0; i < all->map.nr; i++) {
		const struct virt_as_region *was = &all->map.at[i].r;
		const struct virt_as_region *is;

		if (!is_alias(was, hva, &page))
			continue;
		is = ram_at(new, page);
		if (all->live[page - all->base] &&
		    (!only_stay || (is && naive_same(was, is))))
			return true;
	}
	return false;
}

/**
 * naive_follow - a commit is published
 * @all: the model
 * @new: the new map
 * @drains: the old one has not drained yet: naive_settled() follows
 */
void naive_follow(struct naive_logs *all, const struct naive_map *new, bool drains)
{
	static u8 live[NAIVE_PAGES];
	u32 i;

	memset(live, 0, sizeof(live));
	for (i = 0; i < all->pages; i++) {
		u64 page = all->base + i;
		const struct virt_as_region *is = ram_at(new, page);
		const struct virt_as_region *was = ram_at(&all->map, page);

		live[i] = drains && all->live[i];
		if (!is)
			continue;
		if (may_come(all, new, hva_of(is, page), false)) {
			make_dirty(all, page, false);
			live[i] |= drains || may_come(all, new, hva_of(is, page), true);
		}
		if (!(was && is_same_memory(was, is)) &&
		    !(is->flags & VIRT_AS_ENTRY_CLEAN))
			make_dirty(all, page, true);
	}
	memcpy(all->live, live, sizeof(live));
	if (drains)
		naive_copy(&all->old, &all->map);
	naive_copy(&all->map, new);
}

/**
 * naive_settled - nobody uses the old map any more
 * @all: the model
 */
void naive_settled(struct naive_logs *all)
{
	all->old.nr = 0;
}

/**
 * naive_change - pages are cleared or marked in one log
 * @all: the model
 * @log: the log
 * @first: first page
 * @last: last page, inclusive
 * @set: marked
 */
void naive_change(struct naive_logs *all, struct naive_log *log, u64 first, u64 last,
		  bool set)
{
	u64 i;

	for (i = first - all->base; i <= last - all->base; i++) {
		log->must[i] = set;
		log->may[i] = set || (log->may[i] && all->live[i]);
	}
}

/**
 * naive_left - whether a page was memory and no region has it now
 * @all: the model
 * @new: the map that replaces the present one
 * @page: number of the page
 */
bool naive_left(const struct naive_logs *all, const struct naive_map *new, u64 page)
{
	return ram_at(&all->map, page) && !naive_find(new, page << PAGE_SHIFT);
}

/* How many pages may be dirty. */
u64 naive_dirty(const struct naive_logs *all, const struct naive_log *log)
{
	u64 nr = 0;
	u32 i;

	for (i = 0; i < all->pages; i++)
		nr += log->may[i];
	return nr;
}

/* What a harvest says of itself. */
static void check_form(const struct virt_as_reap *reap,
		       const struct virt_as_extent *extents, int err)
{
	u64 unit = PAGE_SIZE << reap->shift;
	u64 units = 0;
	u64 i;

	CHECK(!(reap->out_next & ((1ULL << reap->shift) - 1)));
	CHECK(reap->out_next >= reap->first && reap->out_next <= reap->last + 1);
	CHECK(reap->out_more == (reap->out_next <= reap->last));
	CHECK(reap->out_extents <= reap->max_extents);
	CHECK(reap->out_units <= reap->max_units);
	for (i = 0; i < reap->out_extents; i++) {
		u64 first = extents[i].gpa >> PAGE_SHIFT;
		u64 last = first + (extents[i].len >> PAGE_SHIFT) - 1;

		CHECK(extents[i].len && !((extents[i].gpa | extents[i].len) & (unit - 1)));
		CHECK(first >= reap->first && last <= reap->last && last < reap->out_next);
		/* Neighbours are one. */
		CHECK(!i || extents[i - 1].gpa + extents[i - 1].len < extents[i].gpa);
		units += extents[i].len / unit;
	}
	CHECK(units == reap->out_units);
	CHECK(!err || reap->out_more);
}

/*
 * What is written to the memory of a page that has left, by way of another page, may
 * come when the old map has drained, and not before.
 */
static bool may_be_late(const struct naive_logs *all, u64 page)
{
	const struct virt_as_region *was = all->old.nr ? ram_at(&all->old, page) : NULL;
	u64 other;
	u32 i;

	if (!was || !all->live[page - all->base])
		return false;
	for (i = 0; i < all->map.nr + all->old.nr; i++) {
		if (is_alias(nth_region(all, i), hva_of(was, page), &other) && other != page)
			return true;
	}
	return false;
}

/* One unit, which the harvest has passed: @reported, or found clean. */
static void check_unit(struct naive_logs *all, struct naive_log *log,
		       const struct virt_as_reap *reap, u64 first, bool reported,
		       bool whole)
{
	bool peek = reap->flags & VIRT_AS_HARVEST_PEEK;
	bool must = false, may = false;
	u64 page;

	for (page = first; page < first + (1ULL << reap->shift); page++) {
		u64 i = page - all->base;

		if (i >= all->pages)
			continue;
		may |= log->may[i];
		if (may_be_late(all, page)) {
			log->must[i] &= peek || !reported;
			continue;
		}
		must |= log->must[i];
		all->live[i] &= !whole;
		if (!peek)
			log->must[i] = 0;
		if (peek ? !reported : whole)
			log->may[i] = 0;
		if (peek && reported && !reap->shift)
			log->must[i] = 1;
	}
	if (reported ? !may && !all->frayed : must)
		fprintf(stderr, "page %llu of %llu: reported %d, must %d, may %d\n",
			first - all->base, (u64)all->pages, reported, must, may);
	CHECK(reported || !must);
	CHECK(may || !reported || all->frayed);
}

/* The dirty pages that it did not come to, or gave back: whole units of them. */
static void give_back(struct naive_logs *all, struct naive_log *log,
		      const struct virt_as_reap *reap)
{
	u64 unit = 1ULL << reap->shift;
	u64 first, page;

	for (first = reap->out_next; first <= reap->last; first += unit) {
		bool may = false;

		if (first >= all->base + all->pages)
			break;
		for (page = first; page < first + unit; page++)
			may |= page - all->base < all->pages &&
			       log->may[page - all->base];
		for (page = first; may && page < first + unit; page++) {
			if (page - all->base < all->pages)
				log->may[page - all->base] = 1;
		}
	}
}

/**
 * naive_harvested - a harvest has returned
 * @all: the model
 * @log: of which log
 * @reap: what was asked, and answered
 * @extents: what it delivered
 * @err: 0 or -EFAULT
 * @signalled: a signal may have ended it
 *
 * Checks that nothing is missing that was written before, nor there that was not.
 */
void naive_harvested(struct naive_logs *all, struct naive_log *log,
		     const struct virt_as_reap *reap,
		     const struct virt_as_extent *extents, int err, bool signalled)
{
	u64 unit = 1ULL << reap->shift;
	u64 first = max(reap->first, all->base >> reap->shift << reap->shift);
	u64 at = 0;

	check_form(reap, extents, err);
	if (!err && reap->out_more && !signalled)
		CHECK(reap->out_units == reap->max_units ||
		      reap->out_extents == reap->max_extents);

	for (; first < reap->out_next && first < all->base + all->pages; first += unit) {
		u64 gpa = first << PAGE_SHIFT;
		bool reported, whole;

		while (at < reap->out_extents &&
		       extents[at].gpa + (extents[at].len - 1) < gpa)
			at++;
		reported = at < reap->out_extents && extents[at].gpa <= gpa;
		/* A signal may leave a part of the last one dirty. */
		whole = !signalled || first + unit < reap->out_next;
		check_unit(all, log, reap, first, reported, whole);
	}
	/* In a world at the end of the gpa space nothing comes after the last. */
	if (err == -EFAULT && !(reap->flags & VIRT_AS_HARVEST_PEEK)) {
		give_back(all, log, reap);
		all->frayed |= reap->shift;
	}
}
