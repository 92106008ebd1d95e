#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "inference/tokenizer.h"

namespace hadal::inference::testing {

/// Token 0 ends a generation, 1 is another special token, 2 to 257 are the bytes, then come
/// `pieces`. Encodes with the longest piece that fits.
class SmallTokenizer final : public Tokenizer {
 public:
  static constexpr int32_t kEnd = 0;
  static constexpr int32_t kSpecial = 1;
  static constexpr int32_t kFirstByte = 2;

  explicit SmallTokenizer(const std::vector<std::string>& pieces = {}) : pieces_(2) {
    for (int byte = 0; byte < 256; ++byte) pieces_.emplace_back(1, static_cast<char>(byte));
    pieces_.insert(pieces_.end(), pieces.begin(), pieces.end());
  }

  /// Pieces as a real vocabulary has them: across the borders of JSON's parts and of characters.
  static std::vector<std::string> JsonPieces() {
    return {"{\"",      "\"}",        "\":",
            "\": ",     "\",",        "\", \"",
            "\",\"",    "\": \"",     "\":\"",
            "}}",       "}]",         "]}",
            "},{",      "{}",         "[]",
            "[{",       "true",       "false",
            "null",     "tr",         "ue",
            "alse",     "ull",        "\n",
            "\n  ",     "  ",         "    ",
            ",\n",      "{\n  ",      "\n}",
            "\"\n}",    "name",       "id",
            "type",     "ab",         "abc",
            "10",       "123",        "0.5",
            "-1",       "e+",         "\\n",
            "\\\"",     "\\u",        "\\u00",
            "d8",       "中",         "文",
            "电压",     "\xE4\xB8",   "\xAD",
            "\xE6",     "\x96\x87\"", "😀",
            "\xF0\x9F", "\x98\x80",   "\xE4\xB8\xAD\xE6",
            "</",       "think>",     "<think>"};
  }

  std::vector<int32_t> Encode(std::string_view text, const EncodeOptions&) const override {
    std::vector<int32_t> ids;
    while (!text.empty()) {
      size_t best = kFirstByte + static_cast<uint8_t>(text[0]);
      for (size_t id = kFirstByte; id < pieces_.size(); ++id) {
        if (text.starts_with(pieces_[id]) && pieces_[id].size() > pieces_[best].size()) best = id;
      }
      ids.push_back(static_cast<int32_t>(best));
      text.remove_prefix(pieces_[best].size());
    }
    return ids;
  }
  std::string Decode(const std::vector<int32_t>& ids, bool) const override {
    std::string text;
    for (const int32_t id : ids) text += TokenBytes(id);
    return text;
  }
  std::string TokenBytes(int32_t id) const override {
    return id < 0 || id >= vocabulary_size() ? "" : pieces_[static_cast<size_t>(id)];
  }
  int32_t vocabulary_size() const override { return static_cast<int32_t>(pieces_.size()); }
  bool IsSpecial(int32_t id) const override { return id < kFirstByte; }
  int32_t TokenId(std::string_view piece) const override {
    const auto it = std::find(pieces_.begin() + kFirstByte, pieces_.end(), piece);
    return it == pieces_.end() ? -1 : static_cast<int32_t>(it - pieces_.begin());
  }
  const std::vector<int32_t>& end_tokens() const override { return end_tokens_; }

 private:
  std::vector<std::string> pieces_;
  const std::vector<int32_t> end_tokens_ = {kEnd};
};

}  // namespace hadal::inference::testing
