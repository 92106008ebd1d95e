#include "inference/moe/router.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "inference/kernels/cpu/backend.h"

namespace hadal::inference {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// Marks the `count` largest of `values` in `chosen`, equal ones by lower index. Passes instead of a
// sort: a NaN, which no order can place, is passed over or taken first, and nothing breaks.
void ChooseLargest(absl::Span<const float> values, int32_t count, std::vector<char>* chosen) {
  chosen->assign(values.size(), 0);
  for (int32_t n = 0; n < count; ++n) {
    size_t best = values.size();
    for (size_t i = 0; i < values.size(); ++i) {
      if ((*chosen)[i] != 0) continue;
      if (best == values.size() || values[i] > values[best]) best = i;
    }
    (*chosen)[best] = 1;
  }
}

// One token's router; the vectors are scratch.
class RowRouter {
 public:
  RowRouter(const MoeConfig& moe, const float* bias)
      : moe_(moe),
        bias_(bias),
        group_size_(static_cast<size_t>(moe.num_experts / moe.num_groups)),
        scores_(static_cast<size_t>(moe.num_experts)),
        choice_(scores_.size()),
        group_scores_(static_cast<size_t>(moe.num_groups)) {}

  void Run(const float* logits, int32_t* experts, float* weights) {
    Score(logits);
    if (moe_.gate != ExpertGate::kSoftmax) MaskGroups();
    ChooseLargest(choice_, moe_.experts_per_token, &chosen_);
    size_t k = 0;
    float sum = 0;
    for (size_t e = 0; e < scores_.size(); ++e) {
      if (chosen_[e] == 0) continue;
      experts[k] = static_cast<int32_t>(e);
      weights[k++] = scores_[e];
      sum += scores_[e];
    }
    for (size_t i = 0; i < k; ++i) {
      if (moe_.normalize_weights) weights[i] /= sum + 1e-20f;
      weights[i] *= moe_.weight_scale;
    }
  }

 private:
  void Score(const float* logits) {
    const size_t count = scores_.size();
    if (moe_.gate == ExpertGate::kSigmoidGroups) {
      for (size_t e = 0; e < count; ++e) {
        scores_[e] = 1.0f / (1.0f + std::exp(-logits[e]));
        choice_[e] = scores_[e] + bias_[e];
      }
      return;
    }
    const float max = *std::max_element(logits, logits + count);
    float sum = 0;
    for (size_t e = 0; e < count; ++e) sum += scores_[e] = std::exp(logits[e] - max);
    for (size_t e = 0; e < count; ++e) choice_[e] = scores_[e] /= sum;
  }

  // V3's choices may be negative, so its mask is -inf; V2 masks with 0, which a softmax that
  // underflows reaches too.
  void MaskGroups() {
    const bool sigmoid = moe_.gate == ExpertGate::kSigmoidGroups;
    for (size_t g = 0; g < group_scores_.size(); ++g) {
      float first = kNever;
      float second = kNever;
      for (size_t e = g * group_size_; e < (g + 1) * group_size_; ++e) {
        if (choice_[e] > first) {
          second = first;
          first = choice_[e];
        } else if (choice_[e] > second) {
          second = choice_[e];
        }
      }
      group_scores_[g] = sigmoid ? first + second : first;
    }
    ChooseLargest(group_scores_, moe_.groups_per_token, &chosen_);
    for (size_t e = 0; e < choice_.size(); ++e) {
      if (chosen_[e / group_size_] == 0) choice_[e] = sigmoid ? kNever : 0.0f;
    }
  }

  const MoeConfig& moe_;
  const float* const bias_;
  const size_t group_size_;
  std::vector<float> scores_;  // what weights are made of
  std::vector<float> choice_;  // what experts are chosen by
  std::vector<float> group_scores_;
  std::vector<char> chosen_;
};

}  // namespace

void Route(const Device& device, const MoeConfig& moe, ConstMatrixView logits, const float* bias,
           Routing* out) {
  const bool sigmoid = moe.gate == ExpertGate::kSigmoidGroups;
  CHECK(moe.num_groups > 0 && moe.num_experts % moe.num_groups == 0);
  CHECK(moe.groups_per_token > 0 && moe.groups_per_token <= moe.num_groups);
  const int32_t choices = moe.gate == ExpertGate::kSoftmax
                              ? moe.num_experts
                              : moe.num_experts / moe.num_groups * moe.groups_per_token;
  CHECK(moe.experts_per_token > 0 && moe.experts_per_token <= choices &&
        logits.cols == moe.num_experts);
  CHECK((bias != nullptr) == sigmoid);
  out->top_k = moe.experts_per_token;
  out->experts.resize(static_cast<size_t>(logits.rows * moe.experts_per_token));
  out->weights.resize(out->experts.size());
  device.cpu().pool().ParallelFor(logits.rows, 32, [&](int64_t begin, int64_t end) {
    RowRouter router(moe, bias);
    for (int64_t r = begin; r < end; ++r) {
      router.Run(logits.row(r), out->experts.data() + r * moe.experts_per_token,
                 out->weights.data() + r * moe.experts_per_token);
    }
  });
}

}  // namespace hadal::inference
