// What the executor says when something is wrong: the rule broken, and where.
#include <dlfcn.h>
#include <unistd.h>

#include <bit>
#include <cstdio>
#include <cstring>
#include <map>

#include "cuda/simt/team.h"

namespace tc::simt {
namespace {

std::string spell(const uint3& v) {
  return "(" + std::to_string(v.x) + ", " + std::to_string(v.y) + ", " + std::to_string(v.z) + ")";
}
const char* base_name(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash ? slash + 1 : path;
}

// "0-3, 7" for a set of lanes.
std::string lane_list(std::uint32_t lanes) {
  std::string text;
  for (int i = 0; i < 32; ++i) {
    if (!(lanes >> i & 1u)) continue;
    int last = i;
    while (last + 1 < 32 && (lanes >> (last + 1) & 1u)) ++last;
    text += (text.empty() ? "" : ", ") + std::to_string(i) + (last > i ? "-" + std::to_string(last) : "");
    i = last;
  }
  return text;
}

}  // namespace

std::string describe_lane(const Lane& lane) {
  return "block " + spell(lane.block->layout.index) + ", thread " + spell(lane.thread);
}

std::string describe_place(Where where) {
  return std::string(base_name(where.file_name())) + ":" + std::to_string(where.line());
}

std::string describe_place(const void* program_counter) {
  Dl_info info{};
  const auto pc = reinterpret_cast<std::uintptr_t>(program_counter) - 1;  // inside the call that is returned to
  if (!dladdr(program_counter, &info) || !info.dli_fname) return "an unknown place";
  char offset[32];
  std::snprintf(offset, sizeof offset, "0x%lx",
                static_cast<unsigned long>(pc - reinterpret_cast<std::uintptr_t>(info.dli_fbase)));
  // Debug information is read by the tool that comes with every compiler; this happens once, on the way to an error.
  // With -i also the places that an inlined function was called from, the innermost first: the kernel's own line is the
  // first one outside of our headers.
  const std::string command = "addr2line -i -e '" + std::string(info.dli_fname) + "' " + offset + " 2>/dev/null";
  std::string innermost, chosen;
  if (FILE* pipe = popen(command.c_str(), "r")) {
    char buffer[512];
    while (std::fgets(buffer, sizeof buffer, pipe)) {
      std::string line = buffer;
      while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.pop_back();
      if (const auto more = line.find(" (discriminator"); more != line.npos) line.resize(more);
      if (line.empty() || line[0] == '?' || line.find(":?") != line.npos) continue;
      if (innermost.empty()) innermost = line;
      if (line.find("/cuda/device/") == line.npos && line.find("/cuda/simt/") == line.npos) {
        chosen = line;
        break;
      }
    }
    pclose(pipe);
  }
  if (innermost.empty()) return std::string(base_name(info.dli_fname)) + "+" + offset;
  return base_name((chosen.empty() ? innermost : chosen).c_str());
}

std::string deadlock_report(Team& team) {
  std::string text = "simt: deadlock in kernel '" + std::string(team.launch->name) +
                     "': every thread waits, and nothing can wake one.";
  int shown = 0;
  for (const Block& block : team.blocks)
    for (const Warp& warp : block.warps) {
      std::map<std::string, std::uint32_t> waits;
      for (std::uint32_t m = warp.present & ~warp.exited; m; m &= m - 1) {
        const int i = std::countr_zero(m);
        const Lane& lane = warp.lanes[i];
        const auto place = [&] {
          return lane.where.line() ? describe_place(lane.where) : describe_place(lane.spins_at);
        };
        waits[lane.waits_for ? std::string(lane.waits_for) + " (" + place() + ")" : "its turn"] |= 1u << i;
      }
      if (warp.exited) waits["nothing, having ended"] = warp.exited;
      if (waits.empty() || (waits.size() == 1 && warp.exited)) continue;
      if (++shown > 16) continue;
      text += "\n  block " + spell(block.layout.index) + ", warp " + std::to_string(&warp - block.warps.data()) + ":";
      const char* separator = " ";
      for (const auto& [what, lanes] : waits) {
        text += separator + ("lanes " + lane_list(lanes) + " wait for " + what);
        separator = "; ";
      }
    }
  if (shown > 16) text += "\n  and " + std::to_string(shown - 16) + " more warps";
  return text;
}

void fault_text(std::string what, std::string place) {
  auto& scheduler = static_cast<Scheduler&>(*worker);
  scheduler.stop("simt: " + what + ", in kernel '" + std::string(scheduler.launch().name) + "', " +
                 describe_lane(*scheduler.lane) + ", at " + place);
}

void assertion_failed(const char* expression, const char* file, unsigned line) {
  fault_text("assertion failed: " + std::string(expression), std::string(base_name(file)) + ":" + std::to_string(line));
}
void fault(const char* what, Where where) { fault_text(what, describe_place(where)); }

}  // namespace tc::simt
