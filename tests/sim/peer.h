/* A client in memory under a virtual clock, for tests of server/http/connection.c.
 *
 * Time stands still unless sim_run moves it, in steps of the server's tick. A peer takes as many
 * bytes as its window allows; what the server writes beyond waits, as in a socket. */
#ifndef RW_SIM_PEER_H
#define RW_SIM_PEER_H

#include "server/http/connection.h"

enum {
    SIM_PEERS_MAX = 32,
    SIM_TICK_MS = 100,
    SIM_BODIES_BYTES = 64 << 20, /* of all requests together */
};

struct sim;

struct sim_peer {
    struct rw_transport transport; /* first member */
    struct rw_connection connection;
    struct sim *sim;
    uint64_t address;
    struct rw_buf seen; /* what the server has said */
    size_t window;      /* bytes it takes; SIZE_MAX: all */
    const char *flight; /* being written, of which `taken` are gone */
    size_t flight_len;
    size_t taken;
    bool reading;
    bool server_ended; /* FIN from the server */
    bool closing;
    bool closed;
    bool left; /* its next byte of ours is answered with a reset */
    bool lost; /* what peer_lost answers */
};

struct sim {
    uint64_t now_ns;
    struct rw_clock clock;
    struct rw_handlers handlers;
    struct rw_turns turns;
    struct rw_connections all;
    struct sim_peer peer[SIM_PEERS_MAX];
    size_t n_peers;
    /* What the handlers saw. */
    unsigned requests;
    unsigned finished;
    unsigned lost;
    unsigned gone; /* works cancelled because the client left */
    struct rw_exchange *working;
    unsigned pieces_left; /* of the stream at /stream; none, then it waits */
    bool stream_ends;
};

/* Timeouts as in options.def: header 10 s, body 30 s, idle 75 s, write 30 s. `handlers` but for
 * `closed` are the caller's; NULL: the few pages of peer.c. */
void sim_init(struct sim *sim, const struct rw_handlers *handlers);
/* Closes everything; asserts that nothing is left. */
void sim_fini(struct sim *sim);
struct sim_peer *sim_connect(struct sim *sim);
void sim_send(struct sim_peer *peer, const char *text);
void sim_send_part(struct sim_peer *peer, const char *bytes, size_t len);
void sim_send_bytes(struct sim_peer *peer, size_t n); /* of body */
void sim_eof(struct sim_peer *peer);
/* The events that are due now. */
void sim_settle(struct sim *sim);
/* Lets time pass, with the events that are due in it. */
void sim_run(struct sim *sim, uint64_t ms);
/* The answer at /work. */
void sim_reply(struct sim *sim);
bool sim_saw(const struct sim_peer *peer, const char *text);

#endif
