#include "retrieval/store/database.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/snapshot.h>
#include <rocksdb/table.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/file.h"
#include "retrieval/store/records.h"
#include "retrieval/store/rocks_database.h"
#include "retrieval/store/rocks_logger.h"
#include "retrieval/store/value_codec.h"

namespace hadal::retrieval {
namespace {

constexpr size_t kBlockCacheBytes = size_t{64} << 20;
constexpr size_t kWriteBufferBytes = size_t{16} << 20;
constexpr uint64_t kMaxWalBytes = uint64_t{128} << 20;
constexpr int kMaxOpenFiles = 512;
// Keeps table files readable by older builds of ours; RocksDB 7's newest is 5.
constexpr uint32_t kTableFormat = 5;
// What a stored value is longer than the value, at the most: encryption and checksum.
constexpr size_t kValueOverheadBytes = 64;

constexpr std::array<const char*, kTables> kNames = {"default", "documents", "chunks", "vectors",
                                                     "files"};

rocksdb::DBOptions BuildOptions(rocksdb::Env* env) {
  rocksdb::DBOptions options;
  if (env != nullptr) options.env = env;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.paranoid_checks = true;
  options.info_log = std::make_shared<RocksLogger>();
  options.max_open_files = kMaxOpenFiles;
  options.max_total_wal_size = kMaxWalBytes;
  options.track_and_verify_wals_in_manifest = true;
  // A record cut short at the log's end was never acknowledged; damage anywhere else is an error,
  // where the default would silently drop what came after it.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  return options;
}

rocksdb::ReadOptions ReadOptionsAt(const rocksdb::Snapshot* snapshot) {
  rocksdb::ReadOptions options;
  options.verify_checksums = true;
  options.snapshot = snapshot;
  return options;
}

class SnapshotReader final : public DatabaseReader {
 public:
  SnapshotReader(const RocksDatabase& database, rocksdb::DB& db)
      : database_(database), snapshot_(&db) {}
  StatusOr<std::string> Get(Table table, std::string_view key) const override {
    return database_.GetAt(snapshot_.snapshot(), table, key);
  }
  Status Scan(Table table, std::string_view prefix, std::string_view begin,
              const Visit& visit) const override {
    return database_.ScanAt(snapshot_.snapshot(), table, prefix, begin, visit);
  }

 private:
  const RocksDatabase& database_;
  mutable rocksdb::ManagedSnapshot snapshot_;
};

}  // namespace

const char* TableName(Table table) { return kNames[static_cast<size_t>(table)]; }

Status FromRocks(const rocksdb::Status& status, const std::string& what) {
  if (status.ok()) return OkStatus();
  const std::string text = status.ToString();
  if (status.IsNotFound()) return NotFound("{}: not found", what);
  if (status.IsCorruption()) {
    return DataLoss("{}: {}: the store is damaged; restore it from a backup", what, text);
  }
  if (status.IsNoSpace()) {
    return ResourceExhausted("{}: {}: free some disk space; writing goes on by itself then", what,
                             text);
  }
  if (status.IsIOError() && text.find("lock") != std::string::npos) {
    return FailedPrecondition("{}: another process has the store open: {}", what, text);
  }
  // Tables that MANIFEST names and the folder lacks are reported as plain I/O errors.
  if (status.IsIOError() && text.find("No such file") != std::string::npos) {
    return DataLoss("{}: {}: a file of the store is missing; restore it from a backup", what, text);
  }
  if (status.IsIOError() || status.IsIncomplete() || status.IsTryAgain()) {
    return Unavailable("{}: {}", what, text);
  }
  return Internal("{}: {}", what, text);
}

rocksdb::ColumnFamilyOptions FamilyOptions(Table table,
                                           const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = kWriteBufferBytes;
  // Floats do not compress; text does, threefold.
  options.compression =
      table == Table::kVectors ? rocksdb::kNoCompression : rocksdb::kLZ4Compression;
  options.paranoid_file_checks = true;
  rocksdb::BlockBasedTableOptions block;
  block.format_version = kTableFormat;
  block.block_cache = cache;
  block.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(block));
  return options;
}

void Database::Batch::Put(Table table, std::string_view key, std::string_view value) {
  changes_.push_back({Kind::kPut, table, std::string(key), std::string(value)});
  bytes_ += static_cast<int64_t>(key.size() + value.size() + kValueOverheadBytes);
}

void Database::Batch::Delete(Table table, std::string_view key) {
  changes_.push_back({Kind::kDelete, table, std::string(key), {}});
  bytes_ += static_cast<int64_t>(key.size());
}

void Database::Batch::DeleteRange(Table table, std::string_view begin, std::string_view end) {
  changes_.push_back({Kind::kDeleteRange, table, std::string(begin), std::string(end)});
  bytes_ += static_cast<int64_t>(begin.size() + end.size());
}

RocksDatabase::~RocksDatabase() {
  for (rocksdb::ColumnFamilyHandle* family : families_) db_->DestroyColumnFamilyHandle(family);
  const rocksdb::Status closed = db_->Close();
  closed.PermitUncheckedError();
}

StatusOr<std::string> RocksDatabase::GetAt(const rocksdb::Snapshot* snapshot, Table table,
                                           std::string_view key) const {
  rocksdb::PinnableSlice stored;
  const rocksdb::Status status =
      db_->Get(ReadOptionsAt(snapshot), Family(table), AsSlice(key), &stored);
  if (status.IsNotFound()) return NotFound("no key {}", DescribeKey(table, key));
  RETURN_IF_ERROR(FromRocks(status, "reading key " + DescribeKey(table, key)));
  std::string scratch;
  ASSIGN_OR_RETURN(const std::string_view value,
                   codec_.Decode(table, key, AsView(stored), scratch));
  return value.data() == scratch.data() ? std::move(scratch) : std::string(value);
}

Status RocksDatabase::ScanAt(const rocksdb::Snapshot* snapshot, Table table,
                             std::string_view prefix, std::string_view begin,
                             const Visit& visit) const {
  std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(ReadOptionsAt(snapshot), Family(table)));
  std::string scratch;
  for (it->Seek(AsSlice(begin < prefix ? prefix : begin)); it->Valid(); it->Next()) {
    const std::string_view key = AsView(it->key());
    if (!key.starts_with(prefix)) break;
    ASSIGN_OR_RETURN(const std::string_view value,
                     codec_.Decode(table, key, AsView(it->value()), scratch));
    ASSIGN_OR_RETURN(const bool more, visit(key, value));
    if (!more) return OkStatus();
  }
  return FromRocks(it->status(), "scanning keys " + DescribeKey(table, prefix));
}

StatusOr<std::string> RocksDatabase::Get(Table table, std::string_view key) const {
  return GetAt(nullptr, table, key);
}

Status RocksDatabase::Scan(Table table, std::string_view prefix, std::string_view begin,
                           const Visit& visit) const {
  return ScanAt(nullptr, table, prefix, begin, visit);
}

Status RocksDatabase::Commit(const Batch& batch) {
  const int64_t reserve = options_.min_free_bytes;
  RETURN_IF_ERROR(CheckRoom(batch.bytes(), batch.uses_reserve_ ? reserve / 2 : reserve));
  rocksdb::WriteBatch writes;
  std::set<uint32_t> bases;  // into which content was put
  for (const Batch::Change& change : batch.changes_) {
    RETURN_IF_ERROR(Append(change, writes));
    if (change.kind != Batch::Kind::kPut || !HoldsContent(change.table)) continue;
    ASSIGN_OR_RETURN(const uint32_t base, BaseOfKey(change.key));
    bases.insert(base);
  }
  for (const uint32_t base : bases) RETURN_IF_ERROR(AppendSealedValues(base, writes));
  rocksdb::WriteOptions write_options;
  write_options.sync = true;
  return FromRocks(db_->Write(write_options, &writes), "writing to " + options_.path);
}

std::unique_ptr<const DatabaseReader> RocksDatabase::Snapshot() const {
  return std::make_unique<SnapshotReader>(*this, *db_);
}

Status RocksDatabase::Append(const Batch::Change& change, rocksdb::WriteBatch& writes) const {
  rocksdb::ColumnFamilyHandle* family = Family(change.table);
  rocksdb::Status status;
  switch (change.kind) {
    case Batch::Kind::kPut: {
      ASSIGN_OR_RETURN(const std::string stored,
                       codec_.Encode(change.table, change.key, change.value));
      status = writes.Put(family, AsSlice(change.key), AsSlice(stored));
      break;
    }
    case Batch::Kind::kDelete:
      status = writes.Delete(family, AsSlice(change.key));
      break;
    case Batch::Kind::kDeleteRange:
      status = writes.DeleteRange(family, AsSlice(change.key), AsSlice(change.value));
      break;
  }
  return FromRocks(status, "preparing a write");
}

// Of two batches at once the later one may write the smaller number: they differ by one batch, and
// the bound is in the thousands of millions.
Status RocksDatabase::AppendSealedValues(uint32_t base, rocksdb::WriteBatch& writes) const {
  const uint64_t sealed = codec_.SealedValues(base);
  if (sealed == 0) return OkStatus();
  return Append({Batch::Kind::kPut, Table::kMeta, SealedValuesKey(base), EncodeCounter(sealed)},
                writes);
}

// A write costs its bytes in the log and once more in a table before the log goes.
Status RocksDatabase::CheckRoom(int64_t bytes, int64_t reserve) const {
  struct statvfs file_system {};
  if (statvfs(options_.path.c_str(), &file_system) != 0) {
    return ErrnoStatus("statvfs", options_.path);
  }
  const int64_t available =
      static_cast<int64_t>(file_system.f_bavail) * static_cast<int64_t>(file_system.f_frsize);
  if (available - 2 * bytes >= reserve) return OkStatus();
  return ResourceExhausted(
      "{} has {} MiB free; this write needs {} MiB above the reserve of {} MiB: free some disk "
      "space and try again",
      options_.path, available >> 20, (2 * bytes + (1 << 20) - 1) >> 20, reserve >> 20);
}

StatusOr<std::unique_ptr<Database>> Database::Open(const DatabaseOptions& options) {
  RETURN_IF_ERROR(MakeDirectories(options.path, 0700));
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(kBlockCacheBytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (int i = 0; i < kTables; ++i) {
    descriptors.emplace_back(kNames[static_cast<size_t>(i)],
                             FamilyOptions(static_cast<Table>(i), cache));
  }
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::Open(BuildOptions(options.env), options.path, descriptors, &families, &db);
  RETURN_IF_ERROR(FromRocks(status, "opening the store in " + options.path));
  return std::unique_ptr<Database>(
      new RocksDatabase(options, std::unique_ptr<rocksdb::DB>(db), std::move(families)));
}

}  // namespace hadal::retrieval
