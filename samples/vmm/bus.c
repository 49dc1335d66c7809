// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports and MMIO: which device an access belongs to. Ranges are few, and BARs
 * move them, so they are searched one after the other.
 */
#include <err.h>
#include <string.h>
#include "bus.h"
#include "vmm.h"

void bus_init(struct bus *bus)
{
	pthread_mutex_init(&bus->lock, NULL);
}

struct bus_range *bus_add(struct bus *bus, __u64 first, __u64 len,
			  const struct bus_ops *ops, void *device)
{
	struct bus_range *range = &bus->ranges[bus->nr];

	if (bus->nr == BUS_MAX_RANGES)
		errx(EXIT_USAGE, "too many devices for a bus; raise BUS_MAX_RANGES");
	*range = (struct bus_range) { first, len, ops, device };
	bus->nr++;
	return range;
}

void bus_move(struct bus *bus, struct bus_range *range, __u64 first)
{
	pthread_mutex_lock(&bus->lock);
	range->first = first;
	pthread_mutex_unlock(&bus->lock);
}

static bool bus_find(struct bus *bus, __u64 addr, unsigned int len, struct bus_range *found)
{
	bool any = false;

	pthread_mutex_lock(&bus->lock);
	for (unsigned int i = 0; i < bus->nr && !any; i++) {
		*found = bus->ranges[i];
		any = found->first != BUS_NOWHERE && addr >= found->first &&
		      addr + len <= found->first + found->len;
	}
	pthread_mutex_unlock(&bus->lock);
	return any;
}

/* Returns whether there is a device. Where there is none, ones are read. */
bool bus_access(struct bus *bus, __u64 addr, void *data, unsigned int len, bool write)
{
	struct bus_range range;
	bool found = bus_find(bus, addr, len, &range);

	if (!write)
		memset(data, 0xff, len);
	if (!found)
		return false;
	if (write)
		range.ops->write(range.device, addr - range.first, data, len);
	else
		range.ops->read(range.device, addr - range.first, data, len);
	return true;
}
