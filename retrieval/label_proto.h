#pragma once

#include "base/status.h"
#include "hadal/v1/label.pb.h"
#include "retrieval/access_filter.h"

namespace hadal::retrieval {

/// Between the wire's label and ours. INVALID_ARGUMENT for a classification that is unspecified or
/// unknown: a label is never guessed.
StatusOr<Label> LabelFromProto(const v1::Label& proto);
v1::Label LabelToProto(const Label& label);

/// What a peer asks for is never widened: unspecified or unknown opens nothing.
Classification ClearanceFromProto(v1::Classification proto);

}  // namespace hadal::retrieval
