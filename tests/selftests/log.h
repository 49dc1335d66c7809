/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dirty logs: how a test opens, reads and feeds them. Helpers answer as those of
 * common.h do.
 *
 * What a log has is compared as a text of the dirty pages: runs in order of gpa, the
 * first page of each in hex, then how many if there is more than one: "100 105+3".
 */
#ifndef VIRT_AS_SELFTESTS_LOG_H
#define VIRT_AS_SELFTESTS_LOG_H

#include "consumer.h"

/* Extents that one call has room for. */
#define LOG_ROOM	512

#define LOG_TEXT	4096

/* The gpa of a page. */
#define AT(page)	((__u64)(page) * PG)

#define TOP		(~0ULL)

/* A few bytes to write. The test module wants to be able to write to its operands. */
static inline void *bytes(void)
{
	static char some[8] = "xyzxyzx";

	return some;
}

static inline int log_open_with(int as, __u32 flags, __u64 threshold)
{
	struct virt_as_log_open log = {
		.size = sizeof(log), .flags = flags, .threshold = threshold,
	};

	return as_ioctl(as, VIRT_AS_LOG, &log);
}

/* A log in which nothing is dirty yet. */
static inline int log_open(int as)
{
	return log_open_with(as, 0, 0);
}

static inline __u32 as_logs(int as)
{
	struct virt_as_info info;

	return as_info(as, &info) ? ~0U : info.out_nr_logs;
}

static inline int as_mark(int as, __u64 gpa, __u64 len)
{
	struct virt_as_mark mark = {
		.size = sizeof(mark), .gpa = gpa, .len = len,
	};

	return as_ioctl(as, VIRT_AS_MARK, &mark);
}

static inline struct virt_as_harvest log_range(__u64 gpa, __u64 last, __u32 flags)
{
	return (struct virt_as_harvest) {
		.size = sizeof(struct virt_as_harvest), .flags = flags,
		.gpa = gpa, .last = last, .page_size = PG,
	};
}

static inline int log_harvest(int log, struct virt_as_harvest *harvest,
			      struct virt_as_extent *extents, __u32 nr)
{
	harvest->buffer = (uintptr_t)extents;
	harvest->nr_extents = nr;
	return as_ioctl(log, VIRT_AS_LOG_HARVEST, harvest);
}

static inline int log_harvest_bits(int log, struct virt_as_harvest *harvest,
				   void *bits)
{
	harvest->flags |= VIRT_AS_HARVEST_BITMAP;
	harvest->buffer = (uintptr_t)bits;
	return as_ioctl(log, VIRT_AS_LOG_HARVEST, harvest);
}

/* Whether an answer contradicts itself or what was asked: "" or what is wrong. */
static inline const char *harvest_wrong(const struct virt_as_harvest *harvest,
					const struct virt_as_extent *extents)
{
	__u64 unit = harvest->page_size, units = 0, from = harvest->gpa;

	if (harvest->out_nr_extents > harvest->nr_extents)
		return "more extents than room";
	for (__u32 i = 0; i < harvest->out_nr_extents; i++) {
		__u64 gpa = extents[i].gpa, len = extents[i].len;

		if (!len || gpa % unit || len % unit)
			return "an extent is not of whole units";
		if (gpa < harvest->gpa || gpa + (len - 1) < gpa ||
		    gpa + (len - 1) > harvest->last)
			return "an extent is outside of the range";
		if (i && (!from || gpa <= from))
			return "extents are not in order, or not merged";
		from = gpa + len;
		units += len / unit;
	}
	if (units != harvest->out_pages)
		return "out_pages is not what the extents have";
	if (harvest->max_pages && units > harvest->max_pages)
		return "more than max_pages";
	if (!harvest->out_more)
		return "";
	if (harvest->out_next % unit || harvest->out_next < from ||
	    harvest->out_next > harvest->last)
		return "out_next is no place to go on";
	return "";
}

static inline void run_text(char text[LOG_TEXT], const struct virt_as_extent *run)
{
	size_t len = strlen(text);
	const char *gap = len ? " " : "";
	__u64 pages = run->len / PG;

	if (!run->len)
		return;
	if (pages == 1)
		snprintf(text + len, LOG_TEXT - len, "%s%llx", gap, run->gpa / PG);
	else
		snprintf(text + len, LOG_TEXT - len, "%s%llx+%llu", gap,
			 run->gpa / PG, pages);
}

/* Extents in order of gpa, neighbours together. */
static inline const char *extents_text(const struct virt_as_extent *extents, __u32 nr)
{
	static char text[LOG_TEXT];
	struct virt_as_extent run = {};

	text[0] = 0;
	for (__u32 i = 0; i < nr; i++) {
		if (run.len && run.gpa + run.len == extents[i].gpa) {
			run.len += extents[i].len;
			continue;
		}
		run_text(text, &run);
		run = extents[i];
	}
	run_text(text, &run);
	return text;
}

/* The dirty pages from @gpa to @last, by as many calls as it takes. */
static inline const char *log_text(int log, __u32 flags, __u64 gpa, __u64 last)
{
	struct virt_as_extent all[LOG_ROOM];
	static char text[64];
	__u32 nr = 0;

	for (;;) {
		struct virt_as_harvest harvest = log_range(gpa, last, flags);
		int err = log_harvest(log, &harvest, all + nr, LOG_ROOM - nr);
		const char *wrong;

		if (err) {
			snprintf(text, sizeof(text), "errno %d", -err);
			return text;
		}
		wrong = harvest_wrong(&harvest, all + nr);
		if (*wrong)
			return wrong;
		nr += harvest.out_nr_extents;
		if (!harvest.out_more)
			return extents_text(all, nr);
		if (nr == LOG_ROOM)
			return "more extents than a test should ask for";
		gpa = harvest.out_next;
	}
}

/* Takes all that is dirty. */
static inline const char *log_take(int log)
{
	return log_text(log, 0, 0, TOP);
}

/* Looks at it. */
static inline const char *log_peek(int log)
{
	return log_text(log, VIRT_AS_HARVEST_PEEK, 0, TOP);
}

#define EXPECT_TAKEN(pages, log)	EXPECT_STREQ(pages, log_take(log))
#define EXPECT_DIRTY(pages, log)	EXPECT_STREQ(pages, log_peek(log))

/* VIRT_AS_LOG_CLEAR or VIRT_AS_LOG_MARK; @done may be NULL. */
static inline int log_extents(int log, unsigned long number,
			      const struct virt_as_extent *extents, __u32 nr,
			      __u32 *done)
{
	struct virt_as_extents arg = {
		.size = sizeof(arg), .extents = (uintptr_t)extents,
		.nr_extents = nr, .out_done = ~0U,
	};
	int err = as_ioctl(log, number, &arg);

	if (done)
		*done = arg.out_done;
	return err;
}

static inline int log_clear(int log, __u64 gpa, __u64 len)
{
	struct virt_as_extent extent = { gpa, len };

	return log_extents(log, VIRT_AS_LOG_CLEAR, &extent, 1, NULL);
}

static inline int log_mark(int log, __u64 gpa, __u64 len)
{
	struct virt_as_extent extent = { gpa, len };

	return log_extents(log, VIRT_AS_LOG_MARK, &extent, 1, NULL);
}

/* A commit with HANDOVER from @log; @reply may be NULL. */
static inline int as_handover(int as, __u32 flags,
			      const struct virt_as_entry *entries, __u32 nr, int log,
			      struct virt_as_extent *extents, __u32 room,
			      struct virt_as_commit *reply)
{
	struct virt_as_commit commit = {
		.size = sizeof(commit),
		.flags = flags | VIRT_AS_COMMIT_HANDOVER,
		.entries = (uintptr_t)entries,
		.nr_entries = nr,
		.out_index = 0xa5a5a5a5,
		.out_generation = ~0ULL,
		.log_fd = log,
		.nr_extents = room,
		.extents = (uintptr_t)extents,
		.out_nr_extents = 0xa5a5a5a5,
		.out_more = 0xa5a5a5a5,
	};
	int err = as_ioctl(as, VIRT_AS_COMMIT, &commit);

	if (reply)
		*reply = commit;
	return err;
}

/* An entry whose pages are not to be dirty. */
static inline struct virt_as_entry clean(struct virt_as_entry entry)
{
	entry.flags |= VIRT_AS_ENTRY_CLEAN;
	return entry;
}

/*
 * Does what must be refused with @error, to any file, and looks whether the address
 * space or what @log has is another after it. Answers "" or what is wrong.
 */
static inline const char *log_refused(int as, int log, int error, int fd,
				      unsigned long number, void *arg)
{
	static char text[LOG_TEXT + 64];
	struct as_state before = as_state(as), after;
	__u32 logs = as_logs(as);
	char was[LOG_TEXT];
	long rc;

	snprintf(was, sizeof(was), "%s", log_peek(log));
	rc = as_ioctl(fd, number, arg);
	after = as_state(as);

	text[0] = 0;
	if (rc != -error)
		snprintf(text, sizeof(text), "errno %ld, not %d", -rc, error);
	else if (!same_state(&before, &after))
		snprintf(text, sizeof(text), "the address space has changed");
	else if (as_logs(as) != logs)
		snprintf(text, sizeof(text), "%u logs, were %u", as_logs(as), logs);
	else if (strcmp(was, log_peek(log)))
		snprintf(text, sizeof(text), "the log had %.1000s and has %.1000s",
			 was, log_peek(log));
	return text;
}

/* A call of struct call's kind that has to do with a log. */
struct log_call {
	struct call call;
	int fd;
	__u32 flags;
	struct virt_as_harvest harvest;
	struct virt_as_extent extents[LOG_ROOM];
};

/* Opens a log of the address space @fd. */
static inline void *call_log(void *arg)
{
	struct log_call *c = arg;

	call_begin(&c->call);
	call_end(&c->call, log_open_with(c->fd, c->flags, 0));
	return NULL;
}

/* Harvests the whole of the log @fd. */
static inline void *call_harvest(void *arg)
{
	struct log_call *c = arg;

	call_begin(&c->call);
	c->harvest = log_range(0, TOP, c->flags);
	call_end(&c->call, log_harvest(c->fd, &c->harvest, c->extents, LOG_ROOM));
	return NULL;
}

static inline const char *call_text(const struct log_call *c)
{
	const char *wrong = harvest_wrong(&c->harvest, c->extents);

	return *wrong ? wrong : extents_text(c->extents, c->harvest.out_nr_extents);
}

#endif /* VIRT_AS_SELFTESTS_LOG_H */
