/* The files of the page as C arrays; ui_gen.py makes them from page/ at build time. */
#ifndef RW_SERVER_UI_UI_FILES_H
#define RW_SERVER_UI_UI_FILES_H

#include <stddef.h>

#include "core/base/str.h"

struct rw_ui_file {
    const char *name;
    const char *type; /* media type */
    const char *tag;  /* entity tag, in its quotes; a digest of the bytes */
    struct rw_str body;
};

extern const struct rw_ui_file rw_ui_files[];
extern const size_t rw_ui_files_count;

#endif
