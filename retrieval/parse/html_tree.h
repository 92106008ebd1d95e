#pragma once

#include <gumbo.h>

#include <cstddef>
#include <memory>
#include <string_view>

namespace hadal::retrieval {

/// A parsed HTML page. Nodes come from an allocator of ours that can free everything in one loop:
/// gumbo's own destructor recurses once per level of nesting, and the nesting is the file's.
/// The text given to Parse() must outlive the tree. Thread-compatible.
class HtmlTree {
 public:
  static std::unique_ptr<HtmlTree> Parse(std::string_view utf8);
  ~HtmlTree();
  HtmlTree(const HtmlTree&) = delete;
  HtmlTree& operator=(const HtmlTree&) = delete;
  const GumboNode* root() const;

 private:
  struct Header {
    Header* previous;
    Header* next;
  };
  HtmlTree() = default;
  static void* Allocate(void* self, size_t size);
  static void Deallocate(void* self, void* memory);

  alignas(16) Header list_{&list_, &list_};
  GumboOutput* output_ = nullptr;
};

}  // namespace hadal::retrieval
