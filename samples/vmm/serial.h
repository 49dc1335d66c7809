/* SPDX-License-Identifier: GPL-2.0-only */
/* The console: a 16550 whose line is standard input and output. */
#ifndef _VMM_SERIAL_H
#define _VMM_SERIAL_H

#include <linux/types.h>
#include <pthread.h>
#include <stdbool.h>
#include "bus.h"

#define SERIAL_FIFO	16U

/**
 * struct serial - a 16550
 * @lock: of all below
 * @room: signalled when the guest has read from a full FIFO
 * @vm: of KVM, for the interrupt
 * @sent: the interrupt for "transmitter empty" is due
 * @level: of the interrupt line
 * @ier: and those that follow: the registers
 * @fifo: what came in, the oldest first
 */
struct serial {
	pthread_mutex_t lock;
	pthread_cond_t room;
	int vm;
	bool sent;
	bool level;
	__u8 ier, fcr, lcr, mcr, scratch, dll, dlm;
	unsigned int nr;
	__u8 fifo[SERIAL_FIFO];
};

void serial_init(struct serial *serial, int vm, struct bus *ports);
void serial_input(struct serial *serial, __u8 byte);

#endif /* _VMM_SERIAL_H */
