// Counts of a base and near duplicates, for whoever may read what.

#include "retrieval/clean/min_hash.h"
#include "tests/retrieval/support/store_fixture.h"

namespace hadal::retrieval {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

const Label kPublic = {Classification::kPublic, {}, {}};
const Label kSecret = {Classification::kSecret, {}, {}};

class OverviewTest : public StoreFixture {
 protected:
  void Add(NewDocument document) {
    const auto added = store_->AddDocument("kb", document);
    ASSERT_OK(added);
    ASSERT_FALSE(added->unchanged);
  }

  uint64_t Receive(const std::string& id, const std::string& content, const Label& label) {
    ReceivedFile file;
    file.document_id = id;
    file.label = label;
    file.sha256 = std::string(63, '0') + content.substr(0, 1);
    file.size_bytes = static_cast<int64_t>(content.size());
    const auto received = store_->Receive("kb", file, content, "settings");
    EXPECT_OK(received);
    return received.ok() ? received->upload : 0;
  }

  BaseStats Stats(const std::optional<AccessFilter>& filter) {
    const auto stats = store_->Stats("kb", filter);
    EXPECT_OK(stats);
    return stats.ok() ? *stats : BaseStats();
  }

  /// A text of `words` words, the first `shared` of which all texts have in common.
  static NewDocument WithText(const std::string& id, int shared, int words, Label label = kPublic) {
    std::u32string text;
    for (int i = 0; i < words; ++i) {
      const std::string word = " " + (i < shared ? "" : id) + "w" + std::to_string(i);
      text.append(word.begin(), word.end());
    }
    NewDocument document = MakeDocument(id, {"text of " + id}, std::move(label));
    document.signature = SignatureOf(text);
    return document;
  }

  std::vector<std::pair<std::string, std::string>> Duplicates(const AccessFilter& filter,
                                                              double least = 0.8, int n = 100) {
    const auto found = store_->FindNearDuplicates("kb", least, n, filter);
    EXPECT_OK(found);
    std::vector<std::pair<std::string, std::string>> pairs;
    if (!found.ok()) return pairs;
    for (const NearDuplicate& duplicate : found->duplicates) {
      EXPECT_GE(duplicate.similarity, least);
      pairs.emplace_back(duplicate.document.id, duplicate.like.id);
    }
    return pairs;
  }
};

TEST_F(OverviewTest, CountsWhatTheReaderMayRead) {
  ASSERT_OK(store_->SetKeepVersions("kb", 5));
  Add(MakeDocument("a", {"one", "two"}));
  Add(MakeDocument("a", {"one", "two", "three"}));
  Add(MakeDocument("b", {"four"}, kSecret));
  Add(MakeDocument("c", {"five"}, kSecret));
  Add(MakeDocument("c", {"six", "seven"}));  // what it was stays secret
  Add(MakeDocument("d", {"eight"}));
  Add(MakeDocument("d", {"nine"}, kSecret));  // and this one's past became it
  Receive("e", "123", kPublic);
  Receive("b", "4567", kPublic);  // of a document that is hidden
  Receive("f", "89", kSecret);
  const uint64_t failed = Receive("g", "5", kPublic);
  ASSERT_OK(store_->BeginAttempt("kb", "g", failed));
  ASSERT_OK(store_->FailAttempt("kb", "g", failed,
                                {AttemptFailure::Kind::kRefused, "no_text", "no text"}));

  const BaseStats open = Stats(PublicOnly());
  EXPECT_EQ(open.documents, 2);  // a, c
  EXPECT_EQ(open.versions, 3);
  EXPECT_EQ(open.chunks, 7);
  EXPECT_EQ(open.file_bytes, 4);
  EXPECT_THAT(open.by_classification, ElementsAre(Pair(Classification::kPublic, 2)));
  EXPECT_THAT(open.uploads,
              ElementsAre(Pair(DocumentState::kReceived, 1), Pair(DocumentState::kFailed, 1)));

  const BaseStats all = Stats(std::nullopt);
  EXPECT_EQ(all.documents, 4);
  EXPECT_EQ(all.versions, 7);
  EXPECT_EQ(all.chunks, 11);
  EXPECT_EQ(all.file_bytes, 10);
  EXPECT_THAT(all.by_classification,
              ElementsAre(Pair(Classification::kPublic, 2), Pair(Classification::kSecret, 2)));
  EXPECT_THAT(all.uploads,
              ElementsAre(Pair(DocumentState::kReceived, 3), Pair(DocumentState::kFailed, 1)));
  EXPECT_EQ(all.base.documents, 4);
  EXPECT_EQ(all.index_live_chunks, 7);
  EXPECT_EQ(all.embedding_model, embedder_->model_id());

  const BaseStats nothing = Stats(AccessFilter());
  EXPECT_EQ(nothing.documents + nothing.versions + nothing.chunks + nothing.file_bytes, 0);
  EXPECT_THAT(nothing.uploads, IsEmpty());
  EXPECT_EQ(store_->Stats("elsewhere", std::nullopt).status().code(), StatusCode::kNotFound);
}

TEST_F(OverviewTest, AFileOfTwoDocumentsIsCountedOnce) {
  Receive("a", "777", kPublic);
  Receive("b", "777", kPublic);
  EXPECT_EQ(Stats(PublicOnly()).file_bytes, 3);
}

TEST_F(OverviewTest, ListsByState) {
  Add(MakeDocument("a", {"one"}));
  Add(MakeDocument("b", {"two"}));
  Receive("b", "1", kPublic);
  Receive("c", "2", kSecret);
  const uint64_t failed = Receive("d", "3", kPublic);
  ASSERT_OK(store_->FailAttempt("kb", "d", failed,
                                {AttemptFailure::Kind::kRefused, "no_text", "no text"}));
  const auto ids = [this](DocumentState state, const AccessFilter& filter) {
    std::vector<std::string> found;
    ListOptions options;
    options.page_size = 1;  // every page has its rest
    options.state = state;
    do {
      const auto page = store_->ListDocuments("kb", filter, options);
      EXPECT_OK(page);
      if (!page.ok()) break;
      for (const DocumentInfo& document : page->documents) found.push_back(document.id);
      options.page_token = page->next_page_token;
    } while (!options.page_token.empty());
    return found;
  };
  EXPECT_THAT(ids(DocumentState::kVisible, Everything()), ElementsAre("a", "b"));
  EXPECT_THAT(ids(DocumentState::kReceived, Everything()), ElementsAre("b", "c"));
  EXPECT_THAT(ids(DocumentState::kReceived, PublicOnly()), ElementsAre("b"));
  EXPECT_THAT(ids(DocumentState::kFailed, PublicOnly()), ElementsAre("d"));
  EXPECT_THAT(ids(DocumentState::kParsed, Everything()), IsEmpty());
}

TEST_F(OverviewTest, NamesNearDuplicatesOnce) {
  Add(WithText("a", 400, 400));
  Add(WithText("b", 396, 400));  // nearly a
  Add(WithText("c", 0, 400));
  Add(WithText("d", 400, 400));  // a again
  EXPECT_THAT(Duplicates(PublicOnly()), ElementsAre(Pair("d", "a"), Pair("b", "a")));
  EXPECT_THAT(Duplicates(PublicOnly(), 1.0), ElementsAre(Pair("d", "a")));
  ASSERT_OK_AND_ASSIGN(const NearDuplicates one,
                       store_->FindNearDuplicates("kb", 0.8, 1, PublicOnly()));
  EXPECT_THAT(one.duplicates, SizeIs(1));
  EXPECT_EQ(one.found, 2);
  ASSERT_OK(store_->DeleteDocument("kb", "a", PublicOnly()));
  EXPECT_THAT(Duplicates(PublicOnly()), ElementsAre(Pair("d", "b")));
}

TEST_F(OverviewTest, AHiddenDocumentIsNoDuplicateOfAnything) {
  Add(WithText("a", 400, 400, kSecret));
  Add(WithText("b", 400, 400));
  Add(WithText("c", 400, 400));
  EXPECT_THAT(Duplicates(PublicOnly()), ElementsAre(Pair("c", "b")));
  EXPECT_THAT(Duplicates(Everything()), ElementsAre(Pair("b", "a"), Pair("c", "a")));
  EXPECT_THAT(Duplicates(AccessFilter()), IsEmpty());
}

TEST_F(OverviewTest, BoundsOfNearDuplicates) {
  const std::vector<std::pair<double, int>> bad = {{0.4, 10}, {1.1, 10}, {0.8, 0}};
  for (const auto& [least, n] : bad) {
    EXPECT_EQ(store_->FindNearDuplicates("kb", least, n, Everything()).status().code(),
              StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace hadal::retrieval
