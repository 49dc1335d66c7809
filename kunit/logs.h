/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the suites of dirty logs begin with: a writer, logs, and harvests whose
 * result reads like "0-3 8". See logs.c.
 */
#ifndef VIRT_AS_KUNIT_LOGS_H
#define VIRT_AS_KUNIT_LOGS_H

#include <linux/virt_as.h>

#include "harvest.h"
#include "world.h"

#define LAST_PAGE	(U64_MAX >> PAGE_SHIFT)

/**
 * struct writer - a binding that may write
 * @world: its world
 * @binding: the binding
 * @cache: of it
 */
struct writer {
	struct world *world;
	struct virt_as_binding binding;
	struct virt_as_cache cache;
};

/* Extents that a harvest of a test has room for. */
#define CATCH_ROOM	4096

/**
 * struct catch - a harvest of a test
 * @reap: what is asked, and the answer
 * @room: extents that can be delivered; the next one fails
 * @meanwhile: called at the first delivery, with no lock held; or NULL
 * @world: the world, for @meanwhile
 * @nr: number of @extents
 * @extents: what was delivered
 */
struct catch {
	struct virt_as_reap reap;
	u32 room;
	void (*meanwhile)(struct world *world);
	struct world *world;
	u32 nr;
	struct virt_as_extent extents[CATCH_ROOM];
};

struct writer *writer_make(struct world *world);
void writer_touch(struct writer *writer, u64 page);
int writer_mark(struct writer *writer, u64 page, u64 nr);

struct virt_as_log *log_open(struct world *world, u32 flags, u64 threshold);
void log_close(struct world *world, struct virt_as_log *log);
void logs_settle(struct world *world);

struct catch *catch_make(struct world *world, u64 first, u64 last);
int catch_all(struct virt_as_log *log, struct catch *catch);
void catch_expect(const struct catch *catch, const char *pages);
void log_expect(struct world *world, struct virt_as_log *log, u32 flags,
		const char *pages);

const struct virt_as_region *live_region(struct world *world, u64 page);

#endif /* VIRT_AS_KUNIT_LOGS_H */
