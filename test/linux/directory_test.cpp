#include "services/host/directory.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

namespace podsandbox::test {

namespace {

namespace fs = std::filesystem;
using namespace host;

// A directory of its own, removed afterwards with what is mounted in it.
struct Place {
  Place() {
    std::string pattern = fs::temp_directory_path() / "podsandbox-XXXXXX";
    BOOST_REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path = pattern;
    fd.reset(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~Place() {
    fd.reset();
    while (umount2((path / "outside").c_str(), MNT_DETACH) == 0) {
    }
    fs::remove_all(path);
  }

  void write(const fs::path& file, const std::string& text) const {
    fs::create_directories((path / file).parent_path());
    std::ofstream(path / file) << text;
  }
  std::string read(const fs::path& file) const {
    std::string text;
    std::getline(std::ifstream(path / file), text);
    return text;
  }
  bool exists(const fs::path& file) const { return fs::exists(fs::symlink_status(path / file)); }

  fs::path path;
  host::UniqueFd fd;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(directory, Place)

BOOST_AUTO_TEST_CASE(a_file_has_its_mode_and_is_never_overwritten) {
  const mode_t before = umask(0077);
  BOOST_TEST(host::make_file(fd.get(), "new", "content\n") == 0);
  umask(before);
  BOOST_TEST(read("new") == "content");
  BOOST_TEST((fs::status(path / "new").permissions() == static_cast<fs::perms>(0644)));
  BOOST_TEST(host::make_file(fd.get(), "new", "other") == EEXIST);
  write("target", "target");
  fs::create_symlink(path / "target", path / "link");
  fs::create_symlink(path / "nowhere", path / "dangling");
  BOOST_TEST(host::make_file(fd.get(), "link", "evil") == EEXIST);
  BOOST_TEST(host::make_file(fd.get(), "dangling", "evil") == EEXIST);
  BOOST_TEST(read("target") == "target");
  BOOST_TEST(!exists("nowhere"));
}

BOOST_AUTO_TEST_CASE(a_symlink_is_no_directory) {
  fs::create_directory(path / "real");
  fs::create_directory_symlink(path / "real", path / "link");
  BOOST_TEST(bool(host::open_directory(fd.get(), "real")));
  BOOST_TEST(!host::open_directory(fd.get(), "link"));
}

// What a link points to is somebody else's.
BOOST_AUTO_TEST_CASE(a_tree_is_removed_and_no_link_followed) {
  write("outside/precious", "kept");
  write("tree/a/b/file", "x");
  fs::create_symlink(path / "outside/precious", path / "tree/a/link");
  fs::create_directory_symlink(path / "outside", path / "tree/a/b/dir-link");
  fs::permissions(path / "tree/a", fs::perms::none);
  BOOST_TEST(host::remove_tree(fd.get(), "tree") == 0);
  BOOST_TEST(!exists("tree"));
  BOOST_TEST(read("outside/precious") == "kept");
  fs::create_directory_symlink(path / "outside", path / "tree");
  BOOST_TEST(host::remove_tree(fd.get(), "tree") == 0);
  BOOST_TEST(!exists("tree"));
  BOOST_TEST(read("outside/precious") == "kept");
  BOOST_TEST(host::remove_tree(fd.get(), "tree") == 0);
  BOOST_TEST(host::remove_tree(fd.get(), "outside/precious") == 0);  // a file, too
}

// Mounts in a tree, over one another and over files, are taken off; what they show is not touched.
BOOST_AUTO_TEST_CASE(mounts_in_a_tree) {
  write("outside/precious", "kept");
  write("tree/a/over", "x");
  fs::create_directories(path / "tree/a/bind");
  fs::create_directories(path / "tree/tmpfs");
  const auto bind = [&](const char* from, const char* to) {
    BOOST_REQUIRE(mount((path / from).c_str(), (path / to).c_str(), nullptr, MS_BIND, nullptr) == 0);
  };
  BOOST_REQUIRE(mount("none", (path / "tree/tmpfs").c_str(), "tmpfs", 0, nullptr) == 0);
  BOOST_REQUIRE(mount("none", (path / "tree/tmpfs").c_str(), "tmpfs", 0, nullptr) == 0);
  write("tree/tmpfs/x/y", "in memory");
  bind("outside", "tree/a/bind");
  bind("outside/precious", "tree/a/over");
  fs::create_directories(path / "tree/tmpfs/inner");
  bind("outside", "tree/tmpfs/inner");
  BOOST_TEST(host::remove_tree(fd.get(), "tree") == 0);
  BOOST_TEST(!exists("tree"));
  BOOST_TEST(read("outside/precious") == "kept");
}

BOOST_AUTO_TEST_CASE(unmounting) {
  fs::create_directory(path / "place");
  BOOST_TEST(host::unmount_all(fd.get(), "place") == 0);
  BOOST_TEST(host::unmount_all(fd.get(), "nothing") == 0);
  for (int i = 0; i < 3; ++i)
    BOOST_REQUIRE(mount("none", (path / "place").c_str(), "tmpfs", 0, nullptr) == 0);
  BOOST_TEST(host::unmount_all(fd.get(), "place") == 0);
  write("place/now-on-disk", "x");
  BOOST_TEST(exists("place/now-on-disk"));
}

BOOST_AUTO_TEST_CASE(directories_are_made_where_they_are_missing) {
  const std::string deep = path / "a/b/c";
  BOOST_TEST(bool(host::open_or_make_directories(deep)));
  BOOST_TEST(bool(host::open_or_make_directories(deep)));
  BOOST_TEST(fs::is_directory(deep));
  write("file", "x");
  BOOST_TEST(!host::open_or_make_directories(path / "file/below"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
