#include "services/containerd/runtime/image_reference.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "services/containerd/runtime/digest.hpp"

namespace podsandbox::containerd_runtime {

namespace {

constexpr std::string_view default_domain = "docker.io";
constexpr std::string_view old_default_domain = "index.docker.io";
constexpr std::size_t longest_name = 255;
constexpr std::size_t longest_tag = 128;

// -- characters ------------------------------------------------------------------

bool is_digit(char one) {
  return one >= '0' && one <= '9';
}
bool is_lower(char one) {
  return one >= 'a' && one <= 'z';
}
bool is_upper(char one) {
  return one >= 'A' && one <= 'Z';
}
bool is_alphanumeric(char one) {
  return is_digit(one) || is_lower(one) || is_upper(one);
}
bool is_hex(char one) {
  return is_digit(one) || (one >= 'a' && one <= 'f');
}

template <class Predicate>
bool all(std::string_view text, Predicate is) {
  return std::all_of(text.begin(), text.end(), is);
}

/// Whether each of the parts that `separator` parts is what it has to be. Without any there is one part.
template <class Predicate>
bool all_parts(std::string_view text, char separator, Predicate is) {
  while (true) {
    const auto end = text.find(separator);
    if (!is(text.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

// -- the parts of a reference ----------------------------------------------------

bool is_domain_label(std::string_view label) {
  return !label.empty() && label.front() != '-' && label.back() != '-' &&
         all(label, [](char one) { return is_alphanumeric(one) || one == '-'; });
}

bool is_ipv6(std::string_view host) {
  return host.size() > 2 && host.front() == '[' && host.back() == ']' &&
         all(host.substr(1, host.size() - 2), [](char one) {
           return is_digit(one) || one == ':' || (one >= 'a' && one <= 'f') || (one >= 'A' && one <= 'F');
         });
}

bool is_domain(std::string_view domain) {
  const auto colon = domain.find(':', domain.rfind(']') == std::string_view::npos ? 0 : domain.rfind(']'));
  const auto host = domain.substr(0, colon);
  if (colon != std::string_view::npos) {
    const auto port = domain.substr(colon + 1);
    if (port.empty() || !all(port, is_digit)) return false;
  }
  return is_ipv6(host) || all_parts(host, '.', is_domain_label);
}

/// Runs of lower-case letters and digits, with ".", "_", "__" or any number of "-" between two of them.
bool is_path_component(std::string_view text) {
  const auto is_word = [](char one) { return is_digit(one) || is_lower(one); };
  while (true) {
    const auto* const word_end = std::find_if_not(text.begin(), text.end(), is_word);
    if (word_end == text.begin()) return false;
    if (word_end == text.end()) return true;
    text.remove_prefix(static_cast<std::size_t>(word_end - text.begin()));
    const auto* const separator_end = std::find_if(text.begin(), text.end(), is_word);
    const auto separator = text.substr(0, static_cast<std::size_t>(separator_end - text.begin()));
    const bool dashes = all(separator, [](char one) { return one == '-'; });
    if (separator != "." && separator != "_" && separator != "__" && !dashes) return false;
    text.remove_prefix(separator.size());
  }
}

bool is_tag(std::string_view tag) {
  const auto is_word = [](char one) { return is_alphanumeric(one) || one == '_'; };
  return !tag.empty() && tag.size() <= longest_tag && is_word(tag.front()) &&
         all(tag, [&](char one) { return is_word(one) || one == '.' || one == '-'; });
}

bool is_digest(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::size_t>, 3> algorithms = {
      {{"sha256:", 64}, {"sha384:", 96}, {"sha512:", 128}}};
  return std::any_of(algorithms.begin(), algorithms.end(), [&](const auto& algorithm) {
    const auto& [prefix, digits] = algorithm;
    return text.size() == prefix.size() + digits && text.substr(0, prefix.size()) == prefix &&
           all(text.substr(prefix.size()), is_hex);
  });
}

/// The registry, and the rest. What is before the first slash is a registry only if it looks like one: an
/// image of the default registry may have a slash in its name, too.
std::pair<std::string, std::string> split_domain(std::string_view text) {
  const auto slash = text.find('/');
  const auto first = text.substr(0, slash);
  const bool names_one = slash != std::string_view::npos &&
                         (first.find_first_of(".:") != std::string_view::npos || first == "localhost" ||
                          std::any_of(first.begin(), first.end(), is_upper));
  std::string domain(names_one ? first : default_domain);
  std::string rest(names_one ? text.substr(slash + 1) : text);
  if (domain == old_default_domain) domain = default_domain;
  if (domain == default_domain && rest.find('/') == std::string::npos) rest.insert(0, "library/");
  return {std::move(domain), std::move(rest)};
}

tl::unexpected<std::string> wrong(std::string what) {
  return tl::unexpected<std::string>(std::move(what));
}

}  // namespace

tl::expected<std::string, std::string> normalised_reference(std::string_view text) {
  if (is_sha256_digest(text)) return std::string(text);
  if (text.empty()) return wrong("it is empty");
  if (text.size() == 64 && all(text, is_hex)) return wrong("it is the id of an image without \"sha256:\"");
  auto [domain, rest] = split_domain(text);

  std::string digest;
  if (const auto at = rest.find('@'); at != std::string::npos) {
    digest = rest.substr(at + 1);
    rest.resize(at);
    if (!is_digest(digest)) return wrong("what follows the @ is no digest, such as sha256:HEX");
  }
  std::string tag = "latest";
  if (const auto colon = rest.find(':'); colon != std::string::npos) {
    tag = rest.substr(colon + 1);
    rest.resize(colon);
    if (!is_tag(tag)) return wrong("its tag is none");
  }
  if (!is_domain(domain)) return wrong("its registry is no host name");
  if (std::any_of(rest.begin(), rest.end(), is_upper)) return wrong("its name has a capital letter");
  if (!all_parts(rest, '/', is_path_component)) return wrong("its name is none");
  const auto name = domain + "/" + rest;
  if (name.size() > longest_name) return wrong("its name is longer than 255 characters");
  return digest.empty() ? name + ":" + tag : name + "@" + digest;
}

}  // namespace podsandbox::containerd_runtime
