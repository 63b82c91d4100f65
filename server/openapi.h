/* The API document as JSON, made at build time from proto/openapi.json. */
#ifndef RW_SERVER_OPENAPI_H
#define RW_SERVER_OPENAPI_H

#include "core/base/str.h"

struct rw_str rw_openapi_document(void);

#endif
