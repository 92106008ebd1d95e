#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "retrieval/value_cipher.h"

namespace hadal::retrieval {

/// The column families; see key_format.md.
enum class Table : uint8_t { kMeta, kDocuments, kChunks, kVectors };
inline constexpr int kTables = 4;
/// Of the column family.
const char* TableName(Table table);

struct DatabaseOptions {
  std::string path;
  int64_t min_free_bytes = 0;           ///< Commit() refuses to go below it
  std::shared_ptr<ValueCipher> cipher;  ///< null: nothing is encrypted
};

/// RocksDB behind checksummed values, for this one store. Every value carries a CRC-32C over its
/// key and its bytes, checked at every read: a value that changed, or stands under another key, is
/// DATA_LOSS naming the key. What documents say is encrypted first, where its base has a key; the
/// number of values a key has sealed is written with them. Thread-safe.
class Database {
 public:
  /// Creates the database when absent. FAILED_PRECONDITION when another process has it open;
  /// DATA_LOSS when its files are damaged.
  static StatusOr<std::unique_ptr<Database>> Open(const DatabaseOptions& options);
  virtual ~Database() = default;

  /// Changes that become durable together or not at all. Thread-compatible.
  class Batch {
   public:
    void Put(Table table, std::string_view key, std::string_view value);
    void Delete(Table table, std::string_view key);
    /// Keys in [begin, end).
    void DeleteRange(Table table, std::string_view begin, std::string_view end);
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
  };

  /// NOT_FOUND when absent.
  virtual StatusOr<std::string> Get(Table table, std::string_view key) const = 0;

  /// All keys from `begin` that start with `prefix`, ascending. Stops early when `visit` returns
  /// false. The views live for the call only.
  using Visit = std::function<StatusOr<bool>(std::string_view key, std::string_view value)>;
  virtual Status Scan(Table table, std::string_view prefix, std::string_view begin,
                      const Visit& visit) const = 0;

  /// Atomic, and on the disk (fsync) when OK. RESOURCE_EXHAUSTED when the disk has too little room,
  /// before anything is written.
  virtual Status Commit(const Batch& batch) = 0;

  /// Rewrites the table's files and drops the logs, so that nothing which was deleted or replaced
  /// in this table before the call is left in a file of the database.
  virtual Status Scrub(Table table) = 0;
};

}  // namespace hadal::retrieval
