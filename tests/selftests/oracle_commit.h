/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The oracle's committer: changes the table of regions at random, and commits the
 * difference, or the whole.
 */
#ifndef VIRT_AS_SELFTESTS_ORACLE_COMMIT_H
#define VIRT_AS_SELFTESTS_ORACLE_COMMIT_H

#include "oracle.h"

#define MAX_ENTRIES	(2 * NR_PARTS + 1)
#define HAND_ROOM	64

/* A commit that is being made. */
struct plan {
	struct part parts[NR_PARTS];
	__u32 flags;
	bool adds_clean;
	struct keeper *keeper;		/* for HANDOVER */
	bool kinds[NR_COMMIT_KINDS];
	struct virt_as_entry entries[MAX_ENTRIES];
	__u32 nr;
	struct virt_as_extent handed[HAND_ROOM];
	__u32 room;
	__u32 nr_handed;
};

static inline struct virt_as_entry part_entry(const struct world *w,
					      const struct part *part, bool is_clean)
{
	struct virt_as_entry e = as_add(part->page * PG, part->nr * PG,
					w->mem + part->back * PG,
					VIRT_AS_TYPE_RAM, part->perms);

	return is_clean ? clean(e) : e;
}

static inline bool same_part(const struct part *a, const struct part *b)
{
	return a->page == b->page && a->nr == b->nr && a->back == b->back &&
	       a->perms == b->perms && a->present == b->present;
}

/* What leads from part @a to @b, by the operation that says it best. */
static inline void plan_change(const struct world *w, struct plan *plan,
			       const struct part *a, const struct part *b)
{
	__u64 gpa = a->page * PG, len = a->nr * PG;
	struct virt_as_entry *to = &plan->entries[plan->nr];
	struct part other = *a;

	if (same_part(a, b) || (!a->present && !b->present))
		return;
	if (a->present && b->present) {
		other.page = b->page;
		if (same_part(&other, b)) {
			*to = as_move(gpa, len, b->page * PG);
			plan->nr++;
			return;
		}
		other = *a;
		other.perms = b->perms;
		if (same_part(&other, b)) {
			*to = as_protect(gpa, len, b->perms);
			plan->nr++;
			return;
		}
	}
	if (a->present) {
		*to++ = as_remove(gpa, len);
		plan->nr++;
	}
	if (b->present) {
		*to = part_entry(w, b, plan->adds_clean);
		plan->nr++;
	}
}

static inline void plan_entries(const struct world *w, struct plan *plan)
{
	plan->nr = 0;
	if (!(plan->flags & VIRT_AS_COMMIT_REPLACE)) {
		for (int i = 0; i < NR_PARTS; i++)
			plan_change(w, plan, &w->parts[i], &plan->parts[i]);
		return;
	}
	plan->entries[plan->nr++] = as_add(BEAT_PAGE * PG, PG, w->shared->beats,
					   VIRT_AS_TYPE_DEVICE, RW);
	for (int i = 0; i < NR_PARTS; i++)
		if (plan->parts[i].present)
			plan->entries[plan->nr++] =
				part_entry(w, &plan->parts[i],
					   plan->adds_clean && !w->parts[i].present);
}

static inline int plan_try(const struct world *w, struct plan *plan)
{
	plan->kinds[TRIED] = true;
	return as_commit(w->as, VIRT_AS_COMMIT_TRY |
			 (plan->flags & VIRT_AS_COMMIT_REPLACE), 0, plan->entries,
			 plan->nr, NULL);
}

/* Returns 1 if it was published, 0 if an earlier commit was in the way, or -errno. */
static inline int plan_commit(struct world *w, struct plan *plan)
{
	struct virt_as_commit reply = {};
	int err;

	if (plan->keeper)
		err = as_handover(w->as, plan->flags, plan->entries, plan->nr,
				  plan->keeper->fd, plan->handed, plan->room, &reply);
	else
		err = as_commit(w->as, plan->flags, 0, plan->entries, plan->nr, NULL);
	if (err == -EAGAIN && plan->flags & VIRT_AS_COMMIT_NOWAIT)
		return 0;
	if (err)
		return err;
	memcpy(w->parts, plan->parts, sizeof(w->parts));
	w->commits++;
	plan->kinds[REPLACED] = plan->flags & VIRT_AS_COMMIT_REPLACE;
	plan->kinds[NOT_WAITED] = plan->flags & VIRT_AS_COMMIT_NOWAIT;
	plan->kinds[HANDED_OVER] = plan->keeper;
	for (int i = 0; i < NR_COMMIT_KINDS; i++)
		w->by_kind[i] += plan->kinds[i];
	plan->nr_handed = reply.out_nr_extents;
	if (plan->nr_handed > plan->room)
		return -EPROTO;
	for (__u32 i = 0; i < plan->nr_handed; i++)
		w->handed_over += plan->handed[i].len / PG;
	return 1;
}

/* A log that is open, to hand over to, and some room. */
static inline void plan_handover(struct world *w, struct plan *plan, struct rng *rng)
{
	struct keeper *keeper = &w->keepers[dice(rng, NR_LOGS)];

	if (__atomic_load_n(&keeper->fd, __ATOMIC_ACQUIRE) < 0)
		return;
	plan->keeper = keeper;
	plan->room = 1 + dice(rng, HAND_ROOM);
}

static inline void change_alias(struct plan *plan, struct rng *rng, int i)
{
	struct part *alias = &plan->parts[ALIAS0 + i];

	plan->kinds[ALIASES_ENDED] |= alias->present;
	alias->present = !alias->present || one_in(rng, 2);
	plan->kinds[ALIASES_MADE] |= alias->present;
	if (!alias->present)
		return;
	alias->nr = ALIAS_PAGES - dice(rng, one_in(rng, 4) ? ALIAS_PAGES : 40);
	alias->page = ALIAS_PAGE(i) + dice(rng, ALIAS_PAGES - alias->nr + 1);
	alias->back = dice(rng, ALIASED - alias->nr + 1);
	alias->perms = one_in(rng, 8) ? RO : RW;
}

static inline void change_split(struct plan *plan, struct rng *rng)
{
	struct part *first = &plan->parts[SPLIT0], *second = &plan->parts[SPLIT1];

	plan->kinds[DIVIDED] = true;
	second->present = !second->present;
	first->nr = second->present ? 1 + dice(rng, SPLIT_PAGES - 1) : SPLIT_PAGES;
	second->nr = SPLIT_PAGES - first->nr;
	second->page = first->page + first->nr;
	second->back = first->back + first->nr;
}

static inline void change_perms(struct plan *plan, struct rng *rng)
{
	static const enum part_nr list[] = { PROT, BASE, CLEANED, MOVED };
	struct part *part = &plan->parts[list[dice(rng, ARRAY_SIZE(list))]];

	/* Nobody can write to what is read-only: not for long. */
	if (part->perms == RW && !one_in(rng, 4))
		return;
	plan->kinds[PROTECTED] = true;
	part->perms ^= RW ^ RO;
}

static inline void change(struct plan *plan, struct rng *rng)
{
	struct part *p = plan->parts;
	__u64 back;

	switch (dice(rng, 8)) {
	case 0:
		plan->kinds[p[GONE].present ? REMOVED : ADDED] = true;
		p[GONE].present = !p[GONE].present;
		break;
	case 1:
		plan->kinds[MOVED_AWAY] = true;
		p[MOVED].page = p[MOVED].page == HERE ? THERE : HERE;
		break;
	case 2:
		plan->kinds[REBACKED] = true;
		back = p[BACK0].back;
		p[BACK0].back = p[BACK1].back;
		p[BACK1].back = back;
		break;
	case 3:
		change_split(plan, rng);
		break;
	case 4:
		change_perms(plan, rng);
		break;
	default:
		change_alias(plan, rng, dice(rng, 2));
	}
}

/* Some changes in one commit. What is handed over need not be used: it is not there. */
static inline int commit_some(struct world *w, struct rng *rng)
{
	struct plan plan = {
		.flags = (one_in(rng, 4) ? VIRT_AS_COMMIT_REPLACE : 0) |
			 (one_in(rng, 4) ? VIRT_AS_COMMIT_NOWAIT : 0),
	};
	int err = 0;

	memcpy(plan.parts, w->parts, sizeof(plan.parts));
	for (int i = dice(rng, 3); i >= 0; i--)
		change(&plan, rng);
	if (!(plan.flags & VIRT_AS_COMMIT_NOWAIT) && one_in(rng, 4))
		plan_handover(w, &plan, rng);
	plan_entries(w, &plan);
	if (one_in(rng, 8))
		err = plan_try(w, &plan);
	if (!err)
		err = plan_commit(w, &plan);
	return err < 0 ? err : 0;
}

/* Into the copy, from the owner's memory: the guest has it nowhere. */
static inline int use_handed(struct world *w, const struct plan *plan)
{
	int err = 0;

	pthread_mutex_lock(&plan->keeper->lock);
	for (__u32 i = 0; i < plan->nr_handed && !err; i++) {
		__u64 page = plan->handed[i].gpa / PG, nr = plan->handed[i].len / PG;
		const struct part *part = clean_part(page);

		if (!part || !nr || nr > part->page + part->nr - page)
			err = -EPROTO;
		else
			memcpy(plan->keeper->copy + page * PG,
			       w->mem + (part->back + page - part->page) * PG,
			       nr * PG);
	}
	pthread_mutex_unlock(&plan->keeper->lock);
	return err;
}

/*
 * Away and back as a clean one, which is true: nobody has another way to its memory.
 * Who was told of a page and did not come to read it has marked it again.
 */
static inline int commit_clean(struct world *w, struct rng *rng)
{
	struct plan plan = {
		.flags = one_in(rng, 4) ? VIRT_AS_COMMIT_REPLACE : 0,
	};
	int rc;

	memcpy(plan.parts, w->parts, sizeof(plan.parts));
	plan.parts[CLEANED].present = false;
	plan.parts[SHADOW].present = false;
	if (one_in(rng, 2))
		plan_handover(w, &plan, rng);
	plan_entries(w, &plan);
	rc = plan_commit(w, &plan);
	if (rc == 1 && plan.keeper)
		rc = use_handed(w, &plan);
	if (rc < 0)
		return rc;
	if (one_in(rng, 2))
		nap(dice(rng, 2000));

	plan.keeper = NULL;
	plan.adds_clean = true;
	plan.kinds[ADDED_CLEAN] = true;
	plan.parts[CLEANED].present = true;
	plan.parts[SHADOW].present = true;
	plan_entries(w, &plan);
	rc = plan_commit(w, &plan);
	return rc < 0 ? rc : 0;
}

static inline int commit_first(struct world *w)
{
	struct plan plan = { .flags = VIRT_AS_COMMIT_REPLACE };
	int rc;

	memcpy(plan.parts, first_parts, sizeof(plan.parts));
	plan_entries(w, &plan);
	rc = plan_commit(w, &plan);
	return rc < 0 ? rc : 0;
}

static inline void *committer_thread(void *arg)
{
	struct world *w = arg;
	struct rng rng = rng_of(w->seed, COMMITTER);
	int err = 0;

	while (!err && may_run(w->shared, COMMITTER)) {
		if (one_in(&rng, 6)) {
			pthread_mutex_lock(&w->clean);
			err = commit_clean(w, &rng);
			pthread_mutex_unlock(&w->clean);
		} else {
			err = commit_some(w, &rng);
		}
		nap(dice(&rng, 3000));
	}
	worker_ends(w->shared, COMMITTER, err);
	return NULL;
}

#endif /* VIRT_AS_SELFTESTS_ORACLE_COMMIT_H */
