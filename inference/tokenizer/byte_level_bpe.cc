#include "inference/tokenizer/byte_level_bpe.h"

#include "base/utf8.h"
#include "inference/tokenizer/byte_alphabet.h"
#include "inference/tokenizer/unicode_text.h"

namespace hadal::inference {

ByteLevelBpe::ByteLevelBpe(TokenTable token_table, const ByteLevelBpeOptions& options)
    : TextTokenizer(std::move(token_table)), options_(options) {
  bytes_.reserve(static_cast<size_t>(table().size()));
  for (int32_t id = 0; id < table().size(); ++id) {
    const std::string& piece = table().pieces[static_cast<size_t>(id)];
    bytes_.push_back(kind(id) == TokenKind::kNormal ? BytesOfPiece(piece).value_or(piece) : piece);
  }
  for (int32_t id = 0; id < table().size() && options_.whole_words; ++id) {
    if (kind(id) == TokenKind::kNormal) words_.emplace(bytes_[static_cast<size_t>(id)], id);
  }
  for (size_t byte = 0; byte < 256; ++byte) {
    std::string piece;
    AppendUtf8(ByteAlphabet()[byte], piece);
    byte_token_[byte] = table().Find(piece);
  }
}

StatusOr<std::shared_ptr<const Tokenizer>> ByteLevelBpe::Create(
    TokenTable table, const std::vector<std::pair<std::string_view, std::string_view>>& merges,
    const ByteLevelBpeOptions& options, std::string_view path) {
  std::shared_ptr<ByteLevelBpe> tokenizer(new ByteLevelBpe(std::move(table), options));
  const TokenTable& tokens = tokenizer->table();
  tokenizer->merger_.Reserve(merges.size());
  std::string joined;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    joined.assign(left).append(right);
    const int32_t left_id = tokens.Find(left);
    const int32_t right_id = tokens.Find(right);
    const int32_t merged_id = tokens.Find(joined);
    if (left_id < 0 || right_id < 0 || merged_id < 0) {
      return InvalidArgument("{}: merge {} (\"{}\" \"{}\") uses a piece that is no token", path,
                             rank, SanitizeUtf8(left.substr(0, 64)),
                             SanitizeUtf8(right.substr(0, 64)));
    }
    tokenizer->merger_.AddMerge(left_id, right_id, static_cast<int32_t>(rank), merged_id);
  }
  return tokenizer;
}

std::string ByteLevelBpe::Normalize(std::string_view text) const {
  return options_.nfc ? ToNfc(text) : std::string(text);
}

void ByteLevelBpe::EncodeNormalized(std::string_view text, std::vector<int32_t>& ids) const {
  std::vector<int32_t> symbols;
  for (std::string_view word : SplitWords(options_.pre_tokenizer, text)) {
    if (options_.whole_words) {
      if (auto it = words_.find(word); it != words_.end()) {
        ids.push_back(it->second);
        continue;
      }
    }
    symbols.clear();
    for (char c : word) {
      const int32_t token = byte_token_[static_cast<uint8_t>(c)];
      if (token >= 0) symbols.push_back(token);
    }
    merger_.Apply(symbols, ids);
  }
}

std::string ByteLevelBpe::Decode(const std::vector<int32_t>& ids, bool skip_special) const {
  std::string bytes;
  for (int32_t id : ids) {
    if (Printed(id, skip_special)) bytes += bytes_[static_cast<size_t>(id)];
  }
  return SanitizeUtf8(bytes);
}

}  // namespace hadal::inference
