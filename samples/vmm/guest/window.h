/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device with which the VMM and the guest torture the memory map: what its BARs
 * are, as both sides know it.
 *
 * BAR 0 is memory, WINDOW_PAGES pages, each of which is full of one number, its epoch.
 * A replacement of the map puts pages of the next epoch in the place of all of them,
 * at once: who has read an epoch never again reads an older one.
 *
 * BAR 1 is registers of 64 bits.
 */
#ifndef _VMM_WINDOW_H
#define _VMM_WINDOW_H

#define WINDOW_PAGES		16
#define WINDOW_REGISTERS	4096

/* Numbers of registers. All but the first are for the guest to write. */
enum {
	WINDOW_STOP,			/* 1 if the guest shall come to an end */
	WINDOW_READY,			/* its readers run */
	WINDOW_CYCLES,			/* data compressed, uncompressed, and compared */
	WINDOW_CYCLES_WRONG,
	WINDOW_LOOKS,			/* what look.c saw */
	WINDOW_LOOKS_WRONG,
	WINDOW_READERS = 32,		/* from here on of each reader: */
};

enum {
	READER_READS,			/* of a page's epoch */
	READER_NEWEST,			/* of them */
	READER_EPOCHS,			/* different ones */
	READER_TORN,			/* older than one that it had read */
	READER_HOLES,			/* no memory was there */
	READER_NR
};

#define WINDOW_READER(n, what)	(WINDOW_READERS + (n) * READER_NR + (what))

#endif /* _VMM_WINDOW_H */
