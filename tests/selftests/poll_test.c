// SPDX-License-Identifier: GPL-2.0-only
/*
 * poll() of an address space: POLLIN for a map that INFO has not told this file
 * of, POLLOUT when nothing drains, and that both wake who waits; and of a log: POLLIN
 * from a threshold on.
 */
#include <sys/epoll.h>

#include "log.h"
#include "uffd.h"

FIXTURE(poll) {
	struct virt_as_entry base;
	unsigned char *mem;
	int as;
	int pair[2];
};

FIXTURE_SETUP(poll)
{
	self->as = as_create();
	ASSERT_LE(0, self->as);
	self->mem = guest_alloc(4 * PG);
	self->base = as_ram(0, 4 * PG, self->mem);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, self->pair));
}

FIXTURE_TEARDOWN(poll)
{
	close(self->as);
}

static int events_now(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLOUT | POLLPRI };

	return poll(&pfd, 1, 0) < 0 ? -errno : pfd.revents;
}

/* 1 when one of @events is there, 0 if it hangs. */
static int wait_for(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	return sys(poll(&pfd, 1, HANG_MS));
}

TEST_F(poll, nothing_new_in_a_new_file)
{
	int other;

	EXPECT_EQ(POLLOUT, events_now(self->as));
	ASSERT_EQ(0, as_replace(self->as, &self->base, 1));
	/* Who makes a file knows what there is at that moment. */
	other = as_restrict(self->as, 0);
	ASSERT_LE(0, other);
	EXPECT_EQ(POLLOUT, events_now(other));
	close(other);
}

TEST_F(poll, refusals_and_trials_are_no_news)
{
	struct virt_as_entry wrong = as_remove(0, PG);

	EXPECT_EQ(-ENOENT, as_change(self->as, &wrong, 1));
	EXPECT_EQ(0, as_commit(self->as, VIRT_AS_COMMIT_TRY, 0, &self->base, 1,
			       NULL));
	EXPECT_EQ(POLLOUT, events_now(self->as));
}

TEST_F(poll, only_info_tells)
{
	struct virt_as_entry got;
	__u32 nr = 1;

	ASSERT_EQ(0, as_replace(self->as, &self->base, 1));
	EXPECT_EQ(POLLIN | POLLOUT, events_now(self->as));
	EXPECT_EQ(0, as_peek(self->as, 0));
	EXPECT_EQ(0, as_get_map(self->as, &got, &nr));
	EXPECT_EQ(POLLIN | POLLOUT, events_now(self->as));
	EXPECT_EQ(2, as_generation(self->as));
	EXPECT_EQ(POLLOUT, events_now(self->as));
}

TEST_F(poll, each_file_for_itself)
{
	int other = as_restrict(self->as, 0);
	int copy = dup(other);

	ASSERT_LE(0, copy);
	ASSERT_EQ(0, as_replace(self->as, &self->base, 1));
	EXPECT_EQ(POLLIN | POLLOUT, events_now(self->as));
	EXPECT_EQ(POLLIN | POLLOUT, events_now(other));
	EXPECT_EQ(2, as_generation(self->as));
	EXPECT_EQ(POLLOUT, events_now(self->as));
	EXPECT_EQ(POLLIN | POLLOUT, events_now(other));
	/* A copy of the descriptor is the same file. */
	EXPECT_EQ(2, as_generation(copy));
	EXPECT_EQ(POLLOUT, events_now(other));
	close(other);
	close(copy);
}

TEST_F(poll, wakes_another_process)
{
	int watched = as_restrict(self->as, 0);
	pid_t child;

	ASSERT_LE(0, watched);
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		for (__u64 want = 2; want < 52; want++) {
			ASSERT_EQ(0, post(self->pair[1]));
			ASSERT_EQ(1, wait_for(watched, POLLIN));
			ASSERT_EQ(want, as_generation(watched));
		}
		_exit(0);
	}
	for (int i = 0; i < 50; i++) {
		ASSERT_EQ(0, await(self->pair[0]));
		ASSERT_EQ(0, await_state(child, 'S'));
		ASSERT_EQ(0, as_replace(self->as, &self->base, 1));
	}
	EXPECT_EQ(0, child_status(child));
}

TEST_F(poll, edge_triggered)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_LE(0, epoll);
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->as, &event));
	EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
	for (int i = 0; i < 10; i++) {
		ASSERT_EQ(0, as_replace(self->as, &self->base, 1));
		EXPECT_EQ(1, epoll_wait(epoll, &event, 1, HANG_MS));
		EXPECT_EQ(i + 2, as_generation(self->as));
	}
	close(epoll);
}

TEST_F(poll, closed_while_watched)
{
	struct epoll_event event = { .events = EPOLLIN };
	int other = as_restrict(self->as, 0);
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_LE(0, other);
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, other, &event));
	close(other);
	ASSERT_EQ(0, as_replace(self->as, &self->base, 1));
	EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
	close(epoll);
}

/* A section that is stuck in a fault until this test lets go of it. */
FIXTURE(drain) {
	struct virt_as_entry base;
	unsigned char *mem;
	pthread_t reader;
	int uffd;
	int as;
	int pair[2];
};

static void *stuck_reader(void *arg)
{
	return (void *)as_peek((int)(long)arg, 0);
}

FIXTURE_SETUP(drain)
{
	self->as = as_create();
	ASSERT_LE(0, self->as);
	self->mem = guest_alloc(2 * PG);
	self->uffd = uffd_watch(self->mem, 2 * PG);
	ASSERT_LE(0, self->uffd);
	self->base = as_ram(0, 2 * PG, self->mem);
	ASSERT_EQ(0, as_replace(self->as, &self->base, 1));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, self->pair));

	ASSERT_EQ(0, pthread_create(&self->reader, NULL, stuck_reader,
				    (void *)(long)self->as));
	/* The fault is reported, so the section is open. */
	ASSERT_EQ(self->mem, uffd_fault(self->uffd));
}

FIXTURE_TEARDOWN(drain)
{
	close(self->uffd);
	close(self->as);
}

static long let_go(struct _test_data_drain *self)
{
	unsigned char page[PG];
	void *seen;
	int err;

	memset(page, 'u', PG);
	err = uffd_serve(self->uffd, self->mem, page, PG);
	if (err)
		return err;
	pthread_join(self->reader, &seen);
	return (long)seen;
}

TEST_F(drain, pollout)
{
	struct virt_as_entry other = as_ram(PG, PG, self->mem + PG);
	struct virt_as_commit reply;
	struct virt_as_info info;
	pid_t child;

	EXPECT_EQ(POLLOUT | POLLIN, events_now(self->as));
	ASSERT_EQ(0, as_commit(self->as, VIRT_AS_COMMIT_NOWAIT |
			       VIRT_AS_COMMIT_REPLACE, 0, &other, 1, &reply));
	EXPECT_EQ(3, reply.out_generation);
	ASSERT_EQ(0, as_info(self->as, &info));
	EXPECT_EQ(3, info.out_generation);
	EXPECT_EQ(2, info.out_drained_generation);
	EXPECT_EQ(2, fdinfo_number(self->as, "virt_as-drained"));
	EXPECT_EQ(0, events_now(self->as));
	/* The new map is there for all who begin now. */
	EXPECT_EQ(-ENOENT, as_peek(self->as, 0));

	/* Another commit would have to wait, a trial too. */
	EXPECT_EQ(-EAGAIN, as_commit(self->as, VIRT_AS_COMMIT_NOWAIT, 0, NULL, 0,
				     &reply));
	EXPECT_EQ(3, reply.out_generation);
	EXPECT_EQ(VIRT_AS_NO_INDEX, reply.out_index);
	EXPECT_EQ(-EAGAIN, as_commit(self->as, VIRT_AS_COMMIT_NOWAIT |
				     VIRT_AS_COMMIT_TRY, 0, NULL, 0, NULL));
	EXPECT_EQ(3, as_generation(self->as));

	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		ASSERT_EQ(0, post(self->pair[1]));
		EXPECT_EQ(1, wait_for(self->as, POLLOUT));
		EXPECT_EQ(POLLOUT, events_now(self->as));
		_exit(0);
	}
	ASSERT_EQ(0, await(self->pair[0]));
	ASSERT_EQ(0, await_state(child, 'S'));
	/* The reader sees the old map to its end. */
	EXPECT_EQ('u', let_go(self));
	EXPECT_EQ(0, child_status(child));
	ASSERT_EQ(0, as_info(self->as, &info));
	EXPECT_EQ(3, info.out_drained_generation);
	EXPECT_EQ(0, as_commit(self->as, VIRT_AS_COMMIT_NOWAIT, 0, NULL, 0, NULL));
}

static void on_signal(int sig)
{
	(void)sig;
}

struct stuck_commit {
	struct virt_as_commit reply;
	int as;
	int sock;
	pid_t tid;
	int err;
};

static void *commit_thread(void *arg)
{
	struct stuck_commit *c = arg;

	c->tid = gettid();
	post(c->sock);
	c->err = as_commit(c->as, VIRT_AS_COMMIT_REPLACE, 0, NULL, 0, &c->reply);
	return NULL;
}

/* A signal ends the wait for the drain; the new map stays. */
TEST_F(drain, signal_ends_the_wait)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct stuck_commit c = { .as = self->as, .sock = self->pair[1] };
	pthread_t thread;

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_create(&thread, NULL, commit_thread, &c));
		ASSERT_EQ(0, await(self->pair[0]));
		ASSERT_EQ(0, await_state(c.tid, 'S'));
		ASSERT_EQ(0, pthread_kill(thread, SIGUSR1));
		pthread_join(thread, NULL);
		EXPECT_EQ(-EINTR, c.err);
		/* The second one did not get as far as its own map. */
		EXPECT_EQ(i ? 0 : 3, c.reply.out_generation);
		EXPECT_EQ(3, as_generation(self->as));
	}
	EXPECT_EQ('u', let_go(self));
	EXPECT_EQ(1, wait_for(self->as, POLLOUT));
	EXPECT_EQ(0, as_change(self->as, NULL, 0));
	EXPECT_EQ(4, as_generation(self->as));
}

FIXTURE(threshold) {
	struct virt_as_entry ram;
	int as;
	int log;
};

/* Eight pages, and a log that tells from three on. */
FIXTURE_SETUP(threshold)
{
	self->as = as_create();
	ASSERT_LE(0, self->as);
	self->ram = as_ram(0, 8 * PG, guest_alloc(8 * PG));
	ASSERT_EQ(0, as_replace(self->as, &self->ram, 1));
	self->log = log_open_with(self->as, 0, 3);
	ASSERT_LE(0, self->log);
}

FIXTURE_TEARDOWN(threshold)
{
	close(self->log);
	close(self->as);
}

TEST_F(threshold, of_pages)
{
	EXPECT_EQ(0, as_poll(self->log, POLLIN, 0));
	for (int round = 0; round < 3; round++) {
		ASSERT_EQ(1, as_pwrite(self->as, "x", 1, 0));
		ASSERT_EQ(1, as_pwrite(self->as, "x", 1, 9));
		ASSERT_EQ(2, as_pwrite(self->as, "xx", 2, 4 * PG - 1));
		/* Nobody harvests, and it finds out by itself. */
		EXPECT_EQ(POLLIN, as_poll(self->log, POLLIN, HANG_MS));
		EXPECT_DIRTY("0 3+2", self->log);
		EXPECT_EQ(POLLIN, as_poll(self->log, POLLIN, 0));
		EXPECT_STREQ("3", log_text(self->log, 0, AT(3), AT(4) - 1));
		EXPECT_EQ(0, as_poll(self->log, POLLIN, 0));
		/* Two are dirty, and remain two. */
		ASSERT_EQ(1, as_pwrite(self->as, "x", 1, AT(4)));
		EXPECT_DIRTY("0 4", self->log);
		EXPECT_EQ(0, as_poll(self->log, POLLIN, 250));
		log_take(self->log);
	}
}

TEST_F(threshold, of_marks_and_commits)
{
	struct virt_as_entry more = as_ram(1ULL << 40, 8 * PG, guest_alloc(8 * PG));

	EXPECT_EQ(0, log_mark(self->log, AT(100), 3 * PG));
	EXPECT_EQ(POLLIN, as_poll(self->log, POLLIN, HANG_MS));
	EXPECT_EQ(0, log_clear(self->log, AT(100), PG));
	EXPECT_EQ(0, as_poll(self->log, POLLIN, 0));
	ASSERT_EQ(0, as_change(self->as, &more, 1));
	EXPECT_EQ(POLLIN, as_poll(self->log, POLLIN, HANG_MS));
	log_take(self->log);
	EXPECT_EQ(0, as_poll(self->log, POLLIN, 0));
	ASSERT_EQ(0, as_mark(self->as, PG, 3 * PG));
	EXPECT_EQ(POLLIN, as_poll(self->log, POLLIN, HANG_MS));
}

/* 0 is never; ALL_DIRTY can be enough from the beginning. */
TEST_F(threshold, from_the_beginning)
{
	const __u32 all = VIRT_AS_LOG_ALL_DIRTY;
	int never = log_open_with(self->as, all, 0);
	int enough = log_open_with(self->as, all, 8);
	int more = log_open_with(self->as, all, 9);

	ASSERT_LE(0, more);
	EXPECT_EQ(POLLIN, as_poll(enough, POLLIN, HANG_MS));
	EXPECT_EQ(0, as_poll(never, POLLIN, 250));
	EXPECT_EQ(0, as_poll(more, POLLIN, 0));
	EXPECT_EQ(0, as_poll(self->log, POLLIN, 0));
	close(never);
	close(enough);
	close(more);
}

TEST_F(threshold, wakes_who_waits)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	pid_t child;

	ASSERT_LE(0, epoll);
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->log, &event));
	EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
	for (int i = 0; i < 3; i++) {
		child = fork();
		ASSERT_LE(0, child);
		if (!child) {
			ASSERT_EQ(1, wait_for(self->log, POLLIN));
			_exit(0);
		}
		ASSERT_EQ(0, await_state(child, 'S'));
		/* The last one by little: it is not the first write that wakes. */
		ASSERT_EQ(1, as_pwrite(self->as, "x", 1, AT(1)));
		EXPECT_DIRTY("1", self->log);
		ASSERT_EQ(2, as_pwrite(self->as, "xx", 2, AT(3) - 1));
		EXPECT_EQ(0, child_status(child));
		EXPECT_EQ(1, epoll_wait(epoll, &event, 1, HANG_MS));
		EXPECT_TAKEN("1+3", self->log);
	}
	close(epoll);
}

TEST_HARNESS_MAIN
