/* The models of a daemon that is told none: those which an installation keeps beside the program,
 * in ../share/rewardd/models of the folder that the program is in. A wheel, a Debian package and
 * `meson install` all lay them there; a build folder has none. */
#ifndef RW_SERVER_DEFAULT_MODELS_H
#define RW_SERVER_DEFAULT_MODELS_H

#include "core/base/arena.h"
#include "core/base/status.h"
#include "server/options.h"

enum {
    RW_DEFAULT_MODELS_PATH_MAX = 4096, /* bytes of a path, NUL included */
};

/* Every folder in `parent` that has a rewardd.json, by name; none when `parent` cannot be read. The
 * texts live in the arena. */
rw_status rw_default_models_in(const char *parent, struct rw_arena *arena, struct rw_text_list *out,
                               struct rw_error *err);
/* Fills options->model when nobody has given one. */
rw_status rw_default_models_add(struct rw_options *options, struct rw_error *err);

#endif
