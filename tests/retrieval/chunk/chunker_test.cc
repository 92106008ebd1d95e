#include "retrieval/chunker.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "retrieval/chunk/estimated_tokens.h"
#include "retrieval/parse/characters.h"
#include "retrieval/passage_text.h"
#include "tests/support/status_matchers.h"

namespace hadal::retrieval {
namespace {

using internal::v1::Block;
using internal::v1::ParsedDocument;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Of the documents below, whose lengths are chosen for them.
constexpr ChunkerOptions kOptions = {256, 400, 40, 1024};

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

/// Joined texts have more tokens than their parts together, as can happen with a real vocabulary.
class LineCounter final : public TokenCounter {
 public:
  int32_t max_tokens() const override { return 512; }
  StatusOr<std::vector<int32_t>> CountTokens(const std::vector<std::string>& texts) override {
    std::vector<int32_t> counts;
    for (const std::string& text : texts) {
      counts.push_back(EstimatedTokens::Of(text) +
                       static_cast<int32_t>(std::count(text.begin(), text.end(), '\n')));
    }
    return counts;
  }
};

/// What must hold for every document: exact spans, nothing visible left out, order, bounded size,
/// and parents that lie around their chunks.
void CheckInvariants(const ParsedDocument& document, const std::string& title,
                     const ChunkerOptions& options, TokenCounter& counter) {
  const std::u32string text = Decode(ExtractedText(document));
  std::vector<bool> covered(text.size(), false);
  int64_t last_start = -1;
  ASSERT_OK_AND_ASSIGN(const std::vector<Chunk> chunks,
                       ChunkDocument(document, title, options, counter));
  for (size_t c = 0; c < chunks.size(); ++c) {
    const Chunk& chunk = chunks[c];
    ASSERT_GE(chunk.start, 0);
    ASSERT_LT(chunk.start, chunk.end);
    ASSERT_LE(chunk.end, static_cast<int64_t>(text.size()));
    ASSERT_GT(chunk.start, last_start);
    last_start = chunk.start;
    ASSERT_EQ(Decode(chunk.text), text.substr(static_cast<size_t>(chunk.start),
                                              static_cast<size_t>(chunk.end - chunk.start)));
    ASSERT_OK_AND_ASSIGN(const std::vector<int32_t> tokens,
                         counter.CountTokens({PassageText(title, chunk)}));
    ASSERT_EQ(chunk.tokens, tokens[0]);
    ASSERT_LE(chunk.tokens, options.max_tokens) << PassageText(title, chunk);
    for (int64_t i = chunk.start; i < chunk.end; ++i) covered[static_cast<size_t>(i)] = true;
    ASSERT_LE(chunk.section_first, static_cast<int32_t>(c));
    ASSERT_GE(chunk.section_last, static_cast<int32_t>(c));
    int64_t parent = 0;
    for (int32_t s = chunk.section_first; s <= chunk.section_last; ++s) {
      const Chunk& sibling = chunks.at(static_cast<size_t>(s));
      ASSERT_EQ(sibling.section_first, chunk.section_first);
      parent += sibling.tokens;
    }
    ASSERT_TRUE(parent <= options.parent_tokens || chunk.section_first == chunk.section_last);
  }
  for (size_t i = 0; i < text.size(); ++i) {
    ASSERT_TRUE(covered[i] || IsSpace(text[i])) << "character " << i;
  }
}

/// A random document out of what the chunker looks at.
ParsedDocument RandomDocument(std::mt19937& random) {
  static const std::vector<std::string> pieces = {
      "变压器", "检修。",   "第三条 ",   "（一）", "a",      "word ", "Mr. X ", "3.5 ",
      "？",     "！”",      "\t",        " ",      "😀",      "é",     "，",     "；",
      "A1-",    "2.1 总则", "e.g. this", "。。。", "\u3000", "1,000 "};
  static const std::vector<std::string> begins = {
      "x",   "第一章 ", "第二条 ", "第三条的规定", "一、", "（二）", "1. ", "2.3 ",
      "(4)", "问：",    "答：",    "表2 ",         "Q1: ", "A: ",    "• "};
  ParsedDocument document;
  const int blocks = static_cast<int>(random() % 30);
  for (int b = 0; b < blocks; ++b) {
    std::string text = begins[random() % begins.size()] + "y";
    const size_t most = random() % 3 == 0 ? 200 : 8;
    for (size_t n = random() % most; n > 0; --n) text += pieces[random() % pieces.size()];
    if (random() % 5 == 0) text += "：";
    const int kind = 1 + static_cast<int>(random() % 5);
    AddBlock(document, static_cast<Block::Kind>(kind), text, static_cast<int>(random() % 8),
             kind == Block::TABLE_ROW ? 1 + b / 10 : 0);
    document.mutable_blocks(b)->set_table_header(random() % 4 == 0);
  }
  return document;
}

TEST(ChunkerTest, HoldsItsInvariantsOnRandomDocuments) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  EstimatedTokens estimated;
  LineCounter lines;
  for (int turn = 0; turn < 400; ++turn) {
    SCOPED_TRACE(turn);
    ChunkerOptions options;
    options.max_tokens = 64 + static_cast<int>(random() % 300);
    options.target_tokens =
        1 + static_cast<int>(random() % static_cast<size_t>(options.max_tokens));
    options.overlap_tokens = static_cast<int>(random() % 100) % (options.target_tokens / 2 + 1);
    options.parent_tokens = static_cast<int>(random() % 1000);
    const std::string title = turn % 3 == 0 ? "主变压器检修规程" : "";
    CheckInvariants(RandomDocument(random), title, options, estimated);
    CheckInvariants(RandomDocument(random), title, options, lines);
    if (HasFatalFailure()) return;
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
    EstimatedTokens counter;
    CheckInvariants(document, "", kOptions, counter);
    const std::clock_t start = std::clock();  // processor time: the machine may be busy
    ChunkDocument(document, kOptions);
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  };
  time_for(1000);  // warms up
  const double small = time_for(4'000);
  const double large = time_for(32'000);  // 2.9 MB
  EXPECT_LT(large, 30 * small + 0.2);
}

TEST(ChunkerTest, SentencesAreNotCutAndOverlap) {
  ParsedDocument document;
  std::string text;
  for (int i = 0; i < 60; ++i) {
    text += "第" + std::to_string(1000 + i) + "项要求检修人员在作业前完成全部安全措施。";
  }
  AddBlock(document, Block::PARAGRAPH, text);
  const std::vector<Chunk> chunks = ChunkDocument(document, kOptions);
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
  const std::vector<Chunk> chunks = ChunkDocument(document, kOptions);
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
  const std::vector<Chunk> chunks = ChunkDocument(document, kOptions);
  EXPECT_THAT(chunks.back().heading_path, ElementsAre("第二章 附则", "一、解释"));
  EXPECT_THAT(chunks[1].heading_path, ElementsAre("第一章 总则", "第一条"));
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
  const std::vector<Chunk> chunks = ChunkDocument(document, kOptions);
  ASSERT_GE(chunks.size(), 2u);
  for (const Chunk& chunk : chunks) EXPECT_TRUE(chunk.text.ends_with("十二年"));
  EXPECT_EQ(chunks[0].context, "");
  EXPECT_EQ(chunks[1].context, "表3 检修基准周期\n检修类别 | 电压等级 | 基准周期");
  EXPECT_TRUE(chunks[1].text.starts_with("类别"));
}

/// Lines of running text, `count` sentences each.
std::string Sentences(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "申请人应当在每年三月底之前提交全部材料。";
  return text;
}

TEST(ChunkerTest, ASmallTableIsNotCut) {
  ParsedDocument document;
  AddBlock(document, Block::PARAGRAPH, Sentences(16));
  AddBlock(document, Block::PARAGRAPH, "各类检修的基准周期见下表：");
  for (int i = 0; i < 12; ++i) {
    AddBlock(document, Block::TABLE_ROW, "类别 | 二百二十千伏 | 十二年，经评估可延长", 0, 1);
  }
  const std::vector<Chunk> chunks = ChunkDocument(document, kOptions);
  ASSERT_EQ(chunks.size(), 2u);
  EXPECT_TRUE(chunks[1].text.starts_with("各类检修的基准周期见下表：\n类别"));
}

TEST(ChunkerTest, AListStandsUnderItsLeadIn) {
  ParsedDocument document;
  AddBlock(document, Block::PARAGRAPH, Sentences(5));
  AddBlock(document, Block::PARAGRAPH, "申请时应当提交下列材料：");
  // Short lines without a stop, which alone would be headings.
  for (const char* item : {"（一）身份证明", "（二）经营场所证明", "（三）健康证明"}) {
    AddBlock(document, Block::PARAGRAPH, item);
  }
  std::vector<Chunk> chunks = ChunkDocument(document, kOptions);
  ASSERT_EQ(chunks.size(), 1u);
  EXPECT_THAT(chunks[0].heading_path, ElementsAre());
  for (int i = 0; i < 40; ++i) {
    AddBlock(document, Block::PARAGRAPH, "（四）本市登记机关出具的证明文件或者情况说明；");
  }
  chunks = ChunkDocument(document, kOptions);
  ASSERT_GT(chunks.size(), 2u);
  EXPECT_EQ(chunks.back().context, "申请时应当提交下列材料：");
}

TEST(ChunkerTest, AQuestionStaysWithItsAnswer) {
  ParsedDocument document;
  for (int i = 0; i < 12; ++i) {
    AddBlock(document, Block::PARAGRAPH, "问：第" + std::to_string(i) + "类业务怎样办理？");
    AddBlock(document, Block::PARAGRAPH, "答：" + Sentences(i == 5 ? 40 : 4));
    AddBlock(document, Block::PARAGRAPH, Sentences(1));
  }
  const std::vector<Chunk> chunks = ChunkDocument(document, kOptions);
  int cut_off = 0;
  for (const Chunk& chunk : chunks) {
    if (chunk.text.starts_with("问：")) continue;
    EXPECT_EQ(chunk.context, "问：第5类业务怎样办理？") << chunk.text;
    ++cut_off;
  }
  EXPECT_GT(cut_off, 0);
}

TEST(ChunkerTest, AReferenceIsNoHeading) {
  ParsedDocument document;
  AddBlock(document, Block::PARAGRAPH, "第二章 受理");
  AddBlock(document, Block::PARAGRAPH, "第九条 受理机关应当当场核对材料。");
  AddBlock(document, Block::PARAGRAPH, "第十条的规定适用于前款情形");
  AddBlock(document, Block::PARAGRAPH, "第三章至第五章另有规定的除外");
  AddBlock(document, Block::PARAGRAPH, "按照第十条的规定办理，");
  AddBlock(document, Block::PARAGRAPH, Sentences(30));
  const std::vector<Chunk> chunks = ChunkDocument(document, kOptions);
  ASSERT_GT(chunks.size(), 1u);
  EXPECT_THAT(chunks.back().heading_path, ElementsAre("第二章 受理", "第九条"));
}

TEST(ChunkerTest, ArticlesAreKeptWhole) {
  ParsedDocument document;
  for (int i = 1; i <= 12; ++i) {
    AddBlock(document, Block::PARAGRAPH, "第" + std::to_string(i) + "条 " + Sentences(4));
    AddBlock(document, Block::PARAGRAPH, Sentences(4));
  }
  for (const Chunk& chunk : ChunkDocument(document, kOptions)) {
    EXPECT_TRUE(chunk.text.starts_with("第")) << chunk.text;
    EXPECT_THAT(chunk.heading_path, ElementsAre());
  }
}

TEST(ChunkerTest, ASectionIsCutIntoPiecesOfOneSize) {
  // Tokens of the sections, from one that fits to one for several chunks.
  for (const int sentences : {18, 24, 28, 40, 55}) {
    SCOPED_TRACE(sentences);
    ParsedDocument document;
    for (int section = 1; section <= 3; ++section) {
      AddBlock(document, Block::HEADING, std::to_string(section) + " 要求", 1);
      for (int i = 0; i < sentences; ++i) AddBlock(document, Block::PARAGRAPH, Sentences(1));
    }
    const std::vector<Chunk> chunks = ChunkDocument(document, kOptions);
    int begun = 0;
    int32_t least = kOptions.max_tokens;
    int32_t most = 0;
    for (const Chunk& chunk : chunks) {
      begun += chunk.text.find("要求") != std::string::npos;
      EXPECT_EQ(chunk.heading_path.size(), 1u);
      EXPECT_EQ(chunk.text.find("要求", 10), std::string::npos) << "two sections in one chunk";
      least = std::min(least, chunk.tokens);
      most = std::max(most, chunk.tokens);
    }
    EXPECT_EQ(begun, 3);
    EXPECT_LE(most - least, 2 * EstimatedTokens::Of(Sentences(1))) << least << " to " << most;
    if (sentences <= 24) {
      EXPECT_EQ(chunks.size(), 3u);  // they fit
    }
  }
}

TEST(ChunkerTest, ShortSectionsShareAChunkWhereAllOfThemFits) {
  ParsedDocument document;
  AddBlock(document, Block::HEADING, "1 目的", 2);
  AddBlock(document, Block::PARAGRAPH, Sentences(2));
  AddBlock(document, Block::HEADING, "2 范围", 2);
  AddBlock(document, Block::PARAGRAPH, Sentences(3));
  AddBlock(document, Block::HEADING, "3 程序", 2);
  AddBlock(document, Block::PARAGRAPH, Sentences(20));
  const std::vector<Chunk> chunks = ChunkDocument(document, kOptions);
  ASSERT_EQ(chunks.size(), 2u);
  EXPECT_TRUE(chunks[0].text.starts_with("1 目的"));
  EXPECT_NE(chunks[0].text.find("2 范围"), std::string::npos);
  EXPECT_TRUE(chunks[1].text.starts_with("3 程序"));
}

TEST(ChunkerTest, ABlankHeadingMayBeTheLast) {
  for (const char* blank : {"", " ", "\n"}) {
    ParsedDocument document;
    AddBlock(document, Block::PARAGRAPH, "管理办法");
    AddBlock(document, Block::HEADING, blank, 1);
    const std::vector<Chunk> chunks = ChunkDocument(document, kOptions);
    ASSERT_EQ(chunks.size(), 1u);
    EXPECT_TRUE(chunks[0].text.starts_with("管理办法"));
  }
}

/// The entries of a document whose titles have no style.
std::vector<Chunk> ChunksOfEntries(const std::vector<std::string>& titles) {
  ParsedDocument document;
  AddBlock(document, Block::PARAGRAPH, "第一章 项目");
  for (const std::string& title : titles) {
    AddBlock(document, Block::PARAGRAPH, title);
    for (int i = 0; i < 6; ++i) AddBlock(document, Block::PARAGRAPH, Sentences(2));
  }
  return ChunkDocument(document, kOptions);
}

TEST(ChunkerTest, TitlesOfASeriesAreHeadings) {
  for (const std::vector<std::string>& titles :
       {std::vector<std::string>{"T09 滤油", "T10 换油：油室", "T11 复测"},
        {"条目M-001 公租房", "条目M-002 供水", "条目M-006 燃气"},
        {"ALM-26101 温度过高", "ALM-26104 掉电", "ALM-26200 水浸"}}) {
    SCOPED_TRACE(titles[0]);
    const std::vector<Chunk> chunks = ChunksOfEntries(titles);
    ASSERT_EQ(chunks.size(), 3u);
    for (size_t i = 0; i < chunks.size(); ++i) {
      std::vector<std::string> path = {"第一章 项目"};
      if (i > 0) path.push_back(titles[i]);
      EXPECT_EQ(chunks[i].heading_path, path);
      EXPECT_NE(chunks[i].text.find(titles[i]), std::string::npos);
    }
  }
}

TEST(ChunkerTest, WhatOnlyLooksLikeASeriesHasNoHeadings) {
  for (const std::vector<std::string>& titles :
       {std::vector<std::string>{"T09 滤油", "T10 换油"},               // two are no series
        {"T10 换油", "T09 滤油", "T11 复测"},                           // not in order
        {"T09 滤油。", "T10 换油。", "T11 复测。"},                     // sentences
        {"图1 流程", "图2 接线", "图3 布置"},                           // captions
        {"2024 预算", "2025 预算", "2026 预算"},                        // no letters
        {"T09 " + Sentences(4) + "见附录", "T10 换油", "T11 复测"}}) {  // too long: two are left
    SCOPED_TRACE(titles[0]);
    for (const Chunk& chunk : ChunksOfEntries(titles)) EXPECT_LE(chunk.heading_path.size(), 1u);
  }
  ParsedDocument list;  // of lines that have no text of their own
  for (int i = 0; i < 60; ++i) {
    AddBlock(list, Block::PARAGRAPH, "T" + std::to_string(10 + i) + " 换油与复测");
  }
  const std::vector<Chunk> chunks = ChunkDocument(list, kOptions);
  for (const Chunk& chunk : chunks) EXPECT_TRUE(chunk.heading_path.empty());
}

TEST(ChunkerTest, AParentIsTheLargestSectionThatFits) {
  ParsedDocument document;
  for (const char* chapter : {"第一章 总则", "第二章 职责", "第三章 检查"}) {
    AddBlock(document, Block::HEADING, chapter, 1);
    for (const char* section : {"第一节 范围", "第二节 要求"}) {
      AddBlock(document, Block::HEADING, section, 2);
      AddBlock(document, Block::PARAGRAPH, Sentences(15));
      AddBlock(document, Block::PARAGRAPH, Sentences(15));
    }
  }
  const auto parents = [&](int32_t tokens) {
    ChunkerOptions options = kOptions;
    options.parent_tokens = tokens;
    std::vector<int32_t> sizes;
    const std::vector<Chunk> chunks = ChunkDocument(document, options);
    for (size_t i = 0; i < chunks.size(); i = static_cast<size_t>(chunks[i].section_last) + 1) {
      sizes.push_back(chunks[i].section_last - chunks[i].section_first + 1);
    }
    return sizes;
  };
  EXPECT_THAT(parents(60'000), ElementsAre(12));
  EXPECT_THAT(parents(1'200), ElementsAre(4, 4, 4));
  EXPECT_THAT(parents(600), ElementsAre(2, 2, 2, 2, 2, 2));
  EXPECT_EQ(parents(0).size(), 12u);
}

TEST(ChunkerTest, OptionsAreChecked) {
  EstimatedTokens counter;
  LineCounter narrow;
  ChunkerOptions options;
  EXPECT_OK(ValidateChunkerOptions(options));
  const std::string fingerprint = ChunkerFingerprint(options);
  options.overlap_tokens = 145;
  EXPECT_STATUS(ValidateChunkerOptions(options), kInvalidArgument, "half of what is aimed at");
  EXPECT_NE(ChunkerFingerprint(options), fingerprint);
  options = ChunkerOptions();
  options.target_tokens = 449;
  EXPECT_STATUS(ValidateChunkerOptions(options), kInvalidArgument, "expected 1 to 448");
  options.max_tokens = 513;
  EXPECT_STATUS(ChunkDocument(ParsedDocument(), "", options, narrow).status(), kInvalidArgument,
                "the embedding model reads 512");
  EXPECT_OK(ChunkDocument(ParsedDocument(), "", options, counter).status());
  options.max_tokens = 3;
  EXPECT_STATUS(ValidateChunkerOptions(options), kInvalidArgument, "expected 16 to 8192");
}

TEST(ChunkerTest, GuessesTheLanguage) {
  ParsedDocument document;
  AddBlock(document, Block::HEADING, "Report", 1);
  AddBlock(document, Block::PARAGRAPH, "The office replies within 20 working days.");
  EXPECT_EQ(ChunkDocument(document, kOptions)[0].language, "en");
  ParsedDocument mixed;
  AddBlock(mixed, Block::PARAGRAPH, "新UPF软件版本为V6.20.31，补丁SPH012已加载");
  EXPECT_EQ(ChunkDocument(mixed, kOptions)[0].language, "zh");
  ParsedDocument numbers;
  AddBlock(numbers, Block::PARAGRAPH, "1 | 2 | 3");
  EXPECT_EQ(ChunkDocument(numbers, kOptions)[0].language, "");
}

}  // namespace
}  // namespace hadal::retrieval
