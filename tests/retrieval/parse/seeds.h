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

}  // namespace hadal::retrieval
