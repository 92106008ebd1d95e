#include <fmt/format.h>
#include <gumbo.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "retrieval/parse/characters.h"
#include "retrieval/parse/charset.h"
#include "retrieval/parse/formats.h"
#include "retrieval/parse/html_tree.h"
#include "retrieval/parse/html_visibility.h"
#include "retrieval/parse/table_grid.h"

namespace hadal::retrieval {
namespace {

// gumbo's tree takes some 20 times the input.
constexpr size_t kMaxHtmlBytes = size_t{16} << 20;
constexpr int kMaxNesting = 2000;  // real pages stay below 100

const GumboVector* Children(const GumboNode* node) {
  if (node->type == GUMBO_NODE_DOCUMENT) return &node->v.document.children;
  if (node->type == GUMBO_NODE_ELEMENT || node->type == GUMBO_NODE_TEMPLATE) {
    return &node->v.element.children;
  }
  return nullptr;
}

bool IsText(const GumboNode* node) {
  return node->type == GUMBO_NODE_TEXT || node->type == GUMBO_NODE_WHITESPACE ||
         node->type == GUMBO_NODE_CDATA;
}

/// Depth-first walk without recursion. `enter(node)` returns whether to go below it; `leave(node)`
/// is called for each node gone below.
template <typename Enter, typename Leave>
void Walk(const GumboNode* root, Enter enter, Leave leave) {
  struct Frame {
    const GumboNode* node;
    unsigned next_child;
  };
  std::vector<Frame> stack;
  if (enter(root)) stack.push_back({root, 0});
  while (!stack.empty()) {
    Frame& frame = stack.back();
    const GumboVector* children = Children(frame.node);
    if (children == nullptr || frame.next_child >= children->length) {
      leave(frame.node);
      stack.pop_back();
      continue;
    }
    const auto* child = static_cast<const GumboNode*>(children->data[frame.next_child++]);
    if (enter(child)) stack.push_back({child, 0});
  }
}

int HeadingLevel(GumboTag tag) {
  return tag >= GUMBO_TAG_H1 && tag <= GUMBO_TAG_H6 ? tag - GUMBO_TAG_H1 + 1 : 0;
}

bool IsInline(GumboTag tag) {
  switch (tag) {
    case GUMBO_TAG_A:
    case GUMBO_TAG_ABBR:
    case GUMBO_TAG_B:
    case GUMBO_TAG_BDI:
    case GUMBO_TAG_BDO:
    case GUMBO_TAG_BIG:
    case GUMBO_TAG_CITE:
    case GUMBO_TAG_CODE:
    case GUMBO_TAG_DEL:
    case GUMBO_TAG_DFN:
    case GUMBO_TAG_EM:
    case GUMBO_TAG_FONT:
    case GUMBO_TAG_I:
    case GUMBO_TAG_IMG:
    case GUMBO_TAG_INPUT:
    case GUMBO_TAG_INS:
    case GUMBO_TAG_KBD:
    case GUMBO_TAG_LABEL:
    case GUMBO_TAG_MARK:
    case GUMBO_TAG_Q:
    case GUMBO_TAG_RUBY:
    case GUMBO_TAG_S:
    case GUMBO_TAG_SAMP:
    case GUMBO_TAG_SMALL:
    case GUMBO_TAG_SPAN:
    case GUMBO_TAG_STRIKE:
    case GUMBO_TAG_STRONG:
    case GUMBO_TAG_SUB:
    case GUMBO_TAG_SUP:
    case GUMBO_TAG_TIME:
    case GUMBO_TAG_TT:
    case GUMBO_TAG_U:
    case GUMBO_TAG_VAR:
    case GUMBO_TAG_WBR:
    case GUMBO_TAG_UNKNOWN:
      return true;
    default:
      return false;
  }
}

/// What has to be known about the page before its text is taken.
struct PageSurvey {
  std::string title;
  HtmlVisibility visibility;
  std::unordered_set<const GumboNode*> layout_tables;  ///< tables around other tables
  /// Elements around main or article, or around the first heading of a page that has neither: no
  /// frame, whatever they are called.
  std::unordered_set<const GumboNode*> around_main;
};

bool IsMain(const GumboElement& element) {
  return element.tag == GUMBO_TAG_MAIN || element.tag == GUMBO_TAG_ARTICLE ||
         Attribute(element, "role") == "main";
}

/// Adds nested nodes, innermost last; those around one that is there are there too.
void AddAll(const std::vector<const GumboNode*>& nested,
            std::unordered_set<const GumboNode*>& nodes) {
  for (auto at = nested.rbegin(); at != nested.rend() && nodes.insert(*at).second;) ++at;
}

PageSurvey Survey(const GumboNode* root) {
  PageSurvey survey;
  std::vector<const GumboNode*> tables;
  std::vector<const GumboNode*> open;  // elements gone into
  std::vector<const GumboNode*> around_heading;
  bool in_style = false;
  bool in_title = false;
  Walk(
      root,
      [&](const GumboNode* node) {
        if (IsText(node)) {
          if (in_style) survey.visibility.AddStyleSheet(node->v.text.text);
          if (in_title) survey.title += node->v.text.text;
          return false;
        }
        if (node->type == GUMBO_NODE_ELEMENT) {
          const GumboElement& element = node->v.element;
          in_style = element.tag == GUMBO_TAG_STYLE;
          in_title = element.tag == GUMBO_TAG_TITLE && survey.title.empty() &&
                     element.tag_namespace == GUMBO_NAMESPACE_HTML;
          if (IsMain(element)) {
            survey.visibility.SetHasMain();
            AddAll(open, survey.around_main);
          }
          if (element.tag == GUMBO_TAG_H1 && around_heading.empty()) around_heading = open;
          if (element.tag == GUMBO_TAG_LINK &&
              LowerAscii(Attribute(element, "rel")).find("stylesheet") != std::string::npos) {
            survey.visibility.SetHasMoreStyles();
          }
          if (element.tag == GUMBO_TAG_TABLE) {
            if (!tables.empty()) survey.layout_tables.insert(tables.back());
            tables.push_back(node);
          }
        }
        if (Children(node) == nullptr) return false;
        open.push_back(node);
        return true;
      },
      [&](const GumboNode* node) {
        open.pop_back();
        in_style = in_title = false;
        if (!tables.empty() && tables.back() == node) tables.pop_back();
      });
  if (survey.around_main.empty()) AddAll(around_heading, survey.around_main);
  return survey;
}

size_t TextSize(const GumboNode* root) {
  size_t size = 0;
  Walk(
      root,
      [&](const GumboNode* node) {
        if (node->type == GUMBO_NODE_TEXT) size += std::string_view(node->v.text.text).size();
        return Children(node) != nullptr;
      },
      [](const GumboNode*) {});
  return size;
}

/// Writes the visible text of a page into a builder.
class TextWriter {
 public:
  /// `keep_frame` takes navigation, footers and the like for content too.
  TextWriter(const PageSurvey& survey, DocumentBuilder& builder, bool keep_frame)
      : survey_(survey), builder_(builder), main_depth_(keep_frame ? 1 : 0) {}

  void Write(const GumboNode* root) {
    Walk(
        root, [this](const GumboNode* node) { return Enter(node); },
        [this](const GumboNode* node) { Leave(node); });
    Flush();
    if (hidden_bytes_ > 0) {
      builder_.Warn(fmt::format("{} bytes of hidden text were left out", hidden_bytes_));
    }
  }

 private:
  bool Enter(const GumboNode* node) {
    if (builder_.full()) return false;
    if (IsText(node)) {
      AddText(node);
      return false;
    }
    if (node->type == GUMBO_NODE_DOCUMENT) return true;
    if (node->type != GUMBO_NODE_ELEMENT) return false;
    const GumboElement& element = node->v.element;
    const HtmlVisibility::Verdict verdict =
        survey_.visibility.Judge(element, {main_depth_ > 0, survey_.around_main.contains(node)});
    if (verdict != HtmlVisibility::Verdict::kContent) {
      if (verdict == HtmlVisibility::Verdict::kHidden) hidden_bytes_ += TextSize(node);
      return false;
    }
    if (IsMain(element)) ++main_depth_;
    inks_.push_back(inks_.back());
    inks_.back().Apply(survey_.visibility.EffectOf(element));
    EnterElement(node, element);
    return true;
  }

  void AddText(const GumboNode* node) {
    const CssEffect& ink = inks_.back();
    if (node->type == GUMBO_NODE_TEXT && ink.white && !ink.paints &&
        survey_.visibility.knows_paint()) {
      hidden_bytes_ += std::string_view(node->v.text.text).size();
    } else {
      text_ += node->v.text.text;
    }
  }

  void EnterElement(const GumboNode* node, const GumboElement& element) {
    if (element.tag == GUMBO_TAG_BR || element.tag == GUMBO_TAG_HR) {
      if (table_ != nullptr || heading_ > 0 || pre_depth_ > 0) {
        text_ += '\n';
      } else {
        Flush();
      }
      return;
    }
    if (IsInline(element.tag)) return;
    if (table_ != nullptr) {
      EnterInTable(element);
      return;
    }
    Flush();
    if (element.tag == GUMBO_TAG_TABLE && !survey_.layout_tables.contains(node)) {
      table_ = node;
      grid_.Start(builder_.NextTable());
    } else if (element.tag == GUMBO_TAG_LI) {
      list_item_ = true;
    } else if (element.tag == GUMBO_TAG_PRE) {
      ++pre_depth_;
    } else if (HeadingLevel(element.tag) > 0) {
      heading_ = HeadingLevel(element.tag);
    }
  }

  void EnterInTable(const GumboElement& element) {
    if (element.tag == GUMBO_TAG_TD || element.tag == GUMBO_TAG_TH) {
      text_.clear();
      cell_.column_span = Span(element, "colspan");
      cell_.row_span = Span(element, "rowspan");
      cell_.header = element.tag == GUMBO_TAG_TH;
    } else if (element.tag == GUMBO_TAG_TR) {
      grid_.StartRow();
    } else {
      text_ += '\n';
    }
  }

  static int Span(const GumboElement& element, const char* name) {
    const int span = std::atoi(std::string(Attribute(element, name)).c_str());
    return std::clamp(span, 1, 1000);
  }

  void Leave(const GumboNode* node) {
    if (node->type != GUMBO_NODE_ELEMENT) return;
    inks_.pop_back();
    const GumboTag tag = node->v.element.tag;
    if (IsMain(node->v.element)) --main_depth_;
    if (IsInline(tag) || tag == GUMBO_TAG_BR || tag == GUMBO_TAG_HR) return;
    if (table_ == node) {
      table_ = nullptr;
      text_.clear();
      return;
    }
    if (table_ != nullptr) {
      LeaveInTable(tag);
      return;
    }
    Flush();
    if (tag == GUMBO_TAG_PRE) --pre_depth_;
    if (tag == GUMBO_TAG_LI) list_item_ = false;
    if (HeadingLevel(tag) > 0) heading_ = 0;
  }

  void LeaveInTable(GumboTag tag) {
    if (tag == GUMBO_TAG_TD || tag == GUMBO_TAG_TH) {
      cell_.text = std::exchange(text_, std::string());
      grid_.AddCell(std::exchange(cell_, TableCell{}));
    } else if (tag == GUMBO_TAG_TR) {
      grid_.EndRow(builder_);
    } else if (tag == GUMBO_TAG_CAPTION) {
      builder_.AddParagraph(std::exchange(text_, std::string()));
    } else {
      text_ += '\n';
    }
  }

  void Flush() {
    if (text_.empty()) return;
    const std::string text = std::exchange(text_, std::string());
    if (heading_ > 0) {
      builder_.AddHeading(text, heading_);
    } else if (pre_depth_ > 0) {
      for (size_t at = 0; at < text.size();) {
        const size_t end = std::min(text.find('\n', at), text.size());
        builder_.AddCodeLine(std::string_view(text).substr(at, end - at));
        at = end + 1;
      }
    } else if (list_item_) {
      builder_.AddListItem(text);
    } else {
      builder_.AddParagraph(text);
    }
  }

  const PageSurvey& survey_;
  DocumentBuilder& builder_;
  std::string text_;
  TableGrid grid_;
  TableCell cell_;
  const GumboNode* table_ = nullptr;  // the data table we are in
  int heading_ = 0;
  int pre_depth_ = 0;
  int main_depth_;
  bool list_item_ = false;
  size_t hidden_bytes_ = 0;
  std::vector<CssEffect> inks_{{}};  // of the elements gone into: colours are inherited
};

/// Tags whose end browsers imply, or that have none: they do not nest.
bool Nests(std::string_view name) {
  static const std::unordered_set<std::string_view> kFlat = {
      "p",     "li",       "td",       "th",     "tr",    "dt",   "dd",    "option",
      "br",    "hr",       "img",      "input",  "meta",  "link", "area",  "base",
      "col",   "embed",    "param",    "source", "track", "wbr",  "tbody", "thead",
      "tfoot", "colgroup", "optgroup", "rt",     "rp"};
  return !kFlat.contains(name);
}

/// Deepest nesting of the page's tags, counted without building a tree: gumbo looks through all
/// open elements at each tag, so that nesting costs time by its square.
int NestingDepth(std::string_view html) {
  int depth = 0;
  int deepest = 0;
  for (size_t at = html.find('<'); at != std::string_view::npos; at = html.find('<', at + 1)) {
    const bool closing = at + 1 < html.size() && html[at + 1] == '/';
    const size_t begin = at + (closing ? 2 : 1);
    size_t end = begin;
    std::string name;
    while (end < html.size() && std::isalnum(static_cast<unsigned char>(html[end])) &&
           name.size() < 16) {
      name.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(html[end++]))));
    }
    if (name.empty() || !Nests(name)) continue;
    depth = closing ? std::max(0, depth - 1) : depth + 1;
    deepest = std::max(deepest, depth);
  }
  return deepest;
}

/// The label of `<meta charset=…>` or its http-equiv form among the first kilobyte.
std::string DeclaredCharset(std::string_view content) {
  std::string head(content.substr(0, 1024));
  std::transform(head.begin(), head.end(), head.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  size_t at = head.find("charset=");
  if (at == std::string::npos) return {};
  at += 8;
  while (at < head.size() && (head[at] == '"' || head[at] == '\'')) ++at;
  size_t end = at;
  while (end < head.size() && (std::isalnum(static_cast<unsigned char>(head[end])) ||
                               head[end] == '-' || head[end] == '_')) {
    ++end;
  }
  return head.substr(at, std::min<size_t>(end - at, 40));
}

}  // namespace

void AppendHtml(std::string_view utf8, DocumentBuilder& builder) {
  if (NestingDepth(utf8) > kMaxNesting) {
    builder.Warn("HTML nested too deep was left out");
    return;
  }
  const std::unique_ptr<HtmlTree> tree = HtmlTree::Parse(utf8);
  const PageSurvey survey = Survey(tree->root());
  TextWriter(survey, builder, /*keep_frame=*/true).Write(tree->root());
}

ParseOutcome ParseHtml(std::string_view content) {
  if (content.size() > kMaxHtmlBytes) {
    return Rejection("too_large", fmt::format("the HTML file has {} bytes, the limit is {}",
                                              content.size(), kMaxHtmlBytes));
  }
  StatusOr<DecodedText> decoded = DecodeText(content, DeclaredCharset(content));
  if (!decoded.ok()) return Rejection("not_text", StatusMessage(decoded.status()));
  if (NestingDepth(decoded->utf8) > kMaxNesting) {
    return Rejection("too_deep", fmt::format("the page nests elements more than {} levels deep; no "
                                             "real page does",
                                             kMaxNesting));
  }
  const std::unique_ptr<HtmlTree> tree = HtmlTree::Parse(decoded->utf8);
  const PageSurvey survey = Survey(tree->root());
  DocumentBuilder builder("html");
  builder.SetEncoding(decoded->encoding, decoded->replaced_bytes);
  builder.SetTitle(survey.title);
  TextWriter(survey, builder, /*keep_frame=*/false).Write(tree->root());
  // A page whose whole text stands in what usually is the frame of a site.
  if (!builder.has_text()) TextWriter(survey, builder, /*keep_frame=*/true).Write(tree->root());
  return builder.Finish();
}

}  // namespace hadal::retrieval
