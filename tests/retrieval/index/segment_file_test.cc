// Damaged, cut and foreign files, and what a crash leaves between two of them.

#include "retrieval/index/segment_file.h"

#include <filesystem>
#include <fstream>
#include <random>

#include "base/check.h"
#include "retrieval/index/base_index.h"
#include "retrieval/index/memory_segment.h"
#include "retrieval/index/sealed_segment.h"
#include "retrieval/index/segment_writer.h"
#include "tests/retrieval/index/chunk_model.h"
#include "tests/support/status_matchers.h"

namespace hadal::retrieval {
namespace {

namespace fs = std::filesystem;

constexpr int32_t kDim = 12;
constexpr uint64_t kChunks = 150;
const AccessFilter kEverybody = {Classification::kPublic, {}, {}};

class SegmentFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(folder_, TempDir::Create());
    options_ = {.folder = folder_->path() + "/index",
                .dim = kDim,
                .embedding_model = "model-a",
                .seal_chunks = 50};
  }

  std::unique_ptr<BaseIndex> Open() {
    StatusOr<std::unique_ptr<BaseIndex>> index = BaseIndex::Open(options_);
    CHECK_OK(index.status());
    return *std::move(index);
  }

  std::vector<ChunkRange> Reconcile(BaseIndex& index) {
    return index.Reconcile({{{{0, kChunks}, {Classification::kPublic, {}, {}}}}}).chunks;
  }

  /// Three sealed files of 50 chunks.
  void Build() {
    const std::unique_ptr<BaseIndex> index = Open();
    std::mt19937 random(3);
    for (uint64_t number = 0; number < kChunks; ++number) {
      index->Replace({}, {Classification::kPublic, {}, {}}, {{{number, "zh", RandomTerms(random)}}},
                     RandomVector(kDim, random));
      ASSERT_OK(index->Maintain());
    }
    ASSERT_EQ(index->generation().files.size(), 3u);
    query_ = {RandomVector(kDim, random), {3, 4, 5}};
    expected_ = index->Search(query_, 200, kEverybody);
  }

  std::vector<std::string> Files() const {
    std::vector<std::string> files;
    for (const auto& entry : fs::directory_iterator(options_.folder)) {
      if (entry.path().extension() == ".hseg") files.push_back(entry.path().string());
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  void ExpectSameResult(const BaseIndex& index) const {
    const IndexResult result = index.Search(query_, 200, kEverybody);
    ASSERT_EQ(result.best.size(), expected_.best.size());
    for (size_t i = 0; i < result.best.size(); ++i) {
      EXPECT_EQ(result.best[i].number, expected_.best[i].number);
      EXPECT_EQ(result.best[i].score, expected_.best[i].score);
    }
  }

  std::unique_ptr<TempDir> folder_;
  BaseIndexOptions options_;
  IndexQuery query_;
  IndexResult expected_;
};

TEST_F(SegmentFileTest, ARestartFindsEverything) {
  Build();
  const std::unique_ptr<BaseIndex> index = Open();
  EXPECT_TRUE(Reconcile(*index).empty());
  EXPECT_EQ(index->live_chunks(), static_cast<int64_t>(kChunks));
  ExpectSameResult(*index);
}

TEST_F(SegmentFileTest, AFlippedBitAnywhereDropsTheFileAndNamesWhatIsMissing) {
  Build();
  const std::string victim = Files()[1];
  ASSERT_OK_AND_ASSIGN(const std::string good, ReadFile(victim));
  std::mt19937 random(4);
  int dropped = 0;
  for (int round = 0; round < 200; ++round) {
    const size_t at = round < 60 ? static_cast<size_t>(round) * 8 : random() % good.size();
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << random() % 8));
    ASSERT_OK(WriteFileAtomic(victim, bad));
    const std::unique_ptr<BaseIndex> index = Open();
    const std::vector<ChunkRange> missing = Reconcile(*index);
    if (missing.empty()) {
      ExpectSameResult(*index);  // a byte that fills up to the next section
      continue;
    }
    ++dropped;
    EXPECT_EQ(missing, (std::vector<ChunkRange>{{50, 50}}));
    EXPECT_FALSE(fs::exists(victim));
  }
  EXPECT_GT(dropped, 150);
}

TEST_F(SegmentFileTest, ACutFileIsDropped) {
  Build();
  const std::string victim = Files()[0];
  ASSERT_OK_AND_ASSIGN(const std::string good, ReadFile(victim));
  for (const size_t size : {size_t{0}, size_t{7}, size_t{100}, size_t{1000}, good.size() - 1}) {
    ASSERT_OK(WriteFileAtomic(victim, good.substr(0, size)));
    EXPECT_EQ(Reconcile(*Open()), (std::vector<ChunkRange>{{0, 50}})) << size;
  }
}

TEST_F(SegmentFileTest, AForeignModelOrDimensionDropsAllFiles) {
  Build();
  options_.embedding_model = "model-b";
  EXPECT_EQ(Reconcile(*Open()), (std::vector<ChunkRange>{{0, kChunks}}));
  EXPECT_TRUE(Files().empty());
}

TEST_F(SegmentFileTest, AnUnknownLayoutIsDropped) {
  Build();
  const std::string victim = Files()[2];
  ASSERT_OK_AND_ASSIGN(std::string bytes, ReadFile(victim));
  bytes[8] = 2;
  ASSERT_TRUE(RepairChecksums(bytes));
  ASSERT_OK(WriteFileAtomic(victim, bytes));
  const auto segment = SealedSegment::Open(victim, {kDim, "model-a", 3}, nullptr);
  EXPECT_EQ(segment.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(Reconcile(*Open()), (std::vector<ChunkRange>{{100, 50}}));
}

TEST_F(SegmentFileTest, ARenamedFileIsDropped) {
  Build();
  fs::copy_file(Files()[0], options_.folder + "/segment-00000000000000000009.hseg");
  EXPECT_TRUE(Reconcile(*Open()).empty());
  EXPECT_EQ(Files().size(), 3u);
}

/// A crash at any step of a rewrite: beside the new files the old ones, or a part of one.
TEST_F(SegmentFileTest, ACrashBetweenFilesLosesAndDoublesNothing) {
  Build();
  const std::string before = folder_->path() + "/before";
  fs::copy(options_.folder, before);
  {
    const std::unique_ptr<BaseIndex> index = Open();
    ASSERT_TRUE(Reconcile(*index).empty());
    index->Replace({10, 5}, Label(), {}, {});
    index->Replace({60, 40}, Label(), {}, {});
    ASSERT_OK(index->Purge());
    EXPECT_EQ(index->generation().dead_slots, 0);
  }
  const std::vector<BaseIndex::LiveRange> live = {{{0, 10}, {Classification::kPublic, {}, {}}},
                                                  {{15, 45}, {Classification::kPublic, {}, {}}},
                                                  {{100, 50}, {Classification::kPublic, {}, {}}}};
  for (const auto& entry : fs::directory_iterator(before)) {
    fs::copy(entry.path(), options_.folder + "/" + entry.path().filename().string(),
             fs::copy_options::skip_existing);
  }
  ASSERT_OK(WriteFileAtomic(options_.folder + "/segment-00000000000000000099.hseg.tmp", "half"));
  const std::unique_ptr<BaseIndex> index = Open();
  EXPECT_TRUE(index->Reconcile(live).chunks.empty());
  EXPECT_EQ(index->live_chunks(), 105);
  EXPECT_EQ(index->Search(query_, 200, kEverybody).best.size(), 105u);
  ASSERT_OK(index->Purge());
  EXPECT_EQ(index->generation().dead_slots, 0);
  EXPECT_EQ(index->generation().files.size(), Files().size());
  EXPECT_FALSE(fs::exists(options_.folder + "/segment-00000000000000000099.hseg.tmp"));
}

TEST_F(SegmentFileTest, APurgeLeavesNoByteOfWhatWasRemoved) {
  std::mt19937 random(6);
  const std::unique_ptr<BaseIndex> index = Open();
  const std::vector<float> secret = RandomVector(kDim, random);
  const TermId term = 0x4242424242424242;
  for (uint64_t number = 0; number < 50; ++number) {
    const bool marked = number == 20;
    index->Replace({}, {Classification::kPublic, {}, {}},
                   {{{number, "zh", marked ? CountTerms({term}) : RandomTerms(random)}}},
                   marked ? secret : RandomVector(kDim, random));
  }
  ASSERT_OK(index->Maintain());
  const std::string vector(reinterpret_cast<const char*>(secret.data()), kDim * sizeof(float));
  const std::string word(reinterpret_cast<const char*>(&term), sizeof(term));
  const auto found = [&](const std::string& bytes) {
    for (const std::string& file : Files()) {
      if (ReadFile(file)->find(bytes) != std::string::npos) return true;
    }
    return false;
  };
  ASSERT_TRUE(found(vector) && found(word));
  index->Replace({20, 1}, Label(), {}, {});
  EXPECT_EQ(index->generation().dead_slots, 1);
  const uint64_t generation = index->generation().number;
  ASSERT_OK(index->Purge());
  EXPECT_GT(index->generation().number, generation);
  EXPECT_FALSE(found(vector) || found(word));
}

/// Turns every byte around, to show that the parts go through it.
class Inverter final : public SectionCipher {
 public:
  StatusOr<std::string> Seal(std::string_view context, std::string_view plain) const override {
    std::string sealed(context);
    for (const char byte : plain) sealed.push_back(static_cast<char>(~byte));
    return sealed;
  }
  StatusOr<std::string> Open(std::string_view context, std::string_view sealed) const override {
    if (!sealed.starts_with(context)) return DataLoss("sealed as another part");
    std::string plain;
    for (const char byte : sealed.substr(context.size())) plain.push_back(static_cast<char>(~byte));
    return plain;
  }
};

TEST_F(SegmentFileTest, ACipherSealsAndOpensEveryPart) {
  options_.cipher = std::make_shared<Inverter>();
  Build();
  const std::unique_ptr<BaseIndex> index = Open();
  EXPECT_TRUE(Reconcile(*index).empty());
  ExpectSameResult(*index);
  options_.cipher = nullptr;
  EXPECT_EQ(Reconcile(*Open()), (std::vector<ChunkRange>{{0, kChunks}}));
}

/// What the fuzzer does at length: any bytes with fitting checksums are refused or searched safely.
TEST_F(SegmentFileTest, ImpossibleContentIsRefusedOrHarmless) {
  Build();
  ASSERT_OK_AND_ASSIGN(const std::string good, ReadFile(Files()[0]));
  const std::string path = folder_->path() + "/forged";
  std::mt19937 random(11);
  int opened = 0;
  for (int round = 0; round < 600; ++round) {
    std::string forged = good;
    for (unsigned i = 0; i < 1 + random() % 4; ++i) {
      forged[random() % forged.size()] = static_cast<char>(random());
    }
    ASSERT_TRUE(RepairChecksums(forged));
    std::ofstream(path, std::ios::binary | std::ios::trunc) << forged;
    const auto segment = SealedSegment::Open(path, {kDim, "model-a", 1}, nullptr);
    if (!segment.ok()) continue;
    ++opened;
    DecodedBlock block;
    (*segment)->ForEachTerm([&](TermId, const PostingList& list) {
      for (size_t b = 0; b < list.blocks().size(); ++b) {
        list.Decode(b, block);
        for (uint32_t i = 0; i < block.size; ++i) ASSERT_LT(block.slots[i], (*segment)->size());
      }
    });
  }
  EXPECT_GT(opened, 50);
  EXPECT_LT(opened, 600);
}

}  // namespace
}  // namespace hadal::retrieval
