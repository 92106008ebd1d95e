#pragma once

#include <string>

#include "auth/audit_log.h"

namespace hadal::verify {

/// One line a fact, for people; ends with the verdict.
std::string TextReport(const auth::AuditVerification& result);

/// {"ok", "records", "root_hash", "problems": [...], "notes": [...]}, one line.
std::string JsonReport(const auth::AuditVerification& result);

}  // namespace hadal::verify
