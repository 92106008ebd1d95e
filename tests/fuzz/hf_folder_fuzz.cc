#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/check.h"
#include "inference/weights/checkpoint.h"

// A checkpoint folder. The input is its files one after the other, with a line "----" between them:
// config.json, model.safetensors.index.json (left out when empty), tokenizer_config.json (so is
// this), and the rest is model.safetensors.
namespace {

constexpr std::string_view kSeparator = "----\n";
constexpr std::array<const char*, 3> kTexts = {
    "config.json", "model.safetensors.index.json", "tokenizer_config.json"};

std::string MakeFolder() {
  std::string name = "/dev/shm/hf_folder_fuzz.XXXXXX";
  CHECK(::mkdtemp(name.data()) != nullptr);
  return name;
}

void Write(const std::string& path, std::string_view content) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  CHECK(file != nullptr);
  CHECK(std::fwrite(content.data(), 1, content.size(), file) == content.size());
  std::fclose(file);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string& folder = *new std::string(MakeFolder());
  std::string_view left(reinterpret_cast<const char*>(data), size);
  for (const char* name : kTexts) {
    const size_t end = left.find(kSeparator);
    const std::string_view text = left.substr(0, end);
    left.remove_prefix(end == std::string_view::npos ? left.size() : end + kSeparator.size());
    const std::string path = folder + "/" + name;
    if (text.empty()) {
      std::remove(path.c_str());
    } else {
      Write(path, text);
    }
  }
  Write(folder + "/model.safetensors", left);
  const auto checkpoint = hadal::inference::Checkpoint::Open(folder);
  if (!checkpoint.ok()) return 0;
  uint64_t sum = 0;
  for (const std::string& name : (*checkpoint)->names()) {
    for (const uint8_t byte : (*checkpoint)->Find(name)->data) sum += byte;
  }
  return sum == UINT64_MAX ? 1 : 0;  // reads every byte that was called inside the file
}
