// SPDX-License-Identifier: GPL-2.0-only
/*
 * The foreign process: another user, forked before there was any guest memory.
 * All it has of the guest are three files of its address space.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "demo.h"

#define NOBODY	65534

/* The files it is given, and the rights that each has. */
enum {
	FD_READ,
	FD_WRITE,
	FD_COMMIT,
	NR_FDS
};

static const __u32 fd_rights[NR_FDS] = {
	[FD_READ] = VIRT_AS_RIGHT_READ,
	[FD_WRITE] = VIRT_AS_RIGHT_READ | VIRT_AS_RIGHT_WRITE,
	[FD_COMMIT] = VIRT_AS_RIGHT_READ | VIRT_AS_RIGHT_COMMIT,
};

union fd_control {
	struct cmsghdr header;
	char room[CMSG_SPACE(NR_FDS * sizeof(int))];
};

static void send_fds(int sock, const int *fds)
{
	union fd_control control = {
		.header = {
			.cmsg_len = CMSG_LEN(NR_FDS * sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		},
	};
	struct iovec iov = { "", 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.header), fds, NR_FDS * sizeof(int));
	if (sendmsg(sock, &msg, 0) != 1)
		err(1, "cannot pass the address space to the foreign process");
}

static void receive_fds(int sock, int *fds)
{
	union fd_control control;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	if (recvmsg(sock, &msg, 0) != 1 ||
	    msg.msg_controllen < CMSG_LEN(NR_FDS * sizeof(int)))
		errx(1, "the foreign process was given no address space");
	memcpy(fds, CMSG_DATA(&control.header), NR_FDS * sizeof(int));
}

static long empty_commit(int fd)
{
	struct virt_as_commit commit = {
		.size = sizeof(commit),
		.flags = VIRT_AS_COMMIT_REPLACE,
	};

	return ioctl(fd, VIRT_AS_COMMIT, &commit);
}

static void provoke_refusals(const int *fds)
{
	char name[32], byte = 0;

	snprintf(name, sizeof(name), "/proc/%d/mem", getppid());
	refused("another user opens the owner's memory in /proc", EACCES,
		open(name, O_RDONLY));
	refused("writes guest memory with a file that has READ", EPERM,
		pwrite(fds[FD_READ], &byte, 1, GPA_RAM));
	refused("asks of a file that has READ one that has WRITE, too", EPERM,
		guest_restrict(fds[FD_READ], VIRT_AS_RIGHT_READ | VIRT_AS_RIGHT_WRITE));
	refused("commits with a file that has READ", EPERM, empty_commit(fds[FD_READ]));
	refused("commits with a file that has COMMIT, but is not the owner", EXDEV,
		empty_commit(fds[FD_COMMIT]));
	refused("writes to a region that is read-only, with WRITE", EACCES,
		pwrite(fds[FD_WRITE], &byte, 1, GPA_ROM));
	refused("reads where the map has no region", ENOENT,
		pread(fds[FD_READ], &byte, 1, GPA_MAILBOX - 1));
}

static void foreign_main(int sock, unsigned int nr_pages)
{
	int fds[NR_FDS];

	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		err(1, "cannot become another user; the demo must be run by root");
	/* Now, as a change of user forgets it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	receive_fds(sock, fds);
	provoke_refusals(fds);
	if (write(sock, "", 1) != 1)
		err(1, "the owner went away");
	read_and_write(WHO_FOREIGN, fds[FD_READ], fds[FD_WRITE], nr_pages);
}

void foreign_fork(struct foreign *f, unsigned int nr_pages)
{
	int sock[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock))
		err(1, "cannot make a pair of sockets");
	f->pid = fork();
	if (f->pid < 0)
		err(1, "cannot make the foreign process");
	if (!f->pid) {
		close(sock[0]);
		foreign_main(sock[1], nr_pages);
		_exit(0);
	}
	close(sock[1]);
	f->sock = sock[0];
}

void foreign_start(struct foreign *f, const struct guest *g)
{
	int fds[NR_FDS], i;
	char byte;

	for (i = 0; i < NR_FDS; i++) {
		fds[i] = guest_restrict(g->fd, fd_rights[i]);
		if (fds[i] < 0)
			err(1, "cannot make a file with fewer rights");
	}
	send_fds(f->sock, fds);
	for (i = 0; i < NR_FDS; i++)
		close(fds[i]);
	/* It provokes its refusals while nothing else goes on, and then says so. */
	if (read(f->sock, &byte, 1) != 1)
		errx(1, "the foreign process failed to start");
}

int foreign_wait(struct foreign *f)
{
	int status;

	if (waitpid(f->pid, &status, 0) != f->pid)
		err(1, "cannot wait for the foreign process");
	return status;
}
