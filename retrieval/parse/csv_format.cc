#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "retrieval/parse/characters.h"
#include "retrieval/parse/charset.h"
#include "retrieval/parse/csv_reader.h"
#include "retrieval/parse/formats.h"

namespace hadal::retrieval {
namespace {

constexpr size_t kLookahead = 64;  // records among which the header is looked for

/// A number, date or time: digits with the signs between and around them.
bool IsQuantity(std::string_view text) {
  const auto digits =
      std::count_if(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
  return digits > 0 && text.find_first_not_of("0123456789.,:/%+-Ee ()$") == std::string_view::npos;
}

size_t CountVisible(const CsvRecord& record) {
  return static_cast<size_t>(std::count_if(record.begin(), record.end(), HasVisible));
}

/// Names of columns: each there, each different, none a number.
bool LooksLikeHeader(const CsvRecord& record) {
  const std::set<std::string_view> names(record.begin(), record.end());
  return names.size() == record.size() &&
         std::none_of(record.begin(), record.end(), [](const std::string& name) {
           return !HasVisible(name) || IsQuantity(name);
         });
}

struct Layout {
  size_t width = 0;   ///< fields that most records have
  size_t header = 0;  ///< index of the header among the first records; their number without one
};

/// The header is the first full record as wide as most are, if it looks like one; what stands above
/// it are titles and notes.
Layout FindLayout(const std::vector<CsvRecord>& records) {
  std::map<size_t, int> by_width;
  for (const CsvRecord& record : records) ++by_width[record.size()];
  Layout layout{0, records.size()};
  int most = 0;
  for (const auto& [width, count] : by_width) {
    if (count >= most) layout.width = width;
    most = std::max(most, count);
  }
  for (size_t i = 0; i + 1 < records.size(); ++i) {
    const CsvRecord& record = records[i];
    if (record.size() != layout.width || CountVisible(record) < layout.width) continue;
    if (LooksLikeHeader(record)) layout.header = i;
    break;
  }
  return layout;
}

/// Takes Excel's "sep=;" line off the front of `text`; '\0' when it has none.
char TakeSeparatorLine(std::string_view& text) {
  if (!text.starts_with("sep=") || text.size() < 6) return '\0';
  const char separator = text[4];
  if (separator == '"' || (text[5] != '\r' && text[5] != '\n')) return '\0';
  text.remove_prefix(5);
  return separator;
}

/// One value in the width of three or more is a title or a note; of two, the other may be missing.
bool IsNote(const CsvRecord& record, size_t width) {
  return CountVisible(record) == 1 && (width > 2 || record.size() < width);
}

void WriteRecords(std::string_view text, char delimiter, DocumentBuilder& builder) {
  CsvReader reader(text, delimiter);
  std::vector<CsvRecord> first;
  CsvRecord record;
  while (first.size() < kLookahead && reader.Next(record)) first.push_back(std::move(record));
  const Layout layout = FindLayout(first);
  const int32_t table = builder.NextTable();
  const auto write = [&](const CsvRecord& one, bool header) {
    if (!header && IsNote(one, layout.width)) {
      for (const std::string& field : one) builder.AddParagraph(field);
    } else {
      builder.AddTableRow(one, table, header);
    }
  };
  for (size_t i = 0; i < first.size(); ++i) write(first[i], i == layout.header);
  while (!builder.full() && reader.Next(record)) write(record, false);
}

}  // namespace

ParseOutcome ParseCsv(std::string_view content) {
  StatusOr<DecodedText> decoded = DecodeText(content);
  if (!decoded.ok()) return Rejection("not_text", StatusMessage(decoded.status()));
  DocumentBuilder builder("csv");
  builder.SetEncoding(decoded->encoding, decoded->replaced_bytes);
  std::string_view text = decoded->utf8;
  const char declared = TakeSeparatorLine(text);
  WriteRecords(text, declared != '\0' ? declared : FindDelimiter(text), builder);
  return builder.Finish();
}

}  // namespace hadal::retrieval
