#include "inference/tool/json_lines.h"

#include <cstdio>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/file.h"

namespace hadal::inference::tool {

using nlohmann::json;

StatusOr<std::vector<json>> ReadJsonLines(const std::string& path) {
  std::string text;
  if (path.empty() || path == "-") {
    text.assign(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
  } else {
    ASSIGN_OR_RETURN(text, ReadFile(path));
  }
  std::vector<json> rows;
  size_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line(text.data() + begin, end - begin);
    ++number;
    begin = end + 1;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    json row = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!row.is_object()) {
      return InvalidArgument("{}: line {} is no JSON object", path.empty() ? "-" : path, number);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

StatusOr<std::string> StringField(const json& row, size_t number, const char* field) {
  auto it = row.find(field);
  if (it == row.end() || !it->is_string()) {
    return InvalidArgument("row {}: \"{}\" is missing or no string", number, field);
  }
  return it->get<std::string>();
}

StatusOr<std::vector<int32_t>> IdsField(const json& row, size_t number, const char* field) {
  auto it = row.find(field);
  if (it == row.end() || !it->is_array()) {
    return InvalidArgument("row {}: \"{}\" is missing or no list", number, field);
  }
  std::vector<int32_t> ids;
  for (const json& value : *it) {
    if (!value.is_number_integer() || value.get<int64_t>() < INT32_MIN ||
        value.get<int64_t>() > INT32_MAX) {
      return InvalidArgument("row {}: \"{}\" holds something else than token ids", number, field);
    }
    ids.push_back(value.get<int32_t>());
  }
  return ids;
}

void PrintJsonLine(const json& row) {
  const std::string line = row.dump(-1, ' ', false, json::error_handler_t::replace);
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
}

}  // namespace hadal::inference::tool
