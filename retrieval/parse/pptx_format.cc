#include <fmt/format.h>

#include <string>

#include "retrieval/parse/formats.h"
#include "retrieval/parse/office_parts.h"
#include "retrieval/parse/pptx_slide.h"
#include "retrieval/parse/xml_part.h"

namespace hadal::retrieval {
namespace {

constexpr const char* kPresentation = "ppt/presentation.xml";

void Report(const SlideLosses& losses, int hidden_slides, DocumentBuilder& builder) {
  if (hidden_slides > 0) {
    builder.Warn(fmt::format("{} hidden slides were left out", hidden_slides));
  }
  if (losses.hidden_shapes > 0) {
    builder.Warn(fmt::format("{} shapes were left out that are hidden or lie beside the slide",
                             losses.hidden_shapes));
  }
  if (losses.hidden_characters > 0) {
    builder.Warn(
        fmt::format("{} characters too small to be read were left out", losses.hidden_characters));
  }
}

Status WriteSlides(OfficeParts& parts, DocumentBuilder& builder, SlideLosses& losses) {
  ASSIGN_OR_RETURN(const pugi::xml_node root, parts.Root(kPresentation));
  ASSIGN_OR_RETURN(const OfficeParts::Relations slides, parts.RelationsOf(kPresentation));
  ASSIGN_OR_RETURN(const std::string title, parts.Title());
  builder.SetTitle(title);
  const pugi::xml_node size = Child(root, "sldSz");
  PptxSlideReader reader(IntAttribute(size, "cx"), IntAttribute(size, "cy"), builder, losses);
  int32_t page = 0;
  int hidden_slides = 0;
  for (const pugi::xml_node& entry : Child(root, "sldIdLst").children()) {
    const auto part = slides.find(RelationId(entry));
    if (part == slides.end() || builder.full() || losses.too_deep) continue;
    ++page;
    ASSIGN_OR_RETURN(const pugi::xml_node slide, parts.Root(part->second));
    const std::string_view show = AttributeOf(slide, "show");
    if (show == "0" || show == "false") {
      ++hidden_slides;
      continue;
    }
    ASSIGN_OR_RETURN(const OfficeParts::Relations relations, parts.RelationsOf(part->second));
    RETURN_IF_ERROR(reader.ReadSlide(slide, relations, page, parts));
    for (const auto& [id, target] : relations) {
      if (!target.starts_with("ppt/notesSlides/")) continue;
      ASSIGN_OR_RETURN(const pugi::xml_node notes, parts.Root(target));
      reader.ReadNotes(notes);
    }
    parts.Drop(part->second);
  }
  builder.SetPages(page);
  Report(losses, hidden_slides, builder);
  return OkStatus();
}

}  // namespace

ParseOutcome ParsePptx(std::string_view content) {
  StatusOr<OfficeParts> parts =
      OfficeParts::Read(content, {kPresentation, kCoreProperties, "ppt/_rels/", "ppt/slides/",
                                  "ppt/notesSlides/", "ppt/diagrams/"});
  if (!parts.ok()) return RejectPart(parts.status());
  DocumentBuilder builder("pptx");
  SlideLosses losses;
  const Status status = WriteSlides(*parts, builder, losses);
  if (!status.ok()) return RejectPart(status);
  if (losses.too_deep) {
    return Rejection("too_deep", "a slide nests its groups more than 64 levels deep");
  }
  return builder.Finish("empty", "the presentation has no visible slides with text");
}

}  // namespace hadal::retrieval
