#include "services/containerd/runtime/account_files.hpp"

#include <sys/mount.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace podsandbox::test {

namespace {

namespace fs = std::filesystem;
using containerd_runtime::Mounts;

// Layers of an image, in a directory that goes with them.
struct Layers {
  Layers() {
    std::string pattern = fs::temp_directory_path() / "podsandbox-XXXXXX";
    BOOST_REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~Layers() { fs::remove_all(path); }
  Layers(const Layers&) = delete;
  Layers& operator=(const Layers&) = delete;

  std::string layer(const std::string& name) const {
    fs::create_directories(path / name / "etc");
    return path / name;
  }
  void write(const fs::path& file, const std::string& text) const { std::ofstream(path / file) << text; }

  fs::path path;
};

Mounts mount_of(const std::string& type, const std::string& source, const std::vector<std::string>& options) {
  Mounts mounts;
  auto& mount = *mounts.Add();
  mount.set_type(type);
  mount.set_source(source);
  for (const auto& option : options) mount.add_options(option);
  return mounts;
}

// On a thread of its own, as it wants.
Result<oci::AccountFiles> read(const Mounts& mounts) {
  Result<oci::AccountFiles> result;
  std::thread([&] { result = containerd_runtime::read_account_files(mounts); }).join();
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(account_files)

BOOST_AUTO_TEST_CASE(of_a_directory) {
  const Layers layers;
  const auto root = layers.layer("root");
  layers.write("root/etc/passwd", "me:x:1:1::/:/bin/sh\n");
  const auto files = read(mount_of("bind", root, {"rbind", "ro"}));
  BOOST_REQUIRE_MESSAGE(files, files.error().message);
  BOOST_TEST(files->passwd.value() == "me:x:1:1::/:/bin/sh\n");
  BOOST_TEST(!files->group);
}

// The layer above wins; the pod's own is not touched.
BOOST_AUTO_TEST_CASE(of_layers) {
  const Layers layers;
  const std::string lower = layers.layer("lower");
  const std::string upper = layers.layer("upper");
  layers.write("lower/etc/passwd", "old\n");
  layers.write("lower/etc/group", "group\n");
  layers.write("upper/etc/passwd", "new\n");
  const std::string own = layers.layer("own");
  const std::string work = layers.path / "work";  // is not there: whoever mounts it fails
  const auto files = read(mount_of(
      "overlay", "overlay", {"workdir=" + work, "upperdir=" + own, "lowerdir=" + upper + ":" + lower}));
  BOOST_REQUIRE_MESSAGE(files, files.error().message);
  BOOST_TEST(files->passwd.value() == "new\n");
  BOOST_TEST(files->group.value() == "group\n");
  const auto one =
      read(mount_of("overlay", "overlay", {"workdir=" + work, "upperdir=" + own, "lowerdir=" + lower}));
  BOOST_REQUIRE_MESSAGE(one, one.error().message);
  BOOST_TEST(one->passwd.value() == "old\n");
}

// A link of the image's leads to the image's own files, and nowhere else.
BOOST_AUTO_TEST_CASE(links_stay_inside) {
  const Layers layers;
  const auto root = layers.layer("root");
  layers.write("secret", "secret\n");
  layers.write("root/inside", "inside\n");
  fs::create_symlink("/inside", fs::path(root) / "etc/group");
  fs::create_symlink("../../secret", fs::path(root) / "etc/passwd");
  const auto files = read(mount_of("bind", root, {"rbind", "ro"}));
  BOOST_REQUIRE_MESSAGE(files, files.error().message);
  BOOST_TEST(files->group.value() == "inside\n");
  BOOST_TEST(!files->passwd);
}

// What is no small file is no list of users; what cannot be mounted is said.
BOOST_AUTO_TEST_CASE(nonsense) {
  const Layers layers;
  const auto root = layers.layer("root");
  fs::create_directory(fs::path(root) / "etc/passwd");
  BOOST_TEST((read(mount_of("bind", root, {"ro"})).error().kind == ErrorKind::failed_precondition));
  BOOST_TEST((read(mount_of("bind", layers.path / "missing", {"ro"})).error().kind == ErrorKind::internal));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
