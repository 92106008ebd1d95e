#pragma once

#include <string>

#include "auth/audit/log_tail.h"
#include "base/status.h"

namespace hadal::auth {

/// Establishes the state of the log in `folder` (which the caller holds locked), making an empty
/// one where there is none: checks the keys, the checkpoint, the chain of segments and every byte
/// of the active one, rebuilds derived entries that are missing or wrong, and finds the end of what
/// was committed. Writes nothing but a new log and derived files; LogTail::Create() cuts the tail.
/// DATA_LOSS, saying which file and what to do, on damage to anything acknowledged.
StatusOr<LogTail::State> RecoverLog(const std::string& folder);

}  // namespace hadal::auth
