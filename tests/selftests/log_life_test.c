// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whom a dirty log waits for, what interrupts it, who may have it, and how long it
 * lives; and many random calls to two logs beside a model of them.
 */
#include <sys/time.h>

#include "effort.h"
#include "log.h"
#include "owner.h"
#include "uffd.h"

FIXTURE(life) {
	unsigned char *mem;
	int as;
	int log;
	int vat;
	int pair[2];
};

static void on_signal(int signal)
{
	(void)signal;
}

/* RAM at pages 100 to 107. */
FIXTURE_SETUP(life)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct virt_as_entry ram;

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, self->pair));
	self->as = as_create();
	ASSERT_LE(0, self->as);
	self->mem = guest_alloc(8 * PG);
	ram = as_ram(AT(0x100), 8 * PG, self->mem);
	ASSERT_EQ(0, as_replace(self->as, &ram, 1));
	self->vat = vat_bound(self->as, RIGHTS_RW);
	ASSERT_LE(0, self->vat);
	self->log = log_open(self->as);
	ASSERT_LE(0, self->log);
}

FIXTURE_TEARDOWN(life)
{
	close(self->log);
	close(self->vat);
	close(self->as);
}

static long vat_step(int vat, struct vat_op op)
{
	return vat_one(vat, VAT_THREAD, &op);
}

/* Of a section that is open it is not known whether it will mark: it began before. */
TEST_F_TIMEOUT(life, opening_waits_for_sections, 60)
{
	struct log_call c = { .fd = self->as };
	int next;

	close(self->log);
	self->log = -1;
	ASSERT_EQ(0, vat_step(self->vat, VAT_BEGIN));
	next = dup(0);
	close(next);
	ASSERT_EQ(0, call_start(&c.call, call_log));
	EXPECT_TRUE(call_waits(&c.call));
	/* Reads, writes and harvests of others go on. */
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x101)));
	EXPECT_EQ(-EINTR, call_interrupt(&c.call));
	EXPECT_EQ(0, as_logs(self->as));
	EXPECT_EQ(next, dup(0));
	close(next);

	ASSERT_EQ(0, call_start(&c.call, call_log));
	EXPECT_TRUE(call_waits(&c.call));
	ASSERT_EQ(0, vat_step(self->vat, VAT_END));
	self->log = call_join(&c.call);
	ASSERT_LE(0, self->log);
	EXPECT_EQ(1, as_logs(self->as));
	EXPECT_EQ(1, vat_write(self->vat, VAT_THREAD, AT(0x102), bytes(), 1));
	/* What was written while it waited may be there, or not. */
	EXPECT_STREQ("102", log_text(self->log, 0, AT(0x102), TOP));
}

/* Also the second one waits, for an old map to drain. */
TEST_F_TIMEOUT(life, opening_waits_for_a_drain, 60)
{
	struct log_call c = { .fd = self->as };
	int log;

	ASSERT_EQ(0, vat_step(self->vat, VAT_BEGIN));
	ASSERT_EQ(0, as_commit(self->as, VIRT_AS_COMMIT_NOWAIT, 0, NULL, 0, NULL));
	ASSERT_EQ(0, call_start(&c.call, call_log));
	EXPECT_TRUE(call_waits(&c.call));
	EXPECT_EQ(-EINTR, call_interrupt(&c.call));
	EXPECT_EQ(1, as_logs(self->as));
	ASSERT_EQ(0, call_start(&c.call, call_log));
	EXPECT_TRUE(call_waits(&c.call));
	ASSERT_EQ(0, vat_step(self->vat, VAT_END));
	log = call_join(&c.call);
	ASSERT_LE(0, log);
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x102)));
	EXPECT_TAKEN("102", log);
	EXPECT_TAKEN("102", self->log);
	close(log);
}

/* Only SYNC waits, and only it says that nothing is missed. */
TEST_F_TIMEOUT(life, sync_waits_for_sections, 60)
{
	struct log_call c = { .fd = self->log, .flags = VIRT_AS_HARVEST_SYNC };
	struct vat_op write = vat_op(VAT_OP_COPY_TO, AT(0x105), bytes(), 1);

	ASSERT_EQ(0, vat_step(self->vat, VAT_BEGIN));
	ASSERT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x101)));
	EXPECT_TAKEN("101", self->log);
	ASSERT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x102)));
	ASSERT_EQ(0, call_start(&c.call, call_harvest));
	EXPECT_TRUE(call_waits(&c.call));
	EXPECT_EQ(-EINTR, call_interrupt(&c.call));
	EXPECT_DIRTY("102", self->log);

	ASSERT_EQ(0, call_start(&c.call, call_harvest));
	EXPECT_TRUE(call_waits(&c.call));
	ASSERT_EQ(1, vat_step(self->vat, write));
	EXPECT_FALSE(call_done(&c.call));
	ASSERT_EQ(0, vat_step(self->vat, VAT_END));
	EXPECT_EQ(0, call_join(&c.call));
	EXPECT_STREQ("102 105", call_text(&c));
	EXPECT_TAKEN("", self->log);
}

/* Also for who uses a map that was replaced. */
TEST_F_TIMEOUT(life, sync_waits_for_a_drain, 60)
{
	struct log_call c = { .fd = self->log, .flags = VIRT_AS_HARVEST_SYNC };
	struct vat_op write = vat_op(VAT_OP_COPY_TO, AT(0x105), bytes(), 1);

	ASSERT_EQ(0, vat_step(self->vat, VAT_BEGIN));
	ASSERT_EQ(0, as_commit(self->as, VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_NOWAIT,
			       0, NULL, 0, NULL));
	EXPECT_TAKEN("", self->log);
	ASSERT_EQ(0, call_start(&c.call, call_harvest));
	EXPECT_TRUE(call_waits(&c.call));
	EXPECT_EQ(-EINTR, call_interrupt(&c.call));
	ASSERT_EQ(0, call_start(&c.call, call_harvest));
	EXPECT_TRUE(call_waits(&c.call));
	ASSERT_EQ(1, vat_step(self->vat, write));
	ASSERT_EQ(0, vat_step(self->vat, VAT_END));
	EXPECT_EQ(0, call_join(&c.call));
	EXPECT_STREQ("105", call_text(&c));
}

static void *call_pwrite(void *arg)
{
	struct call *call = arg;

	call_begin(call);
	call_end(call, as_pwrite(call->as, "hello", 5, call->gpa));
	return NULL;
}

/* A write that sleeps in a fault, which this test serves. */
TEST_F_TIMEOUT(life, sync_waits_for_a_fault, 60)
{
	unsigned char *mem = guest_alloc(2 * PG), *page = guest_alloc(PG);
	struct virt_as_entry ram = clean(as_ram(AT(0x200), 2 * PG, mem));
	struct log_call c = { .fd = self->log, .flags = VIRT_AS_HARVEST_SYNC };
	struct call w = { .as = self->as, .gpa = AT(0x201) };
	int uffd = uffd_watch(mem, 2 * PG);

	ASSERT_LE(0, uffd);
	ASSERT_EQ(0, as_change(self->as, &ram, 1));
	ASSERT_EQ(0, call_start(&w, call_pwrite));
	ASSERT_EQ(mem + PG, uffd_fault(uffd));
	/* It is in flight: it may be reported, and will be. */
	log_take(self->log);
	ASSERT_EQ(0, call_start(&c.call, call_harvest));
	EXPECT_TRUE(call_waits(&c.call));
	ASSERT_EQ(0, uffd_serve(uffd, mem + PG, page, PG));
	EXPECT_EQ(5, call_join(&w));
	EXPECT_EQ(0, call_join(&c.call));
	EXPECT_STREQ("201", call_text(&c));
	EXPECT_EQ(0, memcmp(mem + PG, "hello", 5));
	close(uffd);
}

/* A foreign write goes on as a job when its task was killed in the middle of it. */
TEST_F_TIMEOUT(life, sync_waits_for_a_job, 60)
{
	const size_t len = 32 * PG;
	unsigned char *mem = guest_alloc(len), *pages = guest_alloc(len);
	struct virt_as_entry ram = clean(as_ram(AT(0x200), len, mem));
	struct log_call c = { .fd = self->log, .flags = VIRT_AS_HARVEST_SYNC };
	int uffd = uffd_watch(mem, len);
	pid_t child;

	ASSERT_LE(0, uffd);
	ASSERT_EQ(0, as_change(self->as, &ram, 1));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		memset(pages, 'j', len);
		_exit(as_pwrite(self->as, pages, len, AT(0x200)) != (long)len);
	}
	ASSERT_EQ(mem, uffd_fault(uffd));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(1000 + SIGKILL, child_status(child));
	log_take(self->log);
	ASSERT_EQ(0, call_start(&c.call, call_harvest));
	EXPECT_TRUE(call_waits(&c.call));
	ASSERT_EQ(0, uffd_serve(uffd, mem, pages, len));
	EXPECT_EQ(0, call_join(&c.call));
	/* How far it comes is its own business, but it has begun. */
	EXPECT_EQ('j', mem[0]);
	EXPECT_EQ(0, strncmp("200", call_text(&c), 3))
		TH_LOG("%s", call_text(&c));
	close(uffd);
}

/* All pages by as many calls as it takes; @early: those that ended for a signal. */
static __u64 harvest_between_signals(int log, unsigned int *early)
{
	struct virt_as_harvest h = log_range(0, TOP, 0);
	struct virt_as_extent extents[4];
	__u64 pages = 0;

	do {
		h.gpa = h.out_next;
		if (log_harvest(log, &h, extents, 4))
			return 0;
		if (*harvest_wrong(&h, extents))
			return 0;
		pages += h.out_pages;
		*early += h.out_more && h.out_nr_extents < 4;
	} while (h.out_more);
	return pages;
}

/* A harvest that is long enough is ended by a signal, and then gone on with. */
TEST_F_TIMEOUT(life, harvest_ends_for_a_signal, 60)
{
	const struct itimerval often = { { 0, 2000 }, { 0, 2000 } }, never = {};
	const __u64 pages = 1 << 18;
	struct virt_as_entry ram = clean(as_ram(AT(0x40001), AT(pages),
						(void *)(1UL << 40)));
	struct sigaction action = { .sa_handler = on_signal };
	unsigned int early = 0;

	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, as_change(self->as, &ram, 1));
	for (int round = 0; !early && round < 1000; round++) {
		ASSERT_EQ(0, as_mark(self->as, ram.gpa, ram.len));
		ASSERT_EQ(0, setitimer(ITIMER_REAL, &often, NULL));
		EXPECT_EQ(pages, harvest_between_signals(self->log, &early));
		ASSERT_EQ(0, setitimer(ITIMER_REAL, &never, NULL));
		EXPECT_TAKEN("", self->log);
	}
	EXPECT_LT(0, early);
}

/* A log is a file: whoever has it may harvest, whatever else it may not. */
TEST_F(life, passed_to_another_process)
{
	pid_t child = fork();

	ASSERT_LE(0, child);
	if (!child) {
		int log;

		close(self->as);
		close(self->vat);
		close(self->log);
		ASSERT_EQ(0, munmap(self->mem, 8 * PG));
		log = recv_fd(self->pair[1]);
		ASSERT_LE(0, log);
		ASSERT_STREQ("101", log_take(log));
		ASSERT_EQ(0, log_mark(log, AT(0x103), PG));
		ASSERT_EQ(0, post(self->pair[1]));
		ASSERT_EQ(0, await(self->pair[1]));
		ASSERT_STREQ("102", log_take(log));
		_exit(0);
	}
	ASSERT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x101)));
	ASSERT_EQ(0, send_fd(self->pair[0], self->log));
	ASSERT_EQ(0, await(self->pair[0]));
	EXPECT_TAKEN("103", self->log);
	ASSERT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x102)));
	ASSERT_EQ(0, post(self->pair[0]));
	EXPECT_EQ(0, child_status(child));
	/* It was the same log, which is open until all have closed it. */
	EXPECT_TAKEN("", self->log);
	EXPECT_EQ(1, as_logs(self->as));
}

TEST_F(life, opened_by_another_process)
{
	struct virt_as_entry ram = as_ram(AT(0x100), PG, shared_alloc(PG));
	struct owner owner;
	int log;

	ASSERT_EQ(0, owner_start(&owner, true));
	ASSERT_EQ(0, owner_commit(&owner, VIRT_AS_COMMIT_REPLACE, &ram, 1));
	log = log_open_with(owner.as, VIRT_AS_LOG_ALL_DIRTY, 0);
	ASSERT_LE(0, log);
	EXPECT_TAKEN("100", log);
	EXPECT_EQ(1, as_pwrite(owner.as, "x", 1, AT(0x100)));
	/* The memory is gone with its owner, what was written is not forgotten. */
	EXPECT_EQ(0, owner_stop(&owner));
	EXPECT_STREQ("100", log_text(log, VIRT_AS_HARVEST_SYNC, 0, TOP));
	close(log);
}

/* Who is bound goes on to write when no file of the address space is open. */
TEST_F(life, outlives_the_files)
{
	EXPECT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x101)));
	close(self->as);
	EXPECT_EQ(1, vat_write(self->vat, VAT_THREAD, AT(0x102), bytes(), 1));
	EXPECT_TAKEN("101+2", self->log);
	close(self->vat);
	EXPECT_TAKEN("", self->log);
	EXPECT_EQ(0, log_mark(self->log, AT(0x104), PG));
	EXPECT_TAKEN("104", self->log);
	self->as = as_create();
	self->vat = vat_open();
}

/* Those who waited were interrupted, and then all is closed, with a wait under way. */
TEST_F_TIMEOUT(life, abandoned_waits, 60)
{
	for (int round = 0; round < 5; round++) {
		struct virt_as_entry ram = as_ram(0, PG, self->mem);
		int as = as_create(), log = log_open(as), vat;
		struct log_call c[2] = {
			{ .fd = log, .flags = VIRT_AS_HARVEST_SYNC }, { .fd = as },
		};

		ASSERT_LE(0, log);
		ASSERT_EQ(0, as_replace(as, &ram, 1));
		vat = vat_bound(as, RIGHTS_RW);
		ASSERT_LE(0, vat);
		ASSERT_EQ(0, vat_step(vat, VAT_BEGIN));
		ASSERT_EQ(0, call_start(&c[0].call, call_harvest));
		EXPECT_TRUE(call_waits(&c[0].call));
		ASSERT_EQ(0, call_start(&c[1].call, call_log));
		EXPECT_TRUE(call_waits(&c[1].call));
		EXPECT_EQ(-EINTR, call_interrupt(&c[0].call));
		EXPECT_EQ(-EINTR, call_interrupt(&c[1].call));
		close(log);
		close(as);
		ASSERT_EQ(0, vat_step(vat, VAT_END));
		close(vat);
	}
}

/* Closed in the middle of all, in every order. */
TEST_F(life, closed_with_a_drain)
{
	ASSERT_EQ(0, vat_step(self->vat, VAT_BEGIN));
	ASSERT_EQ(1, as_pwrite(self->as, "x", 1, AT(0x101)));
	ASSERT_EQ(0, as_commit(self->as, VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_NOWAIT,
			       0, NULL, 0, NULL));
	close(self->log);
	EXPECT_EQ(0, as_logs(self->as));
	ASSERT_EQ(1, vat_step(self->vat, vat_op(VAT_OP_COPY_TO, AT(0x102), bytes(), 1)));
	ASSERT_EQ(0, vat_step(self->vat, VAT_END));
	EXPECT_EQ(POLLOUT, as_poll(self->as, POLLOUT, HANG_MS));
	self->log = log_open(self->as);
	ASSERT_LE(0, self->log);
	EXPECT_TAKEN("", self->log);
}

#define MODEL_PAGES	512ULL
#define MODEL_FIRST	0x1000ULL

/* Where the model's map has ordinary memory: most of it, with holes. */
static bool is_ram(__u64 page)
{
	return page % 97 > 4;
}

/**
 * struct model - what two logs should have
 * @seed: of what is random
 * @dirty: by log and page
 */
struct model {
	unsigned int seed;
	int logs[2];
	int as;
	bool dirty[2][MODEL_PAGES];
};

static __u64 pick(struct model *m, __u64 n)
{
	return rand_r(&m->seed) % n;
}

static __u64 model_units(struct model *m, int i, __u64 at, __u64 pages)
{
	for (__u64 page = at; page < at + pages; page++)
		if (m->dirty[i][page])
			return 1;
	return 0;
}

/* All dirty units up to where the answer says it came, and no other. */
static const char *model_harvest(struct model *m, int i)
{
	__u64 unit = 1 << pick(m, 5), first = pick(m, MODEL_PAGES / unit) * unit;
	__u64 last = first + (1 + pick(m, (MODEL_PAGES - first) / unit)) * unit;
	struct virt_as_harvest h = log_range(AT(MODEL_FIRST + first),
					     AT(MODEL_FIRST + last) - 1, pick(m, 3));
	struct virt_as_extent extents[64];
	bool got[MODEL_PAGES] = {}, bitmap = pick(m, 2);
	__u64 bits[MODEL_PAGES / 64] = {}, end = last, units = 0;
	const char *wrong = "";
	__u64 left;
	int err;

	h.page_size = AT(unit);
	h.max_pages = pick(m, 3) ? 0 : 1 + pick(m, 20);
	err = bitmap ? log_harvest_bits(m->logs[i], &h, bits) :
		       log_harvest(m->logs[i], &h, extents, pick(m, 65));
	if (err)
		return "a harvest fails";
	if (!bitmap)
		wrong = harvest_wrong(&h, extents);
	if (*wrong)
		return wrong;
	for (__u64 at = 0; bitmap && at < MODEL_PAGES; at++) {
		if (!(bits[at / 64] >> at % 64 & 1))
			continue;
		if (first + at * unit >= last)
			return "a bit outside of the range";
		memset(got + first + at * unit, 1, unit);
	}
	for (__u32 j = 0; j < h.out_nr_extents; j++)
		memset(got + extents[j].gpa / PG - MODEL_FIRST, 1, extents[j].len / PG);
	if (h.out_more)
		end = h.out_next / PG - MODEL_FIRST;
	left = h.out_more && h.out_pages != h.max_pages &&
	       (bitmap || h.out_nr_extents != h.nr_extents);
	if (left || end < first || end > last)
		return "it ends early for no reason";
	for (__u64 at = 0; at < MODEL_PAGES; at += unit) {
		bool want = at >= first && at < end && model_units(m, i, at, unit);

		for (__u64 page = at; page < at + unit; page++)
			if (got[page] != want)
				return want ? "a unit is left out" : "a unit too many";
		units += want;
		if (want && !(h.flags & VIRT_AS_HARVEST_PEEK))
			memset(m->dirty[i] + at, 0, unit);
	}
	return units == h.out_pages ? "" : "another number of units";
}

static const char *model_step(struct model *m)
{
	__u64 first = pick(m, MODEL_PAGES), nr = 1 + pick(m, MODEL_PAGES - first);
	__u64 gpa = AT(MODEL_FIRST + first);
	int i = pick(m, 2), want = 0;

	if (nr > 40 && pick(m, 8))
		nr = 1 + nr % 40;
	switch (pick(m, 8)) {
	case 0:
		memset(m->dirty[i] + first, 1, nr);
		return log_mark(m->logs[i], gpa, AT(nr)) ? "LOG_MARK fails" : "";
	case 1:
		/* It clears what was moved into the log, so first all of it is. */
		log_peek(m->logs[i]);
		memset(m->dirty[i] + first, 0, nr);
		return log_clear(m->logs[i], gpa, AT(nr)) ? "LOG_CLEAR fails" : "";
	case 2:
		if (!is_ram(first))
			return as_pwrite(m->as, "x", 1, gpa) == -ENOENT ? "" :
			       "a write into a hole";
		m->dirty[0][first] = true;
		m->dirty[1][first] = true;
		return as_pwrite(m->as, "x", 1, gpa + 77) == 1 ? "" : "no write";
	case 3:
	case 4:
		for (__u64 page = first; page < first + nr; page++)
			if (!is_ram(page))
				want = -ENOENT;
		if (!want) {
			memset(m->dirty[0] + first, 1, nr);
			memset(m->dirty[1] + first, 1, nr);
		}
		return as_mark(m->as, gpa + 1, AT(nr) - 1) == want ? "" : "MARK";
	}
	return model_harvest(m, i);
}

TEST_F_TIMEOUT(life, random_calls_beside_a_model, 120)
{
	const unsigned long steps = effort(1000, 6000, 200000);
	const char *seed = getenv("VIRT_AS_SEED");
	struct virt_as_entry map[16];
	struct model m = { .as = self->as };
	unsigned char *mem = guest_alloc(MODEL_PAGES * PG);
	unsigned int first_seed;
	__u32 nr = 0;

	first_seed = seed ? strtoul(seed, NULL, 0) : (unsigned long)getpid();
	m.seed = first_seed;
	for (__u64 page = 0; page < MODEL_PAGES; page++) {
		__u64 from = page;

		while (page < MODEL_PAGES && is_ram(page))
			page++;
		if (page > from)
			map[nr++] = clean(as_ram(AT(MODEL_FIRST + from), AT(page - from),
						 mem + AT(from)));
	}
	ASSERT_EQ(0, as_replace(self->as, map, nr));
	m.logs[0] = log_open(self->as);
	ASSERT_LE(0, m.logs[0]);
	m.logs[1] = log_open(self->as);
	ASSERT_LE(0, m.logs[1]);
	for (unsigned long i = 0; i < steps; i++) {
		ASSERT_STREQ("", model_step(&m))
			TH_LOG("step %lu of VIRT_AS_SEED=%u", i, first_seed);
	}
	close(m.logs[0]);
	close(m.logs[1]);
}

TEST_HARNESS_MAIN
