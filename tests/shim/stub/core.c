// SPDX-License-Identifier: GPL-2.0-only
/* What the core has of main.c when it is built here. */
#include "object.h"

unsigned int virt_as_max_regions = 32768;
unsigned int virt_as_max_bindings = 1024;
unsigned int virt_as_max_logs = 64;
unsigned long virt_as_max_logged_pages = 1UL << 30;
