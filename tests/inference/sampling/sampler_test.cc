#include "inference/sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>

#include "inference/sampling/random.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

SamplingParams Params(float temperature, int32_t top_k, float top_p, uint64_t seed = 7) {
  SamplingParams params;
  params.temperature = temperature;
  params.top_k = top_k;
  params.top_p = top_p;
  params.seed = seed;
  return params;
}

/// The rule of SamplingParams written without any short cut.
int32_t ReferenceSample(const std::vector<float>& logits, const SamplingParams& params,
                        uint64_t position) {
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)];
  });
  if (params.temperature == 0.0f) return order[0];
  if (params.top_k > 0) order.resize(std::min(order.size(), static_cast<size_t>(params.top_k)));
  const double largest = logits[static_cast<size_t>(order[0])];
  std::erase_if(order, [&](int32_t id) {
    return std::exp((logits[static_cast<size_t>(id)] - largest) / params.temperature) <
           params.min_p;
  });
  std::vector<double> weights;
  double total = 0.0;
  for (int32_t id : order) {
    weights.push_back(std::exp((logits[static_cast<size_t>(id)] - largest) / params.temperature));
    total += weights.back();
  }
  double kept = 0.0;
  size_t count = 0;
  while (count < order.size() && (count == 0 || kept < params.top_p * total)) {
    kept += weights[count++];
  }
  std::map<int32_t, double> by_id;
  for (size_t i = 0; i < count; ++i) by_id[order[i]] = weights[i];
  kept = 0.0;
  for (const auto& [id, weight] : by_id) kept += weight;
  double sum = 0.0;
  for (const auto& [id, weight] : by_id) {
    sum += weight;
    if (sum > UniformDraw(params.seed, position) * kept) return id;
  }
  return order[0];
}

std::vector<float> RandomLogits(std::mt19937& random, size_t size) {
  std::normal_distribution<float> normal(0.0f, 3.0f);
  std::vector<float> logits(size);
  for (float& value : logits) value = normal(random);
  if (size > 10) logits[size / 2] = logits[size / 3];  // a tie
  if (size > 20) logits[3] = -kInfinity;
  return logits;
}

TEST(Sampler, GreedyTakesTheLowestIdOfEquals) {
  Sampler sampler;
  EXPECT_EQ(*sampler.Sample(std::vector<float>{1, 5, 5, 2}, Params(0, 0, 1), 0), 1);
  EXPECT_EQ(*sampler.Sample(std::vector<float>{-kInfinity, -3, -kInfinity, -3}, Params(0, 0, 1), 0),
            1);
  EXPECT_EQ(*sampler.Sample(std::vector<float>{4, 5, 5, 2}, Params(2.0f, 1, 1), 0), 1);
}

TEST(Sampler, MatchesTheReferenceForEveryKindOfParameters) {
  std::mt19937 random(1);
  Sampler sampler;
  for (int round = 0; round < 2000; ++round) {
    const size_t size = round % 10 == 0 ? 5000 : 1 + random() % 300;
    const std::vector<float> logits = RandomLogits(random, size);
    const float temperatures[] = {0.0f, 0.1f, 0.7f, 1.0f, 3.0f};
    const int32_t top_ks[] = {0, 1, 3, 40, 100000};
    const float top_ps[] = {1.0f, 0.01f, 0.5f, 0.95f, 0.9999f};
    const float min_ps[] = {0.0f, 0.001f, 0.3f};
    SamplingParams params =
        Params(temperatures[random() % 5], top_ks[random() % 5], top_ps[random() % 5], random());
    params.min_p = min_ps[random() % 3];
    const uint64_t position = random();
    const auto sampled = sampler.Sample(logits, params, position);
    ASSERT_OK(sampled);
    ASSERT_EQ(*sampled, ReferenceSample(logits, params, position))
        << "round " << round << " t=" << params.temperature << " k=" << params.top_k
        << " p=" << params.top_p;
  }
}

/// A vocabulary of many blocks, and of no whole number of vectors.
std::vector<float> WideLogits(std::mt19937& random, float bulk) {
  std::normal_distribution<float> normal(0.0f, bulk);
  std::vector<float> logits(20'011);
  for (float& value : logits) value = normal(random);
  for (int i = 0; i < 30; ++i) logits[random() % logits.size()] = 8.0f + normal(random);
  for (size_t i = 512; i < 1536; ++i) logits[i] = -kInfinity;  // as a constraint leaves it
  return logits;
}

TEST(Sampler, EveryInstructionSetDrawsTheTokensOfTheReference) {
  std::mt19937 random(3);
  std::vector<Sampler> samplers;
  for (const Isa isa : AvailableIsas()) {
    samplers.emplace_back(Device(std::make_shared<ThreadPool>(1), isa));
  }
  for (int round = 0; round < 200; ++round) {
    const std::vector<float> logits = WideLogits(random, round % 2 == 0 ? 0.5f : 3.0f);
    const float temperatures[] = {0.0f, 1e-40f, 0.6f, 1.0f, 5.0f};
    const int32_t top_ks[] = {0, 2, 50, 500};
    const float top_ps[] = {1.0f, 0.3f, 0.95f, 0.999f};
    const float min_ps[] = {0.0f, 0.0f, 0.05f};
    SamplingParams params =
        Params(temperatures[random() % 5], top_ks[random() % 4], top_ps[random() % 4], random());
    params.min_p = min_ps[random() % 3];
    const int32_t expected = ReferenceSample(logits, params, 77);
    for (Sampler& sampler : samplers) {
      const auto sampled = sampler.Sample(logits, params, 77);
      ASSERT_OK(sampled);
      ASSERT_EQ(*sampled, expected) << "round " << round << " t=" << params.temperature
                                    << " k=" << params.top_k << " p=" << params.top_p;
    }
  }
}

TEST(Sampler, DrawsFollowTheProbabilities) {
  const std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.15f),
                                     std::log(0.05f)};
  Sampler sampler;
  std::map<int32_t, int> all;
  std::map<int32_t, int> nucleus;
  constexpr int kDraws = 20000;
  for (uint64_t position = 0; position < kDraws; ++position) {
    ++all[*sampler.Sample(logits, Params(1, 0, 1), position)];
    ++nucleus[*sampler.Sample(logits, Params(1, 0, 0.75f), position)];
  }
  EXPECT_NEAR(all[0], 0.5 * kDraws, 400);
  EXPECT_NEAR(all[3], 0.05 * kDraws, 200);
  EXPECT_EQ(nucleus.size(), 2u);  // 0.5 + 0.3 reaches 0.75
  EXPECT_NEAR(nucleus[0], 0.5 / 0.8 * kDraws, 400);
}

TEST(Sampler, ImpossibleTokensAreNeverDrawn) {
  const std::vector<float> logits = {-kInfinity, 0.0f, -kInfinity, 0.0f, -kInfinity};
  Sampler sampler;
  for (uint64_t position = 0; position < 1000; ++position) {
    for (const SamplingParams& params : {Params(5, 0, 1), Params(5, 4, 1), Params(5, 0, 0.99f)}) {
      EXPECT_EQ(*sampler.Sample(logits, params, position) % 2, 1);
    }
  }
}

TEST(Sampler, RefusesLogitsThatAreNotNumbers) {
  Sampler sampler;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_STATUS(sampler.Sample(std::vector<float>{1, nan, 2}, Params(0, 0, 1), 0), kInternal,
                "token 1");
  EXPECT_STATUS(sampler.Sample(std::vector<float>{1, 2, kInfinity}, Params(1, 0, 1), 0), kInternal,
                "token 2");
  std::vector<float> wide(1000, 1.0f);
  wide[999] = nan;
  EXPECT_STATUS(sampler.Sample(wide, Params(0, 0, 1), 0), kInternal, "token 999");
  EXPECT_STATUS(sampler.Sample(std::vector<float>{-kInfinity, -kInfinity}, Params(0, 0, 1), 0),
                kInternal, "-inf");
}

}  // namespace
}  // namespace hadal::inference
