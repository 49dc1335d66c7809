// SPDX-License-Identifier: GPL-2.0-only
/*
 * Logs of a world: opened here, they are closed with the test. What a log has is
 * compared as text, page numbers in order: "0-3 8" is five pages.
 */
#include <linux/mm.h>

#include "bits.h"
#include "log.h"
#include "logs.h"
#include "map.h"
#include "object.h"

/**
 * writer_make - bind one who may write, until the end of the test
 * @world: the world
 *
 * Return: The writer.
 */
struct writer *writer_make(struct world *world)
{
	struct writer *writer = kunit_kzalloc(world->test, sizeof(*writer), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(world->test, writer);
	writer->world = world;
	world_bind(world, &writer->binding, &world_plain_ops,
		   VIRT_AS_RIGHT_READ | VIRT_AS_RIGHT_WRITE);
	return writer;
}

/**
 * writer_touch - write a byte of a page
 * @writer: the writer, in a thread of the owner's
 * @page: number of a page that is backed
 */
void writer_touch(struct writer *writer, u64 page)
{
	const u8 byte = 1;

	KUNIT_EXPECT_EQ(writer->world->test,
			virt_as_write(&writer->binding, &writer->cache, PAGES(page),
				      &byte, 1), 1);
}

/**
 * writer_mark - say that pages were written
 * @writer: the writer
 * @page: the first
 * @nr: how many
 *
 * Return: What virt_as_mark_gpa() returns.
 */
int writer_mark(struct writer *writer, u64 page, u64 nr)
{
	struct virt_as_section section;
	int err;

	err = virt_as_begin(&writer->binding, &section);
	if (err)
		return err;
	err = virt_as_mark_gpa(&section, PAGES(page), PAGES(nr));
	virt_as_end(&section);
	return err;
}

static void close_it(void *log)
{
	virt_as_log_close(log);
}

/**
 * log_open - open a log until the end of the test, or until log_close()
 * @world: the world
 * @flags: VIRT_AS_LOG_*
 * @threshold: of poll
 *
 * Return: The log.
 */
struct virt_as_log *log_open(struct world *world, u32 flags, u64 threshold)
{
	struct virt_as_log *log = virt_as_log_open(world->as, flags, threshold);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(world->test, log);
	KUNIT_ASSERT_EQ(world->test,
			kunit_add_action_or_reset(world->test, close_it, log), 0);
	return log;
}

/**
 * log_close - close a log now
 * @world: the world
 * @log: from log_open()
 */
void log_close(struct world *world, struct virt_as_log *log)
{
	kunit_release_action(world->test, close_it, log);
}

/**
 * logs_settle - wait until logging has ended, if the last log is closed
 * @world: the world
 */
void logs_settle(struct world *world)
{
	flush_work(&world->as->stop_work);
}

/**
 * live_region - a region of the present map
 * @world: the world, to which nobody commits meanwhile
 * @page: a page of it
 *
 * Return: The region; valid until the next commit.
 */
const struct virt_as_region *live_region(struct world *world, u64 page)
{
	const struct virt_as_region *region;

	region = virt_as_map_find(rcu_access_pointer(world->as->map), PAGES(page));
	KUNIT_ASSERT_NOT_NULL(world->test, region);
	return region;
}

static u32 deliver(void *context, const struct virt_as_extent *extents, u32 nr)
{
	struct catch *catch = context;
	u32 i;

	if (catch->meanwhile)
		catch->meanwhile(catch->world);
	catch->meanwhile = NULL;
	for (i = 0; i < nr && catch->nr < min_t(u32, catch->room, CATCH_ROOM); i++)
		catch->extents[catch->nr++] = extents[i];
	return i;
}

/**
 * catch_make - a harvest without limits, in pages
 * @world: the world
 * @first: first page
 * @last: last page, inclusive
 *
 * Return: The harvest; freed with the test.
 */
struct catch *catch_make(struct world *world, u64 first, u64 last)
{
	struct catch *catch = kunit_kzalloc(world->test, sizeof(*catch), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(world->test, catch);
	catch->world = world;
	catch->room = U32_MAX;
	catch->reap = (struct virt_as_reap) {
		.first = first,
		.last = last,
		.max_units = U64_MAX,
		.max_extents = U64_MAX,
		.deliver = deliver,
		.context = catch,
	};
	return catch;
}

/**
 * catch_all - harvest
 * @log: the log
 * @catch: what is asked; what was delivered before is forgotten
 *
 * Return: What virt_as_log_harvest() returns.
 */
int catch_all(struct virt_as_log *log, struct catch *catch)
{
	int err;

	catch->nr = 0;
	catch->reap.out_extents = 0;
	catch->reap.out_units = 0;
	virt_as_log_use(log);
	err = virt_as_log_harvest(log, &catch->reap);
	virt_as_log_unuse(log);
	return err;
}

static void print_pages(const struct catch *catch, char *text, size_t size)
{
	size_t len = 0;
	u32 i;

	text[0] = 0;
	for (i = 0; i < catch->nr; i++) {
		u64 first = catch->extents[i].gpa >> PAGE_SHIFT;
		u64 last = first + (catch->extents[i].len >> PAGE_SHIFT) - 1;

		len += scnprintf(text + len, size - len, "%s%llu", i ? " " : "", first);
		if (last != first)
			len += scnprintf(text + len, size - len, "-%llu", last);
	}
}

/**
 * catch_expect - what was caught must be certain pages
 * @catch: the harvest
 * @pages: the pages, as "0-3 8"
 */
void catch_expect(const struct catch *catch, const char *pages)
{
	char text[160];

	print_pages(catch, text, sizeof(text));
	KUNIT_EXPECT_STREQ(catch->world->test, text, pages);
}

/**
 * log_expect - harvest everything, which must be certain pages
 * @world: the world
 * @log: the log
 * @flags: VIRT_AS_HARVEST_*
 * @pages: the pages, as "0-3 8"
 */
void log_expect(struct world *world, struct virt_as_log *log, u32 flags,
		const char *pages)
{
	struct catch *catch = catch_make(world, 0, LAST_PAGE);

	catch->reap.flags = flags;
	KUNIT_EXPECT_EQ(world->test, catch_all(log, catch), 0);
	catch_expect(catch, pages);
	KUNIT_EXPECT_FALSE(world->test, catch->reap.out_more);
	kunit_kfree(world->test, catch);
}
