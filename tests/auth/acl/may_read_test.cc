#include <gtest/gtest.h>

#include <random>

#include "auth/principal.h"

namespace hadal::auth {
namespace {

// The rule as it is written, over bit sets: clearance >= classification AND compartments(document)
// within compartments(principal) AND (groups(document) empty OR meets groups(principal)).
bool BruteForce(int clearance, unsigned compartments, unsigned groups, int classification,
                unsigned label_compartments, unsigned label_groups) {
  if (clearance < 1 || clearance > 4 || classification < 1 || classification > 4) return false;
  return clearance >= classification && (label_compartments & ~compartments) == 0 &&
         (label_groups == 0 || (label_groups & groups) != 0);
}

template <typename Add>
void AddNames(unsigned bits, const char* prefix, Add add) {
  for (unsigned i = 0; i < 4; ++i) {
    if ((bits >> i & 1) != 0) add(prefix + std::to_string(i));
  }
}

TEST(MayRead, AgreesWithTheBruteForceEvaluator) {
  const auto seed = std::random_device{}();
  RecordProperty("seed", static_cast<int>(seed));
  std::mt19937 random(seed);
  int allowed = 0;
  for (int i = 0; i < 200'000; ++i) {
    const int clearance = static_cast<int>(random() % 7) - 1;  // also values no enum has
    const int classification = static_cast<int>(random() % 7) - 1;
    const unsigned have_c = random() & 15, have_g = random() & 15;
    const unsigned need_c = random() & random() & 15, need_g = random() & random() & 15;
    Principal principal;
    principal.clearance = static_cast<v1::Classification>(clearance);
    AddNames(have_c, "c", [&](std::string name) { principal.compartments.push_back(name); });
    AddNames(have_g, "g", [&](std::string name) { principal.groups.push_back(name); });
    v1::Label label;
    label.set_classification(static_cast<v1::Classification>(classification));
    AddNames(need_c, "c", [&](std::string name) { label.add_compartments(name); });
    AddNames(need_g, "g", [&](std::string name) { label.add_groups(name); });
    const bool expected = BruteForce(clearance, have_c, have_g, classification, need_c, need_g);
    ASSERT_EQ(MayRead(principal, label), expected) << "seed " << seed << " case " << i;
    allowed += expected ? 1 : 0;
  }
  EXPECT_GT(allowed, 10'000);
}

TEST(MayRead, NothingIsReadableByDefault) {
  v1::Label open;
  open.set_classification(v1::CLASSIFICATION_PUBLIC);
  EXPECT_FALSE(MayRead(Principal{}, open));
  Principal cleared;
  cleared.clearance = v1::CLASSIFICATION_SECRET;
  EXPECT_TRUE(MayRead(cleared, open));
  EXPECT_FALSE(MayRead(cleared, v1::Label{}));
}

}  // namespace
}  // namespace hadal::auth
