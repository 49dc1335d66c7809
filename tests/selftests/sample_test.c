// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sample module, where a back end is easily wrong.
 */
#include "consumer.h"
#include "uffd.h"

#include "virt_as_sample.h"

#define GUEST	(32 * PG)

static int open_sample(void)
{
	return sys(open("/dev/virt_as_sample", O_RDWR | O_CLOEXEC));
}

/*
 * The process that serves the faults of the guest's memory. In one of the two
 * orders, the sample's file is released before the userfaultfd.
 */
static int serve_nobody(int sock, bool early)
{
	int as = as_create(), sample = early ? open_sample() : -1;
	void *mem = guest_alloc(GUEST);
	struct virt_as_entry map = as_ram(0, GUEST, mem);
	struct virt_as_sample_run run = {
		.fd = as, .stride = PG, .reply = PG, .stamps = 2 * PG,
	};
	int uffd = uffd_watch(mem, GUEST);

	if (!early)
		sample = open_sample();
	if (sample < 0 || uffd < 0 || as_replace(as, &map, 1) ||
	    as_ioctl(sample, VIRT_AS_SAMPLE_RUN, &run) || !uffd_fault(uffd))
		return 1;
	post(sock);
	pause();
	return 1;
}

/* It dies while the sample's thread waits for it: nobody is left to serve. */
TEST(dies_while_the_thread_waits_for_it)
{
	int pair[2], status;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(serve_nobody(pair[1], i & 1));
		ASSERT_EQ(0, await(pair[0]));
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_TRUE(EVENTUALLY(waitpid(pid, &status, WNOHANG) == pid));
		EXPECT_TRUE(WIFSIGNALED(status));
	}
	EXPECT_TRUE(EVENTUALLY(!module_refs("virt_as_sample")));
}

TEST_HARNESS_MAIN
