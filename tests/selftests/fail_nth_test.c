// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls with a fault in every place where the kernel can have one, commits and
 * accesses apart, which have programs of their own. A call fails and leaves all as
 * it was, or it succeeds and has done all; the same call without a fault then
 * succeeds. What is lost on the way, kmemleak finds.
 */
#include "fail_nth.h"

#include "virt_as_sample.h"

#define NR_CREATE	600	/* of create_virt_address_space() */

FIXTURE(create)
{
	struct sweep sweep;
	struct census census;
	int device;
};

FIXTURE_VARIANT(create)
{
	const char *what;
	bool device;
	bool crowded;		/* the table of files is full, and has to grow */
};

FIXTURE_VARIANT_ADD(create, system_call) { .what = "create" };

FIXTURE_VARIANT_ADD(create, device) {
	.what = "create by the device", .device = true,
};

FIXTURE_VARIANT_ADD(create, crowded) {
	.what = "create, the 65th file", .crowded = true,
};

FIXTURE_SETUP(create)
{
	ASSERT_STREQ("", sweep_open(&self->sweep, MAY_BOTH));
	ASSERT_EQ(0, census_begin(&self->census));
	self->device = open(DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->device);
}

FIXTURE_TEARDOWN(create)
{
	close(self->device);
	EXPECT_STREQ("", census_end(&self->census));
}

static int create_here(struct _test_data_create *self,
		       const struct _fixture_variant_create *variant)
{
	struct virt_as_create attr = { .size = sizeof(attr) };
	int as;

	sweep_arm(&self->sweep);
	as = variant->device ? as_ioctl(self->device, VIRT_AS_CREATE, &attr) :
			       sys(syscall(NR_CREATE, &attr, sizeof(attr), 0));
	sweep_disarm(&self->sweep);
	return as;
}

#define TABLE	64	/* files that a process has room for at first */

/* What a child of this process got, as a table that has grown remains so. */
static int create_crowded(struct _test_data_create *self,
			  const struct _fixture_variant_create *variant)
{
	struct {
		int as;
		bool hit;
	} *outcome = shared_alloc(sizeof(*outcome));
	pid_t child = fork();

	if (!child) {
		self->sweep.nth = open(FAIL_NTH, O_RDWR);
		while (dup(self->device) < TABLE - 1)
			;
		outcome->as = create_here(self, variant);
		outcome->hit = self->sweep.hit;
		_exit(fcntl(TABLE, F_GETFD) < 0 ? outcome->as >= 0 :
						  outcome->as != TABLE);
	}
	if (child_status(child))
		return -EPROTO;
	self->sweep.hit = outcome->hit;
	return outcome->as;
}

TEST_F_TIMEOUT(create, create, SWEEP_TIMEOUT)
{
	struct sweep *sweep = &self->sweep;

	sweep_demand(sweep, 8, 6, 0);
	while (sweep_next(sweep)) {
		int fds = count_fds(), as;

		as = variant->crowded ? create_crowded(self, variant) :
					create_here(self, variant);
		sweep_count(sweep, as);
		if (as < 0) {
			ASSERT_TRUE(sweep_failed(sweep, as));
			ASSERT_EQ(fds, count_fds());
			continue;
		}
		if (variant->crowded)
			continue;
		ASSERT_EQ(1, as_generation(as));
		ASSERT_EQ(0, as_replace(as, NULL, 0));
		close(as);
	}
	EXPECT_STREQ("", sweep_close(sweep, variant->what));
}

/* One address space with a few regions, and what else a test needs. */
FIXTURE(calls)
{
	struct sweep sweep;
	struct census census;
	int as;
	unsigned char *mem;
	struct virt_as_entry map[4];
};

FIXTURE_SETUP(calls)
{
	const size_t len = 8 * PG;

	ASSERT_STREQ("", sweep_open(&self->sweep, MAY_BOTH));
	ASSERT_EQ(0, census_begin(&self->census));
	self->mem = guest_alloc(len);
	ASSERT_NE(NULL, self->mem);
	fill(self->mem, len, 1);
	for (size_t i = 0; i < ARRAY_SIZE(self->map); i++)
		self->map[i] = as_ram(i * 4 * PG, PG, self->mem + 2 * i * PG);
	self->as = as_create();
	ASSERT_LE(0, self->as);
	ASSERT_EQ(0, as_replace(self->as, self->map, ARRAY_SIZE(self->map)));
}

FIXTURE_TEARDOWN(calls)
{
	if (self->as >= 0)
		close(self->as);
	EXPECT_STREQ("", census_end(&self->census));
}

static const char *bind_once(struct _test_data_calls *self, int vat, __u32 flags,
			     bool fault)
{
	struct vat_status was = vat_status(vat), is;
	int rc;

	if (fault)
		sweep_arm(&self->sweep);
	rc = vat_bind_as(vat, self->as, RIGHTS_RW, flags);
	if (fault) {
		sweep_disarm(&self->sweep);
		sweep_count(&self->sweep, rc);
	}
	is = vat_status(vat);
	if (rc && !(fault && sweep_failed(&self->sweep, rc)))
		return "another errno";
	if (is.bound != !rc || as_bindings(self->as) != !rc)
		return "bound and refused, or neither";
	if (is.violations || is.calls[VAT_ABORT] != was.calls[VAT_ABORT])
		return "called against the rules";
	if (is.calls[VAT_COMMIT] != was.calls[VAT_COMMIT] + (!rc && !flags))
		return "not shown the map, or shown though refused";
	return vat_unbind(vat) == (rc ? -ENOTCONN : 0) ? "" : "cannot be unbound";
}

static void sweep_bind(struct __test_metadata *_metadata,
		       struct _test_data_calls *self, __u32 flags)
{
	int vat = vat_open();

	ASSERT_LE(0, vat);
	while (sweep_next(&self->sweep)) {
		ASSERT_STREQ("", sweep_tell(&self->sweep, bind_once(self, vat, flags, true)));
		ASSERT_STREQ("", sweep_tell(&self->sweep, bind_once(self, vat, flags, false)));
	}
	close(vat);
}

TEST_F_TIMEOUT(calls, bind, SWEEP_TIMEOUT)
{
	sweep_demand(&self->sweep, 3, 2, 0);
	sweep_bind(_metadata, self, 0);
	EXPECT_STREQ("", sweep_close(&self->sweep, "bind"));
}

/* Nothing is allocated: what can fail is the copy of the test's own structure. */
TEST_F_TIMEOUT(calls, bind_without_functions, SWEEP_TIMEOUT)
{
	sweep_demand(&self->sweep, 1, 1, 0);
	sweep_bind(_metadata, self, VAT_BIND_SILENT);
	EXPECT_STREQ("", sweep_close(&self->sweep, "bind, no functions"));
}

static const char *sample_once(struct _test_data_calls *self, bool fault)
{
	struct virt_as_sample_run run = { .fd = self->as, .stride = PG };
	int sample = open("/dev/virt_as_sample", O_RDWR | O_CLOEXEC);
	const char *wrong = "";
	int rc;

	if (sample < 0)
		return "no sample module";
	if (fault)
		sweep_arm(&self->sweep);
	rc = as_ioctl(sample, VIRT_AS_SAMPLE_RUN, &run);
	if (fault) {
		sweep_disarm(&self->sweep);
		sweep_count(&self->sweep, rc);
	}
	if (rc && !(fault && sweep_failed(&self->sweep, rc)))
		wrong = "another errno";
	else if (as_bindings(self->as) != !rc)
		wrong = "bound and refused, or neither";
	close(sample);
	return *wrong || !as_bindings(self->as) ? wrong : "bound for ever";
}

TEST_F_TIMEOUT(calls, sample, SWEEP_TIMEOUT)
{
	sweep_demand(&self->sweep, 2, 2, 0);
	while (sweep_next(&self->sweep)) {
		ASSERT_STREQ("", sweep_tell(&self->sweep, sample_once(self, true)));
		ASSERT_STREQ("", sweep_tell(&self->sweep, sample_once(self, false)));
	}
	EXPECT_STREQ("", sweep_close(&self->sweep, "sample"));
}

/*
 * What takes something back cannot fail. So perhaps there is no place for a
 * fault at all; if there is one, nobody notices.
 */
TEST_F_TIMEOUT(calls, unbind, SWEEP_TIMEOUT)
{
	struct sweep *sweep = &self->sweep;
	int vat = vat_open();

	ASSERT_LE(0, vat);
	sweep->may = 0;
	while (sweep_next(sweep)) {
		int rc;

		ASSERT_EQ(0, vat_bind(vat, self->as, RIGHTS_RW));
		sweep_arm(sweep);
		rc = vat_unbind(vat);
		sweep_disarm(sweep);
		sweep_count(sweep, rc);
		ASSERT_EQ(0, rc);
		ASSERT_EQ(0, as_bindings(self->as));
	}
	close(vat);
	EXPECT_STREQ("", sweep_close(sweep, "unbind"));
}

static int close_swept(struct sweep *sweep, int fd)
{
	int rc;

	sweep_arm(sweep);
	rc = sys(close(fd));
	sweep_disarm(sweep);
	sweep_count(sweep, rc);
	return rc;
}

TEST_F_TIMEOUT(calls, close, SWEEP_TIMEOUT)
{
	while (sweep_next(&self->sweep)) {
		int as = as_create();

		ASSERT_LE(0, as);
		ASSERT_EQ(0, as_replace(as, self->map, ARRAY_SIZE(self->map)));
		ASSERT_EQ(0, close_swept(&self->sweep, as));
	}
	EXPECT_STREQ("", sweep_close(&self->sweep, "close"));
}

/* Which of file and binding goes last; with the drain that its section holds up. */
static void close_draining(struct __test_metadata *_metadata,
			   struct _test_data_calls *self, bool binding_last)
{
	while (sweep_next(&self->sweep)) {
		struct vat_op begin = VAT_BEGIN;
		int as = as_create(), vat;

		ASSERT_LE(0, as);
		ASSERT_EQ(0, as_replace(as, self->map, ARRAY_SIZE(self->map)));
		vat = vat_bound(as, RIGHTS_RW);
		ASSERT_LE(0, vat);
		ASSERT_EQ(0, vat_one(vat, VAT_THREAD, &begin));
		ASSERT_EQ(0, as_commit(as, VIRT_AS_COMMIT_REPLACE |
					   VIRT_AS_COMMIT_NOWAIT, 0, self->map,
				       1, NULL));
		ASSERT_TRUE(as_drains(as));
		if (binding_last) {
			close(as);
			ASSERT_EQ(0, close_swept(&self->sweep, vat));
		} else {
			close(vat);
			ASSERT_EQ(0, close_swept(&self->sweep, as));
		}
	}
	EXPECT_STREQ("", sweep_close(&self->sweep, "close, with a drain"));
}

TEST_F_TIMEOUT(calls, close_of_file_with_a_drain, SWEEP_TIMEOUT)
{
	close_draining(_metadata, self, false);
}

TEST_F_TIMEOUT(calls, close_of_binding_with_a_drain, SWEEP_TIMEOUT)
{
	close_draining(_metadata, self, true);
}

/* Whoever was not told of a generation is still told that there is one. */
TEST_F_TIMEOUT(calls, info, SWEEP_TIMEOUT)
{
	struct sweep *sweep = &self->sweep;

	sweep->may = MAY_FAULT;
	sweep_demand(sweep, 2, 2, 0);
	while (sweep_next(sweep)) {
		struct virt_as_info info = { .size = sizeof(info) };
		int rc;

		ASSERT_EQ(0, as_replace(self->as, self->map, 4));
		sweep_arm(sweep);
		rc = as_ioctl(self->as, VIRT_AS_INFO, &info);
		sweep_disarm(sweep);
		sweep_count(sweep, rc);
		ASSERT_TRUE(!rc || sweep_failed(sweep, rc));
		ASSERT_EQ(rc ? POLLIN : 0, as_poll(self->as, POLLIN, 0));
		ASSERT_EQ(rc ? 0 : 4, info.out_nr_regions);
		ASSERT_LT(0, as_generation(self->as));
		ASSERT_EQ(0, as_poll(self->as, POLLIN, 0));
	}
	EXPECT_STREQ("", sweep_close(sweep, "INFO"));
}

TEST_F_TIMEOUT(calls, get_map, SWEEP_TIMEOUT)
{
	struct sweep *sweep = &self->sweep;

	sweep_demand(sweep, 4, 3, 0);
	while (sweep_next(sweep)) {
		struct as_state was = as_state(self->as), is;
		struct virt_as_entry map[4] = {};
		__u32 nr = 4;
		int rc;

		sweep_arm(sweep);
		rc = as_get_map(self->as, map, &nr);
		sweep_disarm(sweep);
		sweep_count(sweep, rc);
		ASSERT_TRUE(!rc || sweep_failed(sweep, rc));
		ASSERT_EQ(4, nr);
		for (int i = 0; !rc && i < 4; i++)
			ASSERT_TRUE(same_region(&self->map[i], &map[i]));
		is = as_state(self->as);
		ASSERT_TRUE(same_state(&was, &is));
	}
	EXPECT_STREQ("", sweep_close(sweep, "GET_MAP"));
}

TEST_F_TIMEOUT(calls, restrict_, SWEEP_TIMEOUT)
{
	struct sweep *sweep = &self->sweep;

	sweep_demand(sweep, 5, 3, 0);
	while (sweep_next(sweep)) {
		int fds = count_fds(), fd;

		sweep_arm(sweep);
		fd = as_restrict(self->as, VIRT_AS_RIGHT_READ);
		sweep_disarm(sweep);
		sweep_count(sweep, fd);
		if (fd < 0) {
			ASSERT_TRUE(sweep_failed(sweep, fd));
			ASSERT_EQ(fds, count_fds());
			continue;
		}
		ASSERT_EQ(self->mem[0], as_peek(fd, 0));
		ASSERT_EQ(-EPERM, as_pwrite(fd, "", 1, 0));
		close(fd);
	}
	EXPECT_STREQ("", sweep_close(sweep, "RESTRICT"));
}

#define NR_POLLED	600	/* more than poll() has on its stack */

TEST_F_TIMEOUT(calls, poll, SWEEP_TIMEOUT)
{
	static struct pollfd polled[NR_POLLED];
	struct sweep *sweep = &self->sweep;

	ASSERT_LT(0, as_generation(self->as));
	sweep_demand(sweep, 3, 3, 0);
	while (sweep_next(sweep)) {
		int rc;

		for (int i = 0; i < NR_POLLED; i++)
			polled[i] = (struct pollfd) {
				.fd = self->as, .events = POLLIN | POLLOUT,
			};
		sweep_arm(sweep);
		rc = sys(poll(polled, NR_POLLED, 0));
		sweep_disarm(sweep);
		sweep_count(sweep, rc);
		ASSERT_TRUE(rc == NR_POLLED || sweep_failed(sweep, rc));
		for (int i = 0; i < rc; i++)
			ASSERT_EQ(POLLOUT, polled[i].revents);
	}
	EXPECT_STREQ("", sweep_close(sweep, "poll"));
}

/* Its text, or -errno. */
static long read_fdinfo(int fd, char *text, size_t room)
{
	char path[64];
	int info;
	long rc;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = sys(open(path, O_RDONLY | O_CLOEXEC));
	if (info < 0)
		return info;
	rc = sys(read(info, text, room));
	close(info);
	return rc;
}

TEST_F_TIMEOUT(calls, fdinfo, SWEEP_TIMEOUT)
{
	char text[2][2048] = {};
	struct sweep *sweep = &self->sweep;
	long len = read_fdinfo(self->as, text[0], sizeof(text[0])), rc;

	ASSERT_LT(0, len);
	ASSERT_NE(NULL, strstr(text[0], "virt_as-generation:\t2\n"));
	sweep_demand(sweep, 3, 3, 0);
	while (sweep_next(sweep)) {
		sweep_arm(sweep);
		rc = read_fdinfo(self->as, text[1], sizeof(text[1]));
		sweep_disarm(sweep);
		sweep_count(sweep, rc);
		ASSERT_TRUE(rc == len || sweep_failed(sweep, rc));
		ASSERT_TRUE(rc < 0 || !memcmp(text[0], text[1], len));
	}
	EXPECT_STREQ("", sweep_close(sweep, "fdinfo"));
}

TEST_HARNESS_MAIN
