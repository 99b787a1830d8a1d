#include "messages/sandbox_spec.hpp"

#include <google/protobuf/util/message_differencer.h>

#include "proto/cri.pb.h"

namespace podsandbox {

namespace {

constexpr std::size_t max_identifier = 76;

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_separator(char c) {
  return c == '.' || c == '_' || c == '-';
}

}  // namespace

bool is_identifier(std::string_view text) {
  if (text.empty() || text.size() > max_identifier) return false;
  bool after_alphanumeric = false;
  for (const char c : text) {
    if (is_alphanumeric(c)) {
      after_alphanumeric = true;
    } else if (is_separator(c) && after_alphanumeric) {
      after_alphanumeric = false;
    } else {
      return false;
    }
  }
  return after_alphanumeric;
}

bool same_request(const SandboxSpec& a, const SandboxSpec& b) {
  return a.id == b.id && a.netns_path == b.netns_path && a.annotations == b.annotations &&
         a.labels == b.labels && a.runtime_name == b.runtime_name && a.runtime_options == b.runtime_options &&
         a.extensions == b.extensions && a.sandboxer == b.sandboxer &&
         google::protobuf::util::MessageDifferencer::Equals(*a.config, *b.config);
}

}  // namespace podsandbox
