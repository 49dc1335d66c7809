// SPDX-License-Identifier: GPL-2.0-only
/* PCI devices by what Linux has of them below /sys. */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "device.h"

#define DEVICES	"/sys/bus/pci/devices"

static unsigned int number(const char *device, const char *name)
{
	unsigned int value = 0;
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), DEVICES "/%s/%s", device, name);
	file = fopen(path, "re");
	if (!file || fscanf(file, "%x", &value) != 1)
		value = 0;
	if (file)
		fclose(file);
	return value;
}

/* A file of the first device with this number. */
int device_open(unsigned int id, const char *file, int flags)
{
	struct dirent *entry;
	char path[512] = "";
	DIR *dir = opendir(DEVICES);
	int fd;

	while (dir && !*path && (entry = readdir(dir)))
		if (number(entry->d_name, "vendor") == DEVICE_VENDOR &&
		    number(entry->d_name, "device") == id)
			snprintf(path, sizeof(path), DEVICES "/%s/%s", entry->d_name, file);
	if (dir)
		closedir(dir);
	if (!*path)
		errx(2, "there is no device %#x; this is a program for the guest of samples/vmm",
		     id);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		err(2, "cannot open %s; be root", path);
	return fd;
}

__u64 *device_map(unsigned int id, unsigned int bar, size_t len)
{
	char file[16];
	void *map;
	int fd;

	snprintf(file, sizeof(file), "resource%u", bar);
	fd = device_open(id, file, O_RDWR | O_SYNC);
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		err(2, "cannot map BAR %u of device %#x; see the kernel's log", bar, id);
	close(fd);
	return map;
}
