/* What threads that compute do for those that answer. */
#ifndef RW_BASE_THREAD_H
#define RW_BASE_THREAD_H

#include <sched.h>

/* The calling thread never takes the processor from another one when it is woken (sched(7),
 * SCHED_BATCH); its share stays what it was. The loop wakes workers all the time: measured on two
 * busy processors, it lost up to 40 ms to a worker inside the very call that woke it. A system that
 * refuses leaves things as they were. */
static inline void rw_thread_be_patient(void)
{
    struct sched_param none = {.sched_priority = 0};
    (void)sched_setscheduler(0, SCHED_BATCH, &none);
}

#endif
