// Reads the machine from the kernel's files; what cannot be read stays 0 or empty.
#include "core/machine.h"

#include <sched.h>
#if defined(__linux__)
#include <sys/sysinfo.h>
#endif
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace tc {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

int logical_cpus() {
  const long count = sysconf(_SC_NPROCESSORS_ONLN);
  return static_cast<int>(std::max(1L, count));
}

int affinity_cpus() {
#if defined(__linux__)
  // The mask has as many bits as the kernel was built for, which may be more than a cpu_set_t holds.
  for (int bits = 1024; bits <= 1 << 16; bits *= 2) {
    cpu_set_t* set = CPU_ALLOC(bits);
    if (set == nullptr) break;
    const std::size_t size = CPU_ALLOC_SIZE(bits);
    const int count = sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
    CPU_FREE(set);
    if (count > 0) return count;
  }
#endif
  return logical_cpus();
}

// Processors that a control group (a container's limit) grants, rounded up; a large number when unlimited.
int quota_cpus() {
  long long quota = -1, period = 0;
  const std::string v2 = first_line("/sys/fs/cgroup/cpu.max");  // "max 100000" or "200000 100000"
  if (!v2.empty()) {
    if (std::sscanf(v2.c_str(), "%lld %lld", &quota, &period) != 2) quota = -1;
  } else {
    quota = std::atoll(first_line("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").c_str());
    period = std::atoll(first_line("/sys/fs/cgroup/cpu/cpu.cfs_period_us").c_str());
  }
  if (quota <= 0 || period <= 0) return 1 << 20;
  return static_cast<int>(std::clamp((quota + period - 1) / period, 1LL, 1LL << 20));
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (line.starts_with("model name") && colon != std::string::npos)
      return line.substr(std::min(colon + 2, line.size()));
  }
  return "";
}

int physical_cores() {
  std::set<std::string> cores;  // one line per core: its hardware threads
  for (int cpu = 0; cpu < 1 << 16; ++cpu) {
    const std::string folder = "/sys/devices/system/cpu/cpu" + std::to_string(cpu);
    if (access(folder.c_str(), F_OK) != 0) break;
    const std::string line = first_line(folder + "/topology/thread_siblings_list");  // absent for one that is offline
    if (!line.empty()) cores.insert(line);
  }
  return static_cast<int>(cores.size());
}

std::int64_t cache_bytes(int level) {
  for (int index = 0; index < 8; ++index) {
    const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    if (first_line(folder + "level") != std::to_string(level) || first_line(folder + "type") == "Instruction") continue;
    const std::string size = first_line(folder + "size");  // "48K"
    const std::int64_t unit = size.ends_with('K') ? 1024 : size.ends_with('M') ? 1024 * 1024 : 1;
    return std::atoll(size.c_str()) * unit;
  }
  return 0;
}

std::vector<std::string> cpu_features() {
  std::vector<std::string> found;
#if defined(__x86_64__)
  struct Feature {
    const char* name;
    unsigned leaf, subleaf;
    int reg, bit;  // eax, ebx, ecx, edx
  };
  constexpr Feature features[] = {
      {"sse4.1", 1, 0, 2, 19},     {"sse4.2", 1, 0, 2, 20},    {"avx", 1, 0, 2, 28},        {"f16c", 1, 0, 2, 29},
      {"fma", 1, 0, 2, 12},        {"bmi2", 7, 0, 1, 8},       {"avx2", 7, 0, 1, 5},        {"avx512f", 7, 0, 1, 16},
      {"avx512bw", 7, 0, 1, 30},   {"avx512cd", 7, 0, 1, 28},  {"avx512dq", 7, 0, 1, 17},   {"avx512vl", 7, 0, 1, 31},
      {"avx512vnni", 7, 0, 2, 11}, {"avx512bf16", 7, 1, 0, 5}, {"avx512fp16", 7, 0, 3, 23}, {"amx-tile", 7, 0, 3, 24},
      {"amx-bf16", 7, 0, 3, 22},   {"amx-int8", 7, 0, 3, 25},
  };
  // A feature counts when the operating system saves its registers too: 0x6 for AVX, 0xe6 for AVX-512, 0x60000 for AMX.
  unsigned r[4] = {};
  std::uint64_t saved = 0;
  if (__get_cpuid(1, &r[0], &r[1], &r[2], &r[3]) && (r[2] & (1u << 27))) {
    unsigned low = 0, high = 0;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    saved = std::uint64_t{high} << 32 | low;
  }
  for (const Feature& f : features) {
    const std::string name = f.name;
    const std::uint64_t needed = name.starts_with("avx512")                                   ? 0xe6
                                 : name.starts_with("amx")                                    ? 0x60000
                                 : name.starts_with("avx") || name == "fma" || name == "f16c" ? 0x6
                                                                                              : 0;
    if ((saved & needed) != needed || !__get_cpuid_count(f.leaf, f.subleaf, &r[0], &r[1], &r[2], &r[3])) continue;
    if (r[f.reg] & (1u << f.bit)) found.push_back(name);
  }
#elif defined(__aarch64__)
  found.push_back("neon");
#endif
  return found;
}

}  // namespace

std::int64_t memory_bytes() {
  std::int64_t bytes = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE);
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    const std::int64_t limit = std::atoll(first_line(path).c_str());  // 0 for "max" and for no such file
    if (limit > 0) bytes = std::min(bytes, limit);
  }
  return bytes;
}

std::int64_t memory_with_swap() {
#if defined(__linux__)
  struct sysinfo info = {};
  if (sysinfo(&info) == 0) return memory_bytes() + static_cast<std::int64_t>(info.totalswap) * info.mem_unit;
#endif
  return memory_bytes();
}

int available_cpus() {
  static const int count = std::max(1, std::min(affinity_cpus(), quota_cpus()));
  return count;
}

const MachineInfo& machine_info() {
  static const MachineInfo& info =
      *new MachineInfo{processor_name(), cpu_features(), logical_cpus(), physical_cores(),  available_cpus(),
                       cache_bytes(1),   cache_bytes(2), cache_bytes(3), tc::memory_bytes()};
  return info;
}

}  // namespace tc
