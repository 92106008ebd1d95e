#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "retrieval/value_cipher.h"

namespace rocksdb {
class Env;
}

namespace hadal::retrieval {

/// The column families; see key_format.md.
enum class Table : uint8_t { kMeta, kDocuments, kChunks, kVectors, kFiles };
inline constexpr int kTables = 5;
/// Of the column family.
const char* TableName(Table table);

struct DatabaseOptions {
  std::string path;
  int64_t min_free_bytes = 0;           ///< Commit() refuses to go below it
  std::shared_ptr<ValueCipher> cipher;  ///< null: nothing is encrypted
  rocksdb::Env* env = nullptr;          ///< for tests that let the disk fail; null: the system's
};

/// The keys in [begin, end) of one table.
struct KeyRange {
  Table table = Table::kMeta;
  std::string begin;
  std::string end;
};

/// Checked reading. Thread-safe.
class DatabaseReader {
 public:
  virtual ~DatabaseReader() = default;

  /// NOT_FOUND when absent.
  virtual StatusOr<std::string> Get(Table table, std::string_view key) const = 0;

  /// All keys from `begin` that start with `prefix`, ascending. Stops early when `visit` returns
  /// false. The views live for the call only.
  using Visit = std::function<StatusOr<bool>(std::string_view key, std::string_view value)>;
  virtual Status Scan(Table table, std::string_view prefix, std::string_view begin,
                      const Visit& visit) const = 0;
};

/// RocksDB behind checksummed values, for this one store. Every value carries a CRC-32C over its
/// key and its bytes, checked at every read: a value that changed, or stands under another key, is
/// DATA_LOSS naming the key. What documents say is encrypted first, where its base has a key; the
/// number of values a key has sealed is written with them. Thread-safe.
class Database : public DatabaseReader {
 public:
  /// Creates the database when absent. FAILED_PRECONDITION when another process has it open;
  /// DATA_LOSS when its files are damaged.
  static StatusOr<std::unique_ptr<Database>> Open(const DatabaseOptions& options);

  /// Changes that become durable together or not at all. Thread-compatible.
  class Batch {
   public:
    void Put(Table table, std::string_view key, std::string_view value);
    void Delete(Table table, std::string_view key);
    /// Keys in [begin, end).
    void DeleteRange(Table table, std::string_view begin, std::string_view end);
    /// A change that makes room later may use half of what is kept free.
    void UseReserve() { uses_reserve_ = true; }
    int64_t bytes() const { return bytes_; }

   private:
    friend class RocksDatabase;
    enum class Kind : uint8_t { kPut, kDelete, kDeleteRange };
    struct Change {
      Kind kind;
      Table table;
      std::string key;
      std::string value;  // the end of a range for kDeleteRange
    };
    std::vector<Change> changes_;
    int64_t bytes_ = 0;
    bool uses_reserve_ = false;
  };

  /// Atomic, and on the disk (fsync) when OK. RESOURCE_EXHAUSTED when the disk has too little room,
  /// before anything is written.
  virtual Status Commit(const Batch& batch) = 0;

  /// What is committed now, unchanged by what comes later. Must go before the database does.
  virtual std::unique_ptr<const DatabaseReader> Snapshot() const = 0;

  /// RocksDB's number of the last change: what it deletes later, it deletes above it.
  virtual uint64_t LastChange() const = 0;

  /// Rewrites the files so that nothing is left in them of what was deleted in `ranges` before.
  /// Reads and writes go on beside it.
  virtual Status Purge(absl::Span<const KeyRange> ranges) = 0;

  /// What to look for in the files: entries of `ranges` from up to change `last_change` of which
  /// `counts` says so, whether or not they are marked as deleted; and `text` (empty: none) in any
  /// value.
  struct RemainsQuery {
    std::vector<KeyRange> ranges;
    uint64_t last_change = 0;
    std::function<bool(Table table, std::string_view key, std::string_view value)> counts;
    std::string text;
  };
  /// Looks into the tables and logs on the disk. Says where something is, at most one line a file;
  /// no line: it is gone.
  virtual StatusOr<std::vector<std::string>> FindRemains(const RemainsQuery& query) const = 0;

  /// A database of the same content in `folder`, which must not exist: hard links where the folder
  /// is on the same file system, copies elsewhere.
  virtual Status Checkpoint(const std::string& folder) const = 0;
};

}  // namespace hadal::retrieval
