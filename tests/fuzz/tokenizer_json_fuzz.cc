#include <cstddef>
#include <cstdint>
#include <string>

#include "inference/tokenizer/load_tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto tokenizer = hadal::inference::ParseTokenizerJson(text, "input");
  if (!tokenizer.ok()) return 0;
  const auto ids = (*tokenizer)->Encode("Hello 世界 12\n", {true, true});
  (void)(*tokenizer)->Decode(ids, false);
  return 0;
}
