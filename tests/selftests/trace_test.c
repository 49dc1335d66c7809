// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracepoints tell what happened to which address space.
 */
#include "log.h"

#define EVENTS	"/sys/kernel/tracing/events/virt_as/enable"
#define TRACE	"/sys/kernel/tracing/trace"

/* Whether the trace has a line with both texts. */
static bool traced(const char *event, const char *text)
{
	FILE *trace = fopen(TRACE, "r");
	bool found = false;
	char line[512];

	while (trace && !found && fgets(line, sizeof(line), trace))
		found = strstr(line, event) && strstr(line, text);
	if (trace)
		fclose(trace);
	return found;
}

FIXTURE(trace)
{
	int as;
};

FIXTURE_SETUP(trace)
{
	ASSERT_EQ(0, put_text(EVENTS, "1"));
	ASSERT_EQ(0, put_text(TRACE, ""));
	self->as = as_create();
	ASSERT_LE(0, self->as);
}

FIXTURE_TEARDOWN(trace)
{
	close(self->as);
	EXPECT_EQ(0, put_text(EVENTS, "0"));
}

TEST_F(trace, create_and_destroy)
{
	EXPECT_TRUE(traced("virt_as_create:", "as="));
	close(self->as);
	EXPECT_TRUE(EVENTUALLY(traced("virt_as_destroy:", "as=")));
}

TEST_F(trace, commit_and_drain)
{
	struct virt_as_entry map[] = {
		as_ram(0, PG, guest_alloc(PG)),
		as_ram(PG, PG, guest_alloc(PG)),
	};

	EXPECT_EQ(0, as_replace(self->as, map, 2));
	EXPECT_TRUE(traced("virt_as_commit:", "generation=2 regions=2"));
	EXPECT_TRUE(traced("virt_as_drained:", "generation=2"));
}

TEST_F(trace, refusal)
{
	struct virt_as_entry map[] = {
		as_ram(0, PG, guest_alloc(PG)),
		as_ram(PG, PG / 2, guest_alloc(PG)),
	};

	EXPECT_EQ(-EINVAL, as_replace(self->as, map, 2));
	EXPECT_TRUE(traced("virt_as_refuse:", "err=-22 index=1"));
	EXPECT_FALSE(traced("virt_as_commit:", "as="));
}

TEST_F(trace, bind_and_unbind)
{
	int vat = vat_bound(self->as, VIRT_AS_RIGHT_READ);

	ASSERT_LE(0, vat);
	EXPECT_TRUE(traced("virt_as_bind:", "module=virt_as_test"));
	EXPECT_FALSE(traced("virt_as_unbind:", "as="));
	EXPECT_EQ(0, vat_unbind(vat));
	EXPECT_TRUE(traced("virt_as_unbind:", "module=virt_as_test"));
	close(vat);
}

TEST_F(trace, log)
{
	struct virt_as_harvest h = log_range(0, TOP, 0);
	struct virt_as_entry map = as_ram(0, 2 * PG, guest_alloc(2 * PG));
	int log;

	ASSERT_EQ(0, as_replace(self->as, &map, 1));
	log = log_open(self->as);
	ASSERT_LE(0, log);
	EXPECT_TRUE(traced("virt_as_log_open:", "as="));
	EXPECT_EQ(2, as_pwrite(self->as, "xy", 2, PG - 1));
	EXPECT_EQ(-EFAULT, log_harvest(log, &h, NULL, 4));
	EXPECT_TRUE(traced("virt_as_log_hold:", "drained=2 taken=2"));
	EXPECT_TRUE(traced("virt_as_log_restore:", "pages=2"));
	EXPECT_TAKEN("0+2", log);
	EXPECT_TRUE(traced("virt_as_log_harvest:", "units=2 extents=1"));
	EXPECT_FALSE(traced("virt_as_log_close:", "as="));
	close(log);
	EXPECT_TRUE(EVENTUALLY(traced("virt_as_log_close:", "as=")));
}

/* The most that a hold took by the trace, of pages that are @what, and all of them. */
static void traced_holds(const char *what, unsigned long *most, unsigned long *all)
{
	FILE *trace = fopen(TRACE, "r");
	char line[512];

	*most = 0;
	*all = 0;
	while (trace && fgets(line, sizeof(line), trace)) {
		char *pages = strstr(line, "virt_as_log_hold:") ? strstr(line, what) : NULL;
		unsigned long nr = pages ? strtoul(pages + strlen(what), NULL, 10) : 0;

		*most = nr > *most ? nr : *most;
		*all += nr;
	}
	if (trace)
		fclose(trace);
}

/* No hold of the lock takes more than 4,096 pages, whatever there is to take. */
TEST_F(trace, holds_are_bounded)
{
	const __u64 pages = 3 * 4096 + 100;
	struct virt_as_entry map = as_ram(37 * PG, pages * PG, (void *)(1UL << 40));
	struct virt_as_harvest h = log_range(0, TOP, 0);
	struct virt_as_extent extent;
	unsigned long most, all;
	int log;

	ASSERT_EQ(0, as_replace(self->as, &map, 1));
	log = log_open(self->as);
	ASSERT_LE(0, log);
	ASSERT_EQ(0, as_mark(self->as, map.gpa, map.len));
	ASSERT_EQ(0, log_harvest(log, &h, &extent, 1));
	EXPECT_EQ(pages, h.out_pages);
	for (int i = 0; i < 2; i++) {
		traced_holds(i ? "taken=" : "drained=", &most, &all);
		EXPECT_EQ(pages, all);
		EXPECT_LT(0, most);
		EXPECT_GE(4096, most);
	}
	close(log);
}

TEST_HARNESS_MAIN
