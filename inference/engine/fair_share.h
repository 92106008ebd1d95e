#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace hadal::inference {

/// How much of the engine each tenant has had: the virtual token counters of "Fairness in Serving
/// Large Language Models" (Sheng et al., OSDI 2024). A tenant that comes back is lifted to the
/// least of those that are active: nobody saves up a claim while away. One that left with more
/// keeps it until the others have caught up; with nobody active all is forgotten, so the map is
/// bounded by the tenants of one busy period. Thread-compatible: confined to the engine thread.
class FairShare {
 public:
  /// A generated token costs a row of a forward pass of its own, a prompt's tokens share theirs.
  static constexpr int64_t kPromptWeight = 1;
  static constexpr int64_t kGeneratedWeight = 2;

  /// One more sequence of `tenant` is in the engine.
  void Enter(const std::string& tenant);
  /// One less.
  void Leave(const std::string& tenant);

  /// `tenant`, which is active, was served that much.
  void Charge(const std::string& tenant, int64_t prompt_tokens, int64_t generated_tokens);

  /// The counter of an active tenant: who has the least is next.
  int64_t served(const std::string& tenant) const { return accounts_.at(tenant).served; }

 private:
  struct Account {
    int64_t served = 0;
    int32_t sequences = 0;  ///< in the engine; 0: not active
  };
  /// INT64_MAX when nobody is active.
  int64_t LeastActive() const;

  std::map<std::string, Account> accounts_;
};

}  // namespace hadal::inference
