#include "services/linux/survey.hpp"

#include <poll.h>

#include <map>
#include <utility>

#include "services/host/process_facts.hpp"
#include "services/linux/child.hpp"
#include "services/linux/keeper_launch.hpp"
#include "services/linux/packet.hpp"

namespace podsandbox::linux_runtime {

namespace {

Result<KeeperReply> ask_for_next(const host::UniqueFd& keeper, unsigned slot, const Settings& settings) {
  KeeperRequest request{};
  request.magic = keeper_magic;
  request.version = keeper_version;
  request.op = keeper_next;
  request.slot = slot;
  KeeperReply reply{};
  pollfd ready{keeper.get(), POLLIN, 0};
  const auto patience = static_cast<int>(settings.deadline.count());
  const bool answered = send_packet(keeper.get(), &request, sizeof request) == 0 &&
                        poll(&ready, 1, patience) == 1 &&
                        receive_packet(keeper.get(), &reply, sizeof reply).error == 0;
  if (answered && reply.magic == keeper_magic && reply.version == keeper_version) return reply;
  return failure(ErrorKind::unavailable, "the keeper does not answer, or not in our protocol's version");
}

Result<std::vector<KeeperReply>> keeper_entries(const Settings& settings) {
  const auto keeper = connect_keeper(settings);
  if (!keeper) return tl::unexpected<Error>(keeper.error());
  std::vector<KeeperReply> entries;
  for (unsigned slot = 0; *keeper;) {
    const auto reply = ask_for_next(*keeper, slot, settings);
    if (!reply) return tl::unexpected<Error>(reply.error());
    if (reply->state == keeper_none) break;
    entries.push_back(*reply);
    slot = reply->slot + 1;
  }
  return entries;
}

Surveyed surveyed(const std::string& id, const Evidence& evidence, const std::optional<Exit>& exit,
                  const std::string& boot_id) {
  Surveyed found{judge(evidence, boot_id), {id, 0, 0, exit}};
  if (evidence.kept) {
    found.process.pid = static_cast<std::uint32_t>(evidence.kept->pid);
    found.process.start_time = evidence.kept->start_time;
  } else if (evidence.record) {
    found.process.pid = static_cast<std::uint32_t>(evidence.record->pid);
    found.process.start_time = evidence.record->start_time;
  }
  if (found.verdict == Verdict::has_ended && !exit) {
    found.process.exit = Exit{unknown_exit_code, std::chrono::system_clock::now()};
  }
  return found;
}

}  // namespace

Result<std::vector<Surveyed>> survey(const Settings& settings) {
  const auto boot = host::boot_id();
  const auto entries = keeper_entries(settings);
  if (!entries) return tl::unexpected<Error>(entries.error());
  std::map<std::string, Evidence> evidence;
  std::map<std::string, Exit> exits;
  for (const auto& entry : *entries) {
    const auto stat = host::read_stat(entry.pid);
    const bool dead = entry.state == keeper_dead;
    evidence[entry.id].kept = KeptProcess{entry.pid, stat ? stat->start_time : 0, dead};
    if (dead) exits[entry.id] = exit_of(entry);
  }
  for (auto& [id, record] : host::RecordStore(settings.records_dir()).read_all()) {
    auto& of = evidence[id];
    if (!of.kept && record.pid != 0) {
      const auto process = host::open_process(record.pid, record.start_time);
      of.alive = process && !host::has_ended(process.get());
      const auto status =
          process ? host::wait_status_of_other(process.get(), record.pid, record.start_time) : std::nullopt;
      if (status) exits[id] = Exit{host::exit_status(*status), std::chrono::system_clock::now()};
    }
    of.record = record;
  }
  std::vector<Surveyed> all;
  for (const auto& [id, of] : evidence) {
    const auto exit = exits.find(id);
    all.push_back(surveyed(id, of, exit == exits.end() ? std::nullopt : std::optional(exit->second), boot));
  }
  return all;
}

}  // namespace podsandbox::linux_runtime
