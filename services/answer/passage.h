#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "hadal/internal/v1/retrieval.pb.h"
#include "services/answer/text.h"

namespace hadal::answer {

/// A chunk with those beside it as one text, as the document has it.
struct Passage {
  struct Part {
    const internal::v1::Hit* chunk = nullptr;
    Span span;  ///< in `text`
  };
  std::u32string text;
  int64_t start = 0;        ///< of the text in the document's extracted text, code points
  Span own;                 ///< of the hit itself in `text`
  std::vector<Part> parts;  ///< in order; they may not cover line breaks between chunks
};

/// The hit alone.
Passage PassageOf(const internal::v1::Hit& hit);
/// The hit with the neighbours it carries, from it outwards until one does not adjoin or is in
/// `taken`: chunks that are sources of their own. `hit` must outlive the passage.
Passage PassageOf(const internal::v1::Hit& hit, const std::set<std::string>& taken);

}  // namespace hadal::answer
