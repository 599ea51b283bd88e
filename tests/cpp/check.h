// What the test programs share: EXPECT, which names the line and ends the program, and named cases chosen by argv[1].
#pragma once
#include <cstdio>
#include <cstdlib>
#include <cstring>

#define EXPECT(condition)                                                          \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      std::_Exit(1);                                                               \
    }                                                                              \
  } while (0)

struct Case {
  const char* name;
  void (*run)();
};

template <int N>
int run_case(const Case (&cases)[N], int argc, char** argv) {
  for (const Case& c : cases) {
    if (argc != 2 || std::strcmp(argv[1], c.name) != 0) continue;
    c.run();
    std::puts("ok");
    return 0;
  }
  std::fprintf(stderr, "usage: %s CASE, one of:", argv[0]);
  for (const Case& c : cases) std::fprintf(stderr, " %s", c.name);
  std::fputc('\n', stderr);
  return 2;
}
