/* SPDX-License-Identifier: GPL-2.0-only */
/* Stub: see linux/tracepoint.h. */
