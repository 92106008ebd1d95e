#include "retrieval/clean/similar_documents.h"

#include <gmock/gmock.h>

#include <map>
#include <random>

namespace hadal::retrieval {
namespace {

using ::testing::ElementsAre;

MinHashSignature RandomSignature(std::mt19937& random) {
  MinHashSignature signature(kSignatureSize);
  for (uint32_t& value : signature) value = static_cast<uint32_t>(random());
  return signature;
}

/// The same with every value replaced with the given probability.
MinHashSignature Changed(MinHashSignature signature, double share, std::mt19937& random) {
  for (uint32_t& value : signature) {
    if (std::uniform_real_distribution<>()(random) < share) value = static_cast<uint32_t>(random());
  }
  return signature;
}

TEST(SimilarDocumentsTest, FindsWhatIsLikeAndNothingElse) {
  std::mt19937 random(3);
  SimilarDocuments documents;
  const MinHashSignature original = RandomSignature(random);
  for (uint64_t i = 0; i < 2000; ++i) documents.Add(i, RandomSignature(random));
  const MinHashSignature near = Changed(original, 0.05, random);
  documents.Add(5000, near);
  documents.Add(6000, original);
  documents.Add(7000, {});
  EXPECT_EQ(documents.size(), 2002u);
  const std::vector<SimilarDocument> found = documents.Find(original, 0.8, 10);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0], (SimilarDocument{6000, 1}));
  EXPECT_EQ(found[1], (SimilarDocument{5000, SignatureSimilarity(original, near)}));
  EXPECT_THAT(documents.Find(original, 0.8, 1), ElementsAre(found[0]));
  EXPECT_TRUE(documents.Find({}, 0, 10).empty());
}

TEST(SimilarDocumentsTest, MissesFew) {
  std::mt19937 random(4);
  SimilarDocuments documents;
  std::vector<MinHashSignature> originals;
  for (uint64_t i = 0; i < 500; ++i) {
    originals.push_back(RandomSignature(random));
    documents.Add(i, originals.back());
  }
  int missed = 0;
  for (const MinHashSignature& original : originals) {
    missed += documents.Find(Changed(original, 0.15, random), 0.5, 1).empty() ? 1 : 0;
  }
  EXPECT_LE(missed, 5);  // expected at 0.85: 0.15 % of 500
}

TEST(SimilarDocumentsTest, AgreesWithACopyAfterManyChanges) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  // Few families, so that bands are shared by many.
  std::vector<MinHashSignature> families;
  for (int i = 0; i < 5; ++i) families.push_back(RandomSignature(random));
  SimilarDocuments documents;
  std::map<uint64_t, MinHashSignature> copy;
  for (int turn = 0; turn < 3000; ++turn) {
    const uint64_t document = random() % 200;
    if (copy.erase(document) > 0) {
      EXPECT_TRUE(documents.Remove(document));
    } else {
      EXPECT_FALSE(documents.Remove(document));
      copy[document] = Changed(families[random() % families.size()], 0.01, random);
      documents.Add(document, copy[document]);
    }
    ASSERT_EQ(documents.size(), copy.size());
    if (turn % 50 != 0) continue;
    const MinHashSignature& asked = families[random() % families.size()];
    std::map<uint64_t, double> found;
    for (const SimilarDocument& one : documents.Find(asked, 0.9, 1000)) {
      found[one.document] = one.similarity;
    }
    std::map<uint64_t, double> expected;
    for (const auto& [number, signature] : copy) {
      const double similarity = SignatureSimilarity(asked, signature);
      if (similarity >= 0.9) expected[number] = similarity;
    }
    ASSERT_EQ(found, expected);
  }
}

TEST(SimilarDocumentsTest, ACrowdIsBounded) {
  std::mt19937 random(5);
  SimilarDocuments documents;
  const MinHashSignature crowd = RandomSignature(random);
  for (uint64_t i = 0; i < 10'000; ++i) documents.Add(i, crowd);
  const auto found = documents.Find(crowd, 0.9, 100'000);
  EXPECT_LE(found.size(), SimilarDocuments::kMaxCompared);
  EXPECT_GT(found.size(), SimilarDocuments::kMaxCompared / SimilarDocuments::kBands / 2);
}

}  // namespace
}  // namespace hadal::retrieval
