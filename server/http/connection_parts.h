/* The inside of one module in four files: a connection and its exchange call each other by nature,
 * and 1,000 lines do not fit one file.
 *
 *   connection_read.c    bytes in: head, policy, body, what waits behind it
 *   exchange.c           a handler's reply begins and ends here
 *   connection_write.c   bytes out: flushing, pulling a stream
 *   connection.c         life: states, events of the transport, time
 *
 * Handlers include exchange.h, owners of connections connection.h, and nobody else this. */
#ifndef RW_SERVER_HTTP_CONNECTION_PARTS_H
#define RW_SERVER_HTTP_CONNECTION_PARTS_H

#include "server/http/connection.h"

/* connection.c */
void rw_connection_set_state(struct rw_connection *c, enum rw_connection_state next);
void rw_connection_arm(struct rw_connection *c, enum rw_deadline_kind kind);
uint64_t rw_connection_now(const struct rw_connection *c);
/* All bytes of the reply are with the kernel. */
void rw_connection_reply_done(struct rw_connection *c);

/* Room for a request, and its reply; false: no memory. */
bool rw_connection_begin_talk(struct rw_connection *c);
/* Closes it, in a way that a reply survives although not all was read. */
void rw_connection_end(struct rw_connection *c, bool unread);

/* connection_read.c */
/* Bytes that came, in any state. */
void rw_connection_take(struct rw_connection *c, const char *bytes, size_t len);
/* A body that waits for room: looks again; is refused, when it has waited long enough; or waits no
 * longer, whatever becomes of it. */
void rw_connection_seek_room(struct rw_connection *c);
void rw_connection_give_up_room(struct rw_connection *c);
void rw_connection_leave_starving(struct rw_connection *c);
/* Counts them against the round's ration; a body that goes on beyond it pauses. */
void rw_connection_ration(struct rw_connection *c, size_t len);
/* Its turn: reads again, or true when this round has no bytes left either. */
bool rw_connection_read_on(struct rw_connection *c);
/* What became possible when a reply was done: the requests that waited behind it. */
void rw_connection_resume(struct rw_connection *c);
/* EOF where it cannot be the end of a conversation. */
void rw_connection_cut_short(struct rw_connection *c);
/* A refusal while the client still sends: it hears the answer, then the end. */
void rw_connection_refuse(struct rw_connection *c, const struct rw_error *error);
void rw_connection_interim(struct rw_connection *c); /* 100 Continue */

/* connection_write.c */
/* Bytes may have been added to `out`, or the source has news. */
void rw_connection_pump(struct rw_connection *c);
/* The stream ends with what its source says of `error`; false when it has no words. */
bool rw_connection_lose(struct rw_connection *c, const struct rw_error *error);
/* The deadline that fits what is being waited for. */
void rw_connection_arm_reply(struct rw_connection *c);
/* Bytes the peer has taken since the connection began. */
uint64_t rw_connection_taken_by_peer(const struct rw_connection *c);

#endif
