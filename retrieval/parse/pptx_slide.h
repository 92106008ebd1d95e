#pragma once

#include <cstdint>
#include <map>
#include <pugixml.hpp>
#include <string>
#include <string_view>

#include "retrieval/parse/document_builder.h"
#include "retrieval/parse/office_parts.h"

namespace hadal::retrieval {

/// Things of a presentation that are not shown and not read.
struct SlideLosses {
  int64_t hidden_shapes = 0;      ///< marked hidden, or wholly beside the slide
  int64_t hidden_characters = 0;  ///< in letters below two points
  bool too_deep = false;          ///< groups in groups beyond any real slide: the file is refused
};

/// Reads the shapes of slides into blocks, in the order of the slide's tree, which is the reading
/// order PowerPoint gives to screen readers. Not thread-safe.
class PptxSlideReader {
 public:
  /// Size of a slide in EMU, 0 for unknown.
  PptxSlideReader(int64_t width, int64_t height, DocumentBuilder& builder, SlideLosses& losses)
      : width_(width), height_(height), builder_(builder), losses_(losses) {}

  /// The title as a heading, then everything else; `page` counts slides from 1. A slide without a
  /// title takes its first short line, or "Slide N", so that what it says stands under no other
  /// slide's heading. `parts` holds the diagrams that `relations` lead to.
  Status ReadSlide(const pugi::xml_node& root, const OfficeParts::Relations& relations,
                   int32_t page, OfficeParts& parts);

  /// The speaker's notes of the slide just read.
  void ReadNotes(const pugi::xml_node& root);

 private:
  Status ReadShapes(const pugi::xml_node& tree, int depth);
  Status ReadFrame(const pugi::xml_node& frame);
  void ReadTextBody(const pugi::xml_node& body, bool placeholder);
  void ReadTable(const pugi::xml_node& table);
  bool IsBeside(const pugi::xml_node& shape) const;
  std::string TextOf(const pugi::xml_node& paragraph);
  std::string PlainText(const pugi::xml_node& body);
  void AddText(const std::string& text, bool list_item);
  void AddMissingTitle();

  const int64_t width_;
  const int64_t height_;
  DocumentBuilder& builder_;
  SlideLosses& losses_;
  const OfficeParts::Relations* relations_ = nullptr;  // of the slide at hand
  OfficeParts* parts_ = nullptr;
  int32_t page_ = 0;
  bool needs_title_ = false;
  int64_t max_title_characters_ = 0;  // of a line that may become the title; notes never do
};

}  // namespace hadal::retrieval
