#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace podsandbox::ctl {

/// Columns for people, as wide as their widest cell and two spaces apart.
class Table {
 public:
  using Row = std::vector<std::string>;

  explicit Table(Row header);

  /// As many cells as the header has. Control characters are shown as "?", since a terminal would obey them.
  void add(Row row);

  void print(std::ostream& out) const;

 private:
  std::vector<Row> rows_;
};

/// The text with every control character replaced by "?".
std::string printable(std::string text);

}  // namespace podsandbox::ctl
