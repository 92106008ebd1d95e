// What it costs to fold, sign, describe and cut text on its way into a knowledge base: bytes a
// second, one thread. And the near-duplicate index, with its memory.

#include <benchmark/benchmark.h>

#include <random>
#include <string>

#include "base/check.h"
#include "bench/measure.h"
#include "retrieval/chunker.h"
#include "retrieval/clean/document_fields.h"
#include "retrieval/clean/min_hash.h"
#include "retrieval/clean/similar_documents.h"

namespace hadal::retrieval {
namespace {

using internal::v1::Block;
using internal::v1::ParsedDocument;

/// A regulation of `articles` articles of some 150 characters, invented, the same in every run.
ParsedDocument Regulation(int articles) {
  std::mt19937 random(1);
  const std::vector<std::string> phrases = {"检修单位应当在作业前核对设备编号",
                                            "运行人员每日巡视变压器油位与温度",
                                            "发现缺陷及时登记并上报",
                                            "按照第十二条的规定办理审批手续",
                                            "LC-JX-2025 型设备的试验周期为六年",
                                            "申请材料包括身份证明、合同与说明",
                                            "The transformer is inspected every 6 months"};
  ParsedDocument document;
  const auto add = [&](Block::Kind kind, const std::string& text) {
    Block& block = *document.add_blocks();
    block.set_kind(kind);
    block.set_text(text);
    block.set_heading_level(kind == Block::HEADING ? 2 : 0);
    block.set_table(kind == Block::TABLE_ROW ? 1 : 0);
  };
  for (int article = 0; article < articles; ++article) {
    if (article % 10 == 0) add(Block::HEADING, "第" + std::to_string(article / 10 + 1) + "章 检修");
    std::string text = "第" + std::to_string(article + 1) + "条 ";
    for (int i = 0; i < 8; ++i)
      text += phrases[random() % phrases.size()] + (i % 3 == 2 ? "。" : "，");
    add(Block::PARAGRAPH, text);
    if (article % 7 == 0) add(Block::TABLE_ROW, "一类 | 110kV | 六年 | 经评估可延长");
  }
  return document;
}

const ParsedDocument& Document() {
  static const ParsedDocument document = Regulation(3000);
  return document;
}
const std::string& Text() {
  static const std::string text = ExtractedText(Document());
  return text;
}
const TextFolder& Folder() {
  static const auto folder = bench::OrExit(TextFolder::Create());
  return *folder;
}

void SetBytes(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(Text().size()));
}

void BM_Fold(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Folder().Fold(Text()));
  SetBytes(state);
}
BENCHMARK(BM_Fold)->Unit(benchmark::kMillisecond);

void BM_FoldWithOrigins(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Folder().FoldWithOrigins(Text()));
  SetBytes(state);
}
BENCHMARK(BM_FoldWithOrigins)->Unit(benchmark::kMillisecond);

void BM_Signature(benchmark::State& state) {
  const std::u32string folded = Folder().Fold(Text());
  for (auto _ : state) benchmark::DoNotOptimize(SignatureOf(folded));
  SetBytes(state);
}
BENCHMARK(BM_Signature)->Unit(benchmark::kMillisecond);

void BM_Fields(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(FindDocumentFields(Document(), Folder()));
  SetBytes(state);
}
BENCHMARK(BM_Fields)->Unit(benchmark::kMillisecond);

/// By estimated sizes: the cutting alone, without the model's vocabulary.
void BM_Chunk(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(ChunkDocument(Document(), ChunkerOptions()));
  SetBytes(state);
}
BENCHMARK(BM_Chunk)->Unit(benchmark::kMillisecond);

MinHashSignature RandomSignature(std::mt19937_64& random) {
  MinHashSignature signature(kSignatureSize);
  for (uint32_t& value : signature) value = static_cast<uint32_t>(random());
  return signature;
}

/// One search among `range` documents of which none is like it; what they take of memory.
void BM_FindSimilar(benchmark::State& state) {
  std::mt19937_64 random(1);
  const int64_t before = bench::StatusBytes("RssAnon");
  SimilarDocuments documents;
  for (int64_t i = 0; i < state.range(0); ++i) {
    documents.Add(static_cast<uint64_t>(i), RandomSignature(random));
  }
  state.counters["bytes_a_document"] = static_cast<double>(bench::StatusBytes("RssAnon") - before) /
                                       static_cast<double>(state.range(0));
  const MinHashSignature asked = RandomSignature(random);
  for (auto _ : state) benchmark::DoNotOptimize(documents.Find(asked, 0.8, 10));
}
BENCHMARK(BM_FindSimilar)
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->Iterations(10'000)  // filled once
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace hadal::retrieval

BENCHMARK_MAIN();
