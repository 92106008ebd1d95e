#include "services/answer/queries.h"

#include <re2/re2.h>

#include <algorithm>
#include <set>

#include "services/answer/evidence.h"
#include "services/answer/text.h"

namespace hadal::answer {
namespace {

/// "A和B哪个…", "A与B的…各是多少": the two things, and what is asked of both.
constexpr char kComparisonZh[] =
    R"(^(.{1,40}?)(?:和|与|跟|以及|还是)(.{1,40}?)((?:哪个|哪种|哪家|哪类|哪一|谁|相比|有什么区别|有何区别|)"
    R"(的区别|有什么不同|有何不同|的差别|分别|各是|各有|各自|各为|各需|各要|各多少).*)$)";
/// "the difference between A and B", "compare A with B", "is A or B …".
constexpr char kComparisonEn[] =
    R"((?i)^(.*?\b(?:difference between|compare|between|which is \w+,?))\s+(.{1,80}?)\s+(?:and|or|with|to)\s+(.{1,80}?)([?.]?)$)";
/// A clause that asks something by itself.
constexpr char kAsksZh[] =
    R"(多少|多久|多长|多大|多高|什么|哪|几|谁|如何|怎么|怎样|是否|有没有|能否|能不能|可否)";

const RE2& Comparison(bool chinese) {
  static const RE2* const zh = new RE2(kComparisonZh);
  static const RE2* const en = new RE2(kComparisonEn);
  return chinese ? *zh : *en;
}

/// "城区" and "乡镇的修复时限" have what stands behind 的 in common.
std::string SharedTail(const std::string& second) {
  static const std::string of = "的";
  const size_t at = second.find(of);
  return at == std::string::npos ? "" : second.substr(at);
}

std::vector<std::string> ComparedThings(const std::string& question, bool chinese) {
  std::string first, second, rest, end;
  if (chinese) {
    if (!RE2::FullMatch(question, Comparison(true), &first, &second, &rest)) return {};
    return {first + SharedTail(second) + rest, second + rest};
  }
  if (!RE2::FullMatch(question, Comparison(false), &rest, &first, &second, &end)) return {};
  return {first, second};
}

/// The clauses of a question, where at least two of them ask something.
std::vector<std::string> AskingClauses(const std::string& question) {
  static const RE2* const asks = new RE2(kAsksZh);
  std::vector<std::string> clauses;
  std::string clause;
  int32_t asking = 0;
  const auto close = [&] {
    if (clause.empty()) return;
    const bool asks_itself = RE2::PartialMatch(clause, *asks);
    // What only leads to a question stays with it: "变压器停电后，多久…".
    if (!clauses.empty() && asking == 0) {
      clauses.back() += clause;
    } else {
      clauses.push_back(clause);
    }
    asking += asks_itself ? 1 : 0;
    clause.clear();
  };
  for (const char32_t c : ToCodePoints(question)) {
    clause += ToUtf8(std::u32string(1, c));
    if (c == U'，' || c == U'；' || c == U',' || c == U';') close();
  }
  close();
  return asking >= 2 ? clauses : std::vector<std::string>();
}

}  // namespace

std::vector<std::string> SearchQueries(const std::string& question, int32_t max_queries) {
  std::vector<std::string> queries = {question};
  const auto add = [&](const std::string& query) {
    const bool known = std::find(queries.begin(), queries.end(), query) != queries.end();
    const bool room = static_cast<int32_t>(queries.size()) < max_queries;
    if (room && !known && !ParseQuestion(query).terms.empty()) queries.push_back(query);
  };
  for (const std::string& part : SplitQuestion(question, max_queries)) {
    const bool chinese = IsChinese(ToCodePoints(part));
    std::vector<std::string> things = ComparedThings(part, chinese);
    if (things.empty() && chinese) things = AskingClauses(part);
    if (things.empty()) things = {part};
    for (const std::string& thing : things) add(thing);
  }
  return queries;
}

internal::v1::SearchResponse MergeHits(const std::vector<internal::v1::SearchResponse>& found,
                                       int32_t top_k) {
  internal::v1::SearchResponse merged;
  merged.set_complete(true);
  int32_t deepest = 0;
  for (const internal::v1::SearchResponse& one : found) {
    merged.set_complete(merged.complete() && one.complete());
    merged.set_chunks_allowed(std::max(merged.chunks_allowed(), one.chunks_allowed()));
    merged.set_chunks_pending(std::max(merged.chunks_pending(), one.chunks_pending()));
    merged.set_chunks_examined(std::max(merged.chunks_examined(), one.chunks_examined()));
    deepest = std::max(deepest, one.hits_size());
  }
  const int32_t most = std::max(top_k, static_cast<int32_t>(found.size()));
  std::set<std::string> seen;
  for (int32_t rank = 0; rank < deepest; ++rank) {
    for (const internal::v1::SearchResponse& one : found) {
      if (rank >= one.hits_size() || merged.hits_size() >= most) continue;
      const internal::v1::Hit& hit = one.hits(rank);
      if (seen.insert(hit.chunk().chunk_id()).second) *merged.add_hits() = hit;
    }
  }
  return merged;
}

}  // namespace hadal::answer
