#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "retrieval/parse/charset.h"
#include "retrieval/parse/formats.h"

namespace hadal::retrieval {
namespace {

// cmark's own structures take some 20 times the input.
constexpr size_t kMaxMarkdownBytes = size_t{16} << 20;

struct ParserDeleter {
  void operator()(cmark_parser* parser) const { cmark_parser_free(parser); }
};
struct NodeDeleter {
  void operator()(cmark_node* node) const { cmark_node_free(node); }
};
struct IterDeleter {
  void operator()(cmark_iter* iter) const { cmark_iter_free(iter); }
};

std::string_view Literal(cmark_node* node) {
  const char* literal = cmark_node_get_literal(node);
  return literal == nullptr ? std::string_view() : std::string_view(literal);
}

/// Turns the tree into blocks while cmark's iterator walks it (no recursion: nesting is the
/// file's).
class BlockWriter {
 public:
  explicit BlockWriter(DocumentBuilder& builder) : builder_(builder) {}

  void Visit(cmark_event_type event, cmark_node* node) {
    const bool entering = event == CMARK_EVENT_ENTER;
    const cmark_node_type type = cmark_node_get_type(node);
    // Types of extensions have names only.
    const std::string_view name = cmark_node_get_type_string(node);
    if (name == "table" && entering) {
      table_ = builder_.NextTable();
    } else if (name == "table_row" || name == "table_header") {
      VisitRow(entering, name == "table_header");
    } else if (name == "table_cell") {
      if (!entering) cells_.push_back(Take());
    } else if (type == CMARK_NODE_ITEM) {
      if (entering) StartItem(node);
    } else if (type == CMARK_NODE_PARAGRAPH) {
      if (!entering) EndParagraph();
    } else if (type == CMARK_NODE_HEADING) {
      if (!entering) builder_.AddHeading(Take(), cmark_node_get_heading_level(node));
    } else if (type == CMARK_NODE_CODE_BLOCK) {
      AddCode(Literal(node));
    } else if (type == CMARK_NODE_HTML_BLOCK) {
      AppendHtml(Literal(node), builder_);
    } else if (type == CMARK_NODE_TEXT || type == CMARK_NODE_CODE) {
      text_ += Literal(node);
    } else if (type == CMARK_NODE_SOFTBREAK || type == CMARK_NODE_LINEBREAK) {
      text_ += '\n';
    }
  }

 private:
  std::string Take() { return std::exchange(text_, std::string()); }

  void VisitRow(bool entering, bool header) {
    if (entering) {
      cells_.clear();
      return;
    }
    builder_.AddTableRow(cells_, table_, header);
  }

  void StartItem(cmark_node* item) {
    cmark_node* list = cmark_node_parent(item);
    marker_.clear();
    if (list != nullptr && cmark_node_get_list_type(list) == CMARK_ORDERED_LIST) {
      const auto next = next_number_.try_emplace(list, cmark_node_get_list_start(list)).first;
      marker_ = fmt::format("{}. ", next->second++);
    }
    in_item_ = true;
  }

  void EndParagraph() {
    if (in_item_) {
      builder_.AddListItem(marker_ + Take());
    } else {
      builder_.AddParagraph(Take());
    }
    in_item_ = false;
  }

  void AddCode(std::string_view code) {
    while (!code.empty()) {
      const size_t end = std::min(code.find('\n'), code.size());
      builder_.AddCodeLine(code.substr(0, end));
      code.remove_prefix(std::min(code.size(), end + 1));
    }
  }

  DocumentBuilder& builder_;
  std::string text_;
  std::string marker_;
  bool in_item_ = false;
  std::unordered_map<cmark_node*, int> next_number_;  // of each ordered list
  std::vector<std::string> cells_;
  int32_t table_ = 0;
};

/// Takes YAML front matter off the beginning of `text` and gives its title, empty without one.
std::string_view TakeFrontMatter(std::string_view& text) {
  if (!text.starts_with("---\n") && !text.starts_with("---\r\n")) return {};
  const size_t end = text.find("\n---", 3);
  if (end == std::string_view::npos) return {};
  const std::string_view matter = text.substr(0, end + 1);
  text.remove_prefix(std::min(text.size(), text.find('\n', end + 1)));
  const size_t key = matter.find("\ntitle:");
  if (key == std::string_view::npos) return {};
  std::string_view title = matter.substr(key + 7);
  title = title.substr(0, title.find_first_of("\r\n"));
  while (!title.empty() && (title.front() == ' ' || title.front() == '"')) title.remove_prefix(1);
  while (!title.empty() && (title.back() == ' ' || title.back() == '"')) title.remove_suffix(1);
  return title;
}

}  // namespace

ParseOutcome ParseMarkdown(std::string_view content) {
  if (content.size() > kMaxMarkdownBytes) {
    return Rejection("too_large", fmt::format("the Markdown file has {} bytes, the limit is {}",
                                              content.size(), kMaxMarkdownBytes));
  }
  StatusOr<DecodedText> decoded = DecodeText(content);
  if (!decoded.ok()) return Rejection("not_text", StatusMessage(decoded.status()));
  DocumentBuilder builder("markdown");
  builder.SetEncoding(decoded->encoding, decoded->replaced_bytes);
  cmark_gfm_core_extensions_ensure_registered();
  std::unique_ptr<cmark_parser, ParserDeleter> parser(cmark_parser_new(CMARK_OPT_DEFAULT));
  if (cmark_syntax_extension* tables = cmark_find_syntax_extension("table")) {
    cmark_parser_attach_syntax_extension(parser.get(), tables);
  }
  std::string_view text = decoded->utf8;
  builder.SetTitle(TakeFrontMatter(text));
  cmark_parser_feed(parser.get(), text.data(), text.size());
  std::unique_ptr<cmark_node, NodeDeleter> document(cmark_parser_finish(parser.get()));
  std::unique_ptr<cmark_iter, IterDeleter> iter(cmark_iter_new(document.get()));
  BlockWriter writer(builder);
  for (;;) {
    const cmark_event_type event = cmark_iter_next(iter.get());
    if (event == CMARK_EVENT_DONE || builder.full()) break;
    writer.Visit(event, cmark_iter_get_node(iter.get()));
  }
  return builder.Finish();
}

}  // namespace hadal::retrieval
