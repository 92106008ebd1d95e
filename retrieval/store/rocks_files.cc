// What RocksDB's files hold: rewriting them after a deletion, looking for what is left in them,
// linking them for a backup.

#include <rocksdb/snapshot.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/transaction_log.h>
#include <rocksdb/utilities/checkpoint.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "retrieval/store/rocks_database.h"

namespace hadal::retrieval {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxRanges = 16;

/// Lets a table show what stood there at an earlier change: deleted since, yet in the file.
class AtChange final : public rocksdb::Snapshot {
 public:
  explicit AtChange(uint64_t change) : change_(change) {}
  rocksdb::SequenceNumber GetSequenceNumber() const override { return change_; }
  int64_t GetUnixTime() const override { return 0; }
  uint64_t GetTimestamp() const override { return 0; }

 private:
  const uint64_t change_;
};

/// Keeps RocksDB from deleting files while it lives; then it deletes what became obsolete.
class KeepFiles {
 public:
  explicit KeepFiles(rocksdb::DB& db) : db_(db), status_(db.DisableFileDeletions()) {}
  ~KeepFiles() { db_.EnableFileDeletions(/*force=*/false).PermitUncheckedError(); }
  KeepFiles(const KeepFiles&) = delete;
  KeepFiles& operator=(const KeepFiles&) = delete;
  const rocksdb::Status& status() const { return status_; }

 private:
  rocksdb::DB& db_;
  const rocksdb::Status status_;
};

bool Holds(std::string_view value, const std::string& text) {
  return !text.empty() && value.find(text) != std::string_view::npos;
}

/// Looks through the changes of a log.
class LogSearch final : public rocksdb::WriteBatch::Handler {
 public:
  LogSearch(const std::vector<rocksdb::ColumnFamilyHandle*>& families, const ValueCodec& codec,
            const Database::RemainsQuery& query)
      : codec_(codec), query_(query) {
    for (const rocksdb::ColumnFamilyHandle* family : families) ids_.push_back(family->GetID());
  }

  /// Whether the next batch's keys count: changes after the deletion do not.
  void set_keys_count(bool count) { keys_count_ = count; }
  bool found() const { return found_; }

  rocksdb::Status PutCF(uint32_t family, const rocksdb::Slice& key,
                        const rocksdb::Slice& stored) override {
    const auto id = std::find(ids_.begin(), ids_.end(), family);
    if (id == ids_.end()) return rocksdb::Status::OK();
    const auto table = static_cast<Table>(id - ids_.begin());
    const std::string_view value =
        codec_.DecodeRemains(table, AsView(key), AsView(stored), scratch_);
    found_ = found_ || Holds(value, query_.text);
    if (!keys_count_) return rocksdb::Status::OK();
    for (const KeyRange& range : query_.ranges) {
      if (range.table != table) continue;
      if (AsView(key) < range.begin || AsView(key) >= range.end) continue;
      found_ = found_ || query_.counts(range.table, AsView(key), value);
    }
    return rocksdb::Status::OK();
  }
  rocksdb::Status DeleteCF(uint32_t, const rocksdb::Slice&) override {
    return rocksdb::Status::OK();
  }
  rocksdb::Status DeleteRangeCF(uint32_t, const rocksdb::Slice&, const rocksdb::Slice&) override {
    return rocksdb::Status::OK();
  }
  void LogData(const rocksdb::Slice&) override {}

 private:
  const ValueCodec& codec_;
  const Database::RemainsQuery& query_;
  std::vector<uint32_t> ids_;  // of the tables, in their order
  std::string scratch_;
  bool keys_count_ = true;
  bool found_ = false;
};

/// One file of `table`, which `ranges` are in: "" when nothing is left in it.
StatusOr<std::string> SearchTable(const rocksdb::Options& options, const std::string& path,
                                  Table table, absl::Span<const KeyRange> ranges,
                                  const ValueCodec& codec, const Database::RemainsQuery& query) {
  rocksdb::SstFileReader reader(options);
  RETURN_IF_ERROR(FromRocks(reader.Open(path), "opening " + path));
  std::string scratch;
  const auto value_at = [&](const rocksdb::Iterator& it) {
    return codec.DecodeRemains(table, AsView(it.key()), AsView(it.value()), scratch);
  };
  const AtChange before(query.last_change);
  rocksdb::ReadOptions read_options;
  read_options.verify_checksums = true;
  read_options.fill_cache = false;
  read_options.snapshot = &before;
  {
    std::unique_ptr<rocksdb::Iterator> it(reader.NewIterator(read_options));
    for (const KeyRange& range : ranges) {
      for (it->Seek(AsSlice(range.begin)); it->Valid() && AsView(it->key()) < range.end;
           it->Next()) {
        if (!query.counts(table, AsView(it->key()), value_at(*it))) continue;
        return fmt::format("{}: key {}", path, DescribeKey(table, AsView(it->key())));
      }
      RETURN_IF_ERROR(FromRocks(it->status(), "reading " + path));
    }
  }
  if (query.text.empty()) return std::string();
  read_options.snapshot = nullptr;
  std::unique_ptr<rocksdb::Iterator> it(reader.NewIterator(read_options));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    if (Holds(value_at(*it), query.text)) return fmt::format("{}: the text", path);
  }
  RETURN_IF_ERROR(FromRocks(it->status(), "reading " + path));
  return std::string();
}

/// Of each table its ranges, or one that covers them where there are many: a call costs more than
/// the tables between two ranges.
std::vector<KeyRange> Joined(absl::Span<const KeyRange> ranges) {
  std::map<Table, std::vector<KeyRange>> by_table;
  for (const KeyRange& range : ranges) by_table[range.table].push_back(range);
  std::vector<KeyRange> joined;
  for (auto& [table, own] : by_table) {
    if (own.size() > kMaxRanges) {
      KeyRange cover = own.front();
      for (const KeyRange& range : own) {
        cover.begin = std::min(cover.begin, range.begin);
        cover.end = std::max(cover.end, range.end);
      }
      own = {cover};
    }
    joined.insert(joined.end(), own.begin(), own.end());
  }
  return joined;
}

}  // namespace

Status RocksDatabase::Purge(absl::Span<const KeyRange> ranges) {
  absl::MutexLock lock(&files_mu_);
  // Every family: a log goes when none of them needs it any more.
  RETURN_IF_ERROR(
      FromRocks(db_->Flush(rocksdb::FlushOptions(), families_), "flushing " + options_.path));
  rocksdb::CompactRangeOptions compact;
  compact.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  compact.exclusive_manual_compaction = false;
  for (const KeyRange& range : Joined(ranges)) {
    const rocksdb::Slice begin = AsSlice(range.begin);
    const rocksdb::Slice end = AsSlice(range.end);
    RETURN_IF_ERROR(FromRocks(db_->CompactRange(compact, Family(range.table), &begin, &end),
                              "rewriting tables of " + options_.path));
  }
  // Obsolete files go now and not when RocksDB gets around to it.
  return FromRocks(KeepFiles(*db_).status(), "deleting old files of " + options_.path);
}

StatusOr<std::vector<std::string>> RocksDatabase::FindRemains(const RemainsQuery& query) const {
  absl::MutexLock lock(&files_mu_);
  const KeepFiles keep(*db_);
  RETURN_IF_ERROR(FromRocks(keep.status(), "keeping the files of " + options_.path));
  std::vector<std::string> remains;
  std::set<std::string> known;
  std::vector<rocksdb::LiveFileMetaData> tables;
  db_->GetLiveFilesMetaData(&tables);
  rocksdb::Options options(rocksdb::DBOptions(), FamilyOptions(Table::kMeta, nullptr));
  if (options_.env != nullptr) options.env = options_.env;
  for (const rocksdb::LiveFileMetaData& table : tables) {
    const fs::path path = fs::path(options_.path) / fs::path(table.name).filename();
    known.insert(path.filename());
    const auto family =
        std::find_if(families_.begin(), families_.end(), [&](rocksdb::ColumnFamilyHandle* handle) {
          return handle->GetName() == table.column_family_name;
        });
    if (family == families_.end()) continue;
    const auto number = static_cast<Table>(family - families_.begin());
    std::vector<KeyRange> here;
    for (const KeyRange& range : query.ranges) {
      if (range.table == number) here.push_back(range);
    }
    if (here.empty() && query.text.empty()) continue;
    ASSIGN_OR_RETURN(const std::string found,
                     SearchTable(options, path, number, here, codec_, query));
    if (!found.empty()) remains.push_back(found);
  }
  ASSIGN_OR_RETURN(const std::string in_log, SearchLogs(query, known));
  if (!in_log.empty()) remains.push_back(in_log);
  std::error_code error;
  for (fs::directory_iterator it(options_.path, error), end; !error && it != end;
       it.increment(error)) {
    const fs::path name = it->path().filename();
    if (name.extension() != ".sst" && name.extension() != ".log") continue;
    // A log without a record is not listed among the logs.
    std::error_code gone;
    if (known.count(name) != 0 || fs::file_size(it->path(), gone) == 0 || gone) continue;
    remains.push_back(it->path().string() + ": no longer in use");
  }
  if (error) return Unavailable("listing {}: {}", options_.path, error.message());
  std::sort(remains.begin(), remains.end());
  return remains;
}

StatusOr<std::string> RocksDatabase::SearchLogs(const RemainsQuery& query,
                                                std::set<std::string>& known) const {
  rocksdb::VectorLogPtr logs;
  RETURN_IF_ERROR(FromRocks(db_->GetSortedWalFiles(logs), "listing logs of " + options_.path));
  for (const auto& log : logs) known.insert(fs::path(log->PathName()).filename());
  if (logs.empty()) return std::string();
  std::unique_ptr<rocksdb::TransactionLogIterator> it;
  const rocksdb::Status opened = db_->GetUpdatesSince(logs.front()->StartSequence(), &it);
  if (opened.IsNotFound()) return std::string();  // the logs hold no change
  RETURN_IF_ERROR(FromRocks(opened, "reading logs of " + options_.path));
  LogSearch search(families_, codec_, query);
  for (; it->Valid(); it->Next()) {
    const rocksdb::BatchResult batch = it->GetBatch();
    search.set_keys_count(batch.sequence <= query.last_change);
    RETURN_IF_ERROR(FromRocks(batch.writeBatchPtr->Iterate(&search), "reading a log"));
    if (search.found()) return fmt::format("{}: a log that is still kept", options_.path);
  }
  return std::string();
}

Status RocksDatabase::Checkpoint(const std::string& folder) const {
  absl::MutexLock lock(&files_mu_);
  rocksdb::Checkpoint* made = nullptr;
  RETURN_IF_ERROR(FromRocks(rocksdb::Checkpoint::Create(db_.get(), &made), "preparing a snapshot"));
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  return FromRocks(checkpoint->CreateCheckpoint(folder), "writing a snapshot to " + folder);
}

}  // namespace hadal::retrieval
