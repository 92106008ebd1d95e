#pragma once

#include <rocksdb/env.h>

#include <cstdarg>

namespace hadal::retrieval {

/// RocksDB's messages from warnings upwards, into the process log. With RocksDB's own info
/// log, 7.8.3 aborts the process when that log meets a full disk. Thread-safe.
class RocksLogger final : public rocksdb::Logger {
 public:
  RocksLogger() : rocksdb::Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}
  using rocksdb::Logger::Logv;
  void Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) override;
  void Logv(const char* format, va_list arguments) override;
  void LogHeader(const char*, va_list) override {}
};

}  // namespace hadal::retrieval
