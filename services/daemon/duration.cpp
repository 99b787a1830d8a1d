#include "services/daemon/duration.hpp"

#include <array>
#include <charconv>
#include <cstdint>

namespace podsandbox {

namespace {

using std::chrono::milliseconds;

struct Unit {
  std::string_view name;
  milliseconds size;
};

constexpr std::array<Unit, 4> units{{{"h", std::chrono::hours(1)},
                                     {"m", std::chrono::minutes(1)},
                                     {"s", std::chrono::seconds(1)},
                                     {"ms", milliseconds(1)}}};
constexpr milliseconds longest = std::chrono::hours(24);

tl::unexpected<Error> bad_duration() {
  return failure(ErrorKind::invalid_argument,
                 "must be a whole number and a unit (ms, s, m or h), from \"1ms\" to \"24h\"");
}

}  // namespace

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  std::int64_t count = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || count < 1) return bad_duration();
  const std::string_view name = text.substr(static_cast<std::size_t>(rest - text.data()));
  for (const Unit& unit : units) {
    if (unit.name != name) continue;
    if (count > longest / unit.size) return bad_duration();
    return unit.size * count;
  }
  return bad_duration();
}

std::string format_duration(std::chrono::nanoseconds duration) {
  for (const Unit& unit : units) {
    if (duration % unit.size == duration.zero()) {
      return std::to_string(duration / unit.size) + std::string(unit.name);
    }
  }
  return std::to_string(duration / milliseconds(1)) + "ms";
}

}  // namespace podsandbox
