#include "retrieval/chunk/units.h"

#include <algorithm>
#include <string>
#include <utility>

#include "retrieval/chunk/sentence_splitter.h"

namespace hadal::retrieval {
namespace {

// What a sentence may weigh before its tokens are counted. Chinese has about three tokens for four
// characters; what still has too many is halved.
constexpr double kWeightOfToken = 1.5;

void Split(std::string_view text, const Unit& whole, double max_weight, std::vector<Unit>& units) {
  int64_t position = whole.start;
  for (const Sentence& sentence : SplitSentences(
           text.substr(whole.start_byte, whole.end_byte - whole.start_byte), max_weight)) {
    units.push_back({whole.start_byte + sentence.start_byte, whole.start_byte + sentence.end_byte,
                     position, position + sentence.num_chars, 0, whole.block});
    position += sentence.num_chars;
  }
}

Status Count(std::string_view text, TokenCounter& counter, std::vector<Unit>& units) {
  std::vector<std::string> texts;
  texts.reserve(units.size());
  for (const Unit& unit : units) {
    texts.emplace_back(text.substr(unit.start_byte, unit.end_byte - unit.start_byte));
  }
  ASSIGN_OR_RETURN(const std::vector<int32_t> tokens, counter.CountTokens(texts));
  if (tokens.size() != units.size()) {
    return Internal("counting the tokens of {} texts gave {} numbers", units.size(), tokens.size());
  }
  for (size_t i = 0; i < units.size(); ++i) units[i].tokens = tokens[i];
  return OkStatus();
}

}  // namespace

StatusOr<std::vector<Unit>> MakeUnits(const internal::v1::ParsedDocument& document,
                                      std::string_view text, int32_t max_tokens,
                                      TokenCounter& counter) {
  std::vector<Unit> units;
  double max_weight = max_tokens * kWeightOfToken;
  Unit block;
  for (block.block = 0; block.block < document.blocks_size(); ++block.block) {
    block.end_byte = block.start_byte + document.blocks(block.block).text().size();
    Split(text, block, max_weight, units);
    if (block.end_byte > block.start_byte) block.start = units.back().end;
    ++block.start;  // the newline
    block.start_byte = block.end_byte + 1;
  }
  RETURN_IF_ERROR(Count(text, counter, units));
  const auto too_long = [&](const Unit& unit) {
    return unit.tokens > max_tokens && unit.end - unit.start > 1;
  };
  while (std::any_of(units.begin(), units.end(), too_long)) {
    max_weight /= 2;
    std::vector<Unit> pieces;
    for (const Unit& unit : units) {
      if (too_long(unit)) Split(text, unit, max_weight, pieces);
    }
    RETURN_IF_ERROR(Count(text, counter, pieces));
    std::vector<Unit> merged;
    merged.reserve(units.size() + pieces.size());
    auto piece = pieces.begin();
    for (const Unit& unit : units) {
      if (!too_long(unit)) {
        merged.push_back(unit);
        continue;
      }
      for (; piece != pieces.end() && piece->end <= unit.end; ++piece) merged.push_back(*piece);
    }
    units = std::move(merged);
  }
  return units;
}

}  // namespace hadal::retrieval
