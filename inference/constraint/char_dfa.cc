#include "inference/constraint/char_dfa.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/utf8.h"

namespace hadal::inference {
namespace {

using State = CharDfa::State;

void AddEdges(const CharSet& set, int32_t to, State& state) {
  for (const CharRange& range : set) state.edges.push_back({range.first, range.last, to});
}

void SortEdges(State& state) {
  std::sort(state.edges.begin(), state.edges.end(),
            [](const CharEdge& a, const CharEdge& b) { return a.first < b.first; });
}

/// True for each state that can be reached from one that `marked` holds, over `next`.
std::vector<bool> Spread(std::vector<bool> marked, const std::vector<std::vector<int32_t>>& next) {
  std::vector<int32_t> pending;
  for (size_t i = 0; i < marked.size(); ++i) {
    if (marked[i]) pending.push_back(static_cast<int32_t>(i));
  }
  while (!pending.empty()) {
    const auto state = static_cast<size_t>(pending.back());
    pending.pop_back();
    for (const int32_t to : next[state]) {
      if (marked[static_cast<size_t>(to)]) continue;
      marked[static_cast<size_t>(to)] = true;
      pending.push_back(to);
    }
  }
  return marked;
}

}  // namespace

CharDfa Trim(CharDfa dfa) {
  const size_t count = dfa.states.size();
  std::vector<std::vector<int32_t>> forward(count);
  std::vector<std::vector<int32_t>> backward(count);
  std::vector<bool> start(count);
  std::vector<bool> accepting(count);
  for (size_t i = 0; i < count; ++i) {
    accepting[i] = dfa.states[i].accepting;
    for (const CharEdge& edge : dfa.states[i].edges) {
      forward[i].push_back(edge.to);
      backward[static_cast<size_t>(edge.to)].push_back(static_cast<int32_t>(i));
    }
  }
  if (count > 0) start[0] = true;
  const std::vector<bool> reached = Spread(std::move(start), forward);
  const std::vector<bool> live = Spread(std::move(accepting), backward);
  if (count == 0 || !live[0]) return {};
  std::vector<int32_t> renamed(count, -1);
  int32_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    if (reached[i] && live[i]) renamed[i] = kept++;
  }
  CharDfa trimmed;
  for (size_t i = 0; i < count; ++i) {
    if (renamed[i] < 0) continue;
    State& state = trimmed.states.emplace_back();
    state.accepting = dfa.states[i].accepting;
    for (CharEdge edge : dfa.states[i].edges) {
      edge.to = renamed[static_cast<size_t>(edge.to)];
      if (edge.to >= 0) state.edges.push_back(edge);
    }
  }
  return trimmed;
}

StatusOr<CharDfa> LengthDfa(int64_t min, int64_t max, CompileBudget& budget) {
  if (max < min) return CharDfa();
  const int64_t last = max == kUnlimited ? min : max;
  RETURN_IF_ERROR(budget.SpendStates(std::min(last, CompileBudget::kMaxStates) + 1));
  CharDfa dfa;
  dfa.states.resize(static_cast<size_t>(last) + 1);
  for (int64_t i = 0; i <= last; ++i) {
    State& state = dfa.states[static_cast<size_t>(i)];
    state.accepting = i >= min;
    if (i < last) AddEdges(AnyChar(), static_cast<int32_t>(i + 1), state);
    if (i == last && max == kUnlimited) AddEdges(AnyChar(), static_cast<int32_t>(i), state);
  }
  return dfa;
}

StatusOr<CharDfa> AnyOf(const std::vector<std::string>& texts, CompileBudget& budget) {
  std::vector<std::map<char32_t, int32_t>> trie(1);
  std::vector<bool> ends(1);
  for (std::string_view text : texts) {
    int32_t node = 0;
    RETURN_IF_ERROR(budget.Spend(static_cast<int64_t>(text.size())));
    while (!text.empty()) {
      const DecodedChar next = DecodeUtf8(text);
      text.remove_prefix(next.size_bytes);
      const auto fresh = static_cast<int32_t>(trie.size());
      const auto [it, added] = trie[static_cast<size_t>(node)].emplace(next.code_point, fresh);
      node = it->second;
      if (!added) continue;
      RETURN_IF_ERROR(budget.SpendStates(1));
      trie.emplace_back();
      ends.push_back(false);
    }
    ends[static_cast<size_t>(node)] = true;
  }
  CharDfa dfa;
  for (size_t i = 0; i < trie.size(); ++i) {
    State& state = dfa.states.emplace_back();
    state.accepting = ends[i];
    for (const auto& [code_point, to] : trie[i]) {
      state.edges.push_back({code_point, code_point, to});
    }
  }
  return texts.empty() ? CharDfa() : dfa;
}

StatusOr<CharDfa> AnyTextExcept(const std::vector<std::string>& names, CompileBudget& budget) {
  ASSIGN_OR_RETURN(CharDfa dfa, AnyOf(names, budget));
  if (dfa.empty()) dfa.states.emplace_back();
  // What leaves the names' tree is none of them, whatever follows.
  const auto other = static_cast<int32_t>(dfa.states.size());
  dfa.states.emplace_back();
  for (State& state : dfa.states) {
    CharSet named;
    for (const CharEdge& edge : state.edges) named.push_back({edge.first, edge.last});
    AddEdges(Complement(MakeCharSet(std::move(named))), other, state);
    SortEdges(state);
    state.accepting = !state.accepting;
  }
  return dfa;
}

StatusOr<CharDfa> TextUntil(std::string_view end, CompileBudget& budget) {
  RETURN_IF_ERROR(budget.SpendStates(static_cast<int64_t>(end.size()) + 1));
  CharDfa dfa;
  dfa.states.resize(end.size() + 1);
  dfa.states.back().accepting = true;
  // State i: the longest beginning of `end` that the text ends with has i bytes.
  for (size_t i = 0; i < end.size(); ++i) {
    std::map<char, size_t> longest;
    for (const char next : end) {
      const std::string seen = std::string(end.substr(0, i)) + next;
      size_t length = i + 1;
      while (!std::string_view(seen).ends_with(end.substr(0, length))) --length;
      longest[next] = length;
    }
    CharSet named;
    for (const auto& [next, length] : longest) {
      const auto code_point = static_cast<char32_t>(next);
      named.push_back({code_point, code_point});
      dfa.states[i].edges.push_back({code_point, code_point, static_cast<int32_t>(length)});
    }
    AddEdges(Complement(MakeCharSet(named)), 0, dfa.states[i]);
    SortEdges(dfa.states[i]);
  }
  return dfa;
}

StatusOr<CharDfa> Intersect(const CharDfa& a, const CharDfa& b, CompileBudget& budget) {
  if (a.empty() || b.empty()) return CharDfa();
  std::map<std::pair<int32_t, int32_t>, int32_t> ids = {{{0, 0}, 0}};
  std::vector<std::pair<int32_t, int32_t>> pairs = {{0, 0}};
  CharDfa dfa;
  for (size_t i = 0; i < pairs.size(); ++i) {
    const State& left = a.states[static_cast<size_t>(pairs[i].first)];
    const State& right = b.states[static_cast<size_t>(pairs[i].second)];
    RETURN_IF_ERROR(budget.SpendStates(1));
    RETURN_IF_ERROR(budget.Spend(static_cast<int64_t>(left.edges.size() + right.edges.size())));
    State state;
    state.accepting = left.accepting && right.accepting;
    auto x = left.edges.begin();
    auto y = right.edges.begin();
    while (x != left.edges.end() && y != right.edges.end()) {
      const char32_t first = std::max(x->first, y->first);
      const char32_t last = std::min(x->last, y->last);
      if (first <= last) {
        const auto [it, added] =
            ids.emplace(std::pair(x->to, y->to), static_cast<int32_t>(pairs.size()));
        if (added) pairs.emplace_back(x->to, y->to);
        state.edges.push_back({first, last, it->second});
      }
      x->last < y->last ? ++x : ++y;
    }
    dfa.states.push_back(std::move(state));
  }
  return Trim(std::move(dfa));
}

}  // namespace hadal::inference
