#include "retrieval/parse/html_tree.h"

#include <cstdlib>

namespace hadal::retrieval {

void* HtmlTree::Allocate(void* self, size_t size) {
  static_assert(sizeof(Header) % alignof(std::max_align_t) == 0);
  auto* header = static_cast<Header*>(std::malloc(sizeof(Header) + size));
  // gumbo checks no allocation: end here, where the cause can be told from other crashes.
  if (header == nullptr) std::abort();
  Header& list = static_cast<HtmlTree*>(self)->list_;
  header->previous = list.previous;
  header->next = &list;
  list.previous->next = header;
  list.previous = header;
  return header + 1;
}

void HtmlTree::Deallocate(void* /*self*/, void* memory) {
  if (memory == nullptr) return;
  Header* header = static_cast<Header*>(memory) - 1;
  header->previous->next = header->next;
  header->next->previous = header->previous;
  std::free(header);
}

std::unique_ptr<HtmlTree> HtmlTree::Parse(std::string_view utf8) {
  std::unique_ptr<HtmlTree> tree(new HtmlTree);
  GumboOptions options = kGumboDefaultOptions;
  options.allocator = &Allocate;
  options.deallocator = &Deallocate;
  options.userdata = tree.get();
  options.max_errors = 0;
  tree->output_ = gumbo_parse_with_options(&options, utf8.data(), utf8.size());
  return tree;
}

HtmlTree::~HtmlTree() {
  for (Header* header = list_.next; header != &list_;) {
    Header* next = header->next;
    std::free(header);
    header = next;
  }
}

const GumboNode* HtmlTree::root() const { return output_->document; }

}  // namespace hadal::retrieval
