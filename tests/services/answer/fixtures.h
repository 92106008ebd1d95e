#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "hadal/internal/v1/retrieval.pb.h"
#include "services/answer/answerer.h"

namespace hadal::answer {

/// Adds a hit whose text begins at code point `start` of its document.
inline internal::v1::Hit& AddHit(internal::v1::SearchResponse& hits, const std::string& document,
                                 const std::string& title, const std::string& text,
                                 int64_t start = 0, int32_t page = 1) {
  internal::v1::Hit& hit = *hits.add_hits();
  v1::SearchHit& chunk = *hit.mutable_chunk();
  chunk.set_document_id(document);
  chunk.set_chunk_id(document + "#1.0");
  chunk.set_title(title);
  chunk.set_text(text);
  chunk.set_start(start);
  chunk.set_page(page);
  hit.set_dense_score(0.88f);
  return hit;
}

/// Answers each request with the next scripted text and keeps the requests. A token is three bytes.
class ScriptedGenerator : public TextGenerator {
 public:
  explicit ScriptedGenerator(std::deque<std::string> script) : script_(std::move(script)) {}

  StatusOr<Generation> Generate(const internal::v1::GenerateRequest& request) override {
    requests.push_back(request);
    if (script_.empty()) return Unavailable("the script is over");
    Generation generation;
    generation.content = script_.front();
    script_.pop_front();
    generation.result.set_finish_reason("stop");
    generation.result.set_prompt_tokens(100);
    generation.result.set_completion_tokens(10);
    return generation;
  }
  StatusOr<std::vector<int32_t>> CountTokens(const std::string&,
                                             const std::vector<std::string>& texts) override {
    std::vector<int32_t> counts;
    for (const std::string& text : texts) counts.push_back(CountOf(text));
    return counts;
  }
  static int32_t CountOf(const std::string& text) { return static_cast<int32_t>(text.size() / 3); }

  std::vector<internal::v1::GenerateRequest> requests;

 private:
  std::deque<std::string> script_;
};

inline constexpr char kBroadband[] =
    "四、终端\n光猫由岚桥通信免费提供使用，用户销户时应归还；丢失或人为损坏的，按每台120元赔偿。\n"
    "机顶盒保修期为两年，遥控器保修期为三个月。";
inline constexpr char kLimits[] =
    "各类船舶的作业限值见下表。\n船舶类型 | 最大有义波高（米） | 核定乘员（人）\n"
    "双体运维船 | 1.5 | 12\n运维母船 | 2.5 | 60\n充气交通艇 | 0.8 | 6";
inline constexpr char kClaims[] =
    "4 Excess and no-claims bonus\nThe standard excess is EUR 350. Drivers younger than 25 pay an "
    "additional excess of EUR 250. Windscreen repair is free of excess.";

}  // namespace hadal::answer
