#include "services/host/cgroup_metrics.hpp"

#include <cstdint>
#include <fstream>
#include <limits>
#include <map>
#include <optional>

#include "proto/cgroups_v1.pb.h"
#include "proto/cgroups_v2.pb.h"

namespace podsandbox::host {

namespace {

namespace fs = std::filesystem;
namespace v1 = io::containerd::cgroups::v1;
namespace v2 = io::containerd::cgroups::v2;

// Times of cpuacct.stat are in ticks of 10 ms everywhere.
constexpr std::uint64_t tick_ns = 10'000'000;

// The number in a file of one; "max" is the greatest there is.
std::optional<std::uint64_t> read_number(const fs::path& file) {
  std::ifstream stream(file);
  std::string word;
  if (!(stream >> word)) return std::nullopt;
  if (word == "max") return std::numeric_limits<std::uint64_t>::max();
  try {
    return std::stoull(word);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

// A file of lines "name number".
std::map<std::string, std::uint64_t> read_table(const fs::path& file) {
  std::map<std::string, std::uint64_t> table;
  std::ifstream stream(file);
  std::string name;
  for (std::uint64_t value = 0; stream >> name >> value;) table.emplace(name, value);
  return table;
}

std::uint64_t find_in(const std::map<std::string, std::uint64_t>& table, const char* name) {
  const auto it = table.find(name);
  return it == table.end() ? 0 : it->second;
}

// The controllers are spread over hierarchies: whatever this one has is added.
void read_v1(const fs::path& cgroup, v1::Metrics& metrics) {
  if (const auto total = read_number(cgroup / "cpuacct.usage")) {
    auto& usage = *metrics.mutable_cpu()->mutable_usage();
    const auto times = read_table(cgroup / "cpuacct.stat");
    usage.set_total(*total);
    usage.set_user(find_in(times, "user") * tick_ns);
    usage.set_kernel(find_in(times, "system") * tick_ns);
  }
  if (const auto usage = read_number(cgroup / "memory.usage_in_bytes")) {
    auto& memory = *metrics.mutable_memory();
    const auto stat = read_table(cgroup / "memory.stat");
    memory.mutable_usage()->set_usage(*usage);
    memory.mutable_usage()->set_limit(read_number(cgroup / "memory.limit_in_bytes").value_or(0));
    memory.mutable_usage()->set_max(read_number(cgroup / "memory.max_usage_in_bytes").value_or(0));
    memory.mutable_usage()->set_failcnt(read_number(cgroup / "memory.failcnt").value_or(0));
    memory.set_cache(find_in(stat, "cache"));
    memory.set_rss(find_in(stat, "rss"));
    memory.set_pg_fault(find_in(stat, "pgfault"));
    memory.set_pg_maj_fault(find_in(stat, "pgmajfault"));
    memory.set_total_cache(find_in(stat, "total_cache"));
    memory.set_total_rss(find_in(stat, "total_rss"));
    memory.set_total_pg_fault(find_in(stat, "total_pgfault"));
    memory.set_total_pg_maj_fault(find_in(stat, "total_pgmajfault"));
    memory.set_total_inactive_file(find_in(stat, "total_inactive_file"));
    memory.set_total_active_file(find_in(stat, "total_active_file"));
    memory.set_hierarchical_memory_limit(find_in(stat, "hierarchical_memory_limit"));
  }
  if (const auto current = read_number(cgroup / "pids.current")) {
    metrics.mutable_pids()->set_current(*current);
    // As containerd: without a limit it is 0.
    const auto limit = read_number(cgroup / "pids.max").value_or(0);
    metrics.mutable_pids()->set_limit(limit == std::numeric_limits<std::uint64_t>::max() ? 0 : limit);
  }
}

void read_v2(const fs::path& cgroup, v2::Metrics& metrics) {
  const auto times = read_table(cgroup / "cpu.stat");
  auto& cpu = *metrics.mutable_cpu();
  cpu.set_usage_usec(find_in(times, "usage_usec"));
  cpu.set_user_usec(find_in(times, "user_usec"));
  cpu.set_system_usec(find_in(times, "system_usec"));
  cpu.set_nr_periods(find_in(times, "nr_periods"));
  cpu.set_nr_throttled(find_in(times, "nr_throttled"));
  cpu.set_throttled_usec(find_in(times, "throttled_usec"));
  if (const auto usage = read_number(cgroup / "memory.current")) {
    auto& memory = *metrics.mutable_memory();
    const auto stat = read_table(cgroup / "memory.stat");
    memory.set_usage(*usage);
    memory.set_usage_limit(read_number(cgroup / "memory.max").value_or(0));
    memory.set_anon(find_in(stat, "anon"));
    memory.set_file(find_in(stat, "file"));
    memory.set_inactive_anon(find_in(stat, "inactive_anon"));
    memory.set_active_anon(find_in(stat, "active_anon"));
    memory.set_inactive_file(find_in(stat, "inactive_file"));
    memory.set_active_file(find_in(stat, "active_file"));
    memory.set_pgfault(find_in(stat, "pgfault"));
    memory.set_pgmajfault(find_in(stat, "pgmajfault"));
    memory.set_swap_usage(read_number(cgroup / "memory.swap.current").value_or(0));
    memory.set_swap_limit(read_number(cgroup / "memory.swap.max").value_or(0));
  }
  if (const auto current = read_number(cgroup / "pids.current")) {
    metrics.mutable_pids()->set_current(*current);
    const auto limit = read_number(cgroup / "pids.max").value_or(0);
    metrics.mutable_pids()->set_limit(limit == std::numeric_limits<std::uint64_t>::max() ? 0 : limit);
  }
}

template <class Metrics, class Read>
Result<Payload> collect(const CgroupMounts& mounts, const std::string& path, Read read) {
  Metrics metrics;
  bool any = false;
  for (const fs::path& mount : mounts.paths) {
    const fs::path cgroup = mount / fs::path(path).relative_path();
    std::error_code error;
    if (!fs::is_directory(cgroup, error)) continue;
    read(cgroup, metrics);
    any = true;
  }
  if (!any) return failure(ErrorKind::not_found, "reading the figures of cgroup " + path + ": there is none");
  return Payload{metrics.GetTypeName(), metrics.SerializeAsString()};
}

}  // namespace

Result<Payload> read_cgroup_metrics(const CgroupMounts& mounts, const std::string& path) {
  return mounts.unified ? collect<v2::Metrics>(mounts, path, read_v2)
                        : collect<v1::Metrics>(mounts, path, read_v1);
}

}  // namespace podsandbox::host
