// How variables of a thread are found: at a fixed distance from the thread's pointer where that is possible. It needs
// room that the C library keeps back for modules loaded late, less than 2 KiB; NVIDIA's runtime library brings a page
// of such variables of its own, so a module with it has to look its variables up instead.
#pragma once
#include <cstddef>

#if defined(__GLIBC__) && TENSORCORE_TLS_FIXED
#define TC_TLS_FIXED __attribute__((tls_model("initial-exec")))
#else
#define TC_TLS_FIXED
#endif
