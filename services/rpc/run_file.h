#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/status.h"

namespace hadal::rpc {

/// DATA/run/<service>.json: where a running service listens.
struct RunFile {
  int64_t pid = 0;
  std::map<std::string, std::string> endpoints;  ///< "grpc" -> "127.0.0.1:4711"
};

Status WriteRunFile(const std::string& data_folder, const std::string& service,
                    const RunFile& content);
/// NOT_FOUND when the service never started there; DATA_LOSS when the file is damaged.
StatusOr<RunFile> ReadRunFile(const std::string& data_folder, const std::string& service);

}  // namespace hadal::rpc
