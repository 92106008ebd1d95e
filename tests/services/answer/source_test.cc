#include "services/answer/source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/answer/citations.h"
#include "services/answer/passage.h"
#include "tests/services/answer/fixtures.h"

namespace hadal::answer {
namespace {

using ::testing::SizeIs;

// The document is "第一条。\n第二条。第三条。\n第四条。": chunks of one sentence each.
constexpr const char* kSentences[] = {"第一条。", "第二条。", "第三条。", "第四条。"};
constexpr int64_t kStarts[] = {100, 105, 109, 114};

internal::v1::Hit ChunkOf(int i) {
  internal::v1::SearchResponse one;
  internal::v1::Hit& hit = AddHit(one, "D", "规程", kSentences[i], kStarts[i], i + 1);
  hit.mutable_chunk()->set_chunk_id("D#1." + std::to_string(i));
  return hit;
}

TEST(PassageTest, NeighboursAreJoinedAsTheDocumentHasThem) {
  internal::v1::Hit hit = ChunkOf(2);
  *hit.add_before() = ChunkOf(0);
  *hit.add_before() = ChunkOf(1);
  *hit.add_after() = ChunkOf(3);
  const Passage passage = PassageOf(hit, {});
  EXPECT_EQ(ToUtf8(passage.text), "第一条。\n第二条。第三条。\n第四条。");
  EXPECT_EQ(passage.start, 100);
  EXPECT_EQ(passage.own.begin, 9);
  EXPECT_EQ(passage.own.end, 13);
  ASSERT_THAT(passage.parts, SizeIs(4));
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(passage.parts[i].chunk->chunk().chunk_id(), "D#1." + std::to_string(i));
    EXPECT_EQ(passage.parts[i].span.begin, kStarts[i] - 100);
  }
}

TEST(PassageTest, OverlapsAreReadOnce) {
  internal::v1::SearchResponse hits;
  internal::v1::Hit& hit = AddHit(hits, "D", "规程", "乙丙丁", 11);
  internal::v1::SearchResponse beside;
  *hit.add_before() = AddHit(beside, "D", "规程", "甲乙", 10);
  *hit.add_after() = AddHit(beside, "D", "规程", "丁戊", 13);
  const Passage passage = PassageOf(hit, {});
  EXPECT_EQ(ToUtf8(passage.text), "甲乙丙丁戊");
  EXPECT_EQ(passage.start, 10);
  EXPECT_EQ(passage.own.begin, 1);
  EXPECT_EQ(passage.own.end, 4);
}

TEST(PassageTest, WhatDoesNotAdjoinOrIsASourceItselfStaysOut) {
  internal::v1::Hit hit = ChunkOf(2);
  *hit.add_before() = ChunkOf(0);  // chunk 1 is missing between
  *hit.add_after() = ChunkOf(3);
  EXPECT_EQ(ToUtf8(PassageOf(hit, {}).text), "第三条。\n第四条。");
  EXPECT_EQ(ToUtf8(PassageOf(hit, {"D#1.3"}).text), "第三条。");
  EXPECT_EQ(ToUtf8(PassageOf(hit).text), "第三条。");
}

TEST(SourceTest, ASentenceBesideTheChunkIsCitedAsItsOwnChunk) {
  internal::v1::SearchResponse hits;
  internal::v1::Hit& hit = *hits.add_hits();
  hit = ChunkOf(2);
  *hit.add_before() = ChunkOf(1);
  *hit.add_after() = ChunkOf(3);
  const std::vector<Source> sources = PrepareSources(hits, Extent::kNeighbours);
  ASSERT_THAT(sources, SizeIs(1));
  ASSERT_THAT(sources[0].sentences, SizeIs(3));
  std::vector<v1::Citation> citations;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(sources[0].sentences[i].beside, i != 1);
    const std::vector<Attribution> attributions = {{{0, 2}, 0, i}};
    Cite(U"答。", attributions, sources, citations);
    EXPECT_EQ(citations.back().quote(), kSentences[i + 1]);
    EXPECT_EQ(citations.back().start(), kStarts[i + 1]);
    EXPECT_EQ(citations.back().end(), kStarts[i + 1] + 4);
    EXPECT_EQ(citations.back().chunk_id(), "D#1." + std::to_string(i + 1));
    EXPECT_EQ(citations.back().page(), i + 2);
  }
  EXPECT_THAT(PrepareSources(hits)[0].sentences, SizeIs(1));
}

TEST(SourceTest, RowsOfACutTableHaveTheNamesOfItsContext) {
  internal::v1::SearchResponse hits;
  AddHit(hits, "S", "出海规程", "运维母船 | 2.5 | 60\n充气交通艇 | 0.8 | 6")
      .set_context("表3 作业限值\n船舶类型 | 最大有义波高（米） | 核定乘员（人）");
  const std::vector<Source> sources = PrepareSources(hits);
  ASSERT_THAT(sources, SizeIs(1));
  ASSERT_THAT(sources[0].sentences, SizeIs(2));
  EXPECT_EQ(ToUtf8(sources[0].sentences[0].prompt_text),
            "船舶类型: 运维母船; 最大有义波高（米）: 2.5; 核定乘员（人）: 60");
  EXPECT_EQ(sources[0].sentences[1].header, kContextHeader);
  EXPECT_EQ(ToUtf8(sources[0].lead), "表3 作业限值\n");
}

TEST(SourceTest, NearDuplicatesOfABetterHitAreDropped) {
  internal::v1::SearchResponse hits;
  AddHit(hits, "A", "规范", kBroadband);
  AddHit(hits, "B", "规范（副本）", std::string(kBroadband) + "\n以上。");
  AddHit(hits, "C", "规程", kLimits);
  const std::vector<Source> sources = PrepareSources(hits);
  ASSERT_THAT(sources, SizeIs(2));
  EXPECT_EQ(sources[0].hit->chunk().document_id(), "A");
  EXPECT_EQ(sources[1].hit->chunk().document_id(), "C");
}

TEST(SourceTest, AHitBesideAnotherStaysASourceOfItsOwn) {
  internal::v1::SearchResponse hits;
  internal::v1::Hit& first = *hits.add_hits();
  first = ChunkOf(1);
  *first.add_after() = ChunkOf(2);
  *hits.add_hits() = ChunkOf(2);
  const std::vector<Source> sources = PrepareSources(hits, Extent::kNeighbours);
  ASSERT_THAT(sources, SizeIs(2));
  EXPECT_EQ(ToUtf8(sources[0].text), kSentences[1]);
}

}  // namespace
}  // namespace hadal::answer
