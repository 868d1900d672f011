// Assertions that stay on in every build. For our own mistakes only: neither received bytes nor
// load may trip one.
#pragma once

#include <cstdio>
#include <cstdlib>

#define PODRING_CHECK(condition)                                                           \
  do {                                                                                     \
    if (!(condition)) {                                                                    \
      std::fprintf(stderr, "podring: broken invariant at %s:%d: %s\n", __FILE__, __LINE__, \
                   #condition);                                                            \
      std::abort();                                                                        \
    }                                                                                      \
  } while (false)
