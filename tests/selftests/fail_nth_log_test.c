// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty logs with a fault in every place that can have one: opening, harvests, marks,
 * and commits while a log is open. What fails leaves the map and the log as they were;
 * a page that is dirty is handed over or still dirty, whatever happens.
 */
#include "fail_nth.h"
#include "log.h"

#define DIRTY	"101 106 1003"
/* After an answer that could not be given: all that the log covers of the range. */
#define UNANSWERED	"100+64 1000+64"

struct scene {
	struct sweep sweep;
	struct census census;
	struct virt_as_entry map[2];
	unsigned char *mem;
	int as;
	int log;
	int vat;
};

/* RAM at pages 100 to 107 and 1000 to 100f. Answers "" or what is wrong. */
static const char *scene_open(struct scene *s)
{
	const char *wrong = sweep_open(&s->sweep, MAY_BOTH);

	if (*wrong)
		return wrong;
	s->mem = guest_alloc(64 * PG);
	if (!s->mem || census_begin(&s->census))
		return "nothing to begin with";
	s->map[0] = clean(as_ram(AT(0x100), 8 * PG, s->mem));
	s->map[1] = clean(as_ram(AT(0x1000), 16 * PG, s->mem + 16 * PG));
	s->as = as_create();
	if (s->as < 0 || as_replace(s->as, s->map, 2))
		return "no address space";
	s->vat = vat_bound(s->as, RIGHTS_RW);
	if (s->vat < 0)
		return "nobody is bound";
	s->log = log_open(s->as);
	return s->log < 0 ? "no log" : "";
}

static const char *scene_close(struct scene *s)
{
	if (s->log >= 0)
		close(s->log);
	close(s->vat);
	close(s->as);
	return census_end(&s->census);
}

/* The map of the beginning, and nothing else dirty than DIRTY. */
static const char *prepare(struct scene *s)
{
	static const __u64 dirty[] = { 0x101, 0x106, 0x1003 };

	if (as_replace(s->as, s->map, 2))
		return "the way back is refused";
	log_take(s->log);
	for (size_t i = 0; i < ARRAY_SIZE(dirty); i++)
		if (as_mark(s->as, AT(dirty[i]), 1))
			return "a page cannot be marked";
	return "";
}

/* The log has that, and so it has again if a page is written. */
static const char *log_wrong(struct scene *s, const char *want)
{
	static char text[LOG_TEXT + 64];
	const char *has = log_take(s->log);

	if (!strcmp(has, want))
		return "";
	snprintf(text, sizeof(text), "the log has %.1000s, not %.1000s", has, want);
	return text;
}

static const char *open_once(struct scene *s, __u32 logs, bool fault)
{
	int fds = count_fds(), log;
	const char *wrong;
	bool good;

	if (fault)
		sweep_arm(&s->sweep);
	log = log_open_with(s->as, VIRT_AS_LOG_ALL_DIRTY, 2);
	if (fault) {
		sweep_disarm(&s->sweep);
		sweep_count(&s->sweep, log);
	}
	if (log < 0) {
		if (!fault || !sweep_failed(&s->sweep, log))
			return "another errno";
		return as_logs(s->as) != logs ? "another number of logs" :
		       count_fds() != fds ? "another number of files" : "";
	}
	good = as_logs(s->as) == logs + 1 && !strcmp("100+8 1000+16", log_take(log));
	wrong = good ? prepare(s) : "no good log";
	if (!*wrong && strcmp(DIRTY, log_take(log)))
		wrong = "a log that does not hear";
	close(log);
	return wrong;
}

/* Logs that are open beside it: none, or one. */
static const char *open_often(struct scene *s, __u32 logs)
{
	const char *wrong = "";

	while (!*wrong && sweep_next(&s->sweep)) {
		wrong = sweep_tell(&s->sweep, open_once(s, logs, true));
		if (!*wrong)
			wrong = sweep_tell(&s->sweep, open_once(s, logs, false));
	}
	return *wrong ? wrong : sweep_close(&s->sweep, logs ? "log, the second" :
							  "log, the first");
}

FIXTURE(faults)
{
	struct scene s;
};

FIXTURE_SETUP(faults)
{
	ASSERT_STREQ("", scene_open(&self->s));
}

FIXTURE_TEARDOWN(faults)
{
	EXPECT_STREQ("", scene_close(&self->s));
}

TEST_F_TIMEOUT(faults, open, SWEEP_TIMEOUT)
{
	sweep_demand(&self->s.sweep, 8, 6, 0);
	EXPECT_STREQ("", open_often(&self->s, 1));
	EXPECT_STREQ("", prepare(&self->s));
	EXPECT_STREQ("", log_wrong(&self->s, DIRTY));
}

TEST_F_TIMEOUT(faults, open_the_first, SWEEP_TIMEOUT)
{
	close(self->s.log);
	self->s.log = -1;
	sweep_demand(&self->s.sweep, 8, 6, 0);
	EXPECT_STREQ("", open_often(&self->s, 0));
}

/* Back into the log with what a harvest delivered, or may have. */
static const char *restore(struct scene *s,
			   const struct virt_as_extent *extents, __u32 nr)
{
	for (__u32 i = 0; i < nr; i++)
		if (extents[i].len &&
		    log_mark(s->log, extents[i].gpa, extents[i].len))
			return "what was delivered cannot be marked";
	return "";
}

static const char *harvest_once(struct scene *s, __u32 flags, bool fault)
{
	struct virt_as_harvest h = log_range(AT(0x100), AT(0x2000) - 1, flags);
	static __u64 bits[0x1f00 / 64];
	struct virt_as_extent extents[16] = {};
	const char *wrong = prepare(s);
	bool all;
	int rc;

	if (*wrong)
		return wrong;
	memset(bits, 0, sizeof(bits));
	if (fault)
		sweep_arm(&s->sweep);
	rc = flags & VIRT_AS_HARVEST_BITMAP ? log_harvest_bits(s->log, &h, bits) :
					      log_harvest(s->log, &h, extents, 16);
	if (fault) {
		sweep_disarm(&s->sweep);
		sweep_count(&s->sweep, rc);
	}
	if (rc && !(fault && sweep_failed(&s->sweep, rc)))
		return "another errno";
	all = !rc && !h.out_more;
	if (all && h.out_pages != 3)
		return "not all that is dirty";
	if (all && !(flags & VIRT_AS_HARVEST_PEEK)) {
		wrong = log_wrong(s, "");
		if (*wrong)
			return wrong;
	}
	for (size_t i = 0; i < 0x1f00 && flags & VIRT_AS_HARVEST_BITMAP; i++)
		if (bits[i / 64] >> i % 64 & 1 && log_mark(s->log, AT(0x100 + i), PG))
			return "what was delivered cannot be marked";
	wrong = restore(s, extents, 16);
	if (*wrong)
		return wrong;
	wrong = log_take(s->log);
	if (rc && !strcmp(wrong, UNANSWERED))
		return "";
	return strcmp(wrong, DIRTY) ? "the log has not what it had" : "";
}

static const char *harvest_often(struct scene *s, const char *what,
				 __u32 flags)
{
	const char *wrong = "";

	sweep_demand(&s->sweep, 3, 2, 0);
	while (!*wrong && sweep_next(&s->sweep)) {
		wrong = sweep_tell(&s->sweep, harvest_once(s, flags, true));
		if (!*wrong)
			wrong = sweep_tell(&s->sweep,
					   harvest_once(s, flags, false));
	}
	return *wrong ? wrong : sweep_close(&s->sweep, what);
}

TEST_F_TIMEOUT(faults, harvest, SWEEP_TIMEOUT)
{
	EXPECT_STREQ("", harvest_often(&self->s, "harvest of extents", 0));
}

TEST_F_TIMEOUT(faults, peek, SWEEP_TIMEOUT)
{
	EXPECT_STREQ("", harvest_often(&self->s, "harvest, PEEK", VIRT_AS_HARVEST_PEEK));
}

TEST_F_TIMEOUT(faults, sync, SWEEP_TIMEOUT)
{
	EXPECT_STREQ("", harvest_often(&self->s, "harvest, SYNC", VIRT_AS_HARVEST_SYNC));
}

TEST_F_TIMEOUT(faults, bitmap, SWEEP_TIMEOUT)
{
	EXPECT_STREQ("", harvest_often(&self->s, "harvest of a bitmap",
				       VIRT_AS_HARVEST_BITMAP));
}

/* Of pages that the log does not cover yet, in three places. */
static const char *mark_once(struct scene *s, bool fault)
{
	static const struct virt_as_extent list[] = {
		{ AT(0x10001), 100 * PG }, { AT(0x104), PG }, { AT(0x20000), PG },
	};
	static const char * const dirty[] = {
		DIRTY, DIRTY " 10001+100", "101 104 106 1003 10001+100",
		"101 104 106 1003 10001+100 20000",
	};
	const char *wrong = prepare(s);
	__u32 done;
	int rc;

	if (*wrong)
		return wrong;
	if (fault)
		sweep_arm(&s->sweep);
	rc = log_extents(s->log, VIRT_AS_LOG_MARK, list, 3, &done);
	if (fault) {
		sweep_disarm(&s->sweep);
		sweep_count(&s->sweep, rc);
	}
	if (rc && !(fault && sweep_failed(&s->sweep, rc)))
		return "another errno";
	if (!rc && done == 3)
		return log_wrong(s, dirty[3]);
	if (!rc)
		return "not all is done";
	if (done < 3)
		return log_wrong(s, dirty[done]);
	/* Only the answer was lost. */
	s->sweep.lost++;
	for (int i = 0; i <= 3; i++)
		if (!strcmp(log_peek(s->log), dirty[i]))
			return "";
	return "neither done nor left";
}

TEST_F_TIMEOUT(faults, mark, SWEEP_TIMEOUT)
{
	struct sweep *sweep = &self->s.sweep;

	sweep_demand(sweep, 6, 5, 0);
	while (sweep_next(sweep)) {
		ASSERT_STREQ("", sweep_tell(sweep, mark_once(&self->s, true)));
		ASSERT_STREQ("", sweep_tell(sweep, mark_once(&self->s, false)));
	}
	EXPECT_STREQ("", sweep_close(sweep, "mark of what is not covered"));
}

/* Commits while a log is open, with a region that is there before and after. */
FIXTURE(commit)
{
	struct scene s;
	struct virt_as_entry list[4];
	__u32 nr;
};

FIXTURE_VARIANT(commit)
{
	const char *what;
	bool add, remove, move;
	bool handover;
	unsigned int refused;	/* at least */
	const char *after;	/* dirty if it is published */
};

FIXTURE_VARIANT_ADD(commit, nothing) {
	.what = "commit, no change", .refused = 3, .after = DIRTY,
};

FIXTURE_VARIANT_ADD(commit, add) {
	.what = "commit, added", .add = true, .refused = 5,
	.after = "101 106 1003 3001+70",
};

FIXTURE_VARIANT_ADD(commit, remove) {
	.what = "commit, removed", .remove = true, .refused = 4, .after = DIRTY,
};

FIXTURE_VARIANT_ADD(commit, move) {
	.what = "commit, moved", .move = true, .refused = 5,
	.after = "101 106 1003 203d+16",
};

FIXTURE_VARIANT_ADD(commit, handover) {
	.what = "commit, HANDOVER of two and one added", .add = true, .remove = true,
	.move = true, .handover = true, .refused = 6,
	.after = "101 106 1003 203d+16 3001+70",
};

FIXTURE_SETUP(commit)
{
	struct scene *s = &self->s;

	ASSERT_STREQ("", scene_open(s));
	if (variant->add)
		self->list[self->nr++] = as_ram(AT(0x3001), 70 * PG, (void *)(1UL << 40));
	if (variant->remove)
		self->list[self->nr++] = as_remove(AT(0x100), 8 * PG);
	if (variant->move)
		self->list[self->nr++] = as_move(AT(0x1000), 16 * PG, AT(0x203d));
}

FIXTURE_TEARDOWN(commit)
{
	EXPECT_STREQ("", scene_close(&self->s));
}

static const char *commit_once(struct _test_data_commit *self,
			       const struct _fixture_variant_commit *variant,
			       bool fault)
{
	struct scene *s = &self->s;
	struct virt_as_extent extents[8] = {};
	const char *wrong = prepare(s);
	struct as_state was, is;
	bool published;
	int rc;

	if (*wrong || strcmp(DIRTY, log_peek(s->log)))
		return *wrong ? wrong : "not what is to be dirty";
	was = as_state(s->as);
	if (fault)
		sweep_arm(&s->sweep);
	rc = variant->handover ?
		as_handover(s->as, 0, self->list, self->nr, s->log, extents, 8, NULL) :
		as_change(s->as, self->list, self->nr);
	if (fault) {
		sweep_disarm(&s->sweep);
		sweep_count(&s->sweep, rc);
	}
	if (rc && !(fault && sweep_failed(&s->sweep, rc)))
		return "another errno";
	if (!EVENTUALLY(!as_drains(s->as)))
		return "the old map does not drain";
	is = as_state(s->as);
	published = is.generation == was.generation + 1;
	if (!published && !same_state(&was, &is))
		return "refused, but something has changed";
	if (!rc && !published)
		return "not published";
	/* Only who hands over may fail after that. */
	if (rc && published && !variant->handover)
		return "published, but refused";
	wrong = restore(s, extents, 8);
	return *wrong ? wrong : log_wrong(s, published ? variant->after : DIRTY);
}

TEST_F_TIMEOUT(commit, commit, SWEEP_TIMEOUT)
{
	struct sweep *sweep = &self->s.sweep;

	sweep_demand(sweep, variant->refused + 1, variant->refused, 0);
	while (sweep_next(sweep)) {
		ASSERT_STREQ("", sweep_tell(sweep, commit_once(self, variant, true)));
		ASSERT_STREQ("", sweep_tell(sweep, commit_once(self, variant, false)));
	}
	EXPECT_STREQ("", sweep_close(sweep, variant->what));
}

TEST_HARNESS_MAIN
