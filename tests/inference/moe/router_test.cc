#include "inference/moe/router.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tests/inference/kernels/random_blocks.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Routing RouteRows(const MoeConfig& options, const std::vector<float>& logits,
                  const std::vector<float>& bias = {}) {
  Routing routing;
  const int64_t rows = static_cast<int64_t>(logits.size()) / options.num_experts;
  Route(Device(std::make_shared<ThreadPool>(2)), options,
        ConstMatrixView(logits.data(), rows, options.num_experts),
        bias.empty() ? nullptr : bias.data(), &routing);
  return routing;
}

MoeConfig V3Options() {
  MoeConfig options;
  options.gate = ExpertGate::kSigmoidGroups;
  options.num_experts = 16;
  options.experts_per_token = 4;
  options.num_groups = 4;
  options.groups_per_token = 2;
  options.normalize_weights = true;
  options.weight_scale = 2.5f;
  return options;
}

/// Indices of the `count` largest, equal ones by lower index.
std::vector<size_t> Largest(const std::vector<double>& values, int32_t count) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return values[a] > values[b]; });
  order.resize(static_cast<size_t>(count));
  return order;
}

/// DeepSeek-V3's rule, written as its report says it, in double precision.
std::vector<int32_t> NaiveV3(const MoeConfig& o, const float* logits,
                             const std::vector<float>& bias, std::vector<double>* weights) {
  std::vector<double> score, choice, group_score;
  for (size_t e = 0; e < bias.size(); ++e) {
    score.push_back(1 / (1 + std::exp(-double{logits[e]})));
    choice.push_back(score[e] + double{bias[e]});
  }
  const size_t size = bias.size() / static_cast<size_t>(o.num_groups);
  for (size_t g = 0; g < static_cast<size_t>(o.num_groups); ++g) {
    std::vector<double> group(choice.begin() + static_cast<ptrdiff_t>(g * size),
                              choice.begin() + static_cast<ptrdiff_t>((g + 1) * size));
    std::sort(group.rbegin(), group.rend());
    group_score.push_back(group[0] + group[1]);
  }
  const std::vector<size_t> groups = Largest(group_score, o.groups_per_token);
  for (size_t e = 0; e < choice.size(); ++e) {
    if (std::find(groups.begin(), groups.end(), e / size) == groups.end()) choice[e] = -1e30;
  }
  std::vector<size_t> experts = Largest(choice, o.experts_per_token);
  std::sort(experts.begin(), experts.end());
  double sum = 0;
  for (const size_t e : experts) sum += score[e];
  for (const size_t e : experts) weights->push_back(score[e] / sum * double{o.weight_scale});
  return {experts.begin(), experts.end()};
}

TEST(Router, V3MatchesTheDefinitionOnRandomLogits) {
  const MoeConfig options = V3Options();
  const std::vector<float> logits = RandomFloats(200 * 16, 51);
  const std::vector<float> bias = RandomFloats(16, 52, 0.6f);  // choices become negative too
  const Routing routing = RouteRows(options, logits, bias);
  for (size_t row = 0; row < 200; ++row) {
    std::vector<double> weights;
    const std::vector<int32_t> experts = NaiveV3(options, logits.data() + row * 16, bias, &weights);
    for (size_t k = 0; k < 4; ++k) {
      ASSERT_EQ(routing.experts[row * 4 + k], experts[k]) << "row " << row;
      ASSERT_NEAR(routing.weights[row * 4 + k], weights[k], 1e-5);
    }
  }
}

TEST(Router, TheBiasChoosesAndNeverWeighs) {
  MoeConfig options = V3Options();
  options.normalize_weights = false;
  options.weight_scale = 1;
  std::vector<float> bias(16, 0.0f);
  for (const size_t e : {1u, 2u, 13u, 14u}) bias[e] = 5;
  const Routing routing = RouteRows(options, std::vector<float>(16, 0.0f), bias);
  EXPECT_EQ(routing.experts, (std::vector<int32_t>{1, 2, 13, 14}));
  EXPECT_EQ(routing.weights, std::vector<float>(4, 0.5f));
}

TEST(Router, SoftmaxWeightsAreNormalisedWhereAsked) {
  MoeConfig options;
  options.num_experts = 4;
  options.experts_per_token = 2;
  options.weight_scale = 3;
  const Routing routing =
      RouteRows(options, {std::log(1.0f), std::log(4.0f), std::log(2.0f), std::log(3.0f)});
  EXPECT_EQ(routing.experts, (std::vector<int32_t>{1, 3}));
  EXPECT_NEAR(routing.weights[0], 3 * 0.4, 1e-6);
  EXPECT_NEAR(routing.weights[1], 3 * 0.3, 1e-6);
  options.normalize_weights = true;  // Qwen2-MoE may
  const Routing normalised =
      RouteRows(options, {std::log(1.0f), std::log(4.0f), std::log(2.0f), std::log(3.0f)});
  EXPECT_NEAR(normalised.weights[0], 3 * 4.0 / 7, 1e-6);
  EXPECT_NEAR(normalised.weights[1], 3 * 3.0 / 7, 1e-6);
}

TEST(Router, SoftmaxGroupsByTheirBestExpert) {
  MoeConfig options;
  options.gate = ExpertGate::kSoftmaxGroups;
  options.num_experts = 6;
  options.experts_per_token = 2;
  options.num_groups = 3;
  options.groups_per_token = 1;
  // The second group has the best sum, the third the best expert.
  const Routing routing = RouteRows(options, {0, 0, 3, 3, 4, -4});
  EXPECT_EQ(routing.experts, (std::vector<int32_t>{4, 5}));
}

TEST(Router, EqualScoresGoToTheLowerIndex) {
  EXPECT_EQ(
      RouteRows(V3Options(), std::vector<float>(16, 1.0f), std::vector<float>(16, 0.0f)).experts,
      (std::vector<int32_t>{0, 1, 2, 3}));
  MoeConfig softmax;
  softmax.num_experts = 8;
  softmax.experts_per_token = 3;
  EXPECT_EQ(RouteRows(softmax, std::vector<float>(8, 0.0f)).experts,
            (std::vector<int32_t>{0, 1, 2}));
}

TEST(Router, NumbersThatAreNoneStayInsideTheRange) {
  const float nan = std::nanf("");
  for (const ExpertGate kind :
       {ExpertGate::kSoftmax, ExpertGate::kSoftmaxGroups, ExpertGate::kSigmoidGroups}) {
    MoeConfig options = V3Options();
    options.gate = kind;
    const std::vector<float> bias(kind == ExpertGate::kSigmoidGroups ? 16 : 0, 0.0f);
    for (const float bad : {nan, kInfinity, -kInfinity}) {
      std::vector<float> logits(32, bad);
      for (size_t i = 16; i < 32; i += 3) logits[i] = 1;
      const Routing routing = RouteRows(options, logits, bias);
      for (size_t row = 0; row < 2; ++row) {
        for (size_t k = 0; k < 4; ++k) {
          const int32_t expert = routing.experts[row * 4 + k];
          EXPECT_TRUE(expert >= 0 && expert < 16);
          EXPECT_TRUE(k == 0 || expert > routing.experts[row * 4 + k - 1]);
        }
      }
    }
  }
}

}  // namespace
}  // namespace hadal::inference
