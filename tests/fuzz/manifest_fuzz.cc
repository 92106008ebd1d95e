#include "services/model_store/manifest.h"

#include <cstdint>
#include <cstdlib>

// What is accepted is written again as the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using hadal::model_store::FormatManifest;
  using hadal::model_store::ParseManifest;
  const auto manifest = ParseManifest({reinterpret_cast<const char*>(data), size});
  if (!manifest.ok()) return 0;
  const std::string text = FormatManifest(*manifest);
  const auto again = ParseManifest(text);
  if (!again.ok() || FormatManifest(*again) != text) std::abort();
  return 0;
}
