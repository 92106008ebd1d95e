#include "retrieval/chunker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "retrieval/chunk/sentence_splitter.h"
#include "retrieval/parse/characters.h"

namespace hadal::retrieval {
namespace {

using internal::v1::Block;
using internal::v1::ParsedDocument;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

void AddBlock(ParsedDocument& document, Block::Kind kind, const std::string& text, int level = 0,
              int table = 0, int page = 0) {
  Block* block = document.add_blocks();
  block->set_kind(kind);
  block->set_text(text);
  block->set_heading_level(level);
  block->set_table(table);
  block->set_page(page);
}

std::u32string Decode(std::string_view text) {
  std::u32string decoded;
  while (!text.empty()) {
    const DecodedChar c = DecodeUtf8(text);
    EXPECT_TRUE(c.valid);
    decoded.push_back(c.code_point);
    text.remove_prefix(c.size_bytes);
  }
  return decoded;
}

double Weight(const std::string& text) {
  double weight = 0;
  for (const char32_t c : Decode(text)) weight += CharWeight(c);
  return weight;
}

/// What must hold for every document: exact spans, nothing visible left out, order, bounded size.
void CheckInvariants(const ParsedDocument& document, const ChunkerOptions& options) {
  const std::u32string text = Decode(ExtractedText(document));
  std::vector<bool> covered(text.size(), false);
  int64_t last_start = -1;
  for (const Chunk& chunk : ChunkDocument(document, options)) {
    ASSERT_GE(chunk.start, 0);
    ASSERT_LT(chunk.start, chunk.end);
    ASSERT_LE(chunk.end, static_cast<int64_t>(text.size()));
    ASSERT_GT(chunk.start, last_start);
    last_start = chunk.start;
    ASSERT_EQ(Decode(chunk.text), text.substr(static_cast<size_t>(chunk.start),
                                              static_cast<size_t>(chunk.end - chunk.start)));
    ASSERT_LE(Weight(chunk.text), options.max_chars + 1e-6);
    for (int64_t i = chunk.start; i < chunk.end; ++i) covered[static_cast<size_t>(i)] = true;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    ASSERT_TRUE(covered[i] || IsSpace(text[i])) << "character " << i;
  }
}

TEST(ChunkerTest, HoldsItsInvariantsOnRandomDocuments) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::vector<std::string> pieces = {
      "变压器", "检修。",   "第三条 ",   "（一）", "a",      "word ", "Mr. X ", "3.5 ",
      "？",     "！”",      "\t",        " ",      "😀",      "é",     "，",     "；",
      "A1-",    "2.1 总则", "e.g. this", "。。。", "\u3000", "1,000 "};
  for (int turn = 0; turn < 300; ++turn) {
    ParsedDocument document;
    const int blocks = static_cast<int>(random() % 30);
    for (int b = 0; b < blocks; ++b) {
      std::string text = "x";
      for (size_t n = random() % 200; n > 0; --n) text += pieces[random() % pieces.size()];
      const int kind = 1 + static_cast<int>(random() % 5);
      AddBlock(document, static_cast<Block::Kind>(kind), text, static_cast<int>(random() % 8),
               kind == Block::TABLE_ROW ? 1 + b / 10 : 0);
    }
    ChunkerOptions options;
    options.max_chars = 1 + static_cast<int>(random() % 400);
    options.target_chars = 1 + static_cast<int>(random() % 400);
    options.overlap_chars = static_cast<int>(random() % 100);
    CheckInvariants(document, options);
  }
}

TEST(ChunkerTest, EmptyDocumentHasNoChunks) {
  EXPECT_TRUE(ChunkDocument(ParsedDocument(), ChunkerOptions()).empty());
}

TEST(ChunkerTest, LongLineTakesLinearTime) {
  const auto time_for = [](int sentences) {
    ParsedDocument document;
    std::string line;
    for (int i = 0; i < sentences; ++i)
      line += "这是一个没有换行的很长的句子，里面有逗号，样本编号为七七三零";
    AddBlock(document, Block::PARAGRAPH, line);
    CheckInvariants(document, ChunkerOptions());
    const std::clock_t start = std::clock();  // processor time: the machine may be busy
    ChunkDocument(document, ChunkerOptions());
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  };
  time_for(1000);  // warms up
  const double small = time_for(4'000);
  const double large = time_for(32'000);  // 2.9 MB
  EXPECT_LT(large, 3);
  EXPECT_LT(large, 30 * small + 0.2);
}

TEST(ChunkerTest, SentencesAreNotCutAndOverlap) {
  ParsedDocument document;
  std::string text;
  for (int i = 0; i < 60; ++i) {
    text += "第" + std::to_string(1000 + i) + "项要求检修人员在作业前完成全部安全措施。";
  }
  AddBlock(document, Block::PARAGRAPH, text);
  const std::vector<Chunk> chunks = ChunkDocument(document, ChunkerOptions());
  ASSERT_GT(chunks.size(), 2u);
  for (size_t i = 0; i < chunks.size(); ++i) {
    EXPECT_TRUE(chunks[i].text.starts_with("第1")) << chunks[i].text;
    EXPECT_TRUE(chunks[i].text.ends_with("。"));
    if (i > 0) {
      EXPECT_LT(chunks[i].start, chunks[i - 1].end);  // overlaps
    }
  }
}

TEST(ChunkerTest, HeadingsGoWithWhatFollowsAndMakeThePath) {
  ParsedDocument document;
  const std::string body = [] {
    std::string text;
    for (int i = 0; i < 12; ++i) text += "本章规定了检修的基本要求和组织方式等内容。";
    return text;
  }();
  AddBlock(document, Block::HEADING, "规程", 1, 0, 1);
  AddBlock(document, Block::HEADING, "1 总则", 2, 0, 1);
  AddBlock(document, Block::PARAGRAPH, body, 0, 0, 1);
  AddBlock(document, Block::HEADING, "2 职责", 2, 0, 2);
  AddBlock(document, Block::HEADING, "2.1 部门", 3, 0, 2);
  AddBlock(document, Block::PARAGRAPH, body, 0, 0, 3);
  const std::vector<Chunk> chunks = ChunkDocument(document, ChunkerOptions());
  ASSERT_EQ(chunks.size(), 2u);
  EXPECT_TRUE(chunks[0].text.starts_with("规程\n1 总则\n"));
  EXPECT_TRUE(chunks[1].text.starts_with("2 职责\n2.1 部门\n")) << chunks[1].text;
  EXPECT_EQ(chunks[1].page, 2);
  EXPECT_THAT(chunks[1].heading_path, ElementsAre("规程", "2 职责"));
  EXPECT_EQ(chunks[0].language, "zh");
}

TEST(ChunkerTest, FindsHeadingsInPlainText) {
  ParsedDocument document;
  std::string body;
  for (int i = 0; i < 30; ++i) body += "申请人应当在每年三月底之前提交全部材料。";
  for (const char* line : {"管理办法", "第一章 总则", "第一条 为规范管理，制定本办法。"}) {
    AddBlock(document, Block::PARAGRAPH, line);
  }
  AddBlock(document, Block::PARAGRAPH, body);
  AddBlock(document, Block::PARAGRAPH, "第二章 附则");
  AddBlock(document, Block::PARAGRAPH, "一、解释");
  AddBlock(document, Block::PARAGRAPH, body);
  const std::vector<Chunk> chunks = ChunkDocument(document, ChunkerOptions());
  EXPECT_THAT(chunks.back().heading_path, ElementsAre("一、解释"));
  EXPECT_THAT(chunks[1].heading_path, ElementsAre("第一章 总则"));
}

TEST(ChunkerTest, RowsStayWholeAndKnowTheirHeader) {
  ParsedDocument document;
  AddBlock(document, Block::PARAGRAPH, "表3 检修基准周期");
  for (int i = 0; i < 60; ++i) {
    AddBlock(document, Block::TABLE_ROW,
             i == 0 ? "检修类别 | 电压等级 | 基准周期"
                    : "类别" + std::to_string(i) + " | 220kV | 十二年",
             0, 1);
  }
  const std::vector<Chunk> chunks = ChunkDocument(document, ChunkerOptions());
  ASSERT_GE(chunks.size(), 2u);
  for (const Chunk& chunk : chunks) EXPECT_TRUE(chunk.text.ends_with("十二年"));
  EXPECT_THAT(chunks[1].heading_path,
              ElementsAre("表3 检修基准周期", "检修类别 | 电压等级 | 基准周期"));
}

TEST(ChunkerTest, GuessesTheLanguage) {
  ParsedDocument document;
  AddBlock(document, Block::HEADING, "Report", 1);
  AddBlock(document, Block::PARAGRAPH, "The office replies within 20 working days.");
  EXPECT_EQ(ChunkDocument(document, ChunkerOptions())[0].language, "en");
  ParsedDocument mixed;
  AddBlock(mixed, Block::PARAGRAPH, "新UPF软件版本为V6.20.31，补丁SPH012已加载");
  EXPECT_EQ(ChunkDocument(mixed, ChunkerOptions())[0].language, "zh");
  ParsedDocument numbers;
  AddBlock(numbers, Block::PARAGRAPH, "1 | 2 | 3");
  EXPECT_EQ(ChunkDocument(numbers, ChunkerOptions())[0].language, "");
}

}  // namespace
}  // namespace hadal::retrieval
