#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/file.h"
#include "retrieval/index/fused_search.h"
#include "retrieval/index/sealed_segment.h"

namespace {

using namespace hadal;             // NOLINT
using namespace hadal::retrieval;  // NOLINT

constexpr int32_t kDim = 4;

const std::string& Path() {
  static const std::string* const path = [] {
    static std::unique_ptr<TempDir> folder = *TempDir::Create();
    return new std::string(folder->path() + "/segment");
  }();
  return *path;
}

void SearchAll(const SealedSegment& segment) {
  ::Roaring slots;
  slots.addRange(0, segment.size());
  const SearchPart part = {&segment, std::make_shared<const AllowedSlots>(slots, 1, segment), 0};
  IndexQuery query = {{0.5f, 0.5f, -0.5f, 0.5f}, {}};
  segment.ForEachTerm([&query](TermId id, const PostingList&) {
    if (query.terms.size() < 16) query.terms.push_back(id);
  });
  if (segment.size() > 0) SearchExactly(query, 5, {&part, 1});
}

}  // namespace

// A file of any content but with fitting checksums is refused, or searched without leaving it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  RepairChecksums(bytes);
  const UniqueFd fd(::open(Path().c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600));
  if (!WriteAll(fd.get(), bytes).ok()) std::abort();
  const auto segment = SealedSegment::Open(Path(), {kDim, "m", 1}, nullptr);
  if (segment.ok()) SearchAll(**segment);
  return 0;
}
