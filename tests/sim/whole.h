/* The whole server in one thread, under a virtual clock: router, admission, scoring, dialects and
 * connections as in production, over transports in memory (peer.h), an engine and prepare threads
 * that move when they are told (engine.h). What runs on real threads elsewhere is left out: the run
 * monitor, the listeners, loading. */
#ifndef RW_SIM_WHOLE_H
#define RW_SIM_WHOLE_H

#include "server/service.h"
#include "tests/sim/peer.h"

struct whole {
    struct sim sim;
    struct rw_service service;
    struct rw_handlers routed; /* the router's own, behind ours */
    struct rw_options options;
    uv_loop_t loop;
    bool loaded;
    uint64_t ended_ns; /* when the drain began; 0 = it did not */
    unsigned asked;    /* requests that reached a handler ... */
    unsigned answered; /* ... and exchanges of them that ended */
};

/* Once a process: models are loaded, options are read. */
void whole_open(struct whole *w);
void whole_close(struct whole *w);
/* A daemon that has just become ready, with room for so many tokens and bytes of bodies. */
void whole_begin(struct whole *w, uint64_t queue_tokens, uint64_t bodies_bytes);
/* All that is owed now: turns, news, writes. */
void whole_settle(struct whole *w);
void whole_pass(struct whole *w, uint64_t ms);
/* SIGTERM, with --drain-delay 5 s and --drain-timeout 25 s as whole_pass goes by. */
void whole_drain(struct whole *w);
struct rw_engine *whole_engine(struct whole *w);

#endif
