#pragma once

#include <string>
#include <vector>

#include "hadal/v1/assistant.pb.h"
#include "services/answer/source.h"
#include "services/answer/support.h"

namespace hadal::answer {

struct CitedAnswer {
  std::string text;  ///< the answer with a mark "[n]" at the end of each supported sentence
  std::vector<v1::Citation> citations;  ///< n = 1, 2, …; each quoted sentence once
};

/// Numbers the supporting sentences in the order of the answer. A quote is the source sentence
/// exactly; start and end are its code points in the document's extracted text.
CitedAnswer Cite(const std::u32string& answer, const std::vector<Attribution>& attributions,
                 const std::vector<Source>& sources);

/// The citation of one sentence, under number n.
v1::Citation MakeCitation(const Source& source, int32_t sentence, int32_t n);

}  // namespace hadal::answer
