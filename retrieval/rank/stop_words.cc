#include "retrieval/rank/stop_words.h"

#include <algorithm>
#include <iterator>

namespace hadal::retrieval {
namespace {

// Longest first, so that 为什么 goes before 什么. Only words that ask or join; nothing that could
// name a thing in a document.
constexpr std::u32string_view kPhrases[] = {
    U"有没有", U"是不是", U"能不能", U"会不会", U"可不可以", U"为什么", U"多少次", U"什么样",
    U"怎么样", U"哪一个", U"哪几个", U"请问",   U"请说",     U"告诉我", U"什么",   U"哪些",
    U"哪个",   U"哪种",   U"哪里",   U"哪儿",   U"哪位",     U"哪家",   U"哪年",   U"哪天",
    U"哪月",   U"多少",   U"多久",   U"多长",   U"多大",     U"多高",   U"几个",   U"几次",
    U"几天",   U"几年",   U"几种",   U"如何",   U"怎么",     U"怎样",   U"为何",   U"何时",
    U"何地",   U"是否",   U"能否",   U"可否",   U"谁",       U"吗",     U"呢",     U"么",
    U"的",     U"了",     U"是",     U"在",     U"和",       U"与",     U"或",     U"及",
    U"就",     U"都",     U"也",     U"被",     U"把",       U"对于",   U"关于",   U"哪",
    U"几",     U"其",     U"之",     U"吧",     U"啊"};

// Sorted: looked up by binary search.
constexpr std::u32string_view kWords[] = {
    U"a",     U"about", U"all",   U"an",     U"and",   U"any",   U"are",   U"as",   U"at",
    U"be",    U"been",  U"by",    U"can",    U"could", U"did",   U"do",    U"doe",  U"for",
    U"from",  U"had",   U"has",   U"have",   U"he",    U"her",   U"his",   U"how",  U"i",
    U"if",    U"in",    U"into",  U"is",     U"it",    U"its",   U"long",  U"many", U"may",
    U"me",    U"much",  U"must",  U"my",     U"no",    U"not",   U"of",    U"on",   U"or",
    U"our",   U"shall", U"she",   U"should", U"so",    U"tell",  U"than",  U"that", U"the",
    U"their", U"them",  U"there", U"these",  U"they",  U"this",  U"those", U"to",   U"us",
    U"was",   U"we",    U"were",  U"what",   U"when",  U"where", U"which", U"who",  U"whom",
    U"whose", U"why",   U"will",  U"with",   U"would", U"you",   U"your"};

}  // namespace

std::u32string BlankStopPhrases(std::u32string folded) {
  for (size_t i = 0; i < folded.size();) {
    size_t length = 0;
    for (const std::u32string_view phrase : kPhrases) {
      if (phrase.size() > length && std::u32string_view(folded).substr(i).starts_with(phrase)) {
        length = phrase.size();
      }
    }
    std::fill_n(folded.begin() + static_cast<std::ptrdiff_t>(i), length, U' ');
    i += std::max<size_t>(length, 1);
  }
  return folded;
}

bool IsStopWord(std::u32string_view folded_word) {
  return std::binary_search(std::begin(kWords), std::end(kWords), folded_word);
}

}  // namespace hadal::retrieval
