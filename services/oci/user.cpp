#include "services/oci/user.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "proto/cri.pb.h"
#include "services/oci/namespaces.hpp"
#include "services/oci/refusal.hpp"

namespace podsandbox::oci {

namespace {

constexpr std::int64_t greatest_id = 2147483647;
const std::string context = "config.linux.security_context.";

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::optional<std::uint32_t> id_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool fine = is_number(text) && error == std::errc{} && value <= greatest_id;
  return fine ? std::optional(static_cast<std::uint32_t>(value)) : std::nullopt;
}

// What is wrong with it as one part of an image's "USER:GROUP", or empty.
std::string what_is_wrong_with(std::string_view part) {
  if (part.empty()) return "it has an empty part";
  if (part.find(':') != std::string_view::npos) return "it has more than two parts";
  if (part.find_first_of(std::string_view("\0\n", 2)) != std::string_view::npos) return "it is no name";
  return is_number(part) && !id_of(part) ? "an id is out of range" : "";
}

Account account(std::string_view text) {
  const auto id = id_of(text);
  return {id, id ? "" : std::string(text)};
}

Result<std::optional<WantedUser>> images_user(const Inputs& inputs) {
  const std::string_view text = inputs.image.user;
  if (text.empty()) return std::nullopt;
  const auto colon = text.find(':');
  WantedUser wanted{account(text.substr(0, colon)), std::nullopt};
  auto wrong = what_is_wrong_with(text.substr(0, colon));
  if (colon != std::string_view::npos) {
    wanted.group = account(text.substr(colon + 1));
    if (wrong.empty()) wrong = what_is_wrong_with(text.substr(colon + 1));
  }
  if (!wrong.empty()) return refuse_image(inputs, "User", wrong);
  return wanted;
}

/// The fields, between ':', of the first line that has `wanted` in field `key` and an id in field 2.
std::vector<std::string_view> find_line(std::string_view file, std::size_t key, std::string_view wanted) {
  while (!file.empty()) {
    const auto end = std::min(file.find('\n'), file.size());
    std::vector<std::string_view> fields;
    for (auto line = file.substr(0, end);;) {
      const auto colon = line.find(':');
      fields.push_back(line.substr(0, colon));
      if (colon == std::string_view::npos) break;
      line.remove_prefix(colon + 1);
    }
    if (fields.size() > 3 && fields[key] == wanted && id_of(fields[2])) return fields;
    file.remove_prefix(std::min(end + 1, file.size()));
  }
  return {};
}

std::string_view text_of(const std::optional<std::string>& file) {
  return file ? std::string_view(*file) : std::string_view();
}

struct Ids {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

Result<Ids> find_user(const Inputs& inputs, const Account& wanted, const std::optional<std::string>& passwd) {
  const auto line = wanted.id ? find_line(text_of(passwd), 2, std::to_string(*wanted.id))
                              : find_line(text_of(passwd), 0, wanted.name);
  if (line.empty() && !wanted.id) return refuse_image(inputs, "User", "its /etc/passwd has no such name");
  const std::uint32_t gid = line.empty() ? 0 : id_of(line[3]).value_or(0);
  return Ids{wanted.id ? *wanted.id : *id_of(line[2]), gid};
}

Result<std::uint32_t> find_group(const Inputs& inputs, const Account& wanted,
                                 const std::optional<std::string>& file) {
  if (wanted.id) return *wanted.id;
  const auto line = find_line(text_of(file), 0, wanted.name);
  if (line.empty()) return refuse_image(inputs, "User", "its /etc/group has no such name");
  return *id_of(line[2]);
}

// The built-in controller forgets the supplemental groups whenever somebody says who the user is, which is
// always with the usual image. A pod that asks for groups gets them.
std::vector<std::uint32_t> groups_of(const Inputs& inputs, const std::optional<std::uint32_t>& primary) {
  const auto& given = inputs.sandbox.config->linux().security_context().supplemental_groups();
  std::vector<std::uint32_t> groups(given.begin(), given.end());
  std::sort(groups.begin(), groups.end());
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  if (primary && !std::binary_search(groups.begin(), groups.end(), *primary)) {
    groups.insert(groups.begin(), *primary);
  }
  return groups;
}

// What the user namespace lacks of it, or empty.
std::string unmapped(const Inputs& inputs, const User& user) {
  const auto& options =
      inputs.sandbox.config->linux().security_context().namespace_options().userns_options();
  if (options.mode() != ::runtime::v1::POD || options.uids_size() != 1 || options.gids_size() != 1) return "";
  if (user.uid >= options.uids(0).length()) return "it does not map user " + std::to_string(user.uid);
  std::vector<std::uint32_t> groups = user.groups;
  groups.push_back(user.gid);
  const auto greatest = *std::max_element(groups.begin(), groups.end());
  return greatest < options.gids(0).length() ? "" : "it does not map group " + std::to_string(greatest);
}

}  // namespace

Result<std::optional<WantedUser>> wanted_user(const Inputs& inputs) {
  const auto& security = inputs.sandbox.config->linux().security_context();
  if (!security.has_run_as_user()) return images_user(inputs);
  WantedUser wanted{{static_cast<std::uint32_t>(security.run_as_user().value()), ""}, std::nullopt};
  if (security.has_run_as_group()) {
    wanted.group = Account{static_cast<std::uint32_t>(security.run_as_group().value()), ""};
  }
  return wanted;
}

bool needs_account_files(const std::optional<WantedUser>& wanted) {
  return wanted && !(wanted->user.id && wanted->group && wanted->group->id);
}

Result<User> resolve_user(const Inputs& inputs, const std::optional<WantedUser>& wanted,
                          const AccountFiles& files) {
  User user;
  if (wanted) {
    const auto found = find_user(inputs, wanted->user, files.passwd);
    if (!found) return tl::unexpected(found.error());
    const auto group = wanted->group ? find_group(inputs, *wanted->group, files.group) : found->gid;
    if (!group) return tl::unexpected(group.error());
    user = {found->uid, *group, groups_of(inputs, *group)};
  } else {
    user.groups = groups_of(inputs, std::nullopt);
  }
  const std::string missing = unmapped(inputs, user);
  if (!missing.empty()) return refuse(context + "namespace_options.userns_options", missing);
  return user;
}

}  // namespace podsandbox::oci
