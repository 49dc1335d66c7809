// SPDX-License-Identifier: GPL-2.0-only
/*
 * Draining live bits: from the regions into every log.
 *
 * One hold of the log lock takes at most VIRT_AS_HOLD_WORDS words:
 *
 *	1. take the live bits of a word			(bits.c)
 *	2. OR them into every log, at the gpas of the region and of its aliases
 *	3. when there is no more, or no more room: the bindings make those pages
 *	   mark again (arm), and flush
 *
 * Only when that hold is over may anybody read the pages on the strength of bits that
 * came from it. As every log gets the bits, and a harvest takes its own only in or
 * after the hold, no log's harvest hides a write from another.
 *
 * Which live bits matter for a range of gpas:
 *
 *	- those of the regions there,
 *	- those of all regions with the same hvas (aliases): a write by way of one is
 *	  a write to the others,
 *	- while an old map drains, those of all its regions that are not in the new
 *	  map (virt_as::leaving): sections that see the old map still write, and what
 *	  they write may be the memory of a region that came. Bindings that have not
 *	  followed the commit yet are told to arm these, too. What is drained meanwhile
 *	  goes to the aliases in both maps: a gpa that leaves is to have all that was
 *	  written while it was there.
 *
 * A caller that has more to drain than a hold allows comes again with its walk, which
 * leaves out what is done; a commit in between makes it begin anew.
 *
 * Locks: log_lock, under which the map is replaced while anybody logs.
 */
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include <trace/events/virt_as.h>

#include "binding.h"
#include "bits.h"
#include "drain_bits.h"
#include "log.h"
#include "map.h"
#include "object.h"

/* Regions that one hold looks at, at most. */
#define MAX_LOOKS	4096U

/**
 * struct drain - one hold
 * @as: the address space
 * @map: its map
 * @in_map: what is drained now may have aliases in @map
 * @in_old: what is drained now may have aliases in the map that drains
 * @nr: words taken
 * @nr_pages: pages taken
 */
struct drain {
	struct virt_as *as;
	const struct virt_as_map *map;
	bool in_map;
	bool in_old;
	unsigned int nr;
	unsigned int nr_pages;
};

static u64 first_page(const struct virt_as_region *region)
{
	return region->gpa >> PAGE_SHIFT;
}

static u64 last_page(const struct virt_as_region *region)
{
	return virt_as_region_last(region) >> PAGE_SHIFT;
}

static void add_to_logs(struct virt_as *as, u64 word, u64 mask)
{
	struct virt_as_log *log;

	list_for_each_entry(log, &as->logs, node)
		virt_as_log_add(log, word, mask);
}

/* The other gpas that a map has for a page. */
static void add_page_aliases(struct virt_as *as, const struct virt_as_map *map,
			     u64 page, u64 hva)
{
	const struct virt_as_region *alias;
	u32 cursor = 0;

	while ((alias = virt_as_map_alias(map, hva, hva + (PAGE_SIZE - 1), &cursor))) {
		u64 other = first_page(alias) + ((hva - alias->hva) >> PAGE_SHIFT);

		if (alias->type == VIRT_AS_TYPE_RAM && other != page)
			add_to_logs(as, virt_as_word_of(other),
				    BIT_ULL(other % VIRT_AS_WORD_PAGES));
	}
}

/* Page by page: aliases need not be congruent. There may be any number of them. */
static void add_aliases(struct drain *drain, const struct virt_as_region *region,
			u64 word, u64 mask)
{
	for (; mask; mask &= mask - 1) {
		u64 page = (word << VIRT_AS_WORD_SHIFT) + __ffs64(mask);
		u64 hva = region->hva + ((page - first_page(region)) << PAGE_SHIFT);

		if (drain->in_map)
			add_page_aliases(drain->as, drain->map, page, hva);
		if (drain->in_old)
			add_page_aliases(drain->as, drain->as->draining, page, hva);
		cond_resched();
	}
}

/*
 * Takes words of a region, [@index, @end) counted from its first. Returns the first
 * that was not looked at, @end if all were.
 */
static u64 take_words(struct drain *drain, const struct virt_as_region *region,
		      u64 index, u64 end)
{
	struct virt_as_word *words = &drain->as->words[drain->nr];
	struct virt_as_log *log;
	unsigned int nr, i;

	nr = virt_as_bits_take_some(region->live, &index, end, words,
				    VIRT_AS_HOLD_WORDS - drain->nr);
	if (!nr)
		return index;
	drain->nr += nr;
	for (i = 0; i < nr; i++) {
		words[i].region = region;
		drain->nr_pages += hweight64(words[i].mask);
	}
	list_for_each_entry(log, &drain->as->logs, node)
		virt_as_log_add_words(log, words, nr);
	if (unlikely(drain->in_map || drain->in_old)) {
		for (i = 0; i < nr; i++)
			add_aliases(drain, region,
				    virt_as_word_of(words[i].gpa >> PAGE_SHIFT),
				    words[i].mask);
	}
	return index;
}

/* The words that pages @first to @last have in the bits of @region. */
static bool take_pages(struct drain *drain, const struct virt_as_region *region,
		       u64 first, u64 last, u64 *next)
{
	u64 base = virt_as_bits_first_word(region->live);
	u64 end = virt_as_word_of(last) - base + 1;
	u64 index;

	index = take_words(drain, region, virt_as_word_of(first) - base, end);
	if (index == end) {
		*next = last + 1;
		return true;
	}
	*next = max(first, (base + index) << VIRT_AS_WORD_SHIFT);
	return false;
}

/* False if there is no more room. */
static bool take_leaving(struct drain *drain, struct virt_as_walk *walk)
{
	const struct virt_as_diff *leaving = drain->as->leaving;

	drain->in_map = leaving->old_mm == leaving->new_mm;
	drain->in_old = drain->as->draining->nr_aliases;
	for (; walk->leaving < leaving->nr_removed; walk->leaving++) {
		const struct virt_as_region *region = leaving->removed[walk->leaving];

		if (!region->live)
			continue;
		walk->word = take_words(drain, region, walk->word,
					region->live->nr_words);
		if (walk->word < region->live->nr_words)
			return false;
		walk->word = 0;
	}
	return true;
}

static bool has_alias(const struct virt_as_map *map,
		      const struct virt_as_region *region)
{
	const struct virt_as_region *other;
	u32 cursor = 0;

	if (likely(!map->nr_aliases))
		return false;
	do {
		other = virt_as_map_alias(map, region->hva,
					  virt_as_region_hva_last(region), &cursor);
	} while (other == region);
	return other;
}

/*
 * The live bits of all aliases of some pages of a region, fewer than a hold has room
 * for in one alias: an alias is drained whole or in the next hold. False if there is
 * no more room.
 */
static bool take_aliases(struct drain *drain, struct virt_as_walk *walk,
			 const struct virt_as_region *region, u64 first, u64 last)
{
	u64 hva = region->hva + ((first - first_page(region)) << PAGE_SHIFT);
	u64 hva_last = hva + ((last - first + 1) << PAGE_SHIFT) - 1;
	const struct virt_as_region *alias;
	u32 cursor = walk->alias;

	while ((alias = virt_as_map_alias(drain->map, hva, hva_last, &cursor))) {
		u64 from = max(hva, alias->hva) - alias->hva;
		u64 to = min(hva_last, virt_as_region_hva_last(alias)) - alias->hva;
		u64 next;

		cond_resched();
		if (alias == region || !alias->live)
			continue;
		from = first_page(alias) + (from >> PAGE_SHIFT);
		to = first_page(alias) + (to >> PAGE_SHIFT);
		if (!take_pages(drain, alias, from, to, &next))
			return false;
		walk->alias = cursor;
	}
	/* None is left, also for the next hold, until the region's own pages are done. */
	walk->alias = cursor;
	return true;
}

/* Pages of a region that has aliases, a few at a time. */
static bool take_aliased(struct drain *drain, struct virt_as_walk *walk,
			 const struct virt_as_region *region, u64 first, u64 last,
			 u64 *next)
{
	const u64 step = VIRT_AS_HOLD_PAGES - 2 * VIRT_AS_WORD_PAGES;

	for (;;) {
		u64 until = min(last, first + (step - 1));
		bool done;

		*next = first;
		if (!take_aliases(drain, walk, region, first, until))
			return false;
		done = take_pages(drain, region, first, until, next);
		if (*next > first)
			walk->alias = 0;
		if (!done || until == last)
			return done;
		first = until + 1;
	}
}

/* Pages @first to @last, as far as there is room. Returns the first that is not done. */
static u64 take_range(struct drain *drain, struct virt_as_walk *walk, u64 first,
		      u64 last)
{
	const struct virt_as_diff *leaving = drain->as->leaving;
	const struct virt_as_map *map = drain->map;
	const struct virt_as_region *end = map->regions + map->nr;
	const struct virt_as_region *region;
	unsigned int looks = MAX_LOOKS;
	u64 next = first;

	/* A region of both maps may have an alias in the old one alone. */
	drain->in_old = leaving && leaving->old_mm == leaving->new_mm &&
			drain->as->draining->nr_aliases;
	for (region = virt_as_map_search(map, first << PAGE_SHIFT);
	     region < end && first_page(region) <= last; region++) {
		u64 from = max(first, first_page(region));
		u64 to = min(last, last_page(region));
		bool done;

		if (!region->live || from > to)
			continue;
		if (!looks--)
			return from;
		drain->in_map = has_alias(map, region);
		if (drain->in_map)
			done = take_aliased(drain, walk, region, from, to, &next);
		else
			done = take_pages(drain, region, from, to, &next);
		if (!done)
			return next;
	}
	return last + 1;
}

static void notify_logs(struct virt_as *as)
{
	struct virt_as_log *log;

	lockdep_assert_held(&as->log_lock);

	list_for_each_entry(log, &as->logs, node)
		virt_as_log_notify(log);
}

/* What is to happen before the lock is let go. */
static void end_hold(struct drain *drain)
{
	if (!drain->nr)
		return;
	virt_as_arm_bindings(drain->as, drain->as->words, drain->nr);
	notify_logs(drain->as);
}

/**
 * virt_as_drain_bits - move live bits into the logs, one hold's worth
 * @as: the address space; somebody logs
 * @walk: the caller's, zeroed at the start
 * @first: first page
 * @last: last page, inclusive
 * @next: set to the page with which to go on; @last + 1 if all is done. All that was
 *	marked for pages from @first to before it is in the logs now.
 *
 * Context: Log lock held. May sleep.
 * Return: Pages moved, at most VIRT_AS_HOLD_PAGES.
 */
unsigned int virt_as_drain_bits(struct virt_as *as, struct virt_as_walk *walk,
				u64 first, u64 last, u64 *next)
{
	struct drain drain = { .as = as };

	lockdep_assert_held(&as->log_lock);

	*next = first;
	/* The last log may have been closed meanwhile: then no region has live bits. */
	drain.map = rcu_dereference_protected(as->map, lockdep_is_held(&as->log_lock));
	if (walk->generation != drain.map->generation)
		*walk = (struct virt_as_walk) { .generation = drain.map->generation };

	if (likely(!as->leaving) || take_leaving(&drain, walk))
		*next = take_range(&drain, walk, first, last);
	end_hold(&drain);
	return drain.nr_pages;
}

/**
 * virt_as_drain_wanted - move live bits into the logs, as long as that is wanted
 * @as: the address space
 * @wanted: asked before each hold, under the log lock
 *
 * Context: May sleep; takes the log lock, again and again.
 * Return: 0, or -EINTR if the caller is being killed.
 */
int virt_as_drain_wanted(struct virt_as *as, bool (*wanted)(struct virt_as *as))
{
	const u64 last = U64_MAX >> PAGE_SHIFT;
	struct virt_as_walk walk = {};
	unsigned int moved;
	u64 next = 0;

	do {
		mutex_lock(&as->log_lock);
		if (!wanted(as)) {
			mutex_unlock(&as->log_lock);
			break;
		}
		moved = virt_as_drain_bits(as, &walk, next, last, &next);
		mutex_unlock(&as->log_lock);
		trace_virt_as_log_hold(as->id, moved, 0);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	} while (next <= last);
	return 0;
}

static bool always(struct virt_as *as)
{
	return true;
}

/**
 * virt_as_drain_all_bits - move all live bits into the logs
 * @as: the address space
 *
 * Context: As virt_as_drain_wanted().
 * Return: As virt_as_drain_wanted().
 */
int virt_as_drain_all_bits(struct virt_as *as)
{
	return virt_as_drain_wanted(as, always);
}

/**
 * virt_as_drain_leaving - move the last live bits of regions that have left
 * @as: the address space, whose old map nobody uses any more
 *
 * Context: May sleep; takes the log lock, again and again.
 */
void virt_as_drain_leaving(struct virt_as *as)
{
	struct virt_as_walk walk = {};
	bool done;

	/* Of what leaves, aliases may stay, and have its bits. */
	if (as->draining->nr_aliases)
		virt_as_drain_all_bits(as);

	do {
		struct drain drain = { .as = as };

		mutex_lock(&as->log_lock);
		drain.map = rcu_dereference_protected(as->map,
						      lockdep_is_held(&as->log_lock));
		done = take_leaving(&drain, &walk);
		end_hold(&drain);
		mutex_unlock(&as->log_lock);
		trace_virt_as_log_hold(as->id, drain.nr_pages, 0);
		cond_resched();
	} while (!done);
}
