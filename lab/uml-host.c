// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded into UML, which keeps the registers of the CPU in an array of a fixed
 * size, and ends each of its programs on a CPU that has more of them than Linux
 * 6.12 knew. Told that the larger ones cannot be had, it keeps the classic ones
 * only; its programs must use no others, which lab/kunit sees to.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

long ptrace(enum __ptrace_request request, ...)
{
	long data, result;
	va_list args;
	void *addr;
	pid_t pid;

	va_start(args, request);
	pid = va_arg(args, pid_t);
	addr = va_arg(args, void *);
	data = va_arg(args, long);
	va_end(args);

	if (request == PTRACE_GETREGSET && (long)addr == NT_X86_XSTATE) {
		errno = EINVAL;
		return -1;
	}
	/* The system call puts what it peeks where the library returns it. */
	if (request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA ||
	    request == PTRACE_PEEKUSER) {
		if (syscall(SYS_ptrace, request, pid, addr, &result) < 0)
			return -1;
		errno = 0;
		return result;
	}
	return syscall(SYS_ptrace, request, pid, addr, data);
}
