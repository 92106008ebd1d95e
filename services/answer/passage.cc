#include "services/answer/passage.h"

#include <algorithm>

namespace hadal::answer {
namespace {

/// What lies between two chunks that adjoin is white space that neither holds.
constexpr int64_t kMaxGap = 4;

void Shift(Span& span, int32_t by) {
  span.begin += by;
  span.end += by;
}

/// False where the chunk does not adjoin.
bool Prepend(const internal::v1::Hit& chunk, Passage& passage) {
  std::u32string text = ToCodePoints(chunk.chunk().text());
  const int64_t gap = passage.start - (chunk.chunk().start() + static_cast<int64_t>(text.size()));
  if (gap > kMaxGap || -gap >= static_cast<int64_t>(text.size())) return false;
  if (gap < 0) text.resize(text.size() - static_cast<size_t>(-gap));
  const auto size = static_cast<int32_t>(text.size());
  if (gap > 0) text.append(static_cast<size_t>(gap), U'\n');
  const auto moved = static_cast<int32_t>(text.size());
  passage.text.insert(0, text);
  passage.start -= moved;
  Shift(passage.own, moved);
  for (Passage::Part& part : passage.parts) Shift(part.span, moved);
  passage.parts.insert(passage.parts.begin(), Passage::Part{&chunk, {0, size}});
  return true;
}

bool Append(const internal::v1::Hit& chunk, Passage& passage) {
  const std::u32string text = ToCodePoints(chunk.chunk().text());
  const int64_t gap =
      chunk.chunk().start() - (passage.start + static_cast<int64_t>(passage.text.size()));
  if (gap > kMaxGap || -gap >= static_cast<int64_t>(text.size())) return false;
  if (gap > 0) passage.text.append(static_cast<size_t>(gap), U'\n');
  const auto begin = static_cast<int32_t>(passage.text.size());
  passage.text += text.substr(static_cast<size_t>(std::max<int64_t>(-gap, 0)));
  passage.parts.push_back({&chunk, {begin, static_cast<int32_t>(passage.text.size())}});
  return true;
}

}  // namespace

Passage PassageOf(const internal::v1::Hit& hit) {
  Passage passage;
  passage.text = ToCodePoints(hit.chunk().text());
  passage.start = hit.chunk().start();
  passage.own = {0, static_cast<int32_t>(passage.text.size())};
  passage.parts = {{&hit, passage.own}};
  return passage;
}

Passage PassageOf(const internal::v1::Hit& hit, const std::set<std::string>& taken) {
  Passage passage = PassageOf(hit);
  const auto is_taken = [&](const internal::v1::Hit& chunk) {
    return taken.contains(chunk.chunk().chunk_id());
  };
  for (auto before = hit.before().rbegin(); before != hit.before().rend(); ++before) {
    if (is_taken(*before) || !Prepend(*before, passage)) break;
  }
  for (const internal::v1::Hit& after : hit.after()) {
    if (is_taken(after) || !Append(after, passage)) break;
  }
  return passage;
}

}  // namespace hadal::answer
