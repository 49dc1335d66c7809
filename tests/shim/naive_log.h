/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The naive model of logs: for each page of a small world what a log must report,
 * and what it may.
 */
#ifndef _SHIM_NAIVE_LOG_H
#define _SHIM_NAIVE_LOG_H

#include <linux/types.h>

#include "harvest.h"
#include "naive.h"

#define NAIVE_PAGES	12288
#define NAIVE_LOGS	4

/**
 * struct naive_log - one log
 * @open: it is there
 * @must: of each page: a harvest has to report it
 * @may: of each page: a harvest is not wrong to report it
 */
struct naive_log {
	bool open;
	u8 must[NAIVE_PAGES];
	u8 may[NAIVE_PAGES];
};

/**
 * struct naive_logs - what there is
 * @base: number of the world's first page
 * @pages: pages of the world
 * @map: the present map
 * @old: the map before, while something still writes by way of it; else empty
 * @logs: the logs
 * @frayed: larger units were given back, which may reach past the world and from
 *	there come back: what is reported too much is not told any more
 * @live: of each page: what was written may not have reached the logs yet, so that
 *	it comes back after a CLEAR
 */
struct naive_logs {
	u64 base;
	u32 pages;
	struct naive_map map;
	struct naive_map old;
	struct naive_log logs[NAIVE_LOGS];
	bool frayed;
	u8 live[NAIVE_PAGES];
};

void naive_open(struct naive_logs *all, struct naive_log *log, bool all_dirty);
void naive_written(struct naive_logs *all, const struct naive_map *by, u64 page,
		   bool for_sure);
void naive_follow(struct naive_logs *all, const struct naive_map *new, bool drains);
void naive_settled(struct naive_logs *all);
void naive_change(struct naive_logs *all, struct naive_log *log, u64 first, u64 last,
		  bool set);
bool naive_left(const struct naive_logs *all, const struct naive_map *new, u64 page);
u64 naive_dirty(const struct naive_logs *all, const struct naive_log *log);

void naive_harvested(struct naive_logs *all, struct naive_log *log,
		     const struct virt_as_reap *reap,
		     const struct virt_as_extent *extents, int err, bool signalled);

#endif
