#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "messages/error.hpp"
#include "services/oci/inputs.hpp"

/// Who the pause process is: the config says it, or else the image, by numbers or by names of the image's
/// own.
namespace podsandbox::oci {

/// A user or a group.
struct Account {
  std::optional<std::uint32_t> id;  ///< absent: it has to be looked up
  std::string name;                 ///< then this is its name
};

/// Whom somebody wants to be. Without a group: the user's own.
struct WantedUser {
  Account user;
  std::optional<Account> group;
};

/// The image's files, or none where it has none.
struct AccountFiles {
  std::optional<std::string> passwd;
  std::optional<std::string> group;
};

struct User {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;

  bool operator==(const User&) const = default;
};

/// Whom the config, which keeps to the rules, and the image want; nullopt: neither says it, which means root.
Result<std::optional<WantedUser>> wanted_user(const Inputs& inputs);

/// Whether the image's files are needed to know who that is.
bool needs_account_files(const std::optional<WantedUser>& wanted);

/// Who that is, with the pod's supplemental groups. Errors: a name that the files do not have, and an id that
/// the pod's user namespace does not have.
Result<User> resolve_user(const Inputs& inputs, const std::optional<WantedUser>& wanted,
                          const AccountFiles& files);

}  // namespace podsandbox::oci
