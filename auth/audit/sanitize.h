#pragma once

#include "hadal/store/v1/audit_record.pb.h"

namespace hadal::auth {

/// The record with every byte of its texts that is not UTF-8 replaced by U+FFFD: proto3 refuses to
/// read such texts back, and a peer must not be able to keep its request out of the log.
store::v1::AuditRecord WithValidText(const store::v1::AuditRecord& record);

}  // namespace hadal::auth
