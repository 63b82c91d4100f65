#include "core/engine/job_list.h"

#include "core/base/assert.h"
#include "core/engine/job.h"

void rw_job_list_push(struct rw_job_list *list, struct rw_job *job)
{
    job->next = NULL;
    if (list->tail != NULL) {
        list->tail->next = job;
    } else {
        list->head = job;
    }
    list->tail = job;
    list->count++;
}

struct rw_job *rw_job_list_pop(struct rw_job_list *list)
{
    struct rw_job *job = list->head;
    if (job == NULL) {
        return NULL;
    }
    list->head = job->next;
    if (list->head == NULL) {
        list->tail = NULL;
    }
    list->count--;
    job->next = NULL;
    return job;
}

void rw_job_list_remove(struct rw_job_list *list, struct rw_job *job)
{
    struct rw_job *before = NULL;
    for (struct rw_job *at = list->head; at != job; at = at->next) {
        rw_assert(at != NULL);
        before = at;
    }
    if (before != NULL) {
        before->next = job->next;
    } else {
        list->head = job->next;
    }
    if (list->tail == job) {
        list->tail = before;
    }
    list->count--;
    job->next = NULL;
}
