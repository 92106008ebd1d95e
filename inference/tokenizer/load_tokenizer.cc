#include "inference/tokenizer/load_tokenizer.h"

#include <sys/stat.h>

#include "base/file.h"
#include "inference/weights/generation_config.h"
#include "inference/weights/gguf.h"

namespace hadal::inference {
namespace {

constexpr size_t kMaxTokenizerJsonBytes = 128 << 20;  // the largest published ones have 33 MB

}  // namespace

StatusOr<std::shared_ptr<const Tokenizer>> LoadTokenizer(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return ErrnoStatus("open tokenizer", path);
  std::string file = S_ISDIR(info.st_mode) ? path + "/tokenizer.json" : path;
  if (file.ends_with(".json")) {
    GenerationConfig generation;
    if (file != path) {
      ASSIGN_OR_RETURN(generation, ReadGenerationConfig(path));
    }
    ASSIGN_OR_RETURN(const std::string text, ReadFile(file, kMaxTokenizerJsonBytes));
    return ParseTokenizerJson(text, file, std::move(generation.end_tokens));
  }
  ASSIGN_OR_RETURN(const auto gguf, GgufFile::Open(file));
  return LoadTokenizer(*gguf);
}

}  // namespace hadal::inference
