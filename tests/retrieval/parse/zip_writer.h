#pragma once

#include <string>
#include <utility>
#include <vector>

namespace hadal::retrieval {

/// A ZIP container with these entries, in this order.
std::string MakeZip(const std::vector<std::pair<std::string, std::string>>& entries);

/// A DOCX whose body is `body_xml`, with more parts if wanted.
std::string MakeDocx(const std::string& body_xml,
                     std::vector<std::pair<std::string, std::string>> more_parts = {});

/// A workbook of one sheet, whose <worksheet> is `sheet_xml`.
std::string MakeOneSheet(const std::string& sheet_xml,
                         std::vector<std::pair<std::string, std::string>> more_parts = {});

/// A presentation of one slide, whose part is `slide_xml`.
std::string MakeOneSlide(const std::string& slide_xml,
                         std::vector<std::pair<std::string, std::string>> more_parts = {});

}  // namespace hadal::retrieval
