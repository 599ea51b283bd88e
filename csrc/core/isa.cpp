// Which of the compiled instruction sets to run. Kernels register while the module loads, so this works before main and
// does not throw: a bad TENSORCORE_ISA is reported once and ignored.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/kernel_table.h"
#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace tc {
namespace {

Isa supported_isa() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  // The x86-64 psABI's levels. The three of v3 that older compilers' builtin does not know are read directly.
  unsigned a = 0, b = 0, c = 0, d = 0;
  const bool f16c_movbe = __get_cpuid(1, &a, &b, &c, &d) && (c & (1u << 29)) && (c & (1u << 22));
  const bool lzcnt = __get_cpuid(0x80000001u, &a, &b, &c, &d) && (c & (1u << 5));
  const bool v3 = f16c_movbe && lzcnt && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  return v4 ? Isa::avx512 : v3 ? Isa::avx2 : Isa::baseline;
#else
  return Isa::baseline;
#endif
}

Isa choose_isa() {
  const Isa supported = supported_isa();
  const char* wanted = std::getenv("TENSORCORE_ISA");
  if (wanted == nullptr || *wanted == '\0') return supported;
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (std::strcmp(wanted, name_of(isa)) != 0) continue;
    if (isa <= supported) return isa;
    std::fprintf(stderr, "tensorcore: TENSORCORE_ISA=%s ignored: this processor supports up to %s\n", wanted,
                 name_of(supported));
    return supported;
  }
  std::fprintf(stderr, "tensorcore: TENSORCORE_ISA=%s ignored: must be baseline, avx2 or avx512\n", wanted);
  return supported;
}

}  // namespace

Isa best_isa() {
  static const Isa isa = choose_isa();
  return isa;
}

const char* name_of(Isa isa) {
  switch (isa) {
    case Isa::baseline:
      return "baseline";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
  }
  return "unknown";
}

}  // namespace tc
