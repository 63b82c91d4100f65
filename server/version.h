/* Version of this build; RW_BUILD_VERSION comes from the top meson.build. */
#ifndef RW_SERVER_VERSION_H
#define RW_SERVER_VERSION_H

#ifndef RW_BUILD_VERSION
#define RW_BUILD_VERSION "0.0.0"
#endif

#define RW_VERSION RW_BUILD_VERSION

#endif
