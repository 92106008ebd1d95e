#pragma once

#include <string>
#include <vector>

#include "hadal/v1/assistant.pb.h"
#include "services/answer/source.h"
#include "services/answer/support.h"

namespace hadal::answer {

/// The answer with a mark "[n]" at the end of each supported sentence. The supporting sentences
/// join `citations` under n = 1, 2, … in the order of the answer, each quoted sentence once. A
/// quote is the source sentence exactly; start and end are its code points in the document's
/// extracted text.
std::string Cite(const std::u32string& answer, const std::vector<Attribution>& attributions,
                 const std::vector<Source>& sources, std::vector<v1::Citation>& citations);

}  // namespace hadal::answer
