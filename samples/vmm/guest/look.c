// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs in the guest, and looks at two things of its memory map that are as in a PC:
 * the BIOS, which is the same memory below 1 MiB and below 4 GiB, and a framebuffer,
 * which is where its BAR says. Ends with 0 if both are right.
 */
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "device.h"

#define BIOS		0xe0000
#define BIOS_ALIAS	0xfffe0000
#define BIOS_LEN	0x20000
#define SIGNATURE	"RSD PTR "

#define BAR		0x10		/* in configuration space */
#define DISTANCE	0x1000000	/* how far it is moved: where nothing else is */
#define WORDS		512
#define LEN		(WORDS * sizeof(__u64))
#define HOLE_WORDS	16		/* each is an exit */

static __u64 *map_physical(off_t gpa, size_t len)
{
	int fd = open("/dev/mem", O_RDONLY | O_SYNC | O_CLOEXEC);
	void *map = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, gpa);

	if (map == MAP_FAILED)
		err(2, "cannot map physical memory at %#lx; be root", gpa);
	close(fd);
	return map;
}

static bool bios_is_right(void)
{
	__u64 *bios = map_physical(BIOS, BIOS_LEN);
	__u64 *alias = map_physical(BIOS_ALIAS, BIOS_LEN);

	for (size_t i = 0; i < BIOS_LEN / sizeof(*bios); i++)
		if (load(bios[i]) != load(alias[i]))
			return false;
	return !memcmp(bios, SIGNATURE, strlen(SIGNATURE));
}

static void program_bar(int config, __u32 value)
{
	if (pwrite(config, &value, sizeof(value), BAR) != sizeof(value))
		err(2, "cannot program a BAR; be root");
}

static bool is_framebuffer(__u64 *words, __u64 mark)
{
	for (unsigned int i = 0; i < WORDS; i++)
		if (load(words[i]) != mark + i)
			return false;
	return true;
}

static bool is_hole(__u64 *words)
{
	for (unsigned int i = 0; i < HOLE_WORDS; i++)
		if (load(words[i * WORDS / HOLE_WORDS]) != NO_MEMORY)
			return false;
	return true;
}

/* Writes there, moves it, reads there and here, and moves it back. */
static bool framebuffer_is_right(__u64 mark)
{
	__u64 *here = device_map(DEVICE_FRAMEBUFFER, 0, LEN), *there;
	int config = device_open(DEVICE_FRAMEBUFFER, "config", O_RDWR);
	bool right;
	__u32 bar;

	if (pread(config, &bar, sizeof(bar), BAR) != sizeof(bar))
		err(2, "cannot read a BAR; be root");
	for (unsigned int i = 0; i < WORDS; i++)
		store(here[i], mark + i);
	there = map_physical(bar + DISTANCE, LEN);
	right = is_hole(there);
	program_bar(config, bar + DISTANCE);
	right = right && is_framebuffer(there, mark) && is_hole(here);
	program_bar(config, bar);
	return right && is_hole(there) && is_framebuffer(here, mark);
}

int main(void)
{
	bool bios = bios_is_right(), framebuffer = framebuffer_is_right(getpid());

	if (!bios)
		warnx("the BIOS below 1 MiB and that below 4 GiB differ");
	if (!framebuffer)
		warnx("the framebuffer is not where its BAR says");
	return !(bios && framebuffer);
}
