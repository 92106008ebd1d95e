#include "retrieval/store/rocks_logger.h"

#include <cstdio>
#include <string_view>

#include "base/log.h"

namespace hadal::retrieval {

void RocksLogger::Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) {
  if (level < rocksdb::InfoLogLevel::WARN_LEVEL) return;
  // Said as a warning whenever two of those that keep files overlap, which they may.
  if (std::string_view(format).find("File Deletions") != std::string_view::npos) return;
  char line[512];
  const int written = std::vsnprintf(line, sizeof(line), format, arguments);
  if (written <= 0) return;
  const std::string_view text(line);
  if (level == rocksdb::InfoLogLevel::WARN_LEVEL) {
    LogWarning("rocksdb: {}", text);
  } else {
    LogError("rocksdb: {}", text);
  }
}

void RocksLogger::Logv(const char* format, va_list arguments) {
  Logv(rocksdb::InfoLogLevel::WARN_LEVEL, format, arguments);
}

}  // namespace hadal::retrieval
