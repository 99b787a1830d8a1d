#include "services/daemon/recovery_report.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <optional>

#include "actors/recovery.hpp"
#include "actors/sandbox/lifecycle.hpp"
#include "services/daemon/runtime_settings.hpp"
#include "services/daemon/state_dir.hpp"
#include "services/journal/peek.hpp"
#include "services/journal/store.hpp"

namespace podsandbox {

namespace {

using linux_runtime::Surveyed;
using linux_runtime::Verdict;

/// As the runtime will tell of it once it has started: what it removes by itself is then gone. Only the linux
/// runtime was asked.
Found as_told(const StoredSandbox* stored, const std::optional<Surveyed>& surveyed) {
  if (stored && stored->record.spec->runtime != RuntimeKind::linux) return {Found::What::unasked, {}};
  if (!surveyed || surveyed->verdict == Verdict::remove) return {Found::What::nothing, {}};
  if (surveyed->verdict == Verdict::keep_remains) return {Found::What::remains, {}};
  return {Found::What::process, surveyed->process};
}

std::string text_of(const Exit& exit) {
  return exit.status == unknown_exit_code ? "ended, nobody knows how"
                                          : "ended with " + std::to_string(exit.status);
}

std::string expectation(const StoredSandbox* stored) {
  if (!stored) return "-";
  std::string text(to_string(phase_of(stored->record)));
  if (stored->record.exit) text += ", " + text_of(*stored->record.exit);
  return text;
}

std::string finding(const std::optional<Surveyed>& surveyed) {
  if (!surveyed) return "-";
  const auto& process = surveyed->process;
  if (surveyed->verdict == Verdict::keep_remains) return "remains";
  if (surveyed->verdict == Verdict::remove) return "unfinished start";
  const auto pid = "pid " + std::to_string(process.pid);
  if (process.exit) return pid + ", " + text_of(*process.exit);
  return pid + (surveyed->verdict == Verdict::take_up_orphan ? ", without its keeper" : "");
}

std::string action(const StoredSandbox* stored, const std::string& boot_id,
                   const std::optional<Surveyed>& surveyed) {
  const SandboxRecord* record = stored ? &stored->record : nullptr;
  const bool same_boot = stored && stored->boot_id == boot_id;
  const auto step =
      plan_recovery(record, same_boot, as_told(stored, surveyed), std::chrono::system_clock::now());
  if (step.what == Recovery::settled && surveyed && surveyed->verdict == Verdict::remove) return "reap";
  std::string text(to_string(step.what));
  if (!step.why.empty()) text += ": " + std::string(step.why);
  return text;
}

}  // namespace

std::vector<RecoveryRow> recovery_report(const journal::Contents& journal, const std::string& boot_id,
                                         const std::vector<Surveyed>& runtime) {
  std::map<std::string, std::optional<Surveyed>> found;
  for (const auto& [id, stored] : journal.sandboxes) found[id];
  for (const auto& surveyed : runtime) found[surveyed.process.id] = surveyed;
  std::vector<RecoveryRow> rows;
  for (const auto& [id, surveyed] : found) {
    const auto it = journal.sandboxes.find(id);
    const auto* stored = it == journal.sandboxes.end() ? nullptr : &it->second;
    rows.push_back({id, expectation(stored), finding(surveyed), action(stored, boot_id, surveyed)});
  }
  return rows;
}

Result<std::vector<RecoveryRow>> plan_recovery_of(const Config& config) {
  const auto unused = StateDir::open(config.state_dir);
  if (!unused) return tl::unexpected<Error>(unused.error());
  auto reading = journal::peek(config.data_dir, {config.actors.events_kept, config.events_age});
  if (!reading) return tl::unexpected<Error>(reading.error());
  for (const auto& damage : reading->damage) {
    std::fprintf(stderr, "podsandboxd: the journal in %s is damaged: %s\n", config.data_dir.c_str(),
                 damage.c_str());
  }
  const auto runtime = linux_runtime::survey(linux_settings(config));
  if (!runtime) return tl::unexpected<Error>(runtime.error());
  return recovery_report(reading->contents, journal::current_boot_id(), *runtime);
}

std::string to_text(const std::vector<RecoveryRow>& rows) {
  std::vector<std::array<std::string, 4>> table{{"ID", "JOURNAL", "RUNTIME", "ACTION"}};
  std::map<std::string, std::size_t> counts;
  for (const auto& row : rows) {
    table.push_back({row.id, row.expected, row.found, row.action});
    ++counts[row.action.substr(0, row.action.find(':'))];
  }
  std::array<std::size_t, 3> widths{};
  for (const auto& cells : table) {
    for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], cells[i].size());
  }
  std::string text;
  for (const auto& cells : table) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      text += cells[i] + std::string(widths[i] - cells[i].size() + 2, ' ');
    }
    text += cells.back() + "\n";
  }
  text += std::to_string(rows.size()) + " sandboxes";
  for (const auto& [what, count] : counts) text += ", " + std::to_string(count) + " " + what;
  return text + "\n";
}

}  // namespace podsandbox
