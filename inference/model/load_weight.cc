#include "inference/model/load_weight.h"

namespace hadal::inference {

StatusOr<ElementType> ToElementType(GgmlType type) {
  switch (type) {
    case GgmlType::kF32: return ElementType::kF32;
    case GgmlType::kF16: return ElementType::kF16;
    case GgmlType::kBF16: return ElementType::kBF16;
    case GgmlType::kF8E4M3: return ElementType::kF8E4M3;
    case GgmlType::kQ8_0: return ElementType::kQ8_0;
    case GgmlType::kQ4_0: return ElementType::kQ4_0;
    case GgmlType::kQ4_1: return ElementType::kQ4_1;
    case GgmlType::kQ5_0: return ElementType::kQ5_0;
    case GgmlType::kQ5_1: return ElementType::kQ5_1;
    case GgmlType::kQ4_K: return ElementType::kQ4_K;
    case GgmlType::kQ5_K: return ElementType::kQ5_K;
    case GgmlType::kQ6_K: return ElementType::kQ6_K;
    default: break;
  }
  return Unimplemented("weights of type {} ({}): convert the model to F32, F16, BF16, Q8_0, Q4_0, "
                       "Q4_1, Q5_0, Q5_1, Q4_K, Q5_K or Q6_K",
                       TraitsOf(type).name, static_cast<uint32_t>(type));
}

StatusOr<WeightPart> ReadPart(const Checkpoint& checkpoint, const ShardPlan& plan,
                              const std::string& name, int64_t rows, int64_t cols,
                              PackPrecision precision) {
  ASSIGN_OR_RETURN(const Weight weight, checkpoint.Get(name, {rows, cols}));
  auto type = ToElementType(weight.type);
  if (!type.ok()) return Annotate(type.status(), name);
  auto part = CutWeight(weight, *type, plan.PartOf(name, rows, cols), precision);
  if (!part.ok()) return Annotate(part.status(), name);
  return part;
}

StatusOr<PackedMatrix> LoadMatrix(const Checkpoint& checkpoint, const ShardPlan& plan,
                                  const std::string& name, int64_t rows, int64_t cols,
                                  PackPrecision precision, const Device& device) {
  // Packing widens group by group what kFloat32 wants; here only a cut may need it.
  ASSIGN_OR_RETURN(const WeightPart part,
                   ReadPart(checkpoint, plan, name, rows, cols, PackPrecision::kStored));
  auto matrix = PackedMatrix::Pack(part.type, part.rows, part.cols, part.data, precision, device,
                                   part.scales);
  if (!matrix.ok()) return Annotate(matrix.status(), name);
  checkpoint.Forget(*checkpoint.Find(name));
  return matrix;
}

StatusOr<std::vector<float>> LoadVector(const Checkpoint& checkpoint, const ShardPlan& plan,
                                        const std::string& name, int64_t size) {
  ASSIGN_OR_RETURN(const Weight weight, checkpoint.Get(name, {size}));
  auto type = ToElementType(weight.type);
  if (!type.ok()) return Annotate(type.status(), name);
  const ElementTraits traits = TraitsOf(*type);
  if (*type == ElementType::kF8E4M3) {  // its scales belong to blocks of a matrix
    return InvalidArgument("{}: a vector is not stored as {}", name, traits.name);
  }
  if (size % traits.block_values != 0 ||
      static_cast<int64_t>(weight.data.size()) != size / traits.block_values * traits.block_bytes) {
    return InvalidArgument("{}: {} {} values in {} bytes do not fit", name, size, traits.name,
                           weight.data.size());
  }
  std::vector<float> values(static_cast<size_t>(size));
  DequantizeRow(*type, weight.data.data(), size, values.data());
  const ShardRange part = plan.PartOf(name, size, 1).rows;
  return std::vector<float>(values.begin() + part.begin, values.begin() + part.end);
}

StatusOr<DeviceBuffer> LoadVector(const Checkpoint& checkpoint, const ShardPlan& plan,
                                  const std::string& name, int64_t size, const Device& device) {
  ASSIGN_OR_RETURN(std::vector<float> values, LoadVector(checkpoint, plan, name, size));
  return DeviceBuffer(device, std::move(values));
}

}  // namespace hadal::inference
