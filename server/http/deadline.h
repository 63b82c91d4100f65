/* Timeouts of many connections without a timer for each: one queue per kind. All members of a queue
 * have the same duration, so the queue is in order of expiry and arming is O(1). One coarse tick of
 * the loop expires them. Pure: time comes in as an argument. Loop thread only. */
#ifndef RW_SERVER_HTTP_DEADLINE_H
#define RW_SERVER_HTTP_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

enum rw_deadline_kind {
    RW_DEADLINE_NONE,
    RW_DEADLINE_IDLE,      /* between requests */
    RW_DEADLINE_HEADER,    /* receiving a head */
    RW_DEADLINE_BODY,      /* receiving the next piece of a body */
    RW_DEADLINE_WRITE,     /* bytes wait for the peer */
    RW_DEADLINE_HEARTBEAT, /* a stream with nothing to say */
    RW_DEADLINE_PROBE,     /* is a half-closed peer still there? */
    RW_DEADLINE_LINGER,    /* discarding what a refused client still sends */
    RW_DEADLINE_KINDS,
};

struct rw_deadline {
    struct rw_deadline *prev;
    struct rw_deadline *next;
    uint64_t expires_ns;
    enum rw_deadline_kind kind; /* NONE = not armed */
};

struct rw_deadlines {
    struct rw_deadline queue[RW_DEADLINE_KINDS]; /* list heads */
    uint64_t duration_ns[RW_DEADLINE_KINDS];
};

void rw_deadlines_init(struct rw_deadlines *all);
void rw_deadlines_set(struct rw_deadlines *all, enum rw_deadline_kind kind, uint64_t duration_ms);
/* Replaces whatever the deadline was armed for. */
void rw_deadline_arm(struct rw_deadlines *all, struct rw_deadline *deadline,
                     enum rw_deadline_kind kind, uint64_t now_ns);
void rw_deadline_disarm(struct rw_deadline *deadline);
/* The next one that has expired, disarmed, or NULL. *kind says what it was armed for. */
struct rw_deadline *rw_deadlines_expired(struct rw_deadlines *all, uint64_t now_ns,
                                         enum rw_deadline_kind *kind);

#endif
