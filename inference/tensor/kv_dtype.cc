#include "inference/kv_dtype.h"

namespace hadal::inference {

const char* KvDtypeName(KvDtype dtype) {
  switch (dtype) {
    case KvDtype::kF32:
      return "f32";
    case KvDtype::kF16:
      return "f16";
    case KvDtype::kBF16:
      return "bf16";
    case KvDtype::kI8:
      return "int8";
  }
  return "unknown";
}

StatusOr<KvDtype> ParseKvDtype(std::string_view name) {
  for (const KvDtype dtype : {KvDtype::kF32, KvDtype::kF16, KvDtype::kBF16, KvDtype::kI8}) {
    if (name == KvDtypeName(dtype)) return dtype;
  }
  return InvalidArgument("\"{}\" is no type of a KV cache; there are f32, f16, bf16 and int8",
                         name);
}

}  // namespace hadal::inference
