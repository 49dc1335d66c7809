// SPDX-License-Identifier: GPL-2.0-only
/*
 * The smallest useful program: a guest's memory is made an address space, and
 * another process, which shares no memory with this one, reads it by guest
 * physical address (gpa) through a file that lets it do nothing else.
 *
 *	cc -D_GNU_SOURCE smallest.c $(pkg-config --cflags --libs virt_as)
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <virt_as.h>

#define GPA_ALIAS	0x000000000ULL	/* the same memory as at GPA_RAM */
#define GPA_ROM		0x0ffff0000ULL
#define GPA_RAM		0x100000000ULL
#define LEN		0x10000ULL	/* of each region: whole pages */

/* Passes *fd to the other end of a socket, or receives it from there. */
static int pass_fd(int sock, int *fd, int receive)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = &control, .msg_controllen = sizeof(control) };

	memcpy(CMSG_DATA(&control.header), fd, sizeof(*fd));
	if (!receive)
		return sendmsg(sock, &msg, 0);
	if (recvmsg(sock, &msg, 0) != 1 || msg.msg_controllen < sizeof(struct cmsghdr))
		return -1;
	memcpy(fd, CMSG_DATA(&control.header), sizeof(*fd));
	return 1;
}

/* The other process: it knows a file and a few gpas, no address of its parent. */
static int foreign_reader(int sock)
{
	static const unsigned long long gpas[] = { GPA_ALIAS, GPA_ROM, GPA_RAM };
	char text[32];
	int as;

	if (pass_fd(sock, &as, 1) != 1)
		errx(1, "the child was given no address space");
	for (int i = 0; i < 3; i++) {
		if (pread(as, text, sizeof(text), gpas[i]) != sizeof(text))
			err(1, "cannot read guest memory at gpa %#llx", gpas[i]);
		printf("child: at gpa 0x%09llx there is \"%s\"\n", gpas[i], text);
	}
	if (pwrite(as, text, 1, GPA_RAM) != -1)
		errx(1, "the child could write through a file without that right");
	printf("child: writing is refused: %s\n", strerror(errno));
	return errno != EPERM;
}

int main(void)
{
	struct virt_as_restrict ro = { .size = sizeof(ro), .rights = VIRT_AS_RIGHT_READ };
	struct virt_as_entry map[] = {
		{ .gpa = GPA_ALIAS, .len = LEN, .perms = VIRT_AS_PERM_READ },
		{ .gpa = GPA_ROM, .len = LEN, .perms = VIRT_AS_PERM_READ },
		{ .gpa = GPA_RAM, .len = LEN, .perms = VIRT_AS_PERM_READ | VIRT_AS_PERM_WRITE },
	};
	struct virt_as_commit commit = { .size = sizeof(commit), .flags = VIRT_AS_COMMIT_REPLACE,
					 .entries = (unsigned long)map, .nr_entries = 3 };
	int as, file, sock[2], status;
	char *ram, *rom;
	pid_t pid;

	/* The child is made now, so that it inherits none of what follows. */
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sock))
		err(1, "cannot make a pair of sockets");
	pid = fork();
	if (pid == 0 && !close(sock[0]))
		return foreign_reader(sock[1]);
	close(sock[1]);

	ram = mmap(NULL, 2 * LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pid < 0 || ram == MAP_FAILED)
		err(1, "no room for a child and its guest's memory");
	rom = ram + LEN;
	snprintf(ram, LEN, "what the guest wrote");
	snprintf(rom, LEN, "what firmware is made of");

	as = virt_as_create_any();
	if (as < 0)
		errx(1, "no address space: %s", virt_as_create_hint(errno));
	map[0].hva = (unsigned long)ram;
	map[1].hva = (unsigned long)rom;
	map[2].hva = (unsigned long)ram;
	if (ioctl(as, VIRT_AS_COMMIT, &commit))
		err(1, "entry %d of the map was refused", (int)commit.out_index);
	printf("parent: the map has generation %llu\n", commit.out_generation);
	fflush(stdout);

	file = ioctl(as, VIRT_AS_RESTRICT, &ro);
	if (file < 0 || pass_fd(sock[0], &file, 0) != 1)
		err(1, "cannot pass a read-only file of the address space to the child");
	if (waitpid(pid, &status, 0) != pid || status)
		errx(1, "the child failed");
	return 0;
}
