// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a binding is told of commits, in which order, and what it is shown.
 */
#include "consumer.h"

#define NR	3
#define A	0x10000ULL
#define B	0x20000ULL
#define C	0x40000ULL

FIXTURE(binding)
{
	int as;
	int vat[NR];	/* in the order they were bound */
	unsigned char *mem;
	struct virt_as_entry map[NR];
};

FIXTURE_SETUP(binding)
{
	self->mem = shared_alloc(16 * PG);
	ASSERT_NE(NULL, self->mem);
	self->map[0] = as_ram(A, PG, self->mem + 4 * PG);
	self->map[1] = as_add(B, 2 * PG, self->mem, VIRT_AS_TYPE_RAM, RO);
	self->map[2] = as_add(C, PG, NULL, VIRT_AS_TYPE_NOHVA, RW);
	self->as = as_create();
	ASSERT_LE(0, self->as);
	ASSERT_EQ(0, as_replace(self->as, self->map, NR));
	for (int i = 0; i < NR; i++) {
		self->vat[i] = vat_bound(self->as, RIGHTS_RW);
		ASSERT_LE(0, self->vat[i]);
	}
}

FIXTURE_TEARDOWN(binding)
{
	for (int i = 0; i < NR; i++) {
		EXPECT_EQ(0, vat_status(self->vat[i]).violations);
		close(self->vat[i]);
	}
	EXPECT_EQ(0, as_bindings(self->as));
	close(self->as);
}

/* The last event. */
static struct vat_event last_event(int vat)
{
	struct vat_status status = vat_status(vat);

	return status.events[(status.nr_events - 1) % VAT_NR_EVENTS];
}

/* Calls of prepare, commit and abort so far, as three decimal digits. */
static unsigned int calls(int vat)
{
	struct vat_status status = vat_status(vat);

	return status.calls[VAT_PREPARE] * 100 + status.calls[VAT_COMMIT] * 10 +
	       status.calls[VAT_ABORT];
}

/* The last call of a kind; entered is 0 if there was none. */
static struct vat_event last_call(int vat, __u32 call)
{
	struct vat_status status = vat_status(vat);
	struct vat_event event = {};

	for (__u32 i = 0; i < status.nr_events && i < VAT_NR_EVENTS; i++)
		if (status.events[i].call == call &&
		    status.events[i].entered > event.entered)
			event = status.events[i];
	return event;
}

static int get_diff(int vat, struct vat_region *regions, __u32 nr,
		    struct vat_diff *diff)
{
	*diff = (struct vat_diff) {
		.regions = (uintptr_t)regions, .nr_regions = nr,
	};
	return as_ioctl(vat, VAT_DIFF, diff);
}

static bool is_region(const struct vat_region *region,
		      const struct virt_as_entry *entry)
{
	return region->gpa == entry->gpa &&
	       region->last == entry->gpa + (entry->len - 1) &&
	       region->hva == entry->hva && region->type == entry->type &&
	       region->perms == entry->perms && region->flags == entry->flags;
}

TEST_F(binding, bind_shows_the_whole_map)
{
	struct vat_region seen[8];
	struct vat_diff diff;

	for (int i = 0; i < NR; i++) {
		EXPECT_EQ(110, calls(self->vat[i]));
		ASSERT_EQ(0, get_diff(self->vat[i], seen, 8, &diff));
		EXPECT_EQ(0, diff.old_generation);
		EXPECT_EQ(2, diff.new_generation);
		EXPECT_EQ(0, diff.nr_removed);
		ASSERT_EQ(NR, diff.nr_added);
		for (int j = 0; j < NR; j++)
			EXPECT_TRUE(is_region(&seen[j], &self->map[j]));
	}
	EXPECT_EQ(-EMSGSIZE, get_diff(self->vat[0], seen, NR - 1, &diff));
	EXPECT_EQ(NR, as_bindings(self->as));
}

TEST_F(binding, bind_is_refused_by_prepare)
{
	int vat = vat_open();

	ASSERT_LE(0, vat);
	ASSERT_EQ(0, vat_mock(vat, -EDOM, false));
	EXPECT_EQ(-EDOM, vat_bind(vat, self->as, RIGHTS_RW));
	EXPECT_EQ(100, calls(vat));
	EXPECT_EQ(NR, as_bindings(self->as));
	EXPECT_EQ(-ENOTCONN, vat_unbind(vat));
	ASSERT_EQ(0, vat_mock(vat, 0, false));
	EXPECT_EQ(0, vat_bind(vat, self->as, RIGHTS_RW));
	EXPECT_EQ(210, calls(vat));
	EXPECT_EQ(0, vat_status(vat).violations);
	close(vat);
	EXPECT_EQ(NR, as_bindings(self->as));
}

TEST_F(binding, all_prepare_before_any_commits)
{
	__u64 prepared = 0, committed = ~0ULL;

	ASSERT_EQ(0, as_replace(self->as, self->map, 1));
	for (int i = 0; i < NR; i++) {
		struct vat_event prepare = last_call(self->vat[i], VAT_PREPARE);
		struct vat_event commit = last_call(self->vat[i], VAT_COMMIT);

		EXPECT_EQ(220, calls(self->vat[i]));
		EXPECT_EQ(2, prepare.old_generation);
		EXPECT_EQ(3, prepare.new_generation);
		EXPECT_EQ(3, commit.new_generation);
		prepared = prepare.left > prepared ? prepare.left : prepared;
		committed = commit.entered < committed ? commit.entered : committed;
	}
	EXPECT_LT(prepared, committed);
}

/* Whoever refuses: those that had prepared are aborted, the last one first. */
TEST_F(binding, refused_commits)
{
	static const int errors[] = { EBUSY, ENOMEM, EDOM, EINVAL };
	struct virt_as_entry other = as_ram(A, PG, self->mem);

	for (int who = 0; who < NR; who++) {
		int error = errors[who];
		unsigned int before[NR];
		__u64 refused;

		for (int i = 0; i < NR; i++)
			before[i] = calls(self->vat[i]);
		ASSERT_EQ(0, vat_mock(self->vat[who], -error, false));
		EXPECT_REFUSED(error, VIRT_AS_NO_INDEX, self->as,
			       VIRT_AS_COMMIT_REPLACE, 0, &other, 1);
		refused = last_event(self->vat[who]).entered;
		EXPECT_EQ(before[who] + 100, calls(self->vat[who]));
		EXPECT_EQ(-error, last_event(self->vat[who]).result);
		for (int i = 0; i < NR; i++) {
			struct vat_event abort = last_event(self->vat[i]);

			if (i == who)
				continue;
			if (calls(self->vat[i]) == before[i]) {
				/* It came later. */
				EXPECT_LT(who, i);
				continue;
			}
			EXPECT_GT(who, i);
			EXPECT_EQ(before[i] + 101, calls(self->vat[i]));
			EXPECT_EQ(VAT_ABORT, abort.call);
			EXPECT_LT(refused, abort.entered);
		}
		/* In reverse: the first one prepared is the last one aborted. */
		for (int i = 1; i < who; i++)
			EXPECT_GT(last_event(self->vat[i - 1]).entered,
				  last_event(self->vat[i]).left);
		EXPECT_REFUSED(error, VIRT_AS_NO_INDEX, self->as,
			       VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_TRY, 0,
			       &other, 1);
		ASSERT_EQ(0, vat_mock(self->vat[who], 0, false));
	}
	EXPECT_EQ(0, as_replace(self->as, &other, 1));
	for (int i = 0; i < NR; i++)
		EXPECT_EQ(VAT_COMMIT, last_event(self->vat[i]).call);
}

TEST_F(binding, tries)
{
	struct virt_as_entry other = as_ram(A, PG, self->mem);
	struct virt_as_commit reply;
	__u64 prepared = 0, aborted = ~0ULL;

	EXPECT_EQ(0, as_commit(self->as, VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_TRY,
			       0, &other, 1, &reply));
	EXPECT_EQ(2, reply.out_generation);
	EXPECT_EQ(2, as_generation(self->as));
	for (int i = 0; i < NR; i++) {
		struct vat_event prepare = last_call(self->vat[i], VAT_PREPARE);
		struct vat_event abort = last_call(self->vat[i], VAT_ABORT);

		EXPECT_EQ(211, calls(self->vat[i]));
		prepared = prepare.left > prepared ? prepare.left : prepared;
		aborted = abort.entered < aborted ? abort.entered : aborted;
	}
	EXPECT_LT(prepared, aborted);
}

/* Commits a list, and compares the diff with what is expected. */
static const char *diff_is(FIXTURE_DATA(binding) * self, __u32 flags,
			   const struct virt_as_entry *list, __u32 nr,
			   const struct virt_as_entry *removed, __u32 nr_removed,
			   const struct virt_as_entry *added, __u32 nr_added)
{
	__u64 generation = as_generation(self->as);
	struct vat_region seen[16];
	struct vat_diff diff;

	if (as_commit(self->as, flags, 0, list, nr, NULL))
		return "no commit";
	for (int i = 0; i < NR; i++) {
		if (get_diff(self->vat[i], seen, 16, &diff))
			return "no diff";
		if (diff.old_generation != generation ||
		    diff.new_generation != generation + 1)
			return "generation";
		if (!diff.same_mm)
			return "owner";
		if (diff.nr_removed != nr_removed)
			return "number of removed";
		if (diff.nr_added != nr_added)
			return "number of added";
		for (__u32 j = 0; j < nr_removed; j++)
			if (!is_region(&seen[j], &removed[j]))
				return "a removed one";
		for (__u32 j = 0; j < nr_added; j++)
			if (!is_region(&seen[nr_removed + j], &added[j]))
				return "an added one";
	}
	return "";
}

#define EXPECT_DIFF(flags, list, nr, removed, nr_removed, added, nr_added) \
	EXPECT_STREQ("", diff_is(self, flags, list, nr, removed, nr_removed, \
				 added, nr_added))

TEST_F(binding, diffs)
{
	struct virt_as_entry d = as_ram(0x80000, PG, self->mem + 8 * PG);
	struct virt_as_entry clean = d, moved = self->map[1], open = self->map[0];
	struct virt_as_entry list[3], both[3], fresh[3];

	/* Nothing changes: nothing is in the diff. */
	EXPECT_DIFF(0, NULL, 0, NULL, 0, NULL, 0);
	EXPECT_DIFF(VIRT_AS_COMMIT_REPLACE, self->map, NR, NULL, 0, NULL, 0);

	/* add, and remove again, CLEAN and not */
	EXPECT_DIFF(0, &d, 1, NULL, 0, &d, 1);
	list[0] = as_remove(d.gpa, d.len);
	EXPECT_DIFF(0, list, 1, &d, 1, NULL, 0);
	clean.flags = VIRT_AS_ENTRY_CLEAN;
	EXPECT_DIFF(0, &clean, 1, NULL, 0, &clean, 1);
	/* The flag does not make it another region. */
	EXPECT_DIFF(0, NULL, 0, NULL, 0, NULL, 0);
	EXPECT_DIFF(0, list, 1, &clean, 1, NULL, 0);

	/* move: what it was, what it becomes */
	list[0] = as_move(B, 2 * PG, 0x90000);
	moved.gpa = 0x90000;
	EXPECT_DIFF(0, list, 1, &self->map[1], 1, &moved, 1);
	list[0] = as_move(0x90000, 2 * PG, B);
	EXPECT_DIFF(0, list, 1, &moved, 1, &self->map[1], 1);

	/* protect */
	open.perms = RO;
	list[0] = as_protect(A, PG, RO);
	EXPECT_DIFF(0, list, 1, &self->map[0], 1, &open, 1);
	list[0] = as_protect(A, PG, RW);
	EXPECT_DIFF(0, list, 1, &open, 1, &self->map[0], 1);

	/* other memory at the same gpa; others stay */
	both[0] = self->map[0];
	both[0].hva = (uintptr_t)self->mem + 5 * PG;
	both[1] = self->map[1];
	both[2] = self->map[2];
	EXPECT_DIFF(VIRT_AS_COMMIT_REPLACE, both, NR, &self->map[0], 1, both, 1);

	/* everything goes, everything comes, in the order of gpa */
	EXPECT_DIFF(VIRT_AS_COMMIT_REPLACE, NULL, 0, both, NR, NULL, 0);
	list[0] = self->map[2];
	list[1] = self->map[0];
	list[2] = self->map[1];
	memcpy(fresh, self->map, sizeof(fresh));
	EXPECT_DIFF(VIRT_AS_COMMIT_REPLACE, list, NR, NULL, 0, fresh, NR);
	for (int i = 0; i < NR; i++)
		EXPECT_EQ(0, vat_status(self->vat[i]).calls[VAT_ABORT]);
}

/* Another owner: every region goes and comes, though all look the same. */
TEST_F(binding, adoption)
{
	struct vat_region seen[8];
	struct vat_diff diff;
	pid_t child = fork();

	if (!child)
		_exit(as_commit(self->as, VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_ADOPT,
				0, self->map, NR, NULL) ? 1 : 0);
	ASSERT_EQ(0, child_status(child));
	for (int i = 0; i < NR; i++) {
		EXPECT_EQ(220, calls(self->vat[i]));
		ASSERT_EQ(0, get_diff(self->vat[i], seen, 8, &diff));
		EXPECT_EQ(0, diff.same_mm);
		ASSERT_EQ(NR, diff.nr_removed);
		ASSERT_EQ(NR, diff.nr_added);
		for (int j = 0; j < NR; j++) {
			EXPECT_TRUE(is_region(&seen[j], &self->map[j]));
			EXPECT_TRUE(is_region(&seen[NR + j], &self->map[j]));
		}
	}
	/* One of them may refuse that, too: KVM's must. */
	ASSERT_EQ(0, vat_mock(self->vat[1], -EBUSY, false));
	EXPECT_EQ(-EBUSY, as_commit(self->as,
				    VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_ADOPT,
				    0, self->map, NR, NULL));
	EXPECT_EQ(-EXDEV, as_replace(self->as, self->map, NR));
	EXPECT_EQ(3, as_generation(self->as));
}

TEST_HARNESS_MAIN
