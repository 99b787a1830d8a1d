#pragma once

#include <string>

#include "services/journal/reader.hpp"

namespace podsandbox::journal {

/// Reads the journal of this directory, by way of a copy: nothing in the directory is made, changed or
/// repaired. The copy's database is not in the answer. Contents are empty where there is no journal.
Result<Reading> peek(const std::string& directory, const Limits& limits);

}  // namespace podsandbox::journal
