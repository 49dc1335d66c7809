// SPDX-License-Identifier: GPL-2.0-only
#include <linux/errno.h>
#include <linux/mm.h>
#include <stdlib.h>
#include <string.h>

#include "naive.h"
#include "test.h"

/* Arithmetic that cannot overflow. */
static unsigned __int128 end_of(u64 start, u64 len)
{
	return (unsigned __int128)start + len;
}

static bool passes_top(u64 start, u64 len)
{
	return end_of(start, len) > (unsigned __int128)1 << 64;
}

static bool odd(u64 value)
{
	return value % PAGE_SIZE != 0;
}

/* What is wrong with an entry whatever the map is, in the documented order. */
static int judge_entry(const struct virt_as_entry *e, bool whole,
		       const struct virt_as_limits *limits)
{
	bool add = e->op == VIRT_AS_OP_ADD;
	bool move = e->op == VIRT_AS_OP_MOVE;
	bool protect = e->op == VIRT_AS_OP_PROTECT;
	bool remove = e->op == VIRT_AS_OP_REMOVE;

	if (!add && !move && !protect && !remove)
		return -EOPNOTSUPP;
	if (e->type != VIRT_AS_TYPE_RAM && e->type != VIRT_AS_TYPE_DEVICE &&
	    e->type != VIRT_AS_TYPE_NOHVA)
		return -EOPNOTSUPP;
	if (e->perms & ~(VIRT_AS_PERM_READ | VIRT_AS_PERM_WRITE))
		return -EOPNOTSUPP;
	if (e->flags & ~VIRT_AS_ENTRY_CLEAN)
		return -EOPNOTSUPP;

	if (whole && !add)
		return -EINVAL;
	if ((add || protect) && !(e->perms & VIRT_AS_PERM_READ))
		return -EINVAL;
	if ((move || remove) && e->perms)
		return -EINVAL;
	if (!add && (e->type || e->hva))
		return -EINVAL;
	if (!move && e->new_gpa)
		return -EINVAL;
	if (remove && e->flags)
		return -EINVAL;
	if (add && e->type == VIRT_AS_TYPE_NOHVA && e->hva)
		return -EINVAL;
	if (e->__reserved[0] || e->__reserved[1])
		return -EINVAL;
	if (!e->len || odd(e->len) || odd(e->gpa) || odd(e->hva) ||
	    odd(e->new_gpa))
		return -EINVAL;

	if (passes_top(e->gpa, e->len) || passes_top(e->new_gpa, e->len) ||
	    passes_top(e->hva, e->len))
		return -EOVERFLOW;
	if (add && e->type != VIRT_AS_TYPE_NOHVA) {
		if (e->hva >= limits->user_end)
			return -EFAULT;
		if (end_of(e->hva, e->len) > limits->hva_end)
			return -ERANGE;
	}
	return 0;
}

static void push(struct naive_map *map, const struct virt_as_region *r,
		 u32 index)
{
	if (map->nr == map->room) {
		map->room = map->room ? 2 * map->room : 64;
		map->at = realloc(map->at, map->room * sizeof(*map->at));
		CHECK(map->at);
	}
	map->at[map->nr].r = *r;
	map->at[map->nr].index = index;
	map->nr++;
}

void naive_copy(struct naive_map *to, const struct naive_map *from)
{
	u32 i;

	to->nr = 0;
	for (i = 0; i < from->nr; i++)
		push(to, &from->at[i].r, from->at[i].index);
}

void naive_free(struct naive_map *map)
{
	free(map->at);
	memset(map, 0, sizeof(*map));
}

static bool names(const struct virt_as_entry *e, const struct virt_as_region *r)
{
	return e->op != VIRT_AS_OP_ADD && e->gpa == r->gpa &&
	       e->len == r->len;
}

/* Entries name a region of the base, each of them another one. */
static int judge_names(const struct naive_map *base,
		       const struct virt_as_entry *entries, u32 i)
{
	u32 k, n;

	if (entries[i].op == VIRT_AS_OP_ADD)
		return 0;
	for (n = 0; base && n < base->nr; n++)
		if (names(&entries[i], &base->at[n].r))
			break;
	if (!base || n == base->nr)
		return -ENOENT;
	for (k = 0; k < i; k++)
		if (names(&entries[k], &base->at[n].r))
			return -EINVAL;
	return 0;
}

static void apply(const struct naive_map *base,
		  const struct virt_as_entry *entries, u32 nr,
		  struct naive_map *out)
{
	struct virt_as_region r;
	u32 i, n;

	out->nr = 0;
	for (i = 0; i < nr; i++) {
		const struct virt_as_entry *e = &entries[i];

		if (e->op != VIRT_AS_OP_ADD)
			continue;
		r.gpa = e->gpa;
		r.len = e->len;
		r.hva = e->hva;
		r.type = (u8)e->type;
		r.perms = (u8)e->perms;
		r.flags = (u16)e->flags;
		push(out, &r, i);
	}
	for (n = 0; base && n < base->nr; n++) {
		r = base->at[n].r;
		for (i = 0; i < nr; i++)
			if (names(&entries[i], &r))
				break;
		if (i == nr) {
			push(out, &r, VIRT_AS_NO_INDEX);
			continue;
		}
		if (entries[i].op == VIRT_AS_OP_REMOVE)
			continue;
		r.flags = (u16)entries[i].flags;
		if (entries[i].op == VIRT_AS_OP_MOVE) {
			r.gpa = entries[i].new_gpa;
			r.len = entries[i].len;
		} else {
			r.perms = (u8)entries[i].perms;
		}
		push(out, &r, i);
	}
}

/* Of two that overlap, the later entry is to blame; any such pair will do. */
static bool judge_overlaps(const struct naive_map *map,
			   struct naive_verdict *verdict)
{
	bool found = false;
	u32 i, k;

	for (i = 0; i < map->nr; i++) {
		for (k = 0; k < i; k++) {
			u32 a = map->at[i].index;
			u32 b = map->at[k].index;

			if (map->at[i].r.gpa > virt_as_region_last(&map->at[k].r) ||
			    map->at[k].r.gpa > virt_as_region_last(&map->at[i].r))
				continue;
			CHECK(a != VIRT_AS_NO_INDEX || b != VIRT_AS_NO_INDEX);
			if (a == VIRT_AS_NO_INDEX || (b != VIRT_AS_NO_INDEX && b > a))
				a = b;
			verdict->blame[a] = 1;
			found = true;
		}
	}
	return found;
}

/**
 * naive_commit - what a commit does to a map, and what it must answer
 * @base: the map that the entries change; NULL if they are the whole map
 * @entries: the entries
 * @nr: how many
 * @limits: what the map may grow to
 * @out: the new map; only after success
 * @verdict: the answer
 */
void naive_commit(const struct naive_map *base,
		  const struct virt_as_entry *entries, u32 nr,
		  const struct virt_as_limits *limits, struct naive_map *out,
		  struct naive_verdict *verdict)
{
	u32 i;

	CHECK(nr <= NAIVE_MAX);
	verdict->err = 0;
	verdict->no_index = false;
	memset(verdict->blame, 0, nr);

	for (i = 0; i < nr && !verdict->err; i++) {
		verdict->err = judge_entry(&entries[i], !base, limits);
		verdict->blame[i] = !!verdict->err;
	}
	for (i = 0; i < nr && !verdict->err; i++) {
		verdict->err = judge_names(base, entries, i);
		verdict->blame[i] = !!verdict->err;
	}
	if (verdict->err)
		return;

	apply(base, entries, nr, out);
	if (judge_overlaps(out, verdict)) {
		verdict->err = -EEXIST;
		return;
	}
	verdict->no_index = true;
	if (out->nr > limits->max_regions)
		verdict->err = -ENOSPC;
	else if (naive_logged(out) > limits->max_logged_pages)
		verdict->err = -EDQUOT;
}

const struct virt_as_region *naive_find(const struct naive_map *map, u64 gpa)
{
	u32 i;

	for (i = 0; i < map->nr; i++)
		if (map->at[i].r.gpa <= gpa && gpa <= virt_as_region_last(&map->at[i].r))
			return &map->at[i].r;
	return NULL;
}

/* The identity rule. */
bool naive_same(const struct virt_as_region *a, const struct virt_as_region *b)
{
	return a->gpa == b->gpa && a->len == b->len && a->hva == b->hva &&
	       a->type == b->type && a->perms == b->perms;
}

bool naive_shares_hva(const struct virt_as_region *r, u64 hva, u64 hva_last)
{
	return r->type != VIRT_AS_TYPE_NOHVA && r->hva <= hva_last &&
	       hva <= r->hva + (r->len - 1);
}

u32 naive_aliases(const struct naive_map *map)
{
	u32 nr = 0;
	u32 i, k;

	for (i = 0; i < map->nr; i++) {
		const struct virt_as_region *r = &map->at[i].r;

		if (r->type == VIRT_AS_TYPE_NOHVA)
			continue;
		for (k = 0; k < map->nr; k++) {
			if (k != i &&
			    naive_shares_hva(&map->at[k].r, r->hva,
					     r->hva + (r->len - 1))) {
				nr++;
				break;
			}
		}
	}
	return nr;
}

u64 naive_logged(const struct naive_map *map)
{
	u64 pages = 0;
	u32 i;

	for (i = 0; i < map->nr; i++)
		if (map->at[i].r.type == VIRT_AS_TYPE_RAM)
			pages += map->at[i].r.len / PAGE_SIZE;
	return pages;
}
