#include "retrieval/parse/table_grid.h"

#include <algorithm>
#include <utility>

namespace hadal::retrieval {
namespace {

constexpr size_t kMaxColumns = 1024;
constexpr int kMaxRowSpan = 1000;
constexpr size_t kMaxCarriedBytes = 4096;  // a spanning cell is repeated: keep repeats short

}  // namespace

void TableGrid::Start(int32_t table) {
  table_ = table;
  row_.clear();
  carried_.clear();
}

void TableGrid::EndRow(DocumentBuilder& builder, int32_t page) {
  std::vector<std::string> texts;
  bool header = !row_.empty();
  size_t column = 0;
  size_t cell = 0;
  while (column < kMaxColumns && (cell < row_.size() || column < carried_.size())) {
    if (column < carried_.size() && carried_[column].rows_left > 0) {
      texts.push_back(carried_[column].text);
      --carried_[column].rows_left;
      ++column;
      continue;
    }
    if (cell == row_.size()) {
      ++column;
      continue;
    }
    TableCell& current = row_[cell++];
    header = header && current.header;
    const size_t end = std::min(kMaxColumns, column + static_cast<size_t>(current.column_span));
    if (current.row_span > 1 && current.text.size() <= kMaxCarriedBytes) {
      if (carried_.size() < column + 1) carried_.resize(column + 1);
      carried_[column] = {current.text, std::min(current.row_span, kMaxRowSpan) - 1};
    }
    texts.push_back(std::move(current.text));
    column = end;
  }
  builder.AddTableRow(texts, table_, header, page);
  row_.clear();
}

}  // namespace hadal::retrieval
