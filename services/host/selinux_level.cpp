#include "services/host/selinux_level.hpp"

#include <algorithm>

namespace podsandbox::host {

namespace {

// Takes the parts of a level off its front, as far as they are there.
class LevelReader {
 public:
  explicit LevelReader(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  bool take(char wanted) {
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  /// A letter and a number of one to `most` digits.
  bool number(char letter, std::size_t most) {
    if (!take(letter)) return false;
    const auto digits = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    if (digits == 0 || digits > most) return false;
    rest_.remove_prefix(digits);
    return true;
  }
  /// A category, or a range of them.
  bool categories() { return number('c', 4) && (!take('.') || number('c', 4)); }

 private:
  std::string_view rest_;
};

}  // namespace

bool is_selinux_level(std::string_view text) {
  LevelReader level(text);
  if (!level.number('s', 1) || (level.take('-') && !level.number('s', 1))) return false;
  if (!level.take(':')) return level.at_end();
  do {
    if (!level.categories()) return false;
  } while (level.take(','));
  return level.at_end();
}

}  // namespace podsandbox::host
