#include "services/host/owner_mark.hpp"

#include <sys/xattr.h>

#include <array>
#include <cerrno>

namespace podsandbox::host {

namespace {

// Nearly all are short: one call. Longer ones may grow between two; then they are nobody's, until the next
// look.
std::optional<std::string> bytes_of(const auto& read) {
  std::array<char, 512> few;
  ssize_t size = read(few.data(), few.size());
  if (size >= 0) return std::string(few.data(), static_cast<std::size_t>(size));
  if (errno != ERANGE) return std::nullopt;
  size = read(nullptr, 0);
  std::string bytes(size < 0 ? 0 : static_cast<std::size_t>(size), '\0');
  size = read(bytes.data(), bytes.size());
  if (size < 0) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(size));
  return bytes;
}

}  // namespace

std::optional<std::string> read_mark(const std::string& path, const std::string& name) {
  return bytes_of(
      [&](char* to, std::size_t size) { return lgetxattr(path.c_str(), name.c_str(), to, size); });
}

int set_mark(const std::string& path, const std::string& owner, const std::string& name) {
  return lsetxattr(path.c_str(), name.c_str(), owner.data(), owner.size(), 0) == 0 ? 0 : errno;
}

void remove_mark(const std::string& path, const std::string& name) {
  lremovexattr(path.c_str(), name.c_str());
}

std::vector<std::string> list_marks(const std::string& path) {
  const auto names = bytes_of([&](char* to, std::size_t size) { return llistxattr(path.c_str(), to, size); });
  std::vector<std::string> marks;
  if (!names) return marks;
  for (std::size_t at = 0; at < names->size(); at += marks.back().size() + 1) {
    marks.emplace_back(names->c_str() + at);
  }
  std::erase_if(marks, [](const std::string& name) { return !name.starts_with(owner_mark); });
  return marks;
}

}  // namespace podsandbox::host
