// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracepoints tell what happened to which address space.
 */
#include "consumer.h"

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

TEST_HARNESS_MAIN
