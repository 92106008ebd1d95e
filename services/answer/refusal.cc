#include "services/answer/refusal.h"

namespace hadal::answer {

std::string RefusalMessage(const Question& question) {
  return question.chinese ? "在您可以查阅的文档中没有找到这个问题的答案。"
                          : "The answer was not found in the documents available to you.";
}

std::string PartialRefusalMessage(const Question& question) {
  return question.chinese ? "（问题的其余部分在文档中没有找到答案。）"
                          : "(The rest of the question was not found in the documents.)";
}

}  // namespace hadal::answer
