#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "services/parser/parser_pool.h"

namespace hadal::parser {

/// Folder of the shared corpus; empty when this checkout has none beside it.
std::string SharedCorpus();

/// A JSON-lines file.
std::vector<nlohmann::json> LoadLines(const std::string& path);

/// Letters, digits and Chinese characters only, compatibility-folded and in lower case: how the
/// scorer compares texts.
std::string Fold(std::string_view text);

/// The real hadal-parser with its default limits.
std::unique_ptr<ParserPool> RealPool();

}  // namespace hadal::parser
