#pragma once

#include <string>
#include <vector>

namespace hadal::retrieval {

struct Seed {
  std::string file_name;
  std::string content;
};

/// Small files of every format that exercise their readers; beginnings for mutation.
std::vector<Seed> MakeSeeds();

/// XML of a sheet, of a workbook's styles and of a slide.
const std::string& SheetSeed();
const std::string& WorkbookStylesSeed();
const std::string& SlideSeed();

}  // namespace hadal::retrieval
