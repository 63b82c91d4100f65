/* A list of jobs, linked through the jobs: each is in one list at a time. Internal to core/engine.
 */
#ifndef RW_ENGINE_JOB_LIST_H
#define RW_ENGINE_JOB_LIST_H

#include <stdint.h>

struct rw_job;

struct rw_job_list {
    struct rw_job *head;
    struct rw_job *tail;
    uint32_t count;
};

void rw_job_list_push(struct rw_job_list *list, struct rw_job *job);
struct rw_job *rw_job_list_pop(struct rw_job_list *list);              /* NULL when empty */
void rw_job_list_remove(struct rw_job_list *list, struct rw_job *job); /* it is in the list */

#endif
