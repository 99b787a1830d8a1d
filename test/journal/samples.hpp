#pragma once

#include <cstdint>
#include <string>

#include "messages/journal.hpp"

namespace podsandbox::test {

/// Nothing in it is as in a default-constructed one.
StoredSandbox full_sandbox(const std::string& id);

/// The least that can be stored.
StoredSandbox bare_sandbox(const std::string& id);

Event full_event(std::uint64_t sequence);

/// Happened just now, so that it is not too old to be kept.
Event recent_event(std::uint64_t sequence, const std::string& detail = "");

bool same(const SandboxSpec& a, const SandboxSpec& b);
bool same(const SandboxRecord& a, const SandboxRecord& b);
/// Whatever the boots.
bool same(const StoredSandbox& a, const StoredSandbox& b);
bool same(const Event& a, const Event& b);

}  // namespace podsandbox::test
