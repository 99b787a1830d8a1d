#include "services/host/owner_mark.hpp"

#include <sys/xattr.h>

#include <cerrno>
#include <cstring>

namespace podsandbox::host {

namespace {

// They may grow between two calls; then they are nobody's, until the next look.
std::optional<std::string> sized(ssize_t size, const auto& read) {
  if (size < 0) return std::nullopt;
  std::string bytes(static_cast<std::size_t>(size), '\0');
  if (size > 0) size = read(bytes.data(), bytes.size());
  if (size < 0) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(size));
  return bytes;
}

}  // namespace

std::optional<std::string> read_mark(const std::string& path, const std::string& name) {
  const auto read = [&](char* to, std::size_t size) {
    return lgetxattr(path.c_str(), name.c_str(), to, size);
  };
  return sized(read(nullptr, 0), read);
}

int set_mark(const std::string& path, const std::string& owner, const std::string& name) {
  return lsetxattr(path.c_str(), name.c_str(), owner.data(), owner.size(), 0) == 0 ? 0 : errno;
}

void remove_mark(const std::string& path, const std::string& name) {
  lremovexattr(path.c_str(), name.c_str());
}

std::vector<std::string> list_marks(const std::string& path) {
  const auto read = [&](char* to, std::size_t size) { return llistxattr(path.c_str(), to, size); };
  const auto names = sized(read(nullptr, 0), read);
  std::vector<std::string> marks;
  if (!names) return marks;
  for (std::size_t at = 0; at < names->size(); at += marks.back().size() + 1) {
    marks.emplace_back(names->c_str() + at);
  }
  std::erase_if(marks, [](const std::string& name) { return !name.starts_with(owner_mark); });
  return marks;
}

}  // namespace podsandbox::host
