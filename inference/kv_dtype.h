#pragma once

#include <string_view>

#include "base/status.h"
#include "inference/tensor/kv_row.h"

namespace hadal::inference {

/// "f32", "f16", "bf16", "int8".
const char* KvDtypeName(KvDtype dtype);

/// INVALID_ARGUMENT naming the types there are.
StatusOr<KvDtype> ParseKvDtype(std::string_view name);

}  // namespace hadal::inference
