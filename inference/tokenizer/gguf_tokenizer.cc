// Tokenizers from GGUF metadata. The keys are those of the GGUF specification; what it has no key
// for (the normaliser of a Unigram model) stands under "hadal.tokenizer.".
#include <algorithm>



#include "base/utf8.h"
#include "inference/tokenizer.h"
#include "inference/tokenizer/byte_level_bpe.h"
#include "inference/tokenizer/unigram.h"
#include "inference/weights/gguf.h"

namespace hadal::inference {
namespace {

// tokenizer.ggml.token_type
enum : int64_t { kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5 };

Status Damaged(const GgufFile& file, std::string_view what) {
  return InvalidArgument("{}: {}; convert the model again", file.path(), what);
}

StatusOr<int32_t> TokenIdOr(const GgufFile& file, std::string_view key, int32_t fallback) {
  if (!file.metadata().contains(std::string(key))) return fallback;
  ASSIGN_OR_RETURN(const int64_t value, file.GetInt(key));
  if (value < 0 || value > INT32_MAX) {
    return Damaged(file, fmt::format("\"{}\" is {}, expected a token id", key, value));
  }
  return static_cast<int32_t>(value);
}

StatusOr<bool> BoolOr(const GgufFile& file, std::string_view key, bool fallback) {
  return file.metadata().contains(std::string(key)) ? file.GetBool(key) : StatusOr<bool>(fallback);
}

// `add_by_default`: whether BOS and EOS go around the text when the file does not say.
StatusOr<TokenTable> ReadTable(const GgufFile& file, bool add_by_default) {
  TokenTable table;
  const auto* tokens = file.FindStrings("tokenizer.ggml.tokens");
  if (tokens == nullptr || tokens->empty()) {
    return Damaged(file, "\"tokenizer.ggml.tokens\" is missing or not a list of strings");
  }
  table.pieces = *tokens;
  table.kinds.assign(tokens->size(), TokenKind::kNormal);
  const auto* types = file.FindInts("tokenizer.ggml.token_type");
  if (types != nullptr && types->size() != tokens->size()) {
    return Damaged(file,
                   fmt::format("{} token types for {} tokens", types->size(), tokens->size()));
  }
  const auto* strip = file.FindInts("hadal.tokenizer.strip_left");
  for (size_t id = 0; types != nullptr && id < types->size(); ++id) {
    const int64_t type = (*types)[id];
    TokenKind& kind = table.kinds[id];
    if (type == kUnused) kind = TokenKind::kUnused;
    if (type == kControl || type == kUnknown) kind = TokenKind::kSpecial;
    if (type == kUserDefined) kind = TokenKind::kAdded;
    if (kind == TokenKind::kNormal || kind == TokenKind::kUnused || table.pieces[id].empty())
      continue;
    AddedToken added{static_cast<int32_t>(id), table.pieces[id]};
    added.strip_left = strip != nullptr && std::find(strip->begin(), strip->end(),
                                                     static_cast<int64_t>(id)) != strip->end();
    table.added.push_back(std::move(added));
  }
  ASSIGN_OR_RETURN(const int32_t bos, TokenIdOr(file, "tokenizer.ggml.bos_token_id", -1));
  ASSIGN_OR_RETURN(const int32_t eos, TokenIdOr(file, "tokenizer.ggml.eos_token_id", -1));
  ASSIGN_OR_RETURN(table.unknown, TokenIdOr(file, "tokenizer.ggml.unknown_token_id", -1));
  ASSIGN_OR_RETURN(const bool add_bos,
                   BoolOr(file, "tokenizer.ggml.add_bos_token", add_by_default));
  ASSIGN_OR_RETURN(const bool add_eos,
                   BoolOr(file, "tokenizer.ggml.add_eos_token", add_by_default));
  if (add_bos && bos >= 0) table.prefix.push_back(bos);
  if (add_eos && eos >= 0) table.suffix.push_back(eos);
  if (eos >= 0) table.end_tokens.push_back(eos);
  RETURN_IF_ERROR(table.Finish(file.path()));
  return table;
}

struct PreName {
  std::string_view name;
  ByteLevelBpeOptions options;
};
constexpr PreName kPreNames[] = {
    {"qwen2", {PreTokenizer::kQwen2, true, false}},
    {"deepseek-r1-qwen", {PreTokenizer::kQwen2, true, false}},
    {"smollm", {PreTokenizer::kGpt2Digits, false, false}},
    {"gpt-2", {PreTokenizer::kGpt2, false, false}},
    {"llama-bpe", {PreTokenizer::kLlama3, false, true}},
    {"deepseek-v3", {PreTokenizer::kDeepSeekV3, false, false}},
};

StatusOr<std::shared_ptr<const Tokenizer>> LoadBpe(const GgufFile& file) {
  ASSIGN_OR_RETURN(const std::string pre, file.GetString("tokenizer.ggml.pre"));
  const auto* known = std::find_if(std::begin(kPreNames), std::end(kPreNames),
                                   [&pre](const PreName& entry) { return entry.name == pre; });
  if (known == std::end(kPreNames)) {
    return InvalidArgument(
        "{}: \"tokenizer.ggml.pre\" is \"{}\", supported are qwen2, deepseek-r1-qwen, smollm, "
        "gpt-2, llama-bpe, deepseek-v3",
        file.path(), pre);
  }
  const auto* lines = file.FindStrings("tokenizer.ggml.merges");
  if (lines == nullptr) {
    return Damaged(file, "\"tokenizer.ggml.merges\" is missing or not a list of strings");
  }
  std::vector<std::pair<std::string_view, std::string_view>> merges;
  merges.reserve(lines->size());
  for (const std::string& line : *lines) {
    const size_t space = line.find(' ', 1);
    if (space == std::string::npos) {
      return Damaged(file, fmt::format("merge {} is not two pieces", merges.size()));
    }
    merges.emplace_back(std::string_view(line).substr(0, space),
                        std::string_view(line).substr(space + 1));
  }
  ASSIGN_OR_RETURN(TokenTable table, ReadTable(file, /*add_by_default=*/false));
  return ByteLevelBpe::Create(std::move(table), merges, known->options, file.path());
}

StatusOr<CodePointMap> ReadMap(const GgufFile& file) {
  const auto* from = file.FindInts("hadal.tokenizer.map.code_points");
  const auto* to = file.FindStrings("hadal.tokenizer.map.texts");
  CodePointMap map;
  if (from == nullptr || to == nullptr || from->size() != to->size()) {
    return Damaged(file, "\"hadal.tokenizer.map.code_points\" and \"…texts\" are missing or of "
                         "different length; ops/models.sh converts the model with them");
  }
  for (size_t i = 0; i < from->size(); ++i) {
    if ((*from)[i] < 0 || (*from)[i] > 0x10FFFF || (*to)[i].size() > 256 ||
        !IsValidUtf8((*to)[i])) {
      return Damaged(file, fmt::format("entry {} of the character map is not valid", i));
    }
    map.emplace(static_cast<char32_t>((*from)[i]), (*to)[i]);
  }
  return map;
}

StatusOr<std::shared_ptr<const Tokenizer>> LoadUnigram(const GgufFile& file) {
  const auto* scores = file.FindFloats("tokenizer.ggml.scores");
  if (scores == nullptr) {
    return Damaged(file, "\"tokenizer.ggml.scores\" is missing or not a list of numbers");
  }
  ASSIGN_OR_RETURN(CodePointMap map, ReadMap(file));
  ASSIGN_OR_RETURN(TokenTable table, ReadTable(file, /*add_by_default=*/true));
  return Unigram::Create(std::move(table), *scores, std::move(map), file.path());
}

}  // namespace

StatusOr<std::shared_ptr<const Tokenizer>> LoadTokenizer(const GgufFile& file) {
  ASSIGN_OR_RETURN(const std::string model, file.GetString("tokenizer.ggml.model"));
  if (model == "gpt2") return LoadBpe(file);
  if (model == "t5") return LoadUnigram(file);
  return InvalidArgument(
      "{}: \"tokenizer.ggml.model\" is \"{}\", supported are gpt2 (byte-level BPE) and t5 "
      "(Unigram)",
      file.path(), model);
}

}  // namespace hadal::inference
