// Tokenizers from a Hugging Face tokenizer.json. The pipeline in it is only recognised: each step
// must be one we have, with the options we have, or loading fails naming it.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "inference/tokenizer/byte_level_bpe.h"
#include "inference/tokenizer/load_tokenizer.h"
#include "inference/tokenizer/unigram.h"
#include "inference/tokenizer/word_piece.h"

namespace hadal::inference {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxTokens = 1 << 22;
constexpr int kMaxDepth = 32;

constexpr std::string_view kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kDeepSeekNumbers = R"(\p{N}{1,3})";
constexpr std::string_view kDeepSeekCjk = "[一-龥\u3040-ゟ゠-ヿ]+";
// The published file writes CR and LF as such.
constexpr std::string_view kDeepSeekWords =
    "[!\"#$%&'()*+,\\-./"
    ":;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|"
    " ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+";

const Json& Member(const Json& object, const char* name) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  auto it = object.find(name);
  return it == object.end() ? kNull : *it;
}

std::string Text(const Json& object, const char* name) {
  const Json& value = Member(object, name);
  return value.is_string() ? value.get<std::string>() : std::string();
}

bool Flag(const Json& object, const char* name, bool fallback) {
  const Json& value = Member(object, name);
  return value.is_boolean() ? value.get<bool>() : fallback;
}

// The steps of a "Sequence" under `list_name`, or the one step; none when it is null.
std::vector<const Json*> Steps(const Json& step, const char* list_name) {
  if (step.is_null()) return {};
  if (Text(step, "type") != "Sequence") return {&step};
  std::vector<const Json*> steps;
  for (const Json& inner : Member(step, list_name)) steps.push_back(&inner);
  return steps;
}

class Loader {
 public:
  Loader(const Json& json, const std::string& path, std::vector<int32_t> end_tokens)
      : json_(json), path_(path), model_(Member(json, "model")) {
    table_.end_tokens = std::move(end_tokens);
  }

  StatusOr<std::shared_ptr<const Tokenizer>> Load() {
    const std::string type = Text(model_, "type");
    if (type != "BPE" && type != "Unigram" && type != "WordPiece") {
      return Unsupported("model.type", type, "BPE, Unigram and WordPiece");
    }
    RETURN_IF_ERROR(type == "Unigram" ? ReadScoredVocabulary() : ReadVocabulary());
    RETURN_IF_ERROR(ReadAddedTokens());
    RETURN_IF_ERROR(ReadPostProcessor());
    if (type == "BPE") return LoadBpe();
    return type == "Unigram" ? LoadUnigram() : LoadWordPiece();
  }

 private:
  Status Damaged(std::string_view what) const {
    return InvalidArgument("{}: {}; take the file from the model again", path_, what);
  }
  Status Unsupported(std::string_view part, std::string_view found,
                     std::string_view supported) const {
    return InvalidArgument("{}: {} is \"{}\", supported: {}", path_, part,
                           SanitizeUtf8(found.substr(0, 200)), supported);
  }

  Status SetPiece(int64_t id, const std::string& piece, TokenKind kind) {
    if (id < 0 || id >= static_cast<int64_t>(kMaxTokens)) {
      return Damaged(fmt::format("token id {} is outside 0..{}", id, kMaxTokens - 1));
    }
    const auto index = static_cast<size_t>(id);
    if (index >= table_.pieces.size()) {
      table_.pieces.resize(index + 1);
      table_.kinds.resize(index + 1, TokenKind::kUnused);
    }
    table_.pieces[index] = piece;
    table_.kinds[index] = kind;
    return OkStatus();
  }

  Status ReadVocabulary() {
    const Json& vocabulary = Member(model_, "vocab");
    if (!vocabulary.is_object() || vocabulary.empty()) return Damaged("model.vocab is no object");
    for (const auto& [piece, id] : vocabulary.items()) {
      if (!id.is_number_integer()) return Damaged("model.vocab holds something else than ids");
      RETURN_IF_ERROR(SetPiece(id.get<int64_t>(), piece, TokenKind::kNormal));
    }
    return OkStatus();
  }

  Status ReadScoredVocabulary() {
    const Json& vocabulary = Member(model_, "vocab");
    if (!vocabulary.is_array() || vocabulary.empty()) return Damaged("model.vocab is no list");
    for (const Json& entry : vocabulary) {
      if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() ||
          !entry[1].is_number()) {
        return Damaged("model.vocab holds something else than [piece, score]");
      }
      RETURN_IF_ERROR(SetPiece(static_cast<int64_t>(scores_.size()), entry[0].get<std::string>(),
                               TokenKind::kNormal));
      scores_.push_back(entry[1].get<float>());
    }
    return OkStatus();
  }

  Status ReadAddedTokens() {
    for (const Json& entry : Member(json_, "added_tokens")) {
      AddedToken token;
      const Json& id = Member(entry, "id");
      token.content = Text(entry, "content");
      if (!id.is_number_integer() || token.content.empty()) {
        return Damaged("an added token lacks \"id\" or \"content\"");
      }
      if (Flag(entry, "single_word", false)) {
        return Unsupported("added_tokens.single_word", "true", "false");
      }
      token.strip_left = Flag(entry, "lstrip", false);
      token.strip_right = Flag(entry, "rstrip", false);
      token.normalized = Flag(entry, "normalized", false);
      const bool special = Flag(entry, "special", false);
      RETURN_IF_ERROR(SetPiece(id.get<int64_t>(), token.content,
                               special ? TokenKind::kSpecial : TokenKind::kAdded));
      token.id = id.get<int32_t>();
      table_.added.push_back(std::move(token));
    }
    if (!scores_.empty()) scores_.resize(table_.pieces.size(), 0.0f);
    return OkStatus();
  }

  // Template steps in front of and behind the text ("A").
  Status ReadTemplate(const Json& step) {
    std::vector<int32_t>* side = &table_.prefix;
    for (const Json& part : Member(step, "single")) {
      if (part.is_object() && part.contains("Sequence")) {
        side = &table_.suffix;
        continue;
      }
      const std::string name = Text(Member(part, "SpecialToken"), "id");
      const Json& known = Member(Member(step, "special_tokens"), name.c_str());
      const Json& ids = Member(known, "ids");
      if (name.empty() || !ids.is_array()) return Damaged("post_processor names an unknown token");
      for (const Json& id : ids) {
        if (!id.is_number_integer()) return Damaged("post_processor has an id that is no number");
        side->push_back(id.get<int32_t>());
      }
    }
    return OkStatus();
  }

  Status ReadPostProcessor() {
    for (const Json* step : Steps(Member(json_, "post_processor"), "processors")) {
      const std::string type = Text(*step, "type");
      if (type == "ByteLevel") continue;  // moves offsets only
      if (type == "TemplateProcessing") {
        RETURN_IF_ERROR(ReadTemplate(*step));
      } else if (type == "BertProcessing" || type == "RobertaProcessing") {
        const Json& cls = Member(*step, "cls");
        const Json& sep = Member(*step, "sep");
        for (const Json* pair : {&cls, &sep}) {
          if (!pair->is_array() || pair->size() != 2 || !(*pair)[1].is_number_integer()) {
            return Damaged("post_processor lacks \"cls\" or \"sep\"");
          }
        }
        table_.prefix.push_back(cls[1].get<int32_t>());
        table_.suffix.push_back(sep[1].get<int32_t>());
      } else {
        return Unsupported("post_processor.type", type,
                           "ByteLevel, TemplateProcessing, BertProcessing, RobertaProcessing");
      }
    }
    return OkStatus();
  }

  StatusOr<PreTokenizer> ReadPreTokenizer() const {
    std::vector<std::string> patterns;
    bool digits = false;
    bool own_pattern = false;
    const auto steps = Steps(Member(json_, "pre_tokenizer"), "pretokenizers");
    for (const Json* step : steps) {
      const std::string type = Text(*step, "type");
      const bool last = step == steps.back();
      if (type == "Split" && !last && Text(*step, "behavior") == "Isolated" &&
          !Flag(*step, "invert", false)) {
        patterns.push_back(Text(Member(*step, "pattern"), "Regex"));
      } else if (type == "Digits" && !last && Flag(*step, "individual_digits", false)) {
        digits = true;
      } else if (type == "ByteLevel" && last && !Flag(*step, "add_prefix_space", true)) {
        own_pattern = Flag(*step, "use_regex", true);
      } else {
        return Unsupported(
            "a step of pre_tokenizer", type,
            "isolating Split, Digits, and ByteLevel without prefix space at the end");
      }
    }
    if (steps.empty()) return Unsupported("pre_tokenizer", "null", "a ByteLevel pipeline");
    if (own_pattern && patterns.empty()) {
      return digits ? PreTokenizer::kGpt2Digits : PreTokenizer::kGpt2;
    }
    if (!own_pattern && !digits && patterns.size() == 1) {
      if (patterns[0] == kQwen2Pattern) return PreTokenizer::kQwen2;
      if (patterns[0] == kLlama3Pattern) return PreTokenizer::kLlama3;
    }
    if (!own_pattern && !digits && patterns.size() == 3 && patterns[0] == kDeepSeekNumbers &&
        patterns[1] == kDeepSeekCjk && patterns[2] == kDeepSeekWords) {
      return PreTokenizer::kDeepSeekV3;
    }
    return Unsupported("pre_tokenizer", patterns.empty() ? "a mixture" : patterns[0],
                       "the patterns of GPT-2, SmolLM, Qwen2, Llama 3 and DeepSeek-V3");
  }

  StatusOr<std::shared_ptr<const Tokenizer>> LoadBpe() {
    ByteLevelBpeOptions options;
    ASSIGN_OR_RETURN(options.pre_tokenizer, ReadPreTokenizer());
    for (const Json* step : Steps(Member(json_, "normalizer"), "normalizers")) {
      const std::string type = Text(*step, "type");
      if (type != "NFC") return Unsupported("normalizer.type", type, "NFC");
      options.nfc = true;
    }
    options.whole_words = Flag(model_, "ignore_merges", false);
    if (Flag(model_, "byte_fallback", false)) {
      return Unsupported("model.byte_fallback", "true", "false");
    }
    std::vector<std::pair<std::string_view, std::string_view>> merges;
    const Json& list = Member(model_, "merges");
    if (!list.is_array()) return Damaged("model.merges is no list");
    for (const Json& entry : list) {
      if (entry.is_array() && entry.size() == 2 && entry[0].is_string() && entry[1].is_string()) {
        merges.emplace_back(entry[0].get_ref<const std::string&>(),
                            entry[1].get_ref<const std::string&>());
        continue;
      }
      const std::string_view line =
          entry.is_string() ? std::string_view(entry.get_ref<const std::string&>()) : "";
      const size_t space = line.find(' ', 1);
      if (space == std::string_view::npos) {
        return Damaged(fmt::format("merge {} is not two pieces", merges.size()));
      }
      merges.emplace_back(line.substr(0, space), line.substr(space + 1));
    }
    RETURN_IF_ERROR(table_.Finish(path_));
    return ByteLevelBpe::Create(std::move(table_), merges, options, path_);
  }

  StatusOr<std::shared_ptr<const Tokenizer>> LoadUnigram() {
    CodePointMap map;
    for (const Json* step : Steps(Member(json_, "normalizer"), "normalizers")) {
      const std::string type = Text(*step, "type");
      if (type == "Precompiled") {
        ASSIGN_OR_RETURN(const std::string blob,
                         DecodeBase64(Text(*step, "precompiled_charsmap")));
        ASSIGN_OR_RETURN(map, ParsePrecompiledCharsMap(blob));
      } else if (type != "Replace" || Text(Member(*step, "pattern"), "Regex") != " {2,}" ||
                 Text(*step, "content") != " ") {
        return Unsupported("normalizer.type", type, "Precompiled, and Replace of space runs");
      }
    }
    for (const Json* step : Steps(Member(json_, "pre_tokenizer"), "pretokenizers")) {
      const std::string type = Text(*step, "type");
      // transformers also splits at white space first; the map has turned all of it into spaces.
      const bool metaspace = type == "Metaspace" && Text(*step, "replacement") == "\u2581" &&
                             (Text(*step, "prepend_scheme") == "always" ||
                              Flag(*step, "add_prefix_space", false));
      if (!metaspace && type != "WhitespaceSplit") {
        return Unsupported("a step of pre_tokenizer", type, "Metaspace that always prepends");
      }
    }
    const Json& unknown = Member(model_, "unk_id");
    if (unknown.is_number_unsigned() && unknown.get<uint64_t>() < kMaxTokens) {
      table_.unknown = unknown.get<int32_t>();
    }
    RETURN_IF_ERROR(table_.Finish(path_));
    return Unigram::Create(std::move(table_), std::move(scores_), std::move(map), path_);
  }

  StatusOr<std::shared_ptr<const Tokenizer>> LoadWordPiece() {
    WordPieceOptions options;
    const Json& normalizer = Member(json_, "normalizer");
    if (Text(normalizer, "type") != "BertNormalizer" || !Flag(normalizer, "clean_text", true) ||
        !Flag(normalizer, "handle_chinese_chars", true)) {
      return Unsupported("normalizer.type", Text(normalizer, "type"),
                         "BertNormalizer that cleans text and sets Chinese characters apart");
    }
    options.lowercase = Flag(normalizer, "lowercase", true);
    if (Flag(normalizer, "strip_accents", options.lowercase) != options.lowercase) {
      return Unsupported("normalizer.strip_accents", "different from lowercase", "the same value");
    }
    if (Text(Member(json_, "pre_tokenizer"), "type") != "BertPreTokenizer") {
      return Unsupported("pre_tokenizer.type", Text(Member(json_, "pre_tokenizer"), "type"),
                         "BertPreTokenizer");
    }
    if (model_.contains("continuing_subword_prefix")) {
      options.continuation = Text(model_, "continuing_subword_prefix");
    }
    const Json& limit = Member(model_, "max_input_chars_per_word");
    if (limit.is_number_unsigned()) {
      options.max_word_chars = std::min<uint64_t>(limit.get<uint64_t>(), 1000);
    }
    options.clean_up = Flag(Member(json_, "decoder"), "cleanup", true);
    const std::string unknown = Text(model_, "unk_token");
    RETURN_IF_ERROR(table_.Finish(path_));
    table_.unknown = table_.Find(unknown);
    return WordPiece::Create(std::move(table_), options, path_);
  }

  StatusOr<std::string> DecodeBase64(std::string_view text) const {
    std::string out;
    uint32_t bits = 0;
    int have = 0;
    while (text.ends_with('=')) text.remove_suffix(1);
    for (char c : text) {
      int value = -1;
      if (c >= 'A' && c <= 'Z') value = c - 'A';
      if (c >= 'a' && c <= 'z') value = c - 'a' + 26;
      if (c >= '0' && c <= '9') value = c - '0' + 52;
      if (c == '+') value = 62;
      if (c == '/') value = 63;
      if (value < 0) return Damaged("precompiled_charsmap is not base64");
      bits = (bits << 6) | static_cast<uint32_t>(value);
      have += 6;
      if (have >= 8) {
        have -= 8;
        out.push_back(static_cast<char>((bits >> have) & 0xFF));
      }
    }
    return out;
  }

  const Json& json_;
  const std::string& path_;
  const Json& model_;
  TokenTable table_;
  std::vector<float> scores_;
};

}  // namespace

StatusOr<std::shared_ptr<const Tokenizer>> ParseTokenizerJson(const std::string& text,
                                                              const std::string& path,
                                                              std::vector<int32_t> end_tokens) {
  // Deeper values are dropped while parsing, so nesting cannot multiply the memory a file takes.
  auto keep = [](int depth, Json::parse_event_t, Json&) { return depth < kMaxDepth; };
  const Json json = Json::parse(text, keep, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return InvalidArgument("{}: not a JSON object; take the file from the model again", path);
  }
  return Loader(json, path, std::move(end_tokens)).Load();
}

}  // namespace hadal::inference
