#include "services/ctl/text_output.hpp"

#include <array>
#include <cstdio>
#include <ctime>
#include <ostream>
#include <string_view>

#include "services/ctl/json_output.hpp"
#include "services/ctl/table.hpp"

namespace podsandbox::ctl {

namespace {

constexpr std::string_view nothing = "-";

template <class Message>
std::string exit_text(const Message& message) {
  return message.has_exit_status() ? std::to_string(message.exit_status()) : std::string(nothing);
}

std::string pid_text(std::uint32_t pid) {
  return pid == 0 ? std::string(nothing) : std::to_string(pid);
}

std::string pod_text(const v1::PodIdentity& pod) {
  return pod.name().empty() ? std::string(nothing) : pod.namespace_() + "/" + pod.name();
}

std::string phase_text(v1::Sandbox::Phase phase) {
  return phase == v1::Sandbox::PHASE_UNKNOWN ? "UNKNOWN" : v1::Sandbox::Phase_Name(phase);
}

void print_field(std::ostream& out, std::string_view name, const std::string& value) {
  std::string label = std::string(name) + ":";
  label.resize(10, ' ');
  out << label << printable(value) << '\n';
}

void print_event_row(std::ostream& out, const std::array<std::string, 8>& cells) {
  constexpr std::array<std::size_t, 8> widths{24, 6, 15, 8, 7, 4, 0, 0};
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    std::string cell = printable(cells.at(i));
    if (cell.size() < widths.at(i)) cell.resize(widths.at(i), ' ');
    line += (i == 0 ? "" : "  ") + cell;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  // A watcher behind a pipe wants each event when it happens.
  out << line << std::endl;
}

}  // namespace

std::string time_text(const google::protobuf::Timestamp& time) {
  const std::time_t seconds = time.seconds();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> date{};
  std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 16> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", time.nanos() / 1'000'000);
  return std::string(date.data()) + fraction.data();
}

std::string age_text(const google::protobuf::Timestamp& since, std::chrono::system_clock::time_point now) {
  const auto today = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  const std::int64_t seconds = today > since.seconds() ? today - since.seconds() : 0;
  if (seconds < 60) return std::to_string(seconds) + "s";
  if (seconds < 60 * 60) return std::to_string(seconds / 60) + "m";
  if (seconds < 24 * 60 * 60) return std::to_string(seconds / (60 * 60)) + "h";
  return std::to_string(seconds / (24 * 60 * 60)) + "d";
}

void print_sandboxes(std::ostream& out, const v1::ListResponse& list,
                     std::chrono::system_clock::time_point now) {
  Table table({"ID", "POD", "PHASE", "PID", "AGE", "EXIT", "RETRIES"});
  for (const v1::Sandbox& sandbox : list.sandboxes()) {
    table.add({sandbox.id(), pod_text(sandbox.pod()), phase_text(sandbox.phase()), pid_text(sandbox.pid()),
               sandbox.has_created_at() ? age_text(sandbox.created_at(), now) : std::string(nothing),
               exit_text(sandbox), std::to_string(sandbox.retries_size())});
  }
  table.print(out);
}

void print_status(std::ostream& out,
                  const containerd::services::sandbox::v1::ControllerStatusResponse& status) {
  print_field(out, "ID", status.sandbox_id());
  print_field(out, "State", status.state());
  print_field(out, "PID", pid_text(status.pid()));
  print_field(out, "Created", status.has_created_at() ? time_text(status.created_at()) : "-");
  print_field(out, "Exited", status.has_exited_at() ? time_text(status.exited_at()) : "-");
  if (!status.address().empty()) {
    print_field(out, "Task API", status.address() + " (version " + std::to_string(status.version()) + ")");
  }
  if (!status.info().empty()) out << info_text(status) << '\n';
}

void print_event_header(std::ostream& out) {
  print_event_row(out, {"TIME", "SEQ", "EVENT", "PHASE", "PID", "EXIT", "ID", "DETAIL"});
}

void print_event(std::ostream& out, const v1::Event& event) {
  print_event_row(out, {time_text(event.at()), std::to_string(event.sequence()),
                        v1::Event::Kind_Name(event.kind()), phase_text(event.phase()), pid_text(event.pid()),
                        exit_text(event), event.sandbox_id(), event.detail()});
}

}  // namespace podsandbox::ctl
