#include <nlohmann/json.hpp>
#include <random>

#include "base/file.h"
#include "inference/tokenizer/load_tokenizer.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;

json Bpe() {
  return {
      {"added_tokens", {{{"id", 4}, {"content", "<end>"}, {"special", true}}}},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
      {"post_processor",
       {{"type", "TemplateProcessing"},
        {"single", {{{"Sequence", {{"id", "A"}}}}, {{"SpecialToken", {{"id", "<end>"}}}}}},
        {"special_tokens", {{"<end>", {{"ids", {4}}}}}}}},
      {"model",
       {{"type", "BPE"},
        {"vocab", {{"a", 0}, {"b", 1}, {"ab", 2}, {"Ġ", 3}}},
        {"merges", {"a b"}}}}};
}

StatusOr<std::shared_ptr<const Tokenizer>> Load(const json& value) {
  return ParseTokenizerJson(value.dump(), "t.json");
}

TEST(TokenizerJson, LoadsBpeWithBothWaysToWriteMerges) {
  json value = Bpe();
  for (const json& merges : {json({"a b"}), json::array({json::array({"a", "b"})})}) {
    value["model"]["merges"] = merges;
    ASSERT_OK_AND_ASSIGN(const auto tokenizer, Load(value));
    EncodeOptions special;
    special.add_special = true;
    EXPECT_THAT(tokenizer->Encode("ab", special), ElementsAre(2, 4));
    EXPECT_TRUE(tokenizer->IsSpecial(4));
  }
}

TEST(TokenizerJson, AFolderSaysWhichTokensEnd) {
  ASSERT_OK_AND_ASSIGN(const auto dir, TempDir::Create());
  ASSERT_OK(WriteFileAtomic(dir->path() + "/tokenizer.json", Bpe().dump()));
  const auto load_with = [&](const std::string& generation) {
    EXPECT_OK(WriteFileAtomic(dir->path() + "/generation_config.json", generation));
    return LoadTokenizer(dir->path());
  };
  ASSERT_OK_AND_ASSIGN(auto tokenizer, LoadTokenizer(dir->path()));
  EXPECT_TRUE(tokenizer->end_tokens().empty());
  ASSERT_OK_AND_ASSIGN(tokenizer, load_with(R"({"eos_token_id": 4, "temperature": 0.6})"));
  EXPECT_THAT(tokenizer->end_tokens(), ElementsAre(4));
  ASSERT_OK_AND_ASSIGN(tokenizer, load_with(R"({"eos_token_id": [4, 1, 4]})"));
  EXPECT_THAT(tokenizer->end_tokens(), ElementsAre(1, 4));
  ASSERT_OK_AND_ASSIGN(tokenizer, load_with(R"({"eos_token_id": null})"));
  EXPECT_TRUE(tokenizer->end_tokens().empty());
  // The file itself is taken alone.
  EXPECT_OK(load_with(R"({"eos_token_id": 4})"));
  ASSERT_OK_AND_ASSIGN(tokenizer, LoadTokenizer(dir->path() + "/tokenizer.json"));
  EXPECT_TRUE(tokenizer->end_tokens().empty());

  for (const char* value : {"-1", "1.5", "\"4\"", "{}", "[[4]]", "[4, null]", "4294967296"}) {
    EXPECT_STATUS(load_with(fmt::format(R"({{"eos_token_id": {}}})", value)), kInvalidArgument,
                  "eos_token_id");
  }
  EXPECT_STATUS(load_with(R"({"eos_token_id": 5})"), kInvalidArgument, "outside the vocabulary");
  EXPECT_STATUS(load_with("[]"), kInvalidArgument, "expected a JSON object");
}

TEST(TokenizerJson, RefusesByName) {
  auto with = [](const char* pointer, const json& change) {
    json value = Bpe();
    value[json::json_pointer(pointer)] = change;
    return Load(value).status();
  };
  EXPECT_STATUS(with("/model/type", "Mystery"), kInvalidArgument, "Mystery");
  EXPECT_STATUS(with("/model/vocab", json::array()), kInvalidArgument, "vocab");
  EXPECT_STATUS(with("/model/vocab/a", -1), kInvalidArgument, "token id -1");
  EXPECT_STATUS(with("/model/vocab/a", INT64_MAX), kInvalidArgument, "token id");
  EXPECT_STATUS(with("/model/vocab/a", "x"), kInvalidArgument, "vocab");
  EXPECT_STATUS(with("/model/merges", {"ab"}), kInvalidArgument, "two pieces");
  EXPECT_STATUS(with("/model/merges", {"a q"}), kInvalidArgument, "no token");
  EXPECT_STATUS(with("/normalizer", {{"type", "NFKC"}}), kInvalidArgument, "NFKC");
  EXPECT_STATUS(with("/pre_tokenizer", nullptr), kInvalidArgument, "pre_tokenizer");
  EXPECT_STATUS(with("/pre_tokenizer/add_prefix_space", true), kInvalidArgument, "ByteLevel");
  EXPECT_STATUS(with("/pre_tokenizer", {{"type", "Sequence"},
                                        {"pretokenizers",
                                         {{{"type", "Split"}, {"pattern", {{"Regex", "(a+)+b"}}},
                                           {"behavior", "Isolated"}},
                                          {{"type", "ByteLevel"}, {"add_prefix_space", false},
                                           {"use_regex", false}}}}}),
                kInvalidArgument, "(a+)+b");
  EXPECT_STATUS(with("/post_processor/special_tokens", json::object()), kInvalidArgument,
                "unknown token");
  EXPECT_STATUS(with("/added_tokens/0/id", "4"), kInvalidArgument, "added token");
  EXPECT_STATUS(with("/added_tokens/0/single_word", true), kInvalidArgument, "single_word");
  EXPECT_STATUS(ParseTokenizerJson("{", "t.json"), kInvalidArgument, "not a JSON object");
  EXPECT_STATUS(ParseTokenizerJson("[]", "t.json"), kInvalidArgument, "not a JSON object");
  EXPECT_STATUS(ParseTokenizerJson(std::string(5'000'000, '['), "t.json"), kInvalidArgument,
                "not a JSON object");
}

TEST(TokenizerJson, DamageIsAnErrorOrATokenizer) {
  const std::string good = Bpe().dump();
  std::mt19937 random(1);
  int loaded = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string text = good;
    for (int flips = static_cast<int>(random() % 4); flips >= 0; --flips) {
      text[random() % text.size()] ^= static_cast<char>(1u << (random() % 7));
    }
    if (random() % 8 == 0) text.resize(random() % text.size());
    const auto tokenizer = ParseTokenizerJson(text, "t.json");
    if (!tokenizer.ok()) {
      EXPECT_EQ(tokenizer.status().code(), StatusCode::kInvalidArgument);
      continue;
    }
    ++loaded;
    EncodeOptions options;
    options.add_special = options.parse_special = true;
    (*tokenizer)->Decode((*tokenizer)->Encode("ab <end> ab", options), false);
  }
  EXPECT_GT(loaded, 0);
}

}  // namespace
}  // namespace hadal::inference
