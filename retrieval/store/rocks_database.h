#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "retrieval/store/database.h"
#include "retrieval/store/value_codec.h"

namespace hadal::retrieval {

/// RocksDB's status in our words; OK stays OK.
Status FromRocks(const rocksdb::Status& status, const std::string& what);
/// How tables and logs of `table` are written.
rocksdb::ColumnFamilyOptions FamilyOptions(Table table,
                                           const std::shared_ptr<rocksdb::Cache>& cache);

inline rocksdb::Slice AsSlice(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view AsView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

class RocksDatabase final : public Database {
 public:
  RocksDatabase(DatabaseOptions options, std::unique_ptr<rocksdb::DB> db,
                std::vector<rocksdb::ColumnFamilyHandle*> families)
      : options_(std::move(options)),
        codec_(options_.cipher),
        db_(std::move(db)),
        families_(std::move(families)) {}
  ~RocksDatabase() override;

  StatusOr<std::string> Get(Table table, std::string_view key) const override;
  Status Scan(Table table, std::string_view prefix, std::string_view begin,
              const Visit& visit) const override;
  Status Commit(const Batch& batch) override;
  std::unique_ptr<const DatabaseReader> Snapshot() const override;
  uint64_t LastChange() const override { return db_->GetLatestSequenceNumber(); }
  Status Purge(absl::Span<const KeyRange> ranges) override ABSL_LOCKS_EXCLUDED(files_mu_);
  StatusOr<std::vector<std::string>> FindRemains(const RemainsQuery& query) const override
      ABSL_LOCKS_EXCLUDED(files_mu_);
  Status Checkpoint(const std::string& folder) const override ABSL_LOCKS_EXCLUDED(files_mu_);

  /// As the state `snapshot` saw it; null: the latest.
  StatusOr<std::string> GetAt(const rocksdb::Snapshot* snapshot, Table table,
                              std::string_view key) const;
  Status ScanAt(const rocksdb::Snapshot* snapshot, Table table, std::string_view prefix,
                std::string_view begin, const Visit& visit) const;

 private:
  rocksdb::ColumnFamilyHandle* Family(Table table) const {
    return families_[static_cast<size_t>(table)];
  }
  Status Append(const Batch::Change& change, rocksdb::WriteBatch& writes) const;
  Status AppendSealedValues(uint32_t base, rocksdb::WriteBatch& writes) const;
  Status CheckRoom(int64_t bytes, int64_t reserve) const;
  /// "" when none holds anything; puts the names of all logs into `known`.
  StatusOr<std::string> SearchLogs(const RemainsQuery& query, std::set<std::string>& known) const;

  const DatabaseOptions options_;
  const ValueCodec codec_;
  const std::unique_ptr<rocksdb::DB> db_;
  const std::vector<rocksdb::ColumnFamilyHandle*> families_;
  // One at a time of those that list, link or delete files.
  mutable absl::Mutex files_mu_;
};

}  // namespace hadal::retrieval
