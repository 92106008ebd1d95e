#include "inference/tokenizer.h"
#include "inference/weights/checkpoint.h"
#include "inference/weights/gguf.h"
#include "tests/fuzz/model_file_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const hadal::fuzz::InputFile input(data, size);
  const auto file = hadal::inference::GgufFile::Open(input.path());
  if (!file.ok()) return 0;
  (void)hadal::inference::Checkpoint::Open(input.path());
  const auto tokenizer = hadal::inference::LoadTokenizer(**file);
  if (tokenizer.ok()) (void)(*tokenizer)->Encode("Hello 世界 12\n", {true, true});
  return 0;
}
