// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commits with a fault in every place that can have one: a commit is refused and
 * all is as it was, or it is published and all have followed.
 */
#include "fail_nth.h"
#include "owner.h"

#define ADOPT		(VIRT_AS_COMMIT_ADOPT | VIRT_AS_COMMIT_REPLACE)

enum shape {
	COUNT,		/* REPLACE by so many regions */
	ALIASES,	/* the same, of hvas that are shared */
	MIXED,		/* one change of each kind */
};

#define NR_OLD	4U
#define NR_MOCK	2

FIXTURE(commit)
{
	struct sweep sweep;
	struct census census;
	int as;
	int vats[NR_MOCK + 1];
	struct virt_as_entry *old, *list, *new;
	__u32 nr_list, nr_new;
};

FIXTURE_VARIANT(commit)
{
	const char *what;
	enum shape shape;
	__u32 count;
	__u32 flags;
	bool bound;
	int result;		/* without a fault */
	unsigned int refused;	/* at least */
};

#define REPLACE	VIRT_AS_COMMIT_REPLACE

FIXTURE_VARIANT_ADD(commit, replace_by_none) {
	.what = "commit, replace by none", .flags = REPLACE, .refused = 3,
};

FIXTURE_VARIANT_ADD(commit, replace_by_8) {
	.what = "commit, replace by 8", .count = 8, .flags = REPLACE, .refused = 4,
};

FIXTURE_VARIANT_ADD(commit, replace_by_300) {
	.what = "commit, replace by 300", .count = 300, .flags = REPLACE,
	.refused = 2,
};

FIXTURE_VARIANT_ADD(commit, replace_by_3000) {
	.what = "commit, replace by 3000", .count = 3000, .flags = REPLACE,
	.refused = 2,
};

FIXTURE_VARIANT_ADD(commit, aliases) {
	.what = "commit, replace by 16 aliases", .shape = ALIASES, .count = 16,
	.flags = REPLACE, .refused = 4,
};

FIXTURE_VARIANT_ADD(commit, changes) {
	.what = "commit, one change of each kind", .shape = MIXED, .refused = 5,
};

FIXTURE_VARIANT_ADD(commit, trial) {
	.what = "commit, changes, TRY", .shape = MIXED,
	.flags = VIRT_AS_COMMIT_TRY, .refused = 5,
};

FIXTURE_VARIANT_ADD(commit, nowait) {
	.what = "commit, replace by 8, NOWAIT", .count = 8,
	.flags = REPLACE | VIRT_AS_COMMIT_NOWAIT, .refused = 4,
};

FIXTURE_VARIANT_ADD(commit, expect) {
	.what = "commit, replace by 8, EXPECT", .count = 8,
	.flags = REPLACE | VIRT_AS_COMMIT_EXPECT, .refused = 4,
};

FIXTURE_VARIANT_ADD(commit, stale) {
	.what = "commit, replace by 8, EXPECT another", .count = 8,
	.flags = REPLACE | VIRT_AS_COMMIT_EXPECT, .result = -ESTALE,
	.refused = 3,
};

FIXTURE_VARIANT_ADD(commit, bound) {
	.what = "commit, changes, bound", .shape = MIXED, .bound = true,
	.refused = 7,
};

FIXTURE_VARIANT_ADD(commit, bound_replace_by_300) {
	.what = "commit, replace by 300, bound", .count = 300, .flags = REPLACE,
	.bound = true, .refused = 2,
};

FIXTURE_VARIANT_ADD(commit, bound_trial) {
	.what = "commit, changes, TRY, bound", .shape = MIXED, .bound = true,
	.flags = VIRT_AS_COMMIT_TRY, .refused = 7,
};

static void make_lists(struct _test_data_commit *self,
		       const struct _fixture_variant_commit *variant,
		       unsigned char *mem)
{
	struct virt_as_entry *old = self->old, *list = self->list;
	struct virt_as_entry *new = self->new;

	for (__u32 i = 0; i < NR_OLD; i++)
		old[i] = as_ram(i * 16 * PG, 2 * PG, mem + 2 * i * PG);
	if (variant->shape == MIXED) {
		const __u64 to = 1024 * PG, add = 2048 * PG;

		list[0] = as_add(add, PG, mem + 12 * PG, VIRT_AS_TYPE_RAM, RO);
		list[1] = as_protect(old[2].gpa, old[2].len, RO);
		list[2] = as_move(old[1].gpa, old[1].len, to);
		list[3] = as_remove(old[0].gpa, old[0].len);
		self->nr_list = 4;
		new[0] = old[2];
		new[0].perms = RO;
		new[1] = old[3];
		new[2] = old[1];
		new[2].gpa = to;
		new[3] = list[0];
		self->nr_new = 4;
		return;
	}
	for (__u32 i = 0; i < variant->count; i++) {
		size_t page = variant->shape == ALIASES ? i / 4 : i;

		new[i] = as_ram((7 + 2 * i) * PG, PG, mem + page * PG);
		list[variant->count - 1 - i] = new[i];
	}
	self->nr_list = variant->count;
	self->nr_new = variant->count;
}

FIXTURE_SETUP(commit)
{
	__u32 room = variant->count > 16 ? variant->count : 16;
	unsigned char *mem = guest_alloc(room * PG);

	ASSERT_STREQ("", sweep_open(&self->sweep, MAY_BOTH));
	ASSERT_EQ(0, census_begin(&self->census));
	ASSERT_NE(NULL, mem);
	fill(mem, room * PG, 1);
	self->old = calloc(NR_OLD, sizeof(*self->old));
	self->list = calloc(room, sizeof(*self->list));
	self->new = calloc(room, sizeof(*self->new));
	make_lists(self, variant, mem);
	self->as = as_create();
	ASSERT_LE(0, self->as);
	ASSERT_EQ(0, as_replace(self->as, self->old, NR_OLD));
	for (int i = 0; variant->bound && i <= NR_MOCK; i++) {
		self->vats[i] = vat_open();
		ASSERT_LE(0, self->vats[i]);
		ASSERT_EQ(0, vat_bind_as(self->vats[i], self->as, RIGHTS_RW,
					 i < NR_MOCK ? 0 : VAT_BIND_SILENT));
	}
}

FIXTURE_TEARDOWN(commit)
{
	for (int i = 0; variant->bound && i <= NR_MOCK; i++)
		close(self->vats[i]);
	close(self->as);
	EXPECT_STREQ("", census_end(&self->census));
}

/* Both have followed every commit, and aborted whatever else they prepared. */
static const char *mocks_wrong(struct _test_data_commit *self, __u64 generation)
{
	for (int i = 0; i < NR_MOCK; i++) {
		struct vat_status status = vat_status(self->vats[i]);
		struct vat_event *last;

		last = &status.events[(status.nr_events - 1) % VAT_NR_EVENTS];
		if (status.violations)
			return "a binding was called against the rules";
		if (last->call == VAT_PREPARE && !last->result)
			return "a binding has prepared and was forgotten";
		if (generation && (last->call != VAT_COMMIT ||
				   last->new_generation != generation))
			return "a binding has not followed";
	}
	return "";
}

/* The answer must fit what has happened, or be none. */
static const char *answer_wrong(struct sweep *sweep, int rc, int result,
				__u64 generation,
				const struct virt_as_commit *reply)
{
	if (reply->out_index == 0xa5a5a5a5 && reply->out_generation == ~0ULL)
		return rc == -EFAULT ? "" : "no answer";
	if (reply->out_index != VIRT_AS_NO_INDEX)
		return "an entry is blamed";
	if (reply->out_generation == generation)
		return "";
	if (reply->out_generation || rc != result || !sweep->hit)
		return "another generation is answered";
	sweep->lost++;
	return "";
}

static const char *commit_wrong(struct _test_data_commit *self,
				const struct _fixture_variant_commit *variant,
				const struct as_state *was, int rc,
				const struct virt_as_commit *reply)
{
	bool published = !rc && !(variant->flags & VIRT_AS_COMMIT_TRY);
	__u64 generation = was->generation + published;
	struct as_state is;
	const char *wrong;

	if (rc != variant->result && !sweep_failed(&self->sweep, rc))
		return "another errno";
	wrong = answer_wrong(&self->sweep, rc, variant->result, generation, reply);
	if (*wrong)
		return wrong;
	if (!EVENTUALLY(!as_drains(self->as)))
		return "the old map does not drain";
	is = as_state(self->as);
	if (is.generation != generation)
		return "another generation";
	if (!published && !same_state(was, &is))
		return "refused, but something has changed";
	wrong = published ? map_wrong(self->as, self->new, self->nr_new) :
			    map_wrong(self->as, self->old, NR_OLD);
	if (!*wrong && variant->bound)
		wrong = mocks_wrong(self, published ? generation : 0);
	return wrong;
}

static int do_commit(struct _test_data_commit *self,
		     const struct _fixture_variant_commit *variant,
		     __u64 generation, struct virt_as_commit *reply)
{
	__u64 expected = !(variant->flags & VIRT_AS_COMMIT_EXPECT) ? 0 :
			 generation + (variant->result == -ESTALE);

	return as_commit(self->as, variant->flags, expected, self->list,
			 self->nr_list, reply);
}

/* With the old map there at the beginning, and at the end. */
static const char *commit_once(struct _test_data_commit *self,
			       const struct _fixture_variant_commit *variant,
			       bool fault)
{
	struct as_state was = as_state(self->as);
	struct virt_as_commit reply;
	const char *wrong;
	int rc;

	if (fault)
		sweep_arm(&self->sweep);
	rc = do_commit(self, variant, was.generation, &reply);
	if (fault) {
		sweep_disarm(&self->sweep);
		sweep_count(&self->sweep, rc == variant->result ? 0 : rc);
	} else if (rc != variant->result) {
		return "the same without a fault is refused";
	}
	wrong = commit_wrong(self, variant, &was, rc, &reply);
	if (*wrong)
		return wrong;
	if (as_replace(self->as, self->old, NR_OLD))
		return "the way back is refused";
	return map_wrong(self->as, self->old, NR_OLD);
}

TEST_F_TIMEOUT(commit, commit, SWEEP_TIMEOUT)
{
	struct sweep *sweep = &self->sweep;

	/* The last copy to user space is the answer; it comes after all is done. */
	sweep_demand(sweep, variant->refused + 1, variant->refused, 1);
	while (sweep_next(sweep)) {
		ASSERT_STREQ("", sweep_tell(sweep, commit_once(self, variant, true)));
		ASSERT_STREQ("", sweep_tell(sweep, commit_once(self, variant, false)));
	}
	EXPECT_STREQ("", sweep_close(sweep, variant->what));
}

/* The guest is the same memory in two processes, which take it from each other. */
FIXTURE(adopt)
{
	struct sweep sweep;
	struct census census;
	struct owner other;
	struct virt_as_entry map[4];
};

FIXTURE_SETUP(adopt)
{
	const size_t len = 4 * PG;
	unsigned char *mem;

	ASSERT_STREQ("", sweep_open(&self->sweep, MAY_BOTH));
	ASSERT_EQ(0, census_begin(&self->census));
	mem = shared_alloc(len);
	ASSERT_NE(NULL, mem);
	fill(mem, len, 1);
	for (size_t i = 0; i < ARRAY_SIZE(self->map); i++)
		self->map[i] = as_ram(i * 2 * PG, PG, mem + i * PG);
	ASSERT_EQ(0, owner_start(&self->other, true));
	ASSERT_EQ(0, owner_commit(&self->other, VIRT_AS_COMMIT_REPLACE, self->map,
				  ARRAY_SIZE(self->map)));
}

FIXTURE_TEARDOWN(adopt)
{
	EXPECT_EQ(0, owner_stop(&self->other));
	EXPECT_STREQ("", census_end(&self->census));
}

static const char *adopt_once(struct _test_data_adopt *self, bool fault)
{
	const __u32 nr = ARRAY_SIZE(self->map);
	int as = self->other.as, rc;
	struct as_state was, is;
	struct virt_as_commit reply;
	const char *wrong;
	pid_t owner;

	if (owner_commit(&self->other, ADOPT, self->map, nr))
		return "the other cannot take it back";
	was = as_state(as);
	if (fault)
		sweep_arm(&self->sweep);
	rc = as_commit(as, ADOPT, 0, self->map, nr, &reply);
	if (fault) {
		sweep_disarm(&self->sweep);
		sweep_count(&self->sweep, rc);
	}
	if (rc && !(fault && sweep_failed(&self->sweep, rc)))
		return "another errno";
	wrong = answer_wrong(&self->sweep, rc, 0, was.generation + !rc, &reply);
	if (*wrong)
		return wrong;
	owner = fdinfo_number(as, "virt_as-owner");
	is = as_state(as);
	if (rc)
		return owner != self->other.pid ? "refused, but adopted" :
		       !same_state(&was, &is) ? "refused, but something has changed" :
		       "";
	return owner != getpid() ? "not adopted" :
	       is.generation != was.generation + 1 ? "another generation" :
	       map_wrong(as, self->map, nr);
}

TEST_F_TIMEOUT(adopt, adopt, SWEEP_TIMEOUT)
{
	struct sweep *sweep = &self->sweep;

	sweep_demand(sweep, 5, 4, 1);
	while (sweep_next(sweep)) {
		ASSERT_STREQ("", sweep_tell(sweep, adopt_once(self, true)));
		ASSERT_STREQ("", sweep_tell(sweep, adopt_once(self, false)));
	}
	EXPECT_STREQ("", sweep_close(sweep, "commit, ADOPT"));
}

TEST_HARNESS_MAIN
