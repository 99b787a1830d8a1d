#include "services/containerd/runtime/digest.hpp"

#include <openssl/sha.h>

#include <array>

namespace podsandbox::containerd_runtime {

namespace {

constexpr std::string_view prefix = "sha256:";
constexpr std::string_view hex_digits = "0123456789abcdef";

}  // namespace

bool is_sha256_digest(std::string_view text) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  const auto hex = text.substr(prefix.size());
  return hex.size() == std::size_t{2} * SHA256_DIGEST_LENGTH &&
         hex.find_first_not_of(hex_digits) == std::string_view::npos;
}

std::string sha256_digest(std::string_view bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> hash{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), hash.data());
  std::string digest(prefix);
  for (const unsigned byte : hash) digest.append({hex_digits[byte >> 4U], hex_digits[byte & 0xfU]});
  return digest;
}

}  // namespace podsandbox::containerd_runtime
