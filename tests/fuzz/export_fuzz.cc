#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "retrieval/store/export_stream.h"

// What is accepted to its end is written again as the same bytes.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hadal::retrieval;
  const std::string input(reinterpret_cast<const char*>(data), size);
  size_t used = 0;
  ExportReader reader([&]() -> hadal::StatusOr<std::string> {
    const std::string part = input.substr(used, 7);
    used += part.size();
    return part;
  });
  std::string written;
  ExportWriter writer([&written](std::string_view part) {
    written += part;
    return hadal::OkStatus();
  });
  while (true) {
    const auto entry = reader.Next();
    if (!entry.ok()) return 0;
    if (!*entry) break;
    if (!writer.Add((*entry)->kind, (*entry)->suffix, (*entry)->value).ok()) std::abort();
  }
  if (!writer.Finish().ok() || written != input) std::abort();
  return 0;
}
