#pragma once

#include <cstdint>
#include <string>

#include "messages/journal.hpp"

/// A stream of writes of which each leaves a state that is like no other.
namespace podsandbox::test::stream {

/// The n-th write, from 1 on: changes some sandboxes, makes one, forgets one, tells of two events.
journal::Write write(std::uint64_t n);

/// How many of the writes have made these contents. None but the states between two writes are accepted: the
/// answer is then -1, and `why` says what is wrong.
std::int64_t writes_in(const journal::Contents& contents, std::string& why);

}  // namespace podsandbox::test::stream
