#include "retrieval/label_proto.h"

namespace hadal::retrieval {

Classification ClearanceFromProto(v1::Classification proto) {
  switch (proto) {
    case v1::CLASSIFICATION_PUBLIC:
      return Classification::kPublic;
    case v1::CLASSIFICATION_INTERNAL:
      return Classification::kInternal;
    case v1::CLASSIFICATION_CONFIDENTIAL:
      return Classification::kConfidential;
    case v1::CLASSIFICATION_SECRET:
      return Classification::kSecret;
    default:
      return Classification::kNone;
  }
}

StatusOr<Label> LabelFromProto(const v1::Label& proto) {
  Label label;
  label.classification = ClearanceFromProto(proto.classification());
  if (label.classification == Classification::kNone) {
    return InvalidArgument(
        "label.classification is {}; give public, internal, confidential or secret",
        static_cast<int>(proto.classification()));
  }
  label.compartments.assign(proto.compartments().begin(), proto.compartments().end());
  label.groups.assign(proto.groups().begin(), proto.groups().end());
  return label;
}

v1::Label LabelToProto(const Label& label) {
  v1::Label proto;
  proto.set_classification(static_cast<v1::Classification>(label.classification));
  proto.mutable_compartments()->Add(label.compartments.begin(), label.compartments.end());
  proto.mutable_groups()->Add(label.groups.begin(), label.groups.end());
  return proto;
}

}  // namespace hadal::retrieval
