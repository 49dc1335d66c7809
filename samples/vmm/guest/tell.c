// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs in the guest: "tell NUMBER..." writes to the registers of the window what the
 * script has to say, from WINDOW_CYCLES on, and ends with 0 while it shall go on.
 */
#include <stdlib.h>
#include "device.h"
#include "window.h"

int main(int argc, char **argv)
{
	__u64 *registers = device_map(DEVICE_WINDOW, 1, WINDOW_REGISTERS);

	for (int i = 1; i < argc && WINDOW_CYCLES + i - 1 < WINDOW_READERS; i++)
		store(registers[WINDOW_CYCLES + i - 1], strtoull(argv[i], NULL, 0));
	return load(registers[WINDOW_STOP]) != 0;
}
