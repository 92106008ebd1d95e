#include "retrieval/chunk/parents.h"

#include <cstddef>

namespace hadal::retrieval {
namespace {

class Parents {
 public:
  Parents(const std::vector<std::vector<int32_t>>& sections, int32_t max_tokens,
          std::vector<Chunk>& chunks)
      : sections_(sections), max_tokens_(max_tokens), chunks_(chunks) {}

  /// Chunks [begin, end) share their `depth` outermost sections. As deep as headings nest.
  void Assign(size_t begin, size_t end, size_t depth) {
    int64_t tokens = 0;
    bool deeper = false;
    for (size_t i = begin; i < end; ++i) {
      tokens += chunks_[i].tokens;
      deeper = deeper || sections_[i].size() > depth;
    }
    if (tokens <= max_tokens_) {
      Join(begin, end);
    } else if (deeper) {
      for (size_t i = begin; i < end;) {
        const size_t first = i;
        while (i < end && SectionAt(i, depth) == SectionAt(first, depth)) ++i;
        Assign(first, i, depth + 1);
      }
    } else {
      Cut(begin, end);
    }
  }

 private:
  int32_t SectionAt(size_t chunk, size_t depth) const {
    return depth < sections_[chunk].size() ? sections_[chunk][depth] : 0;
  }

  /// A long section: as many chunks to a parent as fit, at least one.
  void Cut(size_t begin, size_t end) {
    size_t first = begin;
    int64_t tokens = 0;
    for (size_t i = begin; i < end; ++i) {
      if (i > first && tokens + chunks_[i].tokens > max_tokens_) {
        Join(first, i);
        first = i;
        tokens = 0;
      }
      tokens += chunks_[i].tokens;
    }
    Join(first, end);
  }

  void Join(size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      chunks_[i].section_first = static_cast<int32_t>(begin);
      chunks_[i].section_last = static_cast<int32_t>(end - 1);
    }
  }

  const std::vector<std::vector<int32_t>>& sections_;
  const int64_t max_tokens_;
  std::vector<Chunk>& chunks_;
};

}  // namespace

void AssignParents(const std::vector<std::vector<int32_t>>& sections, int32_t max_tokens,
                   std::vector<Chunk>& chunks) {
  Parents(sections, max_tokens, chunks).Assign(0, chunks.size(), 0);
}

}  // namespace hadal::retrieval
