#pragma once

#include <grpcpp/support/status_code_enum.h>

#include <string_view>

namespace podsandbox::ctl {

/// How podsandboxctl ends; scripts rely on the numbers (exit_status_help).
enum class ExitStatus {
  ok = 0,
  failed = 1,
  usage = 2,
  not_found = 3,
  already_exists = 4,
  unavailable = 5,
  timed_out = 6,
};

/// What each number means, for --help.
inline constexpr std::string_view exit_status_help =
    "Exit status:\n"
    "  0  done\n"
    "  1  the daemon refused or failed\n"
    "  2  the command line or the pod config cannot be used\n"
    "  3  no such sandbox\n"
    "  4  there is another sandbox with this id\n"
    "  5  no daemon answers, or it is starting, draining or not healthy\n"
    "  6  the time given with --timeout is over\n";

ExitStatus exit_status_of(grpc::StatusCode code);

/// The code's name as in the gRPC specification, such as "NOT_FOUND".
std::string_view name_of(grpc::StatusCode code);

}  // namespace podsandbox::ctl
