#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "messages/error.hpp"
#include "services/host/spawn.hpp"

namespace podsandbox::host {

struct ProgramLimits {
  std::chrono::nanoseconds timeout{};
  std::size_t output = 1 << 20;  // bytes, of its output and of its messages each
};

struct ProgramOutput {
  std::string text;               // of its standard output
  std::string messages;           // of its standard error output, if that is read
  std::uint32_t exit_status = 0;  // or 128 + signal
};

enum class Messages { ours, read };  // its standard error output is this daemon's own, or read

/// Whether it is a regular file that may be executed.
bool is_program(const std::string& path);

/// The first of this name in the directories of a PATH ("/a:/b"), of which only absolute ones count.
std::optional<std::string> find_program(const std::string& name, const std::string& path);

/// Runs it with `input` on its standard input until it exits; processes that it leaves behind are its own
/// business. When it takes longer than the limit, or writes too much, its whole process group is killed.
/// Errors say "it": DEADLINE_EXCEEDED for a program that takes too long, those of spawn(), else INTERNAL.
/// Blocks as long, and a second more when what was killed hangs in the kernel.
Result<ProgramOutput> run_program(Program program, const std::string& input, const ProgramLimits& limits,
                                  Messages messages = Messages::ours);

}  // namespace podsandbox::host
