#pragma once

#include <gtest/gtest.h>

#include <string>

#include "hadal/internal/v1/parse.pb.h"

namespace hadal::retrieval {

/// One line a block: "H1 Title", "P text", "L item", "T cell | cell", "C code"; a header row is
/// "TH". A rejection is "! code".
inline std::string Shown(const internal::v1::ParseOutcome& outcome) {
  using internal::v1::Block;
  if (outcome.has_rejection()) return "! " + outcome.rejection().code();
  std::string shown;
  for (const Block& block : outcome.document().blocks()) {
    switch (block.kind()) {
      case Block::HEADING:
        shown += "H" + std::to_string(block.heading_level()) + " ";
        break;
      case Block::LIST_ITEM:
        shown += "L ";
        break;
      case Block::TABLE_ROW:
        shown += block.table_header() ? "TH " : "T ";
        break;
      case Block::CODE:
        shown += "C ";
        break;
      default:
        shown += "P ";
    }
    shown += block.text() + "\n";
  }
  return shown;
}

}  // namespace hadal::retrieval
