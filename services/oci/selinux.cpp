#include "services/oci/selinux.hpp"

#include <algorithm>
#include <string_view>

#include "proto/cri.pb.h"
#include "services/oci/refusal.hpp"

namespace podsandbox::oci {

namespace {

const std::string field = "config.linux.security_context.selinux_options";

// Takes the parts of a level off its front, as far as they are there.
class LevelReader {
 public:
  explicit LevelReader(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  bool take(char wanted) {
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  /// A letter and a number of one to `most` digits.
  bool number(char letter, std::size_t most) {
    if (!take(letter)) return false;
    const auto digits = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    if (digits == 0 || digits > most) return false;
    rest_.remove_prefix(digits);
    return true;
  }
  /// A category, or a range of them.
  bool categories() { return number('c', 4) && (!take('.') || number('c', 4)); }

 private:
  std::string_view rest_;
};

// "s0", "s0-s1", "s0:c1,c2.c5"
bool is_level(std::string_view text) {
  LevelReader level(text);
  if (!level.number('s', 1) || (level.take('-') && !level.number('s', 1))) return false;
  if (!level.take(':')) return level.at_end();
  do {
    if (!level.categories()) return false;
  } while (level.take(','));
  return level.at_end();
}

// The label is put between quotes into mount options, and its parts between ':'.
bool is_name(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

const std::string& given_or(const std::string& given, const std::string& usual) {
  return given.empty() ? usual : given;
}

}  // namespace

Result<SelinuxLabels> selinux_labels(const Inputs& inputs) {
  const auto& security = inputs.sandbox.config->linux().security_context();
  const auto& given = security.selinux_options();
  // A bad option is refused on every host, so that a pod does not depend on where it is tried first.
  if (!is_name(given.user())) return refuse(inputs, field + ".user", "it is no name of a user");
  if (!is_name(given.role())) return refuse(inputs, field + ".role", "it is no name of a role");
  if (!is_name(given.type())) return refuse(inputs, field + ".type", "it is no name of a type");
  if (!given.level().empty() && !is_level(given.level())) {
    return refuse(inputs, field + ".level", "it is no level");
  }
  if (!inputs.host.selinux) return SelinuxLabels{};
  if (given.level().empty()) {
    return refuse(
        inputs, field + ".level",
        "SELinux is enforcing on this host, and no level is given: levels are not chosen here; give "
        "the pod one, or another runtime handler");
  }
  const SelinuxPolicy& policy = *inputs.host.selinux;
  const std::string& user = given_or(given.user(), policy.user);
  const auto of_type = [&](const std::string& type) {
    return user + ":" + given_or(given.role(), policy.process_role) + ":" + type + ":" + given.level();
  };
  SelinuxLabels labels;
  labels.pod = of_type(given_or(given.type(), policy.process_type));
  const bool virtual_machine = inputs.sandbox.runtime_name.find("io.containerd.kata") != std::string::npos;
  if (!security.privileged()) {
    labels.process = virtual_machine ? of_type(policy.virtual_machine_type) : labels.pod;
  }
  labels.mount = user + ":" + policy.file_role + ":" + policy.file_type + ":" + given.level();
  return labels;
}

}  // namespace podsandbox::oci
