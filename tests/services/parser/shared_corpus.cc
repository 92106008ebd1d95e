#include "tests/services/parser/shared_corpus.h"

#include <gtest/gtest.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/paths.h"

namespace hadal::parser {

std::string SharedCorpus() {
  const std::string folder = SharedPath("eval/corpus");
  return std::filesystem::exists(folder + "/manifest.jsonl") ? folder : std::string();
}

std::vector<nlohmann::json> LoadLines(const std::string& path) {
  std::vector<nlohmann::json> records;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) records.push_back(nlohmann::json::parse(line));
  }
  return records;
}

std::string Fold(std::string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* nfkc = icu::Normalizer2::getNFKCInstance(error);
  icu::UnicodeString folded = nfkc->normalize(icu::UnicodeString::fromUTF8(icu::StringPiece(
                                                  text.data(), static_cast<int32_t>(text.size()))),
                                              error);
  folded.toLower();
  icu::UnicodeString kept;
  for (int32_t i = 0; i < folded.length(); i = folded.moveIndex32(i, 1)) {
    const UChar32 c = folded.char32At(i);
    if (u_isalnum(c) || u_charType(c) == U_OTHER_NUMBER || u_charType(c) == U_LETTER_NUMBER) {
      kept.append(c);
    }
  }
  std::string utf8;
  kept.toUTF8String(utf8);
  return utf8;
}

std::unique_ptr<ParserPool> RealPool() {
  ParserPoolOptions options;
  options.program = BinaryPath("hadal-parser");
  StatusOr<std::unique_ptr<ParserPool>> pool = ParserPool::Create(options);
  EXPECT_TRUE(pool.ok()) << StatusMessage(pool.status());
  return pool.ok() ? *std::move(pool) : nullptr;
}

}  // namespace hadal::parser
