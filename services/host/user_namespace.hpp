#pragma once

#include <cstdint>

#include "messages/error.hpp"
#include "services/host/unique_fd.hpp"

namespace podsandbox::host {

/// A range of ids in a user namespace.
struct IdRange {
  std::uint32_t inside = 0;
  std::uint32_t outside = 0;
  std::uint32_t length = 0;

  bool operator==(const IdRange&) const = default;
};

struct UserNamespace {
  IdRange uids;
  IdRange gids;

  bool operator==(const UserNamespace&) const = default;
};

/// Makes a user namespace with these mappings. It lives as long as the descriptor, or a process in it.
Result<UniqueFd> make_user_namespace(const UserNamespace& mappings);

}  // namespace podsandbox::host
