#include "services/host/file_text.hpp"

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "services/host/process_record.hpp"
#include "test/journal/directories.hpp"

namespace podsandbox::test {

BOOST_AUTO_TEST_SUITE(file_text)

BOOST_AUTO_TEST_CASE(everything_is_read) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() / "file";
  for (const std::size_t size : {0, 1, 4095, 4096, 4097, 100'000}) {
    const std::string text(size, 'x');
    std::ofstream(path) << text;
    BOOST_TEST((host::read_file(path) == text));
  }
  BOOST_TEST(host::read_file("/proc/self/stat").value_or("").starts_with(std::to_string(getpid())));
}

// Of what is there and cannot be read a stream's buffer makes an exception.
BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_an_error) {
  const TemporaryDirectory directory;
  BOOST_TEST(!host::read_file(directory.path() / "missing"));
  BOOST_TEST(errno == ENOENT);
  BOOST_TEST(!host::read_file(directory.path()));
  BOOST_TEST(errno == EISDIR);
}

BOOST_AUTO_TEST_CASE(records_that_cannot_be_read_make_no_sense) {
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory.path() / "one");
  std::filesystem::create_directory(directory.path() / "one+spec");
  const host::RecordStore records(directory.path());
  BOOST_TEST(!records.make_sense());
  BOOST_TEST(!records.read_spec("one"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
