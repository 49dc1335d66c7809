/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the accesses of vCPUs go that are not to memory: ports, and MMIO. */
#ifndef _VMM_BUS_H
#define _VMM_BUS_H

#include <linux/types.h>
#include <pthread.h>
#include <stdbool.h>

#define BUS_NOWHERE	(~0ULL)
#define BUS_MAX_RANGES	32U

/**
 * struct bus_ops - what a device does at an access
 * @read: fills @data, which is all ones before
 * @write: takes @data
 *
 * @offset is from the beginning of the range; an access does not cross its end.
 * vCPUs call them at the same time: a device has a lock of its own.
 */
struct bus_ops {
	void (*read)(void *device, __u64 offset, void *data, unsigned int len);
	void (*write)(void *device, __u64 offset, const void *data, unsigned int len);
};

struct bus_range {
	__u64 first;			/* or BUS_NOWHERE */
	__u64 len;
	const struct bus_ops *ops;
	void *device;
};

struct bus {
	pthread_mutex_t lock;		/* of all below; not held in a device's ops */
	unsigned int nr;
	struct bus_range ranges[BUS_MAX_RANGES];
};

void bus_init(struct bus *bus);
struct bus_range *bus_add(struct bus *bus, __u64 first, __u64 len,
			  const struct bus_ops *ops, void *device);
void bus_move(struct bus *bus, struct bus_range *range, __u64 first);
bool bus_access(struct bus *bus, __u64 addr, void *data, unsigned int len, bool write);

#endif /* _VMM_BUS_H */
