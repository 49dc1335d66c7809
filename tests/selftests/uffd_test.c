// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sections that sleep in a page fault which the committing process serves.
 */
#include "consumer.h"
#include "uffd.h"

#define LEN	(256UL << 10)
#define LARGE	(128UL << 10)

enum who {
	OWN,		/* a thread of the owner, by pread */
	KERNEL,		/* a kernel thread, by the test module */
	FOREIGN,	/* a child, by pread */
	MODULE,		/* a child, by the test module in its context */
};

struct scene {
	enum who who;
	size_t len;
	unsigned char *mem;	/* missing; what should be there is in @old */
	unsigned char *old;
	unsigned char *new;	/* present; what the new map has */
	unsigned char *got;	/* shared: what the reader has read */
	long *result;		/* shared: and what it was told */
	struct virt_as_entry old_map;
	struct virt_as_entry new_map;
	int uffd;
	int as;
	int vat;
	struct call call;
	pid_t child;
};

static void on_signal(int signal)
{
	(void)signal;
}

static int scene_open(struct scene *s, enum who reader, size_t len)
{
	struct sigaction action = { .sa_handler = on_signal };

	*s = (struct scene) {
		.who = reader,
		.len = len,
		.mem = guest_alloc(LEN),
		.old = guest_alloc(LEN),
		.new = guest_alloc(LEN),
		.got = shared_alloc(LEN),
		.result = shared_alloc(PG),
	};
	if (!s->mem || !s->old || !s->new || !s->got || !s->result)
		return -ENOMEM;
	if (sigaction(SIGUSR1, &action, NULL))
		return -errno;
	fill(s->old, LEN, 1);
	fill(s->new, LEN, 2);
	s->old_map = as_ram(0, LEN, s->mem);
	s->new_map = as_ram(0, LEN, s->new);
	s->uffd = uffd_watch(s->mem, LEN);
	if (s->uffd < 0)
		return s->uffd;
	s->as = as_create();
	if (s->as < 0)
		return s->as;
	s->vat = vat_bound(s->as, RIGHTS_RW);
	if (s->vat < 0)
		return s->vat;
	return as_replace(s->as, &s->old_map, 1);
}

static void scene_close(struct scene *s)
{
	close(s->vat);
	close(s->as);
	close(s->uffd);
}

/* Starts the reader, and returns 0 when it sleeps in its fault. */
static int start_reader(struct scene *s)
{
	struct call *call = &s->call;

	call->vat = s->vat;
	call->as = s->as;
	call->context = VAT_THREAD;
	call->buf = s->got;
	call->len = s->len;
	call->nr = 3;
	call->ops[0] = VAT_BEGIN;
	call->ops[1] = vat_op(VAT_OP_COPY_FROM, 0, s->got, s->len);
	call->ops[2] = VAT_END;

	if (s->who == OWN || s->who == KERNEL) {
		if (call_start(call, s->who == OWN ? call_pread : call_run))
			return -EAGAIN;
	} else {
		s->child = fork();
		if (!s->child) {
			*s->result = s->who == FOREIGN ?
				as_pread(s->as, s->got, s->len, 0) :
				vat_read(s->vat, VAT_CALLER, 0, s->got, s->len);
			_exit(0);
		}
	}
	return uffd_fault(s->uffd) == s->mem ? 0 : -EFAULT;
}

/* What the reader was told. */
static long join_reader(struct scene *s)
{
	long result;

	if (s->child) {
		int status = child_status(s->child);

		return status ? -status : *s->result;
	}
	result = call_join(&s->call);
	return result || s->who == OWN ? result : s->call.ops[1].ret;
}

/*
 * The section that slept has the old data. pread() goes on in other sections
 * after 64 KiB, and those began after the new map was published.
 */
static bool right_data(const struct scene *s)
{
	bool pread = s->who == OWN || s->who == FOREIGN;
	size_t first = pread && s->len > 65536 ? 65536 : s->len;

	return !memcmp(s->got, s->old, first) &&
	       !memcmp(s->got + first, s->new + first, s->len - first);
}

FIXTURE(uffd)
{
	struct scene scene;
};

FIXTURE_VARIANT(uffd)
{
	enum who who;
	size_t len;
};

FIXTURE_VARIANT_ADD(uffd, own) { .who = OWN, .len = 100 };
FIXTURE_VARIANT_ADD(uffd, own_large) { .who = OWN, .len = LARGE };
FIXTURE_VARIANT_ADD(uffd, kthread) { .who = KERNEL, .len = 100 };
FIXTURE_VARIANT_ADD(uffd, kthread_large) { .who = KERNEL, .len = LARGE };
FIXTURE_VARIANT_ADD(uffd, foreign) { .who = FOREIGN, .len = 100 };
FIXTURE_VARIANT_ADD(uffd, foreign_large) { .who = FOREIGN, .len = LARGE };
FIXTURE_VARIANT_ADD(uffd, module) { .who = MODULE, .len = 100 };
FIXTURE_VARIANT_ADD(uffd, module_large) { .who = MODULE, .len = LARGE };

FIXTURE_SETUP(uffd)
{
	ASSERT_EQ(0, scene_open(&self->scene, variant->who, variant->len));
}

FIXTURE_TEARDOWN(uffd)
{
	scene_close(&self->scene);
}

/* The thread that serves the faults commits, before it serves. */
TEST_F_TIMEOUT(uffd, handler_commits_nowait, 60)
{
	struct scene *s = &self->scene;
	__u64 generation = as_generation(s->as);
	struct virt_as_commit reply;
	struct virt_as_info info;

	ASSERT_EQ(0, start_reader(s));
	ASSERT_EQ(0, as_commit(s->as, VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_NOWAIT,
			       0, &s->new_map, 1, &reply));
	EXPECT_EQ(generation + 1, reply.out_generation);
	EXPECT_EQ(0, as_info(s->as, &info));
	EXPECT_EQ(generation + 1, info.out_generation);
	EXPECT_GT(generation + 1, info.out_drained_generation);
	EXPECT_EQ(0, as_poll(s->as, POLLOUT, 100));
	EXPECT_REFUSED(EAGAIN, VIRT_AS_NO_INDEX, s->as,
		       VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_NOWAIT, 0,
		       &s->old_map, 1);
	EXPECT_EQ(s->new[7], as_peek(s->as, 7));

	EXPECT_EQ(0, uffd_serve(s->uffd, s->mem, s->old, LEN));
	EXPECT_EQ((long)s->len, join_reader(s));
	EXPECT_TRUE(right_data(s));
	EXPECT_EQ(POLLOUT, as_poll(s->as, POLLOUT, HANG_MS));
	EXPECT_FALSE(as_drains(s->as));
	EXPECT_EQ(0, as_commit(s->as, VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_NOWAIT,
			       0, &s->new_map, 1, &reply));
	EXPECT_EQ(generation + 2, reply.out_generation);
}

TEST_F_TIMEOUT(uffd, waiting_commit_is_interrupted, 60)
{
	struct scene *s = &self->scene;
	struct call commit = {
		.as = s->as, .flags = VIRT_AS_COMMIT_REPLACE,
		.entries = &s->new_map, .nr_entries = 1,
	};
	__u64 generation = as_generation(s->as);

	ASSERT_EQ(0, start_reader(s));
	ASSERT_EQ(0, call_start(&commit, call_commit));
	EXPECT_TRUE(EVENTUALLY(as_generation(s->as) == generation + 1));
	EXPECT_TRUE(call_waits(&commit));
	EXPECT_EQ(-EINTR, call_interrupt(&commit));
	EXPECT_EQ(generation + 1, commit.reply.out_generation);
	EXPECT_EQ(s->new[7], as_peek(s->as, 7));

	/* The next one waits for the first one's drain, and has not published. */
	commit.entries = &s->old_map;
	ASSERT_EQ(0, call_start(&commit, call_commit));
	EXPECT_TRUE(call_waits(&commit));
	EXPECT_EQ(-EINTR, call_interrupt(&commit));
	EXPECT_EQ(0, commit.reply.out_generation);
	EXPECT_EQ(generation + 1, as_generation(s->as));
	EXPECT_EQ(s->new[7], as_peek(s->as, 7));
	EXPECT_TRUE(as_drains(s->as));

	/*
	 * And one that is not interrupted gets there. It maps the new memory, as
	 * the second chunk of a long pread may see the map before it or its own.
	 */
	commit.entries = &s->new_map;
	ASSERT_EQ(0, call_start(&commit, call_commit));
	EXPECT_TRUE(call_waits(&commit));
	EXPECT_EQ(0, uffd_serve(s->uffd, s->mem, s->old, LEN));
	EXPECT_EQ((long)s->len, join_reader(s));
	EXPECT_TRUE(right_data(s));
	EXPECT_EQ(0, call_join(&commit));
	EXPECT_EQ(generation + 2, commit.reply.out_generation);
	EXPECT_EQ(s->new[7], as_peek(s->as, 7));
	EXPECT_FALSE(as_drains(s->as));
}

FIXTURE(uffd_kill)
{
	struct scene scene;
};

FIXTURE_VARIANT(uffd_kill)
{
	enum who who;
	size_t len;
};

FIXTURE_VARIANT_ADD(uffd_kill, foreign) { .who = FOREIGN, .len = 100 };
FIXTURE_VARIANT_ADD(uffd_kill, foreign_large) { .who = FOREIGN, .len = LARGE };
FIXTURE_VARIANT_ADD(uffd_kill, module) { .who = MODULE, .len = 100 };
FIXTURE_VARIANT_ADD(uffd_kill, module_large) { .who = MODULE, .len = LARGE };

FIXTURE_SETUP(uffd_kill)
{
	ASSERT_EQ(0, scene_open(&self->scene, variant->who, variant->len));
}

FIXTURE_TEARDOWN(uffd_kill)
{
	scene_close(&self->scene);
}

/* A foreign process that is killed in the fault dies; the fault may stay. */
TEST_F_TIMEOUT(uffd_kill, reader, 60)
{
	struct scene *s = &self->scene;

	ASSERT_EQ(0, start_reader(s));
	ASSERT_EQ(0, kill(s->child, SIGKILL));
	EXPECT_EQ(1000 + SIGKILL, child_status(s->child));
	s->child = 0;

	/* Whoever was helping it may still hold the old map, not the owner. */
	EXPECT_EQ(0, as_commit(s->as, VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_NOWAIT,
			       0, &s->new_map, 1, NULL));
	EXPECT_EQ(s->new[7], as_peek(s->as, 7));
	if (s->len == LARGE) {
		EXPECT_EQ(0, as_poll(s->as, POLLOUT, 100));
		EXPECT_TRUE(as_drains(s->as));
	} else {
		/* It took the fault itself, so nobody is left. */
		EXPECT_EQ(POLLOUT, as_poll(s->as, POLLOUT, HANG_MS));
	}
	EXPECT_EQ(0, uffd_serve(s->uffd, s->mem, s->old, LEN));
	EXPECT_EQ(POLLOUT, as_poll(s->as, POLLOUT, HANG_MS));
	EXPECT_EQ(0, as_replace(s->as, &s->old_map, 1));
	EXPECT_EQ(s->old[7], as_peek(s->as, 7));
}

#define MANY	12

static pid_t foreign_read(const struct scene *s, size_t len, __u64 gpa)
{
	pid_t pid = fork();

	if (!pid)
		_exit(as_pread(s->as, s->got, len, gpa) == (long)len ? 0 : 1);
	return pid;
}

/*
 * Readers that are killed leave their helpers behind, as long as nobody serves
 * the faults. However many, they do not keep other readers from their memory.
 */
TEST_F_TIMEOUT(uffd_kill, many, 60)
{
	struct scene *s = &self->scene;
	struct virt_as_entry more = as_ram(LEN, LEN, s->new);
	pid_t pids[MANY];

	ASSERT_EQ(0, as_change(s->as, &more, 1));
	for (int i = 0; i < MANY; i++) {
		pids[i] = foreign_read(s, s->len, 0);
		ASSERT_EQ(s->mem, uffd_fault(s->uffd));
	}
	for (int i = 0; i < MANY; i++) {
		ASSERT_EQ(0, kill(pids[i], SIGKILL));
		EXPECT_EQ(1000 + SIGKILL, child_status(pids[i]));
	}
	for (int i = 0; i < MANY; i++)
		EXPECT_EQ(0, child_status(foreign_read(s, LARGE, LEN)));
	EXPECT_EQ(0, as_commit(s->as, VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_NOWAIT,
			       0, &s->new_map, 1, NULL));
	for (int i = 0; i < MANY; i++)
		EXPECT_EQ(0, child_status(foreign_read(s, LARGE, 0)));
	EXPECT_EQ(0, uffd_serve(s->uffd, s->mem, s->old, LEN));
	EXPECT_EQ(POLLOUT, as_poll(s->as, POLLOUT, HANG_MS));
}

TEST_HARNESS_MAIN
