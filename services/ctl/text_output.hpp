#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <chrono>
#include <iosfwd>
#include <string>

#include "proto/containerd_sandbox.pb.h"
#include "proto/podsandbox.pb.h"

/// What people read.
namespace podsandbox::ctl {

/// UTC to the millisecond, "2026-01-31T12:00:00.000Z".
std::string time_text(const google::protobuf::Timestamp& time);

/// Time since then in its largest unit, such as "59s", "3m", "2h", "4d".
std::string age_text(const google::protobuf::Timestamp& since, std::chrono::system_clock::time_point now);

void print_sandboxes(std::ostream& out, const v1::ListResponse& list,
                     std::chrono::system_clock::time_point now);

/// An answer of Status, one line for each thing it tells. `info`, in a verbose answer, follows as JSON.
void print_status(std::ostream& out,
                  const containerd::services::sandbox::v1::ControllerStatusResponse& status);

/// Events come one at a time, so their columns have fixed widths.
void print_event_header(std::ostream& out);
void print_event(std::ostream& out, const v1::Event& event);

}  // namespace podsandbox::ctl
