#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hadal::retrieval {

using CsvRecord = std::vector<std::string>;

/// Reads records of delimited text (RFC 4180): fields in quotes may hold delimiters, line ends and
/// doubled quotes. A quote inside an unquoted field is a character like others, and so is an
/// opening one that nothing closes. Linear time. Not thread-safe.
class CsvReader {
 public:
  /// `utf8` must outlive the reader.
  CsvReader(std::string_view utf8, char delimiter) : rest_(utf8), delimiter_(delimiter) {}

  /// The next record that is no empty line; false at the end.
  bool Next(CsvRecord& record);

 private:
  bool ReadQuoted(std::string& field);

  std::string_view rest_;
  const char delimiter_;
  bool quotes_close_ = true;  // false once a quote was found that nothing closes
};

/// The delimiter of `utf8`: the one of ',', ';', tab and '|' that cuts its first records into
/// equally many fields, more than one; ',' when none does.
char FindDelimiter(std::string_view utf8);

}  // namespace hadal::retrieval
