#include "inference/tool/model_shape.h"

#include <sys/stat.h>

#include "base/file.h"

namespace hadal::inference::tool {
namespace {
constexpr size_t kMaxConfigBytes = 1 << 20;
}  // namespace

StatusOr<ModelConfig> ReadModelShape(const std::string& path) {
  struct stat info;
  const bool folder = ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  const std::string file = folder ? path + "/config.json" : path;
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file, kMaxConfigBytes));
  return ParseHfConfig(text, file);
}

}  // namespace hadal::inference::tool
