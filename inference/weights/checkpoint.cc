#include "inference/weights/checkpoint.h"

#include <fmt/ranges.h>
#include <sys/stat.h>

#include "inference/weights/gguf_checkpoint.h"
#include "inference/weights/hf_checkpoint.h"

namespace hadal::inference {

StatusOr<std::unique_ptr<Checkpoint>> Checkpoint::Open(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return ErrnoStatus("open model", path);
  return S_ISDIR(info.st_mode) ? HfCheckpoint::Open(path) : GgufCheckpoint::Open(path);
}

StatusOr<std::string> ReadChatTemplate(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return ErrnoStatus("open model", path);
  if (S_ISDIR(info.st_mode)) return ReadFolderChatTemplate(path);
  ASSIGN_OR_RETURN(const auto file, GgufFile::Open(path));
  return ReadGgufChatTemplate(*file);
}

StatusOr<Weight> Checkpoint::Get(std::string_view name, const std::vector<int64_t>& shape) const {
  const Weight* weight = Find(name);
  if (weight == nullptr) {
    return NotFound("{}: tensor {} is missing; the model is incomplete, copy it again", path(),
                    name);
  }
  if (weight->shape != shape) {
    return InvalidArgument("{}: tensor {} has shape [{}], expected [{}] from the configuration",
                           path(), name, fmt::join(weight->shape, ", "), fmt::join(shape, ", "));
  }
  return *weight;
}

}  // namespace hadal::inference
