// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many at a time: address spaces, files, processes that pass them on, in every
 * order of closing.
 */
#include "common.h"

FIXTURE(storm) {
	struct virt_as_entry base;
	unsigned char *mem;
	int as;
};

FIXTURE_SETUP(storm)
{
	self->as = as_create();
	ASSERT_LE(0, self->as);
	self->mem = guest_alloc(4 * PG);
	memset(self->mem, 'a', 4 * PG);
	self->base = as_ram(0, 4 * PG, self->mem);
	ASSERT_EQ(0, as_replace(self->as, &self->base, 1));
}

FIXTURE_TEARDOWN(storm)
{
	close(self->as);
}

/* Closed twice, passed when closed: the kernel's usual answers. */
TEST_F(storm, what_is_closed)
{
	int pair[2];
	int fd = as_restrict(self->as, VIRT_AS_RIGHTS);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(-EBADF, sys(close(fd)));
	EXPECT_EQ(-EBADF, send_fd(pair[0], fd));
	EXPECT_EQ(-EBADF, as_change(fd, NULL, 0));
	EXPECT_EQ(-EBADF, as_peek(fd, 0));
	EXPECT_EQ('a', as_peek(self->as, 0));
}

#define NR_FILES	300

TEST_F(storm, files_closed_in_any_order)
{
	int fds[NR_FILES];

	for (int i = 0; i < NR_FILES; i++) {
		fds[i] = i % 3 ? as_restrict(self->as, VIRT_AS_RIGHTS) :
				 dup(self->as);
		ASSERT_LE(0, fds[i]);
	}
	for (int i = 0; i < NR_FILES; i++) {
		int j = i * 77 % NR_FILES;

		ASSERT_EQ('a', as_peek(fds[j], 0));
		ASSERT_EQ(0, as_change(fds[j], NULL, 0));
		ASSERT_EQ(0, close(fds[j]));
	}
	EXPECT_EQ(2 + NR_FILES, as_generation(self->as));
}

#define NR_SPACES	100

TEST_F(storm, address_spaces_know_nothing_of_each_other)
{
	unsigned char *mem = guest_alloc(NR_SPACES * PG);
	int fds[NR_SPACES];

	for (int i = 0; i < NR_SPACES; i++) {
		struct virt_as_entry e = as_ram(i * PG, PG, mem + i * PG);

		mem[i * PG] = i;
		fds[i] = as_create();
		ASSERT_LE(0, fds[i]);
		for (int j = 0; j <= i % 5; j++)
			ASSERT_EQ(0, as_replace(fds[i], &e, 1));
	}
	for (int i = 0; i < NR_SPACES; i++) {
		int j = i * 37 % NR_SPACES;

		ASSERT_EQ(2 + j % 5, as_generation(fds[j]));
		ASSERT_EQ(j, as_peek(fds[j], j * PG));
		ASSERT_EQ(-ENOENT, as_peek(fds[j], (j + 1) * PG));
		ASSERT_EQ(0, close(fds[j]));
	}
}

TEST_F_TIMEOUT(storm, create_and_close, 120)
{
	for (int i = 0; i < 500; i++) {
		int as = as_create();

		ASSERT_LE(0, as);
		if (i & 1) {
			/* Closed while the old map may still drain. */
			ASSERT_EQ(0, as_commit(as, VIRT_AS_COMMIT_REPLACE |
					       VIRT_AS_COMMIT_NOWAIT, 0,
					       &self->base, 1, NULL));
		}
		ASSERT_TRUE(!(i & 2) ||
			    as_peek(as, 0) == (i & 1 ? 'a' : -ENOENT));
		ASSERT_EQ(0, close(as));
	}
}

/* In flight over a socket is a reference like any other. */
TEST_F(storm, in_flight)
{
	int pair[2], fd;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	for (int i = 0; i < 20; i++)
		ASSERT_EQ(0, send_fd(pair[0], self->as));
	close(self->as);
	for (int i = 0; i < 10; i++) {
		fd = recv_fd(pair[1]);
		ASSERT_LE(0, fd);
		ASSERT_EQ('a', as_peek(fd, 0));
		close(fd);
	}
	self->as = recv_fd(pair[1]);
	EXPECT_EQ('a', as_peek(self->as, 0));
	/* The rest dies with the sockets, which are in flight themselves. */
	ASSERT_EQ(0, send_fd(pair[0], pair[1]));
	close(pair[0]);
	close(pair[1]);
	EXPECT_EQ('a', as_peek(self->as, 0));
}

#define NR_CHILDREN	48

/* Receives a file, uses it, restricts it, and passes the result on. */
static int pass_on(int from, int to)
{
	int fd = recv_fd(from);
	int next;

	if (fd < 0 || as_peek(fd, 0) != 'a')
		return 1;
	if (as_change(fd, NULL, 0) != -EXDEV)
		return 2;
	next = as_restrict(fd, VIRT_AS_RIGHTS);
	if (next < 0 || send_fd(to, next))
		return 3;
	if (as_peek(next, 4 * PG - 1) != 'a')
		return 4;
	return 0;
}

TEST_F_TIMEOUT(storm, processes_pass_it_on, 120)
{
	int pairs[NR_CHILDREN + 1][2];
	pid_t child[NR_CHILDREN];
	int last;

	for (int i = 0; i <= NR_CHILDREN; i++)
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]));
	for (int i = 0; i < NR_CHILDREN; i++) {
		child[i] = fork();
		ASSERT_LE(0, child[i]);
		if (!child[i])
			_exit(pass_on(pairs[i][1], pairs[i + 1][0]));
	}
	ASSERT_EQ(0, send_fd(pairs[0][0], self->as));
	/* The owner commits all the while. */
	for (int i = 0; i < 100; i++)
		ASSERT_EQ(0, as_replace(self->as, &self->base, 1));
	last = recv_fd(pairs[NR_CHILDREN][1]);
	ASSERT_LE(0, last);
	for (int i = 0; i < NR_CHILDREN; i++)
		EXPECT_EQ(0, child_status(child[i]));
	/* Through 48 hands, and still the very same. */
	EXPECT_EQ(102, as_generation(last));
	EXPECT_EQ(0, as_change(last, NULL, 0));
	EXPECT_EQ(103, as_generation(self->as));
	EXPECT_LE(2 * NR_CHILDREN, fdinfo_number(last, "virt_as-remote"));
	EXPECT_EQ(NR_CHILDREN, fdinfo_number(last, "virt_as-refused"));
}

/* Each child has an address space of its own and reads its neighbour's. */
TEST_F_TIMEOUT(storm, everybody_reads_everybody, 120)
{
	int pairs[16][2];
	pid_t child[16];

	for (int i = 0; i < 16; i++)
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]));
	for (int i = 0; i < 16; i++) {
		child[i] = fork();
		ASSERT_LE(0, child[i]);
		if (!child[i]) {
			struct virt_as_entry e = as_ram(0, PG, self->mem);
			int as = as_create();
			int other;

			self->mem[0] = i;
			if (as < 0 || as_replace(as, &e, 1) ||
			    send_fd(pairs[(i + 1) % 16][0], as))
				_exit(1);
			other = recv_fd(pairs[i][1]);
			for (int j = 0; j < 200; j++) {
				long rc = as_peek(other, 0);

				/* The neighbour may have ended. */
				if (rc == -ESRCH)
					break;
				if (rc != (i + 15) % 16 || as_peek(as, 0) != i)
					_exit(2);
			}
			_exit(0);
		}
	}
	for (int i = 0; i < 16; i++)
		EXPECT_EQ(0, child_status(child[i]));
	EXPECT_EQ('a', as_peek(self->as, 0));
}

static int closing_as;
static pthread_barrier_t closing_barrier;

static void *reads_while_closed(void *arg)
{
	long bad = 0;

	(void)arg;
	for (int i = 0; i < 200; i++) {
		long rc;

		pthread_barrier_wait(&closing_barrier);
		rc = as_peek(closing_as, 0);
		bad += rc != 'a' && rc != -EBADF;
		pthread_barrier_wait(&closing_barrier);
	}
	return (void *)bad;
}

TEST_F_TIMEOUT(storm, closed_while_read, 120)
{
	pthread_t thread;
	void *bad;

	ASSERT_EQ(0, pthread_barrier_init(&closing_barrier, NULL, 2));
	ASSERT_EQ(0, pthread_create(&thread, NULL, reads_while_closed, NULL));
	for (int i = 0; i < 200; i++) {
		closing_as = as_restrict(self->as, VIRT_AS_RIGHT_READ);
		pthread_barrier_wait(&closing_barrier);
		EXPECT_EQ(0, close(closing_as));
		pthread_barrier_wait(&closing_barrier);
	}
	pthread_join(thread, &bad);
	EXPECT_EQ(NULL, bad);
}

TEST_HARNESS_MAIN
