// A disk that is full, and one that fails: what was acknowledged stays, what was not is an error,
// and nothing is half there.

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <sys/mount.h>

#include <atomic>
#include <cstring>
#include <map>
#include <random>
#include <set>

#include "tests/retrieval/support/store_fixture.h"

namespace hadal::retrieval {
namespace {

/// Fails every `period`-th read of tables, or write of anything, while armed.
class FailingFiles final : public rocksdb::FileSystemWrapper {
 public:
  FailingFiles() : rocksdb::FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FailingFiles"; }

  std::atomic<int> read_period = 0;  // 0: never
  std::atomic<int> write_period = 0;
  std::atomic<int> failures = 0;

  rocksdb::IOStatus NewRandomAccessFile(const std::string& name,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                        rocksdb::IODebugContext* context) override {
    const rocksdb::IOStatus status = target()->NewRandomAccessFile(name, options, file, context);
    if (status.ok()) *file = std::make_unique<Reading>(std::move(*file), *this);
    return status;
  }
  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* context) override {
    const rocksdb::IOStatus status = target()->NewWritableFile(name, options, file, context);
    if (status.ok()) *file = std::make_unique<Writing>(std::move(*file), *this);
    return status;
  }

 private:
  bool Fails(const std::atomic<int>& period, std::atomic<int>& count) {
    const int every = period;
    if (every == 0 || ++count % every != 0) return false;
    ++failures;
    return true;
  }

  class Reading final : public rocksdb::FSRandomAccessFileOwnerWrapper {
   public:
    Reading(std::unique_ptr<rocksdb::FSRandomAccessFile> file, FailingFiles& files)
        : rocksdb::FSRandomAccessFileOwnerWrapper(std::move(file)), files_(files) {}
    rocksdb::IOStatus Read(uint64_t offset, size_t size, const rocksdb::IOOptions& options,
                           rocksdb::Slice* result, char* scratch,
                           rocksdb::IODebugContext* context) const override {
      if (files_.Fails(files_.read_period, files_.reads_)) {
        return rocksdb::IOStatus::IOError("a read error that was asked for");
      }
      return rocksdb::FSRandomAccessFileOwnerWrapper::Read(offset, size, options, result, scratch,
                                                           context);
    }

   private:
    FailingFiles& files_;
  };

  class Writing final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    Writing(std::unique_ptr<rocksdb::FSWritableFile> file, FailingFiles& files)
        : rocksdb::FSWritableFileOwnerWrapper(std::move(file)), files_(files) {}
    using rocksdb::FSWritableFileOwnerWrapper::Append;
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* context) override {
      if (files_.Fails(files_.write_period, files_.writes_)) {
        return rocksdb::IOStatus::IOError("a write error that was asked for");
      }
      return rocksdb::FSWritableFileOwnerWrapper::Append(data, options, context);
    }

   private:
    FailingFiles& files_;
  };

  std::atomic<int> reads_ = 0;
  std::atomic<int> writes_ = 0;
};

std::vector<std::string> TextsOf(int document) {
  std::vector<std::string> texts;
  for (int i = 0; i < 3; ++i) {
    texts.push_back("文件" + std::to_string(document) + "的段落" + std::to_string(i));
  }
  return texts;
}
std::string Id(int document) { return "d" + std::to_string(document); }

class FaultsTest : public StoreFixture {
 protected:
  void SetUp() override {
    options_.env = env_.get();
    StoreFixture::SetUp();
  }
  void TearDown() override { store_.reset(); }

  /// Each document is whole or not there; those that were acknowledged are there.
  void Check(const std::set<int>& acknowledged, int documents) {
    std::map<std::string, std::multiset<std::string>> found;
    ASSERT_OK_AND_ASSIGN(const SearchResult result,
                         store_->Search("kb", "文件的段落", 1000, Everything()));
    for (const SearchHit& hit : result.hits) found[hit.document_id].insert(hit.chunk.text);
    for (int document = 0; document < documents; ++document) {
      const std::vector<std::string> texts = TextsOf(document);
      const auto it = found.find(Id(document));
      if (it == found.end()) {
        EXPECT_EQ(acknowledged.count(document), 0u) << document << " is lost";
      } else {
        EXPECT_EQ(it->second, std::multiset<std::string>(texts.begin(), texts.end())) << document;
      }
    }
  }

  std::shared_ptr<FailingFiles> files_ = std::make_shared<FailingFiles>();
  std::unique_ptr<rocksdb::Env> env_ = rocksdb::NewCompositeEnv(files_);
};

TEST_F(FaultsTest, AReadErrorIsAnErrorAndNeverAHole) {
  constexpr int kDocuments = 40;
  std::set<int> added;
  for (int document = 0; document < kDocuments; ++document) {
    ASSERT_OK(store_->AddDocument("kb", MakeDocument(Id(document), TextsOf(document))));
    added.insert(document);
  }
  int refused = 0;
  for (const int period : {2, 3, 5, 9, 17}) {
    Reopen();  // the log into tables
    store_.reset();
    files_->read_period = period;
    const auto opened = KnowledgeStore::Open(options_, embedder_, clock_);
    if (!opened.ok()) {
      ++refused;
      EXPECT_FALSE(StatusMessage(opened.status()).empty());
    } else {
      const auto result = (*opened)->Search("kb", "文件的段落", 1000, Everything());
      refused += !result.ok();
      if (result.ok()) {
        EXPECT_EQ(result->hits.size(), 3u * kDocuments);
      }
    }
    files_->read_period = 0;
  }
  EXPECT_GT(refused, 0);
  EXPECT_GT(files_->failures, 0);
  Reopen();
  Check(added, kDocuments);
}

TEST_F(FaultsTest, AWriteErrorLosesNothingAcknowledged) {
  int document = 0;
  std::set<int> acknowledged;
  for (const int period : {2, 7, 29}) {
    files_->write_period = period;
    int refused = 0;
    for (int i = 0; i < 30; ++i, ++document) {
      const auto added = store_->AddDocument("kb", MakeDocument(Id(document), TextsOf(document)));
      if (added.ok()) {
        acknowledged.insert(document);
      } else {
        ++refused;
      }
    }
    EXPECT_GT(refused, 0) << period;
    files_->write_period = 0;
    Reopen();
    if (HasFatalFailure()) return;
    Check(acknowledged, document);
    EXPECT_OK(store_->AddDocument("kb", MakeDocument(Id(document), TextsOf(document))));
    acknowledged.insert(document++);
  }
}

class FullDiskTest : public StoreFixture {
 protected:
  static constexpr int64_t kDiskBytes = int64_t{64} << 20;

  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(disk_, TempDir::Create("disk"));
    const std::string size = "size=" + std::to_string(kDiskBytes);
    if (::mount("tmpfs", disk_->path().c_str(), "tmpfs", 0, size.c_str()) != 0) {
      GTEST_SKIP() << "mounting a small file system needs root";
    }
    mounted_ = true;
    options_.path = disk_->path() + "/store";
  }
  void TearDown() override {
    store_.reset();
    if (mounted_) ::umount2(disk_->path().c_str(), MNT_DETACH);
  }

  /// Files that do not compress, until one is refused; how many were acknowledged.
  int Fill() {
    std::mt19937_64 random(5);
    for (int document = 0; document < 1000; ++document) {
      std::string content(size_t{1} << 20, '\0');
      for (size_t i = 0; i + 8 <= content.size(); i += 8) {
        const uint64_t word = random();
        std::memcpy(content.data() + i, &word, sizeof(word));
      }
      ReceivedFile file;
      file.document_id = Id(document);
      file.label = {Classification::kPublic, {}, {}};
      file.sha256 = fmt::format("{:064x}", document);
      file.size_bytes = static_cast<int64_t>(content.size());
      const auto received = store_->Receive("kb", file, content, "");
      if (!received.ok()) {
        EXPECT_TRUE(absl::IsResourceExhausted(received.status()))
            << StatusMessage(received.status());
        return document;
      }
    }
    return 1000;
  }

  std::unique_ptr<TempDir> disk_;
  bool mounted_ = false;
};

TEST_F(FullDiskTest, IsRefusedBeforeItIsFullAndDeletingMakesRoom) {
  options_.min_free_bytes = int64_t{24} << 20;
  Reopen();
  ASSERT_OK(store_->CreateBase("kb", ""));
  const int files = Fill();
  ASSERT_GT(files, 5);
  Reopen();
  ASSERT_OK_AND_ASSIGN(const auto waiting, store_->WaitingUploads());
  EXPECT_EQ(waiting.size(), static_cast<size_t>(files));
  for (const UploadTask& task : waiting) {
    EXPECT_OK(store_->ReadFile("kb", task.upload.file.sha256));
    EXPECT_OK(store_->DeleteDocument("kb", task.upload.file.document_id, Everything()));
  }
  ASSERT_OK(store_->Purge());
  EXPECT_OK(store_->AddDocument("kb", MakeDocument("d", {"文字"})));
  EXPECT_GT(Fill(), files / 2);
}

// Without the reserve RocksDB meets the end of the disk itself.
TEST_F(FullDiskTest, FullToTheLastByteNothingAcknowledgedIsLost) {
  options_.min_free_bytes = 0;
  Reopen();
  ASSERT_OK(store_->CreateBase("kb", ""));
  const int files = Fill();
  ASSERT_GT(files, 5);
  store_.reset();
  // Opening needs room for the tables of the log.
  const std::string grown = "size=" + std::to_string(4 * kDiskBytes);
  ASSERT_EQ(::mount("tmpfs", disk_->path().c_str(), "tmpfs", MS_REMOUNT, grown.c_str()), 0);
  Reopen();
  ASSERT_OK_AND_ASSIGN(const auto waiting, store_->WaitingUploads());
  EXPECT_GE(waiting.size(), static_cast<size_t>(files));
  for (const UploadTask& task : waiting) {
    EXPECT_OK(store_->ReadFile("kb", task.upload.file.sha256));
  }
  EXPECT_OK(store_->AddDocument("kb", MakeDocument("d", {"文字"})));
}

}  // namespace
}  // namespace hadal::retrieval
