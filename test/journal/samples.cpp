#include "test/journal/samples.hpp"

#include <google/protobuf/util/message_differencer.h>

#include <memory>
#include <tuple>
#include <utility>

#include "proto/cri.pb.h"

namespace podsandbox::test {

namespace {

const Time then = Time(std::chrono::nanoseconds(1234567890123456789));
const std::string bytes("\0\xff\xc3(\n", 5);  // no text in any encoding

}  // namespace

StoredSandbox full_sandbox(const std::string& id) {
  auto config = std::make_shared<::runtime::v1::PodSandboxConfig>();
  config->mutable_metadata()->set_name("pod");
  config->mutable_linux()->mutable_security_context()->set_privileged(true);
  (*config->mutable_labels())["app"] = "web";
  SandboxSpec spec{id,
                   std::move(config),
                   "/run/netns/one",
                   {{"annotation", "one"}, {"empty", ""}, {bytes, bytes}},
                   {{"label", "two"}},
                   "io.containerd.runc.v2",
                   {"options.type", bytes},
                   {{"extension", {"extension.type", bytes}}, {"bare", {}}},
                   "podsandboxd",
                   RuntimeKind::containerd};
  SandboxRecord record;
  record.spec = std::make_shared<const SandboxSpec>(std::move(spec));
  record.start_wanted = true;
  record.stop_wanted = true;
  record.stop_grace = std::chrono::seconds(30);
  record.removal_wanted = true;
  record.started = Started{
      42, 4711,       then,           {{"sandbox", "label"}}, {"spec.type", bytes}, "unix:///run/task.sock",
      3,  "an/image", "a snapshotter"};
  record.exit = Exit{137, then + std::chrono::nanoseconds(1)};
  record.start_answered = true;
  record.start_failure = Error{ErrorKind::unavailable, bytes};
  record.task_cleaned = true;
  record.all_cleaned = true;
  const TaskExit task_exit{id, 42, 4711, {137, then}};
  return {std::move(record), {Removal{id}, task_exit, Removal{"other"}}, 7, bytes, then, 3, "a-boot"};
}

StoredSandbox bare_sandbox(const std::string& id) {
  auto spec = std::make_shared<SandboxSpec>();
  spec->id = id;
  spec->config = std::make_shared<::runtime::v1::PodSandboxConfig>();
  StoredSandbox sandbox;
  sandbox.record.spec = std::move(spec);
  return sandbox;
}

Event full_event(std::uint64_t sequence) {
  return {sequence, then, EventKind::exited, "one", Phase::notready, 42, Exit{137, then}, bytes};
}

Event recent_event(std::uint64_t sequence, const std::string& detail) {
  auto event = full_event(sequence);
  event.at = std::chrono::system_clock::now();
  event.detail = detail;
  return event;
}

// All members by name: a new one does not compile until it is compared.

bool same(const SandboxSpec& a, const SandboxSpec& b) {
  const auto& [a1, config_a, a3, a4, a5, a6, a7, a8, a9, a10] = a;
  const auto& [b1, config_b, b3, b4, b5, b6, b7, b8, b9, b10] = b;
  return std::tie(a1, a3, a4, a5, a6, a7, a8, a9, a10) == std::tie(b1, b3, b4, b5, b6, b7, b8, b9, b10) &&
         google::protobuf::util::MessageDifferencer::Equals(*config_a, *config_b);
}

bool same(const SandboxRecord& a, const SandboxRecord& b) {
  const auto& [spec_a, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11] = a;
  const auto& [spec_b, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11] = b;
  return same(*spec_a, *spec_b) && std::tie(a2, a3, a4, a5, a6, a7, a8, a9, a10, a11) ==
                                       std::tie(b2, b3, b4, b5, b6, b7, b8, b9, b10, b11);
}

bool same(const StoredSandbox& a, const StoredSandbox& b) {
  const auto& [record_a, a2, a3, a4, a5, a6, boot_a] = a;
  const auto& [record_b, b2, b3, b4, b5, b6, boot_b] = b;
  return same(record_a, record_b) && std::tie(a2, a3, a4, a5, a6) == std::tie(b2, b3, b4, b5, b6);
}

bool same(const Event& a, const Event& b) {
  const auto& [a1, a2, a3, a4, a5, a6, a7, a8] = a;
  const auto& [b1, b2, b3, b4, b5, b6, b7, b8] = b;
  return std::tie(a1, a2, a3, a4, a5, a6, a7, a8) == std::tie(b1, b2, b3, b4, b5, b6, b7, b8);
}

}  // namespace podsandbox::test
