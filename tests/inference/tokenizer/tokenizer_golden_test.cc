// Every row of the reference tokenizers, exactly.
#include "inference/tokenizer.h"
#include "tests/inference/tokenizer/golden_files.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using nlohmann::json;
using testing::Exists;
using testing::SharedGolden;

struct Leniency {
  bool nfc_rows = false;          // the golden's normaliser is an assumption
  std::vector<std::string> also;  // other id lists a row may give
};

bool Accepts(const json& row, const std::vector<int32_t>& ids, const Leniency& leniency) {
  if (row.at("ids").get<std::vector<int32_t>>() == ids) return true;
  for (const std::string& field : leniency.also) {
    if (row.contains(field) && row.at(field).get<std::vector<int32_t>>() == ids) return true;
  }
  return leniency.nfc_rows && row.contains("nfc_changes");
}

void CheckRows(const Tokenizer& tokenizer, const std::string& golden, const Leniency& leniency) {
  const std::vector<json> rows = testing::ReadRows(SharedGolden("tokenizers/" + golden));
  ASSERT_GT(rows.size(), 250u);
  int wrong = 0;
  for (const json& row : rows) {
    const auto ids = row.at("ids").get<std::vector<int32_t>>();
    if (row.contains("text")) {
      const auto text = row.at("text").get<std::string>();
      EncodeOptions options;
      options.parse_special = true;
      const std::vector<int32_t> found = tokenizer.Encode(text, options);
      const bool ok = Accepts(row, found, leniency);
      EXPECT_TRUE(ok) << row.at("cat") << " " << json(text).dump() << "\nfound "
                      << json(found).dump() << "\n      " << row.at("ids").dump();
      wrong += ok ? 0 : 1;
      options.add_special = true;
      if (found == ids) {
        EXPECT_EQ(json(tokenizer.Encode(text, options)), row.at("ids_special")) << text;
      }
    }
    EXPECT_EQ(tokenizer.Decode(ids, false), row.at("decoded").get<std::string>()) << row;
    EXPECT_EQ(tokenizer.Decode(ids, true), row.at("decoded_skip").get<std::string>()) << row;
  }
  EXPECT_EQ(wrong, 0) << "of " << rows.size();
}

void CheckModel(const std::string& model, const std::string& golden,
                const Leniency& leniency = {}) {
  if (!Exists(ModelPath(model))) GTEST_SKIP() << ModelPath(model) << " is absent";
  if (!Exists(SharedGolden("tokenizers/" + golden))) GTEST_SKIP() << golden << " is absent";
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, LoadTokenizer(ModelPath(model)));
  CheckRows(*tokenizer, golden, leniency);
}

void CheckJson(const std::string& packed, const std::string& golden,
               const Leniency& leniency = {}) {
  const std::string from = SharedGolden("tokenizer_files/" + packed);
  if (!Exists(from)) GTEST_SKIP() << from << " is absent";
  ASSERT_OK_AND_ASSIGN(const auto dir, TempDir::Create());
  const std::string path = dir->path() + "/tokenizer.json";
  if (!testing::UnpackXz(from, path)) GTEST_SKIP() << "xz is not installed";
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, LoadTokenizer(dir->path()));
  CheckRows(*tokenizer, golden, leniency);
}

const Leniency kUnigram{false, {"ids_sentencepiece", "ids_whitespace_split"}};

TEST(TokenizerGolden, Qwen25FromGguf) {
  CheckModel("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", "qwen2.5.jsonl");
}
TEST(TokenizerGolden, SmolLm2FromGguf) {
  CheckModel("smollm2-135m-instruct-q4_1.gguf", "smollm2.jsonl");
}
TEST(TokenizerGolden, E5FromGguf) {
  CheckModel("multilingual-e5-small-q4_0.gguf", "e5_xlmr.jsonl", kUnigram);
}
TEST(TokenizerGolden, MiniLmFromFolder) { CheckModel("all-minilm-l6-v2", "bert_minilm.jsonl"); }
TEST(TokenizerGolden, Qwen25FromJson) { CheckJson("qwen2.5-rebuilt.json.xz", "qwen2.5.jsonl"); }
TEST(TokenizerGolden, SmolLm2FromJson) { CheckJson("smollm2-rebuilt.json.xz", "smollm2.jsonl"); }
TEST(TokenizerGolden, R1DistillQwenFromJson) {
  CheckJson("r1-distill-qwen-rebuilt.json.xz", "r1_distill_qwen.jsonl", {true, {}});
}
TEST(TokenizerGolden, DeepSeekR1FromJson) { CheckJson("deepseek_r1.json.xz", "deepseek_r1.jsonl"); }
TEST(TokenizerGolden, E5FromJson) { CheckJson("e5-rebuilt.json.xz", "e5_xlmr.jsonl", kUnigram); }

}  // namespace
}  // namespace hadal::inference
