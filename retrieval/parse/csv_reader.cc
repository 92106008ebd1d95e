#include "retrieval/parse/csv_reader.h"

#include <algorithm>
#include <map>
#include <utility>

namespace hadal::retrieval {
namespace {

constexpr size_t kSampleBytes = 64 * 1024;
constexpr int kSampleRecords = 100;
constexpr size_t kMaxFields = 16'384;

}  // namespace

/// Takes a field in quotes off the front; false, with nothing taken, when its quote never closes.
bool CsvReader::ReadQuoted(std::string& field) {
  size_t at = 1;
  for (;;) {
    const size_t quote = rest_.find('"', at);
    if (quote == std::string_view::npos) {
      quotes_close_ = false;
      field.clear();
      return false;
    }
    field += rest_.substr(at, quote - at);
    at = quote + 1;
    if (at >= rest_.size() || rest_[at] != '"') break;
    field += '"';
    ++at;
  }
  rest_.remove_prefix(at);
  return true;
}

bool CsvReader::Next(CsvRecord& record) {
  record.clear();
  rest_.remove_prefix(std::min(rest_.find_first_not_of("\r\n"), rest_.size()));
  if (rest_.empty()) return false;
  const char stops[] = {delimiter_, '\r', '\n'};
  for (;;) {
    std::string field;
    if (quotes_close_ && rest_.starts_with('"')) ReadQuoted(field);
    // Whatever follows a closing quote still belongs to the field.
    const size_t end = std::min(rest_.find_first_of({stops, 3}), rest_.size());
    field += rest_.substr(0, end);
    rest_.remove_prefix(end);
    if (record.size() < kMaxFields) record.push_back(std::move(field));
    if (rest_.empty() || rest_[0] != delimiter_) return true;
    rest_.remove_prefix(1);
  }
}

char FindDelimiter(std::string_view utf8) {
  const std::string_view sample = utf8.substr(0, kSampleBytes);
  char best = ',';
  double best_score = 0;
  for (const char delimiter : {',', ';', '\t', '|'}) {
    CsvReader reader(sample, delimiter);
    std::map<size_t, int> records_by_fields;
    CsvRecord record;
    int records = 0;
    while (records < kSampleRecords && reader.Next(record)) {
      ++records;
      ++records_by_fields[record.size()];
    }
    // Share of the records that agree; more fields decide between equals.
    for (const auto& [fields, count] : records_by_fields) {
      if (fields < 2) continue;
      const double score = static_cast<double>(count) / records +
                           static_cast<double>(std::min<size_t>(fields, 100)) / 1000;
      if (score > best_score) {
        best_score = score;
        best = delimiter;
      }
    }
  }
  return best;
}

}  // namespace hadal::retrieval
