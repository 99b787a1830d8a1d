#include "services/journal/codec.hpp"

#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "messages/spec_codec.hpp"
#include "proto/journal.pb.h"
#include "services/journal/codec_enums.hpp"

namespace podsandbox::journal {

namespace {

using podsandbox::fill;

// What is encoded is taken apart into all of its members: who adds one is told by the compiler to store it
// (and by the test of the round trip to read it again).

std::int64_t nanoseconds(Time time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

Time time_of(std::int64_t nanoseconds) {
  return Time(std::chrono::duration_cast<Time::duration>(std::chrono::nanoseconds(nanoseconds)));
}

void fill(wire::Exit& out, const Exit& exit) {
  const auto& [status, at] = exit;
  out.set_status(status);
  out.set_at_ns(nanoseconds(at));
}

void fill(wire::Started& out, const Started& started) {
  const auto& [pid, start_time, created_at, labels, spec, task_address, task_version, image, snapshotter] =
      started;
  out.set_pid(pid);
  out.set_start_time(start_time);
  out.set_created_at_ns(nanoseconds(created_at));
  fill(*out.mutable_labels(), labels);
  fill(*out.mutable_spec(), spec);
  out.set_task_address(task_address);
  out.set_task_version(task_version);
  out.set_image(image);
  out.set_snapshotter(snapshotter);
}

void fill(wire::Failure& out, const Error& error) {
  const auto& [kind, message] = error;
  out.set_kind(to_wire(kind));
  out.set_message(message);
}

void fill(wire::Chore& out, const TaskExit& chore) {
  const auto& [id, pid, start_time, exit] = chore;
  auto& task_exit = *out.mutable_task_exit();
  task_exit.set_id(id);
  task_exit.set_pid(pid);
  task_exit.set_start_time(start_time);
  fill(*task_exit.mutable_exit(), exit);
}

void fill(wire::Chore& out, const Removal& chore) {
  const auto& [id] = chore;
  out.mutable_removal()->set_id(id);
}

void fill(wire::Sandbox& out, const SandboxRecord& record) {
  const auto& [spec, start_wanted, stop_wanted, stop_grace, removal_wanted, started, exit, start_answered,
               start_failure, task_cleaned, all_cleaned] = record;
  fill(*out.mutable_spec(), *spec);
  out.set_start_wanted(start_wanted);
  out.set_stop_wanted(stop_wanted);
  out.set_stop_grace_seconds(stop_grace.count());
  out.set_removal_wanted(removal_wanted);
  if (started) fill(*out.mutable_started(), *started);
  if (exit) fill(*out.mutable_exit(), *exit);
  out.set_start_answered(start_answered);
  if (start_failure) fill(*out.mutable_start_failure(), *start_failure);
  out.set_task_cleaned(task_cleaned);
  out.set_all_cleaned(all_cleaned);
}

template <class Message>
Result<std::string> bytes_of(const Message& message, const std::string& what) {
  if (message.ByteSizeLong() > largest_row) {
    return failure(ErrorKind::invalid_argument, what + ": too large for the journal");
  }
  return message.SerializeAsString();
}

// -- decoding ----------------------------------------------------------------

tl::unexpected<Error> nonsense(const std::string& why) {
  return failure(ErrorKind::invalid_argument, why);
}

Exit exit_of(const wire::Exit& in) {
  return {in.status(), time_of(in.at_ns())};
}

Started started_of(const wire::Started& in) {
  Started started;
  started.pid = in.pid();
  started.start_time = in.start_time();
  started.created_at = time_of(in.created_at_ns());
  started.labels = labels_of(in.labels());
  started.spec = payload_of(in.spec());
  started.task_address = in.task_address();
  started.task_version = in.task_version();
  started.image = in.image();
  started.snapshotter = in.snapshotter();
  return started;
}

Result<Chore> chore_of(const wire::Chore& in) {
  switch (in.kind_case()) {
    case wire::Chore::kTaskExit: {
      const auto& exit = in.task_exit();
      return TaskExit{exit.id(), exit.pid(), exit.start_time(), exit_of(exit.exit())};
    }
    case wire::Chore::kRemoval:
      return Removal{in.removal().id()};
    case wire::Chore::KIND_NOT_SET:
      break;
  }
  return nonsense("it has a chore of an unknown kind");
}

Result<SandboxRecord> record_of(const wire::Sandbox& in) {
  auto spec = spec_of(in.spec());
  if (!spec) return tl::unexpected<Error>(std::move(spec).error());
  SandboxRecord record;
  record.spec = *std::move(spec);
  record.start_wanted = in.start_wanted();
  record.stop_wanted = in.stop_wanted();
  record.stop_grace = std::chrono::seconds(in.stop_grace_seconds());
  record.removal_wanted = in.removal_wanted();
  if (in.has_started()) record.started = started_of(in.started());
  if (in.has_exit()) record.exit = exit_of(in.exit());
  record.start_answered = in.start_answered();
  if (in.has_start_failure()) {
    record.start_failure = Error{error_kind_of(in.start_failure().kind()), in.start_failure().message()};
  }
  record.task_cleaned = in.task_cleaned();
  record.all_cleaned = in.all_cleaned();
  return record;
}

template <class Message>
bool parse(Message& out, std::string_view bytes) {
  return bytes.size() <= largest_row && out.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace

Result<std::string> encode(const StoredSandbox& sandbox) {
  const auto& [record, chores, failures, last_error, due, actors, boot_id] = sandbox;
  if (!record.spec || !record.spec->config) return nonsense("a sandbox without a spec cannot be stored");
  wire::Sandbox out;
  fill(out, record);
  for (const auto& chore : chores) {
    std::visit([&](const auto& kind) { fill(*out.add_chores(), kind); }, chore);
  }
  out.set_failures(failures);
  out.set_last_error(last_error);
  if (due) out.set_due_ns(nanoseconds(*due));
  out.set_actors(actors);
  out.set_boot_id(boot_id);
  return bytes_of(out, "sandbox " + record.spec->id);
}

Result<StoredSandbox> decode_sandbox(std::string_view bytes) {
  wire::Sandbox in;
  if (!parse(in, bytes)) return nonsense("its bytes are no sandbox");
  auto record = record_of(in);
  if (!record) return tl::unexpected<Error>(std::move(record).error());
  StoredSandbox sandbox;
  sandbox.record = *std::move(record);
  for (const auto& wire_chore : in.chores()) {
    auto chore = chore_of(wire_chore);
    if (!chore) return tl::unexpected<Error>(std::move(chore).error());
    sandbox.chores.push_back(*std::move(chore));
  }
  sandbox.failures = in.failures();
  sandbox.last_error = in.last_error();
  if (in.has_due_ns()) sandbox.due = time_of(in.due_ns());
  sandbox.actors = in.actors();
  sandbox.boot_id = in.boot_id();
  return sandbox;
}

Result<std::string> encode(const Event& event) {
  const auto& [sequence, at, kind, sandbox_id, phase, pid, exit, detail] = event;
  wire::Event out;
  out.set_sequence(sequence);
  out.set_at_ns(nanoseconds(at));
  out.set_kind(to_wire(kind));
  out.set_sandbox_id(sandbox_id);
  out.set_phase(to_wire(phase));
  out.set_pid(pid);
  if (exit) fill(*out.mutable_exit(), *exit);
  out.set_detail(detail);
  return bytes_of(out, "event " + std::to_string(sequence));
}

Result<Event> decode_event(std::string_view bytes) {
  wire::Event in;
  if (!parse(in, bytes)) return nonsense("its bytes are no event");
  const auto kind = event_kind_of(in.kind());
  if (!kind) return nonsense("it is of an unknown kind");
  Event event;
  event.sequence = in.sequence();
  event.at = time_of(in.at_ns());
  event.kind = *kind;
  event.sandbox_id = in.sandbox_id();
  event.phase = phase_of(in.phase());
  event.pid = in.pid();
  if (in.has_exit()) event.exit = exit_of(in.exit());
  event.detail = in.detail();
  return event;
}

}  // namespace podsandbox::journal
