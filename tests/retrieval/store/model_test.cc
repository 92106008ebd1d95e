// Random changes beside the simplest model of what they mean.

#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "tests/retrieval/support/store_fixture.h"

namespace hadal::retrieval {
namespace {

constexpr int kSteps = 300;
constexpr int kDocuments = 5;
constexpr int64_t kTickMs = 7 * 60'000;

struct ModelVersion {
  int32_t number = 0;
  std::vector<std::string> texts;
  int64_t added = 0;
  int64_t effective = 0;
  int64_t expires = 0;
  bool secret = false;
};

struct ModelDocument {
  std::vector<ModelVersion> versions;  // newest first
  int32_t last = 0;
};

/// The rules in words: the newest effective version is found unless it has expired; it, what is
/// newer and `keep` behind it are kept.
class Model {
 public:
  static const ModelVersion* Found(const ModelDocument& document, int64_t now) {
    for (const ModelVersion& version : document.versions) {
      if (version.effective > now) continue;
      return version.expires != 0 && version.expires <= now ? nullptr : &version;
    }
    return nullptr;
  }
  static void Trim(ModelDocument& document, int64_t now, int keep) {
    for (size_t i = 0; i < document.versions.size(); ++i) {
      if (document.versions[i].effective > now) continue;
      const size_t kept = i + 1 + static_cast<size_t>(keep);
      if (document.versions.size() > kept) document.versions.resize(kept);
      return;
    }
  }
};

class ModelTest : public StoreFixture {
 protected:
  void SetUp() override {
    options_.embed_first_chunks = 2;
    StoreFixture::SetUp();
    const char* given = std::getenv("HADAL_TEST_SEED");
    seed_ = given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10))
                             : std::random_device{}();
    std::printf("seed %u\n", seed_);
    random_.seed(seed_);
  }

  int64_t Now() const { return absl::ToUnixMillis(clock_->Now()); }
  size_t Draw(size_t below) { return random_() % below; }

  void Add(const std::string& id, bool& changed) {
    ModelDocument& document = model_[id];
    ModelVersion version;
    const bool same_texts = Draw(4) == 0 && !document.versions.empty();
    if (same_texts) {
      version.texts = document.versions.front().texts;
    } else {
      for (size_t i = 0; i <= Draw(4); ++i) {
        version.texts.push_back(id + "内容" + std::to_string(next_text_++));
      }
    }
    version.secret = Draw(4) == 0;
    if (Draw(4) == 0) version.effective = Now() + kTickMs * static_cast<int64_t>(Draw(5));
    if (Draw(5) == 0) {
      version.expires =
          std::max(version.effective, Now()) + kTickMs * static_cast<int64_t>(1 + Draw(5));
    }
    version.added = Now();
    NewDocument added =
        MakeDocument(id, version.texts,
                     {version.secret ? Classification::kSecret : Classification::kPublic, {}, {}});
    added.effective_unix_ms = version.effective;
    added.expires_unix_ms = version.expires;
    ASSERT_OK_AND_ASSIGN(const AddResult result, store_->AddDocument("kb", added));
    if (same_texts) {
      version.number = document.versions.front().number;
      version.added = document.versions.front().added;
      document.versions.front() = version;
    } else {
      version.number = ++document.last;
      document.versions.insert(document.versions.begin(), version);
    }
    EXPECT_EQ(result.version, version.number);
    changed = !result.unchanged;
  }

  void Delete(const std::string& id) {
    ModelDocument& document = model_[id];
    const auto receipt = store_->DeleteDocument("kb", id, Everything());
    EXPECT_EQ(receipt.ok(), !document.versions.empty()) << id;
    document.versions.clear();
  }

  /// A date since the last step is a change too.
  void TrimAtDates(ModelDocument& document, int keep) {
    const auto came = [this](int64_t time) { return time > last_ && time <= Now(); };
    for (const ModelVersion& version : document.versions) {
      if (!came(version.effective) && !came(version.expires)) continue;
      Model::Trim(document, Now(), keep);
      return;
    }
  }

  void Check(const AccessFilter& filter, bool secrets) {
    std::multiset<std::string> expected;
    for (auto& [id, document] : model_) {
      const ModelVersion* found = Model::Found(document, Now());
      if (found == nullptr || (found->secret && !secrets)) continue;
      expected.insert(found->texts.begin(), found->texts.end());
    }
    const auto texts = Texts("内容", filter, 1000);
    EXPECT_EQ(std::multiset<std::string>(texts.begin(), texts.end()), expected);
  }

  void CheckVersions() {
    int64_t chunks = 0;
    int64_t documents = 0;
    for (const auto& [id, document] : model_) {
      documents += document.versions.empty() ? 0 : 1;
      const auto infos = store_->ListVersions("kb", id, Everything());
      ASSERT_EQ(infos.ok(), !document.versions.empty()) << id;
      if (!infos.ok()) continue;
      ASSERT_EQ(infos->size(), document.versions.size()) << id;
      for (size_t i = 0; i < infos->size(); ++i) {
        EXPECT_EQ((*infos)[i].version, document.versions[i].number) << id;
        EXPECT_EQ((*infos)[i].in_force, &document.versions[i] == Model::Found(document, Now()))
            << id << " " << i;
        chunks += (*infos)[i].num_chunks;
      }
    }
    EXPECT_EQ(store_->ListBases().front().documents, documents);
    EXPECT_EQ(store_->ListBases().front().chunks, chunks);
  }

  unsigned seed_ = 0;
  std::mt19937 random_;
  std::map<std::string, ModelDocument> model_;
  int next_text_ = 0;
  int64_t last_ = 0;  // when the last step ended
};

TEST_F(ModelTest, TheStoreDoesWhatTheModelSays) {
  int keep = 0;
  last_ = Now();
  for (int step = 0; step < kSteps && !HasFailure(); ++step) {
    const std::string id = "d" + std::to_string(Draw(kDocuments));
    const size_t what = Draw(20);
    bool changed = false;
    if (what < 9) {
      Add(id, changed);
    } else if (what < 11) {
      Delete(id);
    } else if (what < 15) {
      clock_->Advance(absl::Milliseconds(kTickMs));
    } else if (what == 15) {
      keep = static_cast<int>(Draw(3));
      ASSERT_OK(store_->SetKeepVersions("kb", keep));
    } else if (what == 16) {
      Reopen();
    }
    Check(Everything(), true);
    Check(PublicOnly(), false);
    if (changed) Model::Trim(model_[id], Now(), keep);
    for (auto& [other, document] : model_) TrimAtDates(document, keep);
    CheckVersions();
    last_ = Now();
    if (HasFailure()) std::printf("at step %d of seed %u\n", step, seed_);
  }
}

}  // namespace
}  // namespace hadal::retrieval
