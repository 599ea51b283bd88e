// The program around the kernels of golden_*.cu:
//     golden [all|NAME]... [--order=forward|reverse|random] [--async=eager|late|random] [--seed=N]
// prints a line "NAME DIGEST" for each, and fails where a result is not the reference's.
#include <cstdio>
#include <cstring>

#include "golden.h"

#if TC_GPU
namespace tc::cuda {  // what launch() asks the runtime for
void* current_stream_handle() { return nullptr; }
void launch_failed(std::string_view kernel, int error) {
  throw std::runtime_error("launch of " + std::string(kernel) + ": " +
                           cudaGetErrorString(static_cast<cudaError_t>(error)));
}
}  // namespace tc::cuda
#endif

namespace {

std::uint64_t digest(const golden::Bytes& bytes) {  // FNV-1a
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001b3ull;
  return hash;
}

void set(const char* option) {
#if !TC_GPU
  tc::simt::Settings settings = tc::simt::settings();
  const std::string text(option);
  if (text == "--order=forward") settings.order = tc::simt::Order::forward;
  if (text == "--order=reverse") settings.order = tc::simt::Order::reverse;
  if (text == "--order=random") settings.order = tc::simt::Order::random;
  if (text == "--async=eager") settings.async = tc::simt::Async::eager;
  if (text == "--async=late") settings.async = tc::simt::Async::late;
  if (text == "--async=random") settings.async = tc::simt::Async::random;
  if (text.starts_with("--seed=")) settings.seed = std::stoull(text.substr(7));
  tc::simt::set_settings(settings);
#else
  (void)option;
#endif
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<golden::Case> cases;
  golden::add_matrix_cases(cases);
  golden::add_copy_cases(cases);
  golden::add_product_cases(cases);
  int failures = 0;
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "--", 2) == 0) {
      set(argv[i]);
      continue;
    }
    for (const golden::Case& c : cases) {
      if (c.name != argv[i] && std::strcmp(argv[i], "all") != 0) continue;
      try {
        const golden::Outcome outcome = c.run(1);
        std::printf("%s %016llx\n", c.name.c_str(), static_cast<unsigned long long>(digest(outcome.got)));
        if (outcome.got == outcome.want) continue;
        std::size_t at = 0;
        while (at < outcome.got.size() && at < outcome.want.size() && outcome.got[at] == outcome.want[at]) ++at;
        std::fprintf(stderr, "%s: byte %zu of %zu differs from the reference\n", c.name.c_str(), at,
                     outcome.want.size());
      } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: %s\n", c.name.c_str(), error.what());
      }
      ++failures;
    }
  }
  return failures != 0;
}
