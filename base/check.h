#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

/// CHECK for invariants of our own code, in every build; DCHECK in hot loops, in debug builds only.
/// Never for anything that comes from a file, a peer or a user: that is a Status.
#define CHECK_IMPL(condition, text)                                                \
  do {                                                                             \
    if (!(condition)) [[unlikely]] {                                               \
      std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", __FILE__, __LINE__, text); \
      std::abort();                                                                \
    }                                                                              \
  } while (0)
#define CHECK(condition) CHECK_IMPL(condition, #condition)
#define CHECK_OK(expr) CHECK((expr).ok())
#ifdef NDEBUG
#define DCHECK(condition) \
  do {                    \
    if (false) {          \
      (void)(condition);  \
    }                     \
  } while (0)
#else
#define DCHECK(condition) CHECK(condition)
#endif
