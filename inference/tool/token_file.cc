#include "inference/tool/token_file.h"

#include <charconv>

namespace hadal::inference::tool {

StatusOr<std::vector<std::vector<int32_t>>> ParseTokenLines(std::string_view text,
                                                            int32_t vocabulary) {
  std::vector<std::vector<int32_t>> prompts;
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    std::vector<int32_t> ids;
    for (;;) {
      const size_t start = line.find_first_not_of(" \t\r,");
      if (start == std::string_view::npos) break;
      line.remove_prefix(start);
      const std::string_view word =
          line.substr(0, std::min(line.find_first_of(" \t\r,"), line.size()));
      int32_t id = -1;
      const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), id);
      if (error != std::errc() || stop != word.data() + word.size() || id < 0 || id >= vocabulary) {
        return InvalidArgument("line {}: \"{}\" is no token id in 0..{}", number,
                               word.substr(0, 40), vocabulary - 1);
      }
      ids.push_back(id);
      line.remove_prefix(word.size());
    }
    if (!ids.empty()) prompts.push_back(std::move(ids));
  }
  return prompts;
}

}  // namespace hadal::inference::tool
