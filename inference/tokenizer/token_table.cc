#include "inference/tokenizer/token_table.h"

#include <algorithm>

namespace hadal::inference {
namespace {

// Tokens that end a turn in the supported model families, whatever the file calls its EOS.
constexpr std::string_view kTurnEnds[] = {"<|im_end|>", "<|endoftext|>", "<|eot_id|>",
                                          "<|end_of_text|>", "<|eom_id|>",
                                          "<｜end▁of▁sentence｜>"};

}  // namespace

Status TokenTable::Finish(std::string_view path) {
  kinds.resize(pieces.size(), TokenKind::kNormal);
  by_piece.reserve(pieces.size());
  for (int32_t id = 0; id < size(); ++id) {
    if (kinds[static_cast<size_t>(id)] != TokenKind::kUnused) {
      by_piece.emplace(pieces[static_cast<size_t>(id)], id);  // the first of two equal pieces wins
    }
  }
  for (std::string_view name : kTurnEnds) {
    const int32_t id = Find(name);
    if (id >= 0 && kinds[static_cast<size_t>(id)] != TokenKind::kNormal) end_tokens.push_back(id);
  }
  std::sort(end_tokens.begin(), end_tokens.end());
  end_tokens.erase(std::unique(end_tokens.begin(), end_tokens.end()), end_tokens.end());
  for (const auto* ids : {&prefix, &suffix, &end_tokens}) {
    for (int32_t id : *ids) {
      if (!Contains(id)) {
        return InvalidArgument("{}: special token id {} is outside the vocabulary of {}", path, id,
                               size());
      }
    }
  }
  for (const AddedToken& token : added) {
    if (!Contains(token.id) || token.content.empty()) {
      return InvalidArgument("{}: added token {} is empty or outside the vocabulary of {}", path,
                             token.id, size());
    }
  }
  return OkStatus();
}

}  // namespace hadal::inference
