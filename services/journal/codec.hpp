#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "messages/journal.hpp"

/// The stored form of what is durable (proto/journal.proto), both directions.
namespace podsandbox::journal {

/// Bytes of one sandbox or event; what clients send is limited to a quarter of it.
inline constexpr std::size_t largest_row = 64U << 20U;

/// INVALID_ARGUMENT for what cannot be stored: a sandbox without spec or config, something too large.
Result<std::string> encode(const StoredSandbox& sandbox);
Result<std::string> encode(const Event& event);

/// INVALID_ARGUMENT, saying why, for bytes that are no such thing.
Result<StoredSandbox> decode_sandbox(std::string_view bytes);
Result<Event> decode_event(std::string_view bytes);

}  // namespace podsandbox::journal
