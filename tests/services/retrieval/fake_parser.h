#pragma once

#include <string>

#include "services/parser/parser_pool.h"

namespace hadal::retrieval_service {

/// Every line of the file is a paragraph; "!reject" is refused, "!crash" ends the parser, "!broken"
/// is an error.
class FakeParser final : public parser::ParserPool {
 public:
  StatusOr<internal::v1::ParseOutcome> Parse(std::string_view file_name,
                                             std::string_view content) override {
    internal::v1::ParseOutcome outcome;
    if (content == "!broken") return Unavailable("no process could be started");
    if (content == "!reject") {
      outcome.mutable_rejection()->set_code("password_protected");
      outcome.mutable_rejection()->set_message("the file is encrypted");
      return outcome;
    }
    if (content == "!crash") {
      outcome.mutable_rejection()->set_code("parser_crashed");
      outcome.mutable_rejection()->set_message("the file made the parser end");
      return outcome;
    }
    internal::v1::ParsedDocument& document = *outcome.mutable_document();
    document.set_format("text");
    document.set_title(file_name == "titled.txt" ? "  A title\nsecond line" : "");
    document.add_warnings("a warning");
    while (!content.empty()) {
      const size_t end = std::min(content.find('\n'), content.size());
      if (end > 0) {
        internal::v1::Block& block = *document.add_blocks();
        block.set_kind(internal::v1::Block::PARAGRAPH);
        block.set_text(std::string(content.substr(0, end)));
      }
      content.remove_prefix(std::min(end + 1, content.size()));
    }
    return outcome;
  }
};

}  // namespace hadal::retrieval_service
