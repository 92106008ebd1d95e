#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "hadal/v1/assistant.pb.h"
#include "services/answer/answerer.h"

namespace hadal::answer {

/// The last of the request's earlier turns, oldest first, together at most `max_tokens` of its
/// model. The very last one always stays: its answer is cut where it is too long. Fails as
/// CountTokens does.
StatusOr<std::vector<v1::Turn>> RecentTurns(const v1::AskRequest& request, int32_t max_tokens,
                                            TextGenerator& generator);

}  // namespace hadal::answer
