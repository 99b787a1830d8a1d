#include "services/linux/shims/shim_place.hpp"

#include <openssl/sha.h>
#include <sys/un.h>

#include <array>

#include "services/host/descriptor_store.hpp"

namespace podsandbox::linux_runtime {

namespace {

constexpr const char* sockets = "s";
constexpr std::size_t hashed_bytes = 12;  // ids are long: hashes of them are short and as good as unique

static_assert(longest_state_dir + sizeof "/s/" - 1 + 2 * hashed_bytes + sizeof "~" - 1 <
              sizeof(sockaddr_un::sun_path));

std::string short_hash(const std::string& text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  constexpr const char* digits = "0123456789abcdef";
  std::string hash;
  for (std::size_t i = 0; i < hashed_bytes; ++i) {
    hash += digits[digest[i] >> 4U];
    hash += digits[digest[i] & 15U];
  }
  return hash;
}

}  // namespace

std::filesystem::path shim_sockets_dir(const std::filesystem::path& state_dir) {
  return state_dir / sockets;
}

std::filesystem::path shim_bundles_dir(const std::filesystem::path& state_dir) {
  return state_dir / "shims";
}

ShimPlace shim_place(const std::filesystem::path& state_dir, const std::string& id) {
  const auto bundle = shim_bundles_dir(state_dir) / id;
  const auto hash = short_hash(id);
  return {shim_sockets_dir(state_dir) / hash, host::DescriptorStore::prefix + hash, bundle, bundle / "log",
          bundle / "shim"};
}

std::string draft_of(const std::string& socket) {
  return socket + "~";
}

}  // namespace podsandbox::linux_runtime
